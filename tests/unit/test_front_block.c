/* SPDX-License-Identifier: MIT */
/* The guest kit's disk front end, against a back end that carries requests out
 * over the real ring, or means ill. */
#include "guest_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "noxs/guest/block.h"
#include "noxs/guest/ring.h"
#include <xen/io/blkif.h>

#define PAGE_BYTES 4096u
#define SLOTS 32u
#define SECTORS 256u
#define DONE_MAX 64u
#define PORT 9u
/* The ring starts shortly before its indices wrap around. */
#define RING_FIRST 0xfffffff0u

/* ------------------------------------------------------------- back end */

static struct blkif_back_ring back;
static char disk[SECTORS * BLOCK_SECTOR];

static void connect(uint32_t features, uint64_t sectors)
{
    struct noxs_block entry = {
        .type = NOXS_TYPE_BLOCK,
        .size = sizeof(entry),
        .backend = WORLD_BACKEND,
        .features = features,
        .port = PORT,
        .sector_size = 512,
        .sectors = sectors,
        .vdev = 51712,
    };
    struct blkif_sring *ring = world_new_page(&entry.ring_frame);

    ring->req_prod = ring->rsp_prod = RING_FIRST;
    ring->req_event = ring->rsp_event = RING_FIRST + 1;
    BACK_RING_ATTACH(&back, ring, RING_FIRST, PAGE_BYTES);
    world_add(&entry);
}

static unsigned int waiting(void)
{
    return XEN_RING_NR_UNCONSUMED_REQUESTS(&back);
}

static struct blkif_request take(void)
{
    struct blkif_request request;

    assert_int_not_equal(waiting(), 0);
    RING_COPY_REQUEST(&back, back.req_cons++, &request);
    return request;
}

static void answer(uint64_t id, uint8_t operation, int16_t status)
{
    *RING_GET_RESPONSE(&back, back.rsp_prod_pvt++) = (struct blkif_response){
        .id = id, .operation = operation, .status = status
    };
}

static void push(void)
{
    bool notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back, notify);
    if (notify)
        world_notify(PORT);
}

/* Moves a request's data; how many sectors. */
static unsigned int carry_out(const struct blkif_request *request)
{
    bool read = request->operation == BLKIF_OP_READ;
    uint64_t sector = request->sector_number;

    for (unsigned int i = 0; i < request->nr_segments; i++) {
        const struct blkif_request_segment *segment = &request->seg[i];
        unsigned int count = segment->last_sect - segment->first_sect + 1;
        char *page, *data;

        assert_in_range(segment->last_sect, segment->first_sect, 7);
        assert_true(sector + count <= SECTORS);
        /* Only what is read into may be written. */
        page = world_use(segment->gref, WORLD_BACKEND, true);
        assert_int_equal(page != NULL, read);
        if (!read)
            page = world_use(segment->gref, WORLD_BACKEND, false);
        assert_non_null(page);
        data = page + segment->first_sect * BLOCK_SECTOR;
        if (read)
            memcpy(data, &disk[sector * BLOCK_SECTOR], count * BLOCK_SECTOR);
        else
            memcpy(&disk[sector * BLOCK_SECTOR], data, count * BLOCK_SECTOR);
        world_end_use(segment->gref);
        sector += count;
    }
    return sector - request->sector_number;
}

/* ---------------------------------------------------------------- guest */

static struct {
    struct block *block;
    struct {
        void *context;
        enum block_status status;
    } done[DONE_MAX];
    unsigned int count;
    void (*on_done)(void);
} guest;

static char memory[16][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static void on_done(void *context, enum block_status status)
{
    assert_in_range(guest.count, 0, DONE_MAX - 1);
    guest.done[guest.count].context = context;
    guest.done[guest.count++].status = status;
    if (guest.on_done)
        guest.on_done();
}

static int reset(void **state)
{
    (void)state;
    memset(&guest, 0, sizeof(guest));
    memset(memory, 0, sizeof(memory));
    for (size_t i = 0; i < sizeof(disk); i++)
        disk[i] = i * 7 + i / 251;
    world_reset();
    return 0;
}

static void open_with(uint32_t features, uint64_t sectors)
{
    connect(features, sectors);
    guest.block = block_open(0);
    assert_non_null(guest.block);
}

static int open_block(void **state)
{
    reset(state);
    open_with(NOXS_BLOCK_FLUSH, SECTORS);
    return 0;
}

static bool start_read(uint64_t sector, size_t sectors)
{
    return block_read(guest.block, sector, memory, sectors, on_done, NULL);
}

static bool start_write(uint64_t sector, size_t sectors)
{
    return block_write(guest.block, sector, memory, sectors, on_done, NULL);
}

/* ---------------------------------------------------------------- tests */

static void opens_what_is_there(void **state)
{
    const struct block_info *info;

    (void)state;
    assert_null(block_open(0));
    open_with(NOXS_BLOCK_FLUSH, 12345);
    assert_null(block_open(0)); /* twice */
    assert_null(block_open(1));
    assert_null(block_open(BLOCKS_MAX));
    info = block_info(guest.block);
    assert_int_equal(info->sectors, 12345);
    assert_int_equal(info->sector_size, 512);
    assert_int_equal(info->vdev, 51712);
    assert_true(info->can_flush);
    assert_false(info->read_only);
    assert_int_equal(world_granted(), 0);
}

static void does_without(void **state)
{
    struct noxs_block entry = { .type = NOXS_TYPE_BLOCK,
                                .size = sizeof(entry),
                                .port = 1 };

    (void)state;
    /* no ring */
    world_add(&entry);
    assert_null(block_open(0));
    /* no port */
    world_reset();
    world_new_page(&entry.ring_frame);
    entry.port = 0;
    world_add(&entry);
    assert_null(block_open(0));
}

static void reads(void **state)
{
    struct blkif_request request;

    (void)state;
    assert_true(
        block_read(guest.block, 10, memory[1], 8, on_done, "a whole page"));
    assert_int_equal(world_notified(PORT), 1);
    assert_int_equal(world_granted(), 1);
    request = take();
    assert_int_equal(request.operation, BLKIF_OP_READ);
    assert_int_equal(request.sector_number, 10);
    assert_int_equal(request.handle, 51712);
    assert_int_equal(request.nr_segments, 1);
    assert_int_equal(carry_out(&request), 8);
    assert_int_equal(guest.count, 0);
    answer(request.id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    push();
    world_run();
    assert_int_equal(guest.count, 1);
    assert_int_equal(guest.done[0].status, BLOCK_DONE);
    assert_string_equal(guest.done[0].context, "a whole page");
    assert_memory_equal(memory[1], &disk[10 * BLOCK_SECTOR], PAGE_BYTES);
    assert_int_equal(world_granted(), 0);
}

static void transfers_the_most_at_any_alignment(void **state)
{
    const size_t most = BLOCK_BYTES_MAX / BLOCK_SECTOR;
    static char before[sizeof(disk)];

    (void)state;
    for (unsigned int at = 0; at < 8; at++) {
        struct blkif_request request;

        assert_true(block_read(guest.block, 3, &memory[1][at * BLOCK_SECTOR],
                               most, on_done, NULL));
        request = take();
        assert_int_equal(request.nr_segments, at ? 11 : 10);
        assert_int_equal(carry_out(&request), most);
        answer(request.id, request.operation, BLKIF_RSP_OKAY);
        push();
        world_run();
        assert_memory_equal(&memory[1][at * BLOCK_SECTOR],
                            &disk[3 * BLOCK_SECTOR], BLOCK_BYTES_MAX);
        /* Back to where it was, into a disk of something else. */
        memcpy(before, disk, sizeof(disk));
        memset(disk, at, sizeof(disk));
        assert_true(block_write(guest.block, 3, &memory[1][at * BLOCK_SECTOR],
                                most, on_done, NULL));
        request = take();
        assert_int_equal(request.operation, BLKIF_OP_WRITE);
        assert_int_equal(carry_out(&request), most);
        answer(request.id, request.operation, BLKIF_RSP_OKAY);
        push();
        world_run();
        assert_memory_equal(&disk[3 * BLOCK_SECTOR], &before[3 * BLOCK_SECTOR],
                            BLOCK_BYTES_MAX);
        assert_int_equal(disk[3 * BLOCK_SECTOR - 1], at);
        assert_int_equal(disk[(3 + most) * BLOCK_SECTOR], at);
    }
    assert_int_equal(guest.count, 16);
    assert_int_equal(world_granted(), 0);
}

static void flushes(void **state)
{
    struct blkif_request request;

    (void)state;
    assert_true(block_flush(guest.block, on_done, "flush"));
    request = take();
    assert_int_equal(request.operation, BLKIF_OP_FLUSH_DISKCACHE);
    assert_int_equal(request.nr_segments, 0);
    answer(request.id, request.operation, BLKIF_RSP_EOPNOTSUPP);
    push();
    world_run();
    assert_int_equal(guest.count, 1);
    assert_int_equal(guest.done[0].status, BLOCK_NOT_SUPPORTED);
    assert_string_equal(guest.done[0].context, "flush");
}

static void passes_errors_on(void **state)
{
    static const int16_t statuses[] = { BLKIF_RSP_ERROR, 1, INT16_MIN };
    struct blkif_request request;

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        assert_true(start_write(0, 1));
        request = take();
        answer(request.id, request.operation, statuses[i]);
        push();
        world_run();
        assert_int_equal(guest.done[i].status, BLOCK_ERROR);
    }
    assert_int_equal(guest.count, 3);
    assert_int_equal(world_granted(), 0);
}

static void stays_on_the_disk(void **state)
{
    (void)state;
    assert_false(start_read(SECTORS, 1));
    assert_false(start_read(SECTORS - 1, 2));
    assert_false(start_read(UINT64_MAX, 1));
    assert_false(start_read(UINT64_MAX, 2));
    assert_false(start_read(1, SIZE_MAX));
    assert_false(start_read(0, 0));
    assert_false(start_read(0, 81));
    assert_false(start_write(SECTORS, 1));
    assert_false(block_read(guest.block, 0, &memory[0][1], 1, on_done, NULL));
    assert_int_equal(waiting(), 0);
    assert_true(start_read(SECTORS - 1, 1));
    assert_true(start_read(SECTORS - 80, 80));
    reset(state);
    open_with(0, 1);
    assert_false(start_read(0, 2));
    assert_true(start_read(0, 1));
    reset(state);
    open_with(0, 0);
    assert_false(start_read(0, 1));
}

static void writes_to_no_read_only_disk(void **state)
{
    (void)state;
    open_with(NOXS_BLOCK_READ_ONLY, SECTORS);
    assert_true(block_info(guest.block)->read_only);
    assert_false(start_write(0, 1));
    assert_true(start_read(0, 1));
}

static void keeps_many_in_flight(void **state)
{
    uint64_t ids[SLOTS];
    unsigned int i, round;

    (void)state;
    for (i = 0; i < SLOTS; i++)
        assert_true(
            block_read(guest.block, i, memory[0], 1, on_done, &memory[0][i]));
    assert_false(start_read(0, 1));
    assert_false(block_flush(guest.block, on_done, NULL));
    for (i = 0; i < SLOTS; i++) {
        struct blkif_request request = take();

        assert_int_equal(request.sector_number, i);
        ids[i] = request.id;
    }
    /* Answered from the last to the first. */
    for (i = SLOTS; i-- > 0;)
        answer(ids[i], BLKIF_OP_READ, BLKIF_RSP_OKAY);
    push();
    world_run();
    assert_int_equal(guest.count, SLOTS);
    for (i = 0; i < SLOTS; i++)
        assert_ptr_equal(guest.done[i].context, &memory[0][SLOTS - 1 - i]);
    /* On over the ring and the indices' end. */
    for (round = 0; round < 4 * SLOTS; round++) {
        struct blkif_request request;

        guest.count = 0;
        assert_true(start_read(round, 2));
        request = take();
        carry_out(&request);
        answer(request.id, request.operation, BLKIF_RSP_OKAY);
        push();
        world_run();
        assert_int_equal(guest.count, 1);
        assert_memory_equal(memory[0], &disk[round * BLOCK_SECTOR], 1024);
    }
    assert_int_equal(world_granted(), 0);
}

static void start_another(void)
{
    struct blkif_request request;

    guest.on_done = NULL;
    assert_true(start_read(0, 1));
    request = take();
    answer(request.id, request.operation, BLKIF_RSP_OKAY);
    push();
    /* Waiting in here does no harm; our caller goes on with the ring. */
    world_notify(PORT);
    world_run();
    assert_int_equal(guest.count, 1);
}

static void misses_nothing_meanwhile(void **state)
{
    struct blkif_request request;

    (void)state;
    guest.on_done = start_another;
    assert_true(start_read(0, 1));
    request = take();
    answer(request.id, request.operation, BLKIF_RSP_OKAY);
    push();
    world_run();
    assert_int_equal(guest.count, 2);
}

static void does_with_few_grants(void **state)
{
    (void)state;
    world_reset();
    world_limit_grants(1);
    world_page()->grants_used = 512 - 3;
    open_with(0, SECTORS);
    assert_false(start_read(0, 4 * 8));
    assert_int_equal(world_granted(), 0);
    assert_int_equal(waiting(), 0);
    assert_true(start_read(0, 3 * 8));
    assert_false(start_read(0, 1));
}

static void takes_only_answers_to_requests(void **state)
{
    static const uint64_t others[] = { 1, SLOTS, 256, UINT64_C(1) << 32,
                                       UINT64_C(1) << 63 };
    struct blkif_request request;
    unsigned int i;

    (void)state;
    for (i = 0; i < 10; i++)
        assert_true(start_read(0, 1));
    for (i = 0; i < 10; i++)
        request = take();
    for (i = 0; i < 5; i++)
        answer(request.id + others[i], BLKIF_OP_READ, BLKIF_RSP_OKAY);
    answer(request.id, BLKIF_OP_WRITE, BLKIF_RSP_ERROR);
    answer(request.id, 255, BLKIF_RSP_ERROR);
    answer(request.id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    answer(request.id, BLKIF_OP_READ, BLKIF_RSP_OKAY); /* again */
    push();
    world_run();
    assert_int_equal(guest.count, 1);
    assert_int_equal(guest.done[0].status, BLOCK_DONE);
    assert_int_equal(block_nonsense(guest.block), 8);
    assert_int_equal(world_granted(), 9);
}

static void believes_no_impossible_index(void **state)
{
    static const uint32_t ahead[] = { 2, SLOTS, SLOTS + 1, 0x80000000u,
                                      UINT32_MAX };
    RING_IDX start = back.sring->rsp_prod;
    struct blkif_request request;

    (void)state;
    assert_true(start_read(0, 1));
    back.sring->req_prod += 100; /* counts for nothing */
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        back.sring->rsp_prod = start + ahead[i];
        world_notify(PORT);
        /* Once: it must not keep the guest busy. */
        assert_int_equal(world_run(), 1);
        assert_int_equal(guest.count, 0);
        assert_int_equal(block_nonsense(guest.block), i + 1);
    }
    back.sring->rsp_prod = start;
    request = take();
    answer(request.id, request.operation, BLKIF_RSP_OKAY);
    push();
    world_run();
    assert_int_equal(guest.count, 1);
}

static void trusts_no_data_that_stays_mapped(void **state)
{
    struct blkif_request request;
    grant_ref_t lost;

    (void)state;
    assert_true(start_read(0, 16));
    request = take();
    assert_non_null(world_use(request.seg[1].gref, WORLD_BACKEND, true));
    answer(request.id, request.operation, BLKIF_RSP_OKAY);
    push();
    world_run();
    assert_int_equal(guest.count, 1);
    assert_int_equal(guest.done[0].status, BLOCK_ERROR);
    assert_int_equal(block_nonsense(guest.block), 1);
    assert_int_equal(world_granted(), 1);
    /* The reference is not used for anything else. */
    assert_true(start_read(0, 80));
    lost = request.seg[1].gref;
    request = take();
    for (unsigned int i = 0; i < request.nr_segments; i++)
        assert_int_not_equal(request.seg[i].gref, lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(opens_what_is_there, reset),
        cmocka_unit_test_setup(does_without, reset),
        cmocka_unit_test_setup(reads, open_block),
        cmocka_unit_test_setup(transfers_the_most_at_any_alignment, open_block),
        cmocka_unit_test_setup(flushes, open_block),
        cmocka_unit_test_setup(passes_errors_on, open_block),
        cmocka_unit_test_setup(stays_on_the_disk, open_block),
        cmocka_unit_test_setup(writes_to_no_read_only_disk, reset),
        cmocka_unit_test_setup(keeps_many_in_flight, open_block),
        cmocka_unit_test_setup(misses_nothing_meanwhile, open_block),
        cmocka_unit_test_setup(does_with_few_grants, reset),
        cmocka_unit_test_setup(takes_only_answers_to_requests, open_block),
        cmocka_unit_test_setup(believes_no_impossible_index, open_block),
        cmocka_unit_test_setup(trusts_no_data_that_stays_mapped, open_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
