/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* xl list's columns, byte for byte, down to "(null)" for a domain without a
 * name and the CPU time in single precision: scripts read them. */
static void print_header(bool verbose)
{
    printf("Name                                        ID   Mem VCPUs\t"
           "State\tTime(s)");
    if (verbose)
        printf("  %-36s  Made by", "UUID");
    printf("\n");
}

static void print_line(const struct chaos_guest_info *info, bool verbose)
{
    static const char ends[] = "-rscwS";
    unsigned end = info->ended ? info->end : 0;
    char letter = end < sizeof(ends) - 1 ? ends[end] : '?';
    char uuid[CLI_UUID_SIZE];

    printf("%-40s %5" PRIu32 " %5" PRIu64 " %5" PRIu32
           "     %c%c%c%c%c%c  %8.1f",
           cli_shown_name(info), info->domid,
           (info->memory_kb + info->claimed_kb) / 1024, info->vcpus,
           info->running ? 'r' : '-', info->blocked ? 'b' : '-',
           info->paused ? 'p' : '-', info->ended || info->dying ? 's' : '-',
           letter, info->dying ? 'd' : '-',
           (double)((float)info->cpu_time_ns / 1e9f));
    if (verbose) {
        cli_uuid(info->uuid, uuid);
        printf("  %s  %s", uuid, info->is_chaos ? "chaos" : "other");
    }
    printf("\n");
}

static void print_json(struct cli *cli, const struct chaos_guest_info *list,
                       size_t count)
{
    size_t i;

    printf("[");
    for (i = 0; i < count; i++) {
        printf("%s\n", i ? "," : "");
        cli_json_guest(cli, &list[i], NULL, "  ");
    }
    printf("%s]\n", count ? "\n" : "");
}

static void print_table(const struct chaos_guest_info *list, size_t count,
                        bool verbose)
{
    size_t i;

    print_header(verbose);
    for (i = 0; i < count; i++)
        print_line(&list[i], verbose);
}

struct chosen {
    struct chaos_guest_info *list;
    size_t count;
};

static int choose(struct cli *cli, uint32_t domid, const char *name, void *user,
                  struct chaos_error *err)
{
    struct chosen *chosen = user;
    int rc =
        chaos_guest_info(cli->chaos, domid, &chosen->list[chosen->count], err);

    (void)name;
    if (rc == 0)
        chosen->count++;
    return rc;
}

/* The guests that the arguments name, or all. */
static int read_list(struct cli *cli, int count, char **names,
                     struct chosen *chosen)
{
    struct chaos_error err;
    int status;

    if (count > 0) {
        chosen->list = calloc((size_t)count, sizeof(*chosen->list));
        if (!chosen->list)
            return CLI_NO_MEMORY;
        return cli_each_guest(cli, count, names, choose, chosen);
    }
    status = cli_open(cli);
    if (status == CLI_DONE &&
        chaos_guest_list(cli->chaos, &chosen->list, &chosen->count, &err) < 0)
        status = cli_fail(cli, &err);
    return status;
}

/* They are no guests, and a pool may have many. */
static void leave_out_shells(struct chosen *chosen)
{
    size_t i, kept = 0;

    for (i = 0; i < chosen->count; i++)
        if (!chosen->list[i].is_shell)
            chosen->list[kept++] = chosen->list[i];
    chosen->count = kept;
}

int cli_list(struct cli *cli, int argc, char **argv)
{
    struct chosen chosen = { 0 };
    bool json = false, all = false, verbose = false;
    int option, status;

    while ((option = cli_option(cli, argc, argv)) != -1)
        switch (option) {
        case CLI_LONG(0):
            json = true;
            break;
        case 'a':
            all = true;
            break;
        case 'v':
            verbose = true;
            break;
        default:
            return cli_option_exit(option);
        }
    status = read_list(cli, argc - optind, argv + optind, &chosen);
    if (!all && argc == optind)
        leave_out_shells(&chosen);
    if (chosen.count > 0 || status == CLI_DONE) {
        if (json)
            print_json(cli, chosen.list, chosen.count);
        else
            print_table(chosen.list, chosen.count, verbose);
    }
    free(chosen.list);
    return status;
}
