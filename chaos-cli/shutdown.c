/* SPDX-License-Identifier: MIT */
/* shutdown and reboot: asking guests, and waiting for them. */
#include "cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_S 60
#define TIMEOUT_MAX_S 1000000u

struct wanted {
    enum chaos_guest_end how;
    bool all, wait;
    unsigned timeout_s;
    uint32_t *asked; /* domids */
    size_t asked_count;
};

static int ask(struct cli *cli, uint32_t domid, const char *name, void *user,
               struct chaos_error *err)
{
    struct wanted *wanted = user;
    int rc = chaos_guest_shutdown(cli->chaos, domid, wanted->how, err);

    (void)name;
    if (rc == 0)
        wanted->asked[wanted->asked_count++] = domid;
    return rc;
}

static int ask_all(struct cli *cli, struct wanted *wanted)
{
    struct chaos_guest_info *list;
    struct chaos_error err;
    size_t count, i;
    int status = cli_open(cli);

    if (status != CLI_DONE)
        return status;
    if (chaos_guest_list(cli->chaos, &list, &count, &err) < 0)
        return cli_fail(cli, &err);
    wanted->asked = calloc(count + 1, sizeof(*wanted->asked));
    for (i = 0; wanted->asked && i < count; i++)
        if (list[i].is_chaos && !list[i].dying && !list[i].ended &&
            ask(cli, list[i].domid, list[i].name, wanted, &err) < 0)
            status = cli_fail(cli, &err);
    free(list);
    return wanted->asked ? status : CLI_NO_MEMORY;
}

/* One deadline for all: they power off side by side. */
static int wait_for(struct cli *cli, const struct wanted *wanted)
{
    struct chaos_error err;
    time_t until = time(NULL) + (time_t)wanted->timeout_s, left;
    int status = CLI_DONE, rc;
    size_t i;

    for (i = 0; i < wanted->asked_count; i++) {
        left = until - time(NULL);
        rc = chaos_guest_wait(cli->chaos, wanted->asked[i],
                              left > 0 ? (int)left * 1000 : 0, NULL, &err);
        if (rc < 0 && rc != CHAOS_ENOGUEST) /* gone is what we wait for */
            status = cli_fail(cli, &err);
    }
    return status;
}

static int run(struct cli *cli, int argc, char **argv, struct wanted *wanted)
{
    int count = argc - optind, status, waited;

    if (wanted->all && count > 0)
        return cli_usage(cli, "--all and names of guests exclude each other");
    if (wanted->all) {
        status = ask_all(cli, wanted);
    } else {
        wanted->asked = calloc((size_t)argc + 1, sizeof(*wanted->asked));
        if (!wanted->asked)
            return CLI_NO_MEMORY;
        status = cli_each_guest(cli, count, argv + optind, ask, wanted);
    }
    if (wanted->wait) {
        waited = wait_for(cli, wanted);
        if (status == CLI_DONE)
            status = waited;
    }
    free(wanted->asked);
    return status;
}

int cli_shutdown(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = { .how = CHAOS_END_POWEROFF,
                             .timeout_s = TIMEOUT_S };
    int option;

    while ((option = cli_option(cli, argc, argv)) != -1)
        switch (option) {
        case 'a':
            wanted.all = true;
            break;
        case 'w':
            wanted.wait = true;
            break;
        case 't':
            if (!cli_number(optarg, TIMEOUT_MAX_S, &wanted.timeout_s))
                return cli_usage(cli, "--timeout %s: not a number of seconds",
                                 optarg);
            break;
        default:
            return cli_option_exit(option);
        }
    return run(cli, argc, argv, &wanted);
}

int cli_reboot(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = { .how = CHAOS_END_REBOOT };
    int option = cli_option(cli, argc, argv);

    if (option != -1)
        return cli_option_exit(option);
    return run(cli, argc, argv, &wanted);
}
