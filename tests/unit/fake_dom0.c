/* SPDX-License-Identifier: MIT */
/* Dom0's seam: bridges and interfaces, files and loop devices. */
#include "fake_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void lock(void)
{
    fake_make();
    pthread_mutex_lock(&fake_state->lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&fake_state->lock);
}

/* --------------------------------------------------------------- network */

static struct fake_bridge *find_bridge(const char *name)
{
    struct fake_bridge *bridge;

    for (bridge = fake_state->bridges;
         bridge < fake_state->bridges + FAKE_BRIDGES; bridge++)
        if (bridge->mtu && strcmp(bridge->name, name) == 0)
            return bridge;
    return NULL;
}

static struct fake_interface *find_interface(const char *name)
{
    struct fake_interface *interface;

    for (interface = fake_state->interfaces;
         interface < fake_state->interfaces + FAKE_INTERFACES; interface++)
        if (interface->is_used && strcmp(interface->name, name) == 0)
            return interface;
    return NULL;
}

int chaos__dom0_bridge(const char *name, uint32_t *mtu_r,
                       struct chaos_error *err)
{
    const struct fake_bridge *bridge;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_BRIDGE, err);

    bridge = find_bridge(name);
    if (rc == 0 && !bridge)
        rc = chaos__fail(err, CHAOS_EINVAL, "bridge=%s: none here", name);
    if (rc == 0)
        *mtu_r = bridge->mtu;
    return fake_leave(&this_call, rc);
}

bool chaos__dom0_has_interface(const char *name)
{
    struct fake_call this_call;

    fake_enter(&this_call, FAKE_HV_HAS_INTERFACE, NULL);
    return fake_leave(&this_call, find_interface(name) != NULL);
}

bool chaos__dom0_is_joined(const char *name, const char *bridge)
{
    const struct fake_interface *interface;
    struct fake_call this_call;

    fake_enter(&this_call, FAKE_HV_IS_JOINED, NULL);
    interface = find_interface(name);
    return fake_leave(&this_call, interface && find_bridge(bridge) &&
                                      strcmp(interface->bridge, bridge) == 0);
}

bool chaos__dom0_has_device(const char *type, uint32_t domid, uint32_t id)
{
    struct fake_call this_call;

    fake_enter(&this_call, FAKE_HV_HAS_DEVICE, NULL);
    return fake_leave(&this_call, fake_backend_is_there(type, domid, id));
}

bool chaos__dom0_has_disk(uint32_t domid, uint32_t id)
{
    struct fake_call this_call;

    fake_enter(&this_call, FAKE_HV_HAS_DISK, NULL);
    return fake_leave(&this_call, fake_backend_has_disk(domid, id));
}

void fake_dom0_take_off(const char *name)
{
    lock();
    find_interface(name)->bridge[0] = '\0';
    unlock();
}

static int join(struct fake_interface *interface, const char *new_name,
                const char *bridge, uint32_t mtu, struct chaos_error *err)
{
    struct fake_interface *other;

    if (!interface || !find_bridge(bridge))
        return chaos__fail(err, CHAOS_EFAILED, "no interface or no bridge %s",
                           bridge);
    other = *new_name ? find_interface(new_name) : NULL;
    if (other && other != interface)
        return chaos__fail(err, CHAOS_EEXIST, "vifname=%s: taken", new_name);
    if (*new_name)
        snprintf(interface->name, sizeof(interface->name), "%s", new_name);
    snprintf(interface->bridge, sizeof(interface->bridge), "%s", bridge);
    interface->mtu = mtu;
    interface->is_up = true;
    return 0;
}

int chaos__dom0_join(const char *interface, const char *new_name,
                     const char *bridge, uint32_t mtu, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_JOIN, err);

    if (rc == 0)
        rc = join(find_interface(interface), new_name, bridge, mtu, err);
    return fake_leave(&this_call, rc);
}

void fake_dom0_add_bridge(const char *name, uint32_t mtu)
{
    struct fake_bridge *bridge;

    lock();
    bridge = fake_state->bridges;
    while (bridge->mtu)
        if (++bridge == fake_state->bridges + FAKE_BRIDGES)
            abort();
    snprintf(bridge->name, sizeof(bridge->name), "%s", name);
    bridge->mtu = mtu;
    unlock();
}

void fake_dom0_remove_bridge(const char *name)
{
    lock();
    find_bridge(name)->mtu = 0;
    unlock();
}

bool fake_interface_add(const char *name, uint32_t domid, uint32_t id)
{
    struct fake_interface *interface = fake_state->interfaces;

    if (find_interface(name))
        return false;
    while (interface->is_used)
        if (++interface == fake_state->interfaces + FAKE_INTERFACES)
            abort();
    *interface =
        (struct fake_interface){ .is_used = true, .domid = domid, .id = id };
    snprintf(interface->name, sizeof(interface->name), "%s", name);
    return true;
}

void fake_interface_remove(uint32_t domid, uint32_t id)
{
    struct fake_interface *interface;

    for (interface = fake_state->interfaces;
         interface < fake_state->interfaces + FAKE_INTERFACES; interface++)
        if (interface->domid == domid && interface->id == id)
            interface->is_used = false;
}

void fake_dom0_add_interface(const char *name)
{
    lock();
    fake_interface_add(name, 0, 0);
    unlock();
}

void fake_dom0_remove_interface(const char *name)
{
    lock();
    find_interface(name)->is_used = false;
    unlock();
}

bool fake_dom0_interface(const char *name, struct fake_interface *interface_r)
{
    const struct fake_interface *interface;

    lock();
    interface = find_interface(name);
    if (interface)
        *interface_r = *interface;
    unlock();
    return interface;
}

/* -------------------------------------------------------------- consoles */

int chaos__dom0_lock_console(uint32_t domid, int *fd_r, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_LOCK_CONSOLE, err);

    if (rc == 0 && fake_state->locked_console == domid)
        rc = chaos__fail(err, CHAOS_EBUSY, "somebody has locked it");
    if (rc == 0) {
        fake_state->locked_console = domid;
        *fd_r = open("/dev/null", O_RDWR | O_CLOEXEC);
    }
    return fake_leave(&this_call, rc);
}

void chaos__dom0_unlock_console(uint32_t domid, int fd)
{
    fake_dom0_show_console(0);
    close(fd);
    if (domid == 0)
        fake_offence("unlocking the console of dom0");
}

void fake_dom0_show_console(uint32_t domid)
{
    lock();
    fake_state->locked_console = domid;
    unlock();
}

/* ----------------------------------------------------------------- disks */

/* The kernel takes a loop device away when nobody has it open: neither the
 * process that made it nor a back end. */
static void sweep(struct fake_loop *loop)
{
    unsigned i, owners = 0;

    for (i = 0; i < FAKE_LOOP_OWNERS; i++) {
        if (loop->owners[i] && kill(loop->owners[i], 0) < 0)
            loop->owners[i] = 0;
        owners += loop->owners[i] != 0;
    }
    if (!owners && !loop->backends)
        loop->is_used = false;
}

/* One more, or one less, descriptor of this process: `from` to `to`. */
static void change_owner(struct fake_loop *loop, int from, int to)
{
    unsigned i = 0;

    while (loop->owners[i] != from)
        if (++i == FAKE_LOOP_OWNERS)
            abort();
    loop->owners[i] = to;
}

static void hold_loop(struct fake_loop *loop)
{
    change_owner(loop, 0, getpid());
}

static void release_loop(struct fake_loop *loop)
{
    change_owner(loop, getpid(), 0);
}

static void sweep_all(void)
{
    unsigned i;

    for (i = 0; i < FAKE_LOOPS; i++)
        if (fake_state->loops[i].is_used)
            sweep(&fake_state->loops[i]);
}

struct fake_loop *fake_loop_find(uint32_t minor)
{
    struct fake_loop *loop;

    sweep_all();
    for (loop = fake_state->loops; loop < fake_state->loops + FAKE_LOOPS;
         loop++)
        if (loop->is_used && loop->number == minor)
            return loop;
    return NULL;
}

static const struct fake_device *find_device(const char *path)
{
    const struct fake_device *device;

    for (device = fake_state->devices; device->sectors; device++)
        if (strcmp(device->path, path) == 0)
            return device;
    return NULL;
}

static int open_disk(const char *path, int flags, struct chaos__dom0_disk *disk,
                     struct chaos_error *err)
{
    const struct fake_device *device = find_device(path);
    struct stat status;
    int fd = open(device ? "/dev/null" : path, flags | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) < 0)
        return chaos__fail_errno(err, errno, "opening %s", path);
    if (!device && (!S_ISREG(status.st_mode) || status.st_size < 512)) {
        close(fd);
        return chaos__fail(err, CHAOS_EINVAL, "%s: no file for a disk", path);
    }
    *disk = (struct chaos__dom0_disk){
        .fd = fd,
        .loop_fd = -1,
        .loop = CHAOS__LOOP_NONE,
        .is_file = !device,
        .id = { device ? UINT64_MAX : status.st_dev,
                device ? (uint64_t)device->major << 32 | device->minor
                       : status.st_ino },
        .major = device ? device->major : 0,
        .minor = device ? device->minor : 0,
    };
    fake_held_disk(1);
    return 0;
}

int chaos__dom0_disk_open(const char *path, bool is_writable,
                          struct chaos__dom0_disk *disk_r,
                          struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DISK_OPEN, err);

    *disk_r = (struct chaos__dom0_disk){ .fd = -1, .loop_fd = -1, .loop = -1 };
    if (rc == 0)
        rc = open_disk(path, is_writable ? O_RDWR : O_RDONLY, disk_r, err);
    return fake_leave(&this_call, rc);
}

int chaos__dom0_device_is_free(const struct chaos__dom0_disk *disk,
                               bool is_writable, const char *path,
                               struct chaos_error *err)
{
    const struct fake_device *device;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DEVICE_IS_FREE, err);

    (void)is_writable; /* what is mounted can be written to */
    device = fake_device_find(disk->major, disk->minor);
    if (rc == 0 && !device)
        fake_offence("%s is no block device", path);
    else if (rc == 0 && device->is_mounted)
        rc = chaos__fail(err, CHAOS_EBUSY, "%s is mounted", path);
    return fake_leave(&this_call, rc);
}

/* Guests of ours, too: the registry has been asked before about those. */
static bool is_used(const struct chaos__dom0_disk *disk, bool is_writable)
{
    const struct fake_loop *loop;

    sweep_all();
    for (loop = fake_state->loops; loop < fake_state->loops + FAKE_LOOPS;
         loop++)
        if (loop->is_used && loop->is_bound &&
            (is_writable || loop->is_writable) &&
            memcmp(loop->id, disk->id, sizeof(loop->id)) == 0)
            return true;
    return fake_state->file_use == FAKE_FILE_WRITTEN ||
           (is_writable && fake_state->file_use == FAKE_FILE_READ);
}

int chaos__dom0_file_is_free(struct chaos__dom0_disk *disk, bool is_writable,
                             const char *path, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_FILE_IS_FREE, err);

    if (disk->fd < 0 || !disk->is_file)
        fake_offence("%s is no file that is open", path);
    else if (rc == 0 && is_used(disk, is_writable))
        rc = chaos__fail(err, CHAOS_EBUSY, "%s is open elsewhere", path);
    return fake_leave(&this_call, rc);
}

static struct fake_loop *free_loop(void)
{
    struct fake_loop *loop = fake_state->loops;

    sweep_all();
    while (loop < fake_state->loops + FAKE_LOOPS && loop->is_used)
        loop++;
    return loop < fake_state->loops + FAKE_LOOPS ? loop : NULL;
}

static int bind_loop(struct fake_loop *loop, struct chaos__dom0_disk *disk,
                     bool is_writable, struct chaos_error *err)
{
    struct stat status;

    if (loop->is_bound)
        return chaos__fail(err, CHAOS_EBUSY, "loop device %u has a file",
                           loop->number);
    if (fstat(disk->fd, &status) < 0)
        return chaos__fail_errno(err, errno, "looking at a disk's file");
    loop->is_bound = true;
    loop->is_writable = is_writable;
    memcpy(loop->id, disk->id, sizeof(loop->id));
    hold_loop(loop);
    loop->sectors = (uint64_t)status.st_size / 512;
    disk->loop_fd = fcntl(disk->fd, F_DUPFD_CLOEXEC, 0);
    disk->loop = (int)loop->number;
    disk->major = FAKE_LOOP_MAJOR;
    disk->minor = loop->number;
    return 0;
}

static int attach(struct chaos__dom0_disk *disk, bool is_writable,
                  struct chaos_error *err)
{
    struct fake_loop *loop = free_loop();

    if (!loop)
        return chaos__fail(err, CHAOS_EBUSY, "no loop device is free");
    *loop = (struct fake_loop){
        .is_used = true,
        .number = (uint32_t)(loop - fake_state->loops),
    };
    return bind_loop(loop, disk, is_writable, err);
}

int chaos__dom0_disk_attach(struct chaos__dom0_disk *disk, bool is_writable,
                            struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DISK_ATTACH, err);

    if (disk->fd < 0 || disk->loop_fd >= 0)
        fake_offence("attaching a disk that is not open, or twice");
    else if (rc == 0 && disk->is_file)
        rc = attach(disk, is_writable, err);
    return fake_leave(&this_call, rc);
}

static int reserve_loop(int wanted, struct chaos__dom0_disk *disk,
                        struct chaos_error *err)
{
    struct fake_loop *loop = free_loop();

    if (!loop)
        return chaos__fail(err, CHAOS_EBUSY, "no loop device is free");
    if (fake_loop_find((uint32_t)wanted))
        wanted = (int)(loop - fake_state->loops);
    *loop = (struct fake_loop){
        .is_used = true,
        .number = (uint32_t)wanted,
    };
    hold_loop(loop);
    disk->loop_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    disk->loop = wanted;
    disk->is_file = true;
    disk->major = FAKE_LOOP_MAJOR;
    disk->minor = (uint32_t)wanted;
    return 0;
}

int chaos__dom0_loop_reserve(int wanted, struct chaos__dom0_disk *disk_r,
                             struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_LOOP_RESERVE, err);

    *disk_r = (struct chaos__dom0_disk){ .fd = -1, .loop_fd = -1, .loop = -1 };
    if (rc == 0)
        rc = reserve_loop(wanted, disk_r, err);
    return fake_leave(&this_call, rc);
}

int chaos__dom0_disk_bind(struct chaos__dom0_disk *disk, bool is_writable,
                          struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DISK_BIND, err);
    struct fake_loop *loop = fake_loop_find((uint32_t)disk->loop);

    if (disk->fd < 0 || disk->loop_fd >= 0 || !disk->is_file)
        fake_offence("binding a disk that is no open file, or twice");
    else if (rc == 0 && !loop)
        fake_offence("binding a loop device that nobody has open");
    else if (rc == 0)
        rc = bind_loop(loop, disk, is_writable, err);
    return fake_leave(&this_call, rc);
}

int chaos__dom0_loop_id(int number, uint64_t id_r[2], struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_LOOP_ID, err);
    const struct fake_loop *loop = fake_loop_find((uint32_t)number);

    if (rc == 0 && (!loop || !loop->is_bound))
        rc = chaos__fail(err, CHAOS_EFAILED, "loop device %d: none", number);
    if (rc == 0)
        memcpy(id_r, loop->id, sizeof(loop->id));
    return fake_leave(&this_call, rc);
}

int chaos__dom0_disk_geometry(const struct chaos__dom0_disk *disk,
                              struct chaos__dom0_geometry *geometry_r,
                              struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DISK_GEOMETRY, err);
    const struct fake_loop *loop = fake_loop_find((uint32_t)disk->loop);

    if (disk->loop_fd < 0 || !loop)
        fake_offence("the size of a disk that has no loop device");
    else if (rc == 0)
        *geometry_r = (struct chaos__dom0_geometry){ .sectors = loop->sectors,
                                                     .sector_size = 512,
                                                     .can_discard = true };
    return fake_leave(&this_call, rc);
}

void fake_dom0_take_loop(int number)
{
    struct fake_loop *loop;

    lock();
    loop = fake_loop_find((uint32_t)number);
    if (!loop || loop->is_bound)
        abort();
    loop->is_bound = true;
    unlock();
}

void fake_dom0_hold_loop(int number, bool hold)
{
    struct fake_loop *loop;

    lock();
    loop = fake_loop_find((uint32_t)number);
    if (!loop)
        abort();
    if (hold)
        loop->backends++;
    else
        loop->backends--;
    unlock();
}

void chaos__dom0_disk_close(struct chaos__dom0_disk *disk)
{
    struct fake_call this_call;

    fake_enter(&this_call, FAKE_HV_DISK_CLOSE, NULL);
    if (disk->loop_fd >= 0) {
        release_loop(fake_loop_find((uint32_t)disk->loop));
        close(disk->loop_fd);
    }
    if (disk->fd >= 0) {
        fake_held_disk(-1);
        close(disk->fd);
    }
    disk->fd = disk->loop_fd = -1;
    fake_leave(&this_call, 0);
}

void fake_dom0_add_device(const char *path, uint32_t major, uint32_t minor,
                          uint64_t sectors)
{
    struct fake_device *device;

    lock();
    device = fake_state->devices;
    while (device->sectors)
        device++;
    if (device == fake_state->devices + FAKE_DEVICES)
        abort();
    *device = (struct fake_device){ .major = major,
                                    .minor = minor,
                                    .sectors = sectors };
    snprintf(device->path, sizeof(device->path), "%s", path);
    unlock();
}

void fake_dom0_use_files(enum fake_file_use use)
{
    lock();
    fake_state->file_use = use;
    unlock();
}

void fake_dom0_mount(const char *path)
{
    struct fake_device *device;

    lock();
    for (device = fake_state->devices; device->sectors; device++)
        if (strcmp(device->path, path) == 0)
            device->is_mounted = true;
    unlock();
}

const struct fake_device *fake_device_find(uint32_t major, uint32_t minor)
{
    const struct fake_device *device;

    for (device = fake_state->devices; device->sectors; device++)
        if (device->major == major && device->minor == minor)
            return device;
    return NULL;
}

unsigned fake_dom0_loops(void)
{
    unsigned i, count = 0;

    lock();
    sweep_all();
    for (i = 0; i < FAKE_LOOPS; i++)
        count += fake_state->loops[i].is_used;
    unlock();
    return count;
}

/* ------------------------------------------------------------ what is left */

bool fake_dom0_check_clean(void)
{
    bool clean = true;
    unsigned i;

    sweep_all();
    for (i = 0; i < FAKE_LOOPS; i++) {
        if (!fake_state->loops[i].is_used)
            continue;
        fprintf(stderr, "fake_hv: loop device left: %u\n", i);
        clean = false;
    }
    for (i = 0; i < FAKE_INTERFACES; i++) {
        if (!fake_state->interfaces[i].is_used ||
            !fake_state->interfaces[i].domid)
            continue;
        fprintf(stderr, "fake_hv: interface left: %s\n",
                fake_state->interfaces[i].name);
        clean = false;
    }
    if (fake_dom0_models() > 0) {
        fprintf(stderr, "fake_hv: a program is left that serves %s\n",
                fake_dom0_model());
        clean = false;
    }
    return clean;
}
