/* SPDX-License-Identifier: MIT */
/*
 * A guest's control page (noxs/abi/noxs.h): asking the guest for something,
 * and reading what it says of itself.  It knows one page and its event
 * channel, not what becomes of a guest.
 *
 * The guest can write to the whole page at any time: what is read from it is
 * what the guest claims, and a number that means nothing is told as such.
 */
#ifndef CHAOS_SRC_CONTROL_H
#define CHAOS_SRC_CONTROL_H

#include "error.h"
#include "hv/hv.h"
#include "registry/registry.h"

#include <chaos/guest.h>

#include <stdbool.h>
#include <stdint.h>

/* The page, mapped.  What was in the slot is copied: that may be another
 * guest's by the time it is used. */
struct chaos__control {
    struct chaos__hv *hv;
    struct noxs_control *page;
    uint32_t domid, port;
    struct chaos__hv_port *bound; /* while it listens */
    unsigned vain;                /* notifications that brought nothing */
};

/* What a guest claims, read once. */
struct chaos__control_state {
    enum chaos_guest_status status;
    uint32_t code;         /* 0 unless it has crashed */
    uint64_t up_ns;        /* 0: it has never been up, or has no clock */
    bool pending;          /* the last request was not acknowledged */
    uint32_t acknowledged; /* the serial that was */
    uint32_t result;       /* NOXS_RESULT_*, of that one */
    /* The guest's own request that was not answered; 0: there is none. */
    uint32_t guest_request;
    uint32_t guest_serial;
    uint64_t guest_argument;
};

/* CHAOS_ENOTSUP for a guest that does not speak noxs; another error when the
 * page is no longer there. */
int chaos__control_open(struct chaos__hv *hv, const struct chaos__slot *slot,
                        struct chaos__control *control_r,
                        struct chaos_error *err);
/* The page must not stay mapped for longer than it is needed: it keeps the
 * memory of a domain that was destroyed. */
void chaos__control_close(struct chaos__control *control);

/* The reader of the guest's words: `page` may change meanwhile. */
void chaos__control_parse(const struct noxs_control *page,
                          struct chaos__control_state *state_r);
void chaos__control_read(const struct chaos__control *control,
                         struct chaos__control_state *state_r);

/* Writes a request and notifies the guest; does not wait.  *serial_r may be
 * NULL. */
int chaos__control_request(struct chaos__control *control, uint32_t request,
                           uint64_t argument, uint32_t *serial_r,
                           struct chaos_error *err);

/* From here on chaos__control_wait() hears the guest.  When another process
 * listens already, it succeeds and hears nothing. */
int chaos__control_listen(struct chaos__control *control,
                          struct chaos_error *err);
/* Returns after this time, or earlier when the guest has notified or a signal
 * came.  A guest that has notified in vain too often is not heard any more. */
void chaos__control_wait(struct chaos__control *control, int64_t us);

#endif
