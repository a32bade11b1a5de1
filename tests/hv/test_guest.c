/* SPDX-License-Identifier: MIT */
/* The public API on the fake hypervisor. */
#include "support.h"

#include "noxs/abi/noxs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct chaos *chaos;
static struct chaos_error err;

#define NOXS "type=\"pvh\"\nkernel=\"%s/noxs\"\nmemory=4\n"

static int setup(void **state)
{
    if (support_setup(state) < 0)
        return -1;
    support_write_elf("noxs", &(struct support_elf){ .noxs = true });
    support_write_elf("plain", &(struct support_elf){ 0 });
    chaos = support_open();
    return 0;
}

static int teardown(void **state)
{
    chaos_close(chaos);
    return support_teardown(state);
}

static int create(const char *text, uint32_t *domid_r)
{
    struct chaos_config *config = support_config(chaos, text);
    int rc = chaos_guest_create(chaos, config, 0, domid_r, &err);

    chaos_config_free(config);
    return rc;
}

static void test_create_to_destroy(void **state)
{
    struct chaos_guest_info info;
    uint32_t domid, found;

    (void)state;
    assert_int_equal(create("name=\"a\"\nvcpus=2\n" NOXS, &domid), 0);
    assert_int_equal(chaos_guest_find(chaos, "a", &found, &err), 0);
    assert_int_equal(found, domid);
    assert_int_equal(chaos_guest_info(chaos, domid, &info, &err), 0);
    assert_string_equal(info.name, "a");
    assert_int_equal(info.memory_kb, 4096);
    assert_int_equal(info.vcpus, 2);
    assert_int_equal(info.type, CHAOS_GUEST_PVH);
    assert_true(info.is_chaos && info.is_noxs && info.blocked);
    assert_false(info.paused || info.ended);
    assert_true(info.created_s > 0);
    assert_memory_equal(info.uuid, "chaos", 5);
    assert_int_equal(chaos_guest_pause(chaos, domid, &err), 0);
    assert_int_equal(chaos_guest_info(chaos, domid, &info, &err), 0);
    assert_true(info.paused);
    assert_int_equal(chaos_guest_unpause(chaos, domid, &err), 0);
    assert_int_equal(chaos_guest_destroy(chaos, domid, &err), 0);
    assert_int_equal(chaos_guest_find(chaos, "a", &found, &err),
                     CHAOS_ENOGUEST);
    support_assert_clean();
}

static void test_domid_finds_too(void **state)
{
    char number[16];
    uint32_t domid, found;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    snprintf(number, sizeof(number), "%u", domid);
    assert_int_equal(chaos_guest_find(chaos, number, &found, &err), 0);
    assert_int_equal(found, domid);
    assert_int_equal(chaos_guest_find(chaos, "Domain-0", &found, &err), 0);
    assert_int_equal(found, 0);
    assert_int_equal(chaos_guest_find(chaos, "99999999999", &found, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos_guest_find(chaos, "", &found, &err), CHAOS_ENOGUEST);
}

static void test_paused(void **state)
{
    struct chaos_config *config = support_config(chaos, "name=\"a\"\n" NOXS);
    struct chaos_guest_info info;
    uint32_t domid;

    (void)state;
    assert_int_equal(
        chaos_guest_create(chaos, config, CHAOS_CREATE_PAUSED, &domid, &err),
        0);
    assert_int_equal(chaos_guest_info(chaos, domid, &info, &err), 0);
    assert_true(info.paused);
    chaos_config_free(config);
}

static void test_name_taken(void **state)
{
    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, NULL), 0);
    assert_int_equal(create("name=\"a\"\n" NOXS, NULL), CHAOS_EEXIST);
    assert_non_null(strstr(err.message, "a: the name is taken"));
    assert_int_equal(fake_hv_domains(), 1);
}

static void test_uuid_taken(void **state)
{
    static const char uuid[] =
        "uuid=\"00112233-4455-6677-8899-aabbccddeeff\"\n" NOXS;
    static const uint8_t handle[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
                                      0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
                                      0xcc, 0xdd, 0xee, 0xff };
    char text[256];
    uint32_t domid;

    (void)state;
    snprintf(text, sizeof(text), "name=\"a\"\n%s", uuid);
    domid = fake_hv_add_foreign("other", handle);
    assert_int_equal(create(text, NULL), CHAOS_EEXIST);
    fake_hv_remove(domid);
    assert_int_equal(create(text, &domid), 0);
    text[6] = 'b';
    assert_int_equal(create(text, NULL), CHAOS_EEXIST);
    assert_int_equal(chaos_guest_destroy(chaos, domid, &err), 0);
    support_assert_clean();
}

static void test_ended_guest_frees_its_name(void **state)
{
    uint32_t domid;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    fake_hv_shut_down(domid, CHAOS_END_POWEROFF);
    assert_int_equal(create("name=\"a\"\n" NOXS, NULL), 0);
    assert_int_equal(fake_hv_domains(), 1);
}

static void settle_all(void)
{
    struct chaos_guest_info *list;
    size_t count;

    assert_int_equal(chaos_guest_list(chaos, &list, &count, &err), 0);
    free(list);
}

static void check_action(const char *key, unsigned reason)
{
    static const char *const actions[] = { "destroy", "preserve", "restart" };
    uint32_t domid, after;
    char text[256];
    size_t i;

    for (i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "name=\"a\"\n%s=\"%s\"\n" NOXS, key,
                 actions[i], "%s");
        assert_int_equal(create(text, &domid), 0);
        fake_hv_shut_down(domid, reason);
        settle_all();
        if (i == 0) {
            assert_int_equal(chaos_guest_find(chaos, "a", &after, &err),
                             CHAOS_ENOGUEST);
            support_assert_clean();
            continue;
        }
        assert_int_equal(chaos_guest_find(chaos, "a", &after, &err), 0);
        assert_true(i == 1 ? after == domid : after != domid);
        assert_int_equal(chaos_guest_destroy(chaos, after, &err), 0);
        support_assert_clean();
    }
}

static void test_actions(void **state)
{
    (void)state;
    check_action("on_poweroff", CHAOS_END_POWEROFF);
    check_action("on_reboot", CHAOS_END_REBOOT);
    check_action("on_crash", CHAOS_END_CRASH);
}

static void test_restart_keeps_the_new_name(void **state)
{
    uint32_t domid, after;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    assert_int_equal(chaos_guest_rename(chaos, domid, "b", &err), 0);
    fake_hv_shut_down(domid, CHAOS_END_REBOOT);
    settle_all();
    assert_int_equal(chaos_guest_find(chaos, "b", &after, &err), 0);
    assert_int_not_equal(after, domid);
}

/* The files have gone: the guest that ended is kept, and said. */
static void test_restart_without_files(void **state)
{
    uint32_t domid, after;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    fake_hv_shut_down(domid, CHAOS_END_REBOOT);
    assert_int_equal(unlink(support_path("noxs")), 0);
    settle_all();
    assert_int_equal(chaos_guest_find(chaos, "a", &after, &err), 0);
    assert_int_equal(after, domid);
}

/* A relative path means the directory of the create. */
static void test_restart_elsewhere(void **state)
{
    uint32_t domid, after;

    (void)state;
    assert_int_equal(chdir(support_dir), 0);
    assert_int_equal(
        create("name=\"a\"\ntype=\"pvh\"\nkernel=\"noxs\"\n", &domid), 0);
    assert_int_equal(chdir("/"), 0);
    fake_hv_shut_down(domid, CHAOS_END_REBOOT);
    settle_all();
    assert_int_equal(chaos_guest_find(chaos, "a", &after, &err), 0);
    assert_int_not_equal(after, domid);
}

static void test_rename(void **state)
{
    uint32_t a, b, found;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &a), 0);
    assert_int_equal(create("name=\"b\"\n" NOXS, &b), 0);
    assert_int_equal(chaos_guest_rename(chaos, a, "b", &err), CHAOS_EEXIST);
    assert_int_equal(chaos_guest_rename(chaos, a, "c", &err), 0);
    assert_int_equal(chaos_guest_rename(chaos, a, "c", &err), 0);
    assert_int_equal(chaos_guest_find(chaos, "c", &found, &err), 0);
    assert_int_equal(found, a);
    assert_int_equal(chaos_guest_find(chaos, "a", &found, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos_guest_rename(chaos, a, "1", &err), CHAOS_EINVAL);
    assert_int_equal(chaos_guest_rename(chaos, a, "", &err), CHAOS_EINVAL);
}

static void test_foreign_domains(void **state)
{
    static const uint8_t handle[16] = { 1 };
    uint32_t domid = fake_hv_add_foreign("xl-guest", handle);
    struct chaos_guest_info *list, info;
    size_t count;

    (void)state;
    assert_int_equal(chaos_guest_info(chaos, domid, &info, &err), 0);
    assert_string_equal(info.name, "xl-guest");
    assert_false(info.is_chaos);
    assert_int_equal(chaos_guest_destroy(chaos, domid, &err), CHAOS_ENOTSUP);
    assert_true(fake_hv_exists(domid));
    assert_int_equal(chaos_guest_list(chaos, &list, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "Domain-0");
    free(list);
}

/* Another toolstack destroyed our guest, and its domid is another's now. */
static void test_stale_slot(void **state)
{
    static const uint8_t handle[16] = { 1 };
    uint32_t domid, found, other = 0;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    fake_hv_remove(domid);
    while (other != domid) {
        if (other)
            fake_hv_remove(other);
        other = fake_hv_add_foreign("other", handle);
    }
    assert_int_equal(chaos_guest_find(chaos, "a", &found, &err),
                     CHAOS_ENOGUEST);
    assert_true(fake_hv_exists(other));
    fake_hv_remove(other);
    support_assert_clean();
}

/* Xen gave the domid of a guest that vanished to another guest of ours: the
 * old name must not lead there. */
static void test_domid_is_another_guests_now(void **state)
{
    uint32_t gone, other = 0, found;
    char text[128];
    unsigned i;

    (void)state;
    assert_int_equal(create("name=\"gone\"\n" NOXS, &gone), 0);
    fake_hv_remove(gone);
    for (i = 0; other != gone; i++) {
        if (other)
            fake_hv_remove(other);
        snprintf(text, sizeof(text), "name=\"other%u\"\n" NOXS, i, "%s");
        assert_int_equal(create(text, &other), 0);
    }
    assert_int_equal(chaos_guest_find(chaos, "gone", &found, &err),
                     CHAOS_ENOGUEST);
    assert_true(fake_hv_exists(other));
    assert_int_equal(create("name=\"gone\"\n" NOXS, NULL), 0);
}

static void test_foreign_domain_has_its_domid(void **state)
{
    static const uint8_t handle[16] = { 1 };
    uint32_t domid, other = 0;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    fake_hv_remove(domid);
    while (other != domid) {
        if (other)
            fake_hv_remove(other);
        other = fake_hv_add_foreign("other", handle);
    }
    settle_all();
    fake_hv_remove(other);
    support_assert_clean();
}

static void test_ended_guest_frees_its_uuid(void **state)
{
    static const char text[] =
        "name=\"a\"\nuuid=\"00112233-4455-6677-8899-aabbccddeeff\"\n" NOXS;
    uint32_t domid;

    (void)state;
    assert_int_equal(create(text, &domid), 0);
    fake_hv_shut_down(domid, CHAOS_END_POWEROFF);
    assert_int_equal(create(text, NULL), 0);
    assert_int_equal(fake_hv_domains(), 1);
}

static void test_gone_guests_are_forgotten(void **state)
{
    uint32_t domid;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    fake_hv_remove(domid);
    settle_all();
    support_assert_clean();
}

static void test_shutdown_request(void **state)
{
    struct noxs_control control;
    uint32_t domid;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    assert_int_equal(
        chaos_guest_shutdown(chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    fake_hv_read(domid, (4096 / 4 - 3) * 4096, &control, sizeof(control));
    assert_int_equal(control.request, NOXS_REQUEST_POWEROFF);
    assert_int_equal(control.serial, 1);
    assert_int_equal(fake_hv_notified(domid, 2), 1);
    assert_int_equal(chaos_guest_shutdown(chaos, domid, CHAOS_END_REBOOT, &err),
                     0);
    fake_hv_read(domid, (4096 / 4 - 3) * 4096, &control, sizeof(control));
    assert_int_equal(control.request, NOXS_REQUEST_REBOOT);
    assert_int_equal(control.serial, 2);
    assert_int_equal(chaos_guest_shutdown(chaos, domid, CHAOS_END_CRASH, &err),
                     CHAOS_EINVAL);
}

static void test_shutdown_without_noxs(void **state)
{
    uint32_t domid;

    (void)state;
    assert_int_equal(create("name=\"a\"\ntype=\"pvh\"\nmemory=4\n"
                            "kernel=\"%s/plain\"\n",
                            &domid),
                     0);
    assert_int_equal(
        chaos_guest_shutdown(chaos, domid, CHAOS_END_POWEROFF, &err),
        CHAOS_ENOTSUP);
}

static void test_wait(void **state)
{
    enum chaos_guest_end end;
    uint32_t domid;

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    assert_int_equal(chaos_guest_wait(chaos, domid, 0, &end, &err),
                     CHAOS_ETIMEDOUT);
    fake_hv_shut_down(domid, CHAOS_END_CRASH);
    assert_int_equal(chaos_guest_wait(chaos, domid, -1, &end, &err), 0);
    assert_int_equal(end, CHAOS_END_CRASH);
    support_assert_clean();
}

static void test_config_is_kept(void **state)
{
    struct chaos_config *config;
    uint32_t domid;
    char *text;

    (void)state;
    assert_int_equal(create("name=\"a\"\nextra=\"x=\\\"1\\\"\"\n" NOXS, &domid),
                     0);
    assert_int_equal(chaos_guest_config(chaos, domid, &config, &err), 0);
    assert_int_equal(chaos_config_format(config, &text, &err), 0);
    assert_non_null(strstr(text, "memory=4\n"));
    free(text);
    chaos_config_free(config);
}

static void test_console(void **state)
{
    struct chaos_console *console, *second;
    const uint64_t ring = (4096 / 4 - 1) * 4096;
    uint32_t domid, produced = 5;
    char buffer[64];

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    assert_int_equal(chaos_console_open(chaos, domid, &console, &err), 0);
    assert_int_equal(chaos_console_open(chaos, domid, &second, &err),
                     CHAOS_EBUSY);
    assert_non_null(strstr(err.message, "console of a"));
    assert_int_equal(chaos_console_read(console, buffer, sizeof(buffer)), 0);
    fake_hv_write(domid, ring + 1024, "hello", 5);
    fake_hv_write(domid, ring + 3072 + 12, &produced, sizeof(produced));
    assert_int_equal(chaos_console_read(console, buffer, 3), 3);
    assert_memory_equal(buffer, "hel", 3);
    assert_int_equal(chaos_console_read(console, buffer, sizeof(buffer)), 2);
    /* A hostile index: nothing is read, and the next good one works. */
    produced = 1u << 30;
    fake_hv_write(domid, ring + 3072 + 12, &produced, sizeof(produced));
    assert_int_equal(chaos_console_read(console, buffer, sizeof(buffer)), 0);
    produced++;
    fake_hv_write(domid, ring + 3072 + 12, &produced, sizeof(produced));
    assert_int_equal(chaos_console_read(console, buffer, sizeof(buffer)), 1);
    chaos_console_close(console);
    assert_int_equal(fake_hv_mappings(), 0);
}

static void test_console_input(void **state)
{
    static char much[2000];
    struct chaos_console *console;
    const uint64_t ring = (4096 / 4 - 1) * 4096;
    uint32_t domid, produced, consumed = 1u << 31;
    char buffer[3];

    (void)state;
    assert_int_equal(create("name=\"a\"\n" NOXS, &domid), 0);
    assert_int_equal(chaos_console_open(chaos, domid, &console, &err), 0);
    assert_int_equal(chaos_console_write(console, "abc", 3), 3);
    fake_hv_read(domid, ring, buffer, 3);
    assert_memory_equal(buffer, "abc", 3);
    fake_hv_read(domid, ring + 3072 + 4, &produced, sizeof(produced));
    assert_int_equal(produced, 3);
    /* The ring takes what it has room for; a hostile index makes none. */
    assert_int_equal(chaos_console_write(console, much, sizeof(much)), 1021);
    fake_hv_write(domid, ring + 3072, &consumed, sizeof(consumed));
    assert_int_equal(chaos_console_write(console, much, sizeof(much)), 0);
    chaos_console_close(console);
}

static void test_bad_images(void **state)
{
    static const struct {
        const char *config;
        int code;
        const char *says;
    } cases[] = {
        { "kernel=\"%s/nowhere\"\n", CHAOS_EIMAGE, "No such file" },
        { "kernel=\"%s\"\n", CHAOS_EIMAGE, "regular file" },
        { "kernel=\"%s/text\"\n", CHAOS_EIMAGE, "neither" },
        { "kernel=\"%s/noxs\"\nramdisk=\"%s/nowhere\"\n", CHAOS_EIMAGE,
          "ramdisk" },
        { "kernel=\"%s/high\"\n", CHAOS_EIMAGE, "memory=4 is too little" },
        { "kernel=\"%s/pv-only\"\n", CHAOS_EIMAGE, "not a PVH kernel" },
        { "kernel=\"%s/noxs\"\nmemory=100000\nmaxmem=100000\n", CHAOS_ENOMEM,
          "memory" },
    };
    char text[512];
    size_t i;

    (void)state;
    support_write("text", "just text", 9);
    support_write_elf("high", &(struct support_elf){ .address = 64 << 20 });
    support_write_elf("pv-only", &(struct support_elf){ .no_entry = true });
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "name=\"a\"\ntype=\"pvh\"\nmemory=4\n%s",
                 cases[i].config);
        assert_int_equal(create(text, NULL), cases[i].code);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s does not say %s", err.message, cases[i].says);
        support_assert_clean();
    }
}

static void test_out_of_domids(void **state)
{
    char text[128];
    unsigned i;
    int rc = 0;

    (void)state;
    for (i = 0; rc == 0 && i < 2 * FAKE_DOMAINS; i++) {
        snprintf(text, sizeof(text),
                 "name=\"g%u\"\ntype=\"pvh\"\nkernel=\"%s/noxs\"\nmemory=1\n",
                 i, "%s");
        rc = create(text, NULL);
    }
    assert_int_equal(rc, CHAOS_ENOMEM);
    assert_int_equal(i, FAKE_DOMAINS);
    assert_non_null(strstr(err.message, "domain ids"));
}

/* How many calls a cold create of a guest without devices makes; a count that
 * rises is a create that got slower. */
static void test_calls_of_a_create(void **state)
{
    static const struct {
        enum fake_call call;
        unsigned times;
    } expected[] = {
        { FAKE_CREATE, 1 },        { FAKE_CREATE_VCPUS, 1 },
        { FAKE_CPU_POLICY, 1 },    { FAKE_MAX_MEMORY, 1 },
        { FAKE_PAGING_POOL, 1 },   { FAKE_POPULATE, 1 },
        { FAKE_PORT_ALLOC, 2 }, /* console, control */
        { FAKE_MEMORY_MAP, 1 },    { FAKE_SET_PARAM, 5 },
        { FAKE_MAP, 2 }, /* special pages, image */
        { FAKE_PREPARE_VCPUS, 1 }, { FAKE_SET_ENTRY, 1 },
        { FAKE_UNPAUSE, 1 },
    };
    unsigned all = 0;
    size_t i;

    (void)state;
    fake_hv_reset_counts();
    assert_int_equal(create("name=\"a\"\n" NOXS, NULL), 0);
    for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(fake_hv_count(expected[i].call), expected[i].times);
        all += expected[i].times;
    }
    assert_int_equal(fake_hv_count_all(), all);
}

#define THREADS 4
#define ROUNDS 25

/* A context per thread; the name "shared" can only be one's at a time. */
static void *churn(void *number)
{
    struct chaos *mine = support_open();
    struct chaos_config *config, *shared;
    char text[128];
    uint32_t domid;
    unsigned i;

    snprintf(text, sizeof(text),
             "name=\"t%u\"\ntype=\"pvh\"\nkernel=\"%s/noxs\"\nmemory=1\n",
             *(unsigned *)number, "%s");
    config = support_config(mine, text);
    shared = support_config(mine, "name=\"shared\"\ntype=\"pvh\"\n"
                                  "kernel=\"%s/noxs\"\nmemory=1\n");
    for (i = 0; i < ROUNDS; i++) {
        if (chaos_guest_create(mine, config, 0, &domid, NULL) < 0 ||
            chaos_guest_destroy(mine, domid, NULL) < 0)
            break;
        if (chaos_guest_create(mine, shared, 0, &domid, NULL) == 0 &&
            chaos_guest_destroy(mine, domid, NULL) < 0)
            break;
    }
    chaos_config_free(shared);
    chaos_config_free(config);
    chaos_close(mine);
    return i == ROUNDS ? number : NULL;
}

static void test_threads(void **state)
{
    unsigned numbers[THREADS], i;
    pthread_t threads[THREADS];
    void *result;

    (void)state;
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &numbers[i]),
                         0);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    support_assert_clean();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_create_to_destroy),
        TEST(test_domid_finds_too),
        TEST(test_paused),
        TEST(test_name_taken),
        TEST(test_uuid_taken),
        TEST(test_ended_guest_frees_its_name),
        TEST(test_actions),
        TEST(test_restart_keeps_the_new_name),
        TEST(test_restart_without_files),
        TEST(test_restart_elsewhere),
        TEST(test_rename),
        TEST(test_foreign_domains),
        TEST(test_stale_slot),
        TEST(test_domid_is_another_guests_now),
        TEST(test_foreign_domain_has_its_domid),
        TEST(test_ended_guest_frees_its_uuid),
        TEST(test_gone_guests_are_forgotten),
        TEST(test_shutdown_request),
        TEST(test_shutdown_without_noxs),
        TEST(test_wait),
        TEST(test_config_is_kept),
        TEST(test_console),
        TEST(test_console_input),
        TEST(test_bad_images),
        TEST(test_out_of_domids),
        TEST(test_calls_of_a_create),
        TEST(test_threads),
    };

    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
