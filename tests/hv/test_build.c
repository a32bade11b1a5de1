/* SPDX-License-Identifier: MIT */
/* Images: what the parser takes and refuses, and what lies in a PVH guest's
 * memory before its first instruction. */
#include "support.h"

#include "build/acpi.h"
#include "build/elf.h"
#include "build/shell.h"
#include "noxs/abi/noxs.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct chaos_error err;

/* ----------------------------------------------------------------- ELF */

static int parse(const uint8_t *bytes, size_t size, struct chaos__elf *elf)
{
    struct chaos__image image;
    void *memory = malloc(size + 1);
    int rc;

    memcpy(memory, bytes, size);
    chaos__image_from_memory("test", memory, size, &image);
    rc = chaos__elf_parse(&image, elf, &err);
    chaos__image_close(&image);
    return rc;
}

static void test_good_images(void **state)
{
    uint8_t image[8192];
    struct chaos__elf elf;
    size_t size;
    int narrow;

    (void)state;
    for (narrow = 0; narrow < 2; narrow++) {
        size = support_make_elf(
            &(struct support_elf){ .narrow = narrow, .noxs = true, .bss = 100 },
            image);
        assert_int_equal(parse(image, size, &elf), 0);
        assert_true(elf.has_pvh_entry);
        assert_int_equal(elf.pvh_entry, SUPPORT_ENTRY);
        assert_int_equal(elf.noxs_version, NOXS_VERSION);
        assert_int_equal(elf.segment_count, 1);
        assert_int_equal(elf.segments[0].address, 0x10000);
        assert_int_equal(elf.segments[0].file_size, sizeof(SUPPORT_CONTENT));
        assert_int_equal(elf.end, 0x10000 + sizeof(SUPPORT_CONTENT) + 100);
    }
}

/* Any prefix of an image is refused or, when only what is not loaded is cut
 * off, taken; it is never read beyond. */
static void test_truncated_anywhere(void **state)
{
    uint8_t image[8192];
    struct chaos__elf elf;
    size_t size, cut;

    (void)state;
    size = support_make_elf(&(struct support_elf){ .noxs = true }, image);
    for (cut = 0; cut < size; cut++)
        assert_int_equal(parse(image, cut, &elf), CHAOS_EIMAGE);
}

static Elf64_Ehdr *header_of(uint8_t *image)
{
    return (Elf64_Ehdr *)image;
}

static Elf64_Phdr *program_of(uint8_t *image, unsigned number)
{
    return (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr)) + number;
}

static void refused(uint8_t *image, const char *says)
{
    struct chaos__elf elf;

    assert_int_equal(parse(image, 4096, &elf), CHAOS_EIMAGE);
    if (!strstr(err.message, says))
        fail_msg("%s does not say %s", err.message, says);
}

static void test_refused(void **state)
{
    uint8_t image[8192];

    (void)state;
#define REFUSED(change, says)                                                  \
    do {                                                                       \
        support_make_elf(&(struct support_elf){ .noxs = true }, image);        \
        change;                                                                \
        refused(image, says);                                                  \
    } while (0)
    REFUSED(image[0] = 0, "not a little-endian ELF");
    REFUSED(image[EI_DATA] = ELFDATA2MSB, "not a little-endian ELF");
    REFUSED(image[EI_CLASS] = 9, "neither a 32-bit nor a 64-bit");
    REFUSED(header_of(image)->e_machine = EM_AARCH64, "not an x86 kernel");
    REFUSED(header_of(image)->e_type = ET_REL, "not an executable");
    REFUSED(header_of(image)->e_phentsize = 1, "wrong size");
    REFUSED(header_of(image)->e_phnum = 0, "no program headers");
    REFUSED(header_of(image)->e_phnum = 0xffff, "far too many");
    REFUSED(header_of(image)->e_phoff = UINT64_MAX - 8, "behind its end");
    REFUSED(header_of(image)->e_phoff = 1 << 20, "behind its end");
    REFUSED(program_of(image, 0)->p_filesz = 1 << 20, "larger in the file");
    REFUSED((program_of(image, 0)->p_filesz = 1 << 20,
             program_of(image, 0)->p_memsz = 1 << 20),
            "truncated");
    REFUSED(program_of(image, 0)->p_offset = UINT64_MAX, "truncated");
    REFUSED(program_of(image, 0)->p_paddr = UINT64_MAX, "wraps around");
    REFUSED(program_of(image, 0)->p_type = PT_NULL, "nothing in it");
    REFUSED(program_of(image, 1)->p_filesz = 1 << 20, "far too large");
    REFUSED(program_of(image, 1)->p_offset = 4090, "point behind its end");
    REFUSED(
        (program_of(image, 1)->p_filesz = 12, memset(image + 1024, 0xff, 12)),
        "longer than its segment");
    REFUSED(*program_of(image, 1) = *program_of(image, 0), "overlap");
    REFUSED(image[1024 + 4] = 3, "no 32-bit address"); /* descsz */
}

static void test_files_refused(void **state)
{
    struct chaos__image image;

    (void)state;
    support_write("empty", "", 0);
    assert_int_equal(mkfifo(support_path("fifo"), 0600), 0);
    assert_int_equal(
        chaos__image_open(support_path("empty"), "kernel", &image, &err),
        CHAOS_EIMAGE);
    assert_int_equal(
        chaos__image_open(support_path("fifo"), "kernel", &image, &err),
        CHAOS_EIMAGE);
    assert_int_equal(chaos__image_open(support_dir, "kernel", &image, &err),
                     CHAOS_EIMAGE);
    assert_int_equal(
        chaos__image_open(support_path("none"), "kernel", &image, &err),
        CHAOS_EIMAGE);
}

/* A file that shrinks after it was opened is an error, not a signal. */
static void test_file_shrinks(void **state)
{
    static uint8_t much[100000];
    struct chaos__image image;
    char byte;

    (void)state;
    support_write("much", much, sizeof(much));
    assert_int_equal(
        chaos__image_open(support_path("much"), "kernel", &image, &err), 0);
    assert_int_equal(chaos__image_read(&image, 90000, &byte, 1, &err), 0);
    support_write("much", much, 10);
    assert_int_equal(chaos__image_read(&image, 90000, &byte, 1, &err),
                     CHAOS_EIMAGE);
    assert_int_equal(chaos__image_read_all(&image, &err), CHAOS_EIMAGE);
    chaos__image_close(&image);
}

/* ----------------------------------------------------------------- PVH */

struct guest {
    struct chaos__hv *hv;
    struct chaos__shell shell;
    struct chaos__image kernel, ramdisk;
    struct chaos__elf elf;
};

static void load(struct guest *guest, const struct support_elf *elf,
                 const char *ramdisk, uint64_t memory_kb)
{
    struct chaos__hv_create create = { .pvh = true };
    struct chaos__payload payload = { .kernel = &guest->kernel,
                                      .elf = &guest->elf,
                                      .command_line = "one two" };

    support_write_elf("kernel", elf);
    assert_int_equal(chaos__image_open(support_path("kernel"), "kernel",
                                       &guest->kernel, &err),
                     0);
    assert_int_equal(chaos__elf_parse(&guest->kernel, &guest->elf, &err), 0);
    if (ramdisk) {
        support_write("ramdisk", ramdisk, strlen(ramdisk));
        assert_int_equal(chaos__image_open(support_path("ramdisk"), "ramdisk",
                                           &guest->ramdisk, &err),
                         0);
        payload.ramdisk = &guest->ramdisk;
    }
    assert_int_equal(chaos__hv_open(NULL, NULL, &guest->hv, &err), 0);
    guest->shell = (struct chaos__shell){ .type = CHAOS__TYPE_PVH,
                                          .noxs = elf->noxs,
                                          .vcpus = 3,
                                          .memory_kb = memory_kb,
                                          .maxmem_kb = memory_kb };
    assert_int_equal(
        chaos__hv_domain_create(guest->hv, &create, &guest->shell.domid, &err),
        0);
    assert_int_equal(chaos__shell_prepare(guest->hv, &guest->shell, &err), 0);
    fake_hv_reset_counts();
    assert_int_equal(
        chaos__shell_load(guest->hv, &guest->shell, &payload, &err), 0);
}

static void unload(struct guest *guest, bool ramdisk)
{
    chaos__image_close(&guest->kernel);
    if (ramdisk)
        chaos__image_close(&guest->ramdisk);
    chaos__hv_close(guest->hv);
}

struct start_info {
    uint32_t magic, version, flags, modules;
    uint64_t modules_at, command_line, rsdp, memory_map;
    uint32_t memory_map_count, reserved;
};

static void test_pvh_memory(void **state)
{
    const uint64_t top = 2 << 20;
    uint64_t module[4], region[3], entry;
    struct start_info info;
    struct guest guest;
    char text[64], zero[64] = { 0 };
    uint32_t domid;

    (void)state;
    load(&guest, &(struct support_elf){ .bss = 5000 }, "the ramdisk", 2048);
    domid = guest.shell.domid;
    assert_int_equal(fake_hv_entry(domid), SUPPORT_ENTRY);
    /* A small image takes one mapping. */
    assert_int_equal(fake_hv_count(FAKE_MAP), 1);
    fake_hv_read(domid, 0x10000, text, sizeof(SUPPORT_CONTENT));
    assert_string_equal(text, SUPPORT_CONTENT);
    fake_hv_read(domid, 0x10000 + sizeof(SUPPORT_CONTENT), text, 64);
    assert_memory_equal(text, zero, 64);
    fake_hv_read(domid, fake_hv_start_info(domid), &info, sizeof(info));
    assert_int_equal(info.magic, 0x336ec578);
    assert_int_equal(info.version, 1);
    fake_hv_read(domid, info.command_line, text, 8);
    assert_string_equal(text, "one two");
    assert_int_equal(info.modules, 1);
    fake_hv_read(domid, info.modules_at, module, sizeof(module));
    assert_int_equal(module[1], 11);
    fake_hv_read(domid, module[0], text, 11);
    assert_memory_equal(text, "the ramdisk", 11);
    /* RAM up to the special pages, these reserved, nothing else. */
    assert_int_equal(info.memory_map_count, 2);
    fake_hv_read(domid, info.memory_map, region, sizeof(region));
    assert_int_equal(region[0], 0);
    assert_int_equal(region[1], top - 4 * 4096);
    assert_int_equal(region[2], 1);
    fake_hv_read(domid, info.memory_map + 24, region, sizeof(region));
    assert_int_equal(region[0], top - 4 * 4096);
    assert_int_equal(region[2], 2);
    /* An identity page table for CPUs that need one. */
    assert_int_equal(fake_hv_param(domid, CHAOS__HV_IDENT_PT), top - 4 * 4096);
    fake_hv_read(domid, top - 4 * 4096, &entry, sizeof(entry));
    assert_int_equal(entry, UINT64_C(0x4000e7) << 32 | 0xe7);
    assert_int_equal(fake_hv_param(domid, CHAOS__HV_CONSOLE_PFN),
                     top / 4096 - 1);
    unload(&guest, true);
}

static void test_noxs_pages(void **state)
{
    struct start_info info;
    struct noxs_page page;
    struct guest guest;
    uint32_t domid;

    (void)state;
    load(&guest, &(struct support_elf){ .noxs = true }, NULL, 1024);
    domid = guest.shell.domid;
    fake_hv_read(domid, fake_hv_param(domid, CHAOS__HV_STORE_PFN) * 4096, &page,
                 sizeof(page));
    assert_true(page.magic == NOXS_MAGIC);
    assert_int_equal(page.version, NOXS_VERSION);
    assert_int_equal(page.entry_count, 0);
    assert_int_equal(page.control_port,
                     fake_hv_param(domid, CHAOS__HV_STORE_PORT));
    assert_int_equal(page.control_frame, guest.shell.control_frame);
    fake_hv_read(domid, fake_hv_start_info(domid), &info, sizeof(info));
    assert_int_equal(info.rsdp, 0);
    unload(&guest, false);
}

/* Linux would take our page for XenStore's ring, and wants ACPI. */
static void test_no_noxs_pages(void **state)
{
    struct start_info info;
    struct guest guest;
    char signature[9] = "";

    (void)state;
    load(&guest, &(struct support_elf){ 0 }, NULL, 1024);
    assert_int_equal(fake_hv_param(guest.shell.domid, CHAOS__HV_STORE_PFN), 0);
    assert_int_equal(guest.shell.control_frame, 0);
    fake_hv_read(guest.shell.domid, fake_hv_start_info(guest.shell.domid),
                 &info, sizeof(info));
    fake_hv_read(guest.shell.domid, info.rsdp, signature, 8);
    assert_string_equal(signature, "RSD PTR ");
    unload(&guest, false);
}

static uint8_t sum(const uint8_t *bytes, size_t size)
{
    uint8_t total = 0;

    while (size--)
        total = (uint8_t)(total + *bytes++);
    return total;
}

static const uint8_t *table_at(const uint8_t *page, uint32_t base,
                               uint64_t address, const char *signature)
{
    const uint8_t *table = page + (address - base);
    uint32_t length;

    assert_in_range(address, base, base + CHAOS__ACPI_SIZE - 36);
    assert_memory_equal(table, signature, 4);
    memcpy(&length, table + 4, sizeof(length));
    assert_in_range(length, 36, base + CHAOS__ACPI_SIZE - address);
    assert_int_equal(sum(table, length), 0);
    return table;
}

static void test_acpi(void **state)
{
    const uint32_t base = 0x1fd000;
    static uint8_t page[CHAOS__ACPI_SIZE];
    const uint8_t *xsdt, *fadt, *madt;
    uint64_t address;
    uint32_t length;
    unsigned vcpus;

    (void)state;
    for (vcpus = 1; vcpus <= CHAOS__VCPUS_MAX; vcpus *= 2) {
        memset(page, 0, sizeof(page));
        chaos__acpi_write(page, base, vcpus);
        assert_memory_equal(page, "RSD PTR ", 8);
        assert_int_equal(sum(page, 20), 0);
        assert_int_equal(sum(page, 36), 0);
        memcpy(&address, page + 24, sizeof(address));
        xsdt = table_at(page, base, address, "XSDT");
        memcpy(&address, xsdt + 36, sizeof(address));
        fadt = table_at(page, base, address, "FACP");
        memcpy(&address, fadt + 140, sizeof(address));
        table_at(page, base, address, "DSDT");
        memcpy(&address, xsdt + 44, sizeof(address));
        madt = table_at(page, base, address, "APIC");
        memcpy(&length, madt + 4, sizeof(length));
        assert_int_equal(length, 44 + vcpus * 8);
        /* APIC ids are even in Xen. */
        assert_int_equal(madt[44 + (vcpus - 1) * 8 + 3], (vcpus - 1) * 2);
    }
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_good_images),  TEST(test_truncated_anywhere),
        TEST(test_refused),      TEST(test_files_refused),
        TEST(test_file_shrinks), TEST(test_pvh_memory),
        TEST(test_noxs_pages),   TEST(test_no_noxs_pages),
        TEST(test_acpi),
    };

    return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
