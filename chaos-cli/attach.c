/* SPDX-License-Identifier: MIT */
/* network-attach, block-attach. */
#include "cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Whether target= is a parameter of it: that takes the rest. */
static bool has_target(const char *argument)
{
    return strncmp(argument, "target=", 7) == 0 || strstr(argument, ",target=");
}

/* The arguments as one string, commas between them; what has a target= comes
 * last.  NULL: memory is out. */
static char *join(int count, char **arguments)
{
    size_t size = 1;
    char *text, *end;
    int i, last;

    for (i = 0; i < count; i++)
        size += strlen(arguments[i]) + 1;
    text = end = malloc(size);
    for (last = 0; text && last <= 1; last++)
        for (i = 0; i < count; i++) {
            if (has_target(arguments[i]) != (last == 1))
                continue;
            if (end > text)
                *end++ = ',';
            end = stpcpy(end, arguments[i]);
        }
    if (text)
        *end = '\0';
    return text;
}

static int attach_network(struct cli *cli, uint32_t domid, const char *name,
                          void *user, struct chaos_error *err)
{
    (void)name;
    return chaos_network_attach(cli->chaos, domid, user, NULL, err);
}

static int attach_block(struct cli *cli, uint32_t domid, const char *name,
                        void *user, struct chaos_error *err)
{
    (void)name;
    return chaos_block_attach(cli->chaos, domid, user, NULL, err);
}

static int run(struct cli *cli, int argc, char **argv, cli_guest_fn work)
{
    char *spec = join(argc - optind - 1, argv + optind + 1);
    int status;

    if (!spec)
        return CLI_NO_MEMORY;
    status = cli_each_guest(cli, 1, argv + optind, work, spec);
    free(spec);
    return status;
}

int cli_network_attach(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind < 1)
        return cli_usage(cli, "a guest and its interface, please");
    return run(cli, argc, argv, attach_network);
}

int cli_block_attach(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind < 2)
        return cli_usage(cli, "a guest and its disk, please");
    return run(cli, argc, argv, attach_block);
}
