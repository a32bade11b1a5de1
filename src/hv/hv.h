/* SPDX-License-Identifier: MIT */
/*
 * The seam over the hypervisor.  Nothing outside src/hv includes a header of
 * Xen's; the unit tests link a fake hypervisor that models these functions
 * instead.  It knows domains, frames and ports, and nothing of guests, names,
 * configurations or images.
 *
 * Every function that can fail returns 0 or a negative CHAOS_E* with a
 * message, and leaves nothing behind when it fails.  Frames are 4 KiB: guest
 * frames (gfn) for PVH, machine frames (mfn) for PV.
 */
#ifndef CHAOS_SRC_HV_H
#define CHAOS_SRC_HV_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAOS__PAGE_SIZE 4096u
#define CHAOS__PAGE_SHIFT 12
#define CHAOS__SUPERPAGE_PAGES 512u
#define CHAOS__HANDLE_SIZE 16
/* Domids that guests can have end before it: DOMID_FIRST_RESERVED, xen.h. */
#define CHAOS__DOMIDS 0x7ff0u

/* Why a domain shut down: SHUTDOWN_*, public/sched.h. */
#define CHAOS__SHUTDOWN_POWEROFF 0u
#define CHAOS__SHUTDOWN_REBOOT 1u
#define CHAOS__SHUTDOWN_SUSPEND 2u
#define CHAOS__SHUTDOWN_CRASH 3u
#define CHAOS__SHUTDOWN_WATCHDOG 4u

struct chaos__hv;

/* Takes the lines that Xen's libraries would print; see chaos__log(). */
typedef void (*chaos__hv_log_fn)(void *user, const char *line);

/* Opens the hypervisor: CHAOS_ENOXEN with what to do when there is none or
 * the caller may not use it.  Not to be used across fork(). */
int chaos__hv_open(chaos__hv_log_fn log, void *log_user,
                   struct chaos__hv **hv_r, struct chaos_error *err);
void chaos__hv_close(struct chaos__hv *hv); /* NULL is fine */

/* Domains */

struct chaos__hv_create {
    bool pvh;
    unsigned vcpus;
    uint32_t max_grant_frames; /* 0: Xen's default */
    uint32_t max_event_channels;
    uint8_t handle[CHAOS__HANDLE_SIZE];
};

struct chaos__hv_domain {
    uint32_t domid;
    uint8_t handle[CHAOS__HANDLE_SIZE];
    bool hvm, running, blocked, paused, shutdown, dying;
    unsigned shutdown_reason; /* CHAOS__SHUTDOWN_*, when shutdown is set */
    unsigned vcpus_online;
    uint64_t pages;
    uint64_t claimed_pages; /* promised by Xen, not yet given */
    uint64_t max_pages;
    uint64_t shared_frame; /* PV: of the page that it shares with Xen */
    uint64_t cpu_time_ns;
    unsigned max_vcpus; /* that exist, online or not */
    uint32_t cpupool;
};

/* Creates an empty, paused domain with its vCPUs. */
int chaos__hv_domain_create(struct chaos__hv *hv,
                            const struct chaos__hv_create *create,
                            uint32_t *domid_r, struct chaos_error *err);
/* Blocks until Xen has freed the domain's memory. */
int chaos__hv_domain_destroy(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err);
int chaos__hv_domain_pause(struct chaos__hv *hv, uint32_t domid,
                           struct chaos_error *err);
int chaos__hv_domain_unpause(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err);
/* CHAOS_ENOGUEST when no domain has that domid. */
int chaos__hv_domain_info(struct chaos__hv *hv, uint32_t domid,
                          struct chaos__hv_domain *domain_r,
                          struct chaos_error *err);
/* Domains from `first_domid` up, at most `max`; returns how many. */
int chaos__hv_domain_list(struct chaos__hv *hv, uint32_t first_domid,
                          size_t max, struct chaos__hv_domain *domains,
                          struct chaos_error *err);
int chaos__hv_domain_create_vcpus(struct chaos__hv *hv, uint32_t domid,
                                  unsigned vcpus, struct chaos_error *err);
/* The CPUID and MSR policy that a guest gets by default on this host. */
int chaos__hv_domain_set_cpu_policy(struct chaos__hv *hv, uint32_t domid,
                                    struct chaos_error *err);
/* Gives it another handle than it was created with. */
int chaos__hv_domain_set_handle(struct chaos__hv *hv, uint32_t domid,
                                const uint8_t handle[CHAOS__HANDLE_SIZE],
                                struct chaos_error *err);
/* Writes the domain's memory and vCPUs to a file, as an ELF core that is of
 * Xen's own format (misc/dump-core-format.txt).  PVH: memory is looked for in
 * the first `frame_count` guest frames alone.  Blocks until all is written;
 * what a failure leaves of the file is the caller's. */
int chaos__hv_domain_dump(struct chaos__hv *hv, uint32_t domid,
                          uint64_t frame_count, const char *path,
                          struct chaos_error *err);

/* vCPUs and scheduling */

struct chaos__hv_vcpu {
    bool online, running, blocked;
    unsigned cpu; /* where it runs, or ran last */
    uint64_t cpu_time_ns;
};

int chaos__hv_vcpu_info(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                        struct chaos__hv_vcpu *vcpu_r, struct chaos_error *err);
/* The CPUs that it may run on, and those that are preferred: bitmaps of `bits`
 * bits (a multiple of 64), bit n for physical CPU n. */
int chaos__hv_vcpu_affinity(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                            uint64_t *hard_r, uint64_t *soft_r, unsigned bits,
                            struct chaos_error *err);
/* Sets them; NULL: as it is.  CHAOS_EINVAL when no CPU in `hard` is online. */
int chaos__hv_vcpu_pin(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                       const uint64_t *hard, const uint64_t *soft,
                       unsigned bits, struct chaos_error *err);

/* Of XEN_SCHEDULER_*, public/domctl.h, those that have weights. */
#define CHAOS__HV_CREDIT 5u
#define CHAOS__HV_CREDIT2 6u

struct chaos__hv_cpupool {
    uint32_t id, scheduler;
    uint32_t ratelimit_us;                     /* credit and credit2 */
    uint32_t timeslice_ms, migration_delay_us; /* credit */
};

/* The pool with the lowest id that is not below `first_id`: 1, or 0 when there
 * is none. */
int chaos__hv_cpupool_next(struct chaos__hv *hv, uint32_t first_id,
                           struct chaos__hv_cpupool *pool_r,
                           struct chaos_error *err);

struct chaos__hv_share {
    uint16_t weight, cap; /* cap: percent of a CPU, 0: no limit */
};

/* `scheduler` is that of the domain's pool, and one of the two above. */
int chaos__hv_get_share(struct chaos__hv *hv, uint32_t domid,
                        uint32_t scheduler, struct chaos__hv_share *share_r,
                        struct chaos_error *err);
/* Weight 0: as it is. */
int chaos__hv_set_share(struct chaos__hv *hv, uint32_t domid,
                        uint32_t scheduler, const struct chaos__hv_share *share,
                        struct chaos_error *err);

/* Memory */

int chaos__hv_set_max_memory(struct chaos__hv *hv, uint32_t domid,
                             uint64_t max_kb, struct chaos_error *err);
/* PVH: memory that Xen may use for the domain's own page tables. */
int chaos__hv_set_paging_pool(struct chaos__hv *hv, uint32_t domid,
                              uint64_t size_kb, struct chaos_error *err);
/*
 * Gives the domain `pages` frames of memory from guest frame `first` up, in
 * superpages where they fit (`first` is a multiple of one).  `frames_r` (PV)
 * receives the machine frame of each page; PVH passes NULL.
 */
int chaos__hv_populate(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                       uint64_t pages, uint64_t *frames_r,
                       struct chaos_error *err);
/*
 * PVH: how many pages the domain shall have of those that it is promised.  Of
 * one that has none yet, Xen sets so many aside, which come to lie where frames
 * are used first; of one whose frames are all real nothing changes.
 */
int chaos__hv_set_pod_target(struct chaos__hv *hv, uint32_t domid,
                             uint64_t pages, struct chaos_error *err);
/* As chaos__hv_populate(), but they are only promised. */
int chaos__hv_promise(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                      uint64_t pages, struct chaos_error *err);
/* Maps frames of the domain side by side, readable and writable. */
int chaos__hv_map(struct chaos__hv *hv, uint32_t domid, const uint64_t *frames,
                  size_t pages, void **address_r, struct chaos_error *err);
void chaos__hv_unmap(struct chaos__hv *hv, void *address, size_t pages);

/* PVH */

enum chaos__hv_param {
    CHAOS__HV_CONSOLE_PFN,
    CHAOS__HV_CONSOLE_PORT,
    CHAOS__HV_STORE_PFN,
    CHAOS__HV_STORE_PORT,
    CHAOS__HV_IDENT_PT, /* bytes, not a frame */
};

struct chaos__hv_memory_region {
    uint64_t start, size; /* bytes */
    bool ram;             /* else reserved */
};

int chaos__hv_set_param(struct chaos__hv *hv, uint32_t domid,
                        enum chaos__hv_param param, uint64_t value,
                        struct chaos_error *err);
/* Ports are the guest's word: it can set those parameters itself. */
int chaos__hv_get_param(struct chaos__hv *hv, uint32_t domid,
                        enum chaos__hv_param param, uint64_t *value_r,
                        struct chaos_error *err);
/* What XENMEM_memory_map tells the guest. */
int chaos__hv_set_memory_map(struct chaos__hv *hv, uint32_t domid,
                             const struct chaos__hv_memory_region *regions,
                             size_t count, struct chaos_error *err);

/* The part of a domain's saved state that Xen wants back with every vCPU
 * state: opaque, and valid for that domain alone. */
struct chaos__hv_vcpu_header {
    uint8_t bytes[64];
    uint32_t size;
};

/* Sets what all vCPUs of a PVH domain need before any of them has a state
 * (memory type write-back), and returns the header for the call below. */
int chaos__hv_pvh_prepare_vcpus(struct chaos__hv *hv, uint32_t domid,
                                unsigned vcpus,
                                struct chaos__hv_vcpu_header *header_r,
                                struct chaos_error *err);
/* Sets vCPU 0 as the PVH boot protocol wants it (docs/misc/pvh.pandoc):
 * 32-bit flat mode, paging off, at `entry`, ebx = `start_info`. */
int chaos__hv_pvh_set_entry(struct chaos__hv *hv, uint32_t domid,
                            const struct chaos__hv_vcpu_header *header,
                            uint64_t entry, uint64_t start_info,
                            struct chaos_error *err);

/* PV */

/* Keeps all vCPUs from being interrupted before the guest asks for it, and
 * returns the frame that the guest shares with Xen. */
int chaos__hv_pv_prepare_vcpus(struct chaos__hv *hv, uint32_t domid,
                               uint64_t *shared_frame_r,
                               struct chaos_error *err);

/* Which page of the guest's a frame is, in the table where guests look that
 * up. */
struct chaos__hv_page {
    uint64_t frame, page;
};

int chaos__hv_pv_set_pages(struct chaos__hv *hv, uint32_t domid,
                           const struct chaos__hv_page *pages, size_t count,
                           struct chaos_error *err);

struct chaos__hv_pv_entry {
    uint64_t table_frame;              /* the top page table's */
    uint64_t hypercall_frame;          /* 0: the guest has no such page */
    uint64_t entry, stack, start_info; /* virtual addresses */
};

/* Has Xen check and pin the page tables, of which nobody may have a writable
 * mapping, and sets vCPU 0 as the PV boot protocol wants it (public/xen.h). */
int chaos__hv_pv_set_entry(struct chaos__hv *hv, uint32_t domid,
                           const struct chaos__hv_pv_entry *entry,
                           struct chaos_error *err);

/* Images, through libxenguest */

/*
 * Decompresses a kernel (bzImage or gzip) to the ELF file inside.  The caller
 * frees *elf_r with free().  CHAOS_EIMAGE when it is neither.
 */
int chaos__hv_unpack_kernel(struct chaos__hv *hv, const void *image,
                            size_t size, void **elf_r, size_t *elf_size_r,
                            struct chaos_error *err);

/* Grants */

/* References below are Xen's tools': GNTTAB_NR_RESERVED_ENTRIES, and which they
 * use of them: GNTTAB_RESERVED_*, public/grant_table.h. */
#define CHAOS__GRANT_FIRST 8u
#define CHAOS__GRANT_CONSOLE 0u
#define CHAOS__GRANT_STORE 1u
#define CHAOS__GRANTS_PER_FRAME                                                \
    512u /* of version 1: a page of 8 bytes each                               \
          */

struct chaos__hv_grant {
    uint32_t reference; /* below CHAOS__GRANTS_PER_FRAME */
    uint64_t frame;     /* readable and writable for this domain (dom0) */
};

/* Writes entries into the domain's own grant table, as it would itself. */
int chaos__hv_grant(struct chaos__hv *hv, uint32_t domid,
                    const struct chaos__hv_grant *grants, size_t count,
                    struct chaos_error *err);

/* Event channels */

/* A port of the domain's that this domain (dom0) may bind. */
int chaos__hv_port_alloc(struct chaos__hv *hv, uint32_t domid, uint32_t *port_r,
                         struct chaos_error *err);

struct chaos__hv_port;

/* Binds to a domain's port; CHAOS_EBUSY when another process already did. */
int chaos__hv_port_bind(struct chaos__hv *hv, uint32_t domid, uint32_t port,
                        struct chaos__hv_port **port_r,
                        struct chaos_error *err);
/* Readable when the guest has notified. */
int chaos__hv_port_fd(const struct chaos__hv_port *port);
/* Takes a notification and asks for the next; never blocks. */
void chaos__hv_port_clear(struct chaos__hv_port *port);
int chaos__hv_port_notify(struct chaos__hv_port *port, struct chaos_error *err);
void chaos__hv_port_close(struct chaos__hv_port *port); /* NULL is fine */

/* The host */

struct chaos__hv_host {
    char version[64];
    uint64_t total_kb, free_kb;
    unsigned cpus;
};

int chaos__hv_host_info(struct chaos__hv *hv, struct chaos__hv_host *host_r,
                        struct chaos_error *err);
/* Xen's log; the caller frees *text_r.  `clear`: and empties it. */
int chaos__hv_host_log(struct chaos__hv *hv, bool clear, char **text_r,
                       struct chaos_error *err);
/* XenStore: the byte stream of a connection of our own.  What goes over it
 * is src/store's concern. */

struct chaos__hv_store;

int chaos__hv_store_open(struct chaos__hv *hv, struct chaos__hv_store **store_r,
                         struct chaos_error *err);
void chaos__hv_store_close(struct chaos__hv_store *store); /* NULL is fine */
/* Readable when something has come.  What has been read ahead makes it no
 * longer readable: receive until nothing is left before waiting for it. */
int chaos__hv_store_fd(const struct chaos__hv_store *store);
/* Sends all of it: whole messages. */
int chaos__hv_store_send(struct chaos__hv_store *store, const void *bytes,
                         size_t size, struct chaos_error *err);
/* Waits until something comes, but no longer than `timeout_ms`; returns how
 * many bytes that was, 0 when the time was up. */
int chaos__hv_store_receive(struct chaos__hv_store *store, void *buffer,
                            size_t size, int timeout_ms,
                            struct chaos_error *err);

#endif
