/* SPDX-License-Identifier: MIT */
#include "boot.h"

#include "control.h"
#include "platform.h"
#include "shutdown.h"

_Noreturn void guest_start(const void *start)
{
    struct guest_info info;

    platform_init(start, &info);
    control_init();
    guest_main(&info);
    control_leave(SHUTDOWN_poweroff);
}
