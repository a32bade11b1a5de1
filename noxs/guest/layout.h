/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in a guest's memory, for C, assembly and the linker script.
 * Constants only.
 *
 * A loader has to map, copy and clear every page of an image, so what needs
 * no content from the file lies below the image instead of in its .bss: page
 * tables, and what scratch.h marks.  The builder puts nothing there: it
 * allocates upwards from the image's end.
 */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define PAGE_SIZE 4096

#ifdef GUEST_PVH

/* Low, so that 1 MiB of memory is plenty. */
#define STACK_TOP 0x2000
#define PAGE_TABLES 0x2000 /* one page each of level 4, 3 and 2 */
#define SCRATCH_BASE 0x5000
#define IMAGE_LIMIT 0x200000 /* what the boot code maps */

#else

/*
 * xl's builder maps from VIRT_BASE to a 4 MiB boundary, at least 512 KiB past
 * the image (public/xen.h), and all that it maps must be there as memory.
 * Starting 1 MiB below such a boundary lets a guest have as little as that.
 */
#define VIRT_BASE 0x300000
#define SHARED_INFO_ADDRESS VIRT_BASE /* replaces the first page's mapping */
#define SCRATCH_BASE (VIRT_BASE + PAGE_SIZE)
/* Past it the builder would map to the next boundary, and the smallest guest
 * need 4 MiB more: 512 KiB and what it puts behind the image. */
#define IMAGE_LIMIT (0x400000 - 512 * 1024 - 16 * PAGE_SIZE)

#endif

#endif
