/* SPDX-License-Identifier: MIT */
/* vCPUs, where they run, and what the scheduler gives them. */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- vCPUs */

int chaos__hv_vcpu_info(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                        struct chaos__hv_vcpu *vcpu_r, struct chaos_error *err)
{
    struct hv_domctl *domctl =
        chaos__hv_domctl(hv, domid, XEN_DOMCTL_getvcpuinfo);
    const struct xen_domctl_getvcpuinfo *info;

    if (domctl)
        domctl->call.u.getvcpuinfo.vcpu = vcpu;
    if (!domctl || chaos__hv_domctl_run(hv) < 0)
        return chaos__hv_fail(err, domid, "reading a vCPU's state");
    info = &domctl->call.u.getvcpuinfo;
    *vcpu_r = (struct chaos__hv_vcpu){
        .online = info->online,
        .running = info->running,
        .blocked = info->blocked,
        .cpu = info->cpu,
        .cpu_time_ns = info->cpu_time,
    };
    return 0;
}

/* Xen's bitmaps are bytes, as many as the host's CPUs take. */
static void map_from_words(xc_cpumap_t map, int size, const uint64_t *words,
                           unsigned bits)
{
    for (unsigned i = 0; i < (unsigned)size && i < bits / 8; i++)
        map[i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
}

static void words_from_map(uint64_t *words, unsigned bits, const uint8_t *map,
                           int size)
{
    memset(words, 0, bits / 8);
    for (unsigned i = 0; i < (unsigned)size && i < bits / 8; i++)
        words[i / 8] |= (uint64_t)map[i] << (i % 8 * 8);
}

/* A map for each kind of affinity, which xc allocates zeroed.  The caller
 * frees both, also after a failure. */
struct maps {
    xc_interface *xc;
    xc_cpumap_t hard, soft;
    int size; /* in bytes */
};

static int open_maps(struct chaos__hv *hv, struct maps *maps,
                     struct chaos_error *err)
{
    *maps = (struct maps){ .xc = chaos__hv_xc(hv) };
    if (maps->xc) {
        maps->size = xc_get_cpumap_size(maps->xc);
        maps->hard = xc_cpumap_alloc(maps->xc);
        maps->soft = xc_cpumap_alloc(maps->xc);
    }
    return maps->size > 0 && maps->hard && maps->soft
               ? 0
               : chaos__hv_fail(err, 0, "reading the number of CPUs");
}

static void close_maps(struct maps *maps)
{
    free(maps->hard);
    free(maps->soft);
}

int chaos__hv_vcpu_affinity(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                            uint64_t *hard_r, uint64_t *soft_r, unsigned bits,
                            struct chaos_error *err)
{
    struct maps maps;
    int rc = open_maps(hv, &maps, err);

    if (rc == 0 &&
        xc_vcpu_getaffinity(maps.xc, domid, (int)vcpu, maps.hard, maps.soft,
                            XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT) < 0)
        rc = chaos__hv_fail(err, domid, "reading a vCPU's affinity");
    if (rc == 0) {
        words_from_map(hard_r, bits, maps.hard, maps.size);
        words_from_map(soft_r, bits, maps.soft, maps.size);
    }
    close_maps(&maps);
    return rc;
}

static int fail_pin(struct chaos_error *err, uint32_t domid, unsigned vcpu)
{
    if (errno == EINVAL)
        return chaos__fail(err, CHAOS_EINVAL,
                           "pinning vCPU %u: none of the CPUs that it may run "
                           "on is online on this host",
                           vcpu);
    return chaos__hv_fail(err, domid, "pinning a vCPU");
}

int chaos__hv_vcpu_pin(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                       const uint64_t *hard, const uint64_t *soft,
                       unsigned bits, struct chaos_error *err)
{
    const uint32_t flags =
        (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
    struct maps maps;
    int rc = open_maps(hv, &maps, err);

    if (rc == 0 && hard)
        map_from_words(maps.hard, maps.size, hard, bits);
    if (rc == 0 && soft)
        map_from_words(maps.soft, maps.size, soft, bits);
    if (rc == 0 && xc_vcpu_setaffinity(maps.xc, domid, (int)vcpu, maps.hard,
                                       maps.soft, flags) < 0)
        rc = fail_pin(err, domid, vcpu);
    close_maps(&maps);
    return rc;
}

/* ----------------------------------------------------------- scheduling */

/* The settings of the pool's scheduler. */
static int read_settings(xc_interface *xc, struct chaos__hv_cpupool *pool)
{
    struct xen_sysctl_credit2_schedule credit2;
    struct xen_sysctl_credit_schedule credit;

    if (pool->scheduler == CHAOS__HV_CREDIT2) {
        if (xc_sched_credit2_params_get(xc, pool->id, &credit2) < 0)
            return -1;
        pool->ratelimit_us = credit2.ratelimit_us;
    } else if (pool->scheduler == CHAOS__HV_CREDIT) {
        if (xc_sched_credit_params_get(xc, pool->id, &credit) < 0)
            return -1;
        pool->ratelimit_us = credit.ratelimit_us;
        pool->timeslice_ms = credit.tslice_ms;
        pool->migration_delay_us = credit.vcpu_migr_delay_us;
    }
    return 0;
}

int chaos__hv_cpupool_next(struct chaos__hv *hv, uint32_t first_id,
                           struct chaos__hv_cpupool *pool_r,
                           struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    xc_cpupoolinfo_t *info = xc ? xc_cpupool_getinfo(xc, first_id) : NULL;

    _Static_assert(CHAOS__HV_CREDIT == XEN_SCHEDULER_CREDIT &&
                       CHAOS__HV_CREDIT2 == XEN_SCHEDULER_CREDIT2,
                   "schedulers");
    if (!info && xc && errno == ENOENT)
        return 0;
    if (!info)
        return chaos__hv_fail(err, 0, "reading the pools of CPUs");
    *pool_r = (struct chaos__hv_cpupool){ .id = info->cpupool_id,
                                          .scheduler = info->sched_id };
    xc_cpupool_infofree(xc, info);
    return read_settings(xc, pool_r) < 0
               ? chaos__hv_fail(err, 0, "reading the scheduler's settings")
               : 1;
}

/* Both schedulers have the same two numbers in the same place. */
static struct xen_domctl_scheduler_op *scheduler_op(struct chaos__hv *hv,
                                                    uint32_t domid,
                                                    uint32_t scheduler,
                                                    uint32_t command)
{
    struct hv_domctl *domctl =
        chaos__hv_domctl(hv, domid, XEN_DOMCTL_scheduler_op);
    struct xen_domctl_scheduler_op *op =
        domctl ? &domctl->call.u.scheduler_op : NULL;

    _Static_assert(sizeof(op->u.credit) == sizeof(op->u.credit2) &&
                       offsetof(struct xen_domctl_sched_credit, cap) ==
                           offsetof(struct xen_domctl_sched_credit2, cap),
                   "credit2 is as credit");
    if (op) {
        op->sched_id = scheduler;
        op->cmd = command;
    }
    return op;
}

int chaos__hv_get_share(struct chaos__hv *hv, uint32_t domid,
                        uint32_t scheduler, struct chaos__hv_share *share_r,
                        struct chaos_error *err)
{
    struct xen_domctl_scheduler_op *op =
        scheduler_op(hv, domid, scheduler, XEN_DOMCTL_SCHEDOP_getinfo);

    if (!op || chaos__hv_domctl_run(hv) < 0)
        return chaos__hv_fail(err, domid, "reading the domain's weight");
    share_r->weight = op->u.credit.weight;
    share_r->cap = op->u.credit.cap;
    return 0;
}

int chaos__hv_set_share(struct chaos__hv *hv, uint32_t domid,
                        uint32_t scheduler, const struct chaos__hv_share *share,
                        struct chaos_error *err)
{
    struct xen_domctl_scheduler_op *op =
        scheduler_op(hv, domid, scheduler, XEN_DOMCTL_SCHEDOP_putinfo);

    if (op) {
        op->u.credit.weight = share->weight;
        op->u.credit.cap = share->cap;
    }
    if (!op || chaos__hv_domctl_run(hv) < 0)
        return chaos__hv_fail(err, domid, "setting the domain's weight");
    return 0;
}
