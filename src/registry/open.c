/* SPDX-License-Identifier: MIT */
/* The registry's file: made, checked and mapped. */
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x0031676572616863) /* "chareg1" */
#define LAYOUT 6u

/* ----------------------------------------------------------------- opening */

static int make_directory(const char *dir, struct chaos_error *err)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return 0;
    if (errno == EACCES || errno == EPERM)
        return chaos__fail(err, CHAOS_ENOXEN,
                           "making %s: no permission; run as root", dir);
    return chaos__fail_errno(err, errno, "making %s", dir);
}

static int open_file(struct chaos__registry *registry, struct chaos_error *err)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/registry", registry->dir);
    registry->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (registry->fd < 0 && errno == ENOENT) {
        int rc = make_directory(registry->dir, err);

        if (rc < 0)
            return rc;
        registry->fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (registry->fd >= 0)
        return 0;
    if (errno == EACCES || errno == EPERM)
        return chaos__fail(err, CHAOS_ENOXEN,
                           "opening %s: no permission; run as root", path);
    return chaos__fail_errno(err, errno, "opening %s", path);
}

/* ------------------------------------------------------------------- room */

int chaos__registry_fail_full(const struct chaos__registry *registry,
                              const char *what, struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_ENOMEM,
                       "no room is left for %s: make some in the file system "
                       "of %s",
                       what, registry->dir);
}

int chaos__registry_allocate(const struct chaos__registry *registry,
                             off_t offset, off_t size, struct chaos_error *err)
{
    int r;

    do {
        r = fallocate(registry->fd, FALLOC_FL_KEEP_SIZE, offset, size);
    } while (r < 0 && errno == EINTR);
    /* Some file systems can't promise anything. */
    if (r == 0 || errno == EOPNOTSUPP)
        return 0;
    if (errno == ENOSPC || errno == EDQUOT)
        return chaos__registry_fail_full(registry, "the registry", err);
    return chaos__fail_errno(err, errno, "making room for the registry in %s",
                             registry->dir);
}

/* What is used from the start: all but the slots and the devices. */
#define HEAD_SIZE offsetof(struct chaos__layout, slots)
#define KEYS_AT offsetof(struct chaos__layout, by_key)
#define DEVICES_AT offsetof(struct chaos__layout, devices)

/* For so many slots and devices. */
static int allocate_all(const struct chaos__registry *registry, unsigned used,
                        unsigned used_devices, struct chaos_error *err)
{
    const size_t slots = (used + 1) * sizeof(struct chaos__slot);
    const size_t devices = (used_devices + 1) * sizeof(struct chaos__device);
    int rc =
        chaos__registry_allocate(registry, 0, (off_t)(HEAD_SIZE + slots), err);

    if (rc == 0)
        rc = chaos__registry_allocate(
            registry, KEYS_AT, (off_t)(DEVICES_AT - KEYS_AT + devices), err);
    return rc;
}

/* ------------------------------------------------------------------ check */

static int fail_unusable(const struct chaos__registry *registry,
                         const char *why, struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_EFAILED,
                       "%s/registry cannot be used: %s; chaos recover makes "
                       "it anew and keeps the guests",
                       registry->dir, why);
}

/* Under the lock: gives a new file its size, checks an old one's.  The size
 * comes last: a file that has one has all the room that it needs. */
static int check_size(struct chaos__registry *registry, struct stat *status,
                      struct chaos_error *err)
{
    int rc;

    if (fstat(registry->fd, status) < 0)
        return chaos__fail_errno(err, errno, "reading the registry's size");
    if (!S_ISREG(status->st_mode))
        return fail_unusable(registry, "it is not a file", err);
    if (status->st_size == (off_t)sizeof(struct chaos__layout))
        return 0;
    if (status->st_size != 0)
        return fail_unusable(registry, "its size is not that of a registry",
                             err);
    rc = allocate_all(registry, 0, 0, err);
    if (rc == 0 && ftruncate(registry->fd, sizeof(struct chaos__layout)) < 0)
        rc = chaos__fail_errno(err, errno, "making the registry in %s",
                               registry->dir);
    return rc;
}

/* Numbers that all others hang on. */
static int check_header(const struct chaos__registry *registry,
                        const struct stat *status, struct chaos_error *err)
{
    const struct chaos__layout *map = registry->map;
    size_t room;
    char why[64];

    if (map->magic != MAGIC)
        return fail_unusable(registry, "it is none", err);
    if (map->version != LAYOUT) {
        snprintf(why, sizeof(why), "its layout is %u, this chaos knows %u",
                 map->version, LAYOUT);
        return fail_unusable(registry, why, err);
    }
    if (map->used > CHAOS__SLOTS || map->used_devices > CHAOS__DEVICES ||
        map->used_pools > CHAOS__POOLS)
        return fail_unusable(registry, "its header is broken", err);
    /* A copy of a file may have lost room. */
    room = HEAD_SIZE + DEVICES_AT - KEYS_AT +
           map->used * sizeof(struct chaos__slot) +
           map->used_devices * sizeof(struct chaos__device);
    return status->st_size == 0 || (uint64_t)status->st_blocks * 512 >= room
               ? 0
               : allocate_all(registry, map->used, map->used_devices, err);
}

/* Who made the file may have died before it wrote the header. */
static bool is_new(const struct chaos__layout *map)
{
    return map->magic == 0 && map->version == 0 && map->used == 0 &&
           map->used_devices == 0 && map->slots[1].state == CHAOS__SLOT_FREE;
}

static int map_file(struct chaos__registry *registry, const struct stat *status,
                    struct chaos_error *err)
{
    registry->map = mmap(NULL, sizeof(struct chaos__layout),
                         PROT_READ | PROT_WRITE, MAP_SHARED, registry->fd, 0);
    if (registry->map == MAP_FAILED) {
        registry->map = NULL;
        return chaos__fail_errno(err, errno, "mapping the registry");
    }
    chaos__touch(registry->map);
    if (is_new(registry->map)) {
        registry->map->version = LAYOUT;
        chaos__barrier();
        registry->map->magic = MAGIC;
    }
    return check_header(registry, status, err);
}

int chaos__registry_check_and_map(struct chaos__registry *registry,
                                  struct chaos_error *err)
{
    struct stat status;
    int rc = check_size(registry, &status, err);

    return rc < 0 ? rc : map_file(registry, &status, err);
}

int chaos__registry_open(const char *run_dir,
                         struct chaos__registry **registry_r,
                         struct chaos_error *err)
{
    struct chaos__registry *registry = calloc(1, sizeof(*registry));
    int rc;

    if (!registry || !(registry->dir = strdup(run_dir))) {
        free(registry);
        return chaos__fail_memory(err);
    }
    registry->fd = -1;
    rc = open_file(registry, err);
    if (rc < 0)
        goto out;
    if (chaos__registry_lock_byte(registry, F_OFD_SETLKW, F_WRLCK,
                                  CHAOS__LOCK_ALL) < 0) {
        rc = chaos__fail_errno(err, errno, "locking the registry in %s",
                               run_dir);
        goto out;
    }
    rc = chaos__registry_check_and_map(registry, err);
    chaos__registry_unlock(registry);
    if (rc == 0) {
        *registry_r = registry;
        registry = NULL;
    }
out:
    chaos__registry_close(registry);
    return rc;
}

int chaos__registry_open_file(const char *run_dir,
                              struct chaos__registry **registry_r)
{
    struct chaos__registry *registry = calloc(1, sizeof(*registry));
    char path[4096];
    int errnum = ENOMEM;

    if (!registry || !(registry->dir = strdup(run_dir))) {
        free(registry);
        return -errnum;
    }
    snprintf(path, sizeof(path), "%s/registry", run_dir);
    registry->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (registry->fd >= 0) {
        *registry_r = registry;
        return 0;
    }
    errnum = errno;
    chaos__registry_close(registry);
    return -errnum;
}

void chaos__registry_close(struct chaos__registry *registry)
{
    if (!registry)
        return;
    if (registry->map)
        munmap(registry->map, sizeof(struct chaos__layout));
    if (registry->fd >= 0)
        close(registry->fd); /* ends our locks */
    free(registry->dir);
    free(registry);
}
