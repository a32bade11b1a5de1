/* SPDX-License-Identifier: MIT */
/* MAC addresses as text.  It knows no rule about which an interface can have.
 */
#ifndef CHAOS_SRC_CONFIG_MAC_H
#define CHAOS_SRC_CONFIG_MAC_H

#include "config/span.h"

/* Reads 00:16:3e:12:34:56; false when it is none. */
bool chaos__mac_parse(struct chaos__span text, uint8_t mac[6]);

#endif
