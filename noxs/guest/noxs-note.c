/* SPDX-License-Identifier: MIT */
/* The ELF note that says that this image looks for a device page. */
#include "../abi/noxs.h"

static const struct {
    uint32_t name_size, value_size, type;
    char name[(sizeof(NOXS_ELFNOTE_NAME) + 3) / 4 * 4];
    uint32_t value;
} note __attribute__((section(".note.guest"), aligned(4), used)) = {
    .name_size = sizeof(NOXS_ELFNOTE_NAME),
    .value_size = sizeof(uint32_t),
    .type = NOXS_ELFNOTE_VERSION,
    .name = NOXS_ELFNOTE_NAME,
    .value = NOXS_VERSION,
};
