/* SPDX-License-Identifier: MIT */
/* Time for waiting: it goes on whatever somebody does to the host's clock. */
#ifndef CHAOS_SRC_CLOCK_H
#define CHAOS_SRC_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

/*
 * Pauses between two looks at something that nothing announces: short at
 * first, for what happens at once, long at last, for what takes its time.
 */
#define CHAOS__LOOK_FIRST_US 1000
#define CHAOS__LOOK_LAST_US 50000

static inline int64_t chaos__now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* However often signals interrupt it. */
static inline void chaos__sleep_us(int64_t us)
{
    struct timespec left = { us / 1000000, us % 1000000 * 1000 };

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

/* The pause after this one. */
static inline int64_t chaos__look_next_us(int64_t us)
{
    return 2 * us < CHAOS__LOOK_LAST_US ? 2 * us : CHAOS__LOOK_LAST_US;
}

#endif
