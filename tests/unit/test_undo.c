/* SPDX-License-Identifier: MIT */
/* Every operation, failing and dying at every call to the hypervisor: what it
 * leaves is what it found, or what the next process makes good. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "support_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct support_world *world;

/* What is created: one of these at a time. */
struct flavor {
    const char *type, *more;
    bool plain, packed, ramdisk;
    bool devices, eager; /* eager: the back ends, see fake_dom0.h */
};

static const struct flavor flavors[] = {
    { .type = "pvh", .more = "" },
    { .type = "pvh", .more = "", .plain = true },
    { .type = "pvh",
      .more = "",
      .plain = true,
      .devices = true,
      .eager = true },
    { .type = "pv", .more = "", .plain = true, .devices = true },
    { .type = "pv",
      .more = "p9=['tag=t,path=/,security_model=none']\n",
      .plain = true },
    { .type = "pvh", .more = "", .packed = true },
    { .type = "pvh", .more = "vcpus=2\ncpus=\"0-1\"\n", .ramdisk = true },
    { .type = "pvh",
      .more = "vcpus=2\ncpus_soft=\"0\"\ncpu_weight=512\ncap=150\n" },
    { .type = "pvh",
      .more = "uuid=\"11111111-2222-3333-4444-555555555555\"\n" },
    { .type = "pv", .more = "" },
    { .type = "pv", .more = "", .packed = true, .ramdisk = true },
    { .type = "pvh", .more = "", .devices = true },
    { .type = "pv", .more = "", .devices = true, .eager = true },
};

#define FLAVORS (sizeof(flavors) / sizeof(flavors[0]))
#define BARE (&flavors[0])
#define WITH_DEVICES (&flavors[FLAVORS - 2])

static const struct flavor *flavor;
static uint32_t domid;
static char *disk;

static int create(struct chaos *chaos, struct chaos_error *err)
{
    const char *kernel = flavor->plain    ? world->plain_kernel
                         : flavor->packed ? world->packed_kernel
                                          : world->noxs_kernel;
    struct chaos_config *config;
    char more[1024];
    size_t used;
    int rc;

    used = (size_t)snprintf(more, sizeof(more), "%s%s%s%s\n", flavor->more,
                            flavor->ramdisk ? "ramdisk=\"" : "",
                            flavor->ramdisk ? world->ramdisk : "",
                            flavor->ramdisk ? "\"" : "");
    if (flavor->devices)
        snprintf(more + used, sizeof(more) - used,
                 "vif=['vifname=web']\ndisk=['%s,raw,xvda,w']\n", disk);
    fake_backend_set_eager(flavor->eager);
    config = support_config(world, "g", flavor->type, kernel, more);
    rc = chaos_guest_create(chaos, config, 0, NULL, err);
    chaos_config_free(config);
    return rc;
}

static int destroy(struct chaos *chaos, struct chaos_error *err)
{
    return chaos_guest_destroy(chaos, domid, err);
}

/* As the child that a command leaves: a name in XenStore goes after the guest.
 */
static int sweep(struct chaos *chaos, struct chaos_error *err)
{
    (void)err;
    chaos_guest_sweep(chaos, 1000);
    return 0;
}

static int shut_down(struct chaos *chaos, struct chaos_error *err)
{
    return chaos_guest_shutdown(chaos, domid, CHAOS_END_POWEROFF, err);
}

static int rename_it(struct chaos *chaos, struct chaos_error *err)
{
    return chaos_guest_rename(chaos, domid, "h", err);
}

static int open_console(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_console *console;
    int rc = chaos_console_open(chaos, domid, &console, err);

    if (rc == 0)
        chaos_console_close(console);
    return rc;
}

static void assert_nothing_left(unsigned n, const char *how)
{
    if (!support_is_empty(world))
        fail_msg("call %u (%s) of type=%s left something", n, how,
                 flavor->type);
}

/* --------------------------------------------------------------- creating */

static void create_fails_anywhere(void **state)
{
    struct chaos_error err;
    unsigned n, calls;
    int rc;

    (void)state;
    for (flavor = flavors; flavor < flavors + FLAVORS; flavor++) {
        for (n = 1; n < SUPPORT_CALLS_MAX; n++) {
            memset(&err, 0, sizeof(err));
            fake_hv_reset_counts();
            fake_hv_fail_at(n, CHAOS_EBUSY - (int)(n % 2)); /* or ENOTSUP */
            rc = support_run(world, create, &err);
            calls = fake_hv_count_fallible();
            fake_hv_fail_at(0, 0);
            if (calls < n)
                break;
            support_assert_says_why(&err, rc);
            assert_nothing_left(n, "fails");
        }
        assert_int_equal(rc, 0);
        assert_true(n > 5);
        domid = support_find(world, "g");
        support_must(world, destroy);
        assert_nothing_left(0, "destroyed");
    }
}

/* Everything fails from the n-th call on, undoing included. */
static void create_loses_xen_anywhere(void **state)
{
    struct chaos_error err;
    unsigned n, calls;
    int rc;

    (void)state;
    for (flavor = flavors; flavor < flavors + FLAVORS; flavor++) {
        for (n = 1; n < SUPPORT_CALLS_MAX; n++) {
            memset(&err, 0, sizeof(err));
            fake_hv_reset_counts();
            fake_hv_fail_from(n, CHAOS_ENOXEN);
            rc = support_run(world, create, &err);
            calls = fake_hv_count_fallible();
            fake_hv_fail_from(0, 0);
            if (calls < n)
                break;
            support_assert_says_why(&err, rc);
            support_must(world, support_list);
            assert_nothing_left(n, "lost");
        }
        assert_int_equal(rc, 0);
        domid = support_find(world, "g");
        support_must(world, destroy);
    }
}

static void create_dies_anywhere(void **state)
{
    unsigned n;

    (void)state;
    SUPPORT_FOR_DEATHS(when)
    for (flavor = flavors; flavor < flavors + FLAVORS; flavor++) {
        for (n = 1; support_dies(world, create, n, when); n++) {
            support_must(world, support_list);
            if (support_find(world, "g")) {
                /* Only the last step, closing, is behind a whole guest. */
                assert_int_equal(support_slot(world, "g").state,
                                 CHAOS__SLOT_RUNNING);
                domid = support_find(world, "g");
                support_must(world, destroy);
            }
            assert_nothing_left(n, "dies");
        }
        domid = support_find(world, "g");
        assert_int_not_equal(domid, 0);
        support_must(world, destroy);
    }
}

/* The process that repairs dies too, and the one after it. */
static void repair_dies(const struct flavor *of)
{
    unsigned n, m;
    bool more;

    flavor = of;
    SUPPORT_FOR_DEATHS(when)
    for (n = 1; support_dies(world, create, n, FAKE_HV_AFTER); n++) {
        for (m = 1, more = true; more; m++)
            more = support_dies(world, support_list, m, when);
        domid = support_find(world, "g");
        if (domid)
            support_must(world, destroy);
        assert_nothing_left(n, "repaired");
    }
    domid = support_find(world, "g");
    if (domid)
        support_must(world, destroy);
    assert_nothing_left(0, "repaired");
}

static void repair_dies_anywhere(void **state)
{
    (void)state;
    repair_dies(BARE);
    repair_dies(WITH_DEVICES);
}

/* ------------------------------------------------ operations on a guest */

static void make_guest(const struct flavor *of)
{
    flavor = of;
    support_must(world, create);
    domid = support_find(world, "g");
    assert_int_not_equal(domid, 0);
}

/* The guest is whole and can be worked with, or it is gone. */
static void assert_whole_or_gone(unsigned n, const char *how)
{
    support_must(world, support_list);
    domid = support_find(world, "g");
    if (!domid)
        domid = support_find(world, "h");
    if (domid) {
        assert_true(fake_hv_domain(domid).has_entry);
        support_must(world, shut_down);
        support_must(world, open_console);
        support_must(world, destroy);
        support_must(world, sweep);
    }
    assert_nothing_left(n, how);
}

static void fails_anywhere(const struct flavor *of,
                           support_operation_fn operation)
{
    struct chaos_error err;
    unsigned n, calls;
    int rc;

    for (n = 1;; n++) {
        assert_true(n < SUPPORT_CALLS_MAX);
        make_guest(of);
        memset(&err, 0, sizeof(err));
        fake_hv_reset_counts();
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = support_run(world, operation, &err);
        fake_hv_fail_at(0, 0);
        calls = fake_hv_count_fallible();
        if (calls >= n)
            support_assert_says_why(&err, rc);
        else
            assert_int_equal(rc, 0);
        assert_whole_or_gone(n, "fails");
        if (calls < n)
            break;
    }
}

static void dies_anywhere(const struct flavor *of,
                          support_operation_fn operation)
{
    bool more = true;
    unsigned n;

    SUPPORT_FOR_DEATHS(when)
    for (n = 1, more = true; more; n++) {
        make_guest(of);
        more = support_dies(world, operation, n, when);
        assert_whole_or_gone(n, "dies");
    }
}

static void destroy_fails_anywhere(void **state)
{
    (void)state;
    fails_anywhere(BARE, destroy);
    fails_anywhere(WITH_DEVICES, destroy);
}

static void destroy_dies_anywhere(void **state)
{
    (void)state;
    dies_anywhere(BARE, destroy);
    dies_anywhere(WITH_DEVICES, destroy);
}

static void shutdown_fails_anywhere(void **state)
{
    (void)state;
    fails_anywhere(BARE, shut_down);
}

static void shutdown_dies_anywhere(void **state)
{
    (void)state;
    dies_anywhere(BARE, shut_down);
}

static void rename_fails_anywhere(void **state)
{
    (void)state;
    fails_anywhere(BARE, rename_it);
}

static void rename_dies_anywhere(void **state)
{
    (void)state;
    dies_anywhere(BARE, rename_it);
}

static void console_fails_anywhere(void **state)
{
    (void)state;
    fails_anywhere(BARE, open_console);
}

static void console_dies_anywhere(void **state)
{
    (void)state;
    dies_anywhere(BARE, open_console);
}

/* The back ends are told by a process that dies, and let go later. */
static void destroy_dies_with_late_back_ends(void **state)
{
    bool more = true;
    unsigned n, i;

    (void)state;
    SUPPORT_FOR_DEATHS(when)
    for (n = 1, more = true; more; n++) {
        make_guest(WITH_DEVICES);
        fake_backend_set_lag(12);
        more = support_dies(world, destroy, n, when);
        for (i = 0; i < 8; i++)
            support_must(world, support_list);
        fake_backend_set_lag(0);
        assert_whole_or_gone(n, "dies, and back ends are late");
    }
}

/* A restart is a destroy and a create: at worst the guest is gone. */
static void restart_fails(const struct flavor *of)
{
    unsigned n, calls;

    for (n = 1;; n++) {
        assert_true(n < SUPPORT_CALLS_MAX);
        make_guest(of);
        fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
        fake_hv_reset_counts();
        fake_hv_fail_at(n, CHAOS_EFAILED);
        support_run(world, support_list,
                    NULL); /* tells of some failures, logs others */
        fake_hv_fail_at(0, 0);
        calls = fake_hv_count_fallible();
        assert_whole_or_gone(n, "fails");
        if (calls < n)
            break;
    }
}

static void restart_fails_anywhere(void **state)
{
    (void)state;
    restart_fails(BARE);
    restart_fails(WITH_DEVICES);
}

static void restart_dies(const struct flavor *of)
{
    bool more = true;
    unsigned n;

    SUPPORT_FOR_DEATHS(when)
    for (n = 1, more = true; more; n++) {
        make_guest(of);
        fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
        more = support_dies(world, support_list, n, when);
        assert_whole_or_gone(n, "dies");
    }
}

static void restart_dies_anywhere(void **state)
{
    (void)state;
    restart_dies(BARE);
    restart_dies(WITH_DEVICES);
}

/* An orphan that Xen does not let go stays for the next look. */
static void stubborn_orphan_is_tried_again(void **state)
{
    struct support_world *w = world;
    struct chaos *chaos;
    struct chaos_guest_info *guests;
    size_t count;

    (void)state;
    flavor = BARE;
    assert_true(support_dies(world, create, 6, FAKE_HV_BEFORE));
    chaos = support_open(w);
    fake_hv_fail_next(FAKE_HV_DOMAIN_DESTROY, CHAOS_EFAILED);
    assert_int_equal(chaos_guest_list(chaos, &guests, &count, NULL), 0);
    free(guests);
    assert_int_equal(support_count_slots(w), 1);
    assert_non_null(strstr(w->log, "domain_destroy"));
    assert_int_equal(chaos_guest_list(chaos, &guests, &count, NULL), 0);
    assert_int_equal(count, 1);
    free(guests);
    chaos_close(chaos);
    assert_nothing_left(0, "second look");
}

/* ----------------------------------------------------------------- counts */

/* Calls of a cold create of a small PVH guest with noxs and without devices:
 * an upper bound, to be lowered when one is saved. */
static const struct support_count cold_create[] = {
    { FAKE_HV_OPEN, 1 },
    { FAKE_HV_DOMAIN_CREATE, 1 },
    { FAKE_HV_DOMAIN_CREATE_VCPUS, 1 },
    { FAKE_HV_DOMAIN_SET_CPU_POLICY, 1 },
    { FAKE_HV_SET_MAX_MEMORY, 1 },
    { FAKE_HV_PORT_ALLOC, 2 }, /* console, control page */
    { FAKE_HV_SET_PAGING_POOL, 1 },
    { FAKE_HV_POPULATE, 1 },
    { FAKE_HV_SET_MEMORY_MAP, 1 },
    { FAKE_HV_SET_PARAM, 5 },
    { FAKE_HV_MAP, 2 }, /* special pages; image and boot area */
    { FAKE_HV_UNMAP, 2 },
    { FAKE_HV_PVH_PREPARE_VCPUS, 1 },
    { FAKE_HV_PVH_SET_ENTRY, 1 },
    { FAKE_HV_DOMAIN_UNPAUSE, 1 },
    { FAKE_HV_CLOSE, 1 },
};

static void counts_of_a_cold_create(void **state)
{
    (void)state;
    flavor = BARE;
    fake_hv_reset_counts();
    support_must(world, create);
    support_assert_counts(cold_create,
                          sizeof(cold_create) / sizeof(cold_create[0]));
    domid = support_find(world, "g");
    support_must(world, destroy);
}

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk", 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    support_world_free(world);
    world = NULL;
    free(disk);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_fails_anywhere),
        TEST(create_loses_xen_anywhere),
        TEST(create_dies_anywhere),
        TEST(repair_dies_anywhere),
        TEST(destroy_fails_anywhere),
        TEST(destroy_dies_anywhere),
        TEST(destroy_dies_with_late_back_ends),
        TEST(shutdown_fails_anywhere),
        TEST(shutdown_dies_anywhere),
        TEST(rename_fails_anywhere),
        TEST(rename_dies_anywhere),
        TEST(console_fails_anywhere),
        TEST(console_dies_anywhere),
        TEST(restart_fails_anywhere),
        TEST(restart_dies_anywhere),
        TEST(stubborn_orphan_is_tried_again),
        TEST(counts_of_a_cold_create),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
