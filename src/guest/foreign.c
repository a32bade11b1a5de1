/* SPDX-License-Identifier: MIT */
#include "foreign.h"

#include "config/keys.h"
#include "device/foreign.h"
#include "device/found.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_AT_ONCE 64

#define LOOP_MAJOR 7 /* admin-guide/devices.txt of Linux's documentation */

/* -------------------------------------------------------------- finding */

struct named {
    uint32_t domid;
    char name[CHAOS_NAME_MAX + 2]; /* a longer one is seen to be none */
};

/* Some more domains that may have names, from *next on; returns how many. */
static unsigned choose(struct chaos *chaos,
                       const struct chaos__hv_domain *domains, size_t count,
                       size_t *next, struct named *named)
{
    const struct chaos__slot *slot;
    unsigned chosen = 0;

    for (; *next < count && chosen < NAMES_AT_ONCE; ++*next) {
        const struct chaos__hv_domain *domain = &domains[*next];

        slot = chaos__registry_by_domid(chaos->registry, domain->domid);
        if (domain->domid != 0 && !domain->dying &&
            !(slot && chaos__slot_is_of(slot, domain->handle)))
            named[chosen++].domid = domain->domid;
    }
    return chosen;
}

static int read_names(struct chaos *chaos, struct named *named, unsigned count,
                      struct chaos_error *err)
{
    char path[64];
    unsigned i;
    int rc = chaos__store_ready(chaos, err);

    if (rc < 0)
        return rc;
    for (i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/local/domain/%u/name", named[i].domid);
        chaos__store_read(chaos->store, path, named[i].name,
                          sizeof(named[i].name));
    }
    return chaos__store_run(chaos->store, err);
}

static int find(struct chaos *chaos, const char *name,
                const struct chaos__hv_domain *domains, size_t count,
                uint32_t *domid_r, struct chaos_error *err)
{
    struct named named[NAMES_AT_ONCE];
    unsigned chosen, i;
    size_t next = 0;
    int rc;

    while ((chosen = choose(chaos, domains, count, &next, named)) > 0) {
        rc = read_names(chaos, named, chosen, err);
        if (rc < 0)
            return rc;
        for (i = 0; i < chosen; i++) {
            if (strcmp(named[i].name, name) != 0)
                continue;
            *domid_r = named[i].domid;
            return 1;
        }
    }
    return 0;
}

int chaos__foreign_find(struct chaos *chaos, const char *name,
                        uint32_t *domid_r, struct chaos_error *err)
{
    struct chaos__hv_domain *domains;
    size_t count;
    int rc;

    if (!*name || strlen(name) > CHAOS_NAME_MAX)
        return 0;
    rc = chaos__guest_read_domains(chaos, &domains, &count, err);
    if (rc < 0)
        return rc;
    rc = find(chaos, name, domains, count, domid_r, err);
    free(domains);
    return rc;
}

/* ------------------------------------------------------------- comparing */

int chaos__foreign_check_name(struct chaos *chaos, const char *name,
                              struct chaos_error *err)
{
    uint32_t domid;
    int rc = chaos__foreign_find(chaos, name, &domid, err);

    return rc > 0 ? chaos__fail(err, CHAOS_EEXIST,
                                "name: domain %u, another toolstack's, is "
                                "called %s; choose another name, or end that "
                                "domain (chaos destroy %u)",
                                domid, name, domid)
                  : rc;
}

static bool wants_device(const struct chaos__disk *disk,
                         const struct chaos__block *block)
{
    return disk->target && !*disk->script && !block->host.is_file &&
           disk->access != CHAOS__DISK_SHARED_WRITE;
}

static bool wants_any_device(const struct chaos__devices *devices)
{
    unsigned i = 0;

    while (i < devices->block_count &&
           !wants_device(&devices->config->disks[i], &devices->blocks[i]))
        i++;
    return i < devices->block_count;
}

static bool is_rival(const struct chaos__found *found,
                     const struct chaos__disk *disk,
                     const struct chaos__block *block)
{
    return found->major == block->host.major &&
           found->minor == block->host.minor &&
           !(found->is_read_only && disk->access == CHAOS__DISK_READ_ONLY);
}

static int compare_disk(uint32_t domid, const struct chaos__found *found,
                        const void *user, struct chaos_error *err)
{
    const struct chaos__devices *devices = user;
    const struct chaos__disk *disk;
    unsigned i;

    for (i = 0; i < devices->block_count; i++) {
        disk = &devices->config->disks[i];
        if (wants_device(disk, &devices->blocks[i]) &&
            is_rival(found, disk, &devices->blocks[i]))
            return chaos__fail(err, CHAOS_EBUSY,
                               "disk %s: %s is disk %s of domain %u, another "
                               "toolstack's, and one of them writes; if all "
                               "that use it can share it, say w! for each",
                               disk->vdev, disk->target, found->vdev, domid);
    }
    return 0;
}

static int compare_all(struct chaos *chaos,
                       const struct chaos__devices *devices,
                       const struct chaos__hv_domain *domains, size_t count,
                       struct chaos_error *err)
{
    struct named named[NAMES_AT_ONCE];
    unsigned chosen, i;
    size_t next = 0;
    int rc = chaos__store_ready(chaos, err);

    while (rc == 0 &&
           (chosen = choose(chaos, domains, count, &next, named)) > 0)
        for (i = 0; rc == 0 && i < chosen; i++)
            rc = chaos__disks_each(chaos->store, named[i].domid, compare_disk,
                                   devices, err);
    return rc;
}

int chaos__foreign_check_disks(struct chaos *chaos,
                               const struct chaos__devices *devices,
                               struct chaos_error *err)
{
    struct chaos__hv_domain *domains;
    size_t count;
    int rc;

    if (!wants_any_device(devices))
        return 0;
    rc = chaos__guest_read_domains(chaos, &domains, &count, err);
    if (rc < 0)
        return rc;
    rc = compare_all(chaos, devices, domains, count, err);
    free(domains);
    return rc;
}

/* ----------------------------------------------------------- destroying */

/* Something fails that may leave something, but is no reason to stop. */
static void warn(const struct chaos *chaos, uint32_t domid,
                 const struct chaos_error *why)
{
    chaos__log(chaos, CHAOS_LOG_WARNING, "destroying domain %u: %s", domid,
               why->message);
}

static int remove_devices(struct chaos *chaos, uint32_t domid,
                          struct chaos_error *err)
{
    struct chaos_error why;
    int rc = chaos__devices_unplug(chaos->store, domid, false, &why);

    if (rc < 0)
        return chaos__fail(err, rc, "%s", why.message);
    if (rc > 0)
        warn(chaos, domid, &why);
    return 0;
}

static int remove_nodes(struct chaos__store *store, uint32_t domid,
                        const char *uuid, struct chaos_error *err)
{
    char path[128];

    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    chaos__store_remove(store, path);
    snprintf(path, sizeof(path), "/libxl/%u", domid);
    chaos__store_remove(store, path);
    snprintf(path, sizeof(path), "/vm/%s", uuid);
    chaos__store_remove(store, path);
    return chaos__store_run(store, err);
}

/* Devices and scripts take their time, and others may have ended it. */
static int destroy(struct chaos *chaos, const struct chaos__hv_domain *domain,
                   struct chaos_error *err)
{
    struct chaos__hv_domain now;
    int rc = chaos__hv_domain_info(chaos->hv, domain->domid, &now, err);

    if (rc == 0 && memcmp(now.handle, domain->handle, sizeof(now.handle)) == 0)
        rc = chaos__hv_domain_destroy(chaos->hv, domain->domid, err);
    return rc == CHAOS_ENOGUEST ? 0 : rc;
}

/* The domain goes last: until then whoever is told to destroy it can do all
 * this again. */
int chaos__foreign_destroy(struct chaos *chaos,
                           const struct chaos__hv_domain *domain,
                           struct chaos_error *err)
{
    const uint32_t domid = domain->domid;
    char uuid[CHAOS__UUID_TEXT_MAX];
    struct chaos_error why;
    int rc = chaos__store_ready(chaos, err);

    if (rc == 0)
        rc = chaos__foreign_devices_check(chaos->store, domid, err);
    if (rc == 0)
        rc = chaos__hv_domain_pause(chaos->hv, domid, err);
    if (rc == 0)
        rc = remove_devices(chaos, domid, err);
    chaos__uuid_format(domain->handle, uuid);
    if (rc == 0)
        rc = remove_nodes(chaos->store, domid, uuid, err);
    if (rc == 0)
        rc = destroy(chaos, domain, err);
    if (rc == 0 && chaos__dom0_remove_userdata(domid, uuid, &why) < 0)
        warn(chaos, domid, &why);
    return rc;
}

/* --------------------------------------------------------------- asking */

/* A guest that has said nothing yet may still know the request. */
int chaos__foreign_shutdown(struct chaos *chaos, uint32_t domid,
                            const char *word, struct chaos_error *err)
{
    char path[64], feature[8];
    int rc = chaos__store_ready(chaos, err);

    if (rc < 0)
        return rc;
    snprintf(path, sizeof(path), "/local/domain/%u/control/feature-%s", domid,
             word);
    chaos__store_read(chaos->store, path, feature, sizeof(feature));
    rc = chaos__store_run(chaos->store, err);
    if (rc == 0 && strcmp(feature, "0") == 0)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "domain %u does not know the request %s; chaos "
                           "destroy ends it",
                           domid, word);
    if (rc < 0)
        return rc;
    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
    chaos__store_write(chaos->store, path, word);
    return chaos__store_run(chaos->store, err);
}

/* -------------------------------------------------------------- devices */

static void fill_info(struct chaos_device_info *info, uint32_t domid,
                      const struct chaos__found *found)
{
    *info = (struct chaos_device_info){
        .kind = found->is_net ? CHAOS_DEVICE_NETWORK : CHAOS_DEVICE_DISK,
        .id = found->id,
        .port = found->port,
        .references = { found->references[0], found->references[1] },
        .access = found->is_read_only ? CHAOS_DISK_READ_ONLY : CHAOS_DISK_WRITE,
        .is_cdrom = found->is_cdrom,
        .loop = found->major == LOOP_MAJOR ? (int32_t)found->minor
                                           : CHAOS__LOOP_NONE,
        .major = found->major,
        .minor = found->minor,
    };
    if (!found->is_net)
        snprintf(info->name, sizeof(info->name), "%s", found->vdev);
    else if (*found->interface)
        snprintf(info->name, sizeof(info->name), "%s", found->interface);
    else
        snprintf(info->name, sizeof(info->name), "vif%u.%u", domid, found->id);
    snprintf(info->bridge, sizeof(info->bridge), "%s", found->bridge);
    snprintf(info->target, sizeof(info->target), "%s", found->target);
    memcpy(info->mac, found->mac, sizeof(info->mac));
}

int chaos__foreign_list_devices(struct chaos *chaos, uint32_t domid,
                                struct chaos_device_info **list_r,
                                size_t *count_r, struct chaos_error *err)
{
    struct chaos__found found[CHAOS__FOUND_MAX];
    struct chaos_device_info *list;
    int rc = chaos__store_ready(chaos, err), i;

    if (rc == 0)
        rc = chaos__devices_found(chaos->store, domid, found, err);
    if (rc < 0)
        return rc;
    list = calloc((size_t)rc + 1, sizeof(*list));
    if (!list)
        return chaos__fail_memory(err);
    for (i = 0; i < rc; i++)
        fill_info(&list[i], domid, &found[i]);
    *list_r = list;
    *count_r = (size_t)rc;
    return 0;
}
