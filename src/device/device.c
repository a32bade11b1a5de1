/* SPDX-License-Identifier: MIT */
/* Opening, preparing and closing: all but the talk with back ends. */
#include "device.h"

#include "config/keys.h"
#include "dom0/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What every ring starts with, public/io/ring.h. */
struct ring_header {
    uint32_t request_produced, request_event;
    uint32_t response_produced, response_event;
};

static int find_bridge(const struct chaos__vif *vif, bool noxs,
                       struct chaos__net *net, struct chaos_error *err)
{
    uint32_t bridge_mtu;
    int rc = chaos__dom0_bridge(vif->bridge, &bridge_mtu, err);

    /* A script may know another kind of bridge, or need none. */
    if (rc < 0 && *vif->script)
        bridge_mtu = CHAOS__MTU_MAX;
    else if (rc < 0)
        return rc;
    net->mtu = vif->mtu ? vif->mtu : bridge_mtu;
    /* A packet is in one page: that is how noxs guests use the rings. */
    if (noxs && net->mtu > CHAOS__MTU_MAX)
        net->mtu = CHAOS__MTU_MAX;
    return 0;
}

static bool is_writable(const struct chaos__disk *disk)
{
    return disk->access != CHAOS__DISK_READ_ONLY;
}

static int open_block(const struct chaos__disk *disk,
                      struct chaos__block *block, struct chaos_error *err)
{
    int rc;

    if (!disk->target || *disk->script) {
        block->host = (struct chaos__dom0_disk){ .fd = -1,
                                                 .loop_fd = -1,
                                                 .loop = CHAOS__LOOP_NONE };
        return 0;
    }
    rc = chaos__dom0_disk_open(disk->target, is_writable(disk), &block->host,
                               err);
    if (rc == 0 && !block->host.is_file &&
        disk->access != CHAOS__DISK_SHARED_WRITE) {
        rc = chaos__dom0_device_is_free(&block->host, is_writable(disk),
                                        disk->target, err);
        if (rc < 0)
            chaos__dom0_disk_close(&block->host);
    }
    return rc < 0 ? chaos__fail_within(err, rc, "disk %s", disk->vdev) : 0;
}

/* QEMU and a restart look for it from another directory. */
static int find_directory(const struct chaos__p9 *p9, char **path_r,
                          struct chaos_error *err)
{
    struct stat status;

    *path_r = realpath(p9->path, NULL);
    if (!*path_r || stat(*path_r, &status) < 0)
        return chaos__fail_errno(err, errno, "p9 %s: %s", p9->tag, p9->path);
    if (!S_ISDIR(status.st_mode))
        return chaos__fail(err, CHAOS_EINVAL, "p9 %s: %s: not a directory",
                           p9->tag, p9->path);
    /* The configuration that is kept could not say it. */
    if (strchr(*path_r, ','))
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "p9 %s: %s: a path with a comma in it is not "
                           "supported: rename it",
                           p9->tag, *path_r);
    return 0;
}

/* What a page can't tell a guest. */
static int check_noxs(const struct chaos_config *config,
                      struct chaos_error *err)
{
    unsigned i;

    if (config->p9_count > 0)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "p9: a guest that speaks noxs has no such device: "
                           "remove the key, or add registry=\"xenstore\"");
    for (i = 0; i < config->vif_count; i++)
        if (config->vifs[i].why_no_ipv4)
            return chaos__fail(err, CHAOS_EINVAL,
                               "vif %u: ip=%s: a guest that speaks noxs is "
                               "told one address, and this is %s",
                               config->vifs[i].id, config->vifs[i].ip,
                               config->vifs[i].why_no_ipv4);
    return 0;
}

static int find_directories(struct chaos__devices *devices,
                            struct chaos_error *err)
{
    const struct chaos_config *config = devices->config;
    unsigned i;
    int rc = devices->noxs ? check_noxs(config, err) : 0;

    for (i = 0; rc == 0 && i < config->p9_count; i++) {
        devices->p9_count++;
        rc = find_directory(&config->p9s[i], &devices->p9_paths[i], err);
    }
    return rc;
}

int chaos__devices_open(const struct chaos_config *config, bool noxs,
                        struct chaos__devices *devices, struct chaos_error *err)
{
    unsigned i;
    int rc = 0;

    *devices = (struct chaos__devices){ .config = config,
                                        .noxs = noxs,
                                        .net_count = config->vif_count };
    for (i = 0; i < config->vif_count; i++)
        if (config->vifs[i].has_mac)
            memcpy(devices->nets[i].mac, config->vifs[i].mac,
                   sizeof(devices->nets[i].mac));
    for (i = 0; rc == 0 && i < config->disk_count; i++) {
        rc = open_block(&config->disks[i], &devices->blocks[i], err);
        if (rc < 0)
            chaos__config_fail_at(config, CHAOS__KEY_DISK, rc, err);
        else
            devices->block_count++;
    }
    if (rc == 0)
        rc = find_directories(devices, err);
    if (rc < 0)
        chaos__devices_close(devices);
    return rc;
}

int chaos__devices_find_host(struct chaos__devices *devices,
                             struct chaos_error *err)
{
    const char *model;
    unsigned i;
    int rc = 0;

    if (devices->net_count > 0)
        rc = chaos__dom0_backend("vif", err);
    if (rc == 0 && devices->block_count > 0)
        rc = chaos__dom0_backend("vbd", err);
    if (rc == 0 && devices->p9_count > 0)
        rc = chaos__model_find(devices->config->device_model, &model, err);
    for (i = 0; rc == 0 && i < devices->net_count; i++) {
        rc = find_bridge(&devices->config->vifs[i], devices->noxs,
                         &devices->nets[i], err);
        if (rc < 0) {
            chaos__fail_within(err, rc, "vif %u", devices->config->vifs[i].id);
            chaos__config_fail_at(devices->config, CHAOS__KEY_VIF, rc, err);
        }
    }
    return rc;
}

bool chaos__devices_have_scripts(const struct chaos_config *config)
{
    bool any = false;
    unsigned i;

    for (i = 0; i < config->vif_count; i++)
        any = any || *config->vifs[i].script;
    for (i = 0; i < config->disk_count; i++)
        any = any || *config->disks[i].script;
    return any;
}

int chaos__devices_check_files(struct chaos__devices *devices,
                               struct chaos_error *err)
{
    const struct chaos__disk *disk;
    struct chaos__block *block;
    unsigned i;
    int rc;

    for (i = 0; i < devices->block_count; i++) {
        disk = &devices->config->disks[i];
        block = &devices->blocks[i];
        if (!disk->target || *disk->script || !block->host.is_file ||
            disk->access == CHAOS__DISK_SHARED_WRITE)
            continue;
        rc = chaos__dom0_file_is_free(&block->host, is_writable(disk),
                                      disk->target, err);
        if (rc < 0)
            return chaos__fail_within(err, rc, "disk %s", disk->vdev);
    }
    return 0;
}

static int attach_block(const struct chaos__disk *disk, bool noxs, int loop,
                        struct chaos__block *block, struct chaos_error *err)
{
    if (disk->target)
        return chaos__dom0_disk_attach(&block->host, is_writable(disk), err);
    block->is_deferred = !noxs && is_writable(disk);
    return block->is_deferred
               ? 0
               : chaos__dom0_loop_reserve(loop, &block->host, err);
}

int chaos__devices_attach(struct chaos__devices *devices, int first_loop,
                          struct chaos_error *err)
{
    const struct chaos__disk *disk;
    unsigned i;
    int rc;

    for (i = 0; i < devices->block_count; i++) {
        disk = &devices->config->disks[i];
        if (*disk->script)
            continue;
        rc = attach_block(disk, devices->noxs, first_loop + (int)i,
                          &devices->blocks[i], err);
        if (rc < 0)
            return chaos__fail_within(err, rc, "disk %s", disk->vdev);
    }
    return 0;
}

void chaos__devices_close(struct chaos__devices *devices)
{
    unsigned i;

    for (i = 0; i < devices->block_count; i++)
        chaos__dom0_disk_close(&devices->blocks[i].host);
    for (i = 0; i < devices->p9_count; i++)
        free(devices->p9_paths[i]);
    devices->p9_count = 0;
}

unsigned chaos__devices_rings(const struct chaos__devices *devices)
{
    return devices->noxs ? 2 * devices->net_count + devices->block_count : 0;
}

uint32_t chaos__devices_first_grant(const struct chaos__devices *devices)
{
    return CHAOS__GRANT_FIRST + chaos__devices_rings(devices);
}

/* The rings take the frames in order, and references in the same. */
static struct chaos__ring make_ring(const uint64_t *frames, void *pages,
                                    unsigned *n)
{
    struct ring_header *header =
        (struct ring_header *)((uint8_t *)pages + *n * CHAOS__PAGE_SIZE);
    struct chaos__ring ring = { frames[*n], CHAOS__GRANT_FIRST + *n };

    header->request_event = header->response_event = 1;
    (*n)++;
    return ring;
}

static void make_rings(struct chaos__devices *devices, const uint64_t *frames,
                       void *pages)
{
    unsigned i, n = 0;

    for (i = 0; i < devices->net_count; i++) {
        devices->nets[i].tx = make_ring(frames, pages, &n);
        devices->nets[i].rx = make_ring(frames, pages, &n);
    }
    for (i = 0; i < devices->block_count; i++)
        devices->blocks[i].ring = make_ring(frames, pages, &n);
}

int chaos__devices_prepare(struct chaos__hv *hv, uint32_t domid,
                           struct chaos__devices *devices,
                           const uint64_t *frames, void *pages,
                           struct chaos_error *err)
{
    struct chaos__hv_grant grants[CHAOS__RINGS_MAX];
    unsigned i, count = chaos__devices_rings(devices);
    int rc = 0;

    if (!devices->noxs)
        return 0;
    make_rings(devices, frames, pages);
    for (i = 0; i < count; i++)
        grants[i] =
            (struct chaos__hv_grant){ CHAOS__GRANT_FIRST + i, frames[i] };
    if (count > 0)
        rc = chaos__hv_grant(hv, domid, grants, count, err);
    for (i = 0; rc == 0 && i < devices->net_count; i++)
        rc = chaos__hv_port_alloc(hv, domid, &devices->nets[i].port, err);
    for (i = 0; rc == 0 && i < devices->block_count; i++)
        rc = chaos__hv_port_alloc(hv, domid, &devices->blocks[i].port, err);
    return rc;
}

void chaos__net_interface(const struct chaos__vif *vif, uint32_t domid,
                          char name[CHAOS__INTERFACE_NAME_MAX])
{
    if (*vif->name)
        snprintf(name, CHAOS__INTERFACE_NAME_MAX, "%s", vif->name);
    else /* as netback names it */
        snprintf(name, CHAOS__INTERFACE_NAME_MAX, "vif%u.%u", domid, vif->id);
}

/* ------------------------------------------- of a shell that is claimed */

bool chaos__devices_are_files(const struct chaos__devices *devices)
{
    unsigned i = 0;

    while (i < devices->block_count && devices->blocks[i].host.is_file)
        i++;
    return i == devices->block_count;
}

bool chaos__devices_any_deferred(const struct chaos__devices *devices)
{
    unsigned i = 0;

    while (i < devices->block_count && !devices->blocks[i].is_deferred)
        i++;
    return i < devices->block_count;
}

bool chaos__devices_are_well(const struct chaos__devices *devices,
                             uint32_t domid)
{
    const struct chaos_config *config = devices->config;
    char interface[CHAOS__INTERFACE_NAME_MAX];
    unsigned i;

    for (i = 0; i < devices->net_count; i++) {
        chaos__net_interface(&config->vifs[i], domid, interface);
        if (!chaos__dom0_is_joined(interface, config->vifs[i].bridge))
            return false;
    }
    for (i = 0; i < devices->block_count; i++)
        if (!devices->blocks[i].is_deferred &&
            !chaos__dom0_has_device("vbd", domid, config->disks[i].vdev_number))
            return false;
    return true;
}

static int bind_block(const struct chaos__disk *disk,
                      struct chaos__block *block, struct chaos_error *err)
{
    struct chaos__dom0_geometry geometry;
    int rc = block->is_deferred
                 ? chaos__dom0_disk_attach(&block->host, is_writable(disk), err)
                 : chaos__dom0_disk_bind(&block->host, is_writable(disk), err);

    if (rc == 0)
        rc = chaos__dom0_disk_geometry(&block->host, &geometry, err);
    if (rc < 0)
        return chaos__fail_within(err, rc, "disk %s", disk->vdev);
    block->sectors = geometry.sectors;
    block->sector_size = geometry.sector_size;
    /* blkback flushes whenever it is asked to; what it said of this when it
     * connected was of a device without a file. */
    block->can_flush = true;
    block->can_discard = geometry.can_discard;
    return 0;
}

int chaos__devices_bind(struct chaos__devices *devices, struct chaos_error *err)
{
    unsigned i;
    int rc = 0;

    for (i = 0; rc == 0 && i < devices->block_count; i++)
        rc = bind_block(&devices->config->disks[i], &devices->blocks[i], err);
    return rc;
}
