/* SPDX-License-Identifier: MIT */
/*
 * A guest that means no good: says that it is up, then does for ever what a
 * toolstack must stand.  `what=` one of
 *
 *   control   writes nonsense all over its control page
 *   device    over the device page
 *   console   over the console's ring
 *   flood     notifies the ports of both without end
 *   all       all of these
 *   close     closes both ports
 *   balloon   gives the control page back to Xen
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "../abi/noxs.h"
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/events.h"
#include "../guest/hypercall.h"
#include "../guest/layout.h"
#include "../guest/mem.h"
#include "../guest/platform.h"

#define ROUNDS_A_CALL 16 /* hypercalls are slow, and nonsense is fast */

/* What there is to spoil, found before any of it is. */
static struct {
    uint32_t *control, *device, *console; /* pages; NULL if there is none */
    uint32_t control_port, console_port;
    uint64_t control_frame;
} found;

static void find(void)
{
    const struct noxs_page *page = platform_store_page();
    struct channel console = platform_console();

    found.console = console.page;
    found.console_port = console.port;
    if (!page || page->magic != NOXS_MAGIC)
        return;
    found.device = (uint32_t *)page;
    found.control_frame = page->control_frame;
    found.control = platform_map_frame(page->control_frame);
    found.control_port = page->control_port;
}

/* xorshift, G. Marsaglia: any numbers will do, as long as they change. */
static uint32_t random(void)
{
    static uint32_t x = 2463534242;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* Small numbers too: these mean something in most fields. */
static void scribble(uint32_t *page)
{
    for (size_t i = 0; page && i < PAGE_SIZE / sizeof(*page); i++) {
        uint32_t number = random();

        __atomic_store_n(&page[i], number & 64 ? number : number % 8,
                         __ATOMIC_RELAXED);
    }
}

static void spoil_control(void)
{
    scribble(found.control);
}

static void spoil_device(void)
{
    scribble(found.device);
}

/* Who reads the console is told to look, or would not. */
static void spoil_console(void)
{
    for (int i = 0; i < ROUNDS_A_CALL; i++)
        scribble(found.console);
    events_notify(found.console_port);
}

static void flood(void)
{
    events_notify(found.control_port);
    events_notify(found.console_port);
}

/* Not events_wait(), which would obey. */
static void idle(void)
{
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, NULL);
}

/* Xen refuses a second time. */
static void balloon(void)
{
    xen_pfn_t frame = found.control_frame;
    struct xen_memory_reservation gone = { .nr_extents = 1,
                                           .domid = DOMID_SELF };

    set_xen_guest_handle(gone.extent_start, &frame);
    if (frame)
        hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &gone);
    found.control_frame = 0;
    idle();
}

static void close_port(uint32_t *port)
{
    struct evtchn_close request = { .port = *port };

    if (*port)
        hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &request);
    *port = 0;
}

static void close_ports(void)
{
    close_port(&found.control_port);
    close_port(&found.console_port);
    idle();
}

static const struct deed {
    const char *name;
    void (*act)(void);
    bool is_for_all;
} deeds[] = {
    { "control", spoil_control, true }, { "device", spoil_device, true },
    { "console", spoil_console, true }, { "flood", flood, true },
    { "balloon", balloon, false },      { "close", close_ports, false },
};
#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* Whether the command line says `what=name`. */
static bool is_asked_for(const char *cmdline, const char *name)
{
    static const char key[] = "what=";
    size_t length = strlen(name);

    for (const char *at = cmdline; *at; at++) {
        const char *value = at + sizeof(key) - 1;

        if (strlen(at) >= sizeof(key) - 1 + length &&
            !memcmp(at, key, sizeof(key) - 1) && !memcmp(value, name, length))
            return !value[length] || value[length] == ' ';
    }
    return false;
}

void guest_main(const struct guest_info *info)
{
    bool all = is_asked_for(info->cmdline, "all"), chosen[DEEDS];

    for (size_t i = 0; i < DEEDS; i++)
        chosen[i] = (all && deeds[i].is_for_all) ||
                    is_asked_for(info->cmdline, deeds[i].name);
    find();
    control_up();
    for (;;)
        for (size_t i = 0; i < DEEDS; i++)
            if (chosen[i])
                deeds[i].act();
}
