/* SPDX-License-Identifier: MIT */
/* Guests that speak to XenStore: what is laid out for them there, how they are
 * asked, and that nothing of it stays. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "support.h"

#include "dom0/dom0.h"
#include "hv/hv.h"

#include <chaos/device.h>
#include <chaos/pool.h>
#include <chaos/recover.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define A_UUID "11111111-2222-3333-4444-555555555555"
#define MAC "00:16:3e:01:02:03"

static struct support_world *world;
static struct chaos_error err;
static char *disk;

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    disk = support_disk(world, "disk", 1 << 20);
    memset(&err, 0, sizeof(err));
    return 0;
}

static int teardown(void **state)
{
    struct chaos_guest_info *list;
    size_t count, i;
    bool clean;

    (void)state;
    chaos_pool_drain(world->chaos, NULL, NULL);
    if (chaos_guest_list(world->chaos, &list, &count, NULL) == 0) {
        for (i = 0; i < count; i++)
            if (list[i].domid && list[i].is_chaos)
                chaos_guest_destroy(world->chaos, list[i].domid, NULL);
        free(list);
    }
    chaos_guest_sweep(world->chaos, 1000);
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_count_slots(world) == 0 && fake_hv_check_clean();
    support_world_free(world);
    free(disk);
    return clean ? 0 : -1;
}

static void must(int rc)
{
    if (rc < 0)
        fail_msg("%s", err.message);
}

static uint32_t create_with(const char *name, const char *type,
                            const char *kernel, const char *more,
                            unsigned flags)
{
    struct chaos_config *config =
        support_config(world, name, type, kernel, more);
    uint32_t domid = 0;

    must(chaos_guest_create(world->chaos, config, flags, &domid, &err));
    chaos_config_free(config);
    return domid;
}

/* A vif and a disk, and what else a test wants. */
static const char *devices(const char *more)
{
    static char text[1024];

    snprintf(text, sizeof(text),
             "vif=['mac=" MAC ",ip=10.1.2.3/29 10.1.2.9,rate=1MB/s,mtu=1400']\n"
             "disk=['%s,raw,xvda,r']\n%s",
             disk, more);
    return text;
}

static void publish(uint32_t domid)
{
    must(chaos_guest_publish(world->chaos, domid, &err));
}

static uint32_t create(const char *type, const char *more)
{
    const uint32_t domid =
        create_with("web", type, world->plain_kernel, more, 0);

    publish(domid);
    return domid;
}

static void destroy(uint32_t domid)
{
    must(chaos_guest_destroy(world->chaos, domid, &err));
}

/* ------------------------------------------------------------------ nodes */

/* What a path and a value have of a domain: "$D" stands for its domid. */
static char *fill_in(const char *pattern, uint32_t domid)
{
    static char texts[4][256];
    static unsigned next;
    char *text = texts[next++ % 4];
    const char *mark = strstr(pattern, "$D");

    if (mark)
        snprintf(text, 256, "%.*s%u%s", (int)(mark - pattern), pattern, domid,
                 mark + 2);
    else
        snprintf(text, 256, "%s", pattern);
    return text;
}

static const char *node(const char *pattern, uint32_t domid)
{
    static char value[512];
    const char *path = fill_in(pattern, domid);

    if (!fake_store_look(path, value, sizeof(value)))
        fail_msg("no node %s", path);
    return value;
}

static void assert_number(const char *pattern, uint32_t domid, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    assert_string_equal(node(pattern, domid), text);
}

static bool is_node(const char *pattern, uint32_t domid)
{
    char value[8];

    return fake_store_look(fill_in(pattern, domid), value, sizeof(value));
}

struct expected {
    const char *path, *value, *access; /* NULL: whatever it is */
};

static void assert_nodes(const struct expected *expected, uint32_t domid)
{
    char access[64];

    for (; expected->path; expected++) {
        const char *value = node(expected->path, domid);

        if (expected->value &&
            strcmp(value, fill_in(expected->value, domid)) != 0)
            fail_msg("%s is \"%s\"", expected->path, value);
        assert_true(fake_store_access(fill_in(expected->path, domid), access,
                                      sizeof(access)));
        if (expected->access &&
            strcmp(access, fill_in(expected->access, domid)) != 0)
            fail_msg("%s: %s", expected->path, access);
    }
}

/* As xl lays them out, and allows them. */
static const struct expected guest_nodes[] = {
    { "/local/domain/$D", "", "n0,r$D" },
    { "/local/domain/$D/domid", "$D", "n0,r$D" },
    { "/local/domain/$D/name", "web", "n0,r$D" },
    { "/local/domain/$D/control/shutdown", "", "n$D" },
    { "/local/domain/$D/control/feature-poweroff", "", "n$D" },
    { "/local/domain/$D/control/platform-feature-xs_reset_watches", "1",
      "n0,r$D" },
    { "/local/domain/$D/data", "", "n$D" },
    { "/local/domain/$D/device/suspend/event-channel", "", "n$D" },
    { "/local/domain/$D/memory/target", "4096", "n0,r$D" },
    { "/local/domain/$D/memory/static-max", "8192", "n0,r$D" },
    { "/local/domain/$D/memory/videoram", "0", "n0,r$D" },
    { "/local/domain/$D/cpu/0/availability", "online", "n0,r$D" },
    { "/local/domain/$D/cpu/1/availability", "online", "n0,r$D" },
    { "/local/domain/$D/console", NULL, "n0,r$D" },
    { "/local/domain/$D/console/type", "xenconsoled", "n0,r$D" },
    { "/local/domain/$D/console/output", "pty", "n0,r$D" },
    { "/local/domain/$D/console/backend-id", "0", "n$D,r0" },
    { "/local/domain/0/backend/console/$D/0/state", "1", "n0,r$D" },
    { "/libxl/$D/device/console/0/backend",
      "/local/domain/0/backend/console/$D/0", "n0" },
    { NULL, NULL, NULL },
};

static const struct expected device_nodes[] = {
    { "/local/domain/$D/device/vif/0", "", "n$D,r0" },
    { "/local/domain/$D/device/vif/0/state", "1", "n$D,r0" },
    { "/local/domain/$D/device/vif/0/mac", MAC, "n$D,r0" },
    { "/local/domain/$D/device/vif/0/mtu", NULL, "n0,r$D" },
    { "/local/domain/$D/device/vif/0/trusted", "1", "n$D,r0" },
    { "/local/domain/0/backend/vif/$D/0/state", "2", "n0,r$D" },
    { "/local/domain/0/backend/vif/$D/0/mac", MAC, "n0,r$D" },
    { "/local/domain/0/backend/vif/$D/0/ip", "10.1.2.3/29 10.1.2.9", "n0,r$D" },
    { "/local/domain/0/backend/vif/$D/0/hotplug-status", "connected",
      "n0,r$D" },
    { "/local/domain/0/backend/vif/$D/0/mtu", "1400", "n0,r$D" },
    { "/local/domain/0/backend/vif/$D/0/rate", "50000,50000", "n0,r$D" },
    { "/libxl/$D/device/vif/0/mac", MAC, "n0" },
    { "/libxl/$D/device/vif/0/mtu", "1400", "n0" },
    { "/libxl/$D/device/vif/0/rate", "50000,50000", "n0" },
    { "/local/domain/$D/device/vbd/51712/state", "1", "n$D,r0" },
    { "/local/domain/$D/device/vbd/51712/virtual-device", "51712", "n$D,r0" },
    { "/local/domain/0/backend/vbd/$D/51712/mode", "r", "n0,r$D" },
    { "/local/domain/0/backend/vbd/$D/51712/discard-enable", "0", "n0,r$D" },
    { "/local/domain/0/backend/vbd/$D/51712/hotplug-status", "connected",
      "n0,r$D" },
    { "/libxl/$D/device/vbd/51712/type", "phy", "n0" },
    { NULL, NULL, NULL },
};

static void lays_out(const char *type)
{
    const uint32_t domid =
        create(type, devices("memory=4\nmaxmem=8\nvcpus=2\n"));
    const struct chaos__slot slot = support_slot(world, "web");
    char interface[32];

    assert_nodes(guest_nodes, domid);
    assert_nodes(device_nodes, domid);
    assert_true(fake_store_is_introduced(domid));
    assert_number("/local/domain/$D/store/ring-ref", domid, slot.store_frame);
    assert_number("/local/domain/$D/store/port", domid, slot.store_port);
    assert_number("/local/domain/$D/console/ring-ref", domid,
                  slot.console_frame);
    assert_number("/local/domain/$D/console/port", domid, slot.console_port);
    snprintf(interface, sizeof(interface), "vif%u.0", domid);
    assert_true(chaos__dom0_is_joined(interface, "xenbr0"));
    destroy(domid);
    assert_false(is_node("/local/domain/$D", domid));
    assert_false(is_node("/libxl/$D", domid));
    assert_false(is_node("/local/domain/0/backend/console/$D", domid));
}

static void lays_out_pvh(void **state)
{
    (void)state;
    lays_out("pvh");
}

static void lays_out_pv(void **state)
{
    (void)state;
    lays_out("pv");
}

static void tells_what_pv_boots(void **state)
{
    char path[128];
    const uint32_t domid = create("pv", "extra='a=b'\nuuid='" A_UUID "'\n");

    (void)state;
    assert_string_equal(node("/local/domain/$D/vm", domid), "/vm/" A_UUID);
    assert_string_equal(node("/vm/" A_UUID "/name", domid), "web");
    assert_string_equal(node("/vm/" A_UUID "/uuid", domid), A_UUID);
    assert_string_equal(node("/vm/" A_UUID "/image/cmdline", domid), "a=b");
    assert_string_equal(node("/vm/" A_UUID "/image/kernel", domid),
                        world->plain_kernel);
    destroy(domid);
    snprintf(path, sizeof(path), "/vm/" A_UUID);
    assert_false(is_node(path, domid));
}

/* What only tools read is not waited for. */
static void tells_tools_later(void **state)
{
    const uint32_t domid =
        create_with("web", "pv", world->plain_kernel,
                    devices("memory=4\nmaxmem=8\nvcpus=2\n"), 0);
    char name[600];

    (void)state;
    assert_int_equal(chaos_guest_unpublished(world->chaos, domid), 1);
    assert_false(is_node("/libxl/$D", domid));
    assert_false(is_node("/local/domain/0/backend/console/$D", domid));
    assert_false(is_node("/local/domain/0/backend/vif/$D/0/bridge", domid));
    /* What blkback would take the wrong way is there from the start. */
    assert_true(
        is_node("/local/domain/0/backend/vbd/$D/51712/discard-enable", domid));
    snprintf(name, sizeof(name), "%s/name", node("/local/domain/$D/vm", domid));
    assert_false(is_node(name, domid));

    publish(domid);
    assert_int_equal(chaos_guest_unpublished(world->chaos, domid), 0);
    assert_nodes(guest_nodes, domid);
    assert_nodes(device_nodes, domid);
    assert_string_equal(node(name, domid), "web");
    fake_hv_reset_counts();
    publish(domid);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
}

/* One whose back end somebody has taken away meanwhile is not told of, which
 * would make its directory again. */
static void tells_nothing_of_what_went(void **state)
{
    const uint32_t domid =
        create_with("web", "pvh", world->plain_kernel, devices(""), 0);

    (void)state;
    fake_store_remove(fill_in("/local/domain/0/backend/vif/$D/0", domid));
    publish(domid);
    assert_false(is_node("/local/domain/0/backend/vif/$D/0", domid));
    assert_false(is_node("/libxl/$D/device/vif", domid));
    assert_true(is_node("/local/domain/0/backend/vbd/$D/51712/params", domid));
    destroy(domid);
}

/* At the n-th time that the one who tells sends something, this happens. */
static struct {
    uint32_t domid;
    unsigned sends;
    void (*event)(uint32_t domid);
} meanwhile;

static void count_send(void)
{
    if (--meanwhile.sends > 0)
        fake_hv_before(FAKE_HV_STORE_SEND, count_send);
    else
        meanwhile.event(meanwhile.domid);
}

static void rename_it(uint32_t domid)
{
    must(chaos_guest_rename(world->chaos, domid, "mail", &err));
}

/* It ends, or another toolstack ends it, while it is told of: nothing of it is
 * left, whenever that is.  The teardown looks. */
static void tells_across_its_end(void **state)
{
    static void (*const events[])(uint32_t) = { destroy, fake_hv_vanish };
    struct chaos *late = support_open(world);
    unsigned n, i;

    (void)state;
    for (i = 0; i < 2; i++) {
        for (n = 1; n < 8; n++) {
            meanwhile.domid = create_with("web", "pvh", world->plain_kernel,
                                          devices("uuid='" A_UUID "'\n"), 0);
            meanwhile.sends = n;
            meanwhile.event = events[i];
            fake_hv_before(FAKE_HV_STORE_SEND, count_send);
            must(chaos_guest_publish(late, meanwhile.domid, &err));
            fake_hv_before(FAKE_HV_STORE_SEND, NULL);
            chaos_guest_destroy(world->chaos, meanwhile.domid, NULL);
            chaos_guest_sweep(world->chaos, 1000);
            assert_false(is_node("/libxl/$D", meanwhile.domid));
            assert_false(is_node("/vm/" A_UUID, 0));
            assert_false(
                is_node("/local/domain/0/backend/vif/$D", meanwhile.domid));
        }
    }
    chaos_close(late);
}

static void tells_across_a_rename(void **state)
{
    struct chaos *late = support_open(world);
    unsigned n;

    (void)state;
    for (n = 1; n < 8; n++) {
        meanwhile.domid = create_with("web", "pvh", world->plain_kernel,
                                      "uuid='" A_UUID "'\n", 0);
        meanwhile.sends = n;
        meanwhile.event = rename_it;
        fake_hv_before(FAKE_HV_STORE_SEND, count_send);
        must(chaos_guest_publish(late, meanwhile.domid, &err));
        fake_hv_before(FAKE_HV_STORE_SEND, NULL);
        rename_it(meanwhile.domid);
        assert_string_equal(node("/vm/" A_UUID "/name", 0), "mail");
        assert_string_equal(node("/libxl/$D/type", meanwhile.domid), "pvh");
        destroy(meanwhile.domid);
    }
    chaos_close(late);
}

/* The configuration has the last word. */
static void speaks_as_it_is_told(void **state)
{
    struct chaos_config *config;
    const char *why;
    uint32_t domid;

    (void)state;
    config = support_config(world, "a", "pvh", world->noxs_kernel, "");
    assert_int_equal(chaos_guest_registry(world->chaos, config, &why, &err),
                     CHAOS_REGISTRY_NOXS);
    assert_non_null(strstr(why, "note"));
    must(chaos_config_set(world->chaos, config, "registry=xenstore", &err));
    assert_int_equal(chaos_guest_registry(world->chaos, config, &why, &err),
                     CHAOS_REGISTRY_XENSTORE);
    assert_non_null(strstr(why, "configuration"));
    must(chaos_guest_create(world->chaos, config, 0, &domid, &err));
    chaos_config_free(config);
    assert_true(fake_store_is_introduced(domid));
    assert_int_equal(support_slot(world, "a").control_frame, 0);

    config = support_config(world, "b", "pvh", world->plain_kernel,
                            "registry='noxs'\n");
    assert_int_equal(chaos_guest_registry(world->chaos, config, &why, &err),
                     CHAOS_EIMAGE);
    assert_non_null(strstr(err.message, "registry=\"noxs\""));
    chaos_config_free(config);
}

/* ----------------------------------------------------------------- shells */

static void claims(const char *type, const char *more)
{
    struct chaos_config *config =
        support_config(world, "web", type, world->plain_kernel, more);
    char name[CHAOS_POOL_NAME_MAX + 1];
    uint32_t domid, shell = 0;
    struct chaos_guest_info *list;
    size_t count, i;

    must(chaos_pool_add(world->chaos, config, NULL, name, &err));
    must(chaos_pool_set(world->chaos, name, 1, 0, &err));
    must(chaos_pool_fill(world->chaos, name, 0, &err));
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    for (i = 0; i < count; i++)
        if (list[i].is_shell)
            shell = list[i].domid;
    free(list);
    assert_true(shell > 0);
    assert_true(fake_store_is_introduced(shell));
    assert_false(is_node("/local/domain/$D/name", shell));
    assert_string_equal(node("/local/domain/$D/console/type", shell), "none");

    fake_hv_reset_counts();
    must(chaos_guest_create(world->chaos, config, 0, &domid, &err));
    chaos_config_free(config);
    assert_int_equal(domid, shell);
    /* Its settings take one round trip. */
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
    publish(domid);
    assert_nodes(guest_nodes, domid);
    assert_nodes(device_nodes, domid);
    assert_string_equal(node("/libxl/$D/device/vbd/51712/params", domid), disk);
}

static void takes_shells(void **state)
{
    (void)state;
    claims("pvh", devices("memory=4\nmaxmem=8\nvcpus=2\n"));
    destroy(1);
    claims("pv", devices("memory=4\nmaxmem=8\nvcpus=2\n"));
}

static void takes_shells_with_a_uuid(void **state)
{
    (void)state;
    claims("pv", devices("memory=4\nmaxmem=8\nvcpus=2\nuuid='" A_UUID "'\n"));
    assert_string_equal(node("/local/domain/$D/vm", 1), "/vm/" A_UUID);
    assert_string_equal(node("/vm/" A_UUID "/name", 1), "web");
}

/* blkback takes a disk that is written to when it has its file: only then does
 * it know that there is something to flush. */
static void connects_writable_disks_late(void **state)
{
    static const struct expected late[] = {
        { "/local/domain/$D/device/vbd/51712/state", "1", "n$D,r0" },
        { "/local/domain/0/backend/vbd/$D/51712/mode", "w", "n0,r$D" },
        { "/local/domain/0/backend/vbd/$D/51712/state", "2", "n0,r$D" },
        { "/local/domain/0/backend/vbd/$D/51712/params", NULL, "n0,r$D" },
        { "/local/domain/0/backend/vbd/$D/51728/mode", "r", "n0,r$D" },
        { NULL, NULL, NULL },
    };
    char more[512];
    struct chaos_config *config;
    char name[CHAOS_POOL_NAME_MAX + 1];
    struct chaos_device_info *list;
    uint32_t domid;
    size_t count;

    (void)state;
    snprintf(more, sizeof(more),
             "vif=['']\ndisk=['%s,raw,xvda,w','%s,raw,xvdb,r']\n", disk,
             world->ramdisk);
    config = support_config(world, "web", "pv", world->plain_kernel, more);
    must(chaos_pool_add(world->chaos, config, NULL, name, &err));
    must(chaos_pool_set(world->chaos, name, 1, 0, &err));
    must(chaos_pool_fill(world->chaos, name, 0, &err));
    assert_string_equal(node("/local/domain/0/backend/vif/$D/0/state", 1), "2");
    assert_true(is_node("/local/domain/0/backend/vbd/$D/51728", 1));
    assert_false(is_node("/local/domain/0/backend/vbd/$D/51712", 1));
    assert_int_equal(fake_dom0_loops(), 1);

    fake_hv_reset_counts();
    must(chaos_guest_create(world->chaos, config, 0, &domid, &err));
    chaos_config_free(config);
    assert_int_equal(domid, 1);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
    publish(domid);
    assert_nodes(late, domid);
    assert_string_equal(
        node("/local/domain/0/backend/vbd/$D/51712/params", domid), disk);
    assert_int_equal(fake_dom0_loops(), 2);
    /* What is recorded is what was connected. */
    must(chaos_guest_devices(world->chaos, domid, 0, &list, &count, &err));
    assert_int_equal(count, 3);
    assert_true(list[1].loop >= 0 && list[1].loop < CHAOS__LOOP_SHELLS);
    assert_true(list[2].loop >= CHAOS__LOOP_SHELLS);
    assert_string_equal(node("/local/domain/0/backend/vbd/$D/51712/"
                             "physical-device-path",
                             domid),
                        fill_in("/dev/loop$D", (uint32_t)list[1].loop));
    free(list);
}

/* ------------------------------------------------------------------ asking */

static void asks_by_node(void **state)
{
    static const struct {
        enum chaos_guest_end how;
        const char *word;
    } cases[] = {
        { CHAOS_END_POWEROFF, "poweroff" },
        { CHAOS_END_REBOOT, "reboot" },
        { CHAOS_END_SUSPEND, "suspend" },
        { CHAOS_END_HALT, "halt" },
    };
    const uint32_t domid = create("pvh", "");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        must(chaos_guest_shutdown(world->chaos, domid, cases[i].how, &err));
        assert_string_equal(node("/local/domain/$D/control/shutdown", domid),
                            cases[i].word);
    }
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_WATCHDOG, &err),
        CHAOS_EINVAL);
    /* Others write, too. */
    fake_store_conflict(3);
    must(chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err));
    /* xenstored was started again: the directory is not made again. */
    fake_store_remove(fill_in("/local/domain/$D", domid));
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err),
        CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "guest web runs, and XenStore"));
    assert_false(is_node("/local/domain/$D", domid));
}

/* ------------------------------------------------------------------ names */

static void renames_in_xenstore(void **state)
{
    const uint32_t domid = create("pvh", "uuid='" A_UUID "'\n");

    (void)state;
    must(chaos_guest_rename(world->chaos, domid, "mail", &err));
    assert_string_equal(node("/local/domain/$D/name", domid), "mail");
    assert_string_equal(node("/vm/" A_UUID "/name", domid), "mail");
}

static void publishes_names(void **state)
{
    const uint32_t domid = create_with("web", "pvh", world->noxs_kernel, "", 0);

    (void)state;
    assert_false(is_node("/local/domain/$D", domid));
    must(chaos_guest_publish(world->chaos, domid, &err));
    assert_string_equal(node("/local/domain/$D/name", domid), "web");
    must(chaos_guest_rename(world->chaos, domid, "mail", &err));
    assert_string_equal(node("/local/domain/$D/name", domid), "mail");

    /* Destroying does not wait for XenStore; what comes after it does. */
    fake_hv_reset_counts();
    destroy(domid);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
    assert_true(chaos_guest_lingers(world->chaos));
    chaos_guest_sweep(world->chaos, 1000);
    assert_false(chaos_guest_lingers(world->chaos));
    assert_false(is_node("/local/domain/$D", domid));
}

static void list(void)
{
    struct chaos_guest_info *guests;
    size_t count;

    must(chaos_guest_list(world->chaos, &guests, &count, &err));
    free(guests);
}

/* A rename that comes while the name is being written is not lost. */
static void publishes_across_a_rename(void **state)
{
    struct chaos *late = support_open(world);

    (void)state;
    meanwhile.domid = create_with("web", "pvh", world->noxs_kernel, "", 0);
    meanwhile.sends = 1;
    meanwhile.event = rename_it;
    fake_hv_before(FAKE_HV_STORE_SEND, count_send);
    must(chaos_guest_publish(late, meanwhile.domid, &err));
    chaos_close(late);
    assert_string_equal(node("/local/domain/$D/name", meanwhile.domid), "mail");
}

/* Whoever made it was killed before he came to that. */
static void publishes_what_others_have_not(void **state)
{
    const uint32_t noxs = create_with("web", "pvh", world->noxs_kernel, "", 0);
    const uint32_t stock = create_with("db", "pvh", world->plain_kernel, "", 0);
    struct chaos__registry *registry;

    (void)state;
    list();
    assert_false(is_node("/local/domain/$D", noxs));
    assert_false(is_node("/libxl/$D", stock));
    must(chaos__registry_open(world->run_dir, &registry, &err));
    chaos__registry_by_domid(registry, noxs)->created_s -= 60;
    chaos__registry_by_domid(registry, stock)->created_s -= 60;
    chaos__registry_close(registry);
    list();
    assert_string_equal(node("/local/domain/$D/name", noxs), "web");
    assert_true(is_node("/libxl/$D", stock));
    fake_hv_reset_counts();
    list();
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
}

/* Many names are to be taken out of a XenStore that does not answer: each
 * command tries one. */
static void asks_a_dead_store_once(void **state)
{
    char name[] = "web0";
    uint32_t domids[5];
    unsigned i;

    (void)state;
    for (i = 0; i < 5; i++, name[3]++)
        domids[i] = create_with(name, "pvh", world->noxs_kernel, "", 0);
    for (i = 0; i < 5; i++)
        publish(domids[i]);
    fake_store_speak("", 0, true);
    for (i = 0; i < 5; i++)
        destroy(domids[i]);
    for (i = 0; i < 3; i++) {
        fake_hv_reset_counts();
        list();
        assert_in_range(fake_hv_count(FAKE_HV_STORE_OPEN), 0, 1);
    }
    fake_store_speak(NULL, 0, false);
}

static void hides_names(void **state)
{
    const uint32_t domid =
        create_with("web", "pvh", world->noxs_kernel, "xl_visible=0\n", 0);

    (void)state;
    fake_hv_reset_counts();
    must(chaos_guest_publish(world->chaos, domid, &err));
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
    assert_false(is_node("/local/domain/$D", domid));
}

/* A successor is seen as its predecessor was. */
static void restarts_with_a_name(void **state)
{
    uint32_t domid = create_with("web", "pvh", world->noxs_kernel, "", 0);
    struct chaos_guest_info *list;
    size_t count;

    (void)state;
    must(chaos_guest_publish(world->chaos, domid, &err));
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    free(list);
    must(chaos_guest_find(world->chaos, "web", &domid, &err));
    assert_string_equal(node("/local/domain/$D/name", domid), "web");
}

/* ------------------------------------------------------------ directories */

static const struct expected p9_nodes[] = {
    { "/local/domain/$D/device/9pfs/0/state", "1", "n$D,r0" },
    { "/local/domain/$D/device/9pfs/0/tag", "share", "n$D,r0" },
    { "/local/domain/$D/device/9pfs/0/backend",
      "/local/domain/0/backend/9pfs/$D/0", "n$D,r0" },
    { "/local/domain/0/backend/9pfs/$D/0/state", "2", "n0,r$D" },
    { "/local/domain/0/backend/9pfs/$D/0/security_model", "none", "n0,r$D" },
    { "/local/domain/0/backend/9pfs/$D/1/path", "/", "n0,r$D" },
    { "/local/domain/$D/image/device-model-pid", NULL, "n0,r$D" },
    { "/libxl/$D/device/9pfs/0/path", NULL, "n0" },
    { NULL, NULL, NULL },
};

/* The first is the world's directory, by a path that is none of a restart's. */
static const char *directories(void)
{
    static char text[512];

    snprintf(text, sizeof(text),
             "p9=['tag=share,path=%s/.,security_model=none',"
             "'tag=root,path=/,security_model=passthrough']\n"
             "on_reboot='restart'\n"
             "uuid='" A_UUID "'\n",
             world->directory);
    return text;
}

static void assert_served(uint32_t domid)
{
    assert_nodes(p9_nodes, domid);
    assert_string_equal(node("/local/domain/0/backend/9pfs/$D/0/path", domid),
                        world->directory);
    assert_int_equal(fake_dom0_models(), 1);
    assert_string_equal(fake_dom0_model(), A_UUID);
}

static void serves_directories(void **state)
{
    uint32_t domid = create("pvh", directories());
    struct chaos_guest_info *list;
    size_t count;

    (void)state;
    assert_served(domid);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    free(list);
    assert_false(is_node("/local/domain/0/backend/9pfs/$D", domid));
    assert_false(is_node("/local/domain/0/device-model/$D", domid));
    must(chaos_guest_find(world->chaos, "web", &domid, &err));
    assert_served(domid);
    destroy(domid);
    assert_int_equal(fake_dom0_models(), 0);
}

/* The one that has ended is kept, and not what served it. */
static void serves_the_successor(void **state)
{
    const uint32_t first = create("pv", directories());
    struct chaos_guest_info *list;
    uint32_t second;
    size_t count;

    (void)state;
    destroy(first);
    second = create_with("web", "pv", world->plain_kernel,
                         "p9=['tag=t,path=/,security_model=none']\n"
                         "on_crash='rename-restart'\n",
                         0);
    fake_hv_shut_down(second, CHAOS__SHUTDOWN_CRASH);
    must(chaos_guest_list(world->chaos, &list, &count, &err));
    assert_int_equal(count, 3); /* dom0's is one */
    free(list);
    assert_int_equal(fake_dom0_models(), 1);
    assert_false(is_node("/local/domain/0/backend/9pfs/$D", second));
}

static void what_serves_is_recovered(void **state)
{
    const uint32_t domid = create("pvh", directories());
    struct chaos_recovered *list;
    size_t count;

    (void)state;
    support_lose_registry(world);
    must(chaos_recover(world->chaos, &list, &count, &err));
    free(list);
    destroy(domid);
    assert_int_equal(fake_dom0_models(), 0);
}

static int refused(const char *kernel, const char *more)
{
    struct chaos_config *config =
        support_config(world, "web", "pvh", kernel, more);
    int rc = chaos_guest_create(world->chaos, config, 0, NULL, &err);

    chaos_config_free(config);
    return rc;
}

static void refuses_directories(void **state)
{
    (void)state;
    assert_int_equal(refused(world->noxs_kernel, directories()), CHAOS_ENOTSUP);
    assert_non_null(strstr(err.message, "noxs"));
    assert_true(refused(world->plain_kernel,
                        "p9=['tag=t,path=/nowhere,security_model=none']") < 0);
    assert_non_null(strstr(err.message, "p9 t: /nowhere"));
    assert_int_equal(refused(world->plain_kernel,
                             "p9=['tag=t,path=/dev/null,security_model=none']"),
                     CHAOS_EINVAL);
    assert_non_null(strstr(err.message, "not a directory"));
    fake_dom0_set_no_model(true);
    assert_int_equal(refused(world->plain_kernel, directories()),
                     CHAOS_ENOTSUP);
    fake_dom0_set_no_model(false);
}

/* ------------------------------------- xenstored refuses, or does not answer
 */

static int try_create(void)
{
    struct chaos_config *config =
        support_config(world, "web", "pvh", world->plain_kernel, devices(""));
    int rc = chaos_guest_create(world->chaos, config, 0, NULL, &err);

    chaos_config_free(config);
    return rc;
}

/* Whichever node it is that would be one too many. */
static void is_undone_at_the_quota(void **state)
{
    unsigned n;

    (void)state;
    for (n = 1;; n++) {
        fake_store_refuse_at(n, EDQUOT);
        if (try_create() == 0)
            break;
        assert_int_equal(err.code, CHAOS_EFAILED);
        assert_non_null(strstr(err.message, "creating web: XenStore: "));
        assert_non_null(strstr(err.message, ": EQUOTA: xenstored lets"));
        assert_int_equal(support_count_slots(world), 0);
        assert_int_equal(fake_dom0_loops(), 0);
    }
    fake_store_refuse_at(0, 0);
    assert_in_range(n, 60, 100); /* as many as it writes */
}

/* What can't be undone before it answers again is, by then. */
static void is_undone_when_the_store_answers(void **state)
{
    uint32_t domid;

    (void)state;
    fake_store_speak("", 0, false);
    assert_int_equal(try_create(), CHAOS_ETIMEDOUT);
    assert_non_null(strstr(err.message, "is xenstored stuck?"));
    assert_int_equal(chaos_guest_find(world->chaos, "web", &domid, &err),
                     CHAOS_EBUSY);
    assert_non_null(strstr(err.message, "guest web is being destroyed"));
    assert_int_equal(try_create(), CHAOS_EEXIST);
    fake_store_speak(NULL, 0, false);
    destroy(create("pvh", devices("")));
}

/* ---------------------------------------------------------------- console */

static void opens_the_terminal(void **state)
{
    const uint32_t domid = create("pvh", "");
    struct chaos_console *console, *other;
    char text[16] = "";
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);

    (void)state;
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     CHAOS_ETIMEDOUT);
    assert_non_null(strstr(err.message, "xenconsoled"));
    fake_store_set(fill_in("/local/domain/$D/console/tty", domid),
                   ptsname(master));
    fake_dom0_show_console(domid);
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     CHAOS_EBUSY);
    assert_non_null(strstr(err.message, "web is being read by another"));
    fake_dom0_show_console(0);
    must(chaos_console_open(world->chaos, domid, &console, &err));
    assert_int_equal(chaos_console_open(world->chaos, domid, &other, &err),
                     CHAOS_EBUSY);
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 0);
    assert_int_equal(write(master, "guest", 5), 5);
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 5);
    assert_string_equal(text, "guest");
    assert_int_equal(chaos_console_write(console, "user\n", 5), 5);
    assert_int_equal(read(master, text, sizeof(text)), 5);
    assert_memory_equal(text, "user\n", 5);
    close(master);
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 0);
    chaos_console_close(console);
    /* Nobody is kept from it any more. */
    assert_int_equal(chaos_console_open(world->chaos, domid, &other, &err),
                     CHAOS_EFAILED);
    assert_null(strstr(err.message, "another"));
}

/* --------------------------------------------------------------- recovery */

static void is_recovered(void **state)
{
    static const char *const types[] = { "pvh", "pv" };
    struct chaos_recovered *list;
    struct chaos__slot was, is;
    uint32_t domid;
    size_t count;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        domid = create(types[i], devices(""));
        must(chaos_guest_rename(world->chaos, domid, "mail", &err));
        was = support_slot(world, "mail");
        support_lose_registry(world);
        must(chaos_recover(world->chaos, &list, &count, &err));
        assert_int_equal(count, 1);
        assert_int_equal(list[0].code, 0);
        free(list);
        is = support_slot(world, "mail");
        assert_int_equal(is.store_frame, was.store_frame);
        assert_int_equal(is.store_port, was.store_port);
        assert_int_equal(is.console_frame, was.console_frame);
        assert_int_equal(is.control_frame, 0);
        destroy(domid);
    }
}

/* Of a noxs guest of which nothing is kept, the name is there. */
static void a_published_name_is_recovered(void **state)
{
    const uint32_t domid = create_with("web", "pvh", world->noxs_kernel, "", 0);
    struct chaos_recovered *list;
    size_t count;

    (void)state;
    must(chaos_guest_publish(world->chaos, domid, &err));
    chaos_close(world->chaos);
    support_remove_directory(strdup(world->run_dir));
    world->chaos = support_open(world);
    must(chaos_recover(world->chaos, &list, &count, &err));
    assert_int_equal(count, 1);
    free(list);
    assert_int_equal(support_slot(world, "web").domid, domid);
    assert_int_equal(support_slot(world, "web").published_domid, domid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lays_out_pvh),
        TEST(lays_out_pv),
        TEST(tells_what_pv_boots),
        TEST(tells_tools_later),
        TEST(tells_nothing_of_what_went),
        TEST(tells_across_its_end),
        TEST(tells_across_a_rename),
        TEST(speaks_as_it_is_told),
        TEST(takes_shells),
        TEST(takes_shells_with_a_uuid),
        TEST(connects_writable_disks_late),
        TEST(asks_by_node),
        TEST(is_undone_at_the_quota),
        TEST(is_undone_when_the_store_answers),
        TEST(renames_in_xenstore),
        TEST(publishes_names),
        TEST(publishes_across_a_rename),
        TEST(publishes_what_others_have_not),
        TEST(asks_a_dead_store_once),
        TEST(hides_names),
        TEST(restarts_with_a_name),
        TEST(opens_the_terminal),
        TEST(is_recovered),
        TEST(a_published_name_is_recovered),
        TEST(serves_directories),
        TEST(serves_the_successor),
        TEST(refuses_directories),
        TEST(what_serves_is_recovered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
