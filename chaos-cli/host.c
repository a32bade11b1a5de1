/* SPDX-License-Identifier: MIT */
/* dmesg and version: about the host, not about guests. */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

int cli_dmesg(struct cli *cli, int argc, char **argv)
{
    struct chaos_error err;
    bool clear = false;
    int option, status;
    char *text;

    while ((option = cli_option(cli, argc, argv)) != -1) {
        if (option != 'c')
            return cli_option_exit(option);
        clear = true;
    }
    status = cli_open(cli);
    if (status != CLI_DONE)
        return status;
    if (chaos_host_log(cli->chaos, clear, &text, &err) < 0)
        return cli_fail(cli, &err);
    fputs(text, stdout);
    free(text);
    return CLI_DONE;
}

int cli_version(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);
    struct chaos_host_info host;
    int status;

    if (option != -1)
        return cli_option_exit(option);
    printf("chaos %s\n", chaos_version());
    status = cli_open(cli);
    /* A version can be asked for anywhere; Xen's is there where Xen is. */
    if (status == CLI_DONE && chaos_host_info(cli->chaos, &host, NULL) == 0)
        printf("Xen %s\n", host.xen_version);
    return status;
}
