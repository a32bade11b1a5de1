/* SPDX-License-Identifier: MIT */
/* Says so and crashes; `code=N` is what it tells the toolstack.  With `up=0` it
 * crashes before it is up. */
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/mem.h"
#include "../guest/print.h"

void guest_main(const struct guest_info *info)
{
    unsigned long code = option_number(info->cmdline, "code", 1);

    print("Crashing with code %lu.\n", code);
    if (option_number(info->cmdline, "up", 1))
        control_up();
    control_crash(code);
}
