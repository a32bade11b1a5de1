/* SPDX-License-Identifier: MIT */
/*
 * Memory that the image does not describe: it lies below the image (layout.h),
 * so no loader maps it, clears it or even knows of it, and what a unikernel
 * does not use is not there.  For large things that are written before they
 * are read; what they hold at first is undefined.
 */
#ifndef GUEST_SCRATCH_H
#define GUEST_SCRATCH_H

/* The name is any, but another one for each variable. */
#define SCRATCH(name) __attribute__((section(".bss.scratch." #name)))

#endif
