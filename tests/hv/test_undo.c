/* SPDX-License-Identifier: MIT */
/*
 * Whatever fails, and whenever the process dies, nothing is left: for every n,
 * the n-th hypervisor call fails or is the process's last.
 */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_MAX 200

static const char *const configs[] = {
    "name=\"a\"\ntype=\"pvh\"\nkernel=\"%s/noxs\"\nmemory=4\n",
    "name=\"a\"\ntype=\"pvh\"\nkernel=\"%s/plain\"\nmemory=4\nvcpus=2\n"
    "cpus=\"0\"\nramdisk=\"%s/ramdisk\"\n",
    "name=\"a\"\ntype=\"pvh\"\nkernel=\"%s/packed\"\nmemory=4\n",
    "name=\"a\"\ntype=\"pv\"\nkernel=\"%s/noxs\"\nmemory=4\ncpus=\"0\"\n",
    "name=\"a\"\ntype=\"pvh\"\nkernel=\"%s/noxs\"\nmemory=4\n"
    "uuid=\"12345678-1234-1234-1234-123456789012\"\n",
};
#define CONFIGS (sizeof(configs) / sizeof(configs[0]))

static int setup(void **state)
{
    static uint8_t packed[8192 + sizeof(FAKE_PACKED)];
    size_t mark = sizeof(FAKE_PACKED) - 1, size;

    if (support_setup(state) < 0)
        return -1;
    support_write_elf("noxs", &(struct support_elf){ .noxs = true });
    support_write_elf("plain", &(struct support_elf){ .bss = 100000 });
    support_write("ramdisk", "ramdisk", 7);
    memcpy(packed, FAKE_PACKED, mark);
    size = support_make_elf(&(struct support_elf){ 0 }, packed + mark);
    support_write("packed", packed, mark + size);
    return 0;
}

/* What is tried; run in a context of its own. */
typedef int (*work_fn)(struct chaos *chaos, struct chaos_config *config,
                       struct chaos_error *err);

static int create(struct chaos *chaos, struct chaos_config *config,
                  struct chaos_error *err)
{
    return chaos_guest_create(chaos, config, 0, NULL, err);
}

static int create_paused(struct chaos *chaos, struct chaos_config *config,
                         struct chaos_error *err)
{
    return chaos_guest_create(chaos, config, CHAOS_CREATE_PAUSED, NULL, err);
}

static uint32_t domid_of(struct chaos *chaos)
{
    uint32_t domid;

    return chaos_guest_find(chaos, "a", &domid, NULL) == 0 ? domid : 0;
}

static int destroy(struct chaos *chaos, struct chaos_config *config,
                   struct chaos_error *err)
{
    (void)config;
    return chaos_guest_destroy(chaos, domid_of(chaos), err);
}

static int settle(struct chaos *chaos, struct chaos_config *config,
                  struct chaos_error *err)
{
    struct chaos_guest_info *list;
    size_t count;
    int rc;

    (void)config;
    rc = chaos_guest_list(chaos, &list, &count, err);
    if (rc == 0)
        free(list);
    return rc;
}

static void run_failing(const char *text)
{
    struct chaos_config *config;
    struct chaos_error err;
    struct chaos *chaos;
    unsigned n;
    int rc;

    for (n = 1; n < CALLS_MAX; n++) {
        chaos = support_open();
        config = support_config(chaos, text);
        memset(&err, 0, sizeof(err));
        fake_hv_reset_counts();
        fake_hv_fail_at(n, CHAOS_ENOMEM);
        rc = create(chaos, config, &err);
        fake_hv_fail_at(0, 0);
        if (rc == 0) {
            assert_int_equal(fake_hv_domains(), 1);
            assert_int_equal(chaos_guest_destroy(chaos, domid_of(chaos), &err),
                             0);
        } else {
            assert_int_equal(rc, CHAOS_ENOMEM);
            assert_non_null(strstr(err.message, "creating a"));
        }
        chaos_config_free(config);
        chaos_close(chaos);
        support_assert_clean();
        if (rc == 0)
            break;
    }
    assert_in_range(n, 9, CALLS_MAX - 1);
}

static void test_create_fails_at_every_call(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CONFIGS; i++)
        run_failing(configs[i]);
}

/* Runs the work in a process that dies at its n-th call; returns false when
 * it ended before. */
static bool run_dying(work_fn work, const char *text, unsigned n,
                      enum fake_when when)
{
    struct chaos_config *config;
    struct chaos *chaos;
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        chaos = support_open();
        config = support_config(chaos, text);
        fake_hv_die_at(n, when);
        work(chaos, config, NULL);
        fake_hv_die_at(0, when);
        chaos_config_free(config);
        chaos_close(chaos);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    fake_hv_die_at(0, when);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return true;
}

/* The next command of another process. */
static void next_command(void)
{
    struct chaos *chaos = support_open();

    assert_int_equal(settle(chaos, NULL, NULL), 0);
    chaos_close(chaos);
}

static void kill_create(work_fn work, const char *text, enum fake_when when)
{
    struct chaos *chaos;
    unsigned n;

    for (n = 1; n < CALLS_MAX && run_dying(work, text, n, when); n++) {
        next_command();
        support_assert_clean();
    }
    assert_in_range(n, 9, CALLS_MAX - 1);
    /* The last one lived to its end. */
    assert_int_equal(fake_hv_domains(), 1);
    chaos = support_open();
    assert_int_equal(destroy(chaos, NULL, NULL), 0);
    chaos_close(chaos);
    support_assert_clean();
}

static void test_create_dies_at_every_call(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CONFIGS; i++) {
        kill_create(create, configs[i], FAKE_BEFORE);
        kill_create(create, configs[i], FAKE_AFTER);
        kill_create(create_paused, configs[i], FAKE_BEFORE);
    }
}

static void make_guest(const char *text)
{
    struct chaos *chaos = support_open();
    struct chaos_config *config = support_config(chaos, text);

    assert_int_equal(create(chaos, config, NULL), 0);
    chaos_config_free(config);
    chaos_close(chaos);
}

/* Killed anywhere, a destroy is finished by the next command, or had not
 * begun. */
static void test_destroy_dies_at_every_call(void **state)
{
    enum fake_when when;
    struct chaos *chaos;
    unsigned n;

    (void)state;
    for (when = FAKE_BEFORE; when <= FAKE_AFTER; when++) {
        bool died = true;

        for (n = 1; n < CALLS_MAX && died; n++) {
            make_guest(configs[0]);
            died = run_dying(destroy, configs[0], n, when);
            next_command();
            if (fake_hv_domains() > 0) {
                chaos = support_open();
                assert_int_equal(destroy(chaos, NULL, NULL), 0);
                chaos_close(chaos);
            }
            support_assert_clean();
        }
        assert_in_range(n, 4, CALLS_MAX - 1);
    }
}

static void test_destroy_fails_at_every_call(void **state)
{
    struct chaos_error err;
    struct chaos *chaos;
    unsigned n;
    int rc = -1;

    (void)state;
    for (n = 1; n < CALLS_MAX && rc < 0; n++) {
        make_guest(configs[0]);
        chaos = support_open();
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = destroy(chaos, NULL, &err);
        fake_hv_fail_at(0, 0);
        chaos_close(chaos);
        next_command();
        if (fake_hv_domains() > 0) {
            chaos = support_open();
            assert_int_equal(destroy(chaos, NULL, NULL), 0);
            chaos_close(chaos);
        }
        support_assert_clean();
    }
    assert_in_range(n, 3, CALLS_MAX - 1);
}

/* A restart is a destroy and a create: killed anywhere, there is the old
 * guest, the new one, or none, and never anything half. */
static void test_restart_dies_at_every_call(void **state)
{
    static const char text[] = "name=\"a\"\ntype=\"pvh\"\nmemory=4\n"
                               "kernel=\"%s/noxs\"\non_reboot=\"restart\"\n";
    enum fake_when when;
    struct chaos *chaos;
    unsigned n;

    (void)state;
    for (when = FAKE_BEFORE; when <= FAKE_AFTER; when++) {
        bool died = true;

        for (n = 1; n < CALLS_MAX && died; n++) {
            make_guest(text);
            chaos = support_open();
            fake_hv_shut_down(domid_of(chaos), CHAOS_END_REBOOT);
            chaos_close(chaos);
            died = run_dying(settle, text, n, when);
            next_command();
            assert_in_range(fake_hv_domains(), 0, 1);
            chaos = support_open();
            if (fake_hv_domains() == 1)
                assert_int_equal(destroy(chaos, NULL, NULL), 0);
            chaos_close(chaos);
            support_assert_clean();
        }
        assert_in_range(n, 20, CALLS_MAX - 1);
    }
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_create_fails_at_every_call),
        TEST(test_create_dies_at_every_call),
        TEST(test_destroy_dies_at_every_call),
        TEST(test_destroy_fails_at_every_call),
        TEST(test_restart_dies_at_every_call),
    };

    return cmocka_run_group_tests_name("undo", tests, NULL, NULL);
}
