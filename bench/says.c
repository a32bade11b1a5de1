/* SPDX-License-Identifier: MIT */
/*
 * How long it takes from the spawn of a command that creates a guest until the
 * command ends, and until the guest says something on its console, in
 * nanoseconds.
 *
 *     says LOG TEXT COMMAND [ARGUMENT]...
 *
 * LOG is the file that xenconsoled keeps of the console; what it has before is
 * removed.  It prints
 *
 *     returned NS      the command ended
 *     said NS          TEXT was in the file
 *
 * The kernel tells of each change of the file, and until then this sleeps: on
 * one processor a prober that keeps looking would take the time that it
 * measures.
 */
#include "measure.h"

#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/inotify.h>

/* More than a guest says until it is up. */
#define LOG_SIZE (1 << 20)

/* The file may not be there yet, so its directory is watched. */
static int watch_directory(const char *log)
{
    char path[4096];
    int fd = inotify_init1(IN_CLOEXEC);

    snprintf(path, sizeof(path), "%s", log);
    if (fd < 0 || inotify_add_watch(fd, dirname(path), IN_MODIFY) < 0)
        err(1, "watching %s", log);
    return fd;
}

static bool has(const char *log, const char *text)
{
    static char content[LOG_SIZE];
    int fd = open(log, O_RDONLY | O_CLOEXEC);
    ssize_t length;

    if (fd < 0)
        return false;
    length = read(fd, content, sizeof(content));
    close(fd);
    return length > 0 && memmem(content, (size_t)length, text, strlen(text));
}

/* Until the text is there: when that was. */
static uint64_t wait_for(int watch, const char *log, const char *text)
{
    struct pollfd entry = { .fd = watch, .events = POLLIN };
    char events[4096];

    while (!has(log, text)) {
        if (poll(&entry, 1, LIMIT_MS) <= 0)
            errx(1, "%s: no \"%s\" in time", log, text);
        if (read(watch, events, sizeof(events)) < 0)
            err(1, "watching %s", log);
    }
    return now_ns();
}

int main(int argc, char **argv)
{
    const char *log, *text;
    uint64_t start_ns, end_ns;
    char **command;
    pid_t pid;
    int watch;

    if (argc < 4)
        errx(2, "usage: says LOG TEXT COMMAND [ARGUMENT]...");
    log = argv[1];
    text = argv[2];
    command = argv + 3;
    unlink(log);
    watch = watch_directory(log);
    pid = start(command, &start_ns);
    end_ns = finish(pid, command);
    printf("returned %llu\n", (unsigned long long)(end_ns - start_ns));
    end_ns = wait_for(watch, log, text);
    printf("said %llu\n", (unsigned long long)(end_ns - start_ns));
    return 0;
}
