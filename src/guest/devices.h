/* SPDX-License-Identifier: MIT */
/* What the registry knows of guests' devices. */
#ifndef CHAOS_SRC_GUEST_DEVICES_H
#define CHAOS_SRC_GUEST_DEVICES_H

#include "device/device.h"
#include "registry/registry.h"

/* Records the devices of a guest that is being made.  Gives those interfaces
 * a MAC that have none; fails when a MAC or a disk is another's. */
int chaos__devices_record(struct chaos__registry *registry,
                          struct chaos__slot *slot,
                          struct chaos__devices *devices,
                          struct chaos_error *err);

/* What a guest's devices want of a shell's, for chaos__pool_claim(); returns
 * how many. */
unsigned chaos__devices_wish(
    const struct chaos__devices *devices,
    struct chaos__device wishes[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX]);
/* Makes the devices those of the shell: the records say what was made for it.
 * False when they don't. */
bool chaos__devices_restore(struct chaos__registry *registry,
                            const struct chaos__slot *slot,
                            struct chaos__devices *devices);

/* Records what the disks that were deferred have got since. */
void chaos__devices_note_deferred(struct chaos__registry *registry,
                                  const struct chaos__slot *slot,
                                  const struct chaos__devices *devices);

/* A slot that stands in the way of that: it has a MAC, a disk or the name of an
 * interface that these devices want too.  NULL when there is none. */
struct chaos__slot *chaos__devices_rival(struct chaos__registry *registry,
                                         const struct chaos__devices *devices);

/* The names of the devices that a slot has; returns how many. */
unsigned chaos__devices_recorded(
    struct chaos__registry *registry, const struct chaos__slot *slot,
    struct chaos__device_name names[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX]);

#endif
