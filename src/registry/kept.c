/* SPDX-License-Identifier: MIT */
/* The configurations that are kept beside the slots, a file each. */
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_SIZE_MAX (1u << 20)

static void config_path(const struct chaos__registry *registry,
                        const struct chaos__slot *slot, char path[4096])
{
    snprintf(path, 4096, "%s/guest-%u.cfg", registry->dir,
             (unsigned)chaos__slot_number(registry, slot));
}

void chaos__registry_drop_config(struct chaos__registry *registry,
                                 struct chaos__slot *slot)
{
    char path[4096];

    if (!slot->has_config)
        return;
    config_path(registry, slot, path);
    unlink(path);
}

int chaos__registry_keep_config(struct chaos__registry *registry,
                                struct chaos__slot *slot, const char *text,
                                struct chaos_error *err)
{
    size_t length = strlen(text);
    char path[4096];
    int fd, rc = 0;

    config_path(registry, slot, path);
    /* First: who dies in between must leave no file that nobody removes. */
    slot->has_config = 1;
    chaos__barrier();
    fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return chaos__fail_errno(err, errno, "keeping the configuration: %s",
                                 path);
    if (write(fd, text, length) != (ssize_t)length)
        rc = chaos__fail_errno(err, errno ? errno : ENOSPC,
                               "keeping the configuration: %s", path);
    close(fd);
    return rc;
}

int chaos__registry_read_config(struct chaos__registry *registry,
                                const struct chaos__slot *slot, char **text_r,
                                struct chaos_error *err)
{
    struct stat status;
    char path[4096], *text = NULL;
    int fd, rc = 0;
    ssize_t got;

    config_path(registry, slot, path);
    fd = slot->has_config ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "guest %s: no configuration is kept", slot->name);
    if (fstat(fd, &status) < 0 || status.st_size > CONFIG_SIZE_MAX) {
        rc = chaos__fail(err, CHAOS_EFAILED, "%s: unreadable", path);
        goto out;
    }
    text = malloc((size_t)status.st_size + 1);
    if (!text) {
        rc = chaos__fail_memory(err);
        goto out;
    }
    got = read(fd, text, (size_t)status.st_size);
    if (got != status.st_size) {
        rc = chaos__fail(err, CHAOS_EFAILED, "%s: unreadable", path);
        goto out;
    }
    text[got] = '\0';
    *text_r = text;
    text = NULL;
out:
    free(text);
    close(fd);
    return rc;
}
