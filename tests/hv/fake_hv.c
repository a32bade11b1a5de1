/* SPDX-License-Identifier: MIT */
#include "fake_hv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PORTS 16
#define PARAMS 8
#define PAGE CHAOS__PAGE_SIZE
/* Guest memory of all domains, in one file: frame f of domain d. */
#define DOMAIN_FRAMES (UINT64_C(1) << 21) /* 8 GiB of guest addresses */
/* PV frames are machine frames: not the guest's own numbers. */
#define MACHINE_BASE UINT64_C(0x100000)

struct domain {
    bool exists, pvh, paused, shutdown;
    unsigned reason, vcpus;
    uint8_t handle[CHAOS__HANDLE_SIZE];
    char name[64]; /* in XenStore */
    uint64_t pages, max_kb, pool_kb;
    uint64_t entry, start_info;
    uint64_t params[PARAMS];
    uint32_t ports; /* allocated: 1 to this */
    bool bound[PORTS];
    unsigned notified[PORTS];
};

struct fake {
    struct domain domains[FAKE_DOMAINS];
    uint64_t free_kb;
    uint32_t last_domid;
    unsigned counts[FAKE_CALLS], calls;
    unsigned fail_at, die_at; /* of the calls since they were set */
    int fail_code, on_unpause;
    enum fake_when die_when;
};

struct chaos__hv {
    int unused;
};

struct chaos__hv_port {
    uint32_t domid, port;
    int fd;
};

static struct fake *fake;
static int memory_fd = -1;
static unsigned mappings; /* of this process */

/* ------------------------------------------------------------ controls */

void fake_hv_reset(void)
{
    if (!fake) {
        fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (fake == MAP_FAILED)
            abort();
    }
    if (memory_fd >= 0)
        close(memory_fd);
    memory_fd = memfd_create("guests", MFD_CLOEXEC);
    if (memory_fd < 0 ||
        ftruncate(memory_fd, (off_t)(FAKE_DOMAINS * DOMAIN_FRAMES * PAGE)) < 0)
        abort();
    memset(fake, 0, sizeof(*fake));
    fake->free_kb = FAKE_TOTAL_KB;
    fake->on_unpause = -1;
    fake->domains[0] = (struct domain){ .exists = true, .vcpus = 1 };
    mappings = 0;
}

void fake_hv_fail_at(unsigned n, int code)
{
    fake->fail_at = n;
    fake->fail_code = code;
}

void fake_hv_die_at(unsigned n, enum fake_when when)
{
    fake->die_at = n;
    fake->die_when = when;
}

unsigned fake_hv_count(enum fake_call call)
{
    return fake->counts[call];
}

unsigned fake_hv_count_all(void)
{
    return fake->calls;
}

void fake_hv_reset_counts(void)
{
    memset(fake->counts, 0, sizeof(fake->counts));
    fake->calls = 0;
}

void fake_hv_on_unpause(int reason)
{
    fake->on_unpause = reason;
}

void fake_hv_shut_down(uint32_t domid, unsigned reason)
{
    fake->domains[domid].shutdown = true;
    fake->domains[domid].reason = reason;
}

/* Counts down: whether this call is the one. */
static bool is_due(unsigned *at)
{
    unsigned now = __atomic_load_n(at, __ATOMIC_RELAXED);

    return now && __atomic_sub_fetch(at, 1, __ATOMIC_RELAXED) == 0;
}

/* Starts a call: counts it, and fails or dies when that is due.  `dies_r`:
 * to die at the end. */
static int begin(enum fake_call call, bool *dies_r, struct chaos_error *err)
{
    __atomic_add_fetch(&fake->counts[call], 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&fake->calls, 1, __ATOMIC_RELAXED);
    *dies_r = false;
    if (is_due(&fake->die_at)) {
        if (fake->die_when == FAKE_BEFORE)
            raise(SIGKILL);
        *dies_r = true;
    }
    if (is_due(&fake->fail_at))
        return chaos__fail(err, fake->fail_code, "call %d was made to fail",
                           (int)call);
    return 0;
}

static int end(bool dies)
{
    if (dies)
        raise(SIGKILL);
    return 0;
}

static int find(uint32_t domid, struct domain **domain_r,
                struct chaos_error *err)
{
    if (domid >= FAKE_DOMAINS || !fake->domains[domid].exists)
        return chaos__fail(err, CHAOS_ENOGUEST, "no domain %u", domid);
    *domain_r = &fake->domains[domid];
    return 0;
}

/* A call on a domain that may fail, up to its effect. */
#define ENTER(call)                                                            \
    struct domain *domain = NULL;                                              \
    bool dies;                                                                 \
    int rc = begin(call, &dies, err);                                          \
    (void)hv;                                                                  \
    if (rc == 0)                                                               \
        rc = find(domid, &domain, err);                                        \
    if (rc < 0)                                                                \
    return rc

static int take_memory(uint64_t kb, struct chaos_error *err)
{
    uint64_t before = __atomic_load_n(&fake->free_kb, __ATOMIC_RELAXED);

    do {
        if (before < kb)
            return chaos__fail(err, CHAOS_ENOMEM, "out of memory");
    } while (!__atomic_compare_exchange_n(&fake->free_kb, &before, before - kb,
                                          false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

static void give_memory(uint64_t kb)
{
    __atomic_add_fetch(&fake->free_kb, kb, __ATOMIC_RELAXED);
}

/* --------------------------------------------------------------- reads */

bool fake_hv_exists(uint32_t domid)
{
    return domid < FAKE_DOMAINS && fake->domains[domid].exists;
}

unsigned fake_hv_domains(void)
{
    unsigned count = 0, i;

    for (i = 1; i < FAKE_DOMAINS; i++)
        count += fake->domains[i].exists;
    return count;
}

uint64_t fake_hv_free_kb(void)
{
    return fake->free_kb;
}

unsigned fake_hv_mappings(void)
{
    return __atomic_load_n(&mappings, __ATOMIC_RELAXED);
}

uint64_t fake_hv_entry(uint32_t domid)
{
    return fake->domains[domid].entry;
}

uint64_t fake_hv_start_info(uint32_t domid)
{
    return fake->domains[domid].start_info;
}

uint64_t fake_hv_param(uint32_t domid, enum chaos__hv_param param)
{
    return fake->domains[domid].params[param];
}

static off_t file_offset(uint32_t domid, uint64_t frame)
{
    if (frame >= MACHINE_BASE && !fake->domains[domid].pvh)
        frame -= MACHINE_BASE;
    return (off_t)((domid * DOMAIN_FRAMES + frame) * PAGE);
}

void fake_hv_read(uint32_t domid, uint64_t address, void *to, size_t size)
{
    if (pread(memory_fd, to, size,
              file_offset(domid, address / PAGE) + (off_t)(address % PAGE)) !=
        (ssize_t)size)
        abort();
}

void fake_hv_write(uint32_t domid, uint64_t address, const void *from,
                   size_t size)
{
    if (pwrite(memory_fd, from, size,
               file_offset(domid, address / PAGE) + (off_t)(address % PAGE)) !=
        (ssize_t)size)
        abort();
}

unsigned fake_hv_notified(uint32_t domid, uint32_t port)
{
    return fake->domains[domid].notified[port];
}

/* ------------------------------------------------------------- the seam */

int chaos__hv_open(chaos__hv_log_fn log, void *log_user,
                   struct chaos__hv **hv_r, struct chaos_error *err)
{
    (void)log;
    (void)log_user;
    *hv_r = calloc(1, sizeof(**hv_r));
    return *hv_r ? 0 : chaos__fail_memory(err);
}

void chaos__hv_close(struct chaos__hv *hv)
{
    free(hv);
}

/* A free domid, as Xen: the next after the last one given. */
static uint32_t claim_domid(void)
{
    uint32_t tries, domid;
    bool is_free;

    for (tries = 0; tries < FAKE_DOMAINS; tries++) {
        domid = __atomic_add_fetch(&fake->last_domid, 1, __ATOMIC_RELAXED) %
                FAKE_DOMAINS;
        is_free = false;
        if (domid && __atomic_compare_exchange_n(
                         &fake->domains[domid].exists, &is_free, true, false,
                         __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return domid;
    }
    return 0;
}

static void wipe(uint32_t domid)
{
    fallocate(memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              (off_t)(domid * DOMAIN_FRAMES * PAGE),
              (off_t)(DOMAIN_FRAMES * PAGE));
}

static uint32_t add_domain(const uint8_t *handle, bool pvh)
{
    uint32_t domid = claim_domid();
    struct domain *domain = &fake->domains[domid];

    if (!domid)
        return 0;
    wipe(domid);
    *domain = (struct domain){ .exists = true, .pvh = pvh, .paused = true };
    memcpy(domain->handle, handle, sizeof(domain->handle));
    return domid;
}

int chaos__hv_domain_create(struct chaos__hv *hv,
                            const struct chaos__hv_create *create,
                            uint32_t *domid_r, struct chaos_error *err)
{
    bool dies;
    int rc = begin(FAKE_CREATE, &dies, err);

    (void)hv;
    if (rc == 0)
        rc = take_memory(FAKE_OVERHEAD_KB, err);
    if (rc < 0)
        return rc;
    *domid_r = add_domain(create->handle, create->pvh);
    if (!*domid_r) {
        give_memory(FAKE_OVERHEAD_KB);
        return chaos__fail(err, CHAOS_ENOMEM, "out of domain ids");
    }
    return end(dies);
}

static void remove_domain(uint32_t domid)
{
    struct domain *domain = &fake->domains[domid];

    give_memory(domain->pages * (PAGE / 1024) + domain->pool_kb +
                FAKE_OVERHEAD_KB);
    wipe(domid);
    __atomic_store_n(&domain->exists, false, __ATOMIC_RELEASE);
}

int chaos__hv_domain_destroy(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    ENTER(FAKE_DESTROY);
    (void)domain;
    remove_domain(domid);
    return end(dies);
}

uint32_t fake_hv_add_foreign(const char *name, const uint8_t *handle)
{
    uint32_t domid;

    take_memory(FAKE_OVERHEAD_KB, NULL);
    domid = add_domain(handle, false);
    fake->domains[domid].paused = false;
    fake->domains[domid].vcpus = 1;
    snprintf(fake->domains[domid].name, sizeof(fake->domains[domid].name), "%s",
             name);
    return domid;
}

void fake_hv_remove(uint32_t domid)
{
    remove_domain(domid);
}

int chaos__hv_domain_pause(struct chaos__hv *hv, uint32_t domid,
                           struct chaos_error *err)
{
    ENTER(FAKE_PAUSE);
    domain->paused = true;
    return end(dies);
}

int chaos__hv_domain_unpause(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    ENTER(FAKE_UNPAUSE);
    domain->paused = false;
    if (fake->on_unpause >= 0)
        fake_hv_shut_down(domid, (unsigned)fake->on_unpause);
    return end(dies);
}

static void describe(uint32_t domid, struct chaos__hv_domain *domain_r)
{
    const struct domain *domain = &fake->domains[domid];

    *domain_r = (struct chaos__hv_domain){
        .domid = domid,
        .hvm = domain->pvh,
        .paused = domain->paused,
        .blocked = !domain->paused && !domain->shutdown,
        .shutdown = domain->shutdown,
        .shutdown_reason = domain->reason,
        .vcpus_online = domain->vcpus,
        .pages = domain->pages,
        .max_pages = domain->max_kb / (PAGE / 1024),
        .cpu_time_ns = 1000000,
    };
    memcpy(domain_r->handle, domain->handle, sizeof(domain_r->handle));
}

int chaos__hv_domain_info(struct chaos__hv *hv, uint32_t domid,
                          struct chaos__hv_domain *domain_r,
                          struct chaos_error *err)
{
    ENTER(FAKE_INFO);
    (void)domain;
    describe(domid, domain_r);
    return end(dies);
}

int chaos__hv_domain_list(struct chaos__hv *hv, uint32_t first_domid,
                          size_t max, struct chaos__hv_domain *domains,
                          struct chaos_error *err)
{
    uint32_t domid;
    int count = 0, rc;
    bool dies;

    (void)hv;
    rc = begin(FAKE_LIST, &dies, err);
    if (rc < 0)
        return rc;
    for (domid = first_domid; domid < FAKE_DOMAINS && (size_t)count < max;
         domid++)
        if (fake->domains[domid].exists)
            describe(domid, &domains[count++]);
    end(dies);
    return count;
}

int chaos__hv_domain_create_vcpus(struct chaos__hv *hv, uint32_t domid,
                                  unsigned vcpus, struct chaos_error *err)
{
    ENTER(FAKE_CREATE_VCPUS);
    domain->vcpus = vcpus;
    return end(dies);
}

int chaos__hv_domain_set_cpu_policy(struct chaos__hv *hv, uint32_t domid,
                                    struct chaos_error *err)
{
    ENTER(FAKE_CPU_POLICY);
    (void)domain;
    return end(dies);
}

int chaos__hv_vcpu_pin(struct chaos__hv *hv, uint32_t domid, unsigned vcpu,
                       const uint64_t *cpus, unsigned bits,
                       struct chaos_error *err)
{
    ENTER(FAKE_PIN);
    (void)cpus;
    (void)bits;
    if (vcpu >= domain->vcpus)
        return chaos__fail(err, CHAOS_EFAILED, "no vCPU %u", vcpu);
    return end(dies);
}

int chaos__hv_set_max_memory(struct chaos__hv *hv, uint32_t domid,
                             uint64_t max_kb, struct chaos_error *err)
{
    ENTER(FAKE_MAX_MEMORY);
    domain->max_kb = max_kb;
    return end(dies);
}

int chaos__hv_set_paging_pool(struct chaos__hv *hv, uint32_t domid,
                              uint64_t size_kb, struct chaos_error *err)
{
    ENTER(FAKE_PAGING_POOL);
    rc = take_memory(size_kb, err);
    if (rc < 0)
        return rc;
    domain->pool_kb = size_kb;
    return end(dies);
}

int chaos__hv_populate(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                       uint64_t pages, uint64_t *frames_r,
                       struct chaos_error *err)
{
    uint64_t i;
    ENTER(FAKE_POPULATE);

    if (first + pages > DOMAIN_FRAMES)
        return chaos__fail(err, CHAOS_EFAILED, "beyond the fake's guests");
    if ((domain->pages + pages) * (PAGE / 1024) > domain->max_kb)
        return chaos__fail(err, CHAOS_ENOMEM, "above the domain's limit");
    rc = take_memory(pages * (PAGE / 1024), err);
    if (rc < 0)
        return rc;
    domain->pages += pages;
    for (i = 0; frames_r && i < pages; i++)
        frames_r[i] = MACHINE_BASE + first + i;
    return end(dies);
}

int chaos__hv_map(struct chaos__hv *hv, uint32_t domid, const uint64_t *frames,
                  size_t pages, void **address_r, struct chaos_error *err)
{
    uint8_t *address;
    size_t i;
    ENTER(FAKE_MAP);

    (void)domain;
    address =
        mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        return chaos__fail_memory(err);
    for (i = 0; i < pages; i++)
        if (mmap(address + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, memory_fd,
                 file_offset(domid, frames[i])) == MAP_FAILED)
            abort();
    __atomic_add_fetch(&mappings, 1, __ATOMIC_RELAXED);
    *address_r = address;
    return end(dies);
}

void chaos__hv_unmap(struct chaos__hv *hv, void *address, size_t pages)
{
    (void)hv;
    if (!address)
        return;
    munmap(address, pages * PAGE);
    __atomic_sub_fetch(&mappings, 1, __ATOMIC_RELAXED);
}

int chaos__hv_set_param(struct chaos__hv *hv, uint32_t domid,
                        enum chaos__hv_param param, uint64_t value,
                        struct chaos_error *err)
{
    ENTER(FAKE_SET_PARAM);
    if (!domain->pvh)
        return chaos__fail(err, CHAOS_EFAILED, "not a PVH domain");
    domain->params[param] = value;
    return end(dies);
}

int chaos__hv_set_memory_map(struct chaos__hv *hv, uint32_t domid,
                             const struct chaos__hv_memory_region *regions,
                             size_t count, struct chaos_error *err)
{
    ENTER(FAKE_MEMORY_MAP);
    (void)domain;
    (void)regions;
    (void)count;
    return end(dies);
}

int chaos__hv_pvh_prepare_vcpus(struct chaos__hv *hv, uint32_t domid,
                                unsigned vcpus,
                                struct chaos__hv_vcpu_header *header_r,
                                struct chaos_error *err)
{
    ENTER(FAKE_PREPARE_VCPUS);
    (void)vcpus;
    (void)domain;
    memset(header_r, 0, sizeof(*header_r));
    memcpy(header_r->bytes, &domid, sizeof(domid));
    header_r->size = sizeof(domid);
    return end(dies);
}

int chaos__hv_pvh_set_entry(struct chaos__hv *hv, uint32_t domid,
                            const struct chaos__hv_vcpu_header *header,
                            uint64_t entry, uint64_t start_info,
                            struct chaos_error *err)
{
    ENTER(FAKE_SET_ENTRY);
    if (memcmp(header->bytes, &domid, sizeof(domid)) != 0)
        return chaos__fail(err, CHAOS_EFAILED, "another domain's header");
    domain->entry = entry;
    domain->start_info = start_info;
    return end(dies);
}

int chaos__hv_unpack_kernel(struct chaos__hv *hv, const void *image,
                            size_t size, void **elf_r, size_t *elf_size_r,
                            struct chaos_error *err)
{
    const size_t mark = sizeof(FAKE_PACKED) - 1;
    bool dies;
    int rc = begin(FAKE_UNPACK, &dies, err);

    (void)hv;
    if (rc < 0)
        return rc;
    if (size <= mark || memcmp(image, FAKE_PACKED, mark) != 0)
        return chaos__fail(err, CHAOS_EIMAGE,
                           "neither an ELF file nor a compressed kernel");
    *elf_r = malloc(size - mark);
    if (!*elf_r)
        return chaos__fail_memory(err);
    memcpy(*elf_r, (const char *)image + mark, size - mark);
    *elf_size_r = size - mark;
    return end(dies);
}

int chaos__hv_pv_build(struct chaos__hv *hv, uint32_t domid,
                       struct chaos__hv_pv_build *build,
                       struct chaos_error *err)
{
    ENTER(FAKE_PV_BUILD);
    if (domain->pvh || build->pages != domain->pages || build->pages < 4)
        return chaos__fail(err, CHAOS_EIMAGE, "not this domain's memory");
    domain->entry = 1;
    build->store_frame = build->frames[1];
    build->console_frame = build->frames[2];
    if (build->control_page)
        build->control_frame = build->frames[3];
    return end(dies);
}

int chaos__hv_port_alloc(struct chaos__hv *hv, uint32_t domid, uint32_t *port_r,
                         struct chaos_error *err)
{
    ENTER(FAKE_PORT_ALLOC);
    if (domain->ports + 1 >= PORTS)
        return chaos__fail(err, CHAOS_EFAILED, "out of ports");
    *port_r = ++domain->ports;
    return end(dies);
}

int chaos__hv_port_bind(struct chaos__hv *hv, uint32_t domid, uint32_t port,
                        struct chaos__hv_port **port_r, struct chaos_error *err)
{
    ENTER(FAKE_PORT_BIND);
    if (port == 0 || port > domain->ports)
        return chaos__fail(err, CHAOS_EFAILED, "no port %u", port);
    if (domain->bound[port])
        return chaos__fail(err, CHAOS_EBUSY, "bound already");
    *port_r = calloc(1, sizeof(**port_r));
    if (!*port_r)
        return chaos__fail_memory(err);
    **port_r = (struct chaos__hv_port){
        .domid = domid,
        .port = port,
        .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
    };
    domain->bound[port] = true;
    return end(dies);
}

int chaos__hv_port_fd(const struct chaos__hv_port *port)
{
    return port->fd;
}

void chaos__hv_port_clear(struct chaos__hv_port *port)
{
    uint64_t count;

    if (read(port->fd, &count, sizeof(count)) < 0)
        return; /* nothing was pending */
}

int chaos__hv_port_notify(struct chaos__hv_port *port, struct chaos_error *err)
{
    bool dies;
    int rc = begin(FAKE_PORT_NOTIFY, &dies, err);

    if (rc < 0)
        return rc;
    fake->domains[port->domid].notified[port->port]++;
    return end(dies);
}

void chaos__hv_port_close(struct chaos__hv_port *port)
{
    if (!port)
        return;
    fake->domains[port->domid].bound[port->port] = false;
    close(port->fd);
    free(port);
}

int chaos__hv_host_info(struct chaos__hv *hv, struct chaos__hv_host *host_r,
                        struct chaos_error *err)
{
    (void)hv;
    (void)err;
    *host_r = (struct chaos__hv_host){
        .version = "4.17.fake",
        .total_kb = FAKE_TOTAL_KB,
        .free_kb = fake->free_kb,
        .cpus = 1,
    };
    return 0;
}

int chaos__hv_host_log(struct chaos__hv *hv, bool clear, char **text_r,
                       struct chaos_error *err)
{
    (void)hv;
    (void)clear;
    *text_r = strdup("(XEN) fake\n");
    return *text_r ? 0 : chaos__fail_memory(err);
}

int chaos__hv_foreign_name(struct chaos__hv *hv, uint32_t domid, char *name,
                           size_t size, struct chaos_error *err)
{
    (void)hv;
    if (!*fake->domains[domid].name)
        return chaos__fail(err, CHAOS_ENOGUEST, "no name");
    snprintf(name, size, "%s", fake->domains[domid].name);
    return 0;
}
