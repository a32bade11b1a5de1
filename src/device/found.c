/* SPDX-License-Identifier: MIT */
#include "found.h"

#include "end.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SIZE CHAOS__STORE_PAYLOAD_MAX
#define TEXT_SIZE 24

/* What is read of a device, as text. */
struct nodes {
    char state[TEXT_SIZE], port[TEXT_SIZE], references[2][TEXT_SIZE];
    char script[CHAOS__SCRIPT_MAX];
    char mac[TEXT_SIZE]; /* network */
    char mode[TEXT_SIZE], device[TEXT_SIZE], device_type[TEXT_SIZE]; /* disk */
};

/* 0 when it is no number. */
static uint32_t number_of(const char *text, int base)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, base);
    return !*text || *end || errno || value > UINT32_MAX ? 0 : (uint32_t)value;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t one = ((const struct chaos__device_name *)a)->id;
    uint32_t other = ((const struct chaos__device_name *)b)->id;

    return one < other ? -1 : one > other;
}

/* Directories are named by number; others are none of ours.  Returns how many,
 * also when there are more than `most`. */
static unsigned take_names(const char *texts, bool is_net,
                           struct chaos__device_name *names, unsigned most)
{
    unsigned count = 0;
    uint32_t id;

    for (; *texts; texts += strlen(texts) + 1) {
        id = number_of(texts, 10);
        if (id == 0 && strcmp(texts, "0") != 0)
            continue;
        if (count < most)
            names[count] =
                (struct chaos__device_name){ .is_net = is_net, .id = id };
        count++;
    }
    if (count > 0 && count <= most)
        qsort(names, count, sizeof(*names), compare_ids);
    return count;
}

int chaos__devices_named(struct chaos__store *store, uint32_t domid,
                         struct chaos__device_name names[CHAOS__NAMED_MAX],
                         struct chaos_error *err)
{
    char vifs[NAMES_SIZE], vbds[NAMES_SIZE], path[128];
    unsigned count;
    int rc;

    snprintf(path, sizeof(path), CHAOS__STORE_BACKENDS "/vif/%u", domid);
    chaos__store_list(store, path, vifs, sizeof(vifs));
    snprintf(path, sizeof(path), CHAOS__STORE_BACKENDS "/vbd/%u", domid);
    chaos__store_list(store, path, vbds, sizeof(vbds));
    rc = chaos__store_run(store, err);
    if (rc < 0)
        return rc;
    count = take_names(vifs, true, names, CHAOS__NAMED_MAX);
    if (count <= CHAOS__NAMED_MAX)
        count +=
            take_names(vbds, false, names + count, CHAOS__NAMED_MAX - count);
    if (count > CHAOS__NAMED_MAX)
        return chaos__fail(err, CHAOS_ENOTSUP,
                           "domain %u has more devices than chaos knows to "
                           "handle; use the toolstack that made it",
                           domid);
    return (int)count;
}

/* As many as there is room for. */
static int list(struct chaos__store *store, uint32_t domid,
                struct chaos__found *found, struct chaos_error *err)
{
    struct chaos__device_name names[CHAOS__NAMED_MAX];
    int named = chaos__devices_named(store, domid, names, err), i, count = 0;
    unsigned nets = 0, disks = 0;

    for (i = 0; i < named; i++)
        if (names[i].is_net ? nets++ < CHAOS__VIFS_MAX
                            : disks++ < CHAOS__DISKS_MAX)
            found[count++] = (struct chaos__found){ .is_net = names[i].is_net,
                                                    .id = names[i].id };
    return named < 0 ? named : count;
}

static void read_front(struct chaos__store *store, const struct chaos__end *end,
                       const char *node, char *value)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", end->front, node);
    chaos__store_read(store, path, value, TEXT_SIZE);
}

static void ask(struct chaos__store *store, uint32_t domid,
                struct chaos__found *found, struct nodes *nodes)
{
    struct chaos__end end;

    chaos__end_place(&end, found->is_net ? "vif" : "vbd", domid, found->id);
    chaos__end_read(store, &end, "state", nodes->state, TEXT_SIZE);
    chaos__end_read(store, &end, "script", nodes->script,
                    sizeof(nodes->script));
    read_front(store, &end, "event-channel", nodes->port);
    if (found->is_net) {
        read_front(store, &end, "tx-ring-ref", nodes->references[0]);
        read_front(store, &end, "rx-ring-ref", nodes->references[1]);
        chaos__end_read(store, &end, "mac", nodes->mac, TEXT_SIZE);
        chaos__end_read(store, &end, "bridge", found->bridge,
                        sizeof(found->bridge));
        chaos__end_read(store, &end, "vifname", found->interface,
                        sizeof(found->interface));
        return;
    }
    read_front(store, &end, "ring-ref", nodes->references[0]);
    chaos__end_read(store, &end, "mode", nodes->mode, TEXT_SIZE);
    chaos__end_read(store, &end, "physical-device", nodes->device, TEXT_SIZE);
    chaos__end_read(store, &end, "device-type", nodes->device_type, TEXT_SIZE);
    chaos__end_read(store, &end, "dev", found->vdev, sizeof(found->vdev));
    chaos__end_read(store, &end, "params", found->target,
                    sizeof(found->target));
}

static void learn_mac(const char *text, uint8_t mac[6])
{
    unsigned bytes[6];
    char more;
    int i;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1],
               &bytes[2], &bytes[3], &bytes[4], &bytes[5], &more) != 6)
        return;
    for (i = 0; i < 6; i++)
        mac[i] = (uint8_t)bytes[i];
}

/* "MAJOR:MINOR", in hexadecimal digits. */
static void learn_device(char *text, struct chaos__found *found)
{
    char *colon = strchr(text, ':');

    if (!colon)
        return;
    *colon = '\0';
    found->major = number_of(text, 16);
    found->minor = number_of(colon + 1, 16);
}

static void learn(struct chaos__found *found, struct nodes *nodes)
{
    const char *usual = found->is_net ? CHAOS__SCRIPT_VIF : CHAOS__SCRIPT_VBD;

    found->has_script =
        *nodes->script == '/' && strcmp(nodes->script, usual) != 0;
    found->is_connected = number_of(nodes->state, 10) == CHAOS__END_CONNECTED;
    found->port = number_of(nodes->port, 10);
    found->references[0] = number_of(nodes->references[0], 10);
    if (found->is_net) {
        found->references[1] = number_of(nodes->references[1], 10);
        learn_mac(nodes->mac, found->mac);
        return;
    }
    found->is_cdrom = strcmp(nodes->device_type, "cdrom") == 0;
    found->is_read_only = strcmp(nodes->mode, "r") == 0;
    learn_device(nodes->device, found);
}

static int look_at(struct chaos__store *store, uint32_t domid,
                   struct chaos__found *found, int count,
                   struct chaos_error *err)
{
    struct nodes nodes[CHAOS__FOUND_MAX];
    int i, rc;

    memset(nodes, 0, sizeof(nodes));
    for (i = 0; i < count; i++)
        ask(store, domid, &found[i], &nodes[i]);
    rc = chaos__store_run(store, err);
    for (i = 0; rc == 0 && i < count; i++)
        learn(&found[i], &nodes[i]);
    return rc;
}

int chaos__devices_found(struct chaos__store *store, uint32_t domid,
                         struct chaos__found found[CHAOS__FOUND_MAX],
                         struct chaos_error *err)
{
    int count = list(store, domid, found, err);
    int rc = count > 0 ? look_at(store, domid, found, count, err) : 0;

    return rc < 0 ? rc : count;
}

int chaos__disks_each(struct chaos__store *store, uint32_t domid,
                      chaos__found_fn each, const void *user,
                      struct chaos_error *err)
{
    struct chaos__found found[CHAOS__DISKS_MAX];
    char names[NAMES_SIZE], path[128];
    const char *name = names;
    int count, i, rc;

    snprintf(path, sizeof(path), CHAOS__STORE_BACKENDS "/vbd/%u", domid);
    chaos__store_list(store, path, names, sizeof(names));
    rc = chaos__store_run(store, err);
    while (rc == 0 && *name) {
        for (count = 0; *name && count < (int)CHAOS__DISKS_MAX;
             name += strlen(name) + 1)
            found[count++] = (struct chaos__found){ .id = number_of(name, 10) };
        rc = look_at(store, domid, found, count, err);
        for (i = 0; rc == 0 && i < count; i++)
            rc = each(domid, &found[i], user, err);
    }
    return rc;
}
