/* SPDX-License-Identifier: MIT */
/*
 * XenStore for the unit tests, behind the byte stream of hv.h: the protocol of
 * public/io/xs_wire.h over one tree that all processes share.  It answers at
 * once; when a process waits and nothing is there for it, the back ends
 * (fake_dom0.h) go on, and when they have nothing to do the time is up: the
 * process's clock is put forward by that time, which nobody waits for.
 *
 * Watches tell that something changed at or below their path, once however
 * often it did.
 */
#ifndef CHAOS_TESTS_FAKE_STORE_H
#define CHAOS_TESTS_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_store_request {
    FAKE_STORE_LIST,
    FAKE_STORE_READ,
    FAKE_STORE_WATCH,
    FAKE_STORE_UNWATCH,
    FAKE_STORE_WRITE,
    FAKE_STORE_RM,
    FAKE_STORE_MAKE,
    FAKE_STORE_ALLOW,
    FAKE_STORE_INTRODUCE,
    FAKE_STORE_RELEASE,
    FAKE_STORE_START,
    FAKE_STORE_END,
    FAKE_STORE_REQUESTS
};

/* Requests since fake_hv_reset_counts(). */
unsigned fake_store_count(enum fake_store_request request);

/* The tree from outside, uncounted.  False: there is no such node. */
bool fake_store_look(const char *path, char *value, size_t size);
void fake_store_set(const char *path, const char *value);
void fake_store_remove(const char *path);

/* Who may do what with a node, as xenstore-ls -p writes it: "n0,r5".  False:
 * there is no such node. */
bool fake_store_access(const char *path, char *text, size_t size);
/* Whether xenstored has the domain's page and port. */
bool fake_store_is_introduced(uint32_t domid);

/* The n-th request from now that writes, makes, allows or introduces is refused
 * with this error: EDQUOT, which is "EQUOTA" in the protocol, or any other; 0:
 * none. */
void fake_store_refuse_at(unsigned n, int errnum);
/* The next n transactions that should take effect do not: EAGAIN.  Others do
 * not when anything at all has changed since they began. */
void fake_store_conflict(unsigned n);

/* As when a domain that xenstored knows has ended: those that watch
 * @releaseDomain are told. */
void fake_store_release_domain(void);

/* At most so many bytes at a time are received; 0: as many as there are. */
void fake_store_set_chunk(size_t size);

/*
 * In this process, from now on: what is received is these bytes (which stay
 * the caller's) whatever is sent, and at their end the connection is closed,
 * or silent.  NULL: the store answers again.
 */
void fake_store_speak(const void *bytes, size_t size, bool closes);

/* The last that this process sent; the bytes are valid until the next. */
const uint8_t *fake_store_sent(size_t *size_r);

#endif
