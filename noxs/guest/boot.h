/* SPDX-License-Identifier: MIT */
/*
 * Where a unikernel begins: the kit calls guest_main() once, on the boot
 * stack, with what the domain builder told it.  Interrupts do not exist here;
 * see events.h.  It must not know what any unikernel does.
 */
#ifndef GUEST_BOOT_H
#define GUEST_BOOT_H

#include <stdint.h>

struct guest_info {
    const char *type;    /* "pv" or "pvh" */
    const char *cmdline; /* never NULL */
    uint64_t memory_kb;  /* 0 if the builder gave no memory map */
};

/* A guest whose main returns powers off. */
void guest_main(const struct guest_info *info);

/* Called by the assembly with the builder's start info. */
_Noreturn void guest_start(const void *start);

#endif
