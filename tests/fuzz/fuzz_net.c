/* SPDX-License-Identifier: MIT */
/* A network front end whose back end writes any bytes to the rings: it must
 * hand out only its own buffers, one owner at a time, and end each packet at
 * most once. */
#include "guest_world.h"

#include <stdlib.h>
#include <string.h>

#include "noxs/guest/net.h"
#include "noxs/guest/ring.h"
#include <xen/io/netif.h>

#include "front.h"

#define PAGE_BYTES 4096u
#define BUFFERS 32u
#define TX_PORT 1u
#define RX_PORT 2u

const unsigned int front_idle_grants = BUFFERS;

static struct {
    struct net *net;
    struct netif_tx_sring *tx;
    struct netif_rx_sring *rx;
    void *held[BUFFERS];
    unsigned int held_count;
} fuzz;

static void recycle(unsigned int i)
{
    void *buffer = fuzz.held[i];

    fuzz.held[i] = fuzz.held[--fuzz.held_count];
    net_recycle(fuzz.net, buffer);
}

static void on_received(void *context, void *buffer, void *data, size_t length,
                        unsigned int flags)
{
    (void)context;
    if ((uintptr_t)buffer % PAGE_BYTES || flags & ~NET_CHECKSUMMED ||
        (char *)data < (char *)buffer || !length ||
        (char *)data + length > (char *)buffer + PAGE_BYTES ||
        fuzz.held_count == BUFFERS)
        abort();
    for (unsigned int i = 0; i < fuzz.held_count; i++)
        if (fuzz.held[i] == buffer)
            abort();
    memset(buffer, 0x5a, PAGE_BYTES);
    fuzz.held[fuzz.held_count++] = buffer;
    if (length & 1)
        recycle(fuzz.held_count - 1);
    if (length & 2)
        front_next();
}

static void send(unsigned int pieces, size_t size)
{
    struct net_piece piece[4];
    void **cookie;

    pieces = pieces % 4 + 1;
    cookie = front_begin(malloc(pieces * (size + 1)));
    if (!cookie)
        return;
    for (unsigned int i = 0; i < pieces; i++)
        piece[i] = (struct net_piece){ (char *)*cookie + i * (size + 1), size };
    if (!net_send(fuzz.net, piece, pieces, size & NET_CHECKSUMMED, cookie))
        front_refused(cookie);
}

static void on_sent(void *context, void *cookie)
{
    (void)context;
    front_ended(cookie);
}

void front_again(void)
{
    send(0, 100);
}

void front_start(uint8_t features)
{
    static const struct net_handlers handlers = { on_received, on_sent, NULL };
    struct noxs_net entry = {
        .type = NOXS_TYPE_NET,
        .size = sizeof(entry),
        .backend = WORLD_BACKEND,
        .features = features,
        .tx_port = TX_PORT,
        .rx_port = features & NOXS_NET_SPLIT_PORTS ? RX_PORT : TX_PORT,
    };

    memset(&fuzz, 0, sizeof(fuzz));
    fuzz.tx = world_new_page(&entry.tx_frame);
    fuzz.rx = world_new_page(&entry.rx_frame);
    if (features & 0x40) /* indices about to wrap around */
        fuzz.tx->req_prod = fuzz.tx->rsp_prod = fuzz.rx->req_prod =
            fuzz.rx->rsp_prod = -20u;
    world_add(&entry);
    fuzz.net = net_open(0, &handlers);
    if (!fuzz.net)
        abort();
}

/* A response as it should be, from the request in its place but for one
 * field. */
static void answer_tx(unsigned int bits, uint16_t value)
{
    struct netif_tx_request request =
        fuzz.tx->ring[fuzz.tx->rsp_prod % 256].req;
    struct netif_tx_response response = { .id = request.id };

    if (bits & 1)
        response.status = value;
    if (bits & 2)
        response.id = value;
    front_use(request.gref, bits & 4);
    fuzz.tx->ring[fuzz.tx->rsp_prod++ % 256].rsp = response;
}

static void answer_rx(unsigned int bits, uint16_t value)
{
    struct netif_rx_request request =
        fuzz.rx->ring[fuzz.rx->rsp_prod % 256].req;
    struct netif_rx_response response = { .id = request.id, .status = 60 };

    if (bits & 1)
        response.status = value;
    if (bits & 2)
        response.offset = value;
    if (bits & 4)
        response.flags = value;
    if (bits & 8)
        response.id = value;
    fuzz.rx->ring[fuzz.rx->rsp_prod++ % 256].rsp = response;
}

void front_step(uint8_t bits, uint16_t value)
{
    switch (bits >> 4) {
    case 0:
        answer_tx(bits, value);
        break;
    case 1:
        answer_rx(bits, value);
        break;
    case 2:
        ((char *)fuzz.tx)[value % PAGE_BYTES] = input_u8(&front_input);
        break;
    case 3:
        ((char *)fuzz.rx)[value % PAGE_BYTES] = input_u8(&front_input);
        break;
    case 4:
        fuzz.tx->rsp_prod += value;
        break;
    case 5:
        fuzz.rx->rsp_prod += value;
        break;
    case 6:
        send(bits, value);
        break;
    case 7:
        net_flush(fuzz.net);
        break;
    case 8:
        if (fuzz.held_count)
            recycle(value % fuzz.held_count);
        break;
    default:
        front_notify(bits & 1 ? TX_PORT : RX_PORT);
    }
}
