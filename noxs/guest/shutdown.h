/* SPDX-License-Identifier: MIT */
/*
 * The end of the domain, at once and without a word to anybody; for an orderly
 * one see control.h.
 */
#ifndef GUEST_SHUTDOWN_H
#define GUEST_SHUTDOWN_H

#include <stdint.h>
#include <xen/xen.h>
#include <xen/sched.h>

/* `reason` is one of Xen's SHUTDOWN_*. */
_Noreturn void shutdown(unsigned int reason);

#endif
