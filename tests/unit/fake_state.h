/* SPDX-License-Identifier: MIT */
/* What the files of the fake hypervisor share; tests include fake_hv.h. */
#ifndef CHAOS_TESTS_FAKE_STATE_H
#define CHAOS_TESTS_FAKE_STATE_H

#include "fake_hv.h"

#include <pthread.h>

#define FAKE_HOST_KB (UINT64_C(64) << 20)
#define FAKE_HOST_CPUS 4
#define FAKE_OVERHEAD_KB 60       /* struct domain, its pages, ... */
#define FAKE_POOL_DEFAULT_KB 1024 /* Xen's, for every PVH domain */
#define FAKE_LOG_SIZE 4096
#define FAKE_POISON 0xa5

/* Shared by all processes. */
struct fake_state {
    pthread_mutex_t lock;
    /* controls */
    unsigned fail_at, fail_from;
    int fail_code;
    int fail_next[FAKE_HV_CALL_COUNT];
    unsigned die_at;
    enum fake_hv_death die_when;
    int die_pid;
    bool absent, poison;
    int unpause_reason;
    fake_hv_notify_fn notified;
    /* counters: since the controls were set, and for the test */
    unsigned fail_calls, die_calls;
    unsigned counts[FAKE_HV_CALL_COUNT];
    unsigned fallible;
    unsigned offences;
    /* the host */
    uint64_t free_kb;
    uint64_t next_machine; /* machine frames are never used twice */
    uint32_t next_domid, domid_end;
    char log[FAKE_LOG_SIZE];
    struct fake_hv_domain domains[CHAOS__DOMIDS];
};

extern struct fake_state *fake_state; /* NULL: not made yet */
extern int fake_memory; /* the host's memory: byte n of it at offset n */

void fake_make(void);

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
struct fake_hv_domain *fake_find(uint32_t domid);
int fake_need(uint32_t domid, struct fake_hv_domain **domain_r,
              struct chaos_error *err);
/* The machine frame of a guest frame (of a machine frame for PV). */
bool fake_machine_frame(const struct fake_hv_domain *domain, uint64_t frame,
                        uint64_t *machine_r);
int fake_give_pages(struct fake_hv_domain *domain, uint64_t first,
                    uint64_t pages, struct chaos_error *err);
void fake_take_all(struct fake_hv_domain *domain);

/* What this process holds: mappings, ports, handles. */
void fake_held_reset(void);
bool fake_held_nothing(void);
void fake_held_mapping(int count);

/* The ports that this process has bound, for fake_hv_guest_notify(). */
void fake_port_signal(uint32_t domid, uint32_t port);

#endif
