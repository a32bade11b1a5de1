/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A new pool has so many, if nobody says how many. */
#define SIZE_DEFAULT 8u

struct wanted {
    unsigned count, size, low;
    bool has_count, has_size, has_low, json;
};

enum {
    JSON = 3
}; /* its place in the table of options */

static int number(struct cli *cli, const char *option, unsigned *value_r,
                  bool *has_r)
{
    if (!cli_number(optarg, CHAOS_POOL_SIZE_MAX, value_r)) {
        cli_usage(cli, "%s %s: not a number of shells", option, optarg);
        return -1;
    }
    *has_r = true;
    return 0;
}

/* -1, or the exit code. */
static int parse_options(struct cli *cli, int argc, char **argv,
                         struct wanted *wanted)
{
    int option, r = 0;

    while (r == 0 && (option = cli_option(cli, argc, argv)) != -1)
        switch (option) {
        case 'n':
            r = number(cli, "--number", &wanted->count, &wanted->has_count);
            break;
        case 's':
            r = number(cli, "--size", &wanted->size, &wanted->has_size);
            break;
        case 'l':
            r = number(cli, "--low", &wanted->low, &wanted->has_low);
            break;
        case CLI_LONG(JSON):
            wanted->json = true;
            break;
        default:
            return cli_option_exit(option);
        }
    return r < 0 ? CLI_USAGE : -1;
}

/* ----------------------------------------------------------------- which */

static bool find(const struct chaos_pool_info *list, size_t count,
                 const char *name, struct chaos_pool_info *info_r)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) {
            *info_r = list[i];
            return true;
        }
    return false;
}

/* What is known of a pool; CHAOS_ENOGUEST when there is none. */
static int look(struct cli *cli, const char *name,
                struct chaos_pool_info *info_r, struct chaos_error *err)
{
    struct chaos_pool_info *list;
    size_t count;
    int rc = chaos_pool_list(cli->chaos, &list, &count, err);

    if (rc < 0)
        return rc;
    if (!find(list, count, name, info_r)) {
        snprintf(err->message, sizeof(err->message),
                 "%s: neither a pool nor a file; chaos pool list shows the "
                 "pools",
                 name);
        rc = err->code = CHAOS_ENOGUEST;
    }
    free(list);
    return rc;
}

/* The pool that is named: by its name, or by a configuration, which makes it
 * if need be. */
static int find_or_make(struct cli *cli, const char *what,
                        struct chaos_pool_info *info_r, struct chaos_error *err)
{
    char name[CHAOS_POOL_NAME_MAX + 1];
    struct chaos_config *config;
    int rc = look(cli, what, info_r, err);

    if (rc != CHAOS_ENOGUEST || (access(what, F_OK) < 0 && strcmp(what, "-")))
        return rc;
    rc = chaos_flavor_load(cli->chaos, what, &config, err);
    if (rc < 0)
        return rc;
    rc = chaos_pool_add(cli->chaos, config, NULL, name, err);
    chaos_config_free(config);
    return rc < 0 ? rc : look(cli, name, info_r, err);
}

/* --------------------------------------------------------------- actions */

/* Below half of its size a pool is filled again: not for each guest. */
static uint32_t usual_low(uint32_t size)
{
    return (size + 1) / 2;
}

static int set(struct cli *cli, const char *what, const struct wanted *wanted,
               struct chaos_error *err)
{
    struct chaos_pool_info info;
    uint32_t size, low;
    int rc = find_or_make(cli, what, &info, err);

    if (rc < 0)
        return rc;
    size = wanted->has_size ? wanted->size : info.size;
    low = wanted->has_low                         ? wanted->low
          : info.low <= size && !wanted->has_size ? info.low
                                                  : usual_low(size);
    return chaos_pool_set(cli->chaos, info.name, size, low, err);
}

static int fill(struct cli *cli, const char *what, const struct wanted *wanted,
                struct chaos_error *err)
{
    struct chaos_pool_info info;
    int rc = find_or_make(cli, what, &info, err);

    if (rc == 0 && info.size == 0) {
        info.size = wanted->has_count ? wanted->count : SIZE_DEFAULT;
        rc = chaos_pool_set(cli->chaos, info.name, info.size,
                            usual_low(info.size), err);
    }
    if (rc == 0)
        rc = chaos_pool_fill(cli->chaos, info.name, wanted->count, err);
    if (rc == 0)
        printf("%s\n", info.name);
    return rc;
}

static void print_json(const struct chaos_pool_info *list, size_t count)
{
    size_t i;

    printf("[");
    for (i = 0; i < count; i++) {
        printf("%s\n  {\n    \"name\": ", i ? "," : "");
        cli_json_string(list[i].name);
        printf(",\n    \"type\": \"%s\",\n    \"noxs\": %s,\n",
               cli_type_name(list[i].type), list[i].is_noxs ? "true" : "false");
        printf("    \"memory_kb\": %" PRIu64 ",\n    \"vcpus\": %" PRIu32
               ",\n    \"vifs\": %" PRIu32 ",\n    \"disks\": %" PRIu32 ",\n",
               list[i].memory_kb, list[i].vcpus, list[i].vifs, list[i].disks);
        printf("    \"ready\": %" PRIu32 ",\n    \"size\": %" PRIu32
               ",\n    \"low\": %" PRIu32 ",\n    \"failures\": %" PRIu32,
               list[i].ready, list[i].size, list[i].low, list[i].failures);
        if (*list[i].error) {
            printf(",\n    \"retry\": %" PRIu64 ",\n    \"error\": ",
                   list[i].retry_s);
            cli_json_string(list[i].error);
        }
        printf("\n  }");
    }
    printf("%s]\n", count ? "\n" : "");
}

static void print_table(const struct chaos_pool_info *list, size_t count)
{
    size_t i;

    printf("%-32s Type   Mem VCPUs  Vifs Disks  Ready  Size   Low  Error\n",
           "Name");
    for (i = 0; i < count; i++)
        printf("%-32s %-4s %5" PRIu64 " %5" PRIu32 " %5" PRIu32 " %5" PRIu32
               "  %5" PRIu32 " %5" PRIu32 " %5" PRIu32 "  %s\n",
               list[i].name, cli_type_name(list[i].type),
               list[i].memory_kb / 1024, list[i].vcpus, list[i].vifs,
               list[i].disks, list[i].ready, list[i].size, list[i].low,
               *list[i].error ? list[i].error : "-");
}

static int list(struct cli *cli, const char *what, const struct wanted *wanted,
                struct chaos_error *err)
{
    struct chaos_pool_info *pools;
    size_t count;
    int rc = chaos_pool_list(cli->chaos, &pools, &count, err);

    (void)what;
    if (rc < 0)
        return rc;
    if (wanted->json)
        print_json(pools, count);
    else
        print_table(pools, count);
    free(pools);
    return 0;
}

static int drain(struct cli *cli, const char *what, const struct wanted *wanted,
                 struct chaos_error *err)
{
    struct chaos_pool_info info;
    int rc;

    (void)wanted;
    if (!what)
        return chaos_pool_drain(cli->chaos, NULL, err);
    rc = find_or_make(cli, what, &info, err);
    return rc < 0 ? rc : chaos_pool_drain(cli->chaos, info.name, err);
}

static const struct action {
    const char *name;
    int (*run)(struct cli *cli, const char *what, const struct wanted *wanted,
               struct chaos_error *err);
    int least, most; /* arguments */
} actions[] = {
    { "fill", fill, 1, 1 },
    { "set", set, 1, 1 },
    { "list", list, 0, 0 },
    { "drain", drain, 0, 1 },
};

static const struct action *find_action(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

int cli_pool(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = { 0 };
    const struct action *action;
    struct chaos_error err;
    int status = parse_options(cli, argc, argv, &wanted), count;

    if (status >= 0)
        return status;
    action = optind < argc ? find_action(argv[optind]) : NULL;
    if (!action)
        return cli_usage(cli, "say what: fill, set, list or drain");
    count = argc - optind - 1;
    if (count < action->least)
        return cli_usage(cli, "%s: no pool or configuration is named",
                         action->name);
    if (count > action->most)
        return cli_usage(cli, "%s: too many arguments", action->name);
    status = cli_open(cli);
    if (status != CLI_DONE)
        return status;
    if (action->run(cli, count ? argv[optind + 1] : NULL, &wanted, &err) < 0)
        return cli_fail(cli, &err);
    return CLI_DONE;
}
