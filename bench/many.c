/* SPDX-License-Identifier: MIT */
/*
 * Guests by the thousand, in one process that uses libchaos.
 *
 *     many create [-s] FIRST COUNT CONFIG
 *     many destroy [-s] FIRST COUNT
 *
 * creates guests of a configuration, or destroys them, by the names guestN,
 * and prints how many nanoseconds each took.  -s lets the system settle before
 * each one, as a figure needs; without it they come as fast as they can.
 *
 *     many memory [DOMID]
 *
 * prints Xen's free memory, and what it has given a guest: its own pages, its
 * paging pool, its frames of grants, and what one more of these takes, which
 * is tried out.  A line each, in KiB, but for the number of frames.
 */
#include "measure.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include <xen/memory.h>

#include <chaos/chaos.h>

#define NAME_SIZE 32
#define MORE_FRAMES 16 /* of grants, to see what one takes */

static struct chaos *chaos;

static void settle(void)
{
    const struct timespec while_ = { .tv_nsec = 100000000 };

    nanosleep(&while_, NULL);
}

static void name_of(unsigned long number, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "guest%lu", number);
}

static uint64_t create(struct chaos_config *config, const char *name)
{
    struct chaos_error error;
    char setting[NAME_SIZE + 8];
    uint64_t start_ns;

    snprintf(setting, sizeof setting, "name=\"%s\"", name);
    if (chaos_config_set(chaos, config, setting, &error) < 0)
        errx(1, "%s", error.message);
    start_ns = now_ns();
    if (chaos_guest_create(chaos, config, 0, NULL, &error) < 0)
        errx(1, "%s: %s", name, error.message);
    return now_ns() - start_ns;
}

static uint64_t destroy(const char *name)
{
    struct chaos_error error;
    uint64_t start_ns = now_ns();
    uint32_t domid;

    if (chaos_guest_find(chaos, name, &domid, &error) < 0 ||
        chaos_guest_destroy(chaos, domid, &error) < 0)
        errx(1, "%s: %s", name, error.message);
    return now_ns() - start_ns;
}

/* Without a configuration it destroys. */
static void many(bool settles, unsigned long first, unsigned long count,
                 struct chaos_config *config)
{
    unsigned long number;
    char name[NAME_SIZE];
    uint64_t ns;

    for (number = first; number < first + count; number++) {
        name_of(number, name);
        if (settles)
            settle();
        ns = config ? create(config, name) : destroy(name);
        printf("%llu\n", (unsigned long long)ns);
        fflush(stdout);
    }
}

static uint64_t free_kb(void)
{
    struct chaos_host_info host;
    struct chaos_error error;

    if (chaos_host_info(chaos, &host, &error) < 0)
        errx(1, "%s", error.message);
    return host.free_kb;
}

/* Xen makes a frame of grants when somebody maps it; the table keeps it. */
static void grow_grants(uint32_t domid, unsigned from, unsigned count)
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    xenforeignmemory_resource_handle *resource;
    void *address = NULL;

    if (!memory)
        err(1, "opening guest memory");
    resource = xenforeignmemory_map_resource(
        memory, domid, XENMEM_resource_grant_table,
        XENMEM_resource_grant_table_id_shared, from, count, &address,
        PROT_READ | PROT_WRITE, 0);
    if (!resource)
        err(1, "mapping the grant table of domain %u", domid);
    xenforeignmemory_unmap_resource(memory, resource);
    xenforeignmemory_close(memory);
}

static void memory_of(uint32_t domid)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    struct gnttab_query_size grants = { .dom = (domid_t)domid };
    xc_domaininfo_t info;
    uint64_t pool = 0, before;

    if (!xc || xc_domain_getinfolist(xc, domid, 1, &info) != 1 ||
        info.domain != domid)
        errx(1, "no domain %u", domid);
    if (info.flags & XEN_DOMINF_hvm_guest &&
        xc_get_paging_mempool_size(xc, domid, &pool) < 0)
        err(1, "reading the paging pool of domain %u", domid);
    if (xc_gnttab_query_size(xc, &grants) < 0 || grants.status != GNTST_okay)
        errx(1, "reading the grant table's size of domain %u", domid);
    printf("own %llu\npool %llu\ngrant_frames %u\n",
           (unsigned long long)info.tot_pages * 4,
           (unsigned long long)pool / 1024, grants.nr_frames);
    xc_interface_close(xc);
    before = free_kb();
    grow_grants(domid, grants.nr_frames, MORE_FRAMES);
    printf("grant_frame %.1f\n", (double)(before - free_kb()) / MORE_FRAMES);
}

static struct chaos_config *load(const char *path)
{
    struct chaos_config *config;
    struct chaos_error error;

    if (chaos_config_load(chaos, path, &config, &error) < 0)
        errx(1, "%s", error.message);
    return config;
}

static int usage(void)
{
    errx(2, "usage: many create [-s] FIRST COUNT CONFIG\n"
            "       many destroy [-s] FIRST COUNT\n"
            "       many memory [DOMID]");
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    struct chaos_options options = { .run_dir = getenv("CHAOS_RUN_DIR") };
    struct chaos_config *config = NULL;
    struct chaos_error error;
    bool settles = false, creates = strcmp(command, "create") == 0;
    int option;

    while (argc > 1 && (option = getopt(argc - 1, argv + 1, "+s")) != -1)
        if (option == 's')
            settles = true;
        else
            return 2;
    argc -= 1 + optind;
    argv += 1 + optind;
    if (chaos_open(&options, &chaos, &error) < 0)
        errx(1, "%s", error.message);
    if (strcmp(command, "memory") == 0 && argc <= 1) {
        printf("free %llu\n", (unsigned long long)free_kb());
        if (argc == 1)
            memory_of((uint32_t)strtoul(argv[0], NULL, 10));
    } else if ((creates && argc == 3) ||
               (strcmp(command, "destroy") == 0 && argc == 2)) {
        if (creates)
            config = load(argv[2]);
        many(settles, strtoul(argv[0], NULL, 10), strtoul(argv[1], NULL, 10),
             config);
        chaos_config_free(config);
    } else {
        return usage();
    }
    chaos_close(chaos);
    return 0;
}
