/* SPDX-License-Identifier: MIT */
/*
 * The context as the library sees it: the log, and the handles that are
 * opened on first use.
 */
#ifndef CHAOS_SRC_CONTEXT_H
#define CHAOS_SRC_CONTEXT_H

#include "error.h"

#include <chaos/context.h>

struct chaos__hv;
struct chaos__registry;
struct chaos__store;

struct chaos {
    struct chaos_options options;
    char *run_dir, *cache_dir;
    struct chaos__hv *hv;             /* NULL until needed */
    struct chaos__registry *registry; /* NULL until needed */
    struct chaos__store *store;       /* NULL until needed */
    char *dump_dir;
    /* Restarts under way: what they have must not be taken for what a dead
     * process has left. */
    unsigned restarting;
};

/* Logs one line if the level is wanted. */
void chaos__log(const struct chaos *chaos, enum chaos_log_level level,
                const char *format, ...) CHAOS__PRINTF(3, 4);

/* Tells who wants to know that a create has come to this phase.  A guest that
 * is restarted on the way is another one, of which nobody is told. */
static inline void chaos__phase(const struct chaos *chaos,
                                enum chaos_phase phase)
{
    if (chaos->options.phase && !chaos->restarting)
        chaos->options.phase(chaos->options.phase_user, phase);
}

#endif
