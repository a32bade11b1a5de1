/* SPDX-License-Identifier: MIT */
/*
 * Killing a process between any two instructions of a change to the registry:
 * a child is stepped through it by ptrace and killed on the way.  The next
 * process must find slots, indexes and lists that agree.
 */
#include "support.h"

#include "registry/pools.h"
#include "registry/registry.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Deaths, spread over the instructions of each change; instrumented code has
 * many times as many, and each is a step. */
#if defined(__SANITIZE_ADDRESS__)
#define DEATHS 6
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DEATHS 6
#endif
#endif
#ifndef DEATHS
#define DEATHS 40
#endif

static char *directory;

struct change {
    const char *name;
    int (*make)(struct chaos__registry *registry);
    bool keeps_b;     /* whatever happens, "b" or its new name is there after */
    bool pools;       /* there is a pool with two shells before */
    unsigned orphans; /* it leaves so many at most */
};

static void uuid_of(char letter, uint8_t uuid[16])
{
    memset(uuid, letter, 16);
}

static struct chaos__slot *reserve(struct chaos__registry *registry,
                                   const char *name)
{
    struct chaos__slot *slot;
    uint8_t uuid[16];

    uuid_of(*name, uuid);
    if (chaos__registry_reserve(registry, name, uuid, &slot, NULL, NULL) < 0)
        return NULL;
    return slot;
}

static bool run_slot(struct chaos__registry *registry, const char *name,
                     uint32_t domid)
{
    struct chaos__slot *slot = reserve(registry, name);

    return slot &&
           chaos__registry_set_domid(registry, slot, domid, NULL) == 0 &&
           chaos__registry_keep_config(registry, slot, "text", NULL) == 0 &&
           chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING,
                                     NULL) == 0;
}

static int change_reserve(struct chaos__registry *registry)
{
    return reserve(registry, "new") ? 0 : 1;
}

static int change_run(struct chaos__registry *registry)
{
    return run_slot(registry, "new", 9) ? 0 : 1;
}

static int change_rename(struct chaos__registry *registry)
{
    struct chaos__slot *slot = chaos__registry_by_name(registry, "b");

    return -chaos__registry_rename(registry, slot, slot->domid, slot->uuid,
                                   "other", NULL);
}

static int change_free(struct chaos__registry *registry)
{
    struct chaos__slot *slot = chaos__registry_by_name(registry, "b");

    if (chaos__registry_take(registry, slot, slot->domid, slot->uuid,
                             CHAOS__SLOT_DYING, NULL) < 0)
        return 1;
    return -chaos__registry_free(registry, slot, NULL);
}

/* ----------------------------------------------------------------- pools */

#define SHELLS 2

static const uint64_t disk_key[2] = { 12, 34 }, mac_key[2] = { 56, 0 };

static void flavor_of(char letter, uint8_t flavor[CHAOS__FLAVOR_SIZE])
{
    memset(flavor, letter, CHAOS__FLAVOR_SIZE);
}

static struct chaos__device device(unsigned kind, uint64_t key0, uint64_t key1)
{
    return (struct chaos__device){ .kind = (uint8_t)kind,
                                   .key = { key0, key1 } };
}

/* A shell with an interface and a disk, of keys that nobody else has. */
static bool offer_shell(struct chaos__registry *registry, char letter,
                        uint32_t domid)
{
    struct chaos__device net = device(CHAOS__DEVICE_NET, 1000 + domid, 0);
    struct chaos__device disk = device(CHAOS__DEVICE_BLOCK, 2000 + domid, 1);
    uint8_t uuid[16], flavor[CHAOS__FLAVOR_SIZE];
    const uint64_t frames[2] = { 7, 8 };
    struct chaos__device *added;
    struct chaos__slot *slot;

    uuid_of(letter, uuid);
    flavor_of('f', flavor);
    return chaos__registry_reserve(registry, NULL, uuid, &slot, NULL, NULL) ==
               0 &&
           chaos__registry_set_domid(registry, slot, domid, NULL) == 0 &&
           chaos__registry_add_device(registry, slot, &net, &added, NULL) ==
               0 &&
           chaos__registry_add_device(registry, slot, &disk, &added, NULL) ==
               0 &&
           chaos__registry_keep_frames(registry, slot, frames, 2, NULL) == 0 &&
           chaos__pool_offer(registry, slot, flavor, NULL) == 0;
}

static bool add_pool(struct chaos__registry *registry, const char *name)
{
    uint8_t flavor[CHAOS__FLAVOR_SIZE];
    struct chaos__pool *pool;

    flavor_of(*name, flavor);
    return chaos__pool_add(registry, name, flavor, &pool, NULL) == 0 &&
           chaos__pool_set(registry, pool, 3, 1, NULL) == 0;
}

static int change_pool_add(struct chaos__registry *registry)
{
    return add_pool(registry, "g-pool") ? 0 : 1;
}

static int change_offer(struct chaos__registry *registry)
{
    return offer_shell(registry, 'z', 15) ? 0 : 1;
}

/* A guest that chooses all that it can. */
static int change_claim(struct chaos__registry *registry)
{
    struct chaos__device wishes[2] = {
        device(CHAOS__DEVICE_NET, mac_key[0], mac_key[1]),
        device(CHAOS__DEVICE_BLOCK, disk_key[0], disk_key[1]),
    };
    uint8_t uuid[16];
    struct chaos__claim claim = {
        .name = "new", .uuid = uuid, .devices = wishes, .device_count = 2
    };
    struct chaos__slot *slot;
    uint64_t *frames;

    uuid_of('n', uuid);
    flavor_of('f', claim.flavor);
    if (chaos__pool_claim(registry, &claim, &slot, NULL, NULL) != 1 ||
        chaos__registry_take_frames(registry, slot, 2, &frames, NULL) < 0 ||
        chaos__registry_keep_config(registry, slot, "text", NULL) < 0)
        return 1;
    slot->has_shell_uuid = 0;
    return -chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING,
                                      NULL);
}

static int change_take(struct chaos__registry *registry)
{
    struct chaos__pool *pool = chaos__pool_by_name(registry, "f-pool");
    struct chaos__slot *slot;

    if (chaos__pool_take(registry, pool, &slot, NULL) != 1)
        return 1;
    return -chaos__registry_free(registry, slot, NULL);
}

/* --------------------------------------------------------------- devices */

#define DEVICES 3

static struct chaos__device disk_of(uint32_t id)
{
    struct chaos__device made = device(CHAOS__DEVICE_BLOCK, id, 1);

    made.id = id;
    return made;
}

static bool add_disk(struct chaos__registry *registry, const char *name,
                     uint32_t id)
{
    struct chaos__device wanted = disk_of(id), *added;

    return chaos__registry_add_device(registry,
                                      chaos__registry_by_name(registry, name),
                                      &wanted, &added, NULL) == 0;
}

static bool add_disks(struct chaos__registry *registry)
{
    uint32_t id;

    for (id = 1; id <= DEVICES; id++)
        if (!add_disk(registry, "b", id))
            return false;
    return add_disk(registry, "c", 9);
}

static struct chaos__device *find_disk(struct chaos__registry *registry,
                                       const struct chaos__slot *slot,
                                       uint32_t id)
{
    struct chaos__device *found = NULL;

    while ((found = chaos__registry_next_device(registry, slot, found)) &&
           found->id != id)
        ;
    return found;
}

static int change_attach(struct chaos__registry *registry)
{
    struct chaos__slot *slot = chaos__registry_by_name(registry, "b");
    struct chaos__device wanted = disk_of(DEVICES + 1), *added;

    wanted.change = CHAOS__CHANGE_COMING;
    if (chaos__registry_take(registry, slot, slot->domid, slot->uuid,
                             CHAOS__SLOT_CHANGING, NULL) < 0 ||
        chaos__registry_add_device(registry, slot, &wanted, &added, NULL) < 0 ||
        chaos__registry_replace_config(registry, slot, "more text", NULL) < 0)
        return 1;
    added->change = CHAOS__CHANGE_NONE;
    return -chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING,
                                      NULL);
}

static int change_detach(struct chaos__registry *registry)
{
    struct chaos__slot *slot = chaos__registry_by_name(registry, "b");
    struct chaos__device *gone = find_disk(registry, slot, 2);

    if (chaos__registry_take(registry, slot, slot->domid, slot->uuid,
                             CHAOS__SLOT_CHANGING, NULL) < 0)
        return 1;
    gone->change = CHAOS__CHANGE_FORCED;
    if (chaos__registry_drop_device(registry, slot, gone, NULL) < 0)
        return 1;
    return -chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING,
                                      NULL);
}

static int change_pool_remove(struct chaos__registry *registry)
{
    return -chaos__pool_remove(registry,
                               chaos__pool_by_name(registry, "f-pool"), NULL);
}

static const struct change changes[] = {
    { "reserve", change_reserve, true, false, 1 },
    { "reserve to running", change_run, true, false, 1 },
    { "rename", change_rename, true, false, 1 },
    { "free", change_free, false, false, 1 },
    { "pool_add", change_pool_add, true, true, 0 },
    { "reserve to pool_offer", change_offer, true, true, 1 },
    { "pool_claim to running", change_claim, true, true, 1 },
    { "pool_take", change_take, true, true, 1 },
    { "pool_remove", change_pool_remove, true, true, SHELLS },
    { "add_device", change_attach, true, false, 1 },
    { "drop_device", change_detach, true, false, 1 },
};

/* "b" has some before, and "c" one. */
static bool has_devices(const struct change *change)
{
    return change->make == change_attach || change->make == change_detach;
}

/* ----------------------------------------------------------- the child */

static void child(const struct change *change)
{
    struct chaos__registry *registry;

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ||
        chaos__registry_open(directory, &registry, NULL) < 0)
        _exit(99);
    raise(SIGSTOP); /* from here on it is stepped */
    _exit(change->make(registry));
}

/* Steps a child `steps` times, then kills it; returns the steps it made.
 * -1: this machine does not let us. */
static long step_and_kill(const struct change *change, long steps)
{
    pid_t pid = fork();
    int status;
    long done = 0;

    if (pid == 0)
        child(change);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    if (!WIFSTOPPED(status))
        return -1;
    while (done < steps) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
            waitpid(pid, &status, 0) != pid)
            abort();
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return done;
        }
        done++;
    }
    kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid)
        abort();
    return done;
}

/* ------------------------------------------------------------ the check */

static void make_registry(const struct change *change)
{
    struct chaos__registry *registry;
    struct chaos__slot *slot;

    directory = support_directory();
    assert_int_equal(chaos__registry_open(directory, &registry, NULL), 0);
    assert_true(run_slot(registry, "a", 5));
    assert_true(run_slot(registry, "b", 6));
    assert_true(run_slot(registry, "c", 7));
    slot = chaos__registry_by_name(registry, "a"); /* leaves a free slot */
    assert_int_equal(chaos__registry_take(registry, slot, slot->domid,
                                          slot->uuid, CHAOS__SLOT_DYING, NULL),
                     0);
    assert_int_equal(chaos__registry_free(registry, slot, NULL), 0);
    if (change->pools) {
        assert_true(add_pool(registry, "f-pool"));
        assert_true(offer_shell(registry, 'x', 13));
        assert_true(offer_shell(registry, 'y', 14));
    }
    if (has_devices(change))
        assert_true(add_disks(registry));
    chaos__registry_close(registry);
}

/* As repair does: what was coming goes, and so does what was going. */
static void finish_change(struct chaos__registry *registry,
                          struct chaos__slot *slot)
{
    struct chaos__device *found = NULL;

    chaos__registry_drop_new_config(registry, slot);
    while ((found = chaos__registry_next_device(registry, slot, found)) &&
           found->change == CHAOS__CHANGE_NONE)
        ;
    if (found)
        assert_int_equal(
            chaos__registry_drop_device(registry, slot, found, NULL), 0);
    assert_int_equal(
        chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING, NULL),
        0);
}

/* Takes what has no owner, as repair does. */
static void undo_orphans(struct chaos__registry *registry,
                         const struct change *change)
{
    struct chaos__slot *slot;
    unsigned count = 0;

    while ((slot = chaos__registry_next_orphan(registry))) {
        assert_true(count++ < change->orphans);
        assert_true(slot->state != CHAOS__SLOT_RUNNING);
        assert_true(slot->state != CHAOS__SLOT_SHELL);
        if (slot->state == CHAOS__SLOT_CHANGING)
            finish_change(registry, slot);
        else
            assert_int_equal(chaos__registry_free(registry, slot, NULL), 0);
    }
}

/* Returns how many guests there are. */
static unsigned check_slots(struct chaos__registry *registry,
                            const struct change *change, long at)
{
    struct chaos__slot *slot = NULL;
    unsigned count = 0;
    bool is_shell;

    while ((slot = chaos__registry_next(registry, slot))) {
        is_shell = slot->state == CHAOS__SLOT_SHELL;
        count += !is_shell;
        if (chaos__registry_by_name(registry, slot->name) !=
                (is_shell ? NULL : slot) ||
            (slot->state != CHAOS__SLOT_RUNNING && !is_shell) ||
            chaos__registry_by_domid(registry, slot->domid) != slot)
            fail_msg("%s, killed after %ld instructions: slot \"%s\" of "
                     "domain %d in state %u is not found",
                     change->name, at, slot->name, (int)slot->domid,
                     slot->state);
    }
    return count;
}

static unsigned count_shells(struct chaos__registry *registry)
{
    struct chaos__slot *slot = NULL;
    unsigned count = 0;

    while ((slot = chaos__registry_next(registry, slot)))
        count += slot->state == CHAOS__SLOT_SHELL;
    return count;
}

static void wrong(const struct change *change, long at, const char *what)
{
    fail_msg("%s, killed after %ld instructions: %s", change->name, at, what);
}

/* What a guest from a shell has is the guest's, and of nobody else. */
static void check_keys(struct chaos__registry *registry,
                       const struct change *change, long at)
{
    struct chaos__device wanted[2] = {
        device(CHAOS__DEVICE_NET, mac_key[0], mac_key[1]),
        device(CHAOS__DEVICE_BLOCK, disk_key[0], disk_key[1]),
    };
    struct chaos__slot *guest = chaos__registry_by_name(registry, "new");
    unsigned i;

    for (i = 0; i < 2; i++)
        if (chaos__registry_rival(registry, &wanted[i]) != guest)
            wrong(change, at, "a key is not its guest's");
    if (!guest && !reserve(registry, "nobody"))
        wrong(change, at, "the UUID of a guest that is not is kept");
}

/* What nobody touched is there, the rest is there or not, and so are the keys;
 * and there is room for others. */
static void check_devices(struct chaos__registry *registry,
                          const struct change *change, long at)
{
    struct chaos__slot *slot = chaos__registry_by_name(registry, "b");
    struct chaos__slot *other = chaos__registry_by_name(registry, "c");
    struct chaos__device wanted, *found;
    uint32_t id;

    for (id = 1; id <= DEVICES + 1; id++) {
        wanted = disk_of(id);
        found = find_disk(registry, slot, id);
        if (!found && (id == 1 || id == 3))
            wrong(change, at, "a device is lost");
        if (found && found->change != CHAOS__CHANGE_NONE)
            wrong(change, at, "a device changes for ever");
        if (chaos__registry_rival(registry, &wanted) != (found ? slot : NULL))
            wrong(change, at, "a key is not its device's");
        if (!found && !add_disk(registry, "b", id))
            wrong(change, at, "there is no room for a device");
    }
    if (!find_disk(registry, other, 9))
        wrong(change, at, "another's device is lost");
}

/* All shells can be taken, and then there is nothing of them. */
static void take_shells(struct chaos__registry *registry,
                        const struct change *change, long at)
{
    struct chaos__pool *pool = chaos__pool_by_name(registry, "f-pool");
    unsigned shells = count_shells(registry), taken = 0;
    struct chaos__slot *slot;

    if (pool ? pool->ready != shells : shells > 0)
        wrong(change, at, "a pool does not know its shells");
    if (support_count_files(directory, "shell-") != shells)
        wrong(change, at, "frames are kept, or lost");
    if (pool && (pool->size != 3 || pool->low != 1))
        wrong(change, at, "a pool has another size");
    while (pool && chaos__pool_take(registry, pool, &slot, NULL) == 1) {
        taken++;
        assert_int_equal(chaos__registry_free(registry, slot, NULL), 0);
    }
    if (taken != shells)
        wrong(change, at, "a shell is not found");
    assert_int_equal(support_count_files(directory, "shell-"), 0);
    assert_true(add_pool(registry, "f-pool"));
    assert_true(add_pool(registry, "g-pool"));
    assert_true(offer_shell(registry, 'x', 13));
    assert_true(offer_shell(registry, 'y', 14));
    assert_true(offer_shell(registry, 'z', 15));
    assert_int_equal(chaos__pool_by_name(registry, "f-pool")->ready, 3);
}

static void check(const struct change *change, long at)
{
    struct chaos__registry *registry;
    unsigned used, i;
    char name[8];

    assert_int_equal(chaos__registry_open(directory, &registry, NULL), 0);
    undo_orphans(registry, change);
    used = check_slots(registry, change, at);
    if (change->keeps_b && !chaos__registry_by_name(registry, "b") &&
        !chaos__registry_by_name(registry, "other"))
        fail_msg("%s, killed after %ld instructions: the guest has lost its "
                 "name",
                 change->name, at);
    assert_non_null(chaos__registry_by_name(registry, "c"));
    if (support_count_files(directory, "guest-") != used)
        fail_msg("%s, killed after %ld instructions: %u guests, but %u "
                 "configurations are kept",
                 change->name, at, used,
                 support_count_files(directory, "guest-"));
    /* And it can be worked with. */
    for (i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "%c%u", 'p' + (int)i, i);
        assert_true(run_slot(registry, name, 20 + i));
    }
    assert_int_equal(check_slots(registry, change, at), used + 5);
    if (change->pools) {
        take_shells(registry, change, at);
        check_keys(registry, change, at);
    }
    if (has_devices(change))
        check_devices(registry, change, at);
    chaos__registry_close(registry);
}

static void dies_anywhere(const struct change *change)
{
    long all, i, at;

    make_registry(change);
    all = step_and_kill(change, 100L * 1000 * 1000);
    support_remove_directory(directory);
    if (all < 0) {
        fprintf(stderr, "ptrace is not permitted here\n");
        skip();
    }
    for (i = 0; i < DEATHS; i++) {
        at = all * i / DEATHS;
        make_registry(change);
        step_and_kill(change, at);
        check(change, at);
        support_remove_directory(directory);
    }
}

static void reserve_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[0]);
}

static void run_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[1]);
}

static void rename_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[2]);
}

static void free_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[3]);
}

static void pool_add_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[4]);
}

static void offer_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[5]);
}

static void claim_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[6]);
}

static void take_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[7]);
}

static void pool_remove_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[8]);
}

static void add_device_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[9]);
}

static void drop_device_dies(void **state)
{
    (void)state;
    dies_anywhere(&changes[10]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserve_dies),     cmocka_unit_test(run_dies),
        cmocka_unit_test(rename_dies),      cmocka_unit_test(free_dies),
        cmocka_unit_test(pool_add_dies),    cmocka_unit_test(offer_dies),
        cmocka_unit_test(claim_dies),       cmocka_unit_test(take_dies),
        cmocka_unit_test(pool_remove_dies), cmocka_unit_test(add_device_dies),
        cmocka_unit_test(drop_device_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
