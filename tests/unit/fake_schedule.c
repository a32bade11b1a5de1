/* SPDX-License-Identifier: MIT */
/* The fake hypervisor's vCPUs and its scheduler. */
#include "fake_state.h"

#include <string.h>

#define WEIGHT_DEFAULT 256u

void fake_hv_set_scheduler(uint32_t scheduler)
{
    fake_lock();
    fake_state->scheduler = scheduler;
    fake_unlock();
}

static uint32_t scheduler(void)
{
    return fake_state->scheduler ? fake_state->scheduler : CHAOS__HV_CREDIT2;
}

/* ---------------------------------------------------------------- vCPUs */

static int need_vcpu(uint32_t domid, unsigned vcpu, unsigned bits,
                     struct fake_hv_domain **domain_r, struct chaos_error *err)
{
    int rc = fake_need(domid, domain_r, err);

    if (rc == 0 && (vcpu >= (*domain_r)->vcpus || bits < 64 || bits % 64)) {
        fake_offence("vCPU %u of domain %u, with %u bits", vcpu, domid, bits);
        rc = chaos__fail(err, CHAOS_EFAILED, "no vCPU %u", vcpu);
    }
    return rc;
}

int chaos__hv_vcpu_info(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                        struct chaos__hv_vcpu *vcpu_r, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_VCPU_INFO, err);
    bool runs;

    (void)hv;
    if (rc == 0)
        rc = need_vcpu(domid, vcpu, 64, &domain, err);
    if (rc == 0) {
        runs = !domain->paused && domain->cpu_time_ns % 2;
        *vcpu_r = (struct chaos__hv_vcpu){
            .online = domain->has_entry || domain->is_foreign,
            .running = runs,
            .blocked = !runs,
            .cpu = vcpu % FAKE_HOST_CPUS,
            .cpu_time_ns = domain->cpu_time_ns / domain->vcpus,
        };
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_vcpu_affinity(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                            uint64_t *hard_r, uint64_t *soft_r, unsigned bits,
                            struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_VCPU_AFFINITY, err);

    (void)hv;
    if (rc == 0)
        rc = need_vcpu(domid, vcpu, bits, &domain, err);
    if (rc == 0) {
        memset(hard_r, 0xff, bits / 8);
        memset(soft_r, 0xff, bits / 8);
        if (domain->is_pinned[vcpu])
            hard_r[0] = domain->pinned[vcpu];
        if (domain->is_soft[vcpu])
            soft_r[0] = domain->soft[vcpu];
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_vcpu_pin(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                       const uint64_t *hard, const uint64_t *soft,
                       unsigned bits, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_VCPU_PIN, err);

    (void)hv;
    if (rc == 0)
        rc = need_vcpu(domid, vcpu, bits, &domain, err);
    if (rc == 0 && hard && !(hard[0] & ((1u << FAKE_HOST_CPUS) - 1)))
        rc = chaos__fail(err, CHAOS_EINVAL, "pinning vCPU %u: no such CPU",
                         vcpu);
    if (rc == 0 && hard) {
        domain->is_pinned[vcpu] = true;
        domain->pinned[vcpu] = hard[0];
    }
    if (rc == 0 && soft) {
        domain->is_soft[vcpu] = true;
        domain->soft[vcpu] = soft[0];
    }
    return fake_leave(&this_call, rc);
}

/* ----------------------------------------------------------- scheduling */

int chaos__hv_cpupool_next(struct chaos__hv *hv, uint32_t first_id,
                           struct chaos__hv_cpupool *pool_r,
                           struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_CPUPOOL_NEXT, err);

    (void)hv;
    if (rc == 0 && first_id == 0) {
        *pool_r = (struct chaos__hv_cpupool){
            .scheduler = scheduler(),
            .ratelimit_us = 1000,
            .timeslice_ms = scheduler() == CHAOS__HV_CREDIT ? 30 : 0,
        };
        rc = 1;
    }
    return fake_leave(&this_call, rc);
}

static int need_scheduler(uint32_t domid, uint32_t wanted,
                          struct fake_hv_domain **domain_r,
                          struct chaos_error *err)
{
    int rc = fake_need(domid, domain_r, err);

    if (rc == 0 && wanted != scheduler()) {
        fake_offence("asking scheduler %u, which is not domain %u's", wanted,
                     domid);
        rc = chaos__fail(err, CHAOS_EFAILED, "another scheduler");
    }
    return rc;
}

int chaos__hv_get_share(struct chaos__hv *hv, uint32_t domid, uint32_t wanted,
                        struct chaos__hv_share *share_r,
                        struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_GET_SHARE, err);

    (void)hv;
    if (rc == 0)
        rc = need_scheduler(domid, wanted, &domain, err);
    if (rc == 0) {
        share_r->weight =
            (uint16_t)(domain->weight ? domain->weight : WEIGHT_DEFAULT);
        share_r->cap = (uint16_t)domain->cap;
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_set_share(struct chaos__hv *hv, uint32_t domid, uint32_t wanted,
                        const struct chaos__hv_share *share,
                        struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_SET_SHARE, err);

    (void)hv;
    if (rc == 0)
        rc = need_scheduler(domid, wanted, &domain, err);
    if (rc == 0) {
        if (share->weight)
            domain->weight = share->weight;
        domain->cap = share->cap;
    }
    return fake_leave(&this_call, rc);
}
