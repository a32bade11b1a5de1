/* SPDX-License-Identifier: MIT */
/* The registry's file, when it is not what it should be: cut, of somebody
 * else, full of noise, on a file system that is full. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct chaos_error err;
static char *directory, *path;

static int setup(void **state)
{
    (void)state;
    directory = support_directory();
    path = support_path(directory, "registry");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(path);
    support_remove_directory(directory);
    return 0;
}

static struct chaos__registry *open_registry(const char *dir)
{
    struct chaos__registry *registry;

    if (chaos__registry_open(dir, &registry, &err) < 0)
        fail_msg("%s", err.message);
    return registry;
}

static int reserve(struct chaos__registry *registry, unsigned number,
                   struct chaos__slot **slot_r)
{
    uint8_t uuid[16] = { 0 };
    char name[32];

    snprintf(name, sizeof(name), "guest-%u", number);
    memcpy(uuid, &number, sizeof(number));
    return chaos__registry_reserve(registry, name, uuid, slot_r, NULL, &err);
}

/* ------------------------------------------------------------------- room */

static unsigned allocations, allocation_fails; /* the n-th; 0: none */

int __wrap_fallocate(int fd, int mode, off_t offset, off_t size);
int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (++allocations == allocation_fails) {
        errno = ENOSPC;
        return -1;
    }
    return __real_fallocate(fd, mode, offset, size);
}

static void allow_allocations(unsigned fails)
{
    allocations = 0;
    allocation_fails = fails;
}

static void test_room_is_made_in_pages(void **state)
{
    struct chaos__device wanted = { .kind = CHAOS__DEVICE_BLOCK }, *device;
    struct chaos__registry *registry;
    struct chaos__slot *slot;
    unsigned i;

    (void)state;
    allow_allocations(0);
    registry = open_registry(directory);
    assert_int_equal(allocations, 2);
    allow_allocations(0);
    for (i = 0; i < 80; i++)
        assert_int_equal(reserve(registry, i, &slot), 0);
    assert_int_equal(allocations, 10); /* eight slots a page */
    assert_int_equal(chaos__registry_free(registry, slot, &err), 0);
    assert_int_equal(reserve(registry, i, &slot), 0);
    assert_int_equal(allocations, 10);
    for (i = 0; i < 64; i++)
        assert_int_equal(
            chaos__registry_add_device(registry, slot, &wanted, &device, &err),
            0);
    assert_int_equal(allocations, 12); /* 32 devices a page */
    chaos__registry_close(registry);
    allow_allocations(0);
    registry = open_registry(directory);
    assert_int_equal(allocations, 0);
    chaos__registry_close(registry);
}

static void test_no_room(void **state)
{
    struct chaos__device wanted = { .kind = CHAOS__DEVICE_BLOCK }, *device;
    struct chaos__registry *registry;
    struct chaos__slot *slot = NULL, *more;
    unsigned i, count;
    int rc = 0;

    (void)state;
    for (i = 1; i <= 2; i++) {
        allow_allocations(i);
        assert_int_equal(chaos__registry_open(directory, &registry, &err),
                         CHAOS_ENOMEM);
        assert_non_null(strstr(err.message, directory));
    }
    allow_allocations(3);
    registry = open_registry(directory);
    for (count = 0; rc == 0; count++)
        rc = reserve(registry, count, &more);
    assert_int_equal(rc, CHAOS_ENOMEM);
    assert_non_null(strstr(err.message, "no room"));
    assert_in_range(count, 2, 9);
    slot = chaos__registry_next(registry, NULL);
    allow_allocations(1);
    for (i = 0, rc = 0; rc == 0; i++)
        rc = chaos__registry_add_device(registry, slot, &wanted, &device, &err);
    assert_int_equal(rc, CHAOS_ENOMEM);
    assert_in_range(i, 2, 33);
    /* All that was there is, and when there is room again it goes on. */
    allow_allocations(0);
    for (device = NULL, rc = 0;
         (device = chaos__registry_next_device(registry, slot, device));)
        rc++;
    assert_int_equal(rc, (int)i - 1);
    assert_int_equal(reserve(registry, count, &slot), 0);
    assert_ptr_equal(chaos__registry_by_name(registry, "guest-0"),
                     chaos__registry_next(registry, NULL));
    chaos__registry_close(registry);
}

/* As many as there is room for in a real file system, and none that the
 * process would be killed for. */
static int fill_file_system(void *user)
{
    const char *dir = user;
    struct chaos__registry *registry;
    struct chaos__slot *slot;
    unsigned count;
    off_t end = 0, size;
    char text[16384];
    int fd, rc;

    memset(text, '#', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (count = 0; (rc = reserve(registry = open_registry(dir), 1000 + count,
                          &slot)) == 0 &&
                    count < 4000;
         count++) {
        chaos__registry_keep_config(registry, slot, "name=\"x\"\n", NULL);
        chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING, NULL);
        chaos__registry_close(registry);
    }
    if (rc != CHAOS_ENOMEM || count < 100)
        return 1;
    rc = chaos__registry_keep_config(
        registry, chaos__registry_next(registry, NULL), text, &err);
    if (rc != CHAOS_ENOMEM || !strstr(err.message, "no room"))
        return 2;
    chaos__registry_close(registry);
    /* And not even an empty one. */
    fd = open(support_path(dir, "ballast"), O_RDWR | O_CREAT, 0600);
    if (unlink(path) < 0 || fd < 0)
        return 3;
    for (size = 1 << 20; size >= 4096; size /= 2)
        while (__real_fallocate(fd, 0, end, size) == 0)
            end += size;
    if (chaos__registry_open(dir, &registry, &err) != CHAOS_ENOMEM)
        return 4;
    if (ftruncate(fd, 0) < 0)
        return 5;
    chaos__registry_close(open_registry(dir));
    return 0;
}

static void test_full_file_system(void **state)
{
    int rc;

    (void)state;
    allow_allocations(0);
    if (unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", directory, "tmpfs", 0, "size=1500k") < 0)
        skip();
    rc = support_in_child(fill_file_system, directory);
    umount2(directory, MNT_DETACH);
    assert_int_equal(rc, 0);
}

/* ------------------------------------------------------------------- shape */

static void must_be_refused(const char *why)
{
    struct chaos__registry *registry;

    assert_int_equal(chaos__registry_open(directory, &registry, &err),
                     CHAOS_EFAILED);
    if (!strstr(err.message, path) || !strstr(err.message, why) ||
        !strstr(err.message, "chaos recover"))
        fail_msg("%s", err.message);
}

static void put(off_t at, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, bytes, size, at), (ssize_t)size);
    close(fd);
}

static void test_shape(void **state)
{
    const uint32_t version = 3, huge = 1000000;
    const uint64_t magic = 42;
    static const size_t numbers[] = {
        offsetof(struct chaos__layout, used),
        offsetof(struct chaos__layout, used_devices),
        offsetof(struct chaos__layout, used_pools),
    };
    struct stat status;
    unsigned i;

    (void)state;
    allow_allocations(0);
    chaos__registry_close(open_registry(directory));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 1), 0);
    must_be_refused("size");
    assert_int_equal(truncate(path, 100), 0);
    must_be_refused("size");
    assert_int_equal(truncate(path, status.st_size + 1), 0);
    must_be_refused("size");
    assert_int_equal(unlink(path), 0);
    for (i = 0; i < 3; i++) {
        chaos__registry_close(open_registry(directory));
        put((off_t)numbers[i], &huge, sizeof(huge));
        must_be_refused("header");
        assert_int_equal(unlink(path), 0);
    }
    chaos__registry_close(open_registry(directory));
    put(offsetof(struct chaos__layout, version), &version, sizeof(version));
    must_be_refused("layout is 3");
    put(0, &magic, sizeof(magic));
    must_be_refused("it is none");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chaos__registry_open(
                         directory, &(struct chaos__registry *){ NULL }, &err),
                     CHAOS_EFAILED);
}

/* ------------------------------------------------------------------- noise */

#define GUESTS 60u
#define ROUNDS 600u

/* The parts of the file that are in use, as they are when all is well. */
struct part {
    off_t at;
    size_t size;
    bool is_derived;
    uint8_t *bytes;
};

#define PART(first, behind, derived)                                           \
    {                                                                          \
        offsetof(struct chaos__layout, first),                                 \
            offsetof(struct chaos__layout, behind) -                           \
                offsetof(struct chaos__layout, first),                         \
            derived, NULL                                                      \
    }
static struct part parts[] = {
    PART(dirty, used, true), /* and the heads of lists */
    PART(used, pools[0], false),
    PART(pools[0], pools[5], false),
    PART(by_name, by_uuid, true),
    PART(by_uuid, by_domid, true),
    PART(by_domid, slots[0], true),
    PART(slots[0], slots[GUESTS + 8], false),
    PART(by_key, devices[0], true),
    PART(devices[0], devices[3 * GUESTS], false),
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const uint8_t flavors[2][CHAOS__FLAVOR_SIZE] = { { 1 }, { 2 } };

static void add_devices(struct chaos__registry *registry,
                        struct chaos__slot *slot, unsigned number)
{
    struct chaos__device wanted = { .kind = CHAOS__DEVICE_NET,
                                    .key = { 1000 + number, 0 } };
    struct chaos__device *device;

    assert_int_equal(
        chaos__registry_add_device(registry, slot, &wanted, &device, &err), 0);
    wanted = (struct chaos__device){ .kind = CHAOS__DEVICE_BLOCK,
                                     .use = CHAOS__USE_WRITE,
                                     .key = { 7, number % 3 },
                                     .name = "xvda" };
    assert_int_equal(
        chaos__registry_add_device(registry, slot, &wanted, &device, &err), 0);
}

/* Some in every state.  Numbers 1 to 40 are guests. */
static void populate(struct chaos__registry *registry)
{
    struct chaos__pool *pools[2];
    struct chaos__slot *slot;
    unsigned i;

    for (i = 0; i < 2; i++) {
        assert_int_equal(chaos__pool_add(registry, i ? "one" : "two",
                                         flavors[i], &pools[i], &err),
                         0);
        assert_int_equal(chaos__pool_set(registry, pools[i], 4, 2, &err), 0);
    }
    for (i = 1; i <= GUESTS; i++) {
        assert_int_equal(reserve(registry, i, &slot), 0);
        assert_int_equal(
            chaos__registry_set_domid(registry, slot, 100 + i, &err), 0);
        add_devices(registry, slot, i);
        if (i <= 40)
            chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING,
                                      &err);
        else if (i <= 45)
            chaos__pool_offer(registry, slot, flavors[i % 2], &err);
        else if (i <= 50)
            chaos__registry_set_state(registry, slot, CHAOS__SLOT_LINGERING,
                                      &err);
        else if (i <= 55)
            chaos__registry_free(registry, slot, &err);
        else
            chaos__registry_abandon(registry, slot);
    }
}

static void keep_parts(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t i;

    for (i = 0; i < PARTS; i++) {
        parts[i].bytes = malloc(parts[i].size);
        assert_int_equal(pread(fd, parts[i].bytes, parts[i].size, parts[i].at),
                         (ssize_t)parts[i].size);
    }
    close(fd);
}

static void restore_parts(void)
{
    size_t i;

    for (i = 0; i < PARTS; i++)
        put(parts[i].at, parts[i].bytes, parts[i].size);
}

static void free_parts(void)
{
    size_t i;

    for (i = 0; i < PARTS; i++)
        free(parts[i].bytes);
}

/* Bytes here and there, or a stretch of them, as large as a page or as small
 * as a number. */
static void put_noise(const struct part *part)
{
    uint8_t noise[4096];
    size_t size = (size_t[]){ 1, 2, 4, 64, 512, 4096 }[random() % 6];
    unsigned times = random() % 2 ? 1 : 1 + (unsigned)random() % 64, i;

    if (size > part->size)
        size = part->size;
    while (times--) {
        for (i = 0; i < size; i++)
            noise[i] =
                random() % 3 ? (uint8_t)random() : (uint8_t)(random() % 64);
        put(part->at + random() % (long)(part->size - size + 1), noise, size);
    }
}

static void walk_devices(struct chaos__registry *registry,
                         struct chaos__slot *slot)
{
    struct chaos__device *device = NULL;
    unsigned count = 0;

    while ((device = chaos__registry_next_device(registry, slot, device)))
        assert_true(count++ < CHAOS__DEVICES);
}

/* What processes do with slots that they find. */
static void use_slot(struct chaos__registry *registry, struct chaos__slot *slot,
                     unsigned round)
{
    uint8_t uuid[16];
    char name[32];

    assert_in_range(slot->state, CHAOS__SLOT_PREPARING, CHAOS__SLOT_LINGERING);
    assert_true(slot->domid == CHAOS__NO_DOMID || slot->domid < CHAOS__SLOTS);
    assert_true(strnlen(slot->name, sizeof(slot->name)) < sizeof(slot->name));
    chaos__registry_by_domid(registry, slot->domid);
    snprintf(name, sizeof(name), "%s", slot->name);
    chaos__registry_by_name(registry, name);
    walk_devices(registry, slot);
    memcpy(uuid, slot->uuid, sizeof(uuid));
    switch ((round + chaos__registry_number(registry, slot)) % 5) {
    case 0:
        if (chaos__registry_take(registry, slot, slot->domid, uuid,
                                 CHAOS__SLOT_DYING, &err) == 0)
            chaos__registry_free(registry, slot, &err);
        break;
    case 1:
        if (chaos__registry_take(registry, slot, slot->domid, uuid,
                                 CHAOS__SLOT_DYING, &err) == 0)
            chaos__registry_set_state(registry, slot, CHAOS__SLOT_LINGERING,
                                      &err);
        break;
    case 2:
        snprintf(name, sizeof(name), "new-%u", round);
        chaos__registry_rename(registry, slot, slot->domid, slot->uuid, name,
                               &err);
        break;
    }
}

static void use_lists(struct chaos__registry *registry)
{
    struct chaos__slot *slot;
    unsigned count = 0;

    while ((slot = chaos__registry_next_orphan(registry))) {
        assert_true(count++ < CHAOS__SLOTS);
        /* A guest that runs would be destroyed. */
        assert_true(chaos__slot_in_flight(slot->state));
        chaos__registry_free(registry, slot, &err);
    }
    slot = chaos__registry_next_lingering(registry, NULL);
    if (slot && chaos__registry_take_lingering(registry, slot))
        chaos__registry_free(registry, slot, &err);
}

static void use_pools(struct chaos__registry *registry, unsigned round)
{
    const struct chaos__device wish = { .kind = CHAOS__DEVICE_NET };
    struct chaos__claim claim = { .name = "claimed",
                                  .devices = &wish,
                                  .device_count = 1 };
    struct chaos__pool *pool = NULL;
    struct chaos__slot *slot;
    unsigned count = 0;

    while ((pool = chaos__pool_next(registry, pool))) {
        assert_true(count++ < CHAOS__POOLS);
        if (chaos__pool_take(registry, pool, &slot, &err) > 0) {
            assert_int_equal(slot->state, CHAOS__SLOT_DYING);
            chaos__registry_free(registry, slot, &err);
        }
    }
    memcpy(claim.flavor, flavors[round % 2], sizeof(claim.flavor));
    if (chaos__pool_claim(registry, &claim, &slot, NULL, &err) > 0)
        chaos__registry_free(registry, slot, &err);
    pool = chaos__pool_by_name(registry, "one");
    if (pool && round % 3 == 0)
        chaos__pool_remove(registry, pool, &err);
}

static void use_all(struct chaos__registry *registry, unsigned round)
{
    struct chaos__device wanted = { .kind = CHAOS__DEVICE_BLOCK,
                                    .use = CHAOS__USE_READ,
                                    .key = { 7, round % 3 } };
    struct chaos__slot *slot = NULL;
    unsigned i, count = 0;

    for (i = 0; i < CHAOS__SLOTS; i += 13)
        chaos__registry_by_domid(registry, i);
    chaos__registry_rival(registry, &wanted);
    for (i = 0; i < 10; i++) {
        if (reserve(registry, 2000 + i, &slot) < 0)
            continue;
        chaos__registry_set_domid(registry, slot, 120 + i, &err);
        wanted.key[1] = i;
        chaos__registry_add_device(registry, slot, &wanted,
                                   &(struct chaos__device *){ NULL }, &err);
        chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING, &err);
    }
    use_lists(registry);
    use_pools(registry, round);
    for (slot = NULL; (slot = chaos__registry_next(registry, slot));) {
        assert_true(count++ < CHAOS__SLOTS);
        use_slot(registry, slot, round);
    }
}

/* Whatever the bytes are: no crash, no loop without end. */
static void test_noise(void **state)
{
    struct chaos__registry *registry;
    unsigned round, opened = 0;

    (void)state;
    allow_allocations(0);
    registry = open_registry(directory);
    populate(registry);
    chaos__registry_close(registry);
    keep_parts();
    for (round = 0; round < ROUNDS; round++) {
        srandom(round);
        alarm(60);
        restore_parts();
        put_noise(&parts[round % PARTS]);
        if (round % 5 == 0)
            put_noise(&parts[(unsigned)random() % PARTS]);
        if (chaos__registry_open(directory, &registry, &err) < 0) {
            assert_non_null(strstr(err.message, "chaos recover"));
            continue;
        }
        opened++;
        use_all(registry, round);
        use_all(registry, round + 1);
        chaos__registry_close(registry);
    }
    alarm(0);
    free_parts();
    assert_true(opened > ROUNDS / 2);
}

/* Lists that lead to a guest which runs, and back to where they came from. */
static void test_lists_that_lead_elsewhere(void **state)
{
    struct chaos__registry *registry = open_registry(directory);
    struct chaos__device *device = NULL;
    struct chaos__slot *guest, *slot;
    struct chaos__pool *pool;
    unsigned number, count = 0;

    (void)state;
    populate(registry);
    guest = chaos__registry_by_name(registry, "guest-1");
    number = chaos__registry_number(registry, guest);
    while ((slot = chaos__registry_next_orphan(registry)))
        chaos__registry_free(registry, slot, &err);

    registry->map->flight_head = (uint16_t)number;
    assert_null(chaos__registry_next_orphan(registry));
    assert_int_equal(registry->map->flight_head, 0);

    /* It was a shell of that pool once. */
    pool = chaos__pool_by_name(registry, "one");
    for (slot = NULL; (slot = chaos__registry_next(registry, slot));)
        if (slot->state == CHAOS__SLOT_SHELL &&
            chaos__registry_number(registry, slot) == pool->first)
            guest->pool = slot->pool;
    pool->first = pool->last = (uint16_t)number;
    assert_int_equal(chaos__pool_take(registry, pool, &slot, &err), 1);
    assert_ptr_not_equal(slot, guest);
    assert_int_equal(guest->state, CHAOS__SLOT_RUNNING);
    pool->first = pool->last = (uint16_t)number;
    assert_int_equal(chaos__pool_remove(registry, pool, &err), 0);
    assert_int_equal(guest->state, CHAOS__SLOT_RUNNING);

    registry->map->devices[guest->first_device].next = guest->first_device;
    while ((device = chaos__registry_next_device(registry, guest, device)))
        assert_true(count++ < 10);
    assert_int_equal(chaos__registry_take(registry, guest, guest->domid,
                                          guest->uuid, CHAOS__SLOT_DYING, &err),
                     0);
    assert_int_equal(chaos__registry_free(registry, guest, &err), 0);
    assert_int_equal(reserve(registry, 1, &slot), 0);
    assert_null(chaos__registry_next_device(registry, slot, NULL));
    chaos__registry_close(registry);
}

/* What is derived can be anything: guests are found, and nothing that runs is
 * taken for what a dead process left. */
static void test_noise_in_what_is_derived(void **state)
{
    struct chaos__registry *registry;
    struct chaos__slot *slot;
    unsigned round, i;
    char name[32];

    (void)state;
    registry = open_registry(directory);
    populate(registry);
    chaos__registry_close(registry);
    keep_parts();
    for (round = 0; round < ROUNDS; round++) {
        if (!parts[round % PARTS].is_derived)
            continue;
        srandom(round);
        alarm(60);
        restore_parts();
        put_noise(&parts[round % PARTS]);
        registry = open_registry(directory);
        use_lists(registry);
        assert_int_equal(chaos__registry_rederive(registry, &err), 0);
        for (i = 1; i <= 40; i++) {
            snprintf(name, sizeof(name), "guest-%u", i);
            slot = chaos__registry_by_name(registry, name);
            assert_non_null(slot);
            assert_int_equal(slot->state, CHAOS__SLOT_RUNNING);
            assert_ptr_equal(chaos__registry_by_domid(registry, 100 + i), slot);
            assert_non_null(chaos__registry_next_device(registry, slot, NULL));
        }
        chaos__registry_close(registry);
    }
    alarm(0);
    free_parts();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_room_is_made_in_pages),
        TEST(test_no_room),
        TEST(test_shape),
        TEST(test_noise),
        TEST(test_lists_that_lead_elsewhere),
        TEST(test_noise_in_what_is_derived),
        TEST(test_full_file_system), /* last: it has mounts of its own then */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
