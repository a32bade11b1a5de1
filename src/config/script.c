/* SPDX-License-Identifier: MIT */
#include "config/script.h"

#include <string.h>

#define DIRECTORY "/etc/xen/scripts/" /* libxl__xen_script_dir_path() */

int chaos__script_parse(const struct chaos__item *item, struct chaos__span name,
                        const char *usual, char path[CHAOS__SCRIPT_MAX])
{
    static const char directory[] = DIRECTORY;
    const size_t above =
        chaos__span_begins(name, "/") ? 0 : sizeof(directory) - 1;

    if (name.length == 0)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "no script is named: name one in " DIRECTORY
                                " or remove it");
    if (above + name.length >= CHAOS__SCRIPT_MAX)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "a path of more than %d bytes: shorten it",
                                CHAOS__SCRIPT_MAX - 1);
    memcpy(path, directory, above);
    memcpy(path + above, name.start, name.length);
    path[above + name.length] = '\0';
    if (strncmp(path, directory, sizeof(directory) - 1) == 0 &&
        strcmp(path + sizeof(directory) - 1, usual) == 0)
        path[0] = '\0';
    return 0;
}
