/* SPDX-License-Identifier: MIT */
/* Preparing a PVH shell and loading an image into it: what the guest finds in
 * its memory, and what that costs in mappings. */
#include "noxs/abi/noxs.h"
#include "support_loading.h"

#include "build/device_page.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE 4096u
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* public/arch-x86/hvm/start_info.h */
struct start_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
    uint32_t memmap_entries, reserved;
};

struct module {
    uint64_t paddr, size, cmdline_paddr, reserved;
};

struct memmap {
    uint64_t addr, size;
    uint32_t type, reserved;
};

static void peek(uint64_t address, void *to, size_t size)
{
    if (!fake_hv_read(loading.shell.domid, address, to, size))
        fail_msg("the guest has no memory at 0x%llx",
                 (unsigned long long)address);
}

static struct start_info start_info(void)
{
    struct start_info info;

    peek(loading_domain().start_info, &info, sizeof(info));
    return info;
}

/* Whether the guest's memory map says RAM for all of it. */
static bool is_ram(uint64_t address, uint64_t size)
{
    struct fake_hv_domain now = loading_domain();
    unsigned i;

    for (i = 0; i < now.region_count; i++)
        if (now.regions[i].ram && address >= now.regions[i].start &&
            address + size <= now.regions[i].start + now.regions[i].size)
            return true;
    return false;
}

/* ---------------------------------------------------------------- prepare */

static void prepares_domain(void **state)
{
    struct fake_hv_domain now;

    (void)state;
    loading_shape(CHAOS__TYPE_PVH, 4096, 3, true);
    loading.shell.maxmem_kb = 8192;
    loading_prepare();
    now = loading_domain();
    assert_int_equal(now.vcpus, 3);
    assert_true(now.has_policy);
    assert_true(now.has_vcpu_header);
    assert_int_equal(now.pages, 1024);
    assert_int_equal(now.max_pages, 2048);
    assert_true(now.pool_kb >= 128 + 64 + 2 * 64 && now.pool_kb < 1024);
    assert_false(now.has_entry);
    assert_true(now.paused);
    assert_int_equal(fake_hv_count(FAKE_HV_MAP), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_POPULATE), 1);
}

/* A guest that speaks to XenStore may have more later: its memory map has that,
 * and its balloon driver gives back what it is not to have. */
static void promises_what_it_may_have(void **state)
{
    struct fake_hv_domain now;

    (void)state;
    loading_shape(CHAOS__TYPE_PVH, 4096, 1, false);
    loading.shell.maxmem_kb = 8192;
    loading_prepare();
    now = loading_domain();
    assert_int_equal(now.pod_target, 1024);
    assert_int_equal(now.pages, 2048);
    assert_int_equal(now.regions[1].start + now.regions[1].size, 8192 << 10);
    assert_int_equal(fake_hv_count(FAKE_HV_POPULATE), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_PROMISE), 1);
}

/* Thousands of these are what a host is to hold: no more than twice the 60 KiB
 * that it needs, and little more. */
static void pool_of_small_guest(void **state)
{
    (void)state;
    loading_shape(CHAOS__TYPE_PVH, 1024, 1, true);
    loading_prepare();
    assert_in_range(loading_domain().pool_kb, 2 * 60, 136);
}

static void memory_map_of_small_guest(void **state)
{
    struct fake_hv_domain now;

    (void)state;
    loading_shape(CHAOS__TYPE_PVH, 4096, 1, true);
    loading_prepare();
    now = loading_domain();
    assert_int_equal(now.region_count, 2);
    assert_int_equal(now.regions[0].start, 0);
    assert_true(now.regions[0].ram);
    assert_false(now.regions[1].ram);
    assert_int_equal(now.regions[1].start, now.regions[0].size);
    assert_int_equal(now.regions[1].start + now.regions[1].size, 4 * MIB);
}

/* Between 3.75 and 4 GiB there is none; what is more lies from 4 GiB up. */
static void memory_map_of_large_guest(void **state)
{
    struct fake_hv_domain now;
    uint64_t total = 0;
    unsigned i;
    uint8_t byte;

    (void)state;
    loading_shape(CHAOS__TYPE_PVH, 6 * GIB / 1024, 1, true);
    loading_prepare();
    now = loading_domain();
    assert_int_equal(now.region_count, 3);
    assert_true(now.regions[1].start + now.regions[1].size ==
                CHAOS__LOW_MEMORY_END);
    assert_true(now.regions[2].start == 4 * GIB);
    assert_true(now.regions[2].ram);
    for (i = 0; i < now.region_count; i++) {
        total += now.regions[i].size;
        peek(now.regions[i].start, &byte, 1);
        peek(now.regions[i].start + now.regions[i].size - 1, &byte, 1);
    }
    assert_true(total == 6 * GIB);
    assert_int_equal(now.pages, 6 * GIB / PAGE);
    assert_false(
        fake_hv_read(loading.shell.domid, CHAOS__LOW_MEMORY_END, &byte, 1));
    assert_false(fake_hv_read(loading.shell.domid, 4 * GIB - PAGE, &byte, 1));
}

static void largest_low_guest(void **state)
{
    (void)state;
    loading_shape(CHAOS__TYPE_PVH, CHAOS__LOW_MEMORY_END / 1024, 1, true);
    loading_prepare();
    assert_int_equal(loading_domain().region_count, 2);
}

static void shared_pages(void **state)
{
    struct noxs_control control;
    struct fake_hv_domain now;
    struct noxs_page page;
    uint8_t console[PAGE];
    uint32_t ident[1024];
    size_t i;

    (void)state;
    fake_hv_set_poison(true);
    loading_shape(CHAOS__TYPE_PVH, 4096, 1, true);
    loading_prepare();
    now = loading_domain();
    for (i = 0; i < FAKE_HV_PARAMS; i++)
        assert_true(now.has_param[i]);
    assert_int_equal(now.params[CHAOS__HV_CONSOLE_PORT],
                     loading.shell.console_port);
    assert_int_equal(now.params[CHAOS__HV_STORE_PORT],
                     loading.shell.control_port);
    assert_int_not_equal(loading.shell.console_port,
                         loading.shell.control_port);
    assert_int_equal(now.params[CHAOS__HV_CONSOLE_PFN],
                     loading.shell.console_frame);
    peek(now.params[CHAOS__HV_STORE_PFN] * PAGE, &page, sizeof(page));
    assert_true(page.magic == NOXS_MAGIC);
    assert_int_equal(page.version, NOXS_VERSION);
    assert_int_equal(page.generation, 0);
    assert_int_equal(page.entry_count, 1 + CHAOS__SPARE_ENTRIES);
    assert_int_equal(page.grants_used, CHAOS__GRANT_FIRST);
    assert_int_equal(page.control_port, loading.shell.control_port);
    assert_int_equal(page.control_frame, loading.shell.control_frame);
    peek(page.control_frame * PAGE, &control, sizeof(control));
    assert_int_equal(control.request, NOXS_REQUEST_NONE);
    assert_int_equal(control.serial, 0);
    assert_int_equal(control.status, NOXS_STATUS_BOOTING);
    peek(loading.shell.console_frame * PAGE, console, sizeof(console));
    for (i = 0; i < sizeof(console); i++)
        assert_int_equal(console[i], 0);
    /* 4 MiB pages: present, writable, user, accessed, dirty, large */
    peek(now.params[CHAOS__HV_IDENT_PT], ident, sizeof(ident));
    for (i = 0; i < 1024; i++)
        assert_int_equal(ident[i], i << 22 | 0xe7);
    /* Nothing that is shared lies in what the guest takes for free. */
    assert_false(is_ram(now.params[CHAOS__HV_STORE_PFN] * PAGE, PAGE));
    assert_false(is_ram(loading.shell.control_frame * PAGE, PAGE));
    assert_false(is_ram(loading.shell.console_frame * PAGE, PAGE));
    assert_false(is_ram(now.params[CHAOS__HV_IDENT_PT], PAGE));
}

/* XenStore's page is empty, and it and the console's are granted. */
static void store_page_without_noxs(void **state)
{
    uint8_t page[PAGE];
    struct fake_hv_domain now;

    (void)state;
    loading_shape(CHAOS__TYPE_PVH, 4096, 1, false);
    loading_prepare();
    now = loading_domain();
    assert_int_equal(now.params[CHAOS__HV_STORE_PFN],
                     loading.shell.store_frame);
    assert_int_equal(now.params[CHAOS__HV_STORE_PORT],
                     loading.shell.store_port);
    assert_false(is_ram(loading.shell.store_frame * PAGE, PAGE));
    peek(loading.shell.store_frame * PAGE, page, PAGE);
    for (size_t i = 0; i < PAGE; i++)
        assert_int_equal(page[i], 0);
    assert_int_equal(now.grants[CHAOS__GRANT_STORE].frame,
                     loading.shell.store_frame);
    assert_int_equal(now.grants[CHAOS__GRANT_CONSOLE].frame,
                     loading.shell.console_frame);
    assert_int_equal(loading.shell.control_frame, 0);
    assert_int_equal(now.ports[loading.shell.console_port].state,
                     FAKE_HV_PORT_UNBOUND);
    assert_int_equal(now.ports[loading.shell.store_port].state,
                     FAKE_HV_PORT_UNBOUND);
    assert_int_equal(fake_hv_count(FAKE_HV_PORT_ALLOC), 2);
}

/* ------------------------------------------------------------------ ACPI */

static uint8_t sum(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;

    while (size--)
        all = (uint8_t)(all + *bytes++);
    return all;
}

/* A table by its address, checked: signature, length, checksum. */
static uint32_t read_table(uint64_t address, const char *signature, uint8_t *to)
{
    uint32_t length;

    peek(address, to, 36);
    assert_memory_equal(to, signature, 4);
    memcpy(&length, to + 4, sizeof(length));
    assert_in_range(length, 36, 2 * PAGE);
    peek(address, to, length);
    assert_int_equal(sum(to, length), 0);
    assert_false(is_ram(address, length));
    return length;
}

static void acpi_without_noxs(void **state)
{
    uint8_t rsdp[36], xsdt[2 * PAGE], table[2 * PAGE];
    uint64_t address, tables[2];
    uint32_t length;
    unsigned i, vcpus;

    (void)state;
    loading_use(&support_kernel, "");
    fake_hv_set_poison(true);
    for (vcpus = 2; vcpus <= 128; vcpus *= 4) {
        loading_shape(CHAOS__TYPE_PVH, 4096, vcpus, false);
        loading_prepare();
        loading_load();
        address = start_info().rsdp_paddr;
        assert_int_not_equal(address, 0);
        peek(address, rsdp, sizeof(rsdp));
        assert_memory_equal(rsdp, "RSD PTR ", 8);
        assert_int_equal(sum(rsdp, 20), 0);
        assert_int_equal(sum(rsdp, 36), 0);
        memcpy(&address, rsdp + 24, sizeof(address));
        assert_int_equal(read_table(address, "XSDT", xsdt), 36 + 16);
        memcpy(tables, xsdt + 36, sizeof(tables));
        assert_int_equal(read_table(tables[0], "FACP", table), 268);
        memcpy(&address, table + 140, sizeof(address));
        read_table(address, "DSDT", table);
        length = read_table(tables[1], "APIC", table);
        assert_int_equal(length, 44 + 8 * vcpus);
        for (i = 0; i < vcpus; i++) {
            assert_int_equal(table[44 + 8 * i], 0);     /* local APIC */
            assert_int_equal(table[44 + 8 * i + 1], 8); /* its length */
            assert_int_equal(table[44 + 8 * i + 3], 2 * i);
            assert_int_equal(table[44 + 8 * i + 4], 1); /* enabled */
        }
        assert_int_equal(
            chaos__hv_domain_destroy(loading.hv, loading.shell.domid, NULL), 0);
        loading.shell.domid = 0;
    }
}

static void no_acpi_with_noxs(void **state)
{
    (void)state;
    loading_use(&support_kernel, "");
    loading_shape(CHAOS__TYPE_PVH, 4096, 2, true);
    loading_prepare();
    loading_load();
    assert_int_equal(start_info().rsdp_paddr, 0);
}

/* ------------------------------------------------------------------- load */

static void loads_image(void **state)
{
    struct fake_hv_domain now;
    struct memmap memmap[3];
    struct start_info info;
    char line[32];
    unsigned i;

    (void)state;
    fake_hv_set_poison(true);
    loading_use(&support_kernel, "console=hvc0 a=\"b\"");
    loading_shape(CHAOS__TYPE_PVH, 4096, 2, true);
    loading_prepare();
    fake_hv_reset_counts();
    loading_load();
    assert_int_equal(fake_hv_count(FAKE_HV_MAP), 1);
    assert_int_equal(fake_hv_count_all(), 3); /* map, unmap, entry */
    loading_assert_segments(&support_kernel, fake_hv_read, 0);
    now = loading_domain();
    assert_int_equal(now.entry, 0x100040);
    assert_int_equal(now.start_info % PAGE, 0);
    info = start_info();
    assert_int_equal(info.magic, 0x336ec578);
    assert_int_equal(info.version, 1);
    assert_int_equal(info.flags, 0);
    assert_int_equal(info.nr_modules, 0);
    assert_int_equal(info.reserved, 0);
    peek(info.cmdline_paddr, line, 19);
    assert_string_equal(line, "console=hvc0 a=\"b\"");
    assert_int_equal(info.memmap_entries, now.region_count);
    peek(info.memmap_paddr, memmap, sizeof(memmap));
    for (i = 0; i < now.region_count; i++) {
        assert_int_equal(memmap[i].addr, now.regions[i].start);
        assert_int_equal(memmap[i].size, now.regions[i].size);
        assert_int_equal(memmap[i].type, now.regions[i].ram ? 1 : 2);
        assert_int_equal(memmap[i].reserved, 0);
    }
    assert_true(is_ram(now.start_info, PAGE));
    assert_true(is_ram(info.cmdline_paddr, 19));
}

static void assert_ramdisk(size_t size)
{
    struct start_info info = start_info();
    uint8_t *content = malloc(size);
    struct module module;
    size_t at;

    assert_int_equal(info.nr_modules, 1);
    peek(info.modlist_paddr, &module, sizeof(module));
    assert_int_equal(module.size, size);
    assert_int_equal(module.paddr % PAGE, 0);
    assert_int_equal(module.cmdline_paddr, 0);
    assert_true(module.paddr >= loading.elf.end);
    assert_true(module.paddr + module.size <= loading_domain().start_info);
    assert_true(is_ram(module.paddr, module.size));
    peek(module.paddr, content, size);
    for (at = 0; at < size; at++)
        assert_int_equal(content[at], support_byte(50, at));
    free(content);
}

static void loads_ramdisk(void **state)
{
    static const size_t sizes[] = { 1, PAGE, PAGE + 1, 300000 };
    size_t i;

    (void)state;
    fake_hv_set_poison(true);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        loading_use(&support_kernel, "");
        loading_use_ramdisk(sizes[i]);
        loading_shape(CHAOS__TYPE_PVH, 4096, 1, true);
        loading_prepare();
        loading_load();
        assert_ramdisk(sizes[i]);
        loading_assert_segments(&support_kernel, fake_hv_read, 0);
        chaos__hv_domain_destroy(loading.hv, loading.shell.domid, NULL);
        loading.shell.domid = 0;
        chaos__image_close(&loading.ramdisk);
    }
}

/* The command line may need pages of its own. */
static void loads_long_command_lines(void **state)
{
    static char line[3 * PAGE], got[3 * PAGE];
    static const size_t lengths[] = { 0, PAGE - 161, PAGE - 160, PAGE,
                                      2 * PAGE + 77 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(line, 'a' + (int)i, sizeof(line));
        line[lengths[i]] = '\0';
        loading_use(&support_kernel, line);
        loading_shape(CHAOS__TYPE_PVH, 4096, 1, true);
        loading_prepare();
        loading_load();
        peek(start_info().cmdline_paddr, got, lengths[i] + 1);
        assert_string_equal(got, line);
        assert_true(is_ram(start_info().cmdline_paddr, lengths[i] + 1));
        chaos__hv_domain_destroy(loading.hv, loading.shell.domid, NULL);
        loading.shell.domid = 0;
    }
}

/* Segments that meet in a page, lie far apart, or are larger than what is
 * mapped at once, in any order. */
static void loads_any_layout(void **state)
{
    static const struct support_image images[] = {
        { .has_entry = true,
          .entry = 0x100000,
          .count = 4,
          .segments = { { 0x100000, 100, 100 },
                        { 0x100064, 0x1000, 50 },
                        { 0x101064, 10, 10 },
                        { 0x10106e, 0x2f92, 0 } } },
        { .has_entry = true,
          .entry = 0x100000,
          .count = 3,
          .segments = { { 0x300000, 0x1000, 0x1000 },
                        { 0x100ff0, 0x20, 0x20 },
                        { 0, 1, 1 } } },
        { .has_entry = true,
          .entry = 0x100000,
          .count = 3,
          .segments = { { 0x100800, 0x500000, 0x480001 },
                        { 0x600800, 0x300000, 5 },
                        { 0x900800, 1, 1 } } },
    };
    size_t i;

    (void)state;
    fake_hv_set_poison(true);
    for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        loading_use(&images[i], "x");
        loading_shape(CHAOS__TYPE_PVH, 16384, 1, true);
        loading_prepare();
        loading_load();
        loading_assert_segments(&images[i], fake_hv_read, 0);
        chaos__hv_domain_destroy(loading.hv, loading.shell.domid, NULL);
        loading.shell.domid = 0;
    }
}

static void loads_most_segments(void **state)
{
    struct support_image image = support_kernel;
    unsigned i;

    (void)state;
    image.count = CHAOS__ELF_SEGMENTS_MAX;
    for (i = 0; i < image.count; i++)
        image.segments[i] = (struct support_segment){ 0x100000 + i * 0x3000,
                                                      0x2fff, 0x1001 + i };
    fake_hv_set_poison(true);
    loading_use(&image, "");
    loading_use_ramdisk(10000);
    loading_shape(CHAOS__TYPE_PVH, 4096, 1, true);
    loading_prepare();
    fake_hv_reset_counts();
    loading_load();
    loading_assert_segments(&image, fake_hv_read, 0);
    assert_int_equal(fake_hv_count(FAKE_HV_MAP), 1);
}

/* ------------------------------------------------ copied by a child */

static void prepare_large(void)
{
    loading_use(&support_kernel, "");
    loading_use_ramdisk(6 * MIB);
    loading_shape(CHAOS__TYPE_PVH, 16384, 1, true);
    loading_prepare();
    fake_hv_reset_counts();
}

/* Its mappings go when it ends, which costs a PV dom0 less than unmapping. */
static void loads_much_aside(void **state)
{
    (void)state;
    fake_hv_set_poison(true);
    prepare_large();
    loading_load();
    assert_true(fake_hv_count(FAKE_HV_MAP) > 6);
    assert_int_equal(fake_hv_count(FAKE_HV_UNMAP), 0);
    assert_ramdisk(6 * MIB);
    loading_assert_segments(&support_kernel, fake_hv_read, 0);
}

static int load_again(void)
{
    memset(&loading.err, 0, sizeof(loading.err));
    return chaos__shell_load(loading.hv, &loading.shell, &loading.payload,
                             &loading.err);
}

static int parent;

static void die_in_child(void)
{
    if (getpid() != parent)
        raise(SIGKILL);
}

static void tells_what_failed_aside(void **state)
{
    (void)state;
    parent = getpid();
    prepare_large();
    fake_hv_fail_next(FAKE_HV_MAP, CHAOS_ENOMEM);
    assert_int_equal(load_again(), CHAOS_ENOMEM);
    assert_true(*loading.err.message);
    /* Whoever ends it: that much is seen. */
    fake_hv_before(FAKE_HV_MAP, die_in_child);
    assert_int_equal(load_again(), CHAOS_EFAILED);
    assert_non_null(strstr(loading.err.message, "was ended"));
    /* Somebody else takes note of its end. */
    signal(SIGCHLD, SIG_IGN);
    loading_load();
    signal(SIGCHLD, SIG_DFL);
    assert_ramdisk(6 * MIB);
}

static bool has_no_fork;

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t __wrap_fork(void)
{
    if (!has_no_fork)
        return __real_fork();
    errno = EAGAIN;
    return -1;
}

static void loads_much_alone(void **state)
{
    (void)state;
    has_no_fork = true;
    prepare_large();
    loading_load();
    has_no_fork = false;
    assert_int_equal(fake_hv_count(FAKE_HV_UNMAP), fake_hv_count(FAKE_HV_MAP));
    assert_ramdisk(6 * MIB);
}

/* An image may go up to the last byte that is free, and not beyond. */
static void fits_exactly(void **state)
{
    struct support_image image = support_kernel;
    uint64_t last;

    (void)state;
    loading_use(&image, "");
    loading_shape(CHAOS__TYPE_PVH, 4096, 1, true);
    loading_prepare();
    loading_load();
    last = loading_domain().start_info;
    image.segments[1].memory_size = last - image.segments[1].address;
    loading_use(&image, "");
    loading_load();
    loading_assert_segments(&image, fake_hv_read, 0);
    assert_int_equal(start_info().magic, 0x336ec578);
    image.segments[1].memory_size++;
    loading_use(&image, "");
    assert_int_equal(
        chaos__shell_check(&loading.shell, &loading.payload, &loading.err),
        CHAOS_EIMAGE);
    assert_non_null(strstr(loading.err.message, "memory=4 is too little"));
    /* What is but promised holds no image. */
    loading.shell.noxs = false;
    loading.shell.maxmem_kb = 8192;
    assert_int_equal(
        chaos__shell_check(&loading.shell, &loading.payload, &loading.err),
        CHAOS_EIMAGE);
    assert_non_null(strstr(loading.err.message, "k.elf"));
}

static void refuses_what_does_not_fit(void **state)
{
    struct support_image image = support_kernel;

    (void)state;
    loading_use(&image, "");
    loading_use_ramdisk(4 * MIB);
    loading_shape(CHAOS__TYPE_PVH, 4096, 1, true);
    assert_int_equal(
        chaos__shell_check(&loading.shell, &loading.payload, &loading.err),
        CHAOS_EIMAGE);
    /* 1 MiB and 20 KiB of kernel, 4 MiB of ramdisk and some pages */
    assert_non_null(strstr(loading.err.message, "end at 6 MiB"));
    chaos__image_close(&loading.ramdisk);
    loading.payload.ramdisk = NULL;
    image.segments[0].address = UINT64_MAX - 0x2000;
    loading_use(&image, "");
    assert_int_equal(
        chaos__shell_check(&loading.shell, &loading.payload, &loading.err),
        CHAOS_EIMAGE);
    assert_non_null(strstr(loading.err.message, "no guest has memory"));
    image = support_kernel;
    image.has_entry = false;
    loading_use(&image, "");
    assert_int_equal(
        chaos__shell_check(&loading.shell, &loading.payload, &loading.err),
        CHAOS_EIMAGE);
    assert_non_null(strstr(loading.err.message, "type=\"pv\""));
    assert_int_equal(fake_hv_count_all(), 1); /* it was opened */
}

/* No memory= helps a kernel that wants to lie where no guest has RAM. */
static void advice_can_be_followed(void **state)
{
    struct support_image image = support_kernel;

    (void)state;
    image.segments[1].address = CHAOS__LOW_MEMORY_END;
    loading_use(&image, "");
    loading_shape(CHAOS__TYPE_PVH, 8 * GIB / 1024, 1, true);
    assert_int_equal(
        chaos__shell_check(&loading.shell, &loading.payload, &loading.err),
        CHAOS_EIMAGE);
    if (strstr(loading.err.message, "raise memory="))
        fail_msg("of no use: %s", loading.err.message);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, loading_setup, loading_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prepares_domain),
        TEST(promises_what_it_may_have),
        TEST(pool_of_small_guest),
        TEST(memory_map_of_small_guest),
        TEST(memory_map_of_large_guest),
        TEST(largest_low_guest),
        TEST(shared_pages),
        TEST(store_page_without_noxs),
        TEST(acpi_without_noxs),
        TEST(no_acpi_with_noxs),
        TEST(loads_image),
        TEST(loads_ramdisk),
        TEST(loads_long_command_lines),
        TEST(loads_any_layout),
        TEST(loads_most_segments),
        TEST(loads_much_aside),
        TEST(tells_what_failed_aside),
        TEST(loads_much_alone),
        TEST(fits_exactly),
        TEST(refuses_what_does_not_fit),
        TEST(advice_can_be_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
