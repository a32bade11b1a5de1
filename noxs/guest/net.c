/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <xen/xen.h>

#include "ring.h"
#include <xen/io/netif.h>

#include "devices.h"
#include "events.h"
#include "grants.h"
#include "layout.h"
#include "mem.h"
#include "platform.h"
#include "scratch.h"

/* Pages to receive into, shared out among the interfaces that there are. */
#ifndef NET_RX_BUFFERS
#define NET_RX_BUFFERS 32u
#endif

#define TX_SLOTS __CONST_RING_SIZE(netif_tx, PAGE_SIZE)
#define RX_SLOTS __CONST_RING_SIZE(netif_rx, PAGE_SIZE)
_Static_assert(NET_RX_BUFFERS >= NETS_MAX && NET_RX_BUFFERS <= RX_SLOTS,
               "NET_RX_BUFFERS");

/* What every back end must take of one packet (netif.h). */
#define PACKET_SLOTS_MAX XEN_NETIF_NR_SLOTS_MIN
#define NO_SLOT UINT16_MAX

/* A request to send; its number in here is its id. */
struct tx_slot {
    void *cookie;       /* of the packet, in its first slot */
    uint32_t reference; /* GRANT_NONE: not in flight */
    uint16_t first;     /* of the packet; the next one of the free slots */
    uint8_t left;       /* of the packet, unanswered; in its first slot */
    bool failed;        /* the packet; in its first slot */
};

/* A page to receive into; its number among the interface's is its id. */
struct rx_buffer {
    uint32_t reference; /* grants the page, from the start and for ever */
    bool posted;        /* the back end's; otherwise the caller's */
};

struct net {
    struct net_info info;
    struct net_stats stats;
    struct net_handlers handlers;
    bool busy; /* a handler is being called */
    uint16_t backend;
    uint32_t tx_port, rx_port;

    struct netif_tx_front_ring tx;
    RING_IDX tx_pushed;
    unsigned int tx_free; /* number of free slots */
    uint16_t tx_next;     /* the first of them */
    struct tx_slot tx_slots[TX_SLOTS];

    struct netif_rx_front_ring rx;
    RING_IDX rx_pushed;
    bool rx_more;  /* the next slot belongs to the same packet */
    bool rx_extra; /* the next slot describes the packet */
    char (*buffers)[PAGE_SIZE];
    unsigned int buffer_count;
    struct rx_buffer rx_buffers[NET_RX_BUFFERS];
    /* Which buffer was posted where: extra information takes the place of a
     * buffer and has no id, so places are what responses are told apart by. */
    uint16_t rx_at[RX_SLOTS];
};

static struct net nets[NETS_MAX] SCRATCH(nets);
static bool opened[NETS_MAX];
static char pages[NET_RX_BUFFERS][PAGE_SIZE] SCRATCH(net_pages)
    __attribute__((aligned(PAGE_SIZE)));

/* ------------------------------------------------------------- receiving */

static void push_rx(struct net *net)
{
    bool notify;

    if (net->rx_pushed == net->rx.req_prod_pvt)
        return;
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&net->rx, notify);
    net->rx_pushed = net->rx.req_prod_pvt;
    if (notify)
        events_notify(net->rx_port);
}

static void post(struct net *net, uint16_t id)
{
    RING_IDX place = net->rx.req_prod_pvt++;

    *RING_GET_REQUEST(&net->rx, place) = (struct netif_rx_request){
        .id = id,
        .gref = net->rx_buffers[id].reference,
    };
    net->rx_at[place % RX_SLOTS] = id;
    net->rx_buffers[id].posted = true;
}

void net_recycle(struct net *net, void *buffer)
{
    size_t id = ((uintptr_t)buffer - (uintptr_t)net->buffers) / PAGE_SIZE;

    if (id >= net->buffer_count || net->rx_buffers[id].posted)
        return;
    post(net, id);
    /* What handlers give back is pushed in one go after the last of them. */
    if (!net->busy)
        push_rx(net);
}

/* Whether a response is a whole packet, and if so, one that can be. */
static bool is_packet(struct net *net, uint16_t id,
                      const struct netif_rx_response *response)
{
    const uint16_t partial =
        NETRXF_more_data | NETRXF_extra_info | NETRXF_gso_prefix;
    bool continued = net->rx_more;

    if (net->rx_extra) {
        const struct netif_extra_info *extra = (const void *)response;

        net->rx_extra = extra->flags & XEN_NETIF_EXTRA_FLAG_MORE;
        return false;
    }
    net->rx_more = response->flags & NETRXF_more_data;
    net->rx_extra = response->flags & NETRXF_extra_info;
    if (response->id != id ||
        (response->status > 0 &&
         response->offset + response->status > PAGE_SIZE)) {
        net->stats.nonsense++;
        return false;
    }
    if (continued)
        return false; /* counted with its first slot */
    if (response->status <= 0 || response->flags & partial) {
        net->stats.rx_dropped++;
        return false;
    }
    return true;
}

static void take_rx(struct net *net, uint16_t id,
                    const struct netif_rx_response *response)
{
    const uint16_t checked = NETRXF_data_validated | NETRXF_csum_blank;
    char *buffer = net->buffers[id];

    if (!is_packet(net, id, response)) {
        post(net, id);
        return;
    }
    net->rx_buffers[id].posted = false;
    net->stats.received++;
    net->handlers.received(net->handlers.context, buffer,
                           buffer + response->offset, response->status,
                           response->flags & checked ? NET_CHECKSUMMED : 0);
}

/* One round: what comes meanwhile waits for the next, and so for the others'
 * turn. */
static void receive(struct net *net)
{
    int count = RING_RESPONSES(&net->rx, net->rx_pushed);
    bool more;

    if (count < 0) {
        net->stats.nonsense++;
        return;
    }
    for (; count; count--) {
        RING_IDX place = net->rx.rsp_cons++;
        struct netif_rx_response response;

        RING_COPY_RESPONSE(&net->rx, place, &response);
        take_rx(net, net->rx_at[place % RX_SLOTS], &response);
    }
    push_rx(net);
    RING_FINAL_CHECK_FOR_RESPONSES(&net->rx, more);
    if (more)
        events_raise(net->rx_port);
}

/* --------------------------------------------------------------- sending */

static void free_slot(struct net *net, uint16_t id)
{
    net->tx_slots[id].reference = GRANT_NONE;
    net->tx_slots[id].first = net->tx_next;
    net->tx_next = id;
    net->tx_free++;
}

/* A free slot with a reference, or NO_SLOT. */
static uint16_t take_slot(struct net *net)
{
    uint16_t id = net->tx_next;
    uint32_t reference;

    if (!net->tx_free)
        return NO_SLOT;
    reference = grant_reserve();
    if (reference == GRANT_NONE)
        return NO_SLOT;
    net->tx_slots[id].reference = reference;
    net->tx_next = net->tx_slots[id].first;
    net->tx_free--;
    return id;
}

/* How many pages it touches. */
static unsigned int pages_of(const struct net_piece *piece)
{
    return ((uintptr_t)piece->data % PAGE_SIZE + piece->length + PAGE_SIZE -
            1) /
           PAGE_SIZE;
}

/* The bytes and slots of a packet; false if it can't be sent. */
static bool measure(const struct net *net, const struct net_piece *pieces,
                    unsigned int count, size_t *bytes_r, unsigned int *slots_r)
{
    *bytes_r = 0;
    *slots_r = 0;
    if (!count || pieces[0].length < NET_FIRST_MIN ||
        PAGE_SIZE - (uintptr_t)pieces[0].data % PAGE_SIZE < NET_FIRST_MIN)
        return false;
    for (unsigned int i = 0; i < count; i++) {
        if (!pieces[i].length ||
            pieces[i].length > XEN_NETIF_MAX_TX_SIZE - *bytes_r)
            return false;
        *bytes_r += pieces[i].length;
        *slots_r += pages_of(&pieces[i]);
    }
    return *slots_r <= (net->info.can_gather ? PACKET_SLOTS_MAX : 1);
}

/* Takes the slots that a packet needs: all of them or none. */
static bool take_slots(struct net *net, unsigned int count, uint16_t *ids)
{
    for (unsigned int i = 0; i < count; i++) {
        ids[i] = take_slot(net);
        if (ids[i] != NO_SLOT)
            continue;
        while (i--) {
            grant_release(net->tx_slots[ids[i]].reference);
            free_slot(net, ids[i]);
        }
        return false;
    }
    return true;
}

bool net_send(struct net *net, const struct net_piece *pieces,
              unsigned int count, unsigned int flags, void *cookie)
{
    uint16_t ids[PACKET_SLOTS_MAX];
    unsigned int slots, n = 0;
    size_t bytes;

    if (!measure(net, pieces, count, &bytes, &slots) ||
        (flags & NET_CHECKSUMMED && !net->info.can_checksum) ||
        !take_slots(net, slots, ids))
        return false;
    net->tx_slots[ids[0]].cookie = cookie;
    net->tx_slots[ids[0]].left = slots;
    net->tx_slots[ids[0]].failed = false;
    for (; count; pieces++, count--) {
        const char *data = pieces->data;
        size_t left = pieces->length, length;

        for (; left; data += length, left -= length, n++) {
            struct tx_slot *slot = &net->tx_slots[ids[n]];
            unsigned int offset = (uintptr_t)data % PAGE_SIZE;

            length = PAGE_SIZE - offset < left ? PAGE_SIZE - offset : left;
            slot->first = ids[0];
            grant_set(slot->reference, net->backend, data, true);
            *RING_GET_REQUEST(&net->tx, net->tx.req_prod_pvt++) =
                (struct netif_tx_request){
                    .gref = slot->reference,
                    .offset = offset,
                    .flags = (n + 1 < slots ? NETTXF_more_data : 0) |
                             (!n && flags & NET_CHECKSUMMED
                                  ? NETTXF_csum_blank | NETTXF_data_validated
                                  : 0),
                    .id = ids[n],
                    /* The first one's is the whole packet's (netif.h). */
                    .size = n ? length : bytes,
                };
        }
    }
    return true;
}

void net_flush(struct net *net)
{
    bool notify;

    if (net->tx_pushed == net->tx.req_prod_pvt)
        return;
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&net->tx, notify);
    net->tx_pushed = net->tx.req_prod_pvt;
    if (notify)
        events_notify(net->tx_port);
}

static void end_packet(struct net *net, uint16_t id)
{
    void *cookie = net->tx_slots[id].cookie;

    if (net->tx_slots[id].failed)
        net->stats.tx_errors++;
    else
        net->stats.sent++;
    free_slot(net, id);
    net->handlers.sent(net->handlers.context, cookie);
}

static void take_tx(struct net *net, const struct netif_tx_response *response)
{
    uint16_t id = response->id, first;
    struct tx_slot *slot;

    if (id >= TX_SLOTS || net->tx_slots[id].reference == GRANT_NONE) {
        net->stats.nonsense++;
        return;
    }
    slot = &net->tx_slots[id];
    first = slot->first;
    if (response->status != NETIF_RSP_OKAY)
        net->tx_slots[first].failed = true;
    if (grant_clear(slot->reference))
        grant_release(slot->reference);
    else
        net->stats.nonsense++; /* still mapped: the reference is lost */
    slot->reference = GRANT_NONE;
    /* The first slot stays until the whole packet is done. */
    if (id != first)
        free_slot(net, id);
    if (--net->tx_slots[first].left == 0)
        end_packet(net, first);
}

static void complete(struct net *net)
{
    int count = RING_RESPONSES(&net->tx, net->tx_pushed);
    bool more;

    if (count < 0) {
        net->stats.nonsense++;
        return;
    }
    for (; count; count--) {
        struct netif_tx_response response;

        RING_COPY_RESPONSE(&net->tx, net->tx.rsp_cons, &response);
        net->tx.rsp_cons++;
        take_tx(net, &response);
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&net->tx, more);
    if (more)
        events_raise(net->tx_port);
}

/* --------------------------------------------------------------- opening */

static void on_event(void *context)
{
    struct net *net = context;

    /* A handler that waits for events itself: we are called from here, and
     * will look at the rings once more. */
    if (net->busy)
        return;
    net->busy = true;
    complete(net);
    receive(net);
    net->busy = false;
}

static void set_info(struct net *net, const struct noxs_net *entry)
{
    memcpy(net->info.mac, entry->mac, sizeof(entry->mac));
    memcpy(net->info.ipv4, entry->ipv4, sizeof(entry->ipv4));
    memcpy(net->info.gateway, entry->gateway, sizeof(entry->gateway));
    net->info.prefix = entry->prefix;
    net->info.mtu = entry->mtu;
    net->info.can_gather = entry->features & NOXS_NET_SG;
    net->info.can_checksum = entry->features & NOXS_NET_TX_CSUM;
}

/* The interface's share of the buffers, granted. */
static bool take_buffers(struct net *net, unsigned int n)
{
    static unsigned int each;

    if (!each) {
        struct noxs_net other;
        unsigned int count = n + 1;

        while (count < NETS_MAX &&
               devices_find(NOXS_TYPE_NET, count, &other, sizeof(other)))
            count++;
        each = NET_RX_BUFFERS / count;
    }
    net->buffers = &pages[n * each];
    for (unsigned int i = 0; i < each && n * each + i < NET_RX_BUFFERS; i++) {
        uint32_t reference = grant_reserve();

        if (reference == GRANT_NONE)
            break;
        grant_set(reference, net->backend, net->buffers[i], false);
        net->rx_buffers[net->buffer_count++].reference = reference;
    }
    net->info.rx_buffers = net->buffer_count;
    return net->buffer_count;
}

static bool connect(struct net *net, const struct noxs_net *entry)
{
    struct netif_tx_sring *tx = platform_map_frame(entry->tx_frame);
    struct netif_rx_sring *rx = platform_map_frame(entry->rx_frame);

    if (!tx || !rx)
        return false;
    net->tx_pushed = RING_START(tx);
    net->rx_pushed = RING_START(rx);
    FRONT_RING_ATTACH(&net->tx, tx, net->tx_pushed, PAGE_SIZE);
    FRONT_RING_ATTACH(&net->rx, rx, net->rx_pushed, PAGE_SIZE);
    net->backend = entry->backend;
    net->tx_port = entry->tx_port;
    net->rx_port = entry->rx_port;
    for (unsigned int i = TX_SLOTS; i-- > 0;)
        free_slot(net, i);
    return events_listen(net->tx_port, on_event, net) &&
           events_listen(net->rx_port, on_event, net);
}

struct net *net_open(unsigned int n, const struct net_handlers *handlers)
{
    struct noxs_net entry;
    struct net *net;

    if (n >= NETS_MAX || opened[n] ||
        !devices_find(NOXS_TYPE_NET, n, &entry, sizeof(entry)))
        return NULL;
    net = &nets[n];
    memset(net, 0, sizeof(*net));
    net->handlers = *handlers;
    set_info(net, &entry);
    if (!connect(net, &entry) || !take_buffers(net, n))
        return NULL;
    opened[n] = true;
    for (unsigned int i = 0; i < net->buffer_count; i++)
        post(net, i);
    push_rx(net);
    return net;
}

const struct net_info *net_info(const struct net *net)
{
    return &net->info;
}

const struct net_stats *net_stats(const struct net *net)
{
    return &net->stats;
}
