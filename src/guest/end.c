/* SPDX-License-Identifier: MIT */
/* How guests end: being asked to, being waited for, and what follows. */
#include "guest.h"

#include "noxs/abi/noxs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_FIRST_US 1000
#define WAIT_LAST_US 50000

static enum chaos__action action_for(const struct chaos__slot *slot,
                                     unsigned reason)
{
    if (reason == CHAOS__SHUTDOWN_POWEROFF)
        return (enum chaos__action)slot->on_poweroff;
    if (reason == CHAOS__SHUTDOWN_REBOOT)
        return (enum chaos__action)slot->on_reboot;
    if (reason == CHAOS__SHUTDOWN_CRASH)
        return (enum chaos__action)slot->on_crash;
    /* Suspended, or a reason that no configuration speaks of: leave it. */
    return CHAOS__ACTION_PRESERVE;
}

/* The configuration to create it again from, under the name it has now. */
static int read_config(struct chaos *chaos, const struct chaos__slot *slot,
                       struct chaos_config **config_r, struct chaos_error *err)
{
    char *text, *name;
    int rc = chaos__registry_read_config(chaos->registry, slot, &text, err);

    if (rc < 0)
        return rc;
    rc = chaos_config_parse(chaos, text, slot->name, config_r, err);
    free(text);
    if (rc < 0)
        return rc;
    name = strndup(slot->name, sizeof(slot->name) - 1);
    if (!name) {
        chaos_config_free(*config_r);
        return chaos__fail_memory(err);
    }
    free((*config_r)->name);
    (*config_r)->name = name;
    return 0;
}

static int restart(struct chaos *chaos, struct chaos__slot *slot,
                   const uint8_t *uuid, struct chaos_error *err)
{
    struct chaos_config *config;
    struct chaos_error why;
    int rc = read_config(chaos, slot, &config, err);

    if (rc < 0)
        return rc;
    /* What can be seen to fail must not cost the old one. */
    rc = chaos_guest_check(chaos, config, &why);
    if (rc == 0)
        rc = chaos__guest_end(chaos, slot, uuid, &why);
    if (rc == 0)
        rc = chaos__guest_create(chaos, config, 0, NULL, &why);
    if (rc < 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "restarting %s: %s", config->name,
                   why.message);
    chaos_config_free(config);
    return rc < 0 ? chaos__fail(err, rc, "%s", why.message) : 0;
}

int chaos__guest_settle(struct chaos *chaos, struct chaos__slot *slot,
                        const struct chaos__hv_domain *domain,
                        struct chaos_error *err)
{
    if (!domain->shutdown || domain->dying ||
        slot->state != CHAOS__SLOT_RUNNING)
        return 0;
    switch (action_for(slot, domain->shutdown_reason)) {
    case CHAOS__ACTION_DESTROY:
        return chaos__guest_end(chaos, slot, domain->handle, err);
    case CHAOS__ACTION_RESTART:
        return restart(chaos, slot, domain->handle, err);
    case CHAOS__ACTION_PRESERVE:
        break;
    }
    return 0;
}

/* -------------------------------------------------------------- asking */

/* Writes the request; the guest's own half of the page is not looked at. */
static int write_request(struct chaos *chaos, const struct chaos__slot *slot,
                         uint32_t request, struct chaos_error *err)
{
    volatile struct noxs_control *control;
    uint64_t frame = slot->control_frame;
    void *address;
    int rc;

    rc = chaos__hv_map(chaos->hv, slot->domid, &frame, 1, &address, err);
    if (rc < 0)
        return rc;
    control = address;
    control->request = request;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    control->serial = control->serial + 1;
    chaos__hv_unmap(chaos->hv, address, 1);
    return 0;
}

static int notify(struct chaos *chaos, const struct chaos__slot *slot,
                  struct chaos_error *err)
{
    struct chaos__hv_port *port;
    int rc;

    rc = chaos__hv_port_bind(chaos->hv, slot->domid, slot->control_port, &port,
                             err);
    if (rc == CHAOS_EBUSY)
        return 0; /* another shutdown is notifying it right now */
    if (rc < 0)
        return rc;
    rc = chaos__hv_port_notify(port, err);
    chaos__hv_port_close(port);
    return rc;
}

int chaos_guest_shutdown(struct chaos *chaos, uint32_t domid,
                         enum chaos_guest_end how, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc;

    if (how != CHAOS_END_POWEROFF && how != CHAOS_END_REBOOT)
        return chaos__fail(err, CHAOS_EINVAL,
                           "a guest can be asked to power off or to reboot");
    rc = chaos__guest_open(chaos, domid, &slot, &domain, err);
    if (rc < 0)
        return rc;
    if (!slot->control_frame)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "guest %s does not speak noxs and cannot be asked; "
                           "chaos destroy ends it",
                           slot->name);
    rc = write_request(chaos, slot,
                       how == CHAOS_END_POWEROFF ? NOXS_REQUEST_POWEROFF
                                                 : NOXS_REQUEST_REBOOT,
                       err);
    return rc < 0 ? rc : notify(chaos, slot, err);
}

/* ------------------------------------------------------------- waiting */

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_us(int64_t us)
{
    struct timespec left = { us / 1000000, us % 1000000 * 1000 };

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

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
    *end_r = (enum chaos_guest_end)domain.shutdown_reason;
    slot = chaos__registry_by_domid(chaos->registry, domid);
    if (slot)
        chaos__guest_settle(chaos, slot, &domain, NULL);
    return 1;
}

int chaos_guest_wait(struct chaos *chaos, uint32_t domid, int timeout_ms,
                     enum chaos_guest_end *end_r, struct chaos_error *err)
{
    int64_t until = now_us() + (int64_t)timeout_ms * 1000;
    int64_t pause_us = WAIT_FIRST_US, left;
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    enum chaos_guest_end end;
    int rc = chaos__guest_open(chaos, domid, &slot, &domain, err);

    if (rc < 0)
        return rc;
    while ((rc = look(chaos, domid, domain.handle, &end, err)) == 0) {
        left = until - now_us();
        if (timeout_ms >= 0 && left <= 0)
            return chaos__fail(err, CHAOS_ETIMEDOUT,
                               "guest %s still runs after %d ms", slot->name,
                               timeout_ms);
        sleep_us(timeout_ms >= 0 && left < pause_us ? left : pause_us);
        pause_us = 2 * pause_us < WAIT_LAST_US ? 2 * pause_us : WAIT_LAST_US;
    }
    if (rc < 0)
        return rc;
    if (end_r)
        *end_r = end;
    return 0;
}
