/* SPDX-License-Identifier: MIT */
/*
 * The first half of a create: a domain with memory and devices, for a guest or
 * for a pool.  Each step is recorded in the registry before its effect, so that
 * a process that dies anywhere leaves a slot that tells what to undo.
 */
#include "create.h"

#include "config/keys.h"
#include "devices.h"
#include "dom0/model.h"
#include "nodes.h"

#include <stdio.h>
#include <string.h>

/* As libxl's: one event channel page's worth is plenty for most. */
#define EVENT_CHANNELS_DEFAULT 1023

/* The loop devices of a slot's late-bound disks are always the same ones. */
static int first_loop(struct chaos *chaos, const struct chaos__slot *slot)
{
    return CHAOS__LOOP_SHELLS +
           (int)(chaos__registry_number(chaos->registry, slot) *
                 CHAOS__DISKS_MAX);
}

/* Xen gives a domid again when its domain has gone, also one that went without
 * us: what that has left must not be taken for the new one's. */
static void forget_predecessor(struct chaos *chaos, uint32_t domid)
{
    struct chaos__slot *slot = chaos__registry_by_domid(chaos->registry, domid);
    struct chaos__hv_domain domain;

    if (!slot)
        return;
    if (slot->state == CHAOS__SLOT_LINGERING) {
        chaos__settle_lingering(chaos, slot);
        return;
    }
    /* The nodes under this domid are its, as the new domain has none yet. */
    if (chaos__has_nodes(slot) && chaos__store_ready(chaos, NULL) == 0) {
        chaos__devices_remove(chaos->store, domid);
        chaos__nodes_remove(chaos->store, slot);
        chaos__remove_vm(chaos, slot, NULL);
        chaos__store_run(chaos->store, NULL);
    }
    chaos__guest_look(chaos, slot, &domain, NULL);
}

static int make_domain(struct chaos *chaos, const struct chaos_config *config,
                       struct chaos__slot *slot, struct chaos__shell *shell,
                       struct chaos_error *err)
{
    struct chaos__hv_create create = {
        .pvh = config->type == CHAOS__TYPE_PVH,
        .vcpus = shell->vcpus,
        .max_grant_frames = config->max_grant_frames,
        .max_event_channels = config->max_event_channels
                                  ? config->max_event_channels
                                  : EVENT_CHANNELS_DEFAULT,
    };
    int rc;

    memcpy(create.handle, slot->uuid, sizeof(create.handle));
    rc = chaos__hv_domain_create(chaos->hv, &create, &shell->domid, err);
    if (rc < 0)
        return rc;
    forget_predecessor(chaos, shell->domid);
    return chaos__registry_set_domid(chaos->registry, slot, shell->domid, err);
}

/* Queues what XenStore has to know of a guest that speaks to it, and has it
 * introduced. */
static void queue_nodes(struct chaos *chaos, const struct chaos_config *config,
                        struct chaos__slot *slot,
                        const struct chaos__shell *shell)
{
    slot->store_frame = shell->store_frame;
    slot->store_port = shell->store_port;
    chaos__nodes_make(chaos->store, shell, slot->uuid);
    if (config->name)
        chaos__nodes_dress(chaos->store, slot, config);
    else /* it is for a pool */
        chaos__nodes_hold_console(chaos->store, shell->domid);
    chaos__store_introduce(chaos->store, shell->domid, shell->store_frame,
                           shell->store_port);
}

static void warn_of_script(struct chaos *chaos, const char *name,
                           const char *what, const char *script)
{
    if (*script)
        chaos__log(chaos, CHAOS_LOG_WARNING,
                   "%s: %s: script=%s is run, which takes many times as long "
                   "as a create without scripts",
                   name, what, script);
}

void chaos__announce_scripts(struct chaos *chaos,
                             const struct chaos_config *config,
                             struct chaos__slot *slot)
{
    char what[16];
    unsigned i;

    if (chaos__devices_have_scripts(config))
        slot->has_scripts = 1;
    for (i = 0; i < config->vif_count; i++) {
        snprintf(what, sizeof(what), "vif %u", config->vifs[i].id);
        warn_of_script(chaos, slot->name, what, config->vifs[i].script);
        if (slot->store_frame && *config->vifs[i].ip &&
            !*config->vifs[i].script)
            chaos__log(chaos, CHAOS_LOG_WARNING,
                       "%s: %s: ip=%s: no firewall rule is made for it, as "
                       "vif-bridge would: see chaos.cfg(5)",
                       slot->name, what, config->vifs[i].ip);
    }
    for (i = 0; i < config->disk_count; i++)
        warn_of_script(chaos, slot->name, config->disks[i].vdev,
                       config->disks[i].script);
}

/* The program that serves directories; it finds their nodes, and is waited for
 * as the other back ends are. */
static int start_model(struct chaos *chaos, const struct chaos_config *config,
                       struct chaos__slot *slot, struct chaos_error *err)
{
    char uuid[CHAOS__UUID_TEXT_MAX];
    struct chaos__model model = { .domid = slot->domid,
                                  .uuid = uuid,
                                  .name = slot->name };
    uint32_t pid;
    int rc = chaos__model_find(config->device_model, &model.path, err);

    if (rc < 0)
        return rc;
    chaos__uuid_format(slot->uuid, uuid);
    rc = chaos__model_start(&model, &pid, err);
    slot->model = CHAOS__MODEL_STARTED;
    if (rc < 0)
        return rc;
    chaos__nodes_set_model(chaos->store, slot->domid, pid);
    return chaos__store_run(chaos->store, err);
}

static int connect_devices(struct chaos *chaos,
                           const struct chaos_config *config,
                           struct chaos__slot *slot, struct chaos__shell *shell,
                           struct chaos_error *err)
{
    int rc;

    if (shell->noxs && !chaos__devices_any(shell->devices))
        return 0;
    chaos__phase(chaos, CHAOS_PHASE_DEVICES);
    rc = chaos__store_ready(chaos, err);
    if (rc == 0)
        rc = chaos__devices_record(chaos->registry, slot, shell->devices, err);
    if (rc == 0)
        rc = chaos__devices_check_files(shell->devices, err);
    if (rc == 0)
        rc =
            chaos__devices_attach(shell->devices, first_loop(chaos, slot), err);
    if (rc < 0)
        return rc;
    chaos__devices_note_loops(chaos->registry, slot, shell->devices);
    chaos__announce_scripts(chaos, config, slot);
    slot->model =
        config->p9_count > 0 ? CHAOS__MODEL_STARTING : CHAOS__MODEL_NONE;
    if (!shell->noxs)
        queue_nodes(chaos, config, slot, shell);
    rc =
        chaos__devices_connect(chaos->store, shell->domid, shell->devices, err);
    return rc < 0 || config->p9_count == 0
               ? rc
               : start_model(chaos, config, slot, err);
}

int chaos__create_prepare(struct chaos *chaos,
                          const struct chaos_config *config,
                          struct chaos__slot *slot, struct chaos__shell *shell,
                          struct chaos_error *err)
{
    int rc;

    chaos__phase(chaos, CHAOS_PHASE_DOMAIN);
    rc = chaos__devices_find_host(shell->devices, err);
    if (rc == 0)
        rc = make_domain(chaos, config, slot, shell, err);
    chaos__phase(chaos, CHAOS_PHASE_MEMORY);
    if (rc == 0)
        rc = chaos__shell_prepare(chaos->hv, shell, err);
    if (rc == 0)
        rc = connect_devices(chaos, config, slot, shell, err);
    return rc;
}

int chaos__create_connect(struct chaos *chaos, struct chaos__slot *slot,
                          struct chaos__shell *shell, struct chaos_error *err)
{
    int rc;

    if (!chaos__devices_any(shell->devices))
        return shell->noxs ? 0 : chaos__store_run(chaos->store, err);
    chaos__phase(chaos, CHAOS_PHASE_BACKENDS);
    rc = chaos__devices_finish(chaos->store, shell->domid, shell->devices,
                               CHAOS__BACKEND_TIMEOUT_MS, err);
    if (rc == 0)
        slot->are_connected = 1;
    return rc;
}

void chaos__create_record(struct chaos__slot *slot,
                          const struct chaos__shell *shell)
{
    _Static_assert(sizeof(slot->vcpu_header) <= sizeof(shell->header.bytes),
                   "headers");
    slot->type = (uint8_t)shell->type;
    slot->vcpus = shell->vcpus;
    slot->memory_kb = shell->memory_kb;
    slot->console_frame = shell->console_frame;
    slot->console_port = shell->console_port;
    slot->control_frame = shell->control_frame;
    slot->control_port = shell->control_port;
    slot->device_frame = shell->device_frame;
    slot->store_frame = shell->store_frame;
    slot->store_port = shell->store_port;
    slot->maker = chaos__shell_maker();
    slot->vcpu_header_size = shell->header.size;
    memcpy(slot->vcpu_header, shell->header.bytes, sizeof(slot->vcpu_header));
}
