/* SPDX-License-Identifier: MIT */
/* vcpu-list, vcpu-pin, vcpu-set. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------- vcpu-list */

static bool has_cpu(const struct chaos_cpuset *set, uint32_t cpu)
{
    return cpu < CHAOS_CPUS_MAX && set->words[cpu / 64] >> (cpu % 64) & 1;
}

/* "all", "none", or "0-2,5", of the CPUs that the host has. */
static void print_cpus(const struct chaos_cpuset *set, uint32_t cpus)
{
    const char *separator = "";
    uint32_t first, end;

    for (first = 0; first < cpus; first = end + 1) {
        for (end = first; end < cpus && has_cpu(set, end);)
            end++;
        if (end == first)
            continue;
        if (first == 0 && end == cpus)
            printf("all");
        else if (end == first + 1)
            printf("%s%" PRIu32, separator, first);
        else
            printf("%s%" PRIu32 "-%" PRIu32, separator, first, end - 1);
        separator = ",";
    }
    if (!*separator)
        printf("none");
}

/* xl vcpu-list's columns, byte for byte, down to the CPU that is not below its
 * title: scripts read them. */
static void print_header(void)
{
    printf("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU",
           "State", "Time(s)", "Affinity (Hard / Soft)");
}

static void print_vcpu(const char *name, uint32_t domid,
                       const struct chaos_vcpu_info *info, uint32_t cpus)
{
    printf("%-32s %5" PRIu32 " %5" PRIu32, name, domid, info->vcpu);
    if (info->online)
        printf("%5" PRIu32 "   %c%c- ", info->cpu, info->running ? 'r' : '-',
               info->blocked ? 'b' : '-');
    else
        printf("    -   --p ");
    printf("%9.1f  ", (double)(float)info->cpu_time_ns / 1e9);
    print_cpus(&info->hard, cpus);
    printf(" / ");
    print_cpus(&info->soft, cpus);
    printf("\n");
}

static int print_vcpus(struct cli *cli, const struct chaos_guest_info *guest,
                       uint32_t cpus, struct chaos_error *err)
{
    struct chaos_vcpu_info *list;
    size_t count, i;
    int rc = chaos_vcpu_list(cli->chaos, guest->domid, &list, &count, err);

    if (rc < 0)
        return rc;
    for (i = 0; i < count; i++)
        print_vcpu(cli_shown_name(guest), guest->domid, &list[i], cpus);
    free(list);
    return 0;
}

static int list_one(struct cli *cli, uint32_t domid, const char *name,
                    void *user, struct chaos_error *err)
{
    struct chaos_guest_info guest;
    const uint32_t *cpus = user;
    int rc = chaos_guest_info(cli->chaos, domid, &guest, err);

    (void)name;
    return rc < 0 ? rc : print_vcpus(cli, &guest, *cpus, err);
}

static int list_all(struct cli *cli, uint32_t cpus)
{
    struct chaos_guest_info *list;
    struct chaos_error err;
    size_t count, i;
    int status = CLI_DONE;

    if (chaos_guest_list(cli->chaos, &list, &count, &err) < 0)
        return cli_fail(cli, &err);
    for (i = 0; i < count; i++) {
        /* Who has gone since is not listed. */
        if (list[i].is_shell || print_vcpus(cli, &list[i], cpus, &err) == 0 ||
            err.code == CHAOS_ENOGUEST)
            continue;
        status = cli_fail(cli, &err);
        break;
    }
    free(list);
    return status;
}

int cli_vcpu_list(struct cli *cli, int argc, char **argv)
{
    int option = cli_option(cli, argc, argv), status;
    struct chaos_host_info host;
    struct chaos_error err;

    if (option != -1)
        return cli_option_exit(option);
    status = cli_open(cli);
    if (status == CLI_DONE && chaos_host_info(cli->chaos, &host, &err) < 0)
        status = cli_fail(cli, &err);
    if (status != CLI_DONE)
        return status;
    print_header();
    return argc > optind ? cli_each_guest(cli, argc - optind, argv + optind,
                                          list_one, &host.cpus)
                         : list_all(cli, host.cpus);
}

/* ------------------------------------------------------------ vcpu-pin */

struct pinning {
    uint32_t vcpu;
    struct chaos_cpuset hard, soft;
    bool has_hard, has_soft;
};

static int pin(struct cli *cli, uint32_t domid, const char *name, void *user,
               struct chaos_error *err)
{
    const struct pinning *pinning = user;

    (void)name;
    return chaos_vcpu_set_affinity(cli->chaos, domid, pinning->vcpu,
                                   pinning->has_hard ? &pinning->hard : NULL,
                                   pinning->has_soft ? &pinning->soft : NULL,
                                   err);
}

/* "-" leaves the affinity as it is. */
static int parse_affinity(const char *text, struct chaos_cpuset *set_r,
                          bool *has_r, struct chaos_error *err)
{
    *has_r = strcmp(text, "-") != 0;
    return *has_r ? chaos_cpuset_parse(text, set_r, err) : 0;
}

int cli_vcpu_pin(struct cli *cli, int argc, char **argv)
{
    struct pinning pinning = { .vcpu = CHAOS_VCPU_ALL };
    int option = cli_option(cli, argc, argv);
    char **words = argv + optind;
    int count = argc - optind;
    struct chaos_error err;

    if (option != -1)
        return cli_option_exit(option);
    if (count < 3 || count > 4)
        return cli_usage(cli, "a guest, a vCPU and its CPUs, please");
    if (strcmp(words[1], "all") != 0 &&
        !cli_number(words[1], CHAOS_VCPU_ALL - 1, &pinning.vcpu))
        return cli_usage(cli, "%s: not a vCPU: a number or all", words[1]);
    if (parse_affinity(words[2], &pinning.hard, &pinning.has_hard, &err) < 0 ||
        (count > 3 &&
         parse_affinity(words[3], &pinning.soft, &pinning.has_soft, &err) < 0))
        return cli_fail(cli, &err);
    return cli_each_guest(cli, 1, words, pin, &pinning);
}

/* ------------------------------------------------------------ vcpu-set */

struct wanted {
    unsigned vcpus;
    bool ignore_host;
};

/* As xl: bringing more online than the host has CPUs is a slip, as a rule. */
static int check_host(struct cli *cli, uint32_t domid, unsigned vcpus,
                      struct chaos_error *err)
{
    struct chaos_guest_info guest;
    struct chaos_host_info host;
    int rc = chaos_guest_info(cli->chaos, domid, &guest, err);

    if (rc == 0)
        rc = chaos_host_info(cli->chaos, &host, err);
    if (rc < 0 || vcpus <= host.cpus || vcpus <= guest.vcpus)
        return rc;
    *err = (struct chaos_error){ .code = CHAOS_EINVAL };
    snprintf(err->message, sizeof(err->message),
             "%u vCPUs: the host has %" PRIu32 " CPUs; --ignore-host does it "
             "all the same",
             vcpus, host.cpus);
    return CHAOS_EINVAL;
}

static int set(struct cli *cli, uint32_t domid, const char *name, void *user,
               struct chaos_error *err)
{
    const struct wanted *wanted = user;
    int rc =
        wanted->ignore_host ? 0 : check_host(cli, domid, wanted->vcpus, err);

    (void)name;
    return rc < 0
               ? rc
               : chaos_guest_set_vcpus(cli->chaos, domid, wanted->vcpus, err);
}

int cli_vcpu_set(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = { .ignore_host = false };
    int option;

    while ((option = cli_option(cli, argc, argv)) != -1) {
        if (option != 'i')
            return cli_option_exit(option);
        wanted.ignore_host = true;
    }
    if (argc - optind != 2)
        return cli_usage(cli, "a guest and a number of vCPUs, please");
    if (!cli_number(argv[optind + 1], UINT16_MAX, &wanted.vcpus))
        return cli_usage(cli, "%s: not a number of vCPUs", argv[optind + 1]);
    return cli_each_guest(cli, 1, argv + optind, set, &wanted);
}
