/* SPDX-License-Identifier: MIT */
/* Decompressing kernels, through libxenguest. */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenguest.h>

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

static struct xc_dom_image *image_open(struct chaos__hv *hv, const void *kernel,
                                       size_t size, struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    struct xc_dom_image *dom = xc ? xc_dom_allocate(xc, NULL, NULL) : NULL;

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
    struct xc_dom_image *dom = image_open(hv, image, size, err);
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
