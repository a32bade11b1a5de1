/* SPDX-License-Identifier: MIT */
/*
 * The guest's grant table (public/grant_table.h, version 1): letting another
 * domain use a page.  Granting and taking back are stores to memory that Xen
 * reads too; only finding the table costs hypercalls.  It must not know what
 * is on a page.
 */
#ifndef GUEST_GRANTS_H
#define GUEST_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#define GRANT_NONE 0u /* 0 is the console's, never given out */

/* Takes a reference that nobody uses; GRANT_NONE when there is none. */
uint32_t grant_reserve(void);

/* Lets `domid` use the page at `address`, of the guest's own memory, through a
 * reserved reference. */
void grant_set(uint32_t reference, uint16_t domid, const void *address,
               bool read_only);

/* Takes the page back: false if the other domain still has it mapped or is
 * using it.  The reference stays reserved. */
bool grant_clear(uint32_t reference);

/* Gives a cleared reference up. */
void grant_release(uint32_t reference);

#endif
