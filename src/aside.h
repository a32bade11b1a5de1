/* SPDX-License-Identifier: MIT */
/* Work in a process of its own, for what its end is needed. */
#ifndef CHAOS_SRC_ASIDE_H
#define CHAOS_SRC_ASIDE_H

#include "error.h"

#include <stdbool.h>

/* `is_child`: all that it leaves behind goes with the process. */
typedef int (*chaos__aside_fn)(void *user, bool is_child,
                               struct chaos_error *err);

/*
 * Has a child do the work, which ends with it, and waits for that; what it
 * changes in memory is lost.  Returns what the work does.  Where no child can
 * be had the work is done here.  A thread that is ended ends its child.
 */
int chaos__aside(chaos__aside_fn work, void *user, struct chaos_error *err);

#endif
