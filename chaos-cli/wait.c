/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>

static int wait_one(struct cli *cli, uint32_t domid, const char *name,
                    void *user, struct chaos_error *err)
{
    const int *timeout_ms = user;
    enum chaos_guest_end end;
    int rc = chaos_guest_wait(cli->chaos, domid, *timeout_ms, &end, err);

    if (rc == 0)
        printf("%s %s\n", name, cli_end_name(end));
    return rc;
}

int cli_wait(struct cli *cli, int argc, char **argv)
{
    int option, timeout_ms = -1;
    unsigned seconds;

    while ((option = cli_option(cli, argc, argv)) != -1) {
        if (option != 't')
            return cli_option_exit(option);
        if (!cli_number(optarg, CLI_TIMEOUT_MAX_S, &seconds))
            return cli_usage(cli, "--timeout %s: not a number of seconds",
                             optarg);
        timeout_ms = (int)seconds * 1000;
    }
    return cli_each_guest(cli, argc - optind, argv + optind, wait_one,
                          &timeout_ms);
}
