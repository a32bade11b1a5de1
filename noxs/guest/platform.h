/* SPDX-License-Identifier: MIT */
/*
 * What differs between PV and PVH: pv.c and pvh.c implement this.  It must
 * not know what is in the pages that it finds.
 *
 * A frame is a number as Xen's interfaces use it: a machine frame for PV, a
 * guest frame for PVH.
 */
#ifndef GUEST_PLATFORM_H
#define GUEST_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>

#include "boot.h"

/* A page that is shared with another domain, and its event channel. */
struct channel {
    void *page; /* NULL if there is none */
    uint32_t port;
};

void platform_init(const void *start, struct guest_info *info_r);

/* The address of a frame of the guest's own memory; NULL if it can't be
 * reached, and for 0, which says that there is none. */
void *platform_map_frame(uint64_t frame);

/* The frame of an address in the guest's image or memory, which is mapped. */
uint64_t platform_frame(const void *address);

#define GRANT_FRAMES_MAX 4u

/* The n-th frame of the grant table, behind the one before it; they are asked
 * for in their order.  NULL if Xen refuses, and from GRANT_FRAMES_MAX on. */
void *platform_grant_frame(unsigned int n);

/* Maps it at the first call; NULL if Xen refuses. */
struct shared_info *platform_shared_info(void);

/* Has Xen put the wall clock into the shared info page. */
void platform_set_wall_clock(void);

/* Found when they are asked for, because asking costs PVH two hypercalls. */
struct channel platform_console(void);

/* The XenStore ring, or the device page in its place. */
void *platform_store_page(void);

#endif
