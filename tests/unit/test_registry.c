/* SPDX-License-Identifier: MIT */
/* Slots, names, owners, and what other processes leave behind. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry/index.h"
#include "registry/pools.h"
#include "registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct chaos__registry *registry;
static struct chaos_error err;
static char *directory, *run_dir;

/* A file beside the registry. */
static const char *file(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", run_dir, name);
    return path;
}

static struct chaos__registry *open_registry(void)
{
    struct chaos__registry *opened;

    if (chaos__registry_open(run_dir, &opened, &err) < 0)
        fail_msg("%s", err.message);
    return opened;
}

static int setup(void **state)
{
    (void)state;
    directory = support_directory();
    run_dir = support_path(directory, "run");
    registry = open_registry();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    chaos__registry_close(registry);
    free(run_dir);
    support_remove_directory(directory);
    return 0;
}

static const uint8_t *uuid_of(unsigned number)
{
    static uint8_t uuid[16];

    memcpy(uuid, &number, sizeof(number));
    return uuid;
}

static int reserve(struct chaos__registry *in, unsigned number,
                   struct chaos__slot **slot_r)
{
    char name[32];

    snprintf(name, sizeof(name), "guest-%u", number);
    return chaos__registry_reserve(in, name, uuid_of(number), slot_r, NULL,
                                   &err);
}

static void test_names_are_unique_and_found(void **state)
{
    struct chaos__slot *slot, *taken = NULL;

    (void)state;
    assert_int_equal(reserve(registry, 1, &slot), 0);
    assert_int_equal(slot->state, CHAOS__SLOT_PREPARING);
    assert_ptr_equal(chaos__registry_by_name(registry, "guest-1"), slot);
    assert_null(chaos__registry_by_name(registry, "guest-2"));
    assert_int_equal(chaos__registry_reserve(registry, "guest-1", uuid_of(2),
                                             &slot, &taken, &err),
                     CHAOS_EEXIST);
    assert_non_null(taken);
    assert_int_equal(chaos__registry_reserve(registry, "guest-2", uuid_of(1),
                                             &slot, NULL, &err),
                     CHAOS_EEXIST);
    assert_int_equal(chaos__registry_free(registry, taken, &err), 0);
    assert_int_equal(reserve(registry, 1, &slot), 0);
}

static struct chaos__slot *reserve_running(unsigned number)
{
    struct chaos__slot *slot;

    assert_int_equal(reserve(registry, number, &slot), 0);
    assert_int_equal(
        chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING, &err),
        0);
    return slot;
}

static void test_domids_are_found(void **state)
{
    struct chaos__slot *slot;

    (void)state;
    assert_int_equal(reserve(registry, 1, &slot), 0);
    assert_null(chaos__registry_by_domid(registry, 7));
    assert_int_equal(chaos__registry_set_domid(registry, slot, 7, &err), 0);
    assert_ptr_equal(chaos__registry_by_domid(registry, 7), slot);
    assert_int_equal(chaos__registry_free(registry, slot, &err), 0);
    assert_null(chaos__registry_by_domid(registry, 7));
    assert_null(chaos__registry_by_domid(registry, UINT32_MAX));
}

static void test_rename(void **state)
{
    struct chaos__slot *one, *two;

    (void)state;
    assert_int_equal(reserve(registry, 1, &one), 0);
    assert_int_equal(reserve(registry, 2, &two), 0);
    assert_int_equal(chaos__registry_rename(registry, one, one->domid,
                                            one->uuid, "new", &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(
        chaos__registry_set_state(registry, one, CHAOS__SLOT_RUNNING, &err), 0);
    assert_int_equal(chaos__registry_rename(registry, one, one->domid,
                                            two->uuid, "new", &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(
        chaos__registry_rename(registry, one, 7, one->uuid, "new", &err),
        CHAOS_ENOGUEST);
    assert_int_equal(chaos__registry_rename(registry, one, one->domid,
                                            one->uuid, "guest-2", &err),
                     CHAOS_EEXIST);
    assert_int_equal(chaos__registry_rename(registry, one, one->domid,
                                            one->uuid, "new", &err),
                     0);
    assert_ptr_equal(chaos__registry_by_name(registry, "new"), one);
    assert_null(chaos__registry_by_name(registry, "guest-1"));
}

/* Guests come and go; names stay found, and look-ups stay short. */
static void test_churn(void **state)
{
    static struct chaos__slot *slots[2000];
    char name[CHAOS__SLOT_NAME_SIZE];
    unsigned i, number = 0;

    (void)state;
    srandom(1);
    for (i = 0; i < 2000; i++)
        assert_int_equal(reserve(registry, number++, &slots[i]), 0);
    for (; number < 12000; number++) {
        i = (unsigned)random() % 2000;
        assert_int_equal(chaos__registry_free(registry, slots[i], &err), 0);
        assert_int_equal(reserve(registry, number, &slots[i]), 0);
    }
    for (i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "%s", slots[i]->name);
        assert_ptr_equal(chaos__registry_by_name(registry, name), slots[i]);
    }
}

static unsigned probes;

static bool count_probe(const void *user, unsigned number, const void *key)
{
    (void)user;
    (void)key;
    probes++;
    return number == 0;
}

/* O(1): even with every slot in use, a look-up for nothing ends soon. */
static void test_probes_are_few(void **state)
{
    struct chaos__index *index = calloc(1, sizeof(*index));
    unsigned i, most = 0;
    char name[32];

    (void)state;
    for (i = 1; i <= CHAOS__SLOTS; i++) {
        snprintf(name, sizeof(name), "guest-%u", i);
        chaos__index_add(index, chaos__index_hash(name, strlen(name)), i);
    }
    for (i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "other-%u", i);
        probes = 0;
        chaos__index_find(index, chaos__index_hash(name, strlen(name)),
                          count_probe, NULL, name);
        if (probes > most)
            most = probes;
    }
    free(index);
    assert_in_range(most, 1, 64);
}

static void test_all_slots(void **state)
{
    struct chaos__slot *slot, *last = NULL;
    unsigned i;

    (void)state;
    for (i = 0; i < CHAOS__SLOTS; i++) {
        assert_int_equal(reserve(registry, i, &last), 0);
        last->domid = CHAOS__NO_DOMID;
    }
    assert_int_equal(reserve(registry, i, &slot), CHAOS_ENOMEM);
    assert_int_equal(chaos__registry_free(registry, last, &err), 0);
    assert_int_equal(reserve(registry, i, &slot), 0);
}

/* Runs `work` in a process that is killed right after. */
static void in_dead_process(void (*work)(struct chaos__registry *))
{
    struct chaos__registry *other;
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        other = open_registry();
        work(other);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void reserve_one(struct chaos__registry *other)
{
    struct chaos__slot *slot;

    reserve(other, 1, &slot);
}

static void test_orphans(void **state)
{
    struct chaos__registry *third = open_registry();
    struct chaos__slot *slot;

    (void)state;
    in_dead_process(reserve_one);
    slot = chaos__registry_next_orphan(registry);
    assert_non_null(slot);
    assert_string_equal(slot->name, "guest-1");
    /* It is ours now. */
    assert_null(chaos__registry_next_orphan(third));
    chaos__registry_abandon(registry, slot);
    assert_ptr_not_equal(chaos__registry_next_orphan(third), NULL);
    chaos__registry_close(third);
}

static void test_the_living_keep_theirs(void **state)
{
    struct chaos__registry *other = open_registry();
    struct chaos__slot *slot, *seen;

    (void)state;
    assert_int_equal(reserve(registry, 1, &slot), 0);
    assert_null(chaos__registry_next_orphan(other));
    seen = chaos__registry_by_name(other, "guest-1");
    assert_non_null(seen);
    assert_int_equal(chaos__registry_take(other, seen, seen->domid, uuid_of(1),
                                          CHAOS__SLOT_DYING, &err),
                     CHAOS_EBUSY);
    assert_int_equal(
        chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING, &err),
        0);
    assert_int_equal(chaos__registry_take(other, seen, seen->domid, uuid_of(2),
                                          CHAOS__SLOT_DYING, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos__registry_take(other, seen, 7, uuid_of(1),
                                          CHAOS__SLOT_DYING, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos__registry_take(other, seen, seen->domid, uuid_of(1),
                                          CHAOS__SLOT_DYING, &err),
                     0);
    assert_int_equal(chaos__registry_take(registry, slot, slot->domid,
                                          uuid_of(1), CHAOS__SLOT_DYING, &err),
                     CHAOS_EBUSY);
    /* What lingers is nobody's guest any more. */
    assert_int_equal(
        chaos__registry_set_state(other, seen, CHAOS__SLOT_LINGERING, &err), 0);
    assert_int_equal(chaos__registry_take(registry, slot, slot->domid,
                                          uuid_of(1), CHAOS__SLOT_CHANGING,
                                          &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(slot->state, CHAOS__SLOT_LINGERING);
    chaos__registry_close(other);
}

/* That a core is to be written is known as soon as the guest is to end. */
static void test_a_core_is_not_forgotten(void **state)
{
    struct chaos__slot *slot = reserve_running(1);

    (void)state;
    assert_int_equal(chaos__registry_take_to_dump(registry, slot, slot->domid,
                                                  uuid_of(1), 2, &err),
                     0);
    assert_int_equal(slot->state, CHAOS__SLOT_DYING);
    assert_int_equal(slot->dumps, 2);
}

/* Offset of `dirty` and of the indexes in the file's layout. */
#define DIRTY_AT 12
#define INDEXES_AT 4096
#define INDEXES_SIZE (2 * 131072 + 65536)

static void scramble(struct chaos__registry *other)
{
    static uint8_t noise[INDEXES_SIZE];
    int fd = open(file("registry"), O_RDWR);
    uint32_t dirty = 1;
    size_t i;

    (void)other;
    for (i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)random();
    if (pwrite(fd, noise, sizeof(noise), INDEXES_AT) != sizeof(noise) ||
        pwrite(fd, noise, 4, 16) != 4 ||
        pwrite(fd, &dirty, sizeof(dirty), DIRTY_AT) != sizeof(dirty))
        _exit(1);
}

/* A process died in the middle of a change: all that is derived is made
 * anew from the slots. */
static void test_rebuild(void **state)
{
    struct chaos__slot *slots[100], *slot;
    char name[32];
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++) {
        assert_int_equal(reserve(registry, i, &slots[i]), 0);
        assert_int_equal(
            chaos__registry_set_domid(registry, slots[i], 100 + i, &err), 0);
        assert_int_equal(chaos__registry_set_state(registry, slots[i],
                                                   CHAOS__SLOT_RUNNING, &err),
                         0);
    }
    for (i = 0; i < 100; i += 3) {
        assert_int_equal(chaos__registry_take(registry, slots[i],
                                              slots[i]->domid, uuid_of(i),
                                              CHAOS__SLOT_DYING, &err),
                         0);
        assert_int_equal(chaos__registry_free(registry, slots[i], &err), 0);
    }
    in_dead_process(scramble);
    for (i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "guest-%u", i);
        slot = chaos__registry_by_name(registry, name);
        assert_ptr_equal(slot, i % 3 ? slots[i] : NULL);
        assert_ptr_equal(chaos__registry_by_domid(registry, 100 + i), slot);
    }
    assert_null(chaos__registry_next_orphan(registry));
    for (i = 0; i < 100; i += 3)
        assert_int_equal(reserve(registry, i, &slot), 0);
}

static void test_two_processes(void **state)
{
    struct chaos__registry *other;
    struct chaos__slot *slot;
    unsigned i, count = 0;
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    other = pid == 0 ? open_registry() : registry;
    /* Both want the same names, in opposite order. */
    for (i = 0; i < 1000; i++)
        reserve(other, pid == 0 ? i : 999 - i, &slot);
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (slot = NULL; (slot = chaos__registry_next(registry, slot));)
        count++;
    assert_int_equal(count, 1000);
}

#define RIVALS 4

static unsigned churn(struct chaos__registry *in, unsigned number)
{
    struct chaos__slot *slot;
    unsigned failed = 0, i;

    for (i = 0; i < 5000; i++)
        if (reserve(in, number, &slot) < 0 ||
            chaos__registry_free(in, slot, &err) < 0)
            failed++;
    return failed;
}

/* A slot that is freed can be reserved by another process at once. */
static void test_free_and_reserve(void **state)
{
    pid_t pids[RIVALS];
    unsigned i;
    int status;

    (void)state;
    for (i = 0; i < RIVALS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(churn(open_registry(), i) != 0);
    }
    for (i = 0; i < RIVALS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

static void half_renamed(struct chaos__registry *other)
{
    struct chaos__slot *slot = chaos__registry_next(other, NULL);
    int fd = open(file("registry"), O_RDWR);
    uint32_t dirty = 1;

    if (pwrite(fd, &dirty, sizeof(dirty), DIRTY_AT) != sizeof(dirty))
        _exit(1);
    memcpy(slot->new_name, "whole", sizeof("whole"));
    slot->renaming = 1;
    memcpy(slot->name, "wh", sizeof("wh"));
}

static void test_dies_while_renaming(void **state)
{
    struct chaos__slot *slot;

    (void)state;
    assert_int_equal(reserve(registry, 1, &slot), 0);
    in_dead_process(half_renamed);
    assert_ptr_equal(chaos__registry_by_name(registry, "whole"), slot);
    assert_null(chaos__registry_by_name(registry, "wh"));
}

static void test_files_of_others(void **state)
{
    static const uint8_t noise[8192] = { 1, 2, 3 };
    struct chaos__registry *other;

    (void)state;
    support_write_file(file("registry"), noise, sizeof(noise));
    assert_int_equal(chaos__registry_open(run_dir, &other, &err),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, file("registry")));
    assert_non_null(strstr(err.message, "chaos recover"));
}

static void test_configs(void **state)
{
    struct chaos__slot *slot;
    char *text;

    (void)state;
    assert_int_equal(reserve(registry, 1, &slot), 0);
    assert_int_equal(chaos__registry_read_config(registry, slot, &text, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(
        chaos__registry_keep_config(registry, slot, "memory=4\n", &err), 0);
    assert_int_equal(chaos__registry_read_config(registry, slot, &text, &err),
                     0);
    assert_string_equal(text, "memory=4\n");
    free(text);
    assert_int_equal(chaos__registry_free(registry, slot, &err), 0);
    assert_int_not_equal(access(file("guest-1.cfg"), F_OK), 0);
}

/* ----------------------------------------------------------------- pools */

static const struct chaos__device shells_key = { .kind = CHAOS__DEVICE_NET,
                                                 .key = { 1, 0 } };
static const struct chaos__device guests_key = { .kind = CHAOS__DEVICE_NET,
                                                 .key = { 2, 0 } };

/* In the same place of the index as the shell's. */
static const struct chaos__device no_ones_key = { .kind = CHAOS__DEVICE_BLOCK,
                                                  .key = { 1, 0 } };

static void offer_shell(const uint8_t *flavor)
{
    struct chaos__device *device;
    struct chaos__slot *slot;

    assert_int_equal(
        chaos__registry_reserve(registry, NULL, uuid_of(1), &slot, NULL, &err),
        0);
    assert_int_equal(
        chaos__registry_add_device(registry, slot, &shells_key, &device, &err),
        0);
    assert_int_equal(chaos__pool_offer(registry, slot, flavor, &err), 0);
}

/* The key of a shell is free when its guest has another, and what is freed can
 * be made again. */
static void test_keys_of_claimed_shells(void **state)
{
    const uint8_t flavor[CHAOS__FLAVOR_SIZE] = { 1 };
    struct chaos__claim claim = { .flavor = { 1 },
                                  .name = "guest",
                                  .devices = &guests_key,
                                  .device_count = 1 };
    struct chaos__device *device;
    struct chaos__pool *pool;
    struct chaos__slot *slot, *other, *taken;
    unsigned i;

    (void)state;
    assert_int_equal(chaos__pool_add(registry, "pool", flavor, &pool, &err), 0);
    for (i = 0; i < 3; i++) {
        offer_shell(flavor);
        assert_null(chaos__registry_rival(registry, &no_ones_key));
        assert_int_equal(
            chaos__pool_claim(registry, &claim, &slot, &taken, &err), 1);
        assert_ptr_equal(chaos__registry_rival(registry, &guests_key), slot);
        assert_null(chaos__registry_rival(registry, &shells_key));
        assert_int_equal(reserve(registry, 9, &other), 0);
        assert_int_equal(chaos__registry_add_device(registry, other,
                                                    &shells_key, &device, &err),
                         0);
        assert_int_equal(chaos__registry_free(registry, other, &err), 0);
        assert_int_equal(chaos__registry_free(registry, slot, &err), 0);
        assert_null(chaos__registry_rival(registry, &guests_key));
    }
    assert_int_equal(pool->ready, 0);
}

/* Who wants what one that has ended still has is told so. */
static void test_keys_of_those_that_end(void **state)
{
    static const enum chaos__slot_state states[] = { CHAOS__SLOT_PREPARING,
                                                     CHAOS__SLOT_LINGERING,
                                                     CHAOS__SLOT_DYING };
    struct chaos__slot *slot, *other;
    struct chaos__device *device;

    (void)state;
    assert_int_equal(
        chaos__registry_reserve(registry, NULL, uuid_of(1), &slot, NULL, &err),
        0);
    assert_int_equal(
        chaos__registry_add_device(registry, slot, &no_ones_key, &device, &err),
        0);
    assert_int_equal(reserve(registry, 9, &other), 0);
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            assert_int_equal(
                chaos__registry_set_state(registry, slot, states[i], &err), 0);
        assert_int_equal(chaos__registry_add_device(
                             registry, other, &no_ones_key, &device, &err),
                         CHAOS_EBUSY);
        assert_non_null(
            strstr(err.message, i == 0 ? "a shell" : "that was destroyed"));
    }
}

/* ----------------------------------------- devices that come and go */

#define SOME 3

static struct chaos__device numbered(uint32_t id)
{
    return (struct chaos__device){ .kind = CHAOS__DEVICE_BLOCK,
                                   .id = id,
                                   .key = { id, 1 } };
}

/* The slot has those that are in the set, in order. */
static void assert_devices(const struct chaos__slot *slot, unsigned set)
{
    struct chaos__device *device = NULL, wanted;
    unsigned i;

    for (i = 0; i < SOME; i++) {
        wanted = numbered(i + 1);
        assert_ptr_equal(chaos__registry_rival(registry, &wanted),
                         set & 1u << i ? slot : NULL);
        if (!(set & 1u << i))
            continue;
        device = chaos__registry_next_device(registry, slot, device);
        assert_non_null(device);
        assert_int_equal(device->id, i + 1);
    }
    assert_null(chaos__registry_next_device(registry, slot, device));
}

static struct chaos__device *device_of(const struct chaos__slot *slot,
                                       uint32_t id)
{
    struct chaos__device *device = NULL;

    while ((device = chaos__registry_next_device(registry, slot, device)) &&
           device->id != id)
        ;
    assert_non_null(device);
    return device;
}

static void test_devices_go(void **state)
{
    static const unsigned orders[][SOME] = { { 0, 1, 2 }, { 0, 2, 1 },
                                             { 1, 0, 2 }, { 1, 2, 0 },
                                             { 2, 0, 1 }, { 2, 1, 0 } };
    struct chaos__device wanted, *device;
    struct chaos__slot *slot, *other;
    unsigned i, n, set;

    (void)state;
    assert_int_equal(reserve(registry, 1, &slot), 0);
    assert_int_equal(reserve(registry, 2, &other), 0);
    wanted = numbered(99);
    assert_int_equal(
        chaos__registry_add_device(registry, other, &wanted, &device, &err), 0);
    for (i = 0; i < 2 * sizeof(orders) / sizeof(orders[0]); i++) {
        for (n = 0; n < SOME; n++) {
            wanted = numbered(n + 1);
            assert_int_equal(chaos__registry_add_device(registry, slot, &wanted,
                                                        &device, &err),
                             0);
        }
        set = (1u << SOME) - 1;
        assert_devices(slot, set);
        for (n = 0; n < SOME; n++) {
            device = device_of(slot, orders[i / 2][n] + 1);
            assert_int_equal(
                chaos__registry_drop_device(registry, slot, device, &err), 0);
            set &= ~(1u << orders[i / 2][n]);
            /* Every other time all that is derived is made anew. */
            if (i % 2)
                assert_int_equal(chaos__registry_rederive(registry, &err), 0);
            assert_devices(slot, set);
        }
    }
    wanted = numbered(99);
    assert_ptr_equal(chaos__registry_rival(registry, &wanted), other);
}

/* A guest is one's own while a device of it changes, and runs after. */
static void test_changing(void **state)
{
    struct chaos__registry *second = open_registry();
    struct chaos__slot *slot = reserve_running(1);

    (void)state;
    assert_int_equal(chaos__registry_take(registry, slot, slot->domid,
                                          uuid_of(1), CHAOS__SLOT_CHANGING,
                                          &err),
                     0);
    assert_int_equal(
        chaos__registry_take(second, chaos__registry_by_name(second, "guest-1"),
                             slot->domid, uuid_of(1), CHAOS__SLOT_DYING, &err),
        CHAOS_EBUSY);
    assert_null(chaos__registry_next_orphan(second));
    chaos__registry_abandon(registry, slot);
    slot = chaos__registry_next_orphan(second);
    assert_non_null(slot);
    assert_int_equal(slot->state, CHAOS__SLOT_CHANGING);
    assert_int_equal(
        chaos__registry_set_state(second, slot, CHAOS__SLOT_RUNNING, &err), 0);
    assert_null(chaos__registry_next_orphan(registry));
    chaos__registry_close(second);
}

static void test_configs_are_replaced(void **state)
{
    struct chaos__slot *slot;
    char *text;

    (void)state;
    assert_int_equal(reserve(registry, 1, &slot), 0);
    assert_int_equal(chaos__registry_keep_config(registry, slot, "old", &err),
                     0);
    assert_int_equal(
        chaos__registry_replace_config(registry, slot, "new", &err), 0);
    assert_int_equal(chaos__registry_read_config(registry, slot, &text, &err),
                     0);
    assert_string_equal(text, "new");
    free(text);
    assert_int_equal(support_count_files(run_dir, "guest-"), 1);
    /* What somebody has left who died before it was whole. */
    support_write_file(file("guest-1.cfg.new"), "ne", 2);
    assert_int_equal(chaos__registry_drop_stale(registry, &err), 0);
    assert_int_equal(support_count_files(run_dir, "guest-"), 1);
    support_write_file(file("guest-1.cfg.new"), "ne", 2);
    chaos__registry_drop_new_config(registry, slot);
    assert_int_equal(support_count_files(run_dir, "guest-"), 1);
    /* One that can't be written leaves the old one. */
    assert_int_equal(mkdir(file("guest-1.cfg.new"), 0700), 0);
    assert_int_equal(
        chaos__registry_replace_config(registry, slot, "newer", &err),
        CHAOS_EFAILED);
    assert_int_equal(rmdir(file("guest-1.cfg.new")), 0);
    assert_int_equal(chaos__registry_read_config(registry, slot, &text, &err),
                     0);
    assert_string_equal(text, "new");
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_names_are_unique_and_found),
        TEST(test_domids_are_found),
        TEST(test_rename),
        TEST(test_churn),
        TEST(test_probes_are_few),
        TEST(test_all_slots),
        TEST(test_orphans),
        TEST(test_the_living_keep_theirs),
        TEST(test_a_core_is_not_forgotten),
        TEST(test_rebuild),
        TEST(test_two_processes),
        TEST(test_free_and_reserve),
        TEST(test_dies_while_renaming),
        TEST(test_files_of_others),
        TEST(test_configs),
        TEST(test_keys_of_claimed_shells),
        TEST(test_keys_of_those_that_end),
        TEST(test_devices_go),
        TEST(test_changing),
        TEST(test_configs_are_replaced),
    };

    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
