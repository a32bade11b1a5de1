/* SPDX-License-Identifier: MIT */
#include "unpacked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A host has few kernels; one is some 60 MiB. */
#define KEPT_MAX 8

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_SIZE 9 /* of its first digits, with the NUL */
#define NAME_SIZE 128

bool chaos__unpacked_key(const struct chaos__image *kernel,
                         struct chaos__unpacked_key *key_r)
{
    struct stat status;

    if (kernel->fd < 0 || fstat(kernel->fd, &status) < 0)
        return false;
    *key_r = (struct chaos__unpacked_key){
        .device = status.st_dev,
        .inode = status.st_ino,
        .size = (uint64_t)status.st_size,
        .changed_ns = (uint64_t)status.st_ctim.tv_sec * 1000000000u +
                      (uint64_t)status.st_ctim.tv_nsec,
    };
    return true;
}

static bool read_boot(char boot[BOOT_SIZE])
{
    int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, boot, BOOT_SIZE - 1);

    if (fd >= 0)
        close(fd);
    boot[BOOT_SIZE - 1] = '\0';
    return got == BOOT_SIZE - 1;
}

/* What is in it becomes a guest: nobody else may be able to write there. */
static int open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
        !(status.st_mode & (S_IWGRP | S_IWOTH)))
        return fd;
    close(fd);
    return -1;
}

static bool make_name(const struct chaos__unpacked_key *key,
                      char name[NAME_SIZE])
{
    char boot[BOOT_SIZE];

    if (!read_boot(boot))
        return false;
    snprintf(name, NAME_SIZE, "%s-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64,
             boot, key->device, key->inode, key->size, key->changed_ns);
    return true;
}

bool chaos__unpacked_open(const char *directory, const char *path,
                          const struct chaos__unpacked_key *key,
                          struct chaos__image *image_r)
{
    char name[NAME_SIZE], whole[4096];
    int fd = open_directory(directory), rc = -1;

    if (fd >= 0 && make_name(key, name) &&
        snprintf(whole, sizeof(whole), "/proc/self/fd/%d/%s", fd, name) > 0)
        rc = chaos__image_open(whole, "kernel", image_r, NULL);
    if (fd >= 0)
        close(fd);
    image_r->path = path;
    return rc == 0;
}

/* ---------------------------------------------------------------- keeping */

/* Removes what is of another boot, and the oldest if there is no room for one
 * more; false: there is nothing to remove. */
static bool remove_one(int directory)
{
    char boot[BOOT_SIZE], oldest[NAME_SIZE] = "";
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    struct timespec when = { 0 };
    unsigned count = 0;
    struct dirent *entry;
    struct stat status;

    if (!list || !read_boot(boot)) {
        if (list)
            closedir(list);
        else if (copy >= 0)
            close(copy);
        return false;
    }
    while ((entry = readdir(list))) {
        if (*entry->d_name == '.' || strlen(entry->d_name) >= NAME_SIZE ||
            fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (strncmp(entry->d_name, boot, BOOT_SIZE - 1) != 0)
            status.st_mtim = (struct timespec){ .tv_sec = -1 };
        else
            count++;
        if (!*oldest || status.st_mtim.tv_sec < when.tv_sec ||
            (status.st_mtim.tv_sec == when.tv_sec &&
             status.st_mtim.tv_nsec < when.tv_nsec)) {
            strcpy(oldest, entry->d_name);
            when = status.st_mtim;
        }
    }
    closedir(list);
    return *oldest && (when.tv_sec < 0 || count >= KEPT_MAX) &&
           unlinkat(directory, oldest, 0) == 0;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    ssize_t written;

    while (size > 0) {
        written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* Under another name first: what has its own is whole. */
static bool keep(int directory, const char *name, const void *elf, size_t size)
{
    char new_name[NAME_SIZE + 16];
    bool ok;
    int fd;

    snprintf(new_name, sizeof(new_name), "%s.%d", name, (int)getpid());
    fd = openat(directory, new_name,
                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    ok = write_all(fd, elf, size);
    ok = close(fd) == 0 && ok &&
         renameat(directory, new_name, directory, name) == 0;
    if (!ok)
        unlinkat(directory, new_name, 0);
    return ok;
}

bool chaos__unpacked_keep(const char *directory,
                          const struct chaos__unpacked_key *key,
                          const void *elf, size_t size)
{
    char name[NAME_SIZE];
    bool ok = false;
    int fd;

    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return false;
    fd = open_directory(directory);
    if (fd >= 0 && make_name(key, name)) {
        while (remove_one(fd))
            ;
        ok = keep(fd, name, elf, size);
    }
    if (fd >= 0)
        close(fd);
    return ok;
}
