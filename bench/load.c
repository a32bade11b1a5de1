/* SPDX-License-Identifier: MIT */
/*
 * Requests at a fixed rate, each of which is a command, whatever has become of
 * those before: how long each takes until its result is there, in nanoseconds
 * since the moment at which it was due.
 *
 *     load RATE COUNT TEXT COMMAND [ARGUMENT]...
 *
 * starts COUNT commands, RATE a second; `%` in an argument becomes the
 * request's number.  The result is there when TEXT is in what the command has
 * written.  It prints, in the order in which they end,
 *
 *     result NS     it was there
 *     failed        the command ended without it, or it takes too long
 *
 * and last "end NS", when all have ended.  This process has precedence over
 * those that it starts, as a client on another machine would.
 */
#include "measure.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUESTS_MAX 1024
#define OUTPUT_SIZE 256

struct request {
    uint64_t due_ns;
    int fd; /* of its output; -1: not started, or ended */
    pid_t pid;
    bool has_result;
    size_t length;
    char output[OUTPUT_SIZE];
};

static struct request requests[REQUESTS_MAX];
static unsigned count, started, ended;
static const char *result;

static void launch(struct request *request, char **argv)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        err(1, "a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    r = posix_spawnp(&request->pid, argv[0], &actions, NULL, argv, environ);
    if (r != 0)
        errx(1, "%s: %s", argv[0], strerror(r));
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    request->fd = ends[0];
    started++;
}

static void end(struct request *request)
{
    if (!request->has_result)
        printf("failed\n");
    close(request->fd);
    request->fd = -1;
    waitpid(request->pid, NULL, 0);
    ended++;
}

static void hear(struct request *request)
{
    size_t room = OUTPUT_SIZE - 1 - request->length;
    char more[OUTPUT_SIZE];
    ssize_t got = read(request->fd, more, sizeof(more));

    if (got <= 0) {
        end(request);
        return;
    }
    if ((size_t)got < room)
        room = (size_t)got;
    memcpy(request->output + request->length, more, room);
    request->length += room;
    if (request->has_result || !strstr(request->output, result))
        return;
    request->has_result = true;
    printf("result %llu\n", (unsigned long long)(now_ns() - request->due_ns));
}

/* Until something is to be read or the next request is due. */
static void wait_and_hear(uint64_t until_ns)
{
    static struct pollfd entries[REQUESTS_MAX];
    unsigned i;

    for (i = 0; i < started; i++)
        entries[i] = (struct pollfd){ .fd = requests[i].fd, .events = POLLIN };
    if (poll_until(entries, started, until_ns) <= 0)
        return;
    for (i = 0; i < started; i++)
        if (entries[i].revents)
            hear(&requests[i]);
}

int main(int argc, char **argv)
{
    char *command[ARGUMENTS_MAX + 1];
    uint64_t start_ns, limit_ns;
    double rate;
    unsigned i;

    if (argc < 5 || argc - 4 > ARGUMENTS_MAX)
        errx(2, "usage: load RATE COUNT TEXT COMMAND [ARGUMENT]...");
    rate = strtod(argv[1], NULL);
    count = (unsigned)strtoul(argv[2], NULL, 10);
    result = argv[3];
    if (rate <= 0 || count < 1 || count > REQUESTS_MAX)
        errx(2, "no such rate or number");
    be_first();
    start_ns = now_ns();
    for (i = 0; i < count; i++)
        requests[i] =
            (struct request){ .due_ns = start_ns + (uint64_t)(i * 1e9 / rate),
                              .fd = -1 };
    limit_ns = requests[count - 1].due_ns + (uint64_t)LIMIT_MS * 1000000;
    while (ended < count && now_ns() < limit_ns) {
        if (started < count && now_ns() >= requests[started].due_ns) {
            number_arguments(argc - 4, argv + 4, started, command);
            launch(&requests[started], command);
        }
        wait_and_hear(started < count ? requests[started].due_ns : limit_ns);
    }
    for (i = 0; i < started; i++)
        if (requests[i].fd >= 0) {
            kill(requests[i].pid, SIGKILL);
            end(&requests[i]);
        }
    printf("end %llu\n", (unsigned long long)(now_ns() - start_ns));
    return 0;
}
