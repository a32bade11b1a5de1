/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor for unit tests, behind the same seam as the real one: domains,
 * memory with content, ports and vCPU state, in memory that outlives the
 * process that uses it.  A call can be made to fail, or to kill the process
 * before or after its effect.
 */
#ifndef FAKE_HV_H
#define FAKE_HV_H

#include "hv/hv.h"

#include <stdbool.h>
#include <stdint.h>

#define FAKE_DOMAINS 64
#define FAKE_TOTAL_KB (512u << 10)
/* What a domain costs Xen besides its memory. */
#define FAKE_OVERHEAD_KB 64u

enum fake_call {
    FAKE_CREATE,
    FAKE_DESTROY,
    FAKE_PAUSE,
    FAKE_UNPAUSE,
    FAKE_INFO,
    FAKE_LIST,
    FAKE_CREATE_VCPUS,
    FAKE_CPU_POLICY,
    FAKE_PIN,
    FAKE_MAX_MEMORY,
    FAKE_PAGING_POOL,
    FAKE_POPULATE,
    FAKE_MAP,
    FAKE_SET_PARAM,
    FAKE_MEMORY_MAP,
    FAKE_PREPARE_VCPUS,
    FAKE_SET_ENTRY,
    FAKE_UNPACK,
    FAKE_PV_BUILD,
    FAKE_PORT_ALLOC,
    FAKE_PORT_BIND,
    FAKE_PORT_NOTIFY,
    FAKE_CALLS
};

enum fake_when {
    FAKE_BEFORE, /* the call's effect */
    FAKE_AFTER,
};

/* Starts from nothing: dom0 alone, all memory free.  Call it before fork(). */
void fake_hv_reset(void);

/* The n-th call from now (1: the next) fails with this code; 0: none. */
void fake_hv_fail_at(unsigned n, int code);
/* The n-th call from now kills the process. */
void fake_hv_die_at(unsigned n, enum fake_when when);
/* Calls since the last reset of the counters, of one kind or of all. */
unsigned fake_hv_count(enum fake_call call);
unsigned fake_hv_count_all(void);
void fake_hv_reset_counts(void);

/* A guest that is unpaused shuts down at once for this reason; -1: it runs. */
void fake_hv_on_unpause(int reason);
void fake_hv_shut_down(uint32_t domid, unsigned reason);

/* A domain that another toolstack made. */
uint32_t fake_hv_add_foreign(const char *name, const uint8_t *handle);
/* Another toolstack destroys it. */
void fake_hv_remove(uint32_t domid);

bool fake_hv_exists(uint32_t domid);
unsigned fake_hv_domains(void); /* dom0 not counted */
uint64_t fake_hv_free_kb(void);
unsigned fake_hv_mappings(void); /* of this process, not yet unmapped */
/* What vCPU 0 starts with, and a parameter's value. */
uint64_t fake_hv_entry(uint32_t domid);
uint64_t fake_hv_start_info(uint32_t domid);
uint64_t fake_hv_param(uint32_t domid, enum chaos__hv_param param);
/* Copies guest memory. */
void fake_hv_read(uint32_t domid, uint64_t address, void *to, size_t size);
void fake_hv_write(uint32_t domid, uint64_t address, const void *from,
                   size_t size);
unsigned fake_hv_notified(uint32_t domid, uint32_t port);

/* An image that the fake unpacks starts with this, then the ELF file. */
#define FAKE_PACKED "PACKED\n"

#endif
