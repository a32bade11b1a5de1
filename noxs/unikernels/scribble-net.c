/* SPDX-License-Identifier: MIT */
/* What a guest can do to its network interfaces: all of them. */
#include "scribble.h"

#include <stdbool.h>
#include <stddef.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

#include "../guest/ring.h"
#include <xen/io/netif.h>

#include "../guest/devices.h"
#include "../guest/events.h"
#include "../guest/layout.h"
#include "../guest/mem.h"
#include "../guest/net.h"
#include "../guest/platform.h"

#define SLOTS __CONST_RING_SIZE(netif_tx, PAGE_SIZE)
/* netback drops a packet of more slots than every back end takes, and closes
 * the device for one of more than this (its fatal_skb_slots). */
#define SLOTS_DROPPED 20u
#define SLOTS_FATAL 30u

static struct net {
    struct noxs_net entry;
    struct netif_tx_sring *tx_page;
    struct netif_rx_sring *rx_page;
    struct netif_tx_front_ring tx;
    struct netif_rx_front_ring rx;
    unsigned int rounds;
} nets[NETS_MAX];
static unsigned int count;
static uint8_t target[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

void nets_aim(uint8_t last)
{
    static const uint8_t mac[5] = { 0x00, 0x16, 0x3e };

    memcpy(target, mac, sizeof(mac));
    target[5] = last;
}

void nets_find(void)
{
    for (; count < NETS_MAX; count++) {
        struct net *net = &nets[count];

        if (!devices_find(NOXS_TYPE_NET, count, &net->entry,
                          sizeof(net->entry)))
            break;
        net->tx_page = platform_map_frame(net->entry.tx_frame);
        net->rx_page = platform_map_frame(net->entry.rx_frame);
        if (!net->tx_page || !net->rx_page)
            break;
        FRONT_RING_INIT(&net->tx, net->tx_page, PAGE_SIZE);
        FRONT_RING_INIT(&net->rx, net->rx_page, PAGE_SIZE);
    }
}

/* ------------------------------------------------------------- requests */

static uint32_t reference_for(const struct net *net)
{
    switch (nonsense() % 8) {
    case 0: /* rarely the rings: that soon is the end of the device */
        if (nonsense() % 256 == 0)
            return EITHER(net->entry.rx_ref, net->entry.tx_ref);
        return nonsense() % GNTTAB_NR_RESERVED_ENTRIES;
    case 1:
        return nonsense();
    case 2:
        return grants_loan(LOAN_READ_ONLY);
    case 3:
        return grants_loan(LOAN_FICKLE);
    default:
        return grants_loan(LOAN_WHOLE);
    }
}

static void put(struct net *net, uint16_t offset, uint16_t size, uint16_t flags)
{
    *RING_GET_REQUEST(&net->tx, net->tx.req_prod_pvt++) =
        (struct netif_tx_request){
            .gref = reference_for(net),
            .offset = offset,
            .size = size,
            .flags = flags,
            .id = nonsense(),
        };
}

static void put_extra(struct net *net, uint8_t type, uint8_t flags)
{
    struct netif_extra_info *extra =
        (void *)RING_GET_REQUEST(&net->tx, net->tx.req_prod_pvt++);

    *extra = (struct netif_extra_info){ .type = type, .flags = flags };
    for (unsigned int i = 0; i < 3; i++)
        extra->u.pad[i] = nonsense();
}

/* An Ethernet header, or the bridge would have none of it, and then nothing
 * that its protocol allows. */
static void write_packet(const struct net *net)
{
    uint32_t *page = grants_page(LOAN_WHOLE);
    uint8_t *bytes = (uint8_t *)page;

    for (unsigned int i = 0; i < 64; i++)
        page[i] = nonsense();
    memcpy(bytes, target, sizeof(target));
    memcpy(bytes + 6, net->entry.mac, 6);
    bytes[12] = 0x08; /* IPv4, ARP, IPv6 */
    bytes[13] = EITHER(0x00, 0x06);
    if (nonsense() % 4 == 0) {
        bytes[12] = 0x86;
        bytes[13] = 0xdd;
    }
    bytes[14] = EITHER(0x45, nonsense());
}

/* What netback drops. */
static void send_refused(struct net *net)
{
    unsigned int slots = EITHER(1, nonsense() % SLOTS_DROPPED + 1);
    uint16_t checksum = EITHER(0, NETTXF_csum_blank | NETTXF_data_validated);

    write_packet(net);
    for (unsigned int i = 0; i < slots; i++)
        put(net, nonsense() % 16, EITHER(60, nonsense() % 4000),
            checksum | (i + 1 < slots ? NETTXF_more_data : 0));
}

/* Any number of groups to listen to. */
static void join_groups(struct net *net)
{
    put(net, 0, 60, NETTXF_extra_info);
    put_extra(
        net,
        EITHER(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_MCAST_DEL),
        0);
}

static void cross_page(struct net *net)
{
    put(net, 4000, 200, 0);
}

static void be_huge(struct net *net)
{
    put(net, 0, UINT16_MAX, 0);
}

static void never_end(struct net *net)
{
    for (unsigned int i = 0; i < SLOTS_FATAL; i++)
        put(net, 0, 60, NETTXF_more_data);
}

static void end_in_nothing(struct net *net)
{
    put(net, 0, 60, NETTXF_more_data);
}

static void miss_extra(struct net *net)
{
    put(net, 0, 60, NETTXF_extra_info);
}

static void invent_extra(struct net *net)
{
    put(net, 0, 60, NETTXF_extra_info);
    put_extra(net, 77, 0);
}

static void invent_segments(struct net *net)
{
    struct netif_extra_info *extra;

    put(net, 0, 60, NETTXF_extra_info);
    extra = (void *)RING_GET_REQUEST(&net->tx, net->tx.req_prod_pvt);
    put_extra(net, XEN_NETIF_EXTRA_TYPE_GSO, 0);
    extra->u.gso.size = 0;
}

static void jump(struct net *net)
{
    net->tx.req_prod_pvt += 1000;
}

static void (*const fatal_deeds[])(struct net *) = {
    cross_page, be_huge,      never_end,       end_in_nothing,
    miss_extra, invent_extra, invent_segments, jump,
};
#define FATAL_DEEDS (sizeof(fatal_deeds) / sizeof(fatal_deeds[0]))

/* What netback has answered is room; it may be hidden by what else is done to
 * the ring. */
static bool has_room(RING_IDX produced, const RING_IDX *answered)
{
    RING_IDX used = produced - __atomic_load_n(answered, __ATOMIC_RELAXED);

    return used < SLOTS - SLOTS_FATAL;
}

static void ask_tx(struct net *net, unsigned int fatal, unsigned int rounds)
{
    if (fatal && net->rounds > rounds)
        return;
    for (int i = 0; i < 8; i++) {
        if (!has_room(net->tx.req_prod_pvt, &net->tx_page->rsp_prod))
            break;
        if (nonsense() % 16)
            send_refused(net);
        else
            join_groups(net);
    }
    if (fatal && net->rounds++ == rounds)
        fatal_deeds[(fatal - 1) % FATAL_DEEDS](net);
    RING_PUSH_REQUESTS(&net->tx);
}

/* Pages to receive into that are none. */
static void ask_rx(struct net *net)
{
    while (has_room(net->rx.req_prod_pvt, &net->rx_page->rsp_prod))
        *RING_GET_REQUEST(&net->rx, net->rx.req_prod_pvt++) =
            (struct netif_rx_request){
                .id = nonsense(),
                .gref = reference_for(net),
            };
    RING_PUSH_REQUESTS(&net->rx);
}

void nets_ask(unsigned int fatal, unsigned int rounds)
{
    grants_waver();
    for (unsigned int i = 0; i < count; i++) {
        ask_tx(&nets[i], fatal, rounds);
        ask_rx(&nets[i]);
    }
    nets_flood();
}

/* ----------------------------------------------------------- the rest */

void nets_spoil(void)
{
    for (unsigned int i = 0; i < count; i++) {
        scribble(nets[i].tx_page);
        scribble(nets[i].rx_page);
    }
    nets_flood();
}

void nets_flood(void)
{
    for (unsigned int i = 0; i < count; i++) {
        events_notify(nets[i].entry.tx_port);
        events_notify(nets[i].entry.rx_port);
    }
}

void nets_each_frame(void (*act)(uint64_t frame))
{
    for (unsigned int i = 0; i < count; i++) {
        act(nets[i].entry.tx_frame);
        act(nets[i].entry.rx_frame);
    }
}
