/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <stdio.h>
#include <string.h>

/* xenstored answers in milliseconds, and in seconds when the host is busy. */
#define ANSWER_TIMEOUT_MS 10000

int chaos__wire_open(struct chaos__wire *wire, struct chaos__hv *hv,
                     struct chaos_error *err)
{
    return chaos__hv_store_open(hv, &wire->stream, err);
}

void chaos__wire_close(struct chaos__wire *wire)
{
    chaos__hv_store_close(wire->stream);
}

int chaos__wire_fail(struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_EFAILED,
                       "talking to XenStore: what xenstored answered makes no "
                       "sense");
}

int chaos__wire_send(struct chaos__wire *wire, const void *bytes, size_t size,
                     struct chaos_error *err)
{
    int rc = chaos__hv_store_send(wire->stream, bytes, size, err);

    wire->is_broken = wire->is_broken || rc < 0;
    return rc;
}

/* ------------------------------------------------------------- messages */

/* Whether a whole message is there: 1, 0, or an error. */
static int look_for_message(const struct chaos__wire *wire,
                            struct chaos__wire_header *header_r,
                            struct chaos_error *err)
{
    if (wire->in_length < sizeof(*header_r))
        return 0;
    memcpy(header_r, wire->in, sizeof(*header_r));
    if (header_r->length > CHAOS__STORE_PAYLOAD_MAX)
        return chaos__wire_fail(err);
    return wire->in_length >= sizeof(*header_r) + header_r->length;
}

/* Receives until a whole message is there: 1, 0 when the time is up, or an
 * error. */
static int receive(struct chaos__wire *wire, int timeout_ms,
                   struct chaos__wire_header *header_r, struct chaos_error *err)
{
    int rc, got;

    while ((rc = look_for_message(wire, header_r, err)) == 0) {
        got = chaos__hv_store_receive(wire->stream, wire->in + wire->in_length,
                                      sizeof(wire->in) - wire->in_length,
                                      timeout_ms, err);
        if (got <= 0)
            return got;
        wire->in_length += (size_t)got;
    }
    return rc;
}

const char *chaos__wire_payload(const struct chaos__wire *wire)
{
    return wire->in + sizeof(struct chaos__wire_header);
}

void chaos__wire_consume(struct chaos__wire *wire,
                         const struct chaos__wire_header *header)
{
    size_t length = sizeof(*header) + header->length;

    wire->in_length -= length;
    memmove(wire->in, wire->in + length, wire->in_length);
}

/* --------------------------------------------------------------- events */

/* An event is a path and a token, each with its NUL. */
static void note_event(struct chaos__wire *wire,
                       const struct chaos__wire_header *header)
{
    const char *path = chaos__wire_payload(wire), *token;
    size_t left = header->length, length = strnlen(path, left);
    unsigned i;

    if (length == left)
        return;
    token = path + length + 1;
    left -= length + 1;
    length = strnlen(token, left);
    if (length == left || length >= CHAOS__WIRE_TOKEN_MAX)
        return; /* none of ours */
    for (i = 0; i < wire->event_count; i++)
        if (strcmp(wire->events[i], token) == 0)
            return;
    if (wire->event_count < CHAOS__WIRE_EVENTS_MAX)
        memcpy(wire->events[wire->event_count++], token, length + 1);
}

/* An event that is there is noted, and consumed. */
static bool take_event(struct chaos__wire *wire,
                       const struct chaos__wire_header *header)
{
    if (header->type != CHAOS__WIRE_WATCH_EVENT)
        return false;
    note_event(wire, header);
    chaos__wire_consume(wire, header);
    return true;
}

int chaos__wire_receive(struct chaos__wire *wire, uint32_t request,
                        struct chaos__wire_header *header_r,
                        struct chaos_error *err)
{
    int rc;

    do {
        rc = receive(wire, ANSWER_TIMEOUT_MS, header_r, err);
    } while (rc > 0 && take_event(wire, header_r));
    if (rc == 0)
        rc = chaos__fail(err, CHAOS_ETIMEDOUT,
                         "XenStore does not answer; is xenstored stuck?");
    else if (rc > 0 && header_r->request != request)
        rc = chaos__wire_fail(err);
    wire->is_broken = wire->is_broken || rc < 0;
    return rc < 0 ? rc : 0;
}

void chaos__wire_forget_events(struct chaos__wire *wire)
{
    struct chaos__wire_header header;

    /* Those behind the last answer have been received, but not looked at. */
    while (look_for_message(wire, &header, NULL) > 0 &&
           header.type == CHAOS__WIRE_WATCH_EVENT)
        chaos__wire_consume(wire, &header);
    wire->event_count = 0;
}

int chaos__wire_wait(struct chaos__wire *wire, int timeout_ms, char *token,
                     size_t size, struct chaos_error *err)
{
    struct chaos__wire_header header;
    int rc;

    while (wire->event_count == 0) {
        rc = receive(wire, timeout_ms, &header, err);
        if (rc > 0 && !take_event(wire, &header))
            rc = chaos__wire_fail(err);
        wire->is_broken = wire->is_broken || rc < 0;
        if (rc <= 0)
            return rc;
    }
    snprintf(token, size, "%s", wire->events[0]);
    wire->event_count--;
    memmove(wire->events[0], wire->events[1],
            wire->event_count * sizeof(wire->events[0]));
    return 1;
}
