/* SPDX-License-Identifier: MIT */
/*
 * XenStore's protocol (public/io/xs_wire.h), for a toolstack in dom0: requests
 * are queued, sent together and answered together, because a round trip costs
 * more than what is asked.  It must not know what the nodes mean.
 *
 * An error names the path.  Values are text without NUL.  Nothing blocks but
 * chaos__store_run() and chaos__store_wait().
 */
#ifndef CHAOS_SRC_STORE_H
#define CHAOS_SRC_STORE_H

#include "error.h"
#include "hv/hv.h"

#include <stdbool.h>
#include <stddef.h>

/* XENSTORE_ABS_PATH_MAX and XENSTORE_PAYLOAD_MAX, xs_wire.h. */
#define CHAOS__STORE_PATH_MAX 3072
#define CHAOS__STORE_PAYLOAD_MAX 4096

struct chaos__store;

int chaos__store_open(struct chaos__hv *hv, struct chaos__store **store_r,
                      struct chaos_error *err);
void chaos__store_close(struct chaos__store *store); /* NULL is fine */
/* An error has put requests and answers out of step: of no more use. */
bool chaos__store_is_broken(const struct chaos__store *store);

/* Queueing.  What cannot be queued (memory, a path that is too long) makes
 * the next chaos__store_run() fail before anything is sent. */

/* Sets a node, and makes those above it that are missing. */
void chaos__store_write(struct chaos__store *store, const char *path,
                        const char *value);
void chaos__store_write_number(struct chaos__store *store, const char *path,
                               uint64_t value);
/* Removes a node and all below it; one that is not there is no error. */
void chaos__store_remove(struct chaos__store *store, const char *path);
/* Reads a node into `value`, cut to `size` - 1 bytes and closed by a NUL;
 * "" when it is not there. */
void chaos__store_read(struct chaos__store *store, const char *path,
                       char *value, size_t size);
/* Lists the names of the nodes below one: each with its NUL, and an empty one
 * behind the last; those that `names` has no room for are left out.  None when
 * it is not there. */
void chaos__store_list(struct chaos__store *store, const char *path,
                       char *names, size_t size);
/* Asks for an event whenever the node or one below it changes; there is one
 * at once.  `token` is not empty.  One that is there, or is not there to be
 * taken away, is no error. */
void chaos__store_watch(struct chaos__store *store, const char *path,
                        const char *token);
void chaos__store_unwatch(struct chaos__store *store, const char *path,
                          const char *token);

/* Sends what is queued and takes the answers: all of them, also after one that
 * is an error; the first error is reported. */
int chaos__store_run(struct chaos__store *store, struct chaos_error *err);

/* Forgets the events that have come: for who reads, after this, all that they
 * could tell of. */
void chaos__store_forget_events(struct chaos__store *store);

/* Waits for an event: 1 with its token, 0 when `timeout_ms` are over, or an
 * error. */
int chaos__store_wait(struct chaos__store *store, int timeout_ms, char *token,
                      size_t size, struct chaos_error *err);

#endif
