/* SPDX-License-Identifier: MIT */
#include "dom0/dom0.h"
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define IN_SIZE 1024u
#define OUT_SIZE 2048u

/* struct xencons_interface, public/io/console.h.  The guest writes to all of
 * it at any time. */
struct ring {
    uint8_t in[IN_SIZE];
    uint8_t out[OUT_SIZE];
    uint32_t in_consumed, in_produced;   /* ours to the guest */
    uint32_t out_consumed, out_produced; /* the guest's to us */
};

/* xenconsoled gives a guest a terminal in milliseconds. */
#define TERMINAL_TIMEOUT_MS 5000

struct chaos_console {
    /* of a guest that speaks to XenStore: xenconsoled reads its ring, keeps the
     * log and has a terminal for us; -1: the ring is ours */
    int terminal;
    int lock; /* keeps others from the terminal; -1: none */
    uint32_t domid;
    struct chaos__hv *hv;
    struct chaos__hv_port *port;
    struct ring *ring;
    uint32_t in_produced; /* ours: not read back from the ring */
    uint32_t out_consumed;
};

static int fail_busy(const char *name, struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_EBUSY,
                       "the console of %s is being read by another process",
                       name);
}

/* --------------------------------------------------------------- terminal */

/* Whoever could write the node does not get us to open anything else. */
static bool is_terminal(const char *path)
{
    static const char directory[] = "/dev/pts/";
    const size_t length = sizeof(directory) - 1;

    return strncmp(path, directory, length) == 0 && path[length] &&
           strspn(path + length, "0123456789") == strlen(path + length);
}

/* Waits until xenconsoled has said where the terminal is. */
static int find_terminal(struct chaos *chaos, uint32_t domid, const char *guest,
                         char *name, size_t size, struct chaos_error *err)
{
    char path[64], token[8];
    int rc = chaos__store_ready(chaos, err);

    if (rc < 0)
        return rc;
    snprintf(path, sizeof(path), "/local/domain/%u/console/tty", domid);
    chaos__store_watch(chaos->store, path, "tty");
    do {
        chaos__store_read(chaos->store, path, name, size);
        rc = chaos__store_run(chaos->store, err);
        if (rc == 0 && !*name)
            rc = chaos__store_wait(chaos->store, TERMINAL_TIMEOUT_MS, token,
                                   sizeof(token), err);
        if (rc == 0 && !*name)
            rc = chaos__fail(err, CHAOS_ETIMEDOUT,
                             "the console of %s: xenconsoled has not given it "
                             "a terminal (%s); is it running?",
                             guest, path);
    } while (rc > 0);
    chaos__store_unwatch(chaos->store, path, "tty");
    chaos__store_run(chaos->store, NULL);
    if (rc == 0 && !is_terminal(name))
        rc = chaos__fail(err, CHAOS_EFAILED,
                         "the console of %s: %s is \"%s\", not a terminal of "
                         "xenconsoled's",
                         guest, path, name);
    return rc;
}

static int open_terminal(struct chaos *chaos, uint32_t domid, const char *guest,
                         struct chaos_console *console, struct chaos_error *err)
{
    struct termios settings;
    char name[64];
    int rc = chaos__dom0_lock_console(domid, &console->lock, err);

    if (rc == CHAOS_EBUSY)
        fail_busy(guest, err);
    if (rc == 0)
        rc = find_terminal(chaos, domid, guest, name, sizeof(name), err);
    if (rc < 0)
        return rc;
    console->terminal = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (console->terminal < 0)
        return chaos__fail_errno(err, errno, "the console of %s: opening %s",
                                 guest, name);
    /* Echo and lines are the guest's business. */
    if (tcgetattr(console->terminal, &settings) == 0) {
        cfmakeraw(&settings);
        tcsetattr(console->terminal, TCSANOW, &settings);
    }
    return 0;
}

static size_t at_least_none(ssize_t count)
{
    return count > 0 ? (size_t)count : 0;
}

/* ------------------------------------------------------------------- ring */

static int open_ring(struct chaos *chaos, const struct chaos__slot *slot,
                     struct chaos_console *console, struct chaos_error *err)
{
    const uint64_t frame = slot->console_frame;
    void *address;
    int rc;

    if (!frame)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "guest %s was recovered, and where a PV guest has "
                           "its console is not known any more",
                           slot->name);
    console->hv = chaos->hv;
    rc = chaos__hv_port_bind(chaos->hv, slot->domid, slot->console_port,
                             &console->port, err);
    if (rc == CHAOS_EBUSY)
        fail_busy(slot->name, err);
    if (rc == 0)
        rc = chaos__hv_map(chaos->hv, slot->domid, &frame, 1, &address, err);
    if (rc < 0)
        return rc;
    console->ring = address;
    console->in_produced =
        __atomic_load_n(&console->ring->in_produced, __ATOMIC_RELAXED);
    console->out_consumed =
        __atomic_load_n(&console->ring->out_consumed, __ATOMIC_RELAXED);
    return 0;
}

/* ----------------------------------------------------------------- either */

/* Another toolstack's guests are all xenconsoled's. */
static int open_either(struct chaos *chaos, uint32_t domid,
                       const struct chaos__slot *slot,
                       struct chaos_console *console, struct chaos_error *err)
{
    char name[32];

    if (slot && !slot->store_frame)
        return open_ring(chaos, slot, console, err);
    snprintf(name, sizeof(name), "domain %u", domid);
    return open_terminal(chaos, domid, slot ? slot->name : name, console, err);
}

int chaos_console_open(struct chaos *chaos, uint32_t domid,
                       struct chaos_console **console_r,
                       struct chaos_error *err)
{
    struct chaos_console *console;
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open_any(chaos, domid, &slot, &domain, err);

    if (rc < 0)
        return rc;
    console = calloc(1, sizeof(*console));
    if (!console)
        return chaos__fail_memory(err);
    console->terminal = console->lock = -1;
    console->domid = domid;
    rc = open_either(chaos, domid, slot, console, err);
    if (rc < 0) {
        chaos_console_close(console);
        return rc;
    }
    *console_r = console;
    return 0;
}

void chaos_console_close(struct chaos_console *console)
{
    if (!console)
        return;
    if (console->terminal >= 0)
        close(console->terminal);
    if (console->lock >= 0)
        chaos__dom0_unlock_console(console->domid, console->lock);
    chaos__hv_unmap(console->hv, console->ring, 1);
    chaos__hv_port_close(console->port);
    free(console);
}

int chaos_console_fd(const struct chaos_console *console)
{
    return console->terminal >= 0 ? console->terminal
                                  : chaos__hv_port_fd(console->port);
}

size_t chaos_console_read(struct chaos_console *console, void *buffer,
                          size_t size)
{
    struct ring *ring = console->ring;
    uint8_t *to = buffer;
    uint32_t produced, filled, i;

    if (console->terminal >= 0)
        return at_least_none(read(console->terminal, buffer, size));
    chaos__hv_port_clear(console->port);
    produced = __atomic_load_n(&ring->out_produced, __ATOMIC_ACQUIRE);
    filled = produced - console->out_consumed;
    if (filled > OUT_SIZE) {
        /* Nonsense; start again from where the guest says it is. */
        console->out_consumed = produced;
        filled = 0;
    }
    if (filled > size)
        filled = (uint32_t)size;
    for (i = 0; i < filled; i++)
        to[i] = ring->out[(console->out_consumed + i) % OUT_SIZE];
    console->out_consumed += filled;
    __atomic_store_n(&ring->out_consumed, console->out_consumed,
                     __ATOMIC_RELEASE);
    if (filled)
        chaos__hv_port_notify(console->port, NULL);
    return filled;
}

size_t chaos_console_write(struct chaos_console *console, const void *bytes,
                           size_t size)
{
    struct ring *ring = console->ring;
    const uint8_t *from = bytes;
    uint32_t consumed, filled, count = 0;

    if (console->terminal >= 0)
        return at_least_none(write(console->terminal, bytes, size));
    consumed = __atomic_load_n(&ring->in_consumed, __ATOMIC_ACQUIRE);
    filled = console->in_produced - consumed;
    while (filled + count < IN_SIZE && count < size) {
        ring->in[(console->in_produced + count) % IN_SIZE] = from[count];
        count++;
    }
    console->in_produced += count;
    __atomic_store_n(&ring->in_produced, console->in_produced,
                     __ATOMIC_RELEASE);
    if (count)
        chaos__hv_port_notify(console->port, NULL);
    return count;
}
