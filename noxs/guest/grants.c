/* SPDX-License-Identifier: MIT */
#include "grants.h"

#include <stddef.h>
#include <xen/grant_table.h>

#include "devices.h"
#include "layout.h"
#include "platform.h"

#define PER_FRAME (PAGE_SIZE / sizeof(struct grant_entry_v1))

static struct grant_entry_v1 *table;
/* References from here on were never given out. */
static uint32_t fresh, end;
/* The last one that was given up.  Each one's `frame`, which Xen does not look
 * at while nothing is granted, is the one given up before it. */
static uint32_t released = GRANT_NONE;

static void find(void)
{
    static bool searched;
    const struct noxs_page *page;
    unsigned int frames = GRANT_FRAMES_MAX;

    if (searched)
        return;
    searched = true;
    page = devices_page();
    fresh = page ? page->grants_used : 0;
    if (fresh < GNTTAB_NR_RESERVED_ENTRIES)
        fresh = GNTTAB_NR_RESERVED_ENTRIES;
    /* The table may be limited to fewer frames. */
    while (frames && !(table = platform_grant_table(frames)))
        frames /= 2;
    end = frames * PER_FRAME;
}

uint32_t grant_reserve(void)
{
    uint32_t reference = released;

    find();
    if (reference != GRANT_NONE)
        released = table[reference].frame;
    else if (fresh < end)
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
