/* SPDX-License-Identifier: MIT */
/*
 * How long a command takes from spawn to exit, each of N times, in
 * nanoseconds.
 *
 *     spawn [-n TIMES] [-f FIRST] COMMAND [ARGUMENT]...
 *
 * prints a line per run.  `%` in an argument becomes the run's number, from
 * FIRST up.  The command's output goes to /dev/null; a command that fails ends
 * the bench.  bench/profile counts what is between the marks.
 */
#include "measure.h"

#include "profile/mark.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t run_once(char **argv)
{
    uint64_t start_ns, end_ns;
    pid_t pid;

    MARK(MARK_FIRST);
    pid = start(argv, &start_ns);
    end_ns = finish(pid, argv);
    MARK(MARK_LAST);
    return end_ns - start_ns;
}

int main(int argc, char **argv)
{
    char *numbered[ARGUMENTS_MAX + 1];
    unsigned times = 1, first = 0, run;
    int option;

    while ((option = getopt(argc, argv, "+n:f:")) != -1)
        if (option == 'n')
            times = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'f')
            first = (unsigned)strtoul(optarg, NULL, 10);
        else
            return 2;
    argc -= optind;
    argv += optind;
    if (argc < 1 || argc > ARGUMENTS_MAX)
        errx(2, "usage: spawn [-n TIMES] [-f FIRST] COMMAND [ARGUMENT]...");
    for (run = first; run < first + times; run++) {
        number_arguments(argc, argv, run, numbered);
        printf("%llu\n", (unsigned long long)run_once(numbered));
    }
    return 0;
}
