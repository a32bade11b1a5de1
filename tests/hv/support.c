/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "noxs/abi/noxs.h"
#include "registry/registry.h"

#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char support_dir[64];

int support_setup(void **state)
{
    (void)state;
    snprintf(support_dir, sizeof(support_dir), "/tmp/chaos-unit-XXXXXX");
    if (!mkdtemp(support_dir))
        return -1;
    fake_hv_reset();
    return 0;
}

static void empty(const char *dir)
{
    struct dirent *entry;
    char path[512];
    DIR *open = opendir(dir);

    while (open && (entry = readdir(open))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (unlink(path) < 0) {
            empty(path);
            rmdir(path);
        }
    }
    if (open)
        closedir(open);
}

int support_teardown(void **state)
{
    (void)state;
    empty(support_dir);
    return rmdir(support_dir);
}

const char *support_path(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", support_dir, name);
    return path;
}

void support_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(support_path(name), "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static size_t add_note(uint8_t *to, const char *name, uint32_t type,
                       uint32_t value)
{
    Elf64_Nhdr note = { .n_namesz = (uint32_t)strlen(name) + 1,
                        .n_descsz = 4,
                        .n_type = type };
    size_t name_size = (note.n_namesz + 3u) & ~3u;

    memcpy(to, &note, sizeof(note));
    memset(to + sizeof(note), 0, name_size);
    memcpy(to + sizeof(note), name, note.n_namesz);
    memcpy(to + sizeof(note) + name_size, &value, sizeof(value));
    return sizeof(note) + name_size + sizeof(value);
}

#define NOTES_AT 1024
#define CONTENT_AT 2048

static size_t add_headers(const struct support_elf *elf, size_t notes_size,
                          uint8_t *image)
{
    uint64_t address = elf->address ? elf->address : 0x10000;
    size_t size = sizeof(SUPPORT_CONTENT);

    if (elf->narrow) {
        Elf32_Ehdr header = { .e_type = ET_EXEC,
                              .e_machine = EM_386,
                              .e_phoff = sizeof(header),
                              .e_phentsize = sizeof(Elf32_Phdr),
                              .e_phnum = 2 };
        Elf32_Phdr programs[] = {
            { .p_type = PT_LOAD,
              .p_offset = CONTENT_AT,
              .p_paddr = (uint32_t)address,
              .p_filesz = (uint32_t)size,
              .p_memsz = (uint32_t)(size + elf->bss) },
            { .p_type = PT_NOTE,
              .p_offset = NOTES_AT,
              .p_filesz = (uint32_t)notes_size,
              .p_memsz = (uint32_t)notes_size },
        };

        memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS32;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        memcpy(image, &header, sizeof(header));
        memcpy(image + sizeof(header), programs, sizeof(programs));
    } else {
        Elf64_Ehdr header = { .e_type = ET_EXEC,
                              .e_machine = EM_X86_64,
                              .e_phoff = sizeof(header),
                              .e_phentsize = sizeof(Elf64_Phdr),
                              .e_phnum = 2 };
        Elf64_Phdr programs[] = {
            { .p_type = PT_LOAD,
              .p_offset = CONTENT_AT,
              .p_paddr = address,
              .p_filesz = size,
              .p_memsz = size + elf->bss },
            { .p_type = PT_NOTE,
              .p_offset = NOTES_AT,
              .p_filesz = notes_size,
              .p_memsz = notes_size },
        };

        memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        memcpy(image, &header, sizeof(header));
        memcpy(image + sizeof(header), programs, sizeof(programs));
    }
    memcpy(image + CONTENT_AT, SUPPORT_CONTENT, size);
    return CONTENT_AT + size;
}

size_t support_make_elf(const struct support_elf *elf, uint8_t *image)
{
    size_t notes = 0;

    memset(image, 0, 8192);
    if (!elf->no_entry)
        notes += add_note(image + NOTES_AT, "Xen", 18, SUPPORT_ENTRY);
    if (elf->noxs)
        notes += add_note(image + NOTES_AT + notes, NOXS_ELFNOTE_NAME,
                          NOXS_ELFNOTE_VERSION, NOXS_VERSION);
    return add_headers(elf, notes, image);
}

void support_write_elf(const char *name, const struct support_elf *elf)
{
    uint8_t image[8192];

    support_write(name, image, support_make_elf(elf, image));
}

struct chaos *support_open(void)
{
    struct chaos_options options = { .run_dir = support_path("run") };
    struct chaos_error err;
    struct chaos *chaos;

    if (chaos_open(&options, &chaos, &err) < 0)
        fail_msg("%s", err.message);
    return chaos;
}

struct chaos_config *support_config(struct chaos *chaos, const char *text)
{
    struct chaos_config *config;
    struct chaos_error err;
    char full[2048];

    /* One %s or two; the text is the test's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(full, sizeof(full), text, support_dir, support_dir);
#pragma GCC diagnostic pop
    if (chaos_config_parse(chaos, full, "test.cfg", &config, &err) < 0)
        fail_msg("%s", err.message);
    return config;
}

static unsigned count_files(void)
{
    DIR *open = opendir(support_path("run"));
    struct dirent *entry;
    unsigned count = 0;

    while (open && (entry = readdir(open)))
        count +=
            entry->d_name[0] != '.' && strcmp(entry->d_name, "registry") != 0;
    if (open)
        closedir(open);
    return count;
}

void support_assert_clean(void)
{
    struct chaos__registry *registry;
    struct chaos_error err;

    assert_int_equal(fake_hv_domains(), 0);
    assert_int_equal(fake_hv_free_kb(), FAKE_TOTAL_KB);
    assert_int_equal(fake_hv_mappings(), 0);
    assert_int_equal(count_files(), 0);
    assert_int_equal(chaos__registry_open(support_path("run"), &registry, &err),
                     0);
    assert_null(chaos__registry_next(registry, NULL));
    chaos__registry_close(registry);
}
