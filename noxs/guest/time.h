/* SPDX-License-Identifier: MIT */
/*
 * Clocks: Xen's system time and wall clock, as the shared info page gives
 * them.  It must not know about calendars.
 */
#ifndef GUEST_TIME_H
#define GUEST_TIME_H

#include <stdint.h>

/* Nanoseconds since Xen's boot; 0 if it can't be known. */
uint64_t time_ns(void);

/* Nanoseconds since 1970 began, UTC, as the host's clock had it when Xen was
 * last told; 0 if it can't be known. */
uint64_t time_wall_ns(void);

/*
 * Nanoseconds since the guest was first let run, without those that it was
 * paused for later; 0 if it can't be known.  Asks Xen each time, which keeps
 * the account of its vCPU.
 */
uint64_t time_lived_ns(void);

/* The processor's counter, in no unit. */
uint64_t time_ticks(void);

#endif
