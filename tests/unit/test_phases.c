/* SPDX-License-Identifier: MIT */
/* The phases that a create tells of: which ones, and in what order. */
#include "fake_hv.h"
#include "support.h"
#include "support_calls.h"

#include <chaos/pool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOTHING_MORE "files host claim reserve domain memory image start done "

static struct support_world *world;
static struct chaos *chaos; /* tells of phases */
static struct chaos_error err;
static char told[1024];
static char devices[512];

static void tell(void *user, enum chaos_phase phase)
{
    assert_ptr_equal(user, told);
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ",
             chaos_phase_name(phase));
}

static int setup(void **state)
{
    struct chaos_options options = { .phase = tell, .phase_user = told };
    char *disk;

    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk", 1 << 20);
    snprintf(devices, sizeof(devices), "vif=['']\ndisk=['%s,raw,xvda,rw']\n",
             disk);
    free(disk);
    options.run_dir = world->run_dir;
    options.cache_dir = world->cache_dir;
    *told = '\0';
    return chaos_open(&options, &chaos, &err);
}

static int teardown(void **state)
{
    bool clean;

    (void)state;
    chaos_close(chaos);
    clean = support_end_all(world);
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_is_empty(world) && clean;
    support_world_free(world);
    return clean ? 0 : -1;
}

static int create(const char *name, const char *type, const char *kernel,
                  const char *more, unsigned flags)
{
    struct chaos_config *config =
        support_config(world, name, type, kernel, more);
    int rc = chaos_guest_create(chaos, config, flags, NULL, &err);

    chaos_config_free(config);
    return rc;
}

static void fill_pool(const char *type, const char *more)
{
    struct chaos_config *config =
        support_config(world, "flavor", type, world->noxs_kernel, more);
    char name[CHAOS_POOL_NAME_MAX + 1];

    assert_int_equal(chaos_pool_add(chaos, config, NULL, name, &err), 0);
    assert_int_equal(chaos_pool_fill(chaos, name, 1, &err), 0);
    chaos_config_free(config);
}

static void without_devices(void **state)
{
    (void)state;
    assert_int_equal(create("a", "pvh", world->noxs_kernel, "", 0), 0);
    assert_string_equal(told, NOTHING_MORE);
}

static void with_devices(void **state)
{
    (void)state;
    assert_int_equal(create("a", "pv", world->noxs_kernel, devices, 0), 0);
    assert_string_equal(told, "files host claim reserve domain memory devices "
                              "image backends start done ");
}

static void by_xenstore(void **state)
{
    (void)state;
    assert_int_equal(create("a", "pvh", world->plain_kernel, "", 0), 0);
    assert_string_equal(told, "files host claim reserve domain memory devices "
                              "image start done ");
}

static void that_takes_no_shell(void **state)
{
    (void)state;
    assert_int_equal(
        create("a", "pvh", world->noxs_kernel, "", CHAOS_CREATE_COLD), 0);
    assert_string_equal(told,
                        "files host reserve domain memory image start done ");
}

static void of_a_pool_and_from_it(void **state)
{
    (void)state;
    fill_pool("pvh", devices);
    assert_string_equal(told, "reserve domain memory devices backends done ");
    *told = '\0';
    assert_int_equal(create("a", "pvh", world->noxs_kernel, devices, 0), 0);
    assert_string_equal(told, "files host claim dress image start done ");
}

/* It goes on as if there had been none. */
static void that_loses_its_shell(void **state)
{
    (void)state;
    fill_pool("pvh", "");
    *told = '\0';
    fake_hv_fail_next(FAKE_HV_DOMAIN_INFO, CHAOS_EFAILED);
    assert_int_equal(create("a", "pvh", world->noxs_kernel, "", 0), 0);
    assert_string_equal(told, NOTHING_MORE);
}

static void that_fails(void **state)
{
    (void)state;
    fake_hv_fail_next(FAKE_HV_DOMAIN_CREATE, CHAOS_EFAILED);
    assert_true(create("a", "pvh", world->noxs_kernel, "", 0) < 0);
    assert_string_equal(told + strlen(told) - strlen("domain memory done "),
                        "domain memory done ");
}

static void that_cannot_begin(void **state)
{
    (void)state;
    assert_true(create("a", "pvh", "/nowhere", "", 0) < 0);
    assert_string_equal(told, "files done ");
}

/* That is another guest's create. */
static void that_restarts_another(void **state)
{
    uint32_t domid;

    (void)state;
    assert_int_equal(create("a", "pvh", world->noxs_kernel, "", 0), 0);
    assert_int_equal(chaos_guest_find(chaos, "a", &domid, &err), 0);
    fake_hv_shut_down(domid, CHAOS_END_REBOOT);
    *told = '\0';
    assert_int_equal(create("a", "pvh", world->noxs_kernel, "", 0),
                     CHAOS_EEXIST);
    assert_string_equal(told, "files host claim reserve done ");
}

static void names(void **state)
{
    int phase, other;

    (void)state;
    for (phase = 0; phase <= CHAOS_PHASE_DONE; phase++)
        for (other = 0; other < phase; other++)
            assert_string_not_equal(chaos_phase_name(phase),
                                    chaos_phase_name(other));
    assert_string_equal(chaos_phase_name(CHAOS_PHASE_DONE), "done");
    assert_string_equal(chaos_phase_name(CHAOS_PHASE_DONE + 1), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_devices),
        TEST(with_devices),
        TEST(by_xenstore),
        TEST(that_takes_no_shell),
        TEST(of_a_pool_and_from_it),
        TEST(that_loses_its_shell),
        TEST(that_fails),
        TEST(that_cannot_begin),
        TEST(that_restarts_another),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests_name("phases", tests, NULL, NULL);
}
