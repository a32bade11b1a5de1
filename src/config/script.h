/* SPDX-License-Identifier: MIT */
/* script= of an interface or a disk.  It looks at no file. */
#ifndef CHAOS_SRC_CONFIG_SCRIPT_H
#define CHAOS_SRC_CONFIG_SCRIPT_H

#include "config/devices.h"
#include "config/item.h"

/*
 * The path of a hotplug script, as libxl takes it: one that is not absolute is
 * in Xen's directory for them.  It becomes "" when it is `usual`, which chaos
 * does the work of by itself.
 */
int chaos__script_parse(const struct chaos__item *item, struct chaos__span name,
                        const char *usual, char path[CHAOS__SCRIPT_MAX]);

#endif
