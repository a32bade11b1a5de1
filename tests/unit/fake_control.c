/* SPDX-License-Identifier: MIT */
/* The fake hypervisor from the outside: other toolstacks, guests that end,
 * and what a test looks at. */
#include "fake_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t fake_hv_add_foreign(const char *name, const uint8_t handle[16])
{
    struct fake_hv_domain *domain;
    uint32_t domid;
    char path[64];

    fake_lock();
    domid = fake_state->next_domid++;
    domain = &fake_state->domains[domid];
    if (domain->exists)
        abort();
    *domain = (struct fake_hv_domain){
        .exists = true,
        .is_foreign = true,
        .max_vcpus = 1,
        .vcpus = 1,
        .overhead_kb = 60,
    };
    fake_state->free_kb -= domain->overhead_kb;
    fake_use_domid(domid);
    memcpy(domain->handle, handle, sizeof(domain->handle));
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    if (name && fake_tree_write_text(path, "name", "%s", name) != 0)
        abort();
    fake_unlock();
    return domid;
}

void fake_hv_vanish(uint32_t domid)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    fake_lock();
    fake_tree_remove(path);
    fake_backends_notice();
    if (fake_find(domid))
        fake_destroy(&fake_state->domains[domid]);
    fake_unlock();
}

void fake_hv_set_next_domid(uint32_t domid)
{
    fake_lock();
    fake_state->next_domid = domid;
    fake_unlock();
}

void fake_hv_set_free_kb(uint64_t free_kb)
{
    fake_lock();
    fake_state->free_kb = free_kb;
    fake_unlock();
}

uint64_t fake_hv_free_kb(void)
{
    uint64_t free_kb;

    fake_lock();
    free_kb = fake_state->free_kb;
    fake_unlock();
    return free_kb;
}

void fake_hv_set_poison(bool poison)
{
    fake_lock();
    fake_state->poison = poison;
    fake_unlock();
}

void fake_hv_set_log(const char *text)
{
    fake_lock();
    snprintf(fake_state->log, sizeof(fake_state->log), "%s", text);
    fake_unlock();
}

void fake_hv_shut_down(uint32_t domid, unsigned reason)
{
    struct fake_hv_domain *domain;

    fake_lock();
    domain = fake_find(domid);
    if (domain) {
        domain->shutdown = true;
        domain->shutdown_reason = reason;
    }
    fake_unlock();
}

void fake_hv_keep_page(uint32_t domid, bool keep)
{
    struct fake_hv_domain *domain;

    fake_lock();
    domain = fake_find(domid);
    if (domain && keep)
        fake_keep_page(domain);
    else if (domain)
        fake_let_page_go(domain);
    fake_unlock();
}

void fake_hv_on_unpause(int reason)
{
    fake_lock();
    fake_state->unpause_reason = reason;
    fake_unlock();
}

void fake_hv_on_notify(fake_hv_notify_fn notified)
{
    fake_lock();
    fake_state->notified = notified;
    fake_unlock();
}

void fake_hv_guest_notify(uint32_t domid, uint32_t port)
{
    fake_port_signal(domid, port);
}

struct fake_hv_domain fake_hv_domain(uint32_t domid)
{
    struct fake_hv_domain domain = { 0 };

    fake_lock();
    if (domid < CHAOS__DOMIDS)
        domain = fake_state->domains[domid];
    fake_unlock();
    return domain;
}

/* FNV-1a */
uint64_t fake_hv_sum(const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    size_t i;

    for (i = 0; i < size; i++)
        sum = (sum ^ from[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* The part of [address, address + size) that lies in its first page: where
 * that is in the host's memory, and how much it is. */
static bool first_part(uint32_t domid, uint64_t address, size_t size,
                       off_t *at_r, size_t *part_r)
{
    uint64_t in_page = address % CHAOS__PAGE_SIZE, machine;
    const struct fake_hv_domain *domain;
    bool ok;

    fake_lock();
    domain = fake_find(domid);
    ok = domain &&
         fake_machine_frame(domain, address >> CHAOS__PAGE_SHIFT, &machine);
    fake_unlock();
    if (!ok)
        return false;
    *at_r = (off_t)(machine * CHAOS__PAGE_SIZE + in_page);
    *part_r =
        CHAOS__PAGE_SIZE - in_page < size ? CHAOS__PAGE_SIZE - in_page : size;
    return true;
}

bool fake_hv_read(uint32_t domid, uint64_t address, void *buffer, size_t size)
{
    uint8_t *to = buffer;
    size_t part;
    off_t at;

    for (; size > 0; size -= part, to += part, address += part)
        if (!first_part(domid, address, size, &at, &part) ||
            pread(fake_memory, to, part, at) != (ssize_t)part)
            return false;
    return true;
}

bool fake_hv_write(uint32_t domid, uint64_t address, const void *bytes,
                   size_t size)
{
    const uint8_t *from = bytes;
    size_t part;
    off_t at;

    for (; size > 0; size -= part, from += part, address += part)
        if (!first_part(domid, address, size, &at, &part) ||
            pwrite(fake_memory, from, part, at) != (ssize_t)part)
            return false;
    return true;
}

void *fake_hv_pack(const void *kernel, size_t size, size_t *packed_size_r)
{
    uint8_t *packed = malloc(size + FAKE_HV_PACKED_MAGIC_SIZE);
    const uint8_t *from = kernel;
    size_t i;

    if (!packed)
        abort();
    memcpy(packed, FAKE_HV_PACKED_MAGIC, FAKE_HV_PACKED_MAGIC_SIZE);
    for (i = 0; i < size; i++)
        packed[FAKE_HV_PACKED_MAGIC_SIZE + i] = (uint8_t)~from[i];
    *packed_size_r = size + FAKE_HV_PACKED_MAGIC_SIZE;
    return packed;
}
