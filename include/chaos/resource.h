/* SPDX-License-Identifier: MIT */
/* What domains get of the host's processors and memory. */
#ifndef CHAOS_RESOURCE_H
#define CHAOS_RESOURCE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- vCPUs */

#define CHAOS_CPUS_MAX 1024

/* A set of physical CPUs: CPU n is bit n % 64 of word n / 64. */
struct chaos_cpuset {
    uint64_t words[CHAOS_CPUS_MAX / 64];
};

/* ----------------------------------------------------------- scheduling */

#define CHAOS_WEIGHT_MAX 65535
#define CHAOS_CAP_PER_VCPU 100 /* a cap is at most that for each vCPU */

#ifdef __cplusplus
}
#endif

#endif
