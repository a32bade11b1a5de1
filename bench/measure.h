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
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
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

#endif
