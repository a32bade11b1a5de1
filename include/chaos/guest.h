/* SPDX-License-Identifier: MIT */
/*
 * Guests: the domains that chaos runs for a user.
 *
 * All functions block for as long as their hypercalls take, chaos_guest_wait()
 * and chaos_guest_wait_up() for as long as they are told.  They first finish
 * or undo what a chaos process that died has left behind.  Who makes or ends a
 * guest with devices, or finishes that for another, waits for XenStore and
 * back ends as well: milliseconds as a rule, no longer than 10 s for each of
 * their answers.
 *
 * Every one can fail with CHAOS_ENOXEN (no Xen under this kernel, or no
 * permission), CHAOS_ENOMEM, or CHAOS_EFAILED (what Xen, dom0's kernel or
 * XenStore refused); functions that take a domid fail with CHAOS_ENOGUEST when
 * no guest has it, with CHAOS_EBUSY while another process works on the guest,
 * and with CHAOS_ENOTSUP for dom0 and for what a domain that another toolstack
 * made is not good for: such a one can be found, shown, paused and unpaused,
 * asked, waited for and destroyed, but has neither a configuration nor a
 * control page, and its name is its toolstack's.  Threads and fork() are as
 * chaos/context.h says.  None may be called from a signal handler.
 */
#ifndef CHAOS_GUEST_H
#define CHAOS_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include <chaos/config.h>
#include <chaos/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define CHAOS_NAME_MAX 127 /* bytes, without the NUL */

/* Domids that guests can have end before it (DOMID_FIRST_RESERVED, xen.h). */
#define CHAOS_DOMID_END 0x7ff0u

/* chaos_guest_create(): leave the guest paused. */
#define CHAOS_CREATE_PAUSED 1u
/* Create it only if it speaks noxs, so that it can be asked for something and
 * waited for: else CHAOS_ENOTSUP, and Xen is not asked for anything. */
#define CHAOS_CREATE_NOXS 2u
/* Make it without a shell, even if one is ready (chaos/pool.h). */
#define CHAOS_CREATE_COLD 4u

enum chaos_guest_type {
    CHAOS_GUEST_PV = 0,
    CHAOS_GUEST_PVH = 1,
};

/* Why a guest ended; the values are Xen's SHUTDOWN_* (public/sched.h). */
enum chaos_guest_end {
    CHAOS_END_POWEROFF = 0,
    CHAOS_END_REBOOT = 1,
    CHAOS_END_SUSPEND = 2,
    CHAOS_END_CRASH = 3,
    CHAOS_END_WATCHDOG = 4,
    CHAOS_END_SOFT_RESET = 5,
    CHAOS_END_HALT = 254,      /* a request alone: see chaos_guest_shutdown() */
    CHAOS_END_DESTROYED = 255, /* it no longer exists */
};

/* What a noxs guest says of itself; the values are NOXS_STATUS_* of
 * noxs/noxs.h. */
enum chaos_guest_status {
    CHAOS_STATUS_BOOTING = 0,
    CHAOS_STATUS_UP = 1,
    CHAOS_STATUS_GOING_DOWN = 2,
    CHAOS_STATUS_CRASHED = 3,
    CHAOS_STATUS_UNKNOWN = 255, /* something else, which means nothing */
};

struct chaos_guest_info {
    uint32_t domid;
    char name[CHAOS_NAME_MAX + 1]; /* "" when the domain has none */
    uint8_t uuid[16];
    uint8_t is_chaos; /* 1: made by chaos */
    uint8_t is_noxs; /* 1: it finds its devices by noxs, and has a page on which
                      * it is asked and says how it is; 0 also if where that
                      * page is is not known any more */
    uint8_t uses_xenstore; /* 1: it finds its devices through XenStore; of
                            * other toolstacks' domains it is not known: 0 */
    uint8_t is_shell;      /* 1: no guest yet: a pool's (chaos/pool.h) */
    uint8_t type;          /* enum chaos_guest_type */
    uint8_t running, blocked, paused, ended, dying; /* Xen's flags, 0 or 1 */
    uint8_t end;          /* enum chaos_guest_end, when ended is 1 */
    uint32_t vcpus;       /* online */
    uint64_t memory_kb;   /* that it has now */
    uint64_t claimed_kb;  /* that Xen has promised it besides */
    uint64_t maxmem_kb;   /* that it may have */
    uint64_t cpu_time_ns; /* of all vCPUs */
    uint64_t created_s;   /* seconds since the epoch; 0: not known */
};

#define CHAOS_CORE_PATH_MAX 4095 /* bytes, without the NUL */

/* What has become of a guest that had ended. */
enum chaos_outcome {
    CHAOS_OUTCOME_NONE = 0, /* nothing: it runs, or another process saw to it */
    CHAOS_OUTCOME_KEPT = 1,
    CHAOS_OUTCOME_DESTROYED = 2,
    CHAOS_OUTCOME_RESTARTED = 3,
};

struct chaos_settled {
    uint8_t outcome; /* enum chaos_outcome */
    uint8_t end;     /* enum chaos_guest_end */
    uint32_t domid;  /* RESTARTED: of the guest that is there now */
    /* RESTARTED, if the ended domain is kept as well: its name now; or "" */
    char kept_name[CHAOS_NAME_MAX + 1];
    char core[CHAOS_CORE_PATH_MAX +
              1]; /* where its core is; "": there is none */
};

/* A guest's control page.  The guest can write to all of it at any time, so
 * nothing here is more than the guest's own word. */
struct chaos_guest_control {
    uint8_t status;  /* enum chaos_guest_status */
    uint8_t pending; /* 1: the last request to it was not acknowledged */
    uint32_t code;   /* that it crashed with; 0: it has not */
    uint64_t up_ns;  /* Xen's system time, ns since the host's boot, when it
                      * came up; 0: it has never been, or has no clock */
};

/*
 * Creates a guest and starts it, unless `flags` has CHAOS_CREATE_PAUSED.  Takes
 * a shell if one of its flavor is ready (chaos/pool.h): then this takes no back
 * ends, and XenStore only for a guest that speaks to it.  The devices of a noxs
 * guest are connected in any case, those of another wait for it.  `config` is
 * not changed and stays the caller's; domid_r may be NULL.  When it returns 0
 * the guest's vCPU may already have run.  On failure nothing of it is left,
 * though back ends may take a moment to let go of it.  On a disk's file a lease
 * is held for a moment (fcntl(2)): whoever opens it just then waits, and the
 * process gets SIGURG, which nobody notices who does not ask for it.
 *
 * Errors: CHAOS_EINVAL (the configuration, a bridge or disk that is none),
 * CHAOS_EIMAGE (the kernel or ramdisk), CHAOS_ENOTSUP (CHAOS_CREATE_NOXS, and a
 * guest that is not to use noxs), CHAOS_EEXIST (name, UUID, MAC address or name
 * of an interface taken), CHAOS_EBUSY (a disk that is in use), CHAOS_ETIMEDOUT
 * (a back end or XenStore does not answer), CHAOS_ENOMEM (memory, domids, room
 * for devices in the registry), CHAOS_EFAILED (a back end that is not there or
 * refuses; anything else).
 */
int chaos_guest_create(struct chaos *chaos, const struct chaos_config *config,
                       unsigned flags, uint32_t *domid_r,
                       struct chaos_error *err);

/* How a guest finds its devices. */
enum chaos_registry_mode {
    CHAOS_REGISTRY_NOXS = 1,     /* from a page in its memory */
    CHAOS_REGISTRY_XENSTORE = 2, /* through XenStore */
};

/*
 * How the guest of a configuration would: returns an enum chaos_registry_mode,
 * and in *why_r a constant string, to be put behind "as", that says what
 * decided.  Reads the kernel, but not what is in a compressed one.  Needs no
 * Xen.  CHAOS_EIMAGE when the configuration says noxs and the kernel does not
 * speak it; else fails as chaos_guest_check().
 */
int chaos_guest_registry(struct chaos *chaos, const struct chaos_config *config,
                         const char **why_r, struct chaos_error *err);

/*
 * Checks all that chaos_guest_create() checks before it asks Xen for a
 * domain: the configuration, the kernel and ramdisk, whether they fit the
 * memory, and in dom0 that back ends, bridges and disks are there, but not
 * who else has them.  Needs no Xen, unless there are devices; what is in a
 * compressed kernel is not looked at.  Fails as a create does.
 */
int chaos_guest_check(struct chaos *chaos, const struct chaos_config *config,
                      struct chaos_error *err);

/*
 * Finds a domain by name or, when `name` is a number, by domid; chaos's
 * guests in O(1).  A name that none of them has is looked for in XenStore,
 * among the domains of other toolstacks, if there are any.
 */
int chaos_guest_find(struct chaos *chaos, const char *name, uint32_t *domid_r,
                     struct chaos_error *err);

/* What a domain, chaos's or not, is doing now.  The name of one that is not
 * chaos's is read from XenStore, "" when that does not answer. */
int chaos_guest_info(struct chaos *chaos, uint32_t domid,
                     struct chaos_guest_info *info_r, struct chaos_error *err);

/*
 * All domains of the host by domid, dom0 and shells included.  Carries out what
 * is due for guests that have ended (on_poweroff and so on) first; what can't
 * be is no error.  The caller frees *list_r with free().
 */
int chaos_guest_list(struct chaos *chaos, struct chaos_guest_info **list_r,
                     size_t *count_r, struct chaos_error *err);

/* The configuration that the guest was created from, complete: with the UUID
 * and MAC addresses that were made up for it, with paths that lead there from
 * any directory, and with the devices that it has now (chaos/device.h).  The
 * caller frees it with chaos_config_free(). */
int chaos_guest_config(struct chaos *chaos, uint32_t domid,
                       struct chaos_config **config_r, struct chaos_error *err);

/*
 * Ends a guest at once and frees all it had.  It is not waited for back ends
 * that let go late: the domain is dying until they have.  CHAOS_EFAILED or
 * CHAOS_ETIMEDOUT also when XenStore is not there to take its devices away: it
 * has ended then, and a later call sees to the rest.
 *
 * Of a domain that another toolstack made, all goes that libxl makes: its back
 * ends are waited for, 10 s at most, its hotplug scripts are run, 40 s at most
 * for each, and its nodes and libxl's files are removed; what a script or a
 * back end fails in is logged.  It still exists when this fails.
 * CHAOS_ENOTSUP, and nothing has happened, when it has a device model or
 * devices that are no interfaces or disks of dom0's kernel.
 */
int chaos_guest_destroy(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err);

/*
 * What destroyed guests leave to be done: 1 if the registry, once another call
 * has opened it, knows of one that back ends have not let go of yet, or whose
 * name is to be taken out of XenStore, else 0; and blocking until that is over,
 * for `timeout_ms` at most, to clear away what is left.  It returns 0, or, when
 * something could not be done, what kept it from that (CHAOS_E*), which is
 * logged; calling it again at once would log it again.  All other calls do what
 * can be done at their time.  The first costs nothing; the second is best
 * called where nobody waits.
 */
int chaos_guest_lingers(struct chaos *chaos);
int chaos_guest_sweep(struct chaos *chaos, int timeout_ms);

/* Stops and continues its vCPUs; back ends go on. */
int chaos_guest_pause(struct chaos *chaos, uint32_t domid,
                      struct chaos_error *err);
int chaos_guest_unpause(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err);

/*
 * Asks a guest to power off (CHAOS_END_POWEROFF), to reboot
 * (CHAOS_END_REBOOT), to suspend (CHAOS_END_SUSPEND) or to power off at once,
 * without an orderly end (CHAOS_END_HALT), and does not wait for it.  Whether
 * it has taken the request is told by chaos_guest_control(); one that it does
 * not know it never acknowledges, and noxs/guest knows no suspend yet.  A guest
 * that speaks to XenStore is asked there, by control/shutdown, and takes that
 * away when it has seen it.  CHAOS_ENOTSUP for a PV guest that was recovered
 * and does not speak to XenStore.
 * A domain that another toolstack made is asked there too, with CHAOS_ENOTSUP
 * if it has said that it does not know the request; what follows its end is its
 * toolstack's.
 */
int chaos_guest_shutdown(struct chaos *chaos, uint32_t domid,
                         enum chaos_guest_end how, struct chaos_error *err);

/*
 * What a guest says of itself now; also one that has ended and is kept.  Maps
 * a page of the guest.  CHAOS_ENOTSUP for a guest that does not speak noxs,
 * CHAOS_EFAILED when it has given its control page away.
 */
int chaos_guest_control(struct chaos *chaos, uint32_t domid,
                        struct chaos_guest_control *control_r,
                        struct chaos_error *err);

/*
 * Waits until a guest has said that it is up; one that has ended since counts
 * as well.  `timeout_ms` < 0 waits for ever.  CHAOS_ETIMEDOUT when it has not:
 * it is left as it is.  CHAOS_EFAILED when it has ended before it was
 * up; what its configuration says about that is carried out.  CHAOS_ENOTSUP
 * for a guest that does not speak noxs.
 */
int chaos_guest_wait_up(struct chaos *chaos, uint32_t domid, int timeout_ms,
                        struct chaos_error *err);

/*
 * Waits until a guest has ended, and carries out what its configuration says
 * about that.  *end_r may be NULL.  `timeout_ms` < 0 waits for ever.
 * CHAOS_ETIMEDOUT when it still runs.  Xen gives a toolstack besides xenstored
 * no event for this, so it looks: every 1 ms at first, 50 ms at last.
 */
int chaos_guest_wait(struct chaos *chaos, uint32_t domid, int timeout_ms,
                     enum chaos_guest_end *end_r, struct chaos_error *err);

/*
 * Writes to XenStore what others look for there, xl above all, and what goes
 * with the guest: the name of a noxs guest, unless that is not to be seen
 * (xl_visible=0); of a guest that uses XenStore, what tools alone read of it
 * and of its devices (docs/xenstore.md).  Does nothing when that is there.  A
 * create does not do this: the guest can do without, and need not wait for it.
 * What chaos restarts it publishes, too; and chaos_guest_list() and events have
 * it done for guests that are five seconds old, a few of them with each call,
 * so that it comes also when who made a guest was killed.  Fails also when
 * XenStore does. chaos_guest_unpublished() tells whether there is something to
 * do: 1 or 0, from the registry alone, once another call has opened it.
 */
int chaos_guest_publish(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err);
int chaos_guest_unpublished(struct chaos *chaos, uint32_t domid);

/*
 * Carries out what a guest's configuration says about its end (on_poweroff and
 * so on), as any other call that notices it does, and tells what was done.  A
 * guest that has not ended, or is kept, is left as it is.  settled_r may be
 * NULL.  A restart fails as chaos_guest_create() does: the ended guest is kept
 * if that could be foreseen, which leaves the outcome NONE, and another call
 * tries again; else it is gone, or put aside, as the outcome says.  CHAOS_EBUSY
 * when another process is about it.  A core that can't be dumped is logged and
 * no error.
 */
int chaos_guest_settle(struct chaos *chaos, uint32_t domid,
                       struct chaos_settled *settled_r,
                       struct chaos_error *err);

/* Gives a guest another name.  CHAOS_EEXIST when it is taken (of a guest that
 * speaks to XenStore, by another toolstack's guest as well), CHAOS_EINVAL
 * when it is none (see chaos.cfg(5)).  The name in XenStore follows; if that
 * fails, the guest has its new name all the same. */
int chaos_guest_rename(struct chaos *chaos, uint32_t domid, const char *name,
                       struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
