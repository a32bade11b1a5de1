/* SPDX-License-Identifier: MIT */
/* The seam's functions on fake_state. */
#include "fake_state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

struct chaos__hv {
    int opened; /* something to allocate, for the leak checker */
};

struct chaos__hv_port {
    uint32_t domid, port;
    int fd;
    struct chaos__hv_port *next;
};

/* ------------------------------------------- what this process holds */

static struct {
    pthread_mutex_t lock;
    int pid;
    int handles, mappings, stores, disks;
    struct chaos__hv_port *ports;
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void lock_held(void)
{
    pthread_mutex_lock(&held.lock);
    if (held.pid == getpid())
        return;
    held.pid = getpid(); /* a child holds nothing of its parent's */
    held.handles = held.mappings = held.stores = held.disks = 0;
    held.ports = NULL;
}

static void unlock_held(void)
{
    pthread_mutex_unlock(&held.lock);
}

void fake_held_reset(void)
{
    lock_held();
    held.handles = held.mappings = held.stores = held.disks = 0;
    held.ports = NULL;
    unlock_held();
}

bool fake_held_nothing(void)
{
    bool nothing;

    lock_held();
    nothing = !held.handles && !held.mappings && !held.ports && !held.stores &&
              !held.disks;
    if (!nothing)
        fprintf(stderr,
                "fake_hv: held: %d handles, %d mappings, ports: %s, "
                "%d connections to XenStore, %d disks\n",
                held.handles, held.mappings, held.ports ? "yes" : "no",
                held.stores, held.disks);
    unlock_held();
    return nothing;
}

void fake_held_mapping(int count)
{
    lock_held();
    held.mappings += count;
    unlock_held();
}

void fake_held_store(int count)
{
    lock_held();
    held.stores += count;
    unlock_held();
}

void fake_held_disk(int count)
{
    lock_held();
    held.disks += count;
    unlock_held();
}

static void hold_handle(int count)
{
    lock_held();
    held.handles += count;
    unlock_held();
}

void fake_port_signal(uint32_t domid, uint32_t port)
{
    struct chaos__hv_port *bound;
    const uint64_t one = 1;

    lock_held();
    for (bound = held.ports; bound; bound = bound->next)
        if (bound->domid == domid && bound->port == port &&
            write(bound->fd, &one, sizeof(one)) != sizeof(one))
            abort();
    unlock_held();
}

int chaos__hv_open(chaos__hv_log_fn log, void *log_user,
                   struct chaos__hv **hv_r, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_OPEN, err);

    if (rc == 0 && fake_state->absent)
        rc = chaos__fail(err, CHAOS_ENOXEN, "there is no fake Xen");
    if (rc == 0) {
        *hv_r = calloc(1, sizeof(**hv_r));
        if (!*hv_r)
            abort();
        hold_handle(1);
    }
    rc = fake_leave(&this_call, rc);
    if (rc == 0 && log)
        log(log_user, "the fake hypervisor is open");
    return rc;
}

void chaos__hv_close(struct chaos__hv *hv)
{
    struct fake_call this_call;

    if (!hv)
        return;
    fake_enter(&this_call, FAKE_HV_CLOSE, NULL);
    hold_handle(-1);
    free(hv);
    fake_leave(&this_call, 0);
}

/* -------------------------------------------------------------- domains */

/* As Xen: upwards from the last one given, around the end; 0: none. */
static uint32_t choose_domid(void)
{
    uint32_t tries, domid = fake_state->next_domid;

    for (tries = 1; tries < CHAOS__DOMIDS; tries++, domid++) {
        if (domid == 0 || domid >= CHAOS__DOMIDS)
            domid = 1;
        if (!fake_state->domains[domid].exists)
            return domid;
    }
    return 0;
}

static int create_domain(const struct chaos__hv_create *create,
                         uint32_t *domid_r, struct chaos_error *err)
{
    uint64_t pool_kb = create->pvh ? FAKE_POOL_DEFAULT_KB : 0;
    uint32_t domid = choose_domid();

    if (create->vcpus == 0 || create->vcpus > FAKE_HV_VCPUS) {
        fake_offence("creating a domain with %u vCPUs", create->vcpus);
        return chaos__fail(err, CHAOS_EFAILED, "%u vCPUs", create->vcpus);
    }
    if (!domid || fake_state->free_kb < FAKE_OVERHEAD_KB + pool_kb)
        return chaos__fail(err, CHAOS_ENOMEM,
                           "creating a domain: out of memory or domids");
    fake_state->free_kb -= FAKE_OVERHEAD_KB + pool_kb;
    fake_state->next_domid = domid + 1;
    fake_use_domid(domid);
    fake_state->domains[domid] = (struct fake_hv_domain){
        .exists = true,
        .pvh = create->pvh,
        .paused = true,
        .max_vcpus = create->vcpus,
        .max_event_channels = create->max_event_channels,
        .max_grant_frames = create->max_grant_frames,
        .overhead_kb = FAKE_OVERHEAD_KB,
        .pool_kb = pool_kb,
    };
    memcpy(fake_state->domains[domid].handle, create->handle,
           CHAOS__HANDLE_SIZE);
    *domid_r = domid;
    return 0;
}

int chaos__hv_domain_create(struct chaos__hv *hv,
                            const struct chaos__hv_create *create,
                            uint32_t *domid_r, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_CREATE, err);

    (void)hv;
    if (rc == 0)
        rc = create_domain(create, domid_r, err);
    return fake_leave(&this_call, rc);
}

int chaos__hv_domain_destroy(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_DESTROY, err);

    (void)hv;
    if (domid == 0)
        fake_offence("destroying dom0");
    else if (rc == 0 && (rc = fake_need(domid, &domain, err)) == 0) {
        domain->dying = true; /* Xen frees it bit by bit, and may be left */
        if (!this_call.half)
            fake_destroy(domain);
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_domain_pause(struct chaos__hv *hv, uint32_t domid,
                           struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_PAUSE, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0)
        domain->paused = true;
    return fake_leave(&this_call, rc);
}

int chaos__hv_domain_unpause(struct chaos__hv *hv, uint32_t domid,
                             struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_UNPAUSE, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0) {
        if (!domain->vcpus || !(domain->has_entry || domain->is_foreign))
            fake_offence("unpausing domain %u, which has nothing to run",
                         domid);
        domain->paused = false;
        if (fake_state->unpause_reason >= 0 && !domain->shutdown) {
            domain->shutdown = true;
            domain->shutdown_reason = (unsigned)fake_state->unpause_reason;
        }
    }
    return fake_leave(&this_call, rc);
}

static void tell(uint32_t domid, struct chaos__hv_domain *domain)
{
    const struct fake_hv_domain *from = &fake_state->domains[domid];
    bool runs = !from->paused && !from->shutdown && !from->dying;

    *domain = (struct chaos__hv_domain){
        .domid = domid,
        .hvm = from->pvh,
        .running = runs && from->cpu_time_ns % 2,
        .blocked = runs && from->cpu_time_ns % 2 == 0,
        .paused = from->paused,
        .shutdown = from->shutdown,
        .dying = from->dying,
        .shared_frame = from->shared_frame,
        .shutdown_reason = from->shutdown ? from->shutdown_reason : 0,
        /* A vCPU that never had a state is not. */
        .vcpus_online = from->has_entry || from->is_foreign ? from->vcpus : 0,
        .pages = from->pages,
        .max_pages = from->max_pages,
        .cpu_time_ns = from->cpu_time_ns,
        .max_vcpus = from->vcpus,
    };
    memcpy(domain->handle, from->handle, sizeof(domain->handle));
}

int chaos__hv_domain_info(struct chaos__hv *hv, uint32_t domid,
                          struct chaos__hv_domain *domain_r,
                          struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_INFO, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0)
        tell(domid, domain_r);
    return fake_leave(&this_call, rc);
}

/* The one with this domid, or behind it; domid_end: there is none. */
static uint32_t next_domain(uint32_t domid)
{
    uint32_t *first = &fake_state->domid_first, end = fake_state->domid_end;

    while (*first < end && !fake_state->domains[*first].exists)
        ++*first;
    if (domid > 0 && domid < *first)
        domid = *first;
    while (domid < end && !fake_state->domains[domid].exists)
        domid++;
    return domid;
}

int chaos__hv_domain_list(struct chaos__hv *hv, uint32_t first_domid,
                          size_t max, struct chaos__hv_domain *domains,
                          struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_LIST, err);
    uint32_t domid;

    (void)hv;
    for (domid = next_domain(first_domid);
         rc >= 0 && (size_t)rc < max && domid < fake_state->domid_end;
         domid = next_domain(domid + 1))
        tell(domid, &domains[rc++]);
    return fake_leave(&this_call, rc);
}

int chaos__hv_domain_create_vcpus(struct chaos__hv *hv, uint32_t domid,
                                  unsigned vcpus, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_CREATE_VCPUS, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0 && vcpus != domain->max_vcpus)
        rc = chaos__fail(err, CHAOS_EFAILED, "domain %u: %u vCPUs, not %u",
                         domid, domain->max_vcpus, vcpus);
    if (rc == 0)
        domain->vcpus = vcpus;
    return fake_leave(&this_call, rc);
}

int chaos__hv_domain_set_cpu_policy(struct chaos__hv *hv, uint32_t domid,
                                    struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_SET_CPU_POLICY, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0)
        domain->has_policy = true;
    return fake_leave(&this_call, rc);
}

int chaos__hv_domain_set_handle(struct chaos__hv *hv, uint32_t domid,
                                const uint8_t handle[CHAOS__HANDLE_SIZE],
                                struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_SET_HANDLE, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0)
        memcpy(domain->handle, handle, sizeof(domain->handle));
    return fake_leave(&this_call, rc);
}

/* The length is that of half the core when only half of it is done. */
static int write_core(uint32_t domid, const char *path, bool half,
                      struct chaos_error *err)
{
    char core[64];
    int length = snprintf(core, sizeof(core), FAKE_HV_CORE "%u", domid);
    FILE *file = fopen(path, "we");

    if (!file)
        return chaos__fail_errno(err, errno, "dump: %s", path);
    fwrite(core, 1, (size_t)(half ? length / 2 : length), file);
    fclose(file);
    return 0;
}

int chaos__hv_domain_dump(struct chaos__hv *hv, uint32_t domid,
                          uint64_t frame_count, const char *path,
                          struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_DOMAIN_DUMP, err);

    (void)hv;
    domain = fake_find(domid);
    if (domain && domain->pvh && frame_count < domain->pages)
        fake_offence("a core of %llu frames of %llu",
                     (unsigned long long)frame_count,
                     (unsigned long long)domain->pages);
    if (rc < 0 || this_call.half)
        write_core(domid, path, true, NULL);
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0 && !this_call.half)
        rc = write_core(domid, path, false, err);
    return fake_leave(&this_call, rc);
}

/* --------------------------------------------------------------- memory */

int chaos__hv_set_max_memory(struct chaos__hv *hv, uint32_t domid,
                             uint64_t max_kb, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_SET_MAX_MEMORY, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0)
        domain->max_pages = max_kb / 4;
    return fake_leave(&this_call, rc);
}

int chaos__hv_set_paging_pool(struct chaos__hv *hv, uint32_t domid,
                              uint64_t size_kb, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_SET_PAGING_POOL, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0 &&
        (!domain->pvh || size_kb > fake_state->free_kb + domain->pool_kb))
        rc = chaos__fail(err, CHAOS_ENOMEM, "setting the paging pool");
    if (rc == 0) {
        fake_state->free_kb += domain->pool_kb - size_kb;
        domain->pool_kb = size_kb;
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_set_pod_target(struct chaos__hv *hv, uint32_t domid,
                             uint64_t pages, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_SET_POD_TARGET, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0 && (!domain->pvh || pages > domain->max_pages))
        rc = chaos__fail(err, CHAOS_EINVAL, "setting memory aside");
    /* A domain whose frames are all real is not what this is about. */
    if (rc == 0 && (domain->pages == 0 || domain->pod_target))
        domain->pod_target = pages;
    return fake_leave(&this_call, rc);
}

/* Frames that are but promised are real here from the start. */
static int populate(enum fake_hv_call call, uint32_t domid, uint64_t first,
                    uint64_t pages, uint64_t *frames_r, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, call, err), r = rc;
    uint64_t i;

    if (first % CHAOS__SUPERPAGE_PAGES)
        fake_offence("populating from frame 0x%llx", (unsigned long long)first);
    if (rc == 0 || this_call.half)
        r = fake_need(domid, &domain, rc == 0 ? err : NULL);
    if (r == 0 && call == FAKE_HV_PROMISE && !domain->pod_target)
        fake_offence("promising pages of which none are set aside");
    if (r == 0)
        r = fake_give_pages(domain, first, this_call.half ? pages / 2 : pages,
                            rc == 0 ? err : NULL);
    if (rc == 0)
        rc = r;
    for (i = 0; rc == 0 && frames_r && !this_call.half && i < pages; i++)
        frames_r[i] = domain->extents[domain->extent_count - 1].machine + i;
    return fake_leave(&this_call, rc);
}

int chaos__hv_populate(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                       uint64_t pages, uint64_t *frames_r,
                       struct chaos_error *err)
{
    (void)hv;
    return populate(FAKE_HV_POPULATE, domid, first, pages, frames_r, err);
}

int chaos__hv_promise(struct chaos__hv *hv, uint32_t domid, uint64_t first,
                      uint64_t pages, struct chaos_error *err)
{
    (void)hv;
    return populate(FAKE_HV_PROMISE, domid, first, pages, NULL, err);
}

/* Maps the pages from `at` on that lie side by side in the host's memory;
 * returns how many, 0 when the first is not the domain's. */
static size_t map_run(const struct fake_hv_domain *domain,
                      const uint64_t *frames, size_t pages, uint8_t *to)
{
    uint64_t machine, next;
    size_t count = 1;

    if (!fake_machine_frame(domain, frames[0], &machine))
        return 0;
    while (count < pages && fake_machine_frame(domain, frames[count], &next) &&
           next == machine + count)
        count++;
    if (mmap(to, count * CHAOS__PAGE_SIZE, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED, fake_memory,
             (off_t)(machine * CHAOS__PAGE_SIZE)) == MAP_FAILED)
        abort();
    return count;
}

static int map_frames(struct fake_hv_domain *domain, const uint64_t *frames,
                      size_t pages, void **address_r, struct chaos_error *err)
{
    size_t size = pages * CHAOS__PAGE_SIZE, done, run;
    uint8_t *base =
        mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == 0 || base == MAP_FAILED)
        return chaos__fail(err, CHAOS_EFAILED, "mapping %zu pages", pages);
    for (done = 0; done < pages; done += run) {
        run = map_run(domain, frames + done, pages - done,
                      base + done * CHAOS__PAGE_SIZE);
        if (run > 0)
            continue;
        munmap(base, size);
        return chaos__fail(err, CHAOS_EFAILED,
                           "mapping guest memory: no frame 0x%llx",
                           (unsigned long long)frames[done]);
    }
    domain->mappings++;
    fake_held_mapping(1);
    *address_r = base;
    return 0;
}

int chaos__hv_map(struct chaos__hv *hv, uint32_t domid, const uint64_t *frames,
                  size_t pages, void **address_r, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_MAP, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0)
        rc = map_frames(domain, frames, pages, address_r, err);
    return fake_leave(&this_call, rc);
}

void chaos__hv_unmap(struct chaos__hv *hv, void *address, size_t pages)
{
    struct fake_call this_call;

    (void)hv;
    if (!address)
        return;
    fake_enter(&this_call, FAKE_HV_UNMAP, NULL);
    if ((uintptr_t)address % CHAOS__PAGE_SIZE ||
        munmap(address, pages * CHAOS__PAGE_SIZE) < 0)
        fake_offence("unmapping what was not mapped");
    fake_held_mapping(-1);
    fake_leave(&this_call, 0);
}

/* ------------------------------------------------------------------ PVH */

static int need_pvh(uint32_t domid, struct fake_hv_domain **domain_r,
                    struct chaos_error *err)
{
    int rc = fake_need(domid, domain_r, err);

    if (rc == 0 && !(*domain_r)->pvh) {
        fake_offence("domain %u is not PVH", domid);
        rc = chaos__fail(err, CHAOS_EFAILED, "domain %u is not PVH", domid);
    }
    return rc;
}

int chaos__hv_set_param(struct chaos__hv *hv, uint32_t domid,
                        enum chaos__hv_param param, uint64_t value,
                        struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_SET_PARAM, err);

    (void)hv;
    if (rc == 0)
        rc = need_pvh(domid, &domain, err);
    if (rc == 0) {
        domain->has_param[param] = true;
        domain->params[param] = value;
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_get_param(struct chaos__hv *hv, uint32_t domid,
                        enum chaos__hv_param param, uint64_t *value_r,
                        struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_GET_PARAM, err);

    (void)hv;
    if (rc == 0)
        rc = need_pvh(domid, &domain, err);
    if (rc == 0)
        *value_r = domain->params[param]; /* 0: was never set */
    return fake_leave(&this_call, rc);
}

int chaos__hv_set_memory_map(struct chaos__hv *hv, uint32_t domid,
                             const struct chaos__hv_memory_region *regions,
                             size_t count, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_SET_MEMORY_MAP, err);

    (void)hv;
    if (rc == 0)
        rc = need_pvh(domid, &domain, err);
    if (rc == 0 && count > FAKE_HV_REGIONS)
        rc = chaos__fail(err, CHAOS_EFAILED, "%zu regions", count);
    if (rc == 0) {
        memcpy(domain->regions, regions, count * sizeof(*regions));
        domain->region_count = (unsigned)count;
    }
    return fake_leave(&this_call, rc);
}

static void make_header(uint32_t domid, struct chaos__hv_vcpu_header *header)
{
    memset(header, 0, sizeof(*header));
    memcpy(header->bytes, &domid, sizeof(domid));
    memcpy(header->bytes + sizeof(domid), "header", 6);
    header->size = 16;
}

int chaos__hv_pvh_prepare_vcpus(struct chaos__hv *hv, uint32_t domid,
                                unsigned vcpus,
                                struct chaos__hv_vcpu_header *header_r,
                                struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_PVH_PREPARE_VCPUS, err);

    (void)hv;
    if (rc == 0)
        rc = need_pvh(domid, &domain, err);
    if (rc == 0 && (vcpus == 0 || vcpus != domain->vcpus))
        rc = chaos__fail(err, CHAOS_EFAILED, "domain %u has %u vCPUs", domid,
                         domain->vcpus);
    if (rc == 0) {
        make_header(domid, header_r);
        domain->has_vcpu_header = true;
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_pvh_set_entry(struct chaos__hv *hv, uint32_t domid,
                            const struct chaos__hv_vcpu_header *header,
                            uint64_t entry, uint64_t start_info,
                            struct chaos_error *err)
{
    struct chaos__hv_vcpu_header expected;
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_PVH_SET_ENTRY, err);

    (void)hv;
    if (rc == 0)
        rc = need_pvh(domid, &domain, err);
    make_header(domid, &expected);
    if (rc == 0 && (!domain->has_vcpu_header ||
                    memcmp(header, &expected, sizeof(expected)) != 0))
        rc = chaos__fail(err, CHAOS_EFAILED, "not domain %u's header", domid);
    if (rc == 0) {
        domain->has_entry = true;
        domain->entry = entry;
        domain->start_info = start_info;
    }
    return fake_leave(&this_call, rc);
}

/* --------------------------------------------------------------- images */

static int unpack(const uint8_t *image, size_t size, void **elf_r,
                  size_t *elf_size_r, struct chaos_error *err)
{
    uint8_t *elf;
    size_t i;

    if (size <= FAKE_HV_PACKED_MAGIC_SIZE ||
        memcmp(image, FAKE_HV_PACKED_MAGIC, FAKE_HV_PACKED_MAGIC_SIZE) != 0)
        return chaos__fail(err, CHAOS_EIMAGE,
                           "neither an ELF file nor a compressed kernel");
    image += FAKE_HV_PACKED_MAGIC_SIZE;
    size -= FAKE_HV_PACKED_MAGIC_SIZE;
    elf = malloc(size);
    if (!elf)
        abort();
    for (i = 0; i < size; i++)
        elf[i] = (uint8_t)~image[i];
    *elf_r = elf;
    *elf_size_r = size;
    return 0;
}

int chaos__hv_unpack_kernel(struct chaos__hv *hv, const void *image,
                            size_t size, void **elf_r, size_t *elf_size_r,
                            struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_UNPACK_KERNEL, err);

    (void)hv;
    if (rc == 0)
        rc = unpack(image, size, elf_r, elf_size_r, err);
    return fake_leave(&this_call, rc);
}

/* --------------------------------------------------------------- grants */

static void grant(struct fake_hv_domain *domain,
                  const struct chaos__hv_grant *grants, size_t count)
{
    uint64_t machine;
    size_t i;

    for (i = 0; i < count; i++) {
        const uint32_t reference = grants[i].reference;

        if ((reference > FAKE_HV_GRANT_STORE &&
             reference < CHAOS__GRANT_FIRST) ||
            reference >= FAKE_HV_GRANTS ||
            domain->grants[reference].is_granted ||
            !fake_machine_frame(domain, grants[i].frame, &machine)) {
            fake_offence("granting frame 0x%llx as %u",
                         (unsigned long long)grants[i].frame, reference);
            continue;
        }
        domain->grants[reference].is_granted = true;
        domain->grants[reference].frame = grants[i].frame;
    }
}

int chaos__hv_grant(struct chaos__hv *hv, uint32_t domid,
                    const struct chaos__hv_grant *grants, size_t count,
                    struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_GRANT, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0)
        grant(domain, grants, this_call.half ? count / 2 : count);
    return fake_leave(&this_call, rc);
}

/* ---------------------------------------------------------------- ports */

int chaos__hv_port_alloc(struct chaos__hv *hv, uint32_t domid, uint32_t *port_r,
                         struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_PORT_ALLOC, err);
    uint32_t port;

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    for (port = 1; rc == 0 && port < FAKE_HV_PORTS &&
                   domain->ports[port].state != FAKE_HV_PORT_NONE;)
        port++;
    if (rc == 0 && port == FAKE_HV_PORTS)
        rc = chaos__fail(err, CHAOS_EFAILED, "domain %u: no free port", domid);
    if (rc == 0) {
        domain->ports[port].state = FAKE_HV_PORT_UNBOUND;
        *port_r = port;
    }
    return fake_leave(&this_call, rc);
}

static int bind_port(uint32_t domid, uint32_t port, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    int rc = fake_need(domid, &domain, err);

    if (rc < 0)
        return rc;
    if (port == 0 || port >= FAKE_HV_PORTS ||
        domain->ports[port].state == FAKE_HV_PORT_NONE)
        return chaos__fail(err, CHAOS_EFAILED, "domain %u: no port %u", domid,
                           port);
    /* The kernel unbinds what a dead process had bound. */
    if (domain->ports[port].state == FAKE_HV_PORT_STORE ||
        (domain->ports[port].state == FAKE_HV_PORT_BOUND &&
         kill(domain->ports[port].owner_pid, 0) == 0))
        return chaos__fail(err, CHAOS_EBUSY,
                           "port %u of domain %u is bound already", port,
                           domid);
    domain->ports[port].state = FAKE_HV_PORT_BOUND;
    domain->ports[port].owner_pid = getpid();
    return 0;
}

static struct chaos__hv_port *hold_port(uint32_t domid, uint32_t port)
{
    struct chaos__hv_port *bound = calloc(1, sizeof(*bound));

    if (!bound)
        abort();
    *bound = (struct chaos__hv_port){
        .domid = domid,
        .port = port,
        .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    lock_held();
    bound->next = held.ports;
    held.ports = bound;
    unlock_held();
    return bound;
}

int chaos__hv_port_bind(struct chaos__hv *hv, uint32_t domid, uint32_t port,
                        struct chaos__hv_port **port_r, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_PORT_BIND, err);

    (void)hv;
    if (rc == 0)
        rc = bind_port(domid, port, err);
    if (rc == 0)
        *port_r = hold_port(domid, port);
    return fake_leave(&this_call, rc);
}

int chaos__hv_port_fd(const struct chaos__hv_port *port)
{
    struct fake_call this_call;

    fake_enter(&this_call, FAKE_HV_PORT_FD, NULL);
    return fake_leave(&this_call, port->fd);
}

void chaos__hv_port_clear(struct chaos__hv_port *port)
{
    struct fake_call this_call;
    uint64_t count;

    fake_enter(&this_call, FAKE_HV_PORT_CLEAR, NULL);
    if (read(port->fd, &count, sizeof(count)) < 0)
        count = 0; /* nothing was pending */
    fake_leave(&this_call, 0);
}

int chaos__hv_port_notify(struct chaos__hv_port *port, struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    fake_hv_notify_fn notified;
    int rc = fake_enter(&this_call, FAKE_HV_PORT_NOTIFY, err);

    notified = rc == 0 ? fake_state->notified : NULL;
    domain = fake_find(port->domid);
    if (rc == 0 && domain)
        domain->ports[port->port].notified++;
    rc = fake_leave(&this_call, rc);
    if (notified)
        notified(port->domid, port->port);
    return rc;
}

void chaos__hv_port_close(struct chaos__hv_port *port)
{
    struct chaos__hv_port **link;
    struct fake_hv_domain *domain;
    struct fake_call this_call;

    if (!port)
        return;
    fake_enter(&this_call, FAKE_HV_PORT_CLOSE, NULL);
    domain = fake_find(port->domid);
    if (domain && domain->ports[port->port].state == FAKE_HV_PORT_BOUND)
        domain->ports[port->port].state = FAKE_HV_PORT_UNBOUND;
    lock_held();
    for (link = &held.ports; *link && *link != port;)
        link = &(*link)->next;
    if (*link)
        *link = port->next;
    unlock_held();
    close(port->fd);
    free(port);
    fake_leave(&this_call, 0);
}

/* ------------------------------------------------------------- the host */

int chaos__hv_host_info(struct chaos__hv *hv, struct chaos__hv_host *host_r,
                        struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_HOST_INFO, err);

    (void)hv;
    if (rc == 0) {
        *host_r = (struct chaos__hv_host){
            .version = "4.17.fake",
            .total_kb = FAKE_HOST_KB,
            .free_kb = fake_state->free_kb,
            .cpus = FAKE_HOST_CPUS,
        };
    }
    return fake_leave(&this_call, rc);
}

int chaos__hv_host_log(struct chaos__hv *hv, bool clear, char **text_r,
                       struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_HOST_LOG, err);

    (void)hv;
    if (rc == 0) {
        *text_r = strdup(fake_state->log);
        if (!*text_r)
            abort();
        if (clear)
            fake_state->log[0] = '\0';
    }
    return fake_leave(&this_call, rc);
}
