/* SPDX-License-Identifier: MIT */
/* Domains and their vCPUs. */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int chaos__hv_domain_create(struct chaos__hv *hv,
                            const struct chaos__hv_create *create,
                            uint32_t *domid_r, struct chaos_error *err)
{
    struct xen_domctl_createdomain config = {
        .flags = create->pvh ? XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap : 0,
        .max_vcpus = create->vcpus,
        .max_evtchn_port = create->max_event_channels,
        .max_grant_frames = create->max_grant_frames
                                ? (int32_t)create->max_grant_frames
                                : -1, /* Xen's default */
        .max_maptrack_frames = 0,     /* guests map no grants */
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = create->pvh ? XEN_X86_EMU_LAPIC : 0,
    };
    uint32_t domid = 0; /* Xen chooses */

    memcpy(config.handle, create->handle, sizeof(config.handle));
    if (xc_domain_create(hv->xc, &domid, &config) < 0) {
        if (errno == ENOMEM)
            return chaos__fail(err, CHAOS_ENOMEM,
                               "creating a domain: Xen is out of memory or "
                               "of domain ids; destroy guests");
        if (errno == EINVAL && create->pvh)
            return chaos__fail(err, CHAOS_ENOTSUP,
                               "creating a PVH domain: Xen refuses; without "
                               "hardware virtualisation use type=\"pv\", and "
                               "check max_grant_frames");
        return chaos__hv_fail(err, 0, "creating a domain");
    }
    *domid_r = domid;
    return 0;
}

int chaos__hv_domain_destroy(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    if (xc_domain_destroy(hv->xc, domid) < 0)
        return chaos__hv_fail(err, domid, "destroying the domain");
    return 0;
}

int chaos__hv_domain_pause(struct chaos__hv *hv, uint32_t domid,
                           struct chaos_error *err)
{
    if (xc_domain_pause(hv->xc, domid) < 0)
        return chaos__hv_fail(err, domid, "pausing the domain");
    return 0;
}

int chaos__hv_domain_unpause(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    if (xc_domain_unpause(hv->xc, domid) < 0)
        return chaos__hv_fail(err, domid, "unpausing the domain");
    return 0;
}

static void domain_from_xen(struct chaos__hv_domain *domain,
                            const xc_domaininfo_t *info)
{
    *domain = (struct chaos__hv_domain){
        .domid = info->domain,
        .hvm = info->flags & XEN_DOMINF_hvm_guest,
        .running = info->flags & XEN_DOMINF_running,
        .blocked = info->flags & XEN_DOMINF_blocked,
        .paused = info->flags & XEN_DOMINF_paused,
        .shutdown = info->flags & XEN_DOMINF_shutdown,
        .dying = info->flags & XEN_DOMINF_dying,
        .shutdown_reason =
            (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
        .vcpus_online = info->nr_online_vcpus,
        .pages = info->tot_pages,
        .claimed_pages = info->outstanding_pages,
        .max_pages = info->max_pages,
        .cpu_time_ns = info->cpu_time,
    };
    memcpy(domain->handle, info->handle, sizeof(domain->handle));
}

/*
 * One domain, for which Xen looks in a hash table: a list that starts with it
 * would be walked from the first domain on.  0, or -1 with errno; Xen 4.17
 * answers with the next domain when there is none of that domid.
 */
#if XEN_DOMCTL_INTERFACE_VERSION < 0x16 /* Xen 4.17 */
static int get_domain(struct chaos__hv *hv, uint32_t domid,
                      struct chaos__hv_domain *domain_r)
{
    const unsigned page_kb = CHAOS__PAGE_SIZE / 1024;
    xc_dominfo_t info;

    if (xc_domain_getinfo(hv->xc, domid, 1, &info) != 1)
        return -1;
    *domain_r = (struct chaos__hv_domain){
        .domid = info.domid,
        .hvm = info.hvm,
        .running = info.running,
        .blocked = info.blocked,
        .paused = info.paused,
        .shutdown = info.shutdown || info.crashed,
        .dying = info.dying,
        .shutdown_reason = info.shutdown_reason,
        .vcpus_online = info.nr_online_vcpus,
        .pages = info.nr_pages,
        .claimed_pages = info.nr_outstanding_pages,
        .max_pages = info.max_memkb / page_kb,
        .cpu_time_ns = info.cpu_time,
    };
    memcpy(domain_r->handle, info.handle, sizeof(domain_r->handle));
    return 0;
}
#else
static int get_domain(struct chaos__hv *hv, uint32_t domid,
                      struct chaos__hv_domain *domain_r)
{
    xc_domaininfo_t info;

    if (xc_domain_getinfo_single(hv->xc, domid, &info) < 0)
        return -1;
    domain_from_xen(domain_r, &info);
    return 0;
}
#endif

int chaos__hv_domain_info(struct chaos__hv *hv, uint32_t domid,
                          struct chaos__hv_domain *domain_r,
                          struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    int r = get_domain(hv, domid, &domain);

    if (r < 0 && errno != ESRCH)
        return chaos__hv_fail(err, domid, "reading the domain's state");
    if (r < 0 || domain.domid != domid)
        return chaos__fail(err, CHAOS_ENOGUEST, "no domain %u", domid);
    *domain_r = domain;
    return 0;
}

int chaos__hv_domain_list(struct chaos__hv *hv, uint32_t first_domid,
                          size_t max, struct chaos__hv_domain *domains,
                          struct chaos_error *err)
{
    xc_domaininfo_t *infos = calloc(max, sizeof(*infos));
    int r, i;

    if (!infos)
        return chaos__fail_memory(err);
    r = xc_domain_getinfolist(hv->xc, first_domid, (unsigned)max, infos);
    if (r < 0)
        r = chaos__hv_fail(err, first_domid, "listing the domains");
    for (i = 0; i < r; i++)
        domain_from_xen(&domains[i], &infos[i]);
    free(infos);
    return r;
}

int chaos__hv_domain_create_vcpus(struct chaos__hv *hv, uint32_t domid,
                                  unsigned vcpus, struct chaos_error *err)
{
    if (xc_domain_max_vcpus(hv->xc, domid, vcpus) < 0)
        return chaos__hv_fail(err, domid, "creating the vCPUs");
    return 0;
}

int chaos__hv_domain_set_cpu_policy(struct chaos__hv *hv, uint32_t domid,
                                    struct chaos_error *err)
{
    const bool restore = false, pae = true, itsc = false, nested = false;

    if (xc_cpuid_apply_policy(hv->xc, domid, restore, NULL, 0, pae, itsc,
                              nested, NULL, NULL) < 0)
        return chaos__hv_fail(err, domid, "setting the CPUID policy");
    return 0;
}

int chaos__hv_vcpu_pin(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                       const uint64_t *cpus, unsigned bits,
                       struct chaos_error *err)
{
    xc_cpumap_t hard = xc_cpumap_alloc(hv->xc);
    int size = xc_get_cpumap_size(hv->xc), i, rc = 0;

    if (!hard || size <= 0) {
        free(hard);
        return chaos__hv_fail(err, domid, "reading the number of CPUs");
    }
    for (i = 0; i < size && (unsigned)i < bits / 8; i++)
        hard[i] = (uint8_t)(cpus[i / 8] >> (i % 8 * 8));
    if (xc_vcpu_setaffinity(hv->xc, domid, (int)vcpu, hard, NULL,
                            XEN_VCPUAFFINITY_HARD) < 0) {
        if (errno == EINVAL)
            rc = chaos__fail(err, CHAOS_EINVAL,
                             "pinning vCPU %u: cpus= names no CPU that this "
                             "host has online",
                             vcpu);
        else
            rc = chaos__hv_fail(err, domid, "pinning a vCPU");
    }
    free(hard);
    return rc;
}
