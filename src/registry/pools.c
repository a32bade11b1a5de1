/* SPDX-License-Identifier: MIT */
#include "pools.h"

#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the file that lock the filling of pools, behind the slots'. */
#define LOCK_FILL (CHAOS__SLOTS + 1)

static unsigned number_of(const struct chaos__registry *registry,
                          const struct chaos__pool *pool)
{
    return (unsigned)(pool - registry->map->pools) + 1;
}

static struct chaos__pool *pool_at(struct chaos__registry *registry,
                                   uint32_t number)
{
    struct chaos__pool *pool;

    if (number == 0 || number > CHAOS__POOLS)
        return NULL;
    pool = &registry->map->pools[number - 1];
    return *pool->name && !pool->name[sizeof(pool->name) - 1] &&
                   pool->size <= CHAOS__SLOTS
               ? pool
               : NULL;
}

/* ------------------------------------------------------------ the table */

struct chaos__pool *chaos__pool_next(struct chaos__registry *registry,
                                     struct chaos__pool *after)
{
    unsigned number = after ? number_of(registry, after) + 1 : 1;
    struct chaos__pool *pool = NULL;

    while (!pool && number <= registry->map->used_pools &&
           number <= CHAOS__POOLS)
        pool = pool_at(registry, number++);
    return pool;
}

struct chaos__pool *chaos__pool_of(struct chaos__registry *registry,
                                   const uint8_t flavor[CHAOS__FLAVOR_SIZE])
{
    struct chaos__pool *pool = NULL;

    while ((pool = chaos__pool_next(registry, pool)))
        if (memcmp(pool->flavor, flavor, sizeof(pool->flavor)) == 0)
            break;
    return pool;
}

struct chaos__pool *chaos__pool_by_name(struct chaos__registry *registry,
                                        const char *name)
{
    struct chaos__pool *pool = NULL;

    while ((pool = chaos__pool_next(registry, pool)))
        if (strncmp(pool->name, name, sizeof(pool->name)) == 0)
            break;
    return pool;
}

static struct chaos__pool *find_free(struct chaos__registry *registry)
{
    unsigned number = 1;

    while (number <= CHAOS__POOLS && pool_at(registry, number))
        number++;
    return number <= CHAOS__POOLS ? &registry->map->pools[number - 1] : NULL;
}

/* Under the lock. */
static int make(struct chaos__registry *registry, const char *name,
                const uint8_t flavor[CHAOS__FLAVOR_SIZE],
                struct chaos__pool **pool_r, struct chaos_error *err)
{
    struct chaos__pool *pool = find_free(registry);

    if (chaos__pool_by_name(registry, name))
        return chaos__fail(err, CHAOS_EEXIST,
                           "pool %s: it has another flavor; choose another "
                           "name, or drain it",
                           name);
    if (!pool)
        return chaos__fail(err, CHAOS_ENOMEM,
                           "there is room for %u pools; drain one",
                           CHAOS__POOLS);
    memset(pool, 0, sizeof(*pool));
    memcpy(pool->flavor, flavor, sizeof(pool->flavor));
    if (number_of(registry, pool) > registry->map->used_pools)
        registry->map->used_pools = number_of(registry, pool);
    snprintf(pool->name + 1, sizeof(pool->name) - 1, "%s", name + 1);
    chaos__barrier();
    pool->name[0] = name[0]; /* from here on it is there */
    *pool_r = pool;
    return 0;
}

int chaos__pool_add(struct chaos__registry *registry, const char *name,
                    const uint8_t flavor[CHAOS__FLAVOR_SIZE],
                    struct chaos__pool **pool_r, struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    *pool_r = chaos__pool_of(registry, flavor);
    if (!*pool_r)
        rc = make(registry, name, flavor, pool_r, err);
    chaos__registry_unlock(registry);
    return rc;
}

int chaos__pool_set(struct chaos__registry *registry, struct chaos__pool *pool,
                    uint32_t size, uint32_t low, struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    pool->size = size;
    pool->low = low;
    chaos__registry_unlock(registry);
    return 0;
}

int chaos__pool_tell(struct chaos__registry *registry, struct chaos__pool *pool,
                     const char *error, uint64_t retry_s,
                     struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    pool->failures = error ? pool->failures + 1 : 0;
    pool->retry_s = error ? retry_s : 0;
    memset(pool->error, 0, sizeof(pool->error));
    snprintf(pool->error, sizeof(pool->error), "%s", error ? error : "");
    chaos__registry_unlock(registry);
    return 0;
}

bool chaos__pool_begin_fill(struct chaos__registry *registry,
                            const struct chaos__pool *pool)
{
    return chaos__registry_lock_byte(registry, F_OFD_SETLK, F_WRLCK,
                                     LOCK_FILL +
                                         (off_t)number_of(registry, pool)) == 0;
}

void chaos__pool_end_fill(struct chaos__registry *registry,
                          const struct chaos__pool *pool)
{
    chaos__registry_lock_byte(registry, F_OFD_SETLK, F_UNLCK,
                              LOCK_FILL + (off_t)number_of(registry, pool));
}

/* ------------------------------------------------------------- the list */

/* What is none must not be taken for one: it may be somebody's guest. */
static bool is_shell_of(const struct chaos__registry *registry,
                        const struct chaos__slot *slot,
                        const struct chaos__pool *pool)
{
    return slot->state == CHAOS__SLOT_SHELL && chaos__slot_is_sound(slot) &&
           slot->pool == number_of(registry, pool);
}

bool chaos__pool_link(struct chaos__registry *registry,
                      struct chaos__slot *slot)
{
    uint16_t number = (uint16_t)chaos__slot_number(registry, slot);
    struct chaos__pool *pool = pool_at(registry, slot->pool);
    struct chaos__slot *last;

    if (!pool)
        return false;
    last = chaos__slot_at(registry, pool->last);
    if (pool->last &&
        (!last || !is_shell_of(registry, last, pool) || last->next != 0)) {
        registry->is_broken = true;
        return true;
    }
    slot->previous = pool->last;
    slot->next = 0;
    if (last)
        last->next = number;
    else
        pool->first = number;
    pool->last = number;
    pool->ready++;
    return true;
}

void chaos__pool_unlink(struct chaos__registry *registry,
                        struct chaos__slot *slot)
{
    struct chaos__pool *pool = pool_at(registry, slot->pool);
    struct chaos__slot *next = chaos__slot_at(registry, slot->next);
    struct chaos__slot *previous = chaos__slot_at(registry, slot->previous);

    if (!pool)
        return;
    if (!chaos__list_agrees(registry, slot, pool->first) ||
        (!next && pool->last != chaos__slot_number(registry, slot))) {
        registry->is_broken = true;
        return;
    }
    if (next)
        next->previous = slot->previous;
    else
        pool->last = slot->previous;
    if (previous)
        previous->next = slot->next;
    else
        pool->first = slot->next;
    slot->next = slot->previous = 0;
    pool->ready--;
}

void chaos__pools_clear(struct chaos__registry *registry)
{
    struct chaos__pool *pool = NULL;

    while ((pool = chaos__pool_next(registry, pool))) {
        pool->first = pool->last = 0;
        pool->ready = 0;
    }
}

int chaos__pool_remove(struct chaos__registry *registry,
                       struct chaos__pool *pool, struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    chaos__change_begin(registry);
    while (!registry->is_broken &&
           (slot = chaos__slot_at(registry, pool->first)) &&
           is_shell_of(registry, slot, pool))
        chaos__slot_set_state(registry, slot, CHAOS__SLOT_DYING);
    /* Shells that are not on the list are found when that is made anew. */
    if (pool->first)
        registry->is_broken = true;
    pool->name[0] = '\0';
    chaos__change_end(registry);
    chaos__registry_unlock(registry);
    return 0;
}

/* --------------------------------------------------------------- shells */

int chaos__pool_offer(struct chaos__registry *registry,
                      struct chaos__slot *slot,
                      const uint8_t flavor[CHAOS__FLAVOR_SIZE],
                      struct chaos_error *err)
{
    struct chaos__pool *pool;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    pool = chaos__pool_of(registry, flavor);
    if (pool) {
        slot->pool = number_of(registry, pool);
        chaos__change_begin(registry);
        chaos__slot_set_state(registry, slot, CHAOS__SLOT_SHELL);
        chaos__change_end(registry);
        chaos__slot_disown(registry, slot);
    } else {
        rc = chaos__fail(err, CHAOS_ENOGUEST, "the pool has been drained");
    }
    chaos__registry_unlock(registry);
    return rc;
}

/* Whether the guest wants a device of its own twice. */
static int check_own(const struct chaos__claim *claim, unsigned i,
                     struct chaos_error *err)
{
    const struct chaos__device *wanted = &claim->devices[i];
    unsigned other;

    for (other = 0; other < i; other++)
        if (chaos__device_excludes(&claim->devices[other], wanted))
            return chaos__device_fail(wanted, &claim->devices[other],
                                      "this guest", err);
    return 0;
}

/* Whether what it wants can be had. */
static int check_claim(struct chaos__registry *registry,
                       const struct chaos__slot *slot,
                       const struct chaos__claim *claim,
                       struct chaos__slot **taken_r, struct chaos_error *err)
{
    int rc = chaos__registry_check_free(registry, claim->name, claim->uuid,
                                        taken_r, err);
    unsigned i;

    for (i = 0; rc == 0 && i < claim->device_count; i++) {
        if (!chaos__device_has_key(&claim->devices[i]))
            continue;
        rc = check_own(claim, i, err);
        if (rc == 0)
            rc = chaos__registry_check_key(registry, slot, &claim->devices[i],
                                           taken_r, err);
    }
    return rc;
}

static void dress(struct chaos__registry *registry, struct chaos__slot *slot,
                  const struct chaos__claim *claim)
{
    struct chaos__device *device = NULL;
    unsigned i;

    if (claim->uuid) {
        chaos__slot_unindex(registry, slot);
        memcpy(slot->shell_uuid, slot->uuid, sizeof(slot->shell_uuid));
        chaos__barrier();
        slot->has_shell_uuid = 1;
        chaos__barrier();
        memcpy(slot->uuid, claim->uuid, sizeof(slot->uuid));
        chaos__slot_index(registry, slot);
    }
    snprintf(slot->name, sizeof(slot->name), "%s", claim->name);
    chaos__slot_index_name(registry, slot);
    for (i = 0; i < claim->device_count; i++) {
        device = chaos__registry_next_device(registry, slot, device);
        if (!device)
            break;
        chaos__device_dress(registry, device, &claim->devices[i],
                            chaos__device_has_key(&claim->devices[i]));
    }
}

static struct chaos__slot *look_for_shell(struct chaos__registry *registry,
                                          const struct chaos__pool *pool,
                                          bool *is_broken_r)
{
    unsigned number = pool->first, steps = 0;
    struct chaos__slot *slot;

    *is_broken_r = false;
    for (; number; number = slot->next) {
        slot = chaos__slot_at(registry, number);
        if (slot)
            chaos__touch(slot);
        if (!slot || !is_shell_of(registry, slot, pool) ||
            steps++ > CHAOS__SLOTS) {
            *is_broken_r = true;
            return NULL;
        }
        if (chaos__slot_own(registry, slot))
            return slot;
    }
    return NULL;
}

/* Under the lock: the first shell that nobody holds. */
static struct chaos__slot *first_shell(struct chaos__registry *registry,
                                       const struct chaos__pool *pool)
{
    struct chaos__slot *slot;
    bool is_broken;

    if (!pool)
        return NULL;
    slot = look_for_shell(registry, pool, &is_broken);
    if (is_broken) {
        chaos__mend(registry);
        slot = look_for_shell(registry, pool, &is_broken);
    }
    return slot;
}

int chaos__pool_claim(struct chaos__registry *registry,
                      const struct chaos__claim *claim,
                      struct chaos__slot **slot_r, struct chaos__slot **taken_r,
                      struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    slot = first_shell(registry, chaos__pool_of(registry, claim->flavor));
    if (slot) {
        rc = check_claim(registry, slot, claim, taken_r, err);
        if (rc == 0) {
            chaos__change_begin(registry);
            chaos__slot_set_state(registry, slot, CHAOS__SLOT_CLAIMED);
            chaos__barrier();
            dress(registry, slot, claim);
            chaos__change_end(registry);
        } else {
            chaos__slot_disown(registry, slot);
        }
    }
    chaos__registry_unlock(registry);
    if (rc < 0)
        return rc;
    *slot_r = slot;
    return slot != NULL;
}

int chaos__pool_take(struct chaos__registry *registry, struct chaos__pool *pool,
                     struct chaos__slot **slot_r, struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    slot = first_shell(registry, pool);
    if (slot) {
        chaos__change_begin(registry);
        chaos__slot_set_state(registry, slot, CHAOS__SLOT_DYING);
        chaos__change_end(registry);
    }
    chaos__registry_unlock(registry);
    *slot_r = slot;
    return slot != NULL;
}

bool chaos__slot_is_of(const struct chaos__slot *slot, const uint8_t *handle)
{
    return memcmp(slot->uuid, handle, sizeof(slot->uuid)) == 0 ||
           (slot->has_shell_uuid &&
            memcmp(slot->shell_uuid, handle, sizeof(slot->shell_uuid)) == 0);
}
