/* SPDX-License-Identifier: MIT */
#include "handle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line of a Xen library's log: kept as the reason of a failure, and
 * passed on to whoever listens. */
static void log_line(struct xentoollog_logger *xtl, xentoollog_level level,
                     int errnoval, const char *context, const char *format,
                     va_list args)
{
    struct hv_logger *logger = (struct hv_logger *)xtl;
    char line[HV_REASON_MAX];

    (void)errnoval;
    (void)context;
    if (level < XTL_ERROR && !logger->log)
        return;
    vsnprintf(line, sizeof(line), format, args);
    if (level >= XTL_ERROR)
        memcpy(logger->reason, line, sizeof(line));
    if (logger->log)
        logger->log(logger->user, line);
}

/* No progress bars. */
static void log_progress(struct xentoollog_logger *xtl, const char *context,
                         const char *doing, int percent, unsigned long done,
                         unsigned long total)
{
    (void)xtl;
    (void)context;
    (void)doing;
    (void)percent;
    (void)done;
    (void)total;
}

static void log_destroy(struct xentoollog_logger *xtl)
{
    (void)xtl; /* part of struct chaos__hv */
}

static int fail_open(struct chaos_error *err, int errnum)
{
    if (errnum == EACCES || errnum == EPERM)
        return chaos__fail(err, CHAOS_ENOXEN,
                           "opening Xen: no permission; run as root");
    if (access("/proc/xen", F_OK) < 0 &&
        access("/sys/hypervisor/type", F_OK) < 0)
        return chaos__fail(err, CHAOS_ENOXEN,
                           "opening Xen: this kernel does not run on Xen; "
                           "boot the host with Xen as its dom0");
    return chaos__fail(err, CHAOS_ENOXEN,
                       "opening Xen: %s; is this dom0, and is the module "
                       "xen-privcmd loaded?",
                       chaos__errno_text(errnum));
}

int chaos__hv_open(chaos__hv_log_fn log, void *log_user,
                   struct chaos__hv **hv_r, struct chaos_error *err)
{
    struct chaos__hv *hv = calloc(1, sizeof(*hv));
    int errnum;

    if (!hv)
        return chaos__fail_memory(err);
    hv->logger = (struct hv_logger){
        .xtl = { .vmessage = log_line,
                 .progress = log_progress,
                 .destroy = log_destroy },
        .log = log,
        .user = log_user,
    };
    hv->call = xencall_open(&hv->logger.xtl, 0);
    if (!hv->call) {
        errnum = errno;
        free(hv);
        return fail_open(err, errnum);
    }
    *hv_r = hv;
    return 0;
}

void chaos__hv_close(struct chaos__hv *hv)
{
    if (!hv)
        return;
    if (hv->memory)
        xenforeignmemory_close(hv->memory);
    if (hv->xc)
        xc_interface_close(hv->xc);
    xencall_free_buffer(hv->call, hv->domctl);
    xencall_free_buffer(hv->call, hv->start);
    xencall_close(hv->call);
    free(hv);
}

xc_interface *chaos__hv_xc(struct chaos__hv *hv)
{
    if (!hv->xc)
        hv->xc = xc_interface_open(&hv->logger.xtl, &hv->logger.xtl, 0);
    return hv->xc;
}

int chaos__hv_fail(struct chaos_error *err, uint32_t domid, const char *what)
{
    int errnum = errno;

    if (errnum == ESRCH)
        return chaos__fail(err, CHAOS_ENOGUEST, "%s: no domain %u", what,
                           domid);
    if (errnum == EPERM || errnum == EACCES)
        return chaos__fail(err, CHAOS_ENOXEN,
                           "%s: Xen refuses; is this dom0, and is this chaos "
                           "built for this version of Xen?",
                           what);
    if (errnum == ENOMEM)
        return chaos__fail(err, CHAOS_ENOMEM,
                           "%s: Xen is out of memory; destroy guests, lower "
                           "memory=, or give dom0 less",
                           what);
    return chaos__fail_errno(err, errnum, "%s", what);
}
