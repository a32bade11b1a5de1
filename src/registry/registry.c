/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include "index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x0031676572616863) /* "chareg1" */
#define LAYOUT 1u

#define CONFIG_SIZE_MAX (1u << 20)

/* Byte 0 of the file locks the whole registry, byte n slot n. */
#define LOCK_ALL 0

struct layout {
    uint64_t magic;
    uint32_t version;
    uint32_t dirty; /* somebody is changing what is derived */
    uint16_t free_head;
    uint16_t flight_head;
    uint32_t used; /* slots above were never used */
    uint8_t rest[4096 - 24];
    struct chaos__index by_name;
    struct chaos__index by_uuid;
    uint16_t by_domid[CHAOS__SLOTS + 16];       /* domid to slot, 0: none */
    struct chaos__slot slots[CHAOS__SLOTS + 1]; /* from 1: 0 means none */
};

struct chaos__registry {
    struct layout *map;
    char *dir;
    int fd;
};

_Static_assert(sizeof(struct chaos__slot) == 512, "eight slots a page");
_Static_assert(CHAOS__SLOTS < UINT16_MAX, "slot numbers fit 16 bits");

/* ------------------------------------------------------------- locks */

/* Locks of open file descriptions: they end with the process however it
 * ends, and two contexts of one process exclude each other. */
static int set_lock(const struct chaos__registry *registry, int command,
                    short type, off_t byte)
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

static off_t slot_number(const struct chaos__registry *registry,
                         const struct chaos__slot *slot)
{
    return slot - registry->map->slots;
}

static bool own_slot(struct chaos__registry *registry, struct chaos__slot *slot)
{
    if (set_lock(registry, F_OFD_SETLK, F_WRLCK, slot_number(registry, slot)) <
        0)
        return false;
    slot->owner_pid = (uint32_t)getpid();
    return true;
}

static void disown_slot(struct chaos__registry *registry,
                        struct chaos__slot *slot)
{
    set_lock(registry, F_OFD_SETLK, F_UNLCK, slot_number(registry, slot));
}

/* -------------------------------------------------------- derived data */

/* The compiler must not move stores to the slots across these: another
 * process judges by what a dead one left. */
static void barrier(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static struct chaos__slot *slot_at(struct chaos__registry *registry,
                                   unsigned number)
{
    return number > 0 && number <= CHAOS__SLOTS ? &registry->map->slots[number]
                                                : NULL;
}

static bool in_flight(uint32_t state)
{
    return state == CHAOS__SLOT_PREPARING || state == CHAOS__SLOT_CLAIMED ||
           state == CHAOS__SLOT_DYING;
}

static void flight_add(struct chaos__registry *registry,
                       struct chaos__slot *slot)
{
    uint16_t number = (uint16_t)slot_number(registry, slot);
    struct chaos__slot *head = slot_at(registry, registry->map->flight_head);

    slot->previous = 0;
    slot->next = registry->map->flight_head;
    if (head)
        head->previous = number;
    registry->map->flight_head = number;
}

static void flight_remove(struct chaos__registry *registry,
                          struct chaos__slot *slot)
{
    struct chaos__slot *next = slot_at(registry, slot->next);
    struct chaos__slot *previous = slot_at(registry, slot->previous);

    if (next)
        next->previous = slot->previous;
    if (previous)
        previous->next = slot->next;
    else
        registry->map->flight_head = slot->next;
    slot->next = slot->previous = 0;
}

static void free_add(struct chaos__registry *registry, struct chaos__slot *slot)
{
    slot->next = registry->map->free_head;
    registry->map->free_head = (uint16_t)slot_number(registry, slot);
}

static bool same_name(const void *user, unsigned number, const void *key)
{
    struct chaos__registry *registry = (struct chaos__registry *)user;
    const struct chaos__slot *slot = slot_at(registry, number);

    return slot && strncmp(slot->name, key, sizeof(slot->name)) == 0;
}

static bool same_uuid(const void *user, unsigned number, const void *key)
{
    struct chaos__registry *registry = (struct chaos__registry *)user;
    const struct chaos__slot *slot = slot_at(registry, number);

    return slot && memcmp(slot->uuid, key, sizeof(slot->uuid)) == 0;
}

static uint32_t hash_name(const char *name)
{
    return chaos__index_hash(name, strnlen(name, CHAOS__SLOT_NAME_SIZE));
}

static uint32_t hash_uuid(const uint8_t *uuid)
{
    return chaos__index_hash(uuid, CHAOS__SLOT_UUID_SIZE);
}

static uint32_t rehash_name(const void *user, unsigned number)
{
    return hash_name(slot_at((struct chaos__registry *)user, number)->name);
}

static uint32_t rehash_uuid(const void *user, unsigned number)
{
    return hash_uuid(slot_at((struct chaos__registry *)user, number)->uuid);
}

static void index_add(struct chaos__registry *registry,
                      struct chaos__slot *slot)
{
    struct layout *map = registry->map;
    unsigned number = (unsigned)slot_number(registry, slot);

    chaos__index_add(&map->by_name, hash_name(slot->name), number);
    chaos__index_add(&map->by_uuid, hash_uuid(slot->uuid), number);
    if (slot->domid < CHAOS__SLOTS)
        map->by_domid[slot->domid] = (uint16_t)number;
}

static void index_remove(struct chaos__registry *registry,
                         struct chaos__slot *slot)
{
    struct layout *map = registry->map;
    unsigned number = (unsigned)slot_number(registry, slot);

    chaos__index_remove(&map->by_name, hash_name(slot->name), number,
                        rehash_name, registry);
    chaos__index_remove(&map->by_uuid, hash_uuid(slot->uuid), number,
                        rehash_uuid, registry);
    if (slot->domid < CHAOS__SLOTS && map->by_domid[slot->domid] == number)
        map->by_domid[slot->domid] = 0;
}

/* A name changes in more than one store: the new one is complete elsewhere
 * before the old one is touched. */
static void finish_rename(struct chaos__slot *slot)
{
    if (!slot->renaming)
        return;
    memcpy(slot->name, slot->new_name, sizeof(slot->name));
    barrier();
    slot->renaming = 0;
}

/* Somebody died while changing what is derived: make it anew. */
static void rebuild(struct chaos__registry *registry)
{
    struct layout *map = registry->map;
    unsigned number;

    memset(&map->by_name, 0, sizeof(map->by_name));
    memset(&map->by_uuid, 0, sizeof(map->by_uuid));
    memset(map->by_domid, 0, sizeof(map->by_domid));
    map->free_head = map->flight_head = 0;
    for (number = map->used; number > 0; number--) {
        struct chaos__slot *slot = slot_at(registry, number);

        if (slot->state == CHAOS__SLOT_FREE) {
            free_add(registry, slot);
            continue;
        }
        finish_rename(slot);
        index_add(registry, slot);
        if (in_flight(slot->state))
            flight_add(registry, slot);
    }
}

static int lock_all(struct chaos__registry *registry, struct chaos_error *err)
{
    if (set_lock(registry, F_OFD_SETLKW, F_WRLCK, LOCK_ALL) < 0)
        return chaos__fail_errno(err, errno, "locking the registry in %s",
                                 registry->dir);
    if (registry->map->dirty) {
        rebuild(registry);
        barrier();
        registry->map->dirty = 0;
    }
    return 0;
}

static void unlock_all(struct chaos__registry *registry)
{
    set_lock(registry, F_OFD_SETLK, F_UNLCK, LOCK_ALL);
}

static void change_begin(struct chaos__registry *registry)
{
    registry->map->dirty = 1;
    barrier();
}

static void change_end(struct chaos__registry *registry)
{
    barrier();
    registry->map->dirty = 0;
}

/* ------------------------------------------------------ open and close */

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
        ftruncate(registry->fd, sizeof(struct layout)) < 0)
        return chaos__fail_errno(err, errno, "making the registry in %s",
                                 registry->dir);
    if (status.st_size != 0 && status.st_size != (off_t)sizeof(struct layout))
        return chaos__fail(err, CHAOS_EFAILED,
                           "%s/registry is not a registry of this version of "
                           "chaos; destroy the guests with the version that "
                           "made them, then remove it",
                           registry->dir);
    return 0;
}

static int map_file(struct chaos__registry *registry, struct chaos_error *err)
{
    registry->map = mmap(NULL, sizeof(struct layout), PROT_READ | PROT_WRITE,
                         MAP_SHARED, registry->fd, 0);
    if (registry->map == MAP_FAILED) {
        registry->map = NULL;
        return chaos__fail_errno(err, errno, "mapping the registry");
    }
    if (registry->map->magic == 0) {
        registry->map->version = LAYOUT;
        barrier();
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
    if (set_lock(registry, F_OFD_SETLKW, F_WRLCK, LOCK_ALL) < 0) {
        rc = chaos__fail_errno(err, errno, "locking the registry in %s",
                               run_dir);
        goto out;
    }
    rc = check_file(registry, err);
    if (rc == 0)
        rc = map_file(registry, err);
    unlock_all(registry);
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
        munmap(registry->map, sizeof(struct layout));
    if (registry->fd >= 0)
        close(registry->fd); /* ends our locks */
    free(registry->dir);
    free(registry);
}

/* --------------------------------------------------------------- slots */

static struct chaos__slot *find_name(struct chaos__registry *registry,
                                     const char *name)
{
    return slot_at(registry,
                   chaos__index_find(&registry->map->by_name, hash_name(name),
                                     same_name, registry, name));
}

static int check_free(struct chaos__registry *registry, const char *name,
                      const uint8_t *uuid, struct chaos__slot **taken_r,
                      struct chaos_error *err)
{
    struct chaos__slot *taken = find_name(registry, name);
    const char *what = "the name";

    if (!taken) {
        what = "its UUID";
        taken = slot_at(registry, chaos__index_find(&registry->map->by_uuid,
                                                    hash_uuid(uuid), same_uuid,
                                                    registry, uuid));
    }
    if (!taken)
        return 0;
    if (taken_r)
        *taken_r = taken;
    return chaos__fail(err, CHAOS_EEXIST,
                       "%s: %s is taken by guest %s (domain %d); choose "
                       "another or destroy it",
                       name, what, taken->name, (int)taken->domid);
}

/* The number of a free slot, not yet taken off the list; 0: none. */
static unsigned peek_free(struct chaos__registry *registry)
{
    struct layout *map = registry->map;

    if (map->free_head)
        return map->free_head;
    return map->used < CHAOS__SLOTS ? map->used + 1 : 0;
}

static void fill_slot(struct chaos__slot *slot, const char *name,
                      const uint8_t *uuid)
{
    memset((char *)slot + offsetof(struct chaos__slot, domid), 0,
           sizeof(*slot) - offsetof(struct chaos__slot, domid));
    slot->domid = CHAOS__NO_DOMID;
    snprintf(slot->name, sizeof(slot->name), "%s", name);
    memcpy(slot->uuid, uuid, sizeof(slot->uuid));
}

static int reserve(struct chaos__registry *registry, const char *name,
                   const uint8_t *uuid, struct chaos__slot **slot_r,
                   struct chaos_error *err)
{
    struct layout *map = registry->map;
    unsigned number = peek_free(registry);
    struct chaos__slot *slot = slot_at(registry, number);
    uint16_t next_free;

    if (!slot)
        return chaos__fail(err, CHAOS_ENOMEM,
                           "all %u guests that Xen has domids for exist; "
                           "destroy some",
                           CHAOS__SLOTS);
    change_begin(registry);
    next_free = slot->next;
    fill_slot(slot, name, uuid);
    if (!own_slot(registry, slot)) {
        slot->next = next_free;
        change_end(registry);
        return chaos__fail_errno(err, errno, "locking a registry slot");
    }
    if (map->free_head)
        map->free_head = next_free;
    else
        map->used = number;
    barrier();
    slot->state = CHAOS__SLOT_PREPARING;
    index_add(registry, slot);
    flight_add(registry, slot);
    change_end(registry);
    *slot_r = slot;
    return 0;
}

int chaos__registry_reserve(struct chaos__registry *registry, const char *name,
                            const uint8_t *uuid, struct chaos__slot **slot_r,
                            struct chaos__slot **taken_r,
                            struct chaos_error *err)
{
    int rc = lock_all(registry, err);

    if (rc < 0)
        return rc;
    rc = check_free(registry, name, uuid, taken_r, err);
    if (rc == 0)
        rc = reserve(registry, name, uuid, slot_r, err);
    unlock_all(registry);
    return rc;
}

int chaos__registry_set_domid(struct chaos__registry *registry,
                              struct chaos__slot *slot, uint32_t domid,
                              struct chaos_error *err)
{
    struct chaos__slot *old;
    int rc = lock_all(registry, err);

    if (rc < 0)
        return rc;
    old = chaos__registry_by_domid(registry, domid);
    change_begin(registry);
    if (old && old != slot)
        old->domid = CHAOS__NO_DOMID;
    slot->domid = domid;
    if (domid < CHAOS__SLOTS)
        registry->map->by_domid[domid] = (uint16_t)slot_number(registry, slot);
    change_end(registry);
    unlock_all(registry);
    return 0;
}

/* Under the lock. */
static void set_state(struct chaos__registry *registry,
                      struct chaos__slot *slot, uint32_t state)
{
    bool was = in_flight(slot->state), is = in_flight(state);

    change_begin(registry);
    slot->state = state;
    if (was && !is)
        flight_remove(registry, slot);
    if (!was && is)
        flight_add(registry, slot);
    change_end(registry);
}

int chaos__registry_set_state(struct chaos__registry *registry,
                              struct chaos__slot *slot,
                              enum chaos__slot_state state,
                              struct chaos_error *err)
{
    int rc = lock_all(registry, err);

    if (rc < 0)
        return rc;
    set_state(registry, slot, state);
    if (!in_flight(state))
        disown_slot(registry, slot);
    unlock_all(registry);
    return 0;
}

int chaos__registry_take(struct chaos__registry *registry,
                         struct chaos__slot *slot, const uint8_t *uuid,
                         enum chaos__slot_state state, struct chaos_error *err)
{
    int rc = lock_all(registry, err);

    if (rc < 0)
        return rc;
    if (slot->state == CHAOS__SLOT_FREE ||
        memcmp(slot->uuid, uuid, sizeof(slot->uuid)) != 0)
        rc = chaos__fail(err, CHAOS_ENOGUEST, "the guest has gone meanwhile");
    else if (in_flight(slot->state) || !own_slot(registry, slot))
        rc = chaos__fail(err, CHAOS_EBUSY,
                         "guest %s: process %u is working on it; try again",
                         slot->name, slot->owner_pid);
    else
        set_state(registry, slot, state);
    unlock_all(registry);
    return rc;
}

void chaos__registry_abandon(struct chaos__registry *registry,
                             struct chaos__slot *slot)
{
    disown_slot(registry, slot);
}

static void config_path(const struct chaos__registry *registry,
                        const struct chaos__slot *slot, char path[4096])
{
    snprintf(path, 4096, "%s/guest-%u.cfg", registry->dir,
             (unsigned)slot_number(registry, slot));
}

int chaos__registry_free(struct chaos__registry *registry,
                         struct chaos__slot *slot, struct chaos_error *err)
{
    char path[4096];
    int rc = lock_all(registry, err);

    if (rc < 0)
        return rc;
    if (slot->has_config) {
        config_path(registry, slot, path);
        unlink(path);
    }
    change_begin(registry);
    index_remove(registry, slot);
    if (in_flight(slot->state))
        flight_remove(registry, slot);
    slot->state = CHAOS__SLOT_FREE;
    free_add(registry, slot);
    change_end(registry);
    disown_slot(registry, slot); /* before another can reserve it */
    unlock_all(registry);
    return 0;
}

int chaos__registry_rename(struct chaos__registry *registry,
                           struct chaos__slot *slot, const char *name,
                           struct chaos_error *err)
{
    struct chaos__slot *taken;
    int rc = lock_all(registry, err);

    if (rc < 0)
        return rc;
    taken = find_name(registry, name);
    if (taken && taken != slot) {
        rc = chaos__fail(err, CHAOS_EEXIST,
                         "%s: the name is taken by domain %d; choose another",
                         name, (int)taken->domid);
    } else if (!taken) {
        change_begin(registry);
        index_remove(registry, slot);
        memset(slot->new_name, 0, sizeof(slot->new_name));
        snprintf(slot->new_name, sizeof(slot->new_name), "%s", name);
        barrier();
        slot->renaming = 1;
        barrier();
        finish_rename(slot);
        index_add(registry, slot);
        change_end(registry);
    }
    unlock_all(registry);
    return rc;
}

struct chaos__slot *chaos__registry_by_name(struct chaos__registry *registry,
                                            const char *name)
{
    struct chaos__slot *slot;

    if (lock_all(registry, NULL) < 0)
        return NULL;
    slot = find_name(registry, name);
    unlock_all(registry);
    return slot;
}

struct chaos__slot *chaos__registry_by_domid(struct chaos__registry *registry,
                                             uint32_t domid)
{
    struct chaos__slot *slot;

    if (domid >= CHAOS__SLOTS)
        return NULL;
    slot = slot_at(registry, registry->map->by_domid[domid]);
    return slot && slot->domid == domid ? slot : NULL;
}

struct chaos__slot *
chaos__registry_next_orphan(struct chaos__registry *registry)
{
    struct chaos__slot *slot = NULL;
    unsigned number;

    if (!registry->map->flight_head && !registry->map->dirty)
        return NULL;
    if (lock_all(registry, NULL) < 0)
        return NULL;
    for (number = registry->map->flight_head; number; number = slot->next) {
        slot = slot_at(registry, number);
        if (!slot || own_slot(registry, slot))
            break;
    }
    unlock_all(registry);
    return number ? slot : NULL;
}

struct chaos__slot *chaos__registry_next(struct chaos__registry *registry,
                                         struct chaos__slot *after)
{
    unsigned number = after ? (unsigned)slot_number(registry, after) + 1 : 1;

    for (; number <= registry->map->used; number++)
        if (registry->map->slots[number].state != CHAOS__SLOT_FREE)
            return &registry->map->slots[number];
    return NULL;
}

/* ------------------------------------------------------ configurations */

int chaos__registry_keep_config(struct chaos__registry *registry,
                                struct chaos__slot *slot, const char *text,
                                struct chaos_error *err)
{
    size_t length = strlen(text);
    char path[4096];
    int fd, rc = 0;

    config_path(registry, slot, path);
    fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return chaos__fail_errno(err, errno, "keeping the configuration: %s",
                                 path);
    slot->has_config = 1;
    if (write(fd, text, length) != (ssize_t)length)
        rc = chaos__fail_errno(err, errno ? errno : ENOSPC,
                               "keeping the configuration: %s", path);
    close(fd);
    return rc;
}

int chaos__registry_read_config(struct chaos__registry *registry,
                                const struct chaos__slot *slot, char **text_r,
                                struct chaos_error *err)
{
    struct stat status;
    char path[4096], *text = NULL;
    int fd, rc = 0;
    ssize_t got;

    config_path(registry, slot, path);
    fd = slot->has_config ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "guest %s: no configuration is kept", slot->name);
    if (fstat(fd, &status) < 0 || status.st_size > CONFIG_SIZE_MAX) {
        rc = chaos__fail(err, CHAOS_EFAILED, "%s: unreadable", path);
        goto out;
    }
    text = malloc((size_t)status.st_size + 1);
    if (!text) {
        rc = chaos__fail_memory(err);
        goto out;
    }
    got = read(fd, text, (size_t)status.st_size);
    if (got != status.st_size) {
        rc = chaos__fail(err, CHAOS_EFAILED, "%s: unreadable", path);
        goto out;
    }
    text[got] = '\0';
    *text_r = text;
    text = NULL;
out:
    free(text);
    close(fd);
    return rc;
}
