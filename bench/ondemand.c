/* SPDX-License-Identifier: MIT */
/*
 * Guests that are created when somebody asks for them: clients come at a fixed
 * rate, each sends a datagram to an address that nobody has, and a responder
 * creates a guest there.  How long it takes until that has answered, in
 * nanoseconds since the client was due.
 *
 *     ondemand RATE COUNT BRIDGE ADDRESS PORT COMMAND [ARGUMENT]...
 *
 * sends COUNT datagrams, RATE a second, to ADDRESS and those behind it.  For
 * the first of them dom0's kernel asks on the bridge who has the address, and
 * the responder, which listens there, runs the command; `%` in an argument
 * becomes the address's last number.  The kernel keeps the datagram until the
 * guest announces itself.  It prints, as they come,
 *
 *     answered NS
 *     failed          there was no answer in time
 *
 * Nothing asks again and again: see answer.c.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CLIENTS_MAX 200

static struct in_addr nth(struct in_addr first, unsigned n)
{
    return (struct in_addr){ htonl(ntohl(first.s_addr) + n) };
}

/* ------------------------------------------------------------- responder */

/* All packets: those that this host sends are shown to nobody who listens to
 * one protocol. */
static int listen_on(const char *bridge)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)if_nametoindex(bridge),
    };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

    if (fd < 0 || !address.sll_ifindex ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        err(1, "listening on %s", bridge);
    return fd;
}

/* The number of the address, from the first on, that a packet asks for; -1. */
static int asked_for(int fd, struct in_addr first, unsigned count)
{
    struct {
        struct ether_header ethernet;
        struct ether_arp arp;
    } packet;
    struct in_addr target;
    uint32_t n;

    if (recv(fd, &packet, sizeof(packet), 0) < (ssize_t)sizeof(packet) ||
        packet.ethernet.ether_type != htons(ETHERTYPE_ARP) ||
        packet.arp.arp_op != htons(ARPOP_REQUEST))
        return -1;
    memcpy(&target, packet.arp.arp_tpa, sizeof(target));
    n = ntohl(target.s_addr) - ntohl(first.s_addr);
    return n < count ? (int)n : -1;
}

/* Until it is killed.  A guest asks who has its own address, too. */
static void respond(int fd, struct in_addr first, unsigned count, int argc,
                    char **argv)
{
    bool known[CLIENTS_MAX] = { false };
    char *command[ARGUMENTS_MAX + 1];
    uint64_t start_ns;
    int n;

    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        n = asked_for(fd, first, count);
        if (n < 0 || known[n])
            continue;
        known[n] = true;
        number_arguments(argc, argv,
                         ntohl(nth(first, (unsigned)n).s_addr) & 255, command);
        start(command, &start_ns);
    }
}

/* --------------------------------------------------------------- clients */

struct client {
    int fd; /* -1: not started, or over */
    uint64_t due_ns;
};

static int ask(struct in_addr address, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = address };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        send(fd, "?", 1, 0) != 1)
        err(1, "asking %s", inet_ntoa(address));
    return fd;
}

static unsigned hear(struct client *clients, unsigned count, uint64_t until_ns)
{
    struct pollfd entries[CLIENTS_MAX];
    unsigned i, over = 0;
    char answer;

    for (i = 0; i < count; i++)
        entries[i] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
    if (poll_until(entries, count, until_ns) <= 0)
        return 0;
    for (i = 0; i < count; i++) {
        if (!entries[i].revents)
            continue;
        if (recv(clients[i].fd, &answer, 1, 0) == 1)
            printf("answered %llu\n",
                   (unsigned long long)(now_ns() - clients[i].due_ns));
        else
            printf("failed\n");
        close(clients[i].fd);
        clients[i].fd = -1;
        over++;
    }
    return over;
}

static void run_clients(double rate, unsigned count, struct in_addr first,
                        uint16_t port)
{
    struct client clients[CLIENTS_MAX];
    uint64_t start_ns = now_ns(), limit_ns, next_ns;
    unsigned i, started = 0, over = 0;

    for (i = 0; i < count; i++)
        clients[i] =
            (struct client){ -1, start_ns + (uint64_t)(i * 1e9 / rate) };
    limit_ns = clients[count - 1].due_ns + (uint64_t)LIMIT_MS * 1000000;
    while (over < count && now_ns() < limit_ns) {
        if (started < count && now_ns() >= clients[started].due_ns) {
            clients[started].fd = ask(nth(first, started), port);
            started++;
        }
        next_ns = started < count ? clients[started].due_ns : limit_ns;
        over += hear(clients, started, next_ns);
    }
    for (i = over; i < count; i++)
        printf("failed\n");
}

int main(int argc, char **argv)
{
    struct in_addr first;
    unsigned count;
    double rate;
    pid_t pid;
    int fd;

    if (argc < 7 || argc - 6 > ARGUMENTS_MAX || !inet_aton(argv[4], &first))
        errx(2, "usage: ondemand RATE COUNT BRIDGE ADDRESS PORT COMMAND "
                "[ARGUMENT]...");
    rate = strtod(argv[1], NULL);
    count = (unsigned)strtoul(argv[2], NULL, 10);
    if (rate <= 0 || count < 1 || count > CLIENTS_MAX)
        errx(2, "no such rate or number");
    be_first();
    fd = listen_on(argv[3]);
    pid = fork();
    if (pid < 0)
        err(1, "a responder");
    if (pid == 0)
        respond(fd, first, count, argc - 6, argv + 6);
    run_clients(rate, count, first, (uint16_t)strtoul(argv[5], NULL, 10));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}
