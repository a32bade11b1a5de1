/* SPDX-License-Identifier: MIT */
#include "pvh.h"

#include "acpi.h"
#include "copy.h"
#include "device_page.h"

#include <string.h>

/*
 * Memory, from its top down (or from the top of what lies below 4 GiB): the
 * special pages and the devices' rings, reserved in the memory map; then, in
 * RAM, the start information with all it points to; then the ramdisk.  They lie
 * inside the guest's memory because a page anywhere else would cost Xen page
 * tables of its own.
 */
enum special_page {
    PAGE_IDENT,   /* identity page table, see write_specials() */
    PAGE_CONTROL, /* noxs */
    PAGE_DEVICES, /* noxs */
    PAGE_CONSOLE,
    SPECIAL_PAGES,
    /* of a guest that does not speak noxs */
    PAGE_STORE = PAGE_CONTROL,
    PAGE_ACPI = PAGE_DEVICES,
};

#define FOUR_GIB (UINT64_C(1) << 32)
#define PAGE_KB (CHAOS__PAGE_SIZE / 1024)
#define LOW_PAGES_MAX (CHAOS__LOW_MEMORY_END >> CHAOS__PAGE_SHIFT)

/*
 * The paging pool.  A 1 MiB guest in small pages takes 60 KiB of it under Xen
 * 4.17, 40 of them for tables that only nested guests would use; the base has
 * twice that, for what the guest maps far from its memory.  On top are two
 * pages for each MiB (twice what mapping it in small pages takes, the rest is
 * for grants), and room for each further vCPU's tables.
 */
#define POOL_BASE_KB 128
#define POOL_PER_MIB_KB 8
#define POOL_PER_VCPU_KB 64

/* struct hvm_start_info and what it points to, public/arch-x86/hvm/
 * start_info.h, version 1. */
#define START_INFO_MAGIC 0x336ec578u
#define START_INFO_VERSION 1u
#define MEMORY_RAM 1u
#define MEMORY_RESERVED 2u

struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules_address, command_line_address, rsdp_address,
        memory_map_address;
    uint32_t memory_map_count, reserved;
};

struct start_module {
    uint64_t address, size, command_line_address, reserved;
};

struct start_memory {
    uint64_t address, size;
    uint32_t type, reserved;
};

#define REGIONS 3

/* The start of the boot area; the command line follows it. */
struct boot_area {
    struct start_info info;
    struct start_module module;
    struct start_memory memory[REGIONS];
};
_Static_assert(sizeof(struct start_info) == 56, "start_info.h");
_Static_assert(sizeof(struct start_module) == 32, "start_info.h");
_Static_assert(sizeof(struct start_memory) == 24, "start_info.h");

struct layout {
    uint64_t pages, low_pages, high_pages; /* low and high of 4 GiB */
    uint64_t rings;                        /* the first ring's frame */
    uint64_t specials;                     /* first special page's frame */
    struct chaos__hv_memory_region regions[REGIONS];
    size_t region_count;
};

uint64_t chaos__pvh_frames(uint64_t memory_kb)
{
    const uint64_t pages = memory_kb / PAGE_KB;

    return pages <= LOW_PAGES_MAX
               ? pages
               : (FOUR_GIB >> CHAOS__PAGE_SHIFT) + pages - LOW_PAGES_MAX;
}

/* Whether it has promises of memory above what it is to have. */
static bool is_ballooned(const struct chaos__shell *shell)
{
    return !shell->noxs && shell->maxmem_kb > shell->memory_kb;
}

static uint64_t memory_map_kb(const struct chaos__shell *shell)
{
    return is_ballooned(shell) ? shell->maxmem_kb : shell->memory_kb;
}

static void make_layout(const struct chaos__shell *shell, struct layout *layout)
{
    uint64_t reserved, rings = chaos__devices_rings(shell->devices);

    /* A balloon driver gives back what it shall not have, up to memory=, and
     * counts by the memory map. */
    layout->pages = memory_map_kb(shell) / PAGE_KB;
    layout->low_pages =
        layout->pages < LOW_PAGES_MAX ? layout->pages : LOW_PAGES_MAX;
    layout->high_pages = layout->pages - layout->low_pages;
    layout->specials = layout->low_pages - SPECIAL_PAGES;
    layout->rings = layout->specials - rings;
    reserved = layout->rings << CHAOS__PAGE_SHIFT;
    layout->regions[0] = (struct chaos__hv_memory_region){ 0, reserved, true };
    layout->regions[1] = (struct chaos__hv_memory_region){
        reserved, (rings + SPECIAL_PAGES) * CHAOS__PAGE_SIZE, false
    };
    layout->regions[2] = (struct chaos__hv_memory_region){
        FOUR_GIB, layout->high_pages << CHAOS__PAGE_SHIFT, true
    };
    layout->region_count = layout->high_pages ? 3 : 2;
}

static uint64_t special_frame(const struct layout *layout,
                              enum special_page page)
{
    return layout->specials + page;
}

/* ------------------------------------------------------------- prepare */

static int give(struct chaos__hv *hv, const struct chaos__shell *shell,
                uint64_t first, uint64_t pages, struct chaos_error *err)
{
    return is_ballooned(shell)
               ? chaos__hv_promise(hv, shell->domid, first, pages, err)
               : chaos__hv_populate(hv, shell->domid, first, pages, NULL, err);
}

static int populate(struct chaos__hv *hv, const struct chaos__shell *shell,
                    const struct layout *layout, struct chaos_error *err)
{
    int rc = is_ballooned(shell)
                 ? chaos__hv_set_pod_target(hv, shell->domid,
                                            shell->memory_kb / PAGE_KB, err)
                 : 0;

    if (rc == 0)
        rc = give(hv, shell, 0, layout->low_pages, err);
    if (rc == 0 && layout->high_pages)
        rc = give(hv, shell, FOUR_GIB >> CHAOS__PAGE_SHIFT, layout->high_pages,
                  err);
    return rc;
}

static int set_params(struct chaos__hv *hv, const struct chaos__shell *shell,
                      const struct layout *layout, struct chaos_error *err)
{
    struct {
        enum chaos__hv_param param;
        uint64_t value;
    } params[] = {
        { CHAOS__HV_CONSOLE_PFN, special_frame(layout, PAGE_CONSOLE) },
        { CHAOS__HV_CONSOLE_PORT, shell->console_port },
        { CHAOS__HV_IDENT_PT, special_frame(layout, PAGE_IDENT)
                                  << CHAOS__PAGE_SHIFT },
        /* Where it looks for XenStore's page, one that speaks noxs finds its
         * device page. */
        { CHAOS__HV_STORE_PFN,
          special_frame(layout, shell->noxs ? PAGE_DEVICES : PAGE_STORE) },
        { CHAOS__HV_STORE_PORT,
          shell->noxs ? shell->control_port : shell->store_port },
    };
    size_t i, count = sizeof(params) / sizeof(params[0]);
    int rc = 0;

    for (i = 0; rc == 0 && i < count; i++)
        rc = chaos__hv_set_param(hv, shell->domid, params[i].param,
                                 params[i].value, err);
    return rc;
}

/* Bit 7: a 4 MiB page; present, writable, user, accessed, dirty. */
#define IDENT_ENTRY 0xe7u
#define IDENT_ENTRIES 1024u

static void write_specials(uint8_t *base, const struct chaos__shell *shell,
                           const struct layout *layout)
{
    uint32_t *ident, i;

    /* Intel CPUs that cannot run a guest with paging off run it on this. */
    ident = (uint32_t *)(base + PAGE_IDENT * CHAOS__PAGE_SIZE);
    for (i = 0; i < IDENT_ENTRIES; i++)
        ident[i] = i << 22 | IDENT_ENTRY;
    if (shell->noxs) {
        chaos__device_page_write(base + PAGE_DEVICES * CHAOS__PAGE_SIZE, shell);
    } else {
        chaos__acpi_write(
            base + PAGE_ACPI * CHAOS__PAGE_SIZE,
            (uint32_t)(special_frame(layout, PAGE_ACPI) << CHAOS__PAGE_SHIFT),
            shell->vcpus);
    }
}

/* Fills the pages that the guest shares, rings first. */
static int fill_shared(struct chaos__hv *hv, const struct chaos__shell *shell,
                       const struct layout *layout, struct chaos_error *err)
{
    uint64_t frames[CHAOS__RINGS_MAX + SPECIAL_PAGES];
    size_t rings = layout->specials - layout->rings, i,
           count = rings + SPECIAL_PAGES;
    void *address;
    int rc;

    for (i = 0; i < count; i++)
        frames[i] = layout->rings + i;
    rc = chaos__hv_map(hv, shell->domid, frames, count, &address, err);
    if (rc < 0)
        return rc;
    memset(address, 0, count * CHAOS__PAGE_SIZE);
    rc = chaos__devices_prepare(hv, shell->domid, shell->devices, frames,
                                address, err);
    write_specials((uint8_t *)address + rings * CHAOS__PAGE_SIZE, shell,
                   layout);
    chaos__hv_unmap(hv, address, count);
    if (rc == 0 && !shell->noxs)
        rc = chaos__shell_grant(hv, shell, err);
    return rc;
}

int chaos__pvh_prepare(struct chaos__hv *hv, struct chaos__shell *shell,
                       struct chaos_error *err)
{
    uint64_t pool_kb = POOL_BASE_KB +
                       shell->maxmem_kb / 1024 * POOL_PER_MIB_KB +
                       (shell->vcpus - 1) * POOL_PER_VCPU_KB;
    struct layout layout;
    int rc;

    make_layout(shell, &layout);
    shell->console_frame = special_frame(&layout, PAGE_CONSOLE);
    if (shell->noxs) {
        shell->control_frame = special_frame(&layout, PAGE_CONTROL);
        shell->device_frame = special_frame(&layout, PAGE_DEVICES);
    } else {
        shell->store_frame = special_frame(&layout, PAGE_STORE);
    }
    rc = chaos__hv_set_paging_pool(hv, shell->domid, pool_kb, err);
    if (rc == 0)
        rc = populate(hv, shell, &layout, err);
    if (rc == 0)
        rc = chaos__hv_set_memory_map(hv, shell->domid, layout.regions,
                                      layout.region_count, err);
    if (rc == 0)
        rc = set_params(hv, shell, &layout, err);
    if (rc == 0)
        rc = fill_shared(hv, shell, &layout, err);
    if (rc == 0)
        rc = chaos__hv_pvh_prepare_vcpus(hv, shell->domid, shell->vcpus,
                                         &shell->header, err);
    return rc;
}

/* ---------------------------------------------------------------- load */

/* Where the boot area and the ramdisk go, from the special pages down. */
static uint64_t boot_size(const struct chaos__payload *payload)
{
    return sizeof(struct boot_area) + strlen(payload->command_line) + 1;
}

static uint64_t page_down(uint64_t address)
{
    return address & ~(uint64_t)(CHAOS__PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t size)
{
    return page_down(size + CHAOS__PAGE_SIZE - 1);
}

static uint64_t ramdisk_size(const struct chaos__payload *payload)
{
    return payload->ramdisk ? payload->ramdisk->size : 0;
}

int chaos__pvh_check(const struct chaos__shell *shell,
                     const struct chaos__payload *payload,
                     struct chaos_error *err)
{
    const struct chaos__elf *elf = payload->elf;
    uint64_t needed, rest;
    struct layout layout;

    if (!elf->has_pvh_entry)
        return chaos__fail(err, CHAOS_EIMAGE,
                           "%s: not a PVH kernel (it has no PHYS32_ENTRY "
                           "note); use type=\"pv\" if it is a PV kernel",
                           payload->kernel->path);
    make_layout(shell, &layout);
    rest = page_up(boot_size(payload)) + page_up(ramdisk_size(payload)) +
           (layout.low_pages - layout.rings) * CHAOS__PAGE_SIZE;
    if (__builtin_add_overflow(elf->end, rest, &needed) ||
        needed > CHAOS__LOW_MEMORY_END)
        return chaos__fail(err, CHAOS_EIMAGE,
                           "%s: kernel, ramdisk and boot data reach beyond "
                           "0x%llx, and from there to 4 GiB no guest has "
                           "memory; use a smaller kernel or ramdisk",
                           payload->kernel->path,
                           (unsigned long long)CHAOS__LOW_MEMORY_END);
    if (needed > layout.low_pages << CHAOS__PAGE_SHIFT ||
        needed > shell->memory_kb * 1024)
        return chaos__fail(
            err, CHAOS_EIMAGE,
            "%s: memory=%llu is too little: kernel, ramdisk and boot data end "
            "at %llu MiB; raise memory=",
            payload->kernel->path, (unsigned long long)shell->memory_kb / 1024,
            (unsigned long long)((needed + (1 << 20) - 1) >> 20));
    return 0;
}

static void fill_boot_area(struct boot_area *area, bool noxs,
                           const struct layout *layout, uint64_t address,
                           uint64_t ramdisk, uint64_t ramdisk_bytes)
{
    size_t i;

    *area = (struct boot_area){
        .info = {
            .magic = START_INFO_MAGIC,
            .version = START_INFO_VERSION,
            .module_count = ramdisk_bytes ? 1 : 0,
            .modules_address = address + offsetof(struct boot_area, module),
            .command_line_address = address + sizeof(*area),
            .rsdp_address = noxs ? 0
                                 : special_frame(layout, PAGE_ACPI)
                                       << CHAOS__PAGE_SHIFT,
            .memory_map_address =
                address + offsetof(struct boot_area, memory),
            .memory_map_count = (uint32_t)layout->region_count,
        },
        .module = { .address = ramdisk, .size = ramdisk_bytes },
    };
    for (i = 0; i < layout->region_count; i++)
        area->memory[i] = (struct start_memory){
            .address = layout->regions[i].start,
            .size = layout->regions[i].size,
            .type = layout->regions[i].ram ? MEMORY_RAM : MEMORY_RESERVED,
        };
}

int chaos__pvh_load(struct chaos__hv *hv, struct chaos__shell *shell,
                    const struct chaos__payload *payload,
                    struct chaos_error *err)
{
    struct chaos__piece pieces[CHAOS__ELF_SEGMENTS_MAX + 4];
    uint8_t page[CHAOS__PAGE_SIZE] = { 0 };
    uint64_t boot, ramdisk, line_size = strlen(payload->command_line) + 1;
    struct boot_area area;
    struct layout layout;
    size_t count;
    int rc;

    make_layout(shell, &layout);
    boot = page_down((layout.rings << CHAOS__PAGE_SHIFT) - boot_size(payload));
    ramdisk = page_down(boot - ramdisk_size(payload));
    fill_boot_area(&area, shell->noxs, &layout, boot, ramdisk,
                   ramdisk_size(payload));
    count = chaos__copy_segments(pieces, payload, 0);
    if (payload->ramdisk)
        pieces[count++] = (struct chaos__piece){
            .address = ramdisk,
            .size = payload->ramdisk->size,
            .content_size = payload->ramdisk->size,
            .image = payload->ramdisk,
        };
    pieces[count++] = (struct chaos__piece){
        .address = boot,
        .size = sizeof(area),
        .content_size = sizeof(area),
        .data = &area,
    };
    pieces[count++] = (struct chaos__piece){
        .address = boot + sizeof(area),
        .size = line_size,
        .content_size = line_size,
        .data = payload->command_line,
    };
    /* Without devices it is as prepare has written it. */
    if (shell->noxs && shell->is_connected &&
        chaos__devices_any(shell->devices)) {
        chaos__device_page_write(page, shell);
        pieces[count++] = (struct chaos__piece){
            .address = shell->device_frame << CHAOS__PAGE_SHIFT,
            .size = sizeof(page),
            .content_size = sizeof(page),
            .data = page,
        };
    }
    rc = chaos__copy_pieces(hv, shell->domid, NULL, pieces, count, err);
    if (rc == 0)
        rc = chaos__hv_pvh_set_entry(hv, shell->domid, &shell->header,
                                     payload->elf->pvh_entry, boot, err);
    return rc;
}
