/* SPDX-License-Identifier: MIT */
/*
 * A place in the registry for a guest that is to be created.  Who has what it
 * wants, a name, a UUID, a MAC or a disk, may have ended without anybody
 * noticing: that is looked at first.
 */
#include "create.h"

#include "devices.h"
#include "uuid.h"

#include <string.h>

/* Ended guests that are seen to when another one wants what they had: more
 * than share a disk, and few enough for those that start again each time. */
#define RIVALS_MAX 64

/* What it had is free then, or taken by its successor. */
int chaos__settle_taken(struct chaos *chaos, struct chaos__slot *taken)
{
    struct chaos__hv_domain domain;
    int rc;

    if (chaos__is_ending(taken))
        return chaos__await_release(chaos, taken) ? 0 : CHAOS_EBUSY;
    rc = chaos__guest_look(chaos, taken, &domain, NULL);

    if (rc == CHAOS_ENOGUEST)
        return 0;
    return rc < 0 ? rc : chaos__guest_settle(chaos, taken, &domain, NULL);
}

int chaos__create_check_uuid(struct chaos *chaos, const uint8_t uuid[16],
                             struct chaos_error *err)
{
    struct chaos__slot *slot;
    uint32_t domid;
    int rc = chaos__find_by_handle(chaos, uuid, CHAOS__NO_DOMID, &domid, err);

    if (rc <= 0)
        return rc;
    slot = chaos__registry_by_domid(chaos->registry, domid);
    if (slot && chaos__settle_taken(chaos, slot) == 0)
        rc = chaos__find_by_handle(chaos, uuid, CHAOS__NO_DOMID, &domid, err);
    if (rc <= 0)
        return rc;
    if (chaos__await_gone(chaos, domid, uuid))
        return 0;
    return chaos__fail(err, CHAOS_EEXIST,
                       "uuid: domain %u has this UUID; choose another, or "
                       "none",
                       domid);
}

void chaos__settle_rivals(struct chaos *chaos,
                          const struct chaos__devices *devices)
{
    uint8_t uuid[CHAOS__SLOT_UUID_SIZE];
    struct chaos__slot *rival;
    unsigned tries;

    for (tries = 0; tries < RIVALS_MAX; tries++) {
        rival = chaos__devices_rival(chaos->registry, devices);
        if (!rival)
            break;
        memcpy(uuid, rival->uuid, sizeof(uuid));
        if (chaos__settle_taken(chaos, rival) < 0)
            break;
        /* It goes on: then so does the rivalry. */
        if (chaos__is_guest(rival) &&
            memcmp(rival->uuid, uuid, sizeof(uuid)) == 0)
            break;
    }
}

static int reserve(struct chaos *chaos, const struct chaos_config *config,
                   struct chaos__slot **slot_r, struct chaos_error *err)
{
    struct chaos__slot *taken = NULL;
    uint8_t uuid[16];
    int rc = 0;

    if (config->has_uuid)
        memcpy(uuid, config->uuid, sizeof(uuid));
    else
        rc = chaos__uuid_make(uuid, err);
    if (rc < 0)
        return rc;
    rc = chaos__registry_reserve(chaos->registry, config->name, uuid, slot_r,
                                 &taken, NULL);
    if (rc == 0)
        return 0;
    if (taken)
        chaos__settle_taken(chaos, taken);
    return chaos__registry_reserve(chaos->registry, config->name, uuid, slot_r,
                                   NULL, err);
}

int chaos__create_reserve(struct chaos *chaos,
                          const struct chaos_config *config,
                          const struct chaos__devices *devices,
                          struct chaos__slot **slot_r, struct chaos_error *err)
{
    int rc = config->has_uuid
                 ? chaos__create_check_uuid(chaos, config->uuid, err)
                 : 0;

    if (rc < 0)
        return rc;
    chaos__settle_rivals(chaos, devices);
    return reserve(chaos, config, slot_r, err);
}
