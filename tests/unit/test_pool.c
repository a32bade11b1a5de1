/* SPDX-License-Identifier: MIT */
/* Pools of shells, and guests that are made from them: what a guest finds is
 * what it would find without. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "support.h"
#include "support_calls.h"

#include "registry/pools.h"

#include <chaos/pool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define A_UUID "11111111-2222-3333-4444-555555555555"
#define SHELLS_MAX 64
#define POOLS_MAX 63 /* that there is room for */
#define MEMORY_SIZE (4u << 20)

static const uint8_t a_uuid[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22,
                                    0x33, 0x33, 0x44, 0x44, 0x55, 0x55,
                                    0x55, 0x55, 0x55, 0x55 };

static struct support_world *world;
static struct chaos_error err;
static char *disk, *other_disk;
static char devices[512];     /* a vif and a vbd, of which nothing is chosen */
static char own_devices[512]; /* the same, of which all is */

static void write_devices(char *text, size_t size, const char *vif,
                          const char *path)
{
    snprintf(text, size, "vif=['%s']\ndisk=['%s,raw,xvda,rw']\n", vif, path);
}

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk", 1 << 20);
    other_disk = support_disk(world, "other", 1 << 20);
    write_devices(devices, sizeof(devices), "", disk);
    write_devices(own_devices, sizeof(own_devices),
                  "mac=00:16:3e:01:02:03,ip=10.1.2.3/16,gw=10.1.0.1", disk);
    memset(&err, 0, sizeof(err));
    return 0;
}

/* Whatever a test did: draining and destroying leaves nothing. */
static int teardown(void **state)
{
    bool clean;

    (void)state;
    support_reopen(world);
    clean = support_end_all(world);
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_is_empty(world) && clean;
    support_world_free(world);
    free(disk);
    free(other_disk);
    return clean ? 0 : -1;
}

/* ----------------------------------------------------------------- pools */

static int try_add(const char *type, const char *kernel, const char *more,
                   const char *name, char name_r[CHAOS_POOL_NAME_MAX + 1])
{
    struct chaos_config *config =
        support_config(world, "flavor", type, kernel, more);
    int rc = chaos_pool_add(world->chaos, config, name, name_r, &err);

    chaos_config_free(config);
    return rc;
}

static void must(int rc)
{
    if (rc < 0)
        fail_msg("%s", err.message);
}

/* A pool with so many shells that wait; its name. */
static const char *make_pool(const char *type, const char *more, uint32_t size)
{
    static char name[CHAOS_POOL_NAME_MAX + 1];

    must(try_add(type, world->noxs_kernel, more, NULL, name));
    must(chaos_pool_set(world->chaos, name, size, 0, &err));
    must(chaos_pool_fill(world->chaos, name, 0, &err));
    return name;
}

static size_t count_pools(void)
{
    struct chaos_pool_info *list;
    size_t count;

    must(chaos_pool_list(world->chaos, &list, &count, &err));
    free(list);
    return count;
}

static struct chaos_pool_info info_of(const char *name)
{
    struct chaos_pool_info *list, info;
    size_t count, i;

    must(chaos_pool_list(world->chaos, &list, &count, &err));
    for (i = 0; i < count && strcmp(list[i].name, name) != 0;)
        i++;
    if (i == count)
        fail_msg("no pool %s", name);
    info = list[i];
    free(list);
    return info;
}

static uint32_t ready(const char *name)
{
    return info_of(name).ready;
}

/* The shells that the host has, by domid. */
static unsigned find_shells(uint32_t domids[SHELLS_MAX])
{
    struct chaos_guest_info *list;
    unsigned found = 0;
    size_t count, i;

    must(chaos_guest_list(world->chaos, &list, &count, &err));
    for (i = 0; i < count; i++)
        if (list[i].is_shell && found < SHELLS_MAX)
            domids[found++] = list[i].domid;
    free(list);
    return found;
}

static unsigned count_shells(void)
{
    uint32_t domids[SHELLS_MAX];

    return find_shells(domids);
}

static uint32_t first_shell(void)
{
    uint32_t domids[SHELLS_MAX];

    assert_true(find_shells(domids) > 0);
    return domids[0];
}

/* ---------------------------------------------------------------- guests */

static int try_create_with(const char *name, const char *type, const char *more,
                           unsigned flags, uint32_t *domid_r)
{
    struct chaos_config *config =
        support_config(world, name, type, world->noxs_kernel, more);
    int rc = chaos_guest_create(world->chaos, config, flags, domid_r, &err);

    chaos_config_free(config);
    return rc;
}

static int try_create(const char *name, const char *more)
{
    return try_create_with(name, "pvh", more, 0, NULL);
}

static uint32_t create_type(const char *name, const char *type,
                            const char *more)
{
    uint32_t domid = 0;

    must(try_create_with(name, type, more, 0, &domid));
    assert_false(fake_hv_domain(domid).paused);
    return domid;
}

static uint32_t create(const char *name, const char *more)
{
    return create_type(name, "pvh", more);
}

static uint32_t find(const char *name)
{
    uint32_t domid = 0;

    return chaos_guest_find(world->chaos, name, &domid, NULL) < 0 ? 0 : domid;
}

static void destroy(uint32_t domid)
{
    must(chaos_guest_destroy(world->chaos, domid, &err));
}

static void assert_says(const char *what)
{
    if (!strstr(err.message, what))
        fail_msg("\"%s\" does not say %s", err.message, what);
}

/* Works on the registry itself. */
static struct chaos__registry *open_registry(void)
{
    struct chaos__registry *registry;

    must(chaos__registry_open(world->run_dir, &registry, &err));
    return registry;
}

static void read_device(uint32_t domid, unsigned kind,
                        struct chaos__device *device_r)
{
    struct chaos__registry *registry = open_registry();
    struct chaos__slot *slot = chaos__registry_by_domid(registry, domid);
    struct chaos__device *device = NULL;

    assert_non_null(slot);
    while ((device = chaos__registry_next_device(registry, slot, device)) &&
           device->kind != kind)
        ;
    assert_non_null(device);
    *device_r = *device;
    chaos__registry_close(registry);
}

/* ------------------------------------------------------- what pools are */

static void add_and_list(void **state)
{
    struct chaos_pool_info info;
    char name[CHAOS_POOL_NAME_MAX + 1];

    (void)state;
    assert_int_equal(count_pools(), 0);
    must(try_add("pvh", world->noxs_kernel, devices, NULL, name));
    info = info_of(name);
    assert_int_equal(info.type, CHAOS_GUEST_PVH);
    assert_int_equal(info.is_noxs, 1);
    assert_int_equal(info.vcpus, 1);
    assert_int_equal(info.vifs, 1);
    assert_int_equal(info.disks, 1);
    assert_int_equal(info.memory_kb, 4096);
    assert_int_equal(info.ready, 0);
    assert_int_equal(info.size, 0);
    assert_int_equal(info.low, 0);
    assert_int_equal(info.failures, 0);
    assert_string_equal(info.error, "");
    must(try_add("pv", world->noxs_kernel, "vcpus=2\n", "small", name));
    assert_string_equal(name, "small");
    info = info_of("small");
    assert_int_equal(info.type, CHAOS_GUEST_PV);
    assert_int_equal(info.vcpus, 2);
    assert_int_equal(info.vifs, 0);
    assert_int_equal(info.disks, 0);
    assert_int_equal(count_pools(), 2);
    assert_int_equal(count_shells(), 0);
}

static void kernels_tell_what_they_speak(void **state)
{
    (void)state;
    must(try_add("pvh", world->plain_kernel, "", "plain", NULL));
    must(try_add("pvh", world->packed_kernel, "", "packed", NULL));
    assert_int_equal(info_of("plain").is_noxs, 0);
    assert_int_equal(info_of("packed").is_noxs, 1);
    /* What is packed does not matter. */
    must(try_add("pvh", world->noxs_kernel, "", "noxs", NULL));
    assert_int_equal(count_pools(), 2);
    assert_true(try_add("pvh", world->ramdisk, "", "rubbish", NULL) < 0);
    assert_int_equal(err.code, CHAOS_EIMAGE);
}

static void a_flavor_has_one_pool(void **state)
{
    char name[CHAOS_POOL_NAME_MAX + 1], again[CHAOS_POOL_NAME_MAX + 1];

    (void)state;
    must(try_add("pvh", world->noxs_kernel, "", NULL, name));
    must(try_add("pvh", world->noxs_kernel, "cmdline=\"x\"\n", "y", again));
    assert_string_equal(again, name);
    assert_int_equal(count_pools(), 1);
    assert_int_equal(
        try_add("pvh", world->noxs_kernel, "vcpus=2\n", name, NULL),
        CHAOS_EEXIST);
    assert_says(name);
    assert_int_equal(count_pools(), 1);
}

static void names_of_pools(void **state)
{
    char name[CHAOS_POOL_NAME_MAX + 2];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(try_add("pvh", world->noxs_kernel, "", name, NULL),
                     CHAOS_EINVAL);
    assert_int_equal(try_add("pvh", world->noxs_kernel, "", "", NULL),
                     CHAOS_EINVAL);
    assert_int_equal(count_pools(), 0);
    name[sizeof(name) - 2] = '\0';
    must(try_add("pvh", world->noxs_kernel, "", name, NULL));
    assert_int_equal(ready(name), 0);
}

static void interfaces_with_names_have_no_pool(void **state)
{
    (void)state;
    assert_int_equal(
        try_add("pvh", world->noxs_kernel, "vif=['vifname=w']\n", NULL, NULL),
        CHAOS_ENOTSUP);
    assert_says("vifname=");
    assert_int_equal(count_pools(), 0);
}

static void there_is_room_for_63(void **state)
{
    char more[64], name[16], other[16];
    unsigned i;

    (void)state;
    for (i = 0; i <= POOLS_MAX; i++) {
        snprintf(more, sizeof(more), "max_event_channels=%u\n", 100 + i);
        snprintf(name, sizeof(name), "pool-%u", i);
        if (i < POOLS_MAX)
            must(try_add("pvh", world->noxs_kernel, more, name, NULL));
    }
    assert_int_equal(try_add("pvh", world->noxs_kernel, more, name, NULL),
                     CHAOS_ENOMEM);
    assert_says("63");
    assert_int_equal(count_pools(), POOLS_MAX);
    must(chaos_pool_drain(world->chaos, "pool-7", &err));
    must(try_add("pvh", world->noxs_kernel, more, name, NULL));
    assert_int_equal(count_pools(), POOLS_MAX);
    for (i = 0; i < POOLS_MAX; i++) {
        snprintf(other, sizeof(other), "pool-%u", i == 7 ? POOLS_MAX : i);
        assert_int_equal(ready(other), 0);
    }
    must(chaos_pool_drain(world->chaos, NULL, &err));
    assert_int_equal(count_pools(), 0);
}

static void set(void **state)
{
    const char *name = make_pool("pvh", "", 0);

    (void)state;
    must(chaos_pool_set(world->chaos, name, 5, 3, &err));
    assert_int_equal(info_of(name).size, 5);
    assert_int_equal(info_of(name).low, 3);
    assert_int_equal(chaos_pool_set(world->chaos, name, 2, 3, &err),
                     CHAOS_EINVAL);
    assert_int_equal(
        chaos_pool_set(world->chaos, name, CHAOS_POOL_SIZE_MAX + 1, 0, &err),
        CHAOS_EINVAL);
    assert_int_equal(info_of(name).size, 5);
    must(chaos_pool_set(world->chaos, name, CHAOS_POOL_SIZE_MAX,
                        CHAOS_POOL_SIZE_MAX, &err));
    assert_int_equal(chaos_pool_set(world->chaos, "none", 1, 0, &err),
                     CHAOS_ENOGUEST);
    assert_says("none");
}

static void fill(void **state)
{
    const char *name = make_pool("pvh", devices, 2);

    (void)state;
    assert_int_equal(ready(name), 2);
    assert_int_equal(count_shells(), 2);
    /* Those that are there count. */
    must(chaos_pool_fill(world->chaos, name, 3, &err));
    assert_int_equal(ready(name), 3);
    must(chaos_pool_fill(world->chaos, name, 0, &err));
    must(chaos_pool_fill(world->chaos, name, 1, &err));
    assert_int_equal(ready(name), 3);
    assert_int_equal(info_of(name).size, 2);
    assert_int_equal(count_shells(), 3);
    assert_int_equal(chaos_pool_fill(world->chaos, "none", 1, &err),
                     CHAOS_ENOGUEST);
}

static void drain(void **state)
{
    char small[CHAOS_POOL_NAME_MAX + 1];

    (void)state;
    strcpy(small, make_pool("pv", "", 2));
    make_pool("pvh", devices, 2);
    assert_int_equal(support_count_files(world->run_dir, "shell-"), 2);
    must(chaos_pool_drain(world->chaos, small, &err));
    assert_int_equal(count_pools(), 1);
    assert_int_equal(count_shells(), 2);
    assert_int_equal(support_count_files(world->run_dir, "shell-"), 0);
    assert_int_equal(chaos_pool_drain(world->chaos, small, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos_pool_fill(world->chaos, small, 1, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos_pool_set(world->chaos, small, 1, 0, &err),
                     CHAOS_ENOGUEST);
    must(chaos_pool_drain(world->chaos, NULL, &err));
    assert_int_equal(count_pools(), 0);
    assert_int_equal(support_count_slots(world), 0);
    must(chaos_pool_drain(world->chaos, NULL, &err));
    /* It is a pool as any other then. */
    create("g", devices);
    assert_int_equal(ready(make_pool("pvh", devices, 1)), 1);
    assert_int_equal(info_of(make_pool("pv", "", 0)).size, 0);
}

/* Guests that came from a pool do not go with it. */
static void drain_leaves_guests(void **state)
{
    const char *name = make_pool("pvh", devices, 2);
    uint32_t domid = create("g", devices);

    (void)state;
    must(chaos_pool_drain(world->chaos, name, &err));
    assert_int_equal(find("g"), domid);
    assert_int_equal(fake_backend_count(domid), 2);
    assert_int_equal(support_count_slots(world), 1);
}

/* ----------------------------------------------------------------- counts */

/* Calls of a create that takes a shell: upper bounds, to be lowered when one
 * is saved. */
static const struct support_count warm_pvh[] = {
    { FAKE_HV_OPEN, 1 },          { FAKE_HV_DOMAIN_INFO, 1 },
    { FAKE_HV_MAP, 1 },           { FAKE_HV_UNMAP, 1 },
    { FAKE_HV_PVH_SET_ENTRY, 1 }, { FAKE_HV_DOMAIN_UNPAUSE, 1 },
    { FAKE_HV_CLOSE, 1 },
};
static const struct support_count warm_pvh_devices[] = {
    { FAKE_HV_OPEN, 1 },           { FAKE_HV_DOMAIN_INFO, 1 },
    { FAKE_HV_IS_JOINED, 1 },      { FAKE_HV_HAS_DEVICE, 1 },
    { FAKE_HV_DISK_OPEN, 1 },      { FAKE_HV_FILE_IS_FREE, 1 },
    { FAKE_HV_DISK_BIND, 1 },      { FAKE_HV_DISK_GEOMETRY, 1 },
    { FAKE_HV_DISK_CLOSE, 1 },     { FAKE_HV_MAP, 1 },
    { FAKE_HV_UNMAP, 1 },          { FAKE_HV_PVH_SET_ENTRY, 1 },
    { FAKE_HV_DOMAIN_UNPAUSE, 1 }, { FAKE_HV_CLOSE, 1 },
};
static const struct support_count warm_pv[] = {
    { FAKE_HV_OPEN, 1 },         { FAKE_HV_DOMAIN_INFO, 1 },
    { FAKE_HV_MAP, 1 },          { FAKE_HV_UNMAP, 1 },
    { FAKE_HV_PV_SET_ENTRY, 1 }, { FAKE_HV_DOMAIN_UNPAUSE, 1 },
    { FAKE_HV_CLOSE, 1 },
};
/* Nobody else may have the UUID: all are looked at. */
static const struct support_count warm_pvh_uuid[] = {
    { FAKE_HV_OPEN, 1 },          { FAKE_HV_DOMAIN_INFO, 1 },
    { FAKE_HV_DOMAIN_LIST, 2 },   { FAKE_HV_DOMAIN_SET_HANDLE, 1 },
    { FAKE_HV_MAP, 1 },           { FAKE_HV_UNMAP, 1 },
    { FAKE_HV_PVH_SET_ENTRY, 1 }, { FAKE_HV_DOMAIN_UNPAUSE, 1 },
    { FAKE_HV_CLOSE, 1 },
};

#define WARM(type, more, counts)                                               \
    warm_create_counts(type, more, counts, sizeof(counts) / sizeof(counts[0]))

static void warm_create_counts(const char *type, const char *more,
                               const struct support_count *counts, size_t count)
{
    const char *name = make_pool(type, more, 1);
    enum fake_store_request request;
    uint32_t shell = first_shell(), domid;

    support_reopen(world);
    chaos_close(world->chaos);
    fake_hv_reset_counts();
    world->chaos = support_open(world);
    domid = create_type("g", type, more);
    chaos_close(world->chaos);
    support_assert_counts(counts, count);
    for (request = 0; request < FAKE_STORE_REQUESTS; request++)
        assert_int_equal(fake_store_count(request), 0);
    world->chaos = support_open(world);
    assert_int_equal(domid, shell);
    assert_int_equal(ready(name), 0);
    destroy(domid);
    must(chaos_pool_drain(world->chaos, NULL, &err));
}

static void counts_of_a_warm_create(void **state)
{
    (void)state;
    WARM("pvh", "", warm_pvh);
    WARM("pvh", devices, warm_pvh_devices);
    WARM("pvh", own_devices, warm_pvh_devices);
    WARM("pv", "", warm_pv);
    WARM("pvh", "uuid=\"" A_UUID "\"\n", warm_pvh_uuid);
}

/* ------------------------------------------------- what the guest finds */

struct found {
    struct fake_hv_domain domain;
    uint8_t *memory;
    struct chaos__slot slot;
    struct chaos_guest_info info;
    struct chaos_device_info *devices;
    size_t device_count;
    char *config;
};

static void read_memory(struct found *found)
{
    uint64_t start = found->domain.pvh ? found->domain.extents[0].first
                                       : found->domain.extents[0].machine;

    found->memory = malloc(MEMORY_SIZE);
    assert_non_null(found->memory);
    assert_int_equal(found->domain.extent_count, 1);
    assert_true(fake_hv_read(found->info.domid, start * CHAOS__PAGE_SIZE,
                             found->memory, MEMORY_SIZE));
}

static void look_at(const char *name, uint32_t domid, struct found *found)
{
    struct chaos_config *config;

    memset(found, 0, sizeof(*found));
    found->domain = fake_hv_domain(domid);
    found->slot = support_slot(world, name);
    must(chaos_guest_info(world->chaos, domid, &found->info, &err));
    must(chaos_guest_devices(world->chaos, domid, CHAOS_DEVICES_STATE,
                             &found->devices, &found->device_count, &err));
    must(chaos_guest_config(world->chaos, domid, &config, &err));
    must(chaos_config_format(config, &found->config, &err));
    chaos_config_free(config);
    read_memory(found);
}

static void forget(struct found *found)
{
    free(found->memory);
    free(found->devices);
    free(found->config);
}

#define SAME(field)                                                            \
    do {                                                                       \
        if (memcmp(&cold->field, &warm->field, sizeof(cold->field)) != 0)      \
            fail_msg("a guest from a shell differs in " #field);               \
    } while (0)

static void assert_same_domain(const struct found *cold,
                               const struct found *warm)
{
    unsigned i;

    SAME(domain.pvh);
    SAME(domain.paused);
    SAME(domain.has_policy);
    SAME(domain.has_entry);
    SAME(domain.handle);
    SAME(domain.vcpus);
    SAME(domain.max_event_channels);
    SAME(domain.max_grant_frames);
    SAME(domain.pages);
    SAME(domain.max_pages);
    SAME(domain.pool_kb);
    SAME(domain.has_param);
    SAME(domain.params);
    SAME(domain.region_count);
    for (i = 0; i < cold->domain.region_count; i++) {
        SAME(domain.regions[i].start);
        SAME(domain.regions[i].size);
        SAME(domain.regions[i].ram);
    }
    SAME(domain.entry);
    SAME(domain.start_info);
    SAME(domain.ports);
    SAME(domain.grants);
    SAME(domain.kept_pages);
    SAME(domain.is_pinned);
    SAME(domain.pinned);
    SAME(domain.is_soft);
    SAME(domain.soft);
    SAME(domain.weight);
    SAME(domain.cap);
    SAME(domain.ramdisk_size);
    SAME(domain.ramdisk_sum);
    SAME(domain.command_line);
    SAME(domain.console_port);
    SAME(domain.store_port);
    SAME(domain.console_frame);
    SAME(domain.store_frame);
    SAME(domain.shared_frame);
    SAME(domain.table_frame);
    SAME(domain.hypercall_frame);
    SAME(domain.moved_count);
}

static void assert_same_slot(const struct found *cold, const struct found *warm)
{
    SAME(slot.state);
    SAME(slot.domid);
    SAME(slot.uuid);
    SAME(slot.name);
    SAME(slot.renaming);
    SAME(slot.type);
    SAME(slot.on_poweroff);
    SAME(slot.on_reboot);
    SAME(slot.on_crash);
    SAME(slot.vcpus);
    SAME(slot.memory_kb);
    SAME(slot.console_frame);
    SAME(slot.control_frame);
    SAME(slot.device_frame);
    SAME(slot.console_port);
    SAME(slot.control_port);
    SAME(slot.has_config);
    SAME(slot.has_frames);
    SAME(slot.are_connected);
    SAME(slot.has_shell_uuid);
    assert_in_range(warm->slot.created_s, time(NULL) - 60, time(NULL));
}

/* But for the loop device, which is one of those that shells have. */
static void assert_same_devices(const struct found *cold,
                                const struct found *warm)
{
    struct chaos_device_info *a = cold->devices, *b = warm->devices;
    size_t i;

    assert_int_equal(warm->device_count, cold->device_count);
    for (i = 0; i < cold->device_count; i++) {
        assert_true((a[i].loop < 0) == (b[i].loop < 0));
        b[i].loop = a[i].loop;
        b[i].minor = a[i].minor;
        if (memcmp(&a[i], &b[i], sizeof(a[i])) != 0)
            fail_msg("device %zu differs", i);
    }
}

static void assert_same_memory(const struct found *cold,
                               const struct found *warm)
{
    size_t at;

    for (at = 0; at < MEMORY_SIZE; at += CHAOS__PAGE_SIZE)
        if (memcmp(cold->memory + at, warm->memory + at, CHAOS__PAGE_SIZE))
            fail_msg("memory differs in page 0x%zx", at / CHAOS__PAGE_SIZE);
}

static void assert_same(struct found *cold, struct found *warm)
{
    assert_same_domain(cold, warm);
    assert_same_memory(cold, warm);
    assert_same_slot(cold, warm);
    assert_same_devices(cold, warm);
    assert_string_equal(cold->config, warm->config);
    cold->info.created_s = warm->info.created_s;
    SAME(info);
}

/* The same host again, with nothing on it. */
static void start_anew(void)
{
    must(chaos_pool_drain(world->chaos, NULL, &err));
    chaos_close(world->chaos);
    fake_hv_reset();
    fake_hv_set_poison(true);
    world->chaos = support_open(world);
}

static void compare(const char *type, const char *more)
{
    struct found cold, warm;
    uint32_t domid;

    start_anew();
    domid = create_type("g", type, more);
    look_at("g", domid, &cold);
    destroy(domid);
    start_anew();
    make_pool(type, more, 1);
    assert_int_equal(first_shell(), domid);
    fake_hv_reset_counts();
    assert_int_equal(create_type("g", type, more), domid);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
    look_at("g", domid, &warm);
    assert_same(&cold, &warm);
    destroy(domid);
    forget(&cold);
    forget(&warm);
}

#define SETTINGS                                                               \
    "uuid=\"" A_UUID "\"\ncmdline=\"to be or not\"\nvcpus=2\n"                 \
    "cpus=[\"1\",\"2-3\"]\non_poweroff=\"preserve\"\n"                         \
    "on_reboot=\"destroy\"\non_crash=\"restart\"\nmaxmem=8\n"                  \
    "max_event_channels=200\nmax_grant_frames=5\n"

static void guests_are_the_same(void **state)
{
    static const char *const types[] = { "pvh", "pv" };
    char more[2048];
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        compare(types[i], "uuid=\"" A_UUID "\"\n");
        snprintf(more, sizeof(more), SETTINGS "ramdisk=\"%s\"\n%s",
                 world->ramdisk, own_devices);
        compare(types[i], more);
        snprintf(more, sizeof(more),
                 SETTINGS "vif=['mac=00:16:3e:01:02:03,mtu=1000','rate=1MB/s,"
                          "mac=00:16:3e:01:02:04,ip=10.0.0.1']\n"
                          "disk=['%s,raw,xvdb,r','%s,raw,xvda,w!']\n",
                 disk, other_disk);
        compare(types[i], more);
    }
}

/* What the guest does not choose it has of the shell. */
static void keeps_what_it_does_not_choose(void **state)
{
    struct chaos__device before, after;
    struct chaos_device_info *list;
    struct fake_hv_domain shell;
    uint32_t domid;
    size_t count;

    (void)state;
    make_pool("pvh", devices, 1);
    domid = first_shell();
    shell = fake_hv_domain(domid);
    read_device(domid, CHAOS__DEVICE_NET, &before);
    assert_memory_equal(before.mac, "\x00\x16\x3e", 3);
    assert_int_equal(create("g", devices), domid);
    read_device(domid, CHAOS__DEVICE_NET, &after);
    assert_memory_equal(after.mac, before.mac, sizeof(after.mac));
    assert_memory_equal(fake_hv_domain(domid).handle, shell.handle, 16);
    assert_memory_equal(support_slot(world, "g").uuid, shell.handle, 16);
    must(chaos_guest_devices(world->chaos, domid, 0, &list, &count, &err));
    assert_int_equal(count, 2);
    assert_memory_equal(list[0].mac, before.mac, sizeof(before.mac));
    assert_string_equal(list[1].target, disk);
    free(list);
}

static void has_the_uuid_that_it_chooses(void **state)
{
    uint32_t domid;

    (void)state;
    make_pool("pvh", devices, 1);
    domid = create("g", "uuid=\"" A_UUID "\"\n" /* no devices */);
    assert_int_equal(count_shells(), 1);
    destroy(domid);
    domid = first_shell();
    strcat(own_devices, "uuid=\"" A_UUID "\"\n");
    assert_int_equal(create("g", own_devices), domid);
    assert_memory_equal(fake_hv_domain(domid).handle, a_uuid, 16);
    support_reopen(world);
    assert_int_equal(find("g"), domid);
}

/* A guest that came from a shell lives on as any other. */
static void lives_on(void **state)
{
    struct chaos__device mac, again;
    const char *name = make_pool("pvh", devices, 2);
    uint32_t domid = create("g", devices), next;

    (void)state;
    read_device(domid, CHAOS__DEVICE_NET, &mac);
    must(chaos_guest_rename(world->chaos, domid, "h", &err));
    must(chaos_guest_pause(world->chaos, domid, &err));
    must(chaos_guest_unpause(world->chaos, domid, &err));
    must(chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err));
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(ready(name), 1);
    assert_int_equal(count_shells(), 0); /* looks, and restarts it */
    next = find("h");
    assert_int_not_equal(next, 0);
    assert_int_not_equal(next, domid);
    assert_false(fake_hv_domain(domid).exists);
    assert_int_equal(fake_backend_count(next), 2);
    read_device(next, CHAOS__DEVICE_NET, &again);
    assert_memory_equal(again.mac, mac.mac, sizeof(mac.mac));
}

/* It starts again from a shell, and without when there is none. */
static void restarts_from_shells(void **state)
{
    static const char *const types[] = { "pvh", "pv" };
    const char *name;
    uint32_t domid, shell;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        name = make_pool(types[i], own_devices, 2);
        domid = create_type("g", types[i], own_devices);
        shell = first_shell();
        fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
        assert_int_equal(count_shells(), 0);
        assert_int_equal(find("g"), shell);
        assert_int_equal(ready(name), 0);
        fake_hv_shut_down(shell, CHAOS__SHUTDOWN_REBOOT);
        assert_int_equal(count_shells(), 0);
        assert_int_not_equal(find("g"), shell);
        destroy(find("g"));
    }
}

static void can_be_left_paused(void **state)
{
    uint32_t domid;

    (void)state;
    make_pool("pvh", "", 1);
    must(try_create_with("g", "pvh", "", CHAOS_CREATE_PAUSED, &domid));
    assert_true(fake_hv_domain(domid).paused);
    assert_true(fake_hv_domain(domid).has_entry);
    assert_int_equal(support_slot(world, "g").state, CHAOS__SLOT_RUNNING);
}

/* ------------------------------------------------------------- conflicts */

static void refuses(const char *name, const char *more, int code,
                    const char *says)
{
    unsigned shells = count_shells();

    memset(&err, 0, sizeof(err));
    assert_int_equal(try_create(name, more), code);
    assert_int_equal(err.code, code);
    assert_says(says);
    if (count_shells() != shells)
        fail_msg("\"%s\" cost a shell", err.message);
}

static void what_others_have_is_refused(void **state)
{
    const char *name = make_pool("pvh", devices, 2);
    struct chaos *refused;
    uint32_t domid;
    char more[512];

    (void)state;
    strcat(own_devices, "uuid=\"" A_UUID "\"\n");
    domid = create("g", own_devices);
    write_devices(more, sizeof(more), "", other_disk);
    refuses("g", more, CHAOS_EEXIST, "g: the name is taken");
    strcat(more, "uuid=\"" A_UUID "\"\n");
    refuses("h", more, CHAOS_EEXIST, "UUID");
    write_devices(more, sizeof(more), "mac=00:16:3e:01:02:03", other_disk);
    refuses("h", more, CHAOS_EEXIST, "mac=00:16:3e:01:02:03: g has");
    write_devices(more, sizeof(more), "", disk);
    refuses("h", more, CHAOS_EBUSY, "of g is on the same file");
    assert_int_equal(ready(name), 1);
    assert_int_equal(find("h"), 0);
    assert_int_equal(find("g"), domid);
    /* The shells are none the worse for it, to others either. */
    write_devices(more, sizeof(more), "", other_disk);
    fake_hv_reset_counts();
    refused = world->chaos;
    world->chaos = support_open(world);
    create("h", more);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
    chaos_close(refused);
}

/* They have ended, and nobody has noticed. */
static void what_the_dead_had_is_free(void **state)
{
    char more[512];
    uint32_t domid, shell;

    (void)state;
    make_pool("pvh", devices, 2);
    strcat(own_devices, "uuid=\"" A_UUID "\"\n");
    domid = create("g", own_devices);
    shell = first_shell();
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    assert_int_equal(create("g", own_devices), shell);
    assert_false(fake_hv_domain(domid).exists);
    destroy(shell);
    /* Name and disk are two guests'. */
    must(chaos_pool_fill(world->chaos, make_pool("pvh", devices, 0), 1, &err));
    shell = first_shell();
    domid = create("a", "");
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    write_devices(more, sizeof(more), "", disk);
    must(try_create_with("b", "pvh", more, CHAOS_CREATE_COLD, &domid));
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    fake_hv_reset_counts();
    assert_int_equal(create("a", more), shell);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
}

/* One that is to start again has what it had. */
static void what_restarts_is_not_free(void **state)
{
    uint32_t domid, shell;

    (void)state;
    make_pool("pvh", devices, 2);
    domid = create("g", own_devices);
    shell = first_shell();
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(try_create("g", own_devices), CHAOS_EEXIST);
    assert_int_equal(find("g"), shell);
    fake_hv_shut_down(shell, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(try_create("h", own_devices), CHAOS_EEXIST);
    assert_int_not_equal(find("g"), 0);
    assert_int_equal(find("h"), 0);
}

static void two_disks_on_one_file(void **state)
{
    char more[1024];

    (void)state;
    snprintf(more, sizeof(more), "disk=['%s,raw,xvda,rw','%s,raw,xvdb,rw']\n",
             disk, other_disk);
    make_pool("pvh", more, 1);
    snprintf(more, sizeof(more), "disk=['%s,raw,xvda,rw','%s,raw,xvdb,rw']\n",
             disk, disk);
    refuses("g", more, CHAOS_EBUSY, "this guest");
    snprintf(more, sizeof(more), "disk=['%s,raw,xvda,w!','%s,raw,xvdb,w!']\n",
             disk, disk);
    assert_int_equal(count_shells(), 1);
    create("g", more);
    assert_int_equal(count_shells(), 0);
}

/* Many may read a disk, from shells and without. */
static void readers_share(void **state)
{
    char more[512];

    (void)state;
    snprintf(more, sizeof(more), "disk=['%s,raw,xvda,r']\n", disk);
    make_pool("pvh", more, 2);
    create("a", more);
    create("b", more);
    create("c", more);
    assert_int_equal(count_shells(), 0);
    assert_int_equal(try_create("d", devices), CHAOS_EBUSY);
}

/* A guest that chooses the MAC of a shell. */
static void chooses_mac_of(uint32_t shell, char *more, size_t size)
{
    struct chaos__device device;
    char vif[64];

    read_device(shell, CHAOS__DEVICE_NET, &device);
    snprintf(vif, sizeof(vif), "mac=00:16:3e:%02x:%02x:%02x", device.mac[3],
             device.mac[4], device.mac[5]);
    write_devices(more, size, vif, disk);
}

static void shells_have_macs(void **state)
{
    uint32_t shells[SHELLS_MAX];
    char more[512];

    (void)state;
    make_pool("pvh", devices, 2);
    assert_int_equal(find_shells(shells), 2);
    chooses_mac_of(shells[1], more, sizeof(more));
    refuses("g", more, CHAOS_EEXIST, ": a shell has this address");
    /* But that of the shell that it takes it can have. */
    chooses_mac_of(shells[0], more, sizeof(more));
    assert_int_equal(create("g", more), shells[0]);
}

/* -------------------------------------------------------------- no match */

static void makes_cold(const char *more, unsigned flags)
{
    unsigned shells = count_shells();
    uint32_t domid;

    fake_hv_reset_counts();
    must(try_create_with("g", "pvh", more, flags, &domid));
    if (fake_hv_count(FAKE_HV_DOMAIN_CREATE) != 1 || count_shells() != shells)
        fail_msg("\"%s\" was made from a shell", more);
    destroy(domid);
}

static void other_flavors_are_made_cold(void **state)
{
    char more[1024];

    (void)state;
    make_pool("pvh", devices, 1);
    make_pool("pv", devices, 1);
    make_pool("pvh", "", 1);
    fake_dom0_add_bridge("other", 1500);
    fake_dom0_add_device("/dev/sdz", 8, 16, 4096);
    makes_cold("memory=8\n", 0);
    makes_cold("vcpus=2\n", 0);
    makes_cold("", CHAOS_CREATE_COLD);
    makes_cold(devices, CHAOS_CREATE_COLD);
    write_devices(more, sizeof(more), "bridge=other", disk);
    makes_cold(more, 0);
    write_devices(more, sizeof(more), "vifname=web", disk);
    makes_cold(more, 0);
    write_devices(more, sizeof(more), "", "/dev/sdz");
    makes_cold(more, 0);
    snprintf(more, sizeof(more), "vif=['']\ndisk=['%s,raw,xvda,r']\n", disk);
    makes_cold(more, 0);
    snprintf(more, sizeof(more), "vif=['']\n");
    makes_cold(more, 0);
    assert_int_equal(count_shells(), 3);
}

static void kernels_without_noxs_are_made_cold(void **state)
{
    struct chaos_config *config =
        support_config(world, "g", "pvh", world->plain_kernel, "");

    (void)state;
    make_pool("pvh", "", 1);
    must(chaos_guest_create(world->chaos, config, 0, NULL, &err));
    assert_int_equal(count_shells(), 1);
    must(try_add("pvh", world->plain_kernel, "", "plain", NULL));
    must(chaos_pool_fill(world->chaos, "plain", 1, &err));
    assert_int_equal(count_shells(), 2);
    destroy(find("g"));
    must(chaos_guest_create(world->chaos, config, 0, NULL, &err));
    assert_int_equal(count_shells(), 1);
    assert_int_equal(ready("plain"), 0);
    chaos_config_free(config);
}

/* ------------------------------------------------------------ aged shells */

static void vanish(uint32_t domid)
{
    fake_hv_vanish(domid);
}

/* Another toolstack has the domid by now. */
static void is_replaced(uint32_t domid)
{
    static const uint8_t handle[16] = { 0xf0 };

    fake_hv_vanish(domid);
    fake_hv_set_next_domid(domid);
    assert_int_equal(fake_hv_add_foreign(NULL, handle), domid);
}

/* What the shell had under this domid was its successor's to remove. */
static void is_replaced_no_more(uint32_t domid)
{
    char path[64];

    fake_hv_vanish(domid);
    snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u", domid);
    fake_store_remove(path);
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u", domid);
    fake_store_remove(path);
}

static void leaves_its_bridge(uint32_t domid)
{
    char name[32];

    snprintf(name, sizeof(name), "vif%u.0", domid);
    fake_dom0_take_off(name);
}

static void loses_its_back_end(uint32_t domid)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u", domid);
    fake_store_remove(path);
}

static void loses_its_loop(uint32_t domid)
{
    struct chaos__device device;

    read_device(domid, CHAOS__DEVICE_BLOCK, &device);
    fake_dom0_take_loop(device.loop);
}

static void is_of_another_version(uint32_t domid)
{
    struct chaos__registry *registry = open_registry();

    chaos__registry_by_domid(registry, domid)->maker++;
    chaos__registry_close(registry);
}

static void has_shut_down(uint32_t domid)
{
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
}

/* Of PV shells alone. */
static void loses_its_frames(uint32_t domid)
{
    struct chaos__registry *registry = open_registry();
    char name[64], *path;

    snprintf(name, sizeof(name), "shell-%u.frames",
             chaos__registry_number(registry,
                                    chaos__registry_by_domid(registry, domid)));
    path = support_path(world->run_dir, name);
    support_write_file(path, "short", 5);
    free(path);
    chaos__registry_close(registry);
}

static const struct {
    const char *name;
    void (*age)(uint32_t domid);
    bool pv_alone, stays;
} ages[] = {
    { "its domain has gone", vanish, false, false },
    { "another domain has its domid", is_replaced, false, true },
    { "its interface left the bridge", leaves_its_bridge, false, false },
    { "its back end has gone", loses_its_back_end, false, false },
    { "its loop device was taken", loses_its_loop, false, false },
    { "another version made it", is_of_another_version, false, false },
    { "it has shut down", has_shut_down, false, false },
    { "its frames are lost", loses_its_frames, true, false },
};

#define AGES (sizeof(ages) / sizeof(ages[0]))

/* Whole: its back ends, and an interface on its bridge. */
static void assert_well(uint32_t domid)
{
    struct fake_interface interface;
    char name[32];

    snprintf(name, sizeof(name), "vif%u.0", domid);
    assert_int_equal(fake_backend_count(domid), 2);
    assert_true(fake_dom0_interface(name, &interface));
    assert_string_equal(interface.bridge, "xenbr0");
    assert_true(interface.is_up);
}

/* The aged shell is undone, and what it was is not there any more. */
static void ages_and_is_skipped(size_t i, const char *type, unsigned others)
{
    const char *name = make_pool(type, devices, 1 + others);
    uint32_t shells[SHELLS_MAX], domid;

    assert_int_equal(find_shells(shells), 1 + others);
    ages[i].age(shells[0]);
    fake_hv_reset_counts();
    domid = create_type("g", type, own_devices);
    if (others ? domid != shells[1] : domid == shells[0])
        fail_msg("%s: %s guest is domain %u", ages[i].name, type, domid);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), !others);
    assert_int_equal(fake_hv_domain(shells[0]).exists, ages[i].stays);
    assert_well(domid);
    assert_int_equal(ready(name), others ? others - 1 : 0);
    assert_int_equal(support_count_slots(world), others ? others : 1);
    destroy(domid);
    must(chaos_pool_drain(world->chaos, NULL, &err));
    if (ages[i].stays)
        is_replaced_no_more(shells[0]);
}

static void aged_shells_are_skipped(void **state)
{
    static const char *const types[] = { "pvh", "pv" };
    size_t i, n;

    (void)state;
    for (i = 0; i < AGES; i++)
        for (n = ages[i].pv_alone; n < 2; n++)
            ages_and_is_skipped(i, types[n], 2);
}

static void aged_shells_make_creates_cold(void **state)
{
    static const char *const types[] = { "pvh", "pv" };
    size_t i, n;

    (void)state;
    for (i = 0; i < AGES; i++)
        for (n = ages[i].pv_alone; n < 2; n++)
            ages_and_is_skipped(i, types[n], 0);
}

/* Of several disks the first is bound when the second turns out to be lost. */
static void one_of_its_loops_is_lost(unsigned shells)
{
    struct chaos__registry *registry;
    struct chaos__device *device;
    char more[1024];
    uint32_t aged;

    snprintf(more, sizeof(more), "disk=['%s,raw,xvda,rw','%s,raw,xvdb,rw']\n",
             disk, other_disk);
    make_pool("pvh", more, shells);
    aged = first_shell();
    registry = open_registry();
    device = chaos__registry_next_device(
        registry, chaos__registry_by_domid(registry, aged), NULL);
    device = chaos__registry_next_device(
        registry, chaos__registry_by_domid(registry, aged), device);
    fake_dom0_take_loop(device->loop);
    chaos__registry_close(registry);
    assert_int_not_equal(create("g", more), aged);
    assert_int_equal(fake_backend_count(find("g")), 2);
    assert_false(fake_hv_domain(aged).exists);
    destroy(find("g"));
    must(chaos_pool_drain(world->chaos, NULL, &err));
}

static void some_disks_are_bound(void **state)
{
    (void)state;
    one_of_its_loops_is_lost(1);
    one_of_its_loops_is_lost(2);
}

/* That is not the shells' fault, of which none would do. */
static void others_use_its_disk(void **state)
{
    uint32_t shells[SHELLS_MAX];
    struct chaos_config *config;

    (void)state;
    make_pool("pvh", devices, 3);
    fake_dom0_use_files(FAKE_FILE_WRITTEN);
    config = support_config(world, "g", "pvh", world->noxs_kernel, devices);
    assert_int_equal(chaos_guest_create(world->chaos, config, 0, NULL, &err),
                     CHAOS_EBUSY);
    chaos_config_free(config);
    assert_non_null(strstr(err.message, "is open elsewhere"));
    assert_int_equal(find_shells(shells), 2);
    fake_dom0_use_files(FAKE_FILE_UNUSED);
    must(chaos_pool_drain(world->chaos, NULL, &err));
}

/* The disk of a guest is not kept from it by the shell that it did not get,
 * whose back ends have not let go yet. */
static void late_back_ends_of_aged_shells(void **state)
{
    uint32_t shells[SHELLS_MAX];

    (void)state;
    make_pool("pvh", devices, 2);
    assert_int_equal(find_shells(shells), 2);
    loses_its_loop(shells[0]);
    fake_backend_set_lag(12);
    assert_int_equal(create("g", own_devices), shells[1]);
    fake_backend_set_lag(0);
    assert_well(shells[1]);
    must(support_list(world->chaos, &err));
    assert_false(fake_hv_domain(shells[0]).exists);
}

/* Nobody needs to be told. */
static void errors_need_no_room(void **state)
{
    struct chaos_config *config;

    (void)state;
    make_pool("pvh", devices, 1);
    loses_its_loop(first_shell());
    config = support_config(world, "g", "pvh", world->noxs_kernel, devices);
    assert_int_equal(chaos_guest_create(world->chaos, config, 0, NULL, NULL),
                     0);
    chaos_config_free(config);
}

/* Aged shells that nobody takes go with a look. */
static void lists_forget_what_has_gone(void **state)
{
    const char *name = make_pool("pvh", devices, 2);

    (void)state;
    fake_hv_vanish(first_shell());
    assert_int_equal(count_shells(), 1);
    assert_int_equal(ready(name), 1);
    assert_int_equal(support_count_slots(world), 1);
}

/* ---------------------------------------------------------------- refills */

static void refills_when_low(void **state)
{
    const char *name = make_pool("pvh", devices, 4);
    char more[512];

    (void)state;
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
    must(chaos_pool_set(world->chaos, name, 4, 3, &err));
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
    create("a", devices);
    assert_int_equal(ready(name), 3);
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
    chaos_pool_refill(world->chaos);
    assert_int_equal(ready(name), 3); /* as low as it may be */
    write_devices(more, sizeof(more), "", other_disk);
    create("b", more);
    assert_int_equal(chaos_pool_is_low(world->chaos), 1);
    chaos_pool_refill(world->chaos);
    assert_int_equal(ready(name), 4); /* not only as low */
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
}

/* A context that has seen nothing yet asks nobody. */
static void new_contexts_are_not_low(void **state)
{
    const char *name = make_pool("pvh", "", 0);

    (void)state;
    must(chaos_pool_set(world->chaos, name, 2, 1, &err));
    assert_int_equal(chaos_pool_is_low(world->chaos), 1);
    support_reopen(world);
    fake_hv_reset_counts();
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
    assert_int_equal(fake_hv_count_all(), 0);
    chaos_pool_refill(world->chaos);
    assert_int_equal(ready(name), 2);
}

static void low_0_is_never_refilled(void **state)
{
    const char *name = make_pool("pvh", "", 1);

    (void)state;
    create("g", "");
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
    chaos_pool_refill(world->chaos);
    assert_int_equal(ready(name), 0);
    create("h", "");
}

static void one_fills_at_a_time(void **state)
{
    const char *name = make_pool("pvh", "", 0);
    struct chaos__registry *registry = open_registry();
    struct chaos__pool *pool = chaos__pool_by_name(registry, name);
    char other[CHAOS_POOL_NAME_MAX + 1];

    (void)state;
    must(chaos_pool_set(world->chaos, name, 2, 2, &err));
    assert_true(chaos__pool_begin_fill(registry, pool));
    assert_int_equal(chaos_pool_fill(world->chaos, name, 1, &err), CHAOS_EBUSY);
    assert_says(name);
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
    chaos_pool_refill(world->chaos);
    assert_int_equal(ready(name), 0);
    assert_int_equal(info_of(name).failures, 0);
    /* Another pool is another matter, and a create is made all the same. */
    must(try_add("pv", world->noxs_kernel, "", NULL, other));
    must(chaos_pool_fill(world->chaos, other, 1, &err));
    create("g", "");
    chaos__pool_end_fill(registry, pool);
    assert_int_equal(chaos_pool_is_low(world->chaos), 1);
    chaos_pool_refill(world->chaos);
    assert_int_equal(ready(name), 2);
    chaos__registry_close(registry);
}

/* Its time has come. */
static void let_time_pass(const char *name)
{
    struct chaos__registry *registry = open_registry();

    chaos__pool_by_name(registry, name)->retry_s = 1;
    chaos__registry_close(registry);
}

static void fails_to_fill(const char *name, unsigned failures, unsigned seconds)
{
    uint64_t before_s = (uint64_t)time(NULL);
    struct chaos_pool_info info;

    fake_hv_fail_next(FAKE_HV_POPULATE, CHAOS_ENOMEM);
    chaos_pool_refill(world->chaos);
    info = info_of(name);
    assert_int_equal(info.ready, 0);
    assert_int_equal(info.failures, failures);
    assert_non_null(strstr(info.error, "populate"));
    assert_in_range(info.retry_s, before_s + seconds,
                    (uint64_t)time(NULL) + seconds);
    assert_int_equal(chaos_pool_is_low(world->chaos), 0);
}

static void failures_are_told_and_tried_again(void **state)
{
    const char *name = make_pool("pvh", devices, 0);
    unsigned n;

    (void)state;
    must(chaos_pool_set(world->chaos, name, 2, 1, &err));
    for (n = 1; n <= 8; n++) {
        fails_to_fill(name, n, n < 6 ? 1u << n : 64);
        chaos_pool_refill(world->chaos); /* too early */
        assert_int_equal(info_of(name).failures, n);
        assert_int_equal(ready(name), 0);
        let_time_pass(name);
        assert_int_equal(chaos_pool_is_low(world->chaos), 1);
    }
    chaos_pool_refill(world->chaos);
    assert_int_equal(ready(name), 2);
    assert_int_equal(info_of(name).failures, 0);
    assert_int_equal(info_of(name).retry_s, 0);
    assert_string_equal(info_of(name).error, "");
}

/* Who fills by hand need not wait, and is told what is wrong. */
static void filling_by_hand_fails_aloud(void **state)
{
    const char *name = make_pool("pvh", devices, 1);

    (void)state;
    fake_backend_set_mood(FAKE_VBD, FAKE_BACKEND_REFUSES);
    assert_true(chaos_pool_fill(world->chaos, name, 3, &err) < 0);
    assert_int_equal(support_count_slots(world), 1);
    assert_says(name);
    assert_says("the test's refusal");
    assert_int_equal(ready(name), 1); /* what there was stays */
    assert_int_equal(info_of(name).failures, 1);
    fake_backend_set_mood(FAKE_VBD, FAKE_BACKEND_WILLING);
    must(chaos_pool_fill(world->chaos, name, 3, &err));
    assert_int_equal(ready(name), 3);
    assert_int_equal(info_of(name).failures, 0);
}

/* Creates go on whatever is wrong with the pool. */
static void failures_are_no_creates(void **state)
{
    const char *name = make_pool("pvh", devices, 1);

    (void)state;
    must(chaos_pool_set(world->chaos, name, 2, 2, &err));
    fake_hv_fail_next(FAKE_HV_LOOP_RESERVE, CHAOS_EBUSY);
    chaos_pool_refill(world->chaos);
    assert_int_equal(info_of(name).failures, 1);
    create("a", devices);
    assert_int_equal(ready(name), 0);
    write_devices(own_devices, sizeof(own_devices), "", other_disk);
    create("b", own_devices);
}

static void bridges_that_have_gone(void **state)
{
    const char *name;

    (void)state;
    fake_dom0_add_bridge("other", 1500);
    name = make_pool("pvh", "vif=['bridge=other']\n", 0);
    fake_dom0_remove_bridge("other");
    assert_int_equal(chaos_pool_fill(world->chaos, name, 1, &err),
                     CHAOS_EINVAL);
    assert_says("bridge=other");
    assert_int_equal(support_count_slots(world), 0);
}

/* ------------------------------------------------------ shells, no guests */

static void assert_refused(int rc)
{
    assert_int_equal(rc, CHAOS_ENOTSUP);
    assert_int_equal(err.code, CHAOS_ENOTSUP);
    assert_says("shell");
    assert_says("chaos pool drain");
    memset(&err, 0, sizeof(err));
}

static void shells_are_no_guests(void **state)
{
    const char *pool = make_pool("pvh", devices, 1);
    uint32_t domid = first_shell();
    struct chaos_guest_control control;
    struct chaos_device_info *list;
    struct chaos_console *console;
    struct chaos_guest_info info;
    struct chaos_config *config;
    struct chaos *chaos = world->chaos;
    enum chaos_guest_end end;
    size_t count;

    (void)state;
    assert_refused(chaos_guest_destroy(chaos, domid, &err));
    assert_refused(chaos_guest_pause(chaos, domid, &err));
    assert_refused(chaos_guest_unpause(chaos, domid, &err));
    assert_refused(chaos_guest_rename(chaos, domid, "g", &err));
    assert_refused(
        chaos_guest_shutdown(chaos, domid, CHAOS_END_POWEROFF, &err));
    assert_refused(chaos_guest_control(chaos, domid, &control, &err));
    assert_refused(chaos_guest_config(chaos, domid, &config, &err));
    assert_refused(chaos_guest_devices(chaos, domid, 0, &list, &count, &err));
    assert_refused(chaos_guest_wait(chaos, domid, 0, &end, &err));
    assert_refused(chaos_guest_wait_up(chaos, domid, 0, &err));
    assert_refused(chaos_console_open(chaos, domid, &console, &err));
    must(chaos_guest_info(chaos, domid, &info, &err));
    assert_int_equal(info.is_shell, 1);
    assert_int_equal(info.is_chaos, 1);
    assert_string_equal(info.name, "");
    assert_true(fake_hv_domain(domid).paused);
    assert_int_equal(ready(pool), 1);
    assert_int_equal(create("g", devices), domid);
    must(chaos_guest_info(chaos, domid, &info, &err));
    assert_int_equal(info.is_shell, 0);
}

/* Found by its domid as any domain is, but under no name. */
static void shells_have_no_names(void **state)
{
    char number[16];

    (void)state;
    make_pool("pvh", "", 1);
    snprintf(number, sizeof(number), "%u", first_shell());
    assert_int_equal(find(number), first_shell());
    assert_int_equal(find(""), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(add_and_list),
        TEST(kernels_tell_what_they_speak),
        TEST(a_flavor_has_one_pool),
        TEST(names_of_pools),
        TEST(interfaces_with_names_have_no_pool),
        TEST(there_is_room_for_63),
        TEST(set),
        TEST(fill),
        TEST(drain),
        TEST(drain_leaves_guests),
        TEST(counts_of_a_warm_create),
        TEST(guests_are_the_same),
        TEST(keeps_what_it_does_not_choose),
        TEST(has_the_uuid_that_it_chooses),
        TEST(lives_on),
        TEST(restarts_from_shells),
        TEST(can_be_left_paused),
        TEST(what_others_have_is_refused),
        TEST(what_the_dead_had_is_free),
        TEST(what_restarts_is_not_free),
        TEST(two_disks_on_one_file),
        TEST(readers_share),
        TEST(shells_have_macs),
        TEST(other_flavors_are_made_cold),
        TEST(kernels_without_noxs_are_made_cold),
        TEST(aged_shells_are_skipped),
        TEST(aged_shells_make_creates_cold),
        TEST(some_disks_are_bound),
        TEST(others_use_its_disk),
        TEST(late_back_ends_of_aged_shells),
        TEST(errors_need_no_room),
        TEST(lists_forget_what_has_gone),
        TEST(refills_when_low),
        TEST(new_contexts_are_not_low),
        TEST(low_0_is_never_refilled),
        TEST(one_fills_at_a_time),
        TEST(failures_are_told_and_tried_again),
        TEST(filling_by_hand_fails_aloud),
        TEST(failures_are_no_creates),
        TEST(bridges_that_have_gone),
        TEST(shells_are_no_guests),
        TEST(shells_have_no_names),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
