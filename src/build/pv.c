/* SPDX-License-Identifier: MIT */
#include "pv.h"

#include "copy.h"
#include "device_page.h"

#include <stdlib.h>
#include <string.h>

/*
 * A PV guest starts with its memory mapped from the kernel's base up, page
 * after page, in this order: kernel, ramdisk, list of frames, start
 * information, shared pages, rings, page tables (the top one first), a page of
 * stack.  What is mapped goes on for at least 512 KiB, to the next 4 MiB; for a
 * kernel that speaks noxs it ends there: for each page that is mapped Xen takes
 * as long as for copying it.
 */
#define PADDING (512u << 10)
#define REGION_ALIGN (UINT64_C(4) << 20)

#define LEVELS 4 /* of page tables; level 0 is the guest's pages */
#define LEVEL_BITS 9
#define ENTRIES (1u << LEVEL_BITS)

/* Addresses are the sign-extended kind, and part of them is Xen's own
 * (HYPERVISOR_VIRT_START and _END, public/arch-x86/xen-x86_64.h). */
#define SIGN_BIT 47
#define XEN_START UINT64_C(0xffff800000000000)
#define XEN_END UINT64_C(0xffff880000000000)

/* Present, user (as all of a PV guest is), accessed. */
#define PTE_READ 0x25u
/* And writable; of tables dirty, too. */
#define PTE_WRITE 0x27u
#define PTE_TABLE 0x67u

/* struct start_info, public/xen.h. */
struct start_info {
    char magic[32];
    uint64_t pages, shared_info;
    uint32_t flags, reserved1;
    uint64_t store_frame;
    uint32_t store_port, reserved2;
    uint64_t console_frame;
    uint32_t console_port, reserved3;
    uint64_t table_base, table_count, frame_list, module, module_size;
    char command_line[1024];
    uint64_t first_list_page, list_pages;
};
_Static_assert(sizeof(struct start_info) == 1168, "public/xen.h");
_Static_assert(offsetof(struct start_info, table_base) == 88, "public/xen.h");

#define START_MAGIC "xen-3.0-x86_64"

/* Pages, counted from the kernel's base. */
struct layout {
    uint64_t pages; /* that the guest has */
    uint64_t ramdisk, list, start, store, console, control, rings;
    uint64_t tables, stack, end;      /* end: of what is needed */
    uint64_t base;                    /* virtual */
    uint64_t level_count[LEVELS + 1]; /* tables of each; 0: pages mapped */
    uint64_t table_count;             /* of all levels */
};

/* ------------------------------------------------------------- prepare */

/* Pages that somebody else knows before the guest is loaded: the rings of its
 * devices or, of a guest that speaks to XenStore, the store's and the
 * console's. */
static unsigned count_early(const struct chaos__shell *shell)
{
    return shell->noxs ? chaos__devices_rings(shell->devices) : 2;
}

static int share_early(struct chaos__hv *hv, struct chaos__shell *shell,
                       const uint64_t *frames, void *pages,
                       struct chaos_error *err)
{
    if (shell->noxs)
        return chaos__devices_prepare(hv, shell->domid, shell->devices, frames,
                                      pages, err);
    shell->store_frame = frames[0];
    shell->console_frame = frames[1];
    return chaos__shell_grant(hv, shell, err);
}

/* They take the frames of the last pages; load exchanges them with those of the
 * pages where the guest looks for them. */
static int prepare_early(struct chaos__hv *hv, struct chaos__shell *shell,
                         struct chaos_error *err)
{
    unsigned count = count_early(shell);
    uint64_t *frames = shell->frames + chaos__shell_pages(shell) - count;
    void *address;
    int rc;

    if (count == 0)
        return 0;
    rc = chaos__hv_map(hv, shell->domid, frames, count, &address, err);
    if (rc < 0)
        return rc;
    memset(address, 0, count * CHAOS__PAGE_SIZE);
    rc = share_early(hv, shell, frames, address, err);
    chaos__hv_unmap(hv, address, count);
    return rc;
}

int chaos__pv_prepare(struct chaos__hv *hv, struct chaos__shell *shell,
                      struct chaos_error *err)
{
    uint64_t pages = chaos__shell_pages(shell);
    int rc;

    shell->frames = calloc(pages, sizeof(*shell->frames));
    if (!shell->frames)
        return chaos__fail_memory(err);
    rc = chaos__hv_populate(hv, shell->domid, 0, pages, shell->frames, err);
    if (rc == 0)
        rc = chaos__hv_pv_prepare_vcpus(hv, shell->domid, &shell->shared_frame,
                                        err);
    return rc < 0 ? rc : prepare_early(hv, shell, err);
}

/* -------------------------------------------------------------- layout */

static uint64_t pages_for(uint64_t bytes)
{
    return (bytes + CHAOS__PAGE_SIZE - 1) >> CHAOS__PAGE_SHIFT;
}

static unsigned level_shift(unsigned level)
{
    return CHAOS__PAGE_SHIFT + LEVEL_BITS * level;
}

/* The number, among all there could be, of a level's first table. */
static uint64_t first_table(const struct layout *layout, unsigned level)
{
    return layout->base >> level_shift(level);
}

/* Where the mapping ends if the stack does there, as a virtual address. */
static uint64_t end_mapping(const struct layout *layout, bool noxs)
{
    uint64_t end = layout->base + layout->end * CHAOS__PAGE_SIZE;

    return noxs ? end
                : (end + PADDING + REGION_ALIGN - 1) / REGION_ALIGN *
                      REGION_ALIGN;
}

/* Tables for the pages that are mapped, and those are mapped, too: more of them
 * until that is enough. */
static void place_tables(struct layout *layout, bool noxs)
{
    uint64_t count = 0, end;
    unsigned level;

    do {
        layout->table_count = count;
        layout->stack = layout->tables + count;
        layout->end = layout->stack + 1;
        end = end_mapping(layout, noxs);
        for (count = 0, level = 1; level <= LEVELS; level++) {
            layout->level_count[level] = ((end - 1) >> level_shift(level)) -
                                         first_table(layout, level) + 1;
            count += layout->level_count[level];
        }
    } while (count > layout->table_count);
    layout->level_count[0] = (end - layout->base) >> CHAOS__PAGE_SHIFT;
    if (layout->level_count[0] > layout->pages)
        layout->level_count[0] = layout->pages;
}

/* The caller has checked that the kernel ends below `pages`. */
static void make_layout(const struct chaos__shell *shell,
                        const struct chaos__payload *payload,
                        struct layout *layout)
{
    const struct chaos__elf *elf = payload->elf;
    uint64_t ramdisk_size = payload->ramdisk ? payload->ramdisk->size : 0;

    layout->pages = chaos__shell_pages(shell);
    layout->base = elf->pv.base;
    layout->ramdisk = pages_for(elf->end - elf->pv.offset);
    layout->list = layout->ramdisk + pages_for(ramdisk_size);
    layout->start = layout->list + pages_for(layout->pages * sizeof(uint64_t));
    layout->store = layout->start + 1;
    layout->console = layout->store + 1;
    layout->control = layout->console + 1;
    layout->rings = layout->control + (shell->noxs ? 1 : 0);
    layout->tables = layout->rings + chaos__devices_rings(shell->devices);
    place_tables(layout, shell->noxs);
}

/* --------------------------------------------------------------- check */

static int bad(const struct chaos__payload *payload, struct chaos_error *err,
               const char *why)
{
    return chaos__fail(err, CHAOS_EIMAGE, "%s: %s", payload->kernel->path, why);
}

static int too_small(const struct chaos__shell *shell,
                     const struct chaos__payload *payload,
                     struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_EIMAGE,
                       "%s: memory=%llu is too little for kernel, ramdisk and "
                       "page tables; raise memory=",
                       payload->kernel->path,
                       (unsigned long long)shell->memory_kb / 1024);
}

static int check_kernel(const struct chaos__payload *payload,
                        struct chaos_error *err)
{
    const struct chaos__elf *elf = payload->elf;
    unsigned i;

    if (!elf->pv.is_pv)
        return bad(payload, err,
                   "not a PV kernel (it has no XEN_VERSION note); use "
                   "type=\"pvh\" if it is a PVH kernel");
    if (!elf->is_64)
        return bad(payload, err, "not a 64-bit PV kernel");
    if (elf->pv.base % CHAOS__PAGE_SIZE)
        return bad(payload, err, "its VIRT_BASE is amid a page");
    for (i = 0; i < elf->segment_count; i++)
        if (elf->segments[i].address < elf->pv.offset)
            return bad(payload, err, "a segment lies below its PADDR_OFFSET");
    if (elf->pv.has_hypercalls &&
        (elf->pv.hypercalls % CHAOS__PAGE_SIZE ||
         elf->pv.hypercalls < elf->pv.base ||
         elf->pv.hypercalls - elf->pv.base >= elf->end - elf->pv.offset))
        return bad(payload, err, "its hypercall page is no page of it");
    return 0;
}

/* Whether the kernel and what comes with it can be where it wants to be. */
static bool has_room(uint64_t base, uint64_t size)
{
    uint64_t end;

    /* Page tables take less than a 256th of what they map; then there are the
     * shared pages, padding and alignment. */
    if (__builtin_add_overflow(base, size + size / 256 + 2 * REGION_ALIGN,
                               &end))
        return false;
    if (base >> SIGN_BIT != 0 && base >> SIGN_BIT != UINT64_MAX >> SIGN_BIT)
        return false;
    return base >> SIGN_BIT == end >> SIGN_BIT &&
           (base >= XEN_END || end <= XEN_START);
}

int chaos__pv_check(const struct chaos__shell *shell,
                    const struct chaos__payload *payload,
                    struct chaos_error *err)
{
    const struct chaos__elf *elf = payload->elf;
    const uint64_t bytes = shell->memory_kb << 10;
    uint64_t size, ramdisk = payload->ramdisk ? payload->ramdisk->size : 0;
    struct layout layout;
    int rc = check_kernel(payload, err);

    if (rc < 0)
        return rc;
    if (strlen(payload->command_line) >=
        sizeof(((struct start_info *)0)->command_line))
        return bad(payload, err,
                   "a PV guest's command line has 1023 characters at most");
    size = elf->end - elf->pv.offset;
    if (size > bytes || ramdisk > bytes)
        return too_small(shell, payload, err);
    size += ramdisk + bytes / CHAOS__PAGE_SIZE * sizeof(uint64_t);
    if (!has_room(elf->pv.base, size))
        return bad(payload, err, "its VIRT_BASE leaves no room for it");
    make_layout(shell, payload, &layout);
    if (layout.end + count_early(shell) > layout.pages)
        return too_small(shell, payload, err);
    return 0;
}

/* ---------------------------------------------------------------- load */

static uint64_t address_of(const struct layout *layout, uint64_t page)
{
    return layout->base + (page << CHAOS__PAGE_SHIFT);
}

static void exchange(uint64_t *frames, uint64_t a, uint64_t b)
{
    uint64_t frame = frames[a];

    frames[a] = frames[b];
    frames[b] = frame;
}

static int place_early(struct chaos__hv *hv, struct chaos__shell *shell,
                       const struct layout *layout, struct chaos_error *err)
{
    struct chaos__hv_page changed[2 * CHAOS__RINGS_MAX];
    const uint64_t first = shell->noxs ? layout->rings : layout->store;
    unsigned i, count = count_early(shell);

    for (i = 0; i < count; i++) {
        uint64_t page = first + i, last = layout->pages - count + i;

        exchange(shell->frames, page, last);
        changed[2 * i] = (struct chaos__hv_page){ shell->frames[page], page };
        changed[2 * i + 1] =
            (struct chaos__hv_page){ shell->frames[last], last };
    }
    return count ? chaos__hv_pv_set_pages(hv, shell->domid, changed, 2 * count,
                                          err)
                 : 0;
}

/* The page on which a level's tables start: the top one comes first. */
static uint64_t level_page(const struct layout *layout, unsigned level)
{
    uint64_t page = layout->tables;
    unsigned above;

    for (above = LEVELS; above > level; above--)
        page += layout->level_count[above];
    return page;
}

/* The entry, in a level's tables, for the first there is of the level below. */
static uint64_t *first_entry(const struct layout *layout, unsigned level,
                             uint64_t (*tables)[ENTRIES])
{
    uint64_t *entries = tables[level_page(layout, level) - layout->tables];

    return entries + first_table(layout, level - 1) % ENTRIES;
}

/* The guest must not write to its page tables. */
static void make_tables(const struct layout *layout, const uint64_t *frames,
                        uint64_t (*tables)[ENTRIES])
{
    uint64_t *entry = first_entry(layout, 1, tables), i, below;
    unsigned level;

    for (i = 0; i < layout->level_count[0]; i++)
        entry[i] = frames[i] << CHAOS__PAGE_SHIFT | PTE_WRITE;
    for (i = layout->tables; i < layout->stack; i++)
        entry[i] = frames[i] << CHAOS__PAGE_SHIFT | PTE_READ;
    for (level = 2; level <= LEVELS; level++) {
        entry = first_entry(layout, level, tables);
        below = level_page(layout, level - 1);
        for (i = 0; i < layout->level_count[level - 1]; i++)
            entry[i] = frames[below + i] << CHAOS__PAGE_SHIFT | PTE_TABLE;
    }
}

static void make_start_info(const struct chaos__shell *shell,
                            const struct chaos__payload *payload,
                            const struct layout *layout,
                            struct start_info *start)
{
    *start = (struct start_info){
        .magic = START_MAGIC,
        .pages = layout->pages,
        .shared_info = shell->shared_frame << CHAOS__PAGE_SHIFT,
        .store_frame = shell->frames[layout->store],
        .store_port = shell->noxs ? shell->control_port : shell->store_port,
        .console_frame = shell->console_frame,
        .console_port = shell->console_port,
        .table_base = address_of(layout, layout->tables),
        .table_count = layout->table_count,
        .frame_list = address_of(layout, layout->list),
    };
    if (payload->ramdisk) {
        start->module = address_of(layout, layout->ramdisk);
        start->module_size = payload->ramdisk->size;
    }
    memcpy(start->command_line, payload->command_line,
           strlen(payload->command_line));
}

/* A piece that starts with a page; without data all of it is cleared. */
static void add_piece(struct chaos__piece **piece, uint64_t page,
                      const void *data, uint64_t size)
{
    *(*piece)++ = (struct chaos__piece){
        .address = page << CHAOS__PAGE_SHIFT,
        .size = data ? size : CHAOS__PAGE_SIZE,
        .content_size = data ? size : 0,
        .data = data,
    };
}

static void add_images(struct chaos__piece **piece,
                       const struct chaos__payload *payload,
                       const struct layout *layout)
{
    *piece += chaos__copy_segments(*piece, payload, payload->elf->pv.offset);
    if (payload->ramdisk)
        *(*piece)++ = (struct chaos__piece){
            .address = layout->ramdisk << CHAOS__PAGE_SHIFT,
            .size = payload->ramdisk->size,
            .content_size = payload->ramdisk->size,
            .image = payload->ramdisk,
        };
}

/* All that the guest finds in its memory but for the early pages. */
static int fill(struct chaos__hv *hv, const struct chaos__shell *shell,
                const struct chaos__payload *payload,
                const struct layout *layout, uint64_t (*tables)[ENTRIES],
                struct chaos_error *err)
{
    struct chaos__piece pieces[CHAOS__ELF_SEGMENTS_MAX + 7], *piece = pieces;
    uint8_t devices[CHAOS__PAGE_SIZE] = { 0 };
    struct start_info start;

    make_tables(layout, shell->frames, tables);
    make_start_info(shell, payload, layout, &start);
    if (shell->noxs)
        chaos__device_page_write(devices, shell);
    add_images(&piece, payload, layout);
    add_piece(&piece, layout->list, shell->frames,
              layout->pages * sizeof(*shell->frames));
    add_piece(&piece, layout->start, &start, sizeof(start));
    if (shell->noxs) {
        add_piece(&piece, layout->store, devices, sizeof(devices));
        add_piece(&piece, layout->console, NULL, 0);
        add_piece(&piece, layout->control, NULL, 0);
    }
    add_piece(&piece, layout->tables, tables,
              layout->table_count * CHAOS__PAGE_SIZE);
    return chaos__copy_pieces(hv, shell->domid, shell->frames, pieces,
                              (size_t)(piece - pieces), err);
}

static int enter(struct chaos__hv *hv, const struct chaos__shell *shell,
                 const struct chaos__payload *payload,
                 const struct layout *layout, struct chaos_error *err)
{
    const struct chaos__elf_pv *pv = &payload->elf->pv;
    struct chaos__hv_pv_entry entry = {
        .table_frame = shell->frames[layout->tables],
        .entry = pv->entry,
        .stack = address_of(layout, layout->stack + 1),
        .start_info = address_of(layout, layout->start),
    };

    if (pv->has_hypercalls)
        entry.hypercall_frame =
            shell->frames[(pv->hypercalls - pv->base) >> CHAOS__PAGE_SHIFT];
    return chaos__hv_pv_set_entry(hv, shell->domid, &entry, err);
}

int chaos__pv_load(struct chaos__hv *hv, struct chaos__shell *shell,
                   const struct chaos__payload *payload,
                   struct chaos_error *err)
{
    uint64_t(*tables)[ENTRIES];
    struct layout layout;
    int rc;

    make_layout(shell, payload, &layout);
    tables = calloc(layout.table_count, sizeof(*tables));
    if (!tables)
        return chaos__fail_memory(err);
    rc = place_early(hv, shell, &layout, err);
    if (shell->noxs) {
        shell->console_frame = shell->frames[layout.console];
        shell->control_frame = shell->frames[layout.control];
        shell->device_frame = shell->frames[layout.store];
    }
    if (rc == 0)
        rc = fill(hv, shell, payload, &layout, tables, err);
    free(tables);
    return rc < 0 ? rc : enter(hv, shell, payload, &layout, err);
}
