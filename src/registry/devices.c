/* SPDX-License-Identifier: MIT */
/*
 * The devices of guests: a table of records, of which each belongs to a slot.
 * The records are the truth; the lists by slot, of those that are free, and by
 * key are derived from them.  A record counts from the store of its slot
 * number on, and until its slot is free.
 */
#include "layout.h"

#include <string.h>

static struct chaos__device *device_at(struct chaos__registry *registry,
                                       uint32_t number)
{
    return number > 0 && number <= chaos__used_devices(registry)
               ? &registry->map->devices[number]
               : NULL;
}

static uint32_t number_of(const struct chaos__registry *registry,
                          const struct chaos__device *device)
{
    return (uint32_t)(device - registry->map->devices);
}

/* ------------------------------------------------------------------ keys */

static uint32_t *key_head(struct chaos__registry *registry,
                          const struct chaos__device *device)
{
    uint32_t hash = chaos__index_hash(device->key, sizeof(device->key));

    return &registry->map->by_key[hash % CHAOS__KEYS];
}

static bool same_key(const struct chaos__device *a,
                     const struct chaos__device *b)
{
    return a->kind == b->kind && a->key[0] == b->key[0] &&
           a->key[1] == b->key[1];
}

static void key_add(struct chaos__registry *registry,
                    struct chaos__device *device)
{
    uint32_t *head = key_head(registry, device);

    if (!chaos__device_has_key(device))
        return;
    device->same = *head;
    *head = number_of(registry, device);
}

static void key_remove(struct chaos__registry *registry,
                       struct chaos__device *device)
{
    uint32_t number = number_of(registry, device), steps = 0;
    uint32_t *at = key_head(registry, device);
    struct chaos__device *other;

    if (!chaos__device_has_key(device))
        return;
    while (*at != number) {
        other = device_at(registry, *at);
        if (!other || steps++ > CHAOS__DEVICES) {
            registry->is_broken = true;
            return;
        }
        at = &other->same;
    }
    *at = device->same;
}

bool chaos__device_excludes(const struct chaos__device *a,
                            const struct chaos__device *b)
{
    return same_key(a, b) && (a->use != b->use || b->use == CHAOS__USE_ALONE);
}

static struct chaos__device *look_for_rival(struct chaos__registry *registry,
                                            const struct chaos__device *wanted,
                                            bool *is_broken_r)
{
    struct chaos__device *device;
    uint32_t number, steps = 0;

    *is_broken_r = false;
    for (number = *key_head(registry, wanted); number; number = device->same) {
        device = device_at(registry, number);
        if (!device || !chaos__slot_at(registry, device->slot) ||
            steps++ > CHAOS__DEVICES) {
            *is_broken_r = true;
            return NULL;
        }
        if (chaos__device_excludes(device, wanted))
            return device;
    }
    return NULL;
}

/* The first device with this key that does not go with the use.  Under the
 * lock, outside of a change. */
static struct chaos__device *find_rival(struct chaos__registry *registry,
                                        const struct chaos__device *wanted)
{
    struct chaos__device *rival;
    bool is_broken;

    if (!chaos__device_has_key(wanted))
        return NULL;
    rival = look_for_rival(registry, wanted, &is_broken);
    if (is_broken) {
        chaos__mend(registry);
        rival = look_for_rival(registry, wanted, &is_broken);
    }
    return rival;
}

int chaos__device_fail(const struct chaos__device *wanted,
                       const struct chaos__device *rival, const char *whose,
                       struct chaos_error *err)
{
    if (wanted->kind == CHAOS__DEVICE_NET)
        return chaos__fail(err, CHAOS_EEXIST,
                           "mac=%02x:%02x:%02x:%02x:%02x:%02x: %s has this "
                           "address; choose another, or leave mac= out",
                           wanted->mac[0], wanted->mac[1], wanted->mac[2],
                           wanted->mac[3], wanted->mac[4], wanted->mac[5],
                           whose);
    return chaos__fail(err, CHAOS_EBUSY,
                       "disk %.16s: disk %.16s of %s is on the same file or "
                       "device, and one of them writes; if all that use it "
                       "can share it, say w! for each",
                       wanted->name, rival->name, whose);
}

/* ------------------------------------------------------------- the table */

/* The next of those that were never used. */
static int grow(struct chaos__registry *registry,
                struct chaos__device **device_r, struct chaos_error *err)
{
    uint32_t number = chaos__used_devices(registry) + 1;
    off_t offset = (off_t)offsetof(struct chaos__layout, devices) +
                   (off_t)(number * sizeof(struct chaos__device));
    int rc = 0;

    if (number > CHAOS__DEVICES)
        return chaos__fail(err, CHAOS_ENOMEM,
                           "the host's guests have all %u devices that there "
                           "is room for; destroy some",
                           CHAOS__DEVICES);
    if (offset % CHAOS__FILE_PAGE == 0)
        rc = chaos__registry_allocate(registry, offset, CHAOS__FILE_PAGE, err);
    if (rc < 0)
        return rc;
    registry->map->used_devices = number;
    *device_r = &registry->map->devices[number];
    return 0;
}

/* Within a change. */
static int take_free(struct chaos__registry *registry,
                     struct chaos__device **device_r, struct chaos_error *err)
{
    uint32_t *head = &registry->map->free_device;

    *device_r = device_at(registry, *head);
    if (*head && (!*device_r || (*device_r)->slot)) {
        chaos__registry_rebuild(registry);
        *device_r = device_at(registry, *head);
    }
    if (!*device_r)
        return grow(registry, device_r, err);
    *head = (*device_r)->next;
    return 0;
}

static void free_add(struct chaos__registry *registry,
                     struct chaos__device *device)
{
    device->slot = 0;
    device->next = registry->map->free_device;
    registry->map->free_device = number_of(registry, device);
}

/* At the end of its slot's list. */
static void slot_add(struct chaos__registry *registry, struct chaos__slot *slot,
                     struct chaos__device *device)
{
    struct chaos__device *last = device_at(registry, slot->last_device);
    uint32_t number = number_of(registry, device);

    if (slot->last_device &&
        (!last || last->slot != chaos__slot_number(registry, slot))) {
        registry->is_broken = true;
        return;
    }
    device->next = 0;
    device->place = (uint16_t)(last ? last->place + 1 : 1);
    if (last)
        last->next = number;
    else
        slot->first_device = number;
    slot->last_device = number;
}

static int add(struct chaos__registry *registry, struct chaos__slot *slot,
               const struct chaos__device *wanted,
               struct chaos__device **device_r, struct chaos_error *err)
{
    struct chaos__device *device;
    int rc;

    chaos__change_begin(registry);
    rc = take_free(registry, &device, err);
    if (rc < 0) {
        chaos__change_end(registry);
        return rc;
    }
    *device = *wanted;
    device->slot = 0;
    chaos__barrier();
    device->slot = (uint16_t)chaos__slot_number(registry, slot);
    key_add(registry, device);
    slot_add(registry, slot, device);
    chaos__change_end(registry);
    *device_r = device;
    return 0;
}

static const char *nameless(const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_LINGERING ||
                   slot->state == CHAOS__SLOT_DYING
               ? "a guest that was destroyed, and whose back end has not let "
                 "go yet,"
               : "a shell";
}

int chaos__registry_check_key(struct chaos__registry *registry,
                              const struct chaos__slot *slot,
                              const struct chaos__device *wanted,
                              struct chaos__slot **taken_r,
                              struct chaos_error *err)
{
    struct chaos__device *rival = find_rival(registry, wanted);
    struct chaos__slot *owner;

    if (!rival)
        return 0;
    owner = chaos__slot_at(registry, rival->slot);
    /* It is the shell's own, which the guest takes: it has it already. */
    if (owner == slot && rival->id == wanted->id)
        return 0;
    if (taken_r)
        *taken_r = owner;
    return chaos__device_fail(wanted, rival,
                              owner == slot ? "this guest"
                              : owner && *owner->name &&
                                      chaos__slot_is_sound(owner)
                                  ? owner->name
                                  : nameless(owner),
                              err);
}

void chaos__device_dress(struct chaos__registry *registry,
                         struct chaos__device *device,
                         const struct chaos__device *wanted, bool with_key)
{
    if (with_key) {
        key_remove(registry, device);
        memcpy(device->key, wanted->key, sizeof(device->key));
        memcpy(device->mac, wanted->mac, sizeof(device->mac));
        device->use = wanted->use;
        key_add(registry, device);
    }
    memcpy(device->ipv4, wanted->ipv4, sizeof(device->ipv4));
    memcpy(device->gateway, wanted->gateway, sizeof(device->gateway));
    device->prefix = wanted->prefix;
}

int chaos__registry_add_device(struct chaos__registry *registry,
                               struct chaos__slot *slot,
                               const struct chaos__device *device,
                               struct chaos__device **device_r,
                               struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    rc = chaos__registry_check_key(registry, slot, device, NULL, err);
    if (rc == 0)
        rc = add(registry, slot, device, device_r, err);
    chaos__registry_unlock(registry);
    return rc;
}

struct chaos__device *
chaos__registry_next_device(struct chaos__registry *registry,
                            const struct chaos__slot *slot,
                            const struct chaos__device *after)
{
    struct chaos__device *device =
        device_at(registry, after ? after->next : slot->first_device);

    /* The slot may have been freed meanwhile.  Places are counted, so that
     * this ends even if the list leads back. */
    return device && device->slot == chaos__slot_number(registry, slot) &&
                   device->place == (after ? after->place : 0) + 1
               ? device
               : NULL;
}

struct chaos__slot *chaos__registry_rival(struct chaos__registry *registry,
                                          const struct chaos__device *wanted)
{
    struct chaos__device *rival;
    struct chaos__slot *slot = NULL;

    if (chaos__registry_lock(registry, NULL) < 0)
        return NULL;
    rival = find_rival(registry, wanted);
    if (rival)
        slot = chaos__slot_at(registry, rival->slot);
    chaos__registry_unlock(registry);
    return slot;
}

void chaos__devices_drop(struct chaos__registry *registry,
                         struct chaos__slot *slot)
{
    struct chaos__device *device, *next;
    uint32_t last = 0;

    for (device = chaos__registry_next_device(registry, slot, NULL); device;
         device = next) {
        next = chaos__registry_next_device(registry, slot, device);
        last = number_of(registry, device);
        key_remove(registry, device);
        free_add(registry, device);
    }
    if (last != slot->last_device)
        registry->is_broken = true; /* some are not on the list */
    slot->first_device = slot->last_device = 0;
}

/* Those behind it in its slot's list move up by one place. */
static void move_up(struct chaos__registry *registry,
                    const struct chaos__device *device)
{
    struct chaos__device *other;
    unsigned place = device->place;
    uint32_t number;

    for (number = device->next; number; number = other->next) {
        other = device_at(registry, number);
        if (!other || other->slot != device->slot ||
            other->place != place + 1) {
            registry->is_broken = true;
            return;
        }
        other->place = (uint16_t)place++;
    }
}

static void slot_remove(struct chaos__registry *registry,
                        struct chaos__slot *slot, struct chaos__device *device)
{
    struct chaos__device *before = NULL, *other;

    while ((other = chaos__registry_next_device(registry, slot, before)) &&
           other != device)
        before = other;
    if (!other) {
        registry->is_broken = true;
        return;
    }
    move_up(registry, device);
    if (before)
        before->next = device->next;
    else
        slot->first_device = device->next;
    if (!device->next)
        slot->last_device = before ? number_of(registry, before) : 0;
}

int chaos__registry_drop_device(struct chaos__registry *registry,
                                struct chaos__slot *slot,
                                struct chaos__device *device,
                                struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    chaos__change_begin(registry);
    key_remove(registry, device);
    slot_remove(registry, slot, device);
    free_add(registry, device);
    chaos__change_end(registry);
    chaos__registry_unlock(registry);
    return 0;
}

int chaos__registry_drop_devices(struct chaos__registry *registry,
                                 struct chaos__slot *slot,
                                 struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    chaos__change_begin(registry);
    chaos__devices_drop(registry, slot);
    chaos__change_end(registry);
    chaos__registry_unlock(registry);
    return 0;
}

void chaos__devices_release_macs(struct chaos__registry *registry,
                                 const struct chaos__slot *slot)
{
    struct chaos__device *device = NULL;

    while ((device = chaos__registry_next_device(registry, slot, device))) {
        if (device->kind != CHAOS__DEVICE_NET)
            continue;
        key_remove(registry, device);
        memset(device->key, 0, sizeof(device->key));
    }
}

/* By the places that they had, which are numbered anew then. */
static void slot_insert(struct chaos__registry *registry,
                        struct chaos__slot *slot, struct chaos__device *device)
{
    struct chaos__device *devices = registry->map->devices;
    uint32_t *at =
        slot->last_device && devices[slot->last_device].place <= device->place
            ? &devices[slot->last_device].next
            : &slot->first_device;

    while (*at && devices[*at].place <= device->place)
        at = &devices[*at].next;
    device->next = *at;
    *at = number_of(registry, device);
    if (!device->next)
        slot->last_device = *at;
}

static void number_places(struct chaos__registry *registry,
                          const struct chaos__slot *slot)
{
    struct chaos__device *devices = registry->map->devices;
    uint32_t number;
    uint16_t place = 0;

    for (number = slot->first_device; number; number = devices[number].next)
        devices[number].place = ++place;
}

void chaos__devices_rebuild(struct chaos__registry *registry)
{
    struct chaos__layout *map = registry->map;
    struct chaos__slot *slot;
    uint32_t number;

    memset(map->by_key, 0, sizeof(map->by_key));
    map->free_device = 0;
    for (number = 1; number <= chaos__used(registry); number++)
        map->slots[number].first_device = map->slots[number].last_device = 0;
    for (number = 1; number <= chaos__used_devices(registry); number++) {
        struct chaos__device *device = &map->devices[number];

        slot = chaos__slot_at(registry, device->slot);
        if (!slot || slot->state == CHAOS__SLOT_FREE ||
            (device->kind != CHAOS__DEVICE_NET &&
             device->kind != CHAOS__DEVICE_BLOCK)) {
            free_add(registry, device);
            continue;
        }
        if (device->kind == CHAOS__DEVICE_NET &&
            slot->state == CHAOS__SLOT_LINGERING)
            memset(device->key, 0, sizeof(device->key));
        key_add(registry, device);
        slot_insert(registry, slot, device);
    }
    for (number = 1; number <= chaos__used(registry); number++)
        number_places(registry, &map->slots[number]);
}
