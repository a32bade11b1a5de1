/* SPDX-License-Identifier: MIT */
/*
 * TCP/IP for a unikernel: lwIP's raw API (lwip/tcp.h, lwip/udp.h) on the
 * interfaces of the device page, with the addresses that it gives them.  A
 * unikernel opens the network, says what it serves, and runs:
 *
 *     network_open();
 *     network_listen(13, accept);
 *     network_run("daytime");
 *
 * It must not know any service.
 */
#ifndef NOXS_LWIP_NETWORK_H
#define NOXS_LWIP_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/tcp.h"

/* Opens all interfaces; false if none has an address. */
bool network_open(void);

/* Calls `accept` for each TCP connection to the port. */
void network_listen(uint16_t port, tcp_accept_fn accept);

/*
 * Closes a connection in order, what is written to it is still sent; resets
 * it if memory is out.  It is for a callback of lwIP's to return, which has to
 * tell which of the two it was.
 */
err_t network_close(struct tcp_pcb *pcb);

/* Says that the guest is up, prints one line that starts with `name`, and
 * serves until it is asked to end.  Sleeps while there is nothing to do. */
_Noreturn void network_run(const char *name);

/* The first interface's address, such as "10.0.120.5/24"; "" if none has
 * one. */
const char *network_address(void);

#endif
