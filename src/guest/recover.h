/* SPDX-License-Identifier: MIT */
/* What the files about recovering share. */
#ifndef CHAOS_SRC_GUEST_RECOVER_H
#define CHAOS_SRC_GUEST_RECOVER_H

#include "guest.h"

#include <chaos/recover.h>

/*
 * Records those devices of a domain, as XenStore tells them, that its slot does
 * not have; `config` is the guest's, or NULL.  Returns how many; what another
 * guest has as well is recorded without its key, and said in `note`.
 */
int chaos__recover_devices(struct chaos *chaos, struct chaos__slot *slot,
                           const struct chaos_config *config,
                           struct chaos_recovered *note,
                           struct chaos_error *err);

/* Takes away what XenStore has of a domain, of which a slot need not know;
 * `note` counts the devices. */
int chaos__recover_remove(struct chaos *chaos, const struct chaos__slot *slot,
                          struct chaos_recovered *note,
                          struct chaos_error *err);

#endif
