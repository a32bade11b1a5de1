/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <stddef.h>

#include "devices.h"
#include "events.h"
#include "platform.h"
#include "shutdown.h"
#include "time.h"

static struct noxs_control *control;
static uint32_t port;
static uint32_t seen; /* the last serial; the page's copy could be changed */

static void set_status(uint32_t status)
{
    if (!control)
        return;
    __atomic_store_n(&control->status, status, __ATOMIC_RELEASE);
    events_notify(port);
}

_Noreturn void control_leave(unsigned int reason)
{
    set_status(NOXS_STATUS_GOING_DOWN);
    shutdown(reason);
}

_Noreturn void control_crash(uint32_t code)
{
    if (control)
        control->code = code;
    set_status(NOXS_STATUS_CRASHED);
    shutdown(SHUTDOWN_crash);
}

static void acknowledge(uint32_t serial)
{
    seen = serial;
    __atomic_store_n(&control->acknowledged, serial, __ATOMIC_RELEASE);
}

void control_check(void)
{
    uint32_t serial;

    if (!control)
        return;
    serial = __atomic_load_n(&control->serial, __ATOMIC_ACQUIRE);
    if (serial == seen)
        return;
    switch (__atomic_load_n(&control->request, __ATOMIC_RELAXED)) {
    case NOXS_REQUEST_POWEROFF:
        acknowledge(serial);
        control_leave(SHUTDOWN_poweroff);
    case NOXS_REQUEST_REBOOT:
        acknowledge(serial);
        control_leave(SHUTDOWN_reboot);
    case NOXS_REQUEST_HALT:
        acknowledge(serial);
        shutdown(SHUTDOWN_poweroff);
    }
}

static void on_event(void *context)
{
    (void)context;
    control_check();
}

void control_init(void)
{
    const struct noxs_page *page = devices_page();

    if (!page)
        return;
    port = page->control_port;
    control = platform_map_frame(page->control_frame);
}

void control_up(void)
{
    if (!control)
        return;
    control->up_ns = time_ns();
    set_status(NOXS_STATUS_UP);
    events_listen(port, on_event, NULL);
    control_check();
}
