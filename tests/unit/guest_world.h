/* SPDX-License-Identifier: MIT */
/*
 * What surrounds the guest kit's front ends on Xen, for tests on any machine:
 * device page, frames, grant table, event channels.  It implements
 * noxs/guest/platform.h and events.h.  It must not know what is on a ring.
 */
#ifndef GUEST_WORLD_H
#define GUEST_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noxs/abi/noxs.h"

#define WORLD_BACKEND 7u /* the back ends' domid */
#define WORLD_GRANTS 20u /* references that the toolstack has */
#define WORLD_FRAMES_MAX 4u

/* A guest that has just started: the front ends know nothing yet, the device
 * page is valid and lists nothing. */
void world_reset(void);

struct noxs_page *world_page(void);
/* As if another toolstack had started the guest. */
void world_without_page(void);
/* Adds an entry as the toolstack would, `size` bytes by its header. */
void world_add(const void *entry);
/* Xen lets the guest have so many frames of grant table; 4 at first. */
void world_limit_grants(unsigned int frames);

/* A zeroed page, which the guest finds by its frame. */
void *world_new_page(uint64_t *frame_r);

/* The page of a reference as Xen would give it to `domid`, NULL if Xen
 * would refuse; in use until world_end_use(). */
void *world_use(uint32_t reference, uint16_t domid, bool write);
void world_end_use(uint32_t reference);
/* References at or above WORLD_GRANTS that grant something. */
unsigned int world_granted(void);

/* Notifies the guest, which handles it at world_run(). */
void world_notify(uint32_t port);
/* Calls handlers until nothing is pending; how often, at most 1000 times. */
unsigned int world_run(void);
/* Notifications by the guest since the last call. */
unsigned int world_notified(uint32_t port);

#endif
