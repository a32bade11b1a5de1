/* SPDX-License-Identifier: MIT */
/* Domctls without libxenctrl, for what has to be fast. */
#include "handle.h"

#include <string.h>

struct hv_domctl *chaos__hv_domctl(struct chaos__hv *hv, uint32_t domid,
                                   uint32_t command)
{
    if (!hv->domctl)
        hv->domctl = xencall_alloc_buffer(hv->call, sizeof(*hv->domctl));
    if (!hv->domctl)
        return NULL;
    memset(&hv->domctl->call, 0, sizeof(hv->domctl->call));
    hv->domctl->call.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    hv->domctl->call.cmd = command;
    hv->domctl->call.domain = (domid_t)domid;
    return hv->domctl;
}

int chaos__hv_domctl_run(struct chaos__hv *hv)
{
    return xencall1(hv->call, __HYPERVISOR_domctl, (uintptr_t)hv->domctl);
}
