/* SPDX-License-Identifier: MIT */
#include "guest.h"
#include "nodes.h"

#include "config/cpuset.h"

#include <chaos/resource.h>

#include <stdlib.h>

int chaos_cpuset_parse(const char *text, struct chaos_cpuset *set_r,
                       struct chaos_error *err)
{
    struct chaos_cpuset set;
    const char *why;
    int rc = chaos__cpuset_parse(text, &set, &why);

    if (rc < 0)
        return chaos__fail(err, rc, "CPUs \"%.64s\": %s", text, why);
    *set_r = set;
    return 0;
}

/* -------------------------------------------------------------- reading */

static int read_vcpu(struct chaos *chaos, uint32_t domid, unsigned vcpu,
                     struct chaos_vcpu_info *info, struct chaos_error *err)
{
    struct chaos__hv_vcpu state;
    int rc = chaos__hv_vcpu_info(chaos->hv, domid, vcpu, &state, err);

    if (rc < 0)
        return rc;
    *info = (struct chaos_vcpu_info){
        .vcpu = vcpu,
        .cpu = state.cpu,
        .online = state.online,
        .running = state.running,
        .blocked = state.blocked,
        .cpu_time_ns = state.cpu_time_ns,
    };
    return chaos__hv_vcpu_affinity(chaos->hv, domid, vcpu, info->hard.words,
                                   info->soft.words, CHAOS_CPUS_MAX, err);
}

int chaos_vcpu_list(struct chaos *chaos, uint32_t domid,
                    struct chaos_vcpu_info **list_r, size_t *count_r,
                    struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos_vcpu_info *list = NULL;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__hv_domain_info(chaos->hv, domid, &domain, err);
    if (rc == 0 && domain.max_vcpus > 0 &&
        !(list = calloc(domain.max_vcpus, sizeof(*list))))
        rc = chaos__fail_memory(err);
    for (unsigned i = 0; rc == 0 && i < domain.max_vcpus; i++)
        rc = read_vcpu(chaos, domid, i, &list[i], err);
    if (rc < 0) {
        free(list);
        return rc;
    }
    *list_r = list;
    *count_r = domain.max_vcpus;
    return 0;
}

/* -------------------------------------------------------------- pinning */

int chaos_vcpu_set_affinity(struct chaos *chaos, uint32_t domid, uint32_t vcpu,
                            const struct chaos_cpuset *hard,
                            const struct chaos_cpuset *soft,
                            struct chaos_error *err)
{
    const bool all = vcpu == CHAOS_VCPU_ALL;
    struct chaos__hv_domain domain;
    int rc;

    if (!hard && !soft)
        return chaos__fail(err, CHAOS_EINVAL,
                           "pinning vCPUs: neither hard nor soft affinity is "
                           "given");
    rc = chaos__domain_open(chaos, domid, &domain, err);
    if (rc < 0)
        return rc;
    if (!all && vcpu >= domain.max_vcpus)
        return chaos__fail(err, CHAOS_EINVAL,
                           "domain %u has no vCPU %u: it has %u, from 0", domid,
                           vcpu, domain.max_vcpus);
    for (unsigned i = all ? 0 : vcpu;
         rc == 0 && i < (all ? domain.max_vcpus : vcpu + 1); i++)
        rc = chaos__hv_vcpu_pin(chaos->hv, domid, i, hard ? hard->words : NULL,
                                soft ? soft->words : NULL, CHAOS_CPUS_MAX, err);
    return rc;
}

/* --------------------------------------------------------------- online */

int chaos_guest_set_vcpus(struct chaos *chaos, uint32_t domid, unsigned vcpus,
                          struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open_xenstore(chaos, domid, &slot, &domain,
                                        "be asked to change its vCPUs", err);

    if (rc < 0)
        return rc;
    if (vcpus < 1 || vcpus > domain.max_vcpus)
        return chaos__fail(err, CHAOS_EINVAL,
                           "guest %s: %u vCPUs: it can have 1 to %u; "
                           "maxvcpus= of a new guest raises that",
                           slot->name, vcpus, domain.max_vcpus);
    return chaos__nodes_set_vcpus(chaos->store, slot, vcpus, domain.max_vcpus,
                                  err);
}
