/* SPDX-License-Identifier: MIT */
/*
 * How long create and destroy take inside a process that uses libchaos, in
 * nanoseconds.
 *
 *     inprocess [-s] [-n TIMES] [-r RUNNING] TYPE KERNEL [LINE]...
 *
 * starts RUNNING guests, then creates and destroys one more TIMES times,
 * prints "create NS" and "destroy NS" each time, and destroys the guests.  The
 * LINEs are in that one's configuration alone, which is parsed before: that is
 * not part of the time.  -s: each of the TIMES takes a shell of a pool that was
 * filled before.
 */
#include "measure.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <chaos/chaos.h>

static struct chaos *chaos;

/* Lets what the last step left to Xen and to the guest come to its end. */
static void settle(void)
{
    const struct timespec while_ = { .tv_nsec = 100000000 };

    nanosleep(&while_, NULL);
}

static char lines[4096]; /* of the configuration, besides */

static struct chaos_config *configure(const char *type, const char *kernel,
                                      unsigned long number, const char *more)
{
    struct chaos_config *config;
    struct chaos_error error;
    char text[8192];

    snprintf(text, sizeof text,
             "name = \"inprocess%lu\"\ntype = \"%s\"\nkernel = \"%s\"\n"
             "memory = 4\n%s",
             number, type, kernel, more);
    if (chaos_config_parse(chaos, text, "inprocess", &config, &error) < 0)
        errx(1, "%s", error.message);
    return config;
}

static void fill_pool(const struct chaos_config *config, unsigned count)
{
    char name[CHAOS_POOL_NAME_MAX + 1];
    struct chaos_error error;

    if (chaos_pool_add(chaos, config, NULL, name, &error) < 0 ||
        chaos_pool_fill(chaos, name, count, &error) < 0)
        errx(1, "%s", error.message);
}

static uint64_t create(const struct chaos_config *config, uint32_t *domid)
{
    struct chaos_error error;
    uint64_t start = now_ns(), end;

    if (chaos_guest_create(chaos, config, 0, domid, &error) < 0)
        errx(1, "%s", error.message);
    end = now_ns();
    return end - start;
}

static uint64_t destroy(uint32_t domid)
{
    struct chaos_error error;
    uint64_t start = now_ns(), end;

    if (chaos_guest_destroy(chaos, domid, &error) < 0)
        errx(1, "%s", error.message);
    end = now_ns();
    return end - start;
}

int main(int argc, char **argv)
{
    unsigned long times = 1, running = 0, i;
    struct chaos_config *config;
    struct chaos_error error;
    uint64_t create_ns, destroy_ns;
    uint32_t *domids, domid;
    bool shells = false;
    int option;

    while ((option = getopt(argc, argv, "sn:r:")) != -1)
        if (option == 's')
            shells = true;
        else if (option == 'n')
            times = strtoul(optarg, NULL, 10);
        else if (option == 'r')
            running = strtoul(optarg, NULL, 10);
        else
            return 2;
    if (argc - optind < 2 || running > CHAOS_DOMID_END)
        errx(2, "usage: inprocess [-s] [-n TIMES] [-r RUNNING] TYPE KERNEL "
                "[LINE]...");
    for (i = (unsigned long)optind + 2; i < (unsigned long)argc; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s\n",
                 argv[i]);
    domids = calloc(running + 1, sizeof *domids);
    if (!domids)
        err(1, NULL);
    if (chaos_open(NULL, &chaos, &error) < 0)
        errx(1, "%s", error.message);
    for (i = 0; i < running; i++) {
        config = configure(argv[optind], argv[optind + 1], i, "");
        create(config, &domids[i]);
        chaos_config_free(config);
    }
    config = configure(argv[optind], argv[optind + 1], running, lines);
    if (shells)
        fill_pool(config, (unsigned)times);
    for (i = 0; i < times; i++) {
        settle();
        create_ns = create(config, &domid);
        settle();
        destroy_ns = destroy(domid);
        printf("create %llu\ndestroy %llu\n", (unsigned long long)create_ns,
               (unsigned long long)destroy_ns);
    }
    chaos_config_free(config);
    if (shells)
        chaos_pool_drain(chaos, NULL, NULL);
    for (i = 0; i < running; i++)
        destroy(domids[i]);
    free(domids);
    chaos_close(chaos);
    return 0;
}
