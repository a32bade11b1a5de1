/* SPDX-License-Identifier: MIT */
/* What --timing tells. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* More than a create has that loses the shells of a whole pool but for some:
 * what comes after these counts to the last one. */
#define MARKS_MAX 64

struct mark {
    const char *phase;
    int64_t start_ns;
};

struct cli_timing {
    struct mark marks[MARKS_MAX + 1]; /* the end behind the last phase */
    unsigned count;
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void cli_timing_mark(struct cli_timing *timing, const char *phase)
{
    if (timing->count < MARKS_MAX)
        timing->marks[timing->count++] =
            (struct mark){ phase, now_ns(CLOCK_MONOTONIC) };
}

/* The kernel tells to the nanosecond what CPU time a process has had, since
 * before it got its program, but not when it began. */
struct cli_timing *cli_timing_begin(void)
{
    static struct cli_timing timing;

    timing.count = 0;
    cli_timing_mark(&timing, "launch");
    timing.marks[0].start_ns -= now_ns(CLOCK_PROCESS_CPUTIME_ID);
    return &timing;
}

void cli_timing_phase(void *timing, enum chaos_phase phase)
{
    if (phase != CHAOS_PHASE_DONE)
        cli_timing_mark(timing, chaos_phase_name(phase));
}

static int64_t length_ns(const struct cli_timing *timing, unsigned i)
{
    return timing->marks[i + 1].start_ns - timing->marks[i].start_ns;
}

static int64_t total_ns(const struct cli_timing *timing)
{
    return timing->marks[timing->count].start_ns - timing->marks[0].start_ns;
}

static void print_json(const struct cli_timing *timing, uint32_t domid)
{
    unsigned i;

    printf("{\n  \"domid\": %" PRIu32 ",\n  \"phases\": [", domid);
    for (i = 0; i < timing->count; i++)
        printf("%s\n    {\"name\": \"%s\", \"ns\": %" PRId64 "}", i ? "," : "",
               timing->marks[i].phase, length_ns(timing, i));
    printf("\n  ],\n  \"total_ns\": %" PRId64 "\n}\n", total_ns(timing));
}

static void print_text(const char *phase, int64_t ns)
{
    fprintf(stderr, "%-10s %10.3f ms\n", phase, (double)ns / 1e6);
}

void cli_timing_print(struct cli_timing *timing, bool json, uint32_t domid)
{
    unsigned i;

    timing->marks[timing->count].start_ns = now_ns(CLOCK_MONOTONIC);
    if (json) {
        print_json(timing, domid);
        return;
    }
    for (i = 0; i < timing->count; i++)
        print_text(timing->marks[i].phase, length_ns(timing, i));
    print_text("total", total_ns(timing));
}
