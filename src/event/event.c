/* SPDX-License-Identifier: MIT */
/*
 * Guests that have ended, as events.  It knows how to find out, and nothing of
 * what follows.
 *
 * Xen tells xenstored alone (VIRQ_DOM_EXC has one taker), and xenstored tells
 * those who watch @releaseDomain, but only of domains that were introduced to
 * it.  For all others there is a timer.
 */
#include "clock.h"
#include "guest/guest.h"

#include <chaos/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define RELEASE "@releaseDomain"
#define TOKEN "ended"

/* With guests that nobody tells of; and without, until one is seen. */
#define LOOK_US 50000
#define IDLE_US 200000
/* A look may cost this part of the time. */
#define COST_PART 100
#define LOOK_MOST_US 2000000

#define RECONNECT_US 1000000
/* Of what could not be finished after others. */
#define REPAIR_AGAIN_US 10000000

struct told {
    uint32_t domid;
    uint8_t uuid[CHAOS__HANDLE_SIZE];
};

struct chaos_events {
    struct chaos *chaos;
    int fd, timer;
    /* Of its own: others wait for back ends on the context's.  NULL while
     * xenstored is not there. */
    struct chaos__store *store;
    int64_t connect_us; /* when that is tried again */
    int64_t repair_us;  /* the same of repair() */
    /* ended guests that were told of and are still there, by domid */
    struct told *told;
    size_t told_count;
    bool saw_change; /* see must_look() */
    /* and those that are to be told of */
    struct chaos_event *queue;
    size_t queue_count, queue_next, queue_size;
};

/* ------------------------------------------------------------- the timer */

static void set_timer(const struct chaos_events *events, int64_t us)
{
    const struct itimerspec spec = {
        .it_value = { us / 1000000, us % 1000000 * 1000 },
    };

    timerfd_settime(events->timer, 0, &spec, NULL);
}

static bool timer_is_over(const struct chaos_events *events)
{
    uint64_t expirations;

    return read(events->timer, &expirations, sizeof(expirations)) ==
           sizeof(expirations);
}

/* ---------------------------------------------------------------- XenStore */

static int add_fd(const struct chaos_events *events, int fd,
                  struct chaos_error *err)
{
    struct epoll_event entry = { .events = EPOLLIN };

    return epoll_ctl(events->fd, EPOLL_CTL_ADD, fd, &entry) < 0
               ? chaos__fail_errno(err, errno, "waiting for events")
               : 0;
}

static void disconnect(struct chaos_events *events)
{
    chaos__store_close(events->store);
    events->store = NULL;
    events->connect_us = chaos__now_us() + RECONNECT_US;
}

/* True when there is a connection that there was not before.  What can't be is
 * no error: then all guests are looked at. */
static bool connect_to_store(struct chaos_events *events)
{
    if (events->store || chaos__now_us() < events->connect_us)
        return false;
    if (chaos__store_open(events->chaos->hv, &events->store, NULL) < 0) {
        disconnect(events);
        return false;
    }
    chaos__store_watch(events->store, RELEASE, TOKEN);
    if (chaos__store_run(events->store, NULL) < 0 ||
        add_fd(events, chaos__store_fd(events->store), NULL) < 0)
        disconnect(events);
    return events->store != NULL;
}

/* Takes all that has come. */
static bool store_has_told(struct chaos_events *events)
{
    char token[sizeof(TOKEN)];
    bool told = false;
    int rc = 0;

    while (events->store && (rc = chaos__store_wait(events->store, 0, token,
                                                    sizeof(token), NULL)) > 0)
        told = true;
    if (rc < 0)
        disconnect(events);
    return told || rc < 0;
}

/* --------------------------------------------------------------- looking */

static bool is_guest(const struct chaos__slot *slot)
{
    return slot->state == CHAOS__SLOT_RUNNING && !slot->is_aside;
}

/* Whether there is a guest that nobody tells of, or one whose end could not be
 * seen to if there had been news of it: a device of it is changing, or its
 * domain has not gone yet. */
static bool must_look(struct chaos_events *events)
{
    bool must = events->saw_change;
    struct chaos__slot *slot = NULL;

    events->saw_change = false;
    while ((slot = chaos__registry_next(events->chaos->registry, slot))) {
        if (slot->state == CHAOS__SLOT_CHANGING)
            events->saw_change = true;
        if (is_guest(slot) && (!slot->store_frame || !events->store))
            must = true;
    }
    return must || events->saw_change;
}

static int grow_queue(struct chaos_events *events, struct chaos_error *err)
{
    size_t size = events->queue_size ? 2 * events->queue_size : 16;
    struct chaos_event *queue;

    if (events->queue_count < events->queue_size)
        return 0;
    queue = realloc(events->queue, size * sizeof(*queue));
    if (!queue)
        return chaos__fail_memory(err);
    events->queue = queue;
    events->queue_size = size;
    return 0;
}

static int add_event(struct chaos_events *events,
                     const struct chaos__slot *slot, unsigned end,
                     struct chaos_error *err)
{
    struct chaos_event *event;
    int rc = grow_queue(events, err);

    if (rc < 0)
        return rc;
    event = &events->queue[events->queue_count++];
    *event = (struct chaos_event){ .domid = slot->domid, .end = (uint8_t)end };
    memcpy(event->uuid, slot->uuid, sizeof(event->uuid));
    snprintf(event->name, sizeof(event->name), "%s", slot->name);
    return 0;
}

static struct chaos__slot *ended_guest(const struct chaos_events *events,
                                       const struct chaos__hv_domain *domain)
{
    struct chaos__slot *slot;

    if (!domain->shutdown || domain->dying)
        return NULL;
    slot = chaos__registry_by_domid(events->chaos->registry, domain->domid);
    return slot && is_guest(slot) && chaos__slot_is_of(slot, domain->handle)
               ? slot
               : NULL;
}

static bool was_told(const struct chaos_events *events, const struct told *one)
{
    size_t low = 0, high = events->told_count, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (events->told[middle].domid < one->domid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < events->told_count &&
           memcmp(&events->told[low], one, sizeof(*one)) == 0;
}

/* Those that have ended since the last look.  `domains` is sorted by domid. */
static int find_ended(struct chaos_events *events,
                      const struct chaos__hv_domain *domains, size_t count,
                      struct chaos_error *err)
{
    struct told *told = calloc(count + 1, sizeof(*told));
    struct chaos__slot *slot;
    size_t told_count = 0, i;
    int rc = 0;

    if (!told)
        return chaos__fail_memory(err);
    for (i = 0; i < count && rc == 0; i++) {
        slot = ended_guest(events, &domains[i]);
        if (!slot)
            continue;
        told[told_count].domid = domains[i].domid;
        memcpy(told[told_count].uuid, domains[i].handle, CHAOS__HANDLE_SIZE);
        if (!was_told(events, &told[told_count]))
            rc = add_event(events, slot, chaos__guest_end_of(&domains[i]), err);
        told_count++;
    }
    if (rc < 0) {
        free(told);
        return rc;
    }
    free(events->told);
    events->told = told;
    events->told_count = told_count;
    return 0;
}

static int compare_domids(const void *domid, const void *domain)
{
    uint32_t a = *(const uint32_t *)domid;
    uint32_t b = ((const struct chaos__hv_domain *)domain)->domid;

    return a < b ? -1 : a > b;
}

/* Those whose domain is not there any more: they are forgotten. */
static int find_gone(struct chaos_events *events,
                     const struct chaos__hv_domain *domains, size_t count,
                     struct chaos_error *err)
{
    struct chaos__registry *registry = events->chaos->registry;
    const struct chaos__hv_domain *found;
    struct chaos__hv_domain domain;
    struct chaos__slot *slot = NULL, was;
    int rc = 0;

    while (rc == 0 && (slot = chaos__registry_next(registry, slot))) {
        was = *slot;
        if (!is_guest(&was))
            continue;
        found = bsearch(&was.domid, domains, count, sizeof(*domains),
                        compare_domids);
        if (found && chaos__is_domain_of(&was, found)) {
            events->saw_change = events->saw_change || found->dying;
            continue;
        }
        /* It may have been made after the list was read. */
        if (chaos__guest_look(events->chaos, slot, &domain, NULL) ==
            CHAOS_ENOGUEST)
            rc = add_event(events, &was, CHAOS_END_DESTROYED, err);
    }
    return rc;
}

static int look(struct chaos_events *events, struct chaos_error *err)
{
    struct chaos__hv_domain *domains;
    size_t count;
    int rc = chaos__guest_read_domains(events->chaos, &domains, &count, err);

    if (rc < 0)
        return rc;
    events->queue_count = events->queue_next = 0;
    rc = find_ended(events, domains, count, err);
    if (rc == 0)
        rc = find_gone(events, domains, count, err);
    if (rc < 0)
        events->queue_count = 0;
    free(domains);
    return rc;
}

/* A look, if `is_told` or there are guests that nobody tells of; and when the
 * next one is due, by what this one has cost since it began. */
static int look_as_needed(struct chaos_events *events, bool is_told,
                          int64_t start_us, struct chaos_error *err)
{
    const bool by_time = must_look(events);
    int64_t pause_us;
    int rc = is_told || by_time ? look(events, err) : 0;

    pause_us = COST_PART * (chaos__now_us() - start_us);
    if (pause_us < (by_time ? LOOK_US : IDLE_US))
        pause_us = by_time ? LOOK_US : IDLE_US;
    set_timer(events, pause_us < LOOK_MOST_US ? pause_us : LOOK_MOST_US);
    return rc;
}

/* What others have left to be done.  The looks are many, and what fails is
 * logged each time. */
static void repair(struct chaos_events *events)
{
    if (chaos__now_us() < events->repair_us)
        return;
    if (chaos__repair(events->chaos) < 0 ||
        chaos__guest_publish_late(events->chaos) < 0)
        events->repair_us = chaos__now_us() + REPAIR_AGAIN_US;
}

static int look_in_time(struct chaos_events *events, struct chaos_error *err)
{
    const int64_t start_us = chaos__now_us();
    bool is_told = store_has_told(events);
    const bool is_over = timer_is_over(events);

    if (!is_told && !is_over)
        return 0;
    repair(events);
    if (connect_to_store(events))
        is_told = true; /* of what was before */
    return look_as_needed(events, is_told, start_us, err);
}

/* ------------------------------------------------------------------ public */

int chaos_events_open(struct chaos *chaos, struct chaos_events **events_r,
                      struct chaos_error *err)
{
    struct chaos_events *events = calloc(1, sizeof(*events));
    int rc;

    if (!events)
        return chaos__fail_memory(err);
    events->chaos = chaos;
    events->fd = epoll_create1(EPOLL_CLOEXEC);
    events->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (events->fd < 0 || events->timer < 0)
        rc = chaos__fail_errno(err, errno, "waiting for events");
    else
        rc = add_fd(events, events->timer, err);
    if (rc == 0)
        rc = chaos__ready(chaos, err);
    if (rc < 0) {
        chaos_events_close(events);
        return rc;
    }
    set_timer(events, 1);
    *events_r = events;
    return 0;
}

void chaos_events_close(struct chaos_events *events)
{
    if (!events)
        return;
    chaos__store_close(events->store);
    if (events->timer >= 0)
        close(events->timer);
    if (events->fd >= 0)
        close(events->fd);
    free(events->told);
    free(events->queue);
    free(events);
}

int chaos_events_fd(const struct chaos_events *events)
{
    return events->fd;
}

int chaos_events_read(struct chaos_events *events, struct chaos_event *event_r,
                      struct chaos_error *err)
{
    int rc = 0;

    if (events->queue_next == events->queue_count)
        rc = look_in_time(events, err);
    if (rc < 0 || events->queue_next == events->queue_count)
        return rc;
    *event_r = events->queue[events->queue_next++];
    return 1;
}
