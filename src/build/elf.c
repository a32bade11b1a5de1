/* SPDX-License-Identifier: MIT */
#include "elf.h"

#include "noxs/abi/noxs.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 128 /* program headers */
#define NOTES_SIZE_MAX (64u << 10)

/* XEN_ELFNOTE_*, public/elfnote.h */
#define NOTE_XEN "Xen"
#define NOTE_ENTRY 1
#define NOTE_HYPERCALL_PAGE 2
#define NOTE_VIRT_BASE 3
#define NOTE_PADDR_OFFSET 4
#define NOTE_XEN_VERSION 5
#define NOTE_PHYS32_ENTRY 18

/* What a PV kernel needs of Xen: there is no other. */
#define XEN_VERSION "xen-3.0"

static int bad(const struct chaos__image *image, struct chaos_error *err,
               const char *why)
{
    return chaos__fail(err, CHAOS_EIMAGE, "%s: %s", image->path, why);
}

bool chaos__elf_is(const struct chaos__image *image)
{
    char magic[SELFMAG];

    return chaos__image_read(image, 0, magic, sizeof(magic), NULL) == 0 &&
           memcmp(magic, ELFMAG, SELFMAG) == 0;
}

/* The ELF header of either class as a 64-bit one. */
static int read_header(const struct chaos__image *image, Elf64_Ehdr *header_r,
                       struct chaos_error *err)
{
    Elf32_Ehdr narrow;
    int rc;

    rc = chaos__image_read(image, 0, &narrow, sizeof(narrow), err);
    if (rc < 0)
        return rc;
    if (memcmp(narrow.e_ident, ELFMAG, SELFMAG) != 0 ||
        narrow.e_ident[EI_DATA] != ELFDATA2LSB)
        return bad(image, err, "not a little-endian ELF file");
    if (narrow.e_ident[EI_CLASS] == ELFCLASS64)
        return chaos__image_read(image, 0, header_r, sizeof(*header_r), err);
    if (narrow.e_ident[EI_CLASS] != ELFCLASS32)
        return bad(image, err, "neither a 32-bit nor a 64-bit ELF file");
    *header_r = (Elf64_Ehdr){
        .e_type = narrow.e_type,
        .e_machine = narrow.e_machine,
        .e_entry = narrow.e_entry,
        .e_phoff = narrow.e_phoff,
        .e_phentsize = narrow.e_phentsize,
        .e_phnum = narrow.e_phnum,
    };
    memcpy(header_r->e_ident, narrow.e_ident, sizeof(narrow.e_ident));
    return 0;
}

static int check_header(const struct chaos__image *image,
                        const Elf64_Ehdr *header, struct chaos_error *err)
{
    bool wide = header->e_ident[EI_CLASS] == ELFCLASS64;

    if (header->e_machine != EM_386 && header->e_machine != EM_X86_64)
        return bad(image, err, "not an x86 kernel");
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return bad(image, err, "not an executable ELF file");
    if (header->e_phentsize != (wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return bad(image, err, "its program headers have a wrong size");
    if (header->e_phnum == 0 || header->e_phnum > HEADERS_MAX)
        return bad(image, err, "no program headers, or far too many");
    return 0;
}

static int read_program_header(const struct chaos__image *image,
                               const Elf64_Ehdr *header, unsigned number,
                               Elf64_Phdr *program_r, struct chaos_error *err)
{
    bool wide = header->e_ident[EI_CLASS] == ELFCLASS64;
    uint64_t at = (uint64_t)number * header->e_phentsize;
    Elf32_Phdr narrow;
    int rc;

    if (__builtin_add_overflow(at, header->e_phoff, &at))
        return bad(image, err, "its program headers lie behind its end");
    if (wide)
        return chaos__image_read(image, at, program_r, sizeof(*program_r), err);
    rc = chaos__image_read(image, at, &narrow, sizeof(narrow), err);
    if (rc == 0)
        *program_r = (Elf64_Phdr){
            .p_type = narrow.p_type,
            .p_offset = narrow.p_offset,
            .p_paddr = narrow.p_paddr,
            .p_filesz = narrow.p_filesz,
            .p_memsz = narrow.p_memsz,
        };
    return rc;
}

static int add_segment(const struct chaos__image *image, struct chaos__elf *elf,
                       const Elf64_Phdr *program, struct chaos_error *err)
{
    uint64_t end, file_end;

    if (program->p_memsz == 0)
        return 0;
    if (program->p_filesz > program->p_memsz)
        return bad(image, err,
                   "a segment is larger in the file than in "
                   "memory");
    if (__builtin_add_overflow(program->p_offset, program->p_filesz,
                               &file_end) ||
        file_end > image->size)
        return bad(image, err,
                   "truncated: a segment lies behind the file's "
                   "end");
    if (__builtin_add_overflow(program->p_paddr, program->p_memsz, &end))
        return bad(image, err, "a segment's address wraps around");
    if (elf->segment_count == CHAOS__ELF_SEGMENTS_MAX)
        return bad(image, err, "too many segments");
    elf->segments[elf->segment_count++] = (struct chaos__elf_segment){
        .address = program->p_paddr,
        .memory_size = program->p_memsz,
        .file_offset = program->p_offset,
        .file_size = program->p_filesz,
    };
    if (end > elf->end)
        elf->end = end;
    return 0;
}

/* A note's number: notes hold 32 or 64 bits. */
static bool note_value(const uint8_t *descriptor, uint32_t size,
                       uint64_t *value_r)
{
    uint32_t narrow;

    if (size == sizeof(*value_r)) {
        memcpy(value_r, descriptor, sizeof(*value_r));
        return true;
    }
    if (size != sizeof(narrow))
        return false;
    memcpy(&narrow, descriptor, sizeof(narrow));
    *value_r = narrow;
    return true;
}

static bool is_note_of(const Elf64_Nhdr *note, const char *name,
                       const char *owner, size_t owner_size)
{
    return note->n_namesz == owner_size && memcmp(name, owner, owner_size) == 0;
}

static int take_pvh_entry(const struct chaos__image *image,
                          struct chaos__elf *elf, bool is_number,
                          uint64_t value, struct chaos_error *err)
{
    if (!is_number || value > UINT32_MAX)
        return bad(image, err, "its PVH entry is no 32-bit address");
    elf->has_pvh_entry = true;
    elf->pvh_entry = (uint32_t)value;
    return 0;
}

/* Of what a PV kernel says, all but the version is an address. */
static int take_xen_note(const struct chaos__image *image,
                         struct chaos__elf *elf, const Elf64_Nhdr *note,
                         const uint8_t *descriptor, struct chaos_error *err)
{
    struct chaos__elf_pv *pv = &elf->pv;
    uint64_t *address = NULL, value = 0;
    bool is_number = note_value(descriptor, note->n_descsz, &value);

    switch (note->n_type) {
    case NOTE_PHYS32_ENTRY:
        return take_pvh_entry(image, elf, is_number, value, err);
    case NOTE_XEN_VERSION:
        pv->is_pv =
            note->n_descsz >= sizeof(XEN_VERSION) - 1 &&
            memcmp(descriptor, XEN_VERSION, sizeof(XEN_VERSION) - 1) == 0;
        return 0;
    case NOTE_ENTRY:
        pv->has_entry = true;
        address = &pv->entry;
        break;
    case NOTE_HYPERCALL_PAGE:
        pv->has_hypercalls = true;
        address = &pv->hypercalls;
        break;
    case NOTE_VIRT_BASE:
        address = &pv->base;
        break;
    case NOTE_PADDR_OFFSET:
        address = &pv->offset;
        break;
    default:
        return 0;
    }
    *address = value;
    return is_number ? 0 : bad(image, err, "a note of it is no address");
}

static int take_noxs_note(const struct chaos__image *image,
                          struct chaos__elf *elf, const Elf64_Nhdr *note,
                          const uint8_t *descriptor, struct chaos_error *err)
{
    uint64_t value;

    if (note->n_type != NOXS_ELFNOTE_VERSION)
        return 0;
    if (!note_value(descriptor, note->n_descsz, &value) || value == 0 ||
        value > UINT32_MAX)
        return bad(image, err, "its noxs version is no version");
    elf->noxs_version = (uint32_t)value;
    return 0;
}

static int take_note(const struct chaos__image *image, struct chaos__elf *elf,
                     const Elf64_Nhdr *note, const char *name,
                     const uint8_t *descriptor, struct chaos_error *err)
{
    if (is_note_of(note, name, NOTE_XEN, sizeof(NOTE_XEN)))
        return take_xen_note(image, elf, note, descriptor, err);
    if (is_note_of(note, name, NOXS_ELFNOTE_NAME, sizeof(NOXS_ELFNOTE_NAME)))
        return take_noxs_note(image, elf, note, descriptor, err);
    return 0;
}

/* Walks the notes in `notes`; each part is padded to 4 bytes (Xen's rule,
 * whatever the segment's alignment says). */
static int walk_notes(const struct chaos__image *image, struct chaos__elf *elf,
                      const uint8_t *notes, uint64_t size,
                      struct chaos_error *err)
{
    uint64_t at = 0, name_size, descriptor_size;
    Elf64_Nhdr note;
    int rc = 0;

    while (rc == 0 && size - at >= sizeof(note)) {
        memcpy(&note, notes + at, sizeof(note));
        at += sizeof(note);
        name_size = ((uint64_t)note.n_namesz + 3) & ~UINT64_C(3);
        descriptor_size = ((uint64_t)note.n_descsz + 3) & ~UINT64_C(3);
        if (name_size > size - at || descriptor_size > size - at - name_size)
            return bad(image, err, "a note is longer than its segment");
        rc = take_note(image, elf, &note, (const char *)notes + at,
                       notes + at + name_size, err);
        at += name_size + descriptor_size;
    }
    return rc;
}

static int read_notes(const struct chaos__image *image, struct chaos__elf *elf,
                      const Elf64_Phdr *program, struct chaos_error *err)
{
    uint8_t *notes;
    int rc;

    if (program->p_filesz > NOTES_SIZE_MAX)
        return bad(image, err, "its notes are far too large");
    notes = malloc(program->p_filesz + 1);
    if (!notes)
        return chaos__fail_memory(err);
    rc = chaos__image_read(image, program->p_offset, notes, program->p_filesz,
                           err);
    if (rc == 0)
        rc = walk_notes(image, elf, notes, program->p_filesz, err);
    free(notes);
    return rc;
}

static int check_overlap(const struct chaos__image *image,
                         const struct chaos__elf *elf, struct chaos_error *err)
{
    const struct chaos__elf_segment *a, *b;
    unsigned i, j;

    for (i = 0; i < elf->segment_count; i++)
        for (j = 0; j < i; j++) {
            a = &elf->segments[i];
            b = &elf->segments[j];
            if (a->address < b->address + b->memory_size &&
                b->address < a->address + a->memory_size)
                return bad(image, err, "two segments overlap in memory");
        }
    return 0;
}

int chaos__elf_parse(const struct chaos__image *image, struct chaos__elf *elf_r,
                     struct chaos_error *err)
{
    Elf64_Ehdr header;
    Elf64_Phdr program;
    unsigned i;
    int rc;

    memset(elf_r, 0, sizeof(*elf_r));
    rc = read_header(image, &header, err);
    if (rc == 0)
        rc = check_header(image, &header, err);
    elf_r->is_64 = rc == 0 && header.e_machine == EM_X86_64 &&
                   header.e_ident[EI_CLASS] == ELFCLASS64;
    for (i = 0; rc == 0 && i < header.e_phnum; i++) {
        rc = read_program_header(image, &header, i, &program, err);
        if (rc < 0)
            break;
        if (program.p_type == PT_LOAD)
            rc = add_segment(image, elf_r, &program, err);
        else if (program.p_type == PT_NOTE)
            rc = read_notes(image, elf_r, &program, err);
    }
    if (!elf_r->pv.has_entry)
        elf_r->pv.entry = header.e_entry;
    if (rc == 0 && elf_r->segment_count == 0)
        rc = bad(image, err, "nothing in it is to be loaded");
    if (rc == 0)
        rc = check_overlap(image, elf_r, err);
    return rc;
}
