/* SPDX-License-Identifier: MIT */
/*
 * Making the registry anew from Xen, when its file was removed or is broken.
 *
 *     struct chaos_recovered *list;
 *     size_t count, i;
 *
 *     if (chaos_recover(chaos, &list, &count, &err) < 0)
 *         errx(1, "%s", err.message);
 *     for (i = 0; i < count; i++)
 *         printf("%s\n", list[i].name);
 *     free(list);
 */
#ifndef CHAOS_RECOVER_H
#define CHAOS_RECOVER_H

#include <stddef.h>
#include <stdint.h>

#include <chaos/context.h>
#include <chaos/guest.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum chaos_recovered_what {
    CHAOS_RECOVERED_GUEST = 0,   /* entered into the registry */
    CHAOS_RECOVERED_SHELL = 1,   /* a shell that no pool knows: destroyed */
    CHAOS_RECOVERED_DEVICES = 2, /* a guest that was known, but not all its
                                  * devices, or not its domid */
};

struct chaos_recovered {
    uint32_t domid;
    char name[CHAOS_NAME_MAX + 1]; /* "": a shell */
    uint8_t uuid[16];
    uint8_t what;                     /* enum chaos_recovered_what */
    uint8_t type;                     /* enum chaos_guest_type */
    uint8_t has_config;               /* 1: its configuration is there */
    uint8_t has_console, has_control; /* 1: these pages were found */
    uint32_t vifs, disks;             /* that were found */
    int code; /* 0, or a CHAOS_E*: what is wrong with it is in the message */
    char message[CHAOS_ERROR_MESSAGE_MAX];
};

/*
 * Accounts for every domain that chaos made.  A registry that cannot be used
 * is put aside, as registry.broken-TIME-PID in its directory, which is logged
 * as a warning; one that can is kept, and what is missing is added.
 *
 * A domain is chaos's if its UUID is one that chaos makes up, or that of a
 * configuration that is kept in the registry's directory.  It becomes a guest
 * under the name in that configuration, or as "recovered-DOMID".  A shell is
 * destroyed: a paused domain none of whose vCPUs was ever given a state, so
 * that no image can be in it.  All other domains are left alone.
 *
 * *list_r has an entry for each domain for which something was done or could
 * not be, and may be NULL when there is none; the caller frees it with free().
 * Blocks as the functions of chaos/guest.h do, for each domain, and fails as
 * they do, if nothing can be done at all.
 */
int chaos_recover(struct chaos *chaos, struct chaos_recovered **list_r,
                  size_t *count_r, struct chaos_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
