/* SPDX-License-Identifier: MIT */
/* Guests through the public API, on the fake hypervisor. */
#include "fake_hv.h"
#include "noxs/abi/noxs.h"
#include "support.h"

#include "build/device_page.h"
#include "guest/uuid.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define A_UUID "11111111-2222-3333-4444-555555555555"

static const uint8_t a_uuid[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22,
                                    0x33, 0x33, 0x44, 0x44, 0x55, 0x55,
                                    0x55, 0x55, 0x55, 0x55 };
static const uint8_t foreign_uuid[16] = { 0xf0, 1, 2, 3 };

static int setup(void **state)
{
    *state = support_world_new();
    return 0;
}

/* Whatever a test did: destroying its guests leaves nothing. */
static int teardown(void **state)
{
    struct support_world *world = *state;
    struct chaos_guest_info *list;
    struct chaos_error err;
    size_t count, i;
    bool clean;

    support_reopen(world);
    if (chaos_guest_list(world->chaos, &list, &count, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    for (i = 0; i < count; i++)
        if (list[i].domid > 0 &&
            chaos_guest_destroy(world->chaos, list[i].domid, &err) < 0)
            fake_hv_vanish(list[i].domid);
    free(list);
    if (chaos_guest_list(world->chaos, &list, &count, &err) == 0)
        free(list);
    clean = support_count_slots(world) == 0 &&
            support_count_files(world->run_dir, "guest-") == 0;
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = fake_hv_check_clean() && clean;
    support_world_free(world);
    return clean ? 0 : -1;
}

/* Creates a guest in one line. */
static int try_create(struct support_world *world, const char *name,
                      const char *type, const char *kernel, const char *more,
                      unsigned flags, uint32_t *domid_r,
                      struct chaos_error *err)
{
    struct chaos_config *config =
        support_config(world, name, type, kernel, more);
    int rc = chaos_guest_create(world->chaos, config, flags, domid_r, err);

    chaos_config_free(config);
    return rc;
}

static uint32_t create(struct support_world *world, const char *name,
                       const char *more)
{
    struct chaos_error err;
    uint32_t domid = 0;

    if (try_create(world, name, "pvh", world->noxs_kernel, more, 0, &domid,
                   &err) < 0)
        fail_msg("creating %s: %s", name, err.message);
    return domid;
}

static size_t count_domains(struct support_world *world)
{
    struct chaos_guest_info *list;
    struct chaos_error err;
    size_t count;

    assert_int_equal(chaos_guest_list(world->chaos, &list, &count, &err), 0);
    free(list);
    return count;
}

static void assert_gone(struct support_world *world, const char *name)
{
    struct chaos_error err = { 0 };
    uint32_t domid;

    assert_int_equal(chaos_guest_find(world->chaos, name, &domid, &err),
                     CHAOS_ENOGUEST);
    assert_non_null(strstr(err.message, name));
}

static uint32_t find(struct support_world *world, const char *name)
{
    struct chaos_error err;
    uint32_t domid = 0;

    if (chaos_guest_find(world->chaos, name, &domid, &err) < 0)
        fail_msg("%s", err.message);
    return domid;
}

/* -------------------------------------------------------------- creating */

/* Xen has no domid left, or no memory for a domain: said as such, and the
 * guests that are there stay. */
static void out_of_domids(void **state)
{
    struct support_world *world = *state;
    struct chaos_error err;

    create(world, "first", "");
    fake_hv_fail_next(FAKE_HV_DOMAIN_CREATE, CHAOS_ENOMEM);
    assert_int_equal(try_create(world, "second", "pvh", world->noxs_kernel, "",
                                0, NULL, &err),
                     CHAOS_ENOMEM);
    assert_non_null(strstr(err.message, "creating second"));
    assert_gone(world, "second");
    assert_int_equal(count_domains(world), 2);
    assert_int_equal(support_count_slots(world), 1);
    create(world, "second", "");
}

static void creates_a_pvh_guest(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "vcpus=2\nmaxmem=8\n");
    struct fake_hv_domain domain = fake_hv_domain(domid);
    struct chaos__slot slot = support_slot(world, "web");

    assert_true(domain.pvh);
    assert_false(domain.paused);
    assert_true(domain.has_policy);
    assert_true(domain.has_entry);
    assert_int_equal(domain.entry, support_kernel.entry);
    assert_int_equal(domain.vcpus, 2);
    assert_int_equal(domain.pages, 1024);
    assert_int_equal(domain.max_pages, 2048);
    assert_true(chaos__uuid_is_ours(domain.handle));
    assert_memory_equal(domain.handle, slot.uuid, 16);
    assert_int_equal(domain.max_event_channels, 1023);
    assert_int_equal(domain.max_grant_frames, 0);
    assert_int_equal(slot.state, CHAOS__SLOT_RUNNING);
    assert_int_equal(slot.domid, domid);
    assert_int_equal(slot.owner_pid, getpid());
    assert_int_not_equal(slot.control_frame, 0);
    assert_int_equal(find(world, "web"), domid);
}

static void creates_a_pv_guest(void **state)
{
    struct support_world *world = *state;
    struct fake_hv_domain domain;
    struct noxs_page page;
    struct chaos_error err;
    uint32_t domid;

    fake_hv_set_poison(true);
    assert_int_equal(try_create(world, "pv", "pv", world->noxs_kernel,
                                "cmdline=\"a b\"", 0, &domid, &err),
                     0);
    domain = fake_hv_domain(domid);
    assert_false(domain.pvh);
    assert_true(domain.has_entry);
    assert_false(domain.paused);
    assert_string_equal(domain.command_line, "a b");
    assert_int_not_equal(domain.store_port, 0);
    assert_true(fake_hv_read(domid, domain.store_frame * CHAOS__PAGE_SIZE,
                             &page, sizeof(page)));
    assert_true(page.magic == NOXS_MAGIC);
    assert_int_equal(page.version, NOXS_VERSION);
    assert_int_equal(page.control_port, domain.store_port);
    assert_int_equal(page.entry_count, 1 + CHAOS__SPARE_ENTRIES);
    assert_int_not_equal(page.control_frame, 0);
    assert_int_equal(support_slot(world, "pv").control_frame,
                     page.control_frame);
    assert_int_equal(support_slot(world, "pv").console_frame,
                     domain.console_frame);
}

static void creates_a_plain_pv_guest(void **state)
{
    struct support_world *world = *state;
    struct fake_hv_domain domain;
    struct chaos_error err;
    uint32_t domid;

    assert_int_equal(
        try_create(world, "pv", "pv", world->plain_kernel, "", 0, &domid, &err),
        0);
    domain = fake_hv_domain(domid);
    assert_true(domain.store_port > 0);
    assert_int_equal(domain.store_port, support_slot(world, "pv").store_port);
    assert_int_equal(domain.store_frame, support_slot(world, "pv").store_frame);
    assert_int_equal(support_slot(world, "pv").control_frame, 0);
}

static void loads_a_pv_ramdisk(void **state)
{
    struct support_world *world = *state;
    uint8_t expected[SUPPORT_RAMDISK_SIZE];
    struct fake_hv_domain domain;
    struct chaos_error err;
    uint32_t domid;
    char line[512];
    size_t i;

    for (i = 0; i < sizeof(expected); i++)
        expected[i] = support_byte(99, i);
    snprintf(line, sizeof(line), "ramdisk=\"%s\"", world->ramdisk);
    assert_int_equal(try_create(world, "pv", "pv", world->packed_kernel, line,
                                0, &domid, &err),
                     0);
    domain = fake_hv_domain(domid);
    assert_int_equal(domain.ramdisk_size, SUPPORT_RAMDISK_SIZE);
    assert_true(domain.ramdisk_sum == fake_hv_sum(expected, sizeof(expected)));
}

static void creates_from_a_compressed_kernel(void **state)
{
    struct support_world *world = *state;
    struct chaos_error err;
    uint32_t domid;
    uint8_t byte;

    assert_int_equal(try_create(world, "z", "pvh", world->packed_kernel, "", 0,
                                &domid, &err),
                     0);
    assert_true(fake_hv_read(domid, 0x102005, &byte, 1));
    assert_int_equal(byte, support_byte(1, 5));
    assert_int_equal(support_slot(world, "z").type, CHAOS_GUEST_PVH);
}

/* Once; what came out of it is the same for the next. */
static void unpacks_a_kernel_once(void **state)
{
    struct support_world *world = *state;
    struct chaos_error err;
    uint32_t domid;
    uint8_t byte;

    assert_int_equal(
        try_create(world, "a", "pv", world->packed_kernel, "", 0, &domid, &err),
        0);
    assert_int_equal(try_create(world, "b", "pvh", world->packed_kernel, "", 0,
                                &domid, &err),
                     0);
    assert_int_equal(fake_hv_count(FAKE_HV_UNPACK_KERNEL), 1);
    assert_true(fake_hv_read(domid, 0x102005, &byte, 1));
    assert_int_equal(byte, support_byte(1, 5));
}

static void creates_paused(void **state)
{
    struct support_world *world = *state;
    struct chaos_error err;
    uint32_t domid;

    assert_int_equal(try_create(world, "p", "pvh", world->noxs_kernel, "",
                                CHAOS_CREATE_PAUSED, &domid, &err),
                     0);
    assert_true(fake_hv_domain(domid).paused);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_UNPAUSE), 0);
    assert_int_equal(chaos_guest_unpause(world->chaos, domid, &err), 0);
    assert_false(fake_hv_domain(domid).paused);
}

static void pins_vcpus(void **state)
{
    struct support_world *world = *state;
    struct fake_hv_domain all, each;

    all = fake_hv_domain(create(world, "all", "vcpus=3\ncpus=\"1-2\"\n"));
    each = fake_hv_domain(
        create(world, "each", "vcpus=3\ncpus=[\"0\", \"2-3\"]\n"));
    assert_int_equal(all.pinned[0], 6);
    assert_int_equal(all.pinned[2], 6);
    assert_int_equal(each.pinned[0], 1);
    assert_int_equal(each.pinned[1], 12);
    assert_false(each.is_pinned[2]);
}

static void passes_limits_on(void **state)
{
    struct support_world *world = *state;
    struct fake_hv_domain domain = fake_hv_domain(
        create(world, "l", "max_grant_frames=7\nmax_event_channels=99\n"));

    assert_int_equal(domain.max_grant_frames, 7);
    assert_int_equal(domain.max_event_channels, 99);
}

static void refuses_a_bad_cpu(void **state)
{
    struct support_world *world = *state;
    struct chaos_error err;

    assert_int_equal(try_create(world, "c", "pvh", world->noxs_kernel,
                                "cpus=\"63\"", 0, NULL, &err),
                     CHAOS_EINVAL);
    assert_int_equal(count_domains(world), 1);
}

static void refuses_bad_files(void **state)
{
    struct support_world *world = *state;
    struct chaos_error err;
    char line[512];

    assert_int_equal(
        try_create(world, "a", "pvh", "/nonexistent", "", 0, NULL, &err),
        CHAOS_EIMAGE);
    assert_non_null(strstr(err.message, "/nonexistent"));
    assert_non_null(strstr(err.message, "creating a"));
    assert_int_equal(
        try_create(world, "a", "pvh", world->ramdisk, "", 0, NULL, &err),
        CHAOS_EIMAGE);
    assert_non_null(strstr(err.message, world->ramdisk));
    assert_int_equal(
        try_create(world, "a", "pv", world->ramdisk, "", 0, NULL, &err),
        CHAOS_EIMAGE);
    assert_int_equal(try_create(world, "a", "pvh", world->noxs_kernel,
                                "ramdisk=\"/nowhere\"", 0, NULL, &err),
                     CHAOS_EIMAGE);
    assert_non_null(strstr(err.message, "ramdisk"));
    snprintf(line, sizeof(line), "ramdisk=\"%s\"", world->directory);
    assert_int_equal(
        try_create(world, "a", "pvh", world->noxs_kernel, line, 0, NULL, &err),
        CHAOS_EIMAGE);
    assert_non_null(strstr(err.message, "regular file"));
    assert_int_equal(count_domains(world), 1);
}

static void refuses_a_pv_kernel_as_pvh(void **state)
{
    struct support_world *world = *state;
    struct support_image image = support_kernel;
    char *path = support_path(world->directory, "no-entry");
    struct chaos_error err;
    uint8_t *bytes;
    size_t size;

    image.has_entry = false;
    bytes = support_make_image(&image, &size);
    support_write_file(path, bytes, size);
    assert_int_equal(try_create(world, "a", "pvh", path, "", 0, NULL, &err),
                     CHAOS_EIMAGE);
    assert_non_null(strstr(err.message, "type=\"pv\""));
    free(bytes);
    free(path);
}

static void says_when_memory_is_out(void **state)
{
    struct support_world *world = *state;
    uint64_t free_kb = fake_hv_free_kb();
    struct chaos_error err;

    fake_hv_set_free_kb(3000);
    assert_int_equal(
        try_create(world, "a", "pvh", world->noxs_kernel, "", 0, NULL, &err),
        CHAOS_ENOMEM);
    assert_int_equal(fake_hv_free_kb(), 3000);
    fake_hv_set_free_kb(free_kb);
    create(world, "a", "");
}

static void needs_xen(void **state)
{
    struct support_world *world = *state;
    struct chaos_guest_info *list;
    struct chaos_error err = { 0 };
    struct chaos_host_info host;
    size_t count;

    fake_hv_set_absent(true);
    assert_int_equal(chaos_guest_list(world->chaos, &list, &count, &err),
                     CHAOS_ENOXEN);
    assert_int_equal(
        try_create(world, "a", "pvh", world->noxs_kernel, "", 0, NULL, &err),
        CHAOS_ENOXEN);
    assert_int_equal(chaos_host_info(world->chaos, &host, &err), CHAOS_ENOXEN);
    assert_string_not_equal(err.message, "");
    assert_int_equal(access(world->run_dir, F_OK), -1); /* nothing made */
    fake_hv_set_absent(false);
    create(world, "a", "");
}

static void works_without_an_error_object(void **state)
{
    struct support_world *world = *state;
    uint32_t domid;

    assert_int_equal(
        try_create(world, "a", "pvh", "/nonexistent", "", 0, NULL, NULL),
        CHAOS_EIMAGE);
    assert_int_equal(chaos_guest_find(world->chaos, "x", &domid, NULL),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos_guest_destroy(world->chaos, 77, NULL),
                     CHAOS_ENOGUEST);
}

/* --------------------------------------------------------- names, UUIDs */

static void name_is_taken(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    struct chaos_error err;

    assert_int_equal(
        try_create(world, "web", "pvh", world->noxs_kernel, "", 0, NULL, &err),
        CHAOS_EEXIST);
    assert_non_null(strstr(err.message, "web"));
    assert_int_equal(count_domains(world), 2);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
    create(world, "web", "");
}

static void uuid_is_taken(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "a", "uuid=\"" A_UUID "\"");
    struct chaos_error err;

    assert_memory_equal(fake_hv_domain(domid).handle, a_uuid, 16);
    assert_int_equal(try_create(world, "b", "pvh", world->noxs_kernel,
                                "uuid=\"" A_UUID "\"", 0, NULL, &err),
                     CHAOS_EEXIST);
    assert_non_null(strstr(err.message, "UUID"));
    assert_int_equal(count_domains(world), 2);
}

static void uuid_is_a_foreign_domains(void **state)
{
    struct support_world *world = *state;
    uint32_t foreign = fake_hv_add_foreign("xl", a_uuid);
    struct chaos_error err;

    assert_int_equal(try_create(world, "b", "pvh", world->noxs_kernel,
                                "uuid=\"" A_UUID "\"", 0, NULL, &err),
                     CHAOS_EEXIST);
    assert_true(fake_hv_domain(foreign).exists);
    assert_int_equal(count_domains(world), 2);
}

static void ended_guest_yields_its_name(void **state)
{
    struct support_world *world = *state;
    uint32_t first = create(world, "web", "");

    fake_hv_shut_down(first, CHAOS__SHUTDOWN_POWEROFF);
    create(world, "web", "");
    assert_int_equal(count_domains(world), 2);
    assert_false(fake_hv_domain(first).exists);
}

static void ended_guest_yields_its_uuid(void **state)
{
    struct support_world *world = *state;
    uint32_t first = create(world, "web", "uuid=\"" A_UUID "\"");
    struct chaos_error err;

    fake_hv_shut_down(first, CHAOS__SHUTDOWN_POWEROFF);
    if (try_create(world, "web", "pvh", world->noxs_kernel,
                   "uuid=\"" A_UUID "\"", 0, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(count_domains(world), 2);
}

static void vanished_guest_yields_its_name(void **state)
{
    struct support_world *world = *state;
    uint32_t first = create(world, "web", "");

    fake_hv_vanish(first);
    create(world, "web", "");
    assert_int_equal(support_count_slots(world), 1);
}

static void renames(void **state)
{
    struct support_world *world = *state;
    uint32_t a = create(world, "a", ""), b = create(world, "b", "");
    struct chaos_error err;

    assert_int_equal(chaos_guest_rename(world->chaos, a, "c", &err), 0);
    assert_gone(world, "a");
    assert_int_equal(find(world, "c"), a);
    assert_int_equal(chaos_guest_rename(world->chaos, a, "b", &err),
                     CHAOS_EEXIST);
    assert_int_equal(chaos_guest_rename(world->chaos, a, "c", &err), 0);
    assert_int_equal(chaos_guest_rename(world->chaos, a, "12", &err),
                     CHAOS_EINVAL);
    assert_int_equal(chaos_guest_rename(world->chaos, a, "", &err),
                     CHAOS_EINVAL);
    assert_int_equal(find(world, "c"), a);
    assert_int_equal(find(world, "b"), b);
    create(world, "a", "");
}

static void longest_name(void **state)
{
    struct support_world *world = *state;
    char name[CHAOS_NAME_MAX + 1];
    struct chaos_guest_info info;
    struct chaos_error err;
    uint32_t domid;

    memset(name, 'n', CHAOS_NAME_MAX);
    name[CHAOS_NAME_MAX] = '\0';
    domid = create(world, name, "");
    assert_int_equal(find(world, name), domid);
    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
    assert_string_equal(info.name, name);
    name[CHAOS_NAME_MAX - 1] = '\0';
    assert_gone(world, name);
}

static void finds(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    uint32_t foreign = fake_hv_add_foreign("xl", foreign_uuid);
    char number[16];

    snprintf(number, sizeof(number), "%u", domid);
    assert_int_equal(find(world, number), domid);
    snprintf(number, sizeof(number), "%u", foreign);
    assert_int_equal(find(world, number), foreign);
    assert_int_equal(find(world, "0"), 0);
    assert_int_equal(find(world, "Domain-0"), 0);
    assert_int_equal(find(world, "xl"), foreign);
    assert_gone(world, "99");
    assert_gone(world, "4294967296");
    assert_gone(world, "65536"); /* is 0 in 16 bits */
    assert_gone(world, "32752");
    assert_gone(world, "-1");
    assert_gone(world, "1x");
    assert_gone(world, "we");
}

/* ---------------------------------------------------------------- reading */

static void tells_about_a_guest(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "vcpus=2\nmaxmem=8\n");
    struct chaos_guest_info info;
    struct chaos_error err;

    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
    assert_int_equal(info.domid, domid);
    assert_string_equal(info.name, "web");
    assert_int_equal(info.is_chaos, 1);
    assert_int_equal(info.is_noxs, 1);
    assert_int_equal(info.type, CHAOS_GUEST_PVH);
    assert_int_equal(info.running + info.blocked, 1);
    assert_int_equal(info.paused, 0);
    assert_int_equal(info.ended, 0);
    assert_int_equal(info.dying, 0);
    assert_int_equal(info.vcpus, 2);
    assert_int_equal(info.memory_kb, 4096);
    assert_int_equal(info.maxmem_kb, 8192);
    assert_int_not_equal(info.created_s, 0);
    assert_memory_equal(info.uuid, fake_hv_domain(domid).handle, 16);
}

static void tells_about_others(void **state)
{
    struct support_world *world = *state;
    uint32_t named = fake_hv_add_foreign("from-xl", foreign_uuid);
    uint32_t nameless = fake_hv_add_foreign(NULL, a_uuid);
    struct chaos_guest_info info;
    struct chaos_error err;

    assert_int_equal(chaos_guest_info(world->chaos, named, &info, &err), 0);
    assert_string_equal(info.name, "from-xl");
    assert_int_equal(info.is_chaos, 0);
    assert_int_equal(info.is_noxs, 0);
    assert_int_equal(info.created_s, 0);
    assert_int_equal(chaos_guest_info(world->chaos, nameless, &info, &err), 0);
    assert_string_equal(info.name, "");
    assert_int_equal(chaos_guest_info(world->chaos, 0, &info, &err), 0);
    assert_string_equal(info.name, "Domain-0");
    assert_int_equal(chaos_guest_info(world->chaos, 99, &info, &err),
                     CHAOS_ENOGUEST);
}

/* Dom0 is nobody's to stop; what only the registry knows is of its guests
 * alone (test_foreign.c has what can be done to others). */
static void leaves_others_alone(void **state)
{
    struct support_world *world = *state;
    uint32_t foreign = fake_hv_add_foreign("from-xl", foreign_uuid);
    struct chaos_device_info *list;
    struct chaos_console *console;
    struct chaos_config *config;
    struct chaos *chaos = world->chaos;
    struct chaos_error err;
    uint32_t domids[] = { 0, foreign };
    size_t i, count;

    assert_int_equal(chaos_guest_destroy(chaos, 0, &err), CHAOS_ENOTSUP);
    assert_string_equal(err.message, "domain 0 is dom0, which runs all others");
    assert_int_equal(chaos_guest_pause(chaos, 0, &err), CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_unpause(chaos, 0, &err), CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_shutdown(chaos, 0, CHAOS_END_POWEROFF, &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_wait(chaos, 0, 0, NULL, &err), CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_devices(chaos, 0, 0, &list, &count, &err),
                     CHAOS_ENOTSUP);
    for (i = 0; i < 2; i++) {
        uint32_t domid = domids[i];

        assert_int_equal(chaos_guest_rename(chaos, domid, "mine", &err),
                         CHAOS_ENOTSUP);
        assert_int_equal(chaos_guest_config(chaos, domid, &config, &err),
                         CHAOS_ENOTSUP);
    }
    assert_int_equal(chaos_console_open(chaos, 0, &console, &err),
                     CHAOS_ENOTSUP);
    assert_true(fake_hv_domain(foreign).exists);
    assert_false(fake_hv_domain(foreign).paused);
    fake_hv_vanish(foreign);
}

static void lists_in_order(void **state)
{
    struct support_world *world = *state;
    struct chaos_guest_info *list;
    struct chaos_error err;
    char name[16];
    size_t count;
    uint32_t i;

    /* Domids go around the end, and slots are in another order. */
    fake_hv_set_next_domid(CHAOS_DOMID_END - 3);
    for (i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "g%u", i);
        create(world, name, "");
    }
    assert_int_equal(chaos_guest_list(world->chaos, &list, &count, &err), 0);
    assert_int_equal(count, 7);
    for (i = 1; i < count; i++)
        assert_true(list[i - 1].domid < list[i].domid);
    assert_string_equal(list[0].name, "Domain-0");
    assert_string_equal(list[1].name, "g3");
    assert_int_equal(list[6].domid, CHAOS_DOMID_END - 1);
    assert_string_equal(list[6].name, "g2");
    free(list);
}

/* More domains than one hypercall tells of. */
static void lists_many(void **state)
{
    struct support_world *world = *state;
    uint8_t uuid[16] = { 0 };
    uint32_t i, mine;
    struct chaos_guest_info *list;
    struct chaos_error err;
    size_t count;

    for (i = 0; i < 2500; i++) {
        memcpy(uuid, &i, sizeof(i));
        fake_hv_add_foreign("f", uuid);
    }
    mine = create(world, "mine", "uuid=\"" A_UUID "\"");
    assert_int_equal(chaos_guest_list(world->chaos, &list, &count, &err), 0);
    assert_int_equal(count, 2502);
    assert_int_equal(list[2501].domid, mine);
    assert_string_equal(list[2501].name, "mine");
    free(list);
    for (i = 1; i <= 2500; i++)
        fake_hv_vanish(i);
}

static void keeps_the_configuration(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "extra=\"a b\"\nvcpus=2\n");
    struct chaos_config *made, *kept;
    char *made_text, *kept_text;
    struct chaos_error err;

    made = support_config(world, "web", "pvh", world->noxs_kernel,
                          "extra=\"a b\"\nvcpus=2\n");
    /* And whose it is, and what the kernel has decided. */
    assert_int_equal(
        chaos_config_set(world->chaos, made, "registry=noxs", &err), 0);
    made->has_uuid = true;
    memcpy(made->uuid, support_slot(world, "web").uuid, sizeof(made->uuid));
    assert_int_equal(chaos_guest_config(world->chaos, domid, &kept, &err), 0);
    assert_int_equal(chaos_config_format(made, &made_text, &err), 0);
    assert_int_equal(chaos_config_format(kept, &kept_text, &err), 0);
    assert_string_equal(kept_text, made_text);
    free(made_text);
    free(kept_text);
    chaos_config_free(made);
    chaos_config_free(kept);
    assert_int_equal(chaos_guest_config(world->chaos, 99, &kept, &err),
                     CHAOS_ENOGUEST);
}

/* ------------------------------------------------------ short operations */

static void pauses(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    struct chaos_guest_info info;
    struct chaos_error err;

    assert_int_equal(chaos_guest_pause(world->chaos, domid, &err), 0);
    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
    assert_int_equal(info.paused, 1);
    assert_int_equal(info.running + info.blocked, 0);
    assert_int_equal(chaos_guest_unpause(world->chaos, domid, &err), 0);
    assert_false(fake_hv_domain(domid).paused);
    assert_int_equal(chaos_guest_pause(world->chaos, 99, &err), CHAOS_ENOGUEST);
    assert_int_equal(chaos_guest_unpause(world->chaos, 99, &err),
                     CHAOS_ENOGUEST);
}

static void destroys(void **state)
{
    struct support_world *world = *state;
    uint64_t free_kb = fake_hv_free_kb();
    uint32_t domid = create(world, "web", "");
    struct chaos_error err;

    assert_int_equal(support_count_files(world->run_dir, "guest-"), 1);
    assert_true(fake_hv_free_kb() < free_kb);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
    assert_int_equal(fake_hv_free_kb(), free_kb);
    assert_gone(world, "web");
    assert_int_equal(support_count_files(world->run_dir, "guest-"), 0);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_ENOGUEST);
}

static struct noxs_control read_control(struct support_world *world,
                                        const char *name, uint32_t domid)
{
    struct noxs_control control;

    assert_true(fake_hv_read(
        domid, support_slot(world, name).control_frame * CHAOS__PAGE_SIZE,
        &control, sizeof(control)));
    return control;
}

static void asks_to_shut_down(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    uint32_t port = support_slot(world, "web").control_port;
    struct noxs_control control = read_control(world, "web", domid);
    struct chaos_error err;

    assert_int_equal(control.serial, 0);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    control = read_control(world, "web", domid);
    assert_int_equal(control.request, NOXS_REQUEST_POWEROFF);
    assert_int_equal(control.serial, 1);
    assert_int_equal(fake_hv_domain(domid).ports[port].notified, 1);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_REBOOT, &err), 0);
    control = read_control(world, "web", domid);
    assert_int_equal(control.request, NOXS_REQUEST_REBOOT);
    assert_int_equal(control.serial, 2);
    assert_int_equal(fake_hv_domain(domid).ports[port].notified, 2);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_CRASH, &err),
        CHAOS_EINVAL);
}

static uint32_t obeys_domid;

static void obey(uint32_t domid, uint32_t port)
{
    (void)port;
    if (domid == obeys_domid)
        fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
}

static void waits_for_the_end(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    enum chaos_guest_end end = CHAOS_END_CRASH;
    struct chaos_error err;

    assert_int_equal(chaos_guest_wait(world->chaos, domid, 3, &end, &err),
                     CHAOS_ETIMEDOUT);
    assert_non_null(strstr(err.message, "web"));
    assert_int_equal(chaos_guest_wait(world->chaos, domid, 0, NULL, &err),
                     CHAOS_ETIMEDOUT);
    obeys_domid = domid;
    fake_hv_on_notify(obey);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    assert_int_equal(chaos_guest_wait(world->chaos, domid, -1, &end, &err), 0);
    assert_int_equal(end, CHAOS_END_POWEROFF);
    assert_gone(world, "web");
    assert_int_equal(chaos_guest_wait(world->chaos, domid, -1, &end, &err),
                     CHAOS_ENOGUEST);
}

static void waits_for_a_vanished_guest(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    struct chaos_error err;

    fake_hv_vanish(domid);
    assert_int_equal(chaos_guest_wait(world->chaos, domid, -1, NULL, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(support_count_slots(world), 0);
}

/* ---------------------------------------------------------------- endings */

struct ending {
    const char *key;
    unsigned reason;
};

static const struct ending endings[] = {
    { "on_poweroff", CHAOS__SHUTDOWN_POWEROFF },
    { "on_reboot", CHAOS__SHUTDOWN_REBOOT },
    { "on_crash", CHAOS__SHUTDOWN_CRASH },
    { "on_watchdog", CHAOS__SHUTDOWN_WATCHDOG },
};

#define ENDINGS (sizeof(endings) / sizeof(endings[0]))

/* Ends a guest that was made with "on_x = action". */
static uint32_t end_with(struct support_world *world,
                         const struct ending *ending, const char *action)
{
    uint32_t domid;
    char line[64];

    snprintf(line, sizeof(line), "%s=\"%s\"\n", ending->key, action);
    domid = create(world, ending->key, line);
    fake_hv_shut_down(domid, ending->reason);
    return domid;
}

static void ends_with_destroy(void **state)
{
    struct support_world *world = *state;
    uint32_t domid;
    size_t i;

    for (i = 0; i < ENDINGS; i++) {
        domid = end_with(world, &endings[i], "destroy");
        assert_int_equal(count_domains(world), 1);
        assert_false(fake_hv_domain(domid).exists);
        assert_gone(world, endings[i].key);
    }
}

static void ends_with_restart(void **state)
{
    struct support_world *world = *state;
    uint32_t first, second;
    size_t i;

    for (i = 0; i < ENDINGS; i++) {
        first = end_with(world, &endings[i], "restart");
        assert_int_equal(count_domains(world), i + 2);
        second = find(world, endings[i].key);
        assert_int_not_equal(first, second);
        assert_false(fake_hv_domain(first).exists);
        assert_false(fake_hv_domain(second).shutdown);
        assert_false(fake_hv_domain(second).paused);
    }
}

static void ends_with_preserve(void **state)
{
    struct support_world *world = *state;
    struct chaos_guest_info info;
    struct chaos_error err;
    uint32_t domid;
    size_t i;

    for (i = 0; i < ENDINGS; i++) {
        domid = end_with(world, &endings[i], "preserve");
        assert_int_equal(count_domains(world), i + 2);
        assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
        assert_int_equal(info.ended, 1);
        assert_int_equal(info.end, endings[i].reason);
    }
}

static void other_endings_are_preserved(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "on_crash=\"destroy\"");

    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_SUSPEND);
    assert_int_equal(count_domains(world), 2);
    fake_hv_shut_down(domid, CHAOS_END_SOFT_RESET);
    assert_int_equal(count_domains(world), 2);
    assert_int_equal(find(world, "web"), domid);
}

/* What it gives as its reason says nothing of what we did. */
static void reason_is_the_guests(void **state)
{
    static const unsigned reasons[] = { CHAOS_END_HALT, CHAOS_END_DESTROYED };
    struct support_world *world = *state;
    struct chaos_guest_info info;
    enum chaos_guest_end end;
    struct chaos_error err;
    uint32_t domid;
    size_t i;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        domid = create(world, "web", "");
        fake_hv_shut_down(domid, reasons[i]);
        assert_int_equal(
            chaos_guest_wait(world->chaos, domid, 1000, &end, &err), 0);
        assert_true(end < CHAOS_END_HALT);
        assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
        assert_int_equal(info.end, end);
        assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
    }
}

static void restarts_under_its_new_name(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "old", "uuid=\"" A_UUID "\"");
    struct chaos_error err;
    uint32_t second;

    assert_int_equal(chaos_guest_rename(world->chaos, domid, "new", &err), 0);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(count_domains(world), 2);
    second = find(world, "new");
    assert_memory_equal(fake_hv_domain(second).handle, a_uuid, 16);
    assert_gone(world, "old");
    /* And again: what is kept is the new name's. */
    fake_hv_shut_down(second, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(count_domains(world), 2);
    assert_int_not_equal(find(world, "new"), second);
}

static void restarts_once_a_look(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "loop", "");

    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    fake_hv_on_unpause(CHAOS__SHUTDOWN_REBOOT);
    fake_hv_reset_counts();
    count_domains(world);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 1);
    fake_hv_on_unpause(-1);
    count_domains(world);
}

static void failed_restart_is_logged(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");

    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    fake_hv_fail_next(FAKE_HV_POPULATE, CHAOS_ENOMEM);
    assert_int_equal(count_domains(world), 1);
    assert_non_null(strstr(world->log, "restarting web"));
    assert_non_null(strstr(world->log, "populate"));
}

static void wait_restarts(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    enum chaos_guest_end end;
    struct chaos_error err;

    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(chaos_guest_wait(world->chaos, domid, -1, &end, &err), 0);
    assert_int_equal(end, CHAOS_END_REBOOT);
    assert_int_not_equal(find(world, "web"), domid);
}

static void guest_that_ends_at_once(void **state)
{
    struct support_world *world = *state;

    fake_hv_on_unpause(CHAOS__SHUTDOWN_POWEROFF);
    create(world, "noop", "");
    assert_int_equal(count_domains(world), 1);
    assert_int_equal(support_count_slots(world), 0);
}

/* ---------------------------------------------------- what others did */

static void vanished_guest_is_forgotten(void **state)
{
    struct support_world *world = *state;
    uint32_t a = create(world, "a", ""), b = create(world, "b", "");
    struct chaos_error err;

    fake_hv_vanish(a);
    assert_int_equal(chaos_guest_destroy(world->chaos, a, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(support_count_slots(world), 1);
    fake_hv_vanish(b);
    assert_int_equal(count_domains(world), 1);
    assert_int_equal(support_count_slots(world), 0);
    assert_int_equal(support_count_files(world->run_dir, "guest-"), 0);
    assert_gone(world, "a");
    assert_gone(world, "b");
}

/* A foreign domain has the domid of a guest that vanished. */
static void domid_is_a_foreign_domains_now(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "a", "");
    struct chaos_guest_info info;
    struct chaos_error err;

    fake_hv_vanish(domid);
    fake_hv_set_next_domid(domid);
    assert_int_equal(fake_hv_add_foreign("xl", foreign_uuid), domid);
    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
    assert_string_equal(info.name, "xl");
    assert_int_equal(info.is_chaos, 0);
    assert_int_equal(chaos_guest_rename(world->chaos, domid, "b", &err),
                     CHAOS_ENOTSUP);
    assert_true(fake_hv_domain(domid).exists);
    assert_int_equal(support_count_slots(world), 0);
    assert_gone(world, "a");
}

static void foreign_domid_is_noticed_by_list(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "a", "");

    fake_hv_vanish(domid);
    fake_hv_set_next_domid(domid);
    fake_hv_add_foreign("xl", foreign_uuid);
    assert_int_equal(count_domains(world), 2);
    assert_int_equal(support_count_slots(world), 0);
}

/* Another guest of ours has the domid of one that vanished: the name of the
 * one that is gone must not lead to the other. */
static void domid_is_another_guests_now(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "gone", ""), other;

    fake_hv_vanish(domid);
    fake_hv_set_next_domid(domid);
    other = create(world, "other", "");
    assert_int_equal(other, domid);
    assert_gone(world, "gone");
    assert_int_equal(find(world, "other"), other);
    create(world, "gone", "");
    assert_int_equal(support_count_slots(world), 2);
}

static void registry_is_removed(void **state)
{
    struct support_world *world = *state;
    struct chaos_guest_info info;
    uint32_t domid = create(world, "a", "");
    struct chaos_error err;
    char *run_dir = strdup(world->run_dir);

    chaos_close(world->chaos);
    support_remove_directory(run_dir);
    world->chaos = support_open(world);
    assert_int_equal(count_domains(world), 2);
    assert_gone(world, "a");
    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err), 0);
    assert_int_equal(info.is_chaos, 1); /* its UUID says so */
    assert_true(fake_hv_domain(domid).exists);
    create(world, "a", "");
}

static void kept_configuration_is_lost(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "a", "");
    struct chaos_config *config;
    struct chaos_error err;
    char command[600];

    snprintf(command, sizeof(command), "rm %s/guest-*", world->run_dir);
    assert_int_equal(system(command), 0);
    assert_int_not_equal(chaos_guest_config(world->chaos, domid, &config, &err),
                         0);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
}

/* ---------------------------------------------------------------- busy */

/* A guest that another process is working on. */
static struct chaos__registry *work_on(struct support_world *world,
                                       const char *name)
{
    struct chaos__registry *registry;
    struct chaos__slot *slot;
    struct chaos_error err;

    assert_int_equal(chaos__registry_open(world->run_dir, &registry, &err), 0);
    slot = chaos__registry_by_name(registry, name);
    assert_non_null(slot);
    assert_int_equal(chaos__registry_take(registry, slot, slot->domid,
                                          slot->uuid, CHAOS__SLOT_CLAIMED,
                                          &err),
                     0);
    return registry;
}

static void busy_guest(void **state)
{
    struct support_world *world = *state;
    struct chaos *chaos = world->chaos;
    uint32_t domid = create(world, "web", "");
    struct chaos__registry *other = work_on(world, "web");
    struct chaos_console *console;
    struct chaos_guest_info info;
    struct chaos_error err;

    assert_int_equal(chaos_guest_destroy(chaos, domid, &err), CHAOS_EBUSY);
    assert_int_equal(chaos_guest_unpause(chaos, domid, &err), CHAOS_EBUSY);
    assert_int_equal(chaos_guest_pause(chaos, domid, &err), CHAOS_EBUSY);
    assert_int_equal(
        chaos_guest_shutdown(chaos, domid, CHAOS_END_POWEROFF, &err),
        CHAOS_EBUSY);
    assert_int_equal(chaos_guest_rename(chaos, domid, "b", &err), CHAOS_EBUSY);
    assert_int_equal(chaos_console_open(chaos, domid, &console, &err),
                     CHAOS_EBUSY);
    assert_int_equal(chaos_guest_info(chaos, domid, &info, &err), 0);
    assert_true(fake_hv_domain(domid).exists);
    chaos__registry_close(other); /* it died: the guest is undone */
    assert_int_equal(count_domains(world), 1);
    assert_non_null(strstr(world->log, "undoing"));
}

/* --------------------------------------------------------------- console */

struct ring { /* public/io/console.h */
    uint8_t in[1024], out[2048];
    uint32_t in_consumed, in_produced, out_consumed, out_produced;
};

static void write_ring(uint32_t domid, uint64_t frame, size_t offset,
                       const void *bytes, size_t size)
{
    assert_true(
        fake_hv_write(domid, frame * CHAOS__PAGE_SIZE + offset, bytes, size));
}

static uint32_t read_ring(uint32_t domid, uint64_t frame, size_t offset)
{
    uint32_t value;

    assert_true(fake_hv_read(domid, frame * CHAOS__PAGE_SIZE + offset, &value,
                             sizeof(value)));
    return value;
}

static void reads_the_console(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    struct chaos__slot slot = support_slot(world, "web");
    uint32_t produced = 5, count;
    struct chaos_console *console, *second;
    struct pollfd p = { .events = POLLIN };
    struct chaos_error err;
    char text[4096];

    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     0);
    assert_int_equal(chaos_console_open(world->chaos, domid, &second, &err),
                     CHAOS_EBUSY);
    assert_non_null(strstr(err.message, "web"));
    p.fd = chaos_console_fd(console);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 0);
    write_ring(domid, slot.console_frame, offsetof(struct ring, out), "hello",
               5);
    write_ring(domid, slot.console_frame, offsetof(struct ring, out_produced),
               &produced, sizeof(produced));
    fake_hv_guest_notify(domid, slot.console_port);
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_int_equal(chaos_console_read(console, text, 2), 2);
    assert_int_equal(chaos_console_read(console, text + 2, 10), 3);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(read_ring(domid, slot.console_frame,
                               offsetof(struct ring, out_consumed)),
                     5);
    assert_int_equal(fake_hv_domain(domid).ports[slot.console_port].notified,
                     2);
    /* Nonsense from the guest: nothing is read beyond the ring. */
    produced = 5 + 2049;
    write_ring(domid, slot.console_frame, offsetof(struct ring, out_produced),
               &produced, sizeof(produced));
    count = (uint32_t)chaos_console_read(console, text, sizeof(text));
    assert_int_equal(count, 0);
    produced += 2048;
    write_ring(domid, slot.console_frame, offsetof(struct ring, out_produced),
               &produced, sizeof(produced));
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 2048);
    chaos_console_close(console);
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     0);
    chaos_console_close(console);
    chaos_console_close(NULL);
}

static void writes_to_the_console(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    struct chaos__slot slot = support_slot(world, "web");
    struct chaos_console *console;
    uint32_t consumed = 1000;
    struct chaos_error err;
    uint8_t bytes[3000], got[1024];
    size_t i;

    for (i = 0; i < sizeof(bytes); i++)
        bytes[i] = support_byte(3, i);
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     0);
    assert_int_equal(chaos_console_write(console, bytes, 10), 10);
    assert_int_equal(chaos_console_write(console, bytes + 10, 2000), 1014);
    assert_int_equal(chaos_console_write(console, bytes, 1), 0);
    assert_true(fake_hv_read(domid, slot.console_frame * CHAOS__PAGE_SIZE, got,
                             sizeof(got)));
    assert_memory_equal(got, bytes, sizeof(got));
    assert_int_equal(read_ring(domid, slot.console_frame,
                               offsetof(struct ring, in_produced)),
                     1024);
    write_ring(domid, slot.console_frame, offsetof(struct ring, in_consumed),
               &consumed, sizeof(consumed));
    assert_int_equal(chaos_console_write(console, bytes, 3000), 1000);
    /* A guest that says it took more than there was. */
    consumed = 5000;
    write_ring(domid, slot.console_frame, offsetof(struct ring, in_consumed),
               &consumed, sizeof(consumed));
    assert_int_equal(chaos_console_write(console, bytes, 3000), 0);
    chaos_console_close(console);
}

static void console_outlives_its_guest(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    struct chaos__slot slot = support_slot(world, "web");
    struct chaos_console *console;
    uint32_t produced = 3;
    struct chaos_error err;
    char text[16];

    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     0);
    write_ring(domid, slot.console_frame, offsetof(struct ring, out), "bye", 3);
    write_ring(domid, slot.console_frame, offsetof(struct ring, out_produced),
               &produced, sizeof(produced));
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 3);
    assert_memory_equal(text, "bye", 3);
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 0);
    chaos_console_write(console, text, 3);
    chaos_console_close(console);
}

static void console_that_cannot_be_mapped(void **state)
{
    struct support_world *world = *state;
    uint32_t domid = create(world, "web", "");
    struct chaos_console *console;
    struct chaos_error err;

    fake_hv_fail_next(FAKE_HV_MAP, CHAOS_EFAILED);
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     CHAOS_EFAILED);
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     0);
    chaos_console_close(console);
}

/* ------------------------------------------------------------------ host */

static void tells_about_the_host(void **state)
{
    struct support_world *world = *state;
    struct chaos_host_info info;
    struct chaos_error err;
    char *text;

    assert_int_equal(chaos_host_info(world->chaos, &info, &err), 0);
    assert_string_equal(info.xen_version, "4.17.fake");
    assert_int_equal(info.cpus, 4);
    assert_int_equal(info.free_kb, fake_hv_free_kb());
    assert_true(info.total_kb >= info.free_kb);
    fake_hv_set_log("(XEN) booted\n");
    assert_int_equal(chaos_host_log(world->chaos, 0, &text, &err), 0);
    assert_string_equal(text, "(XEN) booted\n");
    free(text);
    assert_int_equal(chaos_host_log(world->chaos, 1, &text, &err), 0);
    assert_string_equal(text, "(XEN) booted\n");
    free(text);
    assert_int_equal(chaos_host_log(world->chaos, 0, &text, &err), 0);
    assert_string_equal(text, "");
    free(text);
    assert_string_equal(chaos_version(), CHAOS_VERSION);
}

static void marks_its_uuids(void **state)
{
    uint8_t a[16], b[16];
    struct chaos_error err;

    (void)state;
    assert_int_equal(chaos__uuid_make(a, &err), 0);
    assert_int_equal(chaos__uuid_make(b, &err), 0);
    assert_memory_not_equal(a, b, 16);
    assert_true(chaos__uuid_is_ours(a));
    assert_int_equal(a[6] >> 4, 8); /* version */
    assert_int_equal(a[8] >> 6, 2); /* variant */
    a[6] = (uint8_t)(0x40 | (a[6] & 0xf));
    assert_false(chaos__uuid_is_ours(a));
    b[0] ^= 1;
    assert_false(chaos__uuid_is_ours(b));
    assert_false(chaos__uuid_is_ours(a_uuid));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(creates_a_pvh_guest),
        TEST(out_of_domids),
        TEST(creates_a_pv_guest),
        TEST(creates_a_plain_pv_guest),
        TEST(loads_a_pv_ramdisk),
        TEST(creates_from_a_compressed_kernel),
        TEST(unpacks_a_kernel_once),
        TEST(creates_paused),
        TEST(pins_vcpus),
        TEST(passes_limits_on),
        TEST(refuses_a_bad_cpu),
        TEST(refuses_bad_files),
        TEST(refuses_a_pv_kernel_as_pvh),
        TEST(says_when_memory_is_out),
        TEST(needs_xen),
        TEST(works_without_an_error_object),
        TEST(name_is_taken),
        TEST(uuid_is_taken),
        TEST(uuid_is_a_foreign_domains),
        TEST(ended_guest_yields_its_name),
        TEST(ended_guest_yields_its_uuid),
        TEST(vanished_guest_yields_its_name),
        TEST(renames),
        TEST(longest_name),
        TEST(finds),
        TEST(tells_about_a_guest),
        TEST(tells_about_others),
        TEST(leaves_others_alone),
        TEST(lists_in_order),
        TEST(lists_many),
        TEST(keeps_the_configuration),
        TEST(pauses),
        TEST(destroys),
        TEST(asks_to_shut_down),
        TEST(waits_for_the_end),
        TEST(waits_for_a_vanished_guest),
        TEST(ends_with_destroy),
        TEST(ends_with_restart),
        TEST(ends_with_preserve),
        TEST(other_endings_are_preserved),
        TEST(reason_is_the_guests),
        TEST(restarts_under_its_new_name),
        TEST(restarts_once_a_look),
        TEST(failed_restart_is_logged),
        TEST(wait_restarts),
        TEST(guest_that_ends_at_once),
        TEST(vanished_guest_is_forgotten),
        TEST(domid_is_a_foreign_domains_now),
        TEST(foreign_domid_is_noticed_by_list),
        TEST(domid_is_another_guests_now),
        TEST(registry_is_removed),
        TEST(kept_configuration_is_lost),
        TEST(busy_guest),
        TEST(reads_the_console),
        TEST(writes_to_the_console),
        TEST(console_outlives_its_guest),
        TEST(console_that_cannot_be_mapped),
        TEST(tells_about_the_host),
        cmocka_unit_test(marks_its_uuids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
