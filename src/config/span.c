/* SPDX-License-Identifier: MIT */
#include "config/span.h"

#include <stdlib.h>
#include <string.h>

bool chaos__span_is(struct chaos__span span, const char *word)
{
    return strlen(word) == span.length &&
           memcmp(span.start, word, span.length) == 0;
}

char *chaos__span_copy(struct chaos__span span)
{
    char *text = malloc(span.length + 1);

    if (!text)
        return NULL;
    memcpy(text, span.start, span.length);
    text[span.length] = '\0';
    return text;
}

bool chaos__span_begins(struct chaos__span span, const char *word)
{
    const size_t length = strlen(word);

    return length <= span.length && memcmp(span.start, word, length) == 0;
}

void chaos__span_skip(struct chaos__span *span, size_t length)
{
    span->start += length;
    span->length -= length;
}

bool chaos__span_cut(struct chaos__span *rest, char mark,
                     struct chaos__span *front_r)
{
    const char *at = memchr(rest->start, mark, rest->length);

    *front_r = *rest;
    if (at)
        front_r->length = (size_t)(at - rest->start);
    chaos__span_skip(rest, front_r->length + (at ? 1 : 0));
    return at != NULL;
}

bool chaos__span_take_number(struct chaos__span *rest, uint64_t max,
                             uint64_t *number_r)
{
    uint64_t number = 0;
    size_t length = 0;

    for (; length < rest->length; length++) {
        const char c = rest->start[length];
        const uint64_t digit = (uint64_t)(c - '0');

        if (c < '0' || c > '9')
            break;
        if (digit > max || number > (max - digit) / 10)
            return false;
        number = 10 * number + digit;
    }
    if (length == 0 || (rest->start[0] == '0' && length > 1))
        return false;
    chaos__span_skip(rest, length);
    *number_r = number;
    return true;
}

bool chaos__span_number(struct chaos__span span, uint64_t max,
                        uint64_t *number_r)
{
    return chaos__span_take_number(&span, max, number_r) && span.length == 0;
}

int chaos__hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
