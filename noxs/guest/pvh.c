/* SPDX-License-Identifier: MIT */
#include "platform.h"

#include <stddef.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>

#include "../abi/noxs.h"
#include "hypercall.h"
#include "layout.h"

/*
 * The level 2 table covers 1 GiB of addresses.  The lower half is mapped to
 * itself, a piece when it is first needed; the upper half holds windows to
 * memory further up.  No entry changes once it is present, so no TLB flush is
 * needed.
 */
#define LARGE_SHIFT 21
#define FRAMES_PER_LARGE (1u << (LARGE_SHIFT - 12))
#define SLOTS 512u
#define FIRST_WINDOW 256u
#define PTE_LARGE 0xe3ull /* present, writable, accessed, dirty, 2 MiB */

/* Builders keep what a guest has to find below 4 GiB (start_info.h). */
#define FRAME_LIMIT (UINT64_C(1) << 20)

/* A table with more entries than that is none. */
#define MAX_MEMMAP 128u
#define MAX_MODULES 16u

static const struct hvm_start_info *start_info;
static struct shared_info *shared_info;

static void *map(uint64_t address)
{
    uint64_t *table = (uint64_t *)(PAGE_TABLES + 2 * PAGE_SIZE);
    uint64_t large = address >> LARGE_SHIFT;
    uint64_t entry = large << LARGE_SHIFT | PTE_LARGE;
    unsigned int slot = large;

    if (address >= FRAME_LIMIT * PAGE_SIZE)
        return NULL;
    if (large >= FIRST_WINDOW) {
        slot = FIRST_WINDOW;
        while (table[slot] && table[slot] != entry)
            if (++slot == SLOTS)
                return NULL;
    }
    table[slot] = entry;
    return (void *)((uint64_t)slot << LARGE_SHIFT |
                    (address & ((1u << LARGE_SHIFT) - 1)));
}

void *platform_map_frame(uint64_t frame)
{
    return frame && frame < FRAME_LIMIT ? map(frame * PAGE_SIZE) : NULL;
}

static const struct hvm_memmap_table_entry *memory_map(unsigned int *count_r)
{
    *count_r = 0;
    if (!start_info || start_info->version < 1)
        return NULL;
    if (start_info->memmap_entries <= MAX_MEMMAP)
        *count_r = start_info->memmap_entries;
    return map(start_info->memmap_paddr);
}

static uint64_t memory_kb(void)
{
    unsigned int count;
    const struct hvm_memmap_table_entry *entry = memory_map(&count);
    uint64_t bytes = 0;

    for (; entry && count; entry++, count--)
        if (entry->type == XEN_HVM_MEMMAP_TYPE_RAM)
            bytes += entry->size;
    return bytes / 1024;
}

void platform_init(const void *start, struct guest_info *info_r)
{
    const char *cmdline = NULL;

    start_info = map((uintptr_t)start);
    if (start_info && start_info->magic != XEN_HVM_START_MAGIC_VALUE)
        start_info = NULL;
    if (start_info && start_info->cmdline_paddr)
        cmdline = map(start_info->cmdline_paddr);
    info_r->type = "pvh";
    info_r->cmdline = cmdline ? cmdline : "";
    info_r->memory_kb = memory_kb();
}

uint64_t platform_frame(const void *address)
{
    const uint64_t *table = (const uint64_t *)(PAGE_TABLES + 2 * PAGE_SIZE);
    uintptr_t a = (uintptr_t)address;

    return (table[a >> LARGE_SHIFT] >> LARGE_SHIFT) * FRAMES_PER_LARGE +
           a / PAGE_SIZE % FRAMES_PER_LARGE;
}

/*
 * The lowest `count` frames that the memory map does not speak of, side by
 * side under one entry of the table, and not given out before.  Putting a page
 * there costs less than replacing memory, which Xen has to take apart and
 * free first; right above the memory, Xen's tables often exist already.
 */
static uint64_t unused_frames(unsigned int count)
{
    static uint64_t next;
    unsigned int entry_count, i;
    const struct hvm_memmap_table_entry *entries = memory_map(&entry_count);
    uint64_t first = next;

    for (i = 0; entries && i < entry_count; i++) {
        uint64_t start = entries[i].addr / PAGE_SIZE;
        uint64_t end =
            (entries[i].addr + entries[i].size + PAGE_SIZE - 1) / PAGE_SIZE;

        if (start < first + count && first < end) {
            first = end;
            i = -1u; /* the map need not be sorted */
        } else if (first % FRAMES_PER_LARGE + count > FRAMES_PER_LARGE) {
            first += FRAMES_PER_LARGE - first % FRAMES_PER_LARGE;
            i = -1u;
        }
    }
    next = first + count;
    return first;
}

struct shared_info *platform_shared_info(void)
{
    struct xen_add_to_physmap request = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_shared_info,
    };

    if (shared_info)
        return shared_info;
    request.gpfn = unused_frames(1);
    if (hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &request))
        return NULL;
    shared_info = map(request.gpfn * PAGE_SIZE);
    return shared_info;
}

void *platform_grant_frame(unsigned int n)
{
    static uint64_t first;
    struct xen_add_to_physmap request = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_grant_table,
        .idx = n,
    };

    if (n >= GRANT_FRAMES_MAX)
        return NULL;
    if (!first)
        first = unused_frames(GRANT_FRAMES_MAX);
    request.gpfn = first + n;
    if (hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &request))
        return NULL;
    return map(request.gpfn * PAGE_SIZE);
}

/*
 * Xen fills it in when it learns whether a guest is a 32-bit or a 64-bit one,
 * which is when a guest says how it wants to be interrupted: not at all.
 */
void platform_set_wall_clock(void)
{
    struct xen_hvm_param request = {
        .domid = DOMID_SELF,
        .index = HVM_PARAM_CALLBACK_IRQ,
    };

    hypercall2(__HYPERVISOR_hvm_op, HVMOP_set_param, &request);
}

static uint64_t parameter(unsigned int index)
{
    struct xen_hvm_param request = { .domid = DOMID_SELF, .index = index };

    if (hypercall2(__HYPERVISOR_hvm_op, HVMOP_get_param, &request))
        return 0;
    return request.value;
}

static void *parameter_page(unsigned int index)
{
    return platform_map_frame(parameter(index));
}

struct channel platform_console(void)
{
    return (struct channel){
        .page = parameter_page(HVM_PARAM_CONSOLE_PFN),
        .port = parameter(HVM_PARAM_CONSOLE_EVTCHN),
    };
}

/*
 * A toolstack may list the device page among the modules as well, which saves
 * us the hypercall: leaving the guest costs more than all the rest of its boot.
 */
static void *device_page_module(void)
{
    const struct hvm_modlist_entry *module;
    unsigned int count;

    if (!start_info || !start_info->nr_modules)
        return NULL;
    module = map(start_info->modlist_paddr);
    count = start_info->nr_modules;
    for (; module && count && count <= MAX_MODULES; module++, count--) {
        const struct noxs_page *page = map(module->paddr);

        if (module->size == NOXS_PAGE_SIZE && page && page->magic == NOXS_MAGIC)
            return (void *)page;
    }
    return NULL;
}

void *platform_store_page(void)
{
    void *page = device_page_module();

    return page ? page : parameter_page(HVM_PARAM_STORE_PFN);
}
