/* SPDX-License-Identifier: MIT */
/*
 * An image file (kernel or ramdisk) that is open for reading.  Files are
 * untrusted: they are read, not mapped, so that one that shrinks meanwhile is
 * an error and no signal, and each byte is fetched once.
 */
#ifndef CHAOS_SRC_IMAGE_H
#define CHAOS_SRC_IMAGE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAOS__IMAGE_HEAD 1024 /* on the stack, where pages are dear */
#define CHAOS__IMAGE_SIZE_MAX (UINT64_C(1) << 32)

struct chaos__image {
    const char *path; /* for messages; the caller's */
    uint64_t size;
    int fd;       /* -1: in memory */
    void *memory; /* the whole file, when it had to be read or unpacked */
    uint8_t head[CHAOS__IMAGE_HEAD]; /* its first bytes, read once */
};

/* Opens a file; `what` is "kernel" or "ramdisk". */
int chaos__image_open(const char *path, const char *what,
                      struct chaos__image *image_r, struct chaos_error *err);
/* An image in memory; `memory` is malloc()ed and now the image's. */
void chaos__image_from_memory(const char *path, void *memory, uint64_t size,
                              struct chaos__image *image_r);
void chaos__image_close(struct chaos__image *image);

/* Copies bytes of it, all of them or an error. */
int chaos__image_read(const struct chaos__image *image, uint64_t offset,
                      void *buffer, uint64_t size, struct chaos_error *err);
/* Reads all of it into image->memory. */
int chaos__image_read_all(struct chaos__image *image, struct chaos_error *err);

#endif
