/* SPDX-License-Identifier: MIT */
/* Guests with network interfaces and disks, on the fake hypervisor with the
 * fake back ends: what the guest finds, what dom0 has, what is left. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "noxs/abi/noxs.h"
#include "support.h"

#include "build/device_page.h"
#include "build/shell.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define A_UUID "11111111-2222-3333-4444-555555555555"
#define DISK_SECTORS 2048

static struct support_world *world;
static char *disk; /* a file of DISK_SECTORS */
static char vif_and_vbd[512];

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk", DISK_SECTORS * 512);
    snprintf(vif_and_vbd, sizeof(vif_and_vbd),
             "vif=['mac=00:16:3e:01:02:03,ip=10.1.2.3/16,gw=10.1.0.1']\n"
             "disk=['%s,raw,xvda,rw']\n",
             disk);
    return 0;
}

/* Whatever a test did: destroying its guests leaves nothing. */
static int teardown(void **state)
{
    struct chaos_guest_info *list;
    struct chaos_error err;
    size_t count, i;
    bool clean = true;

    (void)state;
    support_reopen(world);
    if (chaos_guest_list(world->chaos, &list, &count, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    for (i = 0; i < count; i++)
        if (list[i].domid > 0 &&
            chaos_guest_destroy(world->chaos, list[i].domid, &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            clean = false;
        }
    free(list);
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_count_slots(world) == 0 &&
            support_count_files(world->run_dir, "guest-") == 0 &&
            fake_hv_check_clean() && clean;
    support_world_free(world);
    free(disk);
    return clean ? 0 : -1;
}

static int try_create(const char *name, const char *type, const char *kernel,
                      const char *more, uint32_t *domid_r,
                      struct chaos_error *err)
{
    struct chaos_config *config =
        support_config(world, name, type, kernel, more);
    int rc = chaos_guest_create(world->chaos, config, 0, domid_r, err);

    chaos_config_free(config);
    return rc;
}

static uint32_t create_type(const char *name, const char *type,
                            const char *more)
{
    struct chaos_error err;
    uint32_t domid = 0;

    if (try_create(name, type, world->noxs_kernel, more, &domid, &err) < 0)
        fail_msg("creating %s: %s", name, err.message);
    return domid;
}

static uint32_t create(const char *name, const char *more)
{
    return create_type(name, "pvh", more);
}

static void destroy(uint32_t domid)
{
    struct chaos_error err;

    if (chaos_guest_destroy(world->chaos, domid, &err) < 0)
        fail_msg("%s", err.message);
}

static uint32_t find(const char *name)
{
    uint32_t domid = 0;

    return chaos_guest_find(world->chaos, name, &domid, NULL) < 0 ? 0 : domid;
}

/* What every command does first, and then no more. */
static void look(void)
{
    struct chaos_guest_info *list;
    struct chaos_error err;
    size_t count;

    if (chaos_guest_list(world->chaos, &list, &count, &err) < 0)
        fail_msg("%s", err.message);
    free(list);
}

/* The library holds nothing but what it keeps open between calls. */
static void assert_nothing_left(void)
{
    bool clean;

    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = fake_hv_check_clean();
    world->chaos = support_open(world);
    if (!clean || support_count_slots(world) ||
        support_count_files(world->run_dir, "guest-"))
        fail_msg("something is left");
}

/* --------------------------------------------------------- the device page */

#define ENTRIES 32

struct page {
    uint8_t bytes[NOXS_PAGE_SIZE];
    const struct noxs_page *header;
    const struct noxs_entry *entries[ENTRIES];
    struct fake_hv_domain domain;
};

static void read_page(uint32_t domid, struct page *page)
{
    uint64_t frame;
    size_t at = sizeof(struct noxs_page);
    unsigned i;

    page->domain = fake_hv_domain(domid);
    frame = page->domain.pvh ? page->domain.params[CHAOS__HV_STORE_PFN]
                             : page->domain.store_frame;
    assert_true(fake_hv_read(domid, frame * CHAOS__PAGE_SIZE, page->bytes,
                             sizeof(page->bytes)));
    page->header = (const struct noxs_page *)page->bytes;
    assert_true(page->header->magic == NOXS_MAGIC);
    assert_int_equal(page->header->version, NOXS_VERSION);
    assert_int_equal(page->header->generation % 2, 0);
    assert_true(page->header->entry_count <= ENTRIES);
    for (i = 0; i < page->header->entry_count; i++) {
        page->entries[i] = (const struct noxs_entry *)(page->bytes + at);
        assert_true(page->entries[i]->size >= sizeof(struct noxs_entry));
        assert_int_equal(page->entries[i]->size % sizeof(struct noxs_entry), 0);
        at += page->entries[i]->size;
        assert_true(at <= sizeof(page->bytes));
    }
}

/* The n-th entry of a type. */
static const void *entry(const struct page *page, unsigned type, unsigned n)
{
    unsigned i;

    for (i = 0; i < page->header->entry_count; i++)
        if (page->entries[i]->type == type && n-- == 0)
            return page->entries[i];
    fail_msg("no entry of type %u", type);
    return NULL;
}

static unsigned count_entries(const struct page *page, unsigned type)
{
    unsigned i, count = 0;

    for (i = 0; i < page->header->entry_count; i++)
        count += page->entries[i]->type == type;
    return count;
}

/* A ring that the guest can use: granted, mapped by the back end, empty, and
 * on a page that the guest takes for nothing else. */
static void assert_ring(uint32_t domid, const struct page *page,
                        uint32_t reference, uint64_t frame)
{
    static const uint32_t empty[4] = { 0, 1, 0, 1 }; /* public/io/ring.h */
    uint8_t bytes[CHAOS__PAGE_SIZE];
    uint64_t address = frame * CHAOS__PAGE_SIZE;
    unsigned i;

    assert_true(reference >= CHAOS__GRANT_FIRST);
    assert_true(reference < page->header->grants_used);
    assert_true(page->domain.grants[reference].is_granted);
    assert_true(page->domain.grants[reference].frame == frame);
    assert_int_equal(page->domain.grants[reference].mapped, 1);
    assert_true(fake_hv_read(domid, address, bytes, sizeof(bytes)));
    assert_memory_equal(bytes, empty, sizeof(empty));
    for (i = sizeof(empty); i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0);
    for (i = 0; i < page->domain.region_count; i++)
        assert_true(!page->domain.regions[i].ram ||
                    address < page->domain.regions[i].start ||
                    address >= page->domain.regions[i].start +
                                   page->domain.regions[i].size);
}

static void assert_connected(const struct page *page, uint32_t port)
{
    assert_true(port > 0 && port < FAKE_HV_PORTS);
    assert_int_equal(page->domain.ports[port].state, FAKE_HV_PORT_BACKEND);
}

static void assert_node(const char *value, const char *format, ...)
    CHAOS__PRINTF(2, 3);

static void assert_node(const char *value, const char *format, ...)
{
    char path[256], found[256];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    if (!fake_store_look(path, found, sizeof(found)))
        fail_msg("%s: not there", path);
    if (strcmp(found, value) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", path, found, value);
}

/* -------------------------------------------------------------- connecting */

static void assert_net(uint32_t domid, const struct page *page)
{
    static const uint8_t mac[] = { 0x00, 0x16, 0x3e, 1, 2, 3 };
    static const uint8_t ipv4[] = { 10, 1, 2, 3 }, gateway[] = { 10, 1, 0, 1 };
    const struct noxs_net *net = entry(page, NOXS_TYPE_NET, 0);
    struct fake_interface interface;
    char name[32];

    assert_int_equal(net->size, sizeof(*net));
    assert_int_equal(net->id, 0);
    assert_int_equal(net->backend, 0);
    assert_int_equal(net->features,
                     NOXS_NET_SG | NOXS_NET_TX_CSUM | NOXS_NET_RX_CSUM);
    assert_memory_equal(net->mac, mac, 6);
    assert_memory_equal(net->ipv4, ipv4, 4);
    assert_memory_equal(net->gateway, gateway, 4);
    assert_int_equal(net->prefix, 16);
    assert_int_equal(net->mtu, FAKE_DOM0_BRIDGE_MTU);
    assert_int_not_equal(net->tx_ref, net->rx_ref);
    assert_ring(domid, page, net->tx_ref, net->tx_frame);
    assert_ring(domid, page, net->rx_ref, net->rx_frame);
    assert_int_equal(net->tx_port, net->rx_port);
    assert_connected(page, net->tx_port);
    snprintf(name, sizeof(name), "vif%u.0", domid);
    assert_true(fake_dom0_interface(name, &interface));
    assert_true(interface.is_up);
    assert_string_equal(interface.bridge, "xenbr0");
    assert_int_equal(interface.mtu, FAKE_DOM0_BRIDGE_MTU);
}

static void assert_block(uint32_t domid, const struct page *page)
{
    const struct noxs_block *block = entry(page, NOXS_TYPE_BLOCK, 0);

    assert_int_equal(block->size, sizeof(*block));
    assert_int_equal(block->id, 0);
    assert_int_equal(block->backend, 0);
    assert_int_equal(block->features, NOXS_BLOCK_FLUSH | NOXS_BLOCK_DISCARD);
    assert_int_equal(block->sectors, DISK_SECTORS);
    assert_int_equal(block->sector_size, 512);
    assert_int_equal(block->vdev, 51712);
    assert_int_equal(block->max_indirect, 0);
    assert_ring(domid, page, block->ring_ref, block->ring_frame);
    assert_connected(page, block->port);
    assert_int_equal(fake_dom0_loops(), 1);
}

static void connects(const char *type)
{
    uint32_t domid;
    struct page page;

    fake_hv_set_poison(true);
    domid = create_type("g", type, vif_and_vbd);
    assert_int_equal(fake_backend_count(domid), 2);
    read_page(domid, &page);
    assert_false(page.domain.paused);
    assert_int_equal(page.header->grants_used, CHAOS__GRANT_FIRST + 3);
    assert_int_equal(page.header->entry_count, 3 + CHAOS__SPARE_ENTRIES);
    assert_int_equal(page.entries[0]->type, NOXS_TYPE_CONSOLE);
    assert_int_equal(page.entries[1]->type, NOXS_TYPE_NET);
    assert_int_equal(page.entries[2]->type, NOXS_TYPE_BLOCK);
    assert_int_equal(count_entries(&page, NOXS_TYPE_SPARE),
                     CHAOS__SPARE_ENTRIES);
    assert_net(domid, &page);
    assert_block(domid, &page);
    destroy(domid);
    assert_nothing_left();
}

static void connects_pvh(void **state)
{
    (void)state;
    connects("pvh");
}

static void connects_pv(void **state)
{
    (void)state;
    connects("pv");
}

/* As blkback and netback find them; what they and xl show besides. */
static void writes_what_back_ends_read(void **state)
{
    uint32_t domid = create("g", vif_and_vbd);
    char value[256];

    (void)state;
    assert_node("4", "/local/domain/0/backend/vif/%u/0/state", domid);
    assert_node("xenbr0", "/local/domain/0/backend/vif/%u/0/bridge", domid);
    assert_node("1", "/local/domain/0/backend/vif/%u/0/online", domid);
    assert_node("00:16:3e:01:02:03", "/local/domain/0/backend/vif/%u/0/mac",
                domid);
    assert_node("4", "/local/domain/%u/device/vif/0/state", domid);
    assert_node("4", "/local/domain/0/backend/vbd/%u/51712/state", domid);
    assert_node("xvda", "/local/domain/0/backend/vbd/%u/51712/dev", domid);
    assert_node(disk, "/local/domain/0/backend/vbd/%u/51712/params", domid);
    assert_node("7:0", "/local/domain/0/backend/vbd/%u/51712/physical-device",
                domid);
    assert_node("w", "/local/domain/0/backend/vbd/%u/51712/mode", domid);
    snprintf(value, sizeof(value), "/local/domain/0/backend/vbd/%u/51712",
             domid);
    assert_node(value, "/local/domain/%u/device/vbd/51712/backend", domid);
    /* The guest has no name in XenStore: it is none of xl's. */
    snprintf(value, sizeof(value), "/local/domain/%u/name", domid);
    assert_false(fake_store_look(value, value, sizeof(value)));
}

static void many_devices(void **state)
{
    static const char more[] =
        "vif=['', 'bridge=br1', 'mac=00:16:3e:00:00:09,mtu=900,vifname=web']\n"
        "disk=['%s,raw,xvda,r', '%s,raw,xvdb,w', '%s,raw,hdc,r,cdrom']\n";
    char *second = support_disk(world, "second", 4096), text[512];
    struct fake_interface interface;
    const struct noxs_block *block;
    const struct noxs_net *net;
    struct page page;
    uint32_t domid;
    unsigned i;

    (void)state;
    fake_dom0_add_bridge("br1", 9000);
    fake_dom0_add_device("/dev/fake", 202, 3, 77);
    snprintf(text, sizeof(text), more, disk, second, "/dev/fake");
    domid = create("g", text);
    read_page(domid, &page);
    assert_int_equal(count_entries(&page, NOXS_TYPE_NET), 3);
    assert_int_equal(count_entries(&page, NOXS_TYPE_BLOCK), 3);
    assert_int_equal(page.header->grants_used, CHAOS__GRANT_FIRST + 9);
    for (i = 0; i < 3; i++) {
        net = entry(&page, NOXS_TYPE_NET, i);
        block = entry(&page, NOXS_TYPE_BLOCK, i);
        assert_int_equal(net->id, i);
        assert_int_equal(block->id, i);
        assert_ring(domid, &page, net->tx_ref, net->tx_frame);
        assert_ring(domid, &page, net->rx_ref, net->rx_frame);
        assert_ring(domid, &page, block->ring_ref, block->ring_frame);
        assert_connected(&page, net->tx_port);
        assert_connected(&page, block->port);
    }
    net = entry(&page, NOXS_TYPE_NET, 1);
    assert_int_equal(net->mtu, 1500); /* the bridge's is beyond a page */
    net = entry(&page, NOXS_TYPE_NET, 2);
    assert_int_equal(net->mtu, 900);
    assert_true(fake_dom0_interface("web", &interface));
    assert_int_equal(interface.mtu, 900);
    block = entry(&page, NOXS_TYPE_BLOCK, 0);
    assert_true(block->features & NOXS_BLOCK_READ_ONLY);
    block = entry(&page, NOXS_TYPE_BLOCK, 1);
    assert_int_equal(block->sectors, 8);
    assert_false(block->features & NOXS_BLOCK_READ_ONLY);
    block = entry(&page, NOXS_TYPE_BLOCK, 2);
    assert_int_equal(block->sectors, 77);
    assert_true(block->features & NOXS_BLOCK_CDROM);
    assert_int_equal(fake_dom0_loops(), 2); /* /dev/fake needs none */
    assert_int_equal(fake_backend_count(domid), 6);
    free(second);
}

/* As many as a configuration can have. */
static void most_devices(void **state)
{
    struct page page;
    char text[4096];
    uint32_t domid;
    size_t used;
    unsigned i;

    (void)state;
    used = (size_t)snprintf(text, sizeof(text), "vif=[");
    for (i = 0; i < CHAOS__VIFS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "'',");
    used += (size_t)snprintf(text + used, sizeof(text) - used, "]\ndisk=[");
    for (i = 0; i < CHAOS__DISKS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "'%s,raw,xvd%c,r',", disk, 'a' + (char)i);
    snprintf(text + used, sizeof(text) - used, "]\n");
    domid = create_type("g", "pv", text);
    read_page(domid, &page);
    assert_int_equal(count_entries(&page, NOXS_TYPE_NET), CHAOS__VIFS_MAX);
    assert_int_equal(count_entries(&page, NOXS_TYPE_BLOCK), CHAOS__DISKS_MAX);
    assert_int_equal(fake_backend_count(domid),
                     CHAOS__VIFS_MAX + CHAOS__DISKS_MAX);
}

/* ------------------------------------------------------------------ counts */

struct cost {
    unsigned sends, receives;
    unsigned requests[FAKE_STORE_REQUESTS];
};

static void assert_cost(const struct cost *allowed)
{
    static const char *const names[] = { "reads", "watches", "unwatches",
                                         "writes", "removals" };
    enum fake_store_request i;

    if (fake_hv_count(FAKE_HV_STORE_SEND) != allowed->sends ||
        fake_hv_count(FAKE_HV_STORE_RECEIVE) != allowed->receives)
        fail_msg("%u sends and %u receives, not %u and %u",
                 fake_hv_count(FAKE_HV_STORE_SEND),
                 fake_hv_count(FAKE_HV_STORE_RECEIVE), allowed->sends,
                 allowed->receives);
    for (i = 0; i < FAKE_STORE_REQUESTS; i++)
        if (fake_store_count(i) != allowed->requests[i])
            fail_msg("%u %s, not %u", fake_store_count(i), names[i],
                     allowed->requests[i]);
}

#define WRITES_OF_BOTH (9 + 9 + 8 + 11 + 1) /* vif, vbd, vif is joined */

/* Back ends that have done all that they can whenever they are looked at. */
static void costs_of_a_create(void **state)
{
    static const struct cost allowed = {
        .sends = 5, /* all nodes; look; joined; look; what they say */
        .receives = 5,
        .requests = { [FAKE_STORE_WRITE] = WRITES_OF_BOTH,
                      [FAKE_STORE_WATCH] = 2,
                      [FAKE_STORE_READ] = 2 + 1 + 4,
                      [FAKE_STORE_UNWATCH] = 2 },
    };

    (void)state;
    fake_backend_set_eager(true);
    fake_hv_reset_counts();
    create("g", vif_and_vbd);
    assert_int_equal(fake_hv_count(FAKE_HV_GRANT), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_OPEN), 1);
    assert_cost(&allowed);
}

/* Back ends that do nothing until they are waited for: vif looks, vbd looks,
 * vif connects, vbd connects, and there is one look for each. */
static void costs_of_waiting(void **state)
{
    static const struct cost allowed = {
        .sends = 1 + 5 + 1 + 1,
        .receives = 1 + 5 + 1 + 1 + 4,
        .requests = { [FAKE_STORE_WRITE] = WRITES_OF_BOTH,
                      [FAKE_STORE_WATCH] = 2,
                      [FAKE_STORE_READ] = 2 + 2 + 2 + 2 + 1 + 4,
                      [FAKE_STORE_UNWATCH] = 2 },
    };

    (void)state;
    fake_hv_reset_counts();
    create("g", vif_and_vbd);
    assert_cost(&allowed);
}

static void costs_of_a_destroy(void **state)
{
    static const struct cost allowed = {
        .sends = 1,
        .receives = 1,
        .requests = { [FAKE_STORE_RM] = 5 },
    };
    uint32_t domid = create("g", vif_and_vbd);

    (void)state;
    fake_hv_reset_counts();
    destroy(domid);
    assert_cost(&allowed);
}

/* XenStore is not so much as opened for a guest without devices. */
static void costs_nothing_without_devices(void **state)
{
    (void)state;
    fake_hv_reset_counts();
    destroy(create("g", ""));
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_OPEN), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_GRANT), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_BRIDGE), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_BACKEND), 0);
}

/* ---------------------------------------------------------------- refusals */

/* A create that fails with this, and leaves nothing. */
static void refused_type(const char *type, const char *kernel, const char *more,
                         int code, const char *why)
{
    struct chaos_error err = { 0 };
    int rc = try_create("g", type, kernel, more, NULL, &err);

    if (rc == 0)
        fail_msg("created: %s", more);
    if (rc != code || err.code != code || !strstr(err.message, why))
        fail_msg("%d: \"%s\", not %d: \"%s\"", rc, err.message, code, why);
    assert_nothing_left();
}

static void refused(const char *more, int code, const char *why)
{
    refused_type("pvh", world->noxs_kernel, more, code, why);
    refused_type("pv", world->noxs_kernel, more, code, why);
}

static void assert_untouched(void)
{
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_OPEN), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_DISK_ATTACH), 0);
}

/* What can be seen before, is: Xen is not asked for anything. */
static void refuses_at_once(void **state)
{
    char *small = support_disk(world, "small", 511), text[512];

    (void)state;
    fake_hv_reset_counts();
    refused("vif=['bridge=none']", CHAOS_EINVAL, "vif 0: bridge=none");
    refused("vif=['', 'bridge=none']", CHAOS_EINVAL, "vif 1: bridge=none");
    refused("disk=['/nonexistent,raw,xvda,r']", CHAOS_EFAILED,
            "disk xvda: opening /nonexistent");
    snprintf(text, sizeof(text), "disk=['%s,raw,xvda,r','%s,raw,xvdb,r']", disk,
             small);
    refused(text, CHAOS_EINVAL, "disk xvdb");
    snprintf(text, sizeof(text), "disk=['%s,raw,xvda,r']", world->directory);
    refused(text, CHAOS_EINVAL, "disk xvda");
    refused_type("pvh", world->plain_kernel, "registry='noxs'", CHAOS_EIMAGE,
                 "does not speak noxs");
    fake_backend_set_mood(FAKE_VBD, FAKE_BACKEND_ABSENT);
    refused(vif_and_vbd, CHAOS_EFAILED, "no module for vbd");
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_ABSENT);
    refused(vif_and_vbd, CHAOS_EFAILED, "no module for vif");
    assert_untouched();
    free(small);
}

/* Two file systems on one device destroy it; who says w! knows better. */
static void refuses_what_is_mounted(void **state)
{
    (void)state;
    fake_dom0_add_device("/dev/fake", 202, 3, 77);
    fake_dom0_mount("/dev/fake");
    fake_hv_reset_counts();
    refused("disk=['/dev/fake,raw,xvda,w']", CHAOS_EBUSY,
            "disk xvda: /dev/fake is mounted");
    assert_untouched();
    fake_hv_reset_counts();
    refused("disk=['/dev/fake,raw,xvda,r']", CHAOS_EBUSY,
            "disk xvda: /dev/fake is mounted");
    assert_untouched();
    destroy(create("g", "disk=['/dev/fake,raw,xvda,w!']"));
}

/* A guest of another toolstack's may have it, of which the registry does not
 * know. */
static void refuses_what_others_use(void **state)
{
    static const char *const accesses[] = { "r", "w", "w!" };
    static const enum fake_file_use worst[] = { FAKE_FILE_READ,
                                                FAKE_FILE_UNUSED,
                                                FAKE_FILE_WRITTEN };
    enum fake_file_use use;
    char text[256];
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "disk=['%s,raw,xvda,%s']", disk,
                 accesses[i]);
        for (use = FAKE_FILE_UNUSED; use <= FAKE_FILE_WRITTEN; use++) {
            fake_dom0_use_files(use);
            fake_hv_reset_counts();
            if (use <= worst[i]) {
                destroy(create("g", text));
                continue;
            }
            refused(text, CHAOS_EBUSY, "is open elsewhere");
            assert_int_equal(fake_dom0_loops(), 0);
        }
    }
    fake_dom0_use_files(FAKE_FILE_UNUSED);
}

static void back_end_refuses(void **state)
{
    enum fake_backend_type type;
    char why[96];

    (void)state;
    for (type = 0; type < FAKE_BACKEND_TYPES; type++) {
        fake_backend_set_mood(type, FAKE_BACKEND_REFUSES);
        snprintf(why, sizeof(why),
                 "%s: the back end refuses to connect: -5 "
                 "the test's refusal",
                 type == FAKE_VIF ? "vif 0" : "vbd 51712");
        fake_backend_set_eager(false);
        refused(vif_and_vbd, CHAOS_EFAILED, why);
        fake_backend_set_eager(true);
        refused(vif_and_vbd, CHAOS_EFAILED, why);
        fake_backend_set_mood(type, FAKE_BACKEND_WILLING);
    }
}

static void back_end_does_nothing(void **state)
{
    enum fake_backend_type type;

    (void)state;
    for (type = 0; type < FAKE_BACKEND_TYPES; type++) {
        const char *name = type == FAKE_VIF ? "vif 0" : "vbd 51712";
        char why[96];

        fake_backend_set_mood(type, FAKE_BACKEND_SILENT);
        snprintf(why, sizeof(why),
                 "%s: dom0's kernel does not see the device in XenStore; if "
                 "xenstored",
                 name);
        refused(vif_and_vbd, CHAOS_ETIMEDOUT, why);
        fake_backend_set_mood(type, FAKE_BACKEND_STUCK);
        snprintf(why, sizeof(why), "%s: the back end did not connect in time",
                 name);
        refused(vif_and_vbd, CHAOS_ETIMEDOUT, why);
        fake_backend_set_mood(type, FAKE_BACKEND_WILLING);
    }
}

/* A name that an interface of dom0 has. */
static void interface_name_is_taken(void **state)
{
    (void)state;
    fake_dom0_add_interface("web");
    refused("vif=['vifname=web']", CHAOS_EEXIST, "web");
    fake_dom0_remove_interface("web");
    create("g", "vif=['vifname=web']");
}

/* A kernel that leaves room for all but rings: four special pages and one for
 * the boot data (build/pvh.c). */
static void rings_need_memory(void **state)
{
    const uint64_t pages = 1024 - 5;
    struct support_image image = support_kernel;
    char *path = support_path(world->directory, "large");
    struct chaos_error err;
    uint8_t *bytes;
    size_t size;

    (void)state;
    image.noxs = NOXS_VERSION;
    image.segments[1].memory_size =
        pages * CHAOS__PAGE_SIZE - image.segments[1].address;
    bytes = support_make_image(&image, &size);
    support_write_file(path, bytes, size);
    refused_type("pvh", path, "vif=['']", CHAOS_EIMAGE, "raise memory=");
    assert_int_equal(try_create("g", "pvh", path, "", NULL, &err), 0);
    free(bytes);
    free(path);
}

/* A loop device can be had by nobody else, and is given back. */
static void out_of_loop_devices(void **state)
{
    (void)state;
    fake_hv_fail_next(FAKE_HV_DISK_ATTACH, CHAOS_EBUSY);
    refused_type("pvh", world->noxs_kernel, vif_and_vbd, CHAOS_EBUSY,
                 "disk xvda");
}

/* ------------------------------------------------------------ guests' ends */

static void restarts(void **state)
{
    uint32_t first = create("g", vif_and_vbd), second;
    struct page page;

    (void)state;
    fake_hv_shut_down(first, CHAOS__SHUTDOWN_REBOOT);
    look();
    second = find("g");
    assert_int_not_equal(second, 0);
    assert_int_not_equal(second, first);
    assert_int_equal(fake_backend_count(first), 0);
    assert_int_equal(fake_backend_count(second), 2);
    read_page(second, &page);
    assert_net(second, &page);
    assert_block(second, &page);
}

/* A MAC that was made up is kept. */
static void restarts_with_its_mac(void **state)
{
    const struct noxs_net *net;
    uint32_t domid = create("g", "vif=['']");
    struct page before, after;

    (void)state;
    read_page(domid, &before);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    look();
    read_page(find("g"), &after);
    net = entry(&before, NOXS_TYPE_NET, 0);
    assert_int_not_equal(net->mac[3] | net->mac[4] | net->mac[5], 0);
    assert_memory_equal(
        net->mac,
        ((const struct noxs_net *)entry(&after, NOXS_TYPE_NET, 0))->mac, 6);
}

static void ends(void **state)
{
    uint32_t domid = create("g", vif_and_vbd);

    (void)state;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    look();
    assert_int_equal(find("g"), 0);
    assert_nothing_left();
}

/* Another toolstack destroys the guest; it does not know the back ends. */
static void vanishes(void **state)
{
    uint32_t domid = create("g", vif_and_vbd);

    (void)state;
    fake_hv_vanish(domid);
    assert_node("6", "/local/domain/0/backend/vif/%u/0/state", domid);
    look();
    assert_int_equal(find("g"), 0);
    assert_nothing_left();
}

/* And its domid is given to another guest. */
static void give_domid_again(const char *more)
{
    uint32_t domid = create("old", vif_and_vbd);

    fake_hv_vanish(domid);
    fake_hv_set_next_domid(domid);
    assert_int_equal(create("new", more), domid);
    look();
    assert_int_equal(find("new"), domid);
    assert_int_equal(find("old"), 0);
}

static void domid_is_used_again(void **state)
{
    (void)state;
    give_domid_again("");
    destroy(find("new"));
    assert_nothing_left();
}

static void domid_is_used_again_with_devices(void **state)
{
    uint32_t domid;

    (void)state;
    give_domid_again("vif=['']");
    domid = find("new");
    assert_int_equal(fake_backend_count(domid), 1);
    destroy(domid);
    assert_nothing_left();
}

static void two_guests(void **state)
{
    uint32_t a, b;
    char text[512];

    (void)state;
    snprintf(text, sizeof(text), "vif=['']\ndisk=['%s,raw,xvda,r']", disk);
    a = create("a", text);
    b = create("b", text);
    assert_int_equal(fake_dom0_loops(), 2);
    assert_int_equal(fake_backend_count(a), 2);
    destroy(a);
    assert_int_equal(fake_backend_count(a), 0);
    assert_int_equal(fake_backend_count(b), 2);
    assert_int_equal(fake_dom0_loops(), 1);
}

/* ------------------------------------------------------- what is known of it
 */

static void tells_of_devices(void **state)
{
    uint32_t domid = create("g", vif_and_vbd);
    struct chaos_device_info *list;
    struct chaos_error err;
    struct page page;
    char name[32];
    size_t count;

    (void)state;
    read_page(domid, &page);
    fake_hv_reset_counts();
    assert_int_equal(
        chaos_guest_devices(world->chaos, domid, 0, &list, &count, &err), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].state, 0); /* nobody asked */
    free(list);
    assert_int_equal(chaos_guest_devices(world->chaos, domid,
                                         CHAOS_DEVICES_STATE, &list, &count,
                                         &err),
                     0);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1);
    assert_int_equal(count, 2);
    snprintf(name, sizeof(name), "vif%u.0", domid);
    assert_int_equal(list[0].kind, CHAOS_DEVICE_NETWORK);
    assert_int_equal(list[0].state, 4);
    assert_string_equal(list[0].name, name);
    assert_string_equal(list[0].bridge, "xenbr0");
    assert_int_equal(list[0].mac[5], 3);
    assert_connected(&page, list[0].port);
    assert_int_equal(list[1].kind, CHAOS_DEVICE_DISK);
    assert_int_equal(list[1].state, 4);
    assert_int_equal(list[1].id, 51712);
    assert_string_equal(list[1].name, "xvda");
    assert_string_equal(list[1].target, disk);
    assert_int_equal(list[1].access, CHAOS_DISK_WRITE);
    assert_int_equal(list[1].loop, 0);
    assert_connected(&page, list[1].port);
    assert_true(page.domain.grants[list[1].references[0]].mapped);
    free(list);
    domid = create("bare", "");
    assert_int_equal(
        chaos_guest_devices(world->chaos, domid, 0, &list, &count, &err), 0);
    assert_int_equal(count, 0);
    free(list);
}

static int try_disk(const char *name, const char *access,
                    struct chaos_error *err)
{
    char text[512];

    snprintf(text, sizeof(text), "disk=['%s,raw,xvda,%s']\n", disk, access);
    return try_create(name, "pvh", world->noxs_kernel, text, NULL, err);
}

/* Who writes to a disk shares it with nobody, but with those who all say w!. */
static void disk_is_in_use(void **state)
{
    static const struct {
        const char *first, *second;
        int code;
    } uses[] = {
        { "r", "r", 0 },
        { "w!", "w!", 0 },
        { "r", "w", CHAOS_EBUSY },
        { "w", "r", CHAOS_EBUSY },
        { "w", "w", CHAOS_EBUSY },
        { "r", "w!", CHAOS_EBUSY },
        { "w!", "w", CHAOS_EBUSY },
    };
    struct chaos_error err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        assert_int_equal(try_disk("a", uses[i].first, &err), 0);
        assert_int_equal(try_disk("b", uses[i].second, &err), uses[i].code);
        if (uses[i].code)
            assert_non_null(strstr(err.message, "of a"));
        else
            destroy(find("b"));
        assert_int_equal(fake_backend_count(find("a")), 1);
        destroy(find("a"));
        assert_nothing_left();
    }
}

static void disk_twice_in_a_guest(void **state)
{
    char text[512];

    (void)state;
    snprintf(text, sizeof(text), "disk=['%s,raw,xvda,w','%s,raw,xvdb,w']\n",
             disk, disk);
    refused(text, CHAOS_EBUSY, "this guest");
}

static void mac_is_taken(void **state)
{
    static const char more[] = "vif=['mac=00:16:3e:01:02:03']";
    uint32_t domid = create("a", more);
    struct chaos_error err;

    (void)state;
    assert_int_equal(
        try_create("b", "pvh", world->noxs_kernel, more, NULL, &err),
        CHAOS_EEXIST);
    assert_non_null(strstr(err.message, "a has this address"));
    assert_int_equal(fake_backend_count(domid), 1);
    destroy(domid);
    create("b", more);
}

/* -------------------------------- guests that have ended, unnoticed so far */

/* What two guests can't both have. */
static const char *const apart[] = {
    "vif=['mac=00:16:3e:01:02:03']",
    "vif=['vifname=web']",
    "disk=['%s,raw,xvda,w']",
};
#define APART (sizeof(apart) / sizeof(apart[0]))

static const char *apart_text(unsigned i)
{
    static char text[512];

    snprintf(text, sizeof(text), apart[i], disk);
    return text;
}

static void powered_off_guest_yields(void **state)
{
    uint32_t first;
    unsigned i;

    (void)state;
    for (i = 0; i < APART; i++) {
        first = create("a", apart_text(i));
        fake_hv_shut_down(first, CHAOS__SHUTDOWN_POWEROFF);
        assert_int_equal(fake_backend_count(create("b", apart_text(i))), 1);
        assert_false(fake_hv_domain(first).exists);
        assert_int_equal(find("a"), 0);
        destroy(find("b"));
    }
}

static void vanished_guest_yields(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < APART; i++) {
        fake_hv_vanish(create("a", apart_text(i)));
        assert_int_equal(fake_backend_count(create("b", apart_text(i))), 1);
        look(); /* at one whose interface went with it, too */
        assert_int_equal(support_count_slots(world), 1);
        destroy(find("b"));
    }
}

/* All of them at once, and several have the disk. */
static void ended_guests_yield(void **state)
{
    char read[512], all[512];
    unsigned i;

    (void)state;
    snprintf(read, sizeof(read), "disk=['%s,raw,xvda,r']", disk);
    snprintf(all, sizeof(all),
             "vif=['mac=00:16:3e:01:02:03,vifname=web']\n"
             "disk=['%s,raw,xvda,w']",
             disk);
    fake_hv_shut_down(create("a", read), CHAOS__SHUTDOWN_POWEROFF);
    fake_hv_vanish(create("b", read));
    fake_hv_shut_down(create("c", apart[0]), CHAOS__SHUTDOWN_POWEROFF);
    fake_hv_vanish(create("d", apart[1]));
    create("e", all);
    for (i = 'a'; i < 'e'; i++)
        assert_int_equal(find((char[]){ (char)i, '\0' }), 0);
}

/* It has what it had again before anybody else can take it; and its own new
 * start meets nothing half made. */
static void restarting_guest_keeps(void **state)
{
    struct chaos_error err;
    uint32_t first, second;
    unsigned i;
    int rc;

    (void)state;
    for (i = 0; i < APART; i++) {
        first = create("a", apart_text(i));
        fake_hv_shut_down(first, CHAOS__SHUTDOWN_REBOOT);
        rc = try_create("b", "pvh", world->noxs_kernel, apart_text(i), NULL,
                        &err);
        assert_true(rc == CHAOS_EEXIST || rc == CHAOS_EBUSY);
        second = find("a");
        assert_int_not_equal(second, 0);
        assert_int_not_equal(second, first);
        assert_int_equal(fake_backend_count(second), 1);
        assert_int_equal(support_count_slots(world), 1);
        destroy(second);
    }
}

/* One that runs is looked at once, and left alone. */
static void running_guest_keeps(void **state)
{
    struct chaos_error err;
    uint32_t first;
    unsigned i;

    (void)state;
    for (i = 0; i < APART; i++) {
        first = create("a", apart_text(i));
        assert_true(try_create("b", "pvh", world->noxs_kernel, apart_text(i),
                               NULL, &err) < 0);
        assert_int_equal(find("a"), first);
        assert_int_equal(fake_backend_count(first), 1);
        destroy(first);
    }
}

/* ------------------------------------------------- kernel threads are late */

/* The back ends let go some time after they were told: until then the
 * destroyed domain is there, dying. */
static void back_ends_let_go_late(void **state)
{
    uint32_t first = create("g", vif_and_vbd), second;
    unsigned i;

    (void)state;
    fake_backend_set_lag(20);
    destroy(first);
    assert_true(fake_hv_domain(first).dying);
    second = create("g", vif_and_vbd);
    assert_false(fake_hv_domain(first).exists);
    assert_int_equal(fake_backend_count(second), 2);
    destroy(second);
    for (i = 0; i < 20; i++)
        look();
    assert_nothing_left();
}

/* Who has time waits for them. */
static void sweeps_up(void **state)
{
    uint32_t domid = create("g", vif_and_vbd);

    (void)state;
    assert_false(chaos_guest_lingers(world->chaos));
    fake_backend_set_lag(200);
    destroy(domid);
    assert_true(chaos_guest_lingers(world->chaos));
    chaos_guest_sweep(world->chaos, 1);
    assert_true(chaos_guest_lingers(world->chaos));
    fake_backend_set_lag(0);
    chaos_guest_sweep(world->chaos, 60000);
    assert_false(chaos_guest_lingers(world->chaos));
    assert_int_equal(support_count_slots(world), 0);
    assert_nothing_left();
}

static struct chaos__registry *another;

static void *free_soon(void *slot)
{
    const struct timespec soon = { 0, 20000000 };

    nanosleep(&soon, NULL);
    chaos__registry_free(another, slot, NULL);
    return NULL;
}

/* Another process that is about to clear away what a guest has left does not
 * keep the next one from what it had. */
static void another_sweeps_up(void **state)
{
    struct chaos__slot *slot;
    pthread_t thread;

    (void)state;
    fake_backend_set_lag(10);
    destroy(create("g", apart_text(2)));
    assert_int_equal(chaos__registry_open(world->run_dir, &another, NULL), 0);
    slot = chaos__registry_next_lingering(another, NULL);
    assert_true(chaos__registry_take_lingering(another, slot));
    fake_backend_set_lag(0);
    assert_int_equal(pthread_create(&thread, NULL, free_soon, slot), 0);
    destroy(create("h", apart_text(2)));
    pthread_join(thread, NULL);
    chaos__registry_close(another);
}

/* XenStore can't be reached: the guest ends all the same, and what it had there
 * is taken away when that is possible again. */
static void ends_without_xenstore(void **state)
{
    uint32_t domid = create("g", vif_and_vbd);
    struct chaos_error err;

    (void)state;
    fake_hv_fail_next(FAKE_HV_STORE_SEND, CHAOS_EFAILED);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_EFAILED);
    assert_true(fake_hv_domain(domid).dying);
    look();
    assert_int_equal(find("g"), 0);
    assert_nothing_left();
}

/* A disk is not a new guest's before the old one's last writes are done. */
static void restart_waits_for_its_disk(void **state)
{
    uint32_t domid = create("g", apart_text(2));

    (void)state;
    fake_backend_set_lag(15);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    fake_hv_fail_next(FAKE_HV_DOMAIN_CREATE, CHAOS_EFAILED);
    look();
    assert_int_equal(find("g"), 0);
    assert_false(fake_hv_domain(domid).exists);
    fake_backend_set_lag(0);
}

/* Nor when blkback has left the kernel's list with requests still to do. */
static void disk_with_requests_keeps(void **state)
{
    uint32_t domid = create("g", apart_text(2));
    struct chaos_error err;

    (void)state;
    fake_hv_keep_page(domid, true);
    fake_dom0_hold_loop(0, true);
    destroy(domid);
    assert_int_equal(
        try_create("g", "pvh", world->noxs_kernel, apart_text(2), NULL, &err),
        CHAOS_EBUSY);
    assert_non_null(strstr(err.message, "not let go yet"));
    fake_dom0_hold_loop(0, false);
    destroy(create("g", apart_text(2)));
    fake_hv_keep_page(domid, false);
}

/* Another process that has a page of it is no back end: what the guest had can
 * be had. */
static void another_process_keeps_a_page(void **state)
{
    uint32_t first, second;
    unsigned i;

    (void)state;
    for (i = 0; i < APART; i++) {
        first = create("g", apart_text(i));
        fake_hv_keep_page(first, true);
        destroy(first);
        assert_true(fake_hv_domain(first).dying);
        second = create("g", apart_text(i));
        assert_int_equal(fake_backend_count(second), 1);
        destroy(second);
        fake_hv_keep_page(first, false);
        assert_nothing_left();
    }
}

/* Nothing can be done to it, and nobody else made it. */
static void dying_guest_is_none(void **state)
{
    uint32_t domid = create("g", vif_and_vbd);
    struct chaos_guest_info info;
    struct chaos_error err;
    unsigned i;

    (void)state;
    fake_backend_set_lag(20);
    destroy(domid);
    assert_true(fake_hv_domain(domid).dying);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_ENOGUEST);
    assert_non_null(strstr(err.message, "is destroyed"));
    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
    assert_true(info.dying);
    for (i = 0; i < 20; i++)
        look();
    assert_nothing_left();
}

static void same_uuid_while_dying(void **state)
{
    uint32_t domid = create("g", "vif=['']\nuuid='" A_UUID "'");

    (void)state;
    fake_backend_set_lag(10);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    look();
    assert_int_not_equal(find("g"), 0);
    fake_backend_set_lag(0);
}

static void same_interface_while_dying(void **state)
{
    uint32_t domid = create("g", "vif=['vifname=web']");

    (void)state;
    fake_backend_set_lag(1000);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    look();
    assert_int_not_equal(find("g"), 0);
    fake_backend_set_lag(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connects_pvh),
        TEST(connects_pv),
        TEST(writes_what_back_ends_read),
        TEST(many_devices),
        TEST(most_devices),
        TEST(costs_of_a_create),
        TEST(costs_of_waiting),
        TEST(costs_of_a_destroy),
        TEST(costs_nothing_without_devices),
        TEST(refuses_at_once),
        TEST(refuses_what_is_mounted),
        TEST(refuses_what_others_use),
        TEST(back_end_refuses),
        TEST(back_end_does_nothing),
        TEST(interface_name_is_taken),
        TEST(rings_need_memory),
        TEST(out_of_loop_devices),
        TEST(restarts),
        TEST(restarts_with_its_mac),
        TEST(ends),
        TEST(vanishes),
        TEST(domid_is_used_again),
        TEST(domid_is_used_again_with_devices),
        TEST(two_guests),
        TEST(tells_of_devices),
        TEST(disk_is_in_use),
        TEST(disk_twice_in_a_guest),
        TEST(mac_is_taken),
        TEST(powered_off_guest_yields),
        TEST(vanished_guest_yields),
        TEST(ended_guests_yield),
        TEST(restarting_guest_keeps),
        TEST(running_guest_keeps),
        TEST(back_ends_let_go_late),
        TEST(sweeps_up),
        TEST(another_sweeps_up),
        TEST(ends_without_xenstore),
        TEST(restart_waits_for_its_disk),
        TEST(disk_with_requests_keeps),
        TEST(another_process_keeps_a_page),
        TEST(dying_guest_is_none),
        TEST(same_uuid_while_dying),
        TEST(same_interface_while_dying),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
