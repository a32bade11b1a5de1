/* SPDX-License-Identifier: MIT */
/*
 * How long a command takes from spawn to exit, each of N times, in
 * nanoseconds.
 *
 *     spawn [-n TIMES] [-f FIRST] COMMAND [ARGUMENT]...
 *
 * prints a line per run.  `%` in an argument becomes the run's number, from
 * FIRST up.  The command's output goes to /dev/null; a command that fails ends
 * the bench.
 */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>

#define ARGUMENTS_MAX 32
#define ARGUMENT_SIZE 512

static void number_arguments(int argc, char **argv, unsigned run,
                             char texts[ARGUMENTS_MAX][ARGUMENT_SIZE],
                             char *numbered[ARGUMENTS_MAX + 1])
{
    const char *mark;
    int i;

    for (i = 0; i < argc; i++) {
        mark = strchr(argv[i], '%');
        if (mark)
            snprintf(texts[i], ARGUMENT_SIZE, "%.*s%u%s", (int)(mark - argv[i]),
                     argv[i], run, mark + 1);
        else
            snprintf(texts[i], ARGUMENT_SIZE, "%s", argv[i]);
        numbered[i] = texts[i];
    }
    numbered[argc] = NULL;
}

static uint64_t run_once(char **argv)
{
    uint64_t start_ns;
    pid_t pid = start(argv, &start_ns);

    return finish(pid, argv) - start_ns;
}

int main(int argc, char **argv)
{
    static char texts[ARGUMENTS_MAX][ARGUMENT_SIZE];
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
        number_arguments(argc, argv, run, texts, numbered);
        printf("%llu\n", (unsigned long long)run_once(numbered));
    }
    return 0;
}
