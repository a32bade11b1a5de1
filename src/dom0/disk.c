/* SPDX-License-Identifier: MIT */
#include "dom0.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/loop.h>

/* Between being told of a free loop device and taking it another process may
 * have taken it: each try lets one other get ahead. */
#define LOOP_TRIES 1000

static void forget(struct chaos__dom0_disk *disk)
{
    *disk = (struct chaos__dom0_disk){
        .fd = -1,
        .loop_fd = -1,
        .loop = CHAOS__LOOP_NONE,
    };
}

static int examine(const char *path, struct chaos__dom0_disk *disk,
                   struct chaos_error *err)
{
    struct stat status;

    if (fstat(disk->fd, &status) < 0)
        return chaos__fail_errno(err, errno, "%s", path);
    if (S_ISBLK(status.st_mode)) {
        disk->id[0] = UINT64_MAX; /* no file system's number */
        disk->id[1] = status.st_rdev;
        disk->major = major(status.st_rdev);
        disk->minor = minor(status.st_rdev);
        return 0;
    }
    if (!S_ISREG(status.st_mode))
        return chaos__fail(err, CHAOS_EINVAL,
                           "%s: neither a file nor a block device", path);
    if (status.st_size < 512)
        return chaos__fail(err, CHAOS_EINVAL,
                           "%s: smaller than a sector of 512 bytes; make it "
                           "larger (truncate -s)",
                           path);
    disk->is_file = true;
    disk->id[0] = status.st_dev;
    disk->id[1] = status.st_ino;
    return 0;
}

int chaos__dom0_disk_open(const char *path, bool is_writable,
                          struct chaos__dom0_disk *disk_r,
                          struct chaos_error *err)
{
    int rc;

    forget(disk_r);
    /* Without blocking: a path may lead to a pipe. */
    disk_r->fd =
        open(path, (is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
    if (disk_r->fd < 0)
        return chaos__fail_errno(err, errno, "%s: opening it%s", path,
                                 is_writable ? " for writing" : "");
    rc = examine(path, disk_r, err);
    if (rc < 0)
        chaos__dom0_disk_close(disk_r);
    return rc;
}

static int fail_loop(struct chaos_error *err)
{
    return chaos__fail_errno(err, errno,
                             "getting a loop device (is the module loop "
                             "loaded?)");
}

/* One try to take a loop device: 1, 0 when another process was faster, or an
 * error. */
static int take_loop(struct chaos__dom0_disk *disk, int control,
                     bool is_writable, struct chaos_error *err)
{
    struct loop_config config = {
        .fd = (uint32_t)disk->fd,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
                         (is_writable ? 0 : LO_FLAGS_READ_ONLY),
    };
    int number = ioctl(control, LOOP_CTL_GET_FREE), fd;
    char path[32];

    if (number < 0)
        return fail_loop(err);
    snprintf(path, sizeof(path), "/dev/loop%d", number);
    fd = open(path, (is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        return errno == ENXIO ? 0 : fail_loop(err);
    if (ioctl(fd, LOOP_CONFIGURE, &config) < 0) {
        int errnum = errno;

        close(fd);
        errno = errnum;
        return errnum == EBUSY ? 0 : fail_loop(err);
    }
    disk->loop_fd = fd;
    disk->loop = number;
    return 1;
}

int chaos__dom0_disk_attach(struct chaos__dom0_disk *disk, bool is_writable,
                            struct chaos_error *err)
{
    struct stat status;
    int control, tries, rc = 0;

    if (!disk->is_file)
        return 0;
    control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return fail_loop(err);
    for (tries = 0; rc == 0 && tries < LOOP_TRIES; tries++)
        rc = take_loop(disk, control, is_writable, err);
    close(control);
    if (rc == 0)
        return chaos__fail(err, CHAOS_EBUSY,
                           "getting a loop device: others take them all");
    if (rc < 0)
        return rc;
    if (fstat(disk->loop_fd, &status) < 0)
        return fail_loop(err);
    disk->major = major(status.st_rdev);
    disk->minor = minor(status.st_rdev);
    return 0;
}

void chaos__dom0_disk_close(struct chaos__dom0_disk *disk)
{
    if (disk->loop_fd >= 0)
        close(disk->loop_fd);
    if (disk->fd >= 0)
        close(disk->fd);
    disk->fd = disk->loop_fd = -1;
}
