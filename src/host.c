/* SPDX-License-Identifier: MIT */
#include <chaos/host.h>

#include "guest/guest.h"
#include "hv/hv.h"

#include <string.h>

const char *chaos_version(void)
{
    return CHAOS_VERSION;
}

/* Reads about the host need Xen, but no registry. */
static int need_xen(struct chaos *chaos, struct chaos_error *err)
{
    return chaos->hv ? 0 : chaos__hv_open(NULL, NULL, &chaos->hv, err);
}

int chaos_host_info(struct chaos *chaos, struct chaos_host_info *info_r,
                    struct chaos_error *err)
{
    struct chaos__hv_host host;
    int rc = need_xen(chaos, err);

    if (rc == 0)
        rc = chaos__hv_host_info(chaos->hv, &host, err);
    if (rc < 0)
        return rc;
    _Static_assert(sizeof(info_r->xen_version) == sizeof(host.version),
                   "same room");
    memcpy(info_r->xen_version, host.version, sizeof(host.version));
    info_r->total_kb = host.total_kb;
    info_r->free_kb = host.free_kb;
    info_r->cpus = host.cpus;
    return 0;
}

int chaos_host_log(struct chaos *chaos, int clear, char **text_r,
                   struct chaos_error *err)
{
    int rc = need_xen(chaos, err);

    return rc < 0 ? rc : chaos__hv_host_log(chaos->hv, clear != 0, text_r, err);
}
