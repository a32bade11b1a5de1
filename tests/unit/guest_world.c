/* SPDX-License-Identifier: MIT */
#include "guest_world.h"

#include <stdlib.h>
#include <string.h>
#include <xen/grant_table.h>

#include "noxs/guest/events.h"
#include "noxs/guest/platform.h"

#define PAGE_BYTES 4096u
#define PER_FRAME (PAGE_BYTES / sizeof(struct grant_entry_v1))
#define PORTS 32u
/* Frame numbers are given to pages in the order in which they are asked for;
 * none of them is an address. */
#define FIRST_FRAME 1000u
#define PAGES_MAX 8192u
#define OWN_PAGES 16u
#define RUNS_MAX 1000u

static struct grant_entry_v1 table[WORLD_FRAMES_MAX * PER_FRAME]
    __attribute__((aligned(PAGE_BYTES)));
static char own[OWN_PAGES][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static struct {
    char *page; /* NULL: there is none */
    unsigned int own_count, entry_offset, grant_frames;
    uintptr_t pages[PAGES_MAX];
    unsigned int page_count;
    struct {
        void (*handler)(void *);
        void *context;
        unsigned int notified;
        bool pending;
    } ports[PORTS];
} world;

/* All variables of the front ends, see tests/rules.mk. */
extern char __start_front_end_state[], __stop_front_end_state[];

/* Sanitizers would object to the gaps between variables, which they made. */
__attribute__((no_sanitize("address", "undefined"))) static void forget(void)
{
    volatile char *byte = __start_front_end_state;

    while (byte < __stop_front_end_state)
        *byte++ = 0;
}

void world_reset(void)
{
    struct noxs_page *page;
    uint64_t frame;

    forget();
    memset(&world, 0, sizeof(world));
    memset(table, 0, sizeof(table));
    world.grant_frames = WORLD_FRAMES_MAX;
    page = world_new_page(&frame);
    world.page = (char *)page;
    world.entry_offset = sizeof(*page);
    page->magic = NOXS_MAGIC;
    page->version = NOXS_VERSION;
    page->grants_used = WORLD_GRANTS;
}

struct noxs_page *world_page(void)
{
    return (struct noxs_page *)world.page;
}

void world_without_page(void)
{
    world.page = NULL;
}

void world_add(const void *entry)
{
    const struct noxs_entry *header = entry;

    if (header->size > PAGE_BYTES - world.entry_offset)
        abort();
    memcpy(world.page + world.entry_offset, entry, header->size);
    world.entry_offset += header->size;
    world_page()->entry_count++;
}

void world_limit_grants(unsigned int frames)
{
    world.grant_frames = frames;
}

void *world_new_page(uint64_t *frame_r)
{
    char *page = own[world.own_count++];

    if (world.own_count > OWN_PAGES)
        abort();
    memset(page, 0, PAGE_BYTES);
    *frame_r = platform_frame(page);
    return page;
}

/* ---------------------------------------------------------------- grants */

static void *page_of(uint64_t frame)
{
    if (frame < FIRST_FRAME || frame - FIRST_FRAME >= world.page_count)
        return NULL;
    return (void *)world.pages[frame - FIRST_FRAME];
}

void *world_use(uint32_t reference, uint16_t domid, bool write)
{
    struct grant_entry_v1 *entry;

    if (reference >= world.grant_frames * PER_FRAME)
        return NULL;
    entry = &table[reference];
    if ((entry->flags & GTF_type_mask) != GTF_permit_access ||
        entry->domid != domid || (write && entry->flags & GTF_readonly))
        return NULL;
    entry->flags |= GTF_reading | (write ? GTF_writing : 0);
    return page_of(entry->frame);
}

void world_end_use(uint32_t reference)
{
    table[reference].flags &= (uint16_t) ~(GTF_reading | GTF_writing);
}

unsigned int world_granted(void)
{
    unsigned int count = 0, i;

    for (i = WORLD_GRANTS; i < world.grant_frames * PER_FRAME; i++)
        count += table[i].flags != 0;
    return count;
}

/* ---------------------------------------------------------------- events */

void world_notify(uint32_t port)
{
    world.ports[port].pending = true;
}

unsigned int world_run(void)
{
    unsigned int runs = 0;

    while (runs < RUNS_MAX && events_handle())
        runs++;
    return runs;
}

unsigned int world_notified(uint32_t port)
{
    unsigned int count = world.ports[port].notified;

    world.ports[port].notified = 0;
    return count;
}

bool events_listen(uint32_t port, void (*handler)(void *), void *context)
{
    if (!port || port >= PORTS)
        return false;
    world.ports[port].handler = handler;
    world.ports[port].context = context;
    return true;
}

bool events_handle(void)
{
    bool any = false;

    for (unsigned int i = 0; i < PORTS; i++) {
        if (!world.ports[i].pending || !world.ports[i].handler)
            continue;
        world.ports[i].pending = false;
        world.ports[i].handler(world.ports[i].context);
        any = true;
    }
    return any;
}

void events_raise(uint32_t port)
{
    world_notify(port);
}

void events_notify(uint32_t port)
{
    world.ports[port].notified++;
}

/* -------------------------------------------------------------- platform */

void *platform_map_frame(uint64_t frame)
{
    return page_of(frame);
}

uint64_t platform_frame(const void *address)
{
    uintptr_t page = (uintptr_t)address & ~(uintptr_t)(PAGE_BYTES - 1);
    unsigned int i = 0;

    while (i < world.page_count && world.pages[i] != page)
        i++;
    if (i == world.page_count) {
        if (i == PAGES_MAX)
            abort();
        world.pages[world.page_count++] = page;
    }
    return FIRST_FRAME + i;
}

void *platform_grant_frame(unsigned int n)
{
    return n < world.grant_frames ? table + n * PER_FRAME : NULL;
}

void *platform_store_page(void)
{
    return world.page;
}
