/* SPDX-License-Identifier: MIT */
#include "platform.h"

#include <stddef.h>
#include <xen/grant_table.h>

#include "hypercall.h"
#include "layout.h"
#include "scratch.h"

/* Present, writable, user (as all PV pages are), accessed, dirty. */
#define PTE_PAGE 0x67ul

static const struct start_info *start_info;
static struct shared_info *shared_info;

void platform_init(const void *start, struct guest_info *info_r)
{
    start_info = start;
    info_r->type = "pv";
    info_r->cmdline = (const char *)start_info->cmd_line;
    info_r->memory_kb = start_info->nr_pages * (PAGE_SIZE / 1024);
}

void *platform_map_frame(uint64_t frame)
{
    const xen_pfn_t *frames = (const xen_pfn_t *)start_info->mfn_list;
    unsigned long pfn;

    if (!frame || frame >= MACH2PHYS_NR_ENTRIES)
        return NULL;
    pfn = machine_to_phys_mapping[frame];
    /* Xen's table has an entry for every frame of the host, and says
     * something else of those that are not ours.  What is shared lies below the
     * page tables (public/xen.h, start-of-day layout). */
    if (pfn >= start_info->nr_pages ||
        pfn >= (start_info->pt_base - VIRT_BASE) / PAGE_SIZE ||
        frames[pfn] != frame)
        return NULL;
    return (void *)(VIRT_BASE + pfn * PAGE_SIZE);
}

uint64_t platform_frame(const void *address)
{
    const xen_pfn_t *frames = (const xen_pfn_t *)start_info->mfn_list;

    return frames[((uintptr_t)address - VIRT_BASE) / PAGE_SIZE];
}

static bool remap(uintptr_t address, uint64_t machine)
{
    return hypercall(__HYPERVISOR_update_va_mapping, address,
                     machine | PTE_PAGE, UVMF_INVLPG) == 0;
}

/* Addresses for the grant table: what lies there is never seen again. */
static char grant_table[GRANT_FRAMES_MAX][PAGE_SIZE] SCRATCH(grant_table)
    __attribute__((aligned(PAGE_SIZE)));

void *platform_grant_frame(unsigned int n)
{
    xen_pfn_t list[GRANT_FRAMES_MAX];
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = n + 1 };

    set_xen_guest_handle(setup.frame_list, list);
    if (n >= GRANT_FRAMES_MAX ||
        hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
                  (uintptr_t)&setup, 1) ||
        setup.status != GNTST_okay ||
        !remap((uintptr_t)grant_table[n], list[n] * PAGE_SIZE))
        return NULL;
    return grant_table[n];
}

struct shared_info *platform_shared_info(void)
{
    if (!shared_info && remap(SHARED_INFO_ADDRESS, start_info->shared_info))
        shared_info = (struct shared_info *)SHARED_INFO_ADDRESS;
    return shared_info;
}

void platform_set_wall_clock(void)
{
    /* It is there when a PV guest starts. */
}

struct channel platform_console(void)
{
    return (struct channel){
        .page = platform_map_frame(start_info->console.domU.mfn),
        .port = start_info->console.domU.evtchn,
    };
}

void *platform_store_page(void)
{
    return platform_map_frame(start_info->store_mfn);
}
