/* SPDX-License-Identifier: MIT */
/* What the files of src/hv share. */
#ifndef CHAOS_SRC_HV_HANDLE_H
#define CHAOS_SRC_HV_HANDLE_H

#include "hv.h"

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include <xentoollog.h>

#define HV_REASON_MAX 256

/* First member: Xen's libraries hand it back to the logging functions. */
struct hv_logger {
    xentoollog_logger xtl;
    chaos__hv_log_fn log;
    void *user;
    char reason[HV_REASON_MAX]; /* the last error that a library reported */
};

struct chaos__hv {
    xc_interface *xc;
    xenforeignmemory_handle *memory; /* opened by the first mapping */
    struct hv_logger logger;
};

int chaos__hv_memory_open(struct chaos__hv *hv, struct chaos_error *err);

/* An error from a hypercall that left errno: "what: reason". */
int chaos__hv_fail(struct chaos_error *err, uint32_t domid, const char *what);

#endif
