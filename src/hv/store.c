/* SPDX-License-Identifier: MIT */
/* The way to xenstored: its socket or, where it runs in a domain of its own,
 * the kernel's device. */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#define SOCKET "/var/run/xenstored/socket"
#define DEVICE "/dev/xen/xenbus"

/* xenstored answers at once or it is stuck; then this is long enough. */
#define SEND_TIMEOUT_MS 10000

/* Of what has come from the kernel's device and was not asked for yet: events,
 * as replies come one by one. */
#define PENDING_MAX (1u << 20)

struct chaos__hv_store {
    int fd;
    bool is_device;
    /* the device alone: bytes that have been read, and how many of them have
     * been given out */
    uint8_t *pending;
    size_t pending_size, given;
};

/* The socket's queue may be full for a moment: that is waited for. */
static int connect_socket(void)
{
    const struct timeval limit = { .tv_sec = SEND_TIMEOUT_MS / 1000 };
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int errnum;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

/* The socket is there wherever xenstored runs in dom0, also when it has died.
 */
static int connect_any(bool *is_device_r)
{
    int fd = connect_socket();

    *is_device_r = fd < 0 && errno == ENOENT;
    return *is_device_r ? open(DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK) : fd;
}

static int fail_open(int errnum, struct chaos_error *err)
{
    if (errnum == EAGAIN)
        return chaos__fail(err, CHAOS_ETIMEDOUT,
                           "XenStore takes no connections (" SOCKET
                           "); is xenstored stuck?");
    if (errnum == ECONNREFUSED)
        return chaos__fail(err, CHAOS_EFAILED,
                           "XenStore is not there: nobody listens at " SOCKET
                           ", xenstored has died; the host needs a reboot, as "
                           "dom0's back ends do not find a new xenstored");
    return chaos__fail(err, CHAOS_EFAILED,
                       "opening XenStore: %s: %s; is xenstored running?",
                       SOCKET, chaos__errno_text(errnum));
}

void chaos__hv_store_close(struct chaos__hv_store *store)
{
    if (!store)
        return;
    if (store->fd >= 0)
        close(store->fd);
    free(store->pending);
    free(store);
}

int chaos__hv_store_fd(const struct chaos__hv_store *store)
{
    return store->fd;
}

/* 1 when it is ready, 0 when the time is up, or an error. */
static int wait_ready(struct chaos__hv_store *store, short events,
                      int timeout_ms, struct chaos_error *err)
{
    struct pollfd entry = { .fd = store->fd, .events = events };
    int r;

    do {
        r = poll(&entry, 1, timeout_ms);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return chaos__fail_errno(err, errno, "waiting for XenStore");
    return r;
}

static int send_bytes(struct chaos__hv_store *store, const uint8_t *bytes,
                      size_t size, struct chaos_error *err)
{
    ssize_t sent;
    int rc;

    while (size > 0) {
        sent = store->is_device ? write(store->fd, bytes, size)
                                : send(store->fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            rc = wait_ready(store, POLLOUT, SEND_TIMEOUT_MS, err);
            if (rc < 0)
                return rc;
            if (rc == 0)
                return chaos__fail(err, CHAOS_ETIMEDOUT,
                                   "XenStore takes no requests; is xenstored "
                                   "stuck?");
        } else if (sent < 0 && errno != EINTR) {
            return chaos__fail_errno(err, errno, "talking to XenStore");
        } else if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        }
    }
    return 0;
}

/* Reads what is there, or comes in that time; 0 when nothing does. */
static int read_bytes(struct chaos__hv_store *store, void *buffer, size_t size,
                      int timeout_ms, struct chaos_error *err)
{
    ssize_t got;
    int rc;

    for (;;) {
        got = read(store->fd, buffer, size);
        if (got > 0)
            return (int)got;
        if (got == 0)
            return chaos__fail(err, CHAOS_EFAILED,
                               "talking to XenStore: xenstored closed the "
                               "connection; is it running?");
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return chaos__fail_errno(err, errno, "talking to XenStore");
        rc = wait_ready(store, POLLIN, timeout_ms, err);
        if (rc <= 0)
            return rc;
    }
}

/* ------------------------------------------------------ the kernel's device */

/*
 * Linux's device takes one message a write, and one request at a time: with an
 * answer outstanding, a request for a watch makes its thread for XenStore and
 * the writer wait for each other for ever, and with them all of dom0's back
 * ends (xenbus_dev_frontend.c: reply_mutex).
 */

/* Bytes of the first whole message from `at` on; 0: it is not all there. */
static size_t message_at(const struct chaos__hv_store *store, size_t at,
                         struct xsd_sockmsg *header_r)
{
    size_t left = store->pending_size - at;

    if (left < sizeof(*header_r))
        return 0;
    memcpy(header_r, store->pending + at, sizeof(*header_r));
    return header_r->len <= left - sizeof(*header_r)
               ? sizeof(*header_r) + header_r->len
               : 0;
}

static int read_pending(struct chaos__hv_store *store, int timeout_ms,
                        struct chaos_error *err)
{
    uint8_t *larger;
    int rc;

    if (store->pending_size > PENDING_MAX)
        return chaos__fail(err, CHAOS_EFAILED,
                           "talking to XenStore: too many events");
    larger =
        realloc(store->pending, store->pending_size + XENSTORE_PAYLOAD_MAX);
    if (!larger)
        return chaos__fail_memory(err);
    store->pending = larger;
    rc = read_bytes(store, larger + store->pending_size, XENSTORE_PAYLOAD_MAX,
                    timeout_ms, err);
    if (rc > 0)
        store->pending_size += (size_t)rc;
    return rc;
}

static int read_more(struct chaos__hv_store *store, struct chaos_error *err)
{
    int rc = read_pending(store, SEND_TIMEOUT_MS, err);

    if (rc == 0)
        return chaos__fail(err, CHAOS_ETIMEDOUT,
                           "XenStore does not answer; is xenstored stuck?");
    return rc;
}

/* Until the answer has come, after any number of events. */
static int await_answer(struct chaos__hv_store *store, size_t at,
                        struct chaos_error *err)
{
    struct xsd_sockmsg header;
    size_t length;
    int rc;

    for (;;) {
        while ((length = message_at(store, at, &header)) > 0) {
            at += length;
            if (header.type != XS_WATCH_EVENT)
                return 0;
        }
        rc = read_more(store, err);
        if (rc < 0)
            return rc;
    }
}

/* Reads at least one message in that time, and no part of one: a request may
 * be next, and what is read after it is looked through for its answer. */
static int read_whole(struct chaos__hv_store *store, int timeout_ms,
                      struct chaos_error *err)
{
    struct xsd_sockmsg header;
    size_t length, at = 0;
    int rc = read_pending(store, timeout_ms, err);

    while (rc > 0) {
        while ((length = message_at(store, at, &header)) > 0)
            at += length;
        if (at == store->pending_size)
            break;
        rc = read_more(store, err);
    }
    return rc;
}

static int send_one_by_one(struct chaos__hv_store *store, const uint8_t *bytes,
                           size_t size, struct chaos_error *err)
{
    struct xsd_sockmsg header;
    size_t length, at;
    int rc = 0;

    while (rc == 0 && size >= sizeof(header)) {
        memcpy(&header, bytes, sizeof(header));
        length = sizeof(header) + header.len;
        if (length > size)
            length = size;
        at = store->pending_size; /* whole messages so far */
        rc = send_bytes(store, bytes, length, err);
        if (rc == 0)
            rc = await_answer(store, at, err);
        bytes += length;
        size -= length;
    }
    return rc;
}

static size_t take_pending(struct chaos__hv_store *store, void *buffer,
                           size_t size)
{
    size_t left = store->pending_size - store->given;

    if (size > left)
        size = left;
    if (size > 0)
        memcpy(buffer, store->pending + store->given, size);
    store->given += size;
    if (store->given == store->pending_size)
        store->given = store->pending_size = 0;
    return size;
}

/*
 * Whether anybody answers at all.  Who asks for a watch when nobody does waits
 * inside the kernel for ever, and no signal ends that; of other requests the
 * answer can be given up.
 */
static int greet(struct chaos__hv_store *store, struct chaos_error *err)
{
    const struct xsd_sockmsg header = { .type = XS_READ, .len = 2 };
    uint8_t request[sizeof(header) + 2] = { 0 };
    int rc;

    memcpy(request, &header, sizeof(header));
    request[sizeof(header)] = '/';
    rc = send_one_by_one(store, request, sizeof(request), err);
    store->pending_size = 0; /* whatever the answer is */
    return rc;
}

/* ----------------------------------------------------------------- either */

int chaos__hv_store_open(struct chaos__hv *hv, struct chaos__hv_store **store_r,
                         struct chaos_error *err)
{
    struct chaos__hv_store *store = calloc(1, sizeof(*store));
    int rc = 0;

    (void)hv;
    if (!store)
        return chaos__fail_memory(err);
    store->fd = connect_any(&store->is_device);
    if (store->fd < 0)
        rc = fail_open(errno, err);
    else if (store->is_device)
        rc = greet(store, err);
    if (rc < 0)
        chaos__hv_store_close(store);
    else
        *store_r = store;
    return rc;
}

int chaos__hv_store_send(struct chaos__hv_store *store, const void *bytes,
                         size_t size, struct chaos_error *err)
{
    return store->is_device ? send_one_by_one(store, bytes, size, err)
                            : send_bytes(store, bytes, size, err);
}

int chaos__hv_store_receive(struct chaos__hv_store *store, void *buffer,
                            size_t size, int timeout_ms,
                            struct chaos_error *err)
{
    int rc = 1;

    if (!store->is_device)
        return read_bytes(store, buffer, size, timeout_ms, err);
    if (store->pending_size == 0)
        rc = read_whole(store, timeout_ms, err);
    return rc > 0 ? (int)take_pending(store, buffer, size) : rc;
}
