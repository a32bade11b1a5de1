/* SPDX-License-Identifier: MIT */
/* What the files of the fake hypervisor share; tests include fake_hv.h. */
#ifndef CHAOS_TESTS_FAKE_STATE_H
#define CHAOS_TESTS_FAKE_STATE_H

#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "fake_tree.h"

#include "dom0/dom0.h"
#include "store/store.h"

#include <pthread.h>

#define FAKE_HOST_KB (UINT64_C(64) << 20)
#define FAKE_HOST_CPUS 4
#define FAKE_OVERHEAD_KB 60       /* struct domain, its pages, ... */
#define FAKE_POOL_DEFAULT_KB 1024 /* Xen's, for every PVH domain */
#define FAKE_LOG_SIZE 4096
#define FAKE_POISON 0xa5
#define FAKE_BRIDGES 8
#define FAKE_INTERFACES 128
#define FAKE_LOOPS 64
#define FAKE_LOOP_OWNERS 4 /* who makes a shell, and who takes it */
#define FAKE_DEVICES 8
#define FAKE_BACKENDS 256
#define FAKE_RUNS_SIZE 8192
#define FAKE_LOOP_MAJOR 7

struct fake_bridge {
    char name[16];
    uint32_t mtu; /* 0: there is none */
};

/* Minor n is loop device n.  One that is not bound has no file yet. */
struct fake_loop {
    bool is_used, is_bound, is_writable;
    uint32_t number;
    uint64_t id[2];               /* of its file */
    int owners[FAKE_LOOP_OWNERS]; /* processes that have it open, or 0 */
    unsigned backends;
    uint64_t sectors;
};

struct fake_device {
    char path[128];
    uint32_t major, minor;
    uint64_t sectors; /* 0: there is none */
    bool is_mounted;
};

struct fake_backend {
    bool is_used, is_connected;
    bool is_closed; /* will never connect again */
    bool is_gone;   /* its directory is */
    bool is_leaving;
    unsigned leave_at; /* fake_state.calls */
    enum fake_backend_type type;
    uint32_t domid, id;
    char directory[128], front[128];
    /* what it has open */
    uint32_t refs[2], port;
    unsigned ref_count;
    bool has_interface, has_disk, has_loop;
    uint32_t loop;
    uint64_t sectors;
};

/* Shared by all processes. */
/* A program that serves directories to a domain. */
#define FAKE_MODELS 8
struct fake_model {
    char uuid[40]; /* as text; "": there is none */
    uint32_t domid;
};

struct fake_state {
    pthread_mutex_t lock;
    /* controls */
    unsigned fail_at, fail_from;
    int fail_code;
    int fail_next[FAKE_HV_CALL_COUNT];
    void (*meanwhile[FAKE_HV_CALL_COUNT])(void);
    unsigned die_at;
    enum fake_hv_death die_when;
    int die_pid;
    bool absent, poison;
    int unpause_reason;
    fake_hv_notify_fn notified;
    size_t chunk; /* of what is received from XenStore */
    unsigned refuse_at, conflicts;
    int refuse_errnum;
    uint64_t releases; /* of domains: what @releaseDomain tells */
    enum fake_backend_mood moods[FAKE_BACKEND_TYPES];
    bool eager, is_stubborn, overwrites, lets_go;
    unsigned lag;
    /* counters: since the controls were set, and for the test */
    unsigned fail_calls, die_calls;
    unsigned counts[FAKE_HV_CALL_COUNT];
    unsigned fallible;
    unsigned offences;
    unsigned requests[FAKE_STORE_REQUESTS];
    unsigned changes; /* requests that could have been refused */
    unsigned calls;   /* since the host is there */
    /* the host */
    uint64_t free_kb;
    uint64_t next_machine; /* machine frames are never used twice */
    uint32_t next_domid;
    uint32_t domid_first, domid_end; /* dom0 aside, all others are between */
    char log[FAKE_LOG_SIZE];
    uint32_t scheduler; /* 0: credit2 */
    struct fake_bridge bridges[FAKE_BRIDGES];
    struct fake_interface interfaces[FAKE_INTERFACES];
    struct fake_loop loops[FAKE_LOOPS];
    struct fake_device devices[FAKE_DEVICES + 1]; /* the last is none */
    enum fake_file_use file_use;
    uint32_t locked_console; /* of that domain; 0: none is */
    struct fake_backend backends[FAKE_BACKENDS];
    unsigned leaving; /* back ends that have not let go yet */
    char runs[FAKE_RUNS_SIZE];
    struct fake_model models[FAKE_MODELS];
    bool has_no_model; /* the program is not installed */
    struct fake_tree tree;
    struct fake_hv_domain domains[CHAOS__DOMIDS];
};

extern struct fake_state *fake_state; /* NULL: not made yet */
extern int fake_memory; /* the host's memory: byte n of it at offset n */

void fake_make(void);
/* Makes it too.  All of it is looked at under the lock. */
void fake_lock(void);
void fake_unlock(void);

/* One call of the seam: counts it, then says whether to fail (0 or a
 * CHAOS_E*), and whether to do half of it.  The lock is held until
 * fake_leave(). */
struct fake_call {
    enum fake_hv_call call;
    bool half, die_after;
};
int fake_enter(struct fake_call *this_call, enum fake_hv_call call,
               struct chaos_error *err);
/* Unlocks, and kills the process when that is planned; returns rc. */
int fake_leave(const struct fake_call *this_call, int rc);

/* A call that no caller of a real hypervisor should make. */
void fake_offence(const char *format, ...) CHAOS__PRINTF(1, 2);

/* Under the lock: */
void fake_use_domid(uint32_t domid);
struct fake_hv_domain *fake_find(uint32_t domid);
int fake_need(uint32_t domid, struct fake_hv_domain **domain_r,
              struct chaos_error *err);
/* The machine frame of a guest frame (of a machine frame for PV). */
bool fake_machine_frame(const struct fake_hv_domain *domain, uint64_t frame,
                        uint64_t *machine_r);
int fake_give_pages(struct fake_hv_domain *domain, uint64_t first,
                    uint64_t pages, struct chaos_error *err);
void fake_take_all(struct fake_hv_domain *domain);
/* Frees the domain, but for what back ends have mapped: it is dying until
 * they let go. */
void fake_destroy(struct fake_hv_domain *domain);
/* A page of it is mapped, by whomsoever; no longer. */
void fake_keep_page(struct fake_hv_domain *domain);
void fake_let_page_go(struct fake_hv_domain *domain);
/* False: the reference is not granted. */
bool fake_map_grant(struct fake_hv_domain *domain, uint32_t reference);
void fake_unmap_grant(struct fake_hv_domain *domain, uint32_t reference);

/* xenstored maps a domain's page and binds its port: 0 or an errno. */
int fake_introduce(uint32_t domid, uint64_t frame, uint32_t port);
/* It lets go; false: it did not know the domain. */
bool fake_release(struct fake_hv_domain *domain);

/* Dom0, under the lock.  NULL, false: there is none, or there is one. */
struct fake_loop *fake_loop_find(uint32_t minor);
const struct fake_device *fake_device_find(uint32_t major, uint32_t minor);
bool fake_backend_is_there(const char *type, uint32_t domid, uint32_t id);
bool fake_backend_has_disk(uint32_t domid, uint32_t id);
bool fake_interface_add(const char *name, uint32_t domid, uint32_t id);
void fake_interface_remove(uint32_t domid, uint32_t id);
bool fake_dom0_check_clean(void);

/* Back ends, under the lock: one does one thing (false: none has anything to
 * do), all see what was removed, those that are late let go. */
bool fake_backends_step(void);
void fake_backends_notice(void);
/* A node was read. */
void fake_backend_was_read(const char *path);
void fake_backends_leave(void);

/* What this process holds: mappings, ports, handles, connections, disks. */
void fake_held_reset(void);
bool fake_held_nothing(void);
void fake_held_mapping(int count);
void fake_held_store(int count);
void fake_held_disk(int count);

/* The ports that this process has bound, for fake_hv_guest_notify(). */
void fake_port_signal(uint32_t domid, uint32_t port);

#endif
