/* SPDX-License-Identifier: MIT */
/* The front end's part towards netback and blkback: connecting to them while
 * the guest is paused, and taking it all away again. */
#include "clock.h"
#include "end.h"
#include "script.h"
#include "store/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A back end starts in milliseconds, or not at all. */
#define CALM_TIMEOUT_MS 2000

#define DISMISS_TIMEOUT_MS 10000 /* LIBXL_DESTROY_TIMEOUT */

int chaos__devices_connect(struct chaos__store *store, uint32_t domid,
                           struct chaos__devices *devices,
                           struct chaos_error *err)
{
    struct chaos__end ends[CHAOS__ENDS_MAX];
    unsigned i, count = chaos__ends(devices, domid, devices->of_shell, ends);

    for (i = 0; i < count; i++) {
        chaos__end_write(store, &ends[i]);
        if (ends[i].noxs) /* it is waited for in any case */
            chaos__end_watch(store, &ends[i]);
    }
    return chaos__store_send(store, err);
}

struct plug {
    const struct chaos__end *ends;
    unsigned count;
};

static int write_plug(struct chaos__store *store, void *user,
                      struct chaos_error *err)
{
    const struct plug *plug = user;
    const struct chaos__end *end = plug->ends;
    char path[64], domid[16];
    int rc;

    /* It would be made again. */
    snprintf(path, sizeof(path), "/local/domain/%u/domid", end->domid);
    chaos__store_read(store, path, domid, sizeof(domid));
    rc = chaos__store_run(store, err);
    if (rc == 0 && !*domid)
        rc = chaos__fail(err, CHAOS_ENOGUEST, "domain %u has gone", end->domid);
    if (rc < 0)
        return rc;
    for (; end < plug->ends + plug->count; end++)
        chaos__end_write(store, end);
    return chaos__store_run(store, err);
}

int chaos__devices_plug(struct chaos__store *store, uint32_t domid,
                        struct chaos__devices *devices, struct chaos_error *err)
{
    struct chaos__end ends[CHAOS__ENDS_MAX];
    struct plug plug = { ends, chaos__ends(devices, domid, false, ends) };

    return chaos__store_transact(store, write_plug, &plug, err);
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

/* One that has not done in time what it should. */
static int fail_late(struct chaos__store *store, const struct chaos__end *end,
                     const char *what, struct chaos_error *err)
{
    if (chaos__dom0_has_device(end->type, end->domid, end->id))
        return fail_backend(store, end, what, CHAOS_ETIMEDOUT, err);
    return chaos__fail(err, CHAOS_ETIMEDOUT,
                       "%s %u: dom0's kernel does not see the device in "
                       "XenStore; if xenstored has been started again, reboot "
                       "the host: the kernel watches the old one's nodes",
                       end->type, end->id);
}

/* ------------------------------------------------- waiting for back ends */

/* What is waited for: looks at a back end whose state has been read, and says
 * what is still to come. */
enum step {
    STEP_DONE,  /* nothing */
    STEP_EVENT, /* another state */
    STEP_SOON,  /* something that no event of XenStore tells */
};
typedef int (*step_fn)(struct chaos__store *store, struct chaos__end *end,
                       struct chaos_error *err);

static void ask_states(struct chaos__store *store, struct chaos__end *end)
{
    chaos__end_read(store, end, "state", end->state, sizeof(end->state));
    if (end->wants_front)
        chaos__end_read_front_state(store, end);
}

/* Looks at the devices that are not done yet.  Returns the most urgent step,
 * and a device that waits. */
static int look(struct chaos__store *store, struct chaos__end *ends,
                unsigned count, step_fn step, struct chaos__end **waiting_r,
                struct chaos_error *err)
{
    int rc, most = STEP_DONE;
    unsigned i;

    chaos__store_forget_events(store);
    for (i = 0; i < count; i++)
        if (!ends[i].is_done)
            ask_states(store, &ends[i]);
    rc = chaos__store_run(store, err);
    for (i = 0; rc >= 0 && i < count; i++) {
        if (ends[i].is_done)
            continue;
        rc = step(store, &ends[i], err);
        ends[i].is_done = rc == STEP_DONE;
        if (rc > most) {
            most = rc;
            *waiting_r = &ends[i];
        }
    }
    if (rc >= 0)
        rc = chaos__store_run(store, err);
    return rc < 0 ? rc : most;
}

static void watch(struct chaos__store *store, struct chaos__end *ends,
                  unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        if (!ends[i].is_watched)
            chaos__end_watch(store, &ends[i]);
        ends[i].is_watched = true;
    }
}

static void unwatch(struct chaos__store *store, struct chaos__end *ends,
                    unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        if (ends[i].is_watched)
            chaos__end_unwatch(store, &ends[i]);
        ends[i].is_watched = false;
    }
}

/* Until all are done: NULL in *late_r, or one that is not in time.  They are
 * watched. */
static int wait_for(struct chaos__store *store, struct chaos__end *ends,
                    unsigned count, step_fn step, int timeout_ms,
                    struct chaos__end **late_r, struct chaos_error *err)
{
    int64_t until = chaos__now_us() / 1000 + timeout_ms, left_ms;
    char token[8];
    int rc;

    *late_r = NULL;
    while ((rc = look(store, ends, count, step, late_r, err)) > STEP_DONE) {
        left_ms = until - chaos__now_us() / 1000;
        if (left_ms <= 0)
            return 0;
        rc = chaos__store_wait(store, rc == STEP_SOON ? 1 : (int)left_ms, token,
                               sizeof(token), err);
        if (rc < 0)
            return rc;
    }
    if (rc == STEP_DONE)
        *late_r = NULL;
    return rc;
}

static int watch_for(struct chaos__store *store, struct chaos__end *ends,
                     unsigned count, step_fn step, int timeout_ms,
                     struct chaos__end **late_r, struct chaos_error *err)
{
    int rc;

    watch(store, ends, count);
    rc = wait_for(store, ends, count, step, timeout_ms, late_r, err);
    unwatch(store, ends, count);
    return rc;
}

static enum chaos__end_state state_of(const char *text)
{
    return (enum chaos__end_state)strtoul(text, NULL, 10);
}

/* ------------------------------------------------------------ connecting */

/*
 * netback has made the interface and waits.  It is raised before the front
 * end goes on, ours or the guest's: the kernel announces a carrier at once on
 * an interface that is up, and else as late as a second after the last such
 * news.
 */
static int join(struct chaos__store *store, const struct chaos__end *end,
                struct chaos_error *err)
{
    char interface[32];
    int rc;

    snprintf(interface, sizeof(interface), "vif%u.%u", end->domid, end->id);
    if (!chaos__dom0_has_interface(interface))
        return STEP_SOON; /* some netbacks wait a moment before they make it */
    rc = chaos__dom0_join(interface, end->vif->name, end->vif->bridge,
                          end->net->mtu, err);
    if (rc < 0)
        return chaos__fail_within(err, rc, "vif %u", end->id);
    end->net->is_joined = true;
    if (end->guest_runs)
        chaos__end_write_plugged(store, end);
    if (!end->noxs)
        return STEP_DONE;
    chaos__end_write_front_state(store, end, CHAOS__END_CONNECTED);
    return STEP_EVENT;
}

/* Of a guest that finds its devices by itself dom0's kernel shows all that is
 * waited for. */
static int look_at_kernel(struct chaos__store *store, struct chaos__end *end,
                          struct chaos_error *err)
{
    if (end->noxs || end->guest_runs || end->p9)
        return STEP_EVENT;
    if (end->block)
        return chaos__dom0_has_disk(end->domid, end->id) ? STEP_DONE
                                                         : STEP_EVENT;
    return end->net->is_joined ? STEP_DONE : join(store, end, err);
}

/*
 * Loading the image has taken its time, and by then most back ends have done
 * their part.  So they are not watched before, which would be another ten
 * requests and events for xenstored.  Returns how many have not.
 */
static int look_at_once(struct chaos__store *store, struct chaos__end *ends,
                        unsigned count, struct chaos_error *err)
{
    int left = 0, rc = 0;
    unsigned i;

    for (i = 0; rc >= 0 && i < count; i++) {
        rc = look_at_kernel(store, &ends[i], err);
        ends[i].is_done = rc == STEP_DONE;
        left += !ends[i].is_done;
    }
    return rc < 0 ? rc : left;
}

/* A back end that does not wait for its front end. */
static int other_step(struct chaos__store *store, const struct chaos__end *end,
                      struct chaos_error *err)
{
    const enum chaos__end_state state = state_of(end->state);

    return state == CHAOS__END_CLOSING || state == CHAOS__END_CLOSED
               ? fail_backend(store, end, "refuses to connect", CHAOS_EFAILED,
                              err)
               : STEP_EVENT;
}

static int connect_step(struct chaos__store *store, struct chaos__end *end,
                        struct chaos_error *err)
{
    switch (state_of(end->state)) {
    case CHAOS__END_INIT_WAIT:
        if (end->net && !end->net->is_joined)
            return join(store, end, err);
        if (end->noxs)
            return STEP_EVENT;
        /* blkback says so before it has opened the disk. */
        return end->block && !chaos__dom0_has_disk(end->domid, end->id)
                   ? STEP_SOON
                   : STEP_DONE;
    case CHAOS__END_CONNECTED:
        return STEP_DONE;
    default:
        return other_step(store, end, err);
    }
}

/* ------------------------------------------------------ scripts of users' */

/* They are run when the back end waits for the front end. */
static int waits_step(struct chaos__store *store, struct chaos__end *end,
                      struct chaos_error *err)
{
    char interface[32];

    if (state_of(end->state) != CHAOS__END_INIT_WAIT)
        return other_step(store, end, err);
    snprintf(interface, sizeof(interface), "vif%u.%u", end->domid, end->id);
    return end->net && !chaos__dom0_has_interface(interface) ? STEP_SOON
                                                             : STEP_DONE;
}

static int plug(struct chaos__store *store, struct chaos__end *end,
                struct chaos_error *err)
{
    const char *script = chaos__end_script(end);
    int rc = end->net ? chaos__script_vif(store, end->domid, end->id, script,
                                          end->vif->gatewaydev,
                                          CHAOS__SCRIPT_ADD, err)
                      : chaos__script_disk(store, end->domid, end->id, script,
                                           CHAOS__SCRIPT_ADD, err);

    if (rc < 0)
        return rc;
    chaos__end_write_plugged(store, end);
    if (end->net && end->noxs)
        chaos__end_write_front_state(store, end, CHAOS__END_CONNECTED);
    if (end->net)
        end->net->is_joined = true;
    return chaos__store_run(store, err);
}

static int plug_all(struct chaos__store *store, struct chaos__end *ends,
                    unsigned count, int timeout_ms, struct chaos_error *err)
{
    struct chaos__end *late;
    unsigned i;
    int rc;

    for (i = 0; i < count; i++)
        ends[i].is_done = !*chaos__end_script(&ends[i]);
    rc = watch_for(store, ends, count, waits_step, timeout_ms, &late, err);
    if (rc == 0 && late)
        rc = fail_late(store, late, "did not start in time", err);
    for (i = 0; rc == 0 && i < count; i++)
        if (*chaos__end_script(&ends[i]))
            rc = plug(store, &ends[i], err);
    for (i = 0; i < count; i++)
        ends[i].is_done = false;
    return rc;
}

/* ------------------------------------------------------------- finishing */

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
    unsigned i, count = chaos__ends(devices, domid, devices->of_shell, ends);
    struct chaos__end *late = NULL;
    int rc = chaos__store_run(store, err); /* the answers to their nodes */

    /* As chaos__devices_connect() has left them. */
    for (i = 0; i < count; i++)
        ends[i].is_watched = ends[i].noxs;
    if (rc == 0 && chaos__devices_have_scripts(devices->config))
        rc = plug_all(store, ends, count, timeout_ms, err);
    if (rc == 0)
        rc = look_at_once(store, ends, count, err);
    if (rc > 0)
        rc =
            watch_for(store, ends, count, connect_step, timeout_ms, &late, err);
    if (rc == 0 && late)
        rc = fail_late(store, late, "did not connect in time", err);
    unwatch(store, ends, count);
    /* What a disk can do is the guest's to find out, if it can. */
    for (i = 0; rc == 0 && i < count; i++)
        if (ends[i].block && ends[i].noxs)
            ask_disk(store, &ends[i]);
    if (rc < 0) {
        chaos__store_run(store, NULL);
        return rc;
    }
    rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < count; i++)
        if (ends[i].block && ends[i].noxs)
            learn_disk(&ends[i]);
    return rc;
}

void chaos__devices_dress(struct chaos__store *store, uint32_t domid,
                          struct chaos__devices *devices)
{
    struct chaos__end ends[CHAOS__ENDS_MAX];
    unsigned i, count = chaos__ends(devices, domid, false, ends);

    for (i = 0; i < count; i++)
        chaos__end_dress(store, &ends[i]);
}

int chaos__devices_tell(struct chaos__store *store, uint32_t domid,
                        struct chaos__devices *devices, struct chaos_error *err)
{
    struct chaos__end ends[CHAOS__ENDS_MAX];
    unsigned i, count = chaos__ends(devices, domid, false, ends);
    int rc;

    for (i = 0; i < count; i++)
        ask_states(store, &ends[i]);
    rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < count; i++)
        if (*ends[i].state)
            chaos__end_tell(store, &ends[i]);
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

/* -------------------------------------------------------------- removing */

static void place(struct chaos__end *end, uint32_t domid,
                  const struct chaos__device_name *name)
{
    chaos__end_place(end, name->is_net ? "vif" : "vbd", domid, name->id);
}

/*
 * A back end that is starting writes into its directory, and would make it
 * again after a removal.  netback has written all when it waits for the front
 * end, or when it has not only begun to close because it can't start; blkback
 * waits for the front end, too, and writes the rest when that has done its
 * part.
 */
static int calm_step(struct chaos__store *store, struct chaos__end *end,
                     struct chaos_error *err)
{
    const enum chaos__end_state state = state_of(end->state);
    const enum chaos__end_state front = state_of(end->front_state);
    bool is_starting = state < CHAOS__END_INIT_WAIT;

    if (strcmp(end->type, "vif") == 0)
        is_starting = is_starting || state == CHAOS__END_CLOSING;
    else if (front == CHAOS__END_INITIALISED || front == CHAOS__END_CONNECTED)
        is_starting = state < CHAOS__END_CONNECTED;

    (void)store;
    (void)err;
    /* Without a state the kernel has never looked at it. */
    return *end->state && is_starting ? STEP_EVENT : STEP_DONE;
}

int chaos__devices_calm(struct chaos__store *store, uint32_t domid,
                        const struct chaos__device_name *names, unsigned count,
                        struct chaos_error *err)
{
    struct chaos__end ends[CHAOS__ENDS_MAX], *late;
    unsigned i;
    int rc;

    for (i = 0; i < count; i++) {
        place(&ends[i], domid, &names[i]);
        ends[i].wants_front = !names[i].is_net;
    }
    rc = watch_for(store, ends, count, calm_step, CALM_TIMEOUT_MS, &late, err);
    return rc < 0 ? rc : chaos__store_run(store, err);
}

/* One that the kernel does not know any more may have no state. */
static bool is_closed(const struct chaos__end *end)
{
    const enum chaos__end_state state = state_of(end->state);

    return state == CHAOS__END_UNKNOWN || state == CHAOS__END_CLOSED;
}

struct dismissal {
    struct chaos__end *ends;
    unsigned count;
    bool by_force;
};

/* A back end whose front end closes, or has gone, closes for good when it is
 * not to stay online; one that has closed already would not do that again. */
static void dismiss(struct chaos__store *store, const struct chaos__end *end,
                    bool by_force)
{
    if (*end->state)
        chaos__store_set_number(store, end->back, "online", 0);
    if (!is_closed(end) && state_of(end->state) != CHAOS__END_CLOSING)
        chaos__store_set_number(store, end->back, "state", CHAOS__END_CLOSING);
    if (by_force)
        chaos__store_remove(store, end->front);
}

static int dismiss_all(struct chaos__store *store, void *user,
                       struct chaos_error *err)
{
    const struct dismissal *all = user;
    unsigned i;
    int rc;

    for (i = 0; i < all->count; i++)
        ask_states(store, &all->ends[i]);
    rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < all->count; i++)
        dismiss(store, &all->ends[i], all->by_force);
    return rc;
}

/* In a transaction: who closes between the look and the telling would be told
 * over what it has said, and never say it again. */
static int tell_to_close(struct chaos__store *store, struct chaos__end *ends,
                         unsigned count, bool by_force, struct chaos_error *err)
{
    struct dismissal all = { ends, count, by_force };

    return chaos__store_transact(store, dismiss_all, &all, err);
}

/* One that was just connecting has written that over what it was told. */
static int closed_step(struct chaos__store *store, struct chaos__end *end,
                       struct chaos_error *err)
{
    int rc = 0;

    if (is_closed(end))
        return STEP_DONE;
    if (state_of(end->state) != CHAOS__END_CLOSING)
        rc = tell_to_close(store, end, 1, false, err);
    return rc < 0 ? rc : STEP_EVENT;
}

int chaos__devices_dismiss(struct chaos__store *store, uint32_t domid,
                           const struct chaos__device_name *names,
                           unsigned count, bool by_force,
                           struct chaos_error *err)
{
    struct chaos__end ends[CHAOS__ENDS_MAX], *late = NULL;
    unsigned i;
    int rc;

    for (i = 0; i < count; i++)
        place(&ends[i], domid, &names[i]);
    watch(store, ends, count);
    rc = chaos__store_run(store, err);
    if (rc == 0)
        rc = tell_to_close(store, ends, count, by_force, err);
    if (rc == 0)
        rc = wait_for(store, ends, count, closed_step, DISMISS_TIMEOUT_MS,
                      &late, err);
    unwatch(store, ends, count);
    if (rc == 0)
        rc = chaos__store_run(store, err);
    if (rc < 0 || !late)
        return rc;
    chaos__fail(err, CHAOS_ETIMEDOUT,
                "%s %u: the back end did not close in time", late->type,
                late->id);
    return 1;
}

int chaos__device_is_closed(struct chaos__store *store, uint32_t domid,
                            const struct chaos__device_name *name,
                            struct chaos_error *err)
{
    struct chaos__end end;
    int rc;

    place(&end, domid, name);
    ask_states(store, &end);
    rc = chaos__store_run(store, err);
    return rc < 0 ? rc : is_closed(&end);
}

/* The directory, which may have gone, and the one above if there is nothing
 * else in that.  In this order: a kernel takes no notice of what goes with a
 * directory above. */
static void remove_with_parent(struct chaos__store *store, char *path,
                               const char *siblings)
{
    char *slash = strrchr(path, '/');

    chaos__store_remove(store, path);
    if (*siblings &&
        (strcmp(siblings, slash + 1) != 0 || siblings[strlen(siblings) + 1]))
        return;
    *slash = '\0';
    chaos__store_remove(store, path);
}

#define PLACES 4

static int remove_places(struct chaos__store *store, void *user,
                         struct chaos_error *err)
{
    const struct chaos__end *end = user;
    char paths[PLACES][128], siblings[PLACES][64];
    unsigned i;
    int rc;

    snprintf(paths[0], sizeof(paths[0]), "%s", end->back);
    snprintf(paths[1], sizeof(paths[1]), CHAOS__STORE_ERRORS "/%s/%u/%u",
             end->type, end->domid, end->id);
    snprintf(paths[2], sizeof(paths[2]), "%s", end->front);
    snprintf(paths[3], sizeof(paths[3]), "%s", end->libxl);
    for (i = 0; i < PLACES; i++) {
        char *slash = strrchr(paths[i], '/');

        *slash = '\0';
        chaos__store_list(store, paths[i], siblings[i], sizeof(siblings[i]));
        *slash = '/';
    }
    rc = chaos__store_run(store, err);
    if (rc < 0)
        return rc;
    for (i = 0; i < PLACES; i++)
        remove_with_parent(store, paths[i], siblings[i]);
    return chaos__store_run(store, err);
}

int chaos__device_remove(struct chaos__store *store, uint32_t domid,
                         const struct chaos__device_name *name,
                         struct chaos_error *err)
{
    struct chaos__end end;

    place(&end, domid, name);
    return chaos__store_transact(store, remove_places, &end, err);
}

void chaos__devices_remove(struct chaos__store *store, uint32_t domid)
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
}
