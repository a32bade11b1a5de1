/* SPDX-License-Identifier: MIT */
#include "block.h"

#include <xen/xen.h>

#include "ring.h"
#include <xen/io/blkif.h>

#include "devices.h"
#include "events.h"
#include "grants.h"
#include "layout.h"
#include "mem.h"
#include "platform.h"
#include "scratch.h"

#define SLOTS __CONST_RING_SIZE(blkif, PAGE_SIZE)
#define SEGMENTS_MAX BLKIF_MAX_SEGMENTS_PER_REQUEST
#define SECTORS_MAX (BLOCK_BYTES_MAX / BLOCK_SECTOR)
_Static_assert(BLOCK_BYTES_MAX <= (SEGMENTS_MAX - 1) * PAGE_SIZE,
               "BLOCK_BYTES_MAX at any alignment");

/* A request; its number in here is its id. */
struct request {
    block_done_fn done;
    void *context;
    uint32_t references[SEGMENTS_MAX];
    uint8_t segments;
    uint8_t operation;
    bool in_flight;
    uint8_t next; /* of the free ones */
};

struct block {
    struct block_info info;
    uint64_t nonsense;
    bool busy; /* a handler is being called */
    uint16_t backend;
    uint32_t port;
    struct blkif_front_ring ring;
    RING_IDX pushed;
    unsigned int free; /* number of free requests */
    uint8_t next;      /* the first of them */
    struct request requests[SLOTS];
};

static struct block blocks[BLOCKS_MAX] SCRATCH(blocks);
static bool opened[BLOCKS_MAX];

/* -------------------------------------------------------------- requests */

static void free_request(struct block *block, uint8_t id)
{
    block->requests[id].in_flight = false;
    block->requests[id].next = block->next;
    block->next = id;
    block->free++;
}

/* False when a page is still in the back end's hands; the reference is lost
 * then. */
static bool end_grants(struct request *request)
{
    bool all = true;

    while (request->segments) {
        uint32_t reference = request->references[--request->segments];

        if (grant_clear(reference))
            grant_release(reference);
        else
            all = false;
    }
    return all;
}

/* Grants the buffer's pages and describes them; false when there are not
 * enough references. */
static bool add_segments(struct block *block, struct request *request,
                         struct blkif_request *wire, const char *buffer,
                         size_t sectors)
{
    bool read_only = wire->operation == BLKIF_OP_WRITE;

    while (sectors) {
        unsigned int first = (uintptr_t)buffer % PAGE_SIZE / BLOCK_SECTOR;
        size_t count = PAGE_SIZE / BLOCK_SECTOR - first;
        uint32_t reference = grant_reserve();

        if (reference == GRANT_NONE) {
            end_grants(request);
            return false;
        }
        if (count > sectors)
            count = sectors;
        grant_set(reference, block->backend, buffer, read_only);
        request->references[request->segments] = reference;
        wire->seg[request->segments++] = (struct blkif_request_segment){
            .gref = reference,
            .first_sect = first,
            .last_sect = first + count - 1,
        };
        buffer += count * BLOCK_SECTOR;
        sectors -= count;
    }
    wire->nr_segments = request->segments;
    return true;
}

static void push(struct block *block)
{
    bool notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&block->ring, notify);
    block->pushed = block->ring.req_prod_pvt;
    if (notify)
        events_notify(block->port);
}

static bool start(struct block *block, uint8_t operation, uint64_t sector,
                  const void *buffer, size_t sectors, block_done_fn done,
                  void *context)
{
    uint8_t id = block->next;
    struct request *request = &block->requests[id];
    /* Requests in flight are at least as many as the ring's used slots. */
    struct blkif_request *wire =
        RING_GET_REQUEST(&block->ring, block->ring.req_prod_pvt);

    if (!block->free)
        return false;
    request->segments = 0;
    request->operation = operation;
    request->done = done;
    request->context = context;
    *wire = (struct blkif_request){
        .operation = operation,
        .handle = block->info.vdev,
        .id = id,
        .sector_number = sector,
    };
    if (!add_segments(block, request, wire, buffer, sectors))
        return false;
    request->in_flight = true;
    block->next = request->next;
    block->free--;
    block->ring.req_prod_pvt++;
    push(block);
    return true;
}

static bool in_range(const struct block *block, uint64_t sector,
                     const void *buffer, size_t sectors)
{
    return (uintptr_t)buffer % BLOCK_SECTOR == 0 && sectors > 0 &&
           sectors <= SECTORS_MAX && sectors <= block->info.sectors &&
           sector <= block->info.sectors - sectors;
}

bool block_read(struct block *block, uint64_t sector, void *buffer,
                size_t sectors, block_done_fn done, void *context)
{
    return in_range(block, sector, buffer, sectors) &&
           start(block, BLKIF_OP_READ, sector, buffer, sectors, done, context);
}

bool block_write(struct block *block, uint64_t sector, const void *buffer,
                 size_t sectors, block_done_fn done, void *context)
{
    return !block->info.read_only && in_range(block, sector, buffer, sectors) &&
           start(block, BLKIF_OP_WRITE, sector, buffer, sectors, done, context);
}

bool block_flush(struct block *block, block_done_fn done, void *context)
{
    return start(block, BLKIF_OP_FLUSH_DISKCACHE, 0, NULL, 0, done, context);
}

/* --------------------------------------------------------------- answers */

static enum block_status status_of(int16_t status)
{
    switch (status) {
    case BLKIF_RSP_OKAY:
        return BLOCK_DONE;
    case BLKIF_RSP_EOPNOTSUPP:
        return BLOCK_NOT_SUPPORTED;
    default:
        return BLOCK_ERROR;
    }
}

static void take(struct block *block, const struct blkif_response *response)
{
    enum block_status status = status_of(response->status);
    struct request *request;

    if (response->id >= SLOTS) {
        block->nonsense++;
        return;
    }
    request = &block->requests[response->id];
    if (!request->in_flight || response->operation != request->operation) {
        block->nonsense++;
        return;
    }
    /* Before the caller looks at the data, so that it stays what it is. */
    if (!end_grants(request)) {
        block->nonsense++;
        status = BLOCK_ERROR;
    }
    free_request(block, response->id);
    request->done(request->context, status);
}

/* One round: what comes meanwhile waits for the next, and so for the others'
 * turn. */
static void on_event(void *context)
{
    struct block *block = context;
    int count = RING_RESPONSES(&block->ring, block->pushed);
    bool more;

    /* A handler that waits for events itself: we are called from here, and
     * will look at the ring once more. */
    if (block->busy)
        return;
    if (count < 0) {
        block->nonsense++;
        return;
    }
    block->busy = true;
    for (; count; count--) {
        struct blkif_response response;

        RING_COPY_RESPONSE(&block->ring, block->ring.rsp_cons, &response);
        block->ring.rsp_cons++;
        take(block, &response);
    }
    block->busy = false;
    RING_FINAL_CHECK_FOR_RESPONSES(&block->ring, more);
    if (more)
        events_raise(block->port);
}

/* --------------------------------------------------------------- opening */

struct block *block_open(unsigned int n)
{
    struct noxs_block entry;
    struct blkif_sring *ring;
    struct block *block;

    if (n >= BLOCKS_MAX || opened[n] ||
        !devices_find(NOXS_TYPE_BLOCK, n, &entry, sizeof(entry)))
        return NULL;
    ring = platform_map_frame(entry.ring_frame);
    if (!ring)
        return NULL;
    block = &blocks[n];
    memset(block, 0, sizeof(*block));
    block->info = (struct block_info){
        .sectors = entry.sectors,
        .sector_size = entry.sector_size,
        .vdev = entry.vdev,
        .read_only = entry.features & NOXS_BLOCK_READ_ONLY,
        .can_flush = entry.features & NOXS_BLOCK_FLUSH,
    };
    block->backend = entry.backend;
    block->port = entry.port;
    block->pushed = RING_START(ring);
    FRONT_RING_ATTACH(&block->ring, ring, block->pushed, PAGE_SIZE);
    for (unsigned int i = SLOTS; i-- > 0;)
        free_request(block, i);
    if (!events_listen(block->port, on_event, block))
        return NULL;
    opened[n] = true;
    return block;
}

const struct block_info *block_info(const struct block *block)
{
    return &block->info;
}

uint64_t block_nonsense(const struct block *block)
{
    return block->nonsense;
}
