/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Places in the table of options. */
enum {
    COLD = 5,
    NO_REFILL = 6,
    REGISTRY = 7,
    TIMING = 8,
    DRYRUN = 12
};

struct wanted {
    bool paused, console, dry_run, wait, cold, no_refill, timing_json;
    const char *registry;
    const char *file; /* named by an option, or NULL */
    unsigned timeout_s;
};

static int parse_options(struct cli *cli, int argc, char **argv,
                         struct wanted *wanted)
{
    int option;

    while ((option = cli_option(cli, argc, argv)) != -1)
        switch (option) {
        case 'p':
            wanted->paused = true;
            break;
        case 'c':
            wanted->console = true;
            break;
        case 'w':
            wanted->wait = true;
            break;
        case 't':
            if (!cli_number(optarg, CLI_TIMEOUT_MAX_S, &wanted->timeout_s))
                return cli_usage(cli, "--timeout %s: not a number of seconds",
                                 optarg);
            break;
        case 'n':
        case CLI_LONG(DRYRUN):
            wanted->dry_run = true;
            break;
        case CLI_LONG(COLD):
            wanted->cold = true;
            break;
        case CLI_LONG(NO_REFILL):
            wanted->no_refill = true;
            break;
        case CLI_LONG(REGISTRY):
            wanted->registry = optarg;
            break;
        case CLI_LONG(TIMING):
            if (optarg && strcmp(optarg, "json") != 0)
                return cli_usage(cli, "--timing=%s: not json", optarg);
            wanted->timing_json = optarg != NULL;
            cli->timing = cli_timing_begin();
            break;
        case 'f':
            wanted->file = optarg;
            break;
        case 'q':
            cli->quiet = true;
            break;
        case 'v':
            cli->verbose++;
            break;
        default:
            return cli_option_exit(option);
        }
    if (cli->timing && (wanted->console || wanted->dry_run))
        return cli_usage(cli, "--timing and --%s exclude each other",
                         wanted->console ? "console" : "dry-run");
    if (wanted->wait && (wanted->paused || wanted->console))
        return cli_usage(cli, "--wait and --%s exclude each other",
                         wanted->paused ? "paused" : "console");
    if (optind >= argc && !wanted->file)
        return cli_usage(cli, "no configuration is named");
    return -1; /* go on */
}

static int set_registry(struct cli *cli, const char *registry,
                        struct chaos_config *config, struct chaos_error *err)
{
    char assignment[64];

    snprintf(assignment, sizeof(assignment), "registry=%s", registry);
    return chaos_config_set(cli->chaos, config, assignment, err);
}

/* Of the arguments: as xl has it, the first that sets nothing; else the first.
 */
static int find_file(char **arguments, int count)
{
    int i = 0;

    while (i < count && strchr(arguments[i], '='))
        i++;
    return i < count ? i : 0;
}

/* The file's configuration with the overrides over it. */
static int load(struct cli *cli, const struct wanted *wanted, int count,
                char **arguments, struct chaos_config **config_r,
                struct chaos_error *err)
{
    const int file = wanted->file ? -1 : find_file(arguments, count);
    int rc, i;

    rc = chaos_config_load(
        cli->chaos, file < 0 ? wanted->file : arguments[file], config_r, err);
    if (rc < 0)
        return rc;
    for (i = 0; rc == 0 && i < count; i++)
        if (i != file)
            rc = chaos_config_set(cli->chaos, *config_r, arguments[i], err);
    if (rc == 0 && wanted->registry)
        rc = set_registry(cli, wanted->registry, *config_r, err);
    if (rc < 0)
        chaos_config_free(*config_r);
    return rc;
}

static int dry_run(struct cli *cli, const struct chaos_config *config,
                   struct chaos_error *err)
{
    const char *why;
    char *text;
    int mode = 0, rc = chaos_guest_check(cli->chaos, config, err);

    if (rc == 0)
        rc = mode = chaos_guest_registry(cli->chaos, config, &why, err);
    if (rc >= 0)
        rc = chaos_config_format(config, &text, err);
    if (rc < 0)
        return rc;
    printf("# registry: %s, as %s\n%s",
           mode == CHAOS_REGISTRY_NOXS ? "noxs" : "xenstore", why, text);
    free(text);
    return 0;
}

static unsigned flags_for(const struct wanted *wanted)
{
    unsigned flags = 0;

    /* With -c the guest starts only when somebody listens. */
    if (wanted->paused || wanted->console)
        flags |= CHAOS_CREATE_PAUSED;
    if (wanted->wait)
        flags |= CHAOS_CREATE_NOXS;
    if (wanted->cold)
        flags |= CHAOS_CREATE_COLD;
    return flags;
}

static int show_console(struct cli *cli, uint32_t domid, bool start,
                        struct chaos_error *err)
{
    struct chaos_console *console;
    int status, rc;

    rc = chaos_console_open(cli->chaos, domid, &console, err);
    if (rc == 0 && start)
        rc = chaos_guest_unpause(cli->chaos, domid, err);
    if (rc < 0) {
        status = cli_fail(cli, err);
        chaos_guest_destroy(cli->chaos, domid, NULL);
        return status;
    }
    return cli_console(cli, domid, console);
}

/* Before the console is shown: the child works only when this process has
 * ended. */
static void publish_now(struct cli *cli)
{
    struct chaos_error err;

    if (chaos_guest_publish(cli->chaos, cli->created, &err) < 0)
        cli_fail(cli, &err);
    cli->publish = false;
}

/* Past stdio, whose first line takes looking at what stdout is, and a buffer.
 */
static int answer(uint32_t domid)
{
    char line[16];
    int length = snprintf(line, sizeof(line), "%" PRIu32 "\n", domid);

    if (write(STDOUT_FILENO, line, (size_t)length) == length)
        return CLI_DONE;
    perror("chaos: writing the output");
    return CLI_FAILED;
}

static int create(struct cli *cli, const struct chaos_config *config,
                  const struct wanted *wanted, struct chaos_error *err)
{
    uint32_t domid = 0;
    int rc =
        chaos_guest_create(cli->chaos, config, flags_for(wanted), &domid, err);

    /* Also when it failed: it may have found shells to be of no use. */
    cli->refill = !wanted->no_refill;
    cli->publish = rc == 0 && chaos_guest_unpublished(cli->chaos, domid);
    cli->created = domid;
    cli->leave_child = cli->refill || cli->publish;
    if (rc == 0 && wanted->console)
        publish_now(cli);
    if (rc == 0 && wanted->console)
        return show_console(cli, domid, !wanted->paused, err);
    if (rc == 0 && wanted->wait && cli->timing)
        cli_timing_mark(cli->timing, "up");
    if (rc == 0 && wanted->wait)
        rc = chaos_guest_wait_up(cli->chaos, domid,
                                 (int)wanted->timeout_s * 1000, err);
    if (rc < 0)
        return cli_fail(cli, err);
    if (cli->timing)
        cli_timing_print(cli->timing, wanted->timing_json, domid);
    if (cli->quiet || wanted->timing_json)
        return CLI_DONE;
    return answer(domid);
}

int cli_create(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = { .timeout_s = CLI_TIMEOUT_S };
    struct chaos_config *config;
    struct chaos_error err;
    int status = parse_options(cli, argc, argv, &wanted);

    if (status >= 0)
        return status;
    status = cli_open(cli);
    if (status != CLI_DONE)
        return status;
    if (cli->timing)
        cli_timing_mark(cli->timing, "config");
    if (load(cli, &wanted, argc - optind, argv + optind, &config, &err) < 0)
        return cli_fail(cli, &err);
    if (wanted.dry_run)
        status =
            dry_run(cli, config, &err) < 0 ? cli_fail(cli, &err) : CLI_DONE;
    else
        status = create(cli, config, &wanted, &err);
    chaos_config_free(config);
    return status;
}
