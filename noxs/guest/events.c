/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

#include "hypercall.h"
#include "platform.h"
#include "scratch.h"

#define MAX_PORTS 64u
#define BITS 64u

static struct {
    void (*handler)(void *);
    void *context;
} handlers[MAX_PORTS] SCRATCH(handlers);
static evtchn_port_t ports[MAX_PORTS] SCRATCH(ports);
static unsigned int count;

bool events_listen(uint32_t port, void (*handler)(void *), void *context)
{
    unsigned int i = 0;

    if (!port || port >= EVTCHN_2L_NR_CHANNELS || !platform_shared_info())
        return false;
    while (i < count && ports[i] != port)
        i++;
    if (i == MAX_PORTS)
        return false;
    ports[i] = port;
    handlers[i].handler = handler;
    handlers[i].context = context;
    if (i == count)
        count++;
    return true;
}

static unsigned long *pending_word(uint32_t port)
{
    return &platform_shared_info()->evtchn_pending[port / BITS];
}

static unsigned long pending_bit(uint32_t port)
{
    return 1ul << port % BITS;
}

bool events_handle(void)
{
    bool any = false;

    for (unsigned int i = 0; i < count; i++) {
        unsigned long *word = pending_word(ports[i]);
        unsigned long bit = pending_bit(ports[i]);

        if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
            continue;
        /* Before the handler looks, so that what comes later is not lost. */
        __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
        handlers[i].handler(handlers[i].context);
        any = true;
    }
    return any;
}

static bool poll(evtchn_port_t *list, unsigned int length, uint64_t ns)
{
    struct sched_poll request = { .nr_ports = length, .timeout = ns };

    set_xen_guest_handle(request.ports, list);
    return hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &request) == 0;
}

/* Xen refuses to wait when one of the ports is closed.  Asks for each alone,
 * until a time that is long past. */
static void forget_closed(void)
{
    for (unsigned int i = count; i-- > 0;) {
        if (poll(&ports[i], 1, 1))
            continue;
        count--;
        ports[i] = ports[count];
        handlers[i] = handlers[count];
    }
}

void events_wait_until(uint64_t ns)
{
    if (events_handle())
        return;
    if (!poll(ports, count, ns))
        forget_closed();
    events_handle();
}

void events_wait(void)
{
    events_wait_until(0);
}

void events_raise(uint32_t port)
{
    __atomic_fetch_or(pending_word(port), pending_bit(port), __ATOMIC_SEQ_CST);
}

void events_notify(uint32_t port)
{
    struct evtchn_send send = { .port = port };

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}
