/* SPDX-License-Identifier: MIT */
/*
 * Xen's system time, as the shared info page gives it.  It must not know
 * about wall clocks.
 */
#ifndef GUEST_TIME_H
#define GUEST_TIME_H

#include <stdint.h>

/* Nanoseconds since Xen's boot; 0 if it can't be known. */
uint64_t time_ns(void);

#endif
