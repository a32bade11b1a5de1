/* SPDX-License-Identifier: MIT */
/* The host: Xen's version, its memory, its log. */
#ifndef CHAOS_HOST_H
#define CHAOS_HOST_H

#include <stdint.h>

#include <chaos/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct chaos_host_info {
    char xen_version[64];
    uint64_t total_kb, free_kb;
    uint32_t cpus;
};

/* libchaos's own version, as "0.1.0". */
const char *chaos_version(void);

/* Needs Xen, as all below: CHAOS_ENOXEN otherwise. */
int chaos_host_info(struct chaos *chaos, struct chaos_host_info *info_r,
                    struct chaos_error *err);

/* Xen's log, NUL-terminated; the caller frees *text_r.  `clear` not 0: the log
 * is empty after. */
int chaos_host_log(struct chaos *chaos, int clear, char **text_r,
                   struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
