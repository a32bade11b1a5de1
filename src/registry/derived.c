/* SPDX-License-Identifier: MIT */
/* What is derived from the slots: lists and indexes, and making them anew. */
#include "layout.h"

#include <string.h>

off_t chaos__slot_number(const struct chaos__registry *registry,
                         const struct chaos__slot *slot)
{
    return slot - registry->map->slots;
}

struct chaos__slot *chaos__slot_at(struct chaos__registry *registry,
                                   unsigned number)
{
    return number > 0 && number <= chaos__used(registry)
               ? &registry->map->slots[number]
               : NULL;
}

bool chaos__slot_is_sound(const struct chaos__slot *slot)
{
    return slot->state > CHAOS__SLOT_FREE &&
           slot->state <= CHAOS__SLOT_CHANGING &&
           (slot->domid == CHAOS__NO_DOMID ||
            (slot->domid > 0 && slot->domid < CHAOS__SLOTS)) &&
           slot->renaming <= CHAOS__PUTTING_ASIDE &&
           !slot->name[sizeof(slot->name) - 1] &&
           !slot->new_name[sizeof(slot->new_name) - 1];
}

bool chaos__slot_in_flight(uint32_t state)
{
    return state == CHAOS__SLOT_PREPARING || state == CHAOS__SLOT_CLAIMED ||
           state == CHAOS__SLOT_DYING || state == CHAOS__SLOT_DUE ||
           state == CHAOS__SLOT_CHANGING;
}

static uint16_t *list_head(struct chaos__registry *registry,
                           const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_LINGERING ? &registry->map->linger_head
                                                : &registry->map->flight_head;
}

bool chaos__list_agrees(struct chaos__registry *registry,
                        const struct chaos__slot *slot, unsigned first)
{
    unsigned number = (unsigned)chaos__slot_number(registry, slot);
    struct chaos__slot *next = chaos__slot_at(registry, slot->next);
    struct chaos__slot *previous = chaos__slot_at(registry, slot->previous);

    if (slot->next && (!next || next->previous != number))
        return false;
    return slot->previous ? previous && previous->next == number
                          : first == number;
}

void chaos__list_add(struct chaos__registry *registry, struct chaos__slot *slot)
{
    uint16_t number = (uint16_t)chaos__slot_number(registry, slot);
    uint16_t *first = list_head(registry, slot);
    struct chaos__slot *head = chaos__slot_at(registry, *first);

    slot->previous = 0;
    slot->next = *first;
    if (*first && (!head || head->previous != 0))
        registry->is_broken = true;
    else if (head)
        head->previous = number;
    *first = number;
}

void chaos__list_remove(struct chaos__registry *registry,
                        struct chaos__slot *slot)
{
    struct chaos__slot *next = chaos__slot_at(registry, slot->next);
    struct chaos__slot *previous = chaos__slot_at(registry, slot->previous);

    if (!chaos__list_agrees(registry, slot, *list_head(registry, slot))) {
        registry->is_broken = true;
        return;
    }
    if (next)
        next->previous = slot->previous;
    if (previous)
        previous->next = slot->next;
    else
        *list_head(registry, slot) = slot->next;
    slot->next = slot->previous = 0;
}

void chaos__free_add(struct chaos__registry *registry, struct chaos__slot *slot)
{
    slot->next = registry->map->free_head;
    registry->map->free_head = (uint16_t)chaos__slot_number(registry, slot);
}

static bool same_name(const void *user, unsigned number, const void *key)
{
    struct chaos__registry *registry = (struct chaos__registry *)user;
    const struct chaos__slot *slot = chaos__slot_at(registry, number);

    return slot && chaos__slot_is_sound(slot) && strcmp(slot->name, key) == 0;
}

static bool same_uuid(const void *user, unsigned number, const void *key)
{
    struct chaos__registry *registry = (struct chaos__registry *)user;
    const struct chaos__slot *slot = chaos__slot_at(registry, number);

    return slot && chaos__slot_is_sound(slot) &&
           memcmp(slot->uuid, key, sizeof(slot->uuid)) == 0;
}

static uint32_t hash_name(const char *name)
{
    return chaos__index_hash(name, strnlen(name, CHAOS__SLOT_NAME_SIZE));
}

static uint32_t hash_uuid(const uint8_t *uuid)
{
    return chaos__index_hash(uuid, CHAOS__SLOT_UUID_SIZE);
}

static uint32_t rehash_name(const void *user, unsigned number)
{
    struct chaos__registry *registry = (struct chaos__registry *)user;
    const struct chaos__slot *slot = chaos__slot_at(registry, number);

    registry->is_broken = registry->is_broken || !slot;
    return slot ? hash_name(slot->name) : 0;
}

static uint32_t rehash_uuid(const void *user, unsigned number)
{
    struct chaos__registry *registry = (struct chaos__registry *)user;
    const struct chaos__slot *slot = chaos__slot_at(registry, number);

    registry->is_broken = registry->is_broken || !slot;
    return slot ? hash_uuid(slot->uuid) : 0;
}

void chaos__slot_index_name(struct chaos__registry *registry,
                            struct chaos__slot *slot)
{
    if (!chaos__index_add(&registry->map->by_name, hash_name(slot->name),
                          (unsigned)chaos__slot_number(registry, slot)))
        registry->is_broken = true;
}

void chaos__slot_index(struct chaos__registry *registry,
                       struct chaos__slot *slot)
{
    struct chaos__layout *map = registry->map;
    unsigned number = (unsigned)chaos__slot_number(registry, slot);

    if (*slot->name &&
        !chaos__index_add(&map->by_name, hash_name(slot->name), number))
        registry->is_broken = true;
    if (slot->state != CHAOS__SLOT_LINGERING &&
        !chaos__index_add(&map->by_uuid, hash_uuid(slot->uuid), number))
        registry->is_broken = true;
    if (slot->domid < CHAOS__SLOTS)
        map->by_domid[slot->domid] = (uint16_t)number;
}

void chaos__slot_unindex(struct chaos__registry *registry,
                         struct chaos__slot *slot)
{
    struct chaos__layout *map = registry->map;
    unsigned number = (unsigned)chaos__slot_number(registry, slot);

    if (*slot->name &&
        !chaos__index_remove(&map->by_name, hash_name(slot->name), number,
                             rehash_name, registry))
        registry->is_broken = true;
    if (slot->state != CHAOS__SLOT_LINGERING &&
        !chaos__index_remove(&map->by_uuid, hash_uuid(slot->uuid), number,
                             rehash_uuid, registry))
        registry->is_broken = true;
    if (slot->domid < CHAOS__SLOTS && map->by_domid[slot->domid] == number)
        map->by_domid[slot->domid] = 0;
}

/* A name changes in more than one store: the new one is complete elsewhere
 * before the old one is touched.  So is a UUID that changes with it. */
void chaos__slot_finish_rename(struct chaos__slot *slot)
{
    if (!slot->renaming)
        return;
    memcpy(slot->name, slot->new_name, sizeof(slot->name));
    if (slot->renaming == CHAOS__PUTTING_ASIDE) {
        memcpy(slot->uuid, slot->other_uuid, sizeof(slot->uuid));
        slot->has_shell_uuid = 1;
        slot->is_aside = 1;
    }
    chaos__barrier();
    slot->renaming = 0;
}

/* Somebody died while changing what is derived, or it is broken: make it anew.
 * A slot that can't be one is free: if it had a domain, `chaos recover` finds
 * that. */
void chaos__registry_rebuild(struct chaos__registry *registry)
{
    struct chaos__layout *map = registry->map;
    unsigned number;

    memset(&map->by_name, 0, sizeof(map->by_name));
    memset(&map->by_uuid, 0, sizeof(map->by_uuid));
    memset(map->by_domid, 0, sizeof(map->by_domid));
    map->free_head = map->flight_head = map->linger_head = 0;
    registry->is_broken = false;
    chaos__pools_clear(registry);
    for (number = chaos__used(registry); number > 0; number--) {
        struct chaos__slot *slot = &map->slots[number];

        if (!chaos__slot_is_sound(slot)) {
            slot->state = CHAOS__SLOT_FREE;
            chaos__free_add(registry, slot);
            continue;
        }
        chaos__slot_finish_rename(slot);
        if (slot->state == CHAOS__SLOT_LINGERING)
            slot->name[0] = '\0';
        chaos__slot_index(registry, slot);
        /* A shell whose pool has gone is for the next process to undo. */
        if (slot->state == CHAOS__SLOT_SHELL &&
            !chaos__pool_link(registry, slot))
            slot->state = CHAOS__SLOT_DYING;
        if (chaos__slot_in_flight(slot->state) ||
            slot->state == CHAOS__SLOT_LINGERING)
            chaos__list_add(registry, slot);
    }
    chaos__devices_rebuild(registry);
}

struct chaos__slot *chaos__find_name(struct chaos__registry *registry,
                                     const char *name)
{
    return chaos__slot_at(
        registry, chaos__index_find(&registry->map->by_name, hash_name(name),
                                    same_name, registry, name));
}

struct chaos__slot *chaos__find_uuid(struct chaos__registry *registry,
                                     const uint8_t *uuid)
{
    return chaos__slot_at(
        registry, chaos__index_find(&registry->map->by_uuid, hash_uuid(uuid),
                                    same_uuid, registry, uuid));
}
