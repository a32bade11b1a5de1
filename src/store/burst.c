/* SPDX-License-Identifier: MIT */
#include "burst.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is sent before answers are read: oxenstored stops reading when 1024 of
 * its answers wait, and then nobody would read any more. */
#define REQUESTS_AT_ONCE 512

/* The types that are sent, by their numbers. */
static const struct {
    const char *doing; /* before the path, in an error's text */
    bool in_transaction;
    /* errors that only say that nothing had to be done */
    const char *harmless[2];
} types[CHAOS__WIRE_TYPES] = {
    [CHAOS__WIRE_DIRECTORY] = { "listing ", true, { "ENOENT" } },
    [CHAOS__WIRE_READ] = { "reading ", true, { "ENOENT" } },
    [CHAOS__WIRE_WATCH] = { "watching ", false, { "EEXIST" } },
    [CHAOS__WIRE_UNWATCH] = { "watching ", false, { "ENOENT" } },
    [CHAOS__WIRE_START] = { "starting a transaction", false, { NULL } },
    [CHAOS__WIRE_END] = { "ending a transaction with ", true, { NULL } },
    [CHAOS__WIRE_INTRODUCE] = { "introducing domain ", false, { NULL } },
    /* The xenstored in C, and the one in OCaml. */
    [CHAOS__WIRE_RELEASE] = { "releasing domain ",
                              false,
                              { "ENOENT", "EINVAL" } },
    [CHAOS__WIRE_WRITE] = { "writing ", true, { NULL } },
    [CHAOS__WIRE_MKDIR] = { "making ", true, { NULL } },
    [CHAOS__WIRE_RM] = { "removing ", true, { "ENOENT" } },
    [CHAOS__WIRE_SET_PERMS] = { "setting permissions of ", true, { NULL } },
};

void chaos__burst_free(struct chaos__burst *burst)
{
    free(burst->requests);
    free(burst->out);
}

/* --------------------------------------------------------------- adding */

/* Makes a block large enough; NULL: there is no memory, and it stays. */
static void *grow(void *block, size_t *size, size_t needed)
{
    size_t larger = *size ? *size : 4096;
    void *grown;

    while (larger < needed)
        larger *= 2;
    if (larger == *size)
        return block;
    grown = realloc(block, larger);
    if (grown)
        *size = larger;
    return grown;
}

static bool reserve(struct chaos__burst *burst, size_t length)
{
    char *out = grow(burst->out, &burst->out_size, burst->out_length + length);
    struct chaos__request *requests;

    if (!out)
        return false;
    burst->out = out;
    requests = grow(burst->requests, &burst->requests_size,
                    (burst->count + 1) * sizeof(*requests));
    if (!requests)
        return false;
    burst->requests = requests;
    return true;
}

static void put(struct chaos__burst *burst, const void *bytes, size_t length)
{
    if (length > 0)
        memcpy(burst->out + burst->out_length, bytes, length);
    burst->out_length += length;
}

struct chaos__request *chaos__burst_add(struct chaos__burst *burst,
                                        enum chaos__wire_type type,
                                        const char *path, const void *more,
                                        size_t more_length)
{
    const size_t path_length = strlen(path) + 1;
    struct chaos__wire_header header = {
        .type = type,
        .request = burst->first + (uint32_t)burst->count,
        .transaction = types[type].in_transaction ? burst->transaction : 0,
        .length = (uint32_t)(path_length + more_length),
    };
    struct chaos__request *request;

    if (burst->rc == 0 &&
        (path_length > CHAOS__STORE_PATH_MAX ||
         path_length + more_length > CHAOS__STORE_PAYLOAD_MAX)) {
        burst->rc = CHAOS_EINVAL;
        snprintf(burst->refused, sizeof(burst->refused), "%s%s",
                 types[type].doing, path);
    }
    if (burst->rc == 0 && !reserve(burst, sizeof(header) + header.length))
        burst->rc = CHAOS_ENOMEM;
    if (burst->rc < 0)
        return NULL;
    request = &burst->requests[burst->count++];
    *request = (struct chaos__request){ .type = type, .at = burst->out_length };
    put(burst, &header, sizeof(header));
    put(burst, path, path_length);
    put(burst, more, more_length);
    return request;
}

void chaos__burst_drop(struct chaos__burst *burst)
{
    burst->first += (uint32_t)burst->count;
    burst->count = burst->sent = 0;
    burst->out_length = 0;
    burst->rc = 0;
}

/* -------------------------------------------------------------- answers */

static bool says(const struct chaos__wire *wire,
                 const struct chaos__wire_header *header, const char *error)
{
    size_t length = strlen(error);

    return header->length >= length &&
           memcmp(chaos__wire_payload(wire), error, length) == 0;
}

static bool is_harmless(const struct chaos__wire *wire,
                        const struct chaos__request *request,
                        const struct chaos__wire_header *header)
{
    const char *const *errors = types[request->type].harmless;

    return (errors[0] && says(wire, header, errors[0])) ||
           (errors[1] && says(wire, header, errors[1]));
}

/* An error is errno's name, as text. */
static int fail_answer(struct chaos__burst *burst,
                       const struct chaos__wire *wire,
                       const struct chaos__request *request,
                       const struct chaos__wire_header *header,
                       struct chaos_error *err)
{
#define LIMIT                                                                  \
    ": xenstored lets the node's owner have no more (quota-maxentity in "      \
    "oxenstored.conf, --entry-nb of xenstored)"
    static const struct {
        const char *error, *advice;
        int code;
    } errors[] = {
        { "EACCES", ": only dom0 may; is this dom0?", CHAOS_EFAILED },
        { "EAGAIN", ": XenStore is too busy; try again", CHAOS_EBUSY },
        { "ENOMEM", ": xenstored is out of memory", CHAOS_ENOMEM },
        { "ENOSPC", LIMIT, CHAOS_EFAILED }, /* the one in C */
        { "EQUOTA", LIMIT, CHAOS_EFAILED }, /* the one in OCaml */
        { "", "", CHAOS_EFAILED },
    };
#undef LIMIT
    const char *text = chaos__wire_payload(wire);
    size_t i = 0;

    while (!says(wire, header, errors[i].error))
        i++;
    if (errors[i].code == CHAOS_EBUSY)
        burst->has_conflict = true;
    return chaos__fail(
        err, errors[i].code, "XenStore: %s%s: %.*s%s",
        types[request->type].doing,
        burst->out + request->at + sizeof(struct chaos__wire_header),
        (int)strnlen(text, header->length), text, errors[i].advice);
}

/* Whole names alone, and an empty one behind them. */
static void take_names(const struct chaos__request *request, const char *names,
                       size_t length)
{
    if (length > request->size - 1)
        length = request->size - 1;
    while (length > 0 && names[length - 1])
        length--;
    memcpy(request->value, names, length);
    request->value[length] = '\0';
}

static int take_answer(struct chaos__burst *burst,
                       const struct chaos__wire *wire,
                       const struct chaos__request *request,
                       const struct chaos__wire_header *header,
                       struct chaos_error *err)
{
    const char *payload = chaos__wire_payload(wire);
    size_t length = header->length;

    if (header->type == CHAOS__WIRE_ERROR)
        return is_harmless(wire, request, header)
                   ? 0
                   : fail_answer(burst, wire, request, header, err);
    if (header->type != request->type)
        return chaos__wire_fail(err);
    if (!request->value)
        return 0;
    if (request->type == CHAOS__WIRE_DIRECTORY) {
        take_names(request, payload, length);
        return 0;
    }
    if (length >= request->size)
        length = request->size - 1;
    memcpy(request->value, payload, length);
    request->value[length] = '\0';
    return 0;
}

/* --------------------------------------------------------------- running */

/* Sends the requests up to `end` that have not been sent. */
static int send_up_to(struct chaos__burst *burst, struct chaos__wire *wire,
                      size_t end, struct chaos_error *err)
{
    const size_t begin = burst->sent;
    size_t at, behind;

    if (begin >= end)
        return 0;
    at = burst->requests[begin].at;
    behind = end < burst->count ? burst->requests[end].at : burst->out_length;
    burst->sent = end;
    return chaos__wire_send(wire, burst->out + at, behind - at, err);
}

int chaos__burst_send(struct chaos__burst *burst, struct chaos__wire *wire,
                      struct chaos_error *err)
{
    return burst->rc < 0 || burst->count > REQUESTS_AT_ONCE
               ? 0
               : send_up_to(burst, wire, burst->count, err);
}

/* Sends the requests from `begin` on, and takes their answers, which come in
 * that order.  The first error is told of; a broken stream ends it. */
static int exchange(struct chaos__burst *burst, struct chaos__wire *wire,
                    size_t begin, size_t end, struct chaos_error *err)
{
    struct chaos__wire_header header;
    int rc, r;
    size_t i;

    rc = send_up_to(burst, wire, end, err);
    for (i = begin; i < end && !wire->is_broken; i++) {
        struct chaos_error *first = rc < 0 ? NULL : err;

        r = chaos__wire_receive(wire, burst->first + (uint32_t)i, &header,
                                first);
        if (r == 0) {
            r = take_answer(burst, wire, &burst->requests[i], &header, first);
            chaos__wire_consume(wire, &header);
        }
        rc = rc < 0 ? rc : r;
    }
    return rc;
}

static int exchange_all(struct chaos__burst *burst, struct chaos__wire *wire,
                        struct chaos_error *err)
{
    size_t begin, end;
    int rc = 0, r;

    for (begin = 0; begin < burst->count && !wire->is_broken; begin = end) {
        end = begin + REQUESTS_AT_ONCE;
        if (end > burst->count)
            end = burst->count;
        r = exchange(burst, wire, begin, end, rc < 0 ? NULL : err);
        rc = rc < 0 ? rc : r;
    }
    return rc;
}

int chaos__burst_run(struct chaos__burst *burst, struct chaos__wire *wire,
                     struct chaos_error *err)
{
    int rc = burst->rc;

    if (rc == CHAOS_ENOMEM)
        chaos__fail_memory(err);
    else if (rc < 0)
        chaos__fail(err, rc, "XenStore: %s: the request is too long",
                    burst->refused);
    if (rc < 0 && burst->sent > 0)
        exchange(burst, wire, 0, burst->sent, NULL);
    else if (rc == 0)
        rc = exchange_all(burst, wire, err);
    chaos__burst_drop(burst);
    return rc;
}
