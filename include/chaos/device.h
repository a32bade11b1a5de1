/* SPDX-License-Identifier: MIT */
/*
 * The devices of a guest: network interfaces and disks.
 *
 *     struct chaos_device_info *list;
 *     size_t count, i;
 *
 *     if (chaos_guest_devices(chaos, domid, 0, &list, &count, &err) < 0)
 *         errx(1, "%s", err.message);
 *     for (i = 0; i < count; i++)
 *         puts(list[i].name);
 *     free(list);
 */
#ifndef CHAOS_DEVICE_H
#define CHAOS_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include <chaos/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum chaos_device_kind {
    CHAOS_DEVICE_NETWORK = 1,
    CHAOS_DEVICE_DISK = 2,
};

enum chaos_disk_access {
    CHAOS_DISK_READ_ONLY = 0,
    CHAOS_DISK_WRITE = 1,
    CHAOS_DISK_SHARED_WRITE = 2, /* w!: other guests may write to it too */
};

#define CHAOS_DEVICE_NAME_SIZE 16 /* IFNAMSIZ, with the NUL */
#define CHAOS_TARGET_SIZE 4096    /* PATH_MAX, with the NUL */

struct chaos_device_info {
    uint8_t kind;  /* enum chaos_device_kind */
    uint8_t state; /* of the back end, as in Xen's public/io/xenbus.h (4:
                    * connected); 0: not asked for, or there is none */
    uint32_t id;   /* network: from 0; disk: the number of the virtual device,
                    * as in vbd-interface(7) */
    uint32_t port; /* the guest's end of the event channel */
    uint32_t references[2]; /* of the guest's grants of the rings: network tx
                             * and rx, disk the first alone */
    char name[CHAOS_DEVICE_NAME_SIZE]; /* network: of the interface in dom0;
                                        * disk: "xvda" and the like */
    /* network */
    char bridge[CHAOS_DEVICE_NAME_SIZE];
    uint8_t mac[6];
    uint8_t ipv4[4], gateway[4]; /* 0.0.0.0: not given */
    uint8_t prefix;              /* of ipv4, in bits */
    /* disk */
    uint8_t access;        /* enum chaos_disk_access */
    uint8_t is_cdrom;      /* 0 or 1 */
    int32_t loop;          /* number of the loop device; -1: there is none */
    uint32_t major, minor; /* of the block device that the back end uses */
    char target[CHAOS_TARGET_SIZE]; /* file or block device; "": not known */
};

/* chaos_guest_devices(): ask XenStore for the state of the back ends. */
#define CHAOS_DEVICES_STATE 1u

/*
 * The devices of a guest, network interfaces first, each in the order of its
 * configuration.  `flags` is 0 or CHAOS_DEVICES_STATE; without that, Xen and
 * the registry know all, and every state is 0.  Those of a domain that another
 * toolstack made are read from XenStore, in the order of their numbers, 8
 * interfaces and 16 disks at most; it does not tell addresses or shared use.
 * The caller frees *list_r with free(); it may be NULL when there is no device.
 * Blocks as the functions of chaos/guest.h do, and fails as they do; where
 * XenStore is asked also with CHAOS_ETIMEDOUT when it does not answer within
 * 10 s.
 */
int chaos_guest_devices(struct chaos *chaos, uint32_t domid, unsigned flags,
                        struct chaos_device_info **list_r, size_t *count_r,
                        struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
