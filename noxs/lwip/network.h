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

/*
 * Calls `accept` for each TCP connection to the port.  When there are as many
 * connections as there can be, a new one ends the one that was quiet for
 * longest; `accept` says by tcp_err() what to do then.
 */
void network_listen(uint16_t port, void (*accept)(struct tcp_pcb *pcb));

/*
 * Closes a connection: what was written is still sent, what the peer still
 * sends is thrown away, for some seconds.  No callback of the connection's is
 * called any more.
 */
void network_close(struct tcp_pcb *pcb);

/* Says that the guest is up, prints one line that starts with `name`, and
 * serves until it is asked to end.  Sleeps while there is nothing to do. */
_Noreturn void network_run(const char *name);

/* One round of that, for a unikernel that has its own way of waiting for
 * events: sends what there is to send, and returns the time (time.h) by which
 * it is to be called again even without an event; 0 if that is never. */
uint64_t network_step(void);

/* The first interface's address, such as "10.0.120.5/24"; "" if none has
 * one. */
const char *network_address(void);

#endif
