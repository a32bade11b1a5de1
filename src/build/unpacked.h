/* SPDX-License-Identifier: MIT */
/*
 * Compressed kernels, unpacked and kept: unpacking Debian's takes longer than
 * all else that a create does.  A kept one is known by what the file system
 * says of the file it comes from, and holds until the host boots again, so that
 * nothing has to reach the disk.  It knows files alone, not what is in them.
 */
#ifndef CHAOS_SRC_UNPACKED_H
#define CHAOS_SRC_UNPACKED_H

#include "image.h"

/* What tells a file from all others, and from what it was before. */
struct chaos__unpacked_key {
    uint64_t device, inode, size, changed_ns;
};

/* The key of an open file; false: there is none. */
bool chaos__unpacked_key(const struct chaos__image *kernel,
                         struct chaos__unpacked_key *key_r);

/* Opens what is kept of a file.  Its path in messages is that of the file.
 * False: nothing is, or nobody can be sure who has written it. */
bool chaos__unpacked_open(const char *directory, const char *path,
                          const struct chaos__unpacked_key *key,
                          struct chaos__image *image_r);

/* Keeps it, and forgets the oldest if there are many; makes the directory.
 * False: it could not be kept. */
bool chaos__unpacked_keep(const char *directory,
                          const struct chaos__unpacked_key *key,
                          const void *elf, size_t size);

#endif
