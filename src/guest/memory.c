/* SPDX-License-Identifier: MIT */
/* How much memory a guest shall have, and may have. */
#include "guest.h"

#include <chaos/resource.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_KB (CHAOS__PAGE_SIZE / 1024)
#define MEMORY_KB_MIN UINT64_C(1024)
#define MEMORY_KB_MAX (UINT64_C(16) << 30) /* as memory= */

/* What Xen lets a guest have above what it is asked to have, as libxl does
 * (LIBXL_MAXMEM_CONSTANT): a balloon driver counts a few pages differently. */
#define SLACK_KB 1024u

/* As XenStore tells a guest: what it shall have, and what it was made with. */
struct balloon {
    uint64_t target_kb, static_max_kb;
};

static void balloon_path(char *path, size_t size, uint32_t domid,
                         const char *node)
{
    snprintf(path, size, "/local/domain/%u/memory/%s", domid, node);
}

/* XenStore has the numbers as text. */
static bool parse_kb(const char *text, uint64_t *kb_r)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    *kb_r = strtoull(text, &end, 10);
    return *end == '\0';
}

static int read_balloon(struct chaos__store *store, uint32_t domid,
                        struct balloon *balloon, struct chaos_error *err)
{
    char target[32], static_max[32], path[64];
    int rc;

    balloon_path(path, sizeof(path), domid, "target");
    chaos__store_read(store, path, target, sizeof(target));
    balloon_path(path, sizeof(path), domid, "static-max");
    chaos__store_read(store, path, static_max, sizeof(static_max));
    rc = chaos__store_run(store, err);
    if (rc < 0)
        return rc;
    if (!parse_kb(target, &balloon->target_kb) ||
        !parse_kb(static_max, &balloon->static_max_kb))
        return chaos__fail(err, CHAOS_EFAILED,
                           "XenStore does not tell its memory: memory/target "
                           "is \"%s\", memory/static-max is \"%s\"",
                           target, static_max);
    return 0;
}

struct change {
    struct chaos__hv *hv;
    uint32_t domid;
    uint64_t memory_kb;
    bool is_pvh;
    /* What Xen was told is not undone with the transaction. */
    bool is_limited, is_targeted;
    uint64_t old_target_kb;
};

static int set_limit(struct change *change, struct chaos_error *err)
{
    int rc = chaos__hv_set_max_memory(change->hv, change->domid,
                                      change->memory_kb + SLACK_KB, err);

    change->is_limited = rc == 0;
    return rc;
}

/* Of two processes that do so at once, the later one does it again: limit and
 * target are the same one's at the end. */
static int change_target(struct chaos__store *store, void *user,
                         struct chaos_error *err)
{
    struct change *change = user;
    struct balloon balloon;
    char path[64];
    int rc = read_balloon(store, change->domid, &balloon, err);

    if (rc == 0 && change->memory_kb > balloon.static_max_kb)
        rc = chaos__fail(err, CHAOS_EINVAL,
                         "%" PRIu64 " KiB is above the %" PRIu64 " KiB that it "
                         "was created with as its maximum (maxmem=)",
                         change->memory_kb, balloon.static_max_kb);
    if (rc == 0)
        rc = set_limit(change, err);
    /* It may not have used all frames yet that are promised to it. */
    if (rc == 0 && change->is_pvh) {
        rc = chaos__hv_set_pod_target(change->hv, change->domid,
                                      change->memory_kb / PAGE_KB, err);
        change->old_target_kb = balloon.target_kb;
        change->is_targeted = rc == 0;
    }
    if (rc < 0)
        return rc;
    balloon_path(path, sizeof(path), change->domid, "target");
    chaos__store_write_number(store, path, change->memory_kb);
    return 0;
}

static int change_limit(struct chaos__store *store, void *user,
                        struct chaos_error *err)
{
    struct change *change = user;
    struct balloon balloon;
    int rc = read_balloon(store, change->domid, &balloon, err);

    if (rc == 0 && change->memory_kb < balloon.target_kb)
        rc = chaos__fail(err, CHAOS_EINVAL,
                         "%" PRIu64 " KiB is below the %" PRIu64 " KiB that it "
                         "shall have now; chaos mem-set lowers that",
                         change->memory_kb, balloon.target_kb);
    return rc < 0 ? rc : set_limit(change, err);
}

static int change_memory(struct chaos *chaos, uint32_t domid,
                         uint64_t memory_kb, chaos__store_work_fn work,
                         struct chaos_error *err)
{
    struct change change = { .domid = domid, .memory_kb = memory_kb };
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc;

    if (memory_kb < MEMORY_KB_MIN || memory_kb > MEMORY_KB_MAX)
        return chaos__fail(err, CHAOS_EINVAL,
                           "%" PRIu64 " KiB of memory: not 1 MiB to 16 TiB",
                           memory_kb);
    rc = chaos__guest_open_xenstore(chaos, domid, &slot, &domain,
                                    "be asked to change its memory", err);
    if (rc < 0)
        return rc;
    change.hv = chaos->hv;
    change.is_pvh = slot->type == CHAOS__TYPE_PVH;
    rc = chaos__store_transact(chaos->store, work, &change, err);
    if (rc < 0 && change.is_limited)
        chaos__hv_set_max_memory(chaos->hv, domid, domain.max_pages * PAGE_KB,
                                 NULL);
    if (rc < 0 && change.is_targeted)
        chaos__hv_set_pod_target(chaos->hv, domid,
                                 change.old_target_kb / PAGE_KB, NULL);
    return rc < 0 ? chaos__fail_within(err, rc, "memory of %s", slot->name) : 0;
}

int chaos_guest_set_memory(struct chaos *chaos, uint32_t domid,
                           uint64_t memory_kb, struct chaos_error *err)
{
    return change_memory(chaos, domid, memory_kb, change_target, err);
}

int chaos_guest_set_maxmem(struct chaos *chaos, uint32_t domid,
                           uint64_t maxmem_kb, struct chaos_error *err)
{
    return change_memory(chaos, domid, maxmem_kb, change_limit, err);
}
