/* SPDX-License-Identifier: MIT */
/* The noxs device page as the toolstack writes it; knows no domain. */
#ifndef CHAOS_SRC_DEVICE_PAGE_H
#define CHAOS_SRC_DEVICE_PAGE_H

#include "shell.h"

/* Room for devices that are plugged in later: the longest take two. */
#define CHAOS__SPARE_ENTRIES 4u

/* Fills a zeroed page with what is known of the shell. */
void chaos__device_page_write(void *page, const struct chaos__shell *shell);

#endif
