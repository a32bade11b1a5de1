/* SPDX-License-Identifier: MIT */
/*
 * A configuration after parsing: plain values that the guest's code uses.
 * It knows nothing of Xen, of the registry, or of a running guest.
 */
#ifndef CHAOS_SRC_CONFIG_H
#define CHAOS_SRC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/devices.h"

#include <chaos/config.h>
#include <chaos/resource.h>

#define CHAOS__NAME_MAX 127 /* bytes, without the terminating NUL */
#define CHAOS__VCPUS_MAX                                                       \
    128 /* Xen: HVM_MAX_VCPUS, public/hvm/hvm_info_table.h */

enum chaos__type {
    CHAOS__TYPE_PV,
    CHAOS__TYPE_PVH,
};

/* How a guest finds its devices. */
enum chaos__registry_mode {
    CHAOS__MODE_AUTO, /* as its image says */
    CHAOS__MODE_NOXS,
    CHAOS__MODE_XENSTORE,
};

enum chaos__action {
    CHAOS__ACTION_DESTROY,
    CHAOS__ACTION_RESTART,
    CHAOS__ACTION_PRESERVE,
    CHAOS__ACTION_RENAME_RESTART,
    CHAOS__ACTION_COREDUMP_DESTROY,
    CHAOS__ACTION_COREDUMP_RESTART,
};

/* What cpus= and cpus_soft= say.  0 sets: nothing; 1: it holds for all vCPUs;
 * else the i-th holds for vCPU i, and nothing is said of one that is beyond
 * their number. */
struct chaos__affinity {
    unsigned count;
    struct chaos_cpuset *sets;
};

/* Where a key was set last. */
struct chaos__config_place {
    uint32_t line;    /* from 1; 0: it was not set */
    uint32_t column;  /* in bytes, from 1 */
    bool is_override; /* by chaos_config_set(), not in the file */
};

#define CHAOS__CONFIG_PLACES 40 /* room for every supported key */

struct chaos_config {
    bool is_flavor; /* of shells: disks need no target */
    char *name;     /* NULL: not set */
    enum chaos__type type;
    enum chaos__registry_mode mode;
    bool is_hidden; /* xl_visible=0: its name is not published */
    char *kernel;   /* path; NULL: not set */
    char *ramdisk;  /* path or NULL */
    char *cmdline;  /* cmdline=, NULL: not set */
    char *root;     /* root=, extra=: as in xl, ignored when cmdline= is set */
    char *extra;
    uint64_t memory_kb;
    uint64_t maxmem_kb; /* 0: as memory_kb */
    unsigned vcpus;     /* online at first */
    unsigned maxvcpus;  /* 0: as vcpus */
    struct chaos__affinity cpus, cpus_soft;
    unsigned cpu_weight; /* 0: Xen's default */
    unsigned cap;        /* percent of a CPU; 0: no limit */
    bool has_uuid;
    uint8_t uuid[16];
    enum chaos__action on_poweroff;
    enum chaos__action on_reboot;
    enum chaos__action on_crash;
    enum chaos__action on_watchdog;
    uint32_t max_grant_frames;   /* 0: Xen's default */
    uint32_t max_event_channels; /* 0: the default */
    char *device_model;          /* program; NULL: the usual one */
    unsigned vif_count, disk_count, p9_count;
    struct chaos__vif *vifs;   /* NULL when there are none */
    struct chaos__disk *disks; /* NULL when there are none */
    struct chaos__p9 *p9s;     /* NULL when there are none */
    char *source;              /* stands in messages for the file's name */
    struct chaos__config_place places[CHAOS__CONFIG_PLACES];
};

/* The kernel's command line: cmdline=, or root= and extra= put together as
 * xl does.  The caller frees it; NULL when memory is out. */
char *chaos__config_command_line(const struct chaos_config *config);

/* The vCPUs that a guest can bring online: maxvcpus=, or vcpus=. */
static inline unsigned chaos__config_maxvcpus(const struct chaos_config *config)
{
    return config->maxvcpus ? config->maxvcpus : config->vcpus;
}

/* Those that its domain has.  A guest that speaks noxs is not told which of
 * them are online, so it has no others. */
static inline unsigned chaos__config_vcpus(const struct chaos_config *config,
                                           bool noxs)
{
    return noxs ? config->vcpus : chaos__config_maxvcpus(config);
}

/* What is said of one vCPU; NULL: nothing. */
const struct chaos_cpuset *
chaos__affinity_of(const struct chaos__affinity *affinity, unsigned vcpu);

/*
 * A configuration that has one device and nothing else: what `spec` says, as
 * an element of the list `key` would ("vif", "disk").  The caller frees it.
 */
int chaos__config_of_device(struct chaos *chaos, const char *key,
                            const char *spec, struct chaos_config **config_r,
                            struct chaos_error *err);

/* Whether a guest can have this name; CHAOS_EINVAL with why not. */
int chaos__config_check_name(const char *name, struct chaos_error *err);

#endif
