/* SPDX-License-Identifier: MIT */
/*
 * Programs that a host's owner wants to be run for a device of a guest's.  It
 * knows how a program is started and watched, not what it is for; like the
 * rest of src/dom0 it is faked in the unit tests.
 */
#ifndef CHAOS_SRC_DOM0_SCRIPT_H
#define CHAOS_SRC_DOM0_SCRIPT_H

#include "error.h"

struct chaos__script {
    char *const *arguments;   /* its path first; ends with NULL */
    char *const *environment; /* all that there is of it; ends with NULL */
};

/*
 * Runs a program, without a shell, and waits until it has ended.  It has
 * nothing to read, no descriptor of ours, and a process group of its own, all
 * of which is killed after `timeout_ms`: CHAOS_ETIMEDOUT.  CHAOS_EFAILED when
 * it can't be run or has failed.  The message is about the program that
 * arguments[0] names, and ends with the last line that it printed, if any.
 * Whoever reaps all children of this process may keep us from learning how
 * this one ended, which is a failure too.
 */
int chaos__script_run(const struct chaos__script *script, int timeout_ms,
                      struct chaos_error *err);

#endif
