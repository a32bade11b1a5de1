/* SPDX-License-Identifier: MIT */
/* A guest on the way from a shell to an image that is loaded, all that belongs
 * to it.  What should not fail aborts with its message. */
#ifndef CHAOS_TESTS_SUPPORT_LOADING_H
#define CHAOS_TESTS_SUPPORT_LOADING_H

#include "build/elf.h"
#include "build/shell.h"
#include "fake_hv.h"
#include "support.h"

struct loading {
    struct chaos__hv *hv;
    struct chaos__devices devices; /* none: test_device.c has some */
    struct chaos__shell shell;
    struct chaos__image kernel, ramdisk;
    struct chaos__elf elf;
    struct chaos__payload payload;
    struct chaos_error err;
};

extern struct loading loading;

/* For cmocka: a hypervisor with nothing on it, and that nothing is left. */
int loading_setup(void **state);
int loading_teardown(void **state);

/* What it is loaded from; byte `at` of the ramdisk is support_byte(50, at). */
void loading_use(const struct support_image *image, const char *command_line);
void loading_use_ramdisk(size_t size);
void loading_shape(enum chaos__type type, uint64_t memory_kb, unsigned vcpus,
                   bool noxs);

void loading_prepare(void);
int loading_check(void);
void loading_load(void);
/* Destroys the domain. */
void loading_end(void);
struct fake_hv_domain loading_domain(void);

/* Reads the guest's memory: of the kind of addresses that the reader takes. */
typedef bool (*loading_read_fn)(uint32_t domid, uint64_t address, void *buffer,
                                size_t size);
/* Whether the image's segments are there, `distance` above the addresses in
 * the file, and what is behind their content cleared. */
void loading_assert_segments(const struct support_image *image,
                             loading_read_fn read, uint64_t distance);

#endif
