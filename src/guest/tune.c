/* SPDX-License-Identifier: MIT */
/* What a configuration says of vCPUs and scheduling that no shell fixes. */
#include "create.h"

static int pin(struct chaos *chaos, const struct chaos_config *config,
               const struct chaos__shell *shell, struct chaos_error *err)
{
    const struct chaos_cpuset *hard, *soft;
    int rc = 0;

    for (unsigned vcpu = 0; rc == 0 && vcpu < shell->vcpus; vcpu++) {
        hard = chaos__affinity_of(&config->cpus, vcpu);
        soft = chaos__affinity_of(&config->cpus_soft, vcpu);
        if (hard || soft)
            rc = chaos__hv_vcpu_pin(
                chaos->hv, shell->domid, vcpu, hard ? hard->words : NULL,
                soft ? soft->words : NULL, CHAOS_CPUS_MAX, err);
        if (rc < 0)
            chaos__fail_within(err, rc, hard ? "cpus=" : "cpus_soft=");
    }
    return rc;
}

/* New domains are in the first pool of CPUs. */
static int set_share(struct chaos *chaos, const struct chaos_config *config,
                     uint32_t domid, struct chaos_error *err)
{
    const struct chaos__hv_share share = {
        .weight = (uint16_t)config->cpu_weight,
        .cap = (uint16_t)config->cap,
    };
    struct chaos__hv_cpupool pool;
    int rc = chaos__hv_cpupool_next(chaos->hv, 0, &pool, err);

    if (rc < 0)
        return rc;
    if (rc == 0 || (pool.scheduler != CHAOS__HV_CREDIT2 &&
                    pool.scheduler != CHAOS__HV_CREDIT))
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "cpu_weight= and cap= need the scheduler credit2 "
                           "or credit, and Xen was booted with another: "
                           "remove them");
    return chaos__hv_set_share(chaos->hv, domid, pool.scheduler, &share, err);
}

int chaos__create_tune(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__shell *shell,
                       struct chaos_error *err)
{
    int rc = 0;

    if (chaos__config_maxvcpus(config) > shell->vcpus)
        chaos__log(chaos, CHAOS_LOG_WARNING,
                   "%s: maxvcpus=%u is ignored: a guest that speaks noxs "
                   "cannot be told to bring vCPUs online, so it has the %u "
                   "of vcpus=",
                   config->name, config->maxvcpus, shell->vcpus);
    if (config->cpus.count || config->cpus_soft.count)
        rc = pin(chaos, config, shell, err);
    if (rc == 0 && (config->cpu_weight || config->cap))
        rc = set_share(chaos, config, shell->domid, err);
    return rc;
}
