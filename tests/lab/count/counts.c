/* SPDX-License-Identifier: MIT */
#include "count.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define COUNTS_MAX 512

static struct count {
    const char *kind;
    char name[NAME_SIZE];
    unsigned long long count;
} counts[COUNTS_MAX];
static size_t count_count;

void add(const char *kind, const char *name, unsigned long long n)
{
    struct count *count = counts;

    while (count < counts + count_count &&
           (strcmp(count->kind, kind) != 0 || strcmp(count->name, name) != 0))
        count++;
    if (count == counts + count_count) {
        if (count_count++ == COUNTS_MAX)
            errx(1, "more than %d different calls", COUNTS_MAX);
        count->kind = kind;
        snprintf(count->name, sizeof(count->name), "%s", name);
    }
    count->count += n;
}

static int compare(const void *a, const void *b)
{
    const struct count *left = a, *right = b;
    int order = strcmp(left->kind, right->kind);

    return order ? order : strcmp(left->name, right->name);
}

void print(FILE *file)
{
    qsort(counts, count_count, sizeof(counts[0]), compare);
    for (size_t i = 0; i < count_count; i++)
        fprintf(file, "%s %s %llu\n", counts[i].kind, counts[i].name,
                counts[i].count);
}

const char *name_of(const char *group, unsigned long long number,
                    char text[NAME_SIZE])
{
    static const struct {
        const char *group;
        unsigned long long number;
        const char *name;
    } names[] = {
#include "names.h"
    };

    for (size_t i = 0; i < LENGTH(names); i++)
        if (names[i].number == number && strcmp(names[i].group, group) == 0)
            return names[i].name;
    snprintf(text, NAME_SIZE, "%llu", number);
    return text;
}
