/* SPDX-License-Identifier: MIT */
/* Opening what a context needs, and finishing what others left undone. */
#include "guest.h"

#include "clock.h"
#include "config/keys.h"
#include "device/foreign.h"
#include "dom0/model.h"
#include "devices.h"
#include "nodes.h"

#include <string.h>
#include <time.h>

#define LIST_BATCH 256

/* Back ends let go in milliseconds. */
#define LINGER_MAX_S 10
#define LINGERING_AT_ONCE 16

/* Longer than the 100 ms of blkback's, on a busy host. */
#define RESIZING_S 2

static void log_from_xen(void *user, const char *line)
{
    chaos__log(user, CHAOS_LOG_DEBUG, "xen: %s", line);
}

int chaos__hv_ready(struct chaos *chaos, struct chaos_error *err)
{
    bool debug =
        chaos->options.log && chaos->options.log_level >= CHAOS_LOG_DEBUG;

    return chaos->hv ? 0
                     : chaos__hv_open(debug ? log_from_xen : NULL, chaos,
                                      &chaos->hv, err);
}

static int open_all(struct chaos *chaos, struct chaos_error *err)
{
    int rc = chaos__hv_ready(chaos, err);

    if (rc == 0 && !chaos->registry)
        rc = chaos__registry_open(chaos->run_dir, &chaos->registry, err);
    return rc;
}

int chaos__ready(struct chaos *chaos, struct chaos_error *err)
{
    int rc = open_all(chaos, err);

    /* What can't be repaired is not in the way of other guests. */
    if (rc == 0)
        chaos__repair(chaos);
    return rc;
}

int chaos__store_ready(struct chaos *chaos, struct chaos_error *err)
{
    if (chaos->store && chaos__store_is_broken(chaos->store)) {
        chaos__store_close(chaos->store);
        chaos->store = NULL;
    }
    return chaos->store ? 0 : chaos__store_open(chaos->hv, &chaos->store, err);
}

int chaos__find_by_handle(struct chaos *chaos, const uint8_t *uuid,
                          uint32_t but, uint32_t *domid_r,
                          struct chaos_error *err)
{
    struct chaos__hv_domain domains[LIST_BATCH];
    uint32_t next = 0;
    int count, i;

    while ((count = chaos__hv_domain_list(chaos->hv, next, LIST_BATCH, domains,
                                          err)) > 0) {
        for (i = 0; i < count; i++) {
            if (domains[i].domid == but ||
                memcmp(domains[i].handle, uuid, CHAOS__HANDLE_SIZE) != 0)
                continue;
            *domid_r = domains[i].domid;
            return 1;
        }
        next = domains[count - 1].domid + 1;
    }
    return count;
}

/* Whether the slot's domain exists: 1 with its domid, 0, or an error. */
static int find_domain(struct chaos *chaos, const struct chaos__slot *slot,
                       uint32_t *domid_r, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    int rc;

    /* Its maker may have died before it could record the domid. */
    if (slot->domid == CHAOS__NO_DOMID)
        return chaos__find_by_handle(chaos, slot->uuid, CHAOS__NO_DOMID,
                                     domid_r, err);
    rc = chaos__hv_domain_info(chaos->hv, slot->domid, &domain, err);
    if (rc == CHAOS_ENOGUEST)
        return 0;
    if (rc < 0)
        return rc;
    *domid_r = slot->domid;
    /* The domid may be another domain's by now. */
    return chaos__slot_is_of(slot, domain.handle);
}

/* Whose domain has the slot's domid by now. */
enum holder {
    HOLDER_OWN,
    HOLDER_NONE, /* or its own, which is dying */
    HOLDER_ANOTHER,
};

static int find_holder(struct chaos *chaos, const struct chaos__slot *slot,
                       enum holder *holder_r, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    int rc = chaos__hv_domain_info(chaos->hv, slot->domid, &domain, err);

    if (rc < 0 && rc != CHAOS_ENOGUEST)
        return rc;
    if (rc == CHAOS_ENOGUEST)
        *holder_r = HOLDER_NONE;
    else if (!chaos__slot_is_of(slot, domain.handle))
        *holder_r = HOLDER_ANOTHER;
    else
        *holder_r = domain.dying ? HOLDER_NONE : HOLDER_OWN;
    return 0;
}

/* What XenStore has by the UUID of a domain that goes, or has gone, is that of
 * the one that carries it by now, if there is one: of the same configuration,
 * and perhaps not ours. */
int chaos__remove_vm(struct chaos *chaos, const struct chaos__slot *slot,
                     struct chaos_error *err)
{
    uint32_t domid;
    int rc = 0;

    if (slot->store_frame)
        rc = chaos__find_by_handle(chaos, slot->uuid, slot->domid, &domid, err);
    if (rc == 0)
        chaos__nodes_remove_vm(chaos->store, slot);
    return rc < 0 ? rc : 0;
}

/* Waits for back ends that are starting. */
static int calm_devices(struct chaos *chaos, const struct chaos__slot *slot,
                        struct chaos_error *err)
{
    struct chaos__device_name names[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX];
    unsigned count = chaos__devices_recorded(chaos->registry, slot, names);

    /* It must not connect to another one meanwhile. */
    if (slot->store_frame)
        chaos__hv_domain_pause(chaos->hv, slot->domid, NULL);
    return count == 0 ? 0
                      : chaos__devices_calm(chaos->store, slot->domid, names,
                                            count, err);
}

/* Has the scripts run that were run for them when they came; what those fail in
 * is told. */
static int unplug_devices(struct chaos *chaos, const struct chaos__slot *slot,
                          struct chaos_error *err)
{
    struct chaos_error why;
    int rc;

    chaos__hv_domain_pause(chaos->hv, slot->domid, NULL);
    rc = chaos__devices_unplug(chaos->store, slot->domid, true, &why);
    if (rc < 0)
        return chaos__fail(err, rc, "%s", why.message);
    if (rc > 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "domain %u: %s", slot->domid,
                   why.message);
    return 0;
}

/* Before the devices are taken away.  `is_starting`: back ends may be. */
static int quiet_devices(struct chaos *chaos, const struct chaos__slot *slot,
                         bool is_starting, struct chaos_error *err)
{
    if (slot->has_scripts)
        return unplug_devices(chaos, slot, err);
    return is_starting ? calm_devices(chaos, slot, err) : 0;
}

/* Ends the program that serves its directories, which would go on writing.  It
 * was started with the UUID that the domain carries. */
static int stop_model(const struct chaos__slot *slot, struct chaos_error *err)
{
    char uuid[CHAOS__UUID_TEXT_MAX];

    if (slot->model == CHAOS__MODEL_NONE)
        return 0;
    chaos__uuid_format(slot->has_shell_uuid ? slot->shell_uuid : slot->uuid,
                       uuid);
    return chaos__model_stop(uuid, slot->model == CHAOS__MODEL_STARTING, err);
}

/* Takes the devices away, so that the back ends let go of the domain, or what
 * they have written since; and all else that XenStore has of it by its domid.
 * `is_starting`: back ends are waited for first. */
static int remove_all(struct chaos *chaos, const struct chaos__slot *slot,
                      bool is_starting, struct chaos_error *err)
{
    int rc = chaos__store_ready(chaos, err);

    if (rc == 0)
        rc = quiet_devices(chaos, slot, is_starting, err);
    if (rc < 0)
        return rc;
    if (slot->first_device)
        chaos__devices_remove(chaos->store, slot->domid);
    chaos__nodes_remove(chaos->store, slot);
    return 0;
}

/* Whether its back ends may be starting: those of a guest that connects to them
 * by itself may at any time. */
static bool may_start(const struct chaos__slot *slot)
{
    return slot->first_device && (!slot->are_connected || slot->store_frame);
}

/* `is_late`: what has been written since.  By its UUID nothing is. */
static int remove_nodes(struct chaos *chaos, const struct chaos__slot *slot,
                        bool is_late, struct chaos_error *err)
{
    enum holder holder = HOLDER_ANOTHER;
    int rc;

    if (!chaos__has_nodes(slot) || slot->domid == CHAOS__NO_DOMID)
        return 0;
    rc = stop_model(slot, err);
    if (rc == 0)
        rc = find_holder(chaos, slot, &holder, err);
    if (rc < 0 || holder == HOLDER_ANOTHER)
        return rc;
    rc = remove_all(chaos, slot, !is_late && may_start(slot), err);
    if (rc == 0 && !is_late && holder == HOLDER_OWN)
        chaos__nodes_remove_vm(chaos->store, slot);
    else if (rc == 0 && !is_late)
        rc = chaos__remove_vm(chaos, slot, err);
    return rc < 0 ? rc : chaos__store_run(chaos->store, err);
}

/* Whether something is true of one of the slot's devices. */
typedef bool (*device_is_fn)(const struct chaos__device *device,
                             uint32_t domid);
static bool any_device(struct chaos *chaos, const struct chaos__slot *slot,
                       device_is_fn is)
{
    struct chaos__device *device = NULL;

    while (
        (device = chaos__registry_next_device(chaos->registry, slot, device)))
        if (is(device, slot->domid))
            return true;
    return false;
}

static bool is_late_bound(const struct chaos__device *device, uint32_t domid)
{
    (void)domid;
    return device->kind == CHAOS__DEVICE_BLOCK &&
           device->loop >= CHAOS__LOOP_SHELLS;
}

/* Whether its back end may still use something of a domain that is dying. */
static bool is_held(const struct chaos__device *device, uint32_t domid)
{
    return (device->kind == CHAOS__DEVICE_BLOCK &&
            device->loop == CHAOS__LOOP_NONE) ||
           chaos__device_is_in_use(device, domid);
}

/* blkback looks every 100 ms whether its disk has another size, as a late-bound
 * one has once the guest's file is under it, and writes that to XenStore. */
static bool is_resizing(struct chaos *chaos, const struct chaos__slot *slot)
{
    /* Who died on the way from a shell to the guest has noted no time. */
    if (!*slot->name || (slot->created_s &&
                         (uint64_t)time(NULL) > slot->created_s + RESIZING_S))
        return false;
    return any_device(chaos, slot, is_late_bound);
}

/* Of a domain that stays. */
static int remove_devices(struct chaos *chaos, const struct chaos__slot *slot,
                          struct chaos_error *err)
{
    int rc = stop_model(slot, err);

    if (rc < 0)
        return rc;
    chaos__devices_remove(chaos->store, slot->domid);
    return chaos__nodes_put_aside(chaos->store, slot, err);
}

/* Waits until its back ends have let go. */
static int await_back_ends(struct chaos *chaos, const struct chaos__slot *slot,
                           struct chaos_error *err)
{
    const int64_t until_us = chaos__now_us() + CHAOS__RELEASE_TIMEOUT_US;
    struct chaos__device *device = NULL;
    int rc = 0;

    while (rc == 0 && (device = chaos__registry_next_device(chaos->registry,
                                                            slot, device)))
        rc = chaos__device_await(device, slot->domid, until_us, err);
    return rc;
}

int chaos__take_devices_away(struct chaos *chaos, struct chaos__slot *slot,
                             struct chaos_error *err)
{
    int rc = chaos__store_ready(chaos, err);

    if (rc == 0)
        rc = quiet_devices(chaos, slot, may_start(slot), err);
    if (rc == 0)
        rc = remove_devices(chaos, slot, err);
    if (rc == 0)
        rc = await_back_ends(chaos, slot, err);
    /* And what they have written meanwhile. */
    if (rc == 0 && slot->first_device)
        rc = remove_devices(chaos, slot, err);
    if (rc < 0)
        return rc;
    slot->has_scripts = 0;
    slot->model = CHAOS__MODEL_NONE;
    return chaos__registry_drop_devices(chaos->registry, slot, err);
}

/* Whether a back end is still there that writes to XenStore when its nodes have
 * been removed already: one that has not started yet, and finds that out, or
 * one whose disk gets another size. */
static bool may_write(struct chaos *chaos, const struct chaos__slot *slot)
{
    return slot->writes_late &&
           any_device(chaos, slot, chaos__device_has_back_end);
}

/* Whether back ends still have something of the domain: 1, 0, or an error.
 * Another process that has its memory is not waited for. */
static int lingers(struct chaos *chaos, const struct chaos__slot *slot,
                   struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    int rc;

    if (!slot->first_device || slot->domid == CHAOS__NO_DOMID)
        return 0;
    rc = chaos__hv_domain_info(chaos->hv, slot->domid, &domain, err);
    if (rc < 0)
        return rc == CHAOS_ENOGUEST ? may_write(chaos, slot) : rc;
    return chaos__slot_is_of(slot, domain.handle) &&
           any_device(chaos, slot, is_held);
}

/* Whether XenStore has its name and nothing else.  That can wait, and is not
 * waited for. */
static bool has_name_alone(const struct chaos__slot *slot)
{
    return !slot->store_frame && !slot->first_device && chaos__has_name(slot);
}

/* Nothing of it is there any more, but what back ends have written late, and
 * its name. */
static int finish(struct chaos *chaos, struct chaos__slot *slot,
                  struct chaos_error *err)
{
    int rc = slot->writes_late || has_name_alone(slot)
                 ? remove_nodes(chaos, slot, true, err)
                 : 0;

    return rc < 0 ? rc : chaos__registry_free(chaos->registry, slot, err);
}

/* All has been done for it; frees the slot when nothing is left of it. */
static int let_go(struct chaos *chaos, struct chaos__slot *slot,
                  struct chaos_error *err)
{
    int rc;

    slot->writes_late = may_start(slot) || is_resizing(chaos, slot);
    rc = has_name_alone(slot) ? 1 : lingers(chaos, slot, err);
    if (rc == 0)
        return finish(chaos, slot, err);
    if (rc < 0)
        return rc;
    slot->created_s = (uint64_t)time(NULL);
    return chaos__registry_set_state(chaos->registry, slot,
                                     CHAOS__SLOT_LINGERING, err);
}

/* The guest ends even when its devices can't be taken away now: the slot is
 * kept then, for the next process to do that. */
int chaos__undo(struct chaos *chaos, struct chaos__slot *slot,
                struct chaos_error *err)
{
    uint32_t domid = CHAOS__NO_DOMID;
    int rc = 0, devices_rc;

    /* What it was in the middle of means nothing any more. */
    if (chaos->store)
        chaos__store_run(chaos->store, NULL);
    if (slot->state != CHAOS__SLOT_DYING)
        rc = chaos__registry_set_state(chaos->registry, slot, CHAOS__SLOT_DYING,
                                       err);
    devices_rc = rc == 0 && !has_name_alone(slot)
                     ? remove_nodes(chaos, slot, false, err)
                     : 0;
    if (rc == 0)
        rc = find_domain(chaos, slot, &domid, devices_rc < 0 ? NULL : err);
    if (rc > 0)
        rc = chaos__hv_domain_destroy(chaos->hv, domid,
                                      devices_rc < 0 ? NULL : err);
    if (rc == 0 || rc == CHAOS_ENOGUEST)
        rc = devices_rc;
    if (rc == 0)
        rc = let_go(chaos, slot, err);
    if (rc < 0)
        chaos__registry_abandon(chaos->registry, slot);
    return rc;
}

int chaos__settle_lingering(struct chaos *chaos, struct chaos__slot *slot)
{
    int rc;

    if (slot->state != CHAOS__SLOT_LINGERING ||
        lingers(chaos, slot, NULL) != 0 ||
        !chaos__registry_take_lingering(chaos->registry, slot))
        return 0;
    rc = finish(chaos, slot, NULL);
    if (rc < 0)
        chaos__registry_abandon(chaos->registry, slot);
    return rc;
}

/* What back ends have not let go of for so long is taken away once more. */
static int take_away_again(struct chaos *chaos, struct chaos__slot *slot)
{
    struct chaos_error err;
    int rc;

    if ((uint64_t)time(NULL) < slot->created_s + LINGER_MAX_S ||
        !chaos__registry_take_lingering(chaos->registry, slot))
        return 0;
    chaos__log(chaos, CHAOS_LOG_WARNING,
               "domain %u was destroyed, and its back ends have not let go of "
               "it; its devices are taken away once more",
               slot->domid);
    rc = chaos__undo(chaos, slot, &err);
    if (rc < 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "domain %u: %s", slot->domid,
                   err.message);
    return rc;
}

/* A few of them: each command pays for it.  Where one fails the next would, an
 * xenstored that does not answer keeping each for ten seconds. */
static int repair_lingering(struct chaos *chaos)
{
    struct chaos__slot *slot, *next;
    unsigned n;
    int rc = 0;

    slot = chaos__registry_next_lingering(chaos->registry, NULL);
    for (n = 0; rc == 0 && slot && n < LINGERING_AT_ONCE; n++) {
        next = chaos__registry_next_lingering(chaos->registry, slot);
        rc = chaos__settle_lingering(chaos, slot);
        if (rc == 0 && slot->state == CHAOS__SLOT_LINGERING)
            rc = take_away_again(chaos, slot);
        slot = next;
    }
    return rc;
}

static int repair_change(struct chaos *chaos, struct chaos__slot *slot)
{
    const uint32_t domid = slot->domid;
    struct chaos_error err;
    int rc;

    chaos__log(chaos, CHAOS_LOG_WARNING,
               "%s (domain %d): process %u died while changing a device of "
               "it; finishing or undoing that",
               slot->name, (int)domid, slot->owner_pid);
    rc = chaos__finish_change(chaos, slot, &err);
    if (rc < 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "domain %d: %s", (int)domid,
                   err.message);
    return rc;
}

static int repair_undo(struct chaos *chaos, struct chaos__slot *slot)
{
    const uint32_t domid = slot->domid;
    struct chaos_error err;
    int rc;

    chaos__log(chaos, CHAOS_LOG_WARNING,
               "%s (domain %d): process %u has left it half done; "
               "undoing that",
               *slot->name ? slot->name : "a domain", (int)domid,
               slot->owner_pid);
    if (slot->dumps > 0)
        chaos__dump_core(chaos, slot, NULL);
    rc = chaos__undo(chaos, slot, &err);
    if (rc < 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "domain %d: %s", (int)domid,
                   err.message);
    return rc;
}

static int repair_one(struct chaos *chaos, struct chaos__slot *slot)
{
    switch (slot->state) {
    case CHAOS__SLOT_DUE:
        return chaos__restart_due(chaos, slot);
    case CHAOS__SLOT_CHANGING:
        return repair_change(chaos, slot);
    default:
        return repair_undo(chaos, slot);
    }
}

int chaos__repair(struct chaos *chaos)
{
    struct chaos__slot *slot;
    int rc = 0, lingering_rc = 0;

    if (chaos->restarting)
        return 0;
    /* One that fails is the first in flight again: don't spin on it. */
    while (rc == 0 && (slot = chaos__registry_next_orphan(chaos->registry)))
        rc = repair_one(chaos, slot);
    if (rc == 0 || !chaos->store || !chaos__store_is_broken(chaos->store))
        lingering_rc = repair_lingering(chaos);
    return rc < 0 ? rc : lingering_rc;
}

int chaos_guest_lingers(struct chaos *chaos)
{
    return chaos->registry &&
           chaos__registry_next_lingering(chaos->registry, NULL) != NULL;
}

int chaos_guest_sweep(struct chaos *chaos, int timeout_ms)
{
    int64_t until_us = chaos__now_us() + (int64_t)timeout_ms * 1000;
    int64_t pause_us = CHAOS__LOOK_FIRST_US;
    int rc = open_all(chaos, NULL);

    if (rc == 0)
        rc = chaos__repair(chaos);
    while (rc == 0 && chaos_guest_lingers(chaos) &&
           chaos__now_us() < until_us) {
        chaos__sleep_us(pause_us);
        pause_us = chaos__look_next_us(pause_us);
        rc = chaos__repair(chaos);
    }
    return rc;
}
