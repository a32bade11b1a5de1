/* SPDX-License-Identifier: MIT */
/*
 * The registry: what the host's chaos processes know together about guests
 * that Xen does not keep.  A file under run_dir, mapped by every process.
 *
 * It knows slots, names and owners; it makes no hypercall and does not know
 * what a domain is.  Slots are the truth; the indexes by name, UUID and domid,
 * the list of free slots and the list of slots in flight are derived from
 * them, and rebuilt by the next process when one died while changing them.
 *
 * A slot is *in flight* while somebody works on it: PREPARING, CLAIMED, DYING,
 * DUE, CHANGING.
 * Its owner holds a lock of the kernel's on it, which ends with the process,
 * so that an in-flight slot nobody holds is an orphan for the next process to
 * finish or undo.
 */
#ifndef CHAOS_SRC_REGISTRY_H
#define CHAOS_SRC_REGISTRY_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAOS__SLOTS 32752u /* as many as Xen has domids for guests */
#define CHAOS__SLOT_NAME_SIZE 128
#define CHAOS__SLOT_UUID_SIZE 16
#define CHAOS__NO_DOMID UINT32_MAX

enum chaos__slot_state {
    CHAOS__SLOT_FREE,
    CHAOS__SLOT_PREPARING, /* domain, memory and devices are being made */
    CHAOS__SLOT_SHELL,     /* prepared, waiting for a guest */
    CHAOS__SLOT_CLAIMED,   /* image and settings are being filled in */
    CHAOS__SLOT_RUNNING,
    CHAOS__SLOT_DYING, /* everything is being undone */
    /* That is done, but back ends have not let go of the domain yet, or its
     * name is still in XenStore.  Its disks are its own until then; it has
     * neither a name nor a UUID. */
    CHAOS__SLOT_LINGERING,
    /* Neither has it a domain: a guest that has ended is to be created again,
     * from the configuration that is kept. */
    CHAOS__SLOT_DUE,
    CHAOS__SLOT_CHANGING, /* running, while a device of it comes or goes */
};

enum chaos__renaming {
    CHAOS__RENAMING_NOT,
    CHAOS__RENAMING,
    CHAOS__PUTTING_ASIDE, /* with another UUID, too */
};

/* The program that serves directories to a guest. */
enum chaos__slot_model {
    CHAOS__MODEL_NONE,
    CHAOS__MODEL_STARTING,
    CHAOS__MODEL_STARTED, /* it can be found, if it is still there */
};

/* One guest or shell, in shared memory.  Fields above the line belong to the
 * registry and change through its functions alone. */
struct chaos__slot {
    uint32_t state;          /* enum chaos__slot_state */
    uint32_t domid;          /* CHAOS__NO_DOMID until Xen gave one */
    uint32_t owner_pid;      /* for messages; the lock decides */
    uint16_t next, previous; /* in a list: those that are free, in flight or
                              * lingering, or a pool's */
    uint8_t uuid[CHAOS__SLOT_UUID_SIZE];
    char name[CHAOS__SLOT_NAME_SIZE];     /* "": a shell, which has none */
    char new_name[CHAOS__SLOT_NAME_SIZE]; /* while renaming is set */
    uint32_t renaming;                    /* enum chaos__renaming */
    /* ------------------------------------------------------------- */
    uint8_t type;                             /* enum chaos__type */
    uint8_t on_poweroff, on_reboot, on_crash; /* enum chaos__action */
    uint32_t vcpus;
    uint64_t memory_kb;
    uint64_t created_s; /* since the epoch; LINGERING: since when */
    uint64_t console_frame;
    uint64_t control_frame; /* 0: the guest does not speak noxs */
    uint32_t console_port;
    uint32_t control_port;
    uint32_t has_config; /* a copy of its configuration is kept */
    uint32_t has_frames; /* of a PV shell: the frames of its memory */
    uint32_t first_device, last_device; /* 0: none */
    uint32_t are_connected; /* the devices' back ends have all started */
    /* Set: the domain may still carry this UUID, which the shell had. */
    uint8_t shell_uuid[CHAOS__SLOT_UUID_SIZE];
    uint32_t has_shell_uuid;
    uint32_t pool;  /* number of the one it was made for; 0: none */
    uint32_t maker; /* what made the shell: see build/shell.h */
    uint32_t vcpu_header_size;
    uint8_t vcpu_header[32];
    uint64_t device_frame; /* as control_frame */
    uint32_t writes_late;  /* LINGERING: a back end may write nodes again */
    uint32_t store_port;   /* xenstore guests: the guest's end */
    uint64_t store_frame;  /* xenstore guests; 0: it does not use XenStore */
    uint32_t is_hidden;    /* noxs guests: its name is not for XenStore */
    /* XenStore has, for the domain with this domid, what others look for
     * (chaos_guest_publish()); of a noxs guest: or soon will have.  Who notes
     * that may be late, and the slot another domain's. */
    uint32_t published_domid;
    uint32_t has_scripts; /* programs are to be run when its devices go */
    uint8_t on_watchdog;  /* enum chaos__action */
    uint8_t is_aside;     /* it has ended, and is kept beside its successor */
    uint8_t dumps;        /* DYING: how often its core may still be tried */
    uint8_t tries;        /* DUE: how often that was tried */
    uint32_t ended_domid; /* DUE: of the domain that has ended */
    /* DUE: that domain's UUID; while it is put aside: the one that it gets. */
    uint8_t other_uuid[CHAOS__SLOT_UUID_SIZE];
    uint32_t model; /* enum chaos__slot_model */
    /* Behind the last interface that was taken away whatever the guest did:
     * up to there it may still have devices that are no more. */
    uint32_t next_vif;
    uint8_t reserved[12];
};

/* A device of a guest, in shared memory.  Its key is what no other guest may
 * have, or may have with limits: the MAC address, or the disk.  0: none. */
enum chaos__device_kind {
    CHAOS__DEVICE_NET = 1,
    CHAOS__DEVICE_BLOCK = 2,
};

enum chaos__device_use {
    CHAOS__USE_ALONE, /* nobody else */
    CHAOS__USE_READ,  /* with others that only read */
    CHAOS__USE_WRITE, /* with others that say the same */
};

enum chaos__device_change {
    CHAOS__CHANGE_NONE,
    CHAOS__CHANGE_COMING,
    CHAOS__CHANGE_GOING,  /* if the guest lets go of it */
    CHAOS__CHANGE_FORCED, /* going, whatever the guest does */
};

struct chaos__device {
    uint16_t slot; /* whose it is; 0: nobody's */
    uint8_t kind;  /* enum chaos__device_kind */
    uint8_t use;   /* enum chaos__device_use */
    uint32_t next; /* of its slot or of those that are free */
    uint32_t same; /* next with the same place in the index of keys */
    uint32_t id;   /* as the back end's directory is called */
    uint64_t key[2];
    /* ------------------------------------------------------------- */
    char name[16];   /* network: of the interface in dom0; disk: "xvda" */
    char bridge[16]; /* network */
    uint8_t mac[6];
    uint8_t ipv4[4], gateway[4], prefix;
    uint8_t is_cdrom;
    int32_t loop;          /* disk: number of the loop device, -1: none */
    uint32_t major, minor; /* disk: of the device that the back end uses */
    uint32_t port;
    uint32_t references[2];
    uint64_t frames[2]; /* of the rings that they grant */
    uint32_t mtu;       /* network */
    uint16_t place;     /* among its slot's, from 1; the registry's */
    uint8_t change;     /* enum chaos__device_change; of a slot CHANGING */
    uint8_t reserved;
};

struct chaos__registry;

/* Opens it, making run_dir and the file when they are not there.  CHAOS_EFAILED
 * when the file is none, or of another version; CHAOS_ENOMEM when the file
 * system is full, as in all that takes a slot or adds to one. */
int chaos__registry_open(const char *run_dir,
                         struct chaos__registry **registry_r,
                         struct chaos_error *err);
void chaos__registry_close(struct chaos__registry *registry);

/*
 * Renames a file that cannot be opened as a registry, so that a new one can be
 * made: 1, with where it is now; 0 when there is none, or nothing is wrong with
 * it; or an error.
 */
int chaos__registry_put_aside(const char *run_dir, char *path_r, size_t size,
                              struct chaos_error *err);

/*
 * Enters a domain that exists and that no slot knows, as *wanted says, which
 * is RUNNING, or DYING and ours then: there is no moment at which a process
 * that dies leaves a guest to be undone.  It gets slot `number` if that is
 * free; 0: any.  CHAOS_EEXIST as chaos__registry_reserve().
 */
int chaos__registry_adopt(struct chaos__registry *registry,
                          const struct chaos__slot *wanted, unsigned number,
                          struct chaos__slot **slot_r, struct chaos_error *err);

/* A configuration that is kept and belongs to no slot that is in use. */
struct chaos__kept {
    unsigned number; /* of the slot that it was kept for */
    uint64_t kept_s; /* when, since the epoch */
    char *text;
};

/* All of them, the highest number first; what cannot be read is left out.  The
 * caller frees them with chaos__registry_free_kept(). */
int chaos__registry_list_kept(struct chaos__registry *registry,
                              struct chaos__kept **list_r, size_t *count_r,
                              struct chaos_error *err);
void chaos__registry_free_kept(struct chaos__kept *list, size_t count);
/* Removes all that is kept for no slot. */
int chaos__registry_drop_stale(struct chaos__registry *registry,
                               struct chaos_error *err);

/*
 * Takes a free slot for a new guest, or for a shell, which has no name (NULL):
 * PREPARING, ours.  CHAOS_EEXIST when the name or the UUID is taken (*taken_r,
 * if not NULL, is who has it); CHAOS_ENOMEM when no slot is free.
 */
int chaos__registry_reserve(struct chaos__registry *registry, const char *name,
                            const uint8_t *uuid, struct chaos__slot **slot_r,
                            struct chaos__slot **taken_r,
                            struct chaos_error *err);

/* Records the domid that Xen gave.  A slot that still had it has lost its
 * domain without us: it has CHAOS__NO_DOMID then. */
int chaos__registry_set_domid(struct chaos__registry *registry,
                              struct chaos__slot *slot, uint32_t domid,
                              struct chaos_error *err);

/* Moves a slot that we own on; SHELL is chaos__pool_offer()'s.  RUNNING and
 * LINGERING end our ownership. */
int chaos__registry_set_state(struct chaos__registry *registry,
                              struct chaos__slot *slot,
                              enum chaos__slot_state state,
                              struct chaos_error *err);

/* Makes a RUNNING slot or a SHELL ours, and DYING, or a RUNNING one CHANGING.
 * CHAOS_EBUSY when somebody works on it, CHAOS_ENOGUEST when it is no longer
 * that domain's: a guest that is restarted keeps its UUID, and may keep its
 * slot. */
int chaos__registry_take(struct chaos__registry *registry,
                         struct chaos__slot *slot, uint32_t domid,
                         const uint8_t *uuid, enum chaos__slot_state state,
                         struct chaos_error *err);

/* The same for one whose core is to be written before it goes, with so many
 * tries: DYING, and whoever finds it so later knows that. */
int chaos__registry_take_to_dump(struct chaos__registry *registry,
                                 struct chaos__slot *slot, uint32_t domid,
                                 const uint8_t *uuid, unsigned tries,
                                 struct chaos_error *err);

/* Gives up a slot in flight without finishing it: the next process will. */
void chaos__registry_abandon(struct chaos__registry *registry,
                             struct chaos__slot *slot);

/* Frees a slot that we own, with all that is kept for it. */
int chaos__registry_free(struct chaos__registry *registry,
                         struct chaos__slot *slot, struct chaos_error *err);

/* Gives a running guest another name.  CHAOS_EEXIST when it is taken,
 * CHAOS_ENOGUEST when the slot is no longer that domain's. */
int chaos__registry_rename(struct chaos__registry *registry,
                           struct chaos__slot *slot, uint32_t domid,
                           const uint8_t *uuid, const char *name,
                           struct chaos_error *err);

/*
 * Puts a running guest that has ended aside: it gets another name and UUID, so
 * that its successor can have those that it had.  The domain may still carry
 * the old UUID (has_shell_uuid).  CHAOS_EEXIST when the name is taken,
 * CHAOS_ENOGUEST when it is no longer that domain's.
 */
int chaos__registry_put_guest_aside(struct chaos__registry *registry,
                                    struct chaos__slot *slot, uint32_t domid,
                                    const uint8_t *uuid, const char *name,
                                    const uint8_t *new_uuid,
                                    struct chaos_error *err);

/* Look-ups, each in O(1); NULL when there is none. */
struct chaos__slot *chaos__registry_by_name(struct chaos__registry *registry,
                                            const char *name);
struct chaos__slot *chaos__registry_by_domid(struct chaos__registry *registry,
                                             uint32_t domid);
struct chaos__slot *chaos__registry_by_uuid(struct chaos__registry *registry,
                                            const uint8_t *uuid);

/* Makes anew all that is derived from the slots: for who has reason to doubt
 * it. */
int chaos__registry_rederive(struct chaos__registry *registry,
                             struct chaos_error *err);

/* From 1: a slot keeps its number. */
unsigned chaos__registry_number(const struct chaos__registry *registry,
                                const struct chaos__slot *slot);

/* The next in-flight slot that has no owner, made ours; NULL when there is
 * none.  Costs nothing when no slot is in flight. */
struct chaos__slot *
chaos__registry_next_orphan(struct chaos__registry *registry);

/* Makes this slot ours if it is in flight and has no owner. */
bool chaos__registry_take_orphan(struct chaos__registry *registry,
                                 struct chaos__slot *slot);

/* The next LINGERING slot: start with NULL, ends with NULL.  Costs nothing when
 * there is none. */
struct chaos__slot *
chaos__registry_next_lingering(struct chaos__registry *registry,
                               struct chaos__slot *after);
/* Makes a LINGERING slot ours, and DYING; false: another does, or it is no
 * longer that one. */
bool chaos__registry_take_lingering(struct chaos__registry *registry,
                                    struct chaos__slot *slot);

/* The slots in use, in order: start with NULL, ends with NULL. */
struct chaos__slot *chaos__registry_next(struct chaos__registry *registry,
                                         struct chaos__slot *after);

/*
 * Adds a device to a slot of ours: a copy of *device, whose key is checked
 * against all others'.  CHAOS_EEXIST when a MAC is taken, CHAOS_EBUSY when a
 * disk is in use otherwise, CHAOS_ENOMEM when there are too many devices.  A
 * slot's devices go when it is freed.
 */
int chaos__registry_add_device(struct chaos__registry *registry,
                               struct chaos__slot *slot,
                               const struct chaos__device *device,
                               struct chaos__device **device_r,
                               struct chaos_error *err);

/* The devices of a slot, in the order in which they were added: start with
 * NULL, ends with NULL. */
struct chaos__device *
chaos__registry_next_device(struct chaos__registry *registry,
                            const struct chaos__slot *slot,
                            const struct chaos__device *after);

/* Forgets one of them, of a slot of ours. */
int chaos__registry_drop_device(struct chaos__registry *registry,
                                struct chaos__slot *slot,
                                struct chaos__device *device,
                                struct chaos_error *err);

/* Forgets the devices of a slot that stays. */
int chaos__registry_drop_devices(struct chaos__registry *registry,
                                 struct chaos__slot *slot,
                                 struct chaos_error *err);

/* Who keeps chaos__registry_add_device() from adding such a device, of which
 * kind, use and key count; NULL when nobody does. */
struct chaos__slot *chaos__registry_rival(struct chaos__registry *registry,
                                          const struct chaos__device *wanted);

/* The frames of a PV shell's memory, kept in the same way. */
int chaos__registry_keep_frames(struct chaos__registry *registry,
                                struct chaos__slot *slot,
                                const uint64_t *frames, uint64_t count,
                                struct chaos_error *err);
/* Takes them back, once; the caller frees *frames_r.  CHAOS_ENOGUEST when
 * there are not as many. */
int chaos__registry_take_frames(struct chaos__registry *registry,
                                struct chaos__slot *slot, uint64_t count,
                                uint64_t **frames_r, struct chaos_error *err);

/* A copy of the guest's configuration, kept beside the slot until it is
 * freed. */
int chaos__registry_keep_config(struct chaos__registry *registry,
                                struct chaos__slot *slot, const char *text,
                                struct chaos_error *err);
/* Has another one take its place in one step: who dies on the way leaves the
 * old one or the new one. */
int chaos__registry_replace_config(struct chaos__registry *registry,
                                   const struct chaos__slot *slot,
                                   const char *text, struct chaos_error *err);
/* Removes what somebody who died in that has left of the new one. */
void chaos__registry_drop_new_config(struct chaos__registry *registry,
                                     const struct chaos__slot *slot);
/* Reads it back; the caller frees *text_r. */
int chaos__registry_read_config(struct chaos__registry *registry,
                                const struct chaos__slot *slot, char **text_r,
                                struct chaos_error *err);

#endif
