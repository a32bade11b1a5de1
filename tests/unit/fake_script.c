/* SPDX-License-Identifier: MIT */
/* Dom0's programs and libxl's files: nothing but a list of what was done. */
#include "fake_state.h"

#include "dom0/script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fake_dom0_script_fn on_script;

static void note(const char *format, ...) CHAOS__PRINTF(1, 2);

static void note(const char *format, ...)
{
    size_t length = strlen(fake_state->runs);
    va_list args;

    va_start(args, format);
    vsnprintf(fake_state->runs + length, sizeof(fake_state->runs) - length,
              format, args);
    va_end(args);
}

int chaos__script_run(const struct chaos__script *script, int timeout_ms,
                      struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_SCRIPT, err);
    char *const *word;

    if (timeout_ms <= 0)
        fake_offence("running %s for %d ms", script->arguments[0], timeout_ms);
    for (word = script->arguments; *word; word++)
        note("%s%s", word == script->arguments ? "" : " ", *word);
    note(" |");
    for (word = script->environment; *word; word++)
        if (strncmp(*word, "PATH=", strlen("PATH=")) != 0)
            note(" %s", *word);
    note("\n");
    fake_leave(&this_call, rc);
    if (rc == 0 && on_script)
        on_script(script->arguments);
    return rc;
}

void fake_dom0_on_script(fake_dom0_script_fn script)
{
    on_script = script;
}

int chaos__dom0_remove_userdata(uint32_t domid, const char *uuid,
                                struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_REMOVE_USERDATA, err);

    if (rc == 0)
        note("userdata %u %s\n", domid, uuid);
    return fake_leave(&this_call, rc);
}

const char *fake_dom0_runs(void)
{
    return fake_state->runs;
}
