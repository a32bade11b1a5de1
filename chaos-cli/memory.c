/* SPDX-License-Identifier: MIT */
/* mem-set, mem-max. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* A size as xl takes it: MiB, or with one of the letters b, k, m, g, t. */
static bool parse_kb(const char *text, uint64_t *kb_r)
{
    static const char units[] = "bkmgt";
    size_t digits = strspn(text, "0123456789");
    const char *unit;
    uint64_t number;
    int shift;

    if (digits == 0 || (text[digits] && text[digits + 1]))
        return false;
    unit = strchr(units, text[digits] ? tolower((uint8_t)text[digits]) : 'm');
    errno = 0;
    number = strtoull(text, NULL, 10);
    if (!unit || errno)
        return false;
    shift = 10 * (int)(unit - units) - 10;
    *kb_r = shift < 0 ? number >> -shift : number << shift;
    return shift < 0 || *kb_r >> shift == number;
}

static int set_memory(struct cli *cli, uint32_t domid, const char *name,
                      void *user, struct chaos_error *err)
{
    const uint64_t *kb = user;

    (void)name;
    return chaos_guest_set_memory(cli->chaos, domid, *kb, err);
}

static int set_maxmem(struct cli *cli, uint32_t domid, const char *name,
                      void *user, struct chaos_error *err)
{
    const uint64_t *kb = user;

    (void)name;
    return chaos_guest_set_maxmem(cli->chaos, domid, *kb, err);
}

static int run(struct cli *cli, int argc, char **argv, cli_guest_fn work)
{
    int option = cli_option(cli, argc, argv);
    uint64_t kb;

    if (option != -1)
        return cli_option_exit(option);
    if (argc - optind != 2)
        return cli_usage(cli, "a guest and an amount of memory, please");
    if (!parse_kb(argv[optind + 1], &kb))
        return cli_usage(cli,
                         "%s: not an amount of memory: MiB, or a number with "
                         "b, k, m, g or t",
                         argv[optind + 1]);
    return cli_each_guest(cli, 1, argv + optind, work, &kb);
}

int cli_mem_set(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, set_memory);
}

int cli_mem_max(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, set_maxmem);
}
