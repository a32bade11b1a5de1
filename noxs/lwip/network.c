/* SPDX-License-Identifier: MIT */
#include "network.h"

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/priv/tcp_priv.h"

#include "../guest/control.h"
#include "../guest/events.h"
#include "../guest/print.h"
#include "../guest/time.h"
#include "interface.h"

#define MS UINT64_C(1000000) /* nanoseconds */
#define TCP_PERIOD (TCP_TMR_INTERVAL * MS)
#define SECOND (1000 * MS)

/* How long a closed connection takes data yet, in units of half a second. */
#define LINGER_POLLS 10

/* After that many ticks without traffic, ARP waits for no answer any more, and
 * nothing is left of a datagram that came in part. */
#define QUIET_TICKS (IP_REASS_MAXAGE + 2)
/* After that many it has forgotten everybody. */
#define FORGET_TICKS (ARP_MAXAGE + 2)

/*
 * lwIP wants functions of its to be called in certain periods, for ever.  Most
 * of the calls change nothing, and thousands of guests that wake up each
 * second to make them would keep their host busy.  So TCP's is called while
 * there are connections, ARP's and IP's while there was traffic lately; what
 * ARP's would have done in a long sleep it does after it.
 */
static struct {
    uint64_t tcp; /* when it is due; 0: it is not */
    uint64_t tick;
    unsigned int quiet; /* ticks since there was traffic */
    uint64_t packets;
} timers;

_Noreturn void network_broken(unsigned int line)
{
    control_crash(line);
}

bool network_open(void)
{
    unsigned int n = 0;

    lwip_init();
    while (interface_open(n))
        n++;
    return interface_first();
}

static err_t on_accept(void *context, struct tcp_pcb *pcb, err_t error)
{
    void (*accept)(struct tcp_pcb *) = context;

    if (error != ERR_OK || !pcb)
        return ERR_OK; /* no memory for one; the peer tries again */
    /* Below that of those to come, so that lwIP ends it in favour of them. */
    tcp_setprio(pcb, TCP_PRIO_MIN);
    tcp_arg(pcb, NULL);
    accept(pcb);
    return ERR_OK;
}

void network_listen(uint16_t port, void (*accept)(struct tcp_pcb *pcb))
{
    struct tcp_pcb *pcb = tcp_new(), *listener;

    if (!pcb || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK)
        network_broken(__LINE__);
    listener = tcp_listen(pcb);
    if (!listener)
        network_broken(__LINE__);
    tcp_arg(listener, accept);
    tcp_accept(listener, on_accept);
}

static err_t throw_away(void *context, struct tcp_pcb *pcb, struct pbuf *p,
                        err_t error)
{
    (void)context;
    (void)error;
    if (!p)
        return ERR_OK;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

/* From here on lwIP ends the connection whatever the peer does. */
static err_t stop_lingering(void *context, struct tcp_pcb *pcb)
{
    (void)context;
    tcp_poll(pcb, NULL, 0);
    return tcp_close(pcb);
}

/* Only the sending half at first: data that comes after tcp_close() makes lwIP
 * reset the connection, and the peer may lose what it has not read yet. */
void network_close(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_recv(pcb, throw_away);
    tcp_poll(pcb, stop_lingering, LINGER_POLLS);
    tcp_shutdown(pcb, 0, 1);
}

const char *network_address(void)
{
    static char text[sizeof("255.255.255.255/32")];
    const struct netif *netif = interface_first();
    const ip4_addr_t *a;
    uint32_t mask;

    if (!netif)
        return "";
    a = netif_ip4_addr(netif);
    mask = lwip_ntohl(ip4_addr_get_u32(netif_ip4_netmask(netif)));
    print_to(text, sizeof(text), "%lu.%lu.%lu.%lu/%lu",
             (unsigned long)ip4_addr1(a), (unsigned long)ip4_addr2(a),
             (unsigned long)ip4_addr3(a), (unsigned long)ip4_addr4(a),
             mask ? 32ul - __builtin_ctz(mask) : 0ul);
    return text;
}

/* ----------------------------------------------------------------- timers */

static void run_tcp(uint64_t now)
{
    if (!tcp_active_pcbs && !tcp_tw_pcbs) {
        timers.tcp = 0;
    } else if (!timers.tcp) {
        timers.tcp = now + TCP_PERIOD;
    } else if (now >= timers.tcp) {
        tcp_tmr();
        timers.tcp = now + TCP_PERIOD;
    }
}

static void run_ticks(uint64_t now)
{
    uint64_t packets = interfaces_packets();
    unsigned int ticks = 0;

    if (!timers.tick)
        timers.tick = now + SECOND;
    for (; timers.tick <= now && ticks < FORGET_TICKS; ticks++) {
        timers.tick += SECOND;
        etharp_tmr();
        ip_reass_tmr();
    }
    if (timers.tick <= now)
        timers.tick = now + SECOND;
    timers.quiet += ticks;
    if (packets != timers.packets)
        timers.quiet = 0;
    timers.packets = packets;
}

/* When a timer is due next; 0: none is. */
static uint64_t run_timers(void)
{
    uint64_t now = time_ns(), next;

    run_tcp(now);
    run_ticks(now);
    next = timers.tcp;
    if (timers.quiet < QUIET_TICKS && (!next || timers.tick < next))
        next = timers.tick;
    return next;
}

uint64_t network_step(void)
{
    uint64_t next = run_timers();

    if (interfaces_flush()) {
        tcp_txnow();
        interfaces_flush();
    }
    return next;
}

_Noreturn void network_run(const char *name)
{
    const char *address = network_address();

    interfaces_flush();
    control_up();
    if (*address)
        print("%s: up on %s\n", name, address);
    else
        print("%s: no network interface with an address\n", name);
    for (;;)
        events_wait_until(network_step());
}
