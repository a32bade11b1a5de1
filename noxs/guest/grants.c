/* SPDX-License-Identifier: MIT */
#include "grants.h"

#include <stddef.h>
#include <xen/grant_table.h>

#include "devices.h"
#include "layout.h"
#include "platform.h"

#define PER_FRAME (PAGE_SIZE / sizeof(struct grant_entry_v1))

static struct grant_entry_v1 *table;
/* The next reference that was never given out; 0: see find_first(). */
static uint32_t fresh;
/* References below are in the frames that we have. */
static uint32_t end;
/* The last one that was given up.  Each one's `frame`, which Xen does not look
 * at while nothing is granted, is the one given up before it. */
static uint32_t released = GRANT_NONE;

static void find_first(void)
{
    const struct noxs_page *page = devices_page();

    fresh = page ? page->grants_used : 0;
    if (fresh < GNTTAB_NR_RESERVED_ENTRIES)
        fresh = GNTTAB_NR_RESERVED_ENTRIES;
}

/* A frame of the table when it is needed, not before: most guests need one,
 * and Xen has to make each. */
static bool has_frame(uint32_t reference)
{
    while (reference >= end) {
        void *frame = platform_grant_frame(end / PER_FRAME);

        if (!frame)
            return false;
        if (!end)
            table = frame;
        end += PER_FRAME;
    }
    return true;
}

uint32_t grant_reserve(void)
{
    uint32_t reference = released;

    if (!fresh)
        find_first();
    if (reference != GRANT_NONE)
        released = table[reference].frame;
    else if (has_frame(fresh))
        reference = fresh++;
    return reference;
}

void grant_set(uint32_t reference, uint16_t domid, const void *address,
               bool read_only)
{
    struct grant_entry_v1 *entry = &table[reference];

    entry->frame = platform_frame(address);
    entry->domid = domid;
    /* Last, because from here on the page is the other domain's too. */
    __atomic_store_n(&entry->flags,
                     GTF_permit_access | (read_only ? GTF_readonly : 0),
                     __ATOMIC_RELEASE);
}

bool grant_clear(uint32_t reference)
{
    uint16_t *flags = &table[reference].flags;
    uint16_t now = __atomic_load_n(flags, __ATOMIC_RELAXED);

    /* Xen sets the two bits at any time, and only while access is permitted:
     * what was exchanged without them stays free of them. */
    do
        if (now & (GTF_reading | GTF_writing))
            return false;
    while (!__atomic_compare_exchange_n(flags, &now, 0, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED));
    return true;
}

void grant_release(uint32_t reference)
{
    table[reference].frame = released;
    released = reference;
}
