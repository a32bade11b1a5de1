/* SPDX-License-Identifier: MIT */
/*
 * Guests as sequences of the parts below: registry, build, hv.  What the
 * files of src/guest share.
 */
#ifndef CHAOS_SRC_GUEST_H
#define CHAOS_SRC_GUEST_H

#include "config/config.h"
#include "context.h"
#include "hv/hv.h"
#include "registry/registry.h"

#include <chaos/console.h>
#include <chaos/guest.h>

/* Opens Xen and the registry if they are not open yet, and finishes what
 * dead processes left: every public function starts with it. */
int chaos__ready(struct chaos *chaos, struct chaos_error *err);

/* Finishes or undoes the slots whose owner has died. */
void chaos__repair(struct chaos *chaos);

/* Undoes a slot that is ours, whatever state it is in: destroys its domain
 * and frees it.  When Xen fails, leaves it to the next process. */
int chaos__undo(struct chaos *chaos, struct chaos__slot *slot,
                struct chaos_error *err);

/* A guest of ours and its domain.  Frees the slot and says CHAOS_ENOGUEST
 * when the domain has gone without us. */
int chaos__guest_get(struct chaos *chaos, uint32_t domid,
                     struct chaos__slot **slot_r,
                     struct chaos__hv_domain *domain_r,
                     struct chaos_error *err);

/* Ends a guest that exists: DYING, destroyed, free. */
int chaos__guest_end(struct chaos *chaos, struct chaos__slot *slot,
                     const uint8_t *uuid, struct chaos_error *err);

/*
 * Carries out what the configuration says about a guest that has ended.
 * Does nothing while it runs.  A failed restart is logged; the ended guest is
 * kept if the failure could be foreseen.
 */
int chaos__guest_settle(struct chaos *chaos, struct chaos__slot *slot,
                        const struct chaos__hv_domain *domain,
                        struct chaos_error *err);

/* chaos_guest_create() without its first look at what others left. */
int chaos__guest_create(struct chaos *chaos, const struct chaos_config *config,
                        unsigned flags, uint32_t *domid_r,
                        struct chaos_error *err);

#endif
