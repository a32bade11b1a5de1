/* SPDX-License-Identifier: MIT */
/*
 * noxs: how a guest finds its devices without XenStore.
 *
 * One header, shared by the toolstack and by guests: freestanding, no
 * dependency but stdint.h, no knowledge of either side's code.  All numbers
 * are little-endian.
 *
 * The device page takes the place of the XenStore ring page: a PV guest
 * finds its machine frame in start_info.store_mfn, a PVH guest its guest frame
 * in HVM_PARAM_STORE_PFN.  A page that does not start with NOXS_MAGIC is a
 * XenStore ring.
 *
 * The toolstack writes the device page and the upper half of the control
 * page; the guest writes the lower half.  A guest may overwrite all of it, so
 * the toolstack believes nothing that it reads back: what it needs to know of
 * a guest's devices it keeps elsewhere.
 */
#ifndef NOXS_ABI_H
#define NOXS_ABI_H

#include <stdint.h>

#ifdef __cplusplus
#define NOXS_ASSERT(condition, text) static_assert(condition, text)
#else
#define NOXS_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define NOXS_PAGE_SIZE 4096u

/* "noxs" and its bytes inverted: no text and no XenStore request is that. */
#define NOXS_MAGIC UINT64_C(0x8c87909173786f6e)
#define NOXS_VERSION 1u

/*
 * An image says that it looks for a device page by an ELF note of this name
 * and type, whose descriptor is the highest version it knows (32 bits).
 */
#define NOXS_ELFNOTE_NAME "noxs"
#define NOXS_ELFNOTE_VERSION 1u

/* The device page: this header, then entries. */
struct noxs_page {
    uint64_t magic;
    uint32_t version;
    uint32_t generation;  /* odd while the toolstack changes the page */
    uint32_t entry_count; /* entries that follow, each noxs_entry.size long */
    uint32_t
        control_port; /* event channel for both sides of the control page */
    uint64_t control_frame; /* PVH: guest frame; PV: machine frame */
    uint64_t reserved[4];
};
NOXS_ASSERT(sizeof(struct noxs_page) == 64, "device page header");

/* What every entry starts with; a type that the guest does not know is
 * skipped by its size. */
struct noxs_entry {
    uint16_t type;
    uint16_t size; /* bytes, this header included; a multiple of 64 */
    uint16_t id;
    uint16_t backend; /* domid */
    uint8_t rest[56];
};
NOXS_ASSERT(sizeof(struct noxs_entry) == 64, "device page entry");

/* What the toolstack can ask for in noxs_control.request. */
#define NOXS_REQUEST_NONE 0u
#define NOXS_REQUEST_POWEROFF 1u
#define NOXS_REQUEST_REBOOT 2u
#define NOXS_REQUEST_SUSPEND 3u
#define NOXS_REQUEST_HALT 4u /* at once, without an orderly end */

/* What the guest says of itself in noxs_control.status. */
#define NOXS_STATUS_BOOTING 0u
#define NOXS_STATUS_UP 1u
#define NOXS_STATUS_GOING_DOWN 2u
#define NOXS_STATUS_CRASHED 3u

/*
 * The control page.  A request is complete when its serial differs from
 * `acknowledged`; the guest copies the serial there when it has read the
 * request and before it acts on it.  Either side notifies control_port after
 * it wrote.
 */
struct noxs_control {
    /* written by the toolstack */
    uint32_t request;
    uint32_t serial;
    uint32_t toolstack_reserved[14];
    /* written by the guest */
    uint32_t acknowledged;
    uint32_t status;
    uint32_t code; /* of a crash; 0 otherwise */
    uint32_t guest_reserved;
    uint64_t up_ns; /* system time (ns since Xen's boot) when it came up */
    uint64_t guest_reserved2[5];
};
NOXS_ASSERT(sizeof(struct noxs_control) == 128, "control page");

#endif
