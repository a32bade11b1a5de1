/* SPDX-License-Identifier: MIT */
/*
 * Copying into guest memory.  All pieces go through as few mappings as
 * possible: a mapping costs more than the pages in it.  Bytes of a file are
 * read straight into the guest's pages.
 */
#ifndef CHAOS_SRC_COPY_H
#define CHAOS_SRC_COPY_H

#include "hv/hv.h"
#include "image.h"
#include "shell.h"

struct chaos__piece {
    uint64_t address; /* guest-physical */
    uint64_t size;
    uint64_t content_size;            /* bytes of content; zero behind it */
    const void *data;                 /* the content, or NULL: */
    const struct chaos__image *image; /* ... bytes of this, */
    uint64_t offset;                  /* ... from here */
};

/* The kernel's segments as pieces, `offset` below the file's addresses; returns
 * how many. */
size_t chaos__copy_segments(struct chaos__piece *pieces,
                            const struct chaos__payload *payload,
                            uint64_t offset);

/* Fills guest memory.  `machine`: of a PV domain, the frame of each page; NULL
 * for PVH.  The caller has checked that every piece lies inside it. */
int chaos__copy_pieces(struct chaos__hv *hv, uint32_t domid,
                       const uint64_t *machine,
                       const struct chaos__piece *pieces, size_t count,
                       struct chaos_error *err);

#endif
