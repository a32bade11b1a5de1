/* SPDX-License-Identifier: MIT */
#include "index.h"

#define MASK (CHAOS__INDEX_SIZE - 1)

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
uint32_t chaos__index_hash(const void *key, size_t size)
{
    const uint8_t *bytes = key;
    uint32_t hash = 2166136261u;
    size_t i;

    for (i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash ^ hash >> 16;
}

bool chaos__index_add(struct chaos__index *index, uint32_t hash,
                      unsigned number)
{
    uint32_t at = hash & MASK, probes;

    for (probes = 0; probes < CHAOS__INDEX_SIZE; probes++) {
        if (!index->cells[at]) {
            index->cells[at] = (uint16_t)number;
            return true;
        }
        at = (at + 1) & MASK;
    }
    return false;
}

unsigned chaos__index_find(const struct chaos__index *index, uint32_t hash,
                           chaos__index_same_fn same, const void *user,
                           const void *key)
{
    uint32_t at = hash & MASK, probes;

    chaos__touch(&index->cells[at]);
    for (probes = 0; probes < CHAOS__INDEX_SIZE && index->cells[at]; probes++) {
        if (same(user, index->cells[at], key))
            return index->cells[at];
        at = (at + 1) & MASK;
    }
    return 0;
}

/* Moves back what probing had pushed past the cell that is now empty. */
static bool close_gap(struct chaos__index *index, uint32_t gap,
                      chaos__index_hash_fn rehash, const void *user)
{
    uint32_t at = (gap + 1) & MASK, probes, home;

    for (probes = 0; index->cells[at]; probes++, at = (at + 1) & MASK) {
        if (probes == CHAOS__INDEX_SIZE)
            return false;
        home = rehash(user, index->cells[at]) & MASK;
        if (((at - home) & MASK) < ((at - gap) & MASK))
            continue; /* its home lies after the gap */
        index->cells[gap] = index->cells[at];
        index->cells[at] = 0;
        gap = at;
    }
    return true;
}

bool chaos__index_remove(struct chaos__index *index, uint32_t hash,
                         unsigned number, chaos__index_hash_fn rehash,
                         const void *user)
{
    uint32_t at = hash & MASK, probes;

    for (probes = 0; probes < CHAOS__INDEX_SIZE && index->cells[at]; probes++) {
        if (index->cells[at] == number) {
            index->cells[at] = 0;
            return close_gap(index, at, rehash, user);
        }
        at = (at + 1) & MASK;
    }
    return false;
}
