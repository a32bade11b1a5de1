/* SPDX-License-Identifier: MIT */
/* What Xen tells about the host. */
#include "handle.h"

#include <stdio.h>
#include <stdlib.h>

#define LOG_SIZE_MAX (16u << 20) /* Xen's ring is 16 KiB unless told */

int chaos__hv_host_info(struct chaos__hv *hv, struct chaos__hv_host *host_r,
                        struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    int version = xc ? xc_version(xc, XENVER_version, NULL) : -1;
    xen_extraversion_t extra = "";
    xc_physinfo_t info = { 0 };

    if (version < 0 || xc_physinfo(xc, &info) < 0)
        return chaos__hv_fail(err, 0, "reading Xen's version and memory");
    xc_version(xc, XENVER_extraversion, &extra);
    snprintf(host_r->version, sizeof(host_r->version), "%d.%d%.*s",
             version >> 16, version & 0xffff, (int)sizeof(extra), extra);
    host_r->total_kb = info.total_pages * 4;
    host_r->free_kb = info.free_pages * 4;
    host_r->cpus = info.nr_cpus;
    return 0;
}

int chaos__hv_host_log(struct chaos__hv *hv, bool clear, char **text_r,
                       struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    unsigned capacity = 64u << 10, size;
    uint32_t index;
    char *text = NULL, *larger;

    if (!xc)
        return chaos__hv_fail(err, 0, "reading Xen's log");
    /* The ring's size is not told: grow until the text leaves room. */
    for (;; capacity *= 2) {
        larger = realloc(text, (size_t)capacity + 1);
        if (!larger) {
            free(text);
            return chaos__fail_memory(err);
        }
        text = larger;
        size = capacity;
        index = 0;
        if (xc_readconsolering(xc, text, &size, 0, 0, &index) < 0) {
            free(text);
            return chaos__hv_fail(err, 0, "reading Xen's log");
        }
        if (size < capacity || capacity >= LOG_SIZE_MAX)
            break;
    }
    text[size] = '\0';
    if (clear) {
        char nothing;
        unsigned none = 0;

        xc_readconsolering(xc, &nothing, &none, 1, 0, NULL);
    }
    *text_r = text;
    return 0;
}
