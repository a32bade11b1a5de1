/* SPDX-License-Identifier: MIT */
/*
 * What several unit tests need: directories, images, configurations, contexts
 * and children.  Whatever fails here is the machine's fault and aborts.
 */
#ifndef CHAOS_TESTS_SUPPORT_H
#define CHAOS_TESTS_SUPPORT_H

#include <chaos/chaos.h>

#include "registry/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A new directory under $TMPDIR; the caller frees it with
 * support_remove_directory(), which removes all that is in it. */
char *support_directory(void);
void support_remove_directory(char *directory);
/* "directory/name"; the caller frees it. */
char *support_path(const char *directory, const char *name);
void support_write_file(const char *path, const void *bytes, size_t size);
/* Files in the directory whose names start so. */
unsigned support_count_files(const char *directory, const char *prefix);

/* ---------------------------------------------------------------- images */

#define SUPPORT_SEGMENTS 40

struct support_segment {
    uint64_t address, memory_size, file_size;
};

struct support_image {
    bool narrow; /* 32-bit ELF */
    bool has_entry;
    uint64_t entry;
    bool wide_notes; /* their numbers have 64 bits */
    uint32_t noxs;   /* 0: no such note */
    bool pv;         /* and what a PV kernel has; its entry is the same */
    uint64_t pv_base, pv_offset, pv_hypercalls; /* 0: no such note */
    unsigned count;
    struct support_segment segments[SUPPORT_SEGMENTS];
};

/* Two segments from 1 MiB up, the second with a bss, and an entry. */
extern const struct support_image support_kernel;

/* The image's bytes, which the caller frees.  Program headers follow the ELF
 * header: one for each segment, then one for the notes. */
uint8_t *support_make_image(const struct support_image *image, size_t *size_r);
/* Byte `at` of segment `number` in the image. */
uint8_t support_byte(unsigned number, uint64_t at);

/* ------------------------------------------------------------ the world */

/* A host with nothing on it but files, and a context on it. */
struct support_world {
    char *directory;
    char *run_dir;     /* not made yet */
    char *dump_dir;    /* likewise */
    char *cache_dir;   /* not there until something is kept */
    char *noxs_kernel; /* PVH and PV */
    char *plain_kernel;
    char *packed_kernel;
    char *ramdisk;
    struct chaos *chaos;
    char log[4096]; /* what the context logged, a line each */
};

#define SUPPORT_RAMDISK_SIZE 5000u

struct support_world *support_world_new(void);
void support_world_free(struct support_world *world);
/* Another context on the same host. */
struct chaos *support_open(struct support_world *world);
/* Closes the world's context and opens another. */
void support_reopen(struct support_world *world);

/* The same, and the registry has gone meanwhile. */
void support_lose_registry(struct support_world *world);

/* name=, type=, kernel=, memory=4, then `more` (lines, or ""). */
struct chaos_config *support_config(struct support_world *world,
                                    const char *name, const char *type,
                                    const char *kernel, const char *more);

/* A raw disk of so many bytes; the caller frees its path. */
char *support_disk(struct support_world *world, const char *name, off_t size);

/* Slots in use, in the registry of the world. */
unsigned support_count_slots(struct support_world *world);
struct chaos__slot support_slot(struct support_world *world, const char *name);

/* ------------------------------------------------------------- children */

/* Runs `work` in a child, which ends with what it returns.  The result is
 * that (0 to 255), or -1 when SIGKILL ended the child. */
typedef int (*support_work_fn)(void *user);
int support_in_child(support_work_fn work, void *user);

#endif
