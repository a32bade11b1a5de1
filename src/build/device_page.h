/* SPDX-License-Identifier: MIT */
/* The noxs device page as the toolstack writes it; knows no domain. */
#ifndef CHAOS_SRC_DEVICE_PAGE_H
#define CHAOS_SRC_DEVICE_PAGE_H

#include <stdint.h>

/* Fills a zeroed page: no device, and where the control page is. */
void chaos__device_page_write(void *page, uint32_t control_port,
                              uint64_t control_frame);

#endif
