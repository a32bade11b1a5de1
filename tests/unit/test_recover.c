/* SPDX-License-Identifier: MIT */
/* The registry made anew from Xen, after its file or all of its directory has
 * gone, or is full of noise. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "guest/uuid.h"
#include "support_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <chaos/pool.h>

#include "registry/layout.h"

#define A_UUID "11111111-2222-3333-4444-555555555555"

static struct support_world *world;
static struct chaos_error err;
static char *disk;

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk.img", 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(disk);
    support_world_free(world);
    return 0;
}

static uint32_t create(const char *name, const char *type, const char *more,
                       unsigned flags)
{
    struct chaos_config *config =
        support_config(world, name, type, world->noxs_kernel, more);
    uint32_t domid;

    if (chaos_guest_create(world->chaos, config, flags, &domid, &err) < 0)
        fail_msg("%s", err.message);
    chaos_config_free(config);
    return domid;
}

static void with_devices(char *more, size_t size)
{
    snprintf(more, size,
             "vif=['mac=00:16:3e:00:00:07,ip=10.0.0.7']\n"
             "disk=['%s,raw,xvda,w']\n",
             disk);
}

static void lose_run_dir(void)
{
    chaos_close(world->chaos);
    support_remove_directory(strdup(world->run_dir));
    world->chaos = support_open(world);
}

static struct chaos_recovered *recover(size_t *count_r)
{
    struct chaos_recovered *list;

    if (chaos_recover(world->chaos, &list, count_r, &err) < 0)
        fail_msg("%s", err.message);
    return list;
}

static void must_recover(size_t wanted)
{
    struct chaos_recovered *list;
    size_t count, i;

    list = recover(&count);
    for (i = 0; i < count; i++)
        if (list[i].code < 0)
            fail_msg("%s", list[i].message);
    free(list);
    assert_int_equal(count, wanted);
}

static void must_be_quiet(void)
{
    must_recover(0);
    support_reopen(world);
    assert_true(support_end_all(world));
    assert_true(support_is_empty(world));
}

static void check_devices(uint32_t domid, bool has_config)
{
    struct chaos_device_info *list;
    size_t count;

    assert_int_equal(chaos_guest_devices(world->chaos, domid,
                                         CHAOS_DEVICES_STATE, &list, &count,
                                         &err),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].kind, CHAOS_DEVICE_NETWORK);
    assert_int_equal(list[0].state, 4);
    assert_string_equal(list[0].bridge, "xenbr0");
    assert_int_equal(list[0].mac[5], 7);
    assert_int_equal(list[0].ipv4[0], has_config ? 10 : 0);
    assert_int_not_equal(list[0].port, 0);
    assert_string_equal(list[1].name, "xvda");
    assert_int_equal(list[1].state, 4);
    assert_true(list[1].loop >= 0);
    assert_string_equal(list[1].target, has_config ? disk : "");
    free(list);
}

/* What a recovered guest has is nobody else's. */
static void check_rivals(void)
{
    struct chaos_config *config;
    char more[512];

    config = support_config(world, "other", "pvh", world->noxs_kernel,
                            "vif=['mac=00:16:3e:00:00:07']\n");
    assert_int_equal(chaos_guest_create(world->chaos, config, 0, NULL, &err),
                     CHAOS_EEXIST);
    chaos_config_free(config);
    snprintf(more, sizeof(more), "disk=['%s,raw,xvda,w']\n", disk);
    config = support_config(world, "other", "pvh", world->noxs_kernel, more);
    assert_int_equal(chaos_guest_create(world->chaos, config, 0, NULL, &err),
                     CHAOS_EBUSY);
    chaos_config_free(config);
}

static void registry_is_gone(void **state)
{
    struct chaos__slot before, after;
    char more[512];
    uint32_t domid, pv, paused;

    (void)state;
    with_devices(more, sizeof(more));
    domid = create("web", "pvh", more, 0);
    pv = create("old", "pv", "on_crash='restart'", 0);
    paused = create("still", "pvh", "", CHAOS_CREATE_PAUSED);
    create("own", "pvh", "uuid='" A_UUID "'", 0);
    before = support_slot(world, "web");
    support_lose_registry(world);
    assert_int_equal(support_find(world, "web"), 0);
    must_recover(4);
    after = support_slot(world, "web");
    assert_int_equal(after.state, CHAOS__SLOT_RUNNING);
    assert_int_equal(after.domid, domid);
    assert_int_equal(after.console_frame, before.console_frame);
    assert_int_equal(after.console_port, before.console_port);
    assert_int_equal(after.control_frame, before.control_frame);
    assert_int_equal(after.control_port, before.control_port);
    assert_int_equal(after.memory_kb, before.memory_kb);
    assert_int_equal(after.vcpus, before.vcpus);
    assert_int_equal(after.has_config, 1);
    assert_int_equal(after.are_connected, 1);
    check_devices(domid, true);
    check_rivals();
    assert_int_equal(support_find(world, "old"), pv);
    assert_int_equal(support_find(world, "still"), paused);
    assert_int_not_equal(support_find(world, "own"), 0);
    must_be_quiet();
}

static void run_dir_is_gone(void **state)
{
    struct chaos_console *console;
    struct chaos_recovered *list;
    char more[512], name[32];
    uint32_t domid, pv, paused, own;
    size_t count, i;

    (void)state;
    with_devices(more, sizeof(more));
    domid = create("web", "pvh", more, 0);
    pv = create("old", "pv", "", 0);
    paused = create("still", "pvh", "", CHAOS_CREATE_PAUSED);
    own = create("own", "pvh", "uuid='" A_UUID "'", 0);
    lose_run_dir();
    list = recover(&count);
    assert_int_equal(count, 3); /* nothing tells that the last one is ours */
    for (i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "recovered-%u", list[i].domid);
        assert_string_equal(list[i].name, name);
        assert_int_equal(list[i].what, CHAOS_RECOVERED_GUEST);
        assert_int_equal(list[i].code, 0);
        assert_int_equal(support_find(world, name), list[i].domid);
        assert_int_equal(list[i].has_console, list[i].domid != pv);
        assert_false(list[i].has_config);
    }
    free(list);
    check_devices(domid, false);
    check_rivals();
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     0);
    chaos_console_close(console);
    assert_int_equal(chaos_console_open(world->chaos, pv, &console, &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_unpause(world->chaos, paused, &err), 0);
    fake_hv_vanish(own);
    must_be_quiet();
}

/* Each has the slot that it had, with the file that is kept for it. */
static void configurations_stay_where_they_are(void **state)
{
    char name[16];
    unsigned i;

    (void)state;
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "g%u", i);
        create(name, "pvh", "", 0);
    }
    for (i = 0; i < 20; i += 3) {
        snprintf(name, sizeof(name), "g%u", i);
        assert_int_equal(
            chaos_guest_destroy(world->chaos, support_find(world, name), &err),
            0);
    }
    support_lose_registry(world);
    /* Somebody has taken a slot meanwhile. */
    create("new", "pvh", "", 0);
    must_recover(13);
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "g%u", i);
        assert_int_equal(support_find(world, name) != 0, i % 3 != 0);
    }
    assert_int_equal(support_count_files(world->run_dir, "guest-"), 14);
    must_be_quiet();
}

static void names_that_are_taken(void **state)
{
    uint32_t domid;
    char name[32];

    (void)state;
    domid = create("g", "pvh", "", 0);
    create("h", "pvh", "", 0);
    support_lose_registry(world);
    create("g", "pvh", "", 0);
    snprintf(name, sizeof(name), "recovered-%u", domid);
    must_recover(2); /* slot 1 is the new one's, and so is guest-1.cfg */
    assert_int_not_equal(support_find(world, "h"), 0);
    assert_int_equal(support_find(world, name), domid);
    must_be_quiet();
}

static void shells(void **state)
{
    struct chaos_config *config =
        support_config(world, "g", "pvh", world->noxs_kernel, "vif=['']\n");
    char pool[CHAOS_POOL_NAME_MAX + 1];
    struct chaos_recovered *list;
    uint32_t domid;
    size_t count, i, ended = 0;

    (void)state;
    assert_int_equal(chaos_pool_add(world->chaos, config, NULL, pool, &err), 0);
    assert_int_equal(chaos_pool_fill(world->chaos, pool, 3, &err), 0);
    assert_int_equal(chaos_guest_create(world->chaos, config,
                                        CHAOS_CREATE_PAUSED, &domid, &err),
                     0);
    chaos_config_free(config);
    must_recover(0); /* all are known */
    lose_run_dir();
    list = recover(&count);
    assert_int_equal(count, 3);
    for (i = 0; i < count; i++) {
        assert_int_equal(list[i].code, 0);
        ended += list[i].what == CHAOS_RECOVERED_SHELL;
        /* A paused guest has an image. */
        assert_int_equal(list[i].what == CHAOS_RECOVERED_GUEST,
                         list[i].domid == domid);
    }
    assert_int_equal(ended, 2);
    free(list);
    must_be_quiet();
}

static void others_are_left_alone(void **state)
{
    static const uint8_t foreign[16] = { 0xf0, 1, 2, 3 };
    static const uint8_t user[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22,
                                      0x33, 0x33, 0x44, 0x44, 0x55, 0x55,
                                      0x55, 0x55, 0x55, 0x55 };
    uint32_t other = fake_hv_add_foreign("theirs", foreign), own, same;

    (void)state;
    own = create("own", "pvh", "uuid='" A_UUID "'", 0);
    support_lose_registry(world);
    fake_hv_vanish(own);
    /* xl has made one with the UUID that the user gave ours. */
    same = fake_hv_add_foreign("xl's", user);
    must_recover(0);
    assert_int_equal(chaos_guest_rename(world->chaos, other, "mine", &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_rename(world->chaos, same, "mine", &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(support_count_files(world->run_dir, "guest-"), 0);
    fake_hv_vanish(other);
    fake_hv_vanish(same);
    must_be_quiet();
}

static void put(off_t at, const void *bytes, size_t size)
{
    char *path = support_path(world->run_dir, "registry");
    FILE *file = fopen(path, "r+");

    free(path);
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, size, 1, file), 1);
    fclose(file);
}

static void file_is_broken(void **state)
{
    const uint32_t other_version = 1;
    uint32_t domid = create("g", "pvh", "", 0);
    char *path = support_path(world->run_dir, "registry");

    (void)state;
    put(offsetof(struct chaos__layout, version), &other_version,
        sizeof(other_version));
    support_reopen(world);
    assert_int_equal(support_find(world, "g"), 0);
    must_recover(1);
    assert_non_null(strstr(world->log, "registry.broken-"));
    assert_int_equal(support_count_files(world->run_dir, "registry.broken-"),
                     1);
    assert_int_equal(support_find(world, "g"), domid);
    assert_int_equal(truncate(path, 5000), 0);
    support_reopen(world);
    must_recover(1);
    assert_int_equal(support_find(world, "g"), domid);
    free(path);
    must_be_quiet();
}

static void slots_are_broken(void **state)
{
    uint8_t noise[4096];
    char more[512];
    uint32_t domid, other;

    (void)state;
    with_devices(more, sizeof(more));
    domid = create("web", "pvh", more, 0);
    other = create("other", "pv", "", 0);
    memset(noise, 0xa7, sizeof(noise));
    put(offsetof(struct chaos__layout, slots[1]), noise, 512);
    put(offsetof(struct chaos__layout, by_name), noise, sizeof(noise));
    put(offsetof(struct chaos__layout, devices[1]), noise, 256);
    support_reopen(world);
    assert_int_equal(support_find(world, "web"), 0);
    must_recover(1);
    assert_int_equal(support_find(world, "web"), domid);
    assert_int_equal(support_find(world, "other"), other);
    check_devices(domid, true);
    must_be_quiet();
}

/* Of a guest that is known, devices are not; of another, the domid. */
static void parts_are_broken(void **state)
{
    const uint32_t wrong = 4711;
    uint8_t none[128 * 4] = { 0 };
    char more[512];
    uint32_t domid, other;

    (void)state;
    with_devices(more, sizeof(more));
    domid = create("web", "pvh", more, 0);
    other = create("other", "pvh", "", 0);
    put(offsetof(struct chaos__layout, devices[1]), none, sizeof(none));
    put(offsetof(struct chaos__layout, slots[2].domid), &wrong, sizeof(wrong));
    support_reopen(world);
    must_recover(2);
    check_devices(domid, true);
    assert_int_equal(support_find(world, "other"), other);
    must_be_quiet();
}

static void restarts_keep_the_uuid(void **state)
{
    uint32_t domid = create("g", "pvh", "on_crash='restart'", 0), next;
    struct chaos__slot before = support_slot(world, "g"), after;

    (void)state;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    assert_int_equal(support_run(world, support_list, &err), 0);
    next = support_find(world, "g");
    assert_int_not_equal(next, domid);
    after = support_slot(world, "g");
    assert_memory_equal(after.uuid, before.uuid, 16);
    support_lose_registry(world);
    must_recover(1);
    assert_int_equal(support_find(world, "g"), next);
    must_be_quiet();
}

/* Without XenStore guests are found; their devices, when it is there again. */
static void without_xenstore(void **state)
{
    struct chaos_recovered *list;
    char more[512];
    uint32_t domid;
    size_t count;

    (void)state;
    with_devices(more, sizeof(more));
    domid = create("web", "pvh", more, 0);
    support_lose_registry(world);
    fake_hv_fail_next(FAKE_HV_STORE_OPEN, CHAOS_EFAILED);
    list = recover(&count);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].code, CHAOS_EFAILED);
    free(list);
    assert_int_equal(support_find(world, "web"), domid);
    must_recover(1);
    check_devices(domid, true);
    must_be_quiet();
}

/* ------------------------------------------------------ failing and dying */

static int do_recover(struct chaos *chaos, struct chaos_error *error)
{
    struct chaos_recovered *list;
    size_t count, i;
    int rc = chaos_recover(chaos, &list, &count, error);

    if (rc < 0)
        return rc;
    for (i = 0; rc == 0 && i < count; i++)
        if (list[i].code < 0) {
            rc = error->code = list[i].code;
            memcpy(error->message, list[i].message, sizeof(error->message));
        }
    free(list);
    return rc;
}

static int do_recover_alone(struct chaos *chaos, struct chaos_error *error)
{
    struct chaos_error own;

    return do_recover(chaos, error ? error : &own);
}

/* A guest of each type with what it can have, and a shell. */
static void make_all(bool forget_all)
{
    struct chaos_config *config =
        support_config(world, "g", "pvh", world->noxs_kernel, "vif=['']\n");
    char more[512], pool[CHAOS_POOL_NAME_MAX + 1];

    with_devices(more, sizeof(more));
    create("web", "pvh", more, 0);
    create("old", "pv", "", 0);
    assert_int_equal(chaos_pool_add(world->chaos, config, NULL, pool, &err), 0);
    assert_int_equal(chaos_pool_fill(world->chaos, pool, 1, &err), 0);
    chaos_config_free(config);
    if (forget_all)
        lose_run_dir();
    else
        support_lose_registry(world);
}

/* Whatever happened before: both guests are there, with their devices, and the
 * shell is not. */
static void check_all(unsigned n, const char *how)
{
    struct chaos_guest_info *list;
    size_t count, i, guests = 0;

    support_reopen(world);
    if (do_recover(world->chaos, &err) < 0)
        fail_msg("call %u (%s): %s", n, how, err.message);
    assert_int_equal(chaos_guest_list(world->chaos, &list, &count, &err), 0);
    for (i = 0; i < count; i++) {
        if (list[i].domid == 0 || !*list[i].name)
            continue;
        guests++;
        if (list[i].type == CHAOS_GUEST_PVH)
            check_devices(list[i].domid, strcmp(list[i].name, "web") == 0);
    }
    free(list);
    if (guests != 2 || count != 3)
        fail_msg("call %u (%s): %zu guests, %zu domains", n, how, guests,
                 count);
    support_reopen(world);
    if (!support_end_all(world) || !support_is_empty(world))
        fail_msg("call %u (%s) left something", n, how);
}

static void recover_fails_anywhere(void **state)
{
    unsigned n, calls;
    int rc;

    (void)state;
    for (n = 1; n < SUPPORT_CALLS_MAX; n++) {
        make_all(n % 2);
        fake_hv_reset_counts();
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = support_run(world, do_recover, &err);
        calls = fake_hv_count_fallible();
        fake_hv_fail_at(0, 0);
        check_all(n, "fails");
        if (calls < n)
            break;
    }
    assert_int_equal(rc, 0);
    assert_true(n > 10);
}

static void recover_dies_anywhere(void **state)
{
    unsigned n;
    bool died;

    (void)state;
    SUPPORT_FOR_DEATHS(when)
    {
        for (n = 1, died = true; died; n++) {
            make_all(n % 2);
            died = support_dies(world, do_recover_alone, n, when);
            check_all(n, "dies");
        }
        assert_true(n > 10);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(registry_is_gone),
        TEST(run_dir_is_gone),
        TEST(configurations_stay_where_they_are),
        TEST(names_that_are_taken),
        TEST(shells),
        TEST(others_are_left_alone),
        TEST(file_is_broken),
        TEST(slots_are_broken),
        TEST(parts_are_broken),
        TEST(restarts_keep_the_uuid),
        TEST(without_xenstore),
        TEST(recover_fails_anywhere),
        TEST(recover_dies_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
