/* SPDX-License-Identifier: MIT */
/* Finding guests, reading what they are, and the short operations on them. */
#include "guest.h"

#include "uuid.h"

#include <stdlib.h>
#include <string.h>

#define LIST_BATCH 1024
#define DOM0_NAME "Domain-0"

/* ------------------------------------------------------------- finding */

/* The slot's domain has gone without us (another toolstack, a guest that Xen
 * killed): forget it. */
static void forget(struct chaos *chaos, struct chaos__slot *slot,
                   const uint8_t *uuid)
{
    if (chaos__registry_take(chaos->registry, slot, uuid, CHAOS__SLOT_DYING,
                             NULL) == 0)
        chaos__registry_free(chaos->registry, slot, NULL);
}

static bool is_domain_of(const struct chaos__slot *slot,
                         const struct chaos__hv_domain *domain)
{
    return slot->domid == domain->domid &&
           memcmp(slot->uuid, domain->handle, CHAOS__HANDLE_SIZE) == 0;
}

int chaos__guest_get(struct chaos *chaos, uint32_t domid,
                     struct chaos__slot **slot_r,
                     struct chaos__hv_domain *domain_r, struct chaos_error *err)
{
    struct chaos__slot *slot = chaos__registry_by_domid(chaos->registry, domid);
    uint8_t uuid[CHAOS__HANDLE_SIZE];
    int rc;

    if (slot)
        memcpy(uuid, slot->uuid, sizeof(uuid));
    rc = chaos__hv_domain_info(chaos->hv, domid, domain_r, err);
    if (slot &&
        (rc == CHAOS_ENOGUEST || (rc == 0 && !is_domain_of(slot, domain_r)))) {
        forget(chaos, slot, uuid);
        slot = NULL;
    }
    if (rc < 0)
        return rc;
    if (!slot)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "domain %u was not made by chaos; use the "
                           "toolstack that made it",
                           domid);
    if (slot->state != CHAOS__SLOT_RUNNING)
        return chaos__fail(err, CHAOS_EBUSY,
                           "guest %s: process %u is working on it; try again",
                           slot->name, slot->owner_pid);
    *slot_r = slot;
    return 0;
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

int chaos_guest_find(struct chaos *chaos, const char *name, uint32_t *domid_r,
                     struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    uint32_t domid;
    int rc = chaos__ready(chaos, err);

    if (rc < 0)
        return rc;
    slot = chaos__registry_by_name(chaos->registry, name);
    if (slot)
        domid = slot->domid;
    else if (strcmp(name, DOM0_NAME) == 0)
        domid = 0;
    else if (!parse_domid(name, &domid))
        domid = CHAOS__NO_DOMID;
    if (domid == CHAOS__NO_DOMID)
        rc = CHAOS_ENOGUEST;
    else if (slot)
        rc = chaos__guest_get(chaos, domid, &slot, &domain, err);
    else
        rc = chaos__hv_domain_info(chaos->hv, domid, &domain, err);
    if (rc < 0 && rc != CHAOS_ENOGUEST && rc != CHAOS_ENOTSUP)
        return rc;
    if (rc < 0)
        return chaos__fail(err, CHAOS_ENOGUEST,
                           "no guest %s; chaos list shows those that exist",
                           name);
    *domid_r = domid;
    return 0;
}

/* ------------------------------------------------------------- reading */

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
        .end = (uint8_t)(domain->shutdown ? domain->shutdown_reason : 0),
        .vcpus = domain->vcpus_online,
        .memory_kb = domain->pages * page_kb,
        .claimed_kb = domain->claimed_pages * page_kb,
        .maxmem_kb = domain->max_pages * page_kb,
        .cpu_time_ns = domain->cpu_time_ns,
    };
    memcpy(info->uuid, domain->handle, sizeof(info->uuid));
    if (slot && is_domain_of(slot, domain)) {
        info->is_chaos = 1;
        info->is_noxs = slot->control_frame != 0;
        info->created_s = slot->created_s;
        memcpy(info->name, slot->name, sizeof(info->name));
        info->name[sizeof(info->name) - 1] = '\0';
    } else if (domain->domid == 0) {
        memcpy(info->name, DOM0_NAME, sizeof(DOM0_NAME));
    } else {
        chaos__hv_foreign_name(chaos->hv, domain->domid, info->name,
                               sizeof(info->name), NULL);
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

static int read_domains(struct chaos *chaos,
                        struct chaos__hv_domain **domains_r, size_t *count_r,
                        struct chaos_error *err)
{
    struct chaos__hv_domain *domains = NULL, *larger;
    size_t count = 0;
    uint32_t next = 0;
    int got;

    do {
        larger = realloc(domains, (count + LIST_BATCH) * sizeof(*domains));
        if (!larger) {
            free(domains);
            return chaos__fail_memory(err);
        }
        domains = larger;
        got = chaos__hv_domain_list(chaos->hv, next, LIST_BATCH,
                                    domains + count, err);
        if (got < 0) {
            free(domains);
            return got;
        }
        count += (size_t)got;
        if (got > 0)
            next = domains[count - 1].domid + 1;
    } while (got == LIST_BATCH);
    *domains_r = domains;
    *count_r = count;
    return 0;
}

/* Carries out what is due for the guests that have ended; returns how many
 * there were. */
static unsigned settle_ended(struct chaos *chaos,
                             const struct chaos__hv_domain *domains,
                             size_t count)
{
    struct chaos__slot *slot;
    unsigned settled = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (!domains[i].shutdown || domains[i].dying)
            continue;
        slot = chaos__registry_by_domid(chaos->registry, domains[i].domid);
        if (!slot || !is_domain_of(slot, &domains[i]))
            continue;
        settled += chaos__guest_settle(chaos, slot, &domains[i], NULL) == 0;
    }
    return settled;
}

/* Forgets the guests whose domains no longer exist.  `domains` is sorted. */
static void forget_gone(struct chaos *chaos,
                        const struct chaos__hv_domain *domains, size_t count)
{
    uint8_t exists[CHAOS__DOMIDS / 8 + 1] = { 0 };
    struct chaos__slot *slot = NULL;
    uint8_t uuid[CHAOS__HANDLE_SIZE];
    size_t i;

    for (i = 0; i < count; i++)
        if (domains[i].domid < CHAOS__DOMIDS)
            exists[domains[i].domid / 8] |=
                (uint8_t)(1u << domains[i].domid % 8);
    while ((slot = chaos__registry_next(chaos->registry, slot))) {
        if (slot->state != CHAOS__SLOT_RUNNING ||
            slot->domid >= CHAOS__DOMIDS ||
            (exists[slot->domid / 8] & 1u << slot->domid % 8))
            continue;
        memcpy(uuid, slot->uuid, sizeof(uuid));
        /* It may have been made after the list was read: ask once more. */
        if (chaos__hv_domain_info(chaos->hv, slot->domid,
                                  &(struct chaos__hv_domain){ 0 },
                                  NULL) == CHAOS_ENOGUEST)
            forget(chaos, slot, uuid);
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
        rc = read_domains(chaos, &domains, &count, err);
    if (rc == 0 && settle_ended(chaos, domains, count) > 0) {
        free(domains);
        rc = read_domains(chaos, &domains, &count, err);
    }
    if (rc < 0)
        return rc;
    forget_gone(chaos, domains, count);
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
    char *text;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__guest_get(chaos, domid, &slot, &domain, err);
    if (rc == 0)
        rc = chaos__registry_read_config(chaos->registry, slot, &text, err);
    if (rc < 0)
        return rc;
    rc = chaos_config_parse(chaos, text, slot->name, config_r, err);
    free(text);
    return rc;
}

/* ---------------------------------------------------- short operations */

int chaos__guest_end(struct chaos *chaos, struct chaos__slot *slot,
                     const uint8_t *uuid, struct chaos_error *err)
{
    int rc = chaos__registry_take(chaos->registry, slot, uuid,
                                  CHAOS__SLOT_DYING, err);

    return rc < 0 ? rc : chaos__undo(chaos, slot, err);
}

int chaos_guest_destroy(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__guest_get(chaos, domid, &slot, &domain, err);
    if (rc == 0)
        rc = chaos__guest_end(chaos, slot, domain.handle, err);
    return rc;
}

int chaos_guest_pause(struct chaos *chaos, uint32_t domid,
                      struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__guest_get(chaos, domid, &slot, &domain, err);
    if (rc == 0)
        rc = chaos__hv_domain_pause(chaos->hv, domid, err);
    return rc;
}

int chaos_guest_unpause(struct chaos *chaos, uint32_t domid,
                        struct chaos_error *err)
{
    struct chaos__hv_domain domain;
    struct chaos__slot *slot;
    int rc = chaos__ready(chaos, err);

    if (rc == 0)
        rc = chaos__guest_get(chaos, domid, &slot, &domain, err);
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
        rc = chaos__ready(chaos, err);
    if (rc == 0)
        rc = chaos__guest_get(chaos, domid, &slot, &domain, err);
    if (rc == 0)
        rc = chaos__registry_rename(chaos->registry, slot, name, err);
    return rc;
}
