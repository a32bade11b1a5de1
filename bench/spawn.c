/* SPDX-License-Identifier: MIT */
/*
 * How long a command takes from spawn to exit, each of N times, in
 * nanoseconds of this machine's clock: under `tests/lab/run --icount` that is
 * instructions, exact and repeatable.
 *
 *     spawn [-n TIMES] [-f FIRST] COMMAND [ARGUMENT]...
 *
 * prints a line per run.  `%` in an argument becomes the run's number, from
 * FIRST up.  The command's output goes to /dev/null; a command that fails ends
 * the bench.
 */
#include <err.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#define ARGUMENTS_MAX 32
#define ARGUMENT_SIZE 512

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

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
    extern char **environ;
    posix_spawn_file_actions_t quiet;
    uint64_t start, end;
    int status, r;
    pid_t pid;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    start = now_ns();
    r = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
    if (r != 0)
        errx(1, "%s: %s", argv[0], strerror(r));
    if (waitpid(pid, &status, 0) < 0)
        err(1, "waiting for %s", argv[0]);
    end = now_ns();
    posix_spawn_file_actions_destroy(&quiet);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        errx(1, "%s failed", argv[0]);
    return end - start;
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
