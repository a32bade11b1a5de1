/* SPDX-License-Identifier: MIT */
/* vCPUs, scheduling and memory through the public API, on the fakes. */
#include "fake_hv.h"
#include "fake_store.h"
#include "support_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct support_world *world;
static uint32_t domid; /* of the guest "g" */

static void create_from(const char *kernel, const char *more)
{
    struct chaos_config *config =
        support_config(world, "g", "pvh", kernel, more);
    struct chaos_error err;

    if (chaos_guest_create(world->chaos, config, 0, &domid, &err) < 0)
        fail_msg("%s", err.message);
    chaos_config_free(config);
}

static void create(const char *more)
{
    create_from(world->noxs_kernel, more);
}

/* One that uses XenStore. */
static void create_xenstore(const char *more)
{
    create_from(world->plain_kernel, more);
}

static void assert_node(const char *name, const char *value)
{
    char path[64], found[64] = "(none)";

    snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, name);
    fake_store_look(path, found, sizeof(found));
    assert_string_equal(found, value);
}

static struct chaos_cpuset cpus(const char *text)
{
    struct chaos_cpuset set;
    struct chaos_error err;

    if (chaos_cpuset_parse(text, &set, &err) < 0)
        fail_msg("%s", err.message);
    return set;
}

static void assert_says(const struct chaos_error *err, const char *text)
{
    if (!strstr(err->message, text))
        fail_msg("does not say \"%s\": %s", text, err->message);
}

/* ---------------------------------------------------------------- vCPUs */

static void parses_sets_of_cpus(void **state)
{
    struct chaos_cpuset set = cpus("0-3,^1,64");
    struct chaos_error err = { 0 };

    (void)state;
    assert_int_equal(set.words[0], 0xd);
    assert_int_equal(set.words[1], 1);
    assert_int_equal(chaos_cpuset_parse("3-", &set, &err), CHAOS_EINVAL);
    assert_says(&err, "CPUs \"3-\": ");
    assert_int_equal(chaos_cpuset_parse("node:0", &set, NULL), CHAOS_ENOTSUP);
    assert_int_equal(set.words[0], 0xd); /* left alone */
}

static void lists_vcpus(void **state)
{
    struct chaos_vcpu_info *list;
    struct chaos_error err;
    size_t count;

    (void)state;
    create("vcpus=3\ncpus=[\"0\", \"2-3\"]\ncpus_soft=\"1\"\n");
    assert_int_equal(chaos_vcpu_list(world->chaos, domid, &list, &count, &err),
                     0);
    assert_int_equal(count, 3);
    assert_int_equal(list[1].vcpu, 1);
    assert_int_equal(list[1].cpu, 1);
    assert_true(list[1].online);
    assert_int_equal(list[0].hard.words[0], 1);
    assert_int_equal(list[1].hard.words[0], 0xc);
    assert_int_equal(list[2].hard.words[0], UINT64_MAX);
    assert_int_equal(list[2].soft.words[0], 2);
    assert_int_equal(list[2].hard.words[15], UINT64_MAX);
    free(list);
}

static void lists_vcpus_of_others(void **state)
{
    static const uint8_t uuid[16] = { 0xf0, 1 };
    uint32_t foreign = fake_hv_add_foreign("xl", uuid);
    struct chaos_vcpu_info *list;
    struct chaos_error err = { 0 };
    size_t count;

    (void)state;
    assert_int_equal(
        chaos_vcpu_list(world->chaos, foreign, &list, &count, &err), 0);
    assert_true(count > 0);
    free(list);
    assert_int_equal(chaos_vcpu_list(world->chaos, 99, &list, &count, &err),
                     CHAOS_ENOGUEST);
    fake_hv_vanish(foreign);
}

static void pins_vcpus(void **state)
{
    const struct chaos_cpuset one = cpus("1"), two = cpus("2"),
                              none = cpus("900");
    struct chaos_error err = { 0 };
    struct fake_hv_domain domain;

    (void)state;
    create("vcpus=2\n");
    assert_int_equal(
        chaos_vcpu_set_affinity(world->chaos, domid, 1, &one, NULL, &err), 0);
    domain = fake_hv_domain(domid);
    assert_false(domain.is_pinned[0]);
    assert_int_equal(domain.pinned[1], 2);
    assert_false(domain.is_soft[1]);
    assert_int_equal(chaos_vcpu_set_affinity(world->chaos, domid,
                                             CHAOS_VCPU_ALL, NULL, &two, &err),
                     0);
    domain = fake_hv_domain(domid);
    assert_false(domain.is_pinned[0]);
    assert_int_equal(domain.soft[0], 4);
    assert_int_equal(domain.soft[1], 4);
    assert_int_equal(
        chaos_vcpu_set_affinity(world->chaos, domid, 2, &one, NULL, &err),
        CHAOS_EINVAL);
    assert_says(&err, "has no vCPU 2: it has 2");
    assert_int_equal(chaos_vcpu_set_affinity(world->chaos, domid,
                                             CHAOS_VCPU_ALL, &none, NULL, &err),
                     CHAOS_EINVAL);
    assert_int_equal(
        chaos_vcpu_set_affinity(world->chaos, domid, 0, NULL, NULL, &err),
        CHAOS_EINVAL);
    assert_says(&err, "neither hard nor soft");
}

static void pins_vcpus_of_others(void **state)
{
    static const uint8_t uuid[16] = { 0xf0, 1 };
    uint32_t foreign = fake_hv_add_foreign(NULL, uuid);
    const struct chaos_cpuset one = cpus("1");
    struct chaos_error err;

    (void)state;
    assert_int_equal(
        chaos_vcpu_set_affinity(world->chaos, foreign, 0, &one, &one, &err), 0);
    assert_int_equal(fake_hv_domain(foreign).pinned[0], 2);
    assert_int_equal(fake_hv_domain(foreign).soft[0], 2);
    fake_hv_vanish(foreign);
}

/* What is set of a shell would be a guest's some time. */
static void leaves_shells_alone(void **state)
{
    struct chaos_config *config =
        support_config(world, "g", "pvh", world->noxs_kernel, "");
    const struct chaos_cpuset one = cpus("1");
    struct chaos_share share = { .scheduler = CHAOS_SCHEDULER_CREDIT2,
                                 .weight = 1 };
    struct chaos_error err;
    char name[CHAOS_POOL_NAME_MAX + 1];

    (void)state;
    assert_int_equal(chaos_pool_add(world->chaos, config, NULL, name, &err), 0);
    assert_int_equal(chaos_pool_set(world->chaos, name, 1, 0, &err), 0);
    assert_int_equal(chaos_pool_fill(world->chaos, name, 1, &err), 0);
    assert_int_equal(
        chaos_vcpu_set_affinity(world->chaos, 1, 0, &one, NULL, &err),
        CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_set_share(world->chaos, 1, &share, &err),
                     CHAOS_ENOTSUP);
    chaos_config_free(config);
}

static void sets_vcpus_online(void **state)
{
    struct chaos_error err = { 0 };

    (void)state;
    create_xenstore("vcpus=3\n");
    assert_int_equal(chaos_guest_set_vcpus(world->chaos, domid, 2, &err), 0);
    assert_node("cpu/0/availability", "online");
    assert_node("cpu/1/availability", "online");
    assert_node("cpu/2/availability", "offline");
    assert_int_equal(chaos_guest_set_vcpus(world->chaos, domid, 3, &err), 0);
    assert_node("cpu/2/availability", "online");
    assert_int_equal(chaos_guest_set_vcpus(world->chaos, domid, 4, &err),
                     CHAOS_EINVAL);
    assert_says(&err, "1 to 3");
    assert_int_equal(chaos_guest_set_vcpus(world->chaos, domid, 0, &err),
                     CHAOS_EINVAL);
    assert_node("cpu/3/availability", "(none)");
}

/* ----------------------------------------------------------- scheduling */

static void sets_shares(void **state)
{
    struct chaos_share share;
    struct chaos_error err = { 0 };

    (void)state;
    create("vcpus=2\n");
    assert_int_equal(chaos_guest_share(world->chaos, domid, &share, &err), 0);
    assert_int_equal(share.scheduler, CHAOS_SCHEDULER_CREDIT2);
    assert_int_equal(share.cpupool, 0);
    assert_int_equal(share.weight, 256);
    assert_int_equal(share.cap, 0);
    share.weight = CHAOS_WEIGHT_MAX;
    share.cap = 200;
    assert_int_equal(chaos_guest_set_share(world->chaos, domid, &share, &err),
                     0);
    assert_int_equal(fake_hv_domain(domid).weight, CHAOS_WEIGHT_MAX);
    assert_int_equal(fake_hv_domain(domid).cap, 200);
    share.cap = 201;
    assert_int_equal(chaos_guest_set_share(world->chaos, domid, &share, &err),
                     CHAOS_EINVAL);
    assert_says(&err, "cap 201: not 0 to 200");
    share.cap = 0;
    share.weight = CHAOS_WEIGHT_MAX + 1;
    assert_int_equal(chaos_guest_set_share(world->chaos, domid, &share, &err),
                     CHAOS_EINVAL);
    share.weight = 0;
    assert_int_equal(chaos_guest_set_share(world->chaos, domid, &share, &err),
                     CHAOS_EINVAL);
    share.weight = 1;
    share.scheduler = CHAOS_SCHEDULER_CREDIT;
    assert_int_equal(chaos_guest_set_share(world->chaos, domid, &share, &err),
                     CHAOS_ENOTSUP);
    assert_says(&err, "is credit2, not credit");
}

static void other_schedulers_have_no_weights(void **state)
{
    struct chaos_share share;
    struct chaos_error err;

    (void)state;
    create("");
    fake_hv_set_scheduler(CHAOS_SCHEDULER_NULL);
    assert_int_equal(chaos_guest_share(world->chaos, domid, &share, &err), 0);
    assert_int_equal(share.scheduler, CHAOS_SCHEDULER_NULL);
    assert_int_equal(share.weight, 0);
    share.weight = 1;
    assert_int_equal(chaos_guest_set_share(world->chaos, domid, &share, &err),
                     CHAOS_ENOTSUP);
}

static void lists_pools_of_cpus(void **state)
{
    struct chaos_cpupool_info *list;
    struct chaos_error err;
    size_t count;

    (void)state;
    fake_hv_set_scheduler(CHAOS_SCHEDULER_CREDIT);
    fake_store_set("/local/pool/0/name", "Pool-0");
    assert_int_equal(chaos_cpupool_list(world->chaos, &list, &count, &err), 0);
    fake_store_remove("/local/pool");
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, "Pool-0");
    assert_int_equal(list[0].scheduler, CHAOS_SCHEDULER_CREDIT);
    assert_int_equal(list[0].ratelimit_us, 1000);
    assert_int_equal(list[0].timeslice_ms, 30);
    free(list);
}

/* --------------------------------------------------------------- create */

static void create_sets_shares(void **state)
{
    struct fake_hv_domain domain;

    (void)state;
    create("vcpus=2\ncpu_weight=512\ncap=150\n");
    domain = fake_hv_domain(domid);
    assert_int_equal(domain.weight, 512);
    assert_int_equal(domain.cap, 150);
}

static void create_needs_a_scheduler_with_weights(void **state)
{
    struct chaos_config *config = support_config(
        world, "g", "pvh", world->noxs_kernel, "cpu_weight=512\n");
    struct chaos_error err = { 0 };

    (void)state;
    fake_hv_set_scheduler(CHAOS_SCHEDULER_RTDS);
    assert_int_equal(chaos_guest_create(world->chaos, config, 0, NULL, &err),
                     CHAOS_ENOTSUP);
    assert_says(&err, "credit2 or credit");
    chaos_config_free(config);
}

static void noxs_guests_have_no_spare_vcpus(void **state)
{
    (void)state;
    create("vcpus=2\nmaxvcpus=4\n");
    assert_int_equal(fake_hv_domain(domid).vcpus, 2);
    assert_non_null(strstr(world->log, "maxvcpus=4 is ignored"));
}

static void other_guests_have_spare_vcpus(void **state)
{
    (void)state;
    create_xenstore("vcpus=2\nmaxvcpus=4\ncpus=\"1\"\n");
    assert_int_equal(fake_hv_domain(domid).vcpus, 4);
    assert_int_equal(fake_hv_domain(domid).pinned[3], 2);
    assert_null(strstr(world->log, "ignored"));
    assert_node("cpu/0/availability", "online");
    assert_node("cpu/1/availability", "online");
    assert_node("cpu/2/availability", "offline");
    assert_node("cpu/3/availability", "offline");
    assert_node("cpu/4/availability", "(none)");
}

/* A shell has as many as can be online, and knows no more. */
static void shells_have_spare_vcpus(void **state)
{
    struct chaos_config *config =
        support_config(world, "g", "pvh", world->plain_kernel, "maxvcpus=3\n");
    char name[CHAOS_POOL_NAME_MAX + 1];
    struct chaos_error err;

    (void)state;
    assert_int_equal(chaos_pool_add(world->chaos, config, NULL, name, &err), 0);
    assert_int_equal(chaos_pool_set(world->chaos, name, 1, 0, &err), 0);
    assert_int_equal(chaos_pool_fill(world->chaos, name, 1, &err), 0);
    create_xenstore("vcpus=2\nmaxvcpus=3\n");
    assert_int_equal(domid, 1); /* the shell's */
    assert_node("cpu/1/availability", "online");
    assert_node("cpu/2/availability", "offline");
    chaos_config_free(config);
}

/* --------------------------------------------------------------- memory */

static void sets_memory(void **state)
{
    struct chaos_error err = { 0 };

    (void)state;
    create_xenstore("maxmem=8\n");
    assert_int_equal(chaos_guest_set_memory(world->chaos, domid, 6144, &err),
                     0);
    assert_node("memory/target", "6144");
    assert_node("memory/static-max", "8192");
    assert_int_equal(fake_hv_domain(domid).max_pages, (6144 + 1024) / 4);
    assert_int_equal(chaos_guest_set_memory(world->chaos, domid, 8193, &err),
                     CHAOS_EINVAL);
    assert_says(&err, "memory of g: 8193 KiB is above the 8192 KiB");
    assert_int_equal(chaos_guest_set_memory(world->chaos, domid, 1023, &err),
                     CHAOS_EINVAL);
    assert_says(&err, "not 1 MiB to 16 TiB");
    assert_node("memory/target", "6144");
    assert_int_equal(fake_hv_domain(domid).max_pages, (6144 + 1024) / 4);
}

static void sets_the_maximum(void **state)
{
    struct chaos_error err = { 0 };

    (void)state;
    create_xenstore("maxmem=8\n");
    assert_int_equal(chaos_guest_set_maxmem(world->chaos, domid, 20480, &err),
                     0);
    assert_int_equal(fake_hv_domain(domid).max_pages, (20480 + 1024) / 4);
    assert_int_equal(chaos_guest_set_maxmem(world->chaos, domid, 4095, &err),
                     CHAOS_EINVAL);
    assert_says(&err, "memory of g: 4095 KiB is below the 4096 KiB");
    assert_int_equal(
        chaos_guest_set_maxmem(world->chaos, domid, UINT64_MAX, &err),
        CHAOS_EINVAL);
    assert_int_equal(fake_hv_domain(domid).max_pages, (20480 + 1024) / 4);
    assert_node("memory/target", "4096");
}

static void memory_that_xenstore_does_not_tell(void **state)
{
    struct chaos_error err = { 0 };
    char path[64];

    (void)state;
    create_xenstore("");
    snprintf(path, sizeof(path), "/local/domain/%u/memory/static-max", domid);
    fake_store_set(path, "12x");
    assert_int_equal(chaos_guest_set_memory(world->chaos, domid, 2048, &err),
                     CHAOS_EFAILED);
    assert_says(&err, "memory/static-max is \"12x\"");
}

/* All is as it was when XenStore did not take the target. */
static void memory_fails_anywhere(void **state)
{
    struct fake_hv_domain before;
    struct chaos_error err;
    unsigned n;
    int rc = -1;

    (void)state;
    create_xenstore("maxmem=8\n");
    before = fake_hv_domain(domid);
    assert_int_equal(before.pod_target, 4096 / 4);
    for (n = 1; n < SUPPORT_CALLS_MAX && rc < 0; n++) {
        support_reopen(world);
        fake_hv_reset_counts();
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = chaos_guest_set_memory(world->chaos, domid, 2048, &err);
        fake_hv_fail_at(0, 0);
        if (rc < 0) {
            support_assert_says_why(&err, rc);
            assert_int_equal(fake_hv_domain(domid).max_pages, before.max_pages);
            assert_int_equal(fake_hv_domain(domid).pod_target,
                             before.pod_target);
        }
    }
    assert_int_equal(rc, 0);
    assert_true(n > 5);
    assert_node("memory/target", "2048");
    assert_int_equal(fake_hv_domain(domid).pod_target, 2048 / 4);
}

/* ------------------------------------------------------- who is refused */

static void noxs_guests_cannot_be_asked(void **state)
{
    struct chaos_error err = { 0 };

    (void)state;
    create("vcpus=2\n");
    assert_int_equal(chaos_guest_set_memory(world->chaos, domid, 2048, &err),
                     CHAOS_ENOTSUP);
    assert_says(&err, "guest g does not use XenStore");
    assert_int_equal(chaos_guest_set_maxmem(world->chaos, domid, 4096, &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_set_vcpus(world->chaos, domid, 1, &err),
                     CHAOS_ENOTSUP);
    assert_node("cpu/0/availability", "(none)");
}

static void others_guests_are_not_asked(void **state)
{
    static const uint8_t uuid[16] = { 0xf0, 1 };
    uint32_t foreign = fake_hv_add_foreign("xl", uuid);
    struct chaos_error err = { 0 };

    (void)state;
    assert_int_equal(chaos_guest_set_memory(world->chaos, foreign, 2048, &err),
                     CHAOS_ENOTSUP);
    assert_says(&err, "not made by chaos");
    assert_int_equal(chaos_guest_set_vcpus(world->chaos, foreign, 1, &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_set_memory(world->chaos, 99, 2048, &err),
                     CHAOS_ENOGUEST);
    fake_hv_vanish(foreign);
}

/* -------------------------------------------------------------- failing */

static int list_it(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_vcpu_info *list;
    size_t count;
    int rc = chaos_vcpu_list(chaos, domid, &list, &count, err);

    if (rc == 0)
        free(list);
    return rc;
}

static int pin_it(struct chaos *chaos, struct chaos_error *err)
{
    const struct chaos_cpuset one = cpus("1");

    return chaos_vcpu_set_affinity(chaos, domid, CHAOS_VCPU_ALL, &one, &one,
                                   err);
}

static int read_share(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_share share;

    return chaos_guest_share(chaos, domid, &share, err);
}

static int set_share(struct chaos *chaos, struct chaos_error *err)
{
    const struct chaos_share share = { .scheduler = CHAOS_SCHEDULER_CREDIT2,
                                       .weight = 9 };

    return chaos_guest_set_share(chaos, domid, &share, err);
}

static int set_vcpus(struct chaos *chaos, struct chaos_error *err)
{
    return chaos_guest_set_vcpus(chaos, domid, 1, err);
}

static int set_maxmem(struct chaos *chaos, struct chaos_error *err)
{
    return chaos_guest_set_maxmem(chaos, domid, 9216, err);
}

/* What fails says why, and the guest is still there. */
static void fails_anywhere(void **state)
{
    static const support_operation_fn operations[] = {
        list_it, pin_it, read_share, set_share, set_vcpus, set_maxmem,
    };
    struct chaos_error err;
    size_t i;
    unsigned n;
    int rc;

    (void)state;
    create_xenstore("vcpus=2\n");
    for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        rc = -1;
        for (n = 1; n < SUPPORT_CALLS_MAX && rc < 0; n++) {
            fake_hv_fail_at(n, CHAOS_EFAILED);
            rc = support_run(world, operations[i], &err);
            fake_hv_fail_at(0, 0);
            if (rc < 0)
                support_assert_says_why(&err, rc);
        }
        assert_int_equal(rc, 0);
        assert_true(n > 3);
        assert_int_equal(support_find(world, "g"), domid);
    }
}

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    return 0;
}

static int teardown(void **state)
{
    bool clean;

    (void)state;
    fake_hv_set_scheduler(0);
    support_reopen(world);
    clean = support_end_all(world);
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = fake_hv_check_clean() && clean;
    support_world_free(world);
    return clean ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parses_sets_of_cpus),
        TEST(lists_vcpus),
        TEST(lists_vcpus_of_others),
        TEST(pins_vcpus),
        TEST(pins_vcpus_of_others),
        TEST(leaves_shells_alone),
        TEST(sets_vcpus_online),
        TEST(sets_shares),
        TEST(other_schedulers_have_no_weights),
        TEST(lists_pools_of_cpus),
        TEST(create_sets_shares),
        TEST(create_needs_a_scheduler_with_weights),
        TEST(noxs_guests_have_no_spare_vcpus),
        TEST(other_guests_have_spare_vcpus),
        TEST(shells_have_spare_vcpus),
        TEST(sets_memory),
        TEST(sets_the_maximum),
        TEST(memory_that_xenstore_does_not_tell),
        TEST(memory_fails_anywhere),
        TEST(noxs_guests_cannot_be_asked),
        TEST(others_guests_are_not_asked),
        TEST(fails_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
