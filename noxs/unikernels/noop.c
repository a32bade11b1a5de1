/* SPDX-License-Identifier: MIT */
/* Says nothing, stays, ends when it is asked to. */
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/events.h"

void guest_main(const struct guest_info *info)
{
    (void)info;
    control_up();
    for (;;)
        events_wait();
}
