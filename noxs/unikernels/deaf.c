/* SPDX-License-Identifier: MIT */
/*
 * Says that it is up, and never looks at a request: it sleeps through them.
 * With `acknowledge=1` it says that it has taken them, and does nothing more.
 */
#include <stddef.h>

#include "../abi/noxs.h"
#include "../guest/boot.h"
#include "../guest/events.h"
#include "../guest/mem.h"
#include "../guest/platform.h"
#include "../guest/time.h"

static struct noxs_control *control;
static uint32_t port;

/* control_up() would obey, so this uses the page by itself. */
static void find_control(void)
{
    const struct noxs_page *page = platform_store_page();

    if (!page || page->magic != NOXS_MAGIC)
        return;
    control = platform_map_frame(page->control_frame);
    port = page->control_port;
}

static void acknowledge(void *context)
{
    (void)context;
    control->acknowledged = __atomic_load_n(&control->serial, __ATOMIC_ACQUIRE);
}

void guest_main(const struct guest_info *info)
{
    find_control();
    if (control) {
        control->up_ns = time_ns();
        __atomic_store_n(&control->status, NOXS_STATUS_UP, __ATOMIC_RELEASE);
        events_notify(port);
        if (option_number(info->cmdline, "acknowledge", 0))
            events_listen(port, acknowledge, NULL);
    }
    for (;;)
        events_wait();
}
