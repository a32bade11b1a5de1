/* SPDX-License-Identifier: MIT */
/*
 * Operations that fail, die, and are counted by their calls to the fake
 * hypervisor.  What fails here fails the test.
 */
#ifndef CHAOS_TESTS_SUPPORT_CALLS_H
#define CHAOS_TESTS_SUPPORT_CALLS_H

#include "fake_hv.h"
#include "support.h"

#define SUPPORT_CALLS_MAX 400 /* an operation with more never ends */

typedef int (*support_operation_fn)(struct chaos *chaos,
                                    struct chaos_error *err);

/* In a context of its own, which is closed after. */
int support_run(struct support_world *world, support_operation_fn operation,
                struct chaos_error *err);
void support_must(struct support_world *world, support_operation_fn operation);

/* What every command does: it finishes or undoes what others left. */
int support_list(struct chaos *chaos, struct chaos_error *err);

/* The guest that exists under a name; 0: none. */
uint32_t support_find(struct support_world *world, const char *name);

void support_assert_says_why(const struct chaos_error *err, int rc);

/* Runs it in a process that dies at its n-th call; false when it has fewer,
 * and then it has succeeded. */
bool support_dies(struct support_world *world, support_operation_fn operation,
                  unsigned n, enum fake_hv_death when);

#define SUPPORT_FOR_DEATHS(when)                                               \
    for (enum fake_hv_death when = FAKE_HV_BEFORE; when <= FAKE_HV_AFTER;      \
         when++)

/* Nothing but the host: no domain, no slot, nothing that is kept for one. */
bool support_is_empty(struct support_world *world);
/* Drains all pools and destroys all guests; says what could not be. */
bool support_end_all(struct support_world *world);

/* Calls that were made since fake_hv_reset_counts(): these and no others. */
struct support_count {
    enum fake_hv_call call;
    unsigned count;
};

void support_assert_counts(const struct support_count *counts, size_t count);

#endif
