/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

#include "hypercall.h"
#include "platform.h"

#define MAX_PORTS 16u
#define BITS 64u

static struct {
    void (*handler)(void *);
    void *context;
} handlers[MAX_PORTS];
static evtchn_port_t ports[MAX_PORTS];
static unsigned int count;

bool events_listen(uint32_t port, void (*handler)(void *), void *context)
{
    if (!port || port >= EVTCHN_2L_NR_CHANNELS || count == MAX_PORTS ||
        !platform_shared_info())
        return false;
    ports[count] = port;
    handlers[count].handler = handler;
    handlers[count].context = context;
    count++;
    return true;
}

bool events_handle(void)
{
    bool any = false;

    for (unsigned int i = 0; i < count; i++) {
        unsigned long *word =
            &platform_shared_info()->evtchn_pending[ports[i] / BITS];
        unsigned long bit = 1ul << ports[i] % BITS;

        if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
            continue;
        /* Before the handler looks, so that what comes later is not lost. */
        __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
        handlers[i].handler(handlers[i].context);
        any = true;
    }
    return any;
}

void events_wait(void)
{
    struct sched_poll poll = { .nr_ports = count };

    if (events_handle())
        return;
    set_xen_guest_handle(poll.ports, ports);
    /* A port that was closed makes the call fail at once: wait for the rest
     * as for none, which any event ends. */
    if (hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll)) {
        poll.nr_ports = 0;
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
    }
    events_handle();
}

void events_notify(uint32_t port)
{
    struct evtchn_send send = { .port = port };

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}
