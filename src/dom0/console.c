/* SPDX-License-Identifier: MIT */
#include "dom0.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* XEN_LOCK_DIR, as Xen is built unless told otherwise; tools/console/client
 * has a file there for as long as it shows a console. */
#define DIRECTORY "/var/lock"
#define PATH_SIZE 64

static void name_file(uint32_t domid, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, DIRECTORY "/xenconsole.%u", domid);
}

/* Who had the lock before takes the file away when he is through. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int fail(const char *path, struct chaos_error *err)
{
    return errno == EWOULDBLOCK
               ? chaos__fail(err, CHAOS_EBUSY, "%s: somebody has locked it",
                             path)
               : chaos__fail_errno(err, errno, "locking %s", path);
}

int chaos__dom0_lock_console(uint32_t domid, int *fd_r, struct chaos_error *err)
{
    char path[PATH_SIZE];
    int fd, rc;

    name_file(domid, path);
    do {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return fail(path, err);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            rc = fail(path, err);
            close(fd);
            return rc;
        }
        *fd_r = fd;
        if (is_still_there(fd, path))
            return 0;
        close(fd);
    } while (true);
}

void chaos__dom0_unlock_console(uint32_t domid, int fd)
{
    char path[PATH_SIZE];

    name_file(domid, path);
    unlink(path); /* it is ours until it is closed */
    close(fd);
}
