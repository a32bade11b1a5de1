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
#include "registry/pools.h"
#include "registry/registry.h"
#include "store/store.h"

#include <chaos/console.h>
#include <chaos/guest.h>

/* Opens Xen and the registry if they are not open yet, and finishes what
 * dead processes left: every public function starts with it. */
int chaos__ready(struct chaos *chaos, struct chaos_error *err);

/* Opens Xen alone if it is not open yet. */
int chaos__hv_ready(struct chaos *chaos, struct chaos_error *err);

/* Opens XenStore if it is not open yet, or no longer of use. */
int chaos__store_ready(struct chaos *chaos, struct chaos_error *err);

/* Finishes or undoes the slots whose owner has died.  What can't be is logged,
 * and left to the next call: an error then. */
int chaos__repair(struct chaos *chaos);

/* The domain that carries this UUID, one that is dying too, but not that with
 * the domid `but`: 1 with its domid, 0 when there is none, or an error. */
int chaos__find_by_handle(struct chaos *chaos, const uint8_t *uuid,
                          uint32_t but, uint32_t *domid_r,
                          struct chaos_error *err);

/* Queues taking away what XenStore has by the UUID of a slot whose domain has
 * gone, or is dying, unless another domain carries it. */
int chaos__remove_vm(struct chaos *chaos, const struct chaos__slot *slot,
                     struct chaos_error *err);

/* Waits, for two seconds at most, for a domain that is destroyed and still
 * there because a back end or another process has not let go of its memory.
 * False: it is not destroyed, or does not go. */
bool chaos__await_gone(struct chaos *chaos, uint32_t domid,
                       const uint8_t *uuid);

/* Frees a slot that is LINGERING if its back ends have let go.  An error: they
 * have, and it could not be done. */
int chaos__settle_lingering(struct chaos *chaos, struct chaos__slot *slot);

/* Whether it has a guest that is there, and was not ended. */
static inline bool chaos__is_guest(const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_RUNNING ||
           slot->state == CHAOS__SLOT_CHANGING;
}
/* Whether its guest has ended and something is still to be done, here or by
 * another process. */
static inline bool chaos__is_ending(const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_DYING ||
           slot->state == CHAOS__SLOT_LINGERING;
}
/* Waits, for two seconds at most, until that is done; false: it isn't. */
bool chaos__await_release(struct chaos *chaos, struct chaos__slot *slot);

/* Takes the devices of a domain that is kept beside its successor away, and has
 * XenStore know it by its slot's name and UUID.  Waits for two seconds at most
 * until back ends have let go: CHAOS_EBUSY when they don't. */
int chaos__take_devices_away(struct chaos *chaos, struct chaos__slot *slot,
                             struct chaos_error *err);

/* Finishes or undoes what somebody who died was doing with a device: the slot
 * is CHANGING and ours, and nobody's after. */
int chaos__finish_change(struct chaos *chaos, struct chaos__slot *slot,
                         struct chaos_error *err);

/* Undoes a slot that is ours, whatever state it is in: destroys its domain
 * and frees it, or lets it linger while back ends have something of it.  When
 * Xen fails, leaves it to the next process. */
int chaos__undo(struct chaos *chaos, struct chaos__slot *slot,
                struct chaos_error *err);

/* All domains of the host, by domid; the caller frees *domains_r. */
int chaos__guest_read_domains(struct chaos *chaos,
                              struct chaos__hv_domain **domains_r,
                              size_t *count_r, struct chaos_error *err);

/* The domain of a slot.  CHAOS_EBUSY while somebody makes or ends it;
 * CHAOS_ENOGUEST when the domain has gone without us: the slot is free then. */
int chaos__guest_look(struct chaos *chaos, struct chaos__slot *slot,
                      struct chaos__hv_domain *domain_r,
                      struct chaos_error *err);

/* The domain that has the domid: one of ours, or *slot_r is NULL and it is
 * another toolstack's, but never dom0. */
int chaos__guest_get_any(struct chaos *chaos, uint32_t domid,
                         struct chaos__slot **slot_r,
                         struct chaos__hv_domain *domain_r,
                         struct chaos_error *err);

/* The guest of ours that has the domid. */
int chaos__guest_get(struct chaos *chaos, uint32_t domid,
                     struct chaos__slot **slot_r,
                     struct chaos__hv_domain *domain_r,
                     struct chaos_error *err);

/* chaos__ready(), and a domain of whatever toolstack that may be changed.
 * CHAOS_EBUSY while somebody works on it, CHAOS_ENOTSUP for a shell. */
int chaos__domain_open(struct chaos *chaos, uint32_t domid,
                       struct chaos__hv_domain *domain_r,
                       struct chaos_error *err);

/* chaos__ready() and one of these: how most public functions start. */
int chaos__guest_open_any(struct chaos *chaos, uint32_t domid,
                          struct chaos__slot **slot_r,
                          struct chaos__hv_domain *domain_r,
                          struct chaos_error *err);
int chaos__guest_open(struct chaos *chaos, uint32_t domid,
                      struct chaos__slot **slot_r,
                      struct chaos__hv_domain *domain_r,
                      struct chaos_error *err);

/* The same for a guest that uses XenStore, which is open then; CHAOS_ENOTSUP
 * for another, of which the message says what it "cannot" then. */
int chaos__guest_open_xenstore(struct chaos *chaos, uint32_t domid,
                               struct chaos__slot **slot_r,
                               struct chaos__hv_domain *domain_r,
                               const char *cannot, struct chaos_error *err);

/* Reads the configuration that is kept for a slot, whose guest is called
 * `name` in messages; the caller frees it with chaos_config_free(). */
int chaos__read_kept(struct chaos *chaos, const struct chaos__slot *slot,
                     const char *name, struct chaos_config **config_r,
                     struct chaos_error *err);

/* Whether the domain is the slot's: a guest that is restarted keeps its UUID,
 * and may keep its slot. */
static inline bool chaos__is_domain_of(const struct chaos__slot *slot,
                                       const struct chaos__hv_domain *domain)
{
    return slot->domid == domain->domid &&
           chaos__slot_is_of(slot, domain->handle);
}

/* Writes what XenStore has of a guest for others, unless that is there: see
 * chaos_guest_publish(). */
int chaos__guest_publish(struct chaos *chaos, struct chaos__slot *slot,
                         const struct chaos__hv_domain *domain,
                         struct chaos_error *err);

/* The same for guests of which nobody has done it in time, a few of them.  An
 * error: one couldn't be, and the others would not be either. */
int chaos__guest_publish_late(struct chaos *chaos);

/* Ends a guest that exists: DYING, destroyed, LINGERING or free. */
int chaos__guest_end(struct chaos *chaos, struct chaos__slot *slot,
                     const struct chaos__hv_domain *domain,
                     struct chaos_error *err);

/* Why a domain shut down.  It may have given any reason: one that means
 * something else here is told as one that means nothing. */
static inline enum chaos_guest_end
chaos__guest_end_of(const struct chaos__hv_domain *domain)
{
    return domain->shutdown_reason < CHAOS_END_HALT
               ? (enum chaos_guest_end)domain->shutdown_reason
               : (enum chaos_guest_end)(CHAOS_END_HALT - 1);
}

/*
 * Carries out what the configuration says about a guest that has ended.
 * Does nothing while it runs.  A failed restart is logged; the ended guest is
 * kept if the failure could be foreseen.
 */
int chaos__guest_settle(struct chaos *chaos, struct chaos__slot *slot,
                        const struct chaos__hv_domain *domain,
                        struct chaos_error *err);
/* The same, and tells what was done; settled_r may be NULL. */
int chaos__guest_carry_out(struct chaos *chaos, struct chaos__slot *slot,
                           const struct chaos__hv_domain *domain,
                           struct chaos_settled *settled_r,
                           struct chaos_error *err);

/* Carries out a restart that somebody has begun who died, or could not finish:
 * the slot is DUE and ours, and free or given up after.  What fails is logged;
 * an error: it is given up, and the next to come at this would fail as well. */
int chaos__restart_due(struct chaos *chaos, struct chaos__slot *due);

/* Writes the core of the slot's domain, which is DYING and ours.  What can't
 * be is logged.  path_r may be NULL. */
void chaos__dump_core(struct chaos *chaos, struct chaos__slot *slot,
                      char path_r[CHAOS_CORE_PATH_MAX + 1]);

/* chaos_guest_create() without its first look at what others left. */
int chaos__guest_create(struct chaos *chaos, const struct chaos_config *config,
                        unsigned flags, uint32_t *domid_r,
                        struct chaos_error *err);

#endif
