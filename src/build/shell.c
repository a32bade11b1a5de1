/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include "device_page.h"
#include "pvh.h"

#include <stdlib.h>
#include <string.h>

#include "noxs/abi/noxs.h"

/* Counts the changes of what prepare leaves and load relies on. */
#define LAYOUT 1u

/* Rings of a PV guest take the frames of its last pages.  The builder, which
 * allocates from the first page up, is given others for these. */
static int prepare_pv_rings(struct chaos__hv *hv, struct chaos__shell *shell,
                            uint64_t pages, struct chaos_error *err)
{
    unsigned rings = chaos__devices_rings(shell->devices);
    uint64_t *frames = shell->frames + pages - rings;
    void *address;
    int rc;

    if (rings == 0)
        return 0;
    rc = chaos__hv_map(hv, shell->domid, frames, rings, &address, err);
    if (rc < 0)
        return rc;
    memset(address, 0, rings * CHAOS__PAGE_SIZE);
    rc = chaos__devices_prepare(hv, shell->domid, shell->devices, frames,
                                address, err);
    chaos__hv_unmap(hv, address, rings);
    return rc;
}

/* PV: the frames are recorded here and given to the builder at load. */
static int prepare_pv(struct chaos__hv *hv, struct chaos__shell *shell,
                      struct chaos_error *err)
{
    uint64_t pages = chaos__shell_pages(shell);
    int rc;

    shell->frames = calloc(pages, sizeof(*shell->frames));
    if (!shell->frames)
        return chaos__fail_memory(err);
    rc = chaos__hv_populate(hv, shell->domid, 0, pages, shell->frames, err);
    return rc < 0 ? rc : prepare_pv_rings(hv, shell, pages, err);
}

int chaos__shell_prepare(struct chaos__hv *hv, struct chaos__shell *shell,
                         struct chaos_error *err)
{
    int rc;

    rc = chaos__hv_domain_create_vcpus(hv, shell->domid, shell->vcpus, err);
    if (rc == 0)
        rc = chaos__hv_domain_set_cpu_policy(hv, shell->domid, err);
    if (rc == 0)
        rc = chaos__hv_set_max_memory(hv, shell->domid, shell->maxmem_kb, err);
    if (rc == 0)
        rc = chaos__hv_port_alloc(hv, shell->domid, &shell->console_port, err);
    if (rc == 0 && shell->noxs)
        rc = chaos__hv_port_alloc(hv, shell->domid, &shell->control_port, err);
    if (rc == 0)
        rc = shell->type == CHAOS__TYPE_PVH ? chaos__pvh_prepare(hv, shell, err)
                                            : prepare_pv(hv, shell, err);
    return rc;
}

int chaos__shell_check(const struct chaos__shell *shell,
                       const struct chaos__payload *payload,
                       struct chaos_error *err)
{
    /* The PV builder checks as it goes; it knows what the image needs. */
    return shell->type == CHAOS__TYPE_PVH
               ? chaos__pvh_check(shell, payload, err)
               : 0;
}

/* The builder has zeroed the store page; make it our device page. */
static int write_pv_pages(struct chaos__hv *hv, struct chaos__shell *shell,
                          struct chaos_error *err)
{
    uint64_t frames[2] = { shell->device_frame, shell->control_frame };
    void *address;
    int rc;

    rc = chaos__hv_map(hv, shell->domid, frames, 2, &address, err);
    if (rc < 0)
        return rc;
    memset(address, 0, 2 * CHAOS__PAGE_SIZE);
    chaos__device_page_write(address, shell);
    chaos__hv_unmap(hv, address, 2);
    return 0;
}

static int load_pv(struct chaos__hv *hv, struct chaos__shell *shell,
                   const struct chaos__payload *payload,
                   struct chaos_error *err)
{
    struct chaos__hv_pv_build build = {
        .command_line = payload->command_line,
        .frames = shell->frames,
        .pages = chaos__shell_pages(shell),
        .vcpus = shell->vcpus,
        .console_port = shell->console_port,
        .store_port = shell->control_port,
        .control_page = shell->noxs,
        .rings = chaos__devices_rings(shell->devices),
    };
    int rc = chaos__image_read_all(payload->kernel, err);

    if (rc == 0 && payload->ramdisk)
        rc = chaos__image_read_all(payload->ramdisk, err);
    if (rc < 0)
        return rc;
    build.kernel = payload->kernel->memory;
    build.kernel_size = payload->kernel->size;
    if (payload->ramdisk) {
        build.ramdisk = payload->ramdisk->memory;
        build.ramdisk_size = payload->ramdisk->size;
    }
    rc = chaos__hv_pv_build(hv, shell->domid, &build, err);
    if (rc < 0)
        return chaos__fail_within(err, rc, "%s", payload->kernel->path);
    shell->console_frame = build.console_frame;
    if (!shell->noxs)
        return 0;
    shell->control_frame = build.control_frame;
    shell->device_frame = build.store_frame;
    return write_pv_pages(hv, shell, err);
}

int chaos__shell_load(struct chaos__hv *hv, struct chaos__shell *shell,
                      const struct chaos__payload *payload,
                      struct chaos_error *err)
{
    return shell->type == CHAOS__TYPE_PVH
               ? chaos__pvh_load(hv, shell, payload, err)
               : load_pv(hv, shell, payload, err);
}

int chaos__shell_list_devices(struct chaos__hv *hv, struct chaos__shell *shell,
                              struct chaos_error *err)
{
    void *address;
    int rc =
        chaos__hv_map(hv, shell->domid, &shell->device_frame, 1, &address, err);

    if (rc < 0)
        return rc;
    chaos__device_page_write(address, shell);
    chaos__hv_unmap(hv, address, 1);
    return 0;
}

uint32_t chaos__shell_maker(void)
{
    static const char made_by[] = CHAOS_VERSION;
    uint32_t sum = LAYOUT << 16 | NOXS_VERSION;

    for (const char *at = made_by; *at; at++)
        sum = sum * 31 + (uint8_t)*at;
    return sum;
}

void chaos__shell_release(struct chaos__shell *shell)
{
    free(shell->frames);
    shell->frames = NULL;
}
