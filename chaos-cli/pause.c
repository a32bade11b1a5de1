/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>

static int stop(struct cli *cli, uint32_t domid, const char *name, void *user,
                struct chaos_error *err)
{
    (void)name;
    (void)user;
    return chaos_guest_pause(cli->chaos, domid, err);
}

static int go_on(struct cli *cli, uint32_t domid, const char *name, void *user,
                 struct chaos_error *err)
{
    (void)name;
    (void)user;
    return chaos_guest_unpause(cli->chaos, domid, err);
}

int cli_pause(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    return cli_each_guest(cli, argc - optind, argv + optind, stop, NULL);
}

int cli_unpause(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    return cli_each_guest(cli, argc - optind, argv + optind, go_on, NULL);
}
