/* SPDX-License-Identifier: MIT */
/* Who may change the registry, and who works on a slot. */
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Locks of open file descriptions: they end with the process however it
 * ends, and two contexts of one process exclude each other. */
int chaos__registry_lock_byte(const struct chaos__registry *registry,
                              int command, short type, off_t byte)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
    };
    int r;

    do {
        r = fcntl(registry->fd, command, &lock);
    } while (r < 0 && errno == EINTR);
    return r;
}

bool chaos__slot_own(struct chaos__registry *registry, struct chaos__slot *slot)
{
    if (chaos__registry_lock_byte(registry, F_OFD_SETLK, F_WRLCK,
                                  chaos__slot_number(registry, slot)) < 0)
        return false;
    slot->owner_pid = (uint32_t)getpid();
    return true;
}

void chaos__slot_disown(struct chaos__registry *registry,
                        struct chaos__slot *slot)
{
    chaos__registry_lock_byte(registry, F_OFD_SETLK, F_UNLCK,
                              chaos__slot_number(registry, slot));
}

int chaos__registry_lock(struct chaos__registry *registry,
                         struct chaos_error *err)
{
    if (chaos__registry_lock_byte(registry, F_OFD_SETLKW, F_WRLCK,
                                  CHAOS__LOCK_ALL) < 0)
        return chaos__fail_errno(err, errno, "locking the registry in %s",
                                 registry->dir);
    if (registry->map->dirty) {
        chaos__registry_rebuild(registry);
        chaos__barrier();
        registry->map->dirty = 0;
    }
    return 0;
}

void chaos__registry_unlock(struct chaos__registry *registry)
{
    chaos__registry_lock_byte(registry, F_OFD_SETLK, F_UNLCK, CHAOS__LOCK_ALL);
}

void chaos__change_begin(struct chaos__registry *registry)
{
    registry->map->dirty = 1;
    chaos__barrier();
}

void chaos__change_end(struct chaos__registry *registry)
{
    if (registry->is_broken)
        chaos__registry_rebuild(registry);
    chaos__barrier();
    registry->map->dirty = 0;
}

void chaos__mend(struct chaos__registry *registry)
{
    chaos__change_begin(registry);
    registry->is_broken = true;
    chaos__change_end(registry);
}
