/* SPDX-License-Identifier: MIT */
/*
 * The interfaces of the device page as lwIP's: packets are received where the
 * back end put them and sent from where lwIP has them.  It must not know about
 * timers, nor what is served.
 */
#ifndef NOXS_LWIP_INTERFACE_H
#define NOXS_LWIP_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/netif.h"

/* Opens the n-th interface and gives it its address; false if there is none.
 * One without an address is opened and left down. */
bool interface_open(unsigned int n);

/* The first one that has an address; NULL if none has. */
const struct netif *interface_first(void);

/* Tells the back ends what there is to send.  True if there is room for what
 * found none before. */
bool interfaces_flush(void);

/* Packets that went either way since the start. */
uint64_t interfaces_packets(void);

#endif
