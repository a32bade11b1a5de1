/* SPDX-License-Identifier: MIT */
/* The parts of a create that are sequences of their own. */
#ifndef CHAOS_SRC_CREATE_H
#define CHAOS_SRC_CREATE_H

#include "guest.h"

#include "device/device.h"

/* Reserves a slot for the guest: PREPARING, ours.  What is due for guests that
 * have ended and have what this one wants is carried out first. */
int chaos__create_reserve(struct chaos *chaos,
                          const struct chaos_config *config,
                          const struct chaos__devices *devices,
                          struct chaos__slot **slot_r, struct chaos_error *err);

/* Keeps the configuration with what a restart needs: MACs that were made for
 * the guest, and paths that lead there from any directory. */
int chaos__keep_config(struct chaos *chaos, const struct chaos_config *config,
                       const struct chaos__devices *devices,
                       struct chaos__slot *slot, struct chaos_error *err);

#endif
