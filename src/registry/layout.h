/* SPDX-License-Identifier: MIT */
/*
 * The registry's file, and what the sources of this folder share.  A change
 * of what is derived from the slots lies between chaos__change_begin() and
 * chaos__change_end(), under chaos__registry_lock(): whoever takes the lock
 * after a process that died in between makes it anew.
 *
 * Bytes of the file may be anything: a host that crashed, a full file system,
 * a hand.  A number from it that becomes an index is checked, a list is walked
 * with a bound, and a place in a list counts only if its neighbours agree.
 * What is found to be broken is made anew at the end of the change, when the
 * slots say all that there is to say.
 */
#ifndef CHAOS_SRC_LAYOUT_H
#define CHAOS_SRC_LAYOUT_H

#include "index.h"
#include "pools.h"
#include "registry.h"

#include <sys/types.h>

/* Byte 0 of the file locks the whole registry, byte n slot n; those behind
 * the slots are the pools'. */
#define CHAOS__LOCK_ALL 0

/* Two for each guest, on average. */
#define CHAOS__DEVICES (2u * CHAOS__SLOTS)
#define CHAOS__KEYS 65536u

/* Room in the file is made in such pieces. */
#define CHAOS__FILE_PAGE 4096

struct chaos__layout {
    uint64_t magic;
    uint32_t version;
    uint32_t dirty; /* somebody is changing what is derived */
    uint16_t free_head;
    uint16_t flight_head;
    uint32_t used; /* slots above were never used */
    uint32_t free_device;
    uint32_t used_devices; /* devices above were never used */
    uint32_t used_pools;   /* likewise */
    uint16_t linger_head;
    uint8_t rest[1024 - 38];
    /* From 1; the first ones share the header's page, which all touch. */
    struct chaos__pool pools[CHAOS__POOLS];
    struct chaos__index by_name;
    struct chaos__index by_uuid;
    uint16_t by_domid[CHAOS__SLOTS + 16];       /* domid to slot, 0: none */
    struct chaos__slot slots[CHAOS__SLOTS + 1]; /* from 1: 0 means none */
    uint32_t by_key[CHAOS__KEYS];               /* device, 0: none */
    struct chaos__device devices[CHAOS__DEVICES + 1]; /* likewise from 1 */
};

struct chaos__registry {
    struct chaos__layout *map;
    char *dir;
    int fd;
    bool is_broken; /* what is derived was found to be: see below */
};

_Static_assert(sizeof(struct chaos__slot) == 512, "eight slots a page");
_Static_assert(CHAOS__SLOTS < UINT16_MAX, "slot numbers fit 16 bits");
_Static_assert(sizeof(struct chaos__device) == 128, "32 devices a page");
_Static_assert(sizeof(struct chaos__pool) == 1024, "four pools a page");

/* open.c: has the file system keep room for bytes of the file that are about
 * to be used: writing to a page that it has no room for would kill the
 * process. */
int chaos__registry_allocate(const struct chaos__registry *registry,
                             off_t offset, off_t size, struct chaos_error *err);
/* CHAOS_ENOMEM: there is no room left for `what`. */
int chaos__registry_fail_full(const struct chaos__registry *registry,
                              const char *what, struct chaos_error *err);

/* Opens a file that is there, and does no more: 0 or a negative errno. */
int chaos__registry_open_file(const char *run_dir,
                              struct chaos__registry **registry_r);
/* Checks an open file, and maps it; a new one gets its size and header. */
int chaos__registry_check_and_map(struct chaos__registry *registry,
                                  struct chaos_error *err);

/* kept.c: removes what is kept for a slot, if anything. */
void chaos__registry_drop_kept(struct chaos__registry *registry,
                               struct chaos__slot *slot);

/* devices.c: within a change; frees what the slot has. */
void chaos__devices_drop(struct chaos__registry *registry,
                         struct chaos__slot *slot);
/* Within a change: they keep no address from others any more. */
void chaos__devices_release_macs(struct chaos__registry *registry,
                                 const struct chaos__slot *slot);
/* Makes anew what is derived from the devices, after the slots. */
void chaos__devices_rebuild(struct chaos__registry *registry);
/* Under the lock: whether the slot could have a device of this key. */
int chaos__registry_check_key(struct chaos__registry *registry,
                              const struct chaos__slot *slot,
                              const struct chaos__device *wanted,
                              struct chaos__slot **taken_r,
                              struct chaos_error *err);
static inline bool chaos__device_has_key(const struct chaos__device *device)
{
    return device->key[0] || device->key[1];
}
/* Whether two devices cannot be there at once, and the message about it. */
bool chaos__device_excludes(const struct chaos__device *a,
                            const struct chaos__device *b);
int chaos__device_fail(const struct chaos__device *wanted,
                       const struct chaos__device *rival, const char *whose,
                       struct chaos_error *err);
/* Within a change: gives a device the addresses of `wanted`, and its key. */
void chaos__device_dress(struct chaos__registry *registry,
                         struct chaos__device *device,
                         const struct chaos__device *wanted, bool with_key);

/* pools.c: within a change.  False when the slot's pool has gone. */
bool chaos__pool_link(struct chaos__registry *registry,
                      struct chaos__slot *slot);
void chaos__pool_unlink(struct chaos__registry *registry,
                        struct chaos__slot *slot);
void chaos__pools_clear(struct chaos__registry *registry);

/* registry.c */

/* Under the lock, outside of a change: a free slot, not yet taken. */
int chaos__peek_free(struct chaos__registry *registry, unsigned *number_r,
                     struct chaos_error *err);

/* Under the lock; `name` and `uuid` may be NULL. */
int chaos__registry_check_free(struct chaos__registry *registry,
                               const char *name, const uint8_t *uuid,
                               struct chaos__slot **taken_r,
                               struct chaos_error *err);
/* Within a change. */
void chaos__slot_set_state(struct chaos__registry *registry,
                           struct chaos__slot *slot, uint32_t state);

/* lock.c */

int chaos__registry_lock(struct chaos__registry *registry,
                         struct chaos_error *err);
void chaos__registry_unlock(struct chaos__registry *registry);
/* One byte, with fcntl()'s command and type; 0, or -1 with errno. */
int chaos__registry_lock_byte(const struct chaos__registry *registry,
                              int command, short type, off_t byte);
/* Makes a slot this process's; false when it is another's. */
bool chaos__slot_own(struct chaos__registry *registry,
                     struct chaos__slot *slot);
void chaos__slot_disown(struct chaos__registry *registry,
                        struct chaos__slot *slot);
void chaos__change_begin(struct chaos__registry *registry);
/* Makes anew what is derived if that was found to be broken. */
void chaos__change_end(struct chaos__registry *registry);
/* Under the lock, outside of a change: makes it anew now. */
void chaos__mend(struct chaos__registry *registry);

/* How many slots and devices were ever used, as far as that can be. */
static inline unsigned chaos__used(const struct chaos__registry *registry)
{
    uint32_t used = __atomic_load_n(&registry->map->used, __ATOMIC_RELAXED);

    return used < CHAOS__SLOTS ? used : CHAOS__SLOTS;
}

static inline uint32_t
chaos__used_devices(const struct chaos__registry *registry)
{
    uint32_t used =
        __atomic_load_n(&registry->map->used_devices, __ATOMIC_RELAXED);

    return used < CHAOS__DEVICES ? used : CHAOS__DEVICES;
}

/* The compiler must not move stores to the slots across these: another
 * process judges by what a dead one left. */
static inline void chaos__barrier(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* derived.c */

off_t chaos__slot_number(const struct chaos__registry *registry,
                         const struct chaos__slot *slot);
/* NULL for 0 and for numbers that are none. */
struct chaos__slot *chaos__slot_at(struct chaos__registry *registry,
                                   unsigned number);
bool chaos__slot_in_flight(uint32_t state);
/* Whether it can be a slot in use: its state is one, and so on. */
bool chaos__slot_is_sound(const struct chaos__slot *slot);
/* Whether its neighbours in its list say the same. */
bool chaos__list_agrees(struct chaos__registry *registry,
                        const struct chaos__slot *slot, unsigned first);
/* Of the list of those in flight or lingering, by the slot's state. */
void chaos__list_add(struct chaos__registry *registry,
                     struct chaos__slot *slot);
void chaos__list_remove(struct chaos__registry *registry,
                        struct chaos__slot *slot);
void chaos__free_add(struct chaos__registry *registry,
                     struct chaos__slot *slot);
void chaos__slot_index(struct chaos__registry *registry,
                       struct chaos__slot *slot);
/* Of one that had no name before. */
void chaos__slot_index_name(struct chaos__registry *registry,
                            struct chaos__slot *slot);
void chaos__slot_unindex(struct chaos__registry *registry,
                         struct chaos__slot *slot);
void chaos__slot_finish_rename(struct chaos__slot *slot);
void chaos__registry_rebuild(struct chaos__registry *registry);
struct chaos__slot *chaos__find_name(struct chaos__registry *registry,
                                     const char *name);
struct chaos__slot *chaos__find_uuid(struct chaos__registry *registry,
                                     const uint8_t *uuid);

#endif
