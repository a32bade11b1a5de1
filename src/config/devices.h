/* SPDX-License-Identifier: MIT */
/*
 * The devices that a configuration asks for, as plain values.  It knows
 * neither back ends nor rings, and looks at no file.
 */
#ifndef CHAOS_SRC_CONFIG_DEVICES_H
#define CHAOS_SRC_CONFIG_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both lists together fit on one device page (abi/noxs.h). */
#define CHAOS__VIFS_MAX 8u
#define CHAOS__DISKS_MAX 16u

#define CHAOS__P9S_MAX 8u

#define CHAOS__MTU_MAX 1500u /* a packet is in one page of its ring's guest */

#define CHAOS__VIF_ID_MAX 65535u     /* so that "vifDOMID.ID" fits IFNAMSIZ */
#define CHAOS__INTERFACE_NAME_MAX 16 /* IFNAMSIZ, with the NUL */
#define CHAOS__VDEV_MAX 16           /* "xvda12", with the NUL */
#define CHAOS__IP_MAX 256            /* addresses, with the NUL */
#define CHAOS__P9_TAG_MAX 32         /* with the NUL */
#define CHAOS__SCRIPT_MAX 128        /* a path, with the NUL */

/* One of vif=[...]. */
struct chaos__vif {
    uint32_t id;  /* as its directories in XenStore are called */
    bool has_id;  /* it was given, not counted */
    bool has_mac; /* else one is generated when the guest is created */
    uint8_t mac[6];
    char bridge[CHAOS__INTERFACE_NAME_MAX];     /* "xenbr0" if not set; with a
                                                 * script whatever that takes */
    char gatewaydev[CHAOS__INTERFACE_NAME_MAX]; /* for a script; "": none */
    char name[CHAOS__INTERFACE_NAME_MAX]; /* of the interface in dom0; "": the
                                           * back end's, vifDOMID.ID */
    char ip[CHAOS__IP_MAX];               /* as it was written; "": not set */
    /* What of that a guest can be told on its page: one address, if it has no
     * reason to be none. */
    const char *why_no_ipv4; /* a constant; NULL: `ipv4` is it, or not set */
    uint8_t ipv4[4];         /* all 0: not set */
    uint8_t prefix;          /* bits; 24 if not set */
    uint8_t gateway[4];      /* all 0: not set */
    uint32_t mtu;            /* 0: the bridge's */
    /* The guest may send so many bytes in each interval; 0: not limited. */
    uint64_t rate_bytes;
    uint32_t rate_interval_us;
    char script[CHAOS__SCRIPT_MAX]; /* of the user's own; "": none is run */
};

enum chaos__disk_access {
    CHAOS__DISK_READ_ONLY,
    CHAOS__DISK_WRITE,
    CHAOS__DISK_SHARED_WRITE, /* w!: others may write to it too */
};

/* One of disk=[...]. */
struct chaos__disk {
    char *target; /* path of a block device or of a raw file; NULL: in a
                   * flavor; with a script whatever that makes of it */
    enum chaos__disk_access access;
    bool is_cdrom;
    char vdev[CHAOS__VDEV_MAX];     /* "xvda" */
    uint32_t vdev_number;           /* vbd-interface(7): 51712 for xvda */
    char script[CHAOS__SCRIPT_MAX]; /* of the user's own; "": none is run */
};

/* One of p9=[...]: a directory of dom0's that the guest can mount. */
struct chaos__p9 {
    char tag[CHAOS__P9_TAG_MAX]; /* what the guest mounts it by */
    char *path;
    const char *security_model; /* as QEMU calls it; a constant */
};

#endif
