/* SPDX-License-Identifier: MIT */
/*
 * Which of the names that exist a misspelt one was probably meant to be.  It
 * does not know what the names are of.
 */
#ifndef CHAOS_SRC_CONFIG_NEAREST_H
#define CHAOS_SRC_CONFIG_NEAREST_H

#include <stddef.h>

#define CHAOS__NEAREST_MAX 64 /* names of this length are like no other */

struct chaos__nearest {
    const char *nearest; /* so far; NULL: none is near */
    unsigned least;      /* a distance below this is near */
    char name[CHAOS__NEAREST_MAX];
};

void chaos__nearest_begin(struct chaos__nearest *search, const char *name,
                          size_t length);

/* `candidate` must outlive the search. */
void chaos__nearest_try(struct chaos__nearest *search, const char *candidate);

#endif
