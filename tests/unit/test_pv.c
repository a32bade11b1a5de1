/* SPDX-License-Identifier: MIT */
/* Preparing a PV shell and loading an image into it.  That the page tables and
 * the start information are as Xen and kernels want them, fake_pv.c checks with
 * every guest; here is what depends on the image. */
#include "fake_hv.h"
#include "noxs/abi/noxs.h"
#include "support.h"

#include "build/elf.h"
#include "build/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xen/xen.h>

#define PAGE 4096u
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* A guest on the way, all that belongs to it. */
struct loading {
    struct chaos__hv *hv;
    struct chaos__devices devices; /* none: test_device.c has some */
    struct chaos__shell shell;
    struct chaos__image kernel, ramdisk;
    struct chaos__elf elf;
    struct chaos__payload payload;
    struct chaos_error err;
};

static struct loading loading;

static int setup(void **state)
{
    (void)state;
    fake_hv_reset();
    fake_hv_set_poison(true);
    memset(&loading, 0, sizeof(loading));
    loading.kernel.fd = loading.ramdisk.fd = -1;
    loading.payload.command_line = "";
    loading.shell = (struct chaos__shell){
        .type = CHAOS__TYPE_PV,
        .devices = &loading.devices,
        .noxs = true,
        .vcpus = 1,
        .memory_kb = 4096,
        .maxmem_kb = 4096,
    };
    return chaos__hv_open(NULL, NULL, &loading.hv, NULL);
}

static void end(void)
{
    chaos__shell_release(&loading.shell);
    if (loading.shell.domid)
        chaos__hv_domain_destroy(loading.hv, loading.shell.domid, NULL);
    loading.shell.domid = 0;
}

static int teardown(void **state)
{
    (void)state;
    end();
    chaos__image_close(&loading.kernel);
    chaos__image_close(&loading.ramdisk);
    chaos__hv_close(loading.hv);
    return fake_hv_check_clean() ? 0 : -1;
}

static void use(const struct support_image *image)
{
    size_t size;
    void *bytes = support_make_image(image, &size);

    chaos__image_close(&loading.kernel);
    chaos__image_from_memory("k.elf", bytes, size, &loading.kernel);
    if (chaos__elf_parse(&loading.kernel, &loading.elf, &loading.err) < 0)
        fail_msg("%s", loading.err.message);
    loading.payload.kernel = &loading.kernel;
    loading.payload.elf = &loading.elf;
}

static void use_ramdisk(size_t size)
{
    uint8_t *bytes = malloc(size);
    size_t i;

    for (i = 0; i < size; i++)
        bytes[i] = support_byte(50, i);
    chaos__image_close(&loading.ramdisk);
    chaos__image_from_memory("r", bytes, size, &loading.ramdisk);
    loading.payload.ramdisk = &loading.ramdisk;
}

static int check(void)
{
    return chaos__shell_check(&loading.shell, &loading.payload, &loading.err);
}

static void refused(const char *why)
{
    assert_int_equal(check(), CHAOS_EIMAGE);
    if (!strstr(loading.err.message, why) ||
        !strstr(loading.err.message, "k.elf"))
        fail_msg("it says: %s", loading.err.message);
}

static void start(void)
{
    struct chaos__hv_create create = { .vcpus = loading.shell.vcpus };

    if (check() < 0 ||
        chaos__hv_domain_create(loading.hv, &create, &loading.shell.domid,
                                &loading.err) < 0 ||
        chaos__shell_prepare(loading.hv, &loading.shell, &loading.err) < 0 ||
        chaos__shell_load(loading.hv, &loading.shell, &loading.payload,
                          &loading.err) < 0)
        fail_msg("%s", loading.err.message);
}

static struct fake_hv_domain domain(void)
{
    return fake_hv_domain(loading.shell.domid);
}

static void peek(uint64_t address, void *to, size_t size)
{
    if (!fake_hv_read_virtual(loading.shell.domid, address, to, size))
        fail_msg("nothing is mapped at 0x%llx", (unsigned long long)address);
}

static struct start_info start_info(void)
{
    struct start_info info;

    peek(domain().start_info, &info, sizeof(info));
    return info;
}

static void assert_zero(const uint8_t *bytes, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++)
        assert_int_equal(bytes[i], 0);
}

/* Content, and what is behind it cleared. */
static void assert_loaded(const struct support_image *image)
{
    uint64_t i;
    unsigned n;

    for (n = 0; n < image->count; n++) {
        const struct support_segment *segment = &image->segments[n];
        uint8_t *bytes = malloc(segment->memory_size);

        peek(segment->address - image->pv_offset + image->pv_base, bytes,
             segment->memory_size);
        for (i = 0; i < segment->file_size; i++)
            assert_int_equal(bytes[i], support_byte(n, i));
        assert_zero(bytes + i, segment->memory_size - i);
        free(bytes);
    }
}

/* --------------------------------------------------------------- loading */

static void loads(void **state)
{
    struct support_image image = support_kernel;
    uint64_t frame;

    (void)state;
    use(&image);
    loading.payload.command_line = "a=1 b";
    start();
    assert_loaded(&image);
    assert_int_equal(domain().entry, image.pv_base + image.entry);
    assert_true(
        fake_hv_walk(loading.shell.domid, image.pv_hypercalls, &frame, NULL));
    assert_int_equal(domain().hypercall_frame, frame);
    assert_string_equal(domain().command_line, "a=1 b");
    assert_int_equal(domain().ramdisk_size, 0);
    assert_int_equal(start_info().flags, 0);
    assert_int_equal(start_info().mod_start, 0);
}

/* As the guest kit has it: its addresses are those that it runs at. */
static void loads_at_its_offset(void **state)
{
    struct support_image image = support_kernel;

    (void)state;
    image.pv_base = image.pv_offset = 0x100000;
    image.pv_hypercalls = 0;
    use(&image);
    start();
    assert_loaded(&image);
    assert_int_equal(domain().entry, image.entry);
    assert_int_equal(domain().hypercall_frame, 0);
}

static void shared_pages_are_clear(void **state)
{
    struct chaos__shell *shell = &loading.shell;
    uint8_t page[PAGE];
    struct noxs_page devices;

    (void)state;
    use(&support_kernel);
    start();
    assert_int_equal(domain().console_frame, shell->console_frame);
    assert_int_equal(domain().console_port, shell->console_port);
    assert_int_equal(domain().store_frame, shell->device_frame);
    assert_int_equal(domain().store_port, shell->control_port);
    assert_true(
        fake_hv_read(shell->domid, shell->console_frame * PAGE, page, PAGE));
    assert_zero(page, PAGE);
    assert_true(
        fake_hv_read(shell->domid, shell->control_frame * PAGE, page, PAGE));
    assert_zero(page, PAGE);
    assert_true(fake_hv_read(shell->domid, shell->device_frame * PAGE, &devices,
                             sizeof(devices)));
    assert_true(devices.magic == NOXS_MAGIC);
    assert_int_equal(devices.control_frame, shell->control_frame);
}

/* Its page for XenStore is empty, and nothing leads to it. */
static void without_noxs(void **state)
{
    uint8_t page[PAGE];

    (void)state;
    loading.shell.noxs = false;
    use(&support_kernel);
    start();
    assert_int_equal(loading.shell.control_frame, 0);
    assert_int_equal(domain().store_port, 0);
    assert_true(fake_hv_read(loading.shell.domid, domain().store_frame * PAGE,
                             page, PAGE));
    assert_zero(page, PAGE);
}

static void loads_a_ramdisk(void **state)
{
    const size_t sizes[] = { 1, PAGE - 1, PAGE, PAGE + 1, 300 * PAGE + 5 };
    uint8_t *bytes = malloc(MIB * 2);
    size_t i, at;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        use(&support_kernel);
        use_ramdisk(sizes[i]);
        start();
        assert_loaded(&support_kernel);
        assert_int_equal(start_info().mod_len, sizes[i]);
        peek(start_info().mod_start, bytes, sizes[i]);
        for (at = 0; at < sizes[i]; at++)
            assert_int_equal(bytes[at], support_byte(50, at));
        end();
    }
    free(bytes);
}

/* Bases at which tables of every level begin anew amid what is mapped. */
static void anywhere(void **state)
{
    const uint64_t bases[] = {
        0,
        2 * MIB - PAGE,
        GIB - 2 * PAGE,
        512 * GIB - 20 * PAGE,
        UINT64_C(0x7fffffc00000),
        UINT64_C(0xffff880000000000),
        UINT64_C(0xffffffff80000000) - MIB,
    };
    struct support_image image = support_kernel;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        image.pv_base = bases[i];
        image.pv_hypercalls = 0;
        use(&image);
        start();
        assert_loaded(&image);
        end();
    }
}

/* The list of frames alone needs a table of its own: 2 GiB. */
static void large(void **state)
{
    (void)state;
    loading.shell.memory_kb = loading.shell.maxmem_kb = 2 * GIB / 1024;
    use(&support_kernel);
    use_ramdisk(20 * MIB);
    start();
    assert_loaded(&support_kernel);
    assert_int_equal(start_info().nr_pages, 2 * GIB / PAGE);
}

/* -------------------------------------------------------------- refusals */

static void not_a_pv_kernel(void **state)
{
    struct support_image image = support_kernel;

    (void)state;
    image.pv = false;
    use(&image);
    refused("type=\"pvh\"");
    image = support_kernel;
    image.narrow = true;
    use(&image);
    refused("64-bit");
}

static void bad_addresses(void **state)
{
    struct support_image image = support_kernel;

    (void)state;
    image.pv_base = 0x1234;
    use(&image);
    refused("VIRT_BASE");
    image.pv_base = UINT64_MAX - PAGE + 1;
    use(&image);
    refused("hypercall page");
    image.pv_hypercalls = 0;
    use(&image);
    refused("leaves no room");
    image = support_kernel;
    image.pv_offset = 0x102000;
    use(&image);
    refused("PADDR_OFFSET");
}

static void bad_hypercall_pages(void **state)
{
    struct support_image image = support_kernel;
    const uint64_t pages[] = { image.pv_base - PAGE, image.pv_base + 0x101010,
                               image.pv_base + 0x105000, PAGE };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        image.pv_hypercalls = pages[i];
        use(&image);
        refused("hypercall page");
    }
}

static void long_command_line(void **state)
{
    char line[1025];

    (void)state;
    memset(line, 'x', sizeof(line));
    line[1023] = '\0';
    use(&support_kernel);
    loading.payload.command_line = line;
    start();
    assert_string_equal(domain().command_line, line);
    line[1023] = 'x';
    line[1024] = '\0';
    refused("1023 characters");
}

/* In the smallest memory that is accepted, all of it is there. */
static void little_memory(void **state)
{
    const struct support_image *image = &support_kernel;
    uint64_t kb;

    (void)state;
    use(image);
    for (kb = 4; kb < 4096; kb += 4) {
        loading.shell.memory_kb = loading.shell.maxmem_kb = kb;
        if (check() == 0)
            break;
        refused("raise memory=");
    }
    assert_in_range(kb, 1044, 1044 + 64);
    start();
    assert_loaded(image);
}

static void large_ramdisk(void **state)
{
    (void)state;
    use(&support_kernel);
    use_ramdisk(4 * MIB + 1);
    refused("raise memory=");
    use_ramdisk(3 * MIB);
    refused("raise memory=");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loads),
        TEST(loads_at_its_offset),
        TEST(shared_pages_are_clear),
        TEST(without_noxs),
        TEST(loads_a_ramdisk),
        TEST(anywhere),
        TEST(large),
        TEST(not_a_pv_kernel),
        TEST(bad_addresses),
        TEST(bad_hypercall_pages),
        TEST(long_command_line),
        TEST(little_memory),
        TEST(large_ramdisk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
