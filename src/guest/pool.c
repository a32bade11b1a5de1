/* SPDX-License-Identifier: MIT */
/* Making shells for guests to come, and ending those that nobody took. */
#include "create.h"

#include "devices.h"
#include "pool/flavor.h"
#include "uuid.h"

#include <chaos/pool.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* After the n-th failure in a row the next try is 2^n seconds later. */
#define RETRY_MAX_S 64

static int find(struct chaos *chaos, const char *name,
                struct chaos__pool **pool_r, struct chaos_error *err)
{
    int rc = chaos__ready(chaos, err);

    if (rc < 0)
        return rc;
    *pool_r = chaos__pool_by_name(chaos->registry, name);
    if (!*pool_r)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "no pool %s; chaos pool list shows those that exist",
                           name);
    return 0;
}

/* --------------------------------------------------------- what there is */

/* Whether guests are to use noxs; a flavor need not have a kernel. */
static int learn_noxs(struct chaos *chaos, const struct chaos_config *config,
                      bool *noxs_r, struct chaos_error *err)
{
    struct chaos__files files;
    int rc;

    *noxs_r = config->mode != CHAOS__MODE_XENSTORE;
    if (!config->kernel)
        return 0;
    rc = chaos__files_open(chaos, config, true, &files, err);
    if (rc < 0)
        return rc;
    rc = chaos__create_learn_mode(config, &files, noxs_r, NULL, err);
    chaos__files_close(&files);
    return rc;
}

int chaos_pool_add(struct chaos *chaos, const struct chaos_config *config,
                   const char *name, char name_r[CHAOS_POOL_NAME_MAX + 1],
                   struct chaos_error *err)
{
    uint8_t packed[CHAOS__FLAVOR_SIZE];
    char own[CHAOS__POOL_NAME_SIZE];
    struct chaos__flavor flavor;
    struct chaos__pool *pool;
    const char *why;
    bool noxs = false;
    int rc = learn_noxs(chaos, config, &noxs, err);

    _Static_assert(CHAOS__POOL_NAME_SIZE == CHAOS_POOL_NAME_MAX + 1, "names");
    if (rc == 0 && name)
        rc = chaos__config_check_name(name, err);
    if (rc == 0 && name && !*name)
        rc = chaos__fail(err, CHAOS_EINVAL,
                         "pool \"\": an empty name: give it another, or none");
    if (rc == 0 && name && strlen(name) > CHAOS_POOL_NAME_MAX)
        rc = chaos__fail(err, CHAOS_EINVAL,
                         "pool %.16s...: longer than %u bytes: shorten it",
                         name, CHAOS_POOL_NAME_MAX);
    if (rc < 0)
        return rc;
    why = chaos__flavor_of(config, noxs, &flavor);
    if (why)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "%s: no shells can be made for it: %s",
                           config->source, why);
    chaos__flavor_pack(&flavor, packed);
    chaos__flavor_name(&flavor, own);
    rc = chaos__ready(chaos, err);
    if (rc == 0)
        rc = chaos__pool_add(chaos->registry, name ? name : own, packed, &pool,
                             err);
    if (rc == 0 && name_r)
        memcpy(name_r, pool->name, CHAOS__POOL_NAME_SIZE);
    return rc;
}

int chaos_pool_set(struct chaos *chaos, const char *name, uint32_t size,
                   uint32_t low, struct chaos_error *err)
{
    struct chaos__pool *pool;

    if (low > size || size > CHAOS_POOL_SIZE_MAX)
        return chaos__fail(err, CHAOS_EINVAL,
                           "pool %s: low %u of size %u: it must not be larger, "
                           "and the size not than %u",
                           name, low, size, CHAOS_POOL_SIZE_MAX);
    int rc = find(chaos, name, &pool, err);

    return rc < 0 ? rc : chaos__pool_set(chaos->registry, pool, size, low, err);
}

static void fill_info(struct chaos_pool_info *info,
                      const struct chaos__pool *pool)
{
    struct chaos__flavor flavor;

    _Static_assert(sizeof(info->name) == sizeof(pool->name), "names");
    _Static_assert(sizeof(info->error) == sizeof(pool->error), "errors");
    chaos__flavor_unpack(pool->flavor, &flavor);
    *info = (struct chaos_pool_info){
        .type =
            flavor.type == CHAOS__TYPE_PVH ? CHAOS_GUEST_PVH : CHAOS_GUEST_PV,
        .is_noxs = flavor.noxs,
        .vcpus = flavor.vcpus,
        .vifs = flavor.vif_count,
        .disks = flavor.disk_count,
        .memory_kb = flavor.memory_kb,
        .ready = pool->ready,
        .size = pool->size,
        .low = pool->low,
        .failures = pool->failures,
        .retry_s = pool->retry_s,
    };
    memcpy(info->name, pool->name, sizeof(info->name) - 1);
    memcpy(info->error, pool->error, sizeof(info->error) - 1);
}

int chaos_pool_list(struct chaos *chaos, struct chaos_pool_info **list_r,
                    size_t *count_r, struct chaos_error *err)
{
    struct chaos_pool_info *list;
    struct chaos__pool *pool = NULL;
    size_t count = 0;
    int rc = chaos__ready(chaos, err);

    if (rc < 0)
        return rc;
    list = calloc(CHAOS__POOLS, sizeof(*list));
    if (!list)
        return chaos__fail_memory(err);
    while (count < CHAOS__POOLS &&
           (pool = chaos__pool_next(chaos->registry, pool)))
        fill_info(&list[count++], pool);
    *list_r = list;
    *count_r = count;
    return 0;
}

/* --------------------------------------------------------------- filling */

/* What one shell is made of. */
struct plan {
    struct chaos__pool *pool;
    struct chaos__flavor flavor;
    struct chaos_config *config;
};

static int plan_open(struct chaos__pool *pool, struct plan *plan,
                     struct chaos_error *err)
{
    plan->pool = pool;
    chaos__flavor_unpack(pool->flavor, &plan->flavor);
    plan->config = chaos__flavor_config(&plan->flavor);
    return plan->config ? 0 : chaos__fail_memory(err);
}

static int make_ready(struct chaos *chaos, const struct plan *plan,
                      struct chaos__slot *slot, struct chaos__shell *shell,
                      struct chaos_error *err)
{
    int rc = chaos__create_prepare(chaos, plan->config, slot, shell, err);

    if (rc == 0)
        rc = chaos__create_connect(chaos, slot, shell, err);
    if (rc == 0 && shell->frames)
        rc = chaos__registry_keep_frames(chaos->registry, slot, shell->frames,
                                         chaos__shell_pages(shell), err);
    if (rc < 0)
        return rc;
    chaos__create_record(slot, shell);
    return chaos__pool_offer(chaos->registry, slot, plan->pool->flavor, err);
}

static int make_shell(struct chaos *chaos, const struct plan *plan,
                      struct chaos_error *err)
{
    struct chaos__devices devices;
    struct chaos__shell shell = {
        .type = plan->config->type,
        .noxs = plan->flavor.noxs,
        .vcpus = plan->config->vcpus,
        .memory_kb = plan->config->memory_kb,
        .maxmem_kb = plan->config->maxmem_kb,
        .devices = &devices,
    };
    uint8_t uuid[CHAOS__SLOT_UUID_SIZE];
    struct chaos__slot *slot;
    int rc;

    chaos__phase(chaos, CHAOS_PHASE_RESERVE);
    rc = chaos__uuid_make(uuid, err);
    if (rc == 0)
        rc =
            chaos__devices_open(plan->config, plan->flavor.noxs, &devices, err);
    if (rc < 0)
        return rc;
    rc = chaos__registry_reserve(chaos->registry, NULL, uuid, &slot, NULL, err);
    if (rc == 0) {
        rc = make_ready(chaos, plan, slot, &shell, err);
        if (rc < 0)
            chaos__undo(chaos, slot, NULL);
        chaos__shell_release(&shell);
    }
    chaos__devices_close(&devices);
    chaos__phase(chaos, CHAOS_PHASE_DONE);
    return rc;
}

/* How the last shell was made; retried later and later when it was not. */
static void tell(struct chaos *chaos, struct chaos__pool *pool, int rc,
                 const struct chaos_error *why)
{
    unsigned failures = pool->failures + 1;
    uint64_t wait_s = failures < 6 ? UINT64_C(1) << failures : RETRY_MAX_S;

    if (rc < 0 || pool->failures > 0)
        chaos__pool_tell(chaos->registry, pool, rc < 0 ? why->message : NULL,
                         (uint64_t)time(NULL) + wait_s, NULL);
}

/* Whether it has not been drained, and its place taken by another. */
static bool is_there(const struct plan *plan)
{
    struct chaos__flavor flavor;

    chaos__flavor_unpack(plan->pool->flavor, &flavor);
    return *plan->pool->name &&
           memcmp(&flavor, &plan->flavor, sizeof(flavor)) == 0;
}

/* The pool is ours to fill. */
static int fill(struct chaos *chaos, struct chaos__pool *pool, uint32_t count,
                struct chaos_error *err)
{
    struct chaos_error why = { 0 };
    struct plan plan;
    int rc = plan_open(pool, &plan, &why);

    while (rc == 0 && is_there(&plan) && pool->ready < count)
        rc = make_shell(chaos, &plan, &why);
    if (is_there(&plan))
        tell(chaos, pool, rc, &why);
    chaos_config_free(plan.config);
    if (rc < 0)
        return chaos__fail(err, rc, "filling pool %s: %s", pool->name,
                           why.message);
    return 0;
}

int chaos_pool_fill(struct chaos *chaos, const char *name, uint32_t count,
                    struct chaos_error *err)
{
    struct chaos__pool *pool;
    int rc = find(chaos, name, &pool, err);

    if (rc < 0)
        return rc;
    if (!chaos__pool_begin_fill(chaos->registry, pool))
        return chaos__fail(err, CHAOS_EBUSY,
                           "pool %s: another process is filling it; try again",
                           name);
    rc = fill(chaos, pool, count ? count : pool->size, err);
    chaos__pool_end_fill(chaos->registry, pool);
    return rc;
}

static bool is_low(const struct chaos__pool *pool)
{
    return pool->ready < pool->low &&
           (pool->failures == 0 || (uint64_t)time(NULL) >= pool->retry_s);
}

int chaos_pool_is_low(struct chaos *chaos)
{
    struct chaos__pool *pool = NULL;
    bool is_ours;

    while (chaos->registry &&
           (pool = chaos__pool_next(chaos->registry, pool))) {
        if (!is_low(pool))
            continue;
        is_ours = chaos__pool_begin_fill(chaos->registry, pool);
        chaos__pool_end_fill(chaos->registry, pool);
        if (is_ours)
            return 1;
    }
    return 0;
}

void chaos_pool_refill(struct chaos *chaos)
{
    struct chaos__pool *pool = NULL;

    if (chaos__ready(chaos, NULL) < 0)
        return;
    while ((pool = chaos__pool_next(chaos->registry, pool))) {
        if (!is_low(pool) || !chaos__pool_begin_fill(chaos->registry, pool))
            continue;
        fill(chaos, pool, pool->size, NULL);
        chaos__pool_end_fill(chaos->registry, pool);
    }
}

/* -------------------------------------------------------------- draining */

static int drain(struct chaos *chaos, struct chaos__pool *pool,
                 struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = chaos__pool_set(chaos->registry, pool, 0, 0, err), got = 0;

    /* What another process is making now finds that there is no pool. */
    while (rc == 0 &&
           (got = chaos__pool_take(chaos->registry, pool, &slot, err)) > 0)
        rc = chaos__undo(chaos, slot, err);
    if (rc == 0 && got == 0)
        rc = chaos__pool_remove(chaos->registry, pool, err);
    return rc < 0 ? rc : got;
}

int chaos_pool_drain(struct chaos *chaos, const char *name,
                     struct chaos_error *err)
{
    struct chaos__pool *pool = NULL;
    int rc;

    if (name) {
        rc = find(chaos, name, &pool, err);
        return rc < 0 ? rc : drain(chaos, pool, err);
    }
    rc = chaos__ready(chaos, err);
    while (rc == 0 && (pool = chaos__pool_next(chaos->registry, pool)))
        rc = drain(chaos, pool, err);
    return rc;
}
