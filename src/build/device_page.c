/* SPDX-License-Identifier: MIT */
#include "device_page.h"

#include "noxs/abi/noxs.h"

void chaos__device_page_write(void *page, uint32_t control_port,
                              uint64_t control_frame)
{
    struct noxs_page *devices = page;

    devices->version = NOXS_VERSION;
    devices->control_port = control_port;
    devices->control_frame = control_frame;
    devices->magic = NOXS_MAGIC; /* last: it says that the rest is there */
}
