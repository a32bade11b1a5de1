/* SPDX-License-Identifier: MIT */
/* The part of <string.h> that lwIP names, for guests, which have no libc. */
#ifndef NOXS_LWIP_STRING_H
#define NOXS_LWIP_STRING_H

#include "../../guest/mem.h"

/* In a function that no guest uses. */
int strncmp(const char *a, const char *b, size_t n);

#endif
