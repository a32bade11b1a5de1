/* SPDX-License-Identifier: MIT */
/* Says so and asks for a reboot. */
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/print.h"
#include "../guest/shutdown.h"

void guest_main(const struct guest_info *info)
{
    (void)info;
    print("Rebooting.\n");
    control_up();
    control_leave(SHUTDOWN_reboot);
}
