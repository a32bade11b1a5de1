/* SPDX-License-Identifier: MIT */
/* What is kept beside the slots, a file each: configurations, and the frames
 * of shells. */
#include "layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG "guest-%u.cfg"
#define CONFIG_NEW "guest-%u.cfg.new" /* not whole yet */
#define FRAMES "shell-%u.frames"

#define CONFIG_SIZE_MAX (1u << 20)
#define PATH_SIZE 4096

static void path_of_number(const struct chaos__registry *registry,
                           unsigned number, const char *pattern,
                           char path[PATH_SIZE])
{
    int length = snprintf(path, PATH_SIZE, "%s/", registry->dir);

    snprintf(path + length, PATH_SIZE - (size_t)length, pattern, number);
}

static void path_of(const struct chaos__registry *registry,
                    const struct chaos__slot *slot, const char *pattern,
                    char path[PATH_SIZE])
{
    path_of_number(registry, (unsigned)chaos__slot_number(registry, slot),
                   pattern, path);
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

/* All of it, or an error. */
static int write_file(const struct chaos__registry *registry, const char *path,
                      const void *bytes, size_t size, struct chaos_error *err)
{
    int fd, rc = 0;

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

/* `*flag` is set first: who dies in between must leave no file that nobody
 * removes. */
static int keep(struct chaos__registry *registry, struct chaos__slot *slot,
                const char *pattern, uint32_t *flag, const void *bytes,
                size_t size, struct chaos_error *err)
{
    char path[PATH_SIZE];

    path_of(registry, slot, pattern, path);
    *flag = 1;
    chaos__barrier();
    return write_file(registry, path, bytes, size, err);
}

/* All of it, with a NUL behind it. */
static int take(const char *path, size_t size_max, char **bytes_r,
                size_t *size_r, struct chaos_error *err)
{
    char *bytes = NULL;
    struct stat status;
    int fd, rc = 0;

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

int chaos__registry_replace_config(struct chaos__registry *registry,
                                   const struct chaos__slot *slot,
                                   const char *text, struct chaos_error *err)
{
    char path[PATH_SIZE], new_path[PATH_SIZE];
    int rc;

    path_of(registry, slot, CONFIG, path);
    path_of(registry, slot, CONFIG_NEW, new_path);
    rc = write_file(registry, new_path, text, strlen(text), err);
    if (rc == 0 && rename(new_path, path) < 0)
        rc = fail_to_keep(registry, path, err);
    if (rc < 0)
        unlink(new_path);
    return rc;
}

void chaos__registry_drop_new_config(struct chaos__registry *registry,
                                     const struct chaos__slot *slot)
{
    drop(registry, slot, CONFIG_NEW);
}

int chaos__registry_read_config(struct chaos__registry *registry,
                                const struct chaos__slot *slot, char **text_r,
                                struct chaos_error *err)
{
    char path[PATH_SIZE];
    size_t size;

    if (!slot->has_config)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "guest %s: no configuration is kept", slot->name);
    path_of(registry, slot, CONFIG, path);
    return take(path, CONFIG_SIZE_MAX, text_r, &size, err);
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
    char path[PATH_SIZE], *bytes;
    size_t size;
    int rc;

    path_of(registry, slot, FRAMES, path);
    rc = take(path, wanted, &bytes, &size, err);
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

/* ----------------------------------------------------- what nobody owns */

/* "guest-7.cfg" is of slot 7; 0: of none. */
static unsigned number_in(const char *name, const char *before,
                          const char *behind)
{
    const size_t skip = strlen(before);
    unsigned number = 0;
    const char *at;

    if (strncmp(name, before, skip) != 0)
        return 0;
    for (at = name + skip; *at >= '0' && *at <= '9' && number <= CHAOS__SLOTS;
         at++)
        number = number * 10 + (unsigned)(*at - '0');
    return strcmp(at, behind) == 0 && number <= CHAOS__SLOTS ? number : 0;
}

/* Whether the slot, if there is one, has such a file. */
static bool has_kept(struct chaos__registry *registry, unsigned number,
                     bool is_config)
{
    const struct chaos__slot *slot = chaos__slot_at(registry, number);

    return slot && chaos__slot_is_sound(slot) &&
           (is_config ? slot->has_config : slot->has_frames);
}

/* Whether a new one of it may be being written. */
static bool is_changing(struct chaos__registry *registry, unsigned number)
{
    const struct chaos__slot *slot = chaos__slot_at(registry, number);

    return slot && chaos__slot_is_sound(slot) &&
           slot->state == CHAOS__SLOT_CHANGING;
}

static int compare_kept(const void *a, const void *b)
{
    const struct chaos__kept *one = a, *other = b;

    return one->number > other->number ? -1 : one->number < other->number;
}

static bool read_kept(struct chaos__registry *registry, unsigned number,
                      struct chaos__kept *kept)
{
    char path[PATH_SIZE];
    struct stat status;
    size_t size;

    path_of_number(registry, number, CONFIG, path);
    if (stat(path, &status) < 0 ||
        take(path, CONFIG_SIZE_MAX, &kept->text, &size, NULL) < 0)
        return false;
    kept->number = number;
    kept->kept_s = (uint64_t)status.st_mtime;
    return true;
}

void chaos__registry_free_kept(struct chaos__kept *list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        free(list[i].text);
    free(list);
}

int chaos__registry_list_kept(struct chaos__registry *registry,
                              struct chaos__kept **list_r, size_t *count_r,
                              struct chaos_error *err)
{
    struct chaos__kept *list = NULL, *larger;
    size_t count = 0, room = 0;
    struct dirent *entry;
    unsigned number;
    DIR *directory = opendir(registry->dir);

    if (!directory)
        return chaos__fail_errno(err, errno, "listing %s", registry->dir);
    while ((entry = readdir(directory))) {
        number = number_in(entry->d_name, "guest-", ".cfg");
        if (!number || has_kept(registry, number, true))
            continue;
        if (count == room) {
            room = room ? 2 * room : 16;
            larger = realloc(list, room * sizeof(*list));
            if (!larger) {
                closedir(directory);
                chaos__registry_free_kept(list, count);
                return chaos__fail_memory(err);
            }
            list = larger;
        }
        if (read_kept(registry, number, &list[count]))
            count++;
    }
    closedir(directory);
    if (count > 0)
        qsort(list, count, sizeof(*list), compare_kept);
    *list_r = list;
    *count_r = count;
    return 0;
}

int chaos__registry_drop_stale(struct chaos__registry *registry,
                               struct chaos_error *err)
{
    struct dirent *entry;
    unsigned config, frames, unfinished;
    DIR *directory;
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    directory = opendir(registry->dir);
    while (directory && (entry = readdir(directory))) {
        config = number_in(entry->d_name, "guest-", ".cfg");
        frames = number_in(entry->d_name, "shell-", ".frames");
        unfinished = number_in(entry->d_name, "guest-", ".cfg.new");
        if ((config && !has_kept(registry, config, true)) ||
            (frames && !has_kept(registry, frames, false)) ||
            (unfinished && !is_changing(registry, unfinished)))
            unlinkat(dirfd(directory), entry->d_name, 0);
    }
    if (directory)
        closedir(directory);
    chaos__registry_unlock(registry);
    return 0;
}
