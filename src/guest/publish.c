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
                     const struct chaos__slot *was)
{
    return slot->state == CHAOS__SLOT_RUNNING && slot->domid == was->domid &&
           memcmp(slot->uuid, was->uuid, sizeof(slot->uuid)) == 0;
}

/* Who ends the guest takes the name away if the slot says that it is there;
 * which it says first.  Whichever comes last then, writing or taking away, the
 * name goes: who has written it looks once more.  The slot may be another
 * guest's by then, so all is done by a copy of what it was. */
static int publish(struct chaos *chaos, struct chaos__slot *slot,
                   const uint8_t *uuid, struct chaos_error *err)
{
    const struct chaos__slot was = *slot;
    int rc;

    if (memcmp(was.uuid, uuid, sizeof(was.uuid)) != 0)
        return 0;
    __atomic_store_n(&slot->is_published, 1, __ATOMIC_SEQ_CST);
    chaos__nodes_publish(chaos->store, &was);
    rc = chaos__store_run(chaos->store, err);
    if (rc < 0 || is_still(slot, &was))
        return rc;
    chaos__nodes_remove(chaos->store, &was);
    return chaos__store_run(chaos->store, err);
}

static bool is_unpublished(const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_RUNNING && !slot->store_frame &&
           !slot->is_hidden && !slot->is_published;
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
    return rc < 0 ? rc : publish(chaos, slot, domain.handle, err);
}
