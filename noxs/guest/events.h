/* SPDX-License-Identifier: MIT */
/*
 * Event channels without interrupts: a guest asks Xen to wake it when one of
 * its ports is pending (SCHEDOP_poll) and looks at the pending bits itself, so
 * it needs no handler, no vector and no mask.  It must not know what the
 * events mean.
 */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* Calls `handler` from events_wait() and events_handle() whenever `port` was
 * notified; a port has one handler, the last.  False when there are too many
 * or the port can't be one.  A port that is closed is forgotten. */
bool events_listen(uint32_t port, void (*handler)(void *), void *context);

/* Calls the handlers of what is pending; false if nothing was. */
bool events_handle(void);

/* Blocks until something is pending, and handles it; may return early.  A
 * guest that listens to nothing blocks for ever. */
void events_wait(void);

/* The same, but no longer than until that time (time.h); 0: for ever. */
void events_wait_until(uint64_t ns);

/* Has the handler of a port that is listened to called again, as if it was
 * notified: for one that leaves work undone so that others get their turn. */
void events_raise(uint32_t port);

/* A port that nobody listens to is no error. */
void events_notify(uint32_t port);

#endif
