/* SPDX-License-Identifier: MIT */
/*
 * What follows the end of a guest, as its configuration says.
 *
 * Whoever notices carries it out, and may be killed at any time.  So a restart
 * is written down before the ended guest is touched: a slot of its own, DUE,
 * with the configuration.  It is freed when the guest is there again, and an
 * orphan if the process dies before, which the next one carries on with.
 */
#include "guest.h"

#include "build/pvh.h"
#include "nodes.h"
#include "uuid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A restart that kills its process, and a dump, are not tried for ever. */
#define RESTARTS_MAX 3
#define DUMPS_MAX 2

/* Of guests that are put aside within a minute, as it is in their names. */
#define NAMES_MAX 100

static enum chaos__action action_for(const struct chaos__slot *slot,
                                     unsigned reason)
{
    if (slot->is_aside)
        return CHAOS__ACTION_PRESERVE;
    switch (reason) {
    case CHAOS__SHUTDOWN_POWEROFF:
        return (enum chaos__action)slot->on_poweroff;
    case CHAOS__SHUTDOWN_REBOOT:
        return (enum chaos__action)slot->on_reboot;
    case CHAOS__SHUTDOWN_CRASH:
        return (enum chaos__action)slot->on_crash;
    case CHAOS__SHUTDOWN_WATCHDOG:
        return (enum chaos__action)slot->on_watchdog;
    default:
        /* Suspended, or a reason that no configuration speaks of: leave it. */
        return CHAOS__ACTION_PRESERVE;
    }
}

/* ---------------------------------------------------------------- cores */

/* With the directory above it, as xl's package makes it. */
static void make_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *above;

    if (mkdir(path, 0700) == 0 || errno != ENOENT || !slash || slash == path)
        return;
    above = strndup(path, (size_t)(slash - path));
    if (above)
        mkdir(above, 0755);
    free(above);
    mkdir(path, 0700);
}

/* Those that its memory was put at.  Its limit may have been lowered since, and
 * the configuration that is kept may have gone. */
static int find_frames(struct chaos *chaos, const struct chaos__slot *slot,
                       uint64_t *count_r, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos_config *config;
    uint64_t memory_kb;
    int rc = chaos__hv_domain_info(chaos->hv, slot->domid, &domain, err);

    if (rc < 0)
        return rc;
    memory_kb = domain.max_pages * (CHAOS__PAGE_SIZE / 1024);
    if (slot->has_config &&
        chaos__read_kept(chaos, slot, slot->name, &config, NULL) == 0) {
        if (config->maxmem_kb > memory_kb)
            memory_kb = config->maxmem_kb;
        chaos_config_free(config);
    }
    *count_r = chaos__pvh_frames(memory_kb);
    return 0;
}

/* Under another name until it is whole: a guest has one core, and a dump that
 * fails must not cost that. */
static int dump(struct chaos *chaos, const struct chaos__slot *slot,
                char path[CHAOS_CORE_PATH_MAX + 1], struct chaos_error *err)
{
    char part[CHAOS_CORE_PATH_MAX + 1];
    uint64_t frames;
    int rc;

    if (snprintf(part, sizeof(part), "%s/.%s.part", chaos->dump_dir,
                 slot->name) >= (int)sizeof(part))
        return chaos__fail(err, CHAOS_EINVAL, "%s: too long a path",
                           chaos->dump_dir);
    snprintf(path, sizeof(part), "%s/%s", chaos->dump_dir, slot->name);
    make_directory(chaos->dump_dir);
    rc = find_frames(chaos, slot, &frames, err);
    if (rc == 0)
        rc = chaos__hv_domain_dump(chaos->hv, slot->domid, frames, part, err);
    if (rc == 0 && rename(part, path) < 0)
        rc = chaos__fail_errno(err, errno, "making %s", path);
    if (rc < 0)
        remove(part);
    return rc;
}

void chaos__dump_core(struct chaos *chaos, struct chaos__slot *slot,
                      char path_r[CHAOS_CORE_PATH_MAX + 1])
{
    char path[CHAOS_CORE_PATH_MAX + 1];
    struct chaos_error err;

    slot->dumps--;
    if (dump(chaos, slot, path, &err) < 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "%s: no core: %s", slot->name,
                   err.message);
    else if (path_r)
        memcpy(path_r, path, sizeof(path));
    slot->dumps = 0;
}

/* Its end is in two steps: that it is ours to end, and that it is ended, after
 * its core has been written if that is wanted. */
static int take(struct chaos *chaos, struct chaos__slot *slot,
                const struct chaos__hv_domain *domain, bool with_core,
                struct chaos_error *err)
{
    return chaos__registry_take_to_dump(chaos->registry, slot, domain->domid,
                                        domain->handle,
                                        with_core ? DUMPS_MAX : 0, err);
}

static int end_taken(struct chaos *chaos, struct chaos__slot *slot,
                     struct chaos_settled *settled, struct chaos_error *err)
{
    if (slot->dumps > 0)
        chaos__dump_core(chaos, slot, settled->core);
    return chaos__undo(chaos, slot, err);
}

static int end(struct chaos *chaos, struct chaos__slot *slot,
               const struct chaos__hv_domain *domain, bool with_core,
               struct chaos_settled *settled, struct chaos_error *err)
{
    int rc = take(chaos, slot, domain, with_core, err);

    return rc < 0 ? rc : end_taken(chaos, slot, settled, err);
}

/* --------------------------------------------------------- putting aside */

/* As libxl's: the time is in the name.  From the second one on a number is
 * behind it. */
static void name_aside(const char *name, unsigned n,
                       char name_r[CHAOS_NAME_MAX + 1])
{
    char suffix[64], number[16] = "";
    time_t now = time(NULL);
    struct tm utc = { 0 };

    gmtime_r(&now, &utc);
    if (n > 1)
        snprintf(number, sizeof(number), "-%u", n);
    strftime(suffix, sizeof(suffix) - sizeof(number), "-%Y%m%dT%H%MZ", &utc);
    strcat(suffix, number);
    snprintf(name_r, CHAOS_NAME_MAX + 1, "%.*s%s",
             (int)(CHAOS_NAME_MAX - strlen(suffix)), name, suffix);
}

/* What its successor needs: its devices, and its UUID.  Any process can do
 * that, as often as it likes. */
static int finish_aside(struct chaos *chaos, struct chaos__slot *slot,
                        struct chaos_error *err)
{
    int rc = 0;

    if (slot->first_device || slot->model ||
        (slot->has_shell_uuid && chaos__has_nodes(slot)))
        rc = chaos__take_devices_away(chaos, slot, err);
    if (rc == 0 && slot->has_shell_uuid)
        rc = chaos__hv_domain_set_handle(chaos->hv, slot->domid, slot->uuid,
                                         err);
    if (rc == 0)
        slot->has_shell_uuid = 0;
    return rc;
}

static int put_aside(struct chaos *chaos, struct chaos__slot *slot,
                     const struct chaos__hv_domain *domain,
                     struct chaos_settled *settled, struct chaos_error *err)
{
    char name[CHAOS_NAME_MAX + 1], was[CHAOS_NAME_MAX + 1];
    uint8_t new_uuid[CHAOS__SLOT_UUID_SIZE];
    struct chaos_error why;
    int rc = chaos__uuid_make(new_uuid, err);
    unsigned n;

    if (rc < 0)
        return rc;
    memcpy(was, slot->name, sizeof(was));
    for (n = 1; n <= NAMES_MAX; n++) {
        name_aside(was, n, name);
        rc = chaos__registry_put_guest_aside(chaos->registry, slot,
                                             domain->domid, domain->handle,
                                             name, new_uuid, err);
        if (rc != CHAOS_EEXIST)
            break;
    }
    if (rc < 0)
        return rc;
    memcpy(settled->kept_name, name, sizeof(name));
    /* From here on it is the create that fails, if it can't do without. */
    if (finish_aside(chaos, slot, &why) < 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "%s: %s", name, why.message);
    return 0;
}

/* ----------------------------------------------------------- restarting */

/* Under the name that it has now. */
static int read_config(struct chaos *chaos, const struct chaos__slot *slot,
                       struct chaos_config **config_r, struct chaos_error *err)
{
    char *name = strndup(slot->name, sizeof(slot->name) - 1);
    int rc = name ? chaos__read_kept(chaos, slot, name, config_r, err)
                  : chaos__fail_memory(err);

    if (rc < 0) {
        free(name);
        return rc;
    }
    free((*config_r)->name);
    (*config_r)->name = name;
    return 0;
}

/* Writes down that the guest is to be created again. */
static int make_due(struct chaos *chaos, const struct chaos_config *config,
                    const struct chaos__hv_domain *domain,
                    struct chaos__slot **due_r, struct chaos_error *err)
{
    uint8_t own_uuid[CHAOS__SLOT_UUID_SIZE];
    struct chaos__slot *due;
    char *text;
    int rc = chaos_config_format(config, &text, err);

    if (rc < 0)
        return rc;
    rc = chaos__uuid_make(own_uuid, err);
    if (rc == 0)
        rc = chaos__registry_reserve(chaos->registry, NULL, own_uuid, &due,
                                     NULL, err);
    if (rc < 0) {
        free(text);
        return rc;
    }
    due->ended_domid = domain->domid;
    memcpy(due->other_uuid, domain->handle, sizeof(due->other_uuid));
    rc = chaos__registry_keep_config(chaos->registry, due, text, err);
    if (rc == 0)
        rc = chaos__registry_set_state(chaos->registry, due, CHAOS__SLOT_DUE,
                                       err);
    free(text);
    if (rc < 0)
        chaos__registry_free(chaos->registry, due, NULL);
    else
        *due_r = due;
    return rc;
}

/* Nothing is in the way of the new one any more; and nothing is due after. */
static int create_again(struct chaos *chaos, struct chaos_config *config,
                        struct chaos__slot *due, uint32_t *domid_r,
                        struct chaos_error *err)
{
    int rc;

    /* A back end that does not let go must not keep it from starting: it has
     * another UUID then, unless the user has chosen that. */
    if (chaos__uuid_is_ours(due->other_uuid) &&
        !chaos__await_gone(chaos, due->ended_domid, due->other_uuid))
        config->has_uuid = false;
    chaos->restarting++;
    rc = chaos__guest_create(chaos, config, 0, domid_r, err);
    if (rc == 0)
        chaos_guest_publish(chaos, *domid_r, NULL);
    chaos->restarting--;
    chaos__registry_free(chaos->registry, due, NULL);
    return rc;
}

/* Without XenStore the old one would go and the new one could not come. */
static int check_store(struct chaos *chaos, const struct chaos__slot *slot,
                       struct chaos_error *err)
{
    int rc = 0;

    if (chaos__has_nodes(slot))
        rc = chaos__store_ready(chaos, err);
    if (rc < 0 || !chaos__has_nodes(slot))
        return rc;
    return chaos__nodes_answer(chaos->store, slot, err);
}

/* What can be seen to fail must not cost the old one. */
static int try_restart(struct chaos *chaos, struct chaos__slot *slot,
                       const struct chaos__hv_domain *domain,
                       enum chaos__action action, struct chaos_config *config,
                       struct chaos_settled *settled, struct chaos_error *err)
{
    struct chaos__slot *due = NULL;
    int rc = chaos_guest_check(chaos, config, err);

    if (rc == 0)
        rc = check_store(chaos, slot, err);
    if (rc == 0)
        rc = make_due(chaos, config, domain, &due, err);
    if (rc < 0)
        return rc;
    if (action == CHAOS__ACTION_RENAME_RESTART)
        rc = put_aside(chaos, slot, domain, settled, err);
    else
        rc = take(chaos, slot, domain, action == CHAOS__ACTION_COREDUMP_RESTART,
                  err);
    if (rc < 0) {
        chaos__registry_free(chaos->registry, due, NULL);
        return rc;
    }
    if (action != CHAOS__ACTION_RENAME_RESTART)
        rc = end_taken(chaos, slot, settled, err);
    /* Whoever gets it away makes the new one. */
    if (rc < 0) {
        chaos__registry_abandon(chaos->registry, due);
        return rc;
    }
    settled->outcome = action == CHAOS__ACTION_RENAME_RESTART
                           ? CHAOS_OUTCOME_KEPT
                           : CHAOS_OUTCOME_DESTROYED;
    rc = create_again(chaos, config, due, &settled->domid, err);
    if (rc == 0)
        settled->outcome = CHAOS_OUTCOME_RESTARTED;
    return rc;
}

static int restart(struct chaos *chaos, struct chaos__slot *slot,
                   const struct chaos__hv_domain *domain,
                   enum chaos__action action, struct chaos_settled *settled,
                   struct chaos_error *err)
{
    struct chaos_config *config;
    int rc = read_config(chaos, slot, &config, err);

    if (rc < 0)
        return rc;
    rc = try_restart(chaos, slot, domain, action, config, settled, err);
    if (rc < 0)
        chaos__fail_within(err, rc, "restarting %s", config->name);
    chaos_config_free(config);
    return rc;
}

/* Finishes what was being done with the domain that has ended.  1; 0: nothing
 * is due, because it had not begun, or was through; or an error: it is, and
 * what has ended is in the way. */
static int is_still_due(struct chaos *chaos, const struct chaos__slot *due,
                        const struct chaos_config *config,
                        struct chaos_error *err)
{
    struct chaos__slot *old =
        chaos__registry_by_uuid(chaos->registry, due->other_uuid);
    int rc = 0;

    if (old && chaos__is_guest(old))
        return 0;
    if (old && chaos__registry_take_orphan(chaos->registry, old)) {
        if (old->dumps > 0)
            chaos__dump_core(chaos, old, NULL);
        rc = chaos__undo(chaos, old, err);
    } else if (old &&
               (!chaos__is_ending(old) || !chaos__await_release(chaos, old))) {
        return 0;
    }
    return rc < 0 ? rc
                  : !chaos__registry_by_name(chaos->registry, config->name);
}

static int go_on_restarting(struct chaos *chaos, struct chaos__slot *due,
                            struct chaos_config *config,
                            struct chaos_error *err)
{
    uint32_t domid;
    int rc = is_still_due(chaos, due, config, err);

    if (rc < 0) {
        chaos__registry_abandon(chaos->registry, due);
        return rc;
    }
    if (rc > 0 && ++due->tries > RESTARTS_MAX)
        rc = chaos__fail(err, CHAOS_EFAILED, "it kills who does that");
    if (rc <= 0) {
        chaos__registry_free(chaos->registry, due, NULL);
        return rc;
    }
    chaos__log(chaos, CHAOS_LOG_WARNING,
               "%s: restarting it was left half done; going on with that",
               config->name);
    return create_again(chaos, config, due, &domid, err);
}

int chaos__restart_due(struct chaos *chaos, struct chaos__slot *due)
{
    char name[CHAOS_NAME_MAX + 1] = "a guest";
    struct chaos_config *config;
    struct chaos_error err;
    int rc;

    rc = chaos__read_kept(chaos, due, "a guest that has ended", &config, &err);
    if (rc < 0) {
        chaos__registry_free(chaos->registry, due, NULL);
    } else {
        snprintf(name, sizeof(name), "%s", config->name);
        rc = go_on_restarting(chaos, due, config, &err);
        chaos_config_free(config);
    }
    if (rc < 0)
        chaos__log(chaos, CHAOS_LOG_WARNING, "restarting %s: %s", name,
                   err.message);
    return due->state == CHAOS__SLOT_DUE ? rc : 0;
}

/* ------------------------------------------------------------------ all */

int chaos__guest_carry_out(struct chaos *chaos, struct chaos__slot *slot,
                           const struct chaos__hv_domain *domain,
                           struct chaos_settled *settled_r,
                           struct chaos_error *err)
{
    struct chaos_settled settled = { 0 };
    enum chaos__action action;
    int rc = 0;

    if (settled_r)
        *settled_r = settled;
    if (!domain->shutdown || domain->dying ||
        slot->state != CHAOS__SLOT_RUNNING)
        return 0;
    settled.end = (uint8_t)chaos__guest_end_of(domain);
    action = action_for(slot, domain->shutdown_reason);
    switch (action) {
    case CHAOS__ACTION_DESTROY:
    case CHAOS__ACTION_COREDUMP_DESTROY:
        rc = end(chaos, slot, domain, action == CHAOS__ACTION_COREDUMP_DESTROY,
                 &settled, err);
        if (rc == 0)
            settled.outcome = CHAOS_OUTCOME_DESTROYED;
        break;
    case CHAOS__ACTION_RESTART:
    case CHAOS__ACTION_COREDUMP_RESTART:
    case CHAOS__ACTION_RENAME_RESTART:
        rc = restart(chaos, slot, domain, action, &settled, err);
        break;
    case CHAOS__ACTION_PRESERVE:
        rc = slot->is_aside ? finish_aside(chaos, slot, err) : 0;
        settled.outcome = CHAOS_OUTCOME_KEPT;
        break;
    }
    if (settled_r)
        *settled_r = settled;
    return rc;
}

int chaos__guest_settle(struct chaos *chaos, struct chaos__slot *slot,
                        const struct chaos__hv_domain *domain,
                        struct chaos_error *err)
{
    struct chaos_error why;
    int rc = chaos__guest_carry_out(chaos, slot, domain, NULL, &why);

    if (rc < 0) {
        chaos__log(chaos, CHAOS_LOG_WARNING, "%s", why.message);
        chaos__fail(err, rc, "%s", why.message);
    }
    return rc;
}

int chaos_guest_settle(struct chaos *chaos, uint32_t domid,
                       struct chaos_settled *settled_r, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open(chaos, domid, &slot, &domain, err);

    if (rc == 0 && domain.shutdown && slot->state == CHAOS__SLOT_CHANGING)
        rc = chaos__fail(err, CHAOS_EBUSY,
                         "guest %s: process %u is changing a device of it; "
                         "try again",
                         slot->name, slot->owner_pid);
    return rc < 0
               ? rc
               : chaos__guest_carry_out(chaos, slot, &domain, settled_r, err);
}
