/* SPDX-License-Identifier: MIT */
/*
 * A shell: a domain that is prepared and paused, with memory and ports but no
 * image yet.  Preparing needs no guest configuration beyond the shell's
 * flavor; loading an image needs nothing but the shell.  Neither knows names
 * or the registry.
 */
#ifndef CHAOS_SRC_SHELL_H
#define CHAOS_SRC_SHELL_H

#include "config/config.h"
#include "device/device.h"
#include "hv/hv.h"
#include "elf.h"
#include "image.h"

/* PVH: RAM ends here and goes on at 4 GiB; the local APIC lies between. */
#define CHAOS__LOW_MEMORY_END UINT64_C(0xf0000000)

struct chaos__shell {
    /* the flavor */
    enum chaos__type type;
    bool noxs; /* with device page and control page; else it speaks to XenStore
                */
    unsigned vcpus;
    uint64_t memory_kb, maxmem_kb;
    struct chaos__devices *devices; /* the caller's; prepare makes rings */
    /* what preparing made */
    uint32_t domid;
    /* the guest's ends; the last one only as `noxs` says */
    uint32_t console_port, store_port, control_port;
    uint64_t *frames;      /* PV: machine frame of each page; malloc()ed */
    uint64_t shared_frame; /* PV: of the page that it shares with Xen */
    struct chaos__hv_vcpu_header header; /* PVH */
    /* Where the shared pages are.  Those that XenStore tells of are known after
     * prepare, the console's with it; a PV guest's others after load. */
    uint64_t console_frame, store_frame, control_frame, device_frame;
    /* Its back ends have connected, and what they say is known: loading lists
     * the devices. */
    bool is_connected;
};

static inline uint64_t chaos__shell_pages(const struct chaos__shell *shell)
{
    return shell->memory_kb / (CHAOS__PAGE_SIZE / 1024);
}

/* What shells are made of, for a process that finds one: a shell of another
 * maker's is of no use to it. */
uint32_t chaos__shell_maker(void);

/* What a guest starts from. */
struct chaos__payload {
    struct chaos__image *kernel;
    const struct chaos__elf *elf; /* of the kernel; NULL: not known yet */
    struct chaos__image *ramdisk; /* NULL: none */
    const char *command_line;
};

/* Prepares shell->domid, an empty domain of the flavor.  On failure the
 * caller destroys the domain. */
int chaos__shell_prepare(struct chaos__hv *hv, struct chaos__shell *shell,
                         struct chaos_error *err);

/* Whether the payload fits a shell of this flavor; makes no hypercall. */
int chaos__shell_check(const struct chaos__shell *shell,
                       const struct chaos__payload *payload,
                       struct chaos_error *err);

/* Loads the image: after it, unpausing starts the guest. */
int chaos__shell_load(struct chaos__hv *hv, struct chaos__shell *shell,
                      const struct chaos__payload *payload,
                      struct chaos_error *err);

/* Writes what the guest has to know of its devices, once that is known. */
int chaos__shell_list_devices(struct chaos__hv *hv, struct chaos__shell *shell,
                              struct chaos_error *err);

/* Lets xenconsoled and xenstored map their pages of a guest that does not speak
 * noxs.  For prepare's own use. */
int chaos__shell_grant(struct chaos__hv *hv, const struct chaos__shell *shell,
                       struct chaos_error *err);

/* Frees what the structure holds, not the domain. */
void chaos__shell_release(struct chaos__shell *shell);

#endif
