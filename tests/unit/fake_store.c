/* SPDX-License-Identifier: MIT */
/* xenstored: requests, answers and events of this process's connections. */
#include "fake_state.h"

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WATCHES_MAX 64

/* public/io/xs_wire.h */
enum type {
    TYPE_DIRECTORY = 1,
    TYPE_READ = 2,
    TYPE_WATCH = 4,
    TYPE_UNWATCH = 5,
    TYPE_START = 6,
    TYPE_END = 7,
    TYPE_INTRODUCE = 8,
    TYPE_RELEASE = 9,
    TYPE_WRITE = 11,
    TYPE_MKDIR = 12,
    TYPE_RM = 13,
    TYPE_SET_PERMS = 14,
    TYPE_EVENT = 15,
    TYPE_ERROR = 16,
};

struct header {
    uint32_t type, request, transaction, length;
};

struct watch {
    char path[CHAOS__STORE_PATH_MAX + 1], token[64];
    uint64_t seen; /* the last change of which an event told */
};

struct chaos__hv_store {
    uint8_t *out; /* answers and events that nobody has received yet */
    size_t length, size;
    struct watch *watches[WATCHES_MAX];
    unsigned watch_count;
    uint32_t transaction;   /* the last one's number */
    struct fake_tree *copy; /* what it sees; NULL: it has ended */
    int fd;                 /* always readable: an event may have come */
};

/* What this process was told to hear, and has said. */
static struct {
    const uint8_t *bytes;
    size_t size;
    bool closes;
} speech;
static struct {
    uint8_t *bytes;
    size_t size;
} sent;

/* ------------------------------------------------------------- answering */

static void put(struct chaos__hv_store *store, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    if (store->length + length > store->size) {
        store->size = 2 * (store->length + length);
        store->out = realloc(store->out, store->size);
        if (!store->out)
            abort();
    }
    memcpy(store->out + store->length, bytes, length);
    store->length += length;
}

static void answer(struct chaos__hv_store *store, const struct header *to,
                   const void *bytes, size_t length)
{
    struct header header = *to;

    header.length = (uint32_t)length;
    put(store, &header, sizeof(header));
    put(store, bytes, length);
}

/* An error is errno's name, but for one. */
static void answer_error(struct chaos__hv_store *store, const struct header *to,
                         int errnum)
{
    struct header header = *to;
    const char *name = errnum == EDQUOT ? "EQUOTA" : strerrorname_np(errnum);

    header.type = TYPE_ERROR;
    answer(store, &header, name, strlen(name) + 1);
}

static void put_event(struct chaos__hv_store *store, const struct watch *watch)
{
    const size_t path = strlen(watch->path) + 1,
                 token = strlen(watch->token) + 1;
    const struct header header = { .type = TYPE_EVENT,
                                   .length = (uint32_t)(path + token) };

    put(store, &header, sizeof(header));
    put(store, watch->path, path);
    put(store, watch->token, token);
}

static uint64_t last_change(const char *path)
{
    const struct fake_node *node = fake_tree_find(path);

    if (strcmp(path, "@releaseDomain") == 0)
        return fake_state->releases;
    return node ? node->changed : 0;
}

static void put_events(struct chaos__hv_store *store)
{
    struct watch *watch;
    uint64_t last;
    unsigned i;

    for (i = 0; i < store->watch_count; i++) {
        watch = store->watches[i];
        last = last_change(watch->path);
        if (last == watch->seen)
            continue;
        watch->seen = last;
        put_event(store, watch);
    }
}

/* ------------------------------------------------------------- requests */

/* A request's payload: a path with its NUL, and what is behind it. */
struct request {
    const struct header *header;
    const char *path;
    const char *rest;
    size_t rest_length;
};

static struct watch **find_watch(struct chaos__hv_store *store,
                                 const struct request *request)
{
    unsigned i;

    for (i = 0; i < store->watch_count; i++)
        if (strcmp(store->watches[i]->path, request->path) == 0 &&
            strcmp(store->watches[i]->token, request->rest) == 0)
            return &store->watches[i];
    return NULL;
}

/* A token comes with its NUL. */
static bool has_token(const struct request *request)
{
    return request->rest_length > 0 &&
           request->rest_length <= sizeof(((struct watch *)0)->token) &&
           strnlen(request->rest, request->rest_length) + 1 ==
               request->rest_length;
}

static int add_watch(struct chaos__hv_store *store,
                     const struct request *request)
{
    struct watch *watch;

    if (!has_token(request) || strlen(request->path) >= sizeof(watch->path))
        return EINVAL;
    if (find_watch(store, request))
        return EEXIST;
    if (store->watch_count == WATCHES_MAX)
        return E2BIG;
    watch = calloc(1, sizeof(*watch));
    if (!watch)
        abort();
    snprintf(watch->path, sizeof(watch->path), "%s", request->path);
    snprintf(watch->token, sizeof(watch->token), "%s", request->rest);
    watch->seen = UINT64_MAX; /* the first event comes at once */
    store->watches[store->watch_count++] = watch;
    return 0;
}

static int remove_watch(struct chaos__hv_store *store,
                        const struct request *request)
{
    struct watch **found =
        has_token(request) ? find_watch(store, request) : NULL;

    if (!found)
        return ENOENT;
    free(*found);
    *found = store->watches[--store->watch_count];
    return 0;
}

static void answer_read(struct chaos__hv_store *store,
                        const struct request *request)
{
    const struct fake_node *node = fake_tree_find(request->path);

    if (node)
        answer(store, request->header, node->value, node->length);
    else
        answer_error(store, request->header, ENOENT);
}

/* Names, each with its NUL. */
static void answer_list(struct chaos__hv_store *store,
                        const struct request *request)
{
    struct fake_node *directory = fake_tree_find(request->path), *node = NULL;
    char names[CHAOS__STORE_PAYLOAD_MAX];
    size_t length = 0;

    if (!directory) {
        answer_error(store, request->header, ENOENT);
        return;
    }
    while ((node = fake_tree_next(directory, node))) {
        if (strlen(node->name) + 1 > sizeof(names) - length) {
            answer_error(store, request->header, E2BIG);
            return;
        }
        memcpy(names + length, node->name, strlen(node->name) + 1);
        length += strlen(node->name) + 1;
    }
    answer(store, request->header, names, length);
}

static void answer_start(struct chaos__hv_store *store,
                         const struct request *request)
{
    char text[16];

    if (store->copy)
        fake_offence("XenStore: a transaction while there is one");
    free(store->copy);
    store->copy = fake_tree_copy();
    store->transaction++;
    snprintf(text, sizeof(text), "%u", store->transaction);
    answer(store, request->header, text, strlen(text) + 1);
}

/* What was asked; FAKE_STORE_REQUESTS: nothing that is known. */
static enum fake_store_request kind_of(uint32_t type)
{
    switch (type) {
    case TYPE_DIRECTORY:
        return FAKE_STORE_LIST;
    case TYPE_READ:
        return FAKE_STORE_READ;
    case TYPE_WATCH:
        return FAKE_STORE_WATCH;
    case TYPE_UNWATCH:
        return FAKE_STORE_UNWATCH;
    case TYPE_WRITE:
        return FAKE_STORE_WRITE;
    case TYPE_RM:
        return FAKE_STORE_RM;
    case TYPE_MKDIR:
        return FAKE_STORE_MAKE;
    case TYPE_SET_PERMS:
        return FAKE_STORE_ALLOW;
    case TYPE_INTRODUCE:
        return FAKE_STORE_INTRODUCE;
    case TYPE_RELEASE:
        return FAKE_STORE_RELEASE;
    case TYPE_START:
        return FAKE_STORE_START;
    case TYPE_END:
        return FAKE_STORE_END;
    default:
        return FAKE_STORE_REQUESTS;
    }
}

/* Access comes as texts, each with its NUL. */
static int allow(const struct request *request)
{
    char access[FAKE_TREE_ACCESS];
    size_t i;

    if (request->rest_length < 2 || request->rest_length > sizeof(access) ||
        request->rest[request->rest_length - 1])
        return EINVAL;
    memcpy(access, request->rest, request->rest_length);
    for (i = 0; i < request->rest_length - 1; i++)
        if (!access[i])
            access[i] = ',';
    return fake_tree_allow(request->path, access);
}

/* A number as text with its NUL; false: it is none. */
static bool take_number(const char **text, size_t *length, uint64_t *number_r)
{
    const size_t size = strnlen(*text, *length) + 1;
    char *end;

    if (size > *length || !isdigit((unsigned char)**text))
        return false;
    *number_r = strtoull(*text, &end, 10);
    *text += size;
    *length -= size;
    return !*end;
}

static int introduce(const struct request *request)
{
    const char *text = request->path;
    size_t length = request->header->length;
    uint64_t domid, frame, port;

    if (!take_number(&text, &length, &domid) ||
        !take_number(&text, &length, &frame) ||
        !take_number(&text, &length, &port) || length > 0) {
        fake_offence("XenStore: introducing without sense");
        return EINVAL;
    }
    return fake_introduce((uint32_t)domid, frame, (uint32_t)port);
}

/* As the xenstored in C says it. */
static int release(const struct request *request)
{
    const char *text = request->path;
    size_t length = request->header->length;
    struct fake_hv_domain *domain;
    uint64_t domid;

    if (!take_number(&text, &length, &domid) || length > 0)
        return EINVAL;
    domain = fake_find((uint32_t)domid);
    return domain && fake_release(domain) ? 0 : ENOENT;
}

static int end_transaction(struct chaos__hv_store *store,
                           const struct request *request)
{
    const bool commit = strcmp(request->path, "T") == 0;
    bool done = true;

    fake_tree_use(NULL);
    if (commit && fake_state->conflicts > 0) {
        fake_state->conflicts--;
        done = false;
    } else if (commit) {
        done = fake_tree_commit(store->copy);
    }
    free(store->copy);
    store->copy = NULL;
    fake_backends_notice();
    return done ? 0 : EAGAIN;
}

static int change(struct chaos__hv_store *store, const struct request *request,
                  enum fake_store_request kind)
{
    int errnum;

    switch (kind) {
    case FAKE_STORE_WATCH:
        return add_watch(store, request);
    case FAKE_STORE_UNWATCH:
        return remove_watch(store, request);
    case FAKE_STORE_WRITE:
        return fake_tree_write(request->path, request->rest,
                               request->rest_length);
    case FAKE_STORE_MAKE:
        return fake_tree_make(request->path);
    case FAKE_STORE_ALLOW:
        return allow(request);
    case FAKE_STORE_INTRODUCE:
        return introduce(request);
    case FAKE_STORE_RELEASE:
        return release(request);
    case FAKE_STORE_END:
        return end_transaction(store, request);
    default:
        errnum = fake_tree_remove(request->path);
        if (!request->header->transaction)
            fake_backends_notice();
        return errnum;
    }
}

/* The error that the test wants for it, or 0. */
static int planned_refusal(enum fake_store_request kind)
{
    if (kind != FAKE_STORE_WRITE && kind != FAKE_STORE_MAKE &&
        kind != FAKE_STORE_ALLOW && kind != FAKE_STORE_INTRODUCE)
        return 0;
    fake_state->changes++;
    return fake_state->changes == fake_state->refuse_at
               ? fake_state->refuse_errnum
               : 0;
}

/* Whether it is known, and part of a transaction that it can be part of. */
static bool is_in_order(const struct chaos__hv_store *store,
                        const struct header *header,
                        enum fake_store_request kind)
{
    switch (kind) {
    case FAKE_STORE_REQUESTS:
        return false;
    case FAKE_STORE_WATCH:
    case FAKE_STORE_UNWATCH:
    case FAKE_STORE_INTRODUCE:
    case FAKE_STORE_RELEASE:
    case FAKE_STORE_START:
        return header->transaction == 0;
    case FAKE_STORE_END:
        return store->copy && header->transaction == store->transaction;
    default:
        return header->transaction == 0 ||
               (store->copy && header->transaction == store->transaction);
    }
}

static void serve(struct chaos__hv_store *store, const struct request *request,
                  enum fake_store_request kind)
{
    int errnum;

    switch (kind) {
    case FAKE_STORE_READ:
        answer_read(store, request);
        return;
    case FAKE_STORE_LIST:
        answer_list(store, request);
        return;
    case FAKE_STORE_START:
        answer_start(store, request);
        return;
    default:
        errnum = planned_refusal(kind);
        if (!errnum)
            errnum = change(store, request, kind);
        if (errnum)
            answer_error(store, request->header, errnum);
        else
            answer(store, request->header, "OK", 3);
    }
}

static void execute(struct chaos__hv_store *store, const struct header *header,
                    const char *payload)
{
    const size_t path = strnlen(payload, header->length);
    const struct request request = {
        .header = header,
        .path = payload,
        .rest = payload + path + 1,
        .rest_length = header->length - path - 1,
    };
    enum fake_store_request kind = kind_of(header->type);

    if (path == header->length || !is_in_order(store, header, kind)) {
        fake_offence("XenStore: a request of type %u, path %.*s, "
                     "transaction %u",
                     header->type, (int)path, payload, header->transaction);
        answer_error(store, header, EINVAL);
        return;
    }
    fake_state->requests[kind]++;
    fake_tree_use(header->transaction ? store->copy : NULL);
    serve(store, &request, kind);
    fake_tree_use(NULL);
    if (kind == FAKE_STORE_READ)
        fake_backend_was_read(request.path);
    put_events(store);
}

/* The header of the message at `at`; false when it is not a whole one. */
static bool read_header(const uint8_t *bytes, size_t size, size_t at,
                        struct header *header)
{
    if (size - at < sizeof(*header))
        return false;
    memcpy(header, bytes + at, sizeof(*header));
    return header->length <= CHAOS__STORE_PAYLOAD_MAX &&
           header->length <= size - at - sizeof(*header);
}

static unsigned count_messages(const uint8_t *bytes, size_t size)
{
    struct header header;
    unsigned count = 0;
    size_t at = 0;

    while (at < size && read_header(bytes, size, at, &header)) {
        at += sizeof(header) + header.length;
        count++;
    }
    if (at != size)
        fake_offence("XenStore: %zu bytes that are no message", size - at);
    return count;
}

static void execute_all(struct chaos__hv_store *store, const uint8_t *bytes,
                        size_t size, bool half)
{
    unsigned count = count_messages(bytes, size);
    struct header header;
    size_t at = 0;

    for (count = half ? count / 2 : count; count > 0; count--) {
        if (!read_header(bytes, size, at, &header))
            abort();
        execute(store, &header, (const char *)bytes + at + sizeof(header));
        at += sizeof(header) + header.length;
    }
}

/* ------------------------------------------------------------- the stream */

int chaos__hv_store_open(struct chaos__hv *hv, struct chaos__hv_store **store_r,
                         struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_STORE_OPEN, err);

    (void)hv;
    if (rc == 0) {
        *store_r = calloc(1, sizeof(**store_r));
        if (!*store_r)
            abort();
        (*store_r)->fd = eventfd(1, EFD_CLOEXEC);
        fake_held_store(1);
    }
    return fake_leave(&this_call, rc);
}

void chaos__hv_store_close(struct chaos__hv_store *store)
{
    struct fake_call this_call;

    if (!store)
        return;
    fake_enter(&this_call, FAKE_HV_STORE_CLOSE, NULL);
    fake_held_store(-1);
    while (store->watch_count > 0)
        free(store->watches[--store->watch_count]);
    free(store->copy);
    close(store->fd);
    free(store->out);
    free(store);
    fake_leave(&this_call, 0);
}

static void remember(const void *bytes, size_t size)
{
    free(sent.bytes);
    sent.bytes = malloc(size + 1);
    if (!sent.bytes)
        abort();
    memcpy(sent.bytes, bytes, size);
    sent.size = size;
}

int chaos__hv_store_fd(const struct chaos__hv_store *store)
{
    return store->fd;
}

int chaos__hv_store_send(struct chaos__hv_store *store, const void *bytes,
                         size_t size, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_STORE_SEND, err);

    remember(bytes, size);
    if (!speech.bytes && (rc == 0 || this_call.half))
        execute_all(store, bytes, size, this_call.half);
    if (rc == 0 && !speech.bytes && fake_state->eager)
        while (fake_backends_step())
            put_events(store);
    return fake_leave(&this_call, rc);
}

static size_t limit(size_t available, size_t size)
{
    size_t chunk = fake_state->chunk;

    size = available < size ? available : size;
    return chunk && chunk < size ? chunk : size;
}

static int hear(void *buffer, size_t size, struct chaos_error *err)
{
    size = limit(speech.size, size);
    if (size == 0 && speech.closes)
        return chaos__fail(err, CHAOS_EFAILED, "the connection is closed");
    memcpy(buffer, speech.bytes, size);
    speech.bytes += size;
    speech.size -= size;
    return (int)size;
}

/* What is there, once there is something; 0: nothing will come. */
static int take(struct chaos__hv_store *store, void *buffer, size_t size)
{
    put_events(store);
    while (store->length == 0 && fake_backends_step())
        put_events(store);
    size = limit(store->length, size);
    if (size == 0)
        return 0;
    memcpy(buffer, store->out, size);
    store->length -= size;
    memmove(store->out, store->out + size, store->length);
    return (int)size;
}

/* By how much a process's clock is ahead of the real one. */
static atomic_int_fast64_t ahead_ms;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t ahead = clock == CLOCK_MONOTONIC ? ahead_ms : 0;

    if (syscall(SYS_clock_gettime, clock, now) < 0)
        return -1;
    now->tv_sec += (time_t)(ahead / 1000);
    now->tv_nsec += (long)(ahead % 1000 * 1000000);
    if (now->tv_nsec >= 1000000000) {
        now->tv_nsec -= 1000000000;
        now->tv_sec++;
    }
    return 0;
}

int chaos__hv_store_receive(struct chaos__hv_store *store, void *buffer,
                            size_t size, int timeout_ms,
                            struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_STORE_RECEIVE, err);

    if (size == 0 || timeout_ms < 0)
        fake_offence("XenStore: waiting for %zu bytes for %d ms", size,
                     timeout_ms);
    else if (rc == 0)
        rc = speech.bytes ? hear(buffer, size, err) : take(store, buffer, size);
    if (rc == 0)
        ahead_ms += timeout_ms;
    return fake_leave(&this_call, rc);
}

/* ---------------------------------------------------------- the outside */

void fake_store_release_domain(void)
{
    fake_lock();
    fake_state->releases++;
    fake_unlock();
}

void fake_store_speak(const void *bytes, size_t size, bool closes)
{
    speech.bytes = bytes;
    speech.size = size;
    speech.closes = closes;
}

const uint8_t *fake_store_sent(size_t *size_r)
{
    *size_r = sent.size;
    return sent.bytes;
}

void fake_store_set_chunk(size_t size)
{
    fake_lock();
    fake_state->chunk = size;
    fake_unlock();
}

unsigned fake_store_count(enum fake_store_request request)
{
    unsigned count;

    fake_lock();
    count = fake_state->requests[request];
    fake_unlock();
    return count;
}

bool fake_store_look(const char *path, char *value, size_t size)
{
    const struct fake_node *node;

    fake_lock();
    node = fake_tree_find(path);
    if (node)
        snprintf(value, size, "%s", node->value);
    fake_unlock();
    return node;
}

bool fake_store_access(const char *path, char *text, size_t size)
{
    const struct fake_node *node;

    fake_lock();
    node = fake_tree_find(path);
    if (node)
        snprintf(text, size, "%s", node->access);
    fake_unlock();
    return node;
}

bool fake_store_is_introduced(uint32_t domid)
{
    return fake_hv_domain(domid).is_introduced;
}

void fake_store_refuse_at(unsigned n, int errnum)
{
    fake_lock();
    fake_state->changes = 0;
    fake_state->refuse_at = n;
    fake_state->refuse_errnum = errnum;
    fake_unlock();
}

void fake_store_conflict(unsigned n)
{
    fake_lock();
    fake_state->conflicts = n;
    fake_unlock();
}

void fake_store_set(const char *path, const char *value)
{
    fake_lock();
    if (fake_tree_write(path, value, strlen(value)) != 0)
        abort();
    fake_unlock();
}

void fake_store_remove(const char *path)
{
    fake_lock();
    fake_tree_remove(path);
    fake_backends_notice();
    fake_unlock();
}
