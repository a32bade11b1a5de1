/* SPDX-License-Identifier: MIT */
/* Event channels between a guest and this domain. */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <xenevtchn.h>

#define DOM0 0

struct chaos__hv_port {
    xenevtchn_handle *handle;
    evtchn_port_t local;
};

int chaos__hv_port_alloc(struct chaos__hv *hv, uint32_t domid, uint32_t *port_r,
                         struct chaos_error *err)
{
    xc_interface *xc = chaos__hv_xc(hv);
    int port = xc ? xc_evtchn_alloc_unbound(xc, domid, DOM0) : -1;

    if (port < 0)
        return chaos__hv_fail(err, domid, "allocating an event channel");
    *port_r = (uint32_t)port;
    return 0;
}

int chaos__hv_port_bind(struct chaos__hv *hv, uint32_t domid, uint32_t port,
                        struct chaos__hv_port **port_r, struct chaos_error *err)
{
    struct chaos__hv_port *bound = calloc(1, sizeof(*bound));
    xenevtchn_port_or_error_t local;
    int fd, rc = 0;

    if (!bound)
        return chaos__fail_memory(err);
    bound->handle = xenevtchn_open(&hv->logger.xtl, 0);
    if (!bound->handle) {
        rc = chaos__fail_errno(err, errno, "opening the event channels");
        goto out;
    }
    /* So that asking what is pending never waits. */
    fd = xenevtchn_fd(bound->handle);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) {
        rc = chaos__fail_errno(err, errno, "opening the event channels");
        goto out;
    }
    local = xenevtchn_bind_interdomain(bound->handle, domid, port);
    if (local < 0) {
        /* Xen refuses a port that is bound already with EINVAL. */
        rc = errno == EINVAL
                 ? chaos__fail(err, CHAOS_EBUSY,
                               "port %u of domain %u is bound already", port,
                               domid)
                 : chaos__hv_fail(err, domid, "binding an event channel");
        goto out;
    }
    bound->local = (evtchn_port_t)local;
    *port_r = bound;
    bound = NULL;
out:
    chaos__hv_port_close(bound);
    return rc;
}

int chaos__hv_port_fd(const struct chaos__hv_port *port)
{
    return xenevtchn_fd(port->handle);
}

void chaos__hv_port_clear(struct chaos__hv_port *port)
{
    xenevtchn_port_or_error_t pending = xenevtchn_pending(port->handle);

    if (pending >= 0)
        xenevtchn_unmask(port->handle, (evtchn_port_t)pending);
}

int chaos__hv_port_notify(struct chaos__hv_port *port, struct chaos_error *err)
{
    if (xenevtchn_notify(port->handle, port->local) < 0)
        return chaos__fail_errno(err, errno, "notifying the guest");
    return 0;
}

void chaos__hv_port_close(struct chaos__hv_port *port)
{
    if (!port)
        return;
    if (port->handle)
        xenevtchn_close(port->handle); /* unbinds too */
    free(port);
}
