/* SPDX-License-Identifier: MIT */
#include "support_calls.h"

#include <chaos/pool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int support_run(struct support_world *world, support_operation_fn operation,
                struct chaos_error *err)
{
    struct chaos *chaos = support_open(world);
    int rc = operation(chaos, err);

    chaos_close(chaos);
    return rc;
}

void support_must(struct support_world *world, support_operation_fn operation)
{
    struct chaos_error err;

    if (support_run(world, operation, &err) < 0)
        fail_msg("%s", err.message);
}

int support_list(struct chaos *chaos, struct chaos_error *err)
{
    struct chaos_guest_info *guests;
    size_t count;
    int rc = chaos_guest_list(chaos, &guests, &count, err);

    if (rc == 0)
        free(guests);
    return rc;
}

uint32_t support_find(struct support_world *world, const char *name)
{
    struct chaos *chaos = support_open(world);
    uint32_t found = 0;

    if (chaos_guest_find(chaos, name, &found, NULL) < 0)
        found = 0;
    chaos_close(chaos);
    return found;
}

void support_assert_says_why(const struct chaos_error *err, int rc)
{
    assert_true(rc < 0);
    assert_int_equal(err->code, rc);
    assert_string_not_equal(err->message, "");
}

/* ---------------------------------------------------------------- deaths */

struct death {
    struct support_world *world;
    support_operation_fn operation;
    unsigned n;
    enum fake_hv_death when;
};

static int die(void *user)
{
    const struct death *death = user;
    struct chaos *chaos = support_open(death->world);

    fake_hv_die_at(death->n, death->when);
    return death->operation(chaos, NULL) == 0 ? 0 : 1;
}

bool support_dies(struct support_world *world, support_operation_fn operation,
                  unsigned n, enum fake_hv_death when)
{
    struct death death = { world, operation, n, when };
    int r = support_in_child(die, &death);

    fake_hv_die_at(0, FAKE_HV_BEFORE);
    assert_true(n < SUPPORT_CALLS_MAX);
    if (r > 0)
        fail_msg("the operation fails without a cause: %d", r);
    return r < 0;
}

/* ------------------------------------------------------------ what is left */

bool support_is_empty(struct support_world *world)
{
    bool clean = fake_hv_check_clean();
    unsigned slots = support_count_slots(world);
    unsigned files = support_count_files(world->run_dir, "guest-") +
                     support_count_files(world->run_dir, "shell-");

    if (slots || files)
        fprintf(stderr, "left: %u slots, %u files\n", slots, files);
    return clean && !slots && !files;
}

static bool did(int rc, const struct chaos_error *err)
{
    if (rc < 0)
        fprintf(stderr, "%s\n", err->message);
    return rc == 0;
}

bool support_end_all(struct support_world *world)
{
    struct chaos *chaos = support_open(world);
    struct chaos_guest_info *list = NULL;
    struct chaos_error err;
    size_t count = 0, i;
    bool ok = did(chaos_guest_list(chaos, &list, &count, &err), &err) &&
              did(chaos_pool_drain(chaos, NULL, &err), &err);

    for (i = 0; i < count; i++)
        if (list[i].domid > 0 && !list[i].is_shell)
            ok = did(chaos_guest_destroy(chaos, list[i].domid, &err), &err) &&
                 ok;
    free(list);
    /* As the child that a command leaves behind does. */
    chaos_guest_sweep(chaos, 1000);
    chaos_close(chaos);
    return ok;
}

/* ----------------------------------------------------------------- counts */

void support_assert_counts(const struct support_count *counts, size_t count)
{
    unsigned allowed[FAKE_HV_CALL_COUNT] = { 0 };
    enum fake_hv_call call;
    size_t i;

    for (i = 0; i < count; i++)
        allowed[counts[i].call] = counts[i].count;
    for (call = 0; call < FAKE_HV_CALL_COUNT; call++)
        if (fake_hv_count(call) != allowed[call])
            fail_msg("%s: %u calls, not %u", fake_hv_call_name(call),
                     fake_hv_count(call), allowed[call]);
}
