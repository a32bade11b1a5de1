/* SPDX-License-Identifier: MIT */
#include "dom0.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORY "/var/lib/xen"

/* userdata-KIND.DOMID.UUID.NAME, with a letter for the kind:
 * libxl__userdata_path() in libxl_dom.c. */
static bool is_of(const char *name, const char *middle)
{
    static const char start[] = "userdata-";
    const size_t length = sizeof(start) - 1;

    return strncmp(name, start, length) == 0 && name[length] &&
           strncmp(name + length + 1, middle, strlen(middle)) == 0;
}

int chaos__dom0_remove_userdata(uint32_t domid, const char *uuid,
                                struct chaos_error *err)
{
    DIR *directory = opendir(DIRECTORY);
    struct dirent *entry;
    char middle[64];
    int rc = 0;

    if (!directory) /* libxl has never been here */
        return errno == ENOENT
                   ? 0
                   : chaos__fail_errno(err, errno, "reading " DIRECTORY);
    snprintf(middle, sizeof(middle), ".%u.%s.", domid, uuid);
    while ((entry = readdir(directory)))
        if (is_of(entry->d_name, middle) &&
            unlinkat(dirfd(directory), entry->d_name, 0) < 0 && errno != ENOENT)
            rc = chaos__fail_errno(err, errno, "removing " DIRECTORY "/%s",
                                   entry->d_name);
    closedir(directory);
    return rc;
}
