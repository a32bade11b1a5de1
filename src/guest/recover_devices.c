/* SPDX-License-Identifier: MIT */
/* Devices that the registry does not know any more, from XenStore's nodes, the
 * guest's configuration and dom0's kernel. */
#include "recover.h"

#include "device/found.h"
#include "nodes.h"

#include <stdio.h>
#include <string.h>

#define LOOP_MAJOR 7 /* admin-guide/devices.txt of Linux */

static void note_problem(struct chaos_recovered *note,
                         const struct chaos_error *why)
{
    if (note->code < 0)
        return; /* the first will do */
    note->code = why->code;
    snprintf(note->message, sizeof(note->message), "%s", why->message);
}

static bool is_recorded(struct chaos__registry *registry,
                        const struct chaos__slot *slot,
                        const struct chaos__found *found)
{
    struct chaos__device *device = NULL;

    while ((device = chaos__registry_next_device(registry, slot, device)))
        if ((device->kind == CHAOS__DEVICE_NET) == found->is_net &&
            device->id == found->id)
            return true;
    return false;
}

static const struct chaos__vif *vif_of(const struct chaos_config *config,
                                       uint32_t id)
{
    unsigned i;

    for (i = 0; config && i < config->vif_count; i++)
        if (config->vifs[i].id == id)
            return &config->vifs[i];
    return NULL;
}

static void fill_net(struct chaos__device *record,
                     const struct chaos__found *found, uint32_t domid,
                     const struct chaos_config *config)
{
    const struct chaos__vif unknown = { .id = found->id };
    const struct chaos__vif *vif = vif_of(config, found->id);

    if (!vif)
        vif = &unknown;

    record->kind = CHAOS__DEVICE_NET;
    record->use = CHAOS__USE_ALONE;
    record->mtu = vif->mtu;
    memcpy(record->key, found->mac, sizeof(found->mac));
    memcpy(record->mac, found->mac, sizeof(found->mac));
    memcpy(record->bridge, found->bridge, sizeof(record->bridge));
    chaos__net_interface(vif, domid, record->name);
    memcpy(record->ipv4, vif->ipv4, sizeof(record->ipv4));
    memcpy(record->gateway, vif->gateway, sizeof(record->gateway));
    record->prefix = vif->prefix;
}

static const struct chaos__disk *disk_of(const struct chaos_config *config,
                                         uint32_t id)
{
    unsigned i;

    for (i = 0; config && i < config->disk_count; i++)
        if (config->disks[i].vdev_number == id)
            return &config->disks[i];
    return NULL;
}

/* What tells a disk from others; without that it has no key. */
static void learn_key(struct chaos__device *record,
                      const struct chaos__found *found,
                      struct chaos_recovered *note)
{
    struct chaos__dom0_disk disk;
    struct chaos_error why;
    int rc;

    if (record->loop != CHAOS__LOOP_NONE) {
        rc = chaos__dom0_loop_id(record->loop, record->key, &why);
    } else {
        rc = chaos__dom0_disk_open(found->target, false, &disk, &why);
        if (rc == 0) {
            memcpy(record->key, disk.id, sizeof(record->key));
            chaos__dom0_disk_close(&disk);
        }
    }
    if (rc < 0)
        note_problem(note, &why);
}

static void fill_block(struct chaos__device *record,
                       const struct chaos__found *found,
                       const struct chaos_config *config,
                       struct chaos_recovered *note)
{
    const struct chaos__disk *disk = disk_of(config, found->id);

    record->kind = CHAOS__DEVICE_BLOCK;
    record->use = found->is_read_only ? CHAOS__USE_READ
                  : disk && disk->access == CHAOS__DISK_SHARED_WRITE
                      ? CHAOS__USE_WRITE
                      : CHAOS__USE_ALONE;
    record->is_cdrom = found->is_cdrom;
    record->major = found->major;
    record->minor = found->minor;
    record->loop =
        found->major == LOOP_MAJOR ? (int32_t)found->minor : CHAOS__LOOP_NONE;
    memcpy(record->name, found->vdev, sizeof(record->name));
    if (!found->has_script) /* else it is the script's to know */
        learn_key(record, found, note);
}

static int record(struct chaos *chaos, struct chaos__slot *slot,
                  const struct chaos__found *found,
                  const struct chaos_config *config,
                  struct chaos_recovered *note, struct chaos_error *err)
{
    struct chaos__device record = {
        .id = found->id,
        .loop = CHAOS__LOOP_NONE,
        .port = found->port,
        .references = { found->references[0], found->references[1] },
    };
    struct chaos__device *added;
    struct chaos_error why;
    int rc;

    if (found->is_net)
        fill_net(&record, found, slot->domid, config);
    else
        fill_block(&record, found, config, note);
    if (found->has_script)
        slot->has_scripts = 1;
    rc = chaos__registry_add_device(chaos->registry, slot, &record, &added,
                                    &why);
    if (rc == CHAOS_EEXIST || rc == CHAOS_EBUSY) {
        note_problem(note, &why);
        memset(record.key, 0, sizeof(record.key));
        rc = chaos__registry_add_device(chaos->registry, slot, &record, &added,
                                        &why);
    }
    return rc < 0 ? chaos__fail(err, rc, "%s", why.message) : 0;
}

static void count_one(struct chaos_recovered *note,
                      const struct chaos__found *found)
{
    if (found->is_net)
        note->vifs++;
    else
        note->disks++;
}

int chaos__recover_remove(struct chaos *chaos, const struct chaos__slot *slot,
                          struct chaos_recovered *note, struct chaos_error *err)
{
    const uint32_t domid = slot->domid;

    struct chaos__device_name names[CHAOS__FOUND_MAX];
    struct chaos__found found[CHAOS__FOUND_MAX];
    int count, i, rc = chaos__store_ready(chaos, err);

    if (rc < 0)
        return rc;
    count = chaos__devices_found(chaos->store, domid, found, err);
    if (count < 0)
        return count;
    for (i = 0; i < count; i++) {
        count_one(note, &found[i]);
        names[i] = (struct chaos__device_name){ found[i].is_net, found[i].id };
    }
    if (count > 0)
        rc = chaos__devices_calm(chaos->store, domid, names, (unsigned)count,
                                 err);
    if (rc < 0)
        return rc;
    chaos__devices_remove(chaos->store, domid);
    chaos__nodes_remove(chaos->store, slot);
    rc = chaos__remove_vm(chaos, slot, err);
    return rc < 0 ? rc : chaos__store_run(chaos->store, err);
}

int chaos__recover_devices(struct chaos *chaos, struct chaos__slot *slot,
                           const struct chaos_config *config,
                           struct chaos_recovered *note,
                           struct chaos_error *err)
{
    struct chaos__found found[CHAOS__FOUND_MAX];
    bool are_connected = true;
    int count, added = 0, i, rc = chaos__store_ready(chaos, err);

    if (rc < 0)
        return rc;
    count = chaos__devices_found(chaos->store, slot->domid, found, err);
    for (i = 0, rc = count; rc >= 0 && i < count; i++) {
        are_connected = are_connected && found[i].is_connected;
        count_one(note, &found[i]);
        if (is_recorded(chaos->registry, slot, &found[i]))
            continue;
        rc = record(chaos, slot, &found[i], config, note, err);
        added += rc == 0;
    }
    if (rc < 0)
        return rc;
    if (added > 0)
        slot->are_connected = are_connected;
    return added;
}
