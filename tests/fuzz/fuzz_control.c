/* SPDX-License-Identifier: MIT */
/* A control page of any bytes: what is read makes sense, is no more than what
 * stands there, and the page stays as it is. */
#include "guest/control.h"
#include "noxs/abi/noxs.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_status(const struct noxs_control *page,
                         const struct chaos__control_state *state)
{
    if (state->status == CHAOS_STATUS_UNKNOWN)
        must(page->status > NOXS_STATUS_CRASHED);
    else
        must(state->status == page->status &&
             state->status <= CHAOS_STATUS_CRASHED);
    must(state->code == 0 || state->code == page->code);
    must(state->code == 0 || state->status == CHAOS_STATUS_CRASHED);
    must(state->up_ns == 0 || state->up_ns == page->up_ns);
    must(state->up_ns == 0 || (state->status != CHAOS_STATUS_BOOTING &&
                               state->status != CHAOS_STATUS_UNKNOWN));
}

static void check_requests(const struct noxs_control *page,
                           const struct chaos__control_state *state)
{
    must(state->acknowledged == page->acknowledged);
    must(state->pending == (page->serial != page->acknowledged));
    must(state->result <= NOXS_RESULT_UNKNOWN);
    must(state->guest_request == NOXS_GUEST_REQUEST_NONE ||
         page->guest_serial != page->answered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chaos__control_state state;
    struct noxs_control *page = calloc(1, sizeof(*page)), before;

    must(page);
    memcpy(page, data, size < sizeof(*page) ? size : sizeof(*page));
    before = *page;
    memset(&state, 0xee, sizeof(state)); /* what is left so, shows */
    chaos__control_parse(page, &state);
    check_status(page, &state);
    check_requests(page, &state);
    must(memcmp(page, &before, sizeof(before)) == 0);
    free(page);
    return 0;
}
