/* SPDX-License-Identifier: MIT */
#include "foreign.h"

#include "end.h"
#include "found.h"
#include "script.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAMES_SIZE CHAOS__STORE_PAYLOAD_MAX
#define SCRIPT_SIZE 1024
#define KINDS_MAX 32

/* What dom0's kernel and xenconsoled serve: these go without anybody's help. */
static const char *const kinds[] = { "vif", "vbd", "console" };
#define KINDS_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* The kind that a directory is for; NULL: none of these. */
static const char *kind_of(const char *name)
{
    size_t i;

    for (i = 0; i < KINDS_COUNT; i++)
        if (strcmp(name, kinds[i]) == 0)
            return kinds[i];
    return NULL;
}

/* ------------------------------------------------------------- checking */

static int refuse(uint32_t domid, const char *what, const char *kind,
                  struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_ENOTSUP,
                       "domain %u has %s%s, which chaos cannot take away; use "
                       "the toolstack that made it (xl destroy %u)",
                       domid, what, kind, domid);
}

static int check_model(struct chaos__store *store, uint32_t domid,
                       struct chaos_error *err)
{
    char path[64], type[16], pid[16];
    int rc;

    snprintf(path, sizeof(path), "/libxl/%u/type", domid);
    chaos__store_read(store, path, type, sizeof(type));
    snprintf(path, sizeof(path), "/local/domain/%u/image/device-model-pid",
             domid);
    chaos__store_read(store, path, pid, sizeof(pid));
    rc = chaos__store_run(store, err);
    if (rc == 0 && (strcmp(type, "hvm") == 0 || *pid))
        rc = refuse(domid, "a device model (QEMU)", "", err);
    return rc;
}

/* Back ends of other kinds, whoever serves them. */
static int check_kinds(struct chaos__store *store, uint32_t domid,
                       struct chaos_error *err)
{
    char names[NAMES_SIZE], path[128], ids[KINDS_MAX][16];
    const char *others[KINDS_MAX], *name;
    unsigned count = 0, i;
    int rc;

    chaos__store_list(store, CHAOS__STORE_BACKENDS, names, sizeof(names));
    rc = chaos__store_run(store, err);
    if (rc < 0)
        return rc;
    for (name = names; *name && count < KINDS_MAX; name += strlen(name) + 1) {
        if (kind_of(name) || strlen(name) > 32)
            continue;
        snprintf(path, sizeof(path), CHAOS__STORE_BACKENDS "/%s/%u", name,
                 domid);
        chaos__store_list(store, path, ids[count], sizeof(ids[count]));
        others[count++] = name;
    }
    rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < count; i++)
        if (*ids[i])
            rc = refuse(domid, "a device of type ", others[i], err);
    return rc;
}

/* Libxl's list has also what other domains serve. */
static int check_listed(struct chaos__store *store, uint32_t domid,
                        const char *kind, struct chaos_error *err)
{
    char names[NAMES_SIZE], path[128], backend[128], want[64];
    const char *name;
    int rc;

    snprintf(path, sizeof(path), "/libxl/%u/device/%s", domid, kind);
    chaos__store_list(store, path, names, sizeof(names));
    snprintf(want, sizeof(want), CHAOS__STORE_BACKENDS "/%s/", kind);
    rc = chaos__store_run(store, err);
    for (name = names; rc == 0 && *name; name += strlen(name) + 1) {
        snprintf(path, sizeof(path), "/libxl/%u/device/%s/%.32s/backend", domid,
                 kind, name);
        chaos__store_read(store, path, backend, sizeof(backend));
        rc = chaos__store_run(store, err);
        if (rc == 0 && *backend && strncmp(backend, want, strlen(want)) != 0)
            rc = refuse(domid, "a device served by ", backend, err);
    }
    return rc;
}

static int check_list(struct chaos__store *store, uint32_t domid,
                      struct chaos_error *err)
{
    char names[NAMES_SIZE], path[64];
    const char *name, *kind;
    int rc;

    snprintf(path, sizeof(path), "/libxl/%u/device", domid);
    chaos__store_list(store, path, names, sizeof(names));
    rc = chaos__store_run(store, err);
    for (name = names; rc == 0 && *name; name += strlen(name) + 1) {
        kind = kind_of(name);
        rc = kind ? check_listed(store, domid, kind, err)
                  : refuse(domid, "a device of type ", name, err);
    }
    return rc;
}

int chaos__foreign_devices_check(struct chaos__store *store, uint32_t domid,
                                 struct chaos_error *err)
{
    struct chaos__device_name names[CHAOS__NAMED_MAX];
    int rc = check_model(store, domid, err);

    if (rc == 0)
        rc = chaos__devices_named(store, domid, names, err);
    if (rc >= 0)
        rc = check_kinds(store, domid, err);
    if (rc == 0)
        rc = check_list(store, domid, err);
    return rc;
}

/* ------------------------------------------------------------- removing */

/* These return how many failed, the last of which `err` tells, or an error of
 * XenStore's. */

static int dismiss(struct chaos__store *store, uint32_t domid,
                   const struct chaos__device_name *names, unsigned count,
                   struct chaos_error *err)
{
    unsigned batch;
    int rc, failed = 0;

    for (; count > 0; names += batch, count -= batch) {
        batch = count < CHAOS__ENDS_MAX ? count : CHAOS__ENDS_MAX;
        rc = chaos__devices_dismiss(store, domid, names, batch, true, err);
        if (rc < 0)
            return rc;
        failed += rc;
    }
    return failed;
}

/* As the back end's `script` says; a device without one needs none.  Of a guest
 * of ours (`is_ours`) the usual ones have not been run, and so are not. */
static int clean_up(struct chaos__store *store, uint32_t domid,
                    const struct chaos__device_name *name, bool is_ours,
                    struct chaos_error *err)
{
    const char *usual = name->is_net ? CHAOS__SCRIPT_VIF : CHAOS__SCRIPT_VBD;
    char script[SCRIPT_SIZE], netdev[32];
    const uint32_t id = name->id;
    struct chaos__end end;
    int rc;

    chaos__end_place(&end, name->is_net ? "vif" : "vbd", domid, id);
    chaos__end_read(store, &end, "script", script, sizeof(script));
    chaos__end_read(store, &end, "gatewaydev", netdev, sizeof(netdev));
    rc = chaos__store_run(store, err);
    if (rc < 0 || *script != '/' || (is_ours && strcmp(script, usual) == 0))
        return rc;
    rc = name->is_net ? chaos__script_vif(store, domid, id, script, netdev,
                                          CHAOS__SCRIPT_REMOVE, err)
                      : chaos__script_disk(store, domid, id, script,
                                           CHAOS__SCRIPT_REMOVE, err);
    return rc < 0;
}

int chaos__device_clean_up(struct chaos__store *store, uint32_t domid,
                           const struct chaos__device_name *name,
                           struct chaos_error *err)
{
    return clean_up(store, domid, name, true, err);
}

static int remove_nodes(struct chaos__store *store, uint32_t domid,
                        struct chaos_error *err)
{
    char path[128];
    size_t i;

    for (i = 0; i < KINDS_COUNT; i++) {
        snprintf(path, sizeof(path), CHAOS__STORE_BACKENDS "/%s/%u", kinds[i],
                 domid);
        chaos__store_remove(store, path);
        snprintf(path, sizeof(path), CHAOS__STORE_ERRORS "/%s/%u", kinds[i],
                 domid);
        chaos__store_remove(store, path);
    }
    return chaos__store_run(store, err);
}

int chaos__devices_unplug(struct chaos__store *store, uint32_t domid,
                          bool is_ours, struct chaos_error *err)
{
    struct chaos__device_name names[CHAOS__NAMED_MAX];
    int count = chaos__devices_named(store, domid, names, err), failed, rc, i;

    if (count < 0)
        return count;
    rc = failed = dismiss(store, domid, names, (unsigned)count, err);
    for (i = 0; rc >= 0 && i < count; i++) {
        rc = clean_up(store, domid, &names[i], is_ours, err);
        failed += rc;
    }
    if (rc >= 0)
        rc = remove_nodes(store, domid, err);
    return rc < 0 ? rc : failed;
}
