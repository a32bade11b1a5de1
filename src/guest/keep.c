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
    for (i = 0; ok && i < config->vif_count; i++) {
        kept->vifs[i] = config->vifs[i];
        kept->vifs[i].has_mac = true;
        memcpy(kept->vifs[i].mac, devices->nets[i].mac,
               sizeof(kept->vifs[i].mac));
    }
    for (i = 0; ok && i < config->disk_count; i++) {
        kept->disks[i] = config->disks[i];
        /* A script may know it by something that is no path. */
        kept->disks[i].target = *config->disks[i].script
                                    ? strdup(config->disks[i].target)
                                    : absolute(config->disks[i].target);
        ok = kept->disks[i].target;
    }
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
