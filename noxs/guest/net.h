/* SPDX-License-Identifier: MIT */
/*
 * A network interface: the front end of a netback (public/io/netif.h).  Its
 * rings are there and connected when the guest starts.  Packets are received
 * into buffers that the caller keeps for as long as it likes, and sent from
 * where they lie; nothing is copied.  What the back end writes is checked: an
 * index or length that cannot be is dropped and counted.  It must not know
 * what is in a packet.
 */
#ifndef GUEST_NET_H
#define GUEST_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETS_MAX 4u

/* The checksums of a received packet need no check (it may have none), or
 * the back end is to fill in the one of a packet to send: its field holds the
 * pseudo header's sum then. */
#define NET_CHECKSUMMED 1u

struct net;

struct net_info {
    uint8_t mac[6];
    uint16_t mtu;
    uint8_t ipv4[4];    /* all 0: none */
    uint8_t gateway[4]; /* all 0: none */
    uint8_t prefix;
    uint16_t rx_buffers; /* to receive into; without one nothing comes in */
    bool can_gather;     /* packets may be sent in several pieces, or
                          * one that crosses a page */
    bool can_checksum;   /* NET_CHECKSUMMED may be set when sending */
};

struct net_stats {
    uint64_t received, sent;
    uint64_t rx_dropped; /* the back end's errors, no buffers */
    uint64_t tx_errors;
    uint64_t nonsense; /* what a back end must not write */
};

struct net_handlers {
    /* A packet of `length` bytes at `data`, in a buffer that is the caller's
     * until net_recycle(buffer). */
    void (*received)(void *context, void *buffer, void *data, size_t length,
                     unsigned int flags);
    /* A packet is out, or given up: its memory is the caller's again. */
    void (*sent)(void *context, void *cookie);
    void *context;
};

/*
 * Opens the n-th interface of the device page and starts to receive.  The
 * handlers are called from events_wait() and events_handle().  NULL if there
 * is no such interface, or it is open.  All interfaces share the kit's 32
 * buffers (NET_RX_BUFFERS), in equal parts by how many there are at the first
 * call.  The back end can write to a buffer at any time, also while the caller
 * has it.
 */
struct net *net_open(unsigned int n, const struct net_handlers *handlers);

const struct net_info *net_info(const struct net *net);
const struct net_stats *net_stats(const struct net *net);

/* Gives a buffer back for the next packet. */
void net_recycle(struct net *net, void *buffer);

struct net_piece {
    const void *data; /* in the guest's own memory */
    size_t length;    /* not 0; the piece may cross pages */
};

#define NET_PIECES_MAX 8u
/* So many bytes of a packet, its Ethernet header, must be in one piece and on
 * one page: netback refuses a packet whose first slot is shorter. */
#define NET_FIRST_MIN 14u

/*
 * Sends a packet.  False, and `sent` is not called, when the ring has no room
 * for it (try again after `sent` was called for another) or when it cannot be
 * sent at all.  net_flush() tells the back end.
 */
bool net_send(struct net *net, const struct net_piece *pieces,
              unsigned int count, unsigned int flags, void *cookie);
void net_flush(struct net *net);

#endif
