/* SPDX-License-Identifier: MIT */
/*
 * What domains get of the host's processors and memory.
 *
 * Functions about vCPUs that exist and about scheduling ask Xen alone, so that
 * they are for all domains, also dom0 and those of other toolstacks.  Those
 * that need the guest's help (chaos_guest_set_vcpus(), the two about memory)
 * are for chaos's guests that use XenStore: others fail with CHAOS_ENOTSUP.
 * In all else they block and fail as chaos/guest.h says.
 *
 *     struct chaos_cpuset cpus;
 *
 *     if (chaos_cpuset_parse("0-3,^1", &cpus, &err) < 0 ||
 *         chaos_vcpu_set_affinity(chaos, domid, CHAOS_VCPU_ALL, &cpus, NULL,
 *                                 &err) < 0)
 *         errx(1, "%s", err.message);
 */
#ifndef CHAOS_RESOURCE_H
#define CHAOS_RESOURCE_H

#include <stddef.h>
#include <stdint.h>

#include <chaos/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---------------------------------------------------------------- vCPUs */

#define CHAOS_CPUS_MAX 1024

/* A set of physical CPUs: CPU n is bit n % 64 of word n / 64. */
struct chaos_cpuset {
    uint64_t words[CHAOS_CPUS_MAX / 64];
};

/* Reads a set as cpus= in chaos.cfg(5) has it: "all", "0-3,5,^1".  CHAOS_EINVAL
 * when it is none or empty, CHAOS_ENOTSUP for NUMA nodes.  Blocks nowhere. */
int chaos_cpuset_parse(const char *text, struct chaos_cpuset *set_r,
                       struct chaos_error *err);

struct chaos_vcpu_info {
    uint32_t vcpu;
    uint32_t cpu; /* the physical CPU that it runs on, or ran on last */
    uint8_t online, running, blocked; /* 0 or 1 */
    uint64_t cpu_time_ns;
    struct chaos_cpuset hard; /* the CPUs that it may run on */
    struct chaos_cpuset soft; /* those of them that are preferred */
};

/* The vCPUs of a domain, those that are offline too.  The caller frees *list_r
 * with free(); it may be NULL when there is none. */
int chaos_vcpu_list(struct chaos *chaos, uint32_t domid,
                    struct chaos_vcpu_info **list_r, size_t *count_r,
                    struct chaos_error *err);

/* chaos_vcpu_set_affinity(): all vCPUs of the domain. */
#define CHAOS_VCPU_ALL UINT32_MAX

/*
 * Says on which physical CPUs a vCPU may run (`hard`) and which of them are
 * preferred (`soft`); NULL leaves it as it is.  Of all vCPUs, those before the
 * one that fails are changed.  CHAOS_EINVAL when there is no such vCPU, when no
 * CPU in `hard` is online, or when both are NULL; CHAOS_ENOTSUP for a shell.
 */
int chaos_vcpu_set_affinity(struct chaos *chaos, uint32_t domid, uint32_t vcpu,
                            const struct chaos_cpuset *hard,
                            const struct chaos_cpuset *soft,
                            struct chaos_error *err);

/*
 * Asks a guest to have its first `vcpus` vCPUs online and all others offline,
 * through XenStore, and does not wait for it.  CHAOS_EINVAL when it has no such
 * number (maxvcpus= in chaos.cfg(5)).
 */
int chaos_guest_set_vcpus(struct chaos *chaos, uint32_t domid, unsigned vcpus,
                          struct chaos_error *err);

/* ----------------------------------------------------------- scheduling */

/* Xen's schedulers; the values are XEN_SCHEDULER_* of public/domctl.h. */
enum chaos_scheduler {
    CHAOS_SCHEDULER_CREDIT = 5,
    CHAOS_SCHEDULER_CREDIT2 = 6,
    CHAOS_SCHEDULER_ARINC653 = 7,
    CHAOS_SCHEDULER_RTDS = 8,
    CHAOS_SCHEDULER_NULL = 9,
};

#define CHAOS_WEIGHT_MAX 65535
#define CHAOS_CAP_PER_VCPU 100 /* a cap is at most that for each vCPU */

/* A domain's share of its pool's CPUs.  Weight and cap are 0 with a scheduler
 * that is neither credit nor credit2. */
struct chaos_share {
    uint32_t cpupool;   /* id of its pool of CPUs */
    uint32_t scheduler; /* enum chaos_scheduler, the pool's */
    uint32_t weight;    /* 1 to CHAOS_WEIGHT_MAX, against other domains' */
    uint32_t cap;       /* percent of one CPU; 0: no limit */
};

int chaos_guest_share(struct chaos *chaos, uint32_t domid,
                      struct chaos_share *share_r, struct chaos_error *err);

/* Sets weight and cap; `cpupool` is not looked at.  CHAOS_EINVAL when one of
 * them is out of range; CHAOS_ENOTSUP when the domain's scheduler is not
 * share->scheduler, or one without weights, or for a shell. */
int chaos_guest_set_share(struct chaos *chaos, uint32_t domid,
                          const struct chaos_share *share,
                          struct chaos_error *err);

/* A pool of physical CPUs, which has a scheduler of its own. */
struct chaos_cpupool_info {
    uint32_t id;
    uint32_t scheduler;          /* enum chaos_scheduler */
    char name[64];               /* "" when XenStore has none */
    uint32_t ratelimit_us;       /* credit and credit2 */
    uint32_t timeslice_ms;       /* credit */
    uint32_t migration_delay_us; /* credit */
};

/* All pools of CPUs, by id.  The caller frees *list_r with free(). */
int chaos_cpupool_list(struct chaos *chaos, struct chaos_cpupool_info **list_r,
                       size_t *count_r, struct chaos_error *err);

/* --------------------------------------------------------------- memory */

/*
 * Asks a guest to have `memory_kb` of memory from now on, by its balloon
 * driver, and lets Xen give it no more; does not wait for it.  CHAOS_EINVAL
 * when that is below 1 MiB or above what it was created with
 * (maxmem= in chaos.cfg(5)).
 */
int chaos_guest_set_memory(struct chaos *chaos, uint32_t domid,
                           uint64_t memory_kb, struct chaos_error *err);

/* Lets Xen give a guest up to `maxmem_kb` of memory.  What it has now does not
 * change.  CHAOS_EINVAL when it has been asked to have more. */
int chaos_guest_set_maxmem(struct chaos *chaos, uint32_t domid,
                           uint64_t maxmem_kb, struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
