/* SPDX-License-Identifier: MIT */
/*
 * The names of noxs guests in XenStore, for those who look there: xl and its
 * like.  The guest itself has nothing of it.  A name is written when the guest
 * runs already, by whoever has the time, and may cross the guest's end.
 */
#include "guest.h"

#include "nodes.h"

#include <string.h>

static bool is_still(const struct chaos__slot *slot,
                     const struct chaos__hv_domain *domain)
{
    return slot->state == CHAOS__SLOT_RUNNING && slot->domid == domain->domid &&
           chaos__slot_is_of(slot, domain->handle);
}

/*
 * Who ends the guest takes the name away if the slot says that it is there;
 * which it says first.  Whichever comes last then, writing or taking away, the
 * name goes: who has written it looks once more.  The slot may be another
 * domain's by then, that of the same guest after a restart for one; so all is
 * done by a copy of what it was, and what it says is for this domid alone.
 */
static int publish(struct chaos *chaos, struct chaos__slot *slot,
                   const struct chaos__hv_domain *domain,
                   struct chaos_error *err)
{
    struct chaos__slot was = { .domid = domain->domid };
    uint32_t seen = __atomic_load_n(&slot->published_domid, __ATOMIC_SEQ_CST);
    int rc;

    memcpy(was.name, slot->name, sizeof(was.name));
    if (!is_still(slot, domain))
        return 0;
    __atomic_compare_exchange_n(&slot->published_domid, &seen, was.domid, false,
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    chaos__nodes_publish(chaos->store, &was);
    rc = chaos__store_run(chaos->store, err);
    if (rc < 0 || is_still(slot, domain))
        return rc;
    chaos__nodes_remove(chaos->store, &was);
    return chaos__store_run(chaos->store, err);
}

static bool is_unpublished(const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_RUNNING && !slot->is_hidden &&
           !chaos__has_name(slot);
}

int chaos_guest_unpublished(struct chaos *chaos, uint32_t domid)
{
    const struct chaos__slot *slot =
        chaos->registry ? chaos__registry_by_domid(chaos->registry, domid)
                        : NULL;

    return slot && is_unpublished(slot);
}

int chaos_guest_publish(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open(chaos, domid, &slot, &domain, err);

    if (rc < 0 || !is_unpublished(slot))
        return rc;
    rc = chaos__store_ready(chaos, err);
    return rc < 0 ? rc : publish(chaos, slot, &domain, err);
}
