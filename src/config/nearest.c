/* SPDX-License-Identifier: MIT */
#include "config/nearest.h"

#include <string.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* How many letters must be inserted, deleted, replaced or swapped with their
 * neighbour to get from one name to the other; `b` is not too long. */
static unsigned edit_distance(const char *a, const char *b)
{
    const size_t length = strlen(b);
    unsigned rows[3][CHAOS__NEAREST_MAX];
    unsigned *older = rows[0], *old = rows[1], *now = rows[2];

    for (size_t j = 0; j <= length; j++)
        old[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned *oldest = older;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= length; j++) {
            now[j] = min3(old[j] + 1, now[j - 1] + 1,
                          old[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min3(now[j], older[j - 2] + 1, now[j]);
        }
        older = old;
        old = now;
        now = oldest;
    }
    return old[length];
}

void chaos__nearest_begin(struct chaos__nearest *search, const char *name,
                          size_t length)
{
    memset(search, 0, sizeof(*search));
    /* A third of the letters may be wrong; two letters say nothing. */
    if (length < 3 || length >= CHAOS__NEAREST_MAX)
        return;
    memcpy(search->name, name, length);
    search->least = (unsigned)length / 3 + 1;
}

void chaos__nearest_try(struct chaos__nearest *search, const char *candidate)
{
    unsigned distance;

    if (search->least == 0)
        return;
    distance = edit_distance(candidate, search->name);
    /* Of two that are as near, the shorter: vifs is vif, not vif2. */
    if (distance < search->least ||
        (search->nearest && distance == search->least &&
         strlen(candidate) < strlen(search->nearest))) {
        search->least = distance;
        search->nearest = candidate;
    }
}
