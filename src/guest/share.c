/* SPDX-License-Identifier: MIT */
/* Pools of physical CPUs, and domains' shares of them. */
#include "guest.h"

#include <chaos/resource.h>

#include <stdio.h>
#include <stdlib.h>

_Static_assert((unsigned)CHAOS_SCHEDULER_CREDIT == CHAOS__HV_CREDIT &&
                   (unsigned)CHAOS_SCHEDULER_CREDIT2 == CHAOS__HV_CREDIT2,
               "schedulers are told as Xen does");

static bool has_weights(uint32_t scheduler)
{
    return scheduler == CHAOS_SCHEDULER_CREDIT ||
           scheduler == CHAOS_SCHEDULER_CREDIT2;
}

static const char *scheduler_name(uint32_t scheduler)
{
    switch (scheduler) {
    case CHAOS_SCHEDULER_CREDIT:
        return "credit";
    case CHAOS_SCHEDULER_CREDIT2:
        return "credit2";
    default:
        return "another one";
    }
}

/* The scheduler of the domain's pool. */
static int find_scheduler(struct chaos *chaos,
                          const struct chaos__hv_domain *domain,
                          uint32_t *scheduler_r, struct chaos_error *err)
{
    struct chaos__hv_cpupool pool;
    int rc = chaos__hv_cpupool_next(chaos->hv, domain->cpupool, &pool, err);

    if (rc < 0)
        return rc;
    if (rc == 0 || pool.id != domain->cpupool)
        return chaos__fail(err, CHAOS_EFAILED,
                           "the pool of CPUs of domain %u, %u, has just gone: "
                           "try again",
                           domain->domid, domain->cpupool);
    *scheduler_r = pool.scheduler;
    return 0;
}

int chaos_guest_share(struct chaos *chaos, uint32_t domid,
                      struct chaos_share *share_r, struct chaos_error *err)
{
    struct chaos__hv_share share = { 0 };
    struct chaos__hv_domain domain;
    uint32_t scheduler = 0;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__hv_domain_info(chaos->hv, domid, &domain, err);
    if (rc == 0)
        rc = find_scheduler(chaos, &domain, &scheduler, err);
    if (rc == 0 && has_weights(scheduler))
        rc = chaos__hv_get_share(chaos->hv, domid, scheduler, &share, err);
    if (rc == 0)
        *share_r = (struct chaos_share){
            .cpupool = domain.cpupool,
            .scheduler = scheduler,
            .weight = share.weight,
            .cap = share.cap,
        };
    return rc;
}

static int check_share(const struct chaos__hv_domain *domain,
                       const struct chaos_share *share, struct chaos_error *err)
{
    const uint32_t cap_max = domain->max_vcpus * CHAOS_CAP_PER_VCPU;

    if (share->weight < 1 || share->weight > CHAOS_WEIGHT_MAX)
        return chaos__fail(err, CHAOS_EINVAL, "weight %u: not 1 to %u",
                           share->weight, CHAOS_WEIGHT_MAX);
    if (share->cap > cap_max)
        return chaos__fail(err, CHAOS_EINVAL,
                           "cap %u: not 0 to %u, %u for each of the domain's "
                           "%u vCPUs",
                           share->cap, cap_max, CHAOS_CAP_PER_VCPU,
                           domain->max_vcpus);
    return 0;
}

int chaos_guest_set_share(struct chaos *chaos, uint32_t domid,
                          const struct chaos_share *share,
                          struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__hv_share wanted;
    uint32_t scheduler;
    int rc = chaos__domain_open(chaos, domid, &domain, err);

    if (rc == 0)
        rc = find_scheduler(chaos, &domain, &scheduler, err);
    if (rc < 0)
        return rc;
    if (scheduler != share->scheduler || !has_weights(scheduler))
        return chaos__fail(
            err, CHAOS_ENOTSUP, "the scheduler of domain %u is %s, not %s",
            domid, scheduler_name(scheduler), scheduler_name(share->scheduler));
    rc = check_share(&domain, share, err);
    if (rc < 0)
        return rc;
    wanted = (struct chaos__hv_share){ (uint16_t)share->weight,
                                       (uint16_t)share->cap };
    return chaos__hv_set_share(chaos->hv, domid, scheduler, &wanted, err);
}

/* ------------------------------------------------------- pools of CPUs */

static void read_pool_name(struct chaos *chaos, struct chaos_cpupool_info *info)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/pool/%u/name", info->id);
    if (chaos__store_ready(chaos, NULL) < 0)
        return;
    chaos__store_read(chaos->store, path, info->name, sizeof(info->name));
    chaos__store_run(chaos->store, NULL);
}

static void fill_pool(struct chaos *chaos, const struct chaos__hv_cpupool *pool,
                      struct chaos_cpupool_info *info)
{
    *info = (struct chaos_cpupool_info){
        .id = pool->id,
        .scheduler = pool->scheduler,
        .ratelimit_us = pool->ratelimit_us,
        .timeslice_ms = pool->timeslice_ms,
        .migration_delay_us = pool->migration_delay_us,
    };
    read_pool_name(chaos, info);
}

int chaos_cpupool_list(struct chaos *chaos, struct chaos_cpupool_info **list_r,
                       size_t *count_r, struct chaos_error *err)
{
    struct chaos_cpupool_info *list = NULL, *larger;
    struct chaos__hv_cpupool pool = { .id = 0 };
    size_t count = 0;
    int rc = chaos__hv_ready(chaos, err);

    if (rc < 0)
        return rc;
    while ((rc = chaos__hv_cpupool_next(chaos->hv, count ? pool.id + 1 : 0,
                                        &pool, err)) > 0) {
        larger = realloc(list, (count + 1) * sizeof(*list));
        if (!larger) {
            rc = chaos__fail_memory(err);
            break;
        }
        list = larger;
        fill_pool(chaos, &pool, &list[count++]);
    }
    if (rc < 0) {
        free(list);
        return rc;
    }
    *list_r = list;
    *count_r = count;
    return 0;
}
