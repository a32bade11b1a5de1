/* SPDX-License-Identifier: MIT */
/*
 * A guest's console.  That of a noxs guest needs no daemon: its ring is mapped
 * and its event channel bound for as long as the console is open.  That of a
 * guest that speaks to XenStore is xenconsoled's, as under xl, which keeps its
 * log and has a terminal for it: that is opened.  One reader at a time.
 *
 *     struct pollfd p = { .fd = chaos_console_fd(console), .events = POLLIN };
 *
 *     while (poll(&p, 1, 100) >= 0) {
 *         while ((n = chaos_console_read(console, buffer, sizeof buffer)) > 0)
 *             write(1, buffer, n);
 *         ...
 *     }
 */
#ifndef CHAOS_CONSOLE_H
#define CHAOS_CONSOLE_H

#include <stddef.h>

#include <chaos/guest.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct chaos_console;

/*
 * Opens the console of a guest, also of one that another toolstack made.
 * CHAOS_EBUSY when another process has opened it so, or xl's console command
 * shows it; CHAOS_ETIMEDOUT when xenconsoled has no terminal for it within
 * five seconds.  The console keeps no reference to the context but must be
 * closed before it.  It outlives its guest: reads then return what was left,
 * writes go nowhere.
 */
int chaos_console_open(struct chaos *chaos, uint32_t domid,
                       struct chaos_console **console_r,
                       struct chaos_error *err);
void chaos_console_close(struct chaos_console *console); /* NULL is fine */

/* A descriptor that becomes readable when the guest has written or read; for
 * poll() alone, the console's.  POLLHUP: xenconsoled has closed the terminal,
 * because the guest has gone or for another reason, and nothing more comes. */
int chaos_console_fd(const struct chaos_console *console);

/* Takes what the guest wrote, at most `size` bytes; 0 when there is nothing.
 * Never blocks. */
size_t chaos_console_read(struct chaos_console *console, void *buffer,
                          size_t size);

/* Gives the guest input; returns how many bytes its ring had room for. */
size_t chaos_console_write(struct chaos_console *console, const void *bytes,
                           size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
