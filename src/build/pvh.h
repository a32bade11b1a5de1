/* SPDX-License-Identifier: MIT */
/*
 * PVH: where things lie in the guest's memory, and loading an ELF kernel by
 * the PVH boot protocol (Xen's docs/misc/pvh.pandoc).
 */
#ifndef CHAOS_SRC_PVH_H
#define CHAOS_SRC_PVH_H

#include "shell.h"

/* As many guest frames, from the first, as a guest of so much memory has it
 * in. */
uint64_t chaos__pvh_frames(uint64_t memory_kb);

/* Memory, parameters and shared pages of an empty PVH domain that has its
 * ports. */
int chaos__pvh_prepare(struct chaos__hv *hv, struct chaos__shell *shell,
                       struct chaos_error *err);
int chaos__pvh_check(const struct chaos__shell *shell,
                     const struct chaos__payload *payload,
                     struct chaos_error *err);
int chaos__pvh_load(struct chaos__hv *hv, struct chaos__shell *shell,
                    const struct chaos__payload *payload,
                    struct chaos_error *err);

#endif
