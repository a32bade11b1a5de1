/* SPDX-License-Identifier: MIT */
/*
 * What the loader needs to know of an ELF kernel, 32 or 64 bits: where its
 * segments go, and what its notes say.  The file is hostile: every offset and
 * size is checked against the file here, against guest memory by the loader.
 * Knows nothing of domains.
 */
#ifndef CHAOS_SRC_ELF_H
#define CHAOS_SRC_ELF_H

#include "image.h"

#define CHAOS__ELF_SEGMENTS_MAX 32

struct chaos__elf_segment {
    uint64_t address; /* guest-physical; a PV kernel's: behind pv.offset */
    uint64_t memory_size;
    uint64_t file_offset;
    uint64_t file_size; /* <= memory_size; the rest is zero */
};

/* What a PV kernel says of itself. */
struct chaos__elf_pv {
    bool is_pv; /* XEN_ELFNOTE_XEN_VERSION */
    bool has_entry, has_hypercalls;
    uint64_t base;       /* virtual address of guest-physical 0 */
    uint64_t offset;     /* what the file's addresses have more than that */
    uint64_t entry;      /* virtual; without the note: the ELF header's */
    uint64_t hypercalls; /* virtual, of the page for Xen to fill */
};

struct chaos__elf {
    bool is_64; /* for x86-64 */
    struct chaos__elf_segment segments[CHAOS__ELF_SEGMENTS_MAX];
    unsigned segment_count;
    uint64_t end; /* first byte behind the last segment */
    bool has_pvh_entry;
    uint32_t pvh_entry; /* XEN_ELFNOTE_PHYS32_ENTRY */
    struct chaos__elf_pv pv;
    uint32_t noxs_version; /* 0: the image does not look for a device page */
};

/* Whether the image starts with ELF's magic number. */
bool chaos__elf_is(const struct chaos__image *image);

int chaos__elf_parse(const struct chaos__image *image, struct chaos__elf *elf_r,
                     struct chaos_error *err);

#endif
