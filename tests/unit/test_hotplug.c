/* SPDX-License-Identifier: MIT */
/* Devices that come to running guests and go: what dom0, XenStore, the registry
 * and the kept configuration have of them, whatever fails and whoever dies. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "support_calls.h"

#include "config/config.h"
#include "dom0/dom0.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAC "00:16:3e:01:02:03"
#define OTHER_MAC "00:16:3e:01:02:04"

static struct support_world *world;
static struct chaos_error err;
static char *disk, *other_disk, *spec, *other_spec;
static uint32_t domid;

static char *format(const char *pattern, const char *path)
{
    char *text;

    if (asprintf(&text, pattern, path) < 0)
        abort();
    return text;
}

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk", 1 << 20);
    other_disk = support_disk(world, "other", 1 << 20);
    spec = format("%s,raw,xvda,w", disk);
    other_spec = format("format=raw,vdev=xvdb,access=w,target=%s", other_disk);
    memset(&err, 0, sizeof(err));
    return 0;
}

static int teardown(void **state)
{
    bool clean;

    (void)state;
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_end_all(world) && support_is_empty(world);
    support_world_free(world);
    free(disk);
    free(other_disk);
    free(spec);
    free(other_spec);
    return clean ? 0 : -1;
}

static void must(int rc)
{
    if (rc < 0)
        fail_msg("%s", err.message);
}

static uint32_t create(const char *name, const char *kernel, const char *more)
{
    struct chaos_config *config =
        support_config(world, name, "pvh", kernel, more);
    uint32_t created = 0;

    must(chaos_guest_create(world->chaos, config, 0, &created, &err));
    chaos_config_free(config);
    must(chaos_guest_publish(world->chaos, created, &err));
    return created;
}

/* A guest with one device of each kind. */
static void make_guest(void)
{
    char more[1024];

    snprintf(more, sizeof(more), "vif=['mac=" MAC "']\ndisk=['%s']\n", spec);
    domid = create("web", world->plain_kernel, more);
}

/* ------------------------------------------------------------- looking */

static bool is_node(const char *pattern, uint32_t id, char value[64])
{
    char path[128];

    snprintf(path, sizeof(path), pattern, domid, id);
    return fake_store_look(path, value, 64);
}

static void assert_node(const char *pattern, uint32_t id, const char *wanted)
{
    char value[64];

    if (!is_node(pattern, id, value))
        fail_msg("no node %s of device %u", pattern, id);
    assert_string_equal(value, wanted);
}

static bool has_nodes(bool is_net, uint32_t id)
{
    const char *const patterns[2][3] = {
        { "/local/domain/%u/device/vbd/%u", "/local/domain/0/backend/vbd/%u/%u",
          "/libxl/%u/device/vbd/%u" },
        { "/local/domain/%u/device/vif/%u", "/local/domain/0/backend/vif/%u/%u",
          "/libxl/%u/device/vif/%u" },
    };
    char value[64];
    unsigned i, found = 0;

    for (i = 0; i < 3; i++)
        found += is_node(patterns[is_net][i], id, value);
    if (found % 3 != 0)
        fail_msg("device %u has %u of its three directories", id, found);
    return found > 0;
}

static bool is_listed(bool is_net, uint32_t id)
{
    struct chaos_device_info *list;
    size_t count, i;
    bool found = false;

    must(chaos_guest_devices(world->chaos, domid, 0, &list, &count, &err));
    for (i = 0; i < count; i++)
        found = found || ((list[i].kind == CHAOS_DEVICE_NETWORK) == is_net &&
                          list[i].id == id);
    free(list);
    return found;
}

static bool is_kept(bool is_net, uint32_t id)
{
    struct chaos_config *config;
    bool found = false;
    unsigned i;

    must(chaos_guest_config(world->chaos, domid, &config, &err));
    for (i = 0; is_net && i < config->vif_count; i++)
        found = found || config->vifs[i].id == id;
    for (i = 0; !is_net && i < config->disk_count; i++)
        found = found || config->disks[i].vdev_number == id;
    chaos_config_free(config);
    return found;
}

#define XVDA 51712u
#define XVDB 51728u

static bool is_there_at_all(bool is_net, uint32_t id)
{
    return chaos__dom0_has_device(is_net ? "vif" : "vbd", domid, id);
}

/* The guest has the device, or it has not, and all agree. */
static bool has(bool is_net, uint32_t id)
{
    const bool listed = is_listed(is_net, id);

    if (has_nodes(is_net, id) != listed)
        fail_msg("device %u: XenStore and registry differ: %d", id, listed);
    if (is_kept(is_net, id) != listed)
        fail_msg("device %u: the configuration differs: %d", id, listed);
    if (is_there_at_all(is_net, id) != listed)
        fail_msg("device %u: dom0's kernel differs: %d", id, listed);
    return listed;
}

static bool has_interface(uint32_t id)
{
    struct fake_interface interface;
    char name[32];

    snprintf(name, sizeof(name), "vif%u.%u", domid, id);
    return fake_dom0_interface(name, &interface);
}

static bool runs(void)
{
    const struct chaos__slot slot = support_slot(world, "web");

    return slot.state == CHAOS__SLOT_RUNNING && slot.domid == domid &&
           fake_hv_domain(domid).exists;
}

/* ------------------------------------------------------------- attaching */

static void an_interface_comes(void **state)
{
    char name[32];
    uint32_t id;

    (void)state;
    make_guest();
    must(chaos_network_attach(world->chaos, domid,
                              "mac=" OTHER_MAC ",ip=10.1.2.3,rate=1MB/s", &id,
                              &err));
    assert_int_equal(id, 1);
    assert_true(has(true, 1));
    assert_true(runs());
    snprintf(name, sizeof(name), "vif%u.1", domid);
    assert_true(chaos__dom0_is_joined(name, "xenbr0"));
    assert_node("/local/domain/%u/device/vif/%u/state", 1, "1");
    assert_node("/local/domain/%u/device/vif/%u/mac", 1, OTHER_MAC);
    assert_node("/local/domain/0/backend/vif/%u/%u/state", 1, "2");
    assert_node("/local/domain/0/backend/vif/%u/%u/ip", 1, "10.1.2.3");
    assert_node("/local/domain/0/backend/vif/%u/%u/hotplug-status", 1,
                "connected");
    assert_node("/libxl/%u/device/vif/%u/mac", 1, OTHER_MAC);
    /* It behaves like those that were there from the start. */
    assert_int_equal(
        chaos_network_attach(world->chaos, domid, "mac=" OTHER_MAC, NULL, &err),
        CHAOS_EEXIST);
    assert_non_null(strstr(err.message, "this guest"));
}

/* Others write to XenStore, too; and the bridge takes no more. */
static void one_that_cannot_come_goes(void **state)
{
    (void)state;
    make_guest();
    fake_hv_fail_next(FAKE_HV_JOIN, CHAOS_EFAILED);
    fake_store_conflict(2);
    assert_int_equal(chaos_network_attach(world->chaos, domid, "", NULL, &err),
                     CHAOS_EFAILED);
    assert_false(has(true, 1));
    assert_false(has_interface(1));
    assert_true(runs());
}

static void a_disk_comes(void **state)
{
    uint32_t id;

    (void)state;
    make_guest();
    must(chaos_block_attach(world->chaos, domid, other_spec, &id, &err));
    assert_int_equal(id, XVDB);
    assert_true(has(false, XVDB));
    assert_int_equal(fake_dom0_loops(), 2);
    assert_node("/local/domain/%u/device/vbd/%u/state", XVDB, "1");
    assert_node("/local/domain/0/backend/vbd/%u/%u/mode", XVDB, "w");
    assert_node("/local/domain/0/backend/vbd/%u/%u/params", XVDB, other_disk);
    assert_node("/local/domain/0/backend/vbd/%u/%u/hotplug-status", XVDB,
                "connected");
    assert_node("/libxl/%u/device/vbd/%u/type", XVDB, "phy");
}

/* A guest can have one that had none, and its number is chosen. */
static void numbers(void **state)
{
    uint32_t id;

    (void)state;
    domid = create("web", world->plain_kernel, "");
    must(chaos_network_attach(world->chaos, domid, "", &id, &err));
    assert_int_equal(id, 0);
    must(chaos_network_attach(world->chaos, domid, "devid=5", &id, &err));
    assert_int_equal(id, 5);
    must(chaos_network_attach(world->chaos, domid, "", &id, &err));
    assert_int_equal(id, 6);
    must(chaos_network_detach(world->chaos, domid, "0", &err));
    must(chaos_network_attach(world->chaos, domid, "", &id, &err));
    assert_int_equal(id, 7);
    assert_true(has(true, 5) && has(true, 6) && has(true, 7));
    assert_false(has(true, 0));
    must(chaos_network_attach(world->chaos, domid, "devid=65535", &id, &err));
    assert_int_equal(chaos_network_attach(world->chaos, domid, "", &id, &err),
                     CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "devid="));
}

static void assert_refused(int rc, int code, const char *text)
{
    assert_int_equal(rc, code);
    if (!strstr(err.message, text))
        fail_msg("%s", err.message);
    assert_true(runs());
    assert_false(has(true, 1));
    assert_false(has(false, XVDB));
    assert_true(has(true, 0));
    assert_true(has(false, XVDA));
}

#define NET(spec) chaos_network_attach(world->chaos, domid, spec, NULL, &err)
#define BLOCK(spec) chaos_block_attach(world->chaos, domid, spec, NULL, &err)

static void what_is_refused(void **state)
{
    char *same = format("%s,raw,xvdb,w", disk), more[512];

    (void)state;
    make_guest();
    snprintf(more, sizeof(more),
             "vif=['mac=" OTHER_MAC "']\ndisk=['%s,raw,xvdx,w']\n", other_disk);
    create("mail", world->noxs_kernel, more);
    assert_refused(NET("mac=zz"), CHAOS_EINVAL,
                   "vif=\"mac=zz\": mac=zz: not a");
    assert_refused(NET("devid=0"), CHAOS_EEXIST, "devid=0: guest web has");
    assert_refused(NET("mac=" OTHER_MAC), CHAOS_EEXIST,
                   "mail has this address");
    assert_refused(NET("bridge=none"), CHAOS_EINVAL, "bridge=none");
    assert_refused(BLOCK("/nowhere,raw,xvdb,w"), CHAOS_EFAILED, "/nowhere");
    assert_refused(BLOCK("/x,qcow2,xvdb,w"), CHAOS_ENOTSUP, "qcow2");
    assert_refused(BLOCK("xvdb"), CHAOS_EINVAL, "no virtual disk");
    assert_refused(BLOCK(spec), CHAOS_EEXIST, "vdev=xvda: guest web has");
    assert_refused(BLOCK(same), CHAOS_EBUSY, "disk xvda of this guest");
    assert_refused(BLOCK(other_spec), CHAOS_EBUSY, "disk xvdx of mail");
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_ABSENT);
    assert_refused(NET(""), CHAOS_EFAILED, "no module");
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_REFUSES);
    assert_refused(NET(""), CHAOS_EFAILED, "the test's refusal");
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_SILENT);
    assert_refused(NET(""), CHAOS_ETIMEDOUT,
                   "dom0's kernel does not see the device");
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_WILLING);
    free(same);
}

static void there_are_limits(void **state)
{
    char *text, vdev[8];
    unsigned i;

    (void)state;
    domid = create("web", world->plain_kernel, "");
    for (i = 0; i < CHAOS__VIFS_MAX; i++)
        must(NET(""));
    assert_int_equal(NET(""), CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "8 interfaces"));
    for (i = 0; i <= CHAOS__DISKS_MAX; i++) {
        snprintf(vdev, sizeof(vdev), "xvd%c", (int)('a' + i));
        text = format("format=raw,access=r,vdev=%s", vdev);
        text = realloc(text, strlen(text) + strlen(disk) + 16);
        strcat(strcat(text, ",target="), disk);
        if (i < CHAOS__DISKS_MAX)
            must(BLOCK(text));
        else
            assert_int_equal(BLOCK(text), CHAOS_EINVAL);
        free(text);
    }
    assert_non_null(strstr(err.message, "16 disks"));
}

static void whose_guests_are_refused(void **state)
{
    static const uint8_t handle[16] = { 1 };
    uint32_t noxs, foreign;

    (void)state;
    make_guest();
    noxs = create("noop", world->noxs_kernel, "");
    foreign = fake_hv_add_foreign("xl", handle);
    assert_int_equal(chaos_network_attach(world->chaos, noxs, "", NULL, &err),
                     CHAOS_ENOTSUP);
    assert_non_null(strstr(err.message, "noop does not use XenStore"));
    assert_int_equal(chaos_block_detach(world->chaos, noxs, "xvda", 0, &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(
        chaos_network_attach(world->chaos, foreign, "", NULL, &err),
        CHAOS_ENOTSUP);
    assert_non_null(strstr(err.message, "not made by chaos"));
    fake_hv_vanish(foreign);
    assert_int_equal(chaos_network_attach(world->chaos, 77, "", NULL, &err),
                     CHAOS_ENOGUEST);
    assert_int_equal(chaos_network_attach(world->chaos, 0, "", NULL, &err),
                     CHAOS_ENOTSUP);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    assert_int_equal(NET(""), CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "has ended"));
}

/* Who had the disk has ended, and nobody has noticed. */
static void an_ended_guest_gives_up_its_disk(void **state)
{
    char more[512];
    uint32_t other;

    (void)state;
    domid = create("web", world->plain_kernel, "");
    snprintf(more, sizeof(more), "disk=['%s']\n", other_spec);
    other = create("mail", world->noxs_kernel, more);
    assert_int_equal(BLOCK(other_spec), CHAOS_EBUSY);
    fake_hv_shut_down(other, CHAOS__SHUTDOWN_POWEROFF);
    must(BLOCK(other_spec));
    assert_true(has(false, XVDB));
}

/* ------------------------------------------------------------- detaching */

static void devices_go(void **state)
{
    char value[64];

    (void)state;
    make_guest();
    must(NET(""));
    must(BLOCK(other_spec));
    must(chaos_network_detach(world->chaos, domid, MAC, &err));
    assert_false(has(true, 0));
    assert_true(has(true, 1));
    assert_false(has_interface(0));
    must(chaos_network_detach(world->chaos, domid, "1", &err));
    assert_false(has(true, 1));
    must(chaos_block_detach(world->chaos, domid, "51712", 0, &err));
    assert_false(has(false, XVDA));
    assert_int_equal(fake_dom0_loops(), 1);
    must(chaos_block_detach(world->chaos, domid, "xvdb", 0, &err));
    assert_false(has(false, XVDB));
    assert_int_equal(fake_dom0_loops(), 0);
    assert_true(runs());
    /* As xl, no empty directories are left. */
    assert_false(is_node("/local/domain/0/backend/vif/%u", 0, value));
    assert_false(is_node("/libxl/%u/device/vbd", 0, value));
    assert_false(is_node("/local/domain/%u/device/vif", 0, value));
    assert_true(is_node("/local/domain/%u/device/suspend", 0, value));
    assert_true(is_node("/libxl/%u/device/console", 0, value));
    /* And what they had can be had. */
    must(NET("mac=" MAC));
    must(BLOCK(spec));
    assert_true(has(true, 0) && has(false, XVDA));
}

static void unknown_ones_do_not_go(void **state)
{
    static const char *const names[] = { "7", OTHER_MAC, "eth0", "", "00" };
    size_t i;

    (void)state;
    make_guest();
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_refused(
            chaos_network_detach(world->chaos, domid, names[i], &err),
            CHAOS_EINVAL, "has no interface");
    assert_refused(chaos_block_detach(world->chaos, domid, "xvdb", 0, &err),
                   CHAOS_EINVAL, "has no disk xvdb; chaos block-list");
    assert_refused(chaos_block_detach(world->chaos, domid, "0", 0, &err),
                   CHAOS_EINVAL, "has no disk 0");
}

static void a_stubborn_guest_keeps_its_disk(void **state)
{
    (void)state;
    make_guest();
    fake_backend_set_stubborn(true);
    assert_refused(chaos_block_detach(world->chaos, domid, "xvda", 0, &err),
                   CHAOS_ETIMEDOUT, "does not let go of disk xvda");
    /* It is asked once more, and lets go. */
    fake_backend_set_stubborn(false);
    must(chaos_block_detach(world->chaos, domid, "xvda", 0, &err));
    assert_false(has(false, XVDA));
}

static void one_that_was_connecting_is_told_again(void **state)
{
    (void)state;
    make_guest();
    fake_backend_overwrite();
    must(chaos_block_detach(world->chaos, domid, "xvda", 0, &err));
    assert_false(has(false, XVDA));
}

/* What the kernel says last is not written over: it would not say it again. */
static void one_that_closes_meanwhile_has_closed(void **state)
{
    (void)state;
    make_guest();
    fake_backend_let_go();
    must(chaos_block_detach(world->chaos, domid, "xvda", 0, &err));
    assert_false(has(false, XVDA));
}

static void one_that_was_told_before_closes_meanwhile(void **state)
{
    (void)state;
    make_guest();
    fake_backend_set_stubborn(true);
    assert_int_equal(chaos_block_detach(world->chaos, domid, "xvda", 0, &err),
                     CHAOS_ETIMEDOUT);
    fake_backend_let_go();
    must(chaos_block_detach(world->chaos, domid, "xvda", 0, &err));
    assert_false(has(false, XVDA));
}

static void force_asks_nobody(void **state)
{
    char path[64], value[8];
    uint32_t id;

    (void)state;
    make_guest();
    fake_backend_set_stubborn(true);
    must(chaos_block_detach(world->chaos, domid, "xvda", CHAOS_DETACH_FORCE,
                            &err));
    assert_false(has(false, XVDA));
    assert_int_equal(fake_dom0_loops(), 0);
    /* The last one's directory goes with it. */
    snprintf(path, sizeof(path), "/local/domain/%u/device/vbd", domid);
    assert_false(fake_store_look(path, value, sizeof(value)));
    /* As xl does with interfaces anyway. */
    must(chaos_network_detach(world->chaos, domid, "0", &err));
    assert_non_null(strstr(world->log, "does not let go of interface 0"));
    assert_false(has(true, 0));
    assert_true(runs());
    /* Nor would it look at another one under that number. */
    fake_backend_set_stubborn(false);
    must(chaos_network_attach(world->chaos, domid, "", &id, &err));
    assert_int_equal(id, 1);
    must(chaos_network_detach(world->chaos, domid, "1", &err));
    must(chaos_network_attach(world->chaos, domid, "", &id, &err));
    assert_int_equal(id, 1);
    must(NET("devid=0"));
}

/* --------------------------------------------------------------- scripts */

static void scripts_are_run(void **state)
{
    (void)state;
    make_guest();
    must(NET("script=/my/vif"));
    assert_true(has(true, 1));
    assert_non_null(strstr(fake_dom0_runs(), "/my/vif online"));
    assert_null(strstr(fake_dom0_runs(), "offline"));
    must(chaos_network_detach(world->chaos, domid, "0", &err));
    assert_null(strstr(fake_dom0_runs(), "offline"));
    must(chaos_network_detach(world->chaos, domid, "1", &err));
    assert_non_null(strstr(fake_dom0_runs(), "/my/vif offline"));
    fake_hv_fail_next(FAKE_HV_SCRIPT, CHAOS_EFAILED);
    assert_int_equal(NET("script=/my/vif"), CHAOS_EFAILED);
    assert_false(has(true, 0));
}

/* ------------------------------------------------------------ one at a time */

static void one_at_a_time(void **state)
{
    struct chaos__registry *registry;
    struct chaos_guest_info *list;
    struct chaos__slot *slot;
    uint32_t found;
    size_t count;

    (void)state;
    make_guest();
    must(chaos__registry_open(world->run_dir, &registry, &err));
    slot = chaos__registry_by_name(registry, "web");
    must(chaos__registry_take(registry, slot, slot->domid, slot->uuid,
                              CHAOS__SLOT_CHANGING, &err));
    /* Who only looks finds it as ever. */
    must(chaos_guest_find(world->chaos, "web", &found, &err));
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(list[1].name, "web");
    free(list);
    assert_true(is_listed(true, 0));
    must(chaos_guest_pause(world->chaos, domid, &err));
    must(chaos_guest_unpause(world->chaos, domid, &err));
    assert_int_equal(NET(""), CHAOS_EBUSY);
    assert_non_null(strstr(err.message, "is working on it"));
    assert_int_equal(chaos_network_detach(world->chaos, domid, "0", &err),
                     CHAOS_EBUSY);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_EBUSY);
    /* It has ended, which is seen to later. */
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    assert_int_equal(count, 2);
    free(list);
    /* Its process dies. */
    chaos__registry_close(registry);
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    free(list);
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    assert_int_equal(count, 1);
    free(list);
}

/* ---------------------------------------------------------------- restarts */

static void a_restart_has_them(void **state)
{
    uint32_t was;

    (void)state;
    make_guest();
    must(NET("mac=" OTHER_MAC));
    must(chaos_network_detach(world->chaos, domid, "0", &err));
    must(BLOCK(other_spec));
    must(chaos_block_detach(world->chaos, domid, "xvda", 0, &err));
    was = domid;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    support_must(world, support_list);
    domid = support_find(world, "web");
    assert_true(domid > was);
    assert_false(has(true, 0));
    assert_true(has(true, 1));
    assert_false(has(false, XVDA));
    assert_true(has(false, XVDB));
    assert_node("/local/domain/%u/device/vif/%u/mac", 1, OTHER_MAC);
}

static void they_are_recovered(void **state)
{
    struct chaos_recovered *list;
    char *path;
    size_t count;

    (void)state;
    make_guest();
    must(NET("mac=" OTHER_MAC ",devid=4,ip=10.0.0.9"));
    must(BLOCK(other_spec));
    must(chaos_network_detach(world->chaos, domid, "0", &err));
    chaos_close(world->chaos);
    path = support_path(world->run_dir, "registry");
    assert_int_equal(remove(path), 0);
    free(path);
    world->chaos = support_open(world);
    must(chaos_recover(world->chaos, &list, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(list[0].code, 0);
    free(list);
    assert_true(has(true, 4));
    assert_true(has(false, XVDA) && has(false, XVDB));
    must(chaos_block_detach(world->chaos, domid, "xvdb", 0, &err));
    assert_false(has(false, XVDB));
}

/* The guest is one of which nothing is kept: then nothing needs to be. */
static void nothing_is_kept(void **state)
{
    struct chaos_recovered *list;
    size_t count;

    (void)state;
    make_guest();
    chaos_close(world->chaos);
    support_remove_directory(strdup(world->run_dir));
    world->chaos = support_open(world);
    must(chaos_recover(world->chaos, &list, &count, &err));
    free(list);
    must(NET(""));
    assert_true(has_nodes(true, 1) && is_listed(true, 1));
    must(chaos_network_detach(world->chaos, domid, "1", &err));
    assert_false(has_nodes(true, 1) || is_listed(true, 1));
}

/* --------------------------------------------------- failures and deaths */

static int attach_vif(struct chaos *chaos, struct chaos_error *why)
{
    return chaos_network_attach(chaos, domid, "devid=1,mac=" OTHER_MAC, NULL,
                                why);
}

static int attach_disk(struct chaos *chaos, struct chaos_error *why)
{
    return chaos_block_attach(chaos, domid, other_spec, NULL, why);
}

static int attach_script(struct chaos *chaos, struct chaos_error *why)
{
    return chaos_network_attach(chaos, domid, "devid=1,script=/my/vif", NULL,
                                why);
}

static int detach_vif(struct chaos *chaos, struct chaos_error *why)
{
    return chaos_network_detach(chaos, domid, "0", why);
}

static int detach_disk(struct chaos *chaos, struct chaos_error *why)
{
    return chaos_block_detach(chaos, domid, "xvda", 0, why);
}

static int force_disk(struct chaos *chaos, struct chaos_error *why)
{
    return chaos_block_detach(chaos, domid, "xvda", CHAOS_DETACH_FORCE, why);
}

struct operation {
    const char *name;
    support_operation_fn run;
    bool is_attach, is_net;
    uint32_t id;
};

enum {
    ATTACH_VIF,
    ATTACH_DISK,
    ATTACH_SCRIPT,
    DETACH_VIF,
    DETACH_DISK,
    FORCE_DISK,
    OPERATIONS
};

static const struct operation operations[OPERATIONS] = {
    [ATTACH_VIF] = { "attach a vif", attach_vif, true, true, 1 },
    [ATTACH_DISK] = { "attach a disk", attach_disk, true, false, XVDB },
    [ATTACH_SCRIPT] = { "attach with a script", attach_script, true, true, 1 },
    [DETACH_VIF] = { "detach a vif", detach_vif, false, true, 0 },
    [DETACH_DISK] = { "detach a disk", detach_disk, false, false, XVDA },
    [FORCE_DISK] = { "detach by force", force_disk, false, false, XVDA },
};

#define FOR_OPERATIONS(operation)                                              \
    for (const struct operation *operation = operations;                       \
         operation < operations + OPERATIONS; operation++)

/* Whatever happened: the guest runs, with the device or without. */
static bool check_whole(const struct operation *operation, unsigned n)
{
    const bool found = has(operation->is_net, operation->id);
    const unsigned disks = 1 + (operation->id == XVDB && found) -
                           (operation->id == XVDA && !found);

    if (!runs())
        fail_msg("%s, call %u: the guest does not run", operation->name, n);
    if (support_count_files(world->run_dir, "guest-") != 1)
        fail_msg("%s, call %u: a file is left", operation->name, n);
    if (fake_dom0_loops() != disks)
        fail_msg("%s, call %u: %u loop devices, not %u", operation->name, n,
                 fake_dom0_loops(), disks);
    /* The others are as they were. */
    assert_true(operation->id == 0 || has(true, 0));
    assert_true(operation->id == XVDA || has(false, XVDA));
    return found;
}

/* And is again as it was made. */
static void restore(const struct operation *operation, unsigned n)
{
    if (check_whole(operation, n) != operation->is_attach)
        return;
    if (operation->id == XVDB)
        must(chaos_block_detach(world->chaos, domid, "xvdb", 0, &err));
    else if (operation->id == XVDA)
        must(BLOCK(spec));
    else if (operation->is_attach)
        must(chaos_network_detach(world->chaos, domid, "1", &err));
    else
        must(NET("devid=0,mac=" MAC));
}

static void fails_anywhere(void **state)
{
    unsigned n, calls;
    int rc;

    (void)state;
    make_guest();
    FOR_OPERATIONS(operation)
    for (n = 1;; n++) {
        struct chaos_error why = { 0 };

        assert_true(n < SUPPORT_CALLS_MAX);
        fake_hv_reset_counts();
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = support_run(world, operation->run, &why);
        calls = fake_hv_count_fallible();
        fake_hv_fail_at(0, 0);
        if (rc < 0)
            support_assert_says_why(&why, rc);
        else if (calls < n)
            assert_int_equal(rc, 0);
        /* What could not come has gone at once; what could not go is for the
         * next process. */
        if (operation->is_attach)
            assert_int_equal(has(operation->is_net, operation->id), rc == 0);
        else
            support_must(world, support_list);
        restore(operation, n);
        if (calls < n)
            break;
    }
}

static void loses_xen_anywhere(void **state)
{
    unsigned n, calls;
    int rc;

    (void)state;
    make_guest();
    FOR_OPERATIONS(operation)
    for (n = 1;; n++) {
        struct chaos_error why = { 0 };

        assert_true(n < SUPPORT_CALLS_MAX);
        fake_hv_reset_counts();
        fake_hv_fail_from(n, CHAOS_ENOXEN);
        rc = support_run(world, operation->run, &why);
        calls = fake_hv_count_fallible();
        fake_hv_fail_from(0, 0);
        if (rc < 0)
            support_assert_says_why(&why, rc);
        support_must(world, support_list);
        if (check_whole(operation, n) && rc < 0 && operation->is_attach)
            fail_msg("%s, call %u: failed, and is there", operation->name, n);
        restore(operation, n);
        if (calls < n)
            break;
    }
}

/* An interface that netback may call connected is on its bridge. */
static void check_plugged(const struct operation *operation, unsigned n)
{
    char value[64] = "", interface[32];

    snprintf(interface, sizeof(interface), "vif%u.1", domid);
    if (operation->run == attach_vif &&
        is_node("/local/domain/0/backend/vif/%u/%u/hotplug-status", 1, value) &&
        strcmp(value, "connected") == 0 &&
        !chaos__dom0_is_joined(interface, "xenbr0"))
        fail_msg("call %u: the guest could send, and nobody would hear", n);
}

static void dies_anywhere(void **state)
{
    bool more;
    unsigned n;

    (void)state;
    make_guest();
    FOR_OPERATIONS(operation)
    for (n = 1, more = true; more; n++) {
        more = support_dies(world, operation->run, n, FAKE_HV_AFTER);
        check_plugged(operation, n);
        support_must(world, support_list);
        restore(operation, n);
    }
}

/* A guest that does not answer when its device is to go. */
static void dies_with_a_stubborn_guest(void **state)
{
    const struct operation *const tried[] = { &operations[DETACH_VIF],
                                              &operations[FORCE_DISK] };
    bool more;
    unsigned n, i;

    (void)state;
    make_guest();
    for (i = 0; i < 2; i++)
        for (n = 1, more = true; more; n++) {
            fake_backend_set_stubborn(true);
            more = support_dies(world, tried[i]->run, n, FAKE_HV_AFTER);
            support_must(world, support_list);
            fake_backend_set_stubborn(false);
            restore(tried[i], n);
        }
}

static int detach_in_vain(struct chaos *chaos, struct chaos_error *why)
{
    return detach_disk(chaos, why) == CHAOS_ETIMEDOUT ? 0 : CHAOS_EFAILED;
}

/* It may be mounted: nobody takes it away who was not told to by force. */
static void a_disk_that_is_held_stays(void **state)
{
    bool more;
    unsigned n;

    (void)state;
    make_guest();
    fake_backend_set_stubborn(true);
    for (n = 1, more = true; more; n++) {
        more = support_dies(world, detach_in_vain, n, FAKE_HV_AFTER);
        support_must(world, support_list);
        if (!check_whole(&operations[DETACH_DISK], n))
            fail_msg("call %u: the disk is gone", n);
    }
}

/* Who repairs dies too, and who comes after. */
static void repair_dies_anywhere(void **state)
{
    const struct operation *const tried[] = { &operations[ATTACH_DISK],
                                              &operations[DETACH_VIF] };
    bool more, again;
    unsigned n, m, i;

    (void)state;
    make_guest();
    for (i = 0; i < 2; i++)
        for (n = 1, more = true; more; n += 7) {
            more = support_dies(world, tried[i]->run, n, FAKE_HV_AFTER);
            for (m = 1, again = true; again; m++)
                again = support_dies(world, support_list, m, FAKE_HV_AFTER);
            restore(tried[i], n);
        }
}

/* The domain goes while nobody finishes the change: all of it goes. */
static void dies_with_its_guest(void **state)
{
    const struct operation *const tried[] = { &operations[ATTACH_VIF],
                                              &operations[DETACH_DISK] };
    bool more;
    unsigned n, i;

    (void)state;
    for (i = 0; i < 2; i++)
        for (n = 1, more = true; more; n += 3) {
            make_guest();
            more = support_dies(world, tried[i]->run, n, FAKE_HV_AFTER);
            fake_hv_vanish(domid);
            chaos_close(world->chaos);
            world->chaos = NULL;
            support_must(world, support_list);
            assert_true(support_end_all(world));
            if (!support_is_empty(world))
                fail_msg("%s, call %u left something", tried[i]->name, n);
            world->chaos = support_open(world);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_interface_comes),
        TEST(one_that_cannot_come_goes),
        TEST(a_disk_comes),
        TEST(numbers),
        TEST(what_is_refused),
        TEST(there_are_limits),
        TEST(whose_guests_are_refused),
        TEST(an_ended_guest_gives_up_its_disk),
        TEST(devices_go),
        TEST(unknown_ones_do_not_go),
        TEST(a_stubborn_guest_keeps_its_disk),
        TEST(one_that_was_connecting_is_told_again),
        TEST(one_that_closes_meanwhile_has_closed),
        TEST(one_that_was_told_before_closes_meanwhile),
        TEST(force_asks_nobody),
        TEST(scripts_are_run),
        TEST(one_at_a_time),
        TEST(a_restart_has_them),
        TEST(they_are_recovered),
        TEST(nothing_is_kept),
        TEST(fails_anywhere),
        TEST(loses_xen_anywhere),
        TEST(dies_anywhere),
        TEST(dies_with_a_stubborn_guest),
        TEST(a_disk_that_is_held_stays),
        TEST(repair_dies_anywhere),
        TEST(dies_with_its_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
