/* SPDX-License-Identifier: MIT */
/*
 * Hotplug scripts: programs that set a device up in dom0 when it comes, and
 * clean up behind it.  They are told what libxl tells them (get_hotplug_env()
 * in its libxl_linux.c), and find the rest in the back end's nodes, which must
 * be there.  It knows what they are told, not when they are due.
 */
#ifndef CHAOS_SRC_DEVICE_SCRIPT_H
#define CHAOS_SRC_DEVICE_SCRIPT_H

#include "store/store.h"

#include <stdint.h>

enum chaos__script_action {
    CHAOS__SCRIPT_ADD,
    CHAOS__SCRIPT_REMOVE,
};

/*
 * Runs the script of an interface, whose back end waits for the front end, or
 * of a disk; `id` is as the back end's directory is called, `netdev` the
 * interface of dom0's that vif-route routes by, or "".  Blocks until the
 * script has ended: 40 s at most, then it is killed and that is
 * CHAOS_ETIMEDOUT.  A script that fails is CHAOS_EFAILED, with what it said.
 */
int chaos__script_vif(struct chaos__store *store, uint32_t domid, uint32_t id,
                      const char *script, const char *netdev,
                      enum chaos__script_action action,
                      struct chaos_error *err);
int chaos__script_disk(struct chaos__store *store, uint32_t domid, uint32_t id,
                       const char *script, enum chaos__script_action action,
                       struct chaos_error *err);

#endif
