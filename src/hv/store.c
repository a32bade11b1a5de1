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
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#define SOCKET "/var/run/xenstored/socket"
#define DEVICE "/dev/xen/xenbus"

/* xenstored answers at once or it is stuck; then this is long enough. */
#define SEND_TIMEOUT_MS 10000

struct chaos__hv_store {
    int fd;
    bool is_device;
};

static int connect_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int errnum;

    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

int chaos__hv_store_open(struct chaos__hv *hv, struct chaos__hv_store **store_r,
                         struct chaos_error *err)
{
    struct chaos__hv_store *store = calloc(1, sizeof(*store));
    int errnum;

    (void)hv;
    if (!store)
        return chaos__fail_memory(err);
    store->fd = connect_socket();
    if (store->fd < 0) {
        errnum = errno;
        store->is_device = true;
        store->fd = open(DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    }
    if (store->fd < 0) {
        free(store);
        return chaos__fail(err, CHAOS_EFAILED,
                           "opening XenStore: %s: %s; is xenstored running?",
                           SOCKET, chaos__errno_text(errnum));
    }
    *store_r = store;
    return 0;
}

void chaos__hv_store_close(struct chaos__hv_store *store)
{
    if (!store)
        return;
    close(store->fd);
    free(store);
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

/* The kernel's device takes one message a write. */
static size_t piece(const struct chaos__hv_store *store, const uint8_t *bytes,
                    size_t size)
{
    struct xsd_sockmsg header;

    if (!store->is_device || size < sizeof(header))
        return size;
    memcpy(&header, bytes, sizeof(header));
    return header.len < size - sizeof(header) ? sizeof(header) + header.len
                                              : size;
}

int chaos__hv_store_send(struct chaos__hv_store *store, const void *bytes,
                         size_t size, struct chaos_error *err)
{
    const uint8_t *at = bytes;
    ssize_t sent;
    int rc;

    while (size > 0) {
        size_t length = piece(store, at, size);

        sent = store->is_device ? write(store->fd, at, length)
                                : send(store->fd, at, length, MSG_NOSIGNAL);
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
            at += sent;
            size -= (size_t)sent;
        }
    }
    return 0;
}

int chaos__hv_store_receive(struct chaos__hv_store *store, void *buffer,
                            size_t size, int timeout_ms,
                            struct chaos_error *err)
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
