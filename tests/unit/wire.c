/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noxs/guest/console.h"
#include "noxs/guest/control.h"
#include "noxs/guest/events.h"
#include "noxs/guest/mem.h"
#include "noxs/guest/random.h"
#include "noxs/guest/time.h"
#include "noxs/lwip/network.h"

#define PACKETS_MAX 512u

struct packet {
    void *cookie;
    size_t length;
    unsigned int flags, pieces;
    bool was_received, flushed, taken, answered;
    unsigned char data[WIRE_PACKET_MAX];
};

static struct {
    bool has_interface, opened, hold;
    struct net_info info;
    struct net_stats stats;
    struct net_handlers handlers;
    bool given[WIRE_BUFFERS]; /* to the guest */
    unsigned int room;
    unsigned int first, end; /* of the packets in use */
    bool was_received;
} wire;

static char buffers[WIRE_BUFFERS][WIRE_PACKET_MAX];
static struct packet packets[PACKETS_MAX];

uint64_t wire_now, wire_wall, wire_wake;
char wire_console[4096];
bool wire_up;
static jmp_buf waiting;

/* All variables of the stack and of the unikernels, see tests/rules.mk. */
extern char __start_network_state[], __stop_network_state[];

/* Sanitizers would object to the gaps between variables, which they made. */
__attribute__((no_sanitize("address", "undefined"))) static void forget(void)
{
    volatile char *byte = __start_network_state;

    while (byte < __stop_network_state)
        *byte++ = 0;
}

void wire_reset(const struct net_info *info)
{
    forget();
    memset(&wire, 0, sizeof(wire));
    memset(packets, 0, sizeof(packets));
    memset(wire_console, 0, sizeof(wire_console));
    wire_up = false;
    wire_now = 1000;
    wire.room = PACKETS_MAX;
    wire.has_interface = info;
    if (info)
        wire.info = *info;
    wire.info.rx_buffers = WIRE_BUFFERS;
}

void wire_start(void (*main)(const struct guest_info *))
{
    static const struct guest_info info = { .type = "pvh", .cmdline = "" };

    if (!setjmp(waiting))
        main(&info);
}

void wire_run(void)
{
    wire_wake = network_step();
}

/* -------------------------------------------------------------- interface */

struct net *net_open(unsigned int n, const struct net_handlers *handlers)
{
    if (n || !wire.has_interface || wire.opened)
        return NULL;
    wire.opened = true;
    wire.handlers = *handlers;
    return (struct net *)&wire;
}

const struct net_info *net_info(const struct net *net)
{
    (void)net;
    return &wire.info;
}

const struct net_stats *net_stats(const struct net *net)
{
    (void)net;
    return &wire.stats;
}

bool wire_deliver(const void *data, size_t length, unsigned int flags)
{
    unsigned int i = 0;

    while (i < WIRE_BUFFERS && wire.given[i])
        i++;
    if (i == WIRE_BUFFERS || length > WIRE_PACKET_MAX)
        return false;
    wire.given[i] = true;
    wire.stats.received++;
    memcpy(buffers[i], data, length);
    wire.handlers.received(wire.handlers.context, buffers[i], buffers[i],
                           length, flags);
    return true;
}

void net_recycle(struct net *net, void *buffer)
{
    size_t i = ((char *)buffer - buffers[0]) / WIRE_PACKET_MAX;

    (void)net;
    if (!wire.given[i])
        abort();
    wire.given[i] = false;
    memset(buffers[i], 0xa5, WIRE_PACKET_MAX); /* the back end's again */
}

unsigned int wire_held(void)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < WIRE_BUFFERS; i++)
        count += wire.given[i];
    return count;
}

static bool in_buffers(const void *data)
{
    return (uintptr_t)data >= (uintptr_t)buffers &&
           (uintptr_t)data < (uintptr_t)buffers + sizeof(buffers);
}

static unsigned int in_flight(void)
{
    unsigned int count = 0;

    for (unsigned int i = wire.first; i < wire.end; i++)
        count += !packets[i % PACKETS_MAX].answered;
    return count;
}

static size_t page_left(const void *data)
{
    return 4096 - (uintptr_t)data % 4096;
}

bool net_send(struct net *net, const struct net_piece *pieces,
              unsigned int count, unsigned int flags, void *cookie)
{
    struct packet *p = &packets[wire.end % PACKETS_MAX];

    (void)net;
    if (count > (wire.info.can_gather ? NET_PIECES_MAX : 1) ||
        page_left(pieces[0].data) <
            (wire.info.can_gather ? NET_FIRST_MIN : pieces[0].length) ||
        (flags & NET_CHECKSUMMED && !wire.info.can_checksum))
        abort();
    if (in_flight() >= wire.room || wire.end - wire.first == PACKETS_MAX)
        return false;
    memset(p, 0, sizeof(*p));
    p->cookie = cookie;
    p->flags = flags;
    p->pieces = count;
    for (; count; pieces++, count--) {
        if (!pieces->length || p->length + pieces->length > WIRE_PACKET_MAX)
            abort();
        memcpy(p->data + p->length, pieces->data, pieces->length);
        p->length += pieces->length;
        p->was_received |= in_buffers(pieces->data);
    }
    wire.end++;
    return true;
}

void net_flush(struct net *net)
{
    (void)net;
    for (unsigned int i = wire.first; i < wire.end; i++)
        packets[i % PACKETS_MAX].flushed = true;
}

static void answer(struct packet *p)
{
    if (p->answered)
        return;
    p->answered = true;
    wire.stats.sent++;
    wire.handlers.sent(wire.handlers.context, p->cookie);
}

static void drop_done(void)
{
    while (wire.first < wire.end && packets[wire.first % PACKETS_MAX].taken &&
           packets[wire.first % PACKETS_MAX].answered)
        wire.first++;
}

size_t wire_take(void *to, unsigned int *flags_r, unsigned int *pieces_r)
{
    for (unsigned int i = wire.first; i < wire.end; i++) {
        struct packet *p = &packets[i % PACKETS_MAX];
        size_t length = p->length;

        if (p->taken || !p->flushed)
            continue;
        p->taken = true;
        memcpy(to, p->data, length);
        *flags_r = p->flags;
        *pieces_r = p->pieces;
        wire.was_received = p->was_received;
        if (!wire.hold)
            answer(p);
        drop_done();
        return length;
    }
    return 0;
}

void wire_hold(unsigned int room)
{
    wire.hold = true;
    wire.room = room;
}

void wire_complete(void)
{
    unsigned int end = wire.end;

    for (unsigned int i = wire.first; i < end; i++)
        answer(&packets[i % PACKETS_MAX]);
    drop_done();
}

bool wire_was_received(void)
{
    return wire.was_received;
}

/* ------------------------------------------------------------ all the rest */

void events_wait_until(uint64_t ns)
{
    wire_wake = ns;
    longjmp(waiting, 1);
}

void control_up(void)
{
    wire_up = true;
}

_Noreturn void control_crash(uint32_t code)
{
    fprintf(stderr, "the guest crashed with code %u\n", code);
    abort();
}

void console_write(const char *text, size_t length)
{
    size_t have = strlen(wire_console);

    if (length >= sizeof(wire_console) - have)
        abort();
    memcpy(wire_console + have, text, length);
}

bool strings_equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

uint64_t time_ns(void)
{
    return wire_now;
}

uint64_t time_wall_ns(void)
{
    return wire_wall + wire_now;
}

uint64_t time_lived_ns(void)
{
    return wire_now;
}

uint64_t random_number(void)
{
    static uint64_t n = 0x123456789abcdef;

    return n = n * 6364136223846793005 + 1442695040888963407;
}
