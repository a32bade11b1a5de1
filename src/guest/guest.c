/* SPDX-License-Identifier: MIT */
/* Finding guests, reading what they are, and the short operations on them. */
#include "foreign.h"

#include "nodes.h"
#include "uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Domains that are asked for at once: few at first, as most hosts have few. */
#define LIST_FIRST 24
#define LIST_MOST 1024
#define DOM0_NAME "Domain-0"

/* ------------------------------------------------------------- finding */

/* The slot's domain has gone without us (another toolstack, a guest that Xen
 * killed): forget it. */
static void forget(struct chaos *chaos, struct chaos__slot *slot,
                   uint32_t domid, const uint8_t *uuid)
{
    if (chaos__registry_take(chaos->registry, slot, domid, uuid,
                             CHAOS__SLOT_DYING, NULL) == 0)
        chaos__undo(chaos, slot, NULL);
}

int chaos__guest_look(struct chaos *chaos, struct chaos__slot *slot,
                      struct chaos__hv_domain *domain_r,
                      struct chaos_error *err)
{
    const uint32_t domid = slot->domid;
    uint8_t uuid[CHAOS__HANDLE_SIZE];
    int rc = CHAOS_ENOGUEST;

    if (slot->state == CHAOS__SLOT_LINGERING)
        return chaos__fail(err, rc, "domain %u is destroyed", slot->domid);
    memcpy(uuid, slot->uuid, sizeof(uuid));
    if (domid != CHAOS__NO_DOMID)
        rc = chaos__hv_domain_info(chaos->hv, domid, domain_r, err);
    if (rc == 0 && !chaos__is_domain_of(slot, domain_r))
        rc = CHAOS_ENOGUEST;
    if (rc == CHAOS_ENOGUEST && (slot->state == CHAOS__SLOT_RUNNING ||
                                 slot->state == CHAOS__SLOT_SHELL)) {
        chaos__fail(err, rc, "guest %s has gone without chaos", slot->name);
        forget(chaos, slot, domid, uuid);
    } else if (slot->state == CHAOS__SLOT_SHELL) {
        rc = chaos__fail(err, CHAOS_ENOTSUP,
                         "domain %u is a shell, which waits for a guest; chaos "
                         "pool drain destroys those",
                         slot->domid);
    } else if (slot->state == CHAOS__SLOT_DYING) {
        rc = chaos__fail(err, CHAOS_EBUSY,
                         "guest %s is being destroyed by process %u, unless "
                         "that could not be done; chaos list tries again, and "
                         "says why",
                         slot->name, slot->owner_pid);
    } else if (!chaos__is_guest(slot)) {
        rc = chaos__fail(err, CHAOS_EBUSY,
                         "guest %s: process %u is working on it; try again",
                         slot->name, slot->owner_pid);
    }
    return rc;
}

/* A domain that may be worked on, and its slot; NULL: it is not ours. */
static int get_domain(struct chaos *chaos, uint32_t domid,
                      struct chaos__slot **slot_r,
                      struct chaos__hv_domain *domain_r,
                      struct chaos_error *err)
{
    int rc;

    *slot_r = chaos__registry_by_domid(chaos->registry, domid);
    if (*slot_r) {
        rc = chaos__guest_look(chaos, *slot_r, domain_r, err);
        if (rc != CHAOS_ENOGUEST)
            return rc;
    }
    /* Nobody's, or another toolstack's by now. */
    *slot_r = NULL;
    return chaos__hv_domain_info(chaos->hv, domid, domain_r, err);
}

int chaos__domain_open(struct chaos *chaos, uint32_t domid,
                       struct chaos__hv_domain *domain_r,
                       struct chaos_error *err)
{
    struct chaos__slot *slot;
    int rc = chaos__ready(chaos, err);

    return rc < 0 ? rc : get_domain(chaos, domid, &slot, domain_r, err);
}

/* A domain without a slot: whether it is another toolstack's. */
static int check_foreign(struct chaos *chaos,
                         const struct chaos__hv_domain *domain,
                         struct chaos_error *err)
{
    const uint32_t domid = domain->domid;
    const struct chaos__slot *slot;

    if (domid == 0)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "domain 0 is dom0, which runs all others");
    if (domain->dying)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "domain %u is destroyed; it goes when nobody uses "
                           "its memory any more",
                           domid);
    /* Its domid may not be recorded yet. */
    slot = chaos__registry_by_uuid(chaos->registry, domain->handle);
    if (slot && slot->state == CHAOS__SLOT_PREPARING)
        return chaos__fail(err, CHAOS_EBUSY,
                           "domain %u: process %u is working on it; try again",
                           domid, slot->owner_pid);
    if (chaos__uuid_is_ours(domain->handle))
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "domain %u was made by chaos, and the registry does "
                           "not know it; chaos recover enters it there",
                           domid);
    return 0;
}

int chaos__guest_get_any(struct chaos *chaos, uint32_t domid,
                         struct chaos__slot **slot_r,
                         struct chaos__hv_domain *domain_r,
                         struct chaos_error *err)
{
    int rc = get_domain(chaos, domid, slot_r, domain_r, err);

    return rc < 0 || *slot_r ? rc : check_foreign(chaos, domain_r, err);
}

int chaos__guest_get(struct chaos *chaos, uint32_t domid,
                     struct chaos__slot **slot_r,
                     struct chaos__hv_domain *domain_r, struct chaos_error *err)
{
    int rc = chaos__guest_get_any(chaos, domid, slot_r, domain_r, err);

    if (rc == 0 && !*slot_r)
        rc = chaos__fail(err, CHAOS_ENOTSUP,
                         "domain %u was not made by chaos; use the toolstack "
                         "that made it",
                         domid);
    return rc;
}

int chaos__guest_open_any(struct chaos *chaos, uint32_t domid,
                          struct chaos__slot **slot_r,
                          struct chaos__hv_domain *domain_r,
                          struct chaos_error *err)
{
    int rc = chaos__ready(chaos, err);

    return rc < 0 ? rc
                  : chaos__guest_get_any(chaos, domid, slot_r, domain_r, err);
}

int chaos__guest_open(struct chaos *chaos, uint32_t domid,
                      struct chaos__slot **slot_r,
                      struct chaos__hv_domain *domain_r,
                      struct chaos_error *err)
{
    int rc = chaos__ready(chaos, err);

    return rc < 0 ? rc : chaos__guest_get(chaos, domid, slot_r, domain_r, err);
}

int chaos__guest_open_xenstore(struct chaos *chaos, uint32_t domid,
                               struct chaos__slot **slot_r,
                               struct chaos__hv_domain *domain_r,
                               const char *cannot, struct chaos_error *err)
{
    int rc = chaos__guest_open(chaos, domid, slot_r, domain_r, err);

    if (rc < 0)
        return rc;
    if (!(*slot_r)->store_frame)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "guest %s does not use XenStore, so it cannot %s",
                           (*slot_r)->name, cannot);
    return chaos__store_ready(chaos, err);
}

/* A domid is decimal digits alone. */
static bool parse_domid(const char *text, uint32_t *domid_r)
{
    uint32_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint32_t)(*text - '0');
        if (value >= CHAOS_DOMID_END)
            return false;
    }
    *domid_r = value;
    return true;
}

static int fail_unknown(const char *name, struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_ENOGUEST,
                       "no guest %s; chaos list shows those that exist", name);
}

/* A name that the registry does not know; where XenStore can't be asked,
 * nobody has it. */
static int find_foreign(struct chaos *chaos, const char *name,
                        uint32_t *domid_r, struct chaos_error *err)
{
    struct chaos_error why;
    int rc = chaos__foreign_find(chaos, name, domid_r, &why);

    if (rc < 0)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "no guest %s of chaos's, and other toolstacks' "
                           "can't be looked for: %s",
                           name, why.message);
    return rc > 0 ? 0 : fail_unknown(name, err);
}

int chaos_guest_find(struct chaos *chaos, const char *name, uint32_t *domid_r,
                     struct chaos_error *err)
{
    struct chaos__hv_domain domain = { .domid = CHAOS__NO_DOMID };
    struct chaos__slot *slot;
    uint32_t domid;
    int rc = chaos__ready(chaos, err);

    if (rc < 0)
        return rc;
    slot = chaos__registry_by_name(chaos->registry, name);
    if (slot)
        rc = chaos__guest_look(chaos, slot, &domain, err);
    else if (strcmp(name, DOM0_NAME) == 0)
        rc = chaos__hv_domain_info(chaos->hv, 0, &domain, err);
    else if (parse_domid(name, &domid))
        rc = chaos__hv_domain_info(chaos->hv, domid, &domain, err);
    else
        return find_foreign(chaos, name, domid_r, err);
    if (rc == CHAOS_ENOGUEST)
        fail_unknown(name, err);
    if (rc == 0)
        *domid_r = domain.domid;
    return rc;
}

/* ------------------------------------------------------------- reading */

/* The name that another toolstack gave a domain; "" when there is none. */
static void read_foreign_name(struct chaos *chaos, uint32_t domid, char *name,
                              size_t size)
{
    char path[64];

    name[0] = '\0';
    if (chaos__store_ready(chaos, NULL) < 0)
        return;
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    chaos__store_read(chaos->store, path, name, size);
    chaos__store_run(chaos->store, NULL);
}

static void fill_info(struct chaos *chaos,
                      const struct chaos__hv_domain *domain,
                      struct chaos_guest_info *info)
{
    const struct chaos__slot *slot =
        chaos__registry_by_domid(chaos->registry, domain->domid);
    const uint64_t page_kb = CHAOS__PAGE_SIZE / 1024;

    *info = (struct chaos_guest_info){
        .domid = domain->domid,
        .is_chaos = chaos__uuid_is_ours(domain->handle),
        .type = domain->hvm ? CHAOS_GUEST_PVH : CHAOS_GUEST_PV,
        .running = domain->running,
        .blocked = domain->blocked,
        .paused = domain->paused,
        .ended = domain->shutdown,
        .dying = domain->dying,
        .end = (uint8_t)(domain->shutdown ? chaos__guest_end_of(domain) : 0),
        .vcpus = domain->vcpus_online,
        .memory_kb = domain->pages * page_kb,
        .claimed_kb = domain->claimed_pages * page_kb,
        .maxmem_kb = domain->max_pages * page_kb,
        .cpu_time_ns = domain->cpu_time_ns,
    };
    memcpy(info->uuid, domain->handle, sizeof(info->uuid));
    if (slot && chaos__is_domain_of(slot, domain)) {
        info->is_chaos = 1;
        info->is_noxs = slot->control_frame != 0;
        info->uses_xenstore = slot->store_frame != 0;
        info->is_shell = slot->state == CHAOS__SLOT_SHELL;
        info->created_s = slot->created_s;
        memcpy(info->name, slot->name, sizeof(info->name));
        info->name[sizeof(info->name) - 1] = '\0';
    } else if (domain->domid == 0) {
        memcpy(info->name, DOM0_NAME, sizeof(DOM0_NAME));
    } else {
        read_foreign_name(chaos, domain->domid, info->name, sizeof(info->name));
    }
}

int chaos_guest_info(struct chaos *chaos, uint32_t domid,
                     struct chaos_guest_info *info_r, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__hv_domain_info(chaos->hv, domid, &domain, err);
    if (rc == 0)
        fill_info(chaos, &domain, info_r);
    return rc;
}

int chaos__guest_read_domains(struct chaos *chaos,
                              struct chaos__hv_domain **domains_r,
                              size_t *count_r, struct chaos_error *err)
{
    struct chaos__hv_domain *domains = NULL, *larger;
    size_t count = 0, batch = LIST_FIRST;
    uint32_t next = 0;
    int got;

    for (;; batch = batch * 4 < LIST_MOST ? batch * 4 : LIST_MOST) {
        larger = realloc(domains, (count + batch) * sizeof(*domains));
        if (!larger) {
            free(domains);
            return chaos__fail_memory(err);
        }
        domains = larger;
        got =
            chaos__hv_domain_list(chaos->hv, next, batch, domains + count, err);
        if (got < 0) {
            free(domains);
            return got;
        }
        count += (size_t)got;
        if ((size_t)got < batch)
            break;
        next = domains[count - 1].domid + 1;
    }
    *domains_r = domains;
    *count_r = count;
    return 0;
}

/* Carries out what is due for the guests that have ended; returns for how
 * many that was tried. */
static unsigned settle_ended(struct chaos *chaos,
                             const struct chaos__hv_domain *domains,
                             size_t count)
{
    struct chaos__slot *slot;
    unsigned tried = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (!domains[i].shutdown || domains[i].dying)
            continue;
        slot = chaos__registry_by_domid(chaos->registry, domains[i].domid);
        if (!slot || !chaos__is_domain_of(slot, &domains[i]))
            continue;
        chaos__guest_settle(chaos, slot, &domains[i], NULL);
        tried++;
    }
    return tried;
}

static int compare_domids(const void *domid, const void *domain)
{
    uint32_t a = *(const uint32_t *)domid;
    uint32_t b = ((const struct chaos__hv_domain *)domain)->domid;

    return a < b ? -1 : a > b;
}

/* Forgets the guests whose domains no longer exist.  `domains` is sorted by
 * domid, as Xen lists them. */
static void forget_gone(struct chaos *chaos,
                        const struct chaos__hv_domain *domains, size_t count)
{
    struct chaos__hv_domain domain, *found;
    struct chaos__slot *slot = NULL;

    while ((slot = chaos__registry_next(chaos->registry, slot))) {
        if (slot->state != CHAOS__SLOT_RUNNING &&
            slot->state != CHAOS__SLOT_SHELL)
            continue;
        found = bsearch(&slot->domid, domains, count, sizeof(*domains),
                        compare_domids);
        /* It may have been made after the list was read: ask once more. */
        if (!found || !chaos__is_domain_of(slot, found))
            chaos__guest_look(chaos, slot, &domain, NULL);
    }
}

int chaos_guest_list(struct chaos *chaos, struct chaos_guest_info **list_r,
                     size_t *count_r, struct chaos_error *err)
{
    struct chaos__hv_domain *domains = NULL;
    struct chaos_guest_info *list;
    size_t count, i;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__guest_read_domains(chaos, &domains, &count, err);
    if (rc == 0 && settle_ended(chaos, domains, count) > 0) {
        free(domains);
        rc = chaos__guest_read_domains(chaos, &domains, &count, err);
    }
    if (rc < 0)
        return rc;
    forget_gone(chaos, domains, count);
    chaos__guest_publish_late(chaos);
    list = calloc(count + 1, sizeof(*list));
    if (!list) {
        free(domains);
        return chaos__fail_memory(err);
    }
    for (i = 0; i < count; i++)
        fill_info(chaos, &domains[i], &list[i]);
    free(domains);
    *list_r = list;
    *count_r = count;
    return 0;
}

int chaos_guest_config(struct chaos *chaos, uint32_t domid,
                       struct chaos_config **config_r, struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open(chaos, domid, &slot, &domain, err);

    return rc < 0 ? rc
                  : chaos__read_kept(chaos, slot, slot->name, config_r, err);
}

/* ---------------------------------------------------- short operations */

int chaos__guest_end(struct chaos *chaos, struct chaos__slot *slot,
                     const struct chaos__hv_domain *domain,
                     struct chaos_error *err)
{
    int rc = chaos__registry_take(chaos->registry, slot, domain->domid,
                                  domain->handle, CHAOS__SLOT_DYING, err);

    return rc < 0 ? rc : chaos__undo(chaos, slot, err);
}

int chaos_guest_destroy(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open_any(chaos, domid, &slot, &domain, err);

    if (rc < 0)
        return rc;
    return slot ? chaos__guest_end(chaos, slot, &domain, err)
                : chaos__foreign_destroy(chaos, &domain, err);
}

int chaos_guest_pause(struct chaos *chaos, uint32_t domid,
                      struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open_any(chaos, domid, &slot, &domain, err);

    if (rc == 0)
        rc = chaos__hv_domain_pause(chaos->hv, domid, err);
    return rc;
}

int chaos_guest_unpause(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__guest_open_any(chaos, domid, &slot, &domain, err);

    if (rc == 0)
        rc = chaos__hv_domain_unpause(chaos->hv, domid, err);
    return rc;
}

int chaos_guest_rename(struct chaos *chaos, uint32_t domid, const char *name,
                       struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__config_check_name(name, err);

    if (rc == 0)
        rc = chaos__guest_open(chaos, domid, &slot, &domain, err);
    if (rc == 0 && slot->store_frame)
        rc = chaos__foreign_check_name(chaos, name, err);
    if (rc == 0)
        rc = chaos__registry_rename(chaos->registry, slot, domid, domain.handle,
                                    name, err);
    if (rc < 0 || !chaos__has_name(slot))
        return rc;
    rc = chaos__store_ready(chaos, err);
    if (rc == 0 && slot->store_frame)
        rc = chaos__guest_publish(chaos, slot, &domain, err);
    if (rc == 0)
        rc = chaos__nodes_rename(chaos->store, slot, err);
    /* Somebody is writing the name just now, and looks what it is after. */
    return rc == CHAOS_ENOGUEST && !slot->store_frame ? 0 : rc;
}
