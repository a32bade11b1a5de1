/* SPDX-License-Identifier: MIT */
/*
 * The program that is the back end of what dom0's kernel has none for: QEMU,
 * which libxl calls a device model.  There is one for a guest that needs it,
 * and it is known by the guest's UUID, so that who ends it need not be who has
 * started it.  It knows how QEMU is started, found and ended, and no node of
 * XenStore's; like the rest of src/dom0 it is faked in the unit tests.
 */
#ifndef CHAOS_SRC_DOM0_MODEL_H
#define CHAOS_SRC_DOM0_MODEL_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

/* Where it is: `wanted`, or if that is NULL where Xen's packages have it; valid
 * as long as `wanted`.  CHAOS_ENOTSUP when none is there. */
int chaos__model_find(const char *wanted, const char **path_r,
                      struct chaos_error *err);

struct chaos__model {
    const char *path; /* the program */
    uint32_t domid;
    const char *uuid; /* the guest's, as text */
    const char *name; /* the guest's, for the log */
};

/*
 * Starts it for a domain that exists, and waits until it looks at XenStore, 10
 * s at most.  It lives on without us, and is nobody's child.  *pid_r is its
 * process.
 */
int chaos__model_start(const struct chaos__model *model, uint32_t *pid_r,
                       struct chaos_error *err);

/*
 * Ends all that were started for a guest, and waits until they have ended, 3 s
 * at most: CHAOS_EBUSY when one does not.  None is no error.  `is_starting`:
 * whoever started one may have died before it could be found, amid exec(), so
 * that it is looked for a while (2 s).
 */
int chaos__model_stop(const char *uuid, bool is_starting,
                      struct chaos_error *err);

#endif
