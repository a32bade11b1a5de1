/* SPDX-License-Identifier: MIT */
/*
 * UUIDs that chaos makes are version 8 (RFC 9562, 5.8) and start with the
 * bytes of "chaos": a domain that carries one was made by chaos, even when the
 * registry is gone.
 */
#ifndef CHAOS_SRC_UUID_H
#define CHAOS_SRC_UUID_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

int chaos__uuid_make(uint8_t uuid[16], struct chaos_error *err);
bool chaos__uuid_is_ours(const uint8_t uuid[16]);

#endif
