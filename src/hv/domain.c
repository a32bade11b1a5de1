/* SPDX-License-Identifier: MIT */
/* Domains. */
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
    xc_interface *xc = chaos__hv_xc(hv);
    uint32_t domid = 0; /* Xen chooses */

    memcpy(config.handle, create->handle, sizeof(config.handle));
    if (!xc || xc_domain_create(xc, &domid, &config) < 0) {
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

/* A domctl that is about the domain alone. */
static int run_plain(struct chaos__hv *hv, uint32_t domid, uint32_t command,
                     const char *what, struct chaos_error *err)
{
    if (!chaos__hv_domctl(hv, domid, command) || chaos__hv_domctl_run(hv) < 0)
        return chaos__hv_fail(err, domid, what);
    return 0;
}

int chaos__hv_domain_destroy(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    return run_plain(hv, domid, XEN_DOMCTL_destroydomain,
                     "destroying the domain", err);
}

int chaos__hv_domain_pause(struct chaos__hv *hv, uint32_t domid,
                           struct chaos_error *err)
{
    return run_plain(hv, domid, XEN_DOMCTL_pausedomain, "pausing the domain",
                     err);
}

int chaos__hv_domain_unpause(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    return run_plain(hv, domid, XEN_DOMCTL_unpausedomain,
                     "unpausing the domain", err);
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
        .shared_frame = info->shared_info_frame,
        .cpu_time_ns = info->cpu_time,
        .max_vcpus = info->max_vcpu_id + 1, /* XEN_INVALID_MAX_VCPU_ID: 0 */
        .cpupool = info->cpupool,
    };
    memcpy(domain->handle, info->handle, sizeof(domain->handle));
}

int chaos__hv_domain_info(struct chaos__hv *hv, uint32_t domid,
                          struct chaos__hv_domain *domain_r,
                          struct chaos_error *err)
{
    struct hv_domctl *domctl =
        chaos__hv_domctl(hv, domid, XEN_DOMCTL_getdomaininfo);

    if (!domctl || chaos__hv_domctl_run(hv) < 0)
        return chaos__hv_fail(err, domid, "reading the domain's state");
    /* Xen answers with the next domain when there is none of that domid. */
    if (domctl->call.u.getdomaininfo.domain != domid)
        return chaos__fail(err, CHAOS_ENOGUEST, "no domain %u", domid);
    domain_from_xen(domain_r, &domctl->call.u.getdomaininfo);
    return 0;
}

int chaos__hv_domain_list(struct chaos__hv *hv, uint32_t first_domid,
                          size_t max, struct chaos__hv_domain *domains,
                          struct chaos_error *err)
{
    struct list {
        struct xen_sysctl call;
        xc_domaininfo_t infos[];
    } *list = xencall_alloc_buffer(hv->call, sizeof(*list) +
                                                 max * sizeof(list->infos[0]));
    int rc, i;

    if (!list)
        return chaos__fail_memory(err);
    memset(&list->call, 0, sizeof(list->call));
    list->call.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    list->call.cmd = XEN_SYSCTL_getdomaininfolist;
    list->call.u.getdomaininfolist.first_domain = (domid_t)first_domid;
    list->call.u.getdomaininfolist.max_domains = (uint32_t)max;
    set_xen_guest_handle_raw(list->call.u.getdomaininfolist.buffer,
                             list->infos);
    if (xencall1(hv->call, __HYPERVISOR_sysctl, (uintptr_t)list) < 0)
        rc = chaos__hv_fail(err, first_domid, "listing the domains");
    else
        rc = (int)list->call.u.getdomaininfolist.num_domains;
    for (i = 0; i < rc; i++)
        domain_from_xen(&domains[i], &list->infos[i]);
    xencall_free_buffer(hv->call, list);
    return rc;
}

int chaos__hv_domain_create_vcpus(struct chaos__hv *hv, uint32_t domid,
                                  unsigned vcpus, struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);

    if (!xc || xc_domain_max_vcpus(xc, domid, vcpus) < 0)
        return chaos__hv_fail(err, domid, "creating the vCPUs");
    return 0;
}

int chaos__hv_domain_set_cpu_policy(struct chaos__hv *hv, uint32_t domid,
                                    struct chaos_error *err)
{
    const bool restore = false, pae = true, itsc = false, nested = false;
    xc_interface *xc = chaos__hv_xc(hv);

    if (!xc || xc_cpuid_apply_policy(xc, domid, restore, NULL, 0, pae, itsc,
                                     nested, NULL, NULL) < 0)
        return chaos__hv_fail(err, domid, "setting the CPUID policy");
    return 0;
}

int chaos__hv_domain_set_handle(struct chaos__hv *hv, uint32_t domid,
                                const uint8_t handle[CHAOS__HANDLE_SIZE],
                                struct chaos_error *err)
{
    struct hv_domctl *domctl =
        chaos__hv_domctl(hv, domid, XEN_DOMCTL_setdomainhandle);

    if (domctl)
        memcpy(domctl->call.u.setdomainhandle.handle, handle,
               CHAOS__HANDLE_SIZE);
    if (!domctl || chaos__hv_domctl_run(hv) < 0)
        return chaos__hv_fail(err, domid, "setting the domain's UUID");
    return 0;
}
