/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the control page (abi/noxs.h): says how the guest is and
 * does what the toolstack asks for.  Without a device page all of it does
 * nothing but end the guest.  It must not know about devices.
 */
#ifndef GUEST_CONTROL_H
#define GUEST_CONTROL_H

#include <stdint.h>

/* Called once by the boot code. */
void control_init(void);

/* The guest is ready: from here on it obeys requests in events_wait(). */
void control_up(void);

/*
 * Obeys a request if there is a new one, for a guest that does not call
 * events_wait().  Does not return from one that ends the guest.  A request to
 * suspend is not acknowledged: the kit can't do it yet.
 */
void control_check(void);

/* Ends the guest in order; `reason` is one of Xen's SHUTDOWN_*. */
_Noreturn void control_leave(unsigned int reason);

/* Ends the guest as crashed, with a code for the toolstack. */
_Noreturn void control_crash(uint32_t code);

#endif
