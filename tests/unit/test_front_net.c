/* SPDX-License-Identifier: MIT */
/* The guest kit's network front end, against a back end that moves packets
 * over the real rings, or means ill. */
#include "guest_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "noxs/guest/net.h"
#include "noxs/guest/ring.h"
#include <xen/io/netif.h>

#define PAGE_BYTES 4096u
#define RX_BUFFERS 32u
#define SLOTS 256u
#define PACKETS_MAX 1024u
#define TX_PORT 5u
#define RX_PORT 6u
/* Rings start shortly before their indices wrap around. */
#define RING_FIRST 0xfffffff0u

#define ALL_FEATURES                                                           \
    (NOXS_NET_SPLIT_PORTS | NOXS_NET_SG | NOXS_NET_TX_CSUM | NOXS_NET_RX_CSUM)

/* ------------------------------------------------------------- back end */

static struct {
    struct netif_tx_back_ring tx;
    struct netif_rx_back_ring rx;
    uint32_t tx_port, rx_port;
} back;

static void connect(uint32_t features)
{
    struct noxs_net entry = {
        .type = NOXS_TYPE_NET,
        .size = sizeof(entry),
        .backend = WORLD_BACKEND,
        .features = features,
        .tx_port = TX_PORT,
        .rx_port = features & NOXS_NET_SPLIT_PORTS ? RX_PORT : TX_PORT,
        .mac = { 0, 0x16, 0x3e, 1, 2, 3 },
        .mtu = 1500,
        .ipv4 = { 10, 0, 0, 2 },
        .gateway = { 10, 0, 0, 1 },
        .prefix = 24,
    };
    struct netif_tx_sring *tx = world_new_page(&entry.tx_frame);
    struct netif_rx_sring *rx = world_new_page(&entry.rx_frame);

    tx->req_prod = tx->rsp_prod = rx->req_prod = rx->rsp_prod = RING_FIRST;
    tx->req_event = tx->rsp_event = rx->req_event = rx->rsp_event =
        RING_FIRST + 1;
    BACK_RING_ATTACH(&back.tx, tx, RING_FIRST, PAGE_BYTES);
    BACK_RING_ATTACH(&back.rx, rx, RING_FIRST, PAGE_BYTES);
    back.tx_port = entry.tx_port;
    back.rx_port = entry.rx_port;
    world_add(&entry);
}

static unsigned int tx_waiting(void)
{
    return XEN_RING_NR_UNCONSUMED_REQUESTS(&back.tx);
}

static unsigned int rx_waiting(void)
{
    return XEN_RING_NR_UNCONSUMED_REQUESTS(&back.rx);
}

static struct netif_tx_request take_tx(void)
{
    struct netif_tx_request request;

    assert_int_not_equal(tx_waiting(), 0);
    RING_COPY_REQUEST(&back.tx, back.tx.req_cons++, &request);
    return request;
}

static struct netif_rx_request take_rx(void)
{
    struct netif_rx_request request;

    assert_int_not_equal(rx_waiting(), 0);
    RING_COPY_REQUEST(&back.rx, back.rx.req_cons++, &request);
    return request;
}

static void push_tx(void)
{
    bool notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back.tx, notify);
    if (notify)
        world_notify(back.tx_port);
}

static void push_rx(void)
{
    bool notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back.rx, notify);
    if (notify)
        world_notify(back.rx_port);
}

static void answer_tx(uint16_t id, int16_t status)
{
    *RING_GET_RESPONSE(&back.tx, back.tx.rsp_prod_pvt++) =
        (struct netif_tx_response){ .id = id, .status = status };
}

static void answer_rx(uint16_t id, uint16_t offset, uint16_t flags,
                      int16_t status)
{
    *RING_GET_RESPONSE(&back.rx, back.rx.rsp_prod_pvt++) =
        (struct netif_rx_response){
            .id = id, .offset = offset, .flags = flags, .status = status
        };
}

/* Puts bytes into the guest's next buffer. */
static void deliver(const void *data, size_t length, uint16_t offset,
                    uint16_t flags)
{
    struct netif_rx_request request = take_rx();
    char *page = world_use(request.gref, WORLD_BACKEND, true);

    assert_non_null(page);
    memcpy(page + offset, data, length);
    world_end_use(request.gref);
    answer_rx(request.id, offset, flags, length);
}

/* A whole packet off the ring, as long as its first slot says; its slots'
 * ids go to `ids`.  Leaves the answers to the caller. */
static size_t fetch(char *to, uint16_t *ids, unsigned int *slots_r,
                    uint16_t *flags_r)
{
    size_t total, rest = 0, at = 0;
    struct netif_tx_request requests[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots = 0, i;

    do {
        assert_in_range(slots, 0, XEN_NETIF_NR_SLOTS_MIN - 1);
        requests[slots] = take_tx();
        ids[slots] = requests[slots].id;
        if (slots)
            rest += requests[slots].size;
    } while (requests[slots++].flags & NETTXF_more_data);
    total = requests[0].size;
    assert_true(total > rest);
    requests[0].size = total - rest;
    for (i = 0; i < slots; i++) {
        const char *page;

        /* not for writing, and for nobody else */
        assert_null(world_use(requests[i].gref, WORLD_BACKEND, true));
        assert_null(world_use(requests[i].gref, WORLD_BACKEND + 1, false));
        page = world_use(requests[i].gref, WORLD_BACKEND, false);
        assert_non_null(page);
        assert_true(requests[i].offset + requests[i].size <= PAGE_BYTES);
        memcpy(to + at, page + requests[i].offset, requests[i].size);
        at += requests[i].size;
        world_end_use(requests[i].gref);
    }
    *slots_r = slots;
    if (flags_r)
        *flags_r = requests[0].flags & ~NETTXF_more_data;
    assert_int_equal(at, total);
    return total;
}

/* ---------------------------------------------------------------- guest */

static struct {
    struct net *net;
    struct {
        void *buffer;
        char *data;
        size_t length;
        unsigned int flags;
    } packets[PACKETS_MAX];
    unsigned int received, sent;
    void *cookies[PACKETS_MAX];
    bool recycle; /* at once */
    void (*on_packet)(void), (*on_sent)(void);
} guest;

static char memory[8][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static char fetched[65536];

static void on_received(void *context, void *buffer, void *data, size_t length,
                        unsigned int flags)
{
    assert_ptr_equal(context, &guest);
    assert_int_equal((uintptr_t)buffer % PAGE_BYTES, 0);
    assert_true((char *)data >= (char *)buffer &&
                (char *)data + length <= (char *)buffer + PAGE_BYTES);
    assert_in_range(guest.received, 0, PACKETS_MAX - 1);
    guest.packets[guest.received].buffer = buffer;
    guest.packets[guest.received].data = data;
    guest.packets[guest.received].length = length;
    guest.packets[guest.received++].flags = flags;
    if (guest.recycle)
        net_recycle(guest.net, buffer);
    if (guest.on_packet)
        guest.on_packet();
}

static void on_sent(void *context, void *cookie)
{
    assert_ptr_equal(context, &guest);
    assert_in_range(guest.sent, 0, PACKETS_MAX - 1);
    guest.cookies[guest.sent++] = cookie;
    if (guest.on_sent)
        guest.on_sent();
}

static const struct net_handlers handlers = { on_received, on_sent, &guest };

static const struct net_stats *stats(void)
{
    return net_stats(guest.net);
}

static int reset(void **state)
{
    (void)state;
    memset(&guest, 0, sizeof(guest));
    for (size_t i = 0; i < sizeof(memory); i++)
        memory[i / PAGE_BYTES][i % PAGE_BYTES] = i * 7 + i / 251;
    world_reset();
    return 0;
}

static void open_with(uint32_t features)
{
    connect(features);
    guest.net = net_open(0, &handlers);
    assert_non_null(guest.net);
}

static int open_net(void **state)
{
    reset(state);
    open_with(ALL_FEATURES);
    return 0;
}

static bool send(const void *data, size_t length, void *cookie)
{
    struct net_piece piece = { data, length };

    return net_send(guest.net, &piece, 1, 0, cookie);
}

/* ------------------------------------------------------------ receiving */

static void opens_what_is_there(void **state)
{
    const struct net_info *info;
    bool seen[RX_BUFFERS] = { false };

    (void)state;
    assert_null(net_open(0, &handlers));
    open_with(ALL_FEATURES);
    assert_null(net_open(0, &handlers)); /* twice */
    assert_null(net_open(1, &handlers));
    assert_null(net_open(NETS_MAX, &handlers));
    info = net_info(guest.net);
    assert_memory_equal(info->mac, "\0\x16\x3e\1\2\3", 6);
    assert_memory_equal(info->ipv4, "\12\0\0\2", 4);
    assert_memory_equal(info->gateway, "\12\0\0\1", 4);
    assert_int_equal(info->prefix, 24);
    assert_int_equal(info->mtu, 1500);
    assert_true(info->can_gather && info->can_checksum);
    /* All buffers are posted, once each, and the back end knows. */
    assert_int_equal(world_notified(RX_PORT), 1);
    assert_int_equal(rx_waiting(), RX_BUFFERS);
    assert_int_equal(world_granted(), RX_BUFFERS);
    for (unsigned int i = 0; i < RX_BUFFERS; i++) {
        struct netif_rx_request request = take_rx();

        assert_in_range(request.id, 0, RX_BUFFERS - 1);
        assert_false(seen[request.id]);
        seen[request.id] = true;
        assert_non_null(world_use(request.gref, WORLD_BACKEND, true));
    }
}

static void does_without(void **state)
{
    struct noxs_net entry = {
        .type = NOXS_TYPE_NET, .size = sizeof(entry), .tx_port = 1, .rx_port = 1
    };

    (void)state;
    /* no rings */
    world_add(&entry);
    assert_null(net_open(0, &handlers));
    /* no port */
    world_reset();
    world_new_page(&entry.tx_frame);
    world_new_page(&entry.rx_frame);
    entry.tx_port = entry.rx_port = 0;
    world_add(&entry);
    assert_null(net_open(0, &handlers));
    /* no grants */
    world_reset();
    world_limit_grants(0);
    connect(0);
    assert_null(net_open(0, &handlers));
}

static void shares_buffers_out(void **state)
{
    struct net *second;

    (void)state;
    connect(0);
    connect(0);
    second = net_open(1, &handlers);
    assert_non_null(second);
    assert_int_equal(rx_waiting(), RX_BUFFERS / 2);
    assert_non_null(net_open(0, &handlers));
    assert_int_equal(world_granted(), RX_BUFFERS);
}

static void receives(void **state)
{
    (void)state;
    deliver("hello", 5, 0, 0);
    deliver("checked", 7, 100, NETRXF_data_validated);
    deliver("blank", 5, 4091, NETRXF_csum_blank | NETRXF_data_validated);
    push_rx();
    assert_int_equal(guest.received, 0);
    world_run();
    assert_int_equal(guest.received, 3);
    assert_memory_equal(guest.packets[0].data, "hello", 5);
    assert_int_equal(guest.packets[0].length, 5);
    assert_int_equal(guest.packets[0].flags, 0);
    assert_memory_equal(guest.packets[1].data, "checked", 7);
    assert_int_equal(guest.packets[1].flags, NET_CHECKSUMMED);
    assert_ptr_equal(guest.packets[1].data,
                     (char *)guest.packets[1].buffer + 100);
    assert_memory_equal(guest.packets[2].data, "blank", 5);
    assert_int_equal(guest.packets[2].flags, NET_CHECKSUMMED);
    assert_int_equal(stats()->received, 3);
    assert_int_equal(stats()->nonsense + stats()->rx_dropped, 0);
}

static void receives_on_and_on(void **state)
{
    (void)state;
    guest.recycle = true;
    for (unsigned int n = 0; n < 3 * SLOTS; n++) {
        deliver(&n, sizeof(n), n % 1000, 0);
        push_rx();
        world_run();
        assert_int_equal(guest.received, 1);
        assert_memory_equal(guest.packets[0].data, &n, sizeof(n));
        guest.received = 0;
        assert_int_equal(rx_waiting(), RX_BUFFERS);
    }
    /* The granted pages stay the same. */
    assert_int_equal(world_granted(), RX_BUFFERS);
    assert_int_equal(stats()->received, 3 * SLOTS);
}

static void lets_the_caller_keep_buffers(void **state)
{
    void *buffer;

    (void)state;
    for (unsigned int n = 0; n < RX_BUFFERS; n++)
        deliver(&n, sizeof(n), 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, RX_BUFFERS);
    assert_int_equal(rx_waiting(), 0);
    for (unsigned int n = 0; n < RX_BUFFERS; n++)
        assert_memory_equal(guest.packets[n].data, &n, sizeof(n));
    buffer = guest.packets[3].buffer;
    net_recycle(guest.net, buffer);
    assert_int_equal(rx_waiting(), 1);
    /* twice, or what was never ours */
    net_recycle(guest.net, buffer);
    net_recycle(guest.net, memory);
    net_recycle(guest.net, (char *)guest.packets[0].buffer - PAGE_BYTES);
    net_recycle(guest.net, NULL);
    assert_int_equal(rx_waiting(), 1);
    deliver("again", 5, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, RX_BUFFERS + 1);
    assert_ptr_equal(guest.packets[RX_BUFFERS].buffer, buffer);
}

static void expect_nothing_yet(void)
{
    assert_int_equal(rx_waiting(), RX_BUFFERS - 2);
}

static void gives_back_in_one_go(void **state)
{
    (void)state;
    guest.recycle = true;
    guest.on_packet = expect_nothing_yet;
    deliver("a", 1, 0, 0);
    deliver("a", 1, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 2);
    assert_int_equal(rx_waiting(), RX_BUFFERS);
}

static void tells_a_waiting_back_end(void **state)
{
    (void)state;
    world_notified(RX_PORT);
    guest.recycle = true;
    deliver("a", 1, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(world_notified(RX_PORT), 0);
    back.rx.sring->req_event = back.rx.sring->req_prod + 1;
    deliver("a", 1, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(world_notified(RX_PORT), 1);
}

static void deliver_once_more(void)
{
    guest.on_packet = NULL;
    deliver("second", 6, 0, 0);
    push_rx();
}

static void misses_nothing_meanwhile(void **state)
{
    (void)state;
    guest.on_packet = deliver_once_more;
    deliver("first", 5, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 2);
    assert_memory_equal(guest.packets[1].data, "second", 6);
}

static void wait_inside(void)
{
    guest.on_packet = NULL;
    deliver("second", 6, 0, 0);
    push_rx();
    world_notify(RX_PORT);
    world_run();
    assert_int_equal(guest.received, 1);
}

static void survives_waiting_inside_a_handler(void **state)
{
    (void)state;
    guest.on_packet = wait_inside;
    deliver("first", 5, 0, 0);
    deliver("other", 5, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 3);
    assert_memory_equal(guest.packets[1].data, "other", 5);
    assert_memory_equal(guest.packets[2].data, "second", 6);
}

static void drops_packets_in_parts(void **state)
{
    struct netif_extra_info extra = { .type = XEN_NETIF_EXTRA_TYPE_GSO,
                                      .flags = XEN_NETIF_EXTRA_FLAG_MORE };

    (void)state;
    deliver("one", 3, 0, NETRXF_more_data);
    deliver("two", 3, 0, NETRXF_more_data);
    deliver("three", 5, 0, 0);
    deliver("whole", 5, 0, 0);
    /* extra information, over two notifications, then more data */
    deliver("described", 9, 0, NETRXF_extra_info | NETRXF_more_data);
    push_rx();
    world_run();
    for (int i = 0; i < 2; i++) {
        take_rx();
        memcpy(RING_GET_RESPONSE(&back.rx, back.rx.rsp_prod_pvt++), &extra,
               sizeof(struct netif_rx_response));
        extra.flags = 0;
    }
    deliver("data", 4, 0, 0);
    deliver("prefix", 6, 0, NETRXF_gso_prefix);
    deliver("after", 5, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 2);
    assert_memory_equal(guest.packets[0].data, "whole", 5);
    assert_memory_equal(guest.packets[1].data, "after", 5);
    assert_int_equal(stats()->rx_dropped, 3);
    assert_int_equal(stats()->nonsense, 0);
    /* All buffers but those two are posted again. */
    assert_int_equal(rx_waiting(), RX_BUFFERS - 2);
}

static void drops_errors(void **state)
{
    (void)state;
    answer_rx(take_rx().id, 0, 0, NETIF_RSP_ERROR);
    answer_rx(take_rx().id, 0, 0, NETIF_RSP_DROPPED);
    answer_rx(take_rx().id, 0, 0, 0);
    answer_rx(take_rx().id, 0xffff, 0, INT16_MIN);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 0);
    assert_int_equal(stats()->rx_dropped, 4);
    assert_int_equal(rx_waiting(), RX_BUFFERS);
}

static void drops_nonsense(void **state)
{
    static const struct {
        uint16_t add_id, offset;
        int16_t status;
    } bad[] = {
        { 1, 0, 10 },      { RX_BUFFERS, 0, 10 }, { 0x8000, 0, 10 },
        { 0xffff, 0, 10 }, { 0, 0, 4097 },        { 0, 4096, 1 },
        { 0, 4000, 97 },   { 0, 0xffff, 1 },      { 0, 0xffff, INT16_MAX },
    };
    size_t i, count = sizeof(bad) / sizeof(bad[0]);

    (void)state;
    for (i = 0; i < count; i++)
        answer_rx(take_rx().id + bad[i].add_id, bad[i].offset, 0,
                  bad[i].status);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 0);
    assert_int_equal(stats()->nonsense, count);
    assert_int_equal(rx_waiting(), RX_BUFFERS);
    deliver("still", 5, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 1);
}

static void believes_no_impossible_index(void **state)
{
    static const uint32_t ahead[] = { RX_BUFFERS + 1, SLOTS, SLOTS + 1,
                                      0x80000000u, UINT32_MAX };
    RING_IDX start = back.rx.sring->rsp_prod;

    (void)state;
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        back.rx.sring->rsp_prod = start + ahead[i];
        world_notify(RX_PORT);
        /* Once: it must not keep the guest busy. */
        assert_int_equal(world_run(), 1);
        assert_int_equal(guest.received, 0);
        assert_int_equal(stats()->nonsense, i + 1);
    }
    back.rx.sring->rsp_prod = start;
    deliver("still", 5, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.received, 1);
    /* The ring's copy of our index counts for nothing. */
    back.rx.sring->req_prod += 100;
    back.rx.sring->rsp_prod += RX_BUFFERS;
    world_notify(RX_PORT);
    world_run();
    assert_int_equal(guest.received, 1);
    assert_int_equal(stats()->rx_dropped, 0);
}

/* -------------------------------------------------------------- sending */

static void sends(void **state)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN], flags;
    unsigned int slots;

    (void)state;
    assert_true(send(&memory[1][100], 1000, "cookie"));
    assert_int_equal(tx_waiting(), 0);
    net_flush(guest.net);
    assert_int_equal(world_notified(TX_PORT), 1);
    net_flush(guest.net);
    assert_int_equal(world_notified(TX_PORT), 0);
    assert_int_equal(world_granted(), RX_BUFFERS + 1);
    assert_int_equal(fetch(fetched, ids, &slots, &flags), 1000);
    assert_int_equal(slots, 1);
    assert_int_equal(flags, 0);
    assert_memory_equal(fetched, &memory[1][100], 1000);
    assert_int_equal(guest.sent, 0);
    answer_tx(ids[0], NETIF_RSP_OKAY);
    push_tx();
    world_run();
    assert_int_equal(guest.sent, 1);
    assert_string_equal(guest.cookies[0], "cookie");
    assert_int_equal(world_granted(), RX_BUFFERS);
    assert_int_equal(stats()->sent, 1);
}

static void gathers_across_pages(void **state)
{
    const struct net_piece pieces[] = {
        { &memory[0][4082], 54 },          /* two pages */
        { &memory[3][0], 4096 },           /* just one */
        { &memory[4][1], 2 * PAGE_BYTES }, /* three */
    };
    char expected[54 + 3 * PAGE_BYTES];
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots;

    (void)state;
    memcpy(expected, pieces[0].data, 54);
    memcpy(expected + 54, pieces[1].data, PAGE_BYTES);
    memcpy(expected + 54 + PAGE_BYTES, pieces[2].data, 2 * PAGE_BYTES);
    assert_true(net_send(guest.net, pieces, 3, 0, "cookie"));
    net_flush(guest.net);
    assert_int_equal(fetch(fetched, ids, &slots, NULL), sizeof(expected));
    assert_int_equal(slots, 6);
    assert_memory_equal(fetched, expected, sizeof(expected));
    /* Answered in any order, it is done with the last. */
    for (unsigned int i = 0; i < 6; i++) {
        static const unsigned int order[] = { 3, 0, 5, 1, 4, 2 };

        assert_int_equal(guest.sent, 0);
        answer_tx(ids[order[i]], i == 2 ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
        push_tx();
        world_run();
        assert_int_equal(world_granted(), RX_BUFFERS + 5 - i);
    }
    assert_int_equal(guest.sent, 1);
    assert_string_equal(guest.cookies[0], "cookie");
    assert_int_equal(stats()->sent, 0);
    assert_int_equal(stats()->tx_errors, 1);
}

static void refuses_what_cannot_be_sent(void **state)
{
    const struct net_piece empty[] = { { memory, 20 }, { memory, 0 } };
    const struct net_piece two[] = { { memory, 20 }, { memory, 10 } };
    const struct net_piece short_one[] = { { memory, 13 }, { memory, 50 } };
    const struct net_piece huge[] = { { memory, 40000 }, { memory, 40000 } };
    struct net_piece many[XEN_NETIF_NR_SLOTS_MIN + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
        many[i] = two[0];
    assert_false(net_send(guest.net, two, 0, 0, NULL));
    assert_false(net_send(guest.net, empty, 2, 0, NULL));
    assert_false(net_send(guest.net, huge, 2, 0, NULL));
    assert_false(net_send(guest.net, short_one, 2, 0, NULL));
    assert_false(send(&memory[0][4083], 60, NULL));
    assert_false(send(memory, SIZE_MAX, NULL));
    assert_false(net_send(guest.net, many, XEN_NETIF_NR_SLOTS_MIN + 1, 0, 0));
    assert_true(net_send(guest.net, many, XEN_NETIF_NR_SLOTS_MIN, 0, 0));
    reset(state);
    open_with(0);
    assert_false(net_info(guest.net)->can_gather);
    assert_false(net_send(guest.net, two, 2, 0, NULL));
    assert_false(send(&memory[0][4000], 97, NULL));
    assert_false(net_send(guest.net, two, 1, NET_CHECKSUMMED, NULL));
    assert_true(send(&memory[0][4000], 96, NULL));
    assert_int_equal(world_granted(), RX_BUFFERS + 1);
}

static void asks_for_checksums(void **state)
{
    const struct net_piece two[] = { { memory, 20 }, { memory, 10 } };
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN], flags;
    unsigned int slots;

    (void)state;
    assert_true(net_send(guest.net, two, 2, NET_CHECKSUMMED, NULL));
    net_flush(guest.net);
    fetch(fetched, ids, &slots, &flags);
    assert_int_equal(flags, NETTXF_csum_blank | NETTXF_data_validated);
}

static void sends_until_the_ring_is_full(void **state)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots, round, n = 0;
    const struct net_piece three = { &memory[0][4082], PAGE_BYTES + 15 };

    (void)state;
    world_reset();
    world_limit_grants(1); /* they must be given back */
    open_with(ALL_FEATURES);
    while (send(memory, 60, NULL))
        n++;
    assert_int_equal(n, SLOTS);
    net_flush(guest.net);
    /* One at a time over the whole ring, and the indices' end. */
    for (round = 0; round < 3 * SLOTS; round++) {
        fetch(fetched, ids, &slots, NULL);
        answer_tx(ids[0], NETIF_RSP_OKAY);
        push_tx();
        world_run();
        assert_int_equal(guest.sent, 1);
        guest.sent = 0;
        assert_true(send(memory, 60, NULL));
        assert_false(send(memory, 60, NULL));
        net_flush(guest.net);
    }
    /* Room for two, a packet of three: nothing of it stays behind. */
    for (round = 0; round < 2; round++) {
        fetch(fetched, ids, &slots, NULL);
        answer_tx(ids[0], NETIF_RSP_OKAY);
    }
    push_tx();
    world_run();
    assert_false(net_send(guest.net, &three, 1, 0, NULL));
    assert_int_equal(world_granted(), RX_BUFFERS + SLOTS - 2);
    assert_true(send(memory, 60, NULL));
    assert_true(send(memory, 60, NULL));
    assert_false(send(memory, 60, NULL));
}

static void sends_no_more_than_there_are_grants(void **state)
{
    const struct net_piece three = { &memory[0][4082], PAGE_BYTES + 15 };
    unsigned int n = 0;

    (void)state;
    world_reset();
    world_limit_grants(1);
    world_page()->grants_used = 512 - RX_BUFFERS - 5;
    open_with(ALL_FEATURES);
    while (net_send(guest.net, &three, 1, 0, NULL))
        n++;
    assert_int_equal(n, 1);
    while (send(memory, 60, NULL))
        n++;
    assert_int_equal(n, 1 + 2);
}

static void takes_only_answers_to_requests(void **state)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots;

    (void)state;
    for (int i = 0; i < 6; i++)
        assert_true(send(memory, 60, &memory[i]));
    net_flush(guest.net);
    fetch(fetched, ids, &slots, NULL);
    answer_tx(ids[0], NETIF_RSP_OKAY);
    answer_tx(ids[0], NETIF_RSP_OKAY); /* again */
    answer_tx(SLOTS - 1, NETIF_RSP_OKAY);
    answer_tx(SLOTS, NETIF_RSP_OKAY);
    answer_tx(0xffff, NETIF_RSP_OKAY);
    push_tx();
    world_run();
    assert_int_equal(guest.sent, 1);
    assert_int_equal(stats()->nonsense, 4);
    assert_int_equal(world_granted(), RX_BUFFERS + 5);
}

static void ends_a_packet_with_all_its_slots(void **state)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots;

    (void)state;
    assert_true(send(&memory[0][1], 2 * PAGE_BYTES, NULL));
    assert_true(send(memory, 60, NULL));
    net_flush(guest.net);
    fetch(fetched, ids, &slots, NULL);
    assert_int_equal(slots, 3);
    for (int i = 0; i < 2; i++)
        answer_tx(ids[0], NETIF_RSP_OKAY);
    answer_tx(ids[1], NETIF_RSP_OKAY);
    push_tx();
    world_run();
    assert_int_equal(guest.sent, 0);
    assert_int_equal(stats()->nonsense, 1);
    answer_tx(ids[2], NETIF_RSP_OKAY);
    push_tx();
    world_run();
    assert_int_equal(guest.sent, 1);
}

static void answer_another(void)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots;

    guest.on_sent = NULL;
    assert_true(send(memory, 60, NULL));
    net_flush(guest.net);
    fetch(fetched, ids, &slots, NULL);
    answer_tx(ids[0], NETIF_RSP_OKAY);
    push_tx();
}

static void misses_no_answer_meanwhile(void **state)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots;

    (void)state;
    guest.on_sent = answer_another;
    assert_true(send(memory, 60, NULL));
    net_flush(guest.net);
    fetch(fetched, ids, &slots, NULL);
    answer_tx(ids[0], NETIF_RSP_ERROR);
    push_tx();
    world_run();
    assert_int_equal(guest.sent, 2);
    assert_int_equal(stats()->tx_errors, 1);
    assert_int_equal(stats()->sent, 1);
}

static void takes_no_answer_before_the_request(void **state)
{
    static const uint32_t ahead[] = { 2, SLOTS, SLOTS + 1, 0x80000000u,
                                      UINT32_MAX };
    RING_IDX start = back.tx.sring->rsp_prod;

    (void)state;
    assert_true(send(memory, 60, NULL));
    net_flush(guest.net);
    assert_true(send(memory, 60, NULL)); /* not told yet */
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        back.tx.sring->rsp_prod = start + ahead[i];
        world_notify(TX_PORT);
        assert_int_equal(world_run(), 1);
        assert_int_equal(guest.sent, 0);
    }
    assert_int_equal(stats()->nonsense, sizeof(ahead) / sizeof(ahead[0]));
}

static void keeps_what_stays_mapped(void **state)
{
    struct netif_tx_request request;
    unsigned int n = 0;

    (void)state;
    assert_true(send(memory, 60, NULL));
    net_flush(guest.net);
    request = take_tx();
    assert_non_null(world_use(request.gref, WORLD_BACKEND, false));
    answer_tx(request.id, NETIF_RSP_OKAY);
    push_tx();
    world_run();
    assert_int_equal(guest.sent, 1);
    assert_int_equal(stats()->nonsense, 1);
    assert_int_equal(world_granted(), RX_BUFFERS + 1);
    /* The reference is not used for anything else. */
    while (send(memory, 60, NULL))
        n++;
    net_flush(guest.net);
    assert_int_equal(n, SLOTS);
    while (n--)
        assert_int_not_equal(take_tx().gref, request.gref);
}

static void takes_one_port_for_both(void **state)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int slots;

    (void)state;
    open_with(NOXS_NET_SG);
    assert_true(send(memory, 60, NULL));
    net_flush(guest.net);
    assert_int_equal(world_notified(TX_PORT), 2);
    assert_int_equal(world_notified(RX_PORT), 0);
    fetch(fetched, ids, &slots, NULL);
    answer_tx(ids[0], NETIF_RSP_OKAY);
    push_tx();
    deliver("hello", 5, 0, 0);
    push_rx();
    world_run();
    assert_int_equal(guest.sent, 1);
    assert_int_equal(guest.received, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(opens_what_is_there, reset),
        cmocka_unit_test_setup(does_without, reset),
        cmocka_unit_test_setup(shares_buffers_out, reset),
        cmocka_unit_test_setup(receives, open_net),
        cmocka_unit_test_setup(receives_on_and_on, open_net),
        cmocka_unit_test_setup(lets_the_caller_keep_buffers, open_net),
        cmocka_unit_test_setup(gives_back_in_one_go, open_net),
        cmocka_unit_test_setup(tells_a_waiting_back_end, open_net),
        cmocka_unit_test_setup(misses_nothing_meanwhile, open_net),
        cmocka_unit_test_setup(survives_waiting_inside_a_handler, open_net),
        cmocka_unit_test_setup(drops_packets_in_parts, open_net),
        cmocka_unit_test_setup(drops_errors, open_net),
        cmocka_unit_test_setup(drops_nonsense, open_net),
        cmocka_unit_test_setup(believes_no_impossible_index, open_net),
        cmocka_unit_test_setup(sends, open_net),
        cmocka_unit_test_setup(gathers_across_pages, open_net),
        cmocka_unit_test_setup(refuses_what_cannot_be_sent, open_net),
        cmocka_unit_test_setup(asks_for_checksums, open_net),
        cmocka_unit_test_setup(sends_until_the_ring_is_full, reset),
        cmocka_unit_test_setup(sends_no_more_than_there_are_grants, reset),
        cmocka_unit_test_setup(takes_only_answers_to_requests, open_net),
        cmocka_unit_test_setup(ends_a_packet_with_all_its_slots, open_net),
        cmocka_unit_test_setup(misses_no_answer_meanwhile, open_net),
        cmocka_unit_test_setup(takes_no_answer_before_the_request, open_net),
        cmocka_unit_test_setup(keeps_what_stays_mapped, open_net),
        cmocka_unit_test_setup(takes_one_port_for_both, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
