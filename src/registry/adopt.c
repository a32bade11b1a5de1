/* SPDX-License-Identifier: MIT */
/* Making the registry anew: putting aside a file that is none, and entering
 * guests that exist. */
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------ putting aside */

static int rename_file(const char *run_dir, const char *path, char *path_r,
                       size_t size, struct chaos_error *err)
{
    snprintf(path_r, size, "%s/registry.broken-%lld-%d", run_dir,
             (long long)time(NULL), (int)getpid());
    if (rename(path, path_r) < 0)
        return chaos__fail_errno(err, errno, "renaming %s", path);
    return 1;
}

/* Somebody may have renamed it before we had the lock. */
static bool is_at(int fd, const char *path)
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static int put_open_file_aside(struct chaos__registry *registry,
                               const char *path, char *path_r, size_t size,
                               struct chaos_error *err)
{
    int rc = 0;

    if (chaos__registry_lock_byte(registry, F_OFD_SETLKW, F_WRLCK,
                                  CHAOS__LOCK_ALL) < 0)
        return chaos__fail_errno(err, errno, "locking %s", path);
    if (is_at(registry->fd, path) &&
        chaos__registry_check_and_map(registry, err) == CHAOS_EFAILED)
        rc = rename_file(registry->dir, path, path_r, size, err);
    chaos__registry_unlock(registry);
    return rc;
}

int chaos__registry_put_aside(const char *run_dir, char *path_r, size_t size,
                              struct chaos_error *err)
{
    struct chaos__registry *registry;
    char path[4096];
    int rc;

    rc = chaos__registry_open(run_dir, &registry, err);
    if (rc == 0)
        chaos__registry_close(registry);
    if (rc != CHAOS_EFAILED)
        return rc;
    snprintf(path, sizeof(path), "%s/registry", run_dir);
    rc = chaos__registry_open_file(run_dir, &registry);
    /* A directory, a link, a socket. */
    if (rc == -EISDIR || rc == -ELOOP || rc == -ENXIO)
        return rename_file(run_dir, path, path_r, size, err);
    if (rc < 0)
        return rc == -ENOENT ? 0
                             : chaos__fail_errno(err, -rc, "opening %s", path);
    rc = put_open_file_aside(registry, path, path_r, size, err);
    chaos__registry_close(registry);
    return rc;
}

/* ----------------------------------------------------------------- adopting */

/* So many slots are in use or free, not never used. */
static int grow_to(struct chaos__registry *registry, unsigned number,
                   struct chaos_error *err)
{
    struct chaos__layout *map = registry->map;
    unsigned used = chaos__used(registry);
    const size_t first = offsetof(struct chaos__layout, slots) +
                         (used + 1) * sizeof(*map->slots);
    int rc;

    if (number <= used)
        return 0;
    rc = chaos__registry_allocate(
        registry, (off_t)first, (off_t)((number - used) * sizeof(*map->slots)),
        err);
    if (rc < 0)
        return rc;
    chaos__change_begin(registry);
    for (; used < number; used++)
        map->slots[used + 1].state = CHAOS__SLOT_FREE;
    map->used = number;
    registry->is_broken = true; /* they are not on the list of free ones yet */
    chaos__change_end(registry);
    return 0;
}

/* Takes a slot that is free off the list of those. */
static void unlink_free(struct chaos__registry *registry, unsigned number)
{
    uint16_t *at = &registry->map->free_head;
    struct chaos__slot *slot;
    unsigned steps;

    for (steps = 0; *at != number; steps++) {
        slot = chaos__slot_at(registry, *at);
        if (!slot || slot->state != CHAOS__SLOT_FREE || steps > CHAOS__SLOTS) {
            registry->is_broken = true;
            return;
        }
        at = &slot->next;
    }
    *at = registry->map->slots[number].next;
}

/* Under the lock: a slot that is free, `number` if that is. */
static int choose(struct chaos__registry *registry, unsigned *number,
                  struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = 0;

    if (*number > CHAOS__SLOTS)
        *number = 0;
    if (*number)
        rc = grow_to(registry, *number, err);
    slot = chaos__slot_at(registry, *number);
    if (rc < 0 || (slot && slot->state == CHAOS__SLOT_FREE))
        return rc;
    return chaos__peek_free(registry, number, err);
}

/* A slot that says to have this domain has lost it. */
static void take_domid(struct chaos__registry *registry, uint32_t domid)
{
    struct chaos__slot *other =
        domid < CHAOS__SLOTS
            ? chaos__slot_at(registry, registry->map->by_domid[domid])
            : NULL;

    if (other && other->domid == domid)
        other->domid = CHAOS__NO_DOMID;
}

static void fill(struct chaos__slot *slot, const struct chaos__slot *wanted)
{
    const size_t after_state = offsetof(struct chaos__slot, domid);
    uint16_t next = slot->next;

    memcpy((char *)slot + after_state, (const char *)wanted + after_state,
           sizeof(*slot) - after_state);
    slot->next = next;
    slot->previous = 0;
    slot->first_device = slot->last_device = 0;
    slot->renaming = 0;
}

static int adopt(struct chaos__registry *registry,
                 const struct chaos__slot *wanted, unsigned number,
                 struct chaos__slot **slot_r, struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = choose(registry, &number, err);

    if (rc < 0)
        return rc;
    slot = &registry->map->slots[number];
    if (chaos__slot_in_flight(wanted->state) &&
        !chaos__slot_own(registry, slot))
        return chaos__fail_errno(err, errno, "locking a registry slot");
    chaos__change_begin(registry);
    if (number > chaos__used(registry))
        registry->map->used = number;
    else
        unlink_free(registry, number);
    take_domid(registry, wanted->domid);
    fill(slot, wanted);
    slot->owner_pid = (uint32_t)getpid();
    chaos__barrier();
    slot->state = wanted->state;
    chaos__slot_index(registry, slot);
    if (chaos__slot_in_flight(slot->state))
        chaos__list_add(registry, slot);
    chaos__change_end(registry);
    *slot_r = slot;
    return 0;
}

int chaos__registry_adopt(struct chaos__registry *registry,
                          const struct chaos__slot *wanted, unsigned number,
                          struct chaos__slot **slot_r, struct chaos_error *err)
{
    int rc = chaos__registry_lock(registry, err);

    if (rc < 0)
        return rc;
    rc = chaos__registry_check_free(
        registry, *wanted->name ? wanted->name : NULL, wanted->uuid, NULL, err);
    if (rc == 0)
        rc = adopt(registry, wanted, number, slot_r, err);
    chaos__registry_unlock(registry);
    return rc;
}
