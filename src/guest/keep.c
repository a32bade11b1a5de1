/* SPDX-License-Identifier: MIT */
/* The configuration that is kept for a guest: what a restart needs. */
#include "create.h"

#include "config/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A restart may happen in another directory. */
static char *absolute(const char *path)
{
    char directory[4096], *whole;

    if (!path || *path == '/' || !getcwd(directory, sizeof(directory)))
        return path ? strdup(path) : NULL;
    return asprintf(&whole, "%s/%s", directory, path) < 0 ? NULL : whole;
}

/* A copy of a configuration, complete for a restart: UUID, MACs and the way to
 * its devices are the same then, and paths lead there from any directory.  What
 * it has of its own: */
static void release_kept(struct chaos_config *kept)
{
    unsigned i;

    for (i = 0; kept->disks && i < kept->disk_count; i++)
        free(kept->disks[i].target);
    free(kept->disks);
    chaos__p9s_free(kept->p9s, kept->p9s ? kept->p9_count : 0);
    free(kept->vifs);
    free(kept->kernel);
    free(kept->ramdisk);
}

static void complete_vif(struct chaos__vif *kept, const struct chaos__vif *vif,
                         const struct chaos__net *net)
{
    *kept = *vif;
    kept->has_mac = true;
    memcpy(kept->mac, net->mac, sizeof(kept->mac));
}

/* False: memory is out. */
static bool complete_disk(struct chaos__disk *kept,
                          const struct chaos__disk *disk)
{
    *kept = *disk;
    /* A script may know it by something that is no path. */
    kept->target =
        *disk->script ? strdup(disk->target) : absolute(disk->target);
    return kept->target;
}

static bool complete(struct chaos_config *kept,
                     const struct chaos_config *config,
                     const struct chaos__devices *devices)
{
    unsigned i;
    bool ok;

    kept->kernel = absolute(config->kernel);
    kept->ramdisk = absolute(config->ramdisk);
    kept->vifs = calloc(config->vif_count + 1, sizeof(*kept->vifs));
    kept->disks = calloc(config->disk_count + 1, sizeof(*kept->disks));
    kept->p9s = calloc(config->p9_count + 1, sizeof(*kept->p9s));
    ok = kept->kernel && (kept->ramdisk || !config->ramdisk) && kept->vifs &&
         kept->disks && kept->p9s;
    for (i = 0; ok && i < config->vif_count; i++)
        complete_vif(&kept->vifs[i], &config->vifs[i], &devices->nets[i]);
    for (i = 0; ok && i < config->disk_count; i++)
        ok = complete_disk(&kept->disks[i], &config->disks[i]);
    for (i = 0; ok && i < config->p9_count; i++) {
        kept->p9s[i] = config->p9s[i];
        kept->p9s[i].path = absolute(config->p9s[i].path);
        ok = kept->p9s[i].path;
    }
    return ok;
}

int chaos__keep_config(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__devices *devices,
                       struct chaos__slot *slot, struct chaos_error *err)
{
    struct chaos_config kept = *config;
    char *text = NULL;
    int rc;

    /* And whose it is, for chaos_recover(). */
    kept.has_uuid = true;
    memcpy(kept.uuid, slot->uuid, sizeof(kept.uuid));
    kept.mode = devices->noxs ? CHAOS__MODE_NOXS : CHAOS__MODE_XENSTORE;
    if (complete(&kept, config, devices))
        rc = chaos_config_format(&kept, &text, err);
    else
        rc = chaos__fail_memory(err);
    release_kept(&kept);
    if (rc < 0)
        return rc;
    rc = chaos__registry_keep_config(chaos->registry, slot, text, err);
    free(text);
    return rc;
}

/* ----------------------------------------------- while the guest runs */

int chaos__read_kept(struct chaos *chaos, const struct chaos__slot *slot,
                     const char *name, struct chaos_config **config_r,
                     struct chaos_error *err)
{
    char *text;
    int rc = chaos__registry_read_config(chaos->registry, slot, &text, err);

    if (rc < 0)
        return rc;
    rc = chaos_config_parse(chaos, text, name, config_r, err);
    free(text);
    return rc;
}

/* NULL and 0 for a guest of which none is kept: it will not be restarted. */
static int read_kept(struct chaos *chaos, const struct chaos__slot *slot,
                     struct chaos_config **config_r, struct chaos_error *err)
{
    *config_r = NULL;
    return slot->has_config
               ? chaos__read_kept(chaos, slot, slot->name, config_r, err)
               : 0;
}

static int replace_kept(struct chaos *chaos, const struct chaos__slot *slot,
                        const struct chaos_config *config,
                        struct chaos_error *err)
{
    char *text;
    int rc = chaos_config_format(config, &text, err);

    if (rc < 0)
        return rc;
    rc = chaos__registry_replace_config(chaos->registry, slot, text, err);
    free(text);
    return rc;
}

static bool add_vif(struct chaos_config *kept, const struct chaos__vif *vif,
                    const struct chaos__net *net)
{
    struct chaos__vif *vifs =
        realloc(kept->vifs, (kept->vif_count + 1) * sizeof(*vifs));

    if (!vifs)
        return false;
    kept->vifs = vifs;
    complete_vif(&vifs[kept->vif_count++], vif, net);
    return true;
}

static bool add_disk(struct chaos_config *kept, const struct chaos__disk *disk)
{
    struct chaos__disk *disks =
        realloc(kept->disks, (kept->disk_count + 1) * sizeof(*disks));

    if (!disks)
        return false;
    kept->disks = disks;
    if (!complete_disk(&disks[kept->disk_count], disk))
        return false;
    kept->disk_count++;
    return true;
}

int chaos__keep_with(struct chaos *chaos, const struct chaos__slot *slot,
                     const struct chaos__devices *devices,
                     struct chaos_error *err)
{
    const struct chaos_config *added = devices->config;
    struct chaos_config *kept;
    int rc = read_kept(chaos, slot, &kept, err);

    if (rc < 0 || !kept)
        return rc;
    if (added->vif_count > 0 ? add_vif(kept, added->vifs, devices->nets)
                             : add_disk(kept, added->disks))
        rc = replace_kept(chaos, slot, kept, err);
    else
        rc = chaos__fail_memory(err);
    chaos_config_free(kept);
    return rc;
}

static bool drop_vif(struct chaos_config *kept, uint32_t id)
{
    unsigned i = 0;

    while (i < kept->vif_count && kept->vifs[i].id != id)
        i++;
    if (i == kept->vif_count)
        return false;
    memmove(&kept->vifs[i], &kept->vifs[i + 1],
            (--kept->vif_count - i) * sizeof(*kept->vifs));
    return true;
}

static bool drop_disk(struct chaos_config *kept, uint32_t id)
{
    unsigned i = 0;

    while (i < kept->disk_count && kept->disks[i].vdev_number != id)
        i++;
    if (i == kept->disk_count)
        return false;
    free(kept->disks[i].target);
    memmove(&kept->disks[i], &kept->disks[i + 1],
            (--kept->disk_count - i) * sizeof(*kept->disks));
    return true;
}

int chaos__keep_without(struct chaos *chaos, const struct chaos__slot *slot,
                        const struct chaos__device_name *name,
                        struct chaos_error *err)
{
    struct chaos_config *kept;
    int rc = read_kept(chaos, slot, &kept, err);

    if (rc < 0 || !kept)
        return rc;
    if (name->is_net ? drop_vif(kept, name->id) : drop_disk(kept, name->id))
        rc = replace_kept(chaos, slot, kept, err);
    chaos_config_free(kept);
    return rc;
}
