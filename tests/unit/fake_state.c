/* SPDX-License-Identifier: MIT */
/* The fake hypervisor's state, its failures, and its memory. */
#include "fake_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fake_state *fake_state;
int fake_memory = -1;

static const char *const call_names[] = {
#define CALL_NAME(name, text) [FAKE_HV_##name] = text,
    FAKE_HV_CALLS(CALL_NAME)
#undef CALL_NAME
};

const char *fake_hv_call_name(enum fake_hv_call call)
{
    return call_names[call];
}

/* ------------------------------------------------------------- the host */

static void make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static void make_dom0(struct fake_hv_domain *dom0)
{
    dom0->exists = true;
    dom0->max_vcpus = dom0->vcpus = FAKE_HOST_CPUS;
    dom0->pages = dom0->max_pages = 262144;
    dom0->has_entry = true;
}

void fake_hv_reset(void)
{
    if (fake_state)
        munmap(fake_state, sizeof(*fake_state));
    if (fake_memory >= 0)
        close(fake_memory);
    fake_state = mmap(NULL, sizeof(*fake_state), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    fake_memory = memfd_create("fake-hv", MFD_CLOEXEC);
    if (fake_state == MAP_FAILED || fake_memory < 0) {
        perror("fake_hv");
        abort();
    }
    make_lock(&fake_state->lock);
    make_dom0(&fake_state->domains[0]);
    fake_state->domid_first = fake_state->domid_end = 1;
    fake_state->next_domid = 1;
    fake_state->unpause_reason = -1;
    fake_state->free_kb = FAKE_HOST_KB;
    fake_state->next_machine = FAKE_HV_FRAMES_PV;
    fake_tree_reset();
    fake_state->bridges[0] =
        (struct fake_bridge){ "xenbr0", FAKE_DOM0_BRIDGE_MTU };
    fake_held_reset();
}

void fake_make(void)
{
    if (!fake_state)
        fake_hv_reset();
}

void fake_lock(void)
{
    fake_make();
    pthread_mutex_lock(&fake_state->lock);
}

void fake_unlock(void)
{
    pthread_mutex_unlock(&fake_state->lock);
}

/* -------------------------------------------------------- failing, dying */

/* Calls that return nothing, or cannot fail by the seam's contract. */
static bool is_fallible(enum fake_hv_call call)
{
    return call != FAKE_HV_CLOSE && call != FAKE_HV_UNMAP &&
           call != FAKE_HV_PORT_FD && call != FAKE_HV_PORT_CLEAR &&
           call != FAKE_HV_PORT_CLOSE && call != FAKE_HV_STORE_CLOSE &&
           call != FAKE_HV_DISK_CLOSE && call != FAKE_HV_HAS_INTERFACE &&
           call != FAKE_HV_HAS_DISK;
}

/* The code that this call fails with, 0: it does not. */
static int planned_failure(enum fake_hv_call call)
{
    struct fake_state *state = fake_state;
    int code;

    if (!is_fallible(call))
        return 0;
    state->fallible++;
    state->fail_calls++;
    code = state->fail_next[call];
    state->fail_next[call] = 0;
    if ((state->fail_at && state->fail_calls == state->fail_at) ||
        (state->fail_from && state->fail_calls >= state->fail_from))
        code = state->fail_code;
    return code;
}

static bool is_death(void)
{
    return fake_state->die_at && fake_state->die_pid == getpid() &&
           ++fake_state->die_calls == fake_state->die_at;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void let_others(enum fake_hv_call call)
{
    void (*meanwhile)(void) = fake_state ? fake_state->meanwhile[call] : NULL;

    if (!meanwhile)
        return;
    fake_state->meanwhile[call] = NULL;
    meanwhile();
}

int fake_enter(struct fake_call *this_call, enum fake_hv_call call,
               struct chaos_error *err)
{
    int code;

    let_others(call);
    *this_call = (struct fake_call){ .call = call };
    fake_lock();
    fake_state->counts[call]++;
    fake_state->calls++;
    if (fake_state->leaving)
        fake_backends_leave();
    code = planned_failure(call);
    if (is_death()) {
        if (fake_state->die_when == FAKE_HV_BEFORE) {
            fake_unlock();
            die();
        }
        this_call->half = fake_state->die_when == FAKE_HV_DURING;
        this_call->die_after = true;
    }
    if (code < 0) {
        this_call->half = true;
        chaos__fail(err, code, "the test's failure in %s", call_names[call]);
    }
    return code;
}

int fake_leave(const struct fake_call *this_call, int rc)
{
    fake_unlock();
    if (this_call->die_after)
        die();
    return rc;
}

static void plan_failure(unsigned at, unsigned from, int code)
{
    fake_lock();
    fake_state->fail_at = at;
    fake_state->fail_from = from;
    fake_state->fail_code = code;
    fake_state->fail_calls = 0;
    fake_unlock();
}

void fake_hv_fail_at(unsigned n, int code)
{
    plan_failure(n, 0, code);
}

void fake_hv_fail_from(unsigned n, int code)
{
    plan_failure(0, n, code);
}

void fake_hv_fail_next(enum fake_hv_call call, int code)
{
    fake_lock();
    fake_state->fail_next[call] = code;
    fake_unlock();
}

void fake_hv_before(enum fake_hv_call call, void (*meanwhile)(void))
{
    fake_lock();
    fake_state->meanwhile[call] = meanwhile;
    fake_unlock();
}

void fake_hv_die_at(unsigned n, enum fake_hv_death when)
{
    fake_lock();
    fake_state->die_calls = 0;
    fake_state->die_when = when;
    fake_state->die_pid = getpid();
    fake_state->die_at = n;
    fake_unlock();
}

void fake_hv_set_absent(bool absent)
{
    fake_lock();
    fake_state->absent = absent;
    fake_unlock();
}

/* ------------------------------------------------------------- counting */

void fake_hv_reset_counts(void)
{
    fake_lock();
    memset(fake_state->counts, 0, sizeof(fake_state->counts));
    memset(fake_state->requests, 0, sizeof(fake_state->requests));
    fake_state->fallible = 0;
    fake_unlock();
}

unsigned fake_hv_count(enum fake_hv_call call)
{
    unsigned count;

    fake_lock();
    count = fake_state->counts[call];
    fake_unlock();
    return count;
}

unsigned fake_hv_count_all(void)
{
    unsigned all = 0, i;

    fake_lock();
    for (i = 0; i < FAKE_HV_CALL_COUNT; i++)
        all += fake_state->counts[i];
    fake_unlock();
    return all;
}

unsigned fake_hv_count_fallible(void)
{
    unsigned fallible;

    fake_lock();
    fallible = fake_state->fallible;
    fake_unlock();
    return fallible;
}

void fake_offence(const char *format, ...)
{
    va_list args;

    fake_state->offences++;
    va_start(args, format);
    fprintf(stderr, "fake_hv: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
}

static bool says(bool wrong, const char *what, unsigned long long number)
{
    if (wrong)
        fprintf(stderr, "fake_hv: %s: %llu\n", what, number);
    return wrong;
}

static bool port_is_bound(const struct fake_hv_domain *domain)
{
    unsigned port;

    for (port = 0; port < FAKE_HV_PORTS; port++)
        if (domain->ports[port].state == FAKE_HV_PORT_BOUND &&
            kill(domain->ports[port].owner_pid, 0) == 0)
            return true;
    return false;
}

bool fake_hv_check_clean(void)
{
    bool wrong = false;
    uint32_t domid;

    fake_lock();
    for (domid = 1; domid < fake_state->domid_end; domid++) {
        wrong |= says(fake_state->domains[domid].exists, "domain left", domid);
        wrong |= says(port_is_bound(&fake_state->domains[domid]),
                      "port left bound in domain", domid);
    }
    wrong |= says(fake_state->free_kb != FAKE_HOST_KB, "KiB not given back",
                  FAKE_HOST_KB - fake_state->free_kb);
    wrong |= says(fake_state->offences, "offences", fake_state->offences);
    wrong |= !fake_tree_check_clean();
    wrong |= !fake_dom0_check_clean();
    fake_unlock();
    return fake_held_nothing() && !wrong;
}

/* --------------------------------------------------------------- domains */

void fake_use_domid(uint32_t domid)
{
    if (domid < fake_state->domid_first)
        fake_state->domid_first = domid;
    if (domid >= fake_state->domid_end)
        fake_state->domid_end = domid + 1;
}

struct fake_hv_domain *fake_find(uint32_t domid)
{
    return domid < CHAOS__DOMIDS && fake_state->domains[domid].exists
               ? &fake_state->domains[domid]
               : NULL;
}

int fake_need(uint32_t domid, struct fake_hv_domain **domain_r,
              struct chaos_error *err)
{
    *domain_r = fake_find(domid);
    return *domain_r ? 0
                     : chaos__fail(err, CHAOS_ENOGUEST, "no domain %u", domid);
}

/* --------------------------------------------------------------- memory */

bool fake_machine_frame(const struct fake_hv_domain *domain, uint64_t frame,
                        uint64_t *machine_r)
{
    const struct fake_hv_extent *extent;
    uint64_t first;
    unsigned i;

    for (i = 0; i < domain->extent_count; i++) {
        extent = &domain->extents[i];
        first = domain->pvh ? extent->first : extent->machine;
        if (frame < first || frame - first >= extent->pages)
            continue;
        *machine_r = extent->machine + (frame - first);
        return true;
    }
    return false;
}

static void poison(uint64_t machine, uint64_t pages)
{
    size_t size = (size_t)pages * CHAOS__PAGE_SIZE;
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                         fake_memory, (off_t)(machine * CHAOS__PAGE_SIZE));

    if (address == MAP_FAILED)
        abort();
    memset(address, FAKE_POISON, size);
    munmap(address, size);
}

static bool overlaps(const struct fake_hv_domain *domain, uint64_t first,
                     uint64_t pages)
{
    unsigned i;

    for (i = 0; i < domain->extent_count; i++)
        if (first < domain->extents[i].first + domain->extents[i].pages &&
            domain->extents[i].first < first + pages)
            return true;
    return false;
}

int fake_give_pages(struct fake_hv_domain *domain, uint64_t first,
                    uint64_t pages, struct chaos_error *err)
{
    struct fake_hv_extent *extent = &domain->extents[domain->extent_count];

    if (pages == 0)
        return 0;
    if (overlaps(domain, first, pages) ||
        domain->extent_count == FAKE_HV_EXTENTS) {
        fake_offence("populating frames that the domain has, or too often");
        return chaos__fail(err, CHAOS_EFAILED, "populating twice");
    }
    if (pages * 4 > fake_state->free_kb ||
        domain->pages + pages > domain->max_pages)
        return chaos__fail(err, CHAOS_ENOMEM,
                           "allocating %llu KiB: out of memory",
                           (unsigned long long)pages * 4);
    *extent = (struct fake_hv_extent){ .first = first,
                                       .pages = pages,
                                       .machine = fake_state->next_machine };
    domain->extent_count++;
    domain->pages += pages;
    fake_state->free_kb -= pages * 4;
    /* A gap: two extents are never side by side by accident. */
    fake_state->next_machine += pages + 1;
    if (ftruncate(fake_memory,
                  (off_t)(fake_state->next_machine * CHAOS__PAGE_SIZE)) < 0)
        abort();
    if (fake_state->poison)
        poison(extent->machine, pages);
    return 0;
}

void fake_take_all(struct fake_hv_domain *domain)
{
    unsigned i;

    fake_state->free_kb +=
        domain->pages * 4 + domain->pool_kb + domain->overhead_kb;
    /* Who has mapped a frame keeps it, as with Xen. */
    for (i = 0; !domain->mappings && i < domain->extent_count; i++)
        fallocate(fake_memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)(domain->extents[i].machine * CHAOS__PAGE_SIZE),
                  (off_t)(domain->extents[i].pages * CHAOS__PAGE_SIZE));
    memset(domain, 0, sizeof(*domain));
}

/* ---------------------------------------------------------------- grants */

void fake_keep_page(struct fake_hv_domain *domain)
{
    domain->kept_pages++;
}

void fake_let_page_go(struct fake_hv_domain *domain)
{
    domain->kept_pages--;
    if (domain->dying && domain->kept_pages == 0)
        fake_take_all(domain);
}

bool fake_map_grant(struct fake_hv_domain *domain, uint32_t reference)
{
    if (reference >= FAKE_HV_GRANTS || !domain->grants[reference].is_granted)
        return false;
    domain->grants[reference].mapped++;
    fake_keep_page(domain);
    return true;
}

void fake_unmap_grant(struct fake_hv_domain *domain, uint32_t reference)
{
    domain->grants[reference].mapped--;
    fake_let_page_go(domain);
}

void fake_destroy(struct fake_hv_domain *domain)
{
    fake_release(domain); /* xenstored hears of it, and lets go */
    domain->dying = true;
    memset(domain->ports, 0, sizeof(domain->ports));
    if (domain->kept_pages == 0) {
        fake_take_all(domain);
        return;
    }
    fake_state->free_kb +=
        (domain->pages - domain->kept_pages) * 4 + domain->pool_kb;
    domain->pages = domain->kept_pages;
    domain->pool_kb = 0;
}
