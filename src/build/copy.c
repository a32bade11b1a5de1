/* SPDX-License-Identifier: MIT */
#include "aside.h"
#include "copy.h"

#include <string.h>

/* Pages in one mapping (1 MiB), and parts of pieces that can be in it. */
#define WINDOW_PAGES 256
#define WINDOW_PARTS 48

/*
 * A PV dom0's kernel clears the entries of its page tables one by one when a
 * mapping goes, and each is a trap into Xen: some 2,500 instructions a page,
 * nearly as many as all else of copying it.  When a process ends its page
 * tables are given back as a whole before.  So copying much is left to a child,
 * which pays from three mebibytes on.
 */
#define ASIDE_BYTES (4u << 20)

/* What of a piece lies in the window. */
struct part {
    const struct chaos__piece *piece;
    uint64_t from, size; /* bytes of the piece */
    uint64_t at;         /* byte of the window */
};

struct window {
    struct chaos__hv *hv;
    uint32_t domid;
    const uint64_t *machine;
    size_t pages, parts;
    uint64_t frames[WINDOW_PAGES];
    struct part part[WINDOW_PARTS];
    bool stays; /* mapped, until the process ends */
};

static int fill_part(const struct part *part, uint8_t *to,
                     struct chaos_error *err)
{
    const struct chaos__piece *piece = part->piece;
    uint64_t content = 0;
    int rc = 0;

    if (part->from < piece->content_size) {
        content = piece->content_size - part->from;
        if (content > part->size)
            content = part->size;
        if (piece->data)
            memcpy(to, (const uint8_t *)piece->data + part->from, content);
        else
            rc = chaos__image_read(piece->image, piece->offset + part->from, to,
                                   content, err);
    }
    memset(to + content, 0, part->size - content);
    return rc;
}

static int flush(struct window *window, struct chaos_error *err)
{
    void *address;
    size_t i;
    int rc;

    if (window->pages == 0)
        return 0;
    for (i = 0; window->machine && i < window->pages; i++)
        window->frames[i] = window->machine[window->frames[i]];
    rc = chaos__hv_map(window->hv, window->domid, window->frames, window->pages,
                       &address, err);
    if (rc < 0)
        return rc;
    for (i = 0; rc == 0 && i < window->parts; i++)
        rc = fill_part(&window->part[i],
                       (uint8_t *)address + window->part[i].at, err);
    if (!window->stays)
        chaos__hv_unmap(window->hv, address, window->pages);
    window->pages = window->parts = 0;
    return rc;
}

/* Adds as much of the piece from byte `from` as the window takes; returns
 * how much that is. */
static uint64_t add_part(struct window *window,
                         const struct chaos__piece *piece, uint64_t from)
{
    uint64_t address = piece->address + from;
    uint64_t in_page = address % CHAOS__PAGE_SIZE;
    uint64_t frame = address >> CHAOS__PAGE_SHIFT;
    uint64_t room, size = piece->size - from;
    struct part *part = &window->part[window->parts++];

    /* Pieces that meet in a page share its mapping. */
    if (window->pages == 0 || window->frames[window->pages - 1] != frame)
        window->frames[window->pages++] = frame;
    part->piece = piece;
    part->from = from;
    part->at = (window->pages - 1) * CHAOS__PAGE_SIZE + in_page;
    room = (WINDOW_PAGES - window->pages + 1) * (uint64_t)CHAOS__PAGE_SIZE -
           in_page;
    part->size = size < room ? size : room;
    while (++frame <= (address + part->size - 1) >> CHAOS__PAGE_SHIFT)
        window->frames[window->pages++] = frame;
    return part->size;
}

struct copy {
    struct chaos__hv *hv;
    uint32_t domid;
    const uint64_t *machine;
    const struct chaos__piece *pieces;
    size_t count;
};

static int copy_all(void *user, bool is_child, struct chaos_error *err)
{
    const struct copy *copy = user;
    struct window window;
    uint64_t from;
    size_t i;
    int rc;

    window.hv = copy->hv;
    window.domid = copy->domid;
    window.machine = copy->machine;
    window.pages = window.parts = 0;
    window.stays = is_child;
    for (i = 0; i < copy->count; i++)
        for (from = 0; from < copy->pieces[i].size;) {
            if (window.pages == WINDOW_PAGES || window.parts == WINDOW_PARTS) {
                rc = flush(&window, err);
                if (rc < 0)
                    return rc;
            }
            from += add_part(&window, &copy->pieces[i], from);
        }
    return flush(&window, err);
}

static uint64_t total(const struct chaos__piece *pieces, size_t count)
{
    uint64_t size = 0;

    while (count-- > 0)
        size += pieces[count].size;
    return size;
}

int chaos__copy_pieces(struct chaos__hv *hv, uint32_t domid,
                       const uint64_t *machine,
                       const struct chaos__piece *pieces, size_t count,
                       struct chaos_error *err)
{
    struct copy copy = { hv, domid, machine, pieces, count };

    return total(pieces, count) < ASIDE_BYTES
               ? copy_all(&copy, false, err)
               : chaos__aside(copy_all, &copy, err);
}

/* What is behind a segment's content has to be cleared: Xen scrubs what dead
 * domains had, but not what a living one has given back. */
size_t chaos__copy_segments(struct chaos__piece *pieces,
                            const struct chaos__payload *payload,
                            uint64_t offset)
{
    const struct chaos__elf_segment *segment;
    unsigned i;

    for (i = 0; i < payload->elf->segment_count; i++) {
        segment = &payload->elf->segments[i];
        pieces[i] = (struct chaos__piece){
            .address = segment->address - offset,
            .size = segment->memory_size,
            .content_size = segment->file_size,
            .image = payload->kernel,
            .offset = segment->file_offset,
        };
    }
    return i;
}
