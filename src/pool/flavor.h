/* SPDX-License-Identifier: MIT */
/*
 * Flavors: what of a configuration a shell fixes when it is made.  Two
 * configurations of one flavor can take each other's shells.  It knows no
 * shell, no domain and no pool.
 */
#ifndef CHAOS_SRC_FLAVOR_H
#define CHAOS_SRC_FLAVOR_H

#include "config/config.h"
#include "registry/pools.h"

/* Compared as bytes: no padding, and what is not used is 0. */
struct chaos__flavor_vif {
    char bridge[CHAOS__INTERFACE_NAME_MAX];
    uint64_t rate_bytes;
    uint32_t rate_interval_us;
    uint32_t mtu;
};

struct chaos__flavor_disk {
    char vdev[CHAOS__VDEV_MAX];
    uint32_t vdev_number;
    uint8_t is_read_only, is_cdrom;
    uint8_t reserved[2];
};

struct chaos__flavor {
    uint8_t type; /* enum chaos__type */
    uint8_t noxs;
    uint8_t vif_count, disk_count;
    uint32_t vcpus;
    uint32_t max_grant_frames, max_event_channels;
    uint64_t memory_kb, maxmem_kb;
    struct chaos__flavor_vif vifs[CHAOS__VIFS_MAX];
    struct chaos__flavor_disk disks[CHAOS__DISKS_MAX];
};
_Static_assert(sizeof(struct chaos__flavor) <= CHAOS__FLAVOR_SIZE,
               "a flavor fits in its place");

/* The flavor of a configuration; `noxs`: of an image that speaks it.  Returns
 * NULL, or why no shell can be made for such a guest. */
const char *chaos__flavor_of(const struct chaos_config *config, bool noxs,
                             struct chaos__flavor *flavor_r);

/* A configuration from which such a shell can be made: without a name, a
 * kernel or targets of disks.  The caller frees it; NULL: memory is out. */
struct chaos_config *chaos__flavor_config(const struct chaos__flavor *flavor);

/* As the registry wants it. */
void chaos__flavor_pack(const struct chaos__flavor *flavor,
                        uint8_t bytes[CHAOS__FLAVOR_SIZE]);
void chaos__flavor_unpack(const uint8_t bytes[CHAOS__FLAVOR_SIZE],
                          struct chaos__flavor *flavor_r);

/* What a pool of it is called if nobody names it: "pvh-4m-1vif-2f6a81d3", where
 * the last part is made of all of the flavor. */
void chaos__flavor_name(const struct chaos__flavor *flavor,
                        char name[CHAOS__POOL_NAME_SIZE]);

#endif
