/* SPDX-License-Identifier: MIT */
#include "control.h"

#include "noxs/abi/noxs.h"

#include <poll.h>
#include <stddef.h>

/* More than any guest has a reason for before it is up, and few enough that
 * one that floods us is not worth a thought. */
#define VAIN_MAX 64

/* How often others may have written a request while we notified. */
#define NOTIFY_MAX 16

#define LOAD(page, field) __atomic_load_n(&(page)->field, __ATOMIC_ACQUIRE)
#define STORE(page, field, value)                                              \
    __atomic_store_n(&(page)->field, value, __ATOMIC_RELEASE)

int chaos__control_open(struct chaos__hv *hv, const struct chaos__slot *slot,
                        struct chaos__control *control_r,
                        struct chaos_error *err)
{
    uint64_t frame = slot->control_frame;
    void *address;
    int rc;

    if (!frame)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "guest %s does not speak noxs: it can neither be "
                           "asked nor say how it is",
                           slot->name);
    *control_r = (struct chaos__control){ .hv = hv,
                                          .domid = slot->domid,
                                          .port = slot->control_port };
    rc = chaos__hv_map(hv, slot->domid, &frame, 1, &address, err);
    if (rc < 0)
        return chaos__fail_within(err, rc, "the control page of %s",
                                  slot->name);
    control_r->page = address;
    return 0;
}

/* ------------------------------------------------------------- reading */

static enum chaos_guest_status status_of(uint32_t number)
{
    switch (number) {
    case NOXS_STATUS_BOOTING:
        return CHAOS_STATUS_BOOTING;
    case NOXS_STATUS_UP:
        return CHAOS_STATUS_UP;
    case NOXS_STATUS_GOING_DOWN:
        return CHAOS_STATUS_GOING_DOWN;
    case NOXS_STATUS_CRASHED:
        return CHAOS_STATUS_CRASHED;
    default:
        return CHAOS_STATUS_UNKNOWN;
    }
}

static uint32_t result_of(uint32_t number)
{
    return number <= NOXS_RESULT_UNKNOWN ? number : NOXS_RESULT_UNKNOWN;
}

/* Each field once, and each before those that the guest writes before it. */
void chaos__control_parse(const struct noxs_control *page,
                          struct chaos__control_state *state_r)
{
    uint32_t answered;

    state_r->status = status_of(LOAD(page, status));
    state_r->code = LOAD(page, code);
    state_r->up_ns = LOAD(page, up_ns);
    if (state_r->status != CHAOS_STATUS_CRASHED)
        state_r->code = 0;
    if (state_r->status == CHAOS_STATUS_BOOTING ||
        state_r->status == CHAOS_STATUS_UNKNOWN)
        state_r->up_ns = 0;

    state_r->acknowledged = LOAD(page, acknowledged);
    state_r->result = result_of(LOAD(page, result));
    state_r->pending = LOAD(page, serial) != state_r->acknowledged;

    state_r->guest_serial = LOAD(page, guest_serial);
    state_r->guest_request = LOAD(page, guest_request);
    state_r->guest_argument = LOAD(page, guest_argument);
    answered = LOAD(page, answered);
    if (state_r->guest_serial == answered)
        state_r->guest_request = NOXS_GUEST_REQUEST_NONE;
}

void chaos__control_read(const struct chaos__control *control,
                         struct chaos__control_state *state_r)
{
    chaos__control_parse(control->page, state_r);
}

/* -------------------------------------------------------------- asking */

/*
 * A port can be bound once.  Who finds it bound leaves the notifying to the
 * one who has it, and that one looks for a request that came meanwhile once
 * it has given the port up: so none is left that the guest was not told of.
 */
static int notify(struct chaos__control *control, struct chaos_error *err)
{
    struct chaos__hv_port *port;
    unsigned tries = 0;
    uint32_t serial;
    int rc;

    do {
        serial = __atomic_load_n(&control->page->serial, __ATOMIC_SEQ_CST);
        if (control->bound)
            return chaos__hv_port_notify(control->bound, err);
        rc = chaos__hv_port_bind(control->hv, control->domid, control->port,
                                 &port, err);
        if (rc == CHAOS_EBUSY)
            return 0;
        if (rc < 0)
            return rc;
        rc = chaos__hv_port_notify(port, err);
        chaos__hv_port_close(port);
    } while (rc == 0 && ++tries < NOTIFY_MAX &&
             LOAD(control->page, serial) != serial);
    return rc;
}

int chaos__control_request(struct chaos__control *control, uint32_t request,
                           uint64_t argument, uint32_t *serial_r,
                           struct chaos_error *err)
{
    struct noxs_control *page = control->page;
    uint32_t serial;

    STORE(page, request, request);
    STORE(page, argument, argument);
    serial = __atomic_add_fetch(&page->serial, 1, __ATOMIC_SEQ_CST);
    if (serial_r)
        *serial_r = serial;
    return notify(control, err);
}

/* ----------------------------------------------------------- listening */

int chaos__control_listen(struct chaos__control *control,
                          struct chaos_error *err)
{
    int rc = chaos__hv_port_bind(control->hv, control->domid, control->port,
                                 &control->bound, err);

    if (rc < 0)
        control->bound = NULL;
    return rc == CHAOS_EBUSY ? 0 : rc;
}

static void stop_listening(struct chaos__control *control)
{
    if (!control->bound)
        return;
    chaos__hv_port_close(control->bound);
    control->bound = NULL;
    /* See notify(): this may have been asked while we had the port. */
    if (LOAD(control->page, serial) != LOAD(control->page, acknowledged))
        notify(control, NULL);
}

void chaos__control_wait(struct chaos__control *control, int64_t us)
{
    struct pollfd fd = { .fd = -1, .events = POLLIN };
    struct timespec time = { us / 1000000, us % 1000000 * 1000 };

    if (control->bound)
        fd.fd = chaos__hv_port_fd(control->bound);
    if (ppoll(&fd, 1, &time, NULL) <= 0)
        return;
    chaos__hv_port_clear(control->bound);
    if (++control->vain == VAIN_MAX)
        stop_listening(control);
}

void chaos__control_close(struct chaos__control *control)
{
    stop_listening(control);
    chaos__hv_unmap(control->hv, control->page, 1);
    control->page = NULL;
}
