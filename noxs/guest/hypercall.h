/* SPDX-License-Identifier: MIT */
/*
 * Calling Xen.  Both kinds of guest use the instruction itself and not a
 * hypercall page, which would cost a page of memory and, for PVH, an MSR write
 * that makes Xen fill it.  It must not know any particular hypercall.
 *
 * PV: a `syscall` from the guest's kernel is a hypercall.
 * PVH: `vmcall` on Intel's processors, `vmmcall` on AMD's; the boot code finds
 * out which.
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <stdint.h>
#include <xen/xen.h>

#ifdef GUEST_PVH
#define HYPERCALL_INSTRUCTION "call hypercall_trap"
#else
#define HYPERCALL_INSTRUCTION "syscall"
#endif

/* 0 or positive, or a negative Xen errno (public/errno.h). */
static inline long hypercall(unsigned long number, unsigned long a,
                             unsigned long b, unsigned long c)
{
    long result;

    /* A debug build of Xen overwrites the arguments. */
    __asm__ volatile(HYPERCALL_INSTRUCTION
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                     : "0"(number)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

static inline long hypercall2(unsigned long number, unsigned long command,
                              void *argument)
{
    return hypercall(number, command, (uintptr_t)argument, 0);
}

#endif
