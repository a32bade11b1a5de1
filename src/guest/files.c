/* SPDX-License-Identifier: MIT */
/* What a guest is loaded from: kernel, ramdisk and command line. */
#include "create.h"

#include "build/unpacked.h"
#include "config/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void chaos__files_close(struct chaos__files *files)
{
    chaos__image_close(&files->kernel);
    if (files->has_ramdisk)
        chaos__image_close(&files->ramdisk);
    free(files->command_line);
}

/* For the next create.  Only if the file is still the one that was read. */
static void keep_unpacked(struct chaos *chaos,
                          const struct chaos__image *kernel,
                          const struct chaos__unpacked_key *key,
                          const void *unpacked, size_t size)
{
    struct chaos__unpacked_key now;

    if (!chaos__unpacked_key(kernel, &now) ||
        memcmp(&now, key, sizeof(now)) != 0 ||
        !chaos__unpacked_keep(chaos->cache_dir, key, unpacked, size))
        chaos__log(chaos, CHAOS_LOG_INFO,
                   "%s: unpacked, and could not be kept so in %s", kernel->path,
                   chaos->cache_dir);
}

/* Replaces a compressed kernel by the ELF file in it. */
static int unpack_kernel(struct chaos *chaos, struct chaos__image *kernel,
                         struct chaos_error *err)
{
    const char *path = kernel->path;
    struct chaos__unpacked_key key;
    struct chaos__image kept;
    void *unpacked;
    size_t size;
    int rc;

    if (!chaos__unpacked_key(kernel, &key))
        return chaos__fail_errno(err, errno, "reading %s", path);
    if (chaos__unpacked_open(chaos->cache_dir, path, &key, &kept)) {
        chaos__image_close(kernel);
        *kernel = kept;
        return 0;
    }
    rc = chaos__image_read_all(kernel, err);
    if (rc == 0)
        rc = chaos__ready(chaos, err);
    if (rc < 0)
        return rc;
    rc = chaos__hv_unpack_kernel(chaos->hv, kernel->memory, kernel->size,
                                 &unpacked, &size, err);
    if (rc < 0)
        return chaos__fail_within(err, rc, "%s", path);
    keep_unpacked(chaos, kernel, &key, unpacked, size);
    chaos__image_close(kernel);
    chaos__image_from_memory(path, unpacked, size, kernel);
    return 0;
}

/* What chaos__hv_unpack_kernel() may take: a Linux kernel (its boot protocol's
 * header, Documentation/arch/x86/boot.rst) or what gzip has made. */
static bool may_be_compressed(const struct chaos__image *kernel)
{
    return (kernel->size >= 0x206 &&
            memcmp(kernel->head + 0x202, "HdrS", 4) == 0) ||
           (kernel->size >= 2 && kernel->head[0] == 0x1f &&
            kernel->head[1] == 0x8b);
}

static int read_kernel(struct chaos *chaos, bool unpack,
                       struct chaos__files *files, struct chaos_error *err)
{
    int rc = 0;

    if (!chaos__elf_is(&files->kernel)) {
        if (!may_be_compressed(&files->kernel))
            return chaos__fail(err, CHAOS_EIMAGE,
                               "%s: neither an ELF file nor a compressed Linux "
                               "kernel",
                               files->kernel.path);
        if (!unpack)
            return 0;
        rc = unpack_kernel(chaos, &files->kernel, err);
    }
    if (rc == 0)
        rc = chaos__elf_parse(&files->kernel, &files->elf, err);
    if (rc == 0)
        files->payload.elf = &files->elf;
    return rc;
}

int chaos__files_open(struct chaos *chaos, const struct chaos_config *config,
                      bool unpack, struct chaos__files *files,
                      struct chaos_error *err)
{
    int rc;

    files->has_ramdisk = false;
    files->command_line = NULL;
    rc = chaos__image_open(config->kernel, "kernel", &files->kernel, err);
    if (rc < 0)
        return chaos__config_fail_at(config, CHAOS__KEY_KERNEL, rc, err);
    files->payload = (struct chaos__payload){ .kernel = &files->kernel };
    rc = read_kernel(chaos, unpack, files, err);
    if (rc < 0)
        chaos__config_fail_at(config, CHAOS__KEY_KERNEL, rc, err);
    if (rc == 0 && config->ramdisk) {
        rc =
            chaos__image_open(config->ramdisk, "ramdisk", &files->ramdisk, err);
        if (rc < 0)
            chaos__config_fail_at(config, CHAOS__KEY_RAMDISK, rc, err);
        files->has_ramdisk = rc == 0;
        files->payload.ramdisk = &files->ramdisk;
    }
    if (rc == 0) {
        files->command_line = chaos__config_command_line(config);
        files->payload.command_line = files->command_line;
        if (!files->command_line)
            rc = chaos__fail_memory(err);
    }
    if (rc < 0)
        chaos__files_close(files);
    return rc;
}
