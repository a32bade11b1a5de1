/* SPDX-License-Identifier: MIT */
/* shutdown and reboot: asking guests, and waiting for them. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

/* What there is to say of a guest that still runs. */
static void explain(struct cli *cli, uint32_t domid, unsigned timeout_s,
                    struct chaos_error *err)
{
    struct chaos_guest_control control;
    struct chaos_guest_info info;

    if (chaos_guest_info(cli->chaos, domid, &info, NULL) < 0 ||
        chaos_guest_control(cli->chaos, domid, &control, NULL) < 0)
        return;
    snprintf(
        err->message, sizeof(err->message),
        control.pending
            ? "guest %s did not acknowledge the request and still runs "
              "after %u s"
            : "guest %s acknowledged the request but still runs after %u s",
        info.name, timeout_s);
}

/* One deadline for all: they power off side by side. */
static int wait_for(struct cli *cli, const struct wanted *wanted)
{
    /* One more than a whole number of them has begun already. */
    int64_t until_ms = cli_now_ms() + 1 + (int64_t)wanted->timeout_s * 1000;
    int64_t left;
    struct chaos_error err;
    int status = CLI_DONE, r, rc;
    size_t i;

    for (i = 0; i < wanted->asked_count; i++) {
        left = until_ms - cli_now_ms();
        rc = chaos_guest_wait(cli->chaos, wanted->asked[i],
                              left > 0 ? (int)left : 0, NULL, &err);
        if (rc == 0 || rc == CHAOS_ENOGUEST) /* gone is what we wait for */
            continue;
        if (rc == CHAOS_ETIMEDOUT)
            explain(cli, wanted->asked[i], wanted->timeout_s, &err);
        r = cli_fail(cli, &err);
        if (status == CLI_DONE)
            status = r;
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

static int ask_guests(struct cli *cli, int argc, char **argv,
                      enum chaos_guest_end how)
{
    struct wanted wanted = { .how = how, .timeout_s = CLI_TIMEOUT_S };
    int option;

    while ((option = cli_option(cli, argc, argv)) != -1)
        switch (option) {
        case 'a':
            wanted.all = true;
            break;
        case 'w':
            wanted.wait = true;
            break;
        case CLI_LONG(3): /* shutdown's alone */
            wanted.how = CHAOS_END_HALT;
            break;
        case 't':
            if (!cli_number(optarg, CLI_TIMEOUT_MAX_S, &wanted.timeout_s))
                return cli_usage(cli, "--timeout %s: not a number of seconds",
                                 optarg);
            break;
        default:
            return cli_option_exit(option);
        }
    return run(cli, argc, argv, &wanted);
}

int cli_shutdown(struct cli *cli, int argc, char **argv)
{
    return ask_guests(cli, argc, argv, CHAOS_END_POWEROFF);
}

int cli_reboot(struct cli *cli, int argc, char **argv)
{
    return ask_guests(cli, argc, argv, CHAOS_END_REBOOT);
}
