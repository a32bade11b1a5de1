/* SPDX-License-Identifier: MIT */
#include "devices.h"

#include <stddef.h>

#include "mem.h"
#include "platform.h"

/* A toolstack changes the page in far less time; one that died meanwhile
 * shall not take the guest with it. */
#define TRIES 1000000u

static const struct noxs_page *shared; /* what the toolstack writes */

/* The generation to read by; odd while the page is being changed. */
static uint32_t generation(void)
{
    return __atomic_load_n(&shared->generation, __ATOMIC_ACQUIRE);
}

/* Whether what was read since generation() belongs together. */
static bool unchanged(uint32_t since)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!(since & 1) &&
        since == __atomic_load_n(&shared->generation, __ATOMIC_RELAXED))
        return true;
    __builtin_ia32_pause();
    return false;
}

const struct noxs_page *devices_page(void)
{
    static struct noxs_page header;
    static bool searched;

    if (searched)
        return shared ? &header : NULL;
    searched = true;
    shared = platform_store_page();
    if (!shared || shared->magic != NOXS_MAGIC ||
        shared->version != NOXS_VERSION)
        shared = NULL;
    for (unsigned int i = 0; shared; i++) {
        uint32_t since = generation();

        header = *shared;
        if (unchanged(since))
            return &header;
        if (i == TRIES)
            shared = NULL;
    }
    return NULL;
}

/* One try of devices_find(). */
static bool find(unsigned int type, unsigned int n, void *to, unsigned int size)
{
    const char *page = (const char *)shared;
    unsigned int offset = sizeof(*shared);
    uint32_t left = __atomic_load_n(&shared->entry_count, __ATOMIC_RELAXED);

    for (; left && offset < NOXS_PAGE_SIZE; left--) {
        const struct noxs_entry *entry = (const void *)(page + offset);
        unsigned int bytes = __atomic_load_n(&entry->size, __ATOMIC_RELAXED);

        if (!bytes || bytes % sizeof(*entry) || bytes > NOXS_PAGE_SIZE - offset)
            return false;
        if (__atomic_load_n(&entry->type, __ATOMIC_RELAXED) == type && !n--) {
            memset(to, 0, size);
            memcpy(to, entry, bytes < size ? bytes : size);
            return true;
        }
        offset += bytes;
    }
    return false;
}

bool devices_find(unsigned int type, unsigned int n, void *entry,
                  unsigned int size)
{
    if (!devices_page())
        return false;
    for (unsigned int i = 0; i < TRIES; i++) {
        uint32_t since = generation();
        bool found = find(type, n, entry, size);

        if (unchanged(since))
            return found;
    }
    return false;
}
