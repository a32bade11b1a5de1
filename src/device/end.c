/* SPDX-License-Identifier: MIT */
#include "end.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PATH_SIZE 128

void chaos__end_place(struct chaos__end *end, const char *type, uint32_t domid,
                      uint32_t id)
{
    *end = (struct chaos__end){ .type = type, .domid = domid, .id = id };
    snprintf(end->front, sizeof(end->front), "/local/domain/%u/device/%s/%u",
             domid, type, id);
    snprintf(end->back, sizeof(end->back), CHAOS__STORE_BACKENDS "/%s/%u/%u",
             type, domid, id);
}

unsigned chaos__ends(struct chaos__devices *devices, uint32_t domid,
                     struct chaos__end ends[CHAOS__ENDS_MAX])
{
    const struct chaos_config *config = devices->config;
    struct chaos__end *end = ends;
    unsigned i;

    for (i = 0; i < devices->net_count; i++, end++) {
        chaos__end_place(end, "vif", domid, i);
        end->vif = &config->vifs[i];
        end->net = &devices->nets[i];
    }
    for (i = 0; i < devices->block_count; i++, end++) {
        chaos__end_place(end, "vbd", domid, config->disks[i].vdev_number);
        end->disk = &config->disks[i];
        end->block = &devices->blocks[i];
    }
    return (unsigned)(end - ends);
}

/* ------------------------------------------------------------- writing */

static void set(struct chaos__store *store, const char *directory,
                const char *node, const char *value)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", directory, node);
    chaos__store_write(store, path, value);
}

static void set_number(struct chaos__store *store, const char *directory,
                       const char *node, uint64_t value)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", directory, node);
    chaos__store_write_number(store, path, value);
}

static void set_text(struct chaos__store *store, const char *directory,
                     const char *node, const char *format, ...)
    CHAOS__PRINTF(4, 5);

static void set_text(struct chaos__store *store, const char *directory,
                     const char *node, const char *format, ...)
{
    char value[64];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    set(store, directory, node, value);
}

void chaos__end_write_front_state(struct chaos__store *store,
                                  const struct chaos__end *end,
                                  enum chaos__end_state state)
{
    set_number(store, end->front, "state", state);
}

/* What both kinds have in common, at the start of either directory. */
static void write_common(struct chaos__store *store,
                         const struct chaos__end *end)
{
    set(store, end->front, "backend", end->back);
    set_number(store, end->front, "backend-id", 0);
    set(store, end->back, "frontend", end->front);
    set_number(store, end->back, "frontend-id", end->domid);
    set_number(store, end->back, "online", 1);
    set(store, end->back, "hotplug-status", "connected");
}

static void write_vif(struct chaos__store *store, const struct chaos__end *end)
{
    const struct chaos__vif *vif = end->vif;
    const struct chaos__net *net = end->net;
    const uint8_t *mac = net->mac;

    set_number(store, end->front, "handle", end->id);
    set_number(store, end->front, "tx-ring-ref", net->tx.reference);
    set_number(store, end->front, "rx-ring-ref", net->rx.reference);
    set_number(store, end->front, "event-channel", net->port);
    set_number(store, end->front, "request-rx-copy", 1);
    set_number(store, end->front, "feature-rx-notify", 1);
    chaos__end_write_front_state(store, end, CHAOS__END_INITIALISING);

    set_number(store, end->back, "handle", end->id);
    set(store, end->back, "bridge", vif->bridge);
    set_text(store, end->back, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
             mac[1], mac[2], mac[3], mac[4], mac[5]);
    if (vif->rate_bytes)
        set_text(store, end->back, "rate", "%" PRIu64 ",%" PRIu32,
                 vif->rate_bytes, vif->rate_interval_us);
    /* netback insists on a script; what one does is done by us. */
    set(store, end->back, "script", "chaos");
}

static void write_vbd(struct chaos__store *store, const struct chaos__end *end)
{
    const struct chaos__disk *disk = end->disk;
    const struct chaos__block *block = end->block;
    const struct chaos__dom0_disk *host = &block->host;
    const char *type = disk->is_cdrom ? "cdrom" : "disk";

    set_number(store, end->front, "virtual-device", end->id);
    set(store, end->front, "device-type", type);
    set_number(store, end->front, "ring-ref", block->ring.reference);
    set_number(store, end->front, "event-channel", block->port);
    set(store, end->front, "protocol", "x86_64-abi");
    chaos__end_write_front_state(store, end, CHAOS__END_INITIALISED);

    set(store, end->back, "dev", disk->vdev);
    set(store, end->back, "type", host->is_file ? "file" : "phy");
    set(store, end->back, "params", disk->target ? disk->target : "");
    set(store, end->back, "mode",
        disk->access == CHAOS__DISK_READ_ONLY ? "r" : "w");
    set(store, end->back, "device-type", type);
    set_text(store, end->back, "physical-device", "%x:%x", host->major,
             host->minor);
}

void chaos__end_write(struct chaos__store *store, const struct chaos__end *end)
{
    write_common(store, end);
    if (end->net)
        write_vif(store, end);
    else
        write_vbd(store, end);
    set_number(store, end->back, "state", CHAOS__END_INITIALISING);
}

/* ------------------------------------------------------------- looking */

void chaos__end_read(struct chaos__store *store, const struct chaos__end *end,
                     const char *node, char *value, size_t size)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", end->back, node);
    chaos__store_read(store, path, value, size);
}

void chaos__end_watch(struct chaos__store *store, const struct chaos__end *end)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/state", end->back);
    chaos__store_watch(store, path, end->type);
}

void chaos__end_unwatch(struct chaos__store *store,
                        const struct chaos__end *end)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/state", end->back);
    chaos__store_unwatch(store, path, end->type);
}
