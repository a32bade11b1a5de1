/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With --help and the end. */
#define OPTIONS_MAX (CLI_OPTIONS_MAX + 1)

/* ------------------------------------------------------------- options */

static void usage_line(const struct cli_command *command, FILE *to)
{
    fprintf(to, "usage: chaos %s%s%s%s\n", command->name,
            command->options[0].help ? " [OPTION]..." : "",
            *command->arguments ? " " : "", command->arguments);
}

void cli_help(const struct cli_command *command)
{
    const struct cli_option *option;
    char names[64];

    usage_line(command, stdout);
    printf("\n%c%s.\n", command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->options[0].help)
        printf("\n");
    for (option = command->options; option->help; option++) {
        snprintf(names, sizeof(names), "%s%c%s%s%s%s%s",
                 option->letter ? "-" : " ",
                 option->letter ? option->letter : ' ',
                 option->letter && option->name ? ", " : "  ",
                 option->name ? "--" : "", option->name ? option->name : "",
                 option->argument && *option->argument != '[' ? " " : "",
                 option->argument ? option->argument : "");
        printf("  %-24s %s\n", names, option->help);
    }
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "chaos %s: ", cli->command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    usage_line(cli->command, stderr);
    return CLI_USAGE;
}

/* The command's table in getopt's form. */
static void fill_options(const struct cli_command *command,
                         struct option longs[OPTIONS_MAX],
                         char letters[3 * OPTIONS_MAX])
{
    const struct cli_option *option;
    size_t count = 0;
    char *to = letters;

    *to++ = ':';
    for (option = command->options; option->help; option++) {
        if (option - command->options == CLI_OPTIONS_MAX)
            abort(); /* a mistake in the table */
        if (option->letter) {
            *to++ = option->letter;
            if (option->argument)
                *to++ = ':';
        }
        if (option->name)
            longs[count++] = (struct option){
                .name = option->name,
                .has_arg = !option->argument          ? no_argument
                           : *option->argument == '[' ? optional_argument
                                                      : required_argument,
                .val = option->letter
                           ? option->letter
                           : CLI_LONG((int)(option - command->options)),
            };
    }
    longs[count++] = (struct option){ .name = "help", .val = 'h' };
    longs[count] = (struct option){ 0 };
    *to++ = 'h';
    *to = '\0';
}

int cli_option(struct cli *cli, int argc, char **argv)
{
    struct option longs[OPTIONS_MAX];
    char letters[3 * OPTIONS_MAX];
    int option;

    fill_options(cli->command, longs, letters);
    opterr = 0;
    option = getopt_long(argc, argv, letters, longs, NULL);
    if (option == ':') {
        cli_usage(cli, "%s needs an argument", argv[optind - 1]);
        return '?';
    }
    if (option == '?')
        cli_usage(cli, "no option %s", argv[optind - 1]);
    if (option == 'h')
        cli_help(cli->command);
    return option;
}

int cli_option_exit(int option)
{
    return option == 'h' ? CLI_DONE : CLI_USAGE;
}

bool cli_number(const char *text, unsigned max, unsigned *value_r)
{
    unsigned long value;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    value = strtoul(text, &end, 10);
    if (*end || value > max)
        return false;
    *value_r = (unsigned)value;
    return true;
}

int64_t cli_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -------------------------------------------------------------- errors */

static int exit_for(int code)
{
    switch (code) {
    case CHAOS_ENOGUEST:
        return CLI_NO_GUEST;
    case CHAOS_EEXIST:
        return CLI_TAKEN;
    case CHAOS_ETIMEDOUT:
        return CLI_TIMEOUT;
    case CHAOS_ENOXEN:
        return CLI_NO_XEN;
    case CHAOS_ENOMEM:
        return CLI_NO_MEMORY;
    default:
        return CLI_FAILED;
    }
}

int cli_fail(const struct cli *cli, const struct chaos_error *err)
{
    fprintf(stderr, "chaos %s: %s\n", cli->command->name, err->message);
    return exit_for(err->code);
}

static void print_log(void *user, enum chaos_log_level level,
                      const char *message)
{
    (void)user;
    fprintf(stderr, "chaos: %s%s\n",
            level == CHAOS_LOG_WARNING ? "warning: " : "", message);
}

int cli_open(struct cli *cli)
{
    struct chaos_options options = {
        .log = cli->quiet ? NULL : print_log,
        .log_level = cli->verbose > 1   ? CHAOS_LOG_DEBUG
                     : cli->verbose > 0 ? CHAOS_LOG_INFO
                                        : CHAOS_LOG_WARNING,
        /* For tests and for hosts whose /run is elsewhere. */
        .run_dir = getenv("CHAOS_RUN_DIR"),
        .cache_dir = getenv("CHAOS_CACHE_DIR"),
        .phase = cli->timing ? cli_timing_phase : NULL,
        .phase_user = cli->timing,
    };
    struct chaos_error err;

    return chaos_open(&options, &cli->chaos, &err) < 0 ? cli_fail(cli, &err)
                                                       : CLI_DONE;
}

/* -------------------------------------------------------------- guests */

int cli_each_guest(struct cli *cli, int count, char **names, cli_guest_fn work,
                   void *user)
{
    struct chaos_error err;
    int status, r, i;
    uint32_t domid;

    if (count < 1)
        return cli_usage(cli, "no guest is named");
    status = cli_open(cli);
    if (status != CLI_DONE)
        return status;
    for (i = 0; i < count; i++) {
        if (chaos_guest_find(cli->chaos, names[i], &domid, &err) == 0 &&
            work(cli, domid, names[i], user, &err) == 0)
            continue;
        r = cli_fail(cli, &err);
        if (status == CLI_DONE)
            status = r;
        if (r == CLI_NO_XEN)
            break; /* the others fail alike */
    }
    return status;
}

const char *cli_end_name(unsigned end)
{
    static const char *const names[] = {
        [CHAOS_END_POWEROFF] = "poweroff",
        [CHAOS_END_REBOOT] = "reboot",
        [CHAOS_END_SUSPEND] = "suspend",
        [CHAOS_END_CRASH] = "crash",
        [CHAOS_END_WATCHDOG] = "watchdog",
        [CHAOS_END_SOFT_RESET] = "soft-reset",
    };

    if (end == CHAOS_END_DESTROYED)
        return "destroyed";
    return end < sizeof(names) / sizeof(names[0]) ? names[end] : "unknown";
}

const char *cli_state_name(const struct chaos_guest_info *info)
{
    if (info->dying)
        return "dying";
    if (info->ended)
        return "ended";
    if (info->paused)
        return "paused";
    return info->running ? "running" : "blocked";
}

const char *cli_shown_name(const struct chaos_guest_info *info)
{
    if (*info->name)
        return info->name;
    return info->is_shell ? "(shell)" : "(null)";
}

const char *cli_type_name(unsigned type)
{
    return type == CHAOS_GUEST_PVH ? "pvh" : "pv";
}

const char *cli_status_name(unsigned status)
{
    static const char *const names[] = {
        [CHAOS_STATUS_BOOTING] = "booting",
        [CHAOS_STATUS_UP] = "up",
        [CHAOS_STATUS_GOING_DOWN] = "going down",
        [CHAOS_STATUS_CRASHED] = "crashed",
    };

    return status < sizeof(names) / sizeof(names[0]) ? names[status]
                                                     : "unknown";
}

void cli_uuid(const uint8_t uuid[16], char text[CLI_UUID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    int i;

    for (i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[uuid[i] >> 4];
        *text++ = digits[uuid[i] & 15];
    }
    *text = '\0';
}
