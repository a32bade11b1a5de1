/* SPDX-License-Identifier: MIT */
/* Dom0's programs and libxl's files: a list of what was done, and the programs
 * that live on. */
#include "fake_state.h"

#include "config/devices.h"
#include "dom0/model.h"
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

/* ------------------------------------------------- programs that live on */

int chaos__model_find(const char *wanted, const char **path_r,
                      struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_MODEL_FIND, err);

    if (rc == 0 && !wanted && fake_state->has_no_model)
        rc = chaos__fail(err, CHAOS_ENOTSUP, "no QEMU here");
    if (rc == 0)
        *path_r = wanted ? wanted : "/usr/libexec/qemu";
    return fake_leave(&this_call, rc);
}

/* What xen_be_check_state() of QEMU's does with a back end that is new. */
static void serve(uint32_t domid)
{
    char directory[64];

    for (unsigned i = 0; i < CHAOS__P9S_MAX; i++) {
        snprintf(directory, sizeof(directory),
                 "/local/domain/0/backend/9pfs/%u/%u", domid, i);
        if (fake_tree_text(directory, "path"))
            fake_tree_write_text(directory, "state", "2");
    }
    snprintf(directory, sizeof(directory), "/local/domain/0/device-model/%u",
             domid);
    fake_tree_write_text(directory, "state", "running");
}

int chaos__model_start(const struct chaos__model *model, uint32_t *pid_r,
                       struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_MODEL_START, err);
    unsigned i = 0;

    while (i < FAKE_MODELS && *fake_state->models[i].uuid)
        i++;
    if (i == FAKE_MODELS)
        fake_offence("starting more than %u models", FAKE_MODELS);
    /* One that takes too long to start may be there all the same. */
    if (i < FAKE_MODELS && (rc == 0 || this_call.half)) {
        snprintf(fake_state->models[i].uuid, sizeof(fake_state->models[i].uuid),
                 "%s", model->uuid);
        fake_state->models[i].domid = model->domid;
    }
    if (rc == 0) {
        serve(model->domid);
        *pid_r = 1000 + i;
    }
    return fake_leave(&this_call, rc);
}

int chaos__model_stop(const char *uuid, bool is_starting,
                      struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_MODEL_STOP, err);

    (void)is_starting;

    for (unsigned i = 0; rc == 0 && i < FAKE_MODELS; i++)
        if (strcmp(fake_state->models[i].uuid, uuid) == 0)
            fake_state->models[i].uuid[0] = '\0';
    return fake_leave(&this_call, rc);
}

unsigned fake_dom0_models(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < FAKE_MODELS; i++)
        count += *fake_state->models[i].uuid != '\0';
    return count;
}

const char *fake_dom0_model(void)
{
    for (unsigned i = 0; i < FAKE_MODELS; i++)
        if (*fake_state->models[i].uuid)
            return fake_state->models[i].uuid;
    return "";
}

void fake_dom0_set_no_model(bool is_absent)
{
    fake_state->has_no_model = is_absent;
}

void fake_dom0_forget_runs(void)
{
    fake_state->runs[0] = '\0';
}

const char *fake_dom0_runs(void)
{
    return fake_state->runs;
}
