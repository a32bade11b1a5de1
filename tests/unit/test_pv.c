/* SPDX-License-Identifier: MIT */
/* Preparing a PV shell and loading an image into it.  That the page tables and
 * the start information are as Xen and kernels want them, fake_pv.c checks with
 * every guest; here is what depends on the image. */
#include "noxs/abi/noxs.h"
#include "support_loading.h"

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

static int setup(void **state)
{
    int r = loading_setup(state);

    fake_hv_set_poison(true);
    loading_shape(CHAOS__TYPE_PV, 4096, 1, true);
    return r;
}

static void refused(const char *why)
{
    assert_int_equal(loading_check(), CHAOS_EIMAGE);
    if (!strstr(loading.err.message, why) ||
        !strstr(loading.err.message, "k.elf"))
        fail_msg("it says: %s", loading.err.message);
}

static void start(void)
{
    loading_prepare();
    loading_load();
}

static void peek(uint64_t address, void *to, size_t size)
{
    if (!fake_hv_read_virtual(loading.shell.domid, address, to, size))
        fail_msg("nothing is mapped at 0x%llx", (unsigned long long)address);
}

static struct start_info start_info(void)
{
    struct start_info info;

    peek(loading_domain().start_info, &info, sizeof(info));
    return info;
}

static void assert_zero(const uint8_t *bytes, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++)
        assert_int_equal(bytes[i], 0);
}

static void assert_loaded(const struct support_image *image)
{
    loading_assert_segments(image, fake_hv_read_virtual,
                            image->pv_base - image->pv_offset);
}

/* --------------------------------------------------------------- loading */

static void loads(void **state)
{
    struct support_image image = support_kernel;
    uint64_t frame;

    (void)state;
    loading_use(&image, "a=1 b");
    start();
    assert_loaded(&image);
    assert_int_equal(loading_domain().entry, image.pv_base + image.entry);
    assert_true(
        fake_hv_walk(loading.shell.domid, image.pv_hypercalls, &frame, NULL));
    assert_int_equal(loading_domain().hypercall_frame, frame);
    assert_string_equal(loading_domain().command_line, "a=1 b");
    assert_int_equal(loading_domain().ramdisk_size, 0);
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
    loading_use(&image, "");
    start();
    assert_loaded(&image);
    assert_int_equal(loading_domain().entry, image.entry);
    assert_int_equal(loading_domain().hypercall_frame, 0);
}

static void shared_pages_are_clear(void **state)
{
    struct chaos__shell *shell = &loading.shell;
    uint8_t page[PAGE];
    struct noxs_page devices;

    (void)state;
    loading_use(&support_kernel, "");
    start();
    assert_int_equal(loading_domain().console_frame, shell->console_frame);
    assert_int_equal(loading_domain().console_port, shell->console_port);
    assert_int_equal(loading_domain().store_frame, shell->device_frame);
    assert_int_equal(loading_domain().store_port, shell->control_port);
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

/* Its page for XenStore is empty; it and the console's were known, and granted,
 * before it was loaded. */
static void without_noxs(void **state)
{
    uint8_t page[PAGE];

    (void)state;
    loading.shell.noxs = loading.devices.noxs = false;
    loading_use(&support_kernel, "");
    start();
    assert_int_equal(loading.shell.control_frame, 0);
    assert_int_equal(loading_domain().store_port, loading.shell.store_port);
    assert_int_equal(loading_domain().store_frame, loading.shell.store_frame);
    assert_int_equal(loading_domain().grants[CHAOS__GRANT_STORE].frame,
                     loading.shell.store_frame);
    assert_int_equal(loading_domain().grants[CHAOS__GRANT_CONSOLE].frame,
                     loading.shell.console_frame);
    assert_true(fake_hv_read(loading.shell.domid,
                             loading_domain().store_frame * PAGE, page, PAGE));
    assert_zero(page, PAGE);
}

static void loads_a_ramdisk(void **state)
{
    const size_t sizes[] = { 1, PAGE - 1, PAGE, PAGE + 1, 300 * PAGE + 5 };
    uint8_t *bytes = malloc(MIB * 2);
    size_t i, at;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        loading_use(&support_kernel, "");
        loading_use_ramdisk(sizes[i]);
        start();
        assert_loaded(&support_kernel);
        assert_int_equal(start_info().mod_len, sizes[i]);
        peek(start_info().mod_start, bytes, sizes[i]);
        for (at = 0; at < sizes[i]; at++)
            assert_int_equal(bytes[at], support_byte(50, at));
        loading_end();
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
        UINT64_C(0x7fffff000000),
        UINT64_C(0xffff880000000000),
        UINT64_C(0xffffffff80000000) - MIB,
    };
    struct support_image image = support_kernel;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        image.pv_base = bases[i];
        image.pv_hypercalls = 0;
        loading_use(&image, "");
        start();
        assert_loaded(&image);
        loading_end();
    }
}

static void not_anywhere(void **state)
{
    const uint64_t bases[] = {
        UINT64_MAX - 4 * MIB + 1,
        UINT64_C(0x7fffffffe000),
        UINT64_C(0x800000000000),
        UINT64_C(0xfffffffef000),
        UINT64_C(0xffff7ffffff00000),
        UINT64_C(0xffff800000000000),
        UINT64_C(0xffff880000000000) - PAGE,
    };
    struct support_image image = support_kernel;
    size_t i;

    (void)state;
    image.pv_hypercalls = 0;
    for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        image.pv_base = bases[i];
        loading_use(&image, "");
        refused("leaves no room");
    }
}

/* The list of frames alone needs a table of its own: 2 GiB. */
static void large(void **state)
{
    (void)state;
    loading.shell.memory_kb = loading.shell.maxmem_kb = 2 * GIB / 1024;
    loading_use(&support_kernel, "");
    loading_use_ramdisk(20 * MIB);
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
    loading_use(&image, "");
    refused("type=\"pvh\"");
    image = support_kernel;
    image.narrow = true;
    loading_use(&image, "");
    refused("64-bit");
}

static void bad_addresses(void **state)
{
    struct support_image image = support_kernel;

    (void)state;
    image.pv_base = 0x1234;
    loading_use(&image, "");
    refused("VIRT_BASE");
    image.pv_base = UINT64_MAX - PAGE + 1;
    loading_use(&image, "");
    refused("hypercall page");
    image.pv_hypercalls = 0;
    loading_use(&image, "");
    refused("leaves no room");
    image = support_kernel;
    image.pv_offset = 0x102000;
    loading_use(&image, "");
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
        loading_use(&image, "");
        refused("hypercall page");
    }
}

static void long_command_line(void **state)
{
    char line[1025];

    (void)state;
    memset(line, 'x', sizeof(line));
    line[1023] = '\0';
    loading_use(&support_kernel, line);
    start();
    assert_string_equal(loading_domain().command_line, line);
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
    loading_use(image, "");
    for (kb = 4; kb < 4096; kb += 4) {
        loading.shell.memory_kb = loading.shell.maxmem_kb = kb;
        if (loading_check() == 0)
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
    loading_use(&support_kernel, "");
    loading_use_ramdisk(4 * MIB + 1);
    refused("raise memory=");
    loading_use_ramdisk(3 * MIB);
    refused("raise memory=");
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, setup, loading_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loads),
        TEST(loads_at_its_offset),
        TEST(shared_pages_are_clear),
        TEST(without_noxs),
        TEST(loads_a_ramdisk),
        TEST(anywhere),
        TEST(not_anywhere),
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
