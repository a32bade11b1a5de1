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
#define LAYOUT 3u

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

/* Under the lock: gives a new file its size and header, checks an old one. */
static int check_file(struct chaos__registry *registry, struct chaos_error *err)
{
    struct stat status;

    if (fstat(registry->fd, &status) < 0)
        return chaos__fail_errno(err, errno, "reading the registry's size");
    if (status.st_size == 0 &&
        ftruncate(registry->fd, sizeof(struct chaos__layout)) < 0)
        return chaos__fail_errno(err, errno, "making the registry in %s",
                                 registry->dir);
    if (status.st_size != 0 &&
        status.st_size != (off_t)sizeof(struct chaos__layout))
        return chaos__fail(err, CHAOS_EFAILED,
                           "%s/registry is not a registry of this version of "
                           "chaos; destroy the guests with the version that "
                           "made them, then remove it",
                           registry->dir);
    return 0;
}

static int map_file(struct chaos__registry *registry, struct chaos_error *err)
{
    registry->map = mmap(NULL, sizeof(struct chaos__layout),
                         PROT_READ | PROT_WRITE, MAP_SHARED, registry->fd, 0);
    if (registry->map == MAP_FAILED) {
        registry->map = NULL;
        return chaos__fail_errno(err, errno, "mapping the registry");
    }
    if (registry->map->magic == 0) {
        registry->map->version = LAYOUT;
        chaos__barrier();
        registry->map->magic = MAGIC;
    }
    if (registry->map->magic != MAGIC || registry->map->version != LAYOUT)
        return chaos__fail(err, CHAOS_EFAILED,
                           "%s/registry has layout %u, this chaos knows %u",
                           registry->dir, registry->map->version, LAYOUT);
    return 0;
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
    rc = check_file(registry, err);
    if (rc == 0)
        rc = map_file(registry, err);
    chaos__registry_unlock(registry);
    if (rc == 0) {
        *registry_r = registry;
        registry = NULL;
    }
out:
    chaos__registry_close(registry);
    return rc;
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
