/* SPDX-License-Identifier: MIT */
/*
 * What surrounds a network unikernel on Xen, for tests on any machine: a
 * network interface, whose other end the test holds, clocks that it sets, a
 * console.  It implements noxs/guest's headers.  It must not know what is in
 * a packet.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noxs/guest/boot.h"
#include "noxs/guest/net.h"

#define WIRE_BUFFERS 32u
#define WIRE_PACKET_MAX 4096u

/* A guest that has not started yet, with one interface, or none if `info` is
 * NULL; all that the last one had done is forgotten. */
void wire_reset(const struct net_info *info);

/* Starts it; comes back when it waits for events. */
void wire_start(void (*main)(const struct guest_info *));
/* It handles what has happened; comes back when it waits again. */
void wire_run(void);

extern uint64_t wire_now;  /* system time */
extern uint64_t wire_wall; /* wall clock time at system time 0 */
extern uint64_t wire_wake; /* when the guest wants to be woken; 0: never */
extern char wire_console[4096];
extern bool wire_up;

/* A packet for the guest; false if it has no buffer to receive into. */
bool wire_deliver(const void *data, size_t length, unsigned int flags);
/* Buffers that the guest has not given back. */
unsigned int wire_held(void);

/* The next packet that the guest has sent and flushed; 0 if there is none. */
size_t wire_take(void *to, unsigned int *flags_r, unsigned int *pieces_r);
/* The guest's packets in flight are from now on answered only by
 * wire_complete(), and it finds no room for more than `room`. */
void wire_hold(unsigned int room);
/* Answers them. */
void wire_complete(void);
/* Whether a piece of the last packet taken was in a receive buffer. */
bool wire_was_received(void);

#endif
