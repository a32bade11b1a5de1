/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>

static int destroy(struct cli *cli, uint32_t domid, const char *name,
                   void *user, struct chaos_error *err)
{
    (void)name;
    (void)user;
    cli->leave_child = true;
    return chaos_guest_destroy(cli->chaos, domid, err);
}

int cli_destroy(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    return cli_each_guest(cli, argc - optind, argv + optind, destroy, NULL);
}
