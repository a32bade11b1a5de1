/* SPDX-License-Identifier: MIT */
/*
 * Domains that another toolstack made: what chaos can do to them from what Xen
 * and XenStore tell, for the registry has nothing of them.  Whatever that
 * toolstack has running for one sees by itself that it has ended.
 */
#ifndef CHAOS_SRC_GUEST_FOREIGN_H
#define CHAOS_SRC_GUEST_FOREIGN_H

#include "device/device.h"
#include "guest.h"

#include <chaos/device.h>

/* The domain that has this name in XenStore: 1 with its domid, 0 when there is
 * none.  Asks only for domains that the registry does not know. */
int chaos__foreign_find(struct chaos *chaos, const char *name,
                        uint32_t *domid_r, struct chaos_error *err);

/*
 * What those who made them see to as well, before a guest comes to be beside
 * them.  CHAOS_EEXIST when one has the name; CHAOS_EBUSY when one has a block
 * device that these devices want, and one of both writes (of files the kernel
 * tells, dom0/dom0.h).  Both look at all domains of the host.
 */
int chaos__foreign_check_name(struct chaos *chaos, const char *name,
                              struct chaos_error *err);
/* Looks at none unless there is a block device. */
int chaos__foreign_check_disks(struct chaos *chaos,
                               const struct chaos__devices *devices,
                               struct chaos_error *err);

/*
 * Ends it at once, with its devices and all that its toolstack keeps of it in
 * XenStore and in files.  CHAOS_ENOTSUP, and nothing has happened, when it has
 * what chaos can't take away.  What back ends or scripts fail in is logged.
 */
int chaos__foreign_destroy(struct chaos *chaos,
                           const struct chaos__hv_domain *domain,
                           struct chaos_error *err);

/* Asks it for something, "poweroff" and the like, by way of XenStore.
 * CHAOS_ENOTSUP when it says that it does not know the request. */
int chaos__foreign_shutdown(struct chaos *chaos, uint32_t domid,
                            const char *word, struct chaos_error *err);

/* Its devices, as chaos_guest_devices() tells them, but for their states. */
int chaos__foreign_list_devices(struct chaos *chaos, uint32_t domid,
                                struct chaos_device_info **list_r,
                                size_t *count_r, struct chaos_error *err);

#endif
