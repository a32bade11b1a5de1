/* SPDX-License-Identifier: MIT */
#include "flavor.h"

#include "registry/index.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_vif(struct chaos__flavor_vif *vif,
                    const struct chaos__vif *wanted)
{
    /* The name ends the bytes that count. */
    strncpy(vif->bridge, wanted->bridge, sizeof(vif->bridge));
    vif->rate_bytes = wanted->rate_bytes;
    vif->rate_interval_us = wanted->rate_interval_us;
    vif->mtu = wanted->mtu;
}

static void set_disk(struct chaos__flavor_disk *disk,
                     const struct chaos__disk *wanted)
{
    strncpy(disk->vdev, wanted->vdev, sizeof(disk->vdev));
    disk->vdev_number = wanted->vdev_number;
    disk->is_read_only = wanted->access == CHAOS__DISK_READ_ONLY;
    disk->is_cdrom = wanted->is_cdrom;
}

const char *chaos__flavor_of(const struct chaos_config *config, bool noxs,
                             struct chaos__flavor *flavor_r)
{
    struct chaos__flavor *flavor = flavor_r;
    unsigned i;

    memset(flavor, 0, sizeof(*flavor));
    flavor->type = (uint8_t)config->type;
    flavor->noxs = noxs;
    flavor->vif_count = (uint8_t)config->vif_count;
    flavor->disk_count = (uint8_t)config->disk_count;
    flavor->vcpus = chaos__config_vcpus(config, noxs);
    flavor->max_grant_frames = config->max_grant_frames;
    flavor->max_event_channels = config->max_event_channels;
    flavor->memory_kb = config->memory_kb;
    flavor->maxmem_kb =
        config->maxmem_kb ? config->maxmem_kb : config->memory_kb;
    if (config->p9_count > 0)
        return "p9= takes a program that is started for its guest";
    for (i = 0; i < config->vif_count; i++) {
        /* The kernel names no interface anew that is up. */
        if (*config->vifs[i].name)
            return "an interface with a vifname= is made for its guest";
        if (config->vifs[i].id != i)
            return "an interface with a devid= of its own is made for its "
                   "guest";
        if (*config->vifs[i].script)
            return "a script= is run for its guest";
        set_vif(&flavor->vifs[i], &config->vifs[i]);
    }
    for (i = 0; i < config->disk_count; i++) {
        if (*config->disks[i].script)
            return "a script= is run for its guest";
        set_disk(&flavor->disks[i], &config->disks[i]);
    }
    return NULL;
}

static void fill_vif(struct chaos__vif *vif,
                     const struct chaos__flavor_vif *wanted, uint32_t id)
{
    vif->id = id;
    memcpy(vif->bridge, wanted->bridge, sizeof(vif->bridge));
    vif->rate_bytes = wanted->rate_bytes;
    vif->rate_interval_us = wanted->rate_interval_us;
    vif->mtu = wanted->mtu;
}

static void fill_disk(struct chaos__disk *disk,
                      const struct chaos__flavor_disk *wanted)
{
    disk->access =
        wanted->is_read_only ? CHAOS__DISK_READ_ONLY : CHAOS__DISK_WRITE;
    disk->is_cdrom = wanted->is_cdrom;
    disk->vdev_number = wanted->vdev_number;
    memcpy(disk->vdev, wanted->vdev, sizeof(disk->vdev));
}

struct chaos_config *chaos__flavor_config(const struct chaos__flavor *flavor)
{
    struct chaos_config *config = calloc(1, sizeof(*config));
    unsigned i;

    if (!config)
        return NULL;
    config->type = (enum chaos__type)flavor->type;
    config->vcpus = flavor->vcpus;
    config->memory_kb = flavor->memory_kb;
    config->maxmem_kb = flavor->maxmem_kb;
    config->max_grant_frames = flavor->max_grant_frames;
    config->max_event_channels = flavor->max_event_channels;
    config->vifs = calloc(CHAOS__VIFS_MAX, sizeof(*config->vifs));
    config->disks = calloc(CHAOS__DISKS_MAX, sizeof(*config->disks));
    if (!config->vifs || !config->disks) {
        chaos_config_free(config);
        return NULL;
    }
    for (i = 0; i < flavor->vif_count && i < CHAOS__VIFS_MAX; i++)
        fill_vif(&config->vifs[config->vif_count++], &flavor->vifs[i], i);
    for (i = 0; i < flavor->disk_count && i < CHAOS__DISKS_MAX; i++)
        fill_disk(&config->disks[config->disk_count++], &flavor->disks[i]);
    return config;
}

void chaos__flavor_pack(const struct chaos__flavor *flavor,
                        uint8_t bytes[CHAOS__FLAVOR_SIZE])
{
    memset(bytes, 0, CHAOS__FLAVOR_SIZE);
    memcpy(bytes, flavor, sizeof(*flavor));
}

void chaos__flavor_unpack(const uint8_t bytes[CHAOS__FLAVOR_SIZE],
                          struct chaos__flavor *flavor_r)
{
    memcpy(flavor_r, bytes, sizeof(*flavor_r));
}

static void add_count(char *name, unsigned count, const char *what)
{
    size_t length = strlen(name);

    if (count > 0)
        snprintf(name + length, CHAOS__POOL_NAME_SIZE - length, "-%u%s", count,
                 what);
}

void chaos__flavor_name(const struct chaos__flavor *flavor,
                        char name[CHAOS__POOL_NAME_SIZE])
{
    size_t length;

    snprintf(name, CHAOS__POOL_NAME_SIZE, "%s-%" PRIu64 "m",
             flavor->type == CHAOS__TYPE_PVH ? "pvh" : "pv",
             flavor->memory_kb / 1024);
    add_count(name, flavor->vif_count, "vif");
    add_count(name, flavor->disk_count, "vbd");
    length = strlen(name);
    snprintf(name + length, CHAOS__POOL_NAME_SIZE - length, "-%08x",
             chaos__index_hash(flavor, sizeof(*flavor)));
}
