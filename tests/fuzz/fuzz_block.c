/* SPDX-License-Identifier: MIT */
/* A disk front end whose back end writes any bytes to the ring: each request
 * ends at most once. */
#include "guest_world.h"

#include <stdlib.h>
#include <string.h>

#include "noxs/guest/block.h"
#include "noxs/guest/ring.h"
#include <xen/io/blkif.h>

#include "input.h"

#define PAGE_BYTES 4096u
#define REQUESTS 512u
#define SLOTS 32u
#define PORT 1u

static struct {
    struct block *block;
    struct blkif_sring *ring;
    struct input input;
    void *in_flight[REQUESTS]; /* the memory */
    unsigned int count;
    bool kept; /* the back end did not give a grant back */
} fuzz;

static void step(void);
static void start_request(uint8_t bits, uint16_t value);

static void on_done(void *context, enum block_status status)
{
    void **memory = context;

    if (!*memory || status > BLOCK_NOT_SUPPORTED)
        abort();
    free(*memory);
    *memory = NULL;
    if ((memory - fuzz.in_flight) % 3 == 0)
        start_request(0, 1);
    if ((memory - fuzz.in_flight) % 3 == 1)
        step();
}

static void start_request(uint8_t bits, uint16_t value)
{
    size_t sectors = value & 0x7f;
    /* Often one that is there, but not always. */
    uint64_t sector = value >> 7;
    void **memory = &fuzz.in_flight[fuzz.count];
    bool ok;

    if (fuzz.count == REQUESTS)
        return;
    fuzz.count++;
    *memory = aligned_alloc(BLOCK_SECTOR, (sectors + 1) * BLOCK_SECTOR);
    if (bits & 1)
        sector = UINT64_MAX - sector;
    if (bits & 2)
        ok = block_flush(fuzz.block, on_done, memory);
    else if (bits & 4)
        ok = block_write(fuzz.block, sector, *memory, sectors, on_done, memory);
    else
        ok = block_read(fuzz.block, sector, *memory, sectors, on_done, memory);
    if (ok)
        return;
    free(*memory);
    *memory = NULL;
}

static void start(uint8_t features)
{
    struct noxs_block entry = {
        .type = NOXS_TYPE_BLOCK,
        .size = sizeof(entry),
        .backend = WORLD_BACKEND,
        .features = features,
        .port = PORT,
        .sectors = 400,
    };

    memset(&fuzz, 0, sizeof(fuzz));
    world_reset();
    fuzz.ring = world_new_page(&entry.ring_frame);
    if (features & 0x80) { /* few references */
        world_limit_grants(1);
        world_page()->grants_used = 512 - 50;
    }
    if (features & 0x40) /* indices about to wrap around */
        fuzz.ring->req_prod = fuzz.ring->rsp_prod = -20u;
    world_add(&entry);
    fuzz.block = block_open(0);
    if (!fuzz.block)
        abort();
}

/* A response as it should be, from the request in its place but for one
 * field. */
static void answer(uint8_t bits, uint16_t value)
{
    union blkif_sring_entry *slot =
        &fuzz.ring->ring[fuzz.ring->rsp_prod % SLOTS];
    struct blkif_response response = { .id = slot->req.id,
                                       .operation = slot->req.operation };

    if (bits & 1)
        response.status = value;
    if (bits & 2)
        response.operation = value;
    if (bits & 4)
        response.id = value;
    if (bits & 8) { /* still mapped */
        world_use(slot->req.seg[0].gref, WORLD_BACKEND, false);
        fuzz.kept = true;
    }
    slot->rsp = response;
    fuzz.ring->rsp_prod++;
}

static void step(void)
{
    uint8_t bits = input_u8(&fuzz.input);
    uint16_t value = input_u16(&fuzz.input);

    if (!fuzz.input.left)
        return;
    switch (bits >> 4) {
    case 0:
    case 1:
        answer(bits, value);
        break;
    case 2:
        ((char *)fuzz.ring)[value % PAGE_BYTES] = input_u8(&fuzz.input);
        break;
    case 3:
        fuzz.ring->rsp_prod += value;
        break;
    case 4:
    case 5:
    case 6:
        start_request(bits, value);
        break;
    default:
        /* No bytes may keep a guest busy. */
        world_notify(PORT);
        if (world_run() > 600)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };
    bool in_flight = false;

    start(input_u8(&input));
    fuzz.input = input;
    while (fuzz.input.left)
        step();
    for (unsigned int i = 0; i < fuzz.count; i++) {
        in_flight |= fuzz.in_flight[i] != NULL;
        free(fuzz.in_flight[i]);
    }
    /* Nobody can use what was said to be the caller's again. */
    if (!in_flight && !fuzz.kept && world_granted() != 0)
        abort();
    return 0;
}
