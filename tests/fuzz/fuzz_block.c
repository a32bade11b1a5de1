/* SPDX-License-Identifier: MIT */
/* A disk front end whose back end writes any bytes to the ring: each request
 * ends at most once. */
#include "guest_world.h"

#include <stdlib.h>

#include "noxs/guest/block.h"
#include "noxs/guest/ring.h"
#include <xen/io/blkif.h>

#include "front.h"

#define PAGE_BYTES 4096u
#define SLOTS 32u
#define PORT 1u

const unsigned int front_idle_grants = 0;

static struct block *block;
static struct blkif_sring *ring;

static void on_done(void *context, enum block_status status)
{
    if (status > BLOCK_NOT_SUPPORTED)
        abort();
    front_ended(context);
}

static void start_request(uint8_t bits, uint16_t value)
{
    size_t sectors = value & 0x7f;
    /* Often one that is there, but not always. */
    uint64_t sector = value >> 7;
    void **cookie =
        front_begin(aligned_alloc(BLOCK_SECTOR, (sectors + 1) * BLOCK_SECTOR));
    bool ok;

    if (!cookie)
        return;
    if (bits & 1)
        sector = UINT64_MAX - sector;
    if (bits & 2)
        ok = block_flush(block, on_done, cookie);
    else if (bits & 4)
        ok = block_write(block, sector, *cookie, sectors, on_done, cookie);
    else
        ok = block_read(block, sector, *cookie, sectors, on_done, cookie);
    if (!ok)
        front_refused(cookie);
}

void front_again(void)
{
    start_request(0, 1);
}

void front_start(uint8_t features)
{
    struct noxs_block entry = {
        .type = NOXS_TYPE_BLOCK,
        .size = sizeof(entry),
        .backend = WORLD_BACKEND,
        .features = features,
        .port = PORT,
        .sectors = 400,
    };

    ring = world_new_page(&entry.ring_frame);
    if (features & 0x40) /* indices about to wrap around */
        ring->req_prod = ring->rsp_prod = -20u;
    world_add(&entry);
    block = block_open(0);
    if (!block)
        abort();
}

/* A response as it should be, from the request in its place but for one
 * field. */
static void answer(uint8_t bits, uint16_t value)
{
    union blkif_sring_entry *slot = &ring->ring[ring->rsp_prod % SLOTS];
    struct blkif_response response = { .id = slot->req.id,
                                       .operation = slot->req.operation };

    if (bits & 1)
        response.status = value;
    if (bits & 2)
        response.operation = value;
    if (bits & 4)
        response.id = value;
    if (bits & 8) /* still mapped */
        front_use(slot->req.seg[0].gref, true);
    slot->rsp = response;
    ring->rsp_prod++;
}

void front_step(uint8_t bits, uint16_t value)
{
    switch (bits >> 4) {
    case 0:
    case 1:
        answer(bits, value);
        break;
    case 2:
        ((char *)ring)[value % PAGE_BYTES] = input_u8(&front_input);
        break;
    case 3:
        ring->rsp_prod += value;
        break;
    case 4:
    case 5:
    case 6:
        start_request(bits, value);
        break;
    default:
        front_notify(PORT);
    }
}
