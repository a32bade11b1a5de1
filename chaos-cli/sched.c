/* SPDX-License-Identifier: MIT */
/* sched-credit, sched-credit2: domains' shares of the host's CPUs. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct request {
    enum chaos_scheduler scheduler;
    char *guest; /* NULL: all */
    unsigned weight, cap;
    bool has_weight, has_cap;
    bool is_pool; /* -s */
};

/* -------------------------------------------------------------- showing */

/* As xl shows them, byte for byte. */
static void print_header(void)
{
    printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static void print_share(const struct chaos_guest_info *guest,
                        const struct chaos_share *share)
{
    printf("%-33s %4" PRIu32 " %6" PRIu32 " %4" PRIu32 "\n",
           cli_shown_name(guest), guest->domid, share->weight, share->cap);
}

static void print_pool(const struct chaos_cpupool_info *pool)
{
    printf("Cpupool %s: ", *pool->name ? pool->name : "(null)");
    if (pool->scheduler == CHAOS_SCHEDULER_CREDIT)
        printf("tslice=%" PRIu32 "ms ratelimit=%" PRIu32
               "us migration-delay=%" PRIu32 "us\n",
               pool->timeslice_ms, pool->ratelimit_us,
               pool->migration_delay_us);
    else
        printf("ratelimit=%" PRIu32 "us\n", pool->ratelimit_us);
}

static int print_domains(struct cli *cli, uint32_t pool,
                         const struct chaos_guest_info *guests, size_t count,
                         struct chaos_error *err)
{
    struct chaos_share share;
    size_t i;
    int rc;

    for (i = 0; i < count; i++) {
        if (guests[i].is_shell)
            continue;
        rc = chaos_guest_share(cli->chaos, guests[i].domid, &share, err);
        /* Who has gone since is not listed. */
        if (rc < 0 && rc != CHAOS_ENOGUEST)
            return rc;
        if (rc == 0 && share.cpupool == pool)
            print_share(&guests[i], &share);
    }
    return 0;
}

/* The pools that have this scheduler, and their domains. */
static int show_all(struct cli *cli, const struct request *request,
                    struct chaos_error *err)
{
    struct chaos_cpupool_info *pools = NULL;
    struct chaos_guest_info *guests = NULL;
    size_t pool_count, count, i;
    int rc = chaos_cpupool_list(cli->chaos, &pools, &pool_count, err);

    if (rc == 0)
        rc = chaos_guest_list(cli->chaos, &guests, &count, err);
    for (i = 0; rc == 0 && i < pool_count; i++) {
        if (pools[i].scheduler != request->scheduler)
            continue;
        print_pool(&pools[i]);
        if (request->is_pool)
            break;
        print_header();
        rc = print_domains(cli, pools[i].id, guests, count, err);
    }
    free(pools);
    free(guests);
    return rc;
}

/* -------------------------------------------------------------- setting */

static int show_or_set(struct cli *cli, uint32_t domid, const char *name,
                       void *user, struct chaos_error *err)
{
    const struct request *request = user;
    struct chaos_guest_info guest;
    struct chaos_share share;
    int rc = chaos_guest_share(cli->chaos, domid, &share, err);

    (void)name;
    if (rc == 0)
        rc = chaos_guest_info(cli->chaos, domid, &guest, err);
    if (rc < 0)
        return rc;
    if (!request->has_weight && !request->has_cap &&
        share.scheduler == request->scheduler) {
        print_header();
        print_share(&guest, &share);
        return 0;
    }
    /* Another scheduler is refused by this, too. */
    share.scheduler = request->scheduler;
    if (request->has_weight)
        share.weight = request->weight;
    if (request->has_cap)
        share.cap = request->cap;
    return chaos_guest_set_share(cli->chaos, domid, &share, err);
}

/* ------------------------------------------------------------- commands */

/* Reads the options; an exit status, or -1 to go on. */
static int read_options(struct cli *cli, int argc, char **argv,
                        struct request *request)
{
    int option;

    while ((option = cli_option(cli, argc, argv)) != -1)
        switch (option) {
        case 'd':
            request->guest = optarg;
            break;
        case 'w':
            request->has_weight = true;
            if (!cli_number(optarg, CHAOS_WEIGHT_MAX, &request->weight))
                return cli_usage(cli, "%s: not a weight", optarg);
            break;
        case 'c':
            request->has_cap = true;
            if (!cli_number(optarg, UINT16_MAX, &request->cap))
                return cli_usage(cli, "%s: not a cap", optarg);
            break;
        case 's':
            request->is_pool = true;
            break;
        default:
            return cli_option_exit(option);
        }
    if (optind < argc)
        return cli_usage(cli, "%s: name the guest with -d", argv[optind]);
    if (!request->guest && (request->has_weight || request->has_cap))
        return cli_usage(cli, "-w and -c are for a guest: name it with -d");
    if (request->guest && request->is_pool)
        return cli_usage(cli, "-s is about the scheduler, not about a guest");
    return -1;
}

static int run(struct cli *cli, int argc, char **argv,
               enum chaos_scheduler scheduler)
{
    struct request request = { .scheduler = scheduler };
    struct chaos_error err;
    int status = read_options(cli, argc, argv, &request);

    if (status >= 0)
        return status;
    if (request.guest)
        return cli_each_guest(cli, 1, &request.guest, show_or_set, &request);
    status = cli_open(cli);
    if (status == CLI_DONE && show_all(cli, &request, &err) < 0)
        status = cli_fail(cli, &err);
    return status;
}

int cli_sched_credit(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, CHAOS_SCHEDULER_CREDIT);
}

int cli_sched_credit2(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, CHAOS_SCHEDULER_CREDIT2);
}
