/* SPDX-License-Identifier: MIT */
/*
 * Devices taken away as libxl does it: those of a domain that another toolstack
 * made, and those of a guest of ours for which scripts were run.  All that is
 * known of them is in XenStore, where dom0 has written it.  It must not know
 * what becomes of the domain.
 */
#ifndef CHAOS_SRC_DEVICE_FOREIGN_H
#define CHAOS_SRC_DEVICE_FOREIGN_H

#include "device.h"

#include <stdint.h>

/* CHAOS_ENOTSUP when it has what chaos cannot take away: a device model, or
 * devices of another kind or from another domain than dom0. */
int chaos__foreign_devices_check(struct chaos__store *store, uint32_t domid,
                                 struct chaos_error *err);

/*
 * Has the back ends of a domain that does not run close, runs the scripts that
 * clean up behind them (of a guest of ours the user's own, as others were not
 * run for it), and removes all nodes of theirs.  Returns how many of
 * these failed, of which `err` tells the last; or an error when XenStore
 * fails: what is left then can be removed by another call.  Blocks for ten
 * seconds, and 40 for each script, at most.
 */
int chaos__devices_unplug(struct chaos__store *store, uint32_t domid,
                          bool is_ours, struct chaos_error *err);

/* Runs the script that cleans up behind one device of a guest of ours, if it
 * has one of the user's own.  1 when that fails, which `err` tells. */
int chaos__device_clean_up(struct chaos__store *store, uint32_t domid,
                           const struct chaos__device_name *name,
                           struct chaos_error *err);

#endif
