/* SPDX-License-Identifier: MIT */
/* What the registry knows of guests' devices. */
#ifndef CHAOS_SRC_GUEST_DEVICES_H
#define CHAOS_SRC_GUEST_DEVICES_H

#include "device/device.h"
#include "registry/registry.h"

/* Records the devices of a guest that is being made, or one that is coming to a
 * guest that runs, before anything is done for them.  Gives those interfaces
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

/* The devices of a guest that runs, as its configuration and the records have
 * them; nothing is open.  False when they differ: one is coming, or goes. */
bool chaos__devices_of(struct chaos__registry *registry,
                       const struct chaos__slot *slot,
                       const struct chaos_config *config,
                       struct chaos__devices *devices);

/* Records which loop devices the disks have got since. */
void chaos__devices_note_loops(struct chaos__registry *registry,
                               const struct chaos__slot *slot,
                               const struct chaos__devices *devices);

/* A slot that stands in the way of that: it has a MAC, a disk or the name of an
 * interface that these devices want too.  NULL when there is none. */
struct chaos__slot *chaos__devices_rival(struct chaos__registry *registry,
                                         const struct chaos__devices *devices);

static inline struct chaos__device_name
chaos__device_name(const struct chaos__device *record)
{
    return (struct chaos__device_name){
        .is_net = record->kind == CHAOS__DEVICE_NET,
        .id = record->id,
    };
}

/* The names of the devices that a slot has; returns how many. */
unsigned chaos__devices_recorded(
    struct chaos__registry *registry, const struct chaos__slot *slot,
    struct chaos__device_name names[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX]);

/* Whether dom0's kernel has a back end for it. */
bool chaos__device_has_back_end(const struct chaos__device *record,
                                uint32_t domid);
/* Whether its back end can be seen to use it. */
bool chaos__device_is_in_use(const struct chaos__device *record,
                             uint32_t domid);
/* Waits until it can't, until this time of chaos__now_us() at most: CHAOS_EBUSY
 * then. */
int chaos__device_await(const struct chaos__device *record, uint32_t domid,
                        int64_t until_us, struct chaos_error *err);
/* How long back ends may take for that. */
#define CHAOS__RELEASE_TIMEOUT_US 2000000

#endif
