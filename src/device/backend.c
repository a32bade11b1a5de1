/* SPDX-License-Identifier: MIT */
/* The front end's part towards netback and blkback: connecting to them while
 * the guest is paused, and taking it all away again. */
#include "end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int chaos__devices_connect(struct chaos__store *store, uint32_t domid,
                           struct chaos__devices *devices,
                           struct chaos_error *err)
{
    struct chaos__end ends[CHAOS__ENDS_MAX];
    unsigned i, count = chaos__ends(devices, domid, ends);

    for (i = 0; i < count; i++) {
        chaos__end_write(store, &ends[i]);
        chaos__end_watch(store, &ends[i]);
    }
    return chaos__store_run(store, err);
}

/* The back end's own words for why it did not connect. */
static int fail_backend(struct chaos__store *store,
                        const struct chaos__end *end, const char *what,
                        int code, struct chaos_error *err)
{
    char path[128], said[256];

    snprintf(path, sizeof(path), CHAOS__STORE_ERRORS "/%s/%u/%u/error",
             end->type, end->domid, end->id);
    chaos__store_read(store, path, said, sizeof(said));
    if (chaos__store_run(store, NULL) < 0)
        said[0] = '\0';
    return chaos__fail(err, code, "%s %u: the back end %s%s%s", end->type,
                       end->id, what, *said ? ": " : "", said);
}

/*
 * netback has made the interface and waits.  It is raised before the front
 * end goes on: the kernel announces a carrier at once on an interface that is
 * up, and else as late as a second after the last such news.
 */
static int join(struct chaos__store *store, const struct chaos__end *end,
                struct chaos_error *err)
{
    char interface[32];
    int rc;

    snprintf(interface, sizeof(interface), "vif%u.%u", end->domid, end->id);
    if (!chaos__dom0_has_interface(interface))
        return 0; /* some netbacks wait a moment before it is there */
    rc = chaos__dom0_join(interface, end->vif->name, end->vif->bridge,
                          end->net->mtu, err);
    if (rc < 0)
        return chaos__fail_within(err, rc, "vif %u", end->id);
    end->net->is_joined = true;
    chaos__end_write_front_state(store, end, CHAOS__END_CONNECTED);
    return 0;
}

static bool *connected(const struct chaos__end *end)
{
    return end->net ? &end->net->is_connected : &end->block->is_connected;
}

/* Does what a back end's state asks for. */
static int step(struct chaos__store *store, const struct chaos__end *end,
                struct chaos_error *err)
{
    switch ((enum chaos__end_state)strtoul(end->state, NULL, 10)) {
    case CHAOS__END_INIT_WAIT:
        return end->net && !end->net->is_joined ? join(store, end, err) : 0;
    case CHAOS__END_CONNECTED:
        *connected(end) = true;
        return 0;
    case CHAOS__END_CLOSING:
    case CHAOS__END_CLOSED:
        return fail_backend(store, end, "refuses to connect", CHAOS_EFAILED,
                            err);
    default:
        return 0;
    }
}

/* A vif whose interface is about to appear; no event of XenStore tells when. */
static bool is_about_to_join(const struct chaos__end *end)
{
    return end->net && !end->net->is_joined &&
           strtoul(end->state, NULL, 10) == CHAOS__END_INIT_WAIT;
}

/* Looks at the devices that are not connected yet.  Returns how many are
 * left, and one of them. */
static int look(struct chaos__store *store, struct chaos__end *ends,
                unsigned count, struct chaos__end **waiting_r,
                struct chaos_error *err)
{
    unsigned i;
    int left = 0, rc;

    chaos__store_forget_events(store);
    for (i = 0; i < count; i++)
        if (!*connected(&ends[i]))
            chaos__end_read(store, &ends[i], "state", ends[i].state,
                            sizeof(ends[i].state));
    rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < count; i++) {
        if (*connected(&ends[i]))
            continue;
        rc = step(store, &ends[i], err);
        if (*connected(&ends[i]))
            continue;
        if (left++ == 0 || is_about_to_join(&ends[i]))
            *waiting_r = &ends[i];
    }
    if (rc == 0)
        rc = chaos__store_run(store, err);
    return rc < 0 ? rc : left;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_connected(struct chaos__store *store, struct chaos__end *ends,
                          unsigned count, int timeout_ms,
                          struct chaos_error *err)
{
    int64_t until = now_ms() + timeout_ms, left_ms;
    struct chaos__end *waiting = ends;
    char token[8];
    int rc;

    while ((rc = look(store, ends, count, &waiting, err)) > 0) {
        left_ms = until - now_ms();
        rc = left_ms > 0
                 ? chaos__store_wait(store,
                                     is_about_to_join(waiting) ? 1 : left_ms,
                                     token, sizeof(token), err)
                 : 0;
        if (rc == 0 && left_ms > 0 && is_about_to_join(waiting))
            continue;
        if (rc == 0)
            return fail_backend(store, waiting, "did not connect in time",
                                CHAOS_ETIMEDOUT, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static void ask_disk(struct chaos__store *store, struct chaos__end *end)
{
    chaos__end_read(store, end, "sectors", end->sectors, sizeof(end->sectors));
    chaos__end_read(store, end, "sector-size", end->sector_size,
                    sizeof(end->sector_size));
    chaos__end_read(store, end, "feature-flush-cache", end->can_flush,
                    sizeof(end->can_flush));
    chaos__end_read(store, end, "feature-discard", end->can_discard,
                    sizeof(end->can_discard));
}

static void learn_disk(const struct chaos__end *end)
{
    struct chaos__block *block = end->block;

    block->sectors = strtoull(end->sectors, NULL, 10);
    block->sector_size = (uint32_t)strtoul(end->sector_size, NULL, 10);
    block->can_flush = strcmp(end->can_flush, "1") == 0;
    block->can_discard = strcmp(end->can_discard, "1") == 0;
}

int chaos__devices_finish(struct chaos__store *store, uint32_t domid,
                          struct chaos__devices *devices, int timeout_ms,
                          struct chaos_error *err)
{
    struct chaos__end ends[CHAOS__ENDS_MAX];
    unsigned i, count = chaos__ends(devices, domid, ends);
    int rc = wait_connected(store, ends, count, timeout_ms, err);

    if (rc < 0)
        return rc;
    for (i = 0; i < count; i++) {
        chaos__end_unwatch(store, &ends[i]);
        if (ends[i].block)
            ask_disk(store, &ends[i]);
    }
    rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < count; i++)
        if (ends[i].block)
            learn_disk(&ends[i]);
    return rc;
}

void chaos__devices_ask_state(struct chaos__store *store, uint32_t domid,
                              bool is_net, uint32_t id, char *state,
                              size_t size)
{
    struct chaos__end end;

    chaos__end_place(&end, is_net ? "vif" : "vbd", domid, id);
    chaos__end_read(store, &end, "state", state, size);
}

int chaos__devices_remove(struct chaos__store *store, uint32_t domid,
                          struct chaos_error *err)
{
    static const char *const types[] = { "vif", "vbd" };
    char path[128];
    size_t i;

    /* The back end's directory first: its driver lets go when that is gone,
     * and must not take the front end's going for a guest that closes. */
    for (i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), CHAOS__STORE_BACKENDS "/%s/%u", types[i],
                 domid);
        chaos__store_remove(store, path);
        snprintf(path, sizeof(path), CHAOS__STORE_ERRORS "/%s/%u", types[i],
                 domid);
        chaos__store_remove(store, path);
    }
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    chaos__store_remove(store, path);
    return chaos__store_run(store, err);
}
