/* SPDX-License-Identifier: MIT */
/* network-detach, block-detach. */
#include "cli.h"

#include <getopt.h>

static int detach_network(struct cli *cli, uint32_t domid, const char *name,
                          void *user, struct chaos_error *err)
{
    (void)name;
    return chaos_network_detach(cli->chaos, domid, user, err);
}

static int detach_block(struct cli *cli, uint32_t domid, const char *name,
                        void *user, struct chaos_error *err)
{
    (void)name;
    return chaos_block_detach(cli->chaos, domid, user, 0, err);
}

static int force_block(struct cli *cli, uint32_t domid, const char *name,
                       void *user, struct chaos_error *err)
{
    (void)name;
    return chaos_block_detach(cli->chaos, domid, user, CHAOS_DETACH_FORCE, err);
}

int cli_network_detach(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind != 2)
        return cli_usage(cli, "a guest and the number or the address of an "
                              "interface, please");
    return cli_each_guest(cli, 1, argv + optind, detach_network,
                          argv[optind + 1]);
}

int cli_block_detach(struct cli *cli, int argc, char **argv)
{
    cli_guest_fn work = detach_block;
    int option;

    while ((option = cli_option(cli, argc, argv)) != -1) {
        if (option != 'f')
            return cli_option_exit(option);
        work = force_block;
    }
    if (argc - optind != 2)
        return cli_usage(cli, "a guest and its disk, please");
    return cli_each_guest(cli, 1, argv + optind, work, argv[optind + 1]);
}
