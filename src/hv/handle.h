/* SPDX-License-Identifier: MIT */
/* What the files of src/hv share. */
#ifndef CHAOS_SRC_HV_HANDLE_H
#define CHAOS_SRC_HV_HANDLE_H

#include "hv.h"

#include <xencall.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

#include <xentoollog.h>

#define HV_REASON_MAX 256
#define HV_PAYLOAD_MAX 2048

/* First member: Xen's libraries hand it back to the logging functions. */
struct hv_logger {
    xentoollog_logger xtl;
    chaos__hv_log_fn log;
    void *user;
    char reason[HV_REASON_MAX]; /* the last error that a library reported */
};

struct hv_domctl;
struct hv_start;

struct chaos__hv {
    xencall_handle *call;
    struct hv_domctl *domctl;        /* allocated by the first domctl */
    struct hv_start *start;          /* allocated for the first PV guest */
    xc_interface *xc;                /* opened by chaos__hv_xc() */
    xenforeignmemory_handle *memory; /* opened by the first mapping */
    struct hv_logger logger;
};

/*
 * libxenctrl, for all that domctl.c has not: it opens six more files, which
 * takes as long as starting a guest.  NULL with errno when it cannot be
 * opened.
 */
xc_interface *chaos__hv_xc(struct chaos__hv *hv);

/* The memory of a domctl, which Xen can read and write. */
struct hv_domctl {
    struct xen_domctl call;
    uint8_t payload[HV_PAYLOAD_MAX]; /* what a handle in `call` may point to */
};

/* An empty domctl on the domain, to be filled in: valid until the next one.
 * NULL with errno when there is no memory for it. */
struct hv_domctl *chaos__hv_domctl(struct chaos__hv *hv, uint32_t domid,
                                   uint32_t command);
/* Has Xen carry it out: what Xen answered, or -1 with errno. */
int chaos__hv_domctl_run(struct chaos__hv *hv);

int chaos__hv_memory_open(struct chaos__hv *hv, struct chaos_error *err);

/* An error from a hypercall that left errno: "what: reason". */
int chaos__hv_fail(struct chaos_error *err, uint32_t domid, const char *what);

#endif
