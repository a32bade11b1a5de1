/* SPDX-License-Identifier: MIT */
/*
 * What others look for in XenStore, xl and its like: the names of noxs guests,
 * and of guests that use XenStore what only tools read.  The guest itself has
 * nothing of it.  It is written when the guest runs already, by whoever has the
 * time, and may cross the guest's end.
 */
#include "guest.h"

#include "devices.h"
#include "nodes.h"

#include <string.h>
#include <time.h>

/* Whoever makes a guest writes it at once, if he does it at all. */
#define LATE_S 5
/* Each command pays for it. */
#define LATE_AT_ONCE 16

/* The slot may be another domain's by now, that of the same guest after a
 * restart for one. */
static bool is_still(const struct chaos__slot *slot,
                     const struct chaos__hv_domain *domain)
{
    return slot->state == CHAOS__SLOT_RUNNING &&
           chaos__is_domain_of(slot, domain);
}

/* Unless somebody else has noted what is newer: `seen` was there before. */
static void note_published(struct chaos__slot *slot, uint32_t seen,
                           uint32_t domid)
{
    __atomic_compare_exchange_n(&slot->published_domid, &seen, domid, false,
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* -------------------------------------------------- names of noxs guests */

/*
 * Who ends the guest takes the name away if the slot says that it is there;
 * which it says first.  Whichever comes last then, writing or taking away, the
 * name goes: who has written it looks once more, and whether it is still that
 * name as well.  All is done by a copy of what the slot was.
 */
static int publish_name(struct chaos *chaos, struct chaos__slot *slot,
                        const struct chaos__hv_domain *domain,
                        struct chaos_error *err)
{
    const uint32_t seen =
        __atomic_load_n(&slot->published_domid, __ATOMIC_SEQ_CST);
    struct chaos__slot was = { .domid = domain->domid };
    int rc;

    memcpy(was.name, slot->name, sizeof(was.name));
    if (!is_still(slot, domain))
        return 0;
    note_published(slot, seen, was.domid);
    chaos__nodes_publish(chaos->store, &was);
    rc = chaos__store_run(chaos->store, err);
    if (rc < 0)
        return rc;
    if (is_still(slot, domain))
        return strcmp(was.name, slot->name) == 0
                   ? 0
                   : chaos__nodes_rename(chaos->store, slot, err);
    chaos__nodes_remove(chaos->store, &was);
    return chaos__store_run(chaos->store, err);
}

/* ------------------------------------------- guests that use XenStore */

struct telling {
    const struct chaos__slot *slot;
    const struct chaos_config *config;
    struct chaos__devices *devices;
};

static int tell_all(struct chaos__store *store, void *user,
                    struct chaos_error *err)
{
    const struct telling *telling = user;
    int rc = chaos__nodes_tell(store, telling->slot, telling->config, err);

    if (rc == 0)
        rc = chaos__devices_tell(store, telling->slot->domid, telling->devices,
                                 err);
    return rc < 0 ? rc : chaos__store_run(store, err);
}

/* Whoever ends the guest takes all of it away, told or not, its nodes that are
 * looked at here first: what comes late finds that out. */
static int tell(struct chaos *chaos, struct chaos__slot *slot,
                const struct chaos__hv_domain *domain, struct chaos_error *err)
{
    const uint32_t seen =
        __atomic_load_n(&slot->published_domid, __ATOMIC_SEQ_CST);
    const struct chaos__slot was = *slot;
    struct chaos__devices devices;
    struct chaos_config *config;
    struct telling telling = { &was, NULL, &devices };
    int rc;

    if (!is_still(&was, domain))
        return 0;
    rc = chaos__read_kept(chaos, slot, was.name, &config, err);
    if (rc < 0)
        return rc;
    telling.config = config;
    if (is_still(slot, domain) &&
        chaos__devices_of(chaos->registry, slot, config, &devices))
        rc = chaos__store_transact(chaos->store, tell_all, &telling, err);
    if (rc == 0)
        note_published(slot, seen, was.domid);
    chaos_config_free(config);
    return rc == CHAOS_ENOGUEST ? 0 : rc;
}

/* ---------------------------------------------------------------- either */

static bool is_unpublished(const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_RUNNING &&
           slot->published_domid != slot->domid &&
           (slot->store_frame ? slot->has_config : !slot->is_hidden);
}

int chaos_guest_unpublished(struct chaos *chaos, uint32_t domid)
{
    const struct chaos__slot *slot =
        chaos->registry ? chaos__registry_by_domid(chaos->registry, domid)
                        : NULL;

    return slot && is_unpublished(slot);
}

int chaos__guest_publish(struct chaos *chaos, struct chaos__slot *slot,
                         const struct chaos__hv_domain *domain,
                         struct chaos_error *err)
{
    int rc;

    if (!is_unpublished(slot))
        return 0;
    rc = chaos__store_ready(chaos, err);
    if (rc < 0)
        return rc;
    return slot->store_frame ? tell(chaos, slot, domain, err)
                             : publish_name(chaos, slot, domain, err);
}

/* Its maker has been killed, or is a program that leaves it to others. */
static bool is_late(const struct chaos__slot *slot)
{
    return is_unpublished(slot) && !slot->is_aside &&
           (uint64_t)time(NULL) > slot->created_s + LATE_S;
}

int chaos__guest_publish_late(struct chaos *chaos)
{
    struct chaos__slot *slot = NULL;
    struct chaos__hv_domain domain;
    unsigned n = 0;
    int rc = 0;

    while (rc == 0 && n < LATE_AT_ONCE &&
           (slot = chaos__registry_next(chaos->registry, slot))) {
        if (!is_late(slot) || chaos__guest_look(chaos, slot, &domain, NULL) < 0)
            continue;
        rc = chaos__guest_publish(chaos, slot, &domain, NULL);
        n++;
    }
    return rc;
}

int chaos_guest_publish(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open(chaos, domid, &slot, &domain, err);

    return rc < 0 ? rc : chaos__guest_publish(chaos, slot, &domain, err);
}
