/* SPDX-License-Identifier: MIT */
/*
 * Checks disks, says what it found, and powers off.
 *
 * Each sector of a disk is to hold its own number in decimal, 511 digits and a
 * line feed.  This makes one of 4 MiB, or checks it with `cmp - disk.img`:
 *
 *     awk 'BEGIN { for (i = 0; i < 8192; i++) printf "%0511d\n", i }' >disk.img
 *
 * After that has been verified, the first sectors are written with the number
 * that is 1000000000 more, flushed, and verified again; not those of a disk
 * that is read only.
 *
 *     disk=N       only the N-th disk, from 0, and not all of them
 *     write=K      how many sectors are written, 2048 without the option
 *     bench=BYTES  instead of all that: how long it takes to write and to read
 *                  as many bytes from the start of the disk on
 *     request=BYTES, depth=N    how large requests are, and how many are in
 *                  flight at once; the most there can be without the options
 */
#include "../guest/block.h"
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/events.h"
#include "../guest/mem.h"
#include "../guest/print.h"
#include "../guest/scratch.h"
#include "../guest/time.h"

/* In flight at once; together with their buffers they keep a PV guest's
 * memory below 1 MiB (layout.h). */
#define REQUESTS 16u
#define REQUEST_SECTORS 40u

#define WRITTEN 1000000000ul /* is added to the number of a written sector */
#define WRITE_SECTORS 2048u

/* What the toolstack is told. */
#define CODE_DIFFERS 1u
#define CODE_ERROR 2u

struct request {
    bool busy;
    uint64_t sector;
    size_t sectors;
    char *buffer;
};

/* What is done with a disk at present. */
static struct {
    struct block *block;
    char name[16];
    enum {
        VERIFY,
        READ,
        WRITE_NUMBERS,
        WRITE
    } what;
    uint64_t added; /* to the sectors' numbers */
    unsigned int in_flight;
} work;

static struct request requests[REQUESTS];
static unsigned long depth, request_sectors;
static char
    buffers[REQUESTS][REQUEST_SECTORS * BLOCK_SECTOR] SCRATCH(blkcheck_buffers)
        __attribute__((aligned(4096)));

static void name_disk(uint32_t vdev)
{
    static const char letters[][2] = { "a", "b", "c", "d", "e", "f", "g", "h",
                                       "i", "j", "k", "l", "m", "n", "o", "p" };
    unsigned long partition = vdev % 16;

    /* Xen's vbd-interface(7): major 202, 16 minors for each disk. */
    if (vdev >> 8 != 202)
        print_to(work.name, sizeof(work.name), "disk %lu", (unsigned long)vdev);
    else if (partition)
        print_to(work.name, sizeof(work.name), "xvd%s%lu",
                 letters[vdev / 16 % 16], partition);
    else
        print_to(work.name, sizeof(work.name), "xvd%s",
                 letters[vdev / 16 % 16]);
}

static void put_number(char *sector, uint64_t number)
{
    char *digit = sector + BLOCK_SECTOR - 1;

    memset(sector, '0', BLOCK_SECTOR - 1);
    *digit = '\n';
    for (; number; number /= 10)
        *--digit = '0' + number % 10;
}

static void verify(const struct request *r)
{
    char expected[BLOCK_SECTOR];

    for (size_t i = 0; i < r->sectors; i++) {
        put_number(expected, r->sector + i + work.added);
        if (memcmp(r->buffer + i * BLOCK_SECTOR, expected, BLOCK_SECTOR) == 0)
            continue;
        print("blkcheck: %s sector %lu differs\n", work.name, r->sector + i);
        control_crash(CODE_DIFFERS);
    }
}

static void check_status(enum block_status status, uint64_t sector)
{
    if (status == BLOCK_DONE)
        return;
    print("blkcheck: %s sector %lu: %s\n", work.name, sector,
          status == BLOCK_ERROR ? "error" : "not supported");
    control_crash(CODE_ERROR);
}

static void on_done(void *context, enum block_status status)
{
    struct request *r = context;

    check_status(status, r->sector);
    if (work.what == VERIFY)
        verify(r);
    r->busy = false;
    work.in_flight--;
}

/* False if the ring is full, which it is not for ever. */
static bool start(struct request *r)
{
    if (work.what == WRITE_NUMBERS)
        for (size_t i = 0; i < r->sectors; i++)
            put_number(r->buffer + i * BLOCK_SECTOR,
                       r->sector + i + work.added);
    if (work.what == WRITE_NUMBERS || work.what == WRITE)
        r->busy = block_write(work.block, r->sector, r->buffer, r->sectors,
                              on_done, r);
    else
        r->busy = block_read(work.block, r->sector, r->buffer, r->sectors,
                             on_done, r);
    work.in_flight += r->busy;
    return r->busy;
}

/* Does what `work` says with a disk's first sectors; nanoseconds. */
static uint64_t run(uint64_t sectors)
{
    uint64_t begin = time_ns(), next = 0;

    while (next < sectors || work.in_flight) {
        for (unsigned int i = 0; i < depth && next < sectors; i++) {
            struct request *r = &requests[i];
            uint64_t left = sectors - next;

            if (r->busy)
                continue;
            r->buffer = buffers[i];
            r->sector = next;
            r->sectors = left < request_sectors ? left : request_sectors;
            if (!start(r))
                break;
            next += r->sectors;
        }
        if (!work.in_flight)
            check_status(BLOCK_ERROR, next);
        events_wait();
    }
    return time_ns() - begin;
}

static void on_flushed(void *context, enum block_status status)
{
    (void)context;
    check_status(status, 0);
    work.in_flight--;
}

static bool flush(void)
{
    if (!block_info(work.block)->can_flush ||
        !block_flush(work.block, on_flushed, NULL))
        return false;
    work.in_flight++;
    while (work.in_flight)
        events_wait();
    return true;
}

static void check(uint64_t write_sectors)
{
    const struct block_info *info = block_info(work.block);
    bool flushed;

    work.what = VERIFY;
    work.added = 0;
    run(info->sectors);
    if (info->read_only) {
        print("blkcheck: %s %lu sectors: verified %lu bytes, read only\n",
              work.name, info->sectors, info->sectors * BLOCK_SECTOR);
        return;
    }
    if (write_sectors > info->sectors)
        write_sectors = info->sectors;
    work.added = WRITTEN;
    work.what = WRITE_NUMBERS;
    run(write_sectors);
    flushed = flush();
    work.what = VERIFY;
    run(write_sectors);
    print("blkcheck: %s %lu sectors: verified %lu bytes, wrote and verified "
          "%lu bytes, %s\n",
          work.name, info->sectors, info->sectors * BLOCK_SECTOR,
          write_sectors * BLOCK_SECTOR,
          flushed ? "flushed" : "could not flush");
}

static void bench(uint64_t bytes)
{
    const struct block_info *info = block_info(work.block);
    uint64_t sectors = bytes / BLOCK_SECTOR, write_ns = 0;

    if (sectors > info->sectors)
        sectors = info->sectors;
    work.what = WRITE;
    if (!info->read_only)
        write_ns = run(sectors);
    work.what = READ;
    print("blkcheck: %s %lu bytes: write %lu ns, read %lu ns\n", work.name,
          sectors * BLOCK_SECTOR, write_ns, run(sectors));
}

/* An option's value, or the most that there can be. */
static unsigned long option_up_to(const char *cmdline, const char *name,
                                  unsigned long unit, unsigned long most)
{
    unsigned long value = option_number(cmdline, name, most * unit) / unit;

    return value && value < most ? value : most;
}

void guest_main(const struct guest_info *info)
{
    unsigned long only = option_number(info->cmdline, "disk", BLOCKS_MAX);
    unsigned long write = option_number(info->cmdline, "write", WRITE_SECTORS);
    unsigned long bytes = option_number(info->cmdline, "bench", 0);
    bool any = false;

    depth = option_up_to(info->cmdline, "depth", 1, REQUESTS);
    request_sectors =
        option_up_to(info->cmdline, "request", BLOCK_SECTOR, REQUEST_SECTORS);
    control_up();
    for (unsigned int n = 0; n < BLOCKS_MAX; n++) {
        if (only < BLOCKS_MAX && n != only)
            continue;
        work.block = block_open(n);
        if (!work.block)
            continue;
        any = true;
        name_disk(block_info(work.block)->vdev);
        if (bytes)
            bench(bytes);
        else
            check(write);
    }
    if (!any)
        print("blkcheck: no disk\n");
}
