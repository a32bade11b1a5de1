/* SPDX-License-Identifier: MIT */
#include "random.h"

#include <stdbool.h>

#include "time.h"

#define RDRAND_FEATURE (1u << 30) /* of cpuid's leaf 1, in ecx */
#define RDRAND_TRIES 10

/* Asked once: for a PVH guest, cpuid is a trip to Xen. */
static bool has_rdrand(void)
{
    static bool asked, has;

    if (!asked) {
        uint32_t a = 1, b, c = 0, d;

        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        has = c & RDRAND_FEATURE;
        asked = true;
    }
    return has;
}

static bool rdrand(uint64_t *number_r)
{
    if (!has_rdrand())
        return false;
    for (int i = 0; i < RDRAND_TRIES; i++) {
        bool ok;

        __asm__ volatile("rdrand %0" : "=r"(*number_r), "=@ccc"(ok));
        if (ok)
            return true;
    }
    return false;
}

/* Spreads each bit of the input over all of the output (the finalizer of
 * MurmurHash3). */
static uint64_t mix(uint64_t n)
{
    n ^= n >> 33;
    n *= 0xff51afd7ed558ccd;
    n ^= n >> 33;
    n *= 0xc4ceb9fe1a85ec53;
    return n ^ n >> 33;
}

uint64_t random_number(void)
{
    static uint64_t state;
    uint64_t number = 0;

    rdrand(&number);
    /* Also when there is one: it costs nothing, and Xen decides what the
     * processor says of itself. */
    state = mix(state + time_ticks()) + time_wall_ns();
    return number ^ mix(state);
}
