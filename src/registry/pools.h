/* SPDX-License-Identifier: MIT */
/*
 * Pools: the shells that wait for a guest, by flavor.  A pool says how many
 * of them there shall be, and what went wrong when the last was made.
 *
 * A flavor is so many bytes here, equal or not; pool/flavor.h knows what they
 * mean.  The list of a pool's shells is derived from the slots, as all lists
 * are.  Pools are found and changed under the registry's lock, which nobody
 * holds across a hypercall or anything else that takes time.
 */
#ifndef CHAOS_SRC_POOLS_H
#define CHAOS_SRC_POOLS_H

#include "registry.h"

#define CHAOS__POOLS 63u /* with the header they fill 16 pages */
#define CHAOS__POOL_NAME_SIZE 64
#define CHAOS__FLAVOR_SIZE 704
#define CHAOS__POOL_ERROR_SIZE 192

/* Shared memory; it changes through the functions below alone. */
struct chaos__pool {
    char name[CHAOS__POOL_NAME_SIZE]; /* "": there is no pool here */
    uint8_t flavor[CHAOS__FLAVOR_SIZE];
    uint32_t size; /* how many shells there shall be */
    uint32_t low;  /* below so many it is filled again */
    /* the list, derived */
    uint32_t ready;
    uint16_t first, last; /* slots; 0: none */
    /* what went wrong */
    uint32_t failures; /* since the last success */
    uint64_t retry_s;  /* not before this time, since the epoch */
    char error[CHAOS__POOL_ERROR_SIZE];
    uint8_t reserved[32];
};

/* The pool of a flavor, made under `name` if there is none.  CHAOS_EEXIST when
 * a pool of another flavor has the name, CHAOS_ENOMEM when there are too
 * many. */
int chaos__pool_add(struct chaos__registry *registry, const char *name,
                    const uint8_t flavor[CHAOS__FLAVOR_SIZE],
                    struct chaos__pool **pool_r, struct chaos_error *err);

/* NULL when there is none. */
struct chaos__pool *chaos__pool_of(struct chaos__registry *registry,
                                   const uint8_t flavor[CHAOS__FLAVOR_SIZE]);
struct chaos__pool *chaos__pool_by_name(struct chaos__registry *registry,
                                        const char *name);
/* All: start with NULL, ends with NULL.  Costs little when there are few. */
struct chaos__pool *chaos__pool_next(struct chaos__registry *registry,
                                     struct chaos__pool *after);

/* What shall be; what is there is not changed by it. */
int chaos__pool_set(struct chaos__registry *registry, struct chaos__pool *pool,
                    uint32_t size, uint32_t low, struct chaos_error *err);
/* `error` NULL: the last shell was made well. */
int chaos__pool_tell(struct chaos__registry *registry, struct chaos__pool *pool,
                     const char *error, uint64_t retry_s,
                     struct chaos_error *err);
/* Removes a pool; its shells, if it has any, are nobody's then and are undone
 * as if their makers had died. */
int chaos__pool_remove(struct chaos__registry *registry,
                       struct chaos__pool *pool, struct chaos_error *err);

/* Only one process fills a pool at a time: false when another does.  Ends
 * with the process. */
bool chaos__pool_begin_fill(struct chaos__registry *registry,
                            const struct chaos__pool *pool);
void chaos__pool_end_fill(struct chaos__registry *registry,
                          const struct chaos__pool *pool);

/* --------------------------------------------------------------- shells */

/* Puts a slot of ours, PREPARING, into the pool: SHELL, no longer ours.
 * CHAOS_ENOGUEST when there is no pool of that flavor any more. */
int chaos__pool_offer(struct chaos__registry *registry,
                      struct chaos__slot *slot,
                      const uint8_t flavor[CHAOS__FLAVOR_SIZE],
                      struct chaos_error *err);

/* What a guest wants to be when it takes a shell. */
struct chaos__claim {
    uint8_t flavor[CHAOS__FLAVOR_SIZE];
    const char *name;
    const uint8_t *uuid; /* NULL: that of the shell */
    /* For each device of the shell, in their order: key, use, MAC and
     * addresses; with a key that is 0 it keeps its own and its MAC. */
    const struct chaos__device *devices;
    unsigned device_count;
};

/*
 * Takes a shell for a guest: CLAIMED, ours, with the name, the UUID and the
 * keys.  Returns 1; 0 when the pool is empty or there is none.  CHAOS_EEXIST
 * and CHAOS_EBUSY when another guest has what this one wants, as
 * chaos__registry_reserve() and chaos__registry_add_device(); *taken_r is who,
 * and nothing was taken.
 */
int chaos__pool_claim(struct chaos__registry *registry,
                      const struct chaos__claim *claim,
                      struct chaos__slot **slot_r, struct chaos__slot **taken_r,
                      struct chaos_error *err);

/* Takes a shell out of the pool to undo it: DYING, ours.  1, 0 when there is
 * none, or an error. */
int chaos__pool_take(struct chaos__registry *registry, struct chaos__pool *pool,
                     struct chaos__slot **slot_r, struct chaos_error *err);

/* Whether a domain with this handle is the slot's: one that was a shell may
 * still carry the UUID that it was made with. */
bool chaos__slot_is_of(const struct chaos__slot *slot, const uint8_t *handle);

#endif
