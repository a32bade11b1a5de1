/* SPDX-License-Identifier: MIT */
/*
 * When a command says what: each line that it writes to its standard error,
 * behind the nanoseconds since its spawn; last "END", when it ended.
 *
 *     stamp COMMAND [ARGUMENT]...
 *
 * On one processor the time of a line is when this reads it: so this has
 * precedence over all that is no real-time process, and reads it at once.
 */
#include "measure.h"

#include <stdbool.h>
#include <stdio.h>

/* The first of a line's bytes tells when it was written. */
static void stamp(int fd, uint64_t start_ns)
{
    char text[4096], *at, *end;
    bool is_start = true;
    uint64_t line_ns;
    ssize_t got;

    while ((got = read(fd, text, sizeof(text))) > 0) {
        line_ns = now_ns() - start_ns;
        for (at = text, end = text + got; at < end; at++) {
            if (is_start)
                printf("%llu ", (unsigned long long)line_ns);
            putchar(*at);
            is_start = *at == '\n';
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t start_ns, end_ns;
    int ends[2], error;
    pid_t pid;

    if (argc < 2)
        errx(2, "usage: stamp COMMAND [ARGUMENT]...");
    error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (error < 0 || pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], 2) < 0)
        err(1, "a pipe");
    close(ends[1]);
    be_first();
    pid = start(argv + 1, &start_ns);
    dup2(error, STDERR_FILENO);
    stamp(ends[0], start_ns);
    end_ns = finish(pid, argv + 1);
    printf("%llu END\n", (unsigned long long)(end_ns - start_ns));
    return 0;
}
