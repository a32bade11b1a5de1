/* SPDX-License-Identifier: MIT */
/*
 * One segment with everything, headers included, so that a loader has one
 * piece to copy and a small image fits in one or two pages.  Scratch memory is
 * in no segment: see scratch.h.
 */
#include "layout.h"

OUTPUT_FORMAT(elf64-x86-64)
OUTPUT_ARCH(i386:x86-64)
ENTRY(guest_entry)

PHDRS
{
    image PT_LOAD FILEHDR PHDRS FLAGS(7);
    notes PT_NOTE FLAGS(4);
}

SECTIONS
{
    . = SCRATCH_BASE;
    .scratch (NOLOAD) : { *(.bss.scratch.*) } :NONE
    . = ALIGN(PAGE_SIZE) + SIZEOF_HEADERS;
    .note : { KEEP(*(.note.guest)) } :image :notes
    .text : { *(.text.entry) *(.text .text.*) } :image
    .rodata : { *(.rodata .rodata.*) } :image
    .data : { *(.data .data.*) } :image
    .bss : { *(.bss .bss.*) *(COMMON) } :image
    image_end = .;

    /DISCARD/ :
    {
        *(.comment) *(.eh_frame) *(.note.gnu.*) *(.note.GNU-stack)
    }
}

ASSERT(image_end <= IMAGE_LIMIT, "image or scratch memory too large: layout.h")
