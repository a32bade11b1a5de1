/* SPDX-License-Identifier: MIT */
/* What unit tests share: cmocka's includes, a directory to work in, images
 * made to order, and contexts on the fake hypervisor. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <chaos/chaos.h>

#include "fake_hv.h"

/* A directory for the test; removed with all in it. */
extern char support_dir[64];
int support_setup(void **state); /* makes it, resets the fake */
int support_teardown(void **state);

/* The path of a file in it; valid until the fourth call after. */
const char *support_path(const char *name);
void support_write(const char *name, const void *bytes, size_t size);

/* An ELF image to make. */
struct support_elf {
    bool narrow;      /* 32-bit */
    bool no_entry;    /* no PVH entry note */
    bool noxs;        /* with the noxs note */
    uint64_t address; /* 0: 64 KiB */
    uint64_t bss;
};
#define SUPPORT_ENTRY 0x10010u
#define SUPPORT_CONTENT "content of the segment"

/* Returns its size; `image` has room for 8 KiB. */
size_t support_make_elf(const struct support_elf *elf, uint8_t *image);
/* The same, written to a file. */
void support_write_elf(const char *name, const struct support_elf *elf);

struct chaos *support_open(void);
/* A configuration from text in which %s is the test's directory. */
struct chaos_config *support_config(struct chaos *chaos, const char *text);

/* Nothing but dom0: no domain, all memory free, no mapping, no slot, no file
 * besides the registry. */
void support_assert_clean(void);

#endif
