/* SPDX-License-Identifier: MIT */
/*
 * The PV console (public/io/console.h).  Writing never blocks: a guest whose
 * console nobody reads loses what does not fit.  It must not know who reads.
 */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* All of it or, when the ring has less room than that, nothing.  A line feed
 * becomes a carriage return and a line feed. */
void console_write(const char *text, size_t length);

/* How many bytes were there, at most `size`. */
size_t console_read(char *buffer, size_t size);

/* Calls `handler` when there may be something to read. */
bool console_listen(void (*handler)(void *), void *context);

#endif
