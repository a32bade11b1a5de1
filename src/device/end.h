/* SPDX-License-Identifier: MIT */
/*
 * A device as XenStore has it: a directory for either end (Xen's docs/misc/
 * xenstore-paths.pandoc) with the nodes that its kind needs.  It knows what is
 * written, not when.
 */
#ifndef CHAOS_SRC_DEVICE_END_H
#define CHAOS_SRC_DEVICE_END_H

#include "device.h"

#define CHAOS__STORE_BACKENDS "/local/domain/0/backend"
#define CHAOS__STORE_ERRORS "/local/domain/0/error/backend"

/* Where xl has the programs that do what is done by us.  It runs them when it
 * destroys a guest of ours that speaks to XenStore, which is fine. */
#define CHAOS__SCRIPT_VIF "/etc/xen/scripts/vif-bridge"
#define CHAOS__SCRIPT_VBD "/etc/xen/scripts/block"

#define CHAOS__ENDS_MAX (CHAOS__VIFS_MAX + CHAOS__DISKS_MAX + CHAOS__P9S_MAX)

/* enum xenbus_state, public/io/xenbus.h */
enum chaos__end_state {
    CHAOS__END_UNKNOWN = 0,
    CHAOS__END_INITIALISING = 1,
    CHAOS__END_INIT_WAIT = 2,
    CHAOS__END_INITIALISED = 3,
    CHAOS__END_CONNECTED = 4,
    CHAOS__END_CLOSING = 5,
    CHAOS__END_CLOSED = 6,
};

struct chaos__end {
    const char *type;   /* "vif", "vbd" or "9pfs" */
    uint32_t domid, id; /* id: as the directories are called */
    bool noxs;          /* else the guest plays the front end */
    bool guest_runs;    /* see struct chaos__devices */
    char front[64], back[64];
    char libxl[64]; /* where xl looks for devices; noxs: not used */
    /* one of these pairs; the others are NULL */
    const struct chaos__vif *vif;
    struct chaos__net *net;
    const struct chaos__disk *disk;
    struct chaos__block *block;
    const struct chaos__p9 *p9;
    const char *p9_path;
    bool is_done;     /* waited for no longer */
    bool is_watched;  /* its back end's state */
    bool wants_front; /* the front end's state is to be read, too */
    /* what was read last */
    char state[8], front_state[8];
    char sectors[24], sector_size[16], can_flush[8], can_discard[8];
};

/* Names the directories of a device. */
void chaos__end_place(struct chaos__end *end, const char *type, uint32_t domid,
                      uint32_t id);
/* Those of a guest's devices that are deferred, or all others; returns how
 * many. */
unsigned chaos__ends(struct chaos__devices *devices, uint32_t domid,
                     bool deferred, struct chaos__end ends[CHAOS__ENDS_MAX]);

/*
 * Queues the nodes of both ends.  The front end's come first and the back
 * end's `state` comes last: it is what makes the kernel look at the rest.
 * There are no more than the drivers read, because dom0's kernel asks about
 * each node that changes there; where tools are needed at once, or the guest
 * runs already, theirs as well.
 */
void chaos__end_write(struct chaos__store *store, const struct chaos__end *end);
/* Queues one node of the front end. */
void chaos__end_write_front_state(struct chaos__store *store,
                                  const struct chaos__end *end,
                                  enum chaos__end_state state);
/* Queues the nodes that a shell's device has had otherwise: its address. */
void chaos__end_dress(struct chaos__store *store, const struct chaos__end *end);
/* Queues the nodes that nobody but dom0's tools reads, xl and scripts; of a
 * guest that speaks to XenStore. */
void chaos__end_tell(struct chaos__store *store, const struct chaos__end *end);
/* The script of the user's own that its configuration names, or "". */
const char *chaos__end_script(const struct chaos__end *end);
/* Queues telling the back end that what scripts do has been done. */
void chaos__end_write_plugged(struct chaos__store *store,
                              const struct chaos__end *end);
/* Queues reading a node of the back end. */
void chaos__end_read(struct chaos__store *store, const struct chaos__end *end,
                     const char *node, char *value, size_t size);
void chaos__end_read_front_state(struct chaos__store *store,
                                 struct chaos__end *end);
void chaos__end_watch(struct chaos__store *store, const struct chaos__end *end);
void chaos__end_unwatch(struct chaos__store *store,
                        const struct chaos__end *end);

#endif
