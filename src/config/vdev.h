/* SPDX-License-Identifier: MIT */
/*
 * The names of virtual disks and their numbers, as in Xen's
 * xen-vbd-interface(7).  It does not know which exist.
 */
#ifndef CHAOS_SRC_CONFIG_VDEV_H
#define CHAOS_SRC_CONFIG_VDEV_H

#include "config/span.h"

/* The number of xvda, sdb1, hdc, d0p1 and their like, or of 51712 and 0xca00
 * themselves.  Not 0; names that are true are shorter than CHAOS__VDEV_MAX. */
bool chaos__vdev_parse(struct chaos__span name, uint32_t *number_r);

#endif
