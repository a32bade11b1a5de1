/* SPDX-License-Identifier: MIT */
/*
 * A guest that means no good: says that it is up, then does for ever what a
 * toolstack and back ends must stand.  `what=` one of these, or several with
 * commas between:
 *
 *   control   writes nonsense all over its control page
 *   device    over the device page
 *   console   over the console's ring
 *   rings     over the rings of its interfaces and disks
 *   grants    over the grants of those; asks Xen for other grants and tables
 *   requests  asks its back ends for what cannot be, on rings that are in
 *             order; with fatal=N in the end for what netback closes the
 *             device for, the N-th of eight such things; with to=N some of
 *             the packets are for the MAC 00:16:3e:00:00:N
 *   flood     notifies all ports, many times a round
 *   all       all of these
 *   deaf      takes no packet
 *   close     closes the ports of control page and console
 *   balloon   gives the control page and the rings back to Xen
 *   end       shuts down: with reason=N, after rounds=N of the others
 *   early     shuts down before it says that it is up, with reason=N
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/devices.h"
#include "../guest/events.h"
#include "../guest/hypercall.h"
#include "../guest/layout.h"
#include "../guest/mem.h"
#include "../guest/platform.h"
#include "../guest/shutdown.h"
#include "../guest/time.h"
#include "scribble.h"

#define ROUNDS_A_CALL 16 /* hypercalls are slow, and nonsense is fast */
#define ROUNDS_TO_FATAL 20
#define REST_NS 500000

/* What there is to spoil, found before any of it is. */
static struct {
    void *control, *device, *console; /* pages; NULL if there is none */
    uint32_t control_port, console_port;
    uint64_t control_frame;
} found;

static unsigned long fatal, reason, rounds;

static void find(void)
{
    const struct noxs_page *page = platform_store_page();
    struct channel console = platform_console();

    found.console = console.page;
    found.console_port = console.port;
    if (!page || page->magic != NOXS_MAGIC)
        return;
    found.device = (void *)page;
    found.control_frame = page->control_frame;
    found.control = platform_map_frame(page->control_frame);
    found.control_port = page->control_port;
    nets_find();
    disks_find();
}

/* xorshift, G. Marsaglia. */
uint32_t nonsense(void)
{
    static uint32_t x = 2463534242;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* Small numbers too: these mean something in most fields. */
void scribble(void *page)
{
    uint32_t *words = page;

    for (size_t i = 0; page && i < PAGE_SIZE / sizeof(*words); i++) {
        uint32_t number = nonsense();

        __atomic_store_n(&words[i], number & 64 ? number : number % 8,
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

static void spoil_rings(void)
{
    nets_spoil();
    disks_spoil();
}

static void ask(void)
{
    nets_ask(fatal, ROUNDS_TO_FATAL);
    disks_ask();
}

static void flood(void)
{
    for (int i = 0; i < ROUNDS_A_CALL; i++) {
        events_notify(found.control_port);
        events_notify(found.console_port);
        nets_flood();
        disks_flood();
    }
}

/* Longer than it was awake since the last time: a hog is another kind of
 * guest.  Not events_wait(), which would obey. */
static void rest(void)
{
    static uint64_t since;
    struct sched_poll request = { .nr_ports = 0 };
    uint64_t now = time_ns();

    request.timeout = now + (since ? 3 * (now - since) : 0) + REST_NS;
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &request);
    since = time_ns();
}

static void nothing(void)
{
}

static void give_back(uint64_t frame)
{
    xen_pfn_t pfn = frame;
    struct xen_memory_reservation gone = { .nr_extents = 1,
                                           .domid = DOMID_SELF };

    set_xen_guest_handle(gone.extent_start, &pfn);
    if (frame)
        hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &gone);
}

/* Once: the frames are somebody else's after that. */
static void balloon(void)
{
    static bool is_done;

    if (!is_done) {
        give_back(found.control_frame);
        nets_each_frame(give_back);
        disks_each_frame(give_back);
    }
    is_done = true;
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
}

static void end(void)
{
    if (!rounds--)
        shutdown(reason);
}

static const struct deed {
    const char *name;
    void (*act)(void);
    bool is_for_all;
} deeds[] = {
    { "control", spoil_control, true },
    { "device", spoil_device, true },
    { "console", spoil_console, true },
    { "requests", ask, true },
    { "rings", spoil_rings, true },
    { "grants", grants_spoil, true },
    { "flood", flood, true },
    { "deaf", nothing, false },
    { "balloon", balloon, false },
    { "close", close_ports, false },
    { "end", end, false },
};
#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* The words after `what=`; "" if it is not there. */
static const char *words(const char *cmdline)
{
    static const char key[] = "what=";
    size_t length = sizeof(key) - 1;

    for (; strlen(cmdline) > length; cmdline++)
        if (!memcmp(cmdline, key, length))
            return cmdline + length;
    return "";
}

static bool is_among(const char *words, const char *name)
{
    size_t length = strlen(name);

    while (*words && *words != ' ') {
        if (strlen(words) >= length && !memcmp(words, name, length) &&
            (!words[length] || words[length] == ' ' || words[length] == ','))
            return true;
        while (*words && *words != ' ' && *words++ != ',')
            ;
    }
    return false;
}

void guest_main(const struct guest_info *info)
{
    const char *asked_for = words(info->cmdline);
    bool all = is_among(asked_for, "all"), chosen[DEEDS];

    fatal = option_number(info->cmdline, "fatal", 0);
    reason = option_number(info->cmdline, "reason", SHUTDOWN_poweroff);
    rounds = option_number(info->cmdline, "rounds", 0);
    for (size_t i = 0; i < DEEDS; i++)
        chosen[i] =
            (all && deeds[i].is_for_all) || is_among(asked_for, deeds[i].name);
    find();
    grants_find();
    if (option_number(info->cmdline, "to", 0))
        nets_aim(option_number(info->cmdline, "to", 0));
    if (is_among(asked_for, "early"))
        shutdown(reason);
    control_up();
    for (;;) {
        for (size_t i = 0; i < DEEDS; i++)
            if (chosen[i])
                deeds[i].act();
        rest();
    }
}
