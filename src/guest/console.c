/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

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

struct chaos_console {
    struct chaos__hv *hv;
    struct chaos__hv_port *port;
    struct ring *ring;
    uint32_t in_produced; /* ours: not read back from the ring */
    uint32_t out_consumed;
};

int chaos_console_open(struct chaos *chaos, uint32_t domid,
                       struct chaos_console **console_r,
                       struct chaos_error *err)
{
    struct chaos_console *console = NULL;
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    uint64_t frame;
    void *address;
    int rc = chaos__guest_open(chaos, domid, &slot, &domain, err);

    if (rc < 0)
        return rc;
    if (!slot->console_frame)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "guest %s was recovered, and where a PV guest has "
                           "its console is not known any more",
                           slot->name);
    console = calloc(1, sizeof(*console));
    if (!console)
        return chaos__fail_memory(err);
    console->hv = chaos->hv;
    frame = slot->console_frame;
    rc = chaos__hv_port_bind(chaos->hv, domid, slot->console_port,
                             &console->port, err);
    if (rc == CHAOS_EBUSY)
        chaos__fail(err, rc,
                    "the console of %s is being read by another process",
                    slot->name);
    if (rc == 0)
        rc = chaos__hv_map(chaos->hv, domid, &frame, 1, &address, err);
    if (rc < 0) {
        chaos_console_close(console);
        return rc;
    }
    console->ring = address;
    console->in_produced =
        __atomic_load_n(&console->ring->in_produced, __ATOMIC_RELAXED);
    console->out_consumed =
        __atomic_load_n(&console->ring->out_consumed, __ATOMIC_RELAXED);
    *console_r = console;
    return 0;
}

void chaos_console_close(struct chaos_console *console)
{
    if (!console)
        return;
    chaos__hv_unmap(console->hv, console->ring, 1);
    chaos__hv_port_close(console->port);
    free(console);
}

int chaos_console_fd(const struct chaos_console *console)
{
    return chaos__hv_port_fd(console->port);
}

size_t chaos_console_read(struct chaos_console *console, void *buffer,
                          size_t size)
{
    struct ring *ring = console->ring;
    uint8_t *to = buffer;
    uint32_t produced, filled, i;

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
