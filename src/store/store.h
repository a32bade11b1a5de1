/* SPDX-License-Identifier: MIT */
/*
 * XenStore's protocol (public/io/xs_wire.h), for a toolstack in dom0: requests
 * are queued, sent together and answered together, because a round trip costs
 * more than what is asked.  It must not know what the nodes mean.
 *
 * An error names the path.  Values are text without NUL.  Nothing blocks but
 * chaos__store_run(), chaos__store_transact() and chaos__store_wait(), and
 * chaos__store_send() while xenstored is busy.
 */
#ifndef CHAOS_SRC_STORE_H
#define CHAOS_SRC_STORE_H

#include "error.h"
#include "hv/hv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
/* Makes an empty node, unless it is there. */
void chaos__store_make(struct chaos__store *store, const char *path);
/* Says who may do what with a node, which those made below it take over: its
 * owner may do all (as dom0 may always), `reader` read, others nothing. */
#define CHAOS__STORE_NOBODY UINT32_MAX
void chaos__store_allow(struct chaos__store *store, const char *path,
                        uint32_t owner, uint32_t reader);
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

/* Introduces a domain, so that it can speak to xenstored: its page for that (a
 * frame as hv.h counts them; granted, reference 1) and its port. */
void chaos__store_introduce(struct chaos__store *store, uint32_t domid,
                            uint64_t frame, uint32_t port);
/* Forgets it; one that is not known is no error. */
void chaos__store_release(struct chaos__store *store, uint32_t domid);

/*
 * Has what `work` queues and runs take effect as a whole, seen by others at
 * once, or not at all: in a transaction, whose start takes a round trip.
 * `work` is called again when others have changed meanwhile what it has read or
 * written, and CHAOS_EBUSY says that they do so each time.  When it fails,
 * nothing is changed.
 * Nothing may be queued when this is called.  Watches, introducing and
 * releasing are not part of it.
 */
typedef int (*chaos__store_work_fn)(struct chaos__store *store, void *user,
                                    struct chaos_error *err);
int chaos__store_transact(struct chaos__store *store, chaos__store_work_fn work,
                          void *user, struct chaos_error *err);

/* Sends what is queued and takes the answers: all of them, also after one that
 * is an error; the first error is reported. */
int chaos__store_run(struct chaos__store *store, struct chaos_error *err);

/*
 * Sends what is queued, so that it is done meanwhile; the next
 * chaos__store_run() takes the answers, and tells of the errors.  Values are
 * filled in by that, and must be there until then.
 */
int chaos__store_send(struct chaos__store *store, struct chaos_error *err);

/* Forgets the events that have come: for who reads, after this, all that they
 * could tell of. */
void chaos__store_forget_events(struct chaos__store *store);

/* For who waits for other things as well: readable when an event may have come.
 * Those that are there already don't make it so: chaos__store_wait() with a
 * time-out of 0 takes them first. */
int chaos__store_fd(const struct chaos__store *store);

/* Waits for an event: 1 with its token, 0 when `timeout_ms` are over, or an
 * error. */
int chaos__store_wait(struct chaos__store *store, int timeout_ms, char *token,
                      size_t size, struct chaos_error *err);

#endif
