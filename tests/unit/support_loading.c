/* SPDX-License-Identifier: MIT */
#include "support_loading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loading loading;

static void must(bool ok)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", loading.err.message);
    abort();
}

int loading_setup(void **state)
{
    (void)state;
    fake_hv_reset();
    memset(&loading, 0, sizeof(loading));
    loading.kernel.fd = loading.ramdisk.fd = -1;
    return chaos__hv_open(NULL, NULL, &loading.hv, NULL);
}

void loading_end(void)
{
    chaos__shell_release(&loading.shell);
    if (loading.shell.domid)
        chaos__hv_domain_destroy(loading.hv, loading.shell.domid, NULL);
    loading.shell.domid = 0;
}

int loading_teardown(void **state)
{
    (void)state;
    chaos__image_close(&loading.kernel);
    chaos__image_close(&loading.ramdisk);
    loading_end();
    chaos__hv_close(loading.hv);
    return fake_hv_check_clean() ? 0 : -1;
}

void loading_use(const struct support_image *image, const char *command_line)
{
    size_t size;
    void *bytes = support_make_image(image, &size);

    chaos__image_close(&loading.kernel);
    chaos__image_from_memory("k.elf", bytes, size, &loading.kernel);
    must(chaos__elf_parse(&loading.kernel, &loading.elf, &loading.err) == 0);
    loading.payload.kernel = &loading.kernel;
    loading.payload.elf = &loading.elf;
    loading.payload.command_line = command_line;
}

void loading_use_ramdisk(size_t size)
{
    uint8_t *bytes = malloc(size);
    size_t i;

    must(bytes);
    for (i = 0; i < size; i++)
        bytes[i] = support_byte(50, i);
    chaos__image_close(&loading.ramdisk);
    chaos__image_from_memory("r", bytes, size, &loading.ramdisk);
    loading.payload.ramdisk = &loading.ramdisk;
}

void loading_shape(enum chaos__type type, uint64_t memory_kb, unsigned vcpus,
                   bool noxs)
{
    loading.shell.type = type;
    loading.shell.devices = &loading.devices;
    loading.shell.noxs = loading.devices.noxs = noxs;
    loading.shell.vcpus = vcpus;
    loading.shell.memory_kb = loading.shell.maxmem_kb = memory_kb;
}

void loading_prepare(void)
{
    struct chaos__hv_create create = {
        .pvh = loading.shell.type == CHAOS__TYPE_PVH,
        .vcpus = loading.shell.vcpus,
    };

    must(chaos__hv_domain_create(loading.hv, &create, &loading.shell.domid,
                                 &loading.err) == 0);
    must(chaos__shell_prepare(loading.hv, &loading.shell, &loading.err) == 0);
}

int loading_check(void)
{
    return chaos__shell_check(&loading.shell, &loading.payload, &loading.err);
}

void loading_load(void)
{
    must(loading_check() == 0);
    must(chaos__shell_load(loading.hv, &loading.shell, &loading.payload,
                           &loading.err) == 0);
}

struct fake_hv_domain loading_domain(void)
{
    return fake_hv_domain(loading.shell.domid);
}

static bool is_segment(unsigned number, const struct support_segment *segment,
                       const uint8_t *content)
{
    uint64_t i;

    for (i = 0; i < segment->memory_size; i++)
        if (content[i] !=
            (i < segment->file_size ? support_byte(number, i) : 0))
            return false;
    return true;
}

void loading_assert_segments(const struct support_image *image,
                             loading_read_fn read, uint64_t distance)
{
    const struct support_segment *segment;
    uint8_t *content;
    unsigned n;

    for (n = 0; n < image->count; n++) {
        segment = &image->segments[n];
        content = malloc(segment->memory_size);
        snprintf(loading.err.message, sizeof(loading.err.message),
                 "segment %u is not as the image has it", n);
        must(content &&
             read(loading.shell.domid, segment->address + distance, content,
                  segment->memory_size) &&
             is_segment(n, segment, content));
        free(content);
    }
}
