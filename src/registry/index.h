/* SPDX-License-Identifier: MIT */
/*
 * A hash table of slot numbers in shared memory: open addressing, linear
 * probing, removal without tombstones, so that its look-ups stay short however
 * many guests have come and gone.  It holds no keys: its user compares.
 */
#ifndef CHAOS_SRC_INDEX_H
#define CHAOS_SRC_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAOS__INDEX_SIZE 65536u /* twice the slots: half empty at worst */

struct chaos__index {
    uint16_t cells[CHAOS__INDEX_SIZE]; /* slot number, 0: empty */
};

typedef bool (*chaos__index_same_fn)(const void *user, unsigned number,
                                     const void *key);
typedef uint32_t (*chaos__index_hash_fn)(const void *user, unsigned number);

/*
 * Has the kernel map the page of shared memory that this is in, to be written
 * to; changes nothing.  To be called before it is read if it is one page of
 * many: else the kernel maps fifteen of its neighbours with it, which takes a
 * PV dom0 a hypercall for each.
 */
static inline void chaos__touch(const volatile void *at)
{
    __asm__ volatile("lock orb $0, %0" : "+m"(*(volatile uint8_t *)at));
}

uint32_t chaos__index_hash(const void *key, size_t size);
/* False when it is full, which it never is if it is sound. */
bool chaos__index_add(struct chaos__index *index, uint32_t hash,
                      unsigned number);
/* The number under `key`; 0 when there is none. */
unsigned chaos__index_find(const struct chaos__index *index, uint32_t hash,
                           chaos__index_same_fn same, const void *user,
                           const void *key);
/* `rehash` gives the hash of what is under another number.  False when the
 * number is not there, or the index is full. */
bool chaos__index_remove(struct chaos__index *index, uint32_t hash,
                         unsigned number, chaos__index_hash_fn rehash,
                         const void *user);

#endif
