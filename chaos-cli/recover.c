/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_line(const struct chaos_recovered *found)
{
    if (found->what == CHAOS_RECOVERED_SHELL) {
        printf("domain %" PRIu32 ": a shell, destroyed\n", found->domid);
        return;
    }
    printf("domain %" PRIu32 ": %s %s", found->domid,
           found->what == CHAOS_RECOVERED_GUEST ? "guest" : "completed",
           found->name);
    if (found->vifs)
        printf(", %" PRIu32 " vif", found->vifs);
    if (found->disks)
        printf(", %" PRIu32 " vbd", found->disks);
    if (!found->has_config)
        printf(", no configuration");
    if (!found->has_console)
        printf(", no console");
    if (!found->has_control)
        printf(", no control page");
    printf("\n");
}

/* Says what is wrong with one; its exit code. */
static int say(const struct cli *cli, const struct chaos_recovered *found)
{
    struct chaos_error err = { .code = found->code };

    snprintf(err.message, sizeof(err.message), "domain %" PRIu32 ": %.*s",
             found->domid, CHAOS_ERROR_MESSAGE_MAX - 24, found->message);
    return cli_fail(cli, &err);
}

int cli_recover(struct cli *cli, int argc, char **argv)
{
    struct chaos_recovered *list;
    struct chaos_error err;
    int option = cli_option(cli, argc, argv), status, r;
    size_t count, i;

    if (option != -1)
        return cli_option_exit(option);
    if (optind < argc)
        return cli_usage(cli, "too many arguments");
    status = cli_open(cli);
    if (status != CLI_DONE)
        return status;
    if (chaos_recover(cli->chaos, &list, &count, &err) < 0)
        return cli_fail(cli, &err);
    for (i = 0; i < count; i++) {
        print_line(&list[i]);
        r = list[i].code < 0 ? say(cli, &list[i]) : CLI_DONE;
        if (status == CLI_DONE)
            status = r;
    }
    free(list);
    return status;
}
