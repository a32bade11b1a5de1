/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_status(const struct chaos_guest_control *control)
{
    printf("status:   %s", cli_status_name(control->status));
    if (control->status == CHAOS_STATUS_CRASHED)
        printf(" (code %" PRIu32 ")", control->code);
    printf("\n");
}

static void print_text(struct cli *cli, const struct chaos_guest_info *info,
                       const struct chaos_guest_control *control,
                       const char *config)
{
    char uuid[CLI_UUID_SIZE];

    cli_uuid(info->uuid, uuid);
    printf("name:     %s\n", *info->name ? info->name : "(none)");
    printf("domid:    %" PRIu32 "\n", info->domid);
    printf("uuid:     %s\n", uuid);
    printf("made by:  %s\n", info->is_chaos ? "chaos" : "another toolstack");
    printf("type:     %s\n", cli_type_name(info->type));
    if (info->is_chaos)
        printf("registry: %s\n", cli_registry_name(info));
    printf("state:    %s", cli_state_name(info));
    if (info->ended)
        printf(" (%s)", cli_end_name(info->end));
    printf("\n");
    if (control)
        print_status(control);
    printf("vcpus:    %" PRIu32 "\n", info->vcpus);
    printf("memory:   %" PRIu64 " KiB of %" PRIu64 " KiB\n", info->memory_kb,
           info->maxmem_kb);
    printf("cpu time: %" PRIu64 ".%03" PRIu64 " s\n",
           info->cpu_time_ns / 1000000000, info->cpu_time_ns / 1000000 % 1000);
    cli_text_devices(cli, info->domid);
    if (config)
        printf("\n%s", config);
}

/* What the guest says of itself; false for one that can't say anything. */
static bool read_control(struct cli *cli, const struct chaos_guest_info *info,
                         struct chaos_guest_control *control_r)
{
    /* It may have given its control page away. */
    if (info->is_noxs &&
        chaos_guest_control(cli->chaos, info->domid, control_r, NULL) < 0)
        *control_r = (struct chaos_guest_control){
            .status = CHAOS_STATUS_UNKNOWN,
        };
    return info->is_noxs;
}

/* Keeps what is known when the rest of it cannot be read. */
static char *read_config(struct cli *cli, uint32_t domid)
{
    struct chaos_config *config;
    char *text = NULL;

    if (chaos_guest_config(cli->chaos, domid, &config, NULL) < 0)
        return NULL;
    chaos_config_format(config, &text, NULL);
    chaos_config_free(config);
    return text;
}

static int show(struct cli *cli, uint32_t domid, const char *name, void *user,
                struct chaos_error *err)
{
    const bool *json = user;
    struct chaos_guest_control control;
    struct chaos_guest_info info;
    int rc = chaos_guest_info(cli->chaos, domid, &info, err);
    bool speaks;
    char *config;

    (void)name;
    if (rc < 0)
        return rc;
    speaks = read_control(cli, &info, &control);
    if (*json) {
        cli_json_guest(cli, &info, speaks ? &control : NULL, "");
        printf("\n");
        return 0;
    }
    config = info.is_chaos ? read_config(cli, domid) : NULL;
    print_text(cli, &info, speaks ? &control : NULL, config);
    free(config);
    return 0;
}

int cli_info(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    int option;

    while ((option = cli_option(cli, argc, argv)) != -1) {
        if (option != CLI_LONG(0))
            return cli_option_exit(option);
        json = true;
    }
    if (argc - optind > 1)
        return cli_usage(cli, "one guest at a time");
    return cli_each_guest(cli, argc - optind, argv + optind, show, &json);
}
