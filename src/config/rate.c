/* SPDX-License-Identifier: MIT */
#include "config/rate.h"

#include <inttypes.h>
#include <stdio.h>

/* libxlutil: xlu_vif_parse_rate() */
#define INTERVAL_US_DEFAULT 50000u

#define US_PER_S UINT64_C(1000000)

/* From the largest, so that the first to be exact makes the shortest text. */
static const struct unit {
    const char *name;
    uint64_t bits;
} units[] = {
    { "GB/s", UINT64_C(8000000000) },
    { "Gb/s", UINT64_C(1000000000) },
    { "MB/s", 8000000 },
    { "Mb/s", 1000000 },
    { "KB/s", 8000 },
    { "Kb/s", 1000 },
    { "B/s", 8 },
    { "b/s", 1 },
};

static const struct {
    const char *name;
    uint64_t us;
} interval_units[] = {
    { "ms", 1000 }, { "m", 1000 },     { "us", 1 },
    { "u", 1 },     { "s", US_PER_S }, { "", US_PER_S },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* `number` of a unit, in bytes per second; both are in their bounds. */
static uint64_t per_second(uint64_t number, const struct unit *unit)
{
    return unit->bits >= 8 ? number * (unit->bits / 8) : number / 8;
}

static bool parse_per_second(struct chaos__span text, uint64_t *bytes_r)
{
    uint64_t number;

    if (!chaos__span_take_number(&text, UINT32_MAX, &number))
        return false;
    for (size_t i = 0; i < COUNT(units); i++) {
        if (chaos__span_is(text, units[i].name)) {
            *bytes_r = per_second(number, &units[i]);
            return true;
        }
    }
    return false;
}

static bool parse_interval(struct chaos__span text, uint64_t *us_r)
{
    uint64_t number;

    if (!chaos__span_take_number(&text, UINT32_MAX, &number))
        return false;
    for (size_t i = 0; i < COUNT(interval_units); i++) {
        if (chaos__span_is(text, interval_units[i].name)) {
            *us_r = number * interval_units[i].us;
            return *us_r > 0 && *us_r <= UINT32_MAX;
        }
    }
    return false;
}

bool chaos__rate_parse(struct chaos__span text, uint64_t *bytes_r,
                       uint32_t *interval_us_r, const char **why_r)
{
    uint64_t bytes = 0, interval_us = INTERVAL_US_DEFAULT;
    struct chaos__span rate;
    const bool has_interval = chaos__span_cut(&text, '@', &rate);

    if (!parse_per_second(rate, &bytes)) {
        *why_r = "not a rate: write it like 10Mb/s, 250KB/s or 1MB/s@20ms";
        return false;
    }
    if (has_interval && !parse_interval(text, &interval_us)) {
        *why_r = "not an interval: write it like 20ms or 500us, up to an hour";
        return false;
    }
    if (bytes > UINT64_MAX / interval_us) {
        *why_r = "too high: lower it, or remove it for no limit";
        return false;
    }
    bytes = bytes * interval_us / US_PER_S;
    if (bytes == 0) {
        *why_r = "too low: not a byte in each interval: raise it";
        return false;
    }
    *bytes_r = bytes;
    *interval_us_r = (uint32_t)interval_us;
    return true;
}

/*
 * What is known are the bytes in an interval, what is sought is a number of
 * some unit per second that comes to them.  The bytes grow with the number, so
 * if any number of a unit does, the least one that comes to as much does.  Its
 * unit is no smaller than the parsed one's, so it fits as that did.
 */
void chaos__rate_format(uint64_t bytes, uint32_t interval_us,
                        char text[CHAOS__RATE_TEXT_MAX])
{
    const uint64_t least = (bytes * US_PER_S - 1) / interval_us + 1;
    const struct unit *unit = units;
    uint64_t number = 0, exact;

    /* What bits per second can say, bytes per second can as well. */
    for (; unit->bits >= 8; unit++) {
        number = (least - 1) / (unit->bits / 8) + 1;
        exact = per_second(number, unit);
        if (exact <= UINT64_MAX / interval_us &&
            exact * interval_us / US_PER_S == bytes)
            break;
    }
    snprintf(text, CHAOS__RATE_TEXT_MAX, "%" PRIu64 "%s@%" PRIu32 "us", number,
             unit->name, interval_us);
}
