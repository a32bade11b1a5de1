/* SPDX-License-Identifier: MIT */
#include "time.h"

#include "platform.h"

static uint64_t rdtsc(void)
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
        ticks = rdtsc() - time->tsc_timestamp;
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
