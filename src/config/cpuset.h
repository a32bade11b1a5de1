/* SPDX-License-Identifier: MIT */
/*
 * Sets of physical CPUs as text: "all", "0-3,5,^1".  It does not know how many
 * CPUs the host has.
 */
#ifndef CHAOS_SRC_CONFIG_CPUSET_H
#define CHAOS_SRC_CONFIG_CPUSET_H

#include "config/config.h"

/* 0, or CHAOS_EINVAL or CHAOS_ENOTSUP with *why_r pointing to a constant text
 * that says what is wrong. */
int chaos__cpuset_parse(const char *text, struct chaos_cpuset *set,
                        const char **why_r);

bool chaos__cpuset_is_all(const struct chaos_cpuset *set);

bool chaos__cpuset_has(const struct chaos_cpuset *set, unsigned cpu);

/* All CPUs of a set without an "all": "0-3,5".  Returns the length, which is
 * below CHAOS__CPUSET_TEXT_MAX. */
#define CHAOS__CPUSET_TEXT_MAX (CHAOS_CPUS_MAX / 2 * sizeof("1022,") + 1)
size_t chaos__cpuset_format(const struct chaos_cpuset *set,
                            char text[CHAOS__CPUSET_TEXT_MAX]);

#endif
