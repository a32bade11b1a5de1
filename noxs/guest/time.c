/* SPDX-License-Identifier: MIT */
#include "time.h"

#include <xen/vcpu.h>

#include "hypercall.h"
#include "platform.h"

uint64_t time_ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

uint64_t time_ns(void)
{
    struct shared_info *shared = platform_shared_info();
    struct vcpu_time_info *time;
    uint32_t version;
    uint64_t ns;

    if (!shared)
        return 0;
    time = &shared->vcpu_info[0].time;
    do {
        uint64_t ticks;
        int shift;

        version = __atomic_load_n(&time->version, __ATOMIC_ACQUIRE);
        ticks = time_ticks() - time->tsc_timestamp;
        shift = time->tsc_shift;
        ticks = shift < 0 ? ticks >> -shift : ticks << shift;
        ns = time->system_time +
             (uint64_t)((unsigned __int128)ticks * time->tsc_to_system_mul >>
                        32);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (version & 1 ||
             version != __atomic_load_n(&time->version, __ATOMIC_RELAXED));
    return ns;
}

uint64_t time_wall_ns(void)
{
    struct shared_info *shared = platform_shared_info();
    uint32_t version;
    uint64_t boot_ns;

    if (!shared)
        return 0;
    if (!shared->wc_version)
        platform_set_wall_clock();
    do {
        version = __atomic_load_n(&shared->wc_version, __ATOMIC_ACQUIRE);
        boot_ns = ((uint64_t)shared->wc_sec_hi << 32 | shared->wc_sec) *
                      UINT64_C(1000000000) +
                  shared->wc_nsec;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (version & 1 ||
             version != __atomic_load_n(&shared->wc_version, __ATOMIC_RELAXED));
    return boot_ns + time_ns();
}

uint64_t time_lived_ns(void)
{
    struct vcpu_runstate_info state;

    /* Offline is what a vCPU of a paused domain is. */
    if (hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0,
                  (uintptr_t)&state))
        return 0;
    return state.time[RUNSTATE_running] + state.time[RUNSTATE_runnable] +
           state.time[RUNSTATE_blocked];
}
