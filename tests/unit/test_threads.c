/* SPDX-License-Identifier: MIT */
/*
 * Threads and processes that work at once, each with a context of its own.
 * Made to be run under ThreadSanitizer too, which knows memory by its address:
 *
 * It sees what threads share without a mapping of their own: a global that the
 * library should not have, the heap, and the fakes' state.
 *
 * It does not see the registry, nor what two mappings of a guest's frame share.
 * Each context maps them at an address of its own, and one excludes the other
 * by file locks, which mean nothing to it.  That the registry stays whole is
 * for the assertions here to find, and processes are as good as threads for it.
 *
 * It may miss what threads do between two calls of the seam: each call takes
 * the fake's lock, so all that one thread did before its call is ordered before
 * what another does after a later one.  Only what meets by chance between two
 * of them is found, hence the rounds.
 */
#include "fake_hv.h"
#include "support.h"

#include <chaos/pool.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 4
#define ROUNDS 150 /* at most 254: an exit status */

static struct support_world *world;
static char with_devices[512];

/* One worker: a thread or a process. */
struct worker {
    unsigned number;
    unsigned won;             /* creates of a name that all want */
    struct chaos_error first; /* what went wrong first; code 0: nothing */
};

static struct chaos *open_quiet(void)
{
    const struct chaos_options options = { .run_dir = world->run_dir };
    struct chaos *chaos;

    if (chaos_open(&options, &chaos, NULL) < 0)
        abort();
    return chaos;
}

static void note(struct worker *worker, int rc, const struct chaos_error *err)
{
    if (rc < 0 && !worker->first.code)
        worker->first = *err;
}

static int create(struct chaos *chaos, const char *name, const char *more,
                  uint32_t *domid_r, struct chaos_error *err)
{
    struct chaos_config *config =
        support_config(world, name, "pvh", world->noxs_kernel, more);
    int rc = chaos_guest_create(chaos, config, 0, domid_r, err);

    chaos_config_free(config);
    return rc;
}

/* Every other guest has devices: back ends serve all workers at once. */
static const char *devices_of(unsigned i)
{
    return i % 2 ? with_devices : "";
}

/* Names of its own, listing in between. */
static void *work_apart(void *user)
{
    struct worker *worker = user;
    struct chaos *chaos = open_quiet();
    struct chaos_guest_info *list;
    struct chaos_error err;
    char name[32], other[32];
    uint32_t domid, found;
    size_t count;
    unsigned i;
    int rc;

    for (i = 0; i < ROUNDS && !worker->first.code; i++) {
        snprintf(name, sizeof(name), "w%u-%u", worker->number, i);
        snprintf(other, sizeof(other), "x%u-%u", worker->number, i);
        rc = create(chaos, name, devices_of(i), &domid, &err);
        note(worker, rc, &err);
        if (rc < 0)
            break;
        note(worker, chaos_guest_rename(chaos, domid, other, &err), &err);
        rc = chaos_guest_find(chaos, other, &found, &err);
        note(worker, rc, &err);
        if (rc == 0 && found != domid)
            abort();
        rc = chaos_guest_list(chaos, &list, &count, &err);
        note(worker, rc, &err);
        if (rc == 0)
            free(list);
        note(worker, chaos_guest_destroy(chaos, domid, &err), &err);
    }
    chaos_close(chaos);
    return NULL;
}

/* A few names that all want; who gets one keeps it. */
static void *work_together(void *user)
{
    struct worker *worker = user;
    struct chaos *chaos = open_quiet();
    struct chaos_error err;
    char name[32];
    unsigned i;
    int rc;

    for (i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof(name), "shared-%u", i);
        rc = create(chaos, name, "", NULL, &err);
        worker->won += rc == 0;
        if (rc != CHAOS_EEXIST)
            note(worker, rc, &err);
    }
    chaos_close(chaos);
    return NULL;
}

/* Everybody destroys everything. */
static void *work_against(void *user)
{
    struct worker *worker = user;
    struct chaos *chaos = open_quiet();
    struct chaos_error err;
    uint32_t domid;
    int rc;

    for (domid = 1; domid <= ROUNDS; domid++) {
        rc = chaos_guest_destroy(chaos, domid, &err);
        worker->won += rc == 0;
        /* Another one is at it, or was. */
        if (rc != CHAOS_EBUSY && rc != CHAOS_ENOGUEST && rc != CHAOS_ENOTSUP)
            note(worker, rc, &err);
    }
    chaos_close(chaos);
    return NULL;
}

#define TAKES 12
#define POOL "the-pool"

/* Shells that all want: each is one guest's. */
static void *work_from_pool(void *user)
{
    struct worker *worker = user;
    struct chaos *chaos = open_quiet();
    struct chaos_error err;
    char name[32];
    unsigned i;
    int rc;

    for (i = 0; i < TAKES; i++) {
        snprintf(name, sizeof(name), "w%u-%u", worker->number, i);
        rc = create(chaos, name, with_devices, NULL, &err);
        note(worker, rc, &err);
        worker->won += rc == 0;
    }
    chaos_close(chaos);
    return NULL;
}

static int add_pool(struct chaos *chaos, uint32_t size, struct chaos_error *err)
{
    struct chaos_config *config = support_config(
        world, "flavor", "pvh", world->noxs_kernel, with_devices);
    int rc = chaos_pool_add(chaos, config, POOL, NULL, err);

    chaos_config_free(config);
    return rc < 0 ? rc : chaos_pool_set(chaos, POOL, size, size, err);
}

/* What pools do meanwhile is no guest's matter. */
static void *work_with_pools(void *user)
{
    struct worker *worker = user;
    struct chaos *chaos = open_quiet();
    struct chaos_error err;
    char name[32];
    uint32_t domid;
    unsigned i;
    int rc;

    for (i = 0; i < ROUNDS / 3 && !worker->first.code; i++) {
        if ((i + worker->number) % 4 == 0)
            add_pool(chaos, 3, NULL);
        if (chaos_pool_is_low(chaos))
            chaos_pool_refill(chaos);
        snprintf(name, sizeof(name), "w%u-%u", worker->number, i);
        rc = create(chaos, name, with_devices, &domid, &err);
        note(worker, rc, &err);
        if (rc == 0)
            note(worker, chaos_guest_destroy(chaos, domid, &err), &err);
        if ((i + worker->number) % 7 == 0)
            chaos_pool_drain(chaos, NULL, NULL);
    }
    chaos_close(chaos);
    return NULL;
}

static unsigned in_threads(void *(*work)(void *))
{
    struct worker workers[WORKERS] = { 0 };
    pthread_t threads[WORKERS];
    unsigned i, won = 0;

    for (i = 0; i < WORKERS; i++) {
        workers[i].number = i;
        if (pthread_create(&threads[i], NULL, work, &workers[i]))
            abort();
    }
    for (i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (i = 0; i < WORKERS; i++) {
        if (workers[i].first.code)
            fail_msg("worker %u: %s", i, workers[i].first.message);
        won += workers[i].won;
    }
    return won;
}

static unsigned in_processes(void *(*work)(void *))
{
    unsigned i, won = 0, failed = 0;
    pid_t pids[WORKERS];
    int status;

    for (i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct worker worker = { .number = i };

            work(&worker);
            if (worker.first.code)
                fprintf(stderr, "worker %u: %s\n", i, worker.first.message);
            _exit(worker.first.code ? 255 : (int)worker.won);
        }
    }
    for (i = 0; i < WORKERS; i++) {
        if (pids[i] < 0 || waitpid(pids[i], &status, 0) != pids[i])
            abort();
        if (!WIFEXITED(status) || WEXITSTATUS(status) == 255)
            failed++;
        else
            won += (unsigned)WEXITSTATUS(status);
    }
    assert_int_equal(failed, 0);
    return won;
}

static void assert_empty(void)
{
    assert_int_equal(support_count_slots(world), 0);
    assert_int_equal(support_count_files(world->run_dir, "guest-"), 0);
    assert_int_equal(support_count_files(world->run_dir, "shell-"), 0);
    assert_true(fake_hv_check_clean());
}

static void threads_apart(void **state)
{
    (void)state;
    in_threads(work_apart);
    assert_empty();
}

static void processes_apart(void **state)
{
    (void)state;
    in_processes(work_apart);
    assert_empty();
}

static void threads_want_the_same(void **state)
{
    (void)state;
    assert_int_equal(in_threads(work_together), ROUNDS);
    assert_int_equal(support_count_slots(world), ROUNDS);
    in_threads(work_against);
    support_reopen(world);
}

static void processes_want_the_same(void **state)
{
    (void)state;
    assert_int_equal(in_processes(work_together), ROUNDS);
    assert_int_equal(support_count_slots(world), ROUNDS);
    in_processes(work_against);
}

/* A pool with as many shells as will be taken; then none is left, and no
 * domain was made. */
static void take_all(unsigned (*at_once)(void *(*work)(void *)))
{
    struct chaos_pool_info *pools;
    struct chaos_error err;
    size_t count;

    if (add_pool(world->chaos, WORKERS * TAKES, &err) < 0 ||
        chaos_pool_fill(world->chaos, POOL, 0, &err) < 0)
        fail_msg("%s", err.message);
    fake_hv_reset_counts();
    assert_int_equal(at_once(work_from_pool), WORKERS * TAKES);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
    assert_int_equal(support_count_slots(world), WORKERS * TAKES);
    assert_int_equal(chaos_pool_list(world->chaos, &pools, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(pools[0].ready, 0);
    free(pools);
}

static void threads_take_shells(void **state)
{
    (void)state;
    take_all(in_threads);
    in_threads(work_against);
    support_reopen(world);
}

static void processes_take_shells(void **state)
{
    (void)state;
    take_all(in_processes);
    in_processes(work_against);
}

static void drain_all(void)
{
    struct chaos *chaos = open_quiet();
    struct chaos_error err;

    if (chaos_pool_drain(chaos, NULL, &err) < 0)
        fail_msg("%s", err.message);
    chaos_close(chaos);
}

static void threads_fill_and_drain(void **state)
{
    (void)state;
    in_threads(work_with_pools);
    drain_all();
    assert_empty();
}

static void processes_fill_and_drain(void **state)
{
    (void)state;
    in_processes(work_with_pools);
    drain_all();
    assert_empty();
}

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    snprintf(with_devices, sizeof(with_devices),
             "vif=['']\ndisk=['%s,raw,xvda,r']\n", world->ramdisk);
    return 0;
}

/* What destroying against each other has left, goes. */
static int teardown(void **state)
{
    struct chaos_guest_info *list;
    size_t count, i;
    bool clean;

    (void)state;
    if (chaos_guest_list(world->chaos, &list, &count, NULL) < 0)
        return -1;
    for (i = 1; i < count; i++)
        chaos_guest_destroy(world->chaos, list[i].domid, NULL);
    free(list);
    clean = support_count_slots(world) == 0;
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
        TEST(threads_apart),          TEST(processes_apart),
        TEST(threads_want_the_same),  TEST(processes_want_the_same),
        TEST(threads_take_shells),    TEST(processes_take_shells),
        TEST(threads_fill_and_drain), TEST(processes_fill_and_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
