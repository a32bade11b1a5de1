/* SPDX-License-Identifier: MIT */
/* An image of any bytes: what the parser accepts, the loader puts into a small
 * guest on the fake hypervisor, or refuses. */
#include "build/elf.h"
#include "build/shell.h"
#include "fake_hv.h"

#include <stdlib.h>
#include <string.h>

static void load(struct chaos__image *image, const struct chaos__elf *elf,
                 enum chaos__type type)
{
    struct chaos__devices none = { 0 };
    struct chaos__shell shell = { .type = type,
                                  .devices = &none,
                                  .noxs = elf->noxs_version > 0,
                                  .vcpus = 1,
                                  .memory_kb = 1024,
                                  .maxmem_kb = 1024 };
    struct chaos__payload payload = { .kernel = image,
                                      .elf = elf,
                                      .command_line = "fuzz" };
    struct chaos__hv_create create = { .pvh = type == CHAOS__TYPE_PVH,
                                       .vcpus = 1,
                                       .max_event_channels = 127 };
    struct chaos__hv *hv;

    if (chaos__shell_check(&shell, &payload, NULL) < 0)
        return;
    fake_hv_reset();
    if (chaos__hv_open(NULL, NULL, &hv, NULL) < 0)
        abort();
    chaos__hv_domain_create(hv, &create, &shell.domid, NULL);
    if (chaos__shell_prepare(hv, &shell, NULL) < 0)
        abort(); /* what it needs does not depend on the image */
    /* What has passed the check can be loaded. */
    if (chaos__shell_load(hv, &shell, &payload, NULL) < 0)
        abort();
    if (fake_hv_count(FAKE_HV_MAP) != fake_hv_count(FAKE_HV_UNMAP))
        abort();
    chaos__shell_release(&shell);
    chaos__hv_close(hv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chaos__image image;
    struct chaos__elf elf;
    void *memory = malloc(size + 1);

    memcpy(memory, data, size);
    chaos__image_from_memory("fuzz", memory, size, &image);
    if (chaos__elf_parse(&image, &elf, NULL) == 0) {
        load(&image, &elf, CHAOS__TYPE_PVH);
        load(&image, &elf, CHAOS__TYPE_PV);
    }
    chaos__image_close(&image);
    return 0;
}
