/* SPDX-License-Identifier: MIT */
/* Talking to a service manager: sd_notify(3)'s protocol, which is a datagram
 * with lines of NAME=VALUE to the socket that $NOTIFY_SOCKET names. */
#include "cli.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void cli_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const size_t length = path ? strlen(path) : 0;
    int fd;

    if (length < 2 || length >= sizeof(address.sun_path) ||
        (*path != '/' && *path != '@'))
        return;
    memcpy(address.sun_path, path, length);
    if (*path == '@') /* Linux's abstract names start with a NUL */
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Nobody may be listening any more: then there is nobody to tell. */
    sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
           (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(fd);
}

/* A number from the environment; 0: it is not there, or none. */
static unsigned long long number_of(const char *name)
{
    const char *text = getenv(name);
    unsigned long long value;
    char *end;

    if (!text || *text < '0' || *text > '9')
        return 0;
    value = strtoull(text, &end, 10);
    return *end ? 0 : value;
}

unsigned cli_notify_watchdog_ms(void)
{
    const unsigned long long pid = number_of("WATCHDOG_PID");
    const unsigned long long ms = number_of("WATCHDOG_USEC") / 1000;

    if (pid && pid != (unsigned long long)getpid())
        return 0;
    return ms < 3600000 ? (unsigned)ms : 3600000;
}

bool cli_writes_to_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];

    if (!text || fstat(STDERR_FILENO, &status) < 0)
        return false;
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(text, own) == 0;
}
