/* SPDX-License-Identifier: MIT */
#include "count.h"

#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/uio.h>

#include <xen/io/xs_wire.h>

#define STORES_MAX 16
#define PARTS_MAX 64u /* of one message that is sent */

/* A connection to xenstored, and how far it is in a message. */
static struct store {
    char link[NAME_SIZE]; /* what its descriptors stand for */
    struct xsd_sockmsg header;
    size_t header_bytes, body_left;
} stores[STORES_MAX];
static size_t store_count;

static void add_store(uint64_t fd)
{
    if (store_count == STORES_MAX)
        errx(1, "more than %d connections to xenstored", STORES_MAX);
    read_link(fd, stores[store_count++].link);
    add("xenstore", "connections", 1);
}

static struct store *find_store(uint64_t fd)
{
    char text[NAME_SIZE];

    if (store_count == 0)
        return NULL;
    read_link(fd, text);
    for (size_t i = store_count; i-- > 0;)
        if (strcmp(stores[i].link, text) == 0)
            return &stores[i];
    return NULL;
}

static void count_bytes(struct store *store, const char *bytes, size_t size)
{
    const size_t whole = sizeof(store->header);
    size_t part;

    add("xenstore", "bytes", size);
    while (size > 0) {
        part = store->body_left;
        if (!part)
            part = whole - store->header_bytes;
        if (part > size)
            part = size;
        if (store->body_left)
            store->body_left -= part;
        else {
            memcpy((char *)&store->header + store->header_bytes, bytes, part);
            store->header_bytes += part;
            if (store->header_bytes == whole) {
                add("xenstore", "messages", 1);
                store->header_bytes = 0;
                store->body_left = store->header.len;
            }
        }
        bytes += part;
        size -= part;
    }
}

/* `size` bytes of the parts have gone out. */
static void count_sent(struct store *store, const struct iovec *parts,
                       size_t part_count, size_t size)
{
    char bytes[4096];

    for (size_t i = 0; i < part_count && size > 0; i++)
        for (size_t at = 0; at < parts[i].iov_len && size > 0;) {
            size_t piece = parts[i].iov_len - at;

            if (piece > size)
                piece = size;
            if (piece > sizeof(bytes))
                piece = sizeof(bytes);
            if (!read_memory((uintptr_t)parts[i].iov_base + at, bytes, piece))
                errx(1, "what was sent to xenstored cannot be read");
            count_bytes(store, bytes, piece);
            at += piece;
            size -= piece;
        }
}

static void count_parts(struct store *store, uint64_t address, size_t count,
                        size_t size)
{
    struct iovec parts[PARTS_MAX];

    if (count > PARTS_MAX ||
        !read_memory(address, parts, count * sizeof(parts[0])))
        errx(1, "a message to xenstored in %zu parts", count);
    count_sent(store, parts, count, size);
}

static bool is_socket_of_xenstored(uint64_t address, uint64_t size)
{
    struct {
        struct sockaddr_un name;
        char end; /* of a path that fills it */
    } at = { 0 };

    return size > sizeof(at.name.sun_family) && size <= sizeof(at.name) &&
           read_memory(address, &at.name, size) &&
           at.name.sun_family == AF_UNIX &&
           (ends_in(at.name.sun_path, "/xenstored/socket") ||
            ends_in(at.name.sun_path, "/xenstored/socket_ro"));
}

void count_store(uint64_t number, const uint64_t arguments[6], int64_t result)
{
    struct iovec part = { (void *)arguments[1], arguments[2] };
    struct store *store = NULL;
    char text[NAME_SIZE];
    struct msghdr message;

    switch (number) {
    case SYS_connect:
        if ((result == 0 || result == -EINPROGRESS) &&
            is_socket_of_xenstored(arguments[1], arguments[2]))
            add_store(arguments[0]);
        return;
    case SYS_open:
    case SYS_openat:
        read_link((uint64_t)result, text);
        if (result >= 0 && ends_in(text, "/xen/xenbus"))
            add_store((uint64_t)result);
        return;
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
        store = result > 0 ? find_store(arguments[0]) : NULL;
    }
    if (!store)
        return;
    if (number == SYS_writev)
        count_parts(store, arguments[1], arguments[2], (size_t)result);
    else if (number != SYS_sendmsg)
        count_sent(store, &part, 1, (size_t)result);
    else if (read_memory(arguments[1], &message, sizeof(message)))
        count_parts(store, (uintptr_t)message.msg_iov, message.msg_iovlen,
                    (size_t)result);
}
