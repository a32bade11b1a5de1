/* SPDX-License-Identifier: MIT */
/*
 * Network traffic to measure with: the same client for every guest, and for a
 * Linux guest the services that the unikernel `echo` has.
 *
 *     traffic serve                    discard and chargen (TCP), echo (UDP)
 *     traffic send ADDRESS BYTES       to discard
 *     traffic receive ADDRESS BYTES    from chargen
 *     traffic ping icmp|udp ADDRESS TIMES
 *
 * send and receive print how many nanoseconds it took from the connection's
 * being there; send waits until the peer has closed, so that all of it has
 * arrived.  ping prints the round trip of each packet, one after the other and
 * 64 bytes without the headers below ICMP and UDP.  serve returns when it
 * listens.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ECHO_PORT 7
#define DISCARD_PORT 9
#define CHARGEN_PORT 19

#define PING_SIZE 64
#define IP_HEADER_MAX 60

/* Of one system call: large enough not to count. */
static char buffer[256 * 1024];

static struct sockaddr_in end_point(const char *address, uint16_t port)
{
    struct sockaddr_in end = { .sin_family = AF_INET, .sin_port = htons(port) };

    if (!inet_aton(address, &end.sin_addr))
        errx(2, "%s: no address", address);
    return end;
}

static int open_socket(int type, int protocol)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        err(1, "socket");
    return fd;
}

static int connect_to(int type, int protocol, const char *address,
                      uint16_t port)
{
    const struct timeval limit = { .tv_sec = LIMIT_MS / 1000 };
    struct sockaddr_in end = end_point(address, port);
    int fd = open_socket(type, protocol);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&end, sizeof(end)) < 0)
        err(1, "connecting to %s, port %d", address, port);
    return fd;
}

static void print_since(uint64_t start_ns)
{
    printf("%llu\n", (unsigned long long)(now_ns() - start_ns));
}

/* ---------------------------------------------------------------- client */

static size_t at_most(uint64_t left)
{
    return left < sizeof(buffer) ? (size_t)left : sizeof(buffer);
}

static void send_bytes(const char *address, uint64_t left)
{
    int fd = connect_to(SOCK_STREAM, 0, address, DISCARD_PORT);
    uint64_t start_ns = now_ns();
    ssize_t r;

    for (; left; left -= (uint64_t)r) {
        r = send(fd, buffer, at_most(left), 0);
        if (r <= 0)
            err(1, "sending to %s", address);
    }
    shutdown(fd, SHUT_WR);
    r = recv(fd, buffer, sizeof(buffer), 0);
    if (r != 0)
        err(1, "%s does not close", address);
    print_since(start_ns);
}

static void receive_bytes(const char *address, uint64_t left)
{
    int fd = connect_to(SOCK_STREAM, 0, address, CHARGEN_PORT);
    uint64_t start_ns = now_ns();
    ssize_t r;

    for (; left; left -= (uint64_t)r) {
        r = recv(fd, buffer, at_most(left), 0);
        if (r <= 0)
            err(1, "receiving from %s", address);
    }
    print_since(start_ns);
}

/* RFC 1071, of a packet that has its number where nothing else but its type
 * is not 0. */
static void number_echo(struct icmphdr *icmp, uint16_t number)
{
    uint32_t sum = htons(ICMP_ECHO << 8) + htons(number);

    *icmp = (struct icmphdr){ .type = ICMP_ECHO };
    icmp->un.echo.sequence = htons(number);
    icmp->checksum = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static bool is_reply(const char *packet, ssize_t size, bool is_icmp,
                     uint16_t number)
{
    struct icmphdr icmp;
    struct iphdr ip;

    if (!is_icmp)
        return size == PING_SIZE;
    memcpy(&ip, packet, sizeof(ip));
    memcpy(&icmp, packet + ip.ihl * 4, sizeof(icmp));
    return size >= PING_SIZE && icmp.type == ICMP_ECHOREPLY &&
           icmp.un.echo.sequence == htons(number);
}

static void ping(int fd, bool is_icmp, uint16_t number)
{
    char packet[IP_HEADER_MAX + PING_SIZE] = { 0 };
    ssize_t r;

    if (is_icmp)
        number_echo((struct icmphdr *)packet, number);
    if (send(fd, packet, PING_SIZE, 0) < 0)
        err(1, "sending an echo request");
    do {
        r = recv(fd, packet, sizeof(packet), 0);
        if (r < 0)
            err(1, "no reply to echo request %d", number);
    } while (!is_reply(packet, r, is_icmp, number));
}

static void ping_times(bool is_icmp, const char *address, unsigned times)
{
    int fd = connect_to(is_icmp ? SOCK_RAW : SOCK_DGRAM,
                        is_icmp ? IPPROTO_ICMP : 0, address, ECHO_PORT);
    uint64_t start_ns;
    unsigned i;

    ping(fd, is_icmp, 0); /* either end asks for the other's address */
    for (i = 1; i <= times; i++) {
        start_ns = now_ns();
        ping(fd, is_icmp, (uint16_t)i);
        print_since(start_ns);
    }
}

/* --------------------------------------------------------------- service */

static int serve_at(int type, uint16_t port)
{
    struct sockaddr_in end = end_point("0.0.0.0", port);
    int fd = open_socket(type, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&end, sizeof(end)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 1) < 0))
        err(1, "port %d", port);
    return fd;
}

static void serve_echo(int fd)
{
    struct sockaddr_in peer;
    socklen_t size;
    ssize_t got;

    for (;;) {
        size = sizeof(peer);
        got = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&peer,
                       &size);
        if (got >= 0)
            sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&peer, size);
    }
}

static void serve_discard(int fd)
{
    int peer;

    for (;; close(peer)) {
        peer = accept(fd, NULL, NULL);
        while (recv(peer, buffer, sizeof(buffer), 0) > 0)
            ;
    }
}

static void serve_chargen(int fd)
{
    int peer;

    for (;; close(peer)) {
        peer = accept(fd, NULL, NULL);
        while (send(peer, buffer, sizeof(buffer), MSG_NOSIGNAL) > 0)
            ;
    }
}

static void serve(void)
{
    static const struct {
        uint16_t port;
        int type;
        void (*serve)(int fd);
    } services[] = {
        { ECHO_PORT, SOCK_DGRAM, serve_echo },
        { DISCARD_PORT, SOCK_STREAM, serve_discard },
        { CHARGEN_PORT, SOCK_STREAM, serve_chargen },
    };
    size_t i;
    int fd;

    for (i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        fd = serve_at(services[i].type, services[i].port);
        if (fork() == 0)
            services[i].serve(fd);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    memset(buffer, 'x', sizeof(buffer));
    if (strcmp(what, "serve") == 0 && argc == 2)
        serve();
    else if (strcmp(what, "send") == 0 && argc == 4)
        send_bytes(argv[2], strtoull(argv[3], NULL, 10));
    else if (strcmp(what, "receive") == 0 && argc == 4)
        receive_bytes(argv[2], strtoull(argv[3], NULL, 10));
    else if (strcmp(what, "ping") == 0 && argc == 5)
        ping_times(strcmp(argv[2], "icmp") == 0, argv[3],
                   (unsigned)strtoul(argv[4], NULL, 10));
    else
        errx(2, "usage: traffic serve | send ADDRESS BYTES | receive ADDRESS "
                "BYTES | ping icmp|udp ADDRESS TIMES");
    return 0;
}
