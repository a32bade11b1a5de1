/* SPDX-License-Identifier: MIT */
/*
 * Creating a guest in two phases.  Prepare makes a shell and needs of the
 * configuration only what a shell fixes; execute turns the shell into the
 * guest.  Each step is recorded in the registry before its effect, so that a
 * process that dies anywhere leaves a slot that tells what to undo.
 */
#include "create.h"

#include "build/elf.h"
#include "build/image.h"
#include "build/shell.h"
#include "devices.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As libxl's: one event channel page's worth is plenty for most. */
#define EVENT_CHANNELS_DEFAULT 1023

/* As libxl's LIBXL_INIT_TIMEOUT: a back end takes milliseconds. */
#define BACKEND_TIMEOUT_MS 10000

/* The files of a guest, open and checked. */
struct files {
    struct chaos__image kernel, ramdisk;
    struct chaos__elf elf;
    bool has_ramdisk;
    char *command_line;
    struct chaos__payload payload;
};

static void files_close(struct files *files)
{
    chaos__image_close(&files->kernel);
    if (files->has_ramdisk)
        chaos__image_close(&files->ramdisk);
    free(files->command_line);
}

/* Replaces a compressed kernel by the ELF file in it. */
static int unpack_kernel(struct chaos *chaos, struct chaos__image *kernel,
                         struct chaos_error *err)
{
    const char *path = kernel->path;
    void *unpacked;
    size_t size;
    int rc = chaos__image_read_all(kernel, err);

    if (rc == 0)
        rc = chaos__ready(chaos, err);
    if (rc < 0)
        return rc;
    rc = chaos__hv_unpack_kernel(chaos->hv, kernel->memory, kernel->size,
                                 &unpacked, &size, err);
    if (rc < 0)
        return chaos__fail_within(err, rc, "%s", path);
    chaos__image_close(kernel);
    chaos__image_from_memory(path, unpacked, size, kernel);
    return 0;
}

/* PVH kernels are ELF files once unpacked; PV ones are unpacked by the
 * builder, and ours only looks for notes in those that are plain ELF. */
static int read_kernel(struct chaos *chaos, const struct chaos_config *config,
                       bool unpack, struct files *files,
                       struct chaos_error *err)
{
    int rc = 0;

    if (!chaos__elf_is(&files->kernel)) {
        if (config->type == CHAOS__TYPE_PV || !unpack)
            return 0;
        rc = unpack_kernel(chaos, &files->kernel, err);
    }
    if (rc == 0)
        rc = chaos__elf_parse(&files->kernel, &files->elf, err);
    if (rc == 0)
        files->payload.elf = &files->elf;
    return rc;
}

static int files_open(struct chaos *chaos, const struct chaos_config *config,
                      bool unpack, struct files *files, struct chaos_error *err)
{
    int rc;

    files->has_ramdisk = false;
    files->command_line = NULL;
    rc = chaos__image_open(config->kernel, "kernel", &files->kernel, err);
    if (rc < 0)
        return rc;
    files->payload = (struct chaos__payload){ .kernel = &files->kernel };
    rc = read_kernel(chaos, config, unpack, files, err);
    if (rc == 0 && config->ramdisk) {
        rc =
            chaos__image_open(config->ramdisk, "ramdisk", &files->ramdisk, err);
        files->has_ramdisk = rc == 0;
        files->payload.ramdisk = &files->ramdisk;
    }
    if (rc == 0) {
        files->command_line = chaos__config_command_line(config);
        files->payload.command_line = files->command_line;
        if (!files->command_line)
            rc = chaos__fail_memory(err);
    }
    if (rc < 0)
        files_close(files);
    return rc;
}

static void flavor(const struct chaos_config *config, const struct files *files,
                   struct chaos__devices *devices, struct chaos__shell *shell)
{
    *shell = (struct chaos__shell){
        .type = config->type,
        .noxs = files->payload.elf && files->elf.noxs_version > 0,
        .vcpus = config->vcpus,
        .memory_kb = config->memory_kb,
        .maxmem_kb = config->maxmem_kb ? config->maxmem_kb : config->memory_kb,
        .devices = devices,
    };
}

/* ------------------------------------------------------------- prepare */

/* Xen gives a domid again when its domain has gone, also one that went without
 * us: what that has left must not be taken for the new one's. */
static void forget_predecessor(struct chaos *chaos, uint32_t domid)
{
    struct chaos__slot *slot = chaos__registry_by_domid(chaos->registry, domid);
    struct chaos__hv_domain domain;

    if (!slot)
        return;
    /* The nodes under this domid are its, as the new domain has none yet. */
    if (slot->first_device && chaos__store_ready(chaos, NULL) == 0)
        chaos__devices_remove(chaos->store, domid, NULL);
    chaos__guest_look(chaos, slot, &domain, NULL);
}

static int make_domain(struct chaos *chaos, const struct chaos_config *config,
                       struct chaos__slot *slot, struct chaos__shell *shell,
                       struct chaos_error *err)
{
    struct chaos__hv_create create = {
        .pvh = config->type == CHAOS__TYPE_PVH,
        .vcpus = config->vcpus,
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

static int connect_devices(struct chaos *chaos, struct chaos__slot *slot,
                           struct chaos__shell *shell, struct chaos_error *err)
{
    int rc;

    if (!chaos__devices_any(shell->devices))
        return 0;
    rc = chaos__store_ready(chaos, err);
    if (rc == 0)
        rc = chaos__devices_attach(shell->devices, err);
    if (rc == 0)
        rc = chaos__devices_record(chaos->registry, slot, shell->devices, err);
    if (rc == 0)
        rc = chaos__devices_connect(chaos->store, shell->domid, shell->devices,
                                    err);
    return rc;
}

static int prepare(struct chaos *chaos, const struct chaos_config *config,
                   struct chaos__slot *slot, struct chaos__shell *shell,
                   struct chaos_error *err)
{
    int rc = make_domain(chaos, config, slot, shell, err);

    if (rc == 0)
        rc = chaos__shell_prepare(chaos->hv, shell, err);
    if (rc == 0)
        rc = connect_devices(chaos, slot, shell, err);
    return rc;
}

/* ------------------------------------------------------------- execute */

static int pin(struct chaos *chaos, const struct chaos_config *config,
               uint32_t domid, struct chaos_error *err)
{
    unsigned vcpu;
    int rc = 0;

    for (vcpu = 0; config->cpuset_count && rc == 0 && vcpu < config->vcpus;
         vcpu++) {
        /* One set holds for all; of several, each vCPU has its own. */
        if (config->cpuset_count > 1 && vcpu >= config->cpuset_count)
            break;
        rc = chaos__hv_vcpu_pin(
            chaos->hv, domid, vcpu,
            config->cpusets[config->cpuset_count > 1 ? vcpu : 0].words,
            CHAOS__CPUS_MAX, err);
    }
    return rc;
}

static void record(struct chaos__slot *slot, const struct chaos_config *config,
                   const struct chaos__shell *shell)
{
    slot->type = (uint8_t)config->type;
    slot->on_poweroff = (uint8_t)config->on_poweroff;
    slot->on_reboot = (uint8_t)config->on_reboot;
    slot->on_crash = (uint8_t)config->on_crash;
    slot->vcpus = config->vcpus;
    slot->memory_kb = config->memory_kb;
    slot->created_s = (uint64_t)time(NULL);
    slot->console_frame = shell->console_frame;
    slot->console_port = shell->console_port;
    slot->control_frame = shell->control_frame;
    slot->control_port = shell->control_port;
}

/* The back ends have had the time that loading took: often it is enough. */
static int finish_devices(struct chaos *chaos, struct chaos__slot *slot,
                          struct chaos__shell *shell, struct chaos_error *err)
{
    int rc;

    if (!chaos__devices_any(shell->devices))
        return 0;
    rc = chaos__devices_finish(chaos->store, shell->domid, shell->devices,
                               BACKEND_TIMEOUT_MS, err);
    if (rc < 0)
        return rc;
    slot->are_connected = 1;
    return chaos__shell_list_devices(chaos->hv, shell, err);
}

static int execute(struct chaos *chaos, const struct chaos_config *config,
                   const struct chaos__payload *payload, unsigned flags,
                   struct chaos__slot *slot, struct chaos__shell *shell,
                   struct chaos_error *err)
{
    int rc;

    rc = chaos__registry_set_state(chaos->registry, slot, CHAOS__SLOT_CLAIMED,
                                   err);
    if (rc == 0)
        rc = chaos__shell_load(chaos->hv, shell, payload, err);
    if (rc == 0)
        rc = finish_devices(chaos, slot, shell, err);
    if (rc == 0)
        rc = pin(chaos, config, shell->domid, err);
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

static int create_from(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__payload *payload, unsigned flags,
                       struct chaos__shell *shell, struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__create_reserve(chaos, config, shell->devices, &slot, err);
    if (rc < 0)
        return rc;
    rc = prepare(chaos, config, slot, shell, err);
    if (rc == 0)
        rc = execute(chaos, config, payload, flags, slot, shell, err);
    if (rc < 0)
        chaos__undo(chaos, slot, NULL);
    chaos__shell_release(shell);
    return rc;
}

/* Checks all that can be checked without Xen; on success the caller closes
 * the devices. */
static int look(const struct chaos_config *config, const struct files *files,
                unsigned flags, struct chaos__devices *devices,
                struct chaos__shell *shell, struct chaos_error *err)
{
    /* What is in a compressed kernel may not be known yet. */
    bool is_known = files->payload.elf || config->type == CHAOS__TYPE_PV;
    int rc = chaos__devices_open(config, devices, err);

    if (rc < 0)
        return rc;
    flavor(config, files, devices, shell);
    if (is_known && flags & CHAOS_CREATE_NOXS && !shell->noxs)
        rc = chaos__fail(err, CHAOS_ENOTSUP,
                         "%s does not speak noxs: nothing could tell when "
                         "the guest is up",
                         config->kernel);
    else if (is_known && chaos__devices_any(devices) && !shell->noxs)
        rc = chaos__fail(err, CHAOS_ENOTSUP,
                         "%s: vif= and disk= need a kernel that speaks noxs, "
                         "and this one does not; xl runs it",
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
    struct chaos__shell shell;
    struct files files;
    int rc;

    rc = chaos_config_check(config, err);
    if (rc == 0)
        rc = files_open(chaos, config, true, &files, err);
    if (rc < 0)
        return rc;
    rc = look(config, &files, flags, &devices, &shell, err);
    if (rc == 0) {
        rc = create_from(chaos, config, &files.payload, flags, &shell, err);
        chaos__devices_close(&devices);
    }
    if (rc == 0 && domid_r)
        *domid_r = shell.domid;
    files_close(&files);
    return rc;
}

int chaos_guest_check(struct chaos *chaos, const struct chaos_config *config,
                      struct chaos_error *err)
{
    struct chaos__devices devices;
    struct chaos__shell shell;
    struct files files;
    int rc;

    rc = chaos_config_check(config, err);
    if (rc == 0)
        rc = files_open(chaos, config, false, &files, err);
    if (rc < 0)
        return rc;
    rc = look(config, &files, 0, &devices, &shell, err);
    if (rc == 0)
        chaos__devices_close(&devices);
    files_close(&files);
    return rc;
}

int chaos_guest_create(struct chaos *chaos, const struct chaos_config *config,
                       unsigned flags, uint32_t *domid_r,
                       struct chaos_error *err)
{
    int rc = chaos__guest_create(chaos, config, flags, domid_r, err);

    /* Name the guest when the message does not lead there. */
    if (rc < 0 && config->name && rc != CHAOS_EINVAL && rc != CHAOS_EEXIST)
        chaos__fail_within(err, rc, "creating %s", config->name);
    return rc;
}
