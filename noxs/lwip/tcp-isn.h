/* SPDX-License-Identifier: MIT */
/*
 * The sequence number that a TCP connection starts with (RFC 6528): a clock
 * plus a secret function of the connection, so that nobody can guess it who
 * does not see the packets, and a connection that replaces an old one starts
 * above it.
 */
#ifndef NOXS_TCP_ISN_H
#define NOXS_TCP_ISN_H

#include "lwip/ip_addr.h"

u32_t network_tcp_isn(const ip_addr_t *local, u16_t local_port,
                      const ip_addr_t *remote, u16_t remote_port);

#endif
