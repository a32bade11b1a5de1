/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "dom0.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/loop.h>

/* Between being told of a free loop device and taking it another process may
 * have taken it: each try lets one other get ahead. */
#define LOOP_TRIES 1000

#define OPEN_TRIES 100

/* The kernel closes the file of a loop device a moment after that has gone. */
#define FILE_TRIES 8

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

/* Without blocking: a path may lead to a pipe.  That fails while somebody looks
 * whether he is the only one who has the file, which takes no time. */
static int open_patiently(const char *path, int flags)
{
    int fd, tries;

    for (tries = 0; tries < OPEN_TRIES; tries++) {
        fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0 || errno != EWOULDBLOCK)
            return fd;
        chaos__sleep_us(CHAOS__LOOK_FIRST_US);
    }
    return -1;
}

int chaos__dom0_disk_open(const char *path, bool is_writable,
                          struct chaos__dom0_disk *disk_r,
                          struct chaos_error *err)
{
    int rc;

    forget(disk_r);
    disk_r->fd = open_patiently(path, is_writable ? O_RDWR : O_RDONLY);
    if (disk_r->fd < 0)
        return chaos__fail_errno(err, errno, "%s: opening it%s", path,
                                 is_writable ? " for writing" : "");
    rc = examine(path, disk_r, err);
    if (rc < 0)
        chaos__dom0_disk_close(disk_r);
    return rc;
}

/* ----------------------------------------------------------- other users */

static int open_again(const struct chaos__dom0_disk *disk, int flags)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", disk->fd);
    return open_patiently(path, flags);
}

/* Whether a line of /proc/self/mountinfo (proc(5)) is of a file system on the
 * device that can be written to; it is changed. */
static bool is_writable_mount(char *line, const struct chaos__dom0_disk *disk)
{
    char *fields = strstr(line, " - "), *source, *options;
    struct stat status;

    if (!fields || !strtok_r(fields + 3, " ", &fields))
        return false;
    source = strtok_r(NULL, " ", &fields);
    options = strtok_r(NULL, " \n", &fields);
    return options && *source == '/' && strncmp(options, "rw", 2) == 0 &&
           stat(source, &status) == 0 && S_ISBLK(status.st_mode) &&
           major(status.st_rdev) == disk->major &&
           minor(status.st_rdev) == disk->minor;
}

static int check_mounts(const struct chaos__dom0_disk *disk, const char *path,
                        struct chaos_error *err)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    bool is_mounted = false;
    char *line = NULL;
    size_t size = 0;

    if (!mounts)
        return chaos__fail_errno(err, errno, "reading /proc/self/mountinfo");
    while (!is_mounted && getline(&line, &size, mounts) > 0)
        is_mounted = is_writable_mount(line, disk);
    free(line);
    fclose(mounts);
    return is_mounted
               ? chaos__fail(err, CHAOS_EBUSY,
                             "%s: mounted in dom0, which may write to it; what "
                             "a guest reads of it meanwhile would not fit "
                             "together: mount it read-only",
                             path)
               : 0;
}

/* The kernel's own users of a device keep it from being opened like this. */
int chaos__dom0_device_is_free(const struct chaos__dom0_disk *disk,
                               bool is_writable, const char *path,
                               struct chaos_error *err)
{
    int fd;

    if (!is_writable)
        return check_mounts(disk, path, err);
    fd = open_again(disk, O_RDONLY | O_EXCL);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno == EBUSY)
        return chaos__fail(err, CHAOS_EBUSY,
                           "%s: in use in dom0, where it is mounted or part of "
                           "another device; a guest that writes to it as well "
                           "would destroy what is on it",
                           path);
    return chaos__fail_errno(err, errno, "%s: opening it once more", path);
}

/*
 * The kernel gives a lease on a file when nobody else has it open: for writing
 * when it is to be F_RDLCK, for anything when F_WRLCK.  1; 0: it doesn't, for
 * that; or an errno below 0: it does not tell, as to who may not ask.  Where
 * there are no leases (EINVAL) nobody is seen.  Who breaks the lease has the
 * owner told by SIGIO, which would end the process, or by the signal that he
 * prefers.
 */
static int can_lease(int fd, int type)
{
    if (fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, type) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        return 1;
    }
    if (errno == EAGAIN)
        return 0;
    return errno == EACCES ? -EACCES : 1;
}

/* The loop device that has the file; CHAOS__LOOP_NONE: none. */
static int find_loop(const struct chaos__dom0_disk *disk)
{
    DIR *blocks = opendir("/sys/block");
    int number, found = CHAOS__LOOP_NONE;
    struct dirent *entry;
    uint64_t id[2];

    if (!blocks)
        return found;
    while (found == CHAOS__LOOP_NONE && (entry = readdir(blocks)))
        if (sscanf(entry->d_name, "loop%d", &number) == 1 &&
            chaos__dom0_loop_id(number, id, NULL) == 0 &&
            memcmp(id, disk->id, sizeof(id)) == 0)
            found = number;
    closedir(blocks);
    return found;
}

/* Whether others write to a file that is open for writing here, too: only who
 * doesn't can ask.  1, 0, or an error. */
static int is_written(struct chaos__dom0_disk *disk)
{
    int fd = open_again(disk, O_RDONLY), rc;

    if (fd < 0)
        return -errno;
    close(disk->fd);
    disk->fd = fd;
    rc = can_lease(fd, F_RDLCK);
    fd = open_again(disk, O_RDWR);
    if (fd < 0)
        return -errno;
    close(disk->fd);
    disk->fd = fd;
    return rc < 0 ? rc : !rc;
}

static int fail_used(int loop, bool is_writable, const char *path,
                     struct chaos_error *err)
{
    char who[32] = "a program";

    if (loop != CHAOS__LOOP_NONE)
        snprintf(who, sizeof(who), "/dev/loop%d", loop);
    return chaos__fail(
        err, CHAOS_EBUSY,
        "%s: %s has it open%s, perhaps for another "
        "toolstack's guest; %s",
        path, who, is_writable ? "" : " for writing",
        is_writable ? "a guest that writes to it as well would destroy what "
                      "is on it, unless all can share it and say w!"
                    : "what a guest reads of it meanwhile would not fit "
                      "together");
}

int chaos__dom0_file_is_free(struct chaos__dom0_disk *disk, bool is_writable,
                             const char *path, struct chaos_error *err)
{
    int64_t pause_us = CHAOS__LOOK_FIRST_US;
    int tries = 0, loop, rc;

    while ((rc = can_lease(disk->fd, is_writable ? F_WRLCK : F_RDLCK)) == 0) {
        loop = find_loop(disk);
        rc = is_writable && loop == CHAOS__LOOP_NONE ? is_written(disk) : 1;
        if (rc < 0)
            return chaos__fail_errno(err, -rc, "%s: opening it once more",
                                     path);
        if (rc == 0)
            break;
        if (++tries == FILE_TRIES)
            return fail_used(loop, is_writable, path, err);
        chaos__sleep_us(pause_us);
        pause_us = chaos__look_next_us(pause_us);
    }
    return rc < 0 ? chaos__fail_errno(err, -rc,
                                      "%s: asking whether others have it open "
                                      "(it is another user's: CAP_LEASE is "
                                      "needed)",
                                      path)
                  : 0;
}

static int fail_loop(struct chaos_error *err)
{
    return chaos__fail_errno(err, errno,
                             "getting a loop device (is the module loop "
                             "loaded?)");
}

static int open_loop(int number, bool is_writable)
{
    char path[32];

    snprintf(path, sizeof(path), "/dev/loop%d", number);
    return open(path, (is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
}

/* Puts the disk's file under a loop device: 1, 0 when it has another, or an
 * error. */
static int configure_loop(struct chaos__dom0_disk *disk, int number,
                          bool is_writable, struct chaos_error *err)
{
    struct loop_config config = {
        .fd = (uint32_t)disk->fd,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
                         (is_writable ? 0 : LO_FLAGS_READ_ONLY),
    };
    int fd = open_loop(number, is_writable);

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

/*
 * A loop device that has no file.  The kernel names the lowest of those, which
 * may be one that waits under a shell: then a new one is made.
 */
static int find_free(int control)
{
    int number = ioctl(control, LOOP_CTL_GET_FREE);

    return number < CHAOS__LOOP_SHELLS ? number
                                       : ioctl(control, LOOP_CTL_ADD, -1);
}

/* One try to take a loop device: 1, 0 when another process was faster, or an
 * error. */
static int take_loop(struct chaos__dom0_disk *disk, int control,
                     bool is_writable, struct chaos_error *err)
{
    int number = find_free(control);

    return number < 0 ? fail_loop(err)
                      : configure_loop(disk, number, is_writable, err);
}

static int learn_number(struct chaos__dom0_disk *disk, struct chaos_error *err)
{
    struct stat status;

    if (fstat(disk->loop_fd, &status) < 0)
        return fail_loop(err);
    disk->major = major(status.st_rdev);
    disk->minor = minor(status.st_rdev);
    return 0;
}

int chaos__dom0_disk_attach(struct chaos__dom0_disk *disk, bool is_writable,
                            struct chaos_error *err)
{
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
    return rc < 0 ? rc : learn_number(disk, err);
}

/* ----------------------------------------------------------- late-bound */

/* Opens a loop device if it has no file: its descriptor, or -1. */
static int open_unbound(int number)
{
    struct loop_info64 info;
    int fd = open_loop(number, false);

    if (fd < 0 || (ioctl(fd, LOOP_GET_STATUS64, &info) < 0 && errno == ENXIO))
        return fd;
    close(fd);
    return -1;
}

int chaos__dom0_loop_reserve(int wanted, struct chaos__dom0_disk *disk_r,
                             struct chaos_error *err)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = wanted;

    forget(disk_r);
    if (control < 0)
        return fail_loop(err);
    if (ioctl(control, LOOP_CTL_ADD, wanted) >= 0 || errno == EEXIST)
        disk_r->loop_fd = open_unbound(wanted);
    /* Its last user may not have closed it yet, or another has taken it. */
    if (disk_r->loop_fd < 0) {
        number = ioctl(control, LOOP_CTL_ADD, -1);
        disk_r->loop_fd = number < 0 ? -1 : open_unbound(number);
    }
    close(control);
    if (disk_r->loop_fd < 0)
        return fail_loop(err);
    disk_r->loop = number;
    disk_r->is_file = true;
    return learn_number(disk_r, err);
}

int chaos__dom0_disk_bind(struct chaos__dom0_disk *disk, bool is_writable,
                          struct chaos_error *err)
{
    int rc = configure_loop(disk, disk->loop, is_writable, err);

    if (rc == 0)
        return chaos__fail(err, CHAOS_EBUSY,
                           "loop device %d has been taken by somebody else",
                           disk->loop);
    return rc < 0 ? rc : 0;
}

/* The kernel tells it in sysfs alone. */
static bool can_discard(int loop)
{
    char path[64], text[24] = "";
    int fd;

    snprintf(path, sizeof(path), "/sys/block/loop%d/queue/discard_max_bytes",
             loop);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    close(fd);
    return *text && *text != '0' && *text != '\n';
}

int chaos__dom0_disk_geometry(const struct chaos__dom0_disk *disk,
                              struct chaos__dom0_geometry *geometry_r,
                              struct chaos_error *err)
{
    uint64_t bytes;
    int sector_size;

    if (ioctl(disk->loop_fd, BLKGETSIZE64, &bytes) < 0 ||
        ioctl(disk->loop_fd, BLKSSZGET, &sector_size) < 0)
        return chaos__fail_errno(err, errno, "reading the size of a disk");
    *geometry_r = (struct chaos__dom0_geometry){
        .sectors = bytes / 512,
        .sector_size = (uint32_t)sector_size,
        .can_discard = can_discard(disk->loop),
    };
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

int chaos__dom0_loop_id(int loop, uint64_t id_r[2], struct chaos_error *err)
{
    struct loop_info64 info;
    int fd = open_loop(loop, false), rc = 0;

    if (fd < 0)
        return chaos__fail_errno(err, errno, "opening loop device %d", loop);
    if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
        rc = chaos__fail_errno(err, errno, "reading loop device %d", loop);
    close(fd);
    if (rc == 0) {
        id_r[0] = info.lo_device;
        id_r[1] = info.lo_inode;
    }
    return rc;
}
