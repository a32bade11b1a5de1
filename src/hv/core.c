/* SPDX-License-Identifier: MIT */
/*
 * A domain's core, in the format of Xen's misc/dump-core-format.txt.
 *
 * That of a PV guest is written by libxenguest.  Of a PVH guest it would try,
 * one by one, all frames up to the highest at which the guest has put anything:
 * the guest chooses that one, out of all that a processor can address.  So only
 * frames are looked at here where a guest is given memory.
 */
#include "handle.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <xen/elfnote.h>
#include <xen/version.h>

#define BATCH 256 /* pages that are mapped at once */

/* Xen's tools/libs/guest/xg_core.h */
#define MAGIC_HVM 0xf00febeeu
#define FORMAT_VERSION 1u

struct note {
    uint32_t name_size, size, type;
    char name[4];
};

struct notes {
    struct note none, header;
    struct {
        uint64_t magic, vcpus, pages, page_size;
    } of_header;
    struct note version;
    struct {
        uint64_t major, minor;
        xen_extraversion_t extra;
        xen_compile_info_t compiled;
        xen_capabilities_info_t capabilities;
        xen_changeset_info_t changeset;
        xen_platform_parameters_t platform;
        uint64_t page_size;
    } of_version;
    struct note format;
    uint64_t of_format;
};

/* In this order in the file, but that the names come last. */
enum section {
    SECTION_NONE,
    SECTION_NAMES,
    SECTION_NOTES,
    SECTION_VCPUS,
    SECTION_SHARED_INFO,
    SECTION_PAGES,
    SECTION_FRAMES,
    SECTIONS,
};

static const char section_names[] = "\0.shstrtab\0.note.Xen\0.xen_prstatus\0"
                                    ".xen_shared_info\0.xen_pages\0.xen_pfn";

struct core {
    struct chaos__hv *hv;
    xc_interface *xc;
    uint32_t domid;
    FILE *file;
    xc_domaininfo_t info;
    struct notes notes;
    vcpu_guest_context_any_t *vcpus;
    uint64_t *frames;  /* of the pages; for what is left, at the end, ~0 */
    void *shared_info; /* NULL: it can't be mapped */
};

/* ------------------------------------------------------------- the headers */

static void fill_note(struct note *note, uint32_t type, size_t size)
{
    *note = (struct note){ .name_size = sizeof(note->name),
                           .size = (uint32_t)size,
                           .type = type,
                           .name = "Xen" };
}

static int fill_notes(struct core *core, unsigned vcpus)
{
    struct notes *notes = &core->notes;
    xc_interface *xc = core->xc;
    int version = xc_version(xc, XENVER_version, NULL);
    int page_size = xc_version(xc, XENVER_pagesize, NULL);

    fill_note(&notes->none, XEN_ELFNOTE_DUMPCORE_NONE, 0);
    fill_note(&notes->header, XEN_ELFNOTE_DUMPCORE_HEADER,
              sizeof(notes->of_header));
    notes->of_header.magic = MAGIC_HVM;
    notes->of_header.vcpus = vcpus;
    notes->of_header.pages = core->info.tot_pages;
    notes->of_header.page_size = CHAOS__PAGE_SIZE;
    fill_note(&notes->version, XEN_ELFNOTE_DUMPCORE_XEN_VERSION,
              sizeof(notes->of_version));
    notes->of_version.major = (uint64_t)version >> 16;
    notes->of_version.minor = (uint64_t)version & 0xffff;
    notes->of_version.page_size = (uint64_t)page_size;
    fill_note(&notes->format, XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION,
              sizeof(notes->of_format));
    notes->of_format = FORMAT_VERSION;
    return version < 0 || page_size < 0 ||
                   xc_version(xc, XENVER_extraversion,
                              &notes->of_version.extra) < 0 ||
                   xc_version(xc, XENVER_compile_info,
                              &notes->of_version.compiled) < 0 ||
                   xc_version(xc, XENVER_capabilities,
                              &notes->of_version.capabilities) < 0 ||
                   xc_version(xc, XENVER_changeset,
                              &notes->of_version.changeset) < 0 ||
                   xc_version(xc, XENVER_platform_parameters,
                              &notes->of_version.platform) < 0
               ? -1
               : 0;
}

/* Where sections start in the file, and what is in between.  A section of no
 * bytes is left out. */
static unsigned fill_sections(const struct core *core,
                              Elf64_Shdr headers[SECTIONS])
{
    const uint64_t pages = core->info.tot_pages;
    const uint64_t context = sizeof(core->vcpus[0]);
    const struct {
        uint32_t type;
        uint64_t size, align, entry;
    } all[SECTIONS] = {
        [SECTION_NAMES] = { SHT_STRTAB, sizeof(section_names), 0, 0 },
        [SECTION_NOTES] = { SHT_NOTE, sizeof(core->notes), 0, 0 },
        [SECTION_VCPUS] = { SHT_PROGBITS, core->notes.of_header.vcpus * context,
                            __alignof__(core->vcpus[0]), context },
        [SECTION_SHARED_INFO] = { SHT_PROGBITS,
                                  core->shared_info ? CHAOS__PAGE_SIZE : 0,
                                  sizeof(uint64_t), CHAOS__PAGE_SIZE },
        [SECTION_PAGES] = { SHT_PROGBITS, pages * CHAOS__PAGE_SIZE,
                            CHAOS__PAGE_SIZE, CHAOS__PAGE_SIZE },
        [SECTION_FRAMES] = { SHT_PROGBITS, pages * sizeof(uint64_t),
                             sizeof(uint64_t), sizeof(uint64_t) },
    };
    const unsigned left_out = core->shared_info ? 0 : 1;
    uint64_t offset =
        sizeof(Elf64_Ehdr) + (SECTIONS - left_out) * sizeof(Elf64_Shdr);
    const char *name = section_names + 1;
    unsigned i, count = 1;

    headers[0] = (Elf64_Shdr){ 0 };
    for (i = 1; i < SECTIONS; name += strlen(name) + 1, i++) {
        if (all[i].size == 0)
            continue;
        if (i == SECTION_PAGES)
            offset = (offset + CHAOS__PAGE_SIZE - 1) &
                     ~(uint64_t)(CHAOS__PAGE_SIZE - 1);
        headers[count++] = (Elf64_Shdr){
            .sh_name = (Elf64_Word)(name - section_names),
            .sh_type = all[i].type,
            .sh_offset = offset,
            .sh_size = all[i].size,
            .sh_addralign = all[i].align,
            .sh_entsize = all[i].entry,
        };
        if (i != SECTION_NAMES)
            offset += all[i].size;
    }
    headers[SECTION_NAMES].sh_offset = offset;
    return count;
}

static Elf64_Ehdr elf_header(unsigned sections)
{
    return (Elf64_Ehdr){
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                     ELFDATA2LSB, EV_CURRENT, ELFOSABI_SYSV, EV_CURRENT },
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_shoff = sizeof(Elf64_Ehdr),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = (Elf64_Half)sections,
        .e_shstrndx = SECTION_NAMES,
    };
}

/* ---------------------------------------------------------------- the pages */

/* Writes those of a batch that the guest has; the number, or -1 with errno. */
static int write_batch(struct core *core, uint64_t first, unsigned count,
                       uint64_t *written)
{
    xen_pfn_t frames[BATCH];
    int errors[BATCH], rc = 0;
    uint8_t *base;
    unsigned i;

    for (i = 0; i < count; i++)
        frames[i] = first + i;
    base = xenforeignmemory_map(core->hv->memory, core->domid, PROT_READ, count,
                                frames, errors);
    if (!base) /* not one of them */
        return 0;
    for (i = 0; rc == 0 && i < count && *written < core->info.tot_pages; i++) {
        if (errors[i])
            continue;
        core->frames[(*written)++] = first + i;
        if (fwrite(base + i * CHAOS__PAGE_SIZE, CHAOS__PAGE_SIZE, 1,
                   core->file) != 1)
            rc = -1;
    }
    xenforeignmemory_unmap(core->hv->memory, base, count);
    return rc;
}

/* What is missing at the end reads as zeroes. */
static int write_pages(struct core *core, uint64_t start, uint64_t frame_count)
{
    const uint64_t pages = core->info.tot_pages;
    uint64_t written = 0, first;
    int rc = fseeko(core->file, (off_t)start, SEEK_SET);

    memset(core->frames, 0xff, pages * sizeof(core->frames[0]));
    for (first = 0; rc == 0 && first < frame_count && written < pages;
         first += BATCH)
        rc = write_batch(core, first,
                         frame_count - first < BATCH
                             ? (unsigned)(frame_count - first)
                             : BATCH,
                         &written);
    if (rc == 0)
        rc = fseeko(core->file, (off_t)(start + pages * CHAOS__PAGE_SIZE),
                    SEEK_SET);
    return rc;
}

/* ------------------------------------------------------------------ all */

static bool put(const struct core *core, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, core->file) == size;
}

static int write_all(struct core *core, uint64_t frame_count)
{
    Elf64_Shdr sections[SECTIONS];
    const unsigned count = fill_sections(core, sections);
    const Elf64_Ehdr header = elf_header(count);

    return put(core, &header, sizeof(header)) &&
                   put(core, sections, count * sizeof(sections[0])) &&
                   put(core, &core->notes, sizeof(core->notes)) &&
                   put(core, core->vcpus, sections[SECTION_VCPUS].sh_size) &&
                   (!core->shared_info ||
                    put(core, core->shared_info, CHAOS__PAGE_SIZE)) &&
                   write_pages(core, sections[count - 2].sh_offset,
                               frame_count) == 0 &&
                   put(core, core->frames, sections[count - 1].sh_size) &&
                   put(core, section_names, sizeof(section_names))
               ? 0
               : -1;
}

/* Those that were ever brought up. */
static int get_vcpus(struct core *core)
{
    unsigned i, count = 0;

    if (core->info.max_vcpu_id == XEN_INVALID_MAX_VCPU_ID) /* none was made */
        return -1;
    core->vcpus = calloc(core->info.max_vcpu_id + 1u, sizeof(core->vcpus[0]));
    if (!core->vcpus)
        return -1;
    for (i = 0; i <= core->info.max_vcpu_id; i++)
        if (xc_vcpu_getcontext(core->xc, core->domid, i, &core->vcpus[count]) ==
            0)
            count++;
    return count == 0 ? -1 : fill_notes(core, count);
}

static void map_shared_info(struct core *core)
{
    xen_pfn_t frame = core->info.shared_info_frame;
    int error;

    core->shared_info = xenforeignmemory_map(core->hv->memory, core->domid,
                                             PROT_READ, 1, &frame, &error);
    if (core->shared_info && error) {
        xenforeignmemory_unmap(core->hv->memory, core->shared_info, 1);
        core->shared_info = NULL;
    }
}

static int dump_pvh(struct core *core, const char *path, uint64_t frame_count)
{
    int rc = -1, saved;

    core->frames = calloc(core->info.tot_pages, sizeof(core->frames[0]));
    core->file = fopen(path, "we");
    if (core->frames && core->file && fchmod(fileno(core->file), 0600) == 0 &&
        get_vcpus(core) == 0) {
        map_shared_info(core);
        rc = write_all(core, frame_count);
    }
    saved = errno;
    if (core->file && fclose(core->file) != 0 && rc == 0) {
        saved = errno;
        rc = -1;
    }
    if (core->shared_info)
        xenforeignmemory_unmap(core->hv->memory, core->shared_info, 1);
    free(core->frames);
    free(core->vcpus);
    errno = saved;
    return rc;
}

int chaos__hv_domain_dump(struct chaos__hv *hv, uint32_t domid,
                          uint64_t frame_count, const char *path,
                          struct chaos_error *err)
{
    struct core core = { .hv = hv, .domid = domid, .xc = chaos__hv_xc(hv) };
    int rc = chaos__hv_memory_open(hv, err);

    if (rc < 0)
        return rc;
    rc = -1;
    errno = 0; /* libxenguest does not always tell why */
    if (core.xc && xc_domain_getinfolist(core.xc, domid, 1, &core.info) == 1 &&
        core.info.domain == domid)
        rc = core.info.flags & XEN_DOMINF_hvm_guest
                 ? dump_pvh(&core, path, frame_count)
                 : xc_domain_dumpcore(core.xc, domid, path);
    if (rc == 0)
        return 0;
    return errno ? chaos__hv_fail(err, domid, "dumping the domain's core")
                 : chaos__fail(err, CHAOS_EFAILED,
                               "dumping the domain's core: %s",
                               *hv->logger.reason ? hv->logger.reason
                                                  : "Xen's library fails");
}
