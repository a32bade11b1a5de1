/* SPDX-License-Identifier: MIT */
/*
 * Numbers that are hard to guess, of the processor if it has them (RDRAND),
 * otherwise mixed from its clocks: good for sequence numbers and the like, not
 * for keys that have to last.  It must not know what they are for.
 */
#ifndef GUEST_RANDOM_H
#define GUEST_RANDOM_H

#include <stdint.h>

uint64_t random_number(void);

#endif
