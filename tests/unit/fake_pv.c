/* SPDX-License-Identifier: MIT */
/*
 * PV domains of the fake hypervisor.  As Xen does, it checks page tables
 * before it takes them; and as the guest's kernel would, it goes through them
 * for all that the boot protocol promises, by Xen's own header.
 */
#include "fake_hv.h"
#include "fake_state.h"

#include "noxs/abi/noxs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/xen.h>

#define ENTRIES 512u
#define LEVELS 4
#define PTE_PRESENT 1u
#define PTE_WRITABLE 2u
#define PTE_USER 4u
#define PTE_LARGE 0x80u
#define PTE_FRAME UINT64_C(0x000ffffffffff000)
#define PADDING (512u << 10)

/* Where no domain has memory. */
#define SHARED_FRAME UINT64_C(0x7000000)

int chaos__hv_pv_prepare_vcpus(struct chaos__hv *hv, uint32_t domid,
                               uint64_t *shared_frame_r,
                               struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_PV_PREPARE_VCPUS, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0) {
        domain->shared_frame = SHARED_FRAME + domid;
        *shared_frame_r = domain->shared_frame;
    }
    return fake_leave(&this_call, rc);
}

/* ------------------------------------------------------------- memory */

static bool read_frame(const struct fake_hv_domain *domain, uint64_t frame,
                       void *to)
{
    uint64_t machine;

    return fake_machine_frame(domain, frame, &machine) &&
           pread(fake_memory, to, CHAOS__PAGE_SIZE,
                 (off_t)(machine * CHAOS__PAGE_SIZE)) == CHAOS__PAGE_SIZE;
}

/* What the guest reads in Xen's table of frames. */
static uint64_t page_of(const struct fake_hv_domain *domain, uint64_t frame)
{
    unsigned i;

    for (i = domain->moved_count; i-- > 0;)
        if (domain->moved[i].frame == frame)
            return domain->moved[i].page;
    for (i = 0; i < domain->extent_count; i++)
        if (frame - domain->extents[i].machine < domain->extents[i].pages)
            return domain->extents[i].first +
                   (frame - domain->extents[i].machine);
    return UINT64_MAX;
}

int chaos__hv_pv_set_pages(struct chaos__hv *hv, uint32_t domid,
                           const struct chaos__hv_page *pages, size_t count,
                           struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_PV_SET_PAGES, err);
    uint64_t machine;
    size_t i;

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    for (i = 0; rc == 0 && i < count; i++) {
        if (domain->moved_count == FAKE_HV_MOVED ||
            !fake_machine_frame(domain, pages[i].frame, &machine))
            rc = chaos__fail(err, CHAOS_EFAILED, "frame 0x%llx is not its",
                             (unsigned long long)pages[i].frame);
        else
            domain->moved[domain->moved_count++] = pages[i];
    }
    return fake_leave(&this_call, rc);
}

static bool walk(const struct fake_hv_domain *domain, uint64_t address,
                 uint64_t *frame_r, bool *writable_r)
{
    uint64_t table[ENTRIES], frame = domain->table_frame, entry = PTE_WRITABLE;
    int level;

    for (level = LEVELS; level > 0; level--) {
        if (!read_frame(domain, frame, table))
            return false;
        entry = table[address >> (3 + 9 * level) & (ENTRIES - 1)];
        if (!(entry & PTE_PRESENT))
            return false;
        frame = (entry & PTE_FRAME) >> CHAOS__PAGE_SHIFT;
    }
    *frame_r = frame;
    if (writable_r)
        *writable_r = entry & PTE_WRITABLE;
    return true;
}

static bool read_virtual(const struct fake_hv_domain *domain, uint64_t address,
                         void *buffer, size_t size)
{
    uint8_t page[CHAOS__PAGE_SIZE], *to = buffer;
    uint64_t frame, in_page;
    size_t part;

    for (; size > 0; size -= part, to += part, address += part) {
        in_page = address % CHAOS__PAGE_SIZE;
        part = CHAOS__PAGE_SIZE - in_page;
        if (part > size)
            part = size;
        if (!walk(domain, address, &frame, NULL) ||
            !read_frame(domain, frame, page))
            return false;
        memcpy(to, page + in_page, part);
    }
    return true;
}

bool fake_hv_walk(uint32_t domid, uint64_t address, uint64_t *frame_r,
                  bool *writable_r)
{
    struct fake_hv_domain domain = fake_hv_domain(domid);

    return walk(&domain, address, frame_r, writable_r);
}

bool fake_hv_read_virtual(uint32_t domid, uint64_t address, void *buffer,
                          size_t size)
{
    struct fake_hv_domain domain = fake_hv_domain(domid);

    return read_virtual(&domain, address, buffer, size);
}

/* -------------------------------------------------------- page tables */

#define TABLES_MAX 4096u

struct tables {
    const struct fake_hv_domain *domain;
    uint64_t frames[TABLES_MAX];
    unsigned count;
};

static bool is_table(const struct tables *tables, uint64_t frame)
{
    unsigned i;

    for (i = 0; i < tables->count; i++)
        if (tables->frames[i] == frame)
            return true;
    return false;
}

static const char *find_tables(struct tables *tables, uint64_t frame, int level)
{
    uint64_t table[ENTRIES];
    const char *wrong = NULL;
    unsigned i;

    if (tables->count == TABLES_MAX)
        return "too many tables";
    if (!read_frame(tables->domain, frame, table))
        return "a table is in no frame of the domain's";
    tables->frames[tables->count++] = frame;
    for (i = 0; level > 1 && !wrong && i < ENTRIES; i++) {
        if (!(table[i] & PTE_PRESENT))
            continue;
        if (table[i] & PTE_LARGE)
            wrong = "a large page";
        else
            wrong = find_tables(
                tables, (table[i] & PTE_FRAME) >> CHAOS__PAGE_SHIFT, level - 1);
    }
    return wrong;
}

/* All entries of the lowest level. */
static const char *check_pages(const struct tables *tables, uint64_t frame,
                               int level)
{
    uint64_t table[ENTRIES], to, machine;
    const char *wrong = NULL;
    unsigned i;

    read_frame(tables->domain, frame, table);
    for (i = 0; !wrong && i < ENTRIES; i++) {
        if (!(table[i] & PTE_PRESENT))
            continue;
        to = (table[i] & PTE_FRAME) >> CHAOS__PAGE_SHIFT;
        if (!(table[i] & PTE_USER))
            wrong = "a page that a PV kernel cannot use";
        else if (level > 1)
            wrong = check_pages(tables, to, level - 1);
        else if (!fake_machine_frame(tables->domain, to, &machine))
            wrong = "a page is no frame of the domain's";
        else if (table[i] & PTE_WRITABLE && is_table(tables, to))
            wrong = "a page table is writable";
    }
    return wrong;
}

/* -------------------------------------------------- the boot protocol */

static const char *check_list(const struct fake_hv_domain *domain,
                              const struct start_info *start)
{
    uint64_t *list = malloc(start->nr_pages * sizeof(*list)), page;
    const char *wrong = NULL;

    if (!list || start->nr_pages != domain->pages)
        wrong = "it has not so many pages";
    else if (!read_virtual(domain, start->mfn_list, list,
                           start->nr_pages * sizeof(*list)))
        wrong = "the list of frames is not mapped";
    for (page = 0; !wrong && page < start->nr_pages; page++)
        if (page_of(domain, list[page]) != page)
            wrong = "the list of frames is not Xen's";
    free(list);
    return wrong;
}

/* Whether the guest gets a device page; where the control page is then. */
static bool noxs_page(const struct fake_hv_domain *domain,
                      const struct start_info *start, uint64_t *control_r)
{
    struct noxs_page page[CHAOS__PAGE_SIZE / sizeof(struct noxs_page)];

    if (!read_frame(domain, start->store_mfn, page) ||
        page->magic != NOXS_MAGIC)
        return false;
    if (control_r)
        *control_r = page->control_frame;
    return true;
}

/* Page after page from the base up: to the stack, or for a kernel that does not
 * speak noxs beyond it to 4 MiB or the end of memory. */
static const char *check_region(const struct fake_hv_domain *domain,
                                const struct start_info *start, uint64_t base)
{
    uint64_t end = start->pt_base + (start->nr_pt_frames + 1) * 4096;
    uint64_t page, frame;
    bool writable, is_table;

    if (!noxs_page(domain, start, NULL))
        end = (end + PADDING + (4u << 20) - 1) & ~UINT64_C(0x3fffff);
    for (page = 0; page < domain->pages && base + page * CHAOS__PAGE_SIZE < end;
         page++) {
        uint64_t address = base + page * CHAOS__PAGE_SIZE;

        is_table = address >= start->pt_base &&
                   address < start->pt_base + start->nr_pt_frames * 4096;
        if (!walk(domain, address, &frame, &writable) ||
            page_of(domain, frame) != page)
            return "the mapped region has a hole";
        if (writable == is_table)
            return is_table ? "a table can be written" : "a page cannot be";
    }
    return NULL;
}

/* Whether the guest finds a frame by Xen's table and its mapping. */
static bool finds(const struct fake_hv_domain *domain, uint64_t base,
                  uint64_t frame)
{
    uint64_t found;

    return walk(domain, base + page_of(domain, frame) * CHAOS__PAGE_SIZE,
                &found, NULL) &&
           found == frame;
}

static const char *check_frames(const struct fake_hv_domain *domain,
                                const struct start_info *start, uint64_t base)
{
    uint64_t control;
    unsigned i;

    if (!finds(domain, base, start->store_mfn) ||
        !finds(domain, base, start->console.domU.mfn))
        return "store or console page is not mapped";
    if (noxs_page(domain, start, &control) && !finds(domain, base, control))
        return "the control page is not mapped";
    for (i = 0; i < FAKE_HV_GRANTS; i++)
        if (domain->grants[i].is_granted &&
            !finds(domain, base, domain->grants[i].frame))
            return "a ring is not mapped";
    return NULL;
}

static void record_ramdisk(struct fake_hv_domain *domain,
                           const struct start_info *start)
{
    uint8_t *bytes = malloc(start->mod_len + 1);

    if (!bytes)
        abort();
    domain->ramdisk_size = start->mod_len;
    if (start->mod_len &&
        !read_virtual(domain, start->mod_start, bytes, start->mod_len))
        fake_offence("the ramdisk is not mapped");
    domain->ramdisk_sum = fake_hv_sum(bytes, start->mod_len);
    free(bytes);
}

static const char *start_guest(struct fake_hv_domain *domain,
                               const struct chaos__hv_pv_entry *entry)
{
    struct start_info start;
    const char *wrong;
    uint64_t frame, base;

    if (!read_virtual(domain, entry->start_info, &start, sizeof(start)) ||
        strcmp(start.magic, "xen-3.0-x86_64") != 0)
        return "there is no start information";
    if (!walk(domain, start.pt_base, &frame, NULL) ||
        frame != domain->table_frame)
        return "pt_base is not the top table";
    base = start.pt_base - page_of(domain, frame) * CHAOS__PAGE_SIZE;
    if (!walk(domain, entry->stack - 8, &frame, NULL) ||
        entry->stack != start.pt_base + (start.nr_pt_frames + 1) * 4096)
        return "the stack is not behind the tables";
    if (start.shared_info != domain->shared_frame << CHAOS__PAGE_SHIFT)
        return "the frame shared with Xen is another";
    wrong = check_list(domain, &start);
    if (!wrong)
        wrong = check_region(domain, &start, base);
    if (!wrong)
        wrong = check_frames(domain, &start, base);
    record_ramdisk(domain, &start);
    domain->console_frame = start.console.domU.mfn;
    domain->console_port = start.console.domU.evtchn;
    domain->store_frame = start.store_mfn;
    domain->store_port = start.store_evtchn;
    memcpy(domain->command_line, start.cmd_line, sizeof(domain->command_line));
    return wrong;
}

static int set_entry(struct fake_hv_domain *domain,
                     const struct chaos__hv_pv_entry *entry,
                     struct chaos_error *err)
{
    struct tables *tables = calloc(1, sizeof(*tables));
    const char *wrong;

    if (!tables)
        abort();
    tables->domain = domain;
    wrong = find_tables(tables, entry->table_frame, LEVELS);
    if (!wrong)
        wrong = check_pages(tables, entry->table_frame, LEVELS);
    free(tables);
    domain->table_frame = entry->table_frame;
    if (!wrong)
        wrong = start_guest(domain, entry);
    if (wrong) {
        fake_offence("a PV guest's start: %s", wrong);
        return chaos__fail(err, CHAOS_EFAILED, "%s", wrong);
    }
    domain->has_entry = true;
    domain->entry = entry->entry;
    domain->start_info = entry->start_info;
    domain->hypercall_frame = entry->hypercall_frame;
    return 0;
}

int chaos__hv_pv_set_entry(struct chaos__hv *hv, uint32_t domid,
                           const struct chaos__hv_pv_entry *entry,
                           struct chaos_error *err)
{
    struct fake_hv_domain *domain;
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_PV_SET_ENTRY, err);

    (void)hv;
    if (rc == 0)
        rc = fake_need(domid, &domain, err);
    if (rc == 0 && domain->pvh) {
        fake_offence("domain %u is not PV", domid);
        rc = chaos__fail(err, CHAOS_EFAILED, "not a PV domain");
    }
    if (rc == 0)
        rc = set_entry(domain, entry, err);
    return fake_leave(&this_call, rc);
}
