/* SPDX-License-Identifier: MIT */
/* The part of <stdlib.h> that lwIP names, in functions that no guest uses. */
#ifndef NOXS_LWIP_STDLIB_H
#define NOXS_LWIP_STDLIB_H

int atoi(const char *s);

#endif
