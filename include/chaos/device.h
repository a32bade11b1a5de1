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
 * The devices of a guest, network interfaces first, each in the order in which
 * they came: that of its configuration, then those that were attached.  `flags`
 * is 0 or CHAOS_DEVICES_STATE; without that, Xen and the registry know all, and
 * every state is 0.  Those of a domain that another toolstack made are read
 * from XenStore, in the order of their numbers, 8 interfaces and 16 disks at
 * most; it does not tell addresses or shared use. The caller frees *list_r with
 * free(); it may be NULL when there is no device. Blocks as the functions of
 * chaos/guest.h do, and fails as they do; where XenStore is asked also with
 * CHAOS_ETIMEDOUT when it does not answer within 10 s.
 */
int chaos_guest_devices(struct chaos *chaos, uint32_t domid, unsigned flags,
                        struct chaos_device_info **list_r, size_t *count_r,
                        struct chaos_error *err);

/*
 * Devices come to a running guest, and go.  All four are for guests that find
 * their devices through XenStore: CHAOS_ENOTSUP for one that speaks noxs, and
 * for another toolstack's.  They block for milliseconds as a rule, and for 10 s
 * at most for what they wait for: XenStore, dom0's back end, the guest; and 40
 * s for a script of the user's own.  What the guest has when it is restarted
 * (chaos/guest.h) is what it has then.  While one of them works on a guest,
 * another, or one that ends it, fails with CHAOS_EBUSY; when its process dies,
 * the next call about a guest finishes or undoes that, and the guest runs on.
 * In all else they fail as chaos/guest.h says.
 *
 *     uint32_t id;
 *
 *     if (chaos_network_attach(chaos, domid, "bridge=xenbr0", &id, &err) < 0)
 *         errx(1, "%s", err.message);
 */

/*
 * Gives a guest an interface or a disk.  `spec` is as an element of vif= or
 * disk= in chaos.cfg(5).  *id_r, which may be NULL, is its number, as in struct
 * chaos_device_info: that of an interface without devid= comes behind the
 * guest's last, and behind those that were taken from it by force, as a guest
 * that has not noticed looks at no other with their number.  When they return 0
 * the back end is there and waits for the guest, which sees the device by
 * itself.  On failure nothing of it is left. They fail as chaos_guest_create()
 * does about a device, with CHAOS_EEXIST also when the guest has one of this
 * number, and CHAOS_EINVAL when it has 8 interfaces or 16 disks.
 */
int chaos_network_attach(struct chaos *chaos, uint32_t domid, const char *spec,
                         uint32_t *id_r, struct chaos_error *err);
int chaos_block_attach(struct chaos *chaos, uint32_t domid, const char *spec,
                       uint32_t *id_r, struct chaos_error *err);

/* chaos_block_detach(): do not wait for the guest to let go of it. */
#define CHAOS_DETACH_FORCE 1u

/*
 * Takes a device away.  `name` is an interface's number or MAC address, or a
 * disk's name ("xvdb") or number.  The guest is asked to let go of it.  An
 * interface of which it does not is taken away after 10 s.  Such a disk stays,
 * CHAOS_ETIMEDOUT: the guest may use it, and lets go of it when it does so no
 * longer; another call takes it away then.  CHAOS_DETACH_FORCE takes it away
 * at once, and what the guest has not written is lost.  CHAOS_EINVAL when there
 * is no such device; CHAOS_EBUSY when the back end does not let go of it.
 */
int chaos_network_detach(struct chaos *chaos, uint32_t domid, const char *name,
                         struct chaos_error *err);
int chaos_block_detach(struct chaos *chaos, uint32_t domid, const char *name,
                       unsigned flags, struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
