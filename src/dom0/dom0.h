/* SPDX-License-Identifier: MIT */
/*
 * What dom0's kernel does for a guest's devices: interfaces on bridges, and
 * block devices over files.  No program is run for it (script.h does that).
 * It knows no guest and no back end; like src/hv it is faked in the unit tests.
 */
#ifndef CHAOS_SRC_DOM0_H
#define CHAOS_SRC_DOM0_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether dom0's kernel has the driver for back ends of a type ("vif", "vbd").
 * Without it nobody would ever answer. */
int chaos__dom0_backend(const char *type, struct chaos_error *err);

/* Removes what libxl keeps in files of a domain. */
int chaos__dom0_remove_userdata(uint32_t domid, const char *uuid,
                                struct chaos_error *err);

/* Keeps xl's console command, and other processes of ours, from a domain's
 * console until it is unlocked or the process ends.  CHAOS_EBUSY when somebody
 * keeps us from it. */
int chaos__dom0_lock_console(uint32_t domid, int *fd_r,
                             struct chaos_error *err);
void chaos__dom0_unlock_console(uint32_t domid, int fd);

/* ------------------------------------------------------------- network */

/* Whether an interface of that name exists and is a bridge; its MTU. */
int chaos__dom0_bridge(const char *bridge, uint32_t *mtu_r,
                       struct chaos_error *err);

bool chaos__dom0_has_interface(const char *interface);
/* Whether an interface is there and belongs to that bridge. */
bool chaos__dom0_is_joined(const char *interface, const char *bridge);
/* Whether the kernel has a back end for that device of a domain. */
bool chaos__dom0_has_device(const char *type, uint32_t domid, uint32_t id);
/* Whether blkback has opened the disk of that device: until then nobody else
 * may have closed it, or a loop device loses its file. */
bool chaos__dom0_has_disk(uint32_t domid, uint32_t id);

/* Puts an interface on a bridge and raises it, under `new_name` if that is
 * not empty. */
int chaos__dom0_join(const char *interface, const char *new_name,
                     const char *bridge, uint32_t mtu, struct chaos_error *err);

/* --------------------------------------------------------------- disks */

#define CHAOS__LOOP_NONE (-1)
/* Loop devices from this number up are for disks of shells, each at a place of
 * its own: the kernel has a million. */
#define CHAOS__LOOP_SHELLS 4096

struct chaos__dom0_disk {
    int fd;      /* the file's or the block device's */
    int loop_fd; /* the loop device's; -1: there is none */
    int loop;    /* its number; CHAOS__LOOP_NONE: it is a block device */
    bool is_file;
    uint64_t id[2];        /* the same for every path that leads to it */
    uint32_t major, minor; /* of the block device; of a file when attached */
};

/* Opens a raw file or a block device, for reading alone or for both. */
int chaos__dom0_disk_open(const char *path, bool is_writable,
                          struct chaos__dom0_disk *disk_r,
                          struct chaos_error *err);

/* CHAOS_EBUSY: dom0's kernel has a block device for itself, as one that is
 * mounted, swapped to, or part of another; or, where it is only to be read, has
 * it mounted and may write to it. */
int chaos__dom0_device_is_free(const struct chaos__dom0_disk *disk,
                               bool is_writable, const char *path,
                               struct chaos_error *err);

/*
 * CHAOS_EBUSY: somebody else has the file, for another toolstack's guest or for
 * himself, and one of both writes.  A program that only reads it does not
 * count, and on a file system without leases (fcntl(2)) nobody is seen.  Waits
 * a moment for one that is just letting go.  Whoever opens the file meanwhile
 * waits, too, and the process gets SIGURG, which is ignored unless it wants it.
 */
int chaos__dom0_file_is_free(struct chaos__dom0_disk *disk, bool is_writable,
                             const char *path, struct chaos_error *err);

/* Puts a loop device over a file, with direct I/O if it can have that.  The
 * kernel removes it when nobody has it open any more, the disk closed. */
int chaos__dom0_disk_attach(struct chaos__dom0_disk *disk, bool is_writable,
                            struct chaos_error *err);

/*
 * Late-bound disks: a back end takes a loop device that has no file yet.
 * Reserve finds one, that of number `wanted` if it is free; bind puts the file
 * of an open disk under the one that disk->loop names, and fails with
 * CHAOS_EBUSY if somebody else has done that.
 */
int chaos__dom0_loop_reserve(int wanted, struct chaos__dom0_disk *disk_r,
                             struct chaos_error *err);
int chaos__dom0_disk_bind(struct chaos__dom0_disk *disk, bool is_writable,
                          struct chaos_error *err);

/* What a disk that is bound has. */
struct chaos__dom0_geometry {
    uint64_t sectors;     /* of 512 bytes */
    uint32_t sector_size; /* bytes */
    bool can_discard;
};

int chaos__dom0_disk_geometry(const struct chaos__dom0_disk *disk,
                              struct chaos__dom0_geometry *geometry_r,
                              struct chaos_error *err);

/* The id of the file that is under a loop device, as chaos__dom0_disk_open()
 * would tell it. */
int chaos__dom0_loop_id(int loop, uint64_t id_r[2], struct chaos_error *err);

/* Closes what is open; what a back end has open lives on. */
void chaos__dom0_disk_close(struct chaos__dom0_disk *disk);

#endif
