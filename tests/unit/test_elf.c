/* SPDX-License-Identifier: MIT */
/* Images: what is read from a good one, and every way to refuse a bad one. */
#include "support.h"

#include "build/elf.h"
#include "build/image.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A 64-bit image to spoil. */
static uint8_t *bytes;
static size_t size;
static Elf64_Ehdr *header;
static Elf64_Phdr *programs; /* two to load, then the notes */
static Elf64_Nhdr *note;     /* the first one */

static int setup(void **state)
{
    struct support_image image = support_kernel;

    (void)state;
    image.noxs = 1;
    bytes = support_make_image(&image, &size);
    header = (Elf64_Ehdr *)bytes;
    programs = (Elf64_Phdr *)(bytes + header->e_phoff);
    note = (Elf64_Nhdr *)(bytes + programs[2].p_offset);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

/* Parses a copy of exactly `length` bytes, so that a read behind it shows. */
static int parse(const void *from, size_t length, struct chaos__elf *elf,
                 struct chaos_error *err)
{
    void *memory = malloc(length ? length : 1);
    struct chaos__image image;
    int rc;

    memcpy(memory, from, length);
    chaos__image_from_memory("image.elf", memory, length, &image);
    rc = chaos__elf_parse(&image, elf, err);
    chaos__image_close(&image);
    return rc;
}

static void assert_refused(const char *why)
{
    struct chaos_error err = { 0 };
    struct chaos__elf elf;

    assert_int_equal(parse(bytes, size, &elf, &err), CHAOS_EIMAGE);
    assert_int_equal(err.code, CHAOS_EIMAGE);
    if (!strstr(err.message, why) || !strstr(err.message, "image.elf"))
        fail_msg("\"%s\" does not say \"%s\"", err.message, why);
}

static void assert_accepted(struct chaos__elf *elf)
{
    struct chaos_error err;

    if (parse(bytes, size, elf, &err) < 0)
        fail_msg("%s", err.message);
}

/* ------------------------------------------------------------ good ones */

static void check_kernel(bool narrow, bool wide_notes)
{
    struct support_image image = support_kernel;
    struct chaos__elf elf;

    image.narrow = narrow;
    image.wide_notes = wide_notes;
    image.noxs = 3;
    free(bytes);
    bytes = support_make_image(&image, &size);
    assert_accepted(&elf);
    assert_int_equal(elf.segment_count, 2);
    assert_int_equal(elf.segments[0].address, 0x100000);
    assert_int_equal(elf.segments[0].memory_size, 0x2000);
    assert_int_equal(elf.segments[0].file_size, 0x1800);
    assert_int_equal(elf.segments[1].address, 0x102000);
    assert_int_equal(elf.segments[1].memory_size, 0x3000);
    assert_int_equal(elf.segments[1].file_size, 0x1234);
    assert_int_equal(bytes[elf.segments[1].file_offset], support_byte(1, 0));
    assert_int_equal(elf.end, 0x105000);
    assert_true(elf.has_pvh_entry);
    assert_int_equal(elf.pvh_entry, 0x100040);
    assert_int_equal(elf.noxs_version, 3);
}

static void reads_all_kinds(void **state)
{
    (void)state;
    check_kernel(false, false);
    check_kernel(false, true);
    check_kernel(true, false);
    check_kernel(true, true);
}

static void reads_what_is_not_there(void **state)
{
    struct support_image image = support_kernel;
    struct chaos__elf elf;

    (void)state;
    image.has_entry = false;
    free(bytes);
    bytes = support_make_image(&image, &size);
    assert_accepted(&elf);
    assert_false(elf.has_pvh_entry);
    assert_int_equal(elf.noxs_version, 0);
}

static void goes_by_physical_addresses(void **state)
{
    struct chaos__elf elf;

    (void)state;
    programs[0].p_vaddr = UINT64_C(0xffffffff80100000);
    assert_accepted(&elf);
    assert_int_equal(elf.segments[0].address, 0x100000);
}

static void skips_other_headers(void **state)
{
    struct chaos__elf elf;

    (void)state;
    programs[0].p_type = PT_DYNAMIC;
    programs[0].p_offset = UINT64_MAX; /* nobody looks */
    assert_accepted(&elf);
    assert_int_equal(elf.segment_count, 1);
}

static void skips_empty_segments(void **state)
{
    struct chaos__elf elf;

    (void)state;
    programs[0].p_memsz = programs[0].p_filesz = 0;
    programs[0].p_paddr = programs[1].p_paddr; /* no overlap */
    assert_accepted(&elf);
    assert_int_equal(elf.segment_count, 1);
    assert_int_equal(elf.segments[0].address, 0x102000);
}

static void loads_pure_bss(void **state)
{
    struct chaos__elf elf;

    (void)state;
    programs[1].p_filesz = 0;
    assert_accepted(&elf);
    assert_int_equal(elf.segments[1].file_size, 0);
    assert_int_equal(elf.end, 0x105000);
}

static void skips_foreign_notes(void **state)
{
    uint8_t *second = bytes + programs[2].p_offset + 20;
    struct chaos__elf elf;

    (void)state;
    second[12] = 'Y'; /* "Yen" */
    assert_accepted(&elf);
    assert_false(elf.has_pvh_entry);
    assert_int_equal(elf.noxs_version, 1);
}

static void note_without_name(void **state)
{
    struct chaos__elf elf;

    (void)state;
    note->n_namesz = 0;
    note->n_descsz = 8; /* what was name and number */
    assert_accepted(&elf);
    assert_int_equal(elf.pvh_entry, 0x100040);
}

static void tells_elf(void **state)
{
    struct chaos__image image;

    (void)state;
    chaos__image_from_memory("i", bytes, size, &image);
    assert_true(chaos__elf_is(&image));
    image.size = 3;
    assert_false(chaos__elf_is(&image));
    image.size = size;
    bytes[0] = 0;
    assert_false(chaos__elf_is(&image));
}

static void most_segments(void **state)
{
    struct support_image image = support_kernel;
    struct chaos__elf elf;
    unsigned i;

    (void)state;
    image.count = CHAOS__ELF_SEGMENTS_MAX;
    for (i = 0; i < SUPPORT_SEGMENTS; i++)
        image.segments[i] =
            (struct support_segment){ 0x100000 + i * 0x1000, 0x1000, 16 };
    free(bytes);
    bytes = support_make_image(&image, &size);
    assert_accepted(&elf);
    assert_int_equal(elf.segment_count, CHAOS__ELF_SEGMENTS_MAX);
    image.count++;
    free(bytes);
    bytes = support_make_image(&image, &size);
    assert_refused("too many segments");
}

/* ------------------------------------------------------------- bad ones */

static void refuses_bad_headers(void **state)
{
    const Elf64_Ehdr good = *header;

    (void)state;
    header->e_ident[1] = 'F';
    assert_refused("ELF");
    *header = good;
    header->e_ident[EI_DATA] = ELFDATA2MSB;
    assert_refused("little-endian");
    *header = good;
    header->e_ident[EI_CLASS] = 3;
    assert_refused("neither a 32-bit");
    *header = good;
    header->e_machine = EM_AARCH64;
    assert_refused("x86");
    *header = good;
    header->e_type = ET_REL;
    assert_refused("executable");
    *header = good;
    header->e_type = ET_CORE;
    assert_refused("executable");
    *header = good;
    header->e_phentsize = sizeof(Elf32_Phdr);
    assert_refused("wrong size");
    *header = good;
    header->e_phentsize = 0;
    assert_refused("wrong size");
    *header = good;
    header->e_phnum = 0;
    assert_refused("no program headers");
    *header = good;
    header->e_phnum = 129;
    assert_refused("far too many");
    *header = good;
    header->e_phnum = 0xffff;
    assert_refused("far too many");
    *header = good;
    header->e_phoff = size;
    assert_refused("behind");
    header->e_phoff = size - 1;
    assert_refused("behind");
    header->e_phoff = UINT64_MAX;
    assert_refused("behind");
    header->e_phoff = UINT64_MAX - sizeof(Elf64_Phdr) + 1;
    assert_refused("behind");
}

static void refuses_bad_segments(void **state)
{
    const Elf64_Phdr good = programs[1];

    (void)state;
    programs[1].p_filesz = programs[1].p_memsz + 1;
    assert_refused("larger in the file");
    programs[1] = good;
    programs[1].p_offset = size - programs[1].p_filesz + 1;
    assert_refused("truncated");
    programs[1].p_offset = UINT64_MAX - 1;
    assert_refused("truncated");
    programs[1] = good;
    programs[1].p_filesz = programs[1].p_memsz = UINT64_MAX;
    assert_refused("truncated");
    programs[1] = good;
    programs[1].p_memsz = UINT64_MAX - programs[1].p_paddr + 1;
    assert_refused("wraps around");
    programs[1] = good;
    programs[1].p_paddr = UINT64_MAX;
    assert_refused("wraps around");
    programs[1] = good;
    programs[0].p_type = programs[1].p_type = PT_NULL;
    assert_refused("to be loaded");
}

static void refuses_overlaps(void **state)
{
    static const struct {
        uint64_t address, memory_size;
        bool overlaps;
    } cases[] = {
        { 0x102000, 0x3000, false }, { 0x101fff, 0x3000, true },
        { 0x100000, 0x2000, true },  { 0x100800, 0x1234, true },
        { 0xff000, 0x4000, true },   { 0xfe000, 0x2001, true },
        { 0xfe000, 0x2000, false },
    };
    struct chaos__elf elf;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        programs[1].p_paddr = cases[i].address;
        programs[1].p_memsz = cases[i].memory_size;
        if (cases[i].overlaps)
            assert_refused("overlap");
        else
            assert_accepted(&elf);
    }
}

static void refuses_bad_notes(void **state)
{
    const Elf64_Phdr good = programs[2];
    const Elf64_Nhdr good_note = *note;
    Elf64_Nhdr *entry = (Elf64_Nhdr *)((uint8_t *)note + 20);

    (void)state;
    programs[2].p_filesz = (64 << 10) + 1;
    assert_refused("too large");
    programs[2].p_filesz = UINT64_MAX;
    assert_refused("too large");
    programs[2].p_filesz = 4096;
    programs[2].p_offset = size - 4095;
    assert_refused("behind its end");
    programs[2].p_offset = UINT64_MAX - 100;
    assert_refused("behind its end");
    programs[2] = good;
    note->n_namesz = 4000;
    assert_refused("longer than its segment");
    note->n_namesz = UINT32_MAX; /* rounds up to 2^32, or to 0 in 32 bits */
    assert_refused("longer than its segment");
    *note = good_note;
    note->n_descsz = UINT32_MAX;
    assert_refused("longer than its segment");
    note->n_descsz = (uint32_t)programs[2].p_filesz - 12;
    assert_refused("longer than its segment");
    *note = good_note;
    entry->n_descsz = 2;
    assert_refused("no 32-bit address");
    entry->n_descsz = 0;
    assert_refused("no 32-bit address");
    entry->n_descsz = 8; /* takes the next note's sizes along */
    assert_refused("no 32-bit address");
}

static void refuses_bad_noxs_versions(void **state)
{
    uint8_t *version = bytes + programs[2].p_offset + programs[2].p_filesz - 4;
    struct chaos__elf elf;

    (void)state;
    assert_accepted(&elf);
    assert_int_equal(elf.noxs_version, 1);
    memset(version, 0, 4);
    assert_refused("noxs version");
}

/* An image cut anywhere is refused, or what is missing is not needed. */
static void survives_any_cut(void **state)
{
    struct chaos_error err = { 0 };
    struct chaos__elf elf;
    size_t length;

    (void)state;
    for (length = 0; length < size; length++) {
        assert_int_equal(parse(bytes, length, &elf, &err), CHAOS_EIMAGE);
        assert_string_not_equal(err.message, "");
    }
    assert_int_equal(parse(bytes, size, &elf, &err), 0);
}

/* Any byte of the headers and notes changed: refused or read, no more. */
static void survives_any_byte(void **state)
{
    size_t header_bytes = sizeof(*header) + 3 * sizeof(*programs), at;
    struct chaos__elf elf;
    unsigned value;

    (void)state;
    for (at = 0; at < programs[2].p_offset + programs[2].p_filesz; at++) {
        uint8_t good = bytes[at];

        if (at == header_bytes)
            at = programs[2].p_offset;
        good = bytes[at];
        for (value = 0; value < 256; value += 15) {
            bytes[at] = (uint8_t)value;
            parse(bytes, size, &elf, NULL);
        }
        bytes[at] = good;
    }
}

/* ----------------------------------------------------------------- files */

static char *directory;

static int files_setup(void **state)
{
    directory = support_directory();
    return setup(state);
}

static int files_teardown(void **state)
{
    support_remove_directory(directory);
    return teardown(state);
}

static void assert_not_opened(const char *path, const char *why)
{
    struct chaos_error err = { 0 };
    struct chaos__image image;

    assert_int_equal(chaos__image_open(path, "ramdisk", &image, &err),
                     CHAOS_EIMAGE);
    if (!strstr(err.message, why) || !strstr(err.message, path))
        fail_msg("\"%s\" does not say \"%s\"", err.message, why);
}

static void opens_regular_files_alone(void **state)
{
    char *path = support_path(directory, "file");

    (void)state;
    assert_not_opened(path, "No such file");
    assert_not_opened(directory, "must be a regular file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_not_opened(path, "the ramdisk must be a regular file");
    unlink(path);
    assert_not_opened("/dev/zero", "must be a regular file");
    support_write_file(path, "", 0);
    assert_not_opened(path, "0 bytes");
    assert_int_equal(truncate(path, (off_t)CHAOS__IMAGE_SIZE_MAX + 1), 0);
    assert_not_opened(path, "4294967297 bytes");
    free(path);
}

static void reads_files(void **state)
{
    char *path = support_path(directory, "file");
    uint8_t *buffer = malloc(size);
    struct chaos__image image;
    struct chaos__elf elf;
    struct chaos_error err;

    (void)state;
    support_write_file(path, bytes, size);
    assert_int_equal(chaos__image_open(path, "kernel", &image, &err), 0);
    assert_int_equal(image.size, size);
    assert_int_equal(chaos__elf_parse(&image, &elf, &err), 0);
    assert_int_equal(elf.pvh_entry, 0x100040);
    /* within, across and behind what was read at once */
    assert_int_equal(chaos__image_read(&image, 10, buffer, 100, &err), 0);
    assert_memory_equal(buffer, bytes + 10, 100);
    assert_int_equal(chaos__image_read(&image, 4090, buffer, 12, &err), 0);
    assert_memory_equal(buffer, bytes + 4090, 12);
    assert_int_equal(chaos__image_read(&image, 0, buffer, size, &err), 0);
    assert_memory_equal(buffer, bytes, size);
    assert_int_equal(chaos__image_read(&image, size, buffer, 0, &err), 0);
    assert_int_equal(chaos__image_read(&image, size, buffer, 1, &err),
                     CHAOS_EIMAGE);
    assert_int_equal(chaos__image_read(&image, 1, buffer, size, &err),
                     CHAOS_EIMAGE);
    assert_int_equal(chaos__image_read(&image, UINT64_MAX, buffer, 2, &err),
                     CHAOS_EIMAGE);
    assert_int_equal(chaos__image_read_all(&image, &err), 0);
    assert_memory_equal(image.memory, bytes, size);
    assert_int_equal(chaos__image_read_all(&image, &err), 0);
    chaos__image_close(&image);
    free(buffer);
    free(path);
}

/* It is read, not mapped: no signal when it shrinks. */
static void notices_files_that_shrink(void **state)
{
    char *path = support_path(directory, "file");
    struct chaos_error err = { 0 };
    struct chaos__image image;
    uint8_t byte;

    (void)state;
    support_write_file(path, bytes, size);
    assert_int_equal(chaos__image_open(path, "kernel", &image, &err), 0);
    assert_int_equal(truncate(path, 5000), 0);
    assert_int_equal(chaos__image_read(&image, 5000, &byte, 1, &err),
                     CHAOS_EIMAGE);
    assert_non_null(strstr(err.message, "ends at byte 5000"));
    assert_int_equal(chaos__image_read_all(&image, &err), CHAOS_EIMAGE);
    assert_int_equal(chaos__image_read(&image, 4999, &byte, 1, &err), 0);
    chaos__image_close(&image);
    free(path);
}

static void short_file(void **state)
{
    char *path = support_path(directory, "file");
    struct chaos__image image;
    struct chaos__elf elf;

    (void)state;
    support_write_file(path, bytes, 30);
    assert_int_equal(chaos__image_open(path, "kernel", &image, NULL), 0);
    assert_true(chaos__elf_is(&image));
    assert_int_equal(chaos__elf_parse(&image, &elf, NULL), CHAOS_EIMAGE);
    chaos__image_close(&image);
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define FILE_TEST(name)                                                        \
    cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_all_kinds),
        TEST(reads_what_is_not_there),
        TEST(goes_by_physical_addresses),
        TEST(skips_other_headers),
        TEST(skips_empty_segments),
        TEST(loads_pure_bss),
        TEST(skips_foreign_notes),
        TEST(note_without_name),
        TEST(tells_elf),
        TEST(most_segments),
        TEST(refuses_bad_headers),
        TEST(refuses_bad_segments),
        TEST(refuses_overlaps),
        TEST(refuses_bad_notes),
        TEST(refuses_bad_noxs_versions),
        TEST(survives_any_cut),
        TEST(survives_any_byte),
        FILE_TEST(opens_regular_files_alone),
        FILE_TEST(reads_files),
        FILE_TEST(notices_files_that_shrink),
        FILE_TEST(short_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
