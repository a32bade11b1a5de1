/* SPDX-License-Identifier: MIT */
/* Guest memory: its limits, its frames, and mappings of it. */
#include "handle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Extents in one populate call: 1 GiB of superpages, or 2 MiB of pages. */
#define BATCH 512

/* Mappings up to this size keep their per-page errors on the stack. */
#define MAP_ERRORS 64

int chaos__hv_set_max_memory(struct chaos__hv *hv, uint32_t domid,
                             uint64_t max_kb, struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);

    if (!xc || xc_domain_setmaxmem(xc, domid, max_kb) < 0)
        return chaos__hv_fail(err, domid, "setting the memory limit");
    return 0;
}

int chaos__hv_set_paging_pool(struct chaos__hv *hv, uint32_t domid,
                              uint64_t size_kb, struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);

    if (!xc || xc_set_paging_mempool_size(xc, domid, size_kb << 10) < 0)
        return chaos__hv_fail(err, domid, "setting the paging pool");
    return 0;
}

/* One populate call; returns how many extents Xen gave. */
static int populate_batch(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                          unsigned count, unsigned order, unsigned flags,
                          xen_pfn_t extents[BATCH])
{
    xc_interface *xc = chaos__hv_xc(hv);
    unsigned i;

    for (i = 0; i < count; i++)
        extents[i] = first + ((uint64_t)i << order);
    return xc ? xc_domain_populate_physmap(xc, domid, count, order, flags,
                                           extents)
              : -1;
}

static void record_frames(uint64_t *frames, const xen_pfn_t *extents, int count,
                          unsigned order)
{
    uint64_t page;
    int i;

    for (i = 0; i < count; i++)
        for (page = 0; page < UINT64_C(1) << order; page++)
            *frames++ = extents[i] + page;
}

/* Populates as much of what is not done as extents of this order give. */
static int populate_order(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                          uint64_t pages, unsigned order, unsigned flags,
                          uint64_t *done, uint64_t *frames_r)
{
    xen_pfn_t extents[BATCH];
    uint64_t left;
    int r;

    while ((left = (pages - *done) >> order) > 0) {
        r = populate_batch(hv, domid, first + *done,
                           left < BATCH ? (unsigned)left : BATCH, order, flags,
                           extents);
        if (r <= 0)
            return r;
        if (frames_r)
            record_frames(frames_r + *done, extents, r, order);
        *done += (uint64_t)r << order;
    }
    return 0;
}

static int populate(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                    uint64_t pages, unsigned flags, uint64_t *frames_r,
                    struct chaos_error *err)
{
    uint64_t done = 0;
    char what[96];

    /* Superpages may run out while small pages are left: no error yet. */
    populate_order(hv, domid, first, pages, 9, flags, &done, frames_r);
    populate_order(hv, domid, first, pages, 0, flags, &done, frames_r);
    if (done == pages)
        return 0;
    snprintf(what, sizeof(what), "allocating %llu KiB for the guest",
             (unsigned long long)pages * 4);
    errno = ENOMEM;
    return chaos__hv_fail(err, domid, what);
}

int chaos__hv_populate(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                       uint64_t pages, uint64_t *frames_r,
                       struct chaos_error *err)
{
    return populate(hv, domid, first, pages, 0, frames_r, err);
}

int chaos__hv_set_pod_target(struct chaos__hv *hv, uint32_t domid,
                             uint64_t pages, struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);

    if (!xc || xc_domain_set_pod_target(xc, domid, pages, NULL, NULL, NULL) < 0)
        return chaos__hv_fail(err, domid, "setting memory aside");
    return 0;
}

int chaos__hv_promise(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                      uint64_t pages, struct chaos_error *err)
{
    return populate(hv, domid, first, pages, XENMEMF_populate_on_demand, NULL,
                    err);
}

int chaos__hv_memory_open(struct chaos__hv *hv, struct chaos_error *err)
{
    if (!hv->memory)
        hv->memory = xenforeignmemory_open(&hv->logger.xtl, 0);
    if (!hv->memory)
        return chaos__fail_errno(err, errno, "opening guest memory");
    return 0;
}

int chaos__hv_map(struct chaos__hv *hv, uint32_t domid, const uint64_t *frames,
                  size_t pages, void **address_r, struct chaos_error *err)
{
    int on_stack[MAP_ERRORS], *errors = on_stack;
    void *address;
    size_t i;
    int rc;

    _Static_assert(sizeof(xen_pfn_t) == sizeof(uint64_t), "frame numbers");
    rc = chaos__hv_memory_open(hv, err);
    if (rc < 0)
        return rc;
    if (pages > MAP_ERRORS && !(errors = calloc(pages, sizeof(*errors))))
        return chaos__fail_memory(err);
    address = xenforeignmemory_map(hv->memory, domid, PROT_READ | PROT_WRITE,
                                   pages, (const xen_pfn_t *)frames, errors);
    if (!address)
        rc = chaos__hv_fail(err, domid, "mapping guest memory");
    for (i = 0; rc == 0 && i < pages; i++) {
        if (!errors[i])
            continue;
        rc = chaos__fail(
            err, CHAOS_EFAILED,
            "mapping guest memory: frame 0x%llx of domain %u: "
            "%s",
            (unsigned long long)frames[i], domid,
            chaos__errno_text(errors[i] < 0 ? -errors[i] : errors[i]));
        xenforeignmemory_unmap(hv->memory, address, pages);
    }
    if (rc == 0)
        *address_r = address;
    if (errors != on_stack)
        free(errors);
    return rc;
}

void chaos__hv_unmap(struct chaos__hv *hv, void *address, size_t pages)
{
    if (address)
        xenforeignmemory_unmap(hv->memory, address, pages);
}
