/* SPDX-License-Identifier: MIT */
/* How guests end: being asked to, and being waited for. */
#include "guest.h"

#include "clock.h"
#include "control.h"
#include "foreign.h"
#include "nodes.h"
#include "noxs/abi/noxs.h"

#include <string.h>

#define DYING_TIMEOUT_US 2000000

bool chaos__await_gone(struct chaos *chaos, uint32_t domid, const uint8_t *uuid)
{
    int64_t until_us = chaos__now_us() + DYING_TIMEOUT_US;
    int64_t pause_us = CHAOS__LOOK_FIRST_US;
    struct chaos__hv_domain domain;
    int rc;

    while ((rc = chaos__hv_domain_info(chaos->hv, domid, &domain, NULL)) == 0 &&
           memcmp(domain.handle, uuid, CHAOS__HANDLE_SIZE) == 0) {
        if (!domain.dying || chaos__now_us() > until_us)
            return false;
        chaos__sleep_us(pause_us);
        pause_us = chaos__look_next_us(pause_us);
    }
    return rc == 0 || rc == CHAOS_ENOGUEST;
}

bool chaos__await_release(struct chaos *chaos, struct chaos__slot *slot)
{
    int64_t until_us = chaos__now_us() + DYING_TIMEOUT_US;
    int64_t pause_us = CHAOS__LOOK_FIRST_US;
    uint8_t uuid[CHAOS__SLOT_UUID_SIZE];

    memcpy(uuid, slot->uuid, sizeof(uuid));
    for (;;) {
        chaos__settle_lingering(chaos, slot);
        if (!chaos__is_ending(slot) ||
            memcmp(slot->uuid, uuid, sizeof(uuid)) != 0)
            return true;
        if (chaos__now_us() > until_us)
            return false;
        chaos__sleep_us(pause_us);
        pause_us = chaos__look_next_us(pause_us);
    }
}

/* -------------------------------------------------------------- asking */

/* What a guest can be asked for: on its control page, and by the words that
 * Linux' drivers/xen/manage.c takes, and others after it. */
struct question {
    enum chaos_guest_end how;
    uint32_t request;
    const char *word;
};

static const struct question questions[] = {
    { CHAOS_END_POWEROFF, NOXS_REQUEST_POWEROFF, "poweroff" },
    { CHAOS_END_REBOOT, NOXS_REQUEST_REBOOT, "reboot" },
    { CHAOS_END_SUSPEND, NOXS_REQUEST_SUSPEND, "suspend" },
    { CHAOS_END_HALT, NOXS_REQUEST_HALT, "halt" },
};

/* NULL: nothing that a guest can be asked for. */
static const struct question *question_for(enum chaos_guest_end how)
{
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        if (questions[i].how == how)
            return &questions[i];
    return NULL;
}

static int ask_by_store(struct chaos *chaos, struct chaos__slot *slot,
                        const char *word, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    int rc = chaos__store_ready(chaos, err);

    if (rc == 0)
        rc = chaos__nodes_ask(chaos->store, slot, word, err);
    if (rc != CHAOS_ENOGUEST ||
        chaos__guest_look(chaos, slot, &domain, NULL) < 0)
        return rc;
    return chaos__fail(err, CHAOS_EFAILED,
                       "guest %s runs, and XenStore does not know it: has "
                       "xenstored been started again? chaos destroy ends it",
                       slot->name);
}

static int ask_by_page(struct chaos *chaos, const struct chaos__slot *slot,
                       uint32_t request, struct chaos_error *err)
{
    struct chaos__control control;
    int rc;

    if (!slot->control_frame)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "guest %s was recovered, and where a PV guest has "
                           "its control page is not known any more; chaos "
                           "destroy ends it",
                           slot->name);
    rc = chaos__control_open(chaos->hv, slot, &control, err);
    if (rc < 0)
        return rc;
    rc = chaos__control_request(&control, request, 0, NULL, err);
    chaos__control_close(&control);
    return rc;
}

int chaos_guest_shutdown(struct chaos *chaos, uint32_t domid,
                         enum chaos_guest_end how, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    const struct question *question = question_for(how);
    int rc;

    if (!question)
        return chaos__fail(err, CHAOS_EINVAL,
                           "a guest can be asked to power off, to reboot, to "
                           "suspend or to halt");
    rc = chaos__guest_open_any(chaos, domid, &slot, &domain, err);
    if (rc == 0 && !slot)
        return chaos__foreign_shutdown(chaos, domid, question->word, err);
    if (rc < 0)
        return rc;
    return slot->store_frame ? ask_by_store(chaos, slot, question->word, err)
                             : ask_by_page(chaos, slot, question->request, err);
}

/* ------------------------------------------------------------- waiting */

/* 1 when the guest has ended, 0 when it has not, or an error. */
static int look(struct chaos *chaos, uint32_t domid, const uint8_t *uuid,
                enum chaos_guest_end *end_r, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__hv_domain_info(chaos->hv, domid, &domain, err);

    if (rc < 0 && rc != CHAOS_ENOGUEST)
        return rc;
    if (rc == CHAOS_ENOGUEST || domain.dying ||
        memcmp(domain.handle, uuid, CHAOS__HANDLE_SIZE) != 0) {
        *end_r = CHAOS_END_DESTROYED;
        return 1;
    }
    if (!domain.shutdown)
        return 0;
    *end_r = chaos__guest_end_of(&domain);
    slot = chaos__registry_by_domid(chaos->registry, domid);
    if (slot)
        chaos__guest_settle(chaos, slot, &domain, NULL);
    return 1;
}

static int fail_late(const struct chaos__slot *slot, uint32_t domid,
                     int timeout_ms, struct chaos_error *err)
{
    if (!slot)
        return chaos__fail(err, CHAOS_ETIMEDOUT,
                           "domain %u still runs after %d ms", domid,
                           timeout_ms);
    return chaos__fail(err, CHAOS_ETIMEDOUT, "guest %s still runs after %d ms",
                       slot->name, timeout_ms);
}

int chaos_guest_wait(struct chaos *chaos, uint32_t domid, int timeout_ms,
                     enum chaos_guest_end *end_r, struct chaos_error *err)
{
    int64_t until = chaos__now_us() + (int64_t)timeout_ms * 1000;
    int64_t pause_us = CHAOS__LOOK_FIRST_US, left;
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    enum chaos_guest_end end;
    int rc = chaos__guest_open_any(chaos, domid, &slot, &domain, err);

    if (rc < 0)
        return rc;
    while ((rc = look(chaos, domid, domain.handle, &end, err)) == 0) {
        left = until - chaos__now_us();
        if (timeout_ms >= 0 && left <= 0)
            return fail_late(slot, domid, timeout_ms, err);
        chaos__sleep_us(timeout_ms >= 0 && left < pause_us ? left : pause_us);
        pause_us = chaos__look_next_us(pause_us);
    }
    if (rc < 0)
        return rc;
    if (end_r)
        *end_r = end;
    return 0;
}
