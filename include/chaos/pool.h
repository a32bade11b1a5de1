/* SPDX-License-Identifier: MIT */
/*
 * Pools of shells: domains that are prepared beforehand, with memory and
 * connected devices, and wait for a guest.  chaos_guest_create() takes one by
 * itself when there is one of the guest's flavor.
 *
 * A flavor is what a shell fixes: type, memory, vCPUs, limits of grants and
 * event channels, for each interface its bridge, rate and MTU, for each disk
 * its virtual device and whether it is read-only, and whether the kernel speaks
 * noxs.  A guest whose interface has a vifname=, or whose disk is a block
 * device, is made without a shell.
 *
 * All functions block for as long as making or ending shells takes; threads,
 * fork() and errors are as chaos/guest.h says.  CHAOS_ENOGUEST: there is no
 * pool of that name.
 */
#ifndef CHAOS_POOL_H
#define CHAOS_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <chaos/config.h>
#include <chaos/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define CHAOS_POOL_NAME_MAX 63   /* bytes, without the NUL */
#define CHAOS_POOL_ERROR_MAX 191 /* likewise */
#define CHAOS_POOL_SIZE_MAX 32752u

struct chaos_pool_info {
    char name[CHAOS_POOL_NAME_MAX + 1];
    uint8_t type;    /* enum chaos_guest_type */
    uint8_t is_noxs; /* 1: for kernels that speak noxs */
    uint32_t vcpus, vifs, disks;
    uint64_t memory_kb;
    uint32_t ready;    /* shells that wait */
    uint32_t size;     /* how many there shall be */
    uint32_t low;      /* below so many, creates have it filled again */
    uint32_t failures; /* to make one, since it was last made */
    uint64_t retry_s;  /* seconds since the epoch: not before, when it failed */
    char error[CHAOS_POOL_ERROR_MAX + 1]; /* what went wrong then; "" */
};

/*
 * Reads a flavor: a configuration as chaos_config_load() does, but neither a
 * name nor a kernel nor the targets of disks need be there, and are not looked
 * at but for whether the kernel speaks noxs.  Without a kernel it is for those
 * that do.
 */
int chaos_flavor_load(struct chaos *chaos, const char *path,
                      struct chaos_config **config_r, struct chaos_error *err);

/*
 * The pool of the configuration's flavor, made if there is none: with no
 * shells, and a size of 0.  `name` is what it is called then; NULL: a name made
 * of the flavor.  Its name is written to `name_r`, which may be NULL.
 * CHAOS_EEXIST: a pool of another flavor has the name; CHAOS_ENOTSUP: no shell
 * can be made for such a guest; CHAOS_ENOMEM: there are too many pools.
 */
int chaos_pool_add(struct chaos *chaos, const struct chaos_config *config,
                   const char *name, char name_r[CHAOS_POOL_NAME_MAX + 1],
                   struct chaos_error *err);

/* How many shells the pool shall have, and below how many it is filled again
 * by creates; low 0 never is.  CHAOS_EINVAL: low is larger than size. */
int chaos_pool_set(struct chaos *chaos, const char *name, uint32_t size,
                   uint32_t low, struct chaos_error *err);

/*
 * Makes shells until `count` are ready; 0: until the pool has its size.  Fails
 * as a create does; those that were made stay.  CHAOS_EBUSY: another process
 * is filling it.
 */
int chaos_pool_fill(struct chaos *chaos, const char *name, uint32_t count,
                    struct chaos_error *err);

/*
 * What a create leaves to be done: whether a pool has fewer shells than its
 * low, nobody is filling it, and it is not waiting after a failure; and filling
 * all of those.  The first reads shared memory and costs next to nothing; the
 * second is best called where nobody waits.  What goes wrong is told by
 * chaos_pool_list().
 */
int chaos_pool_is_low(struct chaos *chaos);
void chaos_pool_refill(struct chaos *chaos);

/* All pools.  The caller frees *list_r with free(). */
int chaos_pool_list(struct chaos *chaos, struct chaos_pool_info **list_r,
                    size_t *count_r, struct chaos_error *err);

/* Destroys a pool's shells and forgets the pool; NULL: all of them. */
int chaos_pool_drain(struct chaos *chaos, const char *name,
                     struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
