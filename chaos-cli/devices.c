/* SPDX-License-Identifier: MIT */
/* A guest's devices: in JSON, in the text of info, and as tables. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *access_name(uint8_t access)
{
    static const char *const names[] = {
        [CHAOS_DISK_READ_ONLY] = "r",
        [CHAOS_DISK_WRITE] = "w",
        [CHAOS_DISK_SHARED_WRITE] = "w!",
    };

    return access < sizeof(names) / sizeof(names[0]) ? names[access] : "?";
}

#define MAC_SIZE 18
#define IPV4_SIZE 16

static void format_mac(const uint8_t mac[6], char text[MAC_SIZE])
{
    snprintf(text, MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
             mac[2], mac[3], mac[4], mac[5]);
}

static void format_ipv4(const uint8_t ipv4[4], char text[IPV4_SIZE])
{
    snprintf(text, IPV4_SIZE, "%u.%u.%u.%u", ipv4[0], ipv4[1], ipv4[2],
             ipv4[3]);
}

static bool is_set(const uint8_t ipv4[4])
{
    return ipv4[0] || ipv4[1] || ipv4[2] || ipv4[3];
}

/* ---------------------------------------------------------------- JSON */

static void json_network(const struct chaos_device_info *device)
{
    char mac[MAC_SIZE], ipv4[IPV4_SIZE];

    format_mac(device->mac, mac);
    printf("\"id\": %" PRIu32 ", \"interface\": ", device->id);
    cli_json_string(device->name);
    printf(", \"mac\": \"%s\", \"bridge\": ", mac);
    cli_json_string(device->bridge);
    if (is_set(device->ipv4)) {
        format_ipv4(device->ipv4, ipv4);
        printf(", \"ip\": \"%s/%u\"", ipv4, device->prefix);
    }
    if (is_set(device->gateway)) {
        format_ipv4(device->gateway, ipv4);
        printf(", \"gateway\": \"%s\"", ipv4);
    }
}

static void json_disk(const struct chaos_device_info *device)
{
    printf("\"vdev\": ");
    cli_json_string(device->name);
    printf(", \"id\": %" PRIu32 ", \"access\": \"%s\", \"target\": ",
           device->id, access_name(device->access));
    cli_json_string(device->target);
    if (device->loop >= 0)
        printf(", \"loop\": \"/dev/loop%" PRId32 "\"", device->loop);
    printf(", \"device\": \"%" PRIu32 ":%" PRIu32 "\"", device->major,
           device->minor);
}

static void json_kind(const struct chaos_device_info *list, size_t count,
                      enum chaos_device_kind kind, const char *indent)
{
    const char *separator = "";
    size_t i;

    printf(",\n%s  \"%s\": [", indent,
           kind == CHAOS_DEVICE_NETWORK ? "vifs" : "disks");
    for (i = 0; i < count; i++) {
        if (list[i].kind != kind)
            continue;
        printf("%s\n%s    { ", separator, indent);
        if (kind == CHAOS_DEVICE_NETWORK)
            json_network(&list[i]);
        else
            json_disk(&list[i]);
        printf(" }");
        separator = ",";
    }
    if (*separator)
        printf("\n%s  ", indent);
    printf("]");
}

void cli_json_devices(struct cli *cli, uint32_t domid, const char *indent)
{
    struct chaos_device_info *list;
    size_t count;

    if (chaos_guest_devices(cli->chaos, domid, 0, &list, &count, NULL) < 0)
        return;
    json_kind(list, count, CHAOS_DEVICE_NETWORK, indent);
    json_kind(list, count, CHAOS_DEVICE_DISK, indent);
    free(list);
}

/* ---------------------------------------------------------------- text */

static void text_network(const struct chaos_device_info *device)
{
    char mac[MAC_SIZE], ipv4[IPV4_SIZE];

    format_mac(device->mac, mac);
    format_ipv4(device->ipv4, ipv4);
    printf("vif %" PRIu32 ":    %s on %s, %s", device->id, device->name,
           device->bridge, mac);
    if (is_set(device->ipv4))
        printf(", %s/%u", ipv4, device->prefix);
    printf("\n");
}

static void text_disk(const struct chaos_device_info *device)
{
    printf("disk:     %s, %s, %s", device->name, access_name(device->access),
           *device->target ? device->target : "(unknown)");
    if (device->loop >= 0)
        printf(" by /dev/loop%" PRId32, device->loop);
    printf("\n");
}

void cli_text_devices(struct cli *cli, uint32_t domid)
{
    struct chaos_device_info *list;
    size_t count, i;

    if (chaos_guest_devices(cli->chaos, domid, 0, &list, &count, NULL) < 0)
        return;
    for (i = 0; i < count; i++)
        if (list[i].kind == CHAOS_DEVICE_NETWORK)
            text_network(&list[i]);
        else
            text_disk(&list[i]);
    free(list);
}

/* ------------------------------------------------------------- commands */

/* What its front end has not told yet, xl shows as -1. */
static int64_t known(uint32_t port_or_reference)
{
    return port_or_reference ? (int64_t)port_or_reference : -1;
}

/* The columns of xl network-list and xl block-list, byte for byte: scripts
 * read them. */
static void row_network(uint32_t domid, const struct chaos_device_info *device)
{
    char mac[MAC_SIZE], path[64];

    format_mac(device->mac, mac);
    snprintf(path, sizeof(path),
             "/local/domain/0/backend/vif/%" PRIu32 "/%" PRIu32, domid,
             device->id);
    printf("%-3" PRIu32 " %-2d %-17s%6" PRIu32 " %5u %6" PRId64 " %5" PRId64
           "/%-11" PRId64 " %-30s\n",
           device->id, 0, mac, device->id, device->state, known(device->port),
           known(device->references[0]), known(device->references[1]), path);
}

static void row_disk(uint32_t domid, const struct chaos_device_info *device)
{
    char path[64];

    snprintf(path, sizeof(path),
             "/local/domain/0/backend/vbd/%" PRIu32 "/%" PRIu32, domid,
             device->id);
    printf("%-5" PRIu32 " %-3d %-6" PRIu32 " %-5u %-6" PRId64 " %-8" PRId64
           " %-30s\n",
           device->id, 0, domid, device->state, known(device->port),
           known(device->references[0]), path);
}

static void print_header(enum chaos_device_kind kind)
{
    if (kind == CHAOS_DEVICE_NETWORK)
        printf("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n", "Idx", "BE",
               "Mac Addr.", "handle", "state", "evt-ch", "tx-", "rx-ring-ref",
               "BE-path");
    else
        printf("%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle",
               "state", "evt-ch", "ring-ref", "BE-path");
}

static int list_devices(struct cli *cli, uint32_t domid, const char *name,
                        void *user, struct chaos_error *err)
{
    const enum chaos_device_kind *kind = user;
    struct chaos_device_info *list;
    size_t count, i;
    int rc = chaos_guest_devices(cli->chaos, domid, CHAOS_DEVICES_STATE, &list,
                                 &count, err);

    (void)name;
    if (rc < 0)
        return rc;
    for (i = 0; i < count; i++) {
        if (list[i].kind != *kind)
            continue;
        if (*kind == CHAOS_DEVICE_NETWORK)
            row_network(domid, &list[i]);
        else
            row_disk(domid, &list[i]);
    }
    free(list);
    return 0;
}

static int run(struct cli *cli, int argc, char **argv,
               enum chaos_device_kind kind)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    if (argc > optind)
        print_header(kind);
    return cli_each_guest(cli, argc - optind, argv + optind, list_devices,
                          &kind);
}

int cli_vif_list(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, CHAOS_DEVICE_NETWORK);
}

int cli_block_list(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, CHAOS_DEVICE_DISK);
}
