/* SPDX-License-Identifier: MIT */
/* Taking a shell for a guest. */
#include "create.h"

#include "devices.h"
#include "pool/flavor.h"

#include <string.h>

/* Fills `shell` with what was made for it; false: it is of no use any more,
 * with a word about why. */
static bool adopt(struct chaos *chaos, struct chaos__slot *slot,
                  struct chaos__shell *shell, const char **why_r)
{
    struct chaos__hv_domain domain;

    *why_r = "another version of chaos made it";
    if (slot->maker != chaos__shell_maker() ||
        slot->vcpu_header_size > sizeof(slot->vcpu_header))
        return false;
    *why_r = "its domain has gone";
    if (chaos__hv_domain_info(chaos->hv, slot->domid, &domain, NULL) < 0 ||
        !chaos__slot_is_of(slot, domain.handle) || domain.dying ||
        domain.shutdown)
        return false;
    *why_r = "a device of it has gone, or an interface is not on its bridge";
    if (!chaos__devices_restore(chaos->registry, slot, shell->devices) ||
        !chaos__devices_are_well(shell->devices, slot->domid))
        return false;
    shell->domid = slot->domid;
    shell->shared_frame = domain.shared_frame;
    shell->console_frame = slot->console_frame;
    shell->console_port = slot->console_port;
    shell->control_frame = slot->control_frame;
    shell->control_port = slot->control_port;
    shell->device_frame = slot->device_frame;
    shell->store_frame = slot->store_frame;
    shell->store_port = slot->store_port;
    shell->header.size = slot->vcpu_header_size;
    memcpy(shell->header.bytes, slot->vcpu_header, sizeof(slot->vcpu_header));
    shell->is_connected = true;
    *why_r = "the frames of its memory are not known";
    return shell->type == CHAOS__TYPE_PVH ||
           chaos__registry_take_frames(chaos->registry, slot,
                                       chaos__shell_pages(shell),
                                       &shell->frames, NULL) == 0;
}

/* The registry's part: who has what this guest wants may have ended unseen. */
static int claim_slot(struct chaos *chaos, const struct chaos__claim *claim,
                      const struct chaos__devices *devices,
                      struct chaos__slot **slot_r, struct chaos_error *err)
{
    struct chaos__slot *taken = NULL;
    int rc = chaos__pool_claim(chaos->registry, claim, slot_r, &taken, NULL);

    if (rc >= 0)
        return rc;
    if (taken) {
        chaos__settle_taken(chaos, taken);
        chaos__settle_rivals(chaos, devices);
    }
    return chaos__pool_claim(chaos->registry, claim, slot_r, NULL, err);
}

int chaos__create_start_over(const struct chaos_config *config,
                             struct chaos__shell *shell,
                             struct chaos_error *err)
{
    chaos__devices_close(shell->devices);
    shell->is_connected = false;
    return chaos__devices_open(config, shell->noxs, shell->devices, err);
}

/* Why no shell can become this guest, or NULL. */
static const char *why_not(struct chaos *chaos,
                           const struct chaos_config *config,
                           const struct chaos__shell *shell,
                           struct chaos__flavor *flavor_r)
{
    if (!chaos__pool_next(chaos->registry, NULL))
        return "there are no pools";
    if (!chaos__devices_are_files(shell->devices))
        return "a disk that is a block device is made for its guest";
    return chaos__flavor_of(config, shell->noxs, flavor_r);
}

/* Shells, one after the other, until one is of use: 1, 0, or an error. */
static int take_shell(struct chaos *chaos, const struct chaos_config *config,
                      const struct chaos__claim *claim,
                      struct chaos__slot **slot_r, struct chaos__shell *shell,
                      struct chaos_error *err)
{
    const char *why;
    int rc;

    while ((rc = claim_slot(chaos, claim, shell->devices, slot_r, err)) > 0) {
        if (adopt(chaos, *slot_r, shell, &why))
            break;
        chaos__log(chaos, CHAOS_LOG_WARNING,
                   "domain %u: a shell was of no use: %s; it is undone",
                   (*slot_r)->domid, why);
        chaos__undo(chaos, *slot_r, NULL);
        rc = chaos__create_start_over(config, shell, err);
        if (rc < 0)
            break;
    }
    return rc;
}

int chaos__create_claim(struct chaos *chaos, const struct chaos_config *config,
                        struct chaos__slot **slot_r, struct chaos__shell *shell,
                        struct chaos_error *err)
{
    struct chaos__device wishes[CHAOS__VIFS_MAX + CHAOS__DISKS_MAX];
    struct chaos__claim claim = {
        .name = config->name,
        .uuid = config->has_uuid ? config->uuid : NULL,
        .devices = wishes,
    };
    struct chaos__flavor flavor;
    const char *why;
    int rc = 0;

    chaos__phase(chaos, CHAOS_PHASE_CLAIM);
    why = why_not(chaos, config, shell, &flavor);
    if (!why && config->has_uuid)
        rc = chaos__create_check_uuid(chaos, config->uuid, err);
    if (!why && rc == 0) {
        chaos__flavor_pack(&flavor, claim.flavor);
        claim.device_count = chaos__devices_wish(shell->devices, wishes);
        rc = take_shell(chaos, config, &claim, slot_r, shell, err);
    }
    if (rc > 0)
        chaos__log(chaos, CHAOS_LOG_INFO, "%s: takes a shell, domain %u",
                   config->name, shell->domid);
    else if (rc == 0)
        chaos__log(chaos, CHAOS_LOG_INFO, "%s: made without a shell: %s",
                   config->name, why ? why : "none of its flavor is ready");
    return rc;
}
