/* SPDX-License-Identifier: MIT */
/*
 * Dom0's kernel for the unit tests: bridges, interfaces, block devices, loop
 * devices, and the back ends of interfaces and disks, which do what Linux's
 * xen-netback and xen-blkback do with XenStore, grants and ports.  Files are
 * real ones.
 */
#ifndef CHAOS_TESTS_FAKE_DOM0_H
#define CHAOS_TESTS_FAKE_DOM0_H

#include "fake_hv.h"

#include <stdbool.h>
#include <stdint.h>

/* A fresh host has the bridge "xenbr0", of MTU 1500. */
#define FAKE_DOM0_BRIDGE_MTU 1500

void fake_dom0_add_bridge(const char *name, uint32_t mtu);
void fake_dom0_remove_bridge(const char *name);
/* An interface that is no guest's. */
void fake_dom0_add_interface(const char *name);
void fake_dom0_remove_interface(const char *name);

struct fake_interface {
    bool is_used, is_up;
    char name[16], bridge[16]; /* bridge: "" for none */
    uint32_t mtu;
    uint32_t domid, id; /* of the guest's device; domid 0: it is none */
};

/* False: there is none of this name. */
bool fake_dom0_interface(const char *name, struct fake_interface *interface_r);

/* A block device that is no loop device can be opened under this path. */
void fake_dom0_add_device(const char *path, uint32_t major, uint32_t minor,
                          uint64_t sectors);

void fake_dom0_mount(const char *path); /* such a device */

/* What others do with the files of disks: all of them. */
enum fake_file_use {
    FAKE_FILE_UNUSED,
    FAKE_FILE_READ, /* by a loop device that is no guest's of ours */
    FAKE_FILE_WRITTEN,
};
void fake_dom0_use_files(enum fake_file_use use);

unsigned fake_dom0_loops(void);
/* Somebody else puts a file under a loop device that waits for one. */
void fake_dom0_take_loop(int number);
/* A back end that is no longer listed has requests on a loop device; none. */
void fake_dom0_hold_loop(int number, bool hold);
/* The interface is taken off its bridge. */
void fake_dom0_take_off(const char *name);

/*
 * The programs that were run for devices, a line for each: its words, and
 * behind " | " the variables that it had, but for PATH; and "userdata DOMID
 * UUID" when libxl's files of a domain were removed.  The first 8 KiB, valid
 * until the next reset.
 */
const char *fake_dom0_runs(void);
void fake_dom0_forget_runs(void);
/* Called when such a program runs, with its words, in the thread that waits for
 * it; NULL: it does nothing. */
typedef void (*fake_dom0_script_fn)(char *const *words);
void fake_dom0_on_script(fake_dom0_script_fn script);

/* The programs that serve directories and have not been ended; of which guest
 * the first one is ("" for none). */
unsigned fake_dom0_models(void);
const char *fake_dom0_model(void);
/* The program is not installed. */
void fake_dom0_set_no_model(bool is_absent);

/* xl shows the console of a domain; 0: of none. */
void fake_dom0_show_console(uint32_t domid);

/* ------------------------------------------------------------- back ends */

enum fake_backend_type {
    FAKE_VIF,
    FAKE_VBD,
    FAKE_BACKEND_TYPES
};

enum fake_backend_mood {
    FAKE_BACKEND_WILLING, /* connects when all that it needs is there */
    FAKE_BACKEND_ABSENT,  /* its module is not loaded */
    FAKE_BACKEND_SILENT,  /* it does not see new devices */
    FAKE_BACKEND_STUCK,   /* it looks at the device, and does not connect */
    FAKE_BACKEND_REFUSES, /* says why, and closes */
};

void fake_backend_set_mood(enum fake_backend_type type,
                           enum fake_backend_mood mood);
/* They do not wait until somebody waits for them. */
void fake_backend_set_eager(bool eager);
/* Guests do not let go of devices that they are to let go of. */
void fake_backend_set_stubborn(bool is_stubborn);
/* The next one that is to close is just connecting, and says so over that. */
void fake_backend_overwrite(void);
/* The next one whose state is read closes after that, because its guest has let
 * go. */
void fake_backend_let_go(void);
/* They let go of a domain only so many calls of the seam after they were told
 * to, or when they do something else, as a kernel thread would. */
void fake_backend_set_lag(unsigned calls);

/* How many are connected to the domain. */
unsigned fake_backend_count(uint32_t domid);

#endif
