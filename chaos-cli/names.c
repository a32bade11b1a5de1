/* SPDX-License-Identifier: MIT */
/* domid, domname, rename: names and numbers of guests. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

static int print_domid(struct cli *cli, uint32_t domid, const char *name,
                       void *user, struct chaos_error *err)
{
    (void)cli;
    (void)name;
    (void)user;
    (void)err;
    printf("%" PRIu32 "\n", domid);
    return 0;
}

static int print_name(struct cli *cli, uint32_t domid, const char *name,
                      void *user, struct chaos_error *err)
{
    struct chaos_guest_info info;
    int rc = chaos_guest_info(cli->chaos, domid, &info, err);

    (void)name;
    (void)user;
    if (rc == 0)
        printf("%s\n", info.name);
    return rc;
}

static int rename_guest(struct cli *cli, uint32_t domid, const char *name,
                        void *user, struct chaos_error *err)
{
    (void)name;
    return chaos_guest_rename(cli->chaos, domid, user, err);
}

int cli_domid(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind != 1)
        return cli_usage(cli, "one name, please");
    return cli_each_guest(cli, 1, argv + optind, print_domid, NULL);
}

int cli_domname(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);
    unsigned domid;

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind != 1)
        return cli_usage(cli, "one domid, please");
    if (!cli_number(argv[optind], UINT16_MAX, &domid))
        return cli_usage(cli, "%s: not a domid", argv[optind]);
    return cli_each_guest(cli, 1, argv + optind, print_name, NULL);
}

int cli_rename(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind != 2)
        return cli_usage(cli, "a guest and its new name, please");
    return cli_each_guest(cli, 1, argv + optind, rename_guest,
                          argv[optind + 1]);
}
