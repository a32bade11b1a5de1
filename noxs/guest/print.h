/* SPDX-License-Identifier: MIT */
/*
 * Formatted lines for the console, as little of printf as the unikernels use.
 * It must not know how the console works.
 */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#define PRINT_MAX 256 /* bytes of one call; the rest is cut off */

/* Knows %s and %lu, nothing else. */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);

#endif
