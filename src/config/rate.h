/* SPDX-License-Identifier: MIT */
/*
 * Limits on what an interface sends, as xl writes them: "10Mb/s@20ms".  It
 * does not know whom they are for.
 */
#ifndef CHAOS_SRC_CONFIG_RATE_H
#define CHAOS_SRC_CONFIG_RATE_H

#include "config/span.h"

/* The bytes that can be sent in each interval, at least 1.  False with *why_r
 * pointing to a constant text that says what is wrong. */
bool chaos__rate_parse(struct chaos__span text, uint64_t *bytes_r,
                       uint32_t *interval_us_r, const char **why_r);

/* The text of a rate that a text can say. */
#define CHAOS__RATE_TEXT_MAX 40
void chaos__rate_format(uint64_t bytes, uint32_t interval_us,
                        char text[CHAOS__RATE_TEXT_MAX]);

#endif
