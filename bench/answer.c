/* SPDX-License-Identifier: MIT */
/*
 * How long it takes from the spawn of a command that creates a guest until the
 * guest answers on the network, in nanoseconds.
 *
 *     answer BRIDGE ADDRESS COMMAND [ARGUMENT]...
 *     answer -g PORT BRIDGE ADDRESS COMMAND [ARGUMENT]...
 *
 * sleeps until the bridge hears an ARP packet from ADDRESS, which a guest
 * sends by itself as soon as it can be reached.  Then it sends one echo request
 * (ICMP) to it, or connects to the TCP port and reads to the end.  It prints
 *
 *     announced NS     the ARP packet came
 *     answered NS      the echo reply came, or
 *     greeted NS       the end of what the port said came
 *     returned NS      the command ended
 *
 * Nothing is sent before the guest is there: on one processor a prober that
 * keeps asking would take the time that it measures.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct echo {
    struct ether_header ethernet;
    struct iphdr ip;
    struct icmphdr icmp;
} __attribute__((packed));

/* This end: the bridge as dom0 has it. */
struct bridge {
    const char *name;
    int index;
    struct in_addr address;
};

static void ask(const struct bridge *bridge, unsigned long what,
                struct ifreq *request)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    *request = (struct ifreq){ 0 };
    snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", bridge->name);
    if (fd < 0 || ioctl(fd, what, request) < 0)
        err(1, "%s", bridge->name);
    close(fd);
}

static void look_at_bridge(const char *name, struct bridge *bridge)
{
    struct ifreq request;
    struct sockaddr_in address;

    bridge->name = name;
    ask(bridge, SIOCGIFINDEX, &request);
    bridge->index = request.ifr_ifindex;
    ask(bridge, SIOCGIFADDR, &request);
    memcpy(&address, &request.ifr_addr, sizeof(address));
    bridge->address = address.sin_addr;
}

/* A socket for whole packets of one protocol on the bridge. */
static int listen_to(const struct bridge *bridge, uint16_t protocol)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(protocol),
        .sll_ifindex = bridge->index,
    };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(protocol));

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        err(1, "listening on the bridge");
    return fd;
}

/* Receives a packet, or ends the bench. */
static size_t receive(int fd, void *packet, size_t size, const char *what)
{
    struct pollfd entry = { .fd = fd, .events = POLLIN };
    ssize_t got = -1;

    if (poll(&entry, 1, LIMIT_MS) > 0)
        got = recv(fd, packet, size, 0);
    if (got < 0)
        errx(1, "no %s", what);
    return (size_t)got;
}

static void await_announcement(int fd, struct in_addr guest,
                               uint8_t mac[ETH_ALEN])
{
    struct {
        struct ether_header ethernet;
        struct ether_arp arp;
    } packet;

    do {
        if (receive(fd, &packet, sizeof(packet), "packet from the guest") <
            sizeof(packet))
            packet.arp = (struct ether_arp){ 0 };
    } while (memcmp(packet.arp.arp_spa, &guest, sizeof(guest)) != 0);
    memcpy(mac, packet.arp.arp_sha, ETH_ALEN);
}

/* RFC 1071 */
static uint16_t checksum(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t sum = 0;
    uint16_t word;
    size_t i;

    for (i = 0; i < size; i += sizeof(word)) {
        memcpy(&word, bytes + i, sizeof(word));
        sum += word;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static void request_echo(int fd, const struct bridge *bridge,
                         struct in_addr guest, const uint8_t mac[ETH_ALEN])
{
    struct iphdr ip = {
        .version = 4,
        .ihl = sizeof(ip) / 4,
        .tot_len = htons(sizeof(struct echo) - sizeof(struct ether_header)),
        .ttl = 64,
        .protocol = IPPROTO_ICMP,
        .saddr = bridge->address.s_addr,
        .daddr = guest.s_addr,
    };
    struct icmphdr icmp = { .type = ICMP_ECHO, .un.echo.id = htons(1) };
    struct echo echo = { .ethernet.ether_type = htons(ETHERTYPE_IP) };
    struct ifreq own;

    /* The bridge got its MAC address from the guest's interface. */
    ask(bridge, SIOCGIFHWADDR, &own);
    ip.check = checksum(&ip, sizeof(ip));
    icmp.checksum = checksum(&icmp, sizeof(icmp));
    memcpy(echo.ethernet.ether_dhost, mac, ETH_ALEN);
    memcpy(echo.ethernet.ether_shost, own.ifr_hwaddr.sa_data, ETH_ALEN);
    echo.ip = ip;
    echo.icmp = icmp;
    if (send(fd, &echo, sizeof(echo), 0) < 0)
        err(1, "sending an echo request");
}

static void await_echo(int fd, struct in_addr guest)
{
    struct echo echo;

    do {
        if (receive(fd, &echo, sizeof(echo), "echo reply") < sizeof(echo))
            echo.ip.protocol = 0;
    } while (echo.ip.protocol != IPPROTO_ICMP ||
             echo.icmp.type != ICMP_ECHOREPLY || echo.ip.saddr != guest.s_addr);
}

static void await_greeting(struct in_addr guest, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = guest,
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t length = 0, got;
    char text[256];

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        err(1, "connecting to port %d", port);
    while ((got = receive(fd, text, sizeof(text), "greeting")))
        length += got;
    if (!length)
        errx(1, "no greeting");
    close(fd);
}

static void print(const char *what, uint64_t end_ns, uint64_t start_ns)
{
    printf("%s %llu\n", what, (unsigned long long)(end_ns - start_ns));
}

int main(int argc, char **argv)
{
    uint64_t start_ns, announced_ns, answered_ns, returned_ns;
    struct in_addr guest;
    struct bridge bridge;
    uint8_t mac[ETH_ALEN];
    uint16_t port = 0;
    int option, arp, ip;
    pid_t pid;

    while ((option = getopt(argc, argv, "+g:")) != -1)
        if (option == 'g')
            port = (uint16_t)strtoul(optarg, NULL, 10);
        else
            return 2;
    argv += optind;
    if (argc - optind < 3 || !inet_aton(argv[1], &guest))
        errx(2, "usage: answer [-g PORT] BRIDGE ADDRESS COMMAND [ARGUMENT]...");
    look_at_bridge(argv[0], &bridge);
    arp = listen_to(&bridge, ETH_P_ARP);
    ip = listen_to(&bridge, ETH_P_IP);
    argv += 2;

    pid = start(argv, &start_ns);
    await_announcement(arp, guest, mac);
    announced_ns = now_ns();
    if (port) {
        await_greeting(guest, port);
    } else {
        request_echo(ip, &bridge, guest, mac);
        await_echo(ip, guest);
    }
    answered_ns = now_ns();
    returned_ns = finish(pid, argv);
    print("announced", announced_ns, start_ns);
    print(port ? "greeted" : "answered", answered_ns, start_ns);
    print("returned", returned_ns, start_ns);
    return 0;
}
