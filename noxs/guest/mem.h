/* SPDX-License-Identifier: MIT */
/*
 * The memory functions that a compiler may call by itself, and the few string
 * functions that the unikernels use.  It knows nothing of Xen.
 */
#ifndef GUEST_MEM_H
#define GUEST_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
bool strings_equal(const char *a, const char *b);

/* The value of the first word `name=NUMBER` of a command line; `otherwise` if
 * there is none or it is no decimal number that fits. */
unsigned long option_number(const char *cmdline, const char *name,
                            unsigned long otherwise);

#endif
