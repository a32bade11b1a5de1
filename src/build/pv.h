/* SPDX-License-Identifier: MIT */
/*
 * PV: loading an ELF kernel by the PV boot protocol (the start-of-day layout
 * in Xen's public/xen.h), page tables included.
 */
#ifndef CHAOS_SRC_PV_H
#define CHAOS_SRC_PV_H

#include "shell.h"

/* Memory of an empty PV domain that has its ports; what its pages are for is
 * decided by the image. */
int chaos__pv_prepare(struct chaos__hv *hv, struct chaos__shell *shell,
                      struct chaos_error *err);
int chaos__pv_check(const struct chaos__shell *shell,
                    const struct chaos__payload *payload,
                    struct chaos_error *err);
int chaos__pv_load(struct chaos__hv *hv, struct chaos__shell *shell,
                   const struct chaos__payload *payload,
                   struct chaos_error *err);

#endif
