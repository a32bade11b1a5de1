/* SPDX-License-Identifier: MIT */
/*
 * noxs: how a guest finds its devices without XenStore.
 *
 * One header, shared by the toolstack and by guests: freestanding, no
 * dependency but stdint.h, no knowledge of either side's code.  All numbers
 * are little-endian, IPv4 and MAC addresses are bytes as on the wire.
 *
 * The device page takes the place of the XenStore ring page: a PV guest
 * finds its machine frame in start_info.store_mfn, a PVH guest its guest frame
 * in HVM_PARAM_STORE_PFN.  A page that does not start with NOXS_MAGIC is a
 * XenStore ring.
 *
 * The toolstack writes the device page and the upper half of the control
 * page; the guest writes the lower half.  A guest may overwrite all of it, so
 * the toolstack believes nothing that it reads back: what it needs to know of
 * a guest's devices it keeps elsewhere.
 *
 * A frame is a number as Xen's interfaces use it: PVH guest frame, PV machine
 * frame.  A port is the guest's end of an event channel.  A grant reference is
 * an entry of the guest's own grant table, written by the toolstack.
 */
#ifndef NOXS_ABI_H
#define NOXS_ABI_H

#include <stdint.h>

#ifdef __cplusplus
#define NOXS_ASSERT(condition, text) static_assert(condition, text)
#else
#define NOXS_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define NOXS_AT(type, field, offset)                                           \
    NOXS_ASSERT(__builtin_offsetof(struct type, field) == (offset),            \
                #type "." #field)

#define NOXS_PAGE_SIZE 4096u

/* "noxs" and its bytes inverted: no text and no XenStore request is that. */
#define NOXS_MAGIC UINT64_C(0x8c87909173786f6e)
#define NOXS_VERSION 1u

/*
 * An image says that it looks for a device page by an ELF note of this name
 * and type, whose descriptor is the highest version it knows (32 bits).
 */
#define NOXS_ELFNOTE_NAME "noxs"
#define NOXS_ELFNOTE_VERSION 1u

/* ---------------------------------------------------------- device page */

/* The device page: this header, then entries. */
struct noxs_page {
    uint64_t magic;
    uint32_t version;
    uint32_t generation;    /* odd while the toolstack changes the page */
    uint32_t entry_count;   /* entries that follow, spare ones included */
    uint32_t control_port;  /* event channel of the control page */
    uint64_t control_frame; /* of the control page */
    uint32_t grants_used;   /* references below are the toolstack's */
    uint32_t incarnation;   /* one more each time that the guest is restored
                             * or forked: rings and ports are new ones then */
    uint64_t reserved[3];
};
NOXS_ASSERT(sizeof(struct noxs_page) == 64, "device page header");
NOXS_AT(noxs_page, magic, 0);
NOXS_AT(noxs_page, version, 8);
NOXS_AT(noxs_page, generation, 12);
NOXS_AT(noxs_page, entry_count, 16);
NOXS_AT(noxs_page, control_port, 20);
NOXS_AT(noxs_page, control_frame, 24);
NOXS_AT(noxs_page, grants_used, 32);
NOXS_AT(noxs_page, incarnation, 36);
NOXS_AT(noxs_page, reserved, 40);

#define NOXS_TYPE_SPARE 0u /* room for a device to be plugged in */
#define NOXS_TYPE_CONSOLE 1u
#define NOXS_TYPE_NET 2u
#define NOXS_TYPE_BLOCK 3u
#define NOXS_TYPE_9P 4u /* reserved: no layout in version 1 */

/* What every entry starts with; a type that the guest does not know is
 * skipped by its size. */
struct noxs_entry {
    uint16_t type;     /* NOXS_TYPE_* */
    uint16_t size;     /* bytes, this header included; a multiple of 64 */
    uint16_t id;       /* of the device among those of its type */
    uint16_t backend;  /* domid of the back end */
    uint32_t features; /* by type */
    uint32_t reserved;
    uint8_t rest[48];
};
NOXS_ASSERT(sizeof(struct noxs_entry) == 64, "device page entry");
NOXS_AT(noxs_entry, type, 0);
NOXS_AT(noxs_entry, size, 2);
NOXS_AT(noxs_entry, id, 4);
NOXS_AT(noxs_entry, backend, 6);
NOXS_AT(noxs_entry, features, 8);
NOXS_AT(noxs_entry, reserved, 12);
NOXS_AT(noxs_entry, rest, 16);

/* The console: a ring as in public/io/console.h. */
struct noxs_console {
    uint16_t type, size, id, backend;
    uint32_t features; /* none yet: 0 */
    uint32_t port;
    uint64_t ring_frame;
    uint64_t reserved[5];
};
NOXS_ASSERT(sizeof(struct noxs_console) == 64, "console entry");
NOXS_AT(noxs_console, type, 0);
NOXS_AT(noxs_console, size, 2);
NOXS_AT(noxs_console, id, 4);
NOXS_AT(noxs_console, backend, 6);
NOXS_AT(noxs_console, features, 8);
NOXS_AT(noxs_console, port, 12);
NOXS_AT(noxs_console, ring_frame, 16);
NOXS_AT(noxs_console, reserved, 24);

/* noxs_net.features */
#define NOXS_NET_SPLIT_PORTS 1u /* rx_port is another than tx_port */
#define NOXS_NET_SG 2u      /* the back end takes packets in several slots */
#define NOXS_NET_TX_CSUM 4u /* it fills in checksums (NETTXF_csum_blank) */
#define NOXS_NET_RX_CSUM 8u /* and may leave some out (NETRXF_csum_blank) */

/* A network interface: rings as in public/io/netif.h, of one page each; both
 * are initialised and the back end is connected when the guest starts. */
struct noxs_net {
    uint16_t type, size, id, backend;
    uint32_t features; /* NOXS_NET_* */
    uint32_t tx_ref;
    uint32_t rx_ref;
    uint32_t tx_port;
    uint32_t rx_port; /* the same as tx_port without NOXS_NET_SPLIT_PORTS */
    uint32_t reserved;
    uint64_t tx_frame;
    uint64_t rx_frame;
    uint8_t mac[6];
    uint16_t mtu;       /* bytes, without the Ethernet header */
    uint8_t ipv4[4];    /* all 0: none is given */
    uint8_t gateway[4]; /* all 0: none */
    uint8_t prefix;     /* of the IPv4 address, in bits */
    uint8_t reserved2[7];
    uint64_t reserved3[7]; /* IPv6, further queues */
};
NOXS_ASSERT(sizeof(struct noxs_net) == 128, "network entry");
NOXS_AT(noxs_net, type, 0);
NOXS_AT(noxs_net, size, 2);
NOXS_AT(noxs_net, id, 4);
NOXS_AT(noxs_net, backend, 6);
NOXS_AT(noxs_net, features, 8);
NOXS_AT(noxs_net, tx_ref, 12);
NOXS_AT(noxs_net, rx_ref, 16);
NOXS_AT(noxs_net, tx_port, 20);
NOXS_AT(noxs_net, rx_port, 24);
NOXS_AT(noxs_net, reserved, 28);
NOXS_AT(noxs_net, tx_frame, 32);
NOXS_AT(noxs_net, rx_frame, 40);
NOXS_AT(noxs_net, mac, 48);
NOXS_AT(noxs_net, mtu, 54);
NOXS_AT(noxs_net, ipv4, 56);
NOXS_AT(noxs_net, gateway, 60);
NOXS_AT(noxs_net, prefix, 64);
NOXS_AT(noxs_net, reserved2, 65);
NOXS_AT(noxs_net, reserved3, 72);

/* noxs_block.features */
#define NOXS_BLOCK_READ_ONLY 1u
#define NOXS_BLOCK_FLUSH 2u   /* BLKIF_OP_FLUSH_DISKCACHE */
#define NOXS_BLOCK_DISCARD 4u /* BLKIF_OP_DISCARD */
#define NOXS_BLOCK_CDROM 8u

/* A disk: a ring as in public/io/blkif.h, of one page, 64-bit layout; it is
 * initialised and the back end is connected when the guest starts. */
struct noxs_block {
    uint16_t type, size, id, backend;
    uint32_t features; /* NOXS_BLOCK_* */
    uint32_t ring_ref;
    uint32_t port;
    uint32_t sector_size; /* bytes, of the medium */
    uint64_t ring_frame;
    uint64_t sectors;      /* of 512 bytes, as in the ring's requests */
    uint32_t vdev;         /* number of the virtual device, as blkif.h's handle
                            * and Xen's vbd-interface(7): 51712 is xvda */
    uint32_t max_indirect; /* segments of an indirect request; 0: none */
    uint64_t reserved[2];
};
NOXS_ASSERT(sizeof(struct noxs_block) == 64, "block entry");
NOXS_AT(noxs_block, type, 0);
NOXS_AT(noxs_block, size, 2);
NOXS_AT(noxs_block, id, 4);
NOXS_AT(noxs_block, backend, 6);
NOXS_AT(noxs_block, features, 8);
NOXS_AT(noxs_block, ring_ref, 12);
NOXS_AT(noxs_block, port, 16);
NOXS_AT(noxs_block, sector_size, 20);
NOXS_AT(noxs_block, ring_frame, 24);
NOXS_AT(noxs_block, sectors, 32);
NOXS_AT(noxs_block, vdev, 40);
NOXS_AT(noxs_block, max_indirect, 44);
NOXS_AT(noxs_block, reserved, 48);

/* --------------------------------------------------------- control page */

/* What the toolstack can ask for in noxs_control.request. */
#define NOXS_REQUEST_NONE 0u
#define NOXS_REQUEST_POWEROFF 1u
#define NOXS_REQUEST_REBOOT 2u
#define NOXS_REQUEST_SUSPEND 3u
#define NOXS_REQUEST_HALT 4u    /* at once, without an orderly end */
#define NOXS_REQUEST_FORK 5u    /* be ready to be copied; see `result` */
#define NOXS_REQUEST_DEVICES 6u /* the device page has changed */

/* What the guest says of itself in noxs_control.status. */
#define NOXS_STATUS_BOOTING 0u
#define NOXS_STATUS_UP 1u
#define NOXS_STATUS_GOING_DOWN 2u
#define NOXS_STATUS_CRASHED 3u

/* What the guest can ask for in noxs_control.guest_request. */
#define NOXS_GUEST_REQUEST_NONE 0u
#define NOXS_GUEST_REQUEST_FORK 1u

/* noxs_control.result and .answer */
#define NOXS_RESULT_DONE 0u
#define NOXS_RESULT_REFUSED 1u
#define NOXS_RESULT_UNKNOWN 2u

/*
 * The control page.  A request is complete when its serial differs from
 * `acknowledged`; the guest copies the serial there when it has read the
 * request and before it acts on it.  Requests of the guest go the same way
 * with guest_request, guest_serial and answered.  Either side notifies
 * control_port after it wrote.
 */
struct noxs_control {
    /* written by the toolstack */
    uint32_t request;
    uint32_t serial;
    uint32_t answered; /* the last guest_serial that was answered */
    uint32_t answer;   /* NOXS_RESULT_* */
    uint64_t argument; /* of the request */
    uint64_t value;    /* of the answer; of a fork: the child's number, 0 in
                        * the child itself */
    uint64_t toolstack_reserved[4];
    /* written by the guest */
    uint32_t acknowledged;
    uint32_t status;
    uint32_t code;   /* of a crash; 0 otherwise */
    uint32_t result; /* NOXS_RESULT_* of a request that does not end the
                      * guest; written before `acknowledged` */
    uint64_t up_ns;  /* system time (ns since Xen's boot) when it came up */
    uint32_t guest_request;
    uint32_t guest_serial;
    uint64_t guest_argument;
    uint64_t guest_reserved[3];
};
NOXS_ASSERT(sizeof(struct noxs_control) == 128, "control page");
NOXS_AT(noxs_control, request, 0);
NOXS_AT(noxs_control, serial, 4);
NOXS_AT(noxs_control, answered, 8);
NOXS_AT(noxs_control, answer, 12);
NOXS_AT(noxs_control, argument, 16);
NOXS_AT(noxs_control, value, 24);
NOXS_AT(noxs_control, toolstack_reserved, 32);
NOXS_AT(noxs_control, acknowledged, 64);
NOXS_AT(noxs_control, status, 68);
NOXS_AT(noxs_control, code, 72);
NOXS_AT(noxs_control, result, 76);
NOXS_AT(noxs_control, up_ns, 80);
NOXS_AT(noxs_control, guest_request, 88);
NOXS_AT(noxs_control, guest_serial, 92);
NOXS_AT(noxs_control, guest_argument, 96);
NOXS_AT(noxs_control, guest_reserved, 104);

#endif
