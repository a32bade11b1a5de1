/* SPDX-License-Identifier: MIT */
/* Whether a guest is up: what it says, and waiting until it does. */
#include "guest.h"

#include "clock.h"
#include "control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int chaos_guest_control(struct chaos *chaos, uint32_t domid,
                        struct chaos_guest_control *control_r,
                        struct chaos_error *err)
{
    struct chaos__control_state state;
    struct chaos__hv_domain domain;
    struct chaos__control control;
    struct chaos__slot *slot;
    int rc = chaos__guest_open(chaos, domid, &slot, &domain, err);

    if (rc == 0)
        rc = chaos__control_open(chaos->hv, slot, &control, err);
    if (rc < 0)
        return rc;
    chaos__control_read(&control, &state);
    chaos__control_close(&control);
    *control_r = (struct chaos_guest_control){
        .status = (uint8_t)state.status,
        .pending = state.pending,
        .code = state.code,
        .up_ns = state.up_ns,
    };
    return 0;
}

/* ------------------------------------------------------------- waiting */

/* A guest that is waited for.  Another process may end it meanwhile, and then
 * its slot is not its own any more. */
struct waited {
    uint32_t domid;
    uint8_t uuid[CHAOS__HANDLE_SIZE];
    char name[CHAOS__SLOT_NAME_SIZE];
    struct chaos__control control;
    struct chaos__hv_domain domain; /* as it was last seen */
    bool gone;                      /* or not seen any more */
};

static bool has_been_up(const struct chaos__control_state *state)
{
    return state->status == CHAOS_STATUS_UP || state->up_ns != 0;
}

static int fail_ended(const struct waited *waited,
                      const struct chaos__control_state *state,
                      struct chaos_error *err)
{
    const char *how = "ended";
    char code[32] = "";

    if (waited->gone)
        how = "was destroyed";
    else if (waited->domain.shutdown_reason == CHAOS__SHUTDOWN_POWEROFF)
        how = "powered off";
    else if (waited->domain.shutdown_reason == CHAOS__SHUTDOWN_REBOOT)
        how = "asked for a reboot";
    else if (waited->domain.shutdown_reason == CHAOS__SHUTDOWN_CRASH)
        how = "crashed";
    if (state->status == CHAOS_STATUS_CRASHED)
        snprintf(code, sizeof(code), ", with code %" PRIu32, state->code);
    return chaos__fail(err, CHAOS_EFAILED, "guest %s %s before it was up%s",
                       waited->name, how, code);
}

/* Whether the domain exists, and what it is doing. */
static int look_at_domain(struct chaos *chaos, struct waited *waited,
                          struct chaos_error *err)
{
    struct chaos__hv_domain *domain = &waited->domain;
    int rc = chaos__hv_domain_info(chaos->hv, waited->domid, domain, err);

    if (rc < 0 && rc != CHAOS_ENOGUEST)
        return rc;
    waited->gone = rc < 0 || domain->dying ||
                   memcmp(domain->handle, waited->uuid, CHAOS__HANDLE_SIZE);
    return 0;
}

/* 1 when it is up or has been, 0 when it may still come up, or an error. */
static int look(struct chaos *chaos, struct waited *waited,
                struct chaos_error *err)
{
    struct chaos__control_state state;
    int rc = look_at_domain(chaos, waited, err);

    if (rc < 0)
        return rc;
    /* After that: its last word may have come in between. */
    chaos__control_read(&waited->control, &state);
    if (has_been_up(&state))
        return 1;
    return waited->gone || waited->domain.shutdown
               ? fail_ended(waited, &state, err)
               : 0;
}

static int wait_up(struct chaos *chaos, struct waited *waited, int timeout_ms,
                   struct chaos_error *err)
{
    int64_t until = chaos__now_us() + (int64_t)timeout_ms * 1000;
    int64_t pause_us = CHAOS__LOOK_FIRST_US, left;
    /* Before the first look, so that what comes after it is heard. */
    int rc = chaos__control_listen(&waited->control, err);

    while (rc == 0 && (rc = look(chaos, waited, err)) == 0) {
        left = until - chaos__now_us();
        if (timeout_ms < 0)
            left = pause_us;
        if (left <= 0)
            return chaos__fail(err, CHAOS_ETIMEDOUT,
                               "guest %s is not up after %d ms; it is left as "
                               "it is",
                               waited->name, timeout_ms);
        chaos__control_wait(&waited->control,
                            left < pause_us ? left : pause_us);
        pause_us = chaos__look_next_us(pause_us);
    }
    return rc;
}

/* What its configuration says about a guest that has ended, unless somebody
 * has seen to it. */
static void settle(struct chaos *chaos, const struct waited *waited)
{
    struct chaos__slot *slot =
        chaos__registry_by_domid(chaos->registry, waited->domid);

    if (slot && memcmp(slot->uuid, waited->uuid, CHAOS__HANDLE_SIZE) == 0)
        chaos__guest_settle(chaos, slot, &waited->domain, NULL);
}

int chaos_guest_wait_up(struct chaos *chaos, uint32_t domid, int timeout_ms,
                        struct chaos_error *err)
{
    struct waited waited = { .domid = domid };
    struct chaos__slot *slot;
    int rc = chaos__guest_open(chaos, domid, &slot, &waited.domain, err);

    if (rc < 0)
        return rc;
    memcpy(waited.uuid, waited.domain.handle, sizeof(waited.uuid));
    memcpy(waited.name, slot->name, sizeof(waited.name));
    rc = chaos__control_open(chaos->hv, slot, &waited.control, err);
    if (rc < 0)
        return rc;
    rc = wait_up(chaos, &waited, timeout_ms, err);
    chaos__control_close(&waited.control); /* it is the domain's memory */
    if (rc < 0 && waited.domain.shutdown && !waited.gone)
        settle(chaos, &waited);
    return rc < 0 ? rc : 0;
}
