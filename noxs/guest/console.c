/* SPDX-License-Identifier: MIT */
#include "console.h"

#include <stdint.h>
#include <xen/io/console.h>

#include "events.h"
#include "platform.h"

static struct xencons_interface *ring;
static uint32_t port;
/* Our halves of the indices; the ring only ever gets copies. */
static uint32_t out_produced;
static uint32_t in_consumed;

static bool find(void)
{
    static bool searched;

    if (!searched) {
        struct channel console = platform_console();

        searched = true;
        ring = console.page;
        port = console.port;
        if (ring) {
            out_produced = ring->out_prod;
            in_consumed = ring->in_cons;
        }
    }
    return ring;
}

static void put(char c)
{
    ring->out[MASK_XENCONS_IDX(out_produced, ring->out)] = c;
    out_produced++;
}

void console_write(const char *text, size_t length)
{
    size_t needed = length;
    uint32_t used;

    if (!find())
        return;
    for (size_t i = 0; i < length; i++)
        needed += text[i] == '\n';
    used = out_produced - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
    if (used > sizeof(ring->out) || needed > sizeof(ring->out) - used)
        return;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
    __atomic_store_n(&ring->out_prod, out_produced, __ATOMIC_RELEASE);
    events_notify(port);
}

size_t console_read(char *buffer, size_t size)
{
    uint32_t available;
    size_t n;

    if (!find())
        return 0;
    available = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) - in_consumed;
    if (available > sizeof(ring->in)) {
        /* Not a ring any more: start again where the other side is. */
        in_consumed += available;
        available = 0;
    }
    for (n = 0; n < size && n < available; n++)
        buffer[n] = ring->in[MASK_XENCONS_IDX(in_consumed + n, ring->in)];
    in_consumed += n;
    __atomic_store_n(&ring->in_cons, in_consumed, __ATOMIC_SEQ_CST);
    if (n)
        events_notify(port);
    return n;
}

bool console_listen(void (*handler)(void *), void *context)
{
    return find() && events_listen(port, handler, context);
}
