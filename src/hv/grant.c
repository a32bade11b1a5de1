/* SPDX-License-Identifier: MIT */
/* A domain's grant table, written from outside. */
#include "handle.h"

#include <errno.h>
#include <sys/mman.h>

#include <xen/grant_table.h>
#include <xen/memory.h>

#define DOM0 0

int chaos__hv_grant(struct chaos__hv *hv, uint32_t domid,
                    const struct chaos__hv_grant *grants, size_t count,
                    struct chaos_error *err)
{
    xenforeignmemory_resource_handle *resource;
    void *address = NULL;
    grant_entry_v1_t *table;
    size_t i;
    int rc = chaos__hv_memory_open(hv, err);

    _Static_assert(GNTTAB_NR_RESERVED_ENTRIES == CHAOS__GRANT_FIRST, "grants");
    _Static_assert(sizeof(*table) * CHAOS__GRANTS_PER_FRAME == CHAOS__PAGE_SIZE,
                   "grants in a frame");
    if (rc < 0)
        return rc;
    resource = xenforeignmemory_map_resource(
        hv->memory, domid, XENMEM_resource_grant_table,
        XENMEM_resource_grant_table_id_shared, 0, 1, &address,
        PROT_READ | PROT_WRITE, 0);
    if (!resource)
        return chaos__hv_fail(err, domid, "mapping the grant table");
    table = address;
    for (i = 0; i < count; i++) {
        grant_entry_v1_t *entry = &table[grants[i].reference];

        entry->domid = DOM0;
        entry->frame = (uint32_t)grants[i].frame;
        /* The flags make the entry valid: last. */
        __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
    }
    xenforeignmemory_unmap_resource(hv->memory, resource);
    return 0;
}
