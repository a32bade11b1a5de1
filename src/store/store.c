/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* enum xsd_sockmsg_type, public/io/xs_wire.h */
enum type {
    TYPE_DIRECTORY = 1,
    TYPE_READ = 2,
    TYPE_WATCH = 4,
    TYPE_UNWATCH = 5,
    TYPE_WRITE = 11,
    TYPE_RM = 13,
    TYPE_WATCH_EVENT = 15,
    TYPE_ERROR = 16,
};

/* struct xsd_sockmsg */
struct header {
    uint32_t type, request, transaction, length;
};

/* A burst is a guest's devices: this many is beyond all of them. */
#define REQUESTS_MAX 512
#define EVENTS_MAX 32
#define TOKEN_MAX 32

/* xenstored answers in milliseconds, and in seconds when the host is busy. */
#define ANSWER_TIMEOUT_MS 10000

struct request {
    enum type type;
    size_t path; /* where it is in `out` */
    char *value; /* of a read: where the answer goes */
    size_t size;
};

struct chaos__store {
    struct chaos__hv_store *stream;
    uint32_t first; /* the number of the first request that is queued */
    /* queued, and the bytes to send for it */
    struct request requests[REQUESTS_MAX];
    unsigned count;
    char *out;
    size_t out_length, out_size;
    int queue_rc;   /* what went wrong while queueing */
    bool is_broken; /* requests and answers are no longer in step */
    /* received and not yet used */
    char in[sizeof(struct header) + CHAOS__STORE_PAYLOAD_MAX];
    size_t in_length;
    /* events that came between answers; one of each token is enough */
    char events[EVENTS_MAX][TOKEN_MAX];
    unsigned event_count;
};

int chaos__store_open(struct chaos__hv *hv, struct chaos__store **store_r,
                      struct chaos_error *err)
{
    struct chaos__store *store = calloc(1, sizeof(*store));
    int rc;

    if (!store)
        return chaos__fail_memory(err);
    rc = chaos__hv_store_open(hv, &store->stream, err);
    if (rc < 0) {
        free(store);
        return rc;
    }
    *store_r = store;
    return 0;
}

void chaos__store_close(struct chaos__store *store)
{
    if (!store)
        return;
    chaos__hv_store_close(store->stream);
    free(store->out);
    free(store);
}

bool chaos__store_is_broken(const struct chaos__store *store)
{
    return store->is_broken;
}

/* ------------------------------------------------------------- queueing */

static bool reserve(struct chaos__store *store, size_t length)
{
    size_t size = store->out_size ? store->out_size : 4096;
    char *out;

    while (size < store->out_length + length)
        size *= 2;
    if (size == store->out_size)
        return true;
    out = realloc(store->out, size);
    if (!out)
        return false;
    store->out = out;
    store->out_size = size;
    return true;
}

static void put(struct chaos__store *store, const void *bytes, size_t length)
{
    memcpy(store->out + store->out_length, bytes, length);
    store->out_length += length;
}

/* A request with one or two parts; each part's length is what is sent. */
static struct request *queue(struct chaos__store *store, enum type type,
                             const char *path, size_t path_length,
                             const char *more, size_t more_length)
{
    struct header header = {
        .type = type,
        .request = store->first + store->count,
        .length = (uint32_t)(path_length + more_length),
    };
    struct request *request = &store->requests[store->count];

    if (store->queue_rc < 0)
        return NULL;
    if (path_length > CHAOS__STORE_PATH_MAX ||
        path_length + more_length > CHAOS__STORE_PAYLOAD_MAX ||
        store->count == REQUESTS_MAX) {
        store->queue_rc = CHAOS_EINVAL;
        return NULL;
    }
    if (!reserve(store, sizeof(header) + header.length)) {
        store->queue_rc = CHAOS_ENOMEM;
        return NULL;
    }
    *request = (struct request){
        .type = type,
        .path = store->out_length + sizeof(header),
    };
    put(store, &header, sizeof(header));
    put(store, path, path_length);
    put(store, more, more_length);
    store->count++;
    return request;
}

/* Paths and tokens are sent with their NUL, values without. */
void chaos__store_write(struct chaos__store *store, const char *path,
                        const char *value)
{
    queue(store, TYPE_WRITE, path, strlen(path) + 1, value, strlen(value));
}

void chaos__store_write_number(struct chaos__store *store, const char *path,
                               uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    chaos__store_write(store, path, text);
}

void chaos__store_remove(struct chaos__store *store, const char *path)
{
    queue(store, TYPE_RM, path, strlen(path) + 1, "", 0);
}

/* A request whose answer goes to the caller; "" until it has come. */
static void ask(struct chaos__store *store, uint32_t type, const char *path,
                char *value, size_t size)
{
    struct request *request = queue(store, type, path, strlen(path) + 1, "", 0);

    value[0] = '\0';
    if (!request)
        return;
    request->value = value;
    request->size = size;
}

void chaos__store_read(struct chaos__store *store, const char *path,
                       char *value, size_t size)
{
    ask(store, TYPE_READ, path, value, size);
}

void chaos__store_list(struct chaos__store *store, const char *path,
                       char *names, size_t size)
{
    ask(store, TYPE_DIRECTORY, path, names, size);
}

void chaos__store_watch(struct chaos__store *store, const char *path,
                        const char *token)
{
    queue(store, TYPE_WATCH, path, strlen(path) + 1, token, strlen(token) + 1);
}

void chaos__store_unwatch(struct chaos__store *store, const char *path,
                          const char *token)
{
    queue(store, TYPE_UNWATCH, path, strlen(path) + 1, token,
          strlen(token) + 1);
}

/* ------------------------------------------------------------ receiving */

static int fail_protocol(struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_EFAILED,
                       "talking to XenStore: what xenstored answered makes no "
                       "sense");
}

/* Whether a whole message is there: 1, 0, or an error. */
static int look_for_message(const struct chaos__store *store,
                            struct header *header_r, struct chaos_error *err)
{
    if (store->in_length < sizeof(*header_r))
        return 0;
    memcpy(header_r, store->in, sizeof(*header_r));
    if (header_r->length > CHAOS__STORE_PAYLOAD_MAX)
        return fail_protocol(err);
    return store->in_length >= sizeof(*header_r) + header_r->length;
}

/* Receives until a whole message is there: 1, 0 when the time is up, or an
 * error. */
static int receive(struct chaos__store *store, int timeout_ms,
                   struct header *header_r, struct chaos_error *err)
{
    int rc, got;

    while ((rc = look_for_message(store, header_r, err)) == 0) {
        got = chaos__hv_store_receive(
            store->stream, store->in + store->in_length,
            sizeof(store->in) - store->in_length, timeout_ms, err);
        if (got <= 0)
            return got;
        store->in_length += (size_t)got;
    }
    return rc;
}

static const char *payload(const struct chaos__store *store)
{
    return store->in + sizeof(struct header);
}

static void consume(struct chaos__store *store, const struct header *header)
{
    size_t length = sizeof(*header) + header->length;

    store->in_length -= length;
    memmove(store->in, store->in + length, store->in_length);
}

/* An event is a path and a token, each with its NUL. */
static void note_event(struct chaos__store *store, const struct header *header)
{
    const char *path = payload(store), *token;
    size_t left = header->length, length = strnlen(path, left);
    unsigned i;

    if (length == left)
        return;
    token = path + length + 1;
    left -= length + 1;
    length = strnlen(token, left);
    if (length == left || length >= TOKEN_MAX)
        return; /* none of ours */
    for (i = 0; i < store->event_count; i++)
        if (strcmp(store->events[i], token) == 0)
            return;
    if (store->event_count < EVENTS_MAX)
        memcpy(store->events[store->event_count++], token, length + 1);
}

static int fail_answer(const struct chaos__store *store,
                       const struct request *request,
                       const struct header *header, struct chaos_error *err)
{
    static const char *const doing[] = {
        [TYPE_DIRECTORY] = "listing", [TYPE_READ] = "reading",
        [TYPE_WATCH] = "watching",    [TYPE_UNWATCH] = "watching",
        [TYPE_WRITE] = "writing",     [TYPE_RM] = "removing",
    };

    /* The answer is errno's name, as text. */
    return chaos__fail(err, CHAOS_EFAILED, "XenStore: %s %s: %.*s",
                       doing[request->type], store->out + request->path,
                       (int)strnlen(payload(store), header->length),
                       payload(store));
}

static bool says(const struct chaos__store *store, const struct header *header,
                 const char *error)
{
    size_t length = strlen(error);

    return header->length >= length &&
           memcmp(payload(store), error, length) == 0;
}

/* Errors that only say that nothing had to be done. */
static bool is_harmless(const struct chaos__store *store,
                        const struct request *request,
                        const struct header *header)
{
    switch (request->type) {
    case TYPE_DIRECTORY:
    case TYPE_READ:
    case TYPE_RM:
    case TYPE_UNWATCH:
        return says(store, header, "ENOENT");
    case TYPE_WATCH:
        return says(store, header, "EEXIST");
    default:
        return false;
    }
}

/* Whole names alone, and an empty one behind them. */
static void take_names(const struct request *request, const char *names,
                       size_t length)
{
    if (length > request->size - 1)
        length = request->size - 1;
    while (length > 0 && names[length - 1])
        length--;
    memcpy(request->value, names, length);
    request->value[length] = '\0';
}

static int take_answer(struct chaos__store *store,
                       const struct request *request,
                       const struct header *header, struct chaos_error *err)
{
    size_t length = header->length;

    if (header->type == TYPE_ERROR)
        return is_harmless(store, request, header)
                   ? 0
                   : fail_answer(store, request, header, err);
    if (header->type != request->type)
        return fail_protocol(err);
    if (!request->value)
        return 0;
    if (request->type == TYPE_DIRECTORY) {
        take_names(request, payload(store), length);
        return 0;
    }
    if (length >= request->size)
        length = request->size - 1;
    memcpy(request->value, payload(store), length);
    request->value[length] = '\0';
    return 0;
}

/* Answers come in the order of the requests, events between them. */
static int take_answers(struct chaos__store *store, struct chaos_error *err)
{
    struct header header;
    int rc = 0, r;
    unsigned i;

    for (i = 0; i < store->count;) {
        r = receive(store, ANSWER_TIMEOUT_MS, &header, rc < 0 ? NULL : err);
        if (r == 0)
            r = chaos__fail(rc < 0 ? NULL : err, CHAOS_ETIMEDOUT,
                            "XenStore does not answer; is xenstored stuck?");
        if (r > 0 && header.type != TYPE_WATCH_EVENT &&
            header.request != store->first + i)
            r = fail_protocol(rc < 0 ? NULL : err);
        if (r < 0) {
            store->is_broken = true;
            return rc < 0 ? rc : r;
        }
        if (header.type == TYPE_WATCH_EVENT) {
            note_event(store, &header);
        } else {
            r = take_answer(store, &store->requests[i], &header,
                            rc < 0 ? NULL : err);
            rc = rc < 0 ? rc : r;
            i++;
        }
        consume(store, &header);
    }
    return rc;
}

static int send_queued(struct chaos__store *store, struct chaos_error *err)
{
    int rc =
        chaos__hv_store_send(store->stream, store->out, store->out_length, err);

    store->is_broken = store->is_broken || rc < 0;
    return rc;
}

int chaos__store_run(struct chaos__store *store, struct chaos_error *err)
{
    int rc = store->queue_rc;

    if (rc == CHAOS_ENOMEM)
        chaos__fail_memory(err);
    else if (rc < 0)
        chaos__fail(err, rc,
                    "XenStore: a request is too long, or there are too many");
    else if (store->count > 0)
        rc = send_queued(store, err);
    if (rc == 0)
        rc = take_answers(store, err);
    store->first += store->count;
    store->count = 0;
    store->out_length = 0;
    store->queue_rc = 0;
    return rc;
}

void chaos__store_forget_events(struct chaos__store *store)
{
    struct header header;

    /* Those behind the last answer have been received, but not looked at. */
    while (look_for_message(store, &header, NULL) > 0 &&
           header.type == TYPE_WATCH_EVENT)
        consume(store, &header);
    store->event_count = 0;
}

int chaos__store_wait(struct chaos__store *store, int timeout_ms, char *token,
                      size_t size, struct chaos_error *err)
{
    struct header header;
    int rc;

    while (store->event_count == 0) {
        rc = receive(store, timeout_ms, &header, err);
        if (rc > 0 && header.type != TYPE_WATCH_EVENT)
            rc = fail_protocol(err);
        store->is_broken = store->is_broken || rc < 0;
        if (rc <= 0)
            return rc;
        note_event(store, &header);
        consume(store, &header);
    }
    snprintf(token, size, "%s", store->events[0]);
    store->event_count--;
    memmove(store->events[0], store->events[1],
            store->event_count * sizeof(store->events[0]));
    return 1;
}
