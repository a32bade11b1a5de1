/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int chaos__registry_check_free(struct chaos__registry *registry,
                               const char *name, const uint8_t *uuid,
                               struct chaos__slot **taken_r,
                               struct chaos_error *err)
{
    struct chaos__slot *taken = name ? chaos__find_name(registry, name) : NULL;
    const char *what = "the name";

    if (!taken && uuid) {
        what = "its UUID";
        taken = chaos__find_uuid(registry, uuid);
    }
    if (!taken)
        return 0;
    if (taken_r)
        *taken_r = taken;
    return chaos__fail(err, CHAOS_EEXIST,
                       "%s: %s is taken by guest %s (domain %d); choose "
                       "another or destroy it",
                       name ? name : "a shell", what, taken->name,
                       (int)taken->domid);
}

/* The number of a free slot, not yet taken off the list; 0: none. */
static unsigned peek_free(struct chaos__registry *registry)
{
    struct chaos__layout *map = registry->map;

    if (map->free_head)
        return map->free_head;
    return map->used < CHAOS__SLOTS ? map->used + 1 : 0;
}

static void fill_slot(struct chaos__slot *slot, const char *name,
                      const uint8_t *uuid)
{
    memset((char *)slot + offsetof(struct chaos__slot, domid), 0,
           sizeof(*slot) - offsetof(struct chaos__slot, domid));
    slot->domid = CHAOS__NO_DOMID;
    snprintf(slot->name, sizeof(slot->name), "%s", name ? name : "");
    memcpy(slot->uuid, uuid, sizeof(slot->uuid));
}

static int reserve(struct chaos__registry *registry, const char *name,
                   const uint8_t *uuid, struct chaos__slot **slot_r,
                   struct chaos_error *err)
{
    struct chaos__layout *map = registry->map;
    unsigned number = peek_free(registry);
    struct chaos__slot *slot = chaos__slot_at(registry, number);
    uint16_t next_free;

    if (!slot)
        return chaos__fail(err, CHAOS_ENOMEM,
                           "all %u guests that Xen has domids for exist; "
                           "destroy some",
                           CHAOS__SLOTS);
    chaos__change_begin(registry);
    next_free = slot->next;
    fill_slot(slot, name, uuid);
    if (!chaos__slot_own(registry, slot)) {
        slot->next = next_free;
        chaos__change_end(registry);
        return chaos__fail_errno(err, errno, "locking a registry slot");
    }
    if (map->free_head)
        map->free_head = next_free;
    else
        map->used = number;
    chaos__barrier();
    slot->state = CHAOS__SLOT_PREPARING;
    chaos__slot_index(registry, slot);
    chaos__list_add(registry, slot);
    chaos__change_end(registry);
    *slot_r = slot;
    return 0;
}

int chaos__registry_reserve(struct chaos__registry *registry, const char *name,
                            const uint8_t *uuid, struct chaos__slot **slot_r,
                            struct chaos__slot **taken_r,
                            struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    rc = chaos__registry_check_free(registry, name, uuid, taken_r, err);
    if (rc == 0)
        rc = reserve(registry, name, uuid, slot_r, err);
    chaos__registry_unlock(registry);
    return rc;
}

int chaos__registry_set_domid(struct chaos__registry *registry,
                              struct chaos__slot *slot, uint32_t domid,
                              struct chaos_error *err)
{
    struct chaos__slot *old;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    old = chaos__registry_by_domid(registry, domid);
    chaos__change_begin(registry);
    if (old && old != slot)
        old->domid = CHAOS__NO_DOMID;
    slot->domid = domid;
    if (domid < CHAOS__SLOTS)
        registry->map->by_domid[domid] =
            (uint16_t)chaos__slot_number(registry, slot);
    chaos__change_end(registry);
    chaos__registry_unlock(registry);
    return 0;
}

static bool is_listed(const struct chaos__slot *slot)
{
    return chaos__slot_in_flight(slot->state) ||
           slot->state == CHAOS__SLOT_LINGERING;
}

/* The lists that a slot is in by its state. */
static void leave_list(struct chaos__registry *registry,
                       struct chaos__slot *slot)
{
    if (is_listed(slot))
        chaos__list_remove(registry, slot);
    else if (slot->state == CHAOS__SLOT_SHELL)
        chaos__pool_unlink(registry, slot);
}

static void enter_list(struct chaos__registry *registry,
                       struct chaos__slot *slot)
{
    if (is_listed(slot))
        chaos__list_add(registry, slot);
    else if (slot->state == CHAOS__SLOT_SHELL)
        chaos__pool_link(registry, slot);
}

void chaos__slot_set_state(struct chaos__registry *registry,
                           struct chaos__slot *slot, uint32_t state)
{
    leave_list(registry, slot);
    slot->state = state;
    enter_list(registry, slot);
}

/* What others can have from now on. */
static void give_up_names(struct chaos__registry *registry,
                          struct chaos__slot *slot)
{
    chaos__slot_unindex(registry, slot);
    chaos__slot_set_state(registry, slot, CHAOS__SLOT_LINGERING);
    chaos__barrier();
    slot->name[0] = '\0';
    chaos__slot_index(registry, slot);
    chaos__devices_release_macs(registry, slot);
}

/* Under the lock. */
static void set_state(struct chaos__registry *registry,
                      struct chaos__slot *slot, uint32_t state)
{
    chaos__change_begin(registry);
    if (state == CHAOS__SLOT_LINGERING)
        give_up_names(registry, slot);
    else
        chaos__slot_set_state(registry, slot, state);
    chaos__change_end(registry);
}

int chaos__registry_set_state(struct chaos__registry *registry,
                              struct chaos__slot *slot,
                              enum chaos__slot_state state,
                              struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    set_state(registry, slot, state);
    if (!chaos__slot_in_flight(state))
        chaos__slot_disown(registry, slot);
    chaos__registry_unlock(registry);
    return 0;
}

int chaos__registry_take(struct chaos__registry *registry,
                         struct chaos__slot *slot, const uint8_t *uuid,
                         enum chaos__slot_state state, struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    if (slot->state == CHAOS__SLOT_FREE ||
        memcmp(slot->uuid, uuid, sizeof(slot->uuid)) != 0)
        rc = chaos__fail(err, CHAOS_ENOGUEST, "the guest has gone meanwhile");
    else if (chaos__slot_in_flight(slot->state) ||
             !chaos__slot_own(registry, slot))
        rc = chaos__fail(err, CHAOS_EBUSY,
                         "guest %s: process %u is working on it; try again",
                         slot->name, slot->owner_pid);
    else
        set_state(registry, slot, state);
    chaos__registry_unlock(registry);
    return rc;
}

void chaos__registry_abandon(struct chaos__registry *registry,
                             struct chaos__slot *slot)
{
    chaos__slot_disown(registry, slot);
}

int chaos__registry_free(struct chaos__registry *registry,
                         struct chaos__slot *slot, struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    chaos__registry_drop_kept(registry, slot);
    chaos__change_begin(registry);
    chaos__slot_unindex(registry, slot);
    leave_list(registry, slot);
    slot->state = CHAOS__SLOT_FREE;
    chaos__devices_drop(registry, slot);
    chaos__free_add(registry, slot);
    chaos__change_end(registry);
    chaos__slot_disown(registry, slot); /* before another can reserve it */
    chaos__registry_unlock(registry);
    return 0;
}

int chaos__registry_rename(struct chaos__registry *registry,
                           struct chaos__slot *slot, const char *name,
                           struct chaos_error *err)
{
    struct chaos__slot *taken;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    taken = chaos__find_name(registry, name);
    if (taken && taken != slot) {
        rc = chaos__fail(err, CHAOS_EEXIST,
                         "%s: the name is taken by domain %d; choose another",
                         name, (int)taken->domid);
    } else if (!taken) {
        chaos__change_begin(registry);
        chaos__slot_unindex(registry, slot);
        memset(slot->new_name, 0, sizeof(slot->new_name));
        snprintf(slot->new_name, sizeof(slot->new_name), "%s", name);
        chaos__barrier();
        slot->renaming = 1;
        chaos__barrier();
        chaos__slot_finish_rename(slot);
        chaos__slot_index(registry, slot);
        chaos__change_end(registry);
    }
    chaos__registry_unlock(registry);
    return rc;
}

struct chaos__slot *chaos__registry_by_name(struct chaos__registry *registry,
                                            const char *name)
{
    struct chaos__slot *slot;

    if (chaos__registry_lock(registry, NULL) < 0)
        return NULL;
    slot = chaos__find_name(registry, name);
    chaos__registry_unlock(registry);
    return slot;
}

struct chaos__slot *chaos__registry_by_domid(struct chaos__registry *registry,
                                             uint32_t domid)
{
    struct chaos__slot *slot;

    if (domid >= CHAOS__SLOTS)
        return NULL;
    slot = chaos__slot_at(registry, registry->map->by_domid[domid]);
    return slot && slot->domid == domid ? slot : NULL;
}

unsigned chaos__registry_number(const struct chaos__registry *registry,
                                const struct chaos__slot *slot)
{
    return (unsigned)chaos__slot_number(registry, slot);
}

struct chaos__slot *
chaos__registry_next_orphan(struct chaos__registry *registry)
{
    struct chaos__slot *slot = NULL;
    unsigned number;

    if (!registry->map->flight_head && !registry->map->dirty)
        return NULL;
    if (chaos__registry_lock(registry, NULL) < 0)
        return NULL;
    for (number = registry->map->flight_head; number; number = slot->next) {
        slot = chaos__slot_at(registry, number);
        if (!slot || chaos__slot_own(registry, slot))
            break;
    }
    chaos__registry_unlock(registry);
    return number ? slot : NULL;
}

struct chaos__slot *
chaos__registry_next_lingering(struct chaos__registry *registry,
                               struct chaos__slot *after)
{
    struct chaos__slot *slot = chaos__slot_at(
        registry, after ? after->next : registry->map->linger_head);

    return slot && slot->state == CHAOS__SLOT_LINGERING ? slot : NULL;
}

bool chaos__registry_take_lingering(struct chaos__registry *registry,
                                    struct chaos__slot *slot)
{
    bool is_ours = false;

    if (chaos__registry_lock(registry, NULL) < 0)
        return false;
    if (slot->state == CHAOS__SLOT_LINGERING &&
        chaos__slot_own(registry, slot)) {
        chaos__change_begin(registry);
        chaos__slot_unindex(registry, slot);
        chaos__slot_set_state(registry, slot, CHAOS__SLOT_DYING);
        chaos__slot_index(registry, slot);
        chaos__change_end(registry);
        is_ours = true;
    }
    chaos__registry_unlock(registry);
    return is_ours;
}

struct chaos__slot *chaos__registry_next(struct chaos__registry *registry,
                                         struct chaos__slot *after)
{
    unsigned number =
        after ? (unsigned)chaos__slot_number(registry, after) + 1 : 1;

    for (; number <= registry->map->used; number++)
        if (registry->map->slots[number].state != CHAOS__SLOT_FREE)
            return &registry->map->slots[number];
    return NULL;
}
