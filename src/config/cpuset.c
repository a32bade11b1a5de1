/* SPDX-License-Identifier: MIT */
#include "config/cpuset.h"

#include <stdio.h>
#include <string.h>

bool chaos__cpuset_has(const struct chaos_cpuset *set, unsigned cpu)
{
    return set->words[cpu / 64] >> (cpu % 64) & 1;
}

static bool is_uniform(const struct chaos_cpuset *set, uint64_t word)
{
    for (size_t i = 0; i < CHAOS_CPUS_MAX / 64; i++) {
        if (set->words[i] != word)
            return false;
    }
    return true;
}

bool chaos__cpuset_is_all(const struct chaos_cpuset *set)
{
    return is_uniform(set, UINT64_MAX);
}

static void change(struct chaos_cpuset *set, unsigned cpu, bool is_in)
{
    const uint64_t bit = UINT64_C(1) << (cpu % 64);

    if (is_in)
        set->words[cpu / 64] |= bit;
    else
        set->words[cpu / 64] &= ~bit;
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static bool skip_word(const char **p, const char *word)
{
    const size_t length = strlen(word);

    if (strncmp(*p, word, length) != 0)
        return false;
    *p += length;
    return true;
}

/* A CPU's number; CHAOS_CPUS_MAX when it is too large, -1 when there is none.
 * Decimal, as xl reads it, even with zeros in front. */
static int parse_cpu(const char **p)
{
    int cpu = -1;

    for (*p = skip_blanks(*p); **p >= '0' && **p <= '9'; (*p)++) {
        cpu = (cpu < 0 ? 0 : 10 * cpu) + (**p - '0');
        if (cpu > CHAOS_CPUS_MAX)
            cpu = CHAOS_CPUS_MAX;
    }
    return cpu;
}

/* One piece between commas, which *p is moved behind. */
static int parse_piece(const char **p, struct chaos_cpuset *set,
                       const char **why_r)
{
    const bool is_out = skip_word(p, "^");
    int first, last;

    if (skip_word(p, "node:") || skip_word(p, "nodes:")) {
        *why_r = "NUMA nodes are not supported by this version of chaos: "
                 "name the CPUs";
        return CHAOS_ENOTSUP;
    }
    if (skip_word(p, "all")) {
        *why_r = "^all leaves no CPU: name those to leave out";
        memset(set, 0xff, sizeof(*set));
        return is_out ? CHAOS_EINVAL : 0;
    }
    first = last = parse_cpu(p);
    *p = skip_blanks(*p);
    if (first >= 0 && skip_word(p, "-"))
        last = parse_cpu(p);
    if (first < 0 || last < 0) {
        *why_r = "not a list of CPUs: write it like \"0-3,5,^1\" or \"all\"";
        return CHAOS_EINVAL;
    }
    if (first >= CHAOS_CPUS_MAX || last >= CHAOS_CPUS_MAX) {
        *why_r = "CPUs above 1023 are not supported";
        return CHAOS_EINVAL;
    }
    if (last < first) {
        *why_r = "a range of CPUs goes from the lower to the higher number";
        return CHAOS_EINVAL;
    }
    for (; first <= last; first++)
        change(set, (unsigned)first, !is_out);
    return 0;
}

int chaos__cpuset_parse(const char *text, struct chaos_cpuset *set,
                        const char **why_r)
{
    const char *p = skip_blanks(text);
    int rc;

    _Static_assert(CHAOS_CPUS_MAX == 1024, "a message above says 1023");
    memset(set, 0, sizeof(*set));
    while (*p) {
        if (*p != ',') {
            rc = parse_piece(&p, set, why_r);
            if (rc < 0)
                return rc;
        }
        p = skip_blanks(p);
        if (*p && *p != ',') {
            *why_r = "not a list of CPUs: separate them with commas";
            return CHAOS_EINVAL;
        }
        if (*p)
            p = skip_blanks(p + 1);
    }
    if (is_uniform(set, 0)) {
        *why_r = "no CPU is left: name at least one";
        return CHAOS_EINVAL;
    }
    return 0;
}

size_t chaos__cpuset_format(const struct chaos_cpuset *set,
                            char text[CHAOS__CPUSET_TEXT_MAX])
{
    size_t length = 0;

    text[0] = '\0';
    for (unsigned first = 0; first < CHAOS_CPUS_MAX; first++) {
        unsigned last = first;

        if (!chaos__cpuset_has(set, first))
            continue;
        while (last + 1 < CHAOS_CPUS_MAX && chaos__cpuset_has(set, last + 1))
            last++;
        length += (size_t)snprintf(
            text + length, CHAOS__CPUSET_TEXT_MAX - length,
            last > first ? "%s%u-%u" : "%s%u", length ? "," : "", first, last);
        first = last;
    }
    return length;
}
