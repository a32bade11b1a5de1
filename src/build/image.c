/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_at(const struct chaos__image *image, uint64_t offset,
                   uint8_t *buffer, uint64_t size, struct chaos_error *err)
{
    ssize_t got;

    while (size > 0) {
        got = pread(image->fd, buffer, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return chaos__fail_errno(err, errno, "reading %s", image->path);
        if (got == 0)
            return chaos__fail(err, CHAOS_EIMAGE,
                               "%s: the file ends at byte %llu, before its "
                               "own headers say",
                               image->path, (unsigned long long)offset);
        buffer += got;
        offset += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return 0;
}

static int check_file(int fd, const char *path, const char *what,
                      uint64_t *size_r, struct chaos_error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return chaos__fail_errno(err, errno, "reading %s", path);
    if (!S_ISREG(status.st_mode))
        return chaos__fail(err, CHAOS_EIMAGE,
                           "%s: the %s must be a regular file", path, what);
    if (status.st_size == 0 || (uint64_t)status.st_size > CHAOS__IMAGE_SIZE_MAX)
        return chaos__fail(err, CHAOS_EIMAGE,
                           "%s: a %s of %lld bytes cannot be loaded", path,
                           what, (long long)status.st_size);
    *size_r = (uint64_t)status.st_size;
    return 0;
}

int chaos__image_open(const char *path, const char *what,
                      struct chaos__image *image_r, struct chaos_error *err)
{
    uint64_t head;
    int rc;

    /* O_NONBLOCK: a FIFO must not make us wait before it is refused. */
    image_r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (image_r->fd < 0)
        return chaos__fail(err, CHAOS_EIMAGE, "opening the %s %s: %s", what,
                           path, chaos__errno_text(errno));
    image_r->path = path;
    image_r->memory = NULL;
    image_r->size = 0;
    rc = check_file(image_r->fd, path, what, &image_r->size, err);
    head =
        image_r->size < CHAOS__IMAGE_HEAD ? image_r->size : CHAOS__IMAGE_HEAD;
    if (rc == 0)
        rc = read_at(image_r, 0, image_r->head, head, err);
    if (rc < 0)
        chaos__image_close(image_r);
    return rc;
}

void chaos__image_from_memory(const char *path, void *memory, uint64_t size,
                              struct chaos__image *image_r)
{
    image_r->path = path;
    image_r->size = size;
    image_r->fd = -1;
    image_r->memory = memory;
}

void chaos__image_close(struct chaos__image *image)
{
    if (image->fd >= 0)
        close(image->fd);
    free(image->memory);
    image->fd = -1;
    image->memory = NULL;
}

int chaos__image_read(const struct chaos__image *image, uint64_t offset,
                      void *buffer, uint64_t size, struct chaos_error *err)
{
    if (offset > image->size || size > image->size - offset)
        return chaos__fail(err, CHAOS_EIMAGE,
                           "%s: its headers point behind its end (%llu bytes "
                           "at %llu of %llu)",
                           image->path, (unsigned long long)size,
                           (unsigned long long)offset,
                           (unsigned long long)image->size);
    if (image->memory) {
        memcpy(buffer, (const uint8_t *)image->memory + offset, size);
        return 0;
    }
    if (offset + size <= CHAOS__IMAGE_HEAD) {
        memcpy(buffer, image->head + offset, size);
        return 0;
    }
    return read_at(image, offset, buffer, size, err);
}

int chaos__image_read_all(struct chaos__image *image, struct chaos_error *err)
{
    void *memory;
    int rc;

    if (image->memory)
        return 0;
    memory = malloc(image->size);
    if (!memory)
        return chaos__fail_memory(err);
    rc = read_at(image, 0, memory, image->size, err);
    if (rc < 0)
        free(memory);
    else
        image->memory = memory;
    return rc;
}
