/* SPDX-License-Identifier: MIT */
/*
 * A part of a text, which has no NUL behind it.  It owns nothing and knows
 * nothing of what the text means.
 */
#ifndef CHAOS_SRC_CONFIG_SPAN_H
#define CHAOS_SRC_CONFIG_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chaos__span {
    const char
        *start; /* NULL: there is none, which is less than an empty one */
    size_t length;
};

bool chaos__span_is(struct chaos__span span, const char *word);

bool chaos__span_begins(struct chaos__span span, const char *word);

/* A string, the caller's to free; NULL when memory is out. */
char *chaos__span_copy(struct chaos__span span);

/* Takes `length` bytes off the front. */
void chaos__span_skip(struct chaos__span *span, size_t length);

/* Takes off the front what stands before the first `mark`, and the mark too.
 * Without a mark it takes all and returns false. */
bool chaos__span_cut(struct chaos__span *rest, char mark,
                     struct chaos__span *front_r);

/* The decimal digits that it begins with, taken off.  False if there are
 * none, if there is a 0 before others, or above `max`. */
bool chaos__span_take_number(struct chaos__span *rest, uint64_t max,
                             uint64_t *number_r);

/* The same if nothing stands behind them. */
bool chaos__span_number(struct chaos__span span, uint64_t max,
                        uint64_t *number_r);

/* Its value, or -1 if it is none. */
int chaos__hex_digit(char c);

#endif
