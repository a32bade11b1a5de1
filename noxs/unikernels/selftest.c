/* SPDX-License-Identifier: MIT */
/*
 * Tries what the kit asks of Xen and only Xen can answer: grants and event
 * channels, with itself on the other side.  Says of each whether it works.
 */
#include <stddef.h>
#include <stdint.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/devices.h"
#include "../guest/events.h"
#include "../guest/grants.h"
#include "../guest/hypercall.h"
#include "../guest/layout.h"
#include "../guest/mem.h"
#include "../guest/platform.h"
#include "../guest/print.h"
#include "../guest/scratch.h"
#include "../guest/time.h"

#define LAST_FRAME (3 * PAGE_SIZE / sizeof(struct grant_entry_v1))
#define MS 1000000u

static char scratch[2][PAGE_SIZE] SCRATCH(selftest)
    __attribute__((aligned(PAGE_SIZE)));
static char image[64] = "a page of the image";
static unsigned int calls;

static void check(const char *name, bool ok)
{
    print("%s - %s\n", ok ? "passed" : "failed", name);
}

/* ---------------------------------------------------------------- events */

static uint32_t new_port(void)
{
    struct evtchn_alloc_unbound request = { .dom = DOMID_SELF,
                                            .remote_dom = DOMID_SELF };

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &request);
    return request.port;
}

static uint32_t connect(uint32_t port)
{
    struct evtchn_bind_interdomain request = { .remote_dom = DOMID_SELF,
                                               .remote_port = port };

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain,
               &request);
    return request.local_port;
}

static void close(uint32_t port)
{
    struct evtchn_close request = { .port = port };

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &request);
}

static void on_event(void *context)
{
    (void)context;
    calls++;
}

/* Without being woken all the time. */
static bool waits_until(uint64_t ns)
{
    unsigned int rounds = 0;

    while (time_ns() < ns && !calls && rounds++ < 10)
        events_wait_until(ns);
    return time_ns() >= ns;
}

static void try_events(void)
{
    uint32_t port = new_port(), other = connect(port), closed = new_port();

    while (events_handle())
        ; /* binding a channel notifies it */
    check("listen", events_listen(port, on_event, NULL) &&
                        events_listen(closed, on_event, NULL));
    events_handle();
    calls = 0;
    check("wait until a time", waits_until(time_ns() + 20 * MS) && !calls);
    events_notify(other);
    events_wait();
    check("wait for an event", calls == 1);
    events_raise(port);
    events_wait();
    check("raise an event", calls == 2);
    close(closed);
    calls = 0;
    check("wait with a closed port", waits_until(time_ns() + 20 * MS));
    events_notify(other);
    events_wait();
    check("wait for an event after that", calls == 1);
}

/* ---------------------------------------------------------------- grants */

/* Our own number, which nobody tells us: Xen puts it where we said SELF. */
static domid_t own_domid(void)
{
    struct evtchn_status request = { .dom = DOMID_SELF, .port = new_port() };

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &request);
    return request.u.unbound.dom;
}

static bool copy(struct gnttab_copy *request)
{
    request->len = sizeof(image);
    request->source.domid = request->dest.domid = DOMID_SELF;
    return hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
                     (uintptr_t)request, 1) == 0 &&
           request->status == GNTST_okay;
}

/* As another domain would; true if Xen let us and the bytes are right. */
static bool read_by(uint32_t reference, const void *expected)
{
    struct gnttab_copy request = { .flags = GNTCOPY_source_gref };

    memset(scratch[1], 0, PAGE_SIZE);
    request.source.u.ref = reference;
    request.source.offset = (uintptr_t)expected % PAGE_SIZE;
    request.dest.u.gmfn = platform_frame(scratch[1]);
    return copy(&request) && !memcmp(scratch[1], expected, sizeof(image));
}

static bool written_by(uint32_t reference, const void *page)
{
    struct gnttab_copy request = { .flags = GNTCOPY_dest_gref };

    request.source.u.gmfn = platform_frame(image);
    request.source.offset = (uintptr_t)image % PAGE_SIZE;
    request.dest.u.ref = reference;
    return copy(&request) && !memcmp(page, image, sizeof(image));
}

static void try_grants(void)
{
    domid_t self = own_domid();
    uint32_t first = grant_reserve(), last = first;

    check("reserve", first >= devices_page()->grants_used &&
                         first >= GNTTAB_NR_RESERVED_ENTRIES);
    grant_set(first, self, image, true);
    check("read through a grant", read_by(first, image));
    check("not write through it", !written_by(first, image));
    check("clear", grant_clear(first));
    check("not read any more", !read_by(first, image));
    while (last != GRANT_NONE && last < LAST_FRAME)
        last = grant_reserve();
    check("reserve in the last frame", last != GRANT_NONE);
    grant_set(last, self, scratch[0], false);
    check("write through a grant", written_by(last, scratch[0]));
    check("clear that", grant_clear(last) && !written_by(last, scratch[0]));
    check("shared info is still there", time_ns() > 0);
}

void guest_main(const struct guest_info *info)
{
    (void)info;
    control_up();
    try_events();
    try_grants();
    print("end\n");
}
