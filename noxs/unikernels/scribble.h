/* SPDX-License-Identifier: MIT */
/*
 * What the parts of scribble share: nonsense, and what each part can do wrong.
 * Whatever is done, is done by the device page as the guest found it: it may
 * spoil that page itself.
 */
#ifndef SCRIBBLE_H
#define SCRIBBLE_H

#include <stdint.h>

#include "../abi/noxs.h"

/* Any numbers will do, as long as they change. */
uint32_t nonsense(void);
/* One of the two, by chance: that is how much of what is asked for is well
 * formed, so that the rest of it is looked at. */
#define EITHER(right, wrong) (nonsense() % 4 ? (right) : (wrong))

/* Writes nonsense all over a page; NULL is fine. */
void scribble(void *page);

/* ------------------------------------------------- of the grant table */

/* References of our own, for a page that netback and blkback may use. */
enum loan {
    LOAN_WHOLE,
    LOAN_READ_ONLY,
    LOAN_FICKLE, /* comes and goes */
    LOANS,
};

void grants_find(void);
/* 0 if there is no grant table. */
uint32_t grants_loan(enum loan loan);
/* The page that it is for. */
uint32_t *grants_page(enum loan loan);
/* Grants the fickle page, or takes it back in the middle of its use. */
void grants_waver(void);
/* The toolstack's entries are overwritten, and Xen is asked for what it must
 * refuse. */
void grants_spoil(void);

/* --------------------------------------------- of interfaces and disks */

void nets_find(void);
/* Packets go to the MAC 00:16:3e:00:00:`last`, and no longer to all. */
void nets_aim(uint8_t last);
/* Well-formed rings full of requests that are not; after `rounds` of those,
 * if `fatal` is not 0, the one that netback closes the device for. */
void nets_ask(unsigned int fatal, unsigned int rounds);
void nets_spoil(void);
void nets_flood(void);
void nets_each_frame(void (*act)(uint64_t frame));

void disks_find(void);
void disks_ask(void);
void disks_spoil(void);
void disks_flood(void);
void disks_each_frame(void (*act)(uint64_t frame));

#endif
