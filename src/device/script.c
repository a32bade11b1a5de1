/* SPDX-License-Identifier: MIT */
#include "script.h"

#include "dom0/script.h"
#include "end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 40000 /* LIBXL_HOTPLUG_TIMEOUT, libxl_internal.h */

/* Where scripts look for ip, xenstore-read and the like; libxl hands on the
 * whole environment of who called it. */
#define PATH_DEFAULT                                                           \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define PATHS_SIZE 4096

/* What every script is told. */
struct telling {
    char *arguments[4];
    char *environment[8];
    unsigned count; /* of the environment's */
    char script[PATHS_SIZE], path[PATHS_SIZE], type[32], place[64], name[32];
    char netdev[48];
};

static void tell(struct telling *telling, char *variable)
{
    telling->environment[telling->count++] = variable;
}

/* XENBUS_PATH is relative: XenStore takes it to be dom0's. */
static void begin(struct telling *telling, const char *script, const char *type,
                  uint32_t domid, uint32_t id)
{
    static char base[] = "XENBUS_BASE_PATH=backend";
    const char *path = getenv("PATH");

    memset(telling, 0, sizeof(*telling));
    snprintf(telling->script, sizeof(telling->script), "script=%s", script);
    snprintf(telling->path, sizeof(telling->path), "PATH=%s",
             path ? path : PATH_DEFAULT);
    snprintf(telling->type, sizeof(telling->type), "XENBUS_TYPE=%s", type);
    snprintf(telling->place, sizeof(telling->place),
             "XENBUS_PATH=backend/%s/%u/%u", type, domid, id);
    telling->arguments[0] = telling->script + strlen("script=");
    tell(telling, telling->path);
    tell(telling, telling->script);
    tell(telling, telling->type);
    tell(telling, telling->place);
    tell(telling, base);
}

/* Adds what the script has left in XenStore of why it failed. */
static int run(struct chaos__store *store, const struct chaos__end *end,
               const struct telling *telling, struct chaos_error *err)
{
    const struct chaos__script script = { telling->arguments,
                                          telling->environment };
    char said[256];
    struct chaos_error why;
    int rc = chaos__script_run(&script, TIMEOUT_MS, &why);

    if (rc == 0)
        return 0;
    chaos__end_read(store, end, "hotplug-error", said, sizeof(said));
    if (chaos__store_run(store, NULL) < 0)
        said[0] = '\0';
    return chaos__fail(err, rc, "%s %u: %s%s%s", end->type, end->id,
                       why.message, *said ? ": " : "", said);
}

int chaos__script_vif(struct chaos__store *store, uint32_t domid, uint32_t id,
                      const char *script, const char *netdev,
                      enum chaos__script_action action, struct chaos_error *err)
{
    static char online[] = "online", offline[] = "offline",
                type_if[] = "type_if=vif";
    struct telling telling;
    struct chaos__end end;

    chaos__end_place(&end, "vif", domid, id);
    begin(&telling, script, "vif", domid, id);
    telling.arguments[1] = action == CHAOS__SCRIPT_ADD ? online : offline;
    telling.arguments[2] = type_if;
    snprintf(telling.name, sizeof(telling.name), "vif=vif%u.%u", domid, id);
    tell(&telling, telling.name);
    snprintf(telling.netdev, sizeof(telling.netdev), "netdev=%s", netdev);
    tell(&telling, telling.netdev);
    return run(store, &end, &telling, err);
}

int chaos__script_disk(struct chaos__store *store, uint32_t domid, uint32_t id,
                       const char *script, enum chaos__script_action action,
                       struct chaos_error *err)
{
    static char add[] = "add", remove[] = "remove";
    struct telling telling;
    struct chaos__end end;

    chaos__end_place(&end, "vbd", domid, id);
    begin(&telling, script, "vbd", domid, id);
    telling.arguments[1] = action == CHAOS__SCRIPT_ADD ? add : remove;
    return run(store, &end, &telling, err);
}
