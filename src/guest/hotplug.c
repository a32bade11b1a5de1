/* SPDX-License-Identifier: MIT */
/*
 * Devices that come to a running guest, or go.
 *
 * The slot is CHANGING meanwhile and its process's, and the device's record
 * says what is being done with it before that is done.  A process that dies
 * leaves a guest that runs, and the next one finishes or undoes the device
 * alone: one that was coming goes; one that was going goes if its guest has let
 * go of it, or was not to be asked, and stays otherwise.
 */
#include "create.h"

#include "clock.h"
#include "config/mac.h"
#include "config/vdev.h"
#include "device/foreign.h"
#include "devices.h"
#include "foreign.h"

#include <chaos/device.h>

#include <string.h>

static struct chaos__device *next(struct chaos *chaos,
                                  const struct chaos__slot *slot,
                                  const struct chaos__device *after)
{
    return chaos__registry_next_device(chaos->registry, slot, after);
}

static void set_change(struct chaos__device *record,
                       enum chaos__device_change change)
{
    __atomic_store_n(&record->change, (uint8_t)change, __ATOMIC_SEQ_CST);
}

/* --------------------------------------------------------------- the slot */

/* Looks whether devices can come to a guest and go; XenStore is open then. */
static int open_guest(struct chaos *chaos, uint32_t domid,
                      struct chaos__slot **slot_r,
                      struct chaos__hv_domain *domain_r,
                      struct chaos_error *err)
{
    int rc = chaos__guest_open_xenstore(
        chaos, domid, slot_r, domain_r,
        "be given devices, or deprived of them, while it runs", err);

    if (rc == 0 && domain_r->shutdown)
        rc = chaos__fail(err, CHAOS_EFAILED,
                         "guest %s has ended: no device comes to it or goes",
                         (*slot_r)->name);
    /* Of the devices that it has: others would be in the way. */
    return rc < 0 ? rc : chaos__guest_publish(chaos, *slot_r, domain_r, err);
}

static int take(struct chaos *chaos, struct chaos__slot *slot,
                const struct chaos__hv_domain *domain, struct chaos_error *err)
{
    return chaos__registry_take(chaos->registry, slot, domain->domid,
                                domain->handle, CHAOS__SLOT_CHANGING, err);
}

static int give_back(struct chaos *chaos, struct chaos__slot *slot,
                     struct chaos_error *err)
{
    return chaos__registry_set_state(chaos->registry, slot, CHAOS__SLOT_RUNNING,
                                     err);
}

/* ---------------------------------------------------------- taking it away */

/* These return 1 when the device stays, which `err` tells then. */

/* A guest finds a device by its number.  When one comes under the number of
 * another that went without its doing, and before it has noticed, it goes on
 * with that other, and never looks at the new one. */
static void spend_number(struct chaos__slot *slot,
                         const struct chaos__device *record)
{
    if (record->kind == CHAOS__DEVICE_NET &&
        record->change != CHAOS__CHANGE_GOING && record->id >= slot->next_vif)
        slot->next_vif = record->id + 1;
}

/* All that there is of a device whose back end has closed, or will not be
 * waited for any longer. */
static int clear_away(struct chaos *chaos, struct chaos__slot *slot,
                      struct chaos__device *record, struct chaos_error *err)
{
    const struct chaos__device_name name = chaos__device_name(record);
    const int64_t until_us = chaos__now_us() + CHAOS__RELEASE_TIMEOUT_US;
    struct chaos_error why;
    int rc = chaos__device_clean_up(chaos->store, slot->domid, &name, &why);

    if (rc > 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "%s: %s", slot->name, why.message);
    if (rc < 0)
        return chaos__fail(err, rc, "%s", why.message);
    spend_number(slot, record);
    rc = chaos__device_remove(chaos->store, slot->domid, &name, err);
    if (rc < 0)
        return rc;
    if (chaos__device_await(record, slot->domid, until_us, err) < 0)
        return 1;
    rc = chaos__keep_without(chaos, slot, &name, err);
    return rc < 0 ? rc
                  : chaos__registry_drop_device(chaos->registry, slot, record,
                                                err);
}

/* Whatever the guest does. */
static int force_away(struct chaos *chaos, struct chaos__slot *slot,
                      struct chaos__device *record, struct chaos_error *err)
{
    const struct chaos__device_name name = chaos__device_name(record);
    int rc =
        chaos__devices_dismiss(chaos->store, slot->domid, &name, 1, true, err);

    return rc < 0 ? rc : clear_away(chaos, slot, record, err);
}

/* What stays does so until somebody tries again. */
static void let_stay(struct chaos *chaos, const struct chaos__slot *slot,
                     struct chaos__device *record,
                     const struct chaos_error *why)
{
    chaos__log(chaos, CHAOS_LOG_WARNING, "%s: %s", slot->name, why->message);
    set_change(record, CHAOS__CHANGE_NONE);
}

/* -------------------------------------------------------------- attaching */

static unsigned count_kind(struct chaos *chaos, const struct chaos__slot *slot,
                           uint8_t kind)
{
    struct chaos__device *record = NULL;
    unsigned count = 0;

    while ((record = next(chaos, slot, record)))
        count += record->kind == kind;
    return count;
}

static bool has(struct chaos *chaos, const struct chaos__slot *slot,
                uint8_t kind, uint32_t id)
{
    struct chaos__device *record = NULL;

    while ((record = next(chaos, slot, record)))
        if (record->kind == kind && record->id == id)
            return true;
    return false;
}

/* As xl numbers it: behind the last; and behind those that it may still have.
 */
static uint32_t next_id(struct chaos *chaos, const struct chaos__slot *slot)
{
    struct chaos__device *record = NULL;
    uint32_t id = slot->next_vif;

    while ((record = next(chaos, slot, record)))
        if (record->kind == CHAOS__DEVICE_NET && record->id >= id)
            id = record->id + 1;
    return id;
}

static int place_vif(struct chaos *chaos, const struct chaos__slot *slot,
                     struct chaos__vif *vif, struct chaos_error *err)
{
    if (count_kind(chaos, slot, CHAOS__DEVICE_NET) >= CHAOS__VIFS_MAX)
        return chaos__fail(err, CHAOS_EINVAL,
                           "guest %s has %u interfaces, which is all that it "
                           "can have; detach one",
                           slot->name, CHAOS__VIFS_MAX);
    if (!vif->has_id)
        vif->id = next_id(chaos, slot);
    if (vif->id > CHAOS__VIF_ID_MAX)
        return chaos__fail(err, CHAOS_EINVAL,
                           "guest %s: no number is left behind its last "
                           "interface; give one with devid=",
                           slot->name);
    return has(chaos, slot, CHAOS__DEVICE_NET, vif->id)
               ? chaos__fail(err, CHAOS_EEXIST,
                             "devid=%u: guest %s has such an interface; choose "
                             "another, or leave devid= out",
                             vif->id, slot->name)
               : 0;
}

static int place_disk(struct chaos *chaos, const struct chaos__slot *slot,
                      const struct chaos__disk *disk, struct chaos_error *err)
{
    if (count_kind(chaos, slot, CHAOS__DEVICE_BLOCK) >= CHAOS__DISKS_MAX)
        return chaos__fail(err, CHAOS_EINVAL,
                           "guest %s has %u disks, which is all that it can "
                           "have; detach one",
                           slot->name, CHAOS__DISKS_MAX);
    return has(chaos, slot, CHAOS__DEVICE_BLOCK, disk->vdev_number)
               ? chaos__fail(err, CHAOS_EEXIST,
                             "vdev=%s: guest %s has such a disk; choose "
                             "another",
                             disk->vdev, slot->name)
               : 0;
}

/* Gives it a place among those that the guest has; it is recorded as coming. */
static int place(struct chaos *chaos, struct chaos__slot *slot,
                 struct chaos_config *config, struct chaos__devices *devices,
                 struct chaos_error *err)
{
    int rc = config->vif_count ? place_vif(chaos, slot, config->vifs, err)
                               : place_disk(chaos, slot, config->disks, err);

    if (rc == 0)
        rc = chaos__devices_record(chaos->registry, slot, devices, err);
    if (rc == 0)
        rc = chaos__devices_check_files(devices, err);
    if (rc == 0)
        rc = chaos__devices_attach(devices, 0, err);
    if (rc == 0)
        chaos__devices_note_loops(chaos->registry, slot, devices);
    return rc;
}

static int connect(struct chaos *chaos, struct chaos__slot *slot,
                   struct chaos__devices *devices, struct chaos_error *err)
{
    int rc;

    chaos__announce_scripts(chaos, devices->config, slot);
    rc = chaos__devices_plug(chaos->store, slot->domid, devices, err);
    if (rc == 0)
        rc = chaos__devices_finish(chaos->store, slot->domid, devices,
                                   CHAOS__BACKEND_TIMEOUT_MS, err);
    return rc < 0 ? rc : chaos__keep_with(chaos, slot, devices, err);
}

static struct chaos__device *coming(struct chaos *chaos,
                                    const struct chaos__slot *slot)
{
    struct chaos__device *record = NULL;

    while ((record = next(chaos, slot, record)) &&
           record->change != CHAOS__CHANGE_COMING)
        ;
    return record;
}

/* One that could not come; it may be that none has been recorded. */
static int undo(struct chaos *chaos, struct chaos__slot *slot)
{
    struct chaos__device *record = coming(chaos, slot);
    struct chaos_error why;
    int rc = record ? chaos__store_ready(chaos, NULL) : 0;

    if (rc == 0 && record)
        rc = force_away(chaos, slot, record, &why);
    if (rc > 0)
        let_stay(chaos, slot, record, &why);
    return rc < 0 ? rc : 0;
}

/* Into a slot that is CHANGING, and RUNNING after; or left to the next process
 * when XenStore is not there to undo it. */
static int add(struct chaos *chaos, struct chaos__slot *slot,
               struct chaos_config *config, struct chaos__devices *devices,
               struct chaos_error *err)
{
    int rc = place(chaos, slot, config, devices, err);

    if (rc == 0)
        rc = connect(chaos, slot, devices, err);
    chaos__devices_close(devices); /* what back ends have lives on */
    if (rc == 0) {
        set_change(coming(chaos, slot), CHAOS__CHANGE_NONE);
        return give_back(chaos, slot, err);
    }
    if (undo(chaos, slot) == 0)
        give_back(chaos, slot, NULL);
    else
        chaos__registry_abandon(chaos->registry, slot);
    return rc;
}

static int attach(struct chaos *chaos, uint32_t domid,
                  struct chaos_config *config, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__devices devices;
    struct chaos__slot *slot;
    int rc = open_guest(chaos, domid, &slot, &domain, err);

    if (rc == 0)
        rc = chaos__devices_open(config, false, &devices, err);
    if (rc < 0)
        return rc;
    devices.guest_runs = true;
    rc = chaos__devices_find_host(&devices, err);
    if (rc == 0)
        rc = chaos__foreign_check_disks(chaos, &devices, err);
    if (rc == 0) {
        chaos__settle_rivals(chaos, &devices);
        rc = take(chaos, slot, &domain, err);
    }
    if (rc == 0)
        return add(chaos, slot, config, &devices, err);
    chaos__devices_close(&devices);
    return rc;
}

/* `key` is that of the list in a configuration that it would be in. */
static int attach_as(struct chaos *chaos, uint32_t domid, const char *key,
                     const char *spec, uint32_t *id_r, struct chaos_error *err)
{
    struct chaos_config *config;
    int rc = chaos__config_of_device(chaos, key, spec, &config, err);

    if (rc < 0)
        return rc;
    rc = attach(chaos, domid, config, err);
    if (rc == 0 && id_r)
        *id_r =
            config->vif_count ? config->vifs->id : config->disks->vdev_number;
    chaos_config_free(config);
    return rc;
}

int chaos_network_attach(struct chaos *chaos, uint32_t domid, const char *spec,
                         uint32_t *id_r, struct chaos_error *err)
{
    return attach_as(chaos, domid, "vif", spec, id_r, err);
}

int chaos_block_attach(struct chaos *chaos, uint32_t domid, const char *spec,
                       uint32_t *id_r, struct chaos_error *err)
{
    return attach_as(chaos, domid, "disk", spec, id_r, err);
}

/* -------------------------------------------------------------- detaching */

struct wanted {
    uint8_t kind;
    bool has_id, has_mac;
    uint64_t id;
    uint8_t mac[6];
};

static bool is_wanted(const struct wanted *wanted,
                      const struct chaos__device *record)
{
    return record->kind == wanted->kind &&
           ((wanted->has_id && record->id == wanted->id) ||
            (wanted->has_mac &&
             memcmp(record->mac, wanted->mac, sizeof(wanted->mac)) == 0));
}

static struct chaos__device *find(struct chaos *chaos,
                                  const struct chaos__slot *slot,
                                  const struct wanted *wanted)
{
    struct chaos__device *record = NULL;

    while ((record = next(chaos, slot, record)) && !is_wanted(wanted, record))
        ;
    return record;
}

/* Has its back end close: 1 when it does not. */
static int ask(struct chaos *chaos, const struct chaos__slot *slot,
               struct chaos__device *record, bool by_force,
               struct chaos_error *err)
{
    const struct chaos__device_name name = chaos__device_name(record);

    set_change(record, by_force ? CHAOS__CHANGE_FORCED : CHAOS__CHANGE_GOING);
    return chaos__devices_dismiss(chaos->store, slot->domid, &name, 1, by_force,
                                  err);
}

/* As xl does it: an interface goes in any case, a disk that the guest does not
 * let go of may hold what is not written yet. */
static int remove_device(struct chaos *chaos, struct chaos__slot *slot,
                         struct chaos__device *record, bool by_force,
                         struct chaos_error *err)
{
    int rc = ask(chaos, slot, record, by_force, err);

    if (rc > 0 && !by_force && record->kind == CHAOS__DEVICE_NET) {
        chaos__log(chaos, CHAOS_LOG_WARNING,
                   "%s: the guest does not let go of interface %u; it is taken "
                   "away",
                   slot->name, record->id);
        by_force = true;
        rc = ask(chaos, slot, record, by_force, err);
    }
    if (rc > 0 && !by_force) {
        chaos__fail(err, CHAOS_ETIMEDOUT,
                    "guest %s does not let go of disk %.16s: unmount it there, "
                    "and detach it again then, or detach it by force",
                    slot->name, record->name);
        return 1;
    }
    return rc < 0 ? rc : clear_away(chaos, slot, record, err);
}

/* What fails is for the next process to go on with. */
static int remove_from(struct chaos *chaos, struct chaos__slot *slot,
                       struct chaos__device *record, bool by_force,
                       struct chaos_error *err)
{
    struct chaos_error why;
    int rc = remove_device(chaos, slot, record, by_force, &why);

    if (rc < 0)
        chaos__registry_abandon(chaos->registry, slot);
    else if (rc > 0)
        set_change(record, CHAOS__CHANGE_NONE);
    if (rc == 0)
        return give_back(chaos, slot, err);
    if (rc > 0)
        give_back(chaos, slot, NULL);
    return chaos__fail(err, why.code, "%s", why.message);
}

static int detach(struct chaos *chaos, uint32_t domid,
                  const struct wanted *wanted, const char *name, bool by_force,
                  struct chaos_error *err)
{
    const bool is_net = wanted->kind == CHAOS__DEVICE_NET;
    struct chaos__hv_domain domain;
    struct chaos__device *record;
    struct chaos__slot *slot;
    int rc = open_guest(chaos, domid, &slot, &domain, err);

    if (rc == 0)
        rc = take(chaos, slot, &domain, err);
    if (rc < 0)
        return rc;
    record = find(chaos, slot, wanted);
    if (record)
        return remove_from(chaos, slot, record, by_force, err);
    rc = chaos__fail(err, CHAOS_EINVAL,
                     "guest %s has no %s %s; chaos %s shows those that it has",
                     slot->name, is_net ? "interface" : "disk", name,
                     is_net ? "vif-list" : "block-list");
    give_back(chaos, slot, NULL);
    return rc;
}

int chaos_network_detach(struct chaos *chaos, uint32_t domid, const char *name,
                         struct chaos_error *err)
{
    const struct chaos__span text = { name, strlen(name) };
    struct wanted wanted = { .kind = CHAOS__DEVICE_NET };

    wanted.has_id = chaos__span_number(text, UINT32_MAX, &wanted.id);
    wanted.has_mac = chaos__mac_parse(text, wanted.mac);
    return detach(chaos, domid, &wanted, name, false, err);
}

int chaos_block_detach(struct chaos *chaos, uint32_t domid, const char *name,
                       unsigned flags, struct chaos_error *err)
{
    const struct chaos__span text = { name, strlen(name) };
    struct wanted wanted = { .kind = CHAOS__DEVICE_BLOCK };
    uint32_t number = 0;

    wanted.has_id = chaos__vdev_parse(text, &number);
    wanted.id = number;
    return detach(chaos, domid, &wanted, name, flags & CHAOS_DETACH_FORCE, err);
}

/* ----------------------------------------------------------------- repair */

/* The one that is changing; NULL: none is, or no longer. */
static struct chaos__device *changing(struct chaos *chaos,
                                      const struct chaos__slot *slot)
{
    struct chaos__device *record = NULL;

    while ((record = next(chaos, slot, record)) &&
           record->change == CHAOS__CHANGE_NONE)
        ;
    return record;
}

static int finish(struct chaos *chaos, struct chaos__slot *slot,
                  struct chaos__device *record, struct chaos_error *err)
{
    const struct chaos__device_name name = chaos__device_name(record);
    struct chaos_error why;
    int rc = chaos__store_ready(chaos, err);

    if (rc == 0 && record->change == CHAOS__CHANGE_GOING) {
        rc = chaos__device_is_closed(chaos->store, slot->domid, &name, err);
        if (rc == 0)
            set_change(record, CHAOS__CHANGE_NONE);
        if (rc <= 0)
            return rc;
        rc = clear_away(chaos, slot, record, &why);
    } else if (rc == 0) {
        rc = force_away(chaos, slot, record, &why);
    } else {
        return rc;
    }
    if (rc > 0)
        let_stay(chaos, slot, record, &why);
    return rc < 0 ? chaos__fail(err, rc, "%s", why.message) : 0;
}

static bool is_there(struct chaos *chaos, const struct chaos__slot *slot)
{
    struct chaos__hv_domain domain;

    return chaos__hv_domain_info(chaos->hv, slot->domid, &domain, NULL) == 0 &&
           chaos__slot_is_of(slot, domain.handle) && !domain.dying;
}

int chaos__finish_change(struct chaos *chaos, struct chaos__slot *slot,
                         struct chaos_error *err)
{
    struct chaos__device *record;
    int rc = 0;

    if (!is_there(chaos, slot))
        return chaos__undo(chaos, slot, err);
    chaos__registry_drop_new_config(chaos->registry, slot);
    while (rc == 0 && (record = changing(chaos, slot)))
        rc = finish(chaos, slot, record, err);
    if (rc == 0)
        rc = give_back(chaos, slot, err);
    if (rc < 0)
        chaos__registry_abandon(chaos->registry, slot);
    return rc;
}
