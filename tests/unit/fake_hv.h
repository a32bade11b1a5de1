/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor for the unit tests: every function of src/hv/hv.h over domains
 * that exist in shared memory only.  It models what Xen keeps (domains, host
 * memory, frames with content, grants, ports, vCPU state) and runs no guest.
 * fake_store.h is XenStore, fake_dom0.h the kernel under the other seam.
 *
 * All of it lives in memory that children share with their parent, so that a
 * child can be killed at any call and the parent sees what it left, as Xen
 * sees what a dead toolstack left.  What a process holds by itself (mappings,
 * bound ports) ends with it.
 */
#ifndef CHAOS_TESTS_FAKE_HV_H
#define CHAOS_TESTS_FAKE_HV_H

#include "hv/hv.h"

/* What a call of each function is counted under. */
#define FAKE_HV_CALLS(X)                                                       \
    X(OPEN, "open")                                                            \
    X(CLOSE, "close")                                                          \
    X(DOMAIN_CREATE, "domain_create")                                          \
    X(DOMAIN_DESTROY, "domain_destroy")                                        \
    X(DOMAIN_PAUSE, "domain_pause")                                            \
    X(DOMAIN_UNPAUSE, "domain_unpause")                                        \
    X(DOMAIN_INFO, "domain_info")                                              \
    X(DOMAIN_LIST, "domain_list")                                              \
    X(DOMAIN_CREATE_VCPUS, "domain_create_vcpus")                              \
    X(DOMAIN_SET_CPU_POLICY, "domain_set_cpu_policy")                          \
    X(VCPU_PIN, "vcpu_pin")                                                    \
    X(SET_MAX_MEMORY, "set_max_memory")                                        \
    X(SET_PAGING_POOL, "set_paging_pool")                                      \
    X(POPULATE, "populate")                                                    \
    X(SET_POD_TARGET, "set_pod_target")                                        \
    X(PROMISE, "promise")                                                      \
    X(MAP, "map")                                                              \
    X(UNMAP, "unmap")                                                          \
    X(SET_PARAM, "set_param")                                                  \
    X(GET_PARAM, "get_param")                                                  \
    X(SET_MEMORY_MAP, "set_memory_map")                                        \
    X(PVH_PREPARE_VCPUS, "pvh_prepare_vcpus")                                  \
    X(PVH_SET_ENTRY, "pvh_set_entry")                                          \
    X(UNPACK_KERNEL, "unpack_kernel")                                          \
    X(PV_PREPARE_VCPUS, "pv_prepare_vcpus")                                    \
    X(PV_SET_PAGES, "pv_set_pages")                                            \
    X(PV_SET_ENTRY, "pv_set_entry")                                            \
    X(PORT_ALLOC, "port_alloc")                                                \
    X(PORT_BIND, "port_bind")                                                  \
    X(PORT_FD, "port_fd")                                                      \
    X(PORT_CLEAR, "port_clear")                                                \
    X(PORT_NOTIFY, "port_notify")                                              \
    X(PORT_CLOSE, "port_close")                                                \
    X(HOST_INFO, "host_info")                                                  \
    X(HOST_LOG, "host_log")                                                    \
    X(GRANT, "grant")                                                          \
    X(STORE_OPEN, "store_open")                                                \
    X(STORE_CLOSE, "store_close")                                              \
    X(STORE_SEND, "store_send")                                                \
    X(STORE_RECEIVE, "store_receive")                                          \
    X(BACKEND, "backend")                                                      \
    X(BRIDGE, "bridge")                                                        \
    X(HAS_INTERFACE, "has_interface")                                          \
    X(JOIN, "join")                                                            \
    X(DISK_OPEN, "disk_open")                                                  \
    X(LOCK_CONSOLE, "lock_console")                                            \
    X(DEVICE_IS_FREE, "device_is_free")                                        \
    X(FILE_IS_FREE, "file_is_free")                                            \
    X(DISK_ATTACH, "disk_attach")                                              \
    X(LOOP_RESERVE, "loop_reserve")                                            \
    X(DISK_BIND, "disk_bind")                                                  \
    X(DISK_GEOMETRY, "disk_geometry")                                          \
    X(IS_JOINED, "is_joined")                                                  \
    X(LOOP_ID, "loop_id")                                                      \
    X(HAS_DEVICE, "has_device")                                                \
    X(HAS_DISK, "has_disk")                                                    \
    X(DOMAIN_SET_HANDLE, "domain_set_handle")                                  \
    X(SCRIPT, "script")                                                        \
    X(REMOVE_USERDATA, "remove_userdata")                                      \
    X(MODEL_FIND, "model_find")                                                \
    X(MODEL_START, "model_start")                                              \
    X(MODEL_STOP, "model_stop")                                                \
    X(DISK_CLOSE, "disk_close")                                                \
    X(DOMAIN_DUMP, "domain_dump")                                              \
    X(VCPU_INFO, "vcpu_info")                                                  \
    X(VCPU_AFFINITY, "vcpu_affinity")                                          \
    X(CPUPOOL_NEXT, "cpupool_next")                                            \
    X(GET_SHARE, "get_share")                                                  \
    X(SET_SHARE, "set_share")

enum fake_hv_call {
#define FAKE_HV_CALL_ENUM(name, text) FAKE_HV_##name,
    FAKE_HV_CALLS(FAKE_HV_CALL_ENUM)
#undef FAKE_HV_CALL_ENUM
    FAKE_HV_CALL_COUNT
};

const char *fake_hv_call_name(enum fake_hv_call call);

/* A fresh host: dom0, memory, no failure planned, counters at 0.  Handles
 * that are open lose what they held. */
void fake_hv_reset(void);

/* ------------------------------------------------------------- failing */

/* The n-th call from now that can fail does so, with this CHAOS_E*; 0: none.
 * A populate that fails has given half. */
void fake_hv_fail_at(unsigned n, int code);
/* All calls from the n-th on fail, as when Xen is out of reach. */
void fake_hv_fail_from(unsigned n, int code);
/* The next call of this function fails. */
void fake_hv_fail_next(enum fake_hv_call call, int code);
/* There is no Xen to open. */
void fake_hv_set_absent(bool absent);

/* Once, before the next call of this function: what others do meanwhile. */
void fake_hv_before(enum fake_hv_call call, void (*meanwhile)(void));

enum fake_hv_death {
    FAKE_HV_BEFORE, /* its n-th call */
    FAKE_HV_DURING, /* a destroy has begun, a populate is half done */
    FAKE_HV_AFTER,  /* the effect is there, nobody was told */
};

/* The calling process is killed by SIGKILL at its n-th call from now. */
void fake_hv_die_at(unsigned n, enum fake_hv_death when);

/* ------------------------------------------------------------ counting */

void fake_hv_reset_counts(void);
unsigned fake_hv_count(enum fake_hv_call call);
unsigned fake_hv_count_all(void);
/* Calls that could have failed: what fake_hv_fail_at() counts. */
unsigned fake_hv_count_fallible(void);

/*
 * Whether nothing but dom0 is left: no domain, no memory that is not back, no
 * node in XenStore, no interface, no loop device; no port, mapping, handle,
 * connection or disk of this process; and no call that a real hypervisor would
 * have punished.  Says on stderr what is.
 */
bool fake_hv_check_clean(void);

/* ---------------------------------------------------------- the outside */

/* A domain that another toolstack made, running; `name`, which XenStore
 * knows, may be NULL. */
uint32_t fake_hv_add_foreign(const char *name, const uint8_t handle[16]);
/* Somebody else destroys the domain, as xl does: with its own directory in
 * XenStore, but not with those of back ends that it does not know. */
void fake_hv_vanish(uint32_t domid);
void fake_hv_set_next_domid(uint32_t domid);
void fake_hv_set_free_kb(uint64_t free_kb);
uint64_t fake_hv_free_kb(void);
/* New memory is full of 0xa5, as if somebody had used it. */
void fake_hv_set_poison(bool poison);
void fake_hv_set_log(const char *text);
/* Of the only pool of CPUs; credit2 at first. */
void fake_hv_set_scheduler(uint32_t scheduler);

/* The core that chaos__hv_domain_dump() writes: these words, and the domid.  A
 * dump that fails has written half. */
#define FAKE_HV_CORE "core of domain "

/* The guest ends. */
void fake_hv_shut_down(uint32_t domid, unsigned reason);
/* Another process maps a page of it, or lets go of it. */
void fake_hv_keep_page(uint32_t domid, bool keep);
/* Every domain that is unpaused ends at once; -1: none does. */
void fake_hv_on_unpause(int reason);
/* Called in the notifying thread when dom0 notifies a guest's port. */
typedef void (*fake_hv_notify_fn)(uint32_t domid, uint32_t port);
void fake_hv_on_notify(fake_hv_notify_fn notified);
/* The guest notifies dom0: the port's descriptor becomes readable in the
 * process that bound it, which is the caller. */
void fake_hv_guest_notify(uint32_t domid, uint32_t port);

/* ----------------------------------------------------------- looking in */

#define FAKE_HV_REGIONS 8
#define FAKE_HV_PORTS 40
#define FAKE_HV_GRANTS 64
#define FAKE_HV_GRANT_STORE 1 /* GNTTAB_RESERVED_XENSTORE */
#define FAKE_HV_EXTENTS 8
#define FAKE_HV_VCPUS 128
#define FAKE_HV_PARAMS 5
#define FAKE_HV_MOVED 128
#define FAKE_HV_FRAMES_PV UINT64_C(0x100000) /* no PV frame is below it */

enum fake_hv_port_state {
    FAKE_HV_PORT_NONE,
    FAKE_HV_PORT_UNBOUND,
    FAKE_HV_PORT_BOUND,   /* by a process */
    FAKE_HV_PORT_BACKEND, /* by a back end */
    FAKE_HV_PORT_STORE,   /* by xenstored */
};

struct fake_hv_extent {
    uint64_t first, pages; /* guest frames */
    uint64_t machine;
};

struct fake_hv_domain {
    bool exists, pvh, paused, shutdown, dying, has_policy, has_vcpu_header;
    bool has_entry, is_foreign;
    bool is_introduced; /* to xenstored, with this port */
    uint32_t introduced_port;
    uint8_t handle[CHAOS__HANDLE_SIZE];
    unsigned shutdown_reason, max_vcpus, vcpus;
    uint32_t max_event_channels, max_grant_frames;
    uint64_t pages, max_pages, pool_kb, overhead_kb, cpu_time_ns;
    uint64_t pod_target; /* of `pages`: the others are but promised; 0: none */
    struct fake_hv_extent extents[FAKE_HV_EXTENTS];
    unsigned extent_count;
    unsigned mappings; /* ever made: its frames stay until the end */
    bool has_param[FAKE_HV_PARAMS];
    uint64_t params[FAKE_HV_PARAMS];
    struct chaos__hv_memory_region regions[FAKE_HV_REGIONS];
    unsigned region_count;
    uint64_t entry, start_info;
    struct {
        enum fake_hv_port_state state;
        int owner_pid;
        unsigned notified;  /* by dom0 */
    } ports[FAKE_HV_PORTS]; /* from 1 */
    struct {
        bool is_granted;
        uint64_t frame;
        unsigned mapped; /* by back ends, or xenstored */
    } grants[FAKE_HV_GRANTS];
    unsigned kept_pages; /* by back ends, or another process */
    bool is_pinned[FAKE_HV_VCPUS];
    uint64_t pinned[FAKE_HV_VCPUS]; /* CPUs 0 to 63 */
    bool is_soft[FAKE_HV_VCPUS];    /* has soft affinity */
    uint64_t soft[FAKE_HV_VCPUS];
    unsigned weight, cap; /* weight 0: the default */
    /* PV: pages that have other frames than they got */
    struct chaos__hv_page moved[FAKE_HV_MOVED];
    unsigned moved_count;
    /* what a PV guest finds when it starts */
    uint64_t shared_frame, table_frame, hypercall_frame;
    uint64_t ramdisk_size, ramdisk_sum; /* fake_hv_sum() */
    char command_line[1024];
    uint32_t console_port, store_port;
    uint64_t console_frame, store_frame;
};

/* The domain as it is now; it need not exist. */
struct fake_hv_domain fake_hv_domain(uint32_t domid);
uint64_t fake_hv_sum(const void *bytes, size_t size);

/* The frame that a PV guest has at a virtual address when it starts; false:
 * none.  *writable_r may be NULL. */
bool fake_hv_walk(uint32_t domid, uint64_t address, uint64_t *frame_r,
                  bool *writable_r);
/* Reads what it has there. */
bool fake_hv_read_virtual(uint32_t domid, uint64_t address, void *buffer,
                          size_t size);

/* Reads and writes guest memory from the outside, uncounted: guest-physical
 * addresses for PVH, machine addresses for PV.  False where it has none. */
bool fake_hv_read(uint32_t domid, uint64_t address, void *buffer, size_t size);
bool fake_hv_write(uint32_t domid, uint64_t address, const void *bytes,
                   size_t size);

/* The compressed format that chaos__hv_unpack_kernel() knows here: this magic
 * number, then the kernel with every byte inverted. */
#define FAKE_HV_PACKED_MAGIC                                                   \
    "\x1f\x8b"                                                                 \
    "packed"
#define FAKE_HV_PACKED_MAGIC_SIZE 8
/* Packs a kernel; the caller frees it.  *packed_size_r = size + 8. */
void *fake_hv_pack(const void *kernel, size_t size, size_t *packed_size_r);

#endif
