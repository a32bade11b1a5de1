/* SPDX-License-Identifier: MIT */
#include "end.h"

#include "store/directory.h"

#include <inttypes.h>
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
    snprintf(end->libxl, sizeof(end->libxl), "/libxl/%u/device/%s/%u", domid,
             type, id);
}

unsigned chaos__ends(struct chaos__devices *devices, uint32_t domid,
                     bool deferred, struct chaos__end ends[CHAOS__ENDS_MAX])
{
    const struct chaos_config *config = devices->config;
    struct chaos__end *end = ends;
    unsigned i;

    for (i = 0; !deferred && i < devices->net_count; i++, end++) {
        chaos__end_place(end, "vif", domid, config->vifs[i].id);
        end->vif = &config->vifs[i];
        end->net = &devices->nets[i];
    }
    for (i = 0; i < devices->block_count; i++) {
        if (devices->blocks[i].is_deferred != deferred)
            continue;
        chaos__end_place(end, "vbd", domid, config->disks[i].vdev_number);
        end->disk = &config->disks[i];
        end->block = &devices->blocks[i];
        end++;
    }
    for (i = 0; !deferred && i < devices->p9_count; i++, end++) {
        chaos__end_place(end, "9pfs", domid, i);
        end->p9 = &config->p9s[i];
        end->p9_path = devices->p9_paths[i];
    }
    for (i = 0; i < (unsigned)(end - ends); i++) {
        ends[i].noxs = devices->noxs;
        ends[i].guest_runs = devices->guest_runs;
    }
    return (unsigned)(end - ends);
}

/* ------------------------------------------------------------- writing */

void chaos__end_write_front_state(struct chaos__store *store,
                                  const struct chaos__end *end,
                                  enum chaos__end_state state)
{
    chaos__store_set_number(store, end->front, "state", state);
}

static void set_mac(struct chaos__store *store, const struct chaos__end *end,
                    const char *directory)
{
    const uint8_t *mac = end->net->mac;

    chaos__store_set_text(store, directory, "mac",
                          "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                          mac[2], mac[3], mac[4], mac[5]);
}

static void set_rate(struct chaos__store *store, const struct chaos__end *end,
                     const char *directory)
{
    const struct chaos__vif *vif = end->vif;

    if (vif->rate_bytes)
        chaos__store_set_text(store, directory, "rate", "%" PRIu64 ",%" PRIu32,
                              vif->rate_bytes, vif->rate_interval_us);
}

static const char *device_type(const struct chaos__disk *disk)
{
    return disk->is_cdrom ? "cdrom" : "disk";
}

static const char *mode(const struct chaos__disk *disk)
{
    return disk->access == CHAOS__DISK_READ_ONLY ? "r" : "w";
}

static void set_physical_device(struct chaos__store *store,
                                const struct chaos__end *end)
{
    chaos__store_set_text(store, end->back, "physical-device", "%x:%x",
                          end->block->host.major, end->block->host.minor);
}

const char *chaos__end_script(const struct chaos__end *end)
{
    return end->vif ? end->vif->script : end->disk ? end->disk->script : "";
}

void chaos__end_write_plugged(struct chaos__store *store,
                              const struct chaos__end *end)
{
    chaos__store_set(store, end->back, "hotplug-status", "connected");
}

/* What has no script is ready at once, but for an interface that a guest which
 * runs could send from before it is on its bridge. */
static void set_plugged(struct chaos__store *store,
                        const struct chaos__end *end)
{
    if (!*chaos__end_script(end) && !(end->net && end->guest_runs))
        chaos__end_write_plugged(store, end);
}

/* ---------------------------------------------------------- for noxs guests */

/* What both kinds have in common, at the start of either directory. */
static void write_noxs_common(struct chaos__store *store,
                              const struct chaos__end *end)
{
    chaos__store_set(store, end->front, "backend", end->back);
    chaos__store_set_number(store, end->front, "backend-id", 0);
    chaos__store_set(store, end->back, "frontend", end->front);
    chaos__store_set_number(store, end->back, "frontend-id", end->domid);
    chaos__store_set_number(store, end->back, "online", 1);
    set_plugged(store, end);
}

static void write_noxs_vif(struct chaos__store *store,
                           const struct chaos__end *end)
{
    const struct chaos__net *net = end->net;

    chaos__store_set_number(store, end->front, "handle", end->id);
    chaos__store_set_number(store, end->front, "tx-ring-ref",
                            net->tx.reference);
    chaos__store_set_number(store, end->front, "rx-ring-ref",
                            net->rx.reference);
    chaos__store_set_number(store, end->front, "event-channel", net->port);
    chaos__store_set_number(store, end->front, "request-rx-copy", 1);
    chaos__store_set_number(store, end->front, "feature-rx-notify", 1);
    chaos__end_write_front_state(store, end, CHAOS__END_INITIALISING);

    chaos__store_set_number(store, end->back, "handle", end->id);
    chaos__store_set(store, end->back, "bridge", end->vif->bridge);
    set_mac(store, end, end->back);
    set_rate(store, end, end->back);
    /* netback insists on a script; what one does is done by us. */
    chaos__store_set(store, end->back, "script",
                     *end->vif->script ? end->vif->script : "chaos");
}

static void write_noxs_vbd(struct chaos__store *store,
                           const struct chaos__end *end)
{
    const struct chaos__disk *disk = end->disk;
    const struct chaos__block *block = end->block;

    chaos__store_set_number(store, end->front, "virtual-device", end->id);
    chaos__store_set(store, end->front, "device-type", device_type(disk));
    chaos__store_set_number(store, end->front, "ring-ref",
                            block->ring.reference);
    chaos__store_set_number(store, end->front, "event-channel", block->port);
    chaos__store_set(store, end->front, "protocol", "x86_64-abi");
    chaos__end_write_front_state(store, end, CHAOS__END_INITIALISED);

    chaos__store_set(store, end->back, "dev", disk->vdev);
    chaos__store_set(store, end->back, "type",
                     block->host.is_file ? "file" : "phy");
    chaos__store_set(store, end->back, "params",
                     disk->target ? disk->target : "");
    chaos__store_set(store, end->back, "mode", mode(disk));
    chaos__store_set(store, end->back, "device-type", device_type(disk));
    if (*disk->script)
        chaos__store_set(store, end->back, "script", disk->script);
    else
        set_physical_device(store, end);
}

static void write_noxs(struct chaos__store *store, const struct chaos__end *end)
{
    write_noxs_common(store, end);
    if (end->net)
        write_noxs_vif(store, end);
    else
        write_noxs_vbd(store, end);
}

/* ------------------------------------- for guests that speak to XenStore */

/* The front end's directory is the guest's, the back end's is for it to read,
 * and what is made in them is as they are. */
static void write_stock_common(struct chaos__store *store,
                               const struct chaos__end *end)
{
    chaos__store_make(store, end->front);
    chaos__store_allow(store, end->front, end->domid, 0);
    chaos__store_set(store, end->front, "backend", end->back);
    chaos__store_set_number(store, end->front, "backend-id", 0);

    chaos__store_make(store, end->back);
    chaos__store_allow(store, end->back, 0, end->domid);
    chaos__store_set(store, end->back, "frontend", end->front);
    chaos__store_set_number(store, end->back, "frontend-id", end->domid);
    chaos__store_set_number(store, end->back, "online", 1);
}

static void set_macs(struct chaos__store *store, const struct chaos__end *end)
{
    set_mac(store, end, end->front);
    set_mac(store, end, end->back);
}

static const char *vif_script(const struct chaos__end *end)
{
    return *end->vif->script ? end->vif->script : CHAOS__SCRIPT_VIF;
}

static void write_stock_vif(struct chaos__store *store,
                            const struct chaos__end *end)
{
    set_macs(store, end);
    chaos__store_set_number(store, end->front, "handle", end->id);
    chaos__store_set_number(store, end->front, "mtu", end->net->mtu);
    chaos__store_allow_node(store, end->front, "mtu", 0, end->domid);
    chaos__store_set_number(store, end->back, "handle", end->id);
    chaos__store_set(store, end->back, "script", vif_script(end));
    set_rate(store, end, end->back);
    set_plugged(store, end);
}

/* What blkback reads. */
static void set_disk(struct chaos__store *store, const struct chaos__end *end,
                     const char *directory)
{
    const struct chaos__disk *disk = end->disk;

    chaos__store_set(store, directory, "dev", disk->vdev);
    chaos__store_set(store, directory, "mode", mode(disk));
    chaos__store_set(store, directory, "device-type", device_type(disk));
}

static bool may_discard(const struct chaos__end *end)
{
    return end->disk->access != CHAOS__DISK_READ_ONLY;
}

static void write_stock_vbd(struct chaos__store *store,
                            const struct chaos__end *end)
{
    chaos__store_set_number(store, end->front, "virtual-device", end->id);
    chaos__store_set(store, end->front, "device-type", device_type(end->disk));
    set_disk(store, end, end->back);
    if (!may_discard(end)) /* blkback takes it that it may */
        chaos__store_set_number(store, end->back, "discard-enable", 0);
    if (!*end->disk->script)
        set_physical_device(store, end);
}

static void set_p9(struct chaos__store *store, const struct chaos__end *end,
                   const char *directory)
{
    chaos__store_set(store, directory, "path", end->p9_path);
    chaos__store_set(store, directory, "security_model",
                     end->p9->security_model);
}

static void write_p9(struct chaos__store *store, const struct chaos__end *end)
{
    chaos__store_set(store, end->front, "tag", end->p9->tag);
    set_p9(store, end, end->back);
}

static void write_stock(struct chaos__store *store,
                        const struct chaos__end *end)
{
    write_stock_common(store, end);
    if (end->net)
        write_stock_vif(store, end);
    else if (end->block)
        write_stock_vbd(store, end);
    else
        write_p9(store, end);
    chaos__end_write_front_state(store, end, CHAOS__END_INITIALISING);
}

void chaos__end_dress(struct chaos__store *store, const struct chaos__end *end)
{
    if (end->net)
        set_macs(store, end);
}

/* ------------------------------------------------------- for tools alone */

/* xl keeps a copy of what it writes for the back end, and trusts that alone. */
static void set_both(struct chaos__store *store, const struct chaos__end *end,
                     const char *node, const char *value)
{
    chaos__store_set(store, end->back, node, value);
    chaos__store_set(store, end->libxl, node, value);
}

static void set_both_number(struct chaos__store *store,
                            const struct chaos__end *end, const char *node,
                            uint64_t value)
{
    chaos__store_set_number(store, end->back, node, value);
    chaos__store_set_number(store, end->libxl, node, value);
}

static void tell_vif(struct chaos__store *store, const struct chaos__end *end)
{
    set_mac(store, end, end->libxl);
    chaos__store_set_number(store, end->libxl, "handle", end->id);
    chaos__store_set(store, end->libxl, "script", vif_script(end));
    set_both(store, end, "bridge", end->vif->bridge);
    set_both(store, end, "type", "vif");
    if (*end->vif->name)
        set_both(store, end, "vifname", end->vif->name);
    if (end->vif->mtu) /* a script goes by it */
        set_both_number(store, end, "mtu", end->vif->mtu);
    if (*end->vif->ip)
        set_both(store, end, "ip", end->vif->ip);
    if (*end->vif->gatewaydev)
        set_both(store, end, "gatewaydev", end->vif->gatewaydev);
    set_rate(store, end, end->libxl);
    chaos__store_set(store, end->libxl, "hotplug-status", "");
}

/* Where the disk is, which a script finds out. */
static void tell_path(struct chaos__store *store, const struct chaos__end *end)
{
    const int loop = end->block->host.loop;
    char node[32];

    snprintf(node, sizeof(node), "/dev/loop%d", loop);
    if (loop != CHAOS__LOOP_NONE)
        chaos__store_set(store, end->back, "node", node);
    chaos__store_set(store, end->back, "physical-device-path",
                     loop != CHAOS__LOOP_NONE ? node : end->disk->target);
}

static void tell_vbd(struct chaos__store *store, const struct chaos__end *end)
{
    const struct chaos__disk *disk = end->disk;

    set_disk(store, end, end->libxl);
    set_both_number(store, end, "discard-enable", may_discard(end));
    set_both_number(store, end, "bootable", 1);
    set_both(store, end, "type", "phy");
    set_both_number(store, end, "removable", disk->is_cdrom);
    set_both(store, end, "script",
             *disk->script ? disk->script : CHAOS__SCRIPT_VBD);
    set_both(store, end, "specification", "xen");
    set_both(store, end, "params", disk->target ? disk->target : "");
    if (*disk->script) /* which finds out the rest */
        return;
    tell_path(store, end);
    chaos__end_write_plugged(store, end);
}

void chaos__end_tell(struct chaos__store *store, const struct chaos__end *end)
{
    chaos__store_set(store, end->libxl, "backend", end->back);
    chaos__store_set(store, end->libxl, "frontend", end->front);
    chaos__store_set_number(store, end->libxl, "frontend-id", end->domid);
    chaos__store_set_number(store, end->libxl, "online", 1);
    if (!end->p9) /* as front ends take it anyway */
        chaos__store_set_number(store, end->front, "trusted", 1);
    if (end->net)
        tell_vif(store, end);
    else if (end->block)
        tell_vbd(store, end);
    else
        set_p9(store, end, end->libxl);
    chaos__store_set_number(store, end->libxl, "state",
                            CHAOS__END_INITIALISING);
}

/* ---------------------------------------------------------------- either */

/* A script is a tool, too; and who attaches a device waits for it anyway. */
static bool is_told_at_once(const struct chaos__end *end)
{
    return *chaos__end_script(end) || end->p9 || end->guest_runs;
}

void chaos__end_write(struct chaos__store *store, const struct chaos__end *end)
{
    if (end->noxs)
        write_noxs(store, end);
    else
        write_stock(store, end);
    if (!end->noxs && is_told_at_once(end))
        chaos__end_tell(store, end);
    chaos__store_set_number(store, end->back, "state", CHAOS__END_INITIALISING);
}

/* ------------------------------------------------------------- looking */

void chaos__end_read(struct chaos__store *store, const struct chaos__end *end,
                     const char *node, char *value, size_t size)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", end->back, node);
    chaos__store_read(store, path, value, size);
}

void chaos__end_read_front_state(struct chaos__store *store,
                                 struct chaos__end *end)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/state", end->front);
    chaos__store_read(store, path, end->front_state, sizeof(end->front_state));
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
