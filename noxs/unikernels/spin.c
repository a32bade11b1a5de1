/* SPDX-License-Identifier: MIT */
/* Keeps a CPU busy, ends when it is asked to. */
#include "../guest/boot.h"
#include "../guest/control.h"

void guest_main(const struct guest_info *info)
{
    (void)info;
    control_up();
    for (;;)
        control_check();
}
