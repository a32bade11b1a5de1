/* SPDX-License-Identifier: MIT */
/* What a guest can do to a grant table that somebody else has filled in. */
#include "scribble.h"

#include <stdbool.h>
#include <stddef.h>
#include <xen/grant_table.h>

#include "../guest/devices.h"
#include "../guest/hypercall.h"
#include "../guest/layout.h"
#include "../guest/platform.h"
#include "../guest/scratch.h"

#define ENTRIES (PAGE_SIZE / sizeof(struct grant_entry_v1))

static struct grant_entry_v1 *table; /* NULL: Xen gave none */
static uint32_t used;                /* references below are the toolstack's */
static uint32_t pages[LOANS][PAGE_SIZE / sizeof(uint32_t)] SCRATCH(loans)
    __attribute__((aligned(PAGE_SIZE)));

static void set(uint32_t reference, uint64_t frame, uint16_t domid,
                uint16_t flags)
{
    table[reference].frame = frame;
    table[reference].domid = domid;
    __atomic_store_n(&table[reference].flags, flags, __ATOMIC_RELEASE);
}

static void lend(enum loan loan)
{
    set(used + loan, platform_frame(pages[loan]), 0,
        GTF_permit_access | (loan == LOAN_READ_ONLY ? GTF_readonly : 0));
}

void grants_find(void)
{
    const struct noxs_page *page = devices_page();

    table = platform_grant_frame(0);
    used = page ? page->grants_used : 0;
    if (used < GNTTAB_NR_RESERVED_ENTRIES)
        used = GNTTAB_NR_RESERVED_ENTRIES;
    if (used + LOANS > ENTRIES)
        table = NULL;
    for (int loan = 0; table && loan < LOANS; loan++)
        lend(loan);
}

uint32_t grants_loan(enum loan loan)
{
    return table ? used + loan : 0;
}

uint32_t *grants_page(enum loan loan)
{
    return pages[loan];
}

void grants_waver(void)
{
    if (table && nonsense() % 2)
        lend(LOAN_FICKLE);
    else if (table)
        set(used + LOAN_FICKLE, 0, 0, 0);
}

static long grant_op(unsigned int command, void *argument)
{
    return hypercall(__HYPERVISOR_grant_table_op, command, (uintptr_t)argument,
                     1);
}

/* The second version would have other entries, and dom0 expects the first. */
static void change_version(void)
{
    struct gnttab_set_version version = { .version = EITHER(2, nonsense()) };

    grant_op(GNTTABOP_set_version, &version);
}

static void swap(void)
{
    struct gnttab_swap_grant_ref swap = { .ref_a = nonsense() % used,
                                          .ref_b = nonsense() % ENTRIES };

    grant_op(GNTTABOP_swap_grant_ref, &swap);
}

static void grow(void)
{
    struct gnttab_setup_table setup = { .dom = EITHER(DOMID_SELF, 0),
                                        .nr_frames = nonsense() % 1000 };

    grant_op(GNTTABOP_setup_table, &setup);
}

/* What dom0 has mapped of ours, and what it has of its own. */
static void map_others(void)
{
    struct gnttab_map_grant_ref map = { .host_addr = nonsense(),
                                        .flags = GNTMAP_host_map,
                                        .ref = nonsense() % used };
    struct gnttab_unmap_grant_ref unmap = { .handle = nonsense() % ENTRIES };

    grant_op(GNTTABOP_map_grant_ref, &map);
    grant_op(GNTTABOP_unmap_grant_ref, &unmap);
}

static void overwrite(void)
{
    uint64_t frame = EITHER(platform_frame(pages), nonsense());

    set(nonsense() % used, frame, EITHER(0, nonsense()), nonsense());
}

void grants_spoil(void)
{
    if (!table)
        return;
    for (int i = 0; i < 64; i++)
        overwrite();
    if (nonsense() % 2)
        set(nonsense() % used, 0, 0, 0);
    change_version();
    swap();
    grow();
    map_others();
}
