/* SPDX-License-Identifier: MIT */
/*
 * The registry made anew: each domain that is chaos's gets a slot.  A guest is
 * entered as one that runs in a single step, so that whoever dies here leaves
 * nothing that the next process would undo.
 */
#include "recover.h"

#include "nodes.h"
#include "uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is kept, and what it says. */
struct known {
    struct chaos__kept *kept;
    struct chaos_config **configs; /* NULL: unreadable */
    size_t count;
    struct by_uuid {
        uint8_t uuid[CHAOS__HANDLE_SIZE];
        int number; /* in the arrays above */
    } * by_uuid;    /* sorted */
    size_t by_uuid_count;
};

struct work {
    struct chaos *chaos;
    struct known known;
    struct chaos_recovered *list; /* room for every domain */
    size_t count;
};

/* ------------------------------------------------------ what is kept */

static void forget_known(struct known *known)
{
    size_t i;

    for (i = 0; known->configs && i < known->count; i++)
        chaos_config_free(known->configs[i]);
    free(known->configs);
    free(known->by_uuid);
    chaos__registry_free_kept(known->kept, known->count);
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, CHAOS__HANDLE_SIZE);
}

static void index_known(struct known *known)
{
    struct by_uuid *last = known->by_uuid;
    size_t i;

    for (i = 0; i < known->count; i++) {
        if (!known->configs[i] || !known->configs[i]->has_uuid)
            continue;
        memcpy(last->uuid, known->configs[i]->uuid, sizeof(last->uuid));
        last++->number = (int)i;
    }
    known->by_uuid_count = (size_t)(last - known->by_uuid);
    qsort(known->by_uuid, known->by_uuid_count, sizeof(*last), compare_uuids);
}

static int read_known(struct chaos *chaos, struct known *known,
                      struct chaos_error *err)
{
    struct chaos_error why;
    char source[32];
    size_t i;
    int rc = chaos__registry_list_kept(chaos->registry, &known->kept,
                                       &known->count, err);

    if (rc < 0)
        return rc;
    known->configs = calloc(known->count + 1, sizeof(struct chaos_config *));
    known->by_uuid = calloc(known->count + 1, sizeof(*known->by_uuid));
    if (!known->configs || !known->by_uuid)
        return chaos__fail_memory(err);
    for (i = 0; i < known->count; i++) {
        snprintf(source, sizeof(source), "guest-%u.cfg", known->kept[i].number);
        if (chaos_config_parse(chaos, known->kept[i].text, source,
                               &known->configs[i], &why) < 0) {
            known->configs[i] = NULL;
            chaos__log(chaos, CHAOS_LOG_WARNING, "%s/%s", chaos->run_dir,
                       why.message);
        }
    }
    index_known(known);
    return 0;
}

/* The configuration that says so is the guest's; -1: none does. */
static int find_known(const struct known *known, const uint8_t *uuid)
{
    const struct by_uuid *found =
        bsearch(uuid, known->by_uuid, known->by_uuid_count,
                sizeof(*known->by_uuid), compare_uuids);

    return found ? found->number : -1;
}

/* ------------------------------------------------------------- domains */

static struct chaos_recovered *add_entry(struct work *work,
                                         const struct chaos__hv_domain *domain)
{
    struct chaos_recovered *entry = &work->list[work->count++];

    *entry = (struct chaos_recovered){
        .domid = domain->domid,
        .type = domain->hvm ? CHAOS_GUEST_PVH : CHAOS_GUEST_PV,
    };
    memcpy(entry->uuid, domain->handle, sizeof(entry->uuid));
    return entry;
}

static void fail_entry(struct chaos_recovered *entry,
                       const struct chaos_error *why)
{
    entry->code = why->code;
    memcpy(entry->message, why->message, sizeof(entry->message));
}

/* No vCPU was ever given a state: no image can be in it. */
static bool is_shell(const struct chaos__hv_domain *domain)
{
    return domain->paused && !domain->shutdown && domain->vcpus_online == 0 &&
           domain->cpu_time_ns == 0;
}

/* Where a PVH guest's pages are is in parameters that it cannot change; its
 * ports it can, but they are its own whatever they are.  The control page
 * lies below the device page (src/build/pvh.c).  Those of a PV guest are
 * written down nowhere. */
static int find_noxs_pages(struct chaos *chaos,
                           const struct chaos__hv_domain *domain,
                           struct chaos__slot *slot, struct chaos_error *err)
{
    uint64_t console = 0, console_port = 0, devices = 0, control_port = 0;
    uint32_t domid = domain->domid;
    int rc = 0;

    if (!domain->hvm)
        return 0;
    rc = chaos__hv_get_param(chaos->hv, domid, CHAOS__HV_CONSOLE_PFN, &console,
                             err);
    if (rc == 0)
        rc = chaos__hv_get_param(chaos->hv, domid, CHAOS__HV_CONSOLE_PORT,
                                 &console_port, err);
    if (rc == 0)
        rc = chaos__hv_get_param(chaos->hv, domid, CHAOS__HV_STORE_PFN,
                                 &devices, err);
    if (rc == 0)
        rc = chaos__hv_get_param(chaos->hv, domid, CHAOS__HV_STORE_PORT,
                                 &control_port, err);
    if (rc < 0)
        return rc;
    slot->console_frame = console;
    slot->console_port = (uint32_t)console_port;
    if (devices > 1) {
        slot->device_frame = devices;
        slot->control_frame = devices - 1;
        slot->control_port = (uint32_t)control_port;
    }
    return 0;
}

/* A guest that speaks to XenStore has nodes for that, which it cannot change.
 */
static int find_pages(struct chaos *chaos,
                      const struct chaos__hv_domain *domain,
                      const struct chaos_config *config,
                      struct chaos__slot *slot, struct chaos_error *err)
{
    int rc = 0;

    if (config && config->mode == CHAOS__MODE_NOXS) {
        /* Its name may be there: whoever ends it takes it away then. */
        slot->is_hidden = config->is_hidden;
        if (!config->is_hidden)
            slot->published_domid = slot->domid;
        return find_noxs_pages(chaos, domain, slot, err);
    }
    rc = chaos__store_ready(chaos, err);
    if (rc == 0)
        rc = chaos__nodes_find(chaos->store, slot, err);
    return rc < 0 || slot->store_frame
               ? rc
               : find_noxs_pages(chaos, domain, slot, err);
}

static void fill_slot(struct chaos__slot *slot,
                      const struct chaos__hv_domain *domain,
                      const struct chaos_config *config,
                      const struct chaos__kept *kept)
{
    slot->domid = domain->domid;
    memcpy(slot->uuid, domain->handle, sizeof(slot->uuid));
    slot->type = domain->hvm ? CHAOS__TYPE_PVH : CHAOS__TYPE_PV;
    slot->vcpus = domain->max_vcpus;
    slot->memory_kb = domain->pages * (CHAOS__PAGE_SIZE / 1024);
    /* What can't be made again is kept. */
    slot->on_poweroff = CHAOS__ACTION_DESTROY;
    slot->on_reboot = slot->on_crash = slot->on_watchdog =
        CHAOS__ACTION_PRESERVE;
    snprintf(slot->name, sizeof(slot->name), "recovered-%u", domain->domid);
    if (!config)
        return;
    slot->on_poweroff = (uint8_t)config->on_poweroff;
    slot->on_reboot = (uint8_t)config->on_reboot;
    slot->on_crash = (uint8_t)config->on_crash;
    slot->on_watchdog = (uint8_t)config->on_watchdog;
    slot->created_s = kept->kept_s;
    if (config->name)
        snprintf(slot->name, sizeof(slot->name), "%s", config->name);
}

/* Under its name, or another if somebody has that by now. */
static int adopt(struct chaos *chaos, struct chaos__slot *wanted,
                 unsigned number, struct chaos__slot **slot_r,
                 struct chaos_error *err)
{
    int rc =
        chaos__registry_adopt(chaos->registry, wanted, number, slot_r, err);

    if (rc != CHAOS_EEXIST || !*wanted->name)
        return rc;
    snprintf(wanted->name, sizeof(wanted->name), "recovered-%u", wanted->domid);
    return chaos__registry_adopt(chaos->registry, wanted, number, slot_r, err);
}

/* Its configuration is where it was, or goes where its slot is. */
static int keep_config(struct chaos *chaos, struct chaos__slot *slot,
                       const struct chaos__kept *kept, struct chaos_error *err)
{
    if (chaos__registry_number(chaos->registry, slot) != kept->number)
        return chaos__registry_keep_config(chaos->registry, slot, kept->text,
                                           err);
    slot->has_config = 1;
    return 0;
}

static int recover_guest(struct work *work,
                         const struct chaos__hv_domain *domain, int known,
                         struct chaos_recovered *entry, struct chaos_error *err)
{
    const struct chaos_config *config =
        known < 0 ? NULL : work->known.configs[known];
    const struct chaos__kept *kept =
        known < 0 ? NULL : &work->known.kept[known];
    struct chaos__slot wanted = { .state = CHAOS__SLOT_RUNNING }, *slot;
    int rc;

    fill_slot(&wanted, domain, config, kept);
    memcpy(entry->name, wanted.name, sizeof(entry->name));
    rc = find_pages(work->chaos, domain, config, &wanted, err);
    if (rc == 0)
        rc = adopt(work->chaos, &wanted, kept ? kept->number : 0, &slot, err);
    if (rc < 0)
        return rc;
    memcpy(entry->name, wanted.name, sizeof(entry->name));
    entry->has_console = wanted.console_frame != 0;
    entry->has_control = wanted.control_frame != 0;
    if (kept)
        rc = keep_config(work->chaos, slot, kept, err);
    entry->has_config = slot->has_config != 0;
    if (rc == 0)
        rc = chaos__recover_devices(work->chaos, slot, config, entry, err);
    return rc < 0 ? rc : 0;
}

static int end_shell(struct work *work, const struct chaos__hv_domain *domain,
                     struct chaos_recovered *entry, struct chaos_error *err)
{
    struct chaos__slot wanted = { .state = CHAOS__SLOT_DYING }, *slot;
    int rc;

    entry->what = CHAOS_RECOVERED_SHELL;
    fill_slot(&wanted, domain, NULL, NULL);
    rc = find_pages(work->chaos, domain, NULL, &wanted, err);
    wanted.name[0] = '\0';
    /* First what its slot will not tell. */
    if (rc == 0)
        rc = chaos__recover_remove(work->chaos, &wanted, entry, err);
    if (rc == 0)
        rc = chaos__registry_adopt(work->chaos->registry, &wanted, 0, &slot,
                                   err);
    return rc < 0 ? rc : chaos__undo(work->chaos, slot, err);
}

/* A UUID that the user chose may be another toolstack's domain's by now: those
 * have a name in XenStore, and not our mark. */
static int is_foreign(struct chaos *chaos,
                      const struct chaos__hv_domain *domain,
                      struct chaos_error *err)
{
    char path[64], name[8], mark[8];
    int rc = chaos__uuid_is_ours(domain->handle)
                 ? 0
                 : chaos__store_ready(chaos, err);

    if (rc < 0 || chaos__uuid_is_ours(domain->handle))
        return rc;
    snprintf(path, sizeof(path), "/local/domain/%u/name", domain->domid);
    chaos__store_read(chaos->store, path, name, sizeof(name));
    snprintf(path, sizeof(path), "/local/domain/%u/" CHAOS__NODE_MARK,
             domain->domid);
    chaos__store_read(chaos->store, path, mark, sizeof(mark));
    rc = chaos__store_run(chaos->store, err);
    return rc < 0 ? rc : *name && !*mark;
}

/* Whether it is still there, and still what it was when all were listed. */
static int look_again(struct chaos *chaos, struct chaos__hv_domain *domain,
                      struct chaos_error *err)
{
    uint8_t handle[CHAOS__HANDLE_SIZE];
    int rc;

    memcpy(handle, domain->handle, sizeof(handle));
    rc = chaos__hv_domain_info(chaos->hv, domain->domid, domain, err);
    if (rc < 0)
        return rc;
    return domain->dying || memcmp(domain->handle, handle, sizeof(handle)) != 0
               ? CHAOS_ENOGUEST
               : 0;
}

static void recover_domain(struct work *work, struct chaos__hv_domain *domain,
                           int known)
{
    struct chaos_recovered *entry = add_entry(work, domain);
    struct chaos *chaos = work->chaos;
    struct chaos_error why;
    int rc = look_again(chaos, domain, &why);

    if (rc == 0)
        rc = is_foreign(chaos, domain, &why);
    if (rc == 0)
        rc = known < 0 && is_shell(domain)
                 ? end_shell(work, domain, entry, &why)
                 : recover_guest(work, domain, known, entry, &why);
    /* It is another's, it has gone, or somebody else has just entered it. */
    if (rc > 0 || rc == CHAOS_ENOGUEST ||
        (rc == CHAOS_EEXIST &&
         chaos__registry_by_uuid(chaos->registry, domain->handle)))
        work->count--;
    else if (rc < 0)
        fail_entry(entry, &why);
}

/* ------------------------------------------------------- what has a slot */

/* Or two domains have one UUID. */
static bool has_its_domain(struct chaos *chaos, const struct chaos__slot *slot)
{
    struct chaos__hv_domain domain;

    return slot->domid != CHAOS__NO_DOMID &&
           chaos__hv_domain_info(chaos->hv, slot->domid, &domain, NULL) == 0 &&
           chaos__slot_is_of(slot, domain.handle);
}

/* A guest that has one may have lost its domid, or devices. */
static void complete(struct work *work, const struct chaos__hv_domain *domain,
                     struct chaos__slot *slot)
{
    struct chaos *chaos = work->chaos;
    struct chaos_recovered entry = { .what = CHAOS_RECOVERED_DEVICES };
    struct chaos_config *config = NULL;
    struct chaos_error why;
    bool is_moved = slot->domid != domain->domid;
    int rc = 0;

    if (slot->state != CHAOS__SLOT_RUNNING ||
        (is_moved && has_its_domain(chaos, slot)))
        return;
    if (is_moved)
        rc = chaos__registry_set_domid(chaos->registry, slot, domain->domid,
                                       &why);
    if (chaos__read_kept(chaos, slot, slot->name, &config, NULL) < 0)
        config = NULL;
    if (rc == 0)
        rc = chaos__recover_devices(chaos, slot, config, &entry, &why);
    if (rc != 0 || is_moved || entry.code < 0) {
        struct chaos_recovered *added = add_entry(work, domain);

        added->what = entry.what;
        added->vifs = entry.vifs;
        added->disks = entry.disks;
        added->code = entry.code;
        memcpy(added->message, entry.message, sizeof(added->message));
        memcpy(added->name, slot->name, sizeof(added->name));
        added->has_config = config != NULL;
        added->has_console = slot->console_frame != 0;
        added->has_control = slot->control_frame != 0;
        if (rc < 0)
            fail_entry(added, &why);
    }
    chaos_config_free(config);
}

/* The slot of a domain, if there is one. */
static struct chaos__slot *slot_of(struct chaos *chaos,
                                   const struct chaos__hv_domain *domain)
{
    struct chaos__slot *slot =
        chaos__registry_by_domid(chaos->registry, domain->domid);

    if (slot && chaos__slot_is_of(slot, domain->handle))
        return slot;
    return chaos__registry_by_uuid(chaos->registry, domain->handle);
}

/* ---------------------------------------------------------------- sequence */

static int open_anew(struct chaos *chaos, struct chaos_error *err)
{
    char aside[4096];
    int rc;

    /* What this context has open may be a file that was removed. */
    chaos__registry_close(chaos->registry);
    chaos->registry = NULL;
    rc = chaos__hv_ready(chaos, err);
    if (rc == 0)
        rc = chaos__registry_put_aside(chaos->run_dir, aside, sizeof(aside),
                                       err);
    if (rc > 0)
        chaos__log(chaos, CHAOS_LOG_WARNING,
                   "the registry could not be used; it is %s now", aside);
    if (rc >= 0)
        rc = chaos__registry_open(chaos->run_dir, &chaos->registry, err);
    if (rc == 0)
        rc = chaos__registry_rederive(chaos->registry, err);
    return rc < 0 ? rc : chaos__ready(chaos, err);
}

/* In the order of the slots that they had, the last one first: each gets its
 * own then, as the first one takes all those below.  Those of which nothing is
 * kept come last and take what is left. */
static int recover_all(struct work *work, struct chaos__hv_domain *domains,
                       size_t count, struct chaos_error *err)
{
    struct chaos__hv_domain **order =
        calloc(work->known.count + 1, sizeof(struct chaos__hv_domain *));
    size_t i;
    int known;

    if (!order)
        return chaos__fail_memory(err);
    for (i = 0; i < count; i++) {
        known = find_known(&work->known, domains[i].handle);
        if (known >= 0)
            order[known] = &domains[i];
    }
    for (i = 0; i < work->known.count; i++)
        if (order[i])
            recover_domain(work, order[i], (int)i);
    for (i = 0; i < count; i++)
        if (find_known(&work->known, domains[i].handle) < 0 &&
            chaos__uuid_is_ours(domains[i].handle))
            recover_domain(work, &domains[i], -1);
    free(order);
    return 0;
}

/* Leaves those that no slot knows. */
static size_t complete_all(struct work *work, struct chaos__hv_domain *domains,
                           size_t count)
{
    struct chaos__slot *slot;
    size_t i, left = 0;

    for (i = 0; i < count; i++) {
        if (domains[i].domid == 0 || domains[i].dying)
            continue;
        slot = slot_of(work->chaos, &domains[i]);
        if (slot)
            complete(work, &domains[i], slot);
        else
            domains[left++] = domains[i];
    }
    return left;
}

static bool all_is_well(const struct work *work)
{
    size_t i;

    for (i = 0; i < work->count; i++)
        if (work->list[i].code < 0)
            return false;
    return true;
}

int chaos_recover(struct chaos *chaos, struct chaos_recovered **list_r,
                  size_t *count_r, struct chaos_error *err)
{
    struct work work = { .chaos = chaos };
    struct chaos__hv_domain *domains = NULL;
    size_t count;
    int rc = open_anew(chaos, err);

    if (rc == 0)
        rc = chaos__guest_read_domains(chaos, &domains, &count, err);
    if (rc < 0)
        return rc;
    work.list = calloc(count + 1, sizeof(*work.list));
    rc = work.list ? read_known(chaos, &work.known, err)
                   : chaos__fail_memory(err);
    if (rc == 0) {
        count = complete_all(&work, domains, count);
        rc = recover_all(&work, domains, count, err);
        if (rc == 0 && all_is_well(&work))
            rc = chaos__registry_drop_stale(chaos->registry, err);
    }
    forget_known(&work.known);
    free(domains);
    if (rc < 0) {
        free(work.list);
        return rc;
    }
    *list_r = work.list;
    *count_r = work.count;
    return 0;
}
