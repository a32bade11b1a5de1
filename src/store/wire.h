/* SPDX-License-Identifier: MIT */
/*
 * Messages to and from xenstored (public/io/xs_wire.h).  What comes is answers,
 * and between them events, which are kept until somebody asks for them: one of
 * each token is enough.  It must not know what was asked for.
 */
#ifndef CHAOS_SRC_STORE_WIRE_H
#define CHAOS_SRC_STORE_WIRE_H

#include "error.h"
#include "hv/hv.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* enum xsd_sockmsg_type */
enum chaos__wire_type {
    CHAOS__WIRE_DIRECTORY = 1,
    CHAOS__WIRE_READ = 2,
    CHAOS__WIRE_WATCH = 4,
    CHAOS__WIRE_UNWATCH = 5,
    CHAOS__WIRE_START = 6,
    CHAOS__WIRE_END = 7,
    CHAOS__WIRE_INTRODUCE = 8,
    CHAOS__WIRE_RELEASE = 9,
    CHAOS__WIRE_WRITE = 11,
    CHAOS__WIRE_MKDIR = 12,
    CHAOS__WIRE_RM = 13,
    CHAOS__WIRE_SET_PERMS = 14,
    CHAOS__WIRE_WATCH_EVENT = 15,
    CHAOS__WIRE_ERROR = 16,
    CHAOS__WIRE_TYPES
};

/* struct xsd_sockmsg */
struct chaos__wire_header {
    uint32_t type, request, transaction, length;
};

#define CHAOS__WIRE_EVENTS_MAX 32
#define CHAOS__WIRE_TOKEN_MAX 32 /* with its NUL */

struct chaos__wire {
    struct chaos__hv_store *stream;
    bool is_broken; /* requests and answers are no longer in step */
    /* received and not yet used */
    char in[sizeof(struct chaos__wire_header) + CHAOS__STORE_PAYLOAD_MAX];
    size_t in_length;
    char events[CHAOS__WIRE_EVENTS_MAX][CHAOS__WIRE_TOKEN_MAX];
    unsigned event_count;
};

/* `wire` is all zeroes, before and after an error. */
int chaos__wire_open(struct chaos__wire *wire, struct chaos__hv *hv,
                     struct chaos_error *err);
void chaos__wire_close(struct chaos__wire *wire);

int chaos__wire_send(struct chaos__wire *wire, const void *bytes, size_t size,
                     struct chaos_error *err);

/* Waits for the next answer, which must be the one to this request, with its
 * payload behind it; it is there until it is consumed. */
int chaos__wire_receive(struct chaos__wire *wire, uint32_t request,
                        struct chaos__wire_header *header_r,
                        struct chaos_error *err);
const char *chaos__wire_payload(const struct chaos__wire *wire);
void chaos__wire_consume(struct chaos__wire *wire,
                         const struct chaos__wire_header *header);

/* What xenstored said is against the protocol; returns the error. */
int chaos__wire_fail(struct chaos_error *err);

/* As chaos__store_forget_events() and chaos__store_wait(). */
void chaos__wire_forget_events(struct chaos__wire *wire);
int chaos__wire_wait(struct chaos__wire *wire, int timeout_ms, char *token,
                     size_t size, struct chaos_error *err);

#endif
