/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include "device_page.h"
#include "pv.h"
#include "pvh.h"

#include <stdlib.h>

#include "noxs/abi/noxs.h"

/* Counts the changes of what prepare leaves and load relies on. */
#define LAYOUT 3u

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
    if (rc == 0)
        rc = chaos__hv_port_alloc(
            hv, shell->domid,
            shell->noxs ? &shell->control_port : &shell->store_port, err);
    if (rc == 0)
        rc = shell->type == CHAOS__TYPE_PVH ? chaos__pvh_prepare(hv, shell, err)
                                            : chaos__pv_prepare(hv, shell, err);
    return rc;
}

int chaos__shell_check(const struct chaos__shell *shell,
                       const struct chaos__payload *payload,
                       struct chaos_error *err)
{
    return shell->type == CHAOS__TYPE_PVH
               ? chaos__pvh_check(shell, payload, err)
               : chaos__pv_check(shell, payload, err);
}

int chaos__shell_load(struct chaos__hv *hv, struct chaos__shell *shell,
                      const struct chaos__payload *payload,
                      struct chaos_error *err)
{
    return shell->type == CHAOS__TYPE_PVH
               ? chaos__pvh_load(hv, shell, payload, err)
               : chaos__pv_load(hv, shell, payload, err);
}

int chaos__shell_grant(struct chaos__hv *hv, const struct chaos__shell *shell,
                       struct chaos_error *err)
{
    const struct chaos__hv_grant grants[] = {
        { CHAOS__GRANT_CONSOLE, shell->console_frame },
        { CHAOS__GRANT_STORE, shell->store_frame },
    };

    return chaos__hv_grant(hv, shell->domid, grants, 2, err);
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
