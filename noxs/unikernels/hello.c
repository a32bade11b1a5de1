/* SPDX-License-Identifier: MIT */
/* Says hello and powers off. */
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/print.h"

void guest_main(const struct guest_info *info)
{
    print("Hello, world! I am a %s guest with %lu KiB of memory.\n", info->type,
          info->memory_kb);
    if (*info->cmdline)
        print("Command line: %s\n", info->cmdline);
    control_up();
}
