/* SPDX-License-Identifier: MIT */
/*
 * The devices that a domain has, as XenStore's nodes tell: for a guest of
 * which nothing else is known any more.
 */
#ifndef CHAOS_SRC_DEVICE_FOUND_H
#define CHAOS_SRC_DEVICE_FOUND_H

#include "device.h"

#define CHAOS__NAMED_MAX 128

/* What they are called: interfaces first, each kind by id.  Returns how many,
 * or an error; CHAOS_ENOTSUP when there are more than CHAOS__NAMED_MAX. */
int chaos__devices_named(struct chaos__store *store, uint32_t domid,
                         struct chaos__device_name names[CHAOS__NAMED_MAX],
                         struct chaos_error *err);

struct chaos__found {
    bool is_net, is_connected;
    bool has_script; /* of the user's own */
    uint32_t id;     /* as its directory is called */
    uint32_t port, references[2];
    uint32_t major, minor; /* disk */
    bool is_cdrom, is_read_only;
    uint8_t mac[6]; /* network; 0: not told */
    char bridge[CHAOS__INTERFACE_NAME_MAX];
    char interface[CHAOS__INTERFACE_NAME_MAX]; /* "": as netback calls it */
    char vdev[CHAOS__VDEV_MAX];
    char target[1024]; /* disk; "": it was late-bound */
};

#define CHAOS__FOUND_MAX (CHAOS__VIFS_MAX + CHAOS__DISKS_MAX)

/* The same, with what they are, but no more of a kind than a guest of chaos's
 * can have.  What a node does not tell is 0. */
int chaos__devices_found(struct chaos__store *store, uint32_t domid,
                         struct chaos__found found[CHAOS__FOUND_MAX],
                         struct chaos_error *err);

/* Calls `each` for all disks of a domain, however many another toolstack has
 * given it, until that returns an error, which is returned. */
typedef int (*chaos__found_fn)(uint32_t domid, const struct chaos__found *found,
                               const void *user, struct chaos_error *err);
int chaos__disks_each(struct chaos__store *store, uint32_t domid,
                      chaos__found_fn each, const void *user,
                      struct chaos_error *err);

#endif
