/* SPDX-License-Identifier: MIT */
/* Writes back every line that comes over its console; `quit` powers off. */
#include <stddef.h>

#include "../guest/boot.h"
#include "../guest/console.h"
#include "../guest/control.h"
#include "../guest/events.h"
#include "../guest/mem.h"
#include "../guest/print.h"
#include "../guest/shutdown.h"

static char line[128];
static size_t length;

static void end_line(void)
{
    line[length] = '\0';
    if (strings_equal(line, "quit"))
        control_leave(SHUTDOWN_poweroff);
    if (length)
        print("%s\n", line);
    length = 0;
}

static void on_input(void *context)
{
    char c;

    (void)context;
    while (console_read(&c, 1)) {
        /* A terminal sends a carriage return, a pipe a line feed. */
        if (c == '\r' || c == '\n')
            end_line();
        else if (length < sizeof(line) - 1)
            line[length++] = c;
    }
}

void guest_main(const struct guest_info *info)
{
    (void)info;
    console_listen(on_input, NULL);
    print("Say something; `quit` ends.\n");
    control_up();
    on_input(NULL);
    for (;;)
        events_wait();
}
