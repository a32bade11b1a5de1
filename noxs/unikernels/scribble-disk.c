/* SPDX-License-Identifier: MIT */
/* What a guest can do to its disks: all of them. */
#include "scribble.h"

#include <stdbool.h>
#include <stddef.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

#include "../guest/ring.h"
#include <xen/io/blkif.h>

#include "../guest/block.h"
#include "../guest/devices.h"
#include "../guest/events.h"
#include "../guest/layout.h"
#include "../guest/platform.h"

#define SLOTS __CONST_RING_SIZE(blkif, PAGE_SIZE)

static struct disk {
    struct noxs_block entry;
    struct blkif_sring *page;
    struct blkif_front_ring ring;
} disks[BLOCKS_MAX];
static unsigned int count;

void disks_find(void)
{
    for (; count < BLOCKS_MAX; count++) {
        struct disk *disk = &disks[count];

        if (!devices_find(NOXS_TYPE_BLOCK, count, &disk->entry,
                          sizeof(disk->entry)))
            break;
        disk->page = platform_map_frame(disk->entry.ring_frame);
        if (!disk->page)
            break;
        FRONT_RING_INIT(&disk->ring, disk->page, PAGE_SIZE);
    }
}

/* ------------------------------------------------------------- requests */

static uint32_t reference_for(const struct disk *disk)
{
    switch (nonsense() % 8) {
    case 0: /* rarely the ring: that soon is the end of the device */
        if (nonsense() % 256 == 0)
            return disk->entry.ring_ref;
        return nonsense() % GNTTAB_NR_RESERVED_ENTRIES;
    case 1:
        return nonsense();
    case 2:
        return grants_loan(LOAN_READ_ONLY);
    case 3:
        return grants_loan(LOAN_FICKLE);
    default:
        return grants_loan(LOAN_WHOLE);
    }
}

static struct blkif_request_segment segment_of(const struct disk *disk)
{
    return (struct blkif_request_segment){
        .gref = reference_for(disk),
        .first_sect = EITHER(0, nonsense()),
        .last_sect = EITHER(7, nonsense()),
    };
}

/* Within the disk, over its end, far from it, and so far that adding to it
 * wraps around. */
static uint64_t sector_of(const struct disk *disk)
{
    uint64_t end = disk->entry.sectors;

    switch (nonsense() % 8) {
    case 0:
        return end - nonsense() % 16;
    case 1:
        return (uint64_t)nonsense() << 32 | nonsense();
    case 2:
        return -(uint64_t)(nonsense() % 128);
    default:
        return end ? nonsense() % end : 0;
    }
}

static uint8_t operation_of(void)
{
    static const uint8_t known[] = {
        BLKIF_OP_READ,
        BLKIF_OP_WRITE,
        BLKIF_OP_WRITE_BARRIER,
        BLKIF_OP_FLUSH_DISKCACHE,
    };

    return EITHER(known[nonsense() % sizeof(known)], nonsense());
}

static void ask_plain(const struct disk *disk, struct blkif_request *request)
{
    const uint8_t most = BLKIF_MAX_SEGMENTS_PER_REQUEST;

    request->operation = operation_of();
    request->nr_segments = EITHER(nonsense() % (most + 1), nonsense());
    request->handle = EITHER(disk->entry.vdev, nonsense());
    request->id = nonsense();
    request->sector_number = sector_of(disk);
    for (unsigned int i = 0; i < most; i++)
        request->seg[i] = segment_of(disk);
}

/* Its segments are on pages that may not be there, and change. */
static void ask_indirect(const struct disk *disk, struct blkif_request *plain)
{
    struct blkif_request_indirect *request = (void *)plain;
    struct blkif_request_segment *segments = (void *)grants_page(LOAN_WHOLE);

    for (size_t i = 0; i < PAGE_SIZE / sizeof(*segments); i++)
        segments[i] = segment_of(disk);
    request->operation = BLKIF_OP_INDIRECT;
    request->indirect_op = operation_of();
    request->nr_segments =
        EITHER(nonsense() % (disk->entry.max_indirect + 1u), nonsense());
    request->handle = EITHER(disk->entry.vdev, nonsense());
    request->id = nonsense();
    request->sector_number = sector_of(disk);
    for (unsigned int i = 0; i < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST; i++)
        request->indirect_grefs[i] =
            EITHER(grants_loan(LOAN_WHOLE), reference_for(disk));
}

static void ask_discard(const struct disk *disk, struct blkif_request *plain)
{
    struct blkif_request_discard *request = (void *)plain;

    request->operation = BLKIF_OP_DISCARD;
    request->flag = nonsense();
    request->handle = EITHER(disk->entry.vdev, nonsense());
    request->id = nonsense();
    request->sector_number = sector_of(disk);
    request->nr_sectors = EITHER(nonsense() % 64, ~(uint64_t)nonsense());
}

/* What blkback has answered is room; it may be hidden by what else is done to
 * the ring. */
static bool has_room(const struct disk *disk)
{
    RING_IDX used = disk->ring.req_prod_pvt -
                    __atomic_load_n(&disk->page->rsp_prod, __ATOMIC_RELAXED);

    return used < SLOTS;
}

static void ask(struct disk *disk)
{
    while (has_room(disk)) {
        struct blkif_request *request =
            RING_GET_REQUEST(&disk->ring, disk->ring.req_prod_pvt);

        switch (nonsense() % 8) {
        case 0:
            ask_discard(disk, request);
            break;
        case 1:
        case 2:
            ask_indirect(disk, request);
            break;
        default:
            ask_plain(disk, request);
        }
        disk->ring.req_prod_pvt++;
    }
    RING_PUSH_REQUESTS(&disk->ring);
}

void disks_ask(void)
{
    grants_waver();
    for (unsigned int i = 0; i < count; i++)
        ask(&disks[i]);
    disks_flood();
}

/* ----------------------------------------------------------- the rest */

void disks_spoil(void)
{
    for (unsigned int i = 0; i < count; i++)
        scribble(disks[i].page);
    disks_flood();
}

void disks_flood(void)
{
    for (unsigned int i = 0; i < count; i++)
        events_notify(disks[i].entry.port);
}

void disks_each_frame(void (*act)(uint64_t frame))
{
    for (unsigned int i = 0; i < count; i++)
        act(disks[i].entry.ring_frame);
}
