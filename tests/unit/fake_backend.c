/* SPDX-License-Identifier: MIT */
/*
 * Models of Linux's back ends (drivers/net/xen-netback/xenbus.c and
 * drivers/block/xen-blkback/xenbus.c): what they read, step by step (looking
 * at a new device, making its interface, connecting it), what they hold while
 * they are connected, and when they let go.
 */
#include "fake_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* enum xenbus_state, public/io/xenbus.h */
enum state {
    STATE_NONE = 0,
    STATE_INITIALISING = 1,
    STATE_INIT_WAIT = 2,
    STATE_INITIALISED = 3,
    STATE_CONNECTED = 4,
    STATE_CLOSING = 5,
    STATE_CLOSED = 6,
};

#define BACKEND "/local/domain/0/backend"

static const char *const type_names[] = { "vif", "vbd" };

static const char *text(const char *directory, const char *name)
{
    const char *value = fake_tree_text(directory, name);

    return value ? value : "";
}

/* A decimal number; false: none is there. */
static bool number(const char *directory, const char *name, uint32_t *number_r)
{
    char *end;
    const char *value = text(directory, name);
    unsigned long n = strtoul(value, &end, 10);

    *number_r = (uint32_t)n;
    return end != value && !*end && n <= UINT32_MAX;
}

static enum state state_of(const char *directory)
{
    uint32_t state;

    return number(directory, "state", &state) ? (enum state)state : STATE_NONE;
}

static void set_state(const struct fake_backend *backend, enum state state)
{
    fake_tree_write_text(backend->directory, "state", "%d", state);
}

/* ----------------------------------------------------------- letting go */

static struct fake_hv_domain *domain_of(const struct fake_backend *backend)
{
    return &fake_state->domains[backend->domid];
}

static void let_go(struct fake_backend *backend)
{
    struct fake_hv_domain *domain = domain_of(backend);
    struct fake_loop *loop = fake_loop_find(backend->loop);
    unsigned i;

    for (i = 0; i < backend->ref_count; i++)
        fake_unmap_grant(domain, backend->refs[i]);
    backend->ref_count = 0;
    if (backend->port &&
        domain->ports[backend->port].state == FAKE_HV_PORT_BACKEND)
        domain->ports[backend->port].state = FAKE_HV_PORT_UNBOUND;
    backend->port = 0;
    if (backend->has_loop && loop)
        loop->backends--;
    backend->has_loop = backend->has_disk = false;
    if (backend->has_interface)
        fake_interface_remove(backend->domid, backend->id);
    backend->has_interface = false;
    backend->is_connected = false;
}

static void leave_now(bool all)
{
    struct fake_backend *backend;
    unsigned i, leaving = 0;

    for (i = 0; i < FAKE_BACKENDS; i++) {
        backend = &fake_state->backends[i];
        if (!backend->is_used || !backend->is_leaving)
            continue;
        if (!all && fake_state->calls < backend->leave_at) {
            leaving++;
            continue;
        }
        let_go(backend);
        backend->is_leaving = false;
        backend->is_used = !backend->is_gone;
    }
    fake_state->leaving = leaving;
}

/* Of the back ends that were told to go, those whose time has come. */
void fake_backends_leave(void)
{
    leave_now(false);
}

static void leave(struct fake_backend *backend)
{
    if (!backend->is_leaving)
        backend->leave_at = fake_state->calls + fake_state->lag;
    backend->is_leaving = true;
    fake_state->leaving++;
}

void fake_backends_notice(void)
{
    struct fake_backend *backend;
    unsigned i;

    for (i = 0; i < FAKE_BACKENDS; i++) {
        backend = &fake_state->backends[i];
        if (!backend->is_used || backend->is_gone)
            continue;
        if (!fake_tree_find(backend->directory)) {
            backend->is_gone = true;
            leave(backend);
        } else if (!backend->is_closed &&
                   state_of(backend->front) == STATE_NONE) {
            /* Its front end has gone, not it: the kernel unregisters it, and
             * its directory stays. */
            backend->is_gone = true;
            set_state(backend, STATE_CLOSED);
            leave(backend);
        }
    }
    fake_backends_leave();
}

/* --------------------------------------------------------------- refusing */

/* As xenbus_dev_fatal(): says why, and closes. */
static void refuse(struct fake_backend *backend, int errnum, const char *format,
                   ...) CHAOS__PRINTF(3, 4);

static void refuse(struct fake_backend *backend, int errnum, const char *format,
                   ...)
{
    char directory[128], why[256];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    snprintf(directory, sizeof(directory), "/local/domain/0/error/%s",
             backend->directory + strlen("/local/domain/0/"));
    fake_tree_write_text(directory, "error", "%d %s", -errnum, why);
    let_go(backend);
    backend->is_closed = true;
    set_state(backend, STATE_CLOSING);
}

/* A node that must be there. */
static bool need(struct fake_backend *backend, const char *directory,
                 const char *name)
{
    if (*text(directory, name))
        return true;
    refuse(backend, ENOENT, "reading %s/%s", directory, name);
    return false;
}

static bool need_text(struct fake_backend *backend, const char *directory,
                      const char *name, const char *value)
{
    if (strcmp(text(directory, name), value) == 0)
        return true;
    refuse(backend, EINVAL, "%s/%s is \"%s\"", directory, name,
           text(directory, name));
    return false;
}

static bool need_number(struct fake_backend *backend, const char *directory,
                        const char *name, uint32_t *number_r)
{
    if (number(directory, name, number_r))
        return true;
    refuse(backend, EINVAL, "reading %s/%s", directory, name);
    return false;
}

/* ------------------------------------------------------------ connecting */

static bool map_ring(struct fake_backend *backend, const char *name)
{
    uint32_t reference;

    if (!need_number(backend, backend->front, name, &reference))
        return false;
    if (!fake_map_grant(domain_of(backend), reference)) {
        refuse(backend, EINVAL, "mapping %s %u", name, reference);
        return false;
    }
    backend->refs[backend->ref_count++] = reference;
    return true;
}

static bool bind_port(struct fake_backend *backend)
{
    struct fake_hv_domain *domain = domain_of(backend);
    uint32_t port;

    if (!need_number(backend, backend->front, "event-channel", &port))
        return false;
    if (port == 0 || port >= FAKE_HV_PORTS ||
        domain->ports[port].state != FAKE_HV_PORT_UNBOUND) {
        refuse(backend, EINVAL, "binding event-channel %u", port);
        return false;
    }
    domain->ports[port].state = FAKE_HV_PORT_BACKEND;
    backend->port = port;
    return true;
}

static bool connect_vif(struct fake_backend *backend)
{
    unsigned char mac[6];
    uint32_t copies;

    if (sscanf(text(backend->directory, "mac"),
               "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2],
               &mac[3], &mac[4], &mac[5]) != 6) {
        refuse(backend, EINVAL, "parsing %s/mac", backend->directory);
        return false;
    }
    if (!need_number(backend, backend->front, "request-rx-copy", &copies))
        return false;
    if (!copies) {
        refuse(backend, EOPNOTSUPP, "reading %s/request-rx-copy",
               backend->front);
        return false;
    }
    return map_ring(backend, "tx-ring-ref") &&
           map_ring(backend, "rx-ring-ref") && bind_port(backend);
}

static bool connect_vbd(struct fake_backend *backend)
{
    const char *directory = backend->directory;

    if (!need_text(backend, backend->front, "protocol", "x86_64-abi") ||
        !map_ring(backend, "ring-ref") || !bind_port(backend))
        return false;
    fake_tree_write_text(directory, "feature-flush-cache", "%d", 1);
    fake_tree_write_text(directory, "feature-discard", "%d", backend->has_loop);
    fake_tree_write_text(directory, "sectors", "%llu",
                         (unsigned long long)backend->sectors);
    fake_tree_write_text(directory, "info", "%d", 0);
    fake_tree_write_text(directory, "sector-size", "%d", 512);
    return true;
}

/* The last step; false: its time has not come. */
static bool connect(struct fake_backend *backend)
{
    const bool is_vif = backend->type == FAKE_VIF;

    if (state_of(backend->front) !=
        (is_vif ? STATE_CONNECTED : STATE_INITIALISED))
        return false;
    if (is_vif &&
        strcmp(text(backend->directory, "hotplug-status"), "connected") != 0)
        return false;
    if (is_vif ? connect_vif(backend) : connect_vbd(backend)) {
        backend->is_connected = true;
        set_state(backend, STATE_CONNECTED);
    }
    return true;
}

/* --------------------------------------------------------------- looking */

static bool look_at_vif(struct fake_backend *backend)
{
    uint32_t handle;

    return need(backend, backend->directory, "script") &&
           need_number(backend, backend->directory, "handle", &handle);
}

/* After its state, of which alone an event tells. */
static void make_interface(struct fake_backend *backend)
{
    char name[32];

    snprintf(name, sizeof(name), "vif%u.%u", backend->domid, backend->id);
    if (fake_interface_add(name, backend->domid, backend->id))
        backend->has_interface = true;
    else
        refuse(backend, EEXIST, "creating interface");
}

static bool open_device(struct fake_backend *backend, uint32_t major,
                        uint32_t minor, bool is_writable)
{
    const struct fake_device *device = fake_device_find(major, minor);
    struct fake_loop *loop =
        major == FAKE_LOOP_MAJOR ? fake_loop_find(minor) : NULL;

    if (loop && (!loop->is_bound || loop->is_writable || !is_writable)) {
        loop->backends++;
        backend->has_loop = true;
        backend->loop = minor;
        backend->sectors = loop->sectors;
    } else if (device) {
        backend->sectors = device->sectors;
    }
    return backend->has_loop || backend->sectors > 0;
}

/* Its disk, once somebody has said which; false: nobody has, or that failed. */
static bool take_disk(struct fake_backend *backend)
{
    const char *mode = text(backend->directory, "mode"),
               *device = text(backend->directory, "physical-device");
    uint32_t major, minor;

    if (!*device)
        return false;
    if (sscanf(device, "%x:%x", &major, &minor) != 2)
        refuse(backend, EINVAL, "reading physical-device");
    else if (!open_device(backend, major, minor, strchr(mode, 'w') != NULL))
        refuse(backend, ENOENT, "creating vbd structure");
    else
        backend->has_disk = true;
    return backend->has_disk;
}

/* The disk is opened after it has said that it waits. */
static bool look_at_vbd(struct fake_backend *backend)
{
    return need(backend, backend->directory, "mode");
}

static struct fake_backend *add(enum fake_backend_type type, uint32_t domid,
                                uint32_t id, const char *directory)
{
    struct fake_backend *backend = fake_state->backends;

    while (backend->is_used)
        if (++backend == fake_state->backends + FAKE_BACKENDS)
            abort();
    *backend = (struct fake_backend){
        .is_used = true, .type = type, .domid = domid, .id = id
    };
    snprintf(backend->directory, sizeof(backend->directory), "%s", directory);
    snprintf(backend->front, sizeof(backend->front), "%s",
             text(directory, "frontend"));
    return backend;
}

/* The first step, for a directory in which nobody has looked. */
static void look_at(struct fake_backend *backend)
{
    uint32_t front_domid;
    bool ok;

    if (!number(backend->directory, "frontend-id", &front_domid) ||
        front_domid != backend->domid || !fake_tree_find(backend->front)) {
        refuse(backend, ENOENT, "unable to read other end from %s",
               backend->directory);
        return;
    }
    if (fake_state->moods[backend->type] == FAKE_BACKEND_REFUSES) {
        refuse(backend, EIO, "the test's refusal");
        return;
    }
    ok =
        backend->type == FAKE_VIF ? look_at_vif(backend) : look_at_vbd(backend);
    if (ok)
        set_state(backend, STATE_INIT_WAIT);
}

/* ----------------------------------------------------------------- steps */

static struct fake_backend *find(enum fake_backend_type type, uint32_t domid,
                                 uint32_t id)
{
    struct fake_backend *backend;

    for (backend = fake_state->backends;
         backend < fake_state->backends + FAKE_BACKENDS; backend++)
        if (backend->is_used && !backend->is_gone && backend->type == type &&
            backend->domid == domid && backend->id == id)
            return backend;
    return NULL;
}

bool fake_backend_is_there(const char *type, uint32_t domid, uint32_t id)
{
    return find(strcmp(type, "vif") == 0 ? FAKE_VIF : FAKE_VBD, domid, id);
}

bool fake_backend_has_disk(uint32_t domid, uint32_t id)
{
    const struct fake_backend *backend = find(FAKE_VBD, domid, id);

    return backend && backend->has_disk;
}

/* The guest closes its front end, and the kernel unregisters one that is not to
 * stay online. */
static void close_both(struct fake_backend *backend)
{
    fake_tree_write_text(backend->front, "state", "%d", STATE_CLOSED);
    set_state(backend, STATE_CLOSED);
    backend->is_closed = true;
    if (strcmp(text(backend->directory, "online"), "0") == 0) {
        backend->is_gone = true;
        leave(backend);
    } else {
        let_go(backend);
    }
}

/* The toolstack asks it to close. */
static bool close_down(struct fake_backend *backend)
{
    if (fake_state->overwrites) {
        fake_state->overwrites = false;
        set_state(backend, STATE_CONNECTED);
        return true;
    }
    if (fake_state->is_stubborn)
        return false;
    close_both(backend);
    return true;
}

void fake_backend_was_read(const char *path)
{
    struct fake_backend *backend;
    size_t length;

    for (backend = fake_state->backends;
         fake_state->lets_go && backend < fake_state->backends + FAKE_BACKENDS;
         backend++) {
        length = strlen(backend->directory);
        if (backend->is_used && !backend->is_closed &&
            strncmp(path, backend->directory, length) == 0 &&
            strcmp(path + length, "/state") == 0) {
            fake_state->lets_go = false;
            close_both(backend);
        }
    }
}

/* The next step of one that has looked; false: it has nothing to do. */
static bool go_on(struct fake_backend *backend)
{
    if (!backend->is_closed && state_of(backend->directory) == STATE_CLOSING)
        return close_down(backend);
    if (backend->is_closed || backend->is_connected)
        return false;
    if (backend->type == FAKE_VIF && !backend->has_interface) {
        make_interface(backend);
        return true;
    }
    if (backend->type == FAKE_VBD && !backend->has_disk)
        return take_disk(backend) || backend->is_closed;
    return fake_state->moods[backend->type] != FAKE_BACKEND_STUCK &&
           connect(backend);
}

static bool step(enum fake_backend_type type, const char *domid_name,
                 const char *id_name)
{
    const enum fake_backend_mood mood = fake_state->moods[type];
    uint32_t domid = (uint32_t)strtoul(domid_name, NULL, 10);
    uint32_t id = (uint32_t)strtoul(id_name, NULL, 10);
    struct fake_backend *backend = find(type, domid, id);
    char directory[128];

    if (mood == FAKE_BACKEND_SILENT || mood == FAKE_BACKEND_ABSENT)
        return false;
    if (backend)
        return go_on(backend);
    snprintf(directory, sizeof(directory), BACKEND "/%s/%u/%u",
             type_names[type], domid, id);
    /* One in any other state is not new: the kernel ignores it. */
    if (state_of(directory) != STATE_INITIALISING || !fake_find(domid))
        return false;
    look_at(add(type, domid, id, directory));
    return true;
}

bool fake_backends_step(void)
{
    enum fake_backend_type type;
    struct fake_node *all, *domid, *id;
    char path[64];

    /* One thread of the kernel does all of this, in the order in which it was
     * told: those that go are gone before it looks at what is new. */
    if (fake_state->leaving) {
        leave_now(true);
        return true;
    }
    for (type = 0; type < FAKE_BACKEND_TYPES; type++) {
        snprintf(path, sizeof(path), BACKEND "/%s", type_names[type]);
        all = fake_tree_find(path);
        for (domid = NULL; all && (domid = fake_tree_next(all, domid));)
            for (id = NULL; (id = fake_tree_next(domid, id));)
                if (step(type, domid->name, id->name))
                    return true;
    }
    return false;
}

/* --------------------------------------------------------------- dom0.h */

int chaos__dom0_backend(const char *type, struct chaos_error *err)
{
    struct fake_call this_call;
    int rc = fake_enter(&this_call, FAKE_HV_BACKEND, err);
    enum fake_backend_type known =
        strcmp(type, type_names[FAKE_VIF]) == 0 ? FAKE_VIF : FAKE_VBD;

    if (strcmp(type, type_names[known]) != 0)
        fake_offence("asking for back ends of type %s", type);
    if (rc == 0 && fake_state->moods[known] == FAKE_BACKEND_ABSENT)
        rc = chaos__fail(err, CHAOS_EFAILED, "no module for %s", type);
    return fake_leave(&this_call, rc);
}

/* ---------------------------------------------------------- the outside */

void fake_backend_set_mood(enum fake_backend_type type,
                           enum fake_backend_mood mood)
{
    fake_lock();
    fake_state->moods[type] = mood;
    fake_unlock();
}

void fake_backend_set_eager(bool eager)
{
    fake_lock();
    fake_state->eager = eager;
    fake_unlock();
}

void fake_backend_set_stubborn(bool is_stubborn)
{
    fake_lock();
    fake_state->is_stubborn = is_stubborn;
    fake_unlock();
}

void fake_backend_overwrite(void)
{
    fake_lock();
    fake_state->overwrites = true;
    fake_unlock();
}

void fake_backend_let_go(void)
{
    fake_lock();
    fake_state->lets_go = true;
    fake_unlock();
}

void fake_backend_set_lag(unsigned calls)
{
    fake_lock();
    fake_state->lag = calls;
    fake_unlock();
}

unsigned fake_backend_count(uint32_t domid)
{
    unsigned i, count = 0;

    fake_lock();
    for (i = 0; i < FAKE_BACKENDS; i++)
        count += fake_state->backends[i].is_used &&
                 fake_state->backends[i].is_connected &&
                 fake_state->backends[i].domid == domid;
    fake_unlock();
    return count;
}
