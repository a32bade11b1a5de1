/* SPDX-License-Identifier: MIT */
/*
 * Formatted text, as little of printf as the unikernels use, and lines of it
 * for the console.  It must not know how the console works.
 */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#include <stddef.h>

#define PRINT_MAX 256 /* bytes of one call; the rest is cut off */

/* Knows %s, %lu and, with zeros in front, %02lu to %09lu; nothing else. */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);

/* To memory, of which `size` bytes are there, more than 0: what does not fit
 * is cut off, the end is always a null.  Returns the length. */
__attribute__((format(printf, 3, 4))) size_t print_to(char *text, size_t size,
                                                      const char *format, ...);

#endif
