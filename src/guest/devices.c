/* SPDX-License-Identifier: MIT */
#include "devices.h"

#include "clock.h"
#include "foreign.h"
#include "guest.h"

#include <chaos/device.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Of the 2^24 addresses that Xen has, a host's guests use some thousands. */
#define MAC_TRIES 64

/* ----------------------------------------------------------- recording */

/* Xen's own prefix, and what is random of it. */
static int make_mac(uint8_t mac[6], struct chaos_error *err)
{
    static const uint8_t xen[3] = { 0x00, 0x16, 0x3e };

    memcpy(mac, xen, sizeof(xen));
    if (getrandom(mac + 3, 3, 0) != 3)
        return chaos__fail_errno(err, errno, "making a MAC address");
    return 0;
}

static void fill_net(struct chaos__device *record, uint32_t domid,
                     const struct chaos__vif *vif, const struct chaos__net *net)
{
    *record = (struct chaos__device){
        .kind = CHAOS__DEVICE_NET,
        .use = CHAOS__USE_ALONE,
        .id = vif->id,
        .prefix = vif->prefix,
        .loop = CHAOS__LOOP_NONE,
        .port = net->port,
        .references = { net->tx.reference, net->rx.reference },
        .frames = { net->tx.frame, net->rx.frame },
        .mtu = net->mtu,
    };
    memcpy(record->key, net->mac, sizeof(net->mac));
    memcpy(record->mac, net->mac, sizeof(net->mac));
    memcpy(record->bridge, vif->bridge, sizeof(record->bridge));
    memcpy(record->ipv4, vif->ipv4, sizeof(record->ipv4));
    memcpy(record->gateway, vif->gateway, sizeof(record->gateway));
    chaos__net_interface(vif, domid, record->name);
}

static int record_net(struct chaos__registry *registry,
                      struct chaos__slot *slot, const struct chaos__vif *vif,
                      struct chaos__net *net, uint8_t change,
                      struct chaos_error *err)
{
    struct chaos__device record, *added;
    int tries, rc;

    for (tries = 0;; tries++) {
        rc = vif->has_mac ? 0 : make_mac(net->mac, err);
        if (rc < 0)
            return rc;
        fill_net(&record, slot->domid, vif, net);
        record.change = change;
        rc = chaos__registry_add_device(registry, slot, &record, &added, err);
        if (rc != CHAOS_EEXIST || vif->has_mac || tries == MAC_TRIES)
            break;
    }
    return rc < 0 ? chaos__fail_within(err, rc, "vif %u", vif->id) : 0;
}

static void fill_block(struct chaos__device *record,
                       const struct chaos__disk *disk,
                       const struct chaos__block *block)
{
    static const uint8_t uses[] = {
        [CHAOS__DISK_READ_ONLY] = CHAOS__USE_READ,
        [CHAOS__DISK_WRITE] = CHAOS__USE_ALONE,
        [CHAOS__DISK_SHARED_WRITE] = CHAOS__USE_WRITE,
    };

    *record = (struct chaos__device){
        .kind = CHAOS__DEVICE_BLOCK,
        .use = uses[disk->access],
        .id = disk->vdev_number,
        .key = { block->host.id[0], block->host.id[1] },
        .is_cdrom = disk->is_cdrom,
        .loop = block->host.loop,
        .major = block->host.major,
        .minor = block->host.minor,
        .port = block->port,
        .references = { block->ring.reference },
        .frames = { block->ring.frame },
    };
    /* A disk that waits for its file has nothing to share yet. */
    if (!disk->target)
        record->key[0] = record->key[1] = 0;
    memcpy(record->name, disk->vdev, sizeof(record->name));
}

static int record_block(struct chaos__registry *registry,
                        struct chaos__slot *slot,
                        const struct chaos__disk *disk,
                        const struct chaos__block *block, uint8_t change,
                        struct chaos_error *err)
{
    struct chaos__device record, *added;

    fill_block(&record, disk, block);
    record.change = change;
    return chaos__registry_add_device(registry, slot, &record, &added, err);
}

int chaos__devices_record(struct chaos__registry *registry,
                          struct chaos__slot *slot,
                          struct chaos__devices *devices,
                          struct chaos_error *err)
{
    const struct chaos_config *config = devices->config;
    const uint8_t change =
        devices->guest_runs ? CHAOS__CHANGE_COMING : CHAOS__CHANGE_NONE;
    unsigned i;
    int rc = 0;

    for (i = 0; rc == 0 && i < devices->net_count; i++)
        rc = record_net(registry, slot, &config->vifs[i], &devices->nets[i],
                        change, err);
    for (i = 0; rc == 0 && i < devices->block_count; i++)
        rc = record_block(registry, slot, &config->disks[i],
                          &devices->blocks[i], change, err);
    return rc;
}

/* --------------------------------------------------------------- shells */

unsigned chaos__devices_wish(
    const struct chaos__devices *devices,
    struct chaos__device wishes[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX])
{
    const struct chaos_config *config = devices->config;
    struct chaos__device *wish = wishes;
    unsigned i;

    for (i = 0; i < devices->net_count; i++, wish++)
        fill_net(wish, CHAOS__NO_DOMID, &config->vifs[i], &devices->nets[i]);
    for (i = 0; i < devices->block_count; i++, wish++)
        fill_block(wish, &config->disks[i], &devices->blocks[i]);
    return (unsigned)(wish - wishes);
}

static void restore_net(struct chaos__net *net,
                        const struct chaos__device *record)
{
    *net = (struct chaos__net){
        .mtu = record->mtu,
        .port = record->port,
        .tx = { record->frames[0], record->references[0] },
        .rx = { record->frames[1], record->references[1] },
        .is_joined = true,
    };
    memcpy(net->mac, record->mac, sizeof(net->mac));
}

static void restore_block(struct chaos__block *block,
                          const struct chaos__device *record)
{
    block->is_deferred = record->loop == CHAOS__LOOP_NONE;
    block->host.loop = record->loop;
    block->host.major = record->major;
    block->host.minor = record->minor;
    block->port = record->port;
    block->ring =
        (struct chaos__ring){ record->frames[0], record->references[0] };
}

bool chaos__devices_restore(struct chaos__registry *registry,
                            const struct chaos__slot *slot,
                            struct chaos__devices *devices)
{
    struct chaos__device *record = NULL;
    unsigned nets = 0, blocks = 0;

    devices->of_shell = true;
    while ((record = chaos__registry_next_device(registry, slot, record))) {
        if (record->kind == CHAOS__DEVICE_NET && nets < devices->net_count)
            restore_net(&devices->nets[nets++], record);
        else if (record->kind == CHAOS__DEVICE_BLOCK &&
                 blocks < devices->block_count)
            restore_block(&devices->blocks[blocks++], record);
        else
            return false;
    }
    return nets == devices->net_count && blocks == devices->block_count;
}

bool chaos__devices_of(struct chaos__registry *registry,
                       const struct chaos__slot *slot,
                       const struct chaos_config *config,
                       struct chaos__devices *devices)
{
    unsigned i;

    *devices = (struct chaos__devices){ .config = config,
                                        .net_count = config->vif_count,
                                        .block_count = config->disk_count };
    if (!chaos__devices_restore(registry, slot, devices))
        return false;
    devices->of_shell = false;
    for (i = 0; i < devices->block_count; i++)
        devices->blocks[i].is_deferred = false;
    return true;
}

static struct chaos__device *find_block(struct chaos__registry *registry,
                                        const struct chaos__slot *slot,
                                        uint64_t id)
{
    struct chaos__device *record = NULL;

    while ((record = chaos__registry_next_device(registry, slot, record)) &&
           (record->kind != CHAOS__DEVICE_BLOCK || record->id != id))
        ;
    return record;
}

void chaos__devices_note_loops(struct chaos__registry *registry,
                               const struct chaos__slot *slot,
                               const struct chaos__devices *devices)
{
    struct chaos__device *record;
    unsigned i;

    for (i = 0; i < devices->block_count; i++) {
        record =
            find_block(registry, slot, devices->config->disks[i].vdev_number);
        if (!record)
            continue;
        record->loop = devices->blocks[i].host.loop;
        record->major = devices->blocks[i].host.major;
        record->minor = devices->blocks[i].host.minor;
    }
}

/* --------------------------------------------------------------- rivals */

/* Whose interface has this name.  That is rarely asked, and then of all. */
static struct chaos__slot *find_interface(struct chaos__registry *registry,
                                          const char *name)
{
    struct chaos__slot *slot = NULL;
    struct chaos__device *device;

    while ((slot = chaos__registry_next(registry, slot))) {
        device = NULL;
        while ((device = chaos__registry_next_device(registry, slot, device)))
            if (device->kind == CHAOS__DEVICE_NET &&
                strncmp(device->name, name, sizeof(device->name)) == 0)
                return slot;
    }
    return NULL;
}

static struct chaos__slot *rival_of_net(struct chaos__registry *registry,
                                        const struct chaos__vif *vif,
                                        const struct chaos__net *net)
{
    struct chaos__slot *slot = NULL;
    struct chaos__device wanted;

    fill_net(&wanted, CHAOS__NO_DOMID, vif, net);
    if (vif->has_mac)
        slot = chaos__registry_rival(registry, &wanted);
    if (!slot && *vif->name && chaos__dom0_has_interface(vif->name))
        slot = find_interface(registry, vif->name);
    return slot;
}

struct chaos__slot *chaos__devices_rival(struct chaos__registry *registry,
                                         const struct chaos__devices *devices)
{
    const struct chaos_config *config = devices->config;
    struct chaos__slot *slot = NULL;
    struct chaos__device wanted;
    unsigned i;

    for (i = 0; !slot && i < devices->net_count; i++)
        slot = rival_of_net(registry, &config->vifs[i], &devices->nets[i]);
    for (i = 0; !slot && i < devices->block_count; i++) {
        fill_block(&wanted, &config->disks[i], &devices->blocks[i]);
        slot = chaos__registry_rival(registry, &wanted);
    }
    return slot;
}

/* ------------------------------------------------------------- reading */

unsigned chaos__devices_recorded(
    struct chaos__registry *registry, const struct chaos__slot *slot,
    struct chaos__device_name names[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX])
{
    struct chaos__device *record = NULL;
    unsigned count = 0;

    while (count < CHAOS__VIFS_MAX + CHAOS__DISKS_MAX &&
           (record = chaos__registry_next_device(registry, slot, record)))
        names[count++] = chaos__device_name(record);
    return count;
}

bool chaos__device_has_back_end(const struct chaos__device *record,
                                uint32_t domid)
{
    return chaos__dom0_has_device(
        record->kind == CHAOS__DEVICE_NET ? "vif" : "vbd", domid, record->id);
}

/* blkback leaves the kernel's list before its last requests are done, and
 * closes the disk after them: of a loop device that can be seen. */
bool chaos__device_is_in_use(const struct chaos__device *record, uint32_t domid)
{
    uint64_t id[2];

    if (chaos__device_has_back_end(record, domid))
        return true;
    return record->kind == CHAOS__DEVICE_BLOCK &&
           record->loop != CHAOS__LOOP_NONE &&
           chaos__dom0_loop_id(record->loop, id, NULL) == 0 &&
           memcmp(id, record->key, sizeof(id)) == 0;
}

int chaos__device_await(const struct chaos__device *record, uint32_t domid,
                        int64_t until_us, struct chaos_error *err)
{
    int64_t pause_us = CHAOS__LOOK_FIRST_US;

    while (chaos__device_is_in_use(record, domid)) {
        if (chaos__now_us() > until_us)
            return chaos__fail(err, CHAOS_EBUSY,
                               "a back end does not let go of domain %u",
                               domid);
        chaos__sleep_us(pause_us);
        pause_us = chaos__look_next_us(pause_us);
    }
    return 0;
}

static uint8_t access_of(const struct chaos__device *record)
{
    switch ((enum chaos__device_use)record->use) {
    case CHAOS__USE_READ:
        return CHAOS_DISK_READ_ONLY;
    case CHAOS__USE_WRITE:
        return CHAOS_DISK_SHARED_WRITE;
    case CHAOS__USE_ALONE:
        break;
    }
    return CHAOS_DISK_WRITE;
}

static void fill_info(struct chaos_device_info *info,
                      const struct chaos__device *record)
{
    _Static_assert(sizeof(info->name) == sizeof(record->name), "names");
    _Static_assert(sizeof(info->bridge) == sizeof(record->bridge), "bridges");
    *info = (struct chaos_device_info){
        .kind = record->kind == CHAOS__DEVICE_NET ? CHAOS_DEVICE_NETWORK
                                                  : CHAOS_DEVICE_DISK,
        .id = record->id,
        .port = record->port,
        .references = { record->references[0], record->references[1] },
        .prefix = record->prefix,
        .access = access_of(record),
        .is_cdrom = record->is_cdrom,
        .loop = record->loop,
        .major = record->major,
        .minor = record->minor,
    };
    memcpy(info->name, record->name, sizeof(info->name));
    memcpy(info->bridge, record->bridge, sizeof(info->bridge));
    info->name[sizeof(info->name) - 1] = '\0';
    info->bridge[sizeof(info->bridge) - 1] = '\0';
    memcpy(info->mac, record->mac, sizeof(info->mac));
    memcpy(info->ipv4, record->ipv4, sizeof(info->ipv4));
    memcpy(info->gateway, record->gateway, sizeof(info->gateway));
}

/* Of one kind, in the order in which they came. */
static int collect_kind(struct chaos *chaos, const struct chaos__slot *slot,
                        uint8_t kind, struct chaos_device_info **list_r,
                        size_t *count_r, struct chaos_error *err)
{
    const size_t most = CHAOS__VIFS_MAX + CHAOS__DISKS_MAX;
    struct chaos__device *record = NULL;
    struct chaos_device_info *larger;

    while (*count_r < most && (record = chaos__registry_next_device(
                                   chaos->registry, slot, record))) {
        /* One that is coming may not come. */
        if (record->kind != kind || record->change == CHAOS__CHANGE_COMING)
            continue;
        larger = realloc(*list_r, (*count_r + 1) * sizeof(*larger));
        if (!larger)
            return chaos__fail_memory(err);
        *list_r = larger;
        fill_info(&larger[(*count_r)++], record);
    }
    return 0;
}

static int collect(struct chaos *chaos, const struct chaos__slot *slot,
                   struct chaos_device_info **list_r, size_t *count_r,
                   struct chaos_error *err)
{
    int rc = collect_kind(chaos, slot, CHAOS__DEVICE_NET, list_r, count_r, err);

    if (rc == 0)
        rc = collect_kind(chaos, slot, CHAOS__DEVICE_BLOCK, list_r, count_r,
                          err);
    return rc;
}

/* What the records have no room for is in the configuration. */
static void fill_targets(struct chaos *chaos, uint32_t domid,
                         struct chaos_device_info *list, size_t count)
{
    struct chaos_config *config = NULL;
    size_t i;
    unsigned n;

    for (i = 0; i < count; i++) {
        if (list[i].kind != CHAOS_DEVICE_DISK)
            continue;
        if (!config && chaos_guest_config(chaos, domid, &config, NULL) < 0)
            return;
        for (n = 0; n < config->disk_count; n++)
            if (config->disks[n].vdev_number == list[i].id)
                strncpy(list[i].target, config->disks[n].target,
                        sizeof(list[i].target) - 1);
    }
    chaos_config_free(config);
}

static int fill_states(struct chaos *chaos, uint32_t domid,
                       struct chaos_device_info *list, size_t count,
                       struct chaos_error *err)
{
    char states[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX][8];
    size_t i;
    int rc = chaos__store_ready(chaos, err);

    if (rc < 0)
        return rc;
    for (i = 0; i < count; i++)
        chaos__devices_ask_state(chaos->store, domid,
                                 list[i].kind == CHAOS_DEVICE_NETWORK,
                                 list[i].id, states[i], sizeof(states[i]));
    rc = chaos__store_run(chaos->store, err);
    for (i = 0; rc == 0 && i < count; i++)
        list[i].state = (uint8_t)strtoul(states[i], NULL, 10);
    return rc;
}

int chaos_guest_devices(struct chaos *chaos, uint32_t domid, unsigned flags,
                        struct chaos_device_info **list_r, size_t *count_r,
                        struct chaos_error *err)
{
    struct chaos_device_info *list = NULL;
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    size_t count = 0;
    int rc = chaos__guest_open_any(chaos, domid, &slot, &domain, err);

    if (rc == 0 && slot)
        rc = collect(chaos, slot, &list, &count, err);
    else if (rc == 0)
        rc = chaos__foreign_list_devices(chaos, domid, &list, &count, err);
    if (rc == 0 && slot)
        fill_targets(chaos, domid, list, count);
    if (rc == 0 && flags & CHAOS_DEVICES_STATE && count > 0)
        rc = fill_states(chaos, domid, list, count, err);
    if (rc < 0) {
        free(list);
        return rc;
    }
    *list_r = list;
    *count_r = count;
    return 0;
}
