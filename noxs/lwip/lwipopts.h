/* SPDX-License-Identifier: MIT */
/*
 * How lwIP is built for guests: its raw API, on one thread, with IPv4, ARP,
 * ICMP, UDP and TCP.  What is not named here has lwIP's own default
 * (lwip/opt.h).  Memory is bounded by the pools below.
 */
#ifndef NOXS_LWIPOPTS_H
#define NOXS_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
/* network.c calls what is due; lwIP's own timers never let a guest sleep. */
#define LWIP_TIMERS 0

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ARP 1
#define LWIP_ICMP 1
#define LWIP_UDP 1
#define LWIP_TCP 1

/* Peers that a guest can talk to at once without asking for their address
 * again; one that serves knows few. */
#define ARP_TABLE_SIZE 16
/* Fragments are other packets' receive buffers: few, and not for long. */
#define IP_REASS_MAX_PBUFS 16
#define MEMP_NUM_REASSDATA 2

/*
 * A window of as many full segments as fit in one without scaling: half a
 * megabyte per millisecond of round trip is enough between guests and their
 * host.  A connection that fills its send buffer with copies takes as much of
 * the heap, so the heap is for one of these and many small ones.
 */
#define TCP_MSS 1460
#define TCP_WND (44 * TCP_MSS)
#define TCP_SND_BUF (44 * TCP_MSS)
#define TCP_SND_QUEUELEN 96
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 16
#define TCP_OOSEQ_MAX_PBUFS 44
/* Half of a TIME-WAIT.  A guest that serves closes first and is woken as long
 * as it has one, so it is no longer than peers on a bridge need. */
#define TCP_MSL 5000

#define MEM_LIBC_MALLOC 0
#define MEM_ALIGNMENT 8
#define MEM_SIZE (128 * 1024)
#define MEMP_NUM_PBUF 128 /* of data that is sent from where it lies */
#define MEMP_NUM_TCP_PCB 32
#define MEMP_NUM_TCP_PCB_LISTEN 4
#define MEMP_NUM_TCP_SEG 192
#define MEMP_NUM_UDP_PCB 4
#define MEMP_NUM_FRAG_PBUF 48
/* None: packets are received into the front end's buffers, interface.c. */
#define PBUF_POOL_SIZE 0
#define LWIP_DISABLE_TCP_SANITY_CHECKS 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1

/* What a back end has checked, or will fill in, is left to it. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

#define LWIP_HOOK_FILENAME "tcp-isn.h"
#define LWIP_HOOK_TCP_ISN network_tcp_isn

#endif
