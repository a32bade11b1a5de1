/* SPDX-License-Identifier: MIT */
/*
 * What the unikernel blkcheck does with `bench=BYTES`, for a Linux guest: how
 * long it takes to write and to read as many bytes from the start of a disk
 * on, past the page cache, with so many requests of one size in flight.
 *
 *     disk DEVICE BYTES REQUEST DEPTH
 */
#include "measure.h"

#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define DEPTH_MAX 64

static aio_context_t context;
static unsigned depth;
static size_t size;
static char *buffers;

static void submit(int fd, unsigned opcode, unsigned n, uint64_t offset)
{
    struct iocb request = {
        .aio_data = n,
        .aio_lio_opcode = (uint16_t)opcode,
        .aio_fildes = (uint32_t)fd,
        .aio_buf = (uintptr_t)(buffers + n * size),
        .aio_nbytes = size,
        .aio_offset = (int64_t)offset,
    };
    struct iocb *requests[] = { &request };

    if (syscall(SYS_io_submit, context, 1, requests) != 1)
        err(1, "io_submit");
}

static unsigned collect(struct io_event events[DEPTH_MAX])
{
    long i,
        count = syscall(SYS_io_getevents, context, 1, DEPTH_MAX, events, NULL);

    if (count < 1)
        err(1, "io_getevents");
    for (i = 0; i < count; i++)
        if (events[i].res != (int64_t)size)
            errx(1, "a request failed: %lld", (long long)events[i].res);
    return (unsigned)count;
}

static uint64_t run(int fd, unsigned opcode, uint64_t bytes)
{
    struct io_event events[DEPTH_MAX];
    uint64_t start_ns = now_ns(), next = 0;
    unsigned i, count, in_flight = 0;

    for (; in_flight < depth && next < bytes; in_flight++, next += size)
        submit(fd, opcode, in_flight, next);
    while (in_flight) {
        count = collect(events);
        in_flight -= count;
        for (i = 0; i < count && next < bytes; i++, next += size, in_flight++)
            submit(fd, opcode, (unsigned)events[i].data, next);
    }
    return now_ns() - start_ns;
}

/* The back end is to see requests of this size: adjacent ones stay apart. */
static void keep_apart(const char *device)
{
    const char *name = strrchr(device, '/');
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "/sys/block/%s/queue/nomerges",
             name ? name + 1 : device);
    fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, "2", 1) != 1)
        err(1, "%s", path);
    close(fd);
}

int main(int argc, char **argv)
{
    unsigned long long bytes, write_ns, read_ns;
    int fd;

    if (argc != 5)
        errx(2, "usage: disk DEVICE BYTES REQUEST DEPTH");
    bytes = strtoull(argv[2], NULL, 10);
    size = strtoul(argv[3], NULL, 10);
    depth = (unsigned)strtoul(argv[4], NULL, 10);
    if (!size || bytes % size || !depth || depth > DEPTH_MAX)
        errx(2, "what is asked for can't be done");
    keep_apart(argv[1]);
    fd = open(argv[1], O_RDWR | O_DIRECT);
    if (fd < 0)
        err(1, "%s", argv[1]);
    buffers = aligned_alloc(4096, (depth * size + 4095) / 4096 * 4096);
    if (!buffers || syscall(SYS_io_setup, depth, &context) < 0)
        err(1, "preparing");
    memset(buffers, 'x', depth * size);
    write_ns = run(fd, IOCB_CMD_PWRITE, bytes);
    read_ns = run(fd, IOCB_CMD_PREAD, bytes);
    printf("disk: request %zu depth %u: write %llu ns, read %llu ns\n", size,
           depth, write_ns, read_ns);
    return 0;
}
