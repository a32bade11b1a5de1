/* SPDX-License-Identifier: MIT */
/*
 * Writes `lines=N` numbered lines, whether anybody reads them or not, then
 * says that it is up and stays.  N is 1000 without the option; 0 never ends,
 * and such a guest is up before its first line.
 */
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/events.h"
#include "../guest/mem.h"
#include "../guest/print.h"

void guest_main(const struct guest_info *info)
{
    unsigned long lines = option_number(info->cmdline, "lines", 1000);

    if (!lines)
        control_up();
    for (unsigned long n = 1; !lines || n <= lines; n++) {
        print("line %lu\n", n);
        control_check();
    }
    control_up();
    for (;;)
        events_wait();
}
