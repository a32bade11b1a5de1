/* SPDX-License-Identifier: MIT */
/* The network unikernels and lwIP below them, against a peer that speaks as
 * much ARP, IP and TCP as it takes to try them. */
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

#define ARP 0x0806
#define IP 0x0800
#define ICMP 1
#define TCP 6
#define UDP 17

#define ETHERNET_HEADER 14u
#define IP_HEADER 20u
#define HEADERS (ETHERNET_HEADER + IP_HEADER)
#define MSS 1460u

#define FIN 1
#define SYN 2
#define RST 4
#define PSH 8
#define ACK 16

void daytime_main(const struct guest_info *info);
void echo_main(const struct guest_info *info);
void http_main(const struct guest_info *info);

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t our_ip[4] = { 10, 0, 0, 1 };

static const struct net_info plain = {
    .mac = { 0, 0x16, 0x3e, 1, 2, 3 },
    .mtu = 1500,
    .ipv4 = { 10, 0, 0, 2 },
    .gateway = { 10, 0, 0, 1 },
    .prefix = 24,
    .can_gather = true,
};

static void start(void (*main)(const struct guest_info *),
                  const struct net_info *info)
{
    wire_reset(info);
    wire_start(main);
}

/* ---------------------------------------------------------------- packets */

static void put16(uint8_t *to, uint16_t n)
{
    to[0] = n >> 8;
    to[1] = n;
}

static void put32(uint8_t *to, uint32_t n)
{
    put16(to, n >> 16);
    put16(to + 2, n);
}

static uint16_t get16(const uint8_t *from)
{
    return from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)get16(from) << 16 | get16(from + 2);
}

static uint32_t add(uint32_t sum, const uint8_t *data, size_t length)
{
    for (; length > 1; data += 2, length -= 2)
        sum += get16(data);
    return length ? sum + (data[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static uint16_t pseudo_sum(const uint8_t *ip, size_t length)
{
    return fold(add(0, ip + 12, 8) + ip[9] + length);
}

/* Of what a TCP or UDP checksum covers, with the checksum itself: 0xffff if
 * it is right. */
static uint16_t transport_sum(const uint8_t *ip, size_t length)
{
    return fold(add(pseudo_sum(ip, length), ip + IP_HEADER, length));
}

/* An IP packet whose payload is there already; all of it. */
static size_t finish_ip(uint8_t *frame, int protocol, unsigned int fragment,
                        size_t length)
{
    uint8_t *ip = frame + ETHERNET_HEADER;

    memcpy(frame, plain.mac, 6);
    memcpy(frame + 6, our_mac, 6);
    put16(frame + 12, IP);
    memset(ip, 0, IP_HEADER);
    ip[0] = 0x45;
    put16(ip + 2, IP_HEADER + length);
    put16(ip + 4, 77); /* all fragments of a test are of one packet */
    put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    memcpy(ip + 12, our_ip, 4);
    memcpy(ip + 16, plain.ipv4, 4);
    put16(ip + 10, ~fold(add(0, ip, IP_HEADER)));
    return HEADERS + length;
}

static size_t take(uint8_t *frame)
{
    unsigned int flags, pieces;

    return wire_take(frame, &flags, &pieces);
}

/* ------------------------------------------------------------------- ARP */

static void say_arp(uint16_t operation)
{
    uint8_t frame[42];

    memset(frame, 0xff, 6);
    memcpy(frame + 6, our_mac, 6);
    put16(frame + 12, ARP);
    memcpy(frame + 14, "\0\1\10\0\6\4", 6);
    put16(frame + 20, operation);
    memcpy(frame + 22, our_mac, 6);
    memcpy(frame + 28, our_ip, 4);
    memcpy(frame + 32, plain.mac, 6);
    memcpy(frame + 38, plain.ipv4, 4);
    assert_true(wire_deliver(frame, sizeof(frame), 0));
    wire_run();
}

/* The guest knows us, and we have seen what it said at its start. */
static void introduce(void)
{
    uint8_t frame[WIRE_PACKET_MAX];

    say_arp(1);
    while (take(frame))
        assert_int_equal(get16(frame + 12), ARP);
}

static void test_arp(void **state)
{
    uint8_t frame[WIRE_PACKET_MAX];

    (void)state;
    start(daytime_main, &plain);
    assert_string_equal(wire_console, "daytime: up on 10.0.0.2/24\n");
    assert_true(wire_up);
    /* It says whose address that is. */
    assert_int_equal(take(frame), 42);
    assert_int_equal(get16(frame + 12), ARP);
    assert_memory_equal(frame + 28, plain.ipv4, 4);
    assert_memory_equal(frame + 38, plain.ipv4, 4);
    say_arp(1);
    assert_int_equal(take(frame), 42);
    assert_memory_equal(frame, our_mac, 6);
    assert_int_equal(get16(frame + 20), 2);
    assert_memory_equal(frame + 22, plain.mac, 6);
    assert_memory_equal(frame + 28, plain.ipv4, 4);
    assert_int_equal(take(frame), 0);
    assert_int_equal(wire_held(), 0);
}

static void test_no_interface(void **state)
{
    struct net_info nameless = plain;

    (void)state;
    start(daytime_main, NULL);
    assert_string_equal(wire_console,
                        "daytime: no network interface with an address\n");
    assert_true(wire_up);
    memset(nameless.ipv4, 0, 4);
    start(http_main, &nameless);
    assert_string_equal(wire_console,
                        "http: no network interface with an address\n");
    assert_true(wire_up);
}

/* ------------------------------------------------------------------- ICMP */

static size_t make_ping(uint8_t *frame, size_t length)
{
    uint8_t *icmp = frame + HEADERS;

    memset(icmp, 0, 8);
    icmp[0] = 8;
    put16(icmp + 4, 4711);
    for (size_t i = 8; i < length; i++)
        icmp[i] = i * 7;
    put16(icmp + 2, ~fold(add(0, icmp, length)));
    return finish_ip(frame, ICMP, 0, length);
}

static void test_ping(void **state)
{
    uint8_t ping[WIRE_PACKET_MAX], pong[WIRE_PACKET_MAX];
    size_t length;

    (void)state;
    start(daytime_main, &plain);
    introduce();
    length = make_ping(ping, 64);
    assert_true(wire_deliver(ping, length, 0));
    wire_run();
    assert_int_equal(take(pong), length);
    assert_int_equal(pong[HEADERS], 0);
    assert_memory_equal(pong + HEADERS + 4, ping + HEADERS + 4, 60);
    assert_int_equal(fold(add(0, pong + HEADERS, 64)), 0xffff);
    assert_int_equal(fold(add(0, pong + ETHERNET_HEADER, IP_HEADER)), 0xffff);
    ping[HEADERS + 20] ^= 1;
    assert_true(wire_deliver(ping, length, 0));
    wire_run();
    assert_int_equal(take(pong), 0);
    assert_int_equal(wire_held(), 0);
}

/* One that both sides have to send in fragments. */
static void test_large_ping(void **state)
{
    enum {
        LENGTH = 3000,
        PIECE = 1480
    };
    uint8_t ping[WIRE_PACKET_MAX], frame[WIRE_PACKET_MAX], got[LENGTH];
    size_t length, total = 0;

    (void)state;
    start(daytime_main, &plain);
    introduce();
    make_ping(ping, LENGTH);
    for (size_t offset = 0; offset < LENGTH; offset += PIECE) {
        size_t piece = LENGTH - offset < PIECE ? LENGTH - offset : PIECE;
        bool more = offset + piece < LENGTH;

        memcpy(frame + HEADERS, ping + HEADERS + offset, piece);
        length =
            finish_ip(frame, ICMP, offset / 8 | (more ? 0x2000 : 0), piece);
        assert_true(wire_deliver(frame, length, 0));
    }
    wire_run();
    while ((length = take(frame))) {
        size_t offset = (get16(frame + ETHERNET_HEADER + 6) & 0x1fff) * 8;

        assert_in_range(offset + length - HEADERS, 0, LENGTH);
        memcpy(got + offset, frame + HEADERS, length - HEADERS);
        total += length - HEADERS;
    }
    assert_int_equal(total, LENGTH);
    assert_int_equal(fold(add(0, got, LENGTH)), 0xffff);
    assert_memory_equal(got + 4, ping + HEADERS + 4, LENGTH - 4);
    assert_int_equal(wire_held(), 0);
}

/* ------------------------------------------------------------------- TCP */

/* The peer's end of a connection. */
struct client {
    uint16_t port, to;
    uint32_t next;     /* our next byte's number */
    uint32_t expected; /* theirs */
    uint32_t acked;    /* up to where they have ours */
    uint32_t first;    /* their first number */
    uint16_t window;   /* what they let us send beyond `acked` */
    bool silent;       /* does not acknowledge */
    bool established, fin, reset;
    uint8_t data[300000];
    size_t length;
};

static struct client one;
static uint16_t last_port = 40000;

static size_t make_segment(const struct client *c, uint8_t *frame, int flags,
                           const void *data, size_t length)
{
    uint8_t *tcp = frame + HEADERS;
    size_t header = flags & SYN ? 24 : 20, size;

    memset(tcp, 0, header);
    put16(tcp, c->port);
    put16(tcp + 2, c->to);
    put32(tcp + 4, c->next);
    put32(tcp + 8, flags & ACK ? c->expected : 0);
    tcp[12] = header << 2;
    tcp[13] = flags;
    put16(tcp + 14, 65535);
    if (flags & SYN)
        put32(tcp + 20, 0x02040000 | MSS);
    if (length)
        memcpy(tcp + header, data, length);
    size = finish_ip(frame, TCP, 0, header + length);
    put16(tcp + 16, ~transport_sum(frame + ETHERNET_HEADER, header + length));
    return size;
}

static void send_segment(struct client *c, int flags, const void *data,
                         size_t length)
{
    uint8_t frame[WIRE_PACKET_MAX];

    assert_true(
        wire_deliver(frame, make_segment(c, frame, flags, data, length), 0));
    c->next += length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
}

/* True if it deserves an answer. */
static bool take_segment(struct client *c, const uint8_t *frame)
{
    const uint8_t *ip = frame + ETHERNET_HEADER, *tcp = ip + IP_HEADER;
    size_t header = (tcp[12] >> 4) * 4;
    size_t length = get16(ip + 2) - IP_HEADER - header;
    uint32_t number = get32(tcp + 4);
    int flags = tcp[13];

    if (flags & RST) {
        c->reset = true;
        return false;
    }
    if (flags & SYN) {
        c->first = number;
        c->expected = number + 1;
    }
    assert_true(flags & ACK);
    c->acked = get32(tcp + 8);
    c->window = get16(tcp + 14);
    if (flags & SYN)
        return true;
    c->established = true;
    if (number != c->expected)
        return length > 0;
    assert_in_range(length, 0, MSS);
    assert_in_range(c->length + length, 0, sizeof(c->data));
    memcpy(c->data + c->length, tcp + header, length);
    c->length += length;
    c->expected += length + (flags & FIN);
    c->fin |= flags & FIN;
    return length || flags & FIN;
}

/* Lets the guest and the client talk until both are silent, or the client has
 * heard enough. */
#define ENOUGH (sizeof(one.data) - 70000)
static void talk(struct client *c)
{
    uint8_t frame[WIRE_PACKET_MAX];
    bool answer;

    do {
        answer = false;
        wire_run();
        while (take(frame)) {
            const uint8_t *ip = frame + ETHERNET_HEADER;

            if (get16(frame + 12) == ARP) {
                say_arp(2);
                continue;
            }
            assert_int_equal(ip[9], TCP);
            assert_int_equal(fold(add(0, ip, IP_HEADER)), 0xffff);
            assert_int_equal(transport_sum(ip, get16(ip + 2) - IP_HEADER),
                             0xffff);
            if (get16(ip + IP_HEADER + 2) == c->port)
                answer |= take_segment(c, frame);
        }
        answer &= !c->silent && c->length < ENOUGH;
        if (answer)
            send_segment(c, ACK, NULL, 0);
    } while (answer);
}

/* Until what the guest puts off for a moment has been done. */
static void wait_a_moment(struct client *c)
{
    wire_now += SECOND / 4;
    talk(c);
}

static void open_connection(struct client *c, uint16_t to)
{
    memset(c, 0, sizeof(*c));
    c->port = ++last_port;
    c->to = to;
    c->next = c->port * 100000u;
    send_segment(c, SYN, NULL, 0);
    talk(c);
}

static void say(struct client *c, const char *text)
{
    send_segment(c, PSH | ACK, text, strlen(text));
    talk(c);
}

static void close_connection(struct client *c)
{
    send_segment(c, FIN | ACK, NULL, 0);
    talk(c);
}

/* Time goes on, as fast as the guest lets it. */
static void sleep_until(struct client *c, uint64_t ns)
{
    while (wire_wake && wire_wake <= ns) {
        wire_now = wire_wake;
        talk(c);
    }
    wire_now = ns;
}

static void test_daytime(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } times[] = {
        { 0, "Thursday, January 1, 1970 00:00:00-UTC\r\n" },
        { 951782399, "Monday, February 28, 2000 23:59:59-UTC\r\n" },
        { 951782400, "Tuesday, February 29, 2000 00:00:00-UTC\r\n" },
        { 951868800, "Wednesday, March 1, 2000 00:00:00-UTC\r\n" },
        { 1732443133, "Sunday, November 24, 2024 10:12:13-UTC\r\n" },
        { 4107542399, "Sunday, February 28, 2100 23:59:59-UTC\r\n" },
        { 4107542400, "Monday, March 1, 2100 00:00:00-UTC\r\n" },
    };

    (void)state;
    start(daytime_main, &plain);
    introduce();
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        wire_wall = times[i].seconds * SECOND - wire_now + 5;
        open_connection(&one, 13);
        assert_true(one.fin);
        assert_int_equal(one.length, strlen(times[i].text));
        assert_memory_equal(one.data, times[i].text, one.length);
        close_connection(&one);
        assert_false(one.reset);
    }
    assert_int_equal(wire_held(), 0);
}

/* It is asked nothing, but some clients say something all the same. */
static void test_daytime_is_told_something(void **state)
{
    (void)state;
    start(daytime_main, &plain);
    introduce();
    open_connection(&one, 13);
    say(&one, "What time is it?\r\n");
    wait_a_moment(&one);
    assert_true(one.fin && !one.reset);
    assert_int_equal(one.acked, one.next);
    close_connection(&one);
    assert_false(one.reset);
    assert_int_equal(wire_held(), 0);
}

/* A guest with nothing to do is not woken, one with a connection is. */
static void test_sleep(void **state)
{
    unsigned int wakes = 0;

    (void)state;
    start(daytime_main, &plain);
    introduce();
    open_connection(&one, 13);
    close_connection(&one);
    assert_int_not_equal(wire_wake, 0);
    while (wire_wake && ++wakes < 1000) {
        wire_now = wire_wake;
        talk(&one);
    }
    assert_int_equal(wire_wake, 0);
    assert_in_range(wakes, 10, 200);
    assert_in_range(wire_now, SECOND, 60 * SECOND);
    /* It has not forgotten us yet, but after an hour it has to ask. */
    open_connection(&one, 13);
    assert_true(one.fin);
    close_connection(&one);
    sleep_until(&one, wire_now + 100 * SECOND);
    assert_int_equal(wire_wake, 0);
    wire_now += 3600 * SECOND;
    open_connection(&one, 13);
    assert_true(one.fin);
}

static void test_closed_port(void **state)
{
    (void)state;
    start(daytime_main, &plain);
    introduce();
    open_connection(&one, 14);
    assert_true(one.reset);
}

static void test_sequence_numbers(void **state)
{
    uint32_t first;

    (void)state;
    start(daytime_main, &plain);
    introduce();
    open_connection(&one, 13);
    first = one.first;
    close_connection(&one);
    open_connection(&one, 13);
    /* Another port's are elsewhere; the same one's go on. */
    assert_true(first - one.first > 100000 && one.first - first > 100000);
}

/* -------------------------------------------------------------- checksums */

static void test_incoming_checksums(void **state)
{
    uint8_t frame[WIRE_PACKET_MAX];
    size_t length;

    (void)state;
    start(echo_main, &plain);
    introduce();
    open_connection(&one, 7);
    length = make_segment(&one, frame, PSH | ACK, "hello", 5);
    frame[HEADERS + 16] ^= 1;
    assert_true(wire_deliver(frame, length, 0));
    talk(&one);
    assert_int_equal(one.length, 0);
    /* One that the back end has left out. */
    assert_true(wire_deliver(frame, length, NET_CHECKSUMMED));
    one.next += 5;
    talk(&one);
    assert_int_equal(one.length, 5);
    /* And the next one is checked again. */
    length = make_segment(&one, frame, PSH | ACK, "hello", 5);
    frame[HEADERS + 16] ^= 1;
    assert_true(wire_deliver(frame, length, 0));
    talk(&one);
    assert_int_equal(one.length, 5);
}

/* The back end wants the pseudo header's sum. */
static void test_outgoing_checksums(void **state)
{
    uint8_t frame[WIRE_PACKET_MAX], *ip = frame + ETHERNET_HEADER;
    struct net_info info = plain;
    unsigned int flags, pieces;
    size_t length;

    (void)state;
    info.can_checksum = true;
    start(daytime_main, &info);
    introduce();
    memset(&one, 0, sizeof(one));
    one.port = ++last_port;
    one.to = 13;
    send_segment(&one, SYN, NULL, 0);
    wire_run();
    assert_int_equal(wire_take(frame, &flags, &pieces), HEADERS + 24);
    assert_int_equal(flags, NET_CHECKSUMMED);
    assert_int_equal(get16(ip + IP_HEADER + 16), pseudo_sum(ip, 24));
    assert_int_equal(fold(add(0, ip, IP_HEADER)), 0xffff);
    /* None but those of TCP and UDP are left to it. */
    length = make_ping(frame, 64);
    assert_true(wire_deliver(frame, length, 0));
    wire_run();
    assert_int_equal(wire_take(frame, &flags, &pieces), length);
    assert_int_equal(flags, 0);
    assert_int_equal(fold(add(0, frame + HEADERS, 64)), 0xffff);
}

/* -------------------------------------------------------------------- UDP */

static size_t make_datagram(uint8_t *frame, uint16_t from, size_t length)
{
    uint8_t *udp = frame + HEADERS;

    put16(udp, from);
    put16(udp + 2, 7);
    put16(udp + 4, 8 + length);
    put16(udp + 6, 0);
    for (size_t i = 0; i < length; i++)
        udp[8 + i] = i * 3;
    finish_ip(frame, UDP, 0, 8 + length);
    put16(udp + 6, ~transport_sum(frame + ETHERNET_HEADER, 8 + length));
    return HEADERS + 8 + length;
}

static void test_udp_echo(void **state)
{
    uint8_t frame[WIRE_PACKET_MAX], back[WIRE_PACKET_MAX];
    unsigned int flags, pieces;
    size_t length;

    (void)state;
    start(echo_main, &plain);
    introduce();
    wire_hold(100);
    length = make_datagram(frame, 5000, 1000);
    assert_true(wire_deliver(frame, length, 0));
    wire_run();
    assert_int_equal(wire_take(back, &flags, &pieces), length);
    assert_int_equal(get16(back + HEADERS + 2), 5000);
    assert_memory_equal(back + HEADERS + 8, frame + HEADERS + 8, 1000);
    assert_int_equal(transport_sum(back + ETHERNET_HEADER, 1008), 0xffff);
    /* It has not been copied, and is given back when it is out. */
    assert_true(wire_was_received());
    assert_int_equal(pieces, 2);
    assert_int_equal(wire_held(), 1);
    wire_complete();
    assert_int_equal(wire_held(), 0);
    /* Two such services must not keep each other busy. */
    length = make_datagram(frame, 7, 10);
    assert_true(wire_deliver(frame, length, 0));
    wire_run();
    assert_int_equal(take(back), 0);
    assert_int_equal(wire_held(), 0);
}

/* A flood that is not sent off leaves buffers to receive into. */
static void test_flood(void **state)
{
    uint8_t frame[WIRE_PACKET_MAX];
    size_t length = make_datagram(frame, 5000, 1000);

    (void)state;
    start(echo_main, &plain);
    introduce();
    wire_hold(400);
    for (unsigned int i = 0; i < 300; i++)
        assert_true(wire_deliver(frame, length, 0));
    wire_run();
    assert_in_range(wire_held(), 1, WIRE_BUFFERS / 2);
    while (take(frame))
        ;
    wire_complete();
    assert_int_equal(wire_held(), 0);
    open_connection(&one, 7);
    wire_complete();
    assert_true(one.window);
}

/* ------------------------------------------------------- echo and friends */

static uint8_t pattern(size_t i)
{
    return i * 31 + (i >> 8);
}

static void send_pattern(struct client *c, size_t from, size_t length)
{
    uint8_t data[MSS];

    for (size_t i = 0; i < length; i++)
        data[i] = pattern(from + i);
    send_segment(c, ACK, data, length);
}

static void check_pattern(const struct client *c, size_t length)
{
    assert_int_equal(c->length, length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(c->data[i], pattern(i));
}

/* As much as the window lets through, then as much as comes back lets. */
static void exchange(struct client *c, size_t total)
{
    size_t sent = 0;

    for (unsigned int i = 0; c->length < total && i < total / MSS; i++) {
        size_t before = c->length;

        while (sent < total && c->window - (c->next - c->acked) >= MSS) {
            size_t length = total - sent < MSS ? total - sent : MSS;

            send_pattern(c, sent, length);
            sent += length;
        }
        talk(c);
        if (c->length == before)
            wait_a_moment(c);
    }
}

static void test_tcp_echo(void **state)
{
    const size_t total = 150000;

    (void)state;
    start(echo_main, &plain);
    introduce();
    open_connection(&one, 7);
    exchange(&one, total);
    check_pattern(&one, total);
    assert_false(one.fin);
    close_connection(&one);
    assert_true(one.fin && !one.reset);
    assert_int_equal(wire_held(), 0);
}

/* What was said before it was closed still comes back, then the end. */
static void test_tcp_echo_after_close(void **state)
{
    char text[MSS];

    (void)state;
    memset(text, 'x', sizeof(text));
    start(echo_main, &plain);
    introduce();
    open_connection(&one, 7);
    one.silent = true;
    for (unsigned int i = 0; i < 20; i++)
        send_segment(&one, ACK, text, sizeof(text));
    send_segment(&one, FIN | ACK, NULL, 0);
    talk(&one);
    one.silent = false;
    send_segment(&one, ACK, NULL, 0);
    talk(&one);
    assert_int_equal(one.length, 20 * MSS);
    assert_true(one.fin && !one.reset);
    assert_int_equal(wire_held(), 0);
}

/* Peers that send and do not read hold neither buffers nor memory for ever. */
static void test_tcp_echo_unread(void **state)
{
    static struct client many[4];
    char text[MSS];

    (void)state;
    memset(text, 'x', sizeof(text));
    start(echo_main, &plain);
    introduce();
    for (unsigned int n = 0; n < 4; n++) {
        open_connection(&many[n], 7);
        many[n].silent = true;
        for (unsigned int i = 0; i < 40; i++)
            send_segment(&many[n], ACK, text, sizeof(text));
        talk(&many[n]);
    }
    assert_in_range(wire_held(), 0, WIRE_BUFFERS / 2);
    open_connection(&one, 9);
    say(&one, "Still there?");
    wait_a_moment(&one);
    assert_int_equal(one.acked, one.next);
}

/* When there is no memory to echo all that came at once, the rest follows. */
static void test_tcp_echo_without_memory(void **state)
{
    enum {
        SEGMENTS = 30
    };
    static struct client many[3];

    (void)state;
    start(echo_main, &plain);
    introduce();
    for (unsigned int n = 0; n < 3; n++) {
        struct client *c = &many[n];
        uint32_t first;

        open_connection(c, 7);
        c->silent = true;
        first = c->next;
        /* The first one last, so that they are given to it together. */
        c->next += MSS;
        for (unsigned int i = 1; i < SEGMENTS; i++)
            send_pattern(c, i * MSS, MSS);
        c->next = first;
        send_pattern(c, 0, MSS);
        c->next = first + SEGMENTS * MSS;
        talk(c);
    }
    assert_in_range(wire_held(), 1, WIRE_BUFFERS / 2);
    for (unsigned int n = 0; n < 3; n++) {
        many[n].silent = false;
        for (unsigned int i = 0; i < 100 && many[n].length < SEGMENTS * MSS;
             i++) {
            send_segment(&many[n], ACK, NULL, 0);
            wait_a_moment(&many[n]);
        }
        check_pattern(&many[n], SEGMENTS * MSS);
    }
    assert_int_equal(wire_held(), 0);
}

/* Segments that come too early are kept, but not in all of the buffers. */
static void test_out_of_order(void **state)
{
    char text[MSS];
    uint32_t first;

    (void)state;
    memset(text, 'y', sizeof(text));
    start(echo_main, &plain);
    introduce();
    open_connection(&one, 9);
    first = one.next;
    one.next += MSS;
    for (unsigned int i = 1; i < 40; i++)
        send_segment(&one, ACK, text, MSS);
    wire_run();
    assert_in_range(wire_held(), 1, WIRE_BUFFERS / 2);
    one.next = first;
    send_segment(&one, ACK, text, MSS);
    talk(&one);
    assert_int_equal(one.acked, first + 40 * MSS);
    assert_int_equal(wire_held(), 0);
}

static void test_discard(void **state)
{
    char text[MSS];

    (void)state;
    memset(text, 'z', sizeof(text));
    start(echo_main, &plain);
    introduce();
    open_connection(&one, 9);
    for (unsigned int i = 0; i < 1000; i++) {
        send_segment(&one, ACK, text, MSS);
        if (i % 10 == 0)
            talk(&one);
        assert_true(one.window >= 20 * MSS);
    }
    wait_a_moment(&one);
    assert_int_equal(one.acked, one.next);
    assert_int_equal(one.length, 0);
    close_connection(&one);
    assert_true(one.fin && !one.reset);
}

static void check_chargen(const struct client *c)
{
    for (size_t i = 0; i < c->length; i++) {
        size_t line = i / 74, column = i % 74;
        char expected = ' ' + (line + column) % 95;

        if (column == 72)
            expected = '\r';
        if (column == 73)
            expected = '\n';
        assert_int_equal(c->data[i], expected);
    }
}

/* A back end that takes packets in one slot alone gets copies of most. */
static void test_without_gather(void **state)
{
    uint8_t frame[WIRE_PACKET_MAX], back[WIRE_PACKET_MAX];
    struct net_info info = plain;
    size_t length;

    (void)state;
    info.can_gather = false;
    start(echo_main, &info);
    introduce();
    length = make_datagram(frame, 5000, 1000);
    assert_true(wire_deliver(frame, length, 0));
    wire_run();
    assert_int_equal(take(back), length);
    assert_memory_equal(back + HEADERS + 8, frame + HEADERS + 8, 1000);
    assert_int_equal(wire_held(), 0);
    open_connection(&one, 19);
    assert_true(one.length >= ENOUGH);
    check_chargen(&one);
    open_connection(&one, 7);
    exchange(&one, 100000);
    check_pattern(&one, 100000);
}

/* As long as the peer hears it, although that one says no more itself. */
static void test_chargen(void **state)
{
    uint8_t frame[WIRE_PACKET_MAX];
    unsigned int flags, pieces;

    (void)state;
    start(echo_main, &plain);
    introduce();
    open_connection(&one, 19);
    assert_true(one.length >= ENOUGH);
    check_chargen(&one);
    close_connection(&one);
    wait_a_moment(&one);
    assert_false(one.fin);
    /* Not copied: headers are one piece, text the other, or two. */
    one.length = 0;
    send_segment(&one, ACK, NULL, 0);
    wire_run();
    assert_true(wire_take(frame, &flags, &pieces) > HEADERS + 20);
    assert_in_range(pieces, 2, 3);
    take_segment(&one, frame);
    talk(&one);
    assert_true(one.length >= ENOUGH);
    send_segment(&one, RST | ACK, NULL, 0);
    wire_run();
    assert_int_equal(wire_held(), 0);
}

/* A ring that is full now and then loses nothing and stops nothing. */
static void test_full_ring(void **state)
{
    (void)state;
    start(echo_main, &plain);
    introduce();
    wire_hold(2);
    open_connection(&one, 19);
    /* No timer is needed for it. */
    for (unsigned int i = 0; one.length < ENOUGH && i < 1000; i++) {
        wire_complete();
        talk(&one);
    }
    assert_true(one.length >= ENOUGH);
    check_chargen(&one);
}

/* ------------------------------------------------------------------- http */

static bool got_text(const struct client *c, const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i + length <= c->length; i++)
        if (memcmp(c->data + i, text, length) == 0)
            return true;
    return false;
}

static void ask(const char *request)
{
    open_connection(&one, 80);
    say(&one, request);
}

/* The reply is whole: its length is what its header says. */
static void check_reply(const char *status)
{
    const char *end;
    char header[256], *field;
    size_t length = 0;

    assert_true(one.fin && !one.reset);
    memset(header, 0, sizeof(header));
    memcpy(header, one.data,
           one.length < sizeof(header) ? one.length : sizeof(header) - 1);
    assert_memory_equal(header, status, strlen(status));
    end = strstr(header, "\r\n\r\n");
    field = strstr(header, "Content-Length: ");
    assert_non_null(end);
    assert_non_null(field);
    assert_int_equal(sscanf(field, "Content-Length: %zu", &length), 1);
    assert_int_equal(length, one.length - (end + 4 - header));
    close_connection(&one);
    assert_false(one.reset);
}

static void test_http(void **state)
{
    const char *request = "GET / HTTP/1.0\r\nHost: guest\r\n\r\n";

    (void)state;
    start(http_main, &plain);
    introduce();
    wire_now += 3 * SECOND / 2;
    ask(request);
    assert_true(got_text(&one, "A unikernel at 10.0.0.2/24"));
    assert_true(got_text(&one, "Booted in: 1000 ns"));
    assert_true(got_text(&one, "Uptime: 1.500 s"));
    assert_true(got_text(&one, "Requests served: 1\n"));
    check_reply("HTTP/1.0 200 OK\r\n");
    ask("GET /favicon.ico HTTP/1.1\r\n\r\n");
    check_reply("HTTP/1.0 404 Not Found\r\n");
    ask("BREW / HTTP/1.0\r\n\r\n");
    check_reply("HTTP/1.0 400 Bad Request\r\n");
    /* A byte at a time. */
    open_connection(&one, 80);
    for (size_t i = 0; request[i]; i++) {
        assert_int_equal(one.length, 0);
        say(&one, (char[2]){ request[i] });
    }
    assert_true(got_text(&one, "Requests served: 2\n"));
    check_reply("HTTP/1.0 200 OK\r\n");
    assert_int_equal(wire_held(), 0);
}

/* Clients that never ask lose their connections to those that do. */
static void test_http_waiting(void **state)
{
    static struct client idle;

    (void)state;
    start(http_main, &plain);
    introduce();
    for (unsigned int i = 0; i < 100; i++)
        open_connection(&idle, 80);
    assert_true(idle.established || idle.window);
    ask("GET / HTTP/1.0\r\n\r\n");
    check_reply("HTTP/1.0 200 OK\r\n");
    sleep_until(&idle, wire_now + 20 * SECOND);
    assert_true(idle.fin || idle.reset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arp),
        cmocka_unit_test(test_no_interface),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_large_ping),
        cmocka_unit_test(test_daytime),
        cmocka_unit_test(test_daytime_is_told_something),
        cmocka_unit_test(test_sleep),
        cmocka_unit_test(test_closed_port),
        cmocka_unit_test(test_sequence_numbers),
        cmocka_unit_test(test_incoming_checksums),
        cmocka_unit_test(test_outgoing_checksums),
        cmocka_unit_test(test_udp_echo),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_tcp_echo),
        cmocka_unit_test(test_tcp_echo_after_close),
        cmocka_unit_test(test_tcp_echo_unread),
        cmocka_unit_test(test_tcp_echo_without_memory),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_without_gather),
        cmocka_unit_test(test_chargen),
        cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_http_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
