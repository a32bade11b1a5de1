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

/* The next of those that were never used; 0: none, or an error. */
static int grow(struct chaos__registry *registry, unsigned *number_r,
                struct chaos_error *err)
{
    unsigned number = chaos__used(registry) + 1;
    off_t offset = (off_t)offsetof(struct chaos__layout, slots) +
                   (off_t)(number * sizeof(struct chaos__slot));

    *number_r = number <= CHAOS__SLOTS ? number : 0;
    if (!*number_r || offset % CHAOS__FILE_PAGE != 0)
        return 0;
    return chaos__registry_allocate(registry, offset, CHAOS__FILE_PAGE, err);
}

static bool is_free(struct chaos__registry *registry, unsigned number)
{
    struct chaos__slot *slot = chaos__slot_at(registry, number);

    return slot && slot->state == CHAOS__SLOT_FREE;
}

/* A free slot, not yet taken off the list. */
int chaos__peek_free(struct chaos__registry *registry, unsigned *number_r,
                     struct chaos_error *err)
{
    struct chaos__layout *map = registry->map;
    int rc = 0;

    if (map->free_head && !is_free(registry, map->free_head))
        chaos__mend(registry);
    *number_r = map->free_head;
    if (!map->free_head)
        rc = grow(registry, number_r, err);
    if (rc == 0 && !*number_r)
        rc = chaos__fail(err, CHAOS_ENOMEM,
                         "all %u guests that Xen has domids for exist; "
                         "destroy some",
                         CHAOS__SLOTS);
    return rc;
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
    struct chaos__slot *slot;
    uint16_t next_free;
    unsigned number;
    int rc = chaos__peek_free(registry, &number, err);

    if (rc < 0)
        return rc;
    slot = &map->slots[number];
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

/* Under the lock, or to be looked at again: *is_broken_r tells that the index
 * leads elsewhere. */
static struct chaos__slot *look_up_domid(struct chaos__registry *registry,
                                         uint32_t domid, bool *is_broken_r)
{
    struct chaos__slot *slot;
    unsigned number = 0;

    if (domid < CHAOS__SLOTS) {
        chaos__touch(&registry->map->by_domid[domid]);
        number = registry->map->by_domid[domid];
    }
    slot = chaos__slot_at(registry, number);
    if (slot && (slot->domid != domid || !chaos__slot_is_sound(slot)))
        slot = NULL;
    *is_broken_r = number && !slot;
    return slot;
}

/* Under the lock, outside of a change. */
static struct chaos__slot *find_domid(struct chaos__registry *registry,
                                      uint32_t domid)
{
    bool is_broken;
    struct chaos__slot *slot = look_up_domid(registry, domid, &is_broken);

    if (!is_broken)
        return slot;
    chaos__mend(registry);
    return look_up_domid(registry, domid, &is_broken);
}

int chaos__registry_set_domid(struct chaos__registry *registry,
                              struct chaos__slot *slot, uint32_t domid,
                              struct chaos_error *err)
{
    struct chaos__slot *old;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    old = find_domid(registry, domid);
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

static bool is_still(const struct chaos__slot *slot, uint32_t domid,
                     const uint8_t *uuid)
{
    return slot->domid == domid &&
           memcmp(slot->uuid, uuid, sizeof(slot->uuid)) == 0;
}

static int fail_gone(struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_ENOGUEST, "the guest has gone meanwhile");
}

/* `dumps`: see the slot's. */
static int take(struct chaos__registry *registry, struct chaos__slot *slot,
                uint32_t domid, const uint8_t *uuid,
                enum chaos__slot_state state, uint8_t dumps,
                struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    if (!chaos__slot_is_sound(slot) || !is_still(slot, domid, uuid) ||
        slot->state == CHAOS__SLOT_LINGERING ||
        (state == CHAOS__SLOT_CHANGING && slot->state == CHAOS__SLOT_SHELL))
        rc = fail_gone(err);
    else if (chaos__slot_in_flight(slot->state) ||
             !chaos__slot_own(registry, slot))
        rc = chaos__fail(err, CHAOS_EBUSY,
                         "guest %s: process %u is working on it; try again",
                         slot->name, slot->owner_pid);
    if (rc == 0) {
        slot->dumps = dumps;
        chaos__barrier();
        set_state(registry, slot, state);
    }
    chaos__registry_unlock(registry);
    return rc;
}

int chaos__registry_take(struct chaos__registry *registry,
                         struct chaos__slot *slot, uint32_t domid,
                         const uint8_t *uuid, enum chaos__slot_state state,
                         struct chaos_error *err)
{
    return take(registry, slot, domid, uuid, state, 0, err);
}

int chaos__registry_take_to_dump(struct chaos__registry *registry,
                                 struct chaos__slot *slot, uint32_t domid,
                                 const uint8_t *uuid, unsigned tries,
                                 struct chaos_error *err)
{
    return take(registry, slot, domid, uuid, CHAOS__SLOT_DYING, (uint8_t)tries,
                err);
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

/* Under the lock. */
static void rename_slot(struct chaos__registry *registry,
                        struct chaos__slot *slot, const char *name,
                        enum chaos__renaming how)
{
    chaos__change_begin(registry);
    chaos__slot_unindex(registry, slot);
    memset(slot->new_name, 0, sizeof(slot->new_name));
    snprintf(slot->new_name, sizeof(slot->new_name), "%s", name);
    chaos__barrier();
    slot->renaming = how;
    chaos__barrier();
    chaos__slot_finish_rename(slot);
    chaos__slot_index(registry, slot);
    chaos__change_end(registry);
}

static int fail_taken(const struct chaos__slot *taken, const char *name,
                      struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_EEXIST,
                       "%s: the name is taken by domain %d; choose another",
                       name, (int)taken->domid);
}

int chaos__registry_rename(struct chaos__registry *registry,
                           struct chaos__slot *slot, uint32_t domid,
                           const uint8_t *uuid, const char *name,
                           struct chaos_error *err)
{
    struct chaos__slot *taken;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    taken = chaos__find_name(registry, name);
    if ((slot->state != CHAOS__SLOT_RUNNING &&
         slot->state != CHAOS__SLOT_CHANGING) ||
        !is_still(slot, domid, uuid))
        rc = fail_gone(err);
    else if (taken && taken != slot)
        rc = fail_taken(taken, name, err);
    else if (!taken)
        rename_slot(registry, slot, name, CHAOS__RENAMING);
    chaos__registry_unlock(registry);
    return rc;
}

int chaos__registry_put_guest_aside(struct chaos__registry *registry,
                                    struct chaos__slot *slot, uint32_t domid,
                                    const uint8_t *uuid, const char *name,
                                    const uint8_t *new_uuid,
                                    struct chaos_error *err)
{
    struct chaos__slot *taken;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    taken = chaos__find_name(registry, name);
    if (slot->state != CHAOS__SLOT_RUNNING || !is_still(slot, domid, uuid)) {
        rc = fail_gone(err);
    } else if (taken) {
        rc = fail_taken(taken, name, err);
    } else {
        memcpy(slot->shell_uuid, slot->uuid, sizeof(slot->shell_uuid));
        memcpy(slot->other_uuid, new_uuid, sizeof(slot->other_uuid));
        rename_slot(registry, slot, name, CHAOS__PUTTING_ASIDE);
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

struct chaos__slot *chaos__registry_by_uuid(struct chaos__registry *registry,
                                            const uint8_t *uuid)
{
    struct chaos__slot *slot;

    if (chaos__registry_lock(registry, NULL) < 0)
        return NULL;
    slot = chaos__find_uuid(registry, uuid);
    chaos__registry_unlock(registry);
    return slot;
}

struct chaos__slot *chaos__registry_by_domid(struct chaos__registry *registry,
                                             uint32_t domid)
{
    bool is_broken;
    struct chaos__slot *slot = look_up_domid(registry, domid, &is_broken);

    /* Or somebody is changing it. */
    if (is_broken && chaos__registry_lock(registry, NULL) == 0) {
        slot = find_domid(registry, domid);
        chaos__registry_unlock(registry);
    }
    return slot;
}

int chaos__registry_rederive(struct chaos__registry *registry,
                             struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    chaos__mend(registry);
    chaos__registry_unlock(registry);
    return 0;
}

unsigned chaos__registry_number(const struct chaos__registry *registry,
                                const struct chaos__slot *slot)
{
    return (unsigned)chaos__slot_number(registry, slot);
}

/* Under the lock.  A slot that is not in flight must not be taken for one: its
 * guest would be undone. */
static struct chaos__slot *find_orphan(struct chaos__registry *registry,
                                       bool *is_broken_r)
{
    unsigned first = registry->map->flight_head, number = first, steps;
    struct chaos__slot *slot = NULL;

    *is_broken_r = false;
    for (steps = 0; number; steps++, number = slot->next) {
        slot = chaos__slot_at(registry, number);
        if (steps > CHAOS__SLOTS || !slot || !chaos__slot_is_sound(slot) ||
            !chaos__slot_in_flight(slot->state) ||
            !chaos__list_agrees(registry, slot, first)) {
            *is_broken_r = true;
            return NULL;
        }
        if (chaos__slot_own(registry, slot))
            return slot;
    }
    return NULL;
}

struct chaos__slot *
chaos__registry_next_orphan(struct chaos__registry *registry)
{
    struct chaos__slot *slot;
    bool is_broken = false;

    if (!registry->map->flight_head && !registry->map->dirty)
        return NULL;
    if (chaos__registry_lock(registry, NULL) < 0)
        return NULL;
    slot = find_orphan(registry, &is_broken);
    if (is_broken) {
        chaos__mend(registry);
        slot = find_orphan(registry, &is_broken);
    }
    chaos__registry_unlock(registry);
    return slot;
}

bool chaos__registry_take_orphan(struct chaos__registry *registry,
                                 struct chaos__slot *slot)
{
    bool is_ours;

    if (chaos__registry_lock(registry, NULL) < 0)
        return false;
    is_ours = chaos__slot_is_sound(slot) &&
              chaos__slot_in_flight(slot->state) &&
              chaos__slot_own(registry, slot);
    chaos__registry_unlock(registry);
    return is_ours;
}

struct chaos__slot *
chaos__registry_next_lingering(struct chaos__registry *registry,
                               struct chaos__slot *after)
{
    struct chaos__slot *slot = chaos__slot_at(
        registry, after ? after->next : registry->map->linger_head);

    return slot && slot->state == CHAOS__SLOT_LINGERING &&
                   chaos__slot_is_sound(slot)
               ? slot
               : NULL;
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

    for (; number <= chaos__used(registry); number++)
        if (chaos__slot_is_sound(&registry->map->slots[number]))
            return &registry->map->slots[number];
    return NULL;
}
