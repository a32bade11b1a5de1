/* SPDX-License-Identifier: MIT */
#include "dom0.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int chaos__dom0_backend(const char *type, struct chaos_error *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/drivers/%s", type);
    if (access(path, F_OK) == 0)
        return 0;
    return chaos__fail(
        err, CHAOS_EFAILED,
        "dom0's kernel has no %s back end; load its module "
        "(modprobe %s)",
        type, strcmp(type, "vif") == 0 ? "xen-netback" : "xen-blkback");
}

#define DEVICES "/sys/bus/xen-backend/devices/"

bool chaos__dom0_has_device(const char *type, uint32_t domid, uint32_t id)
{
    char path[64];

    snprintf(path, sizeof(path), DEVICES "%s-%u-%u", type, domid, id);
    return access(path, F_OK) == 0;
}

/* xenvbd_sysfs_addif() in drivers/block/xen-blkback/xenbus.c */
bool chaos__dom0_has_disk(uint32_t domid, uint32_t id)
{
    char path[80];

    snprintf(path, sizeof(path), DEVICES "vbd-%u-%u/physical_device", domid,
             id);
    return access(path, F_OK) == 0;
}
