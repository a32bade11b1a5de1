/* SPDX-License-Identifier: MIT */
/* What is kept beside the slots, a file each: configurations, and the frames
 * of shells. */
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG "guest-%u.cfg"
#define FRAMES "shell-%u.frames"

#define CONFIG_SIZE_MAX (1u << 20)
#define PATH_SIZE 4096

static void path_of(const struct chaos__registry *registry,
                    const struct chaos__slot *slot, const char *pattern,
                    char path[PATH_SIZE])
{
    int length = snprintf(path, PATH_SIZE, "%s/", registry->dir);

    snprintf(path + length, PATH_SIZE - (size_t)length, pattern,
             (unsigned)chaos__slot_number(registry, slot));
}

static void drop(const struct chaos__registry *registry,
                 const struct chaos__slot *slot, const char *pattern)
{
    char path[PATH_SIZE];

    path_of(registry, slot, pattern, path);
    unlink(path);
}

void chaos__registry_drop_kept(struct chaos__registry *registry,
                               struct chaos__slot *slot)
{
    if (slot->has_config)
        drop(registry, slot, CONFIG);
    if (slot->has_frames)
        drop(registry, slot, FRAMES);
}

/* With errno. */
static int fail_to_keep(const struct chaos__registry *registry,
                        const char *path, struct chaos_error *err)
{
    return errno == ENOSPC || errno == EDQUOT
               ? chaos__registry_fail_full(registry, path, err)
               : chaos__fail_errno(err, errno, "keeping %s", path);
}

/* `*flag` is set first: who dies in between must leave no file that nobody
 * removes. */
static int keep(struct chaos__registry *registry, struct chaos__slot *slot,
                const char *pattern, uint32_t *flag, const void *bytes,
                size_t size, struct chaos_error *err)
{
    char path[PATH_SIZE];
    int fd, rc = 0;

    path_of(registry, slot, pattern, path);
    *flag = 1;
    chaos__barrier();
    fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_to_keep(registry, path, err);
    errno = ENOSPC; /* if only a part of it is written */
    if (write(fd, bytes, size) != (ssize_t)size)
        rc = fail_to_keep(registry, path, err);
    close(fd);
    return rc;
}

/* All of it, with a NUL behind it. */
static int take(const struct chaos__registry *registry,
                const struct chaos__slot *slot, const char *pattern,
                size_t size_max, char **bytes_r, size_t *size_r,
                struct chaos_error *err)
{
    char path[PATH_SIZE], *bytes = NULL;
    struct stat status;
    int fd, rc = 0;

    path_of(registry, slot, pattern, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return chaos__fail_errno(err, errno, "reading %s", path);
    if (fstat(fd, &status) < 0 || (uint64_t)status.st_size > size_max)
        rc = chaos__fail(err, CHAOS_EFAILED, "%s: unreadable", path);
    if (rc == 0 && !(bytes = malloc((size_t)status.st_size + 1)))
        rc = chaos__fail_memory(err);
    if (rc == 0 &&
        read(fd, bytes, (size_t)status.st_size) != (ssize_t)status.st_size)
        rc = chaos__fail(err, CHAOS_EFAILED, "%s: unreadable", path);
    close(fd);
    if (rc < 0) {
        free(bytes);
        return rc;
    }
    bytes[status.st_size] = '\0';
    *bytes_r = bytes;
    *size_r = (size_t)status.st_size;
    return 0;
}

/* ------------------------------------------------------- configurations */

int chaos__registry_keep_config(struct chaos__registry *registry,
                                struct chaos__slot *slot, const char *text,
                                struct chaos_error *err)
{
    return keep(registry, slot, CONFIG, &slot->has_config, text, strlen(text),
                err);
}

int chaos__registry_read_config(struct chaos__registry *registry,
                                const struct chaos__slot *slot, char **text_r,
                                struct chaos_error *err)
{
    size_t size;

    if (!slot->has_config)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "guest %s: no configuration is kept", slot->name);
    return take(registry, slot, CONFIG, CONFIG_SIZE_MAX, text_r, &size, err);
}

/* --------------------------------------------------------------- frames */

int chaos__registry_keep_frames(struct chaos__registry *registry,
                                struct chaos__slot *slot,
                                const uint64_t *frames, uint64_t count,
                                struct chaos_error *err)
{
    return keep(registry, slot, FRAMES, &slot->has_frames, frames,
                count * sizeof(*frames), err);
}

int chaos__registry_take_frames(struct chaos__registry *registry,
                                struct chaos__slot *slot, uint64_t count,
                                uint64_t **frames_r, struct chaos_error *err)
{
    const size_t wanted = count * sizeof(**frames_r);
    char *bytes;
    size_t size;
    int rc = take(registry, slot, FRAMES, wanted, &bytes, &size, err);

    if (rc < 0)
        return rc;
    if (size != wanted) {
        free(bytes);
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "the frames of domain %u are not all kept",
                           slot->domid);
    }
    drop(registry, slot, FRAMES);
    chaos__barrier();
    slot->has_frames = 0;
    *frames_r = (uint64_t *)(void *)bytes;
    return 0;
}
