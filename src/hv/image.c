/* SPDX-License-Identifier: MIT */
/*
 * Images through libxenguest: decompression, and the PV builder.  The builder
 * wants to allocate the guest's memory itself; our hooks hand it the frames
 * that the domain already has.
 */
#include "handle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xencall.h>
#include <xenguest.h>

#define INVALID_PFN (~UINT64_C(0))

/* More rings than any guest has (device/device.h). */
#define RINGS_MAX 64

/* The builder's hooks with ours in their place; first member is what the
 * builder knows, the rest is what our hooks need. */
struct pv_hooks {
    struct xc_dom_arch arch;
    const struct xc_dom_arch *stock;
    struct chaos__hv_pv_build *build;
    xen_pfn_t control_pfn;
};

/* Its messages start with "panic: file:line: function: ": of no use here. */
static const char *skip_origin(const char *reason)
{
    const char *at = reason;
    int i;

    if (strncmp(reason, "panic: ", 7) != 0)
        return reason;
    for (i = 0; i < 3 && at; i++) {
        at = strstr(at, ": ");
        at = at ? at + 2 : NULL;
    }
    return at ? at : reason;
}

/* libxenguest's own words for what went wrong, or errno's. */
static int fail_image(struct chaos__hv *hv, struct chaos_error *err,
                      const char *what)
{
    const char *reason = skip_origin(hv->logger.reason);

    return chaos__fail(err, CHAOS_EIMAGE, "%s: %s", what,
                       *reason ? reason : chaos__errno_text(errno));
}

static struct xc_dom_image *image_open(struct chaos__hv *hv,
                                       const char *command_line,
                                       const void *kernel, size_t size,
                                       struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    struct xc_dom_image *dom =
        xc ? xc_dom_allocate(xc, command_line, NULL) : NULL;

    hv->logger.reason[0] = '\0';
    if (!dom) {
        chaos__fail_memory(err);
        return NULL;
    }
    if (xc_dom_kernel_mem(dom, kernel, size) < 0) {
        fail_image(hv, err, "reading the kernel");
        xc_dom_release(dom);
        return NULL;
    }
    return dom;
}

int chaos__hv_unpack_kernel(struct chaos__hv *hv, const void *image,
                            size_t size, void **elf_r, size_t *elf_size_r,
                            struct chaos_error *err)
{
    struct xc_dom_image *dom = image_open(hv, NULL, image, size, err);
    int rc = 0;

    if (!dom)
        return CHAOS_EIMAGE;
    /* Parsing replaces the blob by the ELF file that it decompressed; it
     * asks what this Xen can run, not what the domain is. */
    dom->container_type = XC_DOM_HVM_CONTAINER;
    if (xc_dom_boot_xen_init(dom, dom->xch, 0) < 0 ||
        xc_dom_parse_image(dom) < 0 || !dom->kernel_blob) {
        rc = fail_image(hv, err,
                        "unpacking the kernel: neither an ELF file nor a "
                        "compressed Linux kernel");
    } else {
        *elf_r = malloc(dom->kernel_size);
        if (!*elf_r) {
            rc = chaos__fail_memory(err);
        } else {
            memcpy(*elf_r, dom->kernel_blob, dom->kernel_size);
            *elf_size_r = dom->kernel_size;
        }
    }
    xc_dom_release(dom);
    return rc;
}

static int give_frames(struct xc_dom_image *dom)
{
    struct pv_hooks *hooks = (struct pv_hooks *)dom->arch_hooks;

    dom->p2m_size = dom->total_pages;
    dom->pv_p2m = xc_dom_malloc(dom, dom->p2m_size * sizeof(*dom->pv_p2m));
    if (!dom->pv_p2m)
        return -1;
    memcpy(dom->pv_p2m, hooks->build->frames,
           dom->p2m_size * sizeof(*dom->pv_p2m));
    return 0;
}

/* Tells Xen which pages these frames are now; its table is what a PV guest
 * looks them up in. */
static int tell_pages(struct xc_dom_image *dom, const xen_pfn_t *pages,
                      unsigned count)
{
    xencall_handle *call = xencall_open(NULL, 0);
    mmu_update_t *updates = NULL;
    unsigned i;
    int r = -1;

    if (!call)
        return -1;
    updates = xencall_alloc_buffer(call, count * sizeof(*updates));
    for (i = 0; updates && i < count; i++)
        updates[i] = (mmu_update_t){
            .ptr = dom->pv_p2m[pages[i]] << XC_PAGE_SHIFT | MMU_MACHPHYS_UPDATE,
            .val = pages[i],
        };
    if (updates)
        r = xencall4(call, __HYPERVISOR_mmu_update, (uintptr_t)updates, count,
                     0, dom->guest_domid);
    xencall_free_buffer(call, updates);
    xencall_close(call);
    return r;
}

static void exchange(struct xc_dom_image *dom, xen_pfn_t a, xen_pfn_t b)
{
    struct pv_hooks *hooks = (struct pv_hooks *)dom->arch_hooks;
    xen_pfn_t frame = dom->pv_p2m[a];

    dom->pv_p2m[a] = hooks->build->frames[a] = dom->pv_p2m[b];
    dom->pv_p2m[b] = hooks->build->frames[b] = frame;
}

/* Pages that the guest has mapped when it starts, for the rings' frames. */
static int allocate_rings(struct xc_dom_image *dom)
{
    struct pv_hooks *hooks = (struct pv_hooks *)dom->arch_hooks;
    xen_pfn_t changed[2 * RINGS_MAX];
    unsigned i, rings = hooks->build->rings;

    for (i = 0; i < rings; i++) {
        xen_pfn_t pfn = xc_dom_alloc_page(dom, "ring");
        xen_pfn_t last = dom->total_pages - rings + i;

        if (pfn == INVALID_PFN || pfn >= dom->total_pages - rings)
            return -1;
        exchange(dom, pfn, last);
        changed[2 * i] = pfn;
        changed[2 * i + 1] = last;
    }
    return rings ? tell_pages(dom, changed, 2 * rings) : 0;
}

/* More than the stock ones: the control page and the rings. */
static int allocate_pages(struct xc_dom_image *dom)
{
    struct pv_hooks *hooks = (struct pv_hooks *)dom->arch_hooks;
    int r = hooks->stock->alloc_magic_pages(dom);

    if (r < 0 || !hooks->build->control_page)
        return r;
    hooks->control_pfn = xc_dom_alloc_page(dom, "control");
    return hooks->control_pfn == INVALID_PFN ? -1 : allocate_rings(dom);
}

/* The builder's sequence; returns the step that failed, or NULL. */
static const char *build_steps(struct xc_dom_image *dom, struct pv_hooks *hooks,
                               const struct chaos__hv_pv_build *build)
{
    if (build->ramdisk &&
        xc_dom_module_mem(dom, build->ramdisk, build->ramdisk_size, NULL) < 0)
        return "reading the ramdisk";
    if (xc_dom_boot_xen_init(dom, dom->xch, dom->guest_domid) < 0 ||
        xc_dom_parse_image(dom) < 0)
        return "reading the kernel";
    if (strcmp(dom->guest_type, "xen-3.0-x86_64") != 0)
        return "reading the kernel: not a 64-bit PV kernel";
    if (xc_dom_mem_init(dom, 0) < 0)
        return "laying out memory";
    dom->total_pages = build->pages;
    hooks->stock = dom->arch_hooks;
    hooks->arch = *dom->arch_hooks;
    hooks->arch.meminit = give_frames;
    hooks->arch.alloc_magic_pages = allocate_pages;
    dom->arch_hooks = &hooks->arch;
    if (xc_dom_boot_mem_init(dom) < 0)
        return "giving the builder its memory";
    if (xc_dom_build_image(dom) < 0)
        return "loading the kernel (is memory= large enough for it?)";
    if (xc_dom_boot_image(dom) < 0)
        return "starting the kernel";
    if (xc_dom_gnttab_init(dom) < 0)
        return "writing the grant table";
    return NULL;
}

int chaos__hv_pv_build(struct chaos__hv *hv, uint32_t domid,
                       struct chaos__hv_pv_build *build,
                       struct chaos_error *err)
{
    struct pv_hooks hooks = { .build = build };
    struct xc_dom_image *dom = image_open(
        hv, build->command_line, build->kernel, build->kernel_size, err);
    const char *failed;
    int rc = 0;

    if (!dom)
        return CHAOS_EIMAGE;
    if (build->rings > RINGS_MAX) {
        xc_dom_release(dom);
        return chaos__fail(err, CHAOS_EINVAL, "more rings than a guest has");
    }
    dom->container_type = XC_DOM_PV_CONTAINER;
    dom->guest_domid = domid;
    dom->max_vcpus = build->vcpus;
    dom->console_evtchn = build->console_port;
    dom->xenstore_evtchn = build->store_port;
    failed = build_steps(dom, &hooks, build);
    if (failed) {
        rc = fail_image(hv, err, failed);
    } else {
        build->console_frame = build->frames[dom->console_pfn];
        build->store_frame = build->frames[dom->xenstore_pfn];
        if (build->control_page)
            build->control_frame = build->frames[hooks.control_pfn];
    }
    xc_dom_release(dom);
    return rc;
}
