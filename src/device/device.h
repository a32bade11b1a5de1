/* SPDX-License-Identifier: MIT */
/*
 * A guest's devices.  Those of a noxs guest are born connected: rings in its
 * memory, entries in its grant table and ports are made for it while it is
 * paused, and the front end's part towards dom0's kernel back ends is played in
 * XenStore.  When that is done the guest only has to use the rings.  Those of a
 * guest that speaks to XenStore are laid out there as xl does, and it connects
 * to their back ends by itself.
 *
 * It knows back ends, rings and XenStore's nodes for them.  It must not know
 * the registry, names of guests, or how a guest's memory is laid out.
 */
#ifndef CHAOS_SRC_DEVICE_H
#define CHAOS_SRC_DEVICE_H

#include "config/config.h"
#include "dom0/dom0.h"
#include "hv/hv.h"
#include "store/store.h"

/* Interfaces take two pages of the guest's memory, disks one. */
#define CHAOS__RINGS_MAX (2 * CHAOS__VIFS_MAX + CHAOS__DISKS_MAX)

/* A ring's page, and the grant reference for it. */
struct chaos__ring {
    uint64_t frame;
    uint32_t reference;
};

struct chaos__net {
    uint8_t mac[6];
    uint32_t mtu;
    uint32_t port; /* the guest's end, as all ports here */
    struct chaos__ring tx, rx;
    bool is_joined; /* its interface is up, on its bridge */
};

struct chaos__block {
    struct chaos__dom0_disk host;
    uint32_t port;
    struct chaos__ring ring;
    /* Its back end is connected when there is a file: blkback looks once, when
     * it takes a disk, whether there is anything to flush, and a loop device
     * without a file has nothing.  A noxs guest is told by us instead. */
    bool is_deferred;
    /* what the back end says of it */
    uint64_t sectors; /* of 512 bytes */
    uint32_t sector_size;
    bool can_flush, can_discard;
};

struct chaos__devices {
    const struct chaos_config *config;
    bool noxs;       /* born connected */
    bool of_shell;   /* they are there, but for those that were deferred */
    bool guest_runs; /* and may look at them from their first node on */
    unsigned net_count, block_count, p9_count;
    struct chaos__net nets[CHAOS__VIFS_MAX];
    struct chaos__block blocks[CHAOS__DISKS_MAX];
    char *p9_paths[CHAOS__P9S_MAX]; /* absolute, without links */
};

/*
 * Opens the disks that the configuration names; a disk without a target is for
 * a shell, and late-bound, and one with a script is the script's to find.  What
 * is opened is open until chaos__devices_close().  Directories must be there.
 * The configuration must live
 * as long.  MACs that it does not give are left 0.
 */
int chaos__devices_open(const struct chaos_config *config, bool noxs,
                        struct chaos__devices *devices,
                        struct chaos_error *err);
/* Looks whether dom0 has the back ends, the program that directories need, and
 * the bridges; learns the bridges' MTU. */
int chaos__devices_find_host(struct chaos__devices *devices,
                             struct chaos_error *err);
/* Closes what is open in this process; what back ends have lives on. */
void chaos__devices_close(struct chaos__devices *devices);

static inline bool chaos__devices_any(const struct chaos__devices *devices)
{
    return devices->net_count || devices->block_count || devices->p9_count;
}

/* How many pages of the guest's memory their rings take: none if it makes them
 * itself. */
unsigned chaos__devices_rings(const struct chaos__devices *devices);
/* The first grant reference that is the guest's own. */
uint32_t chaos__devices_first_grant(const struct chaos__devices *devices);

/*
 * Makes ports and grants of devices that are born connected.  `frames` are the
 * rings' pages, as many as chaos__devices_rings() says; `pages` is where they
 * are mapped, side by side and zeroed.
 */
int chaos__devices_prepare(struct chaos__hv *hv, uint32_t domid,
                           struct chaos__devices *devices,
                           const uint64_t *frames, void *pages,
                           struct chaos_error *err);

/* CHAOS_EBUSY: something in dom0 has the file of a disk, and one of both
 * writes, which is fine when the user says w!.  Among chaos's guests the
 * registry sees to that, and has been asked.  Waits as
 * chaos__dom0_file_is_free() does. */
int chaos__devices_check_files(struct chaos__devices *devices,
                               struct chaos_error *err);

/* Gets loop devices for the disks that are files; late-bound ones get those
 * from `first_loop` up that are free, and those that are deferred none. */
int chaos__devices_attach(struct chaos__devices *devices, int first_loop,
                          struct chaos_error *err);

/* Sends both ends' nodes: the back ends begin to connect.  What comes of that
 * is told by chaos__devices_finish().  Of a shell's devices that is done for
 * those that were deferred. */
int chaos__devices_connect(struct chaos__store *store, uint32_t domid,
                           struct chaos__devices *devices,
                           struct chaos_error *err);

/* The same for a guest that runs, as one change that it sees at once.
 * CHAOS_ENOGUEST when its directory has gone. */
int chaos__devices_plug(struct chaos__store *store, uint32_t domid,
                        struct chaos__devices *devices,
                        struct chaos_error *err);

/*
 * Waits until every back end is connected, or waits for the guest's front end,
 * learns what it says, and puts the interfaces on their bridges.  A back end
 * that refuses fails with what it says; one that does nothing, after
 * `timeout_ms`.  Scripts that the configuration names are run before that, and
 * each may take 40 s.
 */
int chaos__devices_finish(struct chaos__store *store, uint32_t domid,
                          struct chaos__devices *devices, int timeout_ms,
                          struct chaos_error *err);

bool chaos__devices_have_scripts(const struct chaos_config *config);

/* Queues a request for a back end's state. */
void chaos__devices_ask_state(struct chaos__store *store, uint32_t domid,
                              bool is_net, uint32_t id, char *state,
                              size_t size);

struct chaos__device_name {
    bool is_net;
    uint32_t id; /* as its directory is called */
};

/* Waits, for two seconds at most, until back ends that are being started have
 * started: what they write meanwhile would outlive a removal. */
int chaos__devices_calm(struct chaos__store *store, uint32_t domid,
                        const struct chaos__device_name *names, unsigned count,
                        struct chaos_error *err);

/*
 * Has back ends close and waits, for ten seconds at most, until they have for
 * good; their directories stay.  `by_force`: front ends are taken away, else
 * the guest has to let go of them.  1 when one does not close, which `err`
 * tells then.  No more than CHAOS__ENDS_MAX at a time.
 */
int chaos__devices_dismiss(struct chaos__store *store, uint32_t domid,
                           const struct chaos__device_name *names,
                           unsigned count, bool by_force,
                           struct chaos_error *err);

/* Whether a back end has closed, or is not there: 1, 0, or an error. */
int chaos__device_is_closed(struct chaos__store *store, uint32_t domid,
                            const struct chaos__device_name *name,
                            struct chaos_error *err);

/* Removes all nodes of one device, as one change, with directories that it was
 * alone in. */
int chaos__device_remove(struct chaos__store *store, uint32_t domid,
                         const struct chaos__device_name *name,
                         struct chaos_error *err);

/* Queues taking a domain's back ends away, whatever state they are in: they let
 * go of its memory and ports.  None is no error.  The front ends' directories
 * are the domain's, and are to be removed behind them. */
void chaos__devices_remove(struct chaos__store *store, uint32_t domid);

/* ---------------------------------------------- of a shell that is claimed */

/* Whether all disks are files: only these can be late-bound. */
bool chaos__devices_are_files(const struct chaos__devices *devices);

bool chaos__devices_any_deferred(const struct chaos__devices *devices);

/* Whether they are still what they were made for: interfaces on their bridges,
 * back ends there. */
bool chaos__devices_are_well(const struct chaos__devices *devices,
                             uint32_t domid);
/* Puts the disks' files under their loop devices and learns what they have; one
 * that was deferred gets a loop device now.  CHAOS_EBUSY when somebody has
 * taken one. */
int chaos__devices_bind(struct chaos__devices *devices,
                        struct chaos_error *err);

/* Queues what XenStore says of the devices of a guest that connects to them by
 * itself: their addresses. */
void chaos__devices_dress(struct chaos__store *store, uint32_t domid,
                          struct chaos__devices *devices);

/* Queues what only dom0's tools read of such a guest's devices, of those that
 * have a back end, which it asks and waits for.  In a transaction: it must not
 * bring back one that goes. */
int chaos__devices_tell(struct chaos__store *store, uint32_t domid,
                        struct chaos__devices *devices,
                        struct chaos_error *err);

/* The name of the interface in dom0. */
void chaos__net_interface(const struct chaos__vif *vif, uint32_t domid,
                          char name[CHAOS__INTERFACE_NAME_MAX]);

#endif
