/* SPDX-License-Identifier: MIT */
#include "config/vdev.h"

#include "config/devices.h"

#include <stdlib.h>
#include <string.h>

#define DISKS_MAX (UINT64_C(1) << 20)
#define PARTITIONS_MAX UINT64_C(256)

/* a is 0, z is 25, aa is 26: taken off the front. */
static bool take_letters(struct chaos__span *rest, uint64_t max,
                         uint64_t *number_r)
{
    uint64_t count = 0; /* of the names up to this one */
    size_t length = 0;

    for (; length < rest->length; length++) {
        const char c = rest->start[length];

        if (c < 'a' || c > 'z')
            break;
        count = 26 * count + (uint64_t)(c - 'a') + 1;
        if (count > max + 1)
            return false;
    }
    chaos__span_skip(rest, length);
    *number_r = count - 1;
    return length > 0;
}

/* The disk's letters, then the partition's number or nothing. */
static bool parse_disk(struct chaos__span name, const char *prefix,
                       uint64_t disks, uint64_t partitions, uint64_t *disk_r,
                       uint64_t *partition_r)
{
    *partition_r = 0;
    if (!chaos__span_begins(name, prefix))
        return false;
    chaos__span_skip(&name, strlen(prefix));
    if (!take_letters(&name, disks - 1, disk_r))
        return false;
    /* The disk as a whole is xvda, not xvda0. */
    return name.length == 0 ||
           (chaos__span_number(name, partitions - 1, partition_r) &&
            *partition_r > 0);
}

/* dN or dNpM */
static bool parse_numbers(struct chaos__span name, uint64_t *disk_r,
                          uint64_t *partition_r)
{
    *partition_r = 0;
    if (!chaos__span_begins(name, "d"))
        return false;
    chaos__span_skip(&name, 1);
    if (!chaos__span_take_number(&name, DISKS_MAX - 1, disk_r))
        return false;
    if (name.length == 0)
        return true;
    if (!chaos__span_begins(name, "p"))
        return false;
    chaos__span_skip(&name, 1);
    return chaos__span_number(name, PARTITIONS_MAX - 1, partition_r);
}

/* The number itself, in C's notations: what BSDs' documents say, 0x1. */
static bool parse_number(struct chaos__span name, uint64_t *number_r)
{
    char text[CHAOS__VDEV_MAX], *end;

    if (name.length >= sizeof(text) || name.length == 0 || *name.start < '0' ||
        *name.start > '9')
        return false;
    memcpy(text, name.start, name.length);
    text[name.length] = '\0';
    *number_r = strtoul(text, &end, 0);
    return !*end && *number_r > 0 && *number_r <= INT32_MAX;
}

bool chaos__vdev_parse(struct chaos__span name, uint32_t *number_r)
{
    uint64_t disk, partition, number;

    if (parse_number(name, &number)) {
        *number_r = (uint32_t)number;
        return true;
    }
    if (parse_numbers(name, &disk, &partition) ||
        parse_disk(name, "xvd", DISKS_MAX, PARTITIONS_MAX, &disk, &partition))
        number = disk < 16 && partition < 16 ? 202u << 8 | disk << 4 | partition
                                             : 1u << 28 | disk << 8 | partition;
    else if (parse_disk(name, "sd", 16, 16, &disk, &partition))
        number = 8u << 8 | disk << 4 | partition;
    else if (parse_disk(name, "hd", 4, 64, &disk, &partition))
        number = (disk < 2 ? 3u : 22u) << 8 | disk % 2 << 6 | partition;
    else
        return false;
    *number_r = (uint32_t)number;
    return true;
}
