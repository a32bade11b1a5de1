/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers of front ends share: bytes become steps of a back end that
 * does as it likes, and what a front end was asked for ends at most once.  It
 * must not know what is on a ring.
 */
#ifndef FUZZ_FRONT_H
#define FUZZ_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"

#define FRONT_REQUESTS 512u

/* A fuzzer has these. */

/* The grants that its front end holds while it is asked for nothing. */
extern const unsigned int front_idle_grants;
/* Opens the front end in a world that has just been reset. */
void front_start(uint8_t features);
/* One step of the back end or the caller. */
void front_step(uint8_t bits, uint16_t value);
/* The caller asks for something more, in the middle of a callback. */
void front_again(void);

/* And may use these. */

/* The bytes that are left. */
extern struct input front_input;

/* Takes the next step, if there are bytes for one. */
void front_next(void);
/* A cookie for a request and the memory that it needs, which is this from now
 * on; NULL, and the memory is freed, after too many. */
void **front_begin(void *memory);
/* The request was refused, or has come to its end: its memory is freed. */
void front_refused(void **cookie);
void front_ended(void **cookie);
/* The back end uses a grant and gives it back, unless it keeps it. */
void front_use(uint32_t reference, bool keep);
/* The port is notified, and no bytes may keep a guest busy. */
void front_notify(uint32_t port);

#endif
