/* SPDX-License-Identifier: MIT */
/*
 * A disk: the front end of a blkback (public/io/blkif.h).  Its ring is there
 * and connected when the guest starts.  Many requests may be in flight; each
 * ends in a call.  Data goes straight to and from the caller's memory.  What
 * the back end writes is checked: an answer to no request is dropped and
 * counted.  It must not know what is on a disk.
 */
#ifndef GUEST_BLOCK_H
#define GUEST_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCKS_MAX 8u
#define BLOCK_SECTOR 512u
#define BLOCK_BYTES_MAX (10u * 4096u) /* of one request, at any alignment */

struct block;

struct block_info {
    uint64_t sectors; /* of BLOCK_SECTOR bytes */
    uint32_t sector_size;
    uint32_t vdev;
    bool read_only, can_flush;
};

enum block_status {
    BLOCK_DONE,
    BLOCK_ERROR,
    BLOCK_NOT_SUPPORTED,
};

typedef void (*block_done_fn)(void *context, enum block_status status);

/* Opens the n-th disk of the device page; NULL if there is none. */
struct block *block_open(unsigned int n);

const struct block_info *block_info(const struct block *block);

/* Answers that were none of ours; see above. */
uint64_t block_nonsense(const struct block *block);

/*
 * Start a request; `done` is called from events_wait() or events_handle().
 * `buffer` is aligned to a sector, and `sectors` at most what
 * BLOCK_BYTES_MAX holds.  False, and `done` is not called, when the ring is
 * full (try again when another request is done), the request lies beyond the
 * disk's end or writes to a disk that is read only.
 */
bool block_read(struct block *block, uint64_t sector, void *buffer,
                size_t sectors, block_done_fn done, void *context);
bool block_write(struct block *block, uint64_t sector, const void *buffer,
                 size_t sectors, block_done_fn done, void *context);
/* What was written and done before it is on the medium when it is done. */
bool block_flush(struct block *block, block_done_fn done, void *context);

#endif
