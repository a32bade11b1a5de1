/* SPDX-License-Identifier: MIT */
/* Pools, and creates that take from them, failing and dying at every call:
 * what is left is guests and shells that are whole, or nothing. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
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

#define POOL "the-pool"
#define SHELLS 2

static struct support_world *world;
static char *disk, *other_disk;

/* What the shells are for: one of these at a time. */
static const struct flavor {
    const char *type, *more;
    bool devices, plain;
} flavors[] = {
    { "pvh", "", false, false },
    { "pvh", "uuid=\"11111111-2222-3333-4444-555555555555\"\n", true, false },
    { "pv", "", true, false },
    { "pvh", "", true, true },
};

#define FLAVORS (sizeof(flavors) / sizeof(flavors[0]))
#define FOR_FLAVORS for (flavor = flavors; flavor < flavors + FLAVORS; flavor++)

static const struct flavor *flavor;

static struct chaos_config *config_of(const char *name, const char *more,
                                      const char *path)
{
    char text[1024];

    snprintf(text, sizeof(text), "%s", more);
    if (flavor->devices)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "vif=['mac=00:16:3e:01:02:%02x']\n"
                 "disk=['%s,raw,xvda,w']\n",
                 *name, path);
    return support_config(
        world, name, flavor->type,
        flavor->plain ? world->plain_kernel : world->noxs_kernel, text);
}

/* ------------------------------------------------------------- operations */

static int add_and_fill(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_config *config = config_of("p", "", disk);
    int rc = chaos_pool_add(chaos, config, POOL, NULL, err);

    if (rc == 0)
        rc = chaos_pool_set(chaos, POOL, SHELLS, SHELLS, err);
    if (rc == 0)
        rc = chaos_pool_fill(chaos, POOL, 0, err);
    chaos_config_free(config);
    return rc;
}

static int create(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_config *config = config_of("g", flavor->more, disk);
    int rc = chaos_guest_create(chaos, config, 0, NULL, err);

    chaos_config_free(config);
    return rc;
}

static int create_another(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_config *config = config_of("k", "", other_disk);
    int rc = chaos_guest_create(chaos, config, 0, NULL, err);

    chaos_config_free(config);
    return rc;
}

static int refill(struct chaos *chaos, struct chaos_error *err)
{
    (void)err;
    chaos_pool_refill(chaos);
    return 0;
}

static int drain(struct chaos *chaos, struct chaos_error *err)
{
    return chaos_pool_drain(chaos, NULL, err);
}

/* ------------------------------------------------------------ what is there */

static void pool_with_shells(void)
{
    support_must(world, add_and_fill);
}

/* One has been taken, by a guest that has gone. */
static void pool_that_is_low(void)
{
    struct chaos *chaos;
    uint32_t domid;

    support_must(world, add_and_fill);
    support_must(world, create_another);
    domid = support_find(world, "k");
    chaos = support_open(world);
    assert_int_equal(chaos_guest_destroy(chaos, domid, NULL), 0);
    chaos_close(chaos);
}

static void no_pool(void)
{
}

static const struct operation {
    const char *name;
    void (*prepare)(void);
    support_operation_fn run;
} filling = { "filling", no_pool, add_and_fill },
  refilling = { "refilling", pool_that_is_low, refill },
  creating = { "creating", pool_with_shells, create },
  draining = { "draining", pool_with_shells, drain };

/* ------------------------------------------------------------ what is left */

static void broken(const struct operation *operation, unsigned n,
                   const char *how, const char *what)
{
    fail_msg("%s type=%s%s, call %u %s: %s", operation->name, flavor->type,
             flavor->devices ? " with devices" : "", n, how, what);
}

/* A back end that waits for its guest. */
static bool waits(const char *device, uint32_t domid)
{
    char path[64], state[8];

    snprintf(path, sizeof(path), "/local/domain/0/backend/%.3s/%u/%s/state",
             device, domid, device + 4);
    return fake_store_look(path, state, sizeof(state)) &&
           strcmp(state, "2") == 0;
}

/* A stock guest's back ends wait for it, and that of a disk which it writes to
 * has not been there for the shell. */
static bool has_back_ends(const struct chaos_guest_info *info)
{
    if (!flavor->devices || !flavor->plain)
        return fake_backend_count(info->domid) == (flavor->devices ? 2 : 0);
    return waits("vif/0", info->domid) &&
           waits("vbd/51712", info->domid) == !info->is_shell;
}

/* A guest or a shell: memory, back ends, and something to run or not yet. */
static bool is_whole(const struct chaos_guest_info *info)
{
    struct fake_hv_domain domain = fake_hv_domain(info->domid);

    return has_back_ends(info) && domain.pages == 1024 &&
           domain.paused == info->is_shell &&
           domain.has_entry == !info->is_shell;
}

static uint32_t count_ready(struct chaos *chaos)
{
    struct chaos_pool_info *pools;
    uint32_t ready = 0;
    size_t count, i;

    assert_int_equal(chaos_pool_list(chaos, &pools, &count, NULL), 0);
    for (i = 0; i < count; i++)
        ready += pools[i].ready;
    free(pools);
    return ready;
}

/* Returns how many shells are ready. */
static uint32_t look(const struct operation *operation, unsigned n,
                     const char *how)
{
    struct chaos *chaos = support_open(world);
    struct chaos_guest_info *list;
    uint32_t shells = 0, ready;
    size_t count, i;

    assert_int_equal(chaos_guest_list(chaos, &list, &count, NULL), 0);
    for (i = 0; i < count; i++) {
        if (list[i].domid == 0)
            continue;
        if (!list[i].is_chaos || !is_whole(&list[i]))
            broken(operation, n, how, "a domain is not whole");
        if (list[i].is_shell == (*list[i].name != '\0'))
            broken(operation, n, how, "neither a shell nor a guest");
        shells += list[i].is_shell;
    }
    free(list);
    ready = count_ready(chaos);
    if (ready != shells || support_count_slots(world) != count - 1)
        broken(operation, n, how, "slots and domains are not the same");
    if (support_count_files(world->run_dir, "shell-") !=
        (strcmp(flavor->type, "pv") == 0 ? shells : 0))
        broken(operation, n, how, "frames are kept, or lost");
    chaos_close(chaos);
    return ready;
}

/* The shells that there are can be used, and all can be ended. */
static void assert_good(const struct operation *operation, unsigned n,
                        const char *how)
{
    uint32_t ready = look(operation, n, how);

    if (ready > 0) {
        fake_hv_reset_counts();
        support_must(world, create_another);
        if (fake_hv_count(FAKE_HV_DOMAIN_CREATE) > 0)
            broken(operation, n, how, "a shell is of no use");
        look(operation, n, how);
    }
    if (!support_end_all(world) || !support_is_empty(world))
        broken(operation, n, how, "something is left");
}

/* ---------------------------------------------------------------- failures */

static void assert_result(const struct operation *operation, unsigned n,
                          const struct chaos_error *err, int rc)
{
    uint32_t domid = support_find(world, "g");

    if (rc < 0)
        support_assert_says_why(err, rc);
    if (operation == &creating && (domid != 0) != (rc == 0))
        broken(operation, n, "fails", "says that there is a guest, or not");
}

/* False: it makes no n-th call. */
static bool fails(const struct operation *operation, unsigned n, int code)
{
    struct chaos_error err = { 0 };
    unsigned calls;
    int rc;

    assert_true(n < SUPPORT_CALLS_MAX);
    operation->prepare();
    fake_hv_reset_counts();
    fake_hv_fail_at(n, code);
    rc = support_run(world, operation->run, &err);
    fake_hv_fail_at(0, 0);
    calls = fake_hv_count_fallible();
    assert_result(operation, n, &err, rc);
    if (calls < n && rc < 0)
        broken(operation, n, "(none)", err.message);
    assert_good(operation, n, "fails");
    return calls >= n;
}

static void fails_anywhere(const struct operation *operation)
{
    /* The last sends a create to the next shell; Xen does not say it of a
     * domain that is there, which who undoes relies on. */
    static const int codes[] = { CHAOS_EFAILED, CHAOS_EBUSY, CHAOS_ENOGUEST };
    size_t i, count = operation == &creating ? 3 : 2;
    unsigned n;

    FOR_FLAVORS
    for (i = 0; i < count; i++) {
        for (n = 1; fails(operation, n, codes[i]);)
            n++;
        assert_true(n > 5);
    }
}

/* Everything fails from the n-th call on, undoing included. */
static bool loses_xen(const struct operation *operation, unsigned n)
{
    struct chaos_error err = { 0 };
    unsigned calls;
    int rc;

    operation->prepare();
    fake_hv_reset_counts();
    fake_hv_fail_from(n, CHAOS_ENOXEN);
    rc = support_run(world, operation->run, &err);
    calls = fake_hv_count_fallible();
    fake_hv_fail_from(0, 0);
    if (rc < 0)
        support_assert_says_why(&err, rc);
    assert_good(operation, n, "and all after it fail");
    return calls >= n;
}

static void loses_xen_anywhere(const struct operation *operation)
{
    unsigned n;

    FOR_FLAVORS
    for (n = 1; loses_xen(operation, n);)
        n++;
}

/* ------------------------------------------------------------------ deaths */

static void dies_anywhere(const struct operation *operation)
{
    unsigned n;
    bool more;

    FOR_FLAVORS
    SUPPORT_FOR_DEATHS(when)
    for (n = 1, more = true; more; n++) {
        operation->prepare();
        more = support_dies(world, operation->run, n, when);
        assert_good(operation, n, "kills");
    }
}

/* Who looks after it dies too, and the one after that. */
static void repair_dies(const struct operation *operation)
{
    unsigned n, m;
    bool more = true;

    flavor = &flavors[1];
    for (n = 1; more; n++) {
        operation->prepare();
        more = support_dies(world, operation->run, n, FAKE_HV_AFTER);
        for (m = 1; support_dies(world, support_list, m, FAKE_HV_DURING);)
            m++;
        assert_good(operation, n, "kills, and who looks");
    }
}

#define OPERATION(name)                                                        \
    static void name##_fails(void **state)                                     \
    {                                                                          \
        (void)state;                                                           \
        fails_anywhere(&name);                                                 \
    }                                                                          \
    static void name##_loses_xen(void **state)                                 \
    {                                                                          \
        (void)state;                                                           \
        loses_xen_anywhere(&name);                                             \
    }                                                                          \
    static void name##_dies(void **state)                                      \
    {                                                                          \
        (void)state;                                                           \
        dies_anywhere(&name);                                                  \
    }                                                                          \
    static void name##_and_its_repair_die(void **state)                        \
    {                                                                          \
        (void)state;                                                           \
        repair_dies(&name);                                                    \
    }

OPERATION(filling)
OPERATION(refilling)
OPERATION(creating)
OPERATION(draining)

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk", 4096);
    other_disk = support_disk(world, "other", 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    support_world_free(world);
    free(disk);
    free(other_disk);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TESTS(name)                                                            \
    TEST(name##_fails), TEST(name##_loses_xen), TEST(name##_dies),             \
        TEST(name##_and_its_repair_die)
    const struct CMUnitTest tests[] = {
        TESTS(filling),
        TESTS(refilling),
        TESTS(creating),
        TESTS(draining),
    };

    return cmocka_run_group_tests_name("pool_undo", tests, NULL, NULL);
}
