/* SPDX-License-Identifier: MIT */
/*
 * Killing a process between any two instructions of a change to the registry:
 * a child is stepped through it by ptrace and killed on the way.  The next
 * process must find slots, indexes and lists that agree.
 */
#include "support.h"

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
    bool keeps_b; /* whatever happens, "b" or its new name is there after */
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

    return -chaos__registry_rename(registry, slot, "other", NULL);
}

static int change_free(struct chaos__registry *registry)
{
    struct chaos__slot *slot = chaos__registry_by_name(registry, "b");

    if (chaos__registry_take(registry, slot, slot->uuid, CHAOS__SLOT_DYING,
                             NULL) < 0)
        return 1;
    return -chaos__registry_free(registry, slot, NULL);
}

static const struct change changes[] = {
    { "reserve", change_reserve, true },
    { "reserve to running", change_run, true },
    { "rename", change_rename, true },
    { "free", change_free, false },
};

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

static void make_registry(void)
{
    struct chaos__registry *registry;
    struct chaos__slot *slot;

    directory = support_directory();
    assert_int_equal(chaos__registry_open(directory, &registry, NULL), 0);
    assert_true(run_slot(registry, "a", 5));
    assert_true(run_slot(registry, "b", 6));
    assert_true(run_slot(registry, "c", 7));
    slot = chaos__registry_by_name(registry, "a"); /* leaves a free slot */
    assert_int_equal(chaos__registry_take(registry, slot, slot->uuid,
                                          CHAOS__SLOT_DYING, NULL),
                     0);
    assert_int_equal(chaos__registry_free(registry, slot, NULL), 0);
    chaos__registry_close(registry);
}

/* Takes what has no owner, as repair does. */
static void undo_orphans(struct chaos__registry *registry)
{
    struct chaos__slot *slot;
    unsigned count = 0;

    while ((slot = chaos__registry_next_orphan(registry))) {
        assert_true(count++ < 1); /* one process died */
        assert_true(slot->state != CHAOS__SLOT_RUNNING);
        assert_int_equal(chaos__registry_free(registry, slot, NULL), 0);
    }
}

static unsigned check_slots(struct chaos__registry *registry,
                            const struct change *change, long at)
{
    struct chaos__slot *slot = NULL;
    unsigned count = 0;

    while ((slot = chaos__registry_next(registry, slot))) {
        count++;
        if (chaos__registry_by_name(registry, slot->name) != slot ||
            slot->state != CHAOS__SLOT_RUNNING ||
            chaos__registry_by_domid(registry, slot->domid) != slot)
            fail_msg("%s, killed after %ld instructions: slot \"%s\" of "
                     "domain %d in state %u is not found",
                     change->name, at, slot->name, (int)slot->domid,
                     slot->state);
    }
    return count;
}

static void check(const struct change *change, long at)
{
    struct chaos__registry *registry;
    unsigned used, i;
    char name[8];

    assert_int_equal(chaos__registry_open(directory, &registry, NULL), 0);
    undo_orphans(registry);
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
    chaos__registry_close(registry);
}

static void dies_anywhere(const struct change *change)
{
    long all, i, at;

    make_registry();
    all = step_and_kill(change, 100L * 1000 * 1000);
    support_remove_directory(directory);
    if (all < 0) {
        fprintf(stderr, "ptrace is not permitted here\n");
        skip();
    }
    for (i = 0; i < DEATHS; i++) {
        at = all * i / DEATHS;
        make_registry();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserve_dies),
        cmocka_unit_test(run_dies),
        cmocka_unit_test(rename_dies),
        cmocka_unit_test(free_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
