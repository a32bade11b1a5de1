/* SPDX-License-Identifier: MIT */
/*
 * What the programs here share: the clock, and commands whose output nobody
 * reads.
 *
 * The clock is this machine's, in nanoseconds: under `tests/lab/run --icount`
 * that is instructions, exact and repeatable.
 */
#ifndef CHAOS_BENCH_MEASURE_H
#define CHAOS_BENCH_MEASURE_H

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of all that is waited for; far beyond what any of it takes. */
#define LIMIT_MS 20000

static inline uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* poll() until then, to the nanosecond. */
static inline int poll_until(struct pollfd *entries, unsigned count,
                             uint64_t until_ns)
{
    uint64_t now = now_ns(), left = until_ns > now ? until_ns - now : 0;
    const struct timespec timeout = {
        .tv_sec = (time_t)(left / 1000000000),
        .tv_nsec = (long)(left % 1000000000),
    };

    return ppoll(entries, count, &timeout, NULL);
}

/* Starts a command with its output to /dev/null; `start_ns_r` is just before.
 */
static inline pid_t start(char **argv, uint64_t *start_ns_r)
{
    extern char **environ;
    posix_spawn_file_actions_t quiet;
    pid_t pid;
    int r;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    *start_ns_r = now_ns();
    r = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
    if (r != 0)
        errx(1, "%s: %s", argv[0], strerror(r));
    posix_spawn_file_actions_destroy(&quiet);
    return pid;
}

/* Waits for its end, which is returned; a failure ends the bench. */
static inline uint64_t finish(pid_t pid, char **argv)
{
    struct pollfd entry = { .fd = pidfd_open(pid, 0), .events = POLLIN };
    uint64_t end_ns;
    int status;

    if (entry.fd < 0 || poll(&entry, 1, LIMIT_MS) <= 0) {
        kill(pid, SIGKILL);
        errx(1, "%s did not end in time", argv[0]);
    }
    end_ns = now_ns();
    close(entry.fd);
    if (waitpid(pid, &status, 0) < 0)
        err(1, "waiting for %s", argv[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        errx(1, "%s failed", argv[0]);
    return end_ns;
}

/* From now on before all that is no real-time process; what is started from
 * here is none. */
static inline void be_first(void)
{
    const struct sched_param first = { .sched_priority = 1 };

    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) < 0)
        err(1, "precedence");
}

#define ARGUMENTS_MAX 32
#define ARGUMENT_SIZE 512

/* The arguments with the number for the first `%` in each, until the next call.
 */
static inline void number_arguments(int argc, char **argv, unsigned number,
                                    char *numbered[ARGUMENTS_MAX + 1])
{
    static char texts[ARGUMENTS_MAX][ARGUMENT_SIZE];
    const char *mark;
    int i;

    for (i = 0; i < argc; i++) {
        mark = strchr(argv[i], '%');
        if (mark)
            snprintf(texts[i], ARGUMENT_SIZE, "%.*s%u%s", (int)(mark - argv[i]),
                     argv[i], number, mark + 1);
        else
            snprintf(texts[i], ARGUMENT_SIZE, "%s", argv[i]);
        numbered[i] = texts[i];
    }
    numbered[argc] = NULL;
}

#endif
