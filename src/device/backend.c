/* SPDX-License-Identifier: MIT */
/*
 * The front end's part towards netback and blkback, in XenStore.
 *
 * Each device has a directory for either end (Xen's docs/misc/
 * xenstore-paths.pandoc).  The front end's is written first and is complete,
 * its state too: a back end finds it ready when it first looks.  The back
 * end's `state` comes last, because that is what makes the kernel look at
 * all.  The nodes are no more than the kernel's drivers read and xl's tools
 * show: dom0's kernel has a watch on its directory and asks about every node
 * that changes there.
 */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* enum xenbus_state, public/io/xenbus.h */
#define STATE_INITIALISING "1"
#define STATE_INITIALISED "3"
#define STATE_CONNECTED "4"
#define STATE_CLOSING "5"
#define STATE_CLOSED "6"

#define BACKEND "/local/domain/0/backend"
#define ERRORS "/local/domain/0/error/backend"

#define PATH_MAX_HERE 128

/* One device's directories. */
struct place {
    const char *type;   /* "vif" or "vbd" */
    uint32_t domid, id; /* id: of the device, the last part of the paths */
    char front[64], back[64];
};

static void find_place(struct place *place, const char *type, uint32_t domid,
                       uint32_t id)
{
    place->type = type;
    place->domid = domid;
    place->id = id;
    snprintf(place->front, sizeof(place->front),
             "/local/domain/%u/device/%s/%u", domid, type, id);
    snprintf(place->back, sizeof(place->back), BACKEND "/%s/%u/%u", type, domid,
             id);
}

static void set(struct chaos__store *store, const char *directory,
                const char *node, const char *value)
{
    char path[PATH_MAX_HERE];

    snprintf(path, sizeof(path), "%s/%s", directory, node);
    chaos__store_write(store, path, value);
}

static void set_number(struct chaos__store *store, const char *directory,
                       const char *node, uint64_t value)
{
    char path[PATH_MAX_HERE];

    snprintf(path, sizeof(path), "%s/%s", directory, node);
    chaos__store_write_number(store, path, value);
}

static void set_text(struct chaos__store *store, const char *directory,
                     const char *node, const char *format, ...)
    CHAOS__PRINTF(4, 5);

static void set_text(struct chaos__store *store, const char *directory,
                     const char *node, const char *format, ...)
{
    char value[64];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    set(store, directory, node, value);
}

/* ------------------------------------------------------------- network */

static void place_of_net(struct place *place, uint32_t domid, unsigned i)
{
    find_place(place, "vif", domid, i);
}

static void write_net_front(struct chaos__store *store,
                            const struct place *place,
                            const struct chaos__net *net)
{
    set(store, place->front, "backend", place->back);
    set_number(store, place->front, "backend-id", 0);
    set_number(store, place->front, "handle", place->id);
    set_number(store, place->front, "tx-ring-ref", net->tx.reference);
    set_number(store, place->front, "rx-ring-ref", net->rx.reference);
    set_number(store, place->front, "event-channel", net->port);
    set_number(store, place->front, "request-rx-copy", 1);
    set_number(store, place->front, "feature-rx-notify", 1);
    set(store, place->front, "state", STATE_CONNECTED);
}

static void write_net_back(struct chaos__store *store,
                           const struct place *place,
                           const struct chaos__vif *vif,
                           const struct chaos__net *net)
{
    set(store, place->back, "frontend", place->front);
    set_number(store, place->back, "frontend-id", place->domid);
    set_number(store, place->back, "online", 1);
    set_number(store, place->back, "handle", place->id);
    set(store, place->back, "bridge", vif->bridge);
    set_text(store, place->back, "mac", "%02x:%02x:%02x:%02x:%02x:%02x",
             net->mac[0], net->mac[1], net->mac[2], net->mac[3], net->mac[4],
             net->mac[5]);
    if (vif->rate_bytes)
        set_text(store, place->back, "rate", "%" PRIu64 ",%" PRIu32,
                 vif->rate_bytes, vif->rate_interval_us);
    /* netback insists on both; no script is run, what it does we do. */
    set(store, place->back, "script", "chaos");
    set(store, place->back, "hotplug-status", "connected");
    set(store, place->back, "state", STATE_INITIALISING);
}

static int join(uint32_t domid, unsigned id, const struct chaos__vif *vif,
                const struct chaos__net *net, struct chaos_error *err)
{
    char interface[32];

    snprintf(interface, sizeof(interface), "vif%u.%u", domid, id);
    return chaos__dom0_join(interface, vif->name, vif->bridge, net->mtu, err);
}

/* --------------------------------------------------------------- disks */

static void place_of_block(struct place *place, uint32_t domid,
                           const struct chaos__disk *disk)
{
    find_place(place, "vbd", domid, disk->vdev_number);
}

static void write_block_front(struct chaos__store *store,
                              const struct place *place,
                              const struct chaos__disk *disk,
                              const struct chaos__block *block)
{
    set(store, place->front, "backend", place->back);
    set_number(store, place->front, "backend-id", 0);
    set_number(store, place->front, "virtual-device", place->id);
    set(store, place->front, "device-type", disk->is_cdrom ? "cdrom" : "disk");
    set_number(store, place->front, "ring-ref", block->ring.reference);
    set_number(store, place->front, "event-channel", block->port);
    set(store, place->front, "protocol", "x86_64-abi");
    set(store, place->front, "state", STATE_INITIALISED);
}

static void write_block_back(struct chaos__store *store,
                             const struct place *place,
                             const struct chaos__disk *disk,
                             const struct chaos__block *block)
{
    const struct chaos__dom0_disk *host = &block->host;

    set(store, place->back, "frontend", place->front);
    set_number(store, place->back, "frontend-id", place->domid);
    set_number(store, place->back, "online", 1);
    set(store, place->back, "dev", disk->vdev);
    set(store, place->back, "type", host->is_file ? "file" : "phy");
    set(store, place->back, "params", disk->target);
    set(store, place->back, "mode",
        disk->access == CHAOS__DISK_READ_ONLY ? "r" : "w");
    set(store, place->back, "device-type", disk->is_cdrom ? "cdrom" : "disk");
    set_text(store, place->back, "physical-device", "%x:%x", host->major,
             host->minor);
    set(store, place->back, "hotplug-status", "connected");
    set(store, place->back, "state", STATE_INITIALISING);
}

/* ---------------------------------------------------------- connecting */

static void watch(struct chaos__store *store, const struct place *place)
{
    char path[PATH_MAX_HERE];

    snprintf(path, sizeof(path), "%s/state", place->back);
    chaos__store_watch(store, path, place->type);
}

static void unwatch(struct chaos__store *store, const struct place *place)
{
    char path[PATH_MAX_HERE];

    snprintf(path, sizeof(path), "%s/state", place->back);
    chaos__store_unwatch(store, path, place->type);
}

int chaos__devices_connect(struct chaos__store *store, uint32_t domid,
                           struct chaos__devices *devices,
                           struct chaos_error *err)
{
    const struct chaos_config *config = devices->config;
    struct place place;
    unsigned i;

    for (i = 0; i < devices->net_count; i++) {
        place_of_net(&place, domid, i);
        write_net_front(store, &place, &devices->nets[i]);
        write_net_back(store, &place, &config->vifs[i], &devices->nets[i]);
        watch(store, &place);
    }
    for (i = 0; i < devices->block_count; i++) {
        place_of_block(&place, domid, &config->disks[i]);
        write_block_front(store, &place, &config->disks[i],
                          &devices->blocks[i]);
        write_block_back(store, &place, &config->disks[i], &devices->blocks[i]);
        watch(store, &place);
    }
    return chaos__store_run(store, err);
}

/* What is read of a back end after each event. */
struct answer {
    char state[8], error[256];
    char sectors[24], sector_size[16], flush[8], discard[8];
};

static void ask_node(struct chaos__store *store, const struct place *place,
                     const char *node, char *value, size_t size)
{
    char path[PATH_MAX_HERE];

    snprintf(path, sizeof(path), "%s/%s", place->back, node);
    chaos__store_read(store, path, value, size);
}

static void ask_state(struct chaos__store *store, const struct place *place,
                      struct answer *answer)
{
    ask_node(store, place, "state", answer->state, sizeof(answer->state));
}

static void ask_disk(struct chaos__store *store, const struct place *place,
                     struct answer *answer)
{
    ask_node(store, place, "sectors", answer->sectors, sizeof(answer->sectors));
    ask_node(store, place, "sector-size", answer->sector_size,
             sizeof(answer->sector_size));
    ask_node(store, place, "feature-flush-cache", answer->flush,
             sizeof(answer->flush));
    ask_node(store, place, "feature-discard", answer->discard,
             sizeof(answer->discard));
}

/* The back end's own words for why it did not connect. */
static int fail_backend(struct chaos__store *store, const struct place *place,
                        const char *what, int code, struct chaos_error *err)
{
    char path[PATH_MAX_HERE], said[256];

    snprintf(path, sizeof(path), ERRORS "/%s/%u/%u/error", place->type,
             place->domid, place->id);
    chaos__store_read(store, path, said, sizeof(said));
    if (chaos__store_run(store, NULL) < 0)
        said[0] = '\0';
    return chaos__fail(err, code, "%s %u: the back end %s%s%s", place->type,
                       place->id, what, *said ? ": " : "", said);
}

/* 1: connected; 0: not yet; or an error. */
static int judge(struct chaos__store *store, const struct place *place,
                 const struct answer *answer, struct chaos_error *err)
{
    if (strcmp(answer->state, STATE_CONNECTED) == 0)
        return 1;
    if (strcmp(answer->state, STATE_CLOSING) == 0 ||
        strcmp(answer->state, STATE_CLOSED) == 0)
        return fail_backend(store, place, "refuses to connect", CHAOS_EFAILED,
                            err);
    return 0;
}

static void learn_disk(struct chaos__block *block, const struct answer *answer)
{
    block->sectors = strtoull(answer->sectors, NULL, 10);
    block->sector_size = (uint32_t)strtoul(answer->sector_size, NULL, 10);
    block->can_flush = strcmp(answer->flush, "1") == 0;
    block->can_discard = strcmp(answer->discard, "1") == 0;
}

/* Looks at the devices of both types that are not connected yet; the number
 * that is left, or an error. */
static int look(struct chaos__store *store, uint32_t domid,
                struct chaos__devices *devices, struct place *waiting_r,
                struct chaos_error *err)
{
    const struct chaos_config *config = devices->config;
    struct answer nets[CHAOS__VIFS_MAX], blocks[CHAOS__DISKS_MAX];
    struct place place;
    int left = 0, rc;
    unsigned i;

    for (i = 0; i < devices->net_count; i++) {
        place_of_net(&place, domid, i);
        if (!devices->nets[i].is_connected)
            ask_state(store, &place, &nets[i]);
    }
    for (i = 0; i < devices->block_count; i++) {
        place_of_block(&place, domid, &config->disks[i]);
        if (!devices->blocks[i].is_connected)
            ask_state(store, &place, &blocks[i]);
    }
    rc = chaos__store_run(store, err);
    for (i = 0; rc >= 0 && i < devices->net_count; i++) {
        place_of_net(&place, domid, i);
        if (devices->nets[i].is_connected)
            continue;
        rc = judge(store, &place, &nets[i], err);
        devices->nets[i].is_connected = rc > 0;
        if (rc == 0)
            *waiting_r = place, left++;
    }
    for (i = 0; rc >= 0 && i < devices->block_count; i++) {
        place_of_block(&place, domid, &config->disks[i]);
        if (devices->blocks[i].is_connected)
            continue;
        rc = judge(store, &place, &blocks[i], err);
        devices->blocks[i].is_connected = rc > 0;
        if (rc == 0)
            *waiting_r = place, left++;
    }
    return rc < 0 ? rc : left;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_connected(struct chaos__store *store, uint32_t domid,
                          struct chaos__devices *devices, int timeout_ms,
                          struct chaos_error *err)
{
    int64_t until = now_ms() + timeout_ms, left_ms;
    struct place waiting;
    char token[8];
    int rc;

    while ((rc = look(store, domid, devices, &waiting, err)) > 0) {
        left_ms = until - now_ms();
        rc = left_ms > 0 ? chaos__store_wait(store, (int)left_ms, token,
                                             sizeof(token), err)
                         : 0;
        if (rc == 0)
            return fail_backend(store, &waiting,
                                "did not connect in time",
                                CHAOS_ETIMEDOUT, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int chaos__devices_finish(struct chaos__store *store, uint32_t domid,
                          struct chaos__devices *devices, int timeout_ms,
                          struct chaos_error *err)
{
    const struct chaos_config *config = devices->config;
    struct answer disks[CHAOS__DISKS_MAX];
    struct place place;
    unsigned i;
    int rc = wait_connected(store, domid, devices, timeout_ms, err);

    for (i = 0; rc == 0 && i < devices->net_count; i++) {
        place_of_net(&place, domid, i);
        unwatch(store, &place);
    }
    for (i = 0; rc == 0 && i < devices->block_count; i++) {
        place_of_block(&place, domid, &config->disks[i]);
        unwatch(store, &place);
        ask_disk(store, &place, &disks[i]);
    }
    if (rc == 0)
        rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < devices->block_count; i++)
        learn_disk(&devices->blocks[i], &disks[i]);
    for (i = 0; rc == 0 && i < devices->net_count; i++)
        rc = join(domid, i, &config->vifs[i], &devices->nets[i], err);
    return rc;
}

void chaos__devices_ask_state(struct chaos__store *store, uint32_t domid,
                              bool is_net, uint32_t id, char *state,
                              size_t size)
{
    struct place place;

    find_place(&place, is_net ? "vif" : "vbd", domid, id);
    ask_node(store, &place, "state", state, size);
}

int chaos__devices_remove(struct chaos__store *store, uint32_t domid,
                          struct chaos_error *err)
{
    static const char *const types[] = { "vif", "vbd" };
    char path[PATH_MAX_HERE];
    size_t i;

    /* The back end's directory first: its driver lets go when that is gone,
     * and must not take the front end's going for a guest that closes. */
    for (i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), BACKEND "/%s/%u", types[i], domid);
        chaos__store_remove(store, path);
        snprintf(path, sizeof(path), ERRORS "/%s/%u", types[i], domid);
        chaos__store_remove(store, path);
    }
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    chaos__store_remove(store, path);
    return chaos__store_run(store, err);
}
