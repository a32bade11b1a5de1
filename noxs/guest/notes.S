/* SPDX-License-Identifier: MIT */
/*
 * What the image tells domain builders (public/elfnote.h); the note of our own
 * is in noxs-note.c.
 */

#include <xen/elfnote.h>

#include "layout.h"

.macro note name:req, type:req, value:vararg
    .balign 4
    .long 2f - 1f, 4f - 3f, \type
1:  .asciz "\name"
2:  .balign 4
3:  \value
4:  .balign 4
.endm

    .section .note.guest, "a", @note

    note "Xen", XEN_ELFNOTE_GUEST_OS, .asciz "noxs"
#ifdef GUEST_PVH
    note "Xen", XEN_ELFNOTE_PHYS32_ENTRY, .long guest_entry
#else
    /* No HYPERCALL_PAGE: see hypercall.h. */
    note "Xen", XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note "Xen", XEN_ELFNOTE_LOADER, .asciz "generic"
    note "Xen", XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
    note "Xen", XEN_ELFNOTE_PADDR_OFFSET, .quad VIRT_BASE
    note "Xen", XEN_ELFNOTE_ENTRY, .quad guest_entry
#endif

    .section .note.GNU-stack, "", @progbits
