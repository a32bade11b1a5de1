/* SPDX-License-Identifier: MIT */
/*
 * Creating a guest in two phases.  Prepare makes a shell and needs of the
 * configuration only what a shell fixes; a pool has done that beforehand, if
 * there is a shell of the guest's flavor.  Execute turns the shell into the
 * guest, which is all that the user waits for then.
 */
#include "create.h"

#include "devices.h"
#include "foreign.h"
#include "nodes.h"

#include <time.h>

int chaos__create_learn_mode(const struct chaos_config *config,
                             const struct chaos__files *files, bool *noxs_r,
                             const char **why_r, struct chaos_error *err)
{
    const bool is_known = files->payload.elf;
    const bool can = is_known && files->elf.noxs_version > 0;
    const char *why = "the configuration says so";

    *noxs_r = config->mode == CHAOS__MODE_NOXS;
    if (*noxs_r && is_known && !can)
        return chaos__fail(err, CHAOS_EIMAGE,
                           "registry=\"noxs\": %s does not speak noxs (it has "
                           "no note that says so); remove the key",
                           config->kernel);
    if (config->mode == CHAOS__MODE_AUTO) {
        *noxs_r = can;
        why = can        ? "the image has a note that it speaks noxs"
              : is_known ? "the image has no note that it speaks noxs"
                         : "the image is compressed; a note in it that it "
                           "speaks noxs would change that";
    }
    if (why_r)
        *why_r = why;
    return 0;
}

static void flavor(const struct chaos_config *config,
                   struct chaos__devices *devices, struct chaos__shell *shell)
{
    *shell = (struct chaos__shell){
        .type = config->type,
        .noxs = devices->noxs,
        .memory_kb = config->memory_kb,
        .maxmem_kb = config->maxmem_kb ? config->maxmem_kb : config->memory_kb,
        .devices = devices,
    };
    shell->vcpus = chaos__config_vcpus(config, shell->noxs);
}

/* ------------------------------------------------------------- execute */

/* A guest that speaks to XenStore finds its settings there, and so do the back
 * ends of the disks that waited for their files. */
static int dress_nodes(struct chaos *chaos, const struct chaos_config *config,
                       struct chaos__slot *slot, struct chaos__shell *shell,
                       struct chaos_error *err)
{
    int rc = chaos__store_ready(chaos, err);

    if (rc < 0)
        return rc;
    if (chaos__devices_any_deferred(shell->devices)) {
        chaos__devices_note_loops(chaos->registry, slot, shell->devices);
        slot->are_connected = 0;
    }
    chaos__nodes_dress(chaos->store, slot, config);
    chaos__devices_dress(chaos->store, shell->domid, shell->devices);
    return chaos__devices_connect(chaos->store, shell->domid, shell->devices,
                                  err);
}

/* What a shell has that is the guest's to choose. */
static int dress(struct chaos *chaos, const struct chaos_config *config,
                 struct chaos__slot *slot, struct chaos__shell *shell,
                 struct chaos_error *err)
{
    int rc = chaos__devices_bind(shell->devices, err);

    if (rc == 0 && !shell->noxs)
        rc = dress_nodes(chaos, config, slot, shell, err);
    if (rc == 0 && slot->has_shell_uuid)
        rc = chaos__hv_domain_set_handle(chaos->hv, shell->domid, config->uuid,
                                         err);
    if (rc == 0)
        slot->has_shell_uuid = 0;
    return rc;
}

/* The back ends have had the time that loading took: often it is enough. */
static int finish_devices(struct chaos *chaos, struct chaos__slot *slot,
                          struct chaos__shell *shell, struct chaos_error *err)
{
    int rc = chaos__create_connect(chaos, slot, shell, err);

    return rc < 0 || !shell->noxs || !chaos__devices_any(shell->devices)
               ? rc
               : chaos__shell_list_devices(chaos->hv, shell, err);
}

/* Image and devices, whichever comes first: a shell's are connected. */
static int fill(struct chaos *chaos, const struct chaos_config *config,
                const struct chaos__payload *payload, struct chaos__slot *slot,
                struct chaos__shell *shell, struct chaos_error *err)
{
    int rc = 0;

    if (shell->is_connected) {
        chaos__phase(chaos, CHAOS_PHASE_DRESS);
        rc = dress(chaos, config, slot, shell, err);
    } else {
        rc = chaos__registry_set_state(chaos->registry, slot,
                                       CHAOS__SLOT_CLAIMED, err);
    }
    chaos__phase(chaos, CHAOS_PHASE_IMAGE);
    if (rc == 0)
        rc = chaos__shell_load(chaos->hv, shell, payload, err);
    /* Those of a noxs shell are connected, and its page lists them. */
    return rc < 0 || (shell->is_connected && shell->noxs)
               ? rc
               : finish_devices(chaos, slot, shell, err);
}

static void record(struct chaos__slot *slot, const struct chaos_config *config,
                   const struct chaos__shell *shell)
{
    chaos__create_record(slot, shell);
    slot->on_poweroff = (uint8_t)config->on_poweroff;
    slot->on_reboot = (uint8_t)config->on_reboot;
    slot->on_crash = (uint8_t)config->on_crash;
    slot->is_hidden = config->is_hidden;
    slot->on_watchdog = (uint8_t)config->on_watchdog;
    slot->created_s = (uint64_t)time(NULL);
}

static int execute(struct chaos *chaos, const struct chaos_config *config,
                   const struct chaos__payload *payload, unsigned flags,
                   struct chaos__slot *slot, struct chaos__shell *shell,
                   struct chaos_error *err)
{
    int rc = fill(chaos, config, payload, slot, shell, err);

    chaos__phase(chaos, CHAOS_PHASE_START);
    if (rc == 0)
        rc = chaos__create_tune(chaos, config, shell, err);
    if (rc == 0)
        rc = chaos__keep_config(chaos, config, shell->devices, slot, err);
    if (rc < 0)
        return rc;
    record(slot, config, shell);
    if (!(flags & CHAOS_CREATE_PAUSED))
        rc = chaos__hv_domain_unpause(chaos->hv, shell->domid, err);
    if (rc == 0)
        rc = chaos__registry_set_state(chaos->registry, slot,
                                       CHAOS__SLOT_RUNNING, err);
    return rc;
}

/* -------------------------------------------------------------- create */

static int undo(struct chaos *chaos, struct chaos__slot *slot,
                struct chaos__shell *shell, int rc)
{
    chaos__undo(chaos, slot, NULL);
    chaos__shell_release(shell);
    return rc;
}

/* What is undone goes on behind the message of why. */
static int execute_or_undo(struct chaos *chaos,
                           const struct chaos_config *config,
                           const struct chaos__payload *payload, unsigned flags,
                           struct chaos__slot *slot, struct chaos__shell *shell,
                           struct chaos_error *err)
{
    int rc = execute(chaos, config, payload, flags, slot, shell, err);

    if (rc < 0)
        return undo(chaos, slot, shell, rc);
    chaos__shell_release(shell);
    return rc;
}

static int create_cold(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__payload *payload, unsigned flags,
                       struct chaos__shell *shell, struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc;

    chaos__phase(chaos, CHAOS_PHASE_RESERVE);
    rc = chaos__create_reserve(chaos, config, shell->devices, &slot, err);
    if (rc < 0)
        return rc;
    rc = chaos__create_prepare(chaos, config, slot, shell, err);
    if (rc == 0)
        return execute_or_undo(chaos, config, payload, flags, slot, shell, err);
    return undo(chaos, slot, shell, rc);
}

/* Whether it failed because the shell has lost its domain, or a loop device to
 * somebody else: the guest can have another. */
static bool is_of_shell(int rc)
{
    return rc == CHAOS_ENOGUEST || rc == CHAOS_EBUSY;
}

/* The name of a guest that xl could run as well: a noxs guest need not wait
 * until all domains of the host have been looked at. */
static int check_beside(struct chaos *chaos, const struct chaos_config *config,
                        const struct chaos__shell *shell,
                        struct chaos_error *err)
{
    int rc =
        shell->noxs ? 0 : chaos__foreign_check_name(chaos, config->name, err);

    return rc < 0 ? rc : chaos__foreign_check_disks(chaos, shell->devices, err);
}

static int create_from(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__payload *payload, unsigned flags,
                       struct chaos__shell *shell, struct chaos_error *err)
{
    struct chaos__slot *slot;
    struct chaos_error why;
    int rc, got;

    chaos__phase(chaos, CHAOS_PHASE_HOST);
    rc = chaos__ready(chaos, err);
    if (rc == 0)
        rc = check_beside(chaos, config, shell, err);
    if (rc < 0)
        return rc;
    if (flags & CHAOS_CREATE_COLD)
        return create_cold(chaos, config, payload, flags, shell, err);
    while ((got = chaos__create_claim(chaos, config, &slot, shell, err)) > 0) {
        rc = chaos__devices_check_files(shell->devices, err);
        if (rc < 0)
            return undo(chaos, slot, shell, rc);
        rc = execute_or_undo(chaos, config, payload, flags, slot, shell, &why);
        if (rc == 0)
            return 0;
        if (!is_of_shell(rc))
            return chaos__fail(err, rc, "%s", why.message);
        chaos__log(chaos, CHAOS_LOG_WARNING, "%s: a shell was of no use: %s",
                   config->name, why.message);
        rc = chaos__create_start_over(config, shell, err);
        if (rc < 0)
            return rc;
    }
    return got < 0 ? got
                   : create_cold(chaos, config, payload, flags, shell, err);
}

/* Checks what can be checked without Xen; on success the caller closes the
 * devices. */
static int look(const struct chaos_config *config,
                const struct chaos__files *files, unsigned flags,
                struct chaos__devices *devices, struct chaos__shell *shell,
                struct chaos_error *err)
{
    /* What is in a compressed kernel may not be known yet. */
    bool is_known = files->payload.elf, noxs;
    int rc = chaos__create_learn_mode(config, files, &noxs, NULL, err);

    if (rc == 0)
        rc = chaos__devices_open(config, noxs, devices, err);
    if (rc < 0)
        return rc;
    flavor(config, devices, shell);
    if (is_known && flags & CHAOS_CREATE_NOXS && !shell->noxs)
        rc = chaos__fail(err, CHAOS_ENOTSUP,
                         "%s does not speak noxs: nothing could tell when "
                         "the guest is up",
                         config->kernel);
    if (rc == 0 && is_known)
        rc = chaos__shell_check(shell, &files->payload, err);
    if (rc < 0)
        chaos__devices_close(devices);
    return rc;
}

int chaos__guest_create(struct chaos *chaos, const struct chaos_config *config,
                        unsigned flags, uint32_t *domid_r,
                        struct chaos_error *err)
{
    struct chaos__devices devices;
    struct chaos__files files;
    struct chaos__shell shell;
    int rc;

    chaos__phase(chaos, CHAOS_PHASE_FILES);
    rc = chaos_config_check(config, err);
    if (rc == 0)
        rc = chaos__files_open(chaos, config, true, &files, err);
    if (rc < 0)
        return rc;
    rc = look(config, &files, flags, &devices, &shell, err);
    if (rc == 0) {
        rc = create_from(chaos, config, &files.payload, flags, &shell, err);
        chaos__devices_close(&devices);
    }
    if (rc == 0 && domid_r)
        *domid_r = shell.domid;
    chaos__files_close(&files);
    return rc;
}

int chaos_guest_registry(struct chaos *chaos, const struct chaos_config *config,
                         const char **why_r, struct chaos_error *err)
{
    struct chaos__files files;
    bool noxs;
    int rc = chaos_config_check(config, err);

    if (rc == 0)
        rc = chaos__files_open(chaos, config, false, &files, err);
    if (rc < 0)
        return rc;
    rc = chaos__create_learn_mode(config, &files, &noxs, why_r, err);
    chaos__files_close(&files);
    if (rc < 0)
        return rc;
    return noxs ? CHAOS_REGISTRY_NOXS : CHAOS_REGISTRY_XENSTORE;
}

int chaos_guest_check(struct chaos *chaos, const struct chaos_config *config,
                      struct chaos_error *err)
{
    struct chaos__devices devices;
    struct chaos__files files;
    struct chaos__shell shell;
    int rc;

    rc = chaos_config_check(config, err);
    if (rc == 0)
        rc = chaos__files_open(chaos, config, false, &files, err);
    if (rc < 0)
        return rc;
    rc = look(config, &files, 0, &devices, &shell, err);
    if (rc == 0) {
        rc = chaos__devices_find_host(&devices, err);
        chaos__devices_close(&devices);
    }
    chaos__files_close(&files);
    return rc;
}

int chaos_guest_create(struct chaos *chaos, const struct chaos_config *config,
                       unsigned flags, uint32_t *domid_r,
                       struct chaos_error *err)
{
    int rc = chaos__guest_create(chaos, config, flags, domid_r, err);

    chaos__phase(chaos, CHAOS_PHASE_DONE);
    /* Name the guest when the message does not lead there. */
    if (rc < 0 && config->name && rc != CHAOS_EINVAL && rc != CHAOS_EEXIST)
        chaos__fail_within(err, rc, "creating %s", config->name);
    return rc;
}
