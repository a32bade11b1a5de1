/* SPDX-License-Identifier: MIT */
#include "interface.h"

#include "lwip/etharp.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"
#include "netif/ethernet.h"

#include "../guest/layout.h"
#include "../guest/mem.h"
#include "../guest/net.h"
#include "../guest/scratch.h"

struct interface {
    struct netif netif;
    struct net *net;
    unsigned int held; /* receive buffers that lwIP has */
    bool turned_away;  /* a packet found no room, and none was made since */
};

/* lwIP's view of a packet in a receive buffer. */
struct received {
    struct pbuf_custom pbuf; /* first: lwIP gives us its address back */
    struct interface *interface;
    void *buffer;
    struct received *next; /* of those that are free */
};

/* As many as can be in use: fewer than that are posted on all rings. */
#define RECEIVED_MAX 256u

static struct interface interfaces[NETS_MAX];
static unsigned int interface_count;
static bool room; /* was made where a packet had been turned away */
static struct received received[RECEIVED_MAX] SCRATCH(received);
static struct received *unused;
static unsigned int touched; /* of received[]; what is above is undefined */

/* -------------------------------------------------------------- receiving */

static struct received *take_received(void)
{
    struct received *r = unused;

    if (r)
        unused = r->next;
    else if (touched < RECEIVED_MAX)
        r = &received[touched++];
    return r;
}

static void give_back(struct pbuf *pbuf)
{
    struct received *r = (struct received *)pbuf;

    r->interface->held--;
    net_recycle(r->interface->net, r->buffer);
    r->next = unused;
    unused = r;
}

static struct pbuf *wrap(struct interface *i, void *buffer, void *data,
                         size_t length)
{
    struct received *r = take_received();

    if (!r)
        return NULL;
    r->interface = i;
    r->buffer = buffer;
    r->pbuf.custom_free_function = give_back;
    i->held++;
    return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &r->pbuf, data,
                               length);
}

static struct pbuf *copy(struct interface *i, void *buffer, void *data,
                         size_t length)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, length, PBUF_RAM);

    if (p)
        memcpy(p->payload, data, length);
    net_recycle(i->net, buffer);
    return p;
}

/*
 * lwIP keeps some packets for a while: fragments, segments that came too
 * early, answers until they are sent.  It gets no more than half of the
 * buffers for these, and copies beyond, or nothing could be received that
 * makes it let them go.
 */
static bool may_hold(const struct interface *i)
{
    return i->held < net_info(i->net)->rx_buffers / 2;
}

static void on_received(void *context, void *buffer, void *data, size_t length,
                        unsigned int flags)
{
    struct interface *i = context;
    uint16_t checks = i->netif.chksum_flags;
    struct pbuf *p = NULL;

    if (may_hold(i))
        p = wrap(i, buffer, data, length);
    else
        p = copy(i, buffer, data, length);
    if (!p)
        return;
    /* lwIP has a switch for each interface, not for each packet. */
    if (flags & NET_CHECKSUMMED)
        i->netif.chksum_flags &=
            ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
    if (i->netif.input(p, &i->netif) != ERR_OK)
        pbuf_free(p);
    i->netif.chksum_flags = checks;
}

/* ---------------------------------------------------------------- sending */

/* Folds the sum of the words that a TCP or UDP checksum covers and that are
 * in no packet: the back end adds the rest. */
static uint16_t pseudo_header_sum(const struct ip_hdr *ip, uint16_t length)
{
    uint32_t source = ip4_addr_get_u32(&ip->src);
    uint32_t destination = ip4_addr_get_u32(&ip->dest);
    uint32_t sum = (source & 0xffff) + (source >> 16) + (destination & 0xffff) +
                   (destination >> 16) + lwip_htons(IPH_PROTO(ip)) +
                   lwip_htons(length);

    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/*
 * Puts that sum into a packet whose checksum lwIP has left out, and returns
 * the flag for net_send().  Of a datagram that lwIP sends in fragments nobody
 * can compute one any more; UDP allows it to be missing.
 */
static unsigned int leave_checksum(struct pbuf *p)
{
    const struct eth_hdr *ethernet = p->payload;
    const struct ip_hdr *ip = (const void *)(ethernet + 1);
    size_t header = SIZEOF_ETH_HDR + IP_HLEN, place;
    uint16_t sum;

    if (p->len < header || ethernet->type != PP_HTONS(ETHTYPE_IP) ||
        IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF))
        return 0;
    header = SIZEOF_ETH_HDR + IPH_HL_BYTES(ip);
    if (IPH_PROTO(ip) == IP_PROTO_TCP)
        place = header + offsetof(struct tcp_hdr, chksum);
    else if (IPH_PROTO(ip) == IP_PROTO_UDP)
        place = header + offsetof(struct udp_hdr, chksum);
    else
        return 0;
    if (p->len < place + sizeof(sum))
        return 0;
    sum = pseudo_header_sum(ip, lwip_ntohs(IPH_LEN(ip)) - IPH_HL_BYTES(ip));
    memcpy((char *)p->payload + place, &sum, sizeof(sum));
    return NET_CHECKSUMMED;
}

static unsigned int pieces_of(const struct pbuf *p, struct net_piece *pieces)
{
    unsigned int count = 0;

    for (; p; p = p->next) {
        if (!p->len)
            continue;
        if (count < NET_PIECES_MAX)
            pieces[count] = (struct net_piece){ p->payload, p->len };
        count++;
    }
    return count;
}

/* Bytes up to the next page. */
static size_t left_on_page(const void *data)
{
    return PAGE_SIZE - (uintptr_t)data % PAGE_SIZE;
}

/* Whether net_send() takes a packet as it lies. */
static bool can_be_sent(const struct net_info *info,
                        const struct net_piece *pieces, unsigned int count)
{
    size_t left = left_on_page(pieces[0].data);

    if (info->can_gather)
        return count <= NET_PIECES_MAX && left >= NET_FIRST_MIN;
    return count == 1 && left >= pieces[0].length;
}

/* A packet in one piece and on one page, where twice its length has room for
 * it on one side of the boundary. */
static struct pbuf *in_one_piece(const struct pbuf *p)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, 2 * p->tot_len, PBUF_RAM);
    size_t left;

    if (!copy)
        return NULL;
    left = left_on_page(copy->payload);
    if (left < p->tot_len)
        pbuf_remove_header(copy, left);
    pbuf_realloc(copy, p->tot_len);
    pbuf_copy(copy, p);
    return copy;
}

static err_t transmit(struct netif *netif, struct pbuf *p)
{
    struct interface *i = netif->state;
    const struct net_info *info = net_info(i->net);
    struct net_piece pieces[NET_PIECES_MAX];
    unsigned int flags = 0, count = pieces_of(p, pieces);

    if (can_be_sent(info, pieces, count)) {
        pbuf_ref(p); /* until on_sent() */
    } else {
        p = in_one_piece(p);
        if (!p)
            return ERR_MEM;
        count = pieces_of(p, pieces);
    }
    if (info->can_checksum)
        flags = leave_checksum(p);
    if (net_send(i->net, pieces, count, flags, p))
        return ERR_OK;
    pbuf_free(p);
    i->turned_away = true;
    return ERR_MEM;
}

static void on_sent(void *context, void *cookie)
{
    struct interface *i = context;

    pbuf_free(cookie);
    room |= i->turned_away;
    i->turned_away = false;
}

bool interfaces_flush(void)
{
    bool again = room;

    room = false;
    for (unsigned int n = 0; n < interface_count; n++)
        net_flush(interfaces[n].net);
    return again;
}

/* ---------------------------------------------------------------- opening */

static err_t set_up(struct netif *netif)
{
    struct interface *i = netif->state;
    const struct net_info *info = net_info(i->net);

    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->output = etharp_output;
    netif->linkoutput = transmit;
    netif->mtu = info->mtu;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, info->mac, ETH_HWADDR_LEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
                   NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    if (info->can_checksum)
        netif->chksum_flags &=
            ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP);
    return ERR_OK;
}

static ip4_addr_t address(const uint8_t bytes[4])
{
    ip4_addr_t a;

    IP4_ADDR(&a, bytes[0], bytes[1], bytes[2], bytes[3]);
    return a;
}

static ip4_addr_t mask(unsigned int prefix)
{
    return (ip4_addr_t){ prefix ? lwip_htonl(~UINT32_C(0) << (32 - prefix))
                                : 0 };
}

bool interface_open(unsigned int n)
{
    struct interface *i = &interfaces[n];
    const struct net_handlers handlers = { .received = on_received,
                                           .sent = on_sent,
                                           .context = i };
    const struct net_info *info;
    ip4_addr_t own, network, gateway;

    if (n >= NETS_MAX)
        return false;
    i->net = net_open(n, &handlers);
    if (!i->net)
        return false;
    interface_count = n + 1;
    info = net_info(i->net);
    own = address(info->ipv4);
    network = mask(info->prefix < 32 ? info->prefix : 32);
    gateway = address(info->gateway);
    netif_add(&i->netif, &own, &network, &gateway, i, set_up, ethernet_input);
    if (!netif_default && !ip4_addr_isany_val(gateway))
        netif_set_default(&i->netif);
    /* Tells the network by ARP whose the address is. */
    if (!ip4_addr_isany_val(own))
        netif_set_up(&i->netif);
    return true;
}

const struct netif *interface_first(void)
{
    for (unsigned int n = 0; n < interface_count; n++)
        if (netif_is_up(&interfaces[n].netif))
            return &interfaces[n].netif;
    return NULL;
}

uint64_t interfaces_packets(void)
{
    uint64_t packets = 0;

    for (unsigned int n = 0; n < interface_count; n++) {
        const struct net_stats *stats = net_stats(interfaces[n].net);

        packets += stats->received + stats->sent;
    }
    return packets;
}
