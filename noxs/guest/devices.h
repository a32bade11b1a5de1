/* SPDX-License-Identifier: MIT */
/*
 * The device page (abi/noxs.h): finding it and walking its entries.  It must
 * not know how any device works.
 */
#ifndef GUEST_DEVICES_H
#define GUEST_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "../abi/noxs.h"

/* A copy of the page's header, read once; NULL if there is no device page of
 * a version that the kit knows. */
const struct noxs_page *devices_page(void);

/*
 * Copies the n-th entry of a type, counted from 0, to `entry`, of which
 * `size` bytes are there for it; what the page's entry has not is 0.  Reads
 * again while the toolstack changes the page.  False if there is no such
 * entry, or the page makes no sense up to there.
 */
bool devices_find(unsigned int type, unsigned int n, void *entry,
                  unsigned int size);

#endif
