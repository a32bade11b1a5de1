/* SPDX-License-Identifier: MIT */
/* Guests with scripts of the user's own: when they are run, what they are told,
 * and what happens when they fail; on the fakes. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLS_MAX 400 /* an operation with more never ends */

static const char both[] =
    "vif=['script=vif-mine,bridge=no.1:2,gatewaydev=eth9']\n"
    "disk=['iqn.2001:x,raw,xvda,r,script=/my/block-x']\n";

static struct support_world *world;
static struct chaos_error err;

/* As the user's scripts would: the disk's finds a device, for which blkback
 * waits. */
static void script(char *const *words)
{
    char path[64], state[8] = "";
    uint32_t domid;

    if (strcmp(words[1], "add") != 0)
        return;
    domid = support_slot(world, "web").domid;
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/51712/state",
             domid);
    fake_store_look(path, state, sizeof(state));
    assert_string_equal(state, "2");
    snprintf(path, sizeof(path),
             "/local/domain/0/backend/vbd/%u/51712/physical-device", domid);
    fake_store_set(path, "8:11");
}

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    fake_dom0_add_device("/dev/sdb1", 8, 17, 2048);
    fake_dom0_on_script(script);
    memset(&err, 0, sizeof(err));
    return 0;
}

static int teardown(void **state)
{
    bool clean;

    (void)state;
    fake_dom0_on_script(NULL);
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_count_slots(world) == 0 && fake_hv_check_clean();
    support_world_free(world);
    return clean ? 0 : -1;
}

static int create(const char *registry, const char *more, uint32_t *domid_r)
{
    struct chaos_config *config =
        support_config(world, "web", "pvh", world->noxs_kernel, more);
    char assignment[32];
    int rc;

    snprintf(assignment, sizeof(assignment), "registry=%s", registry);
    if (chaos_config_set(world->chaos, config, assignment, NULL) < 0)
        abort();
    rc = chaos_guest_create(world->chaos, config, 0, domid_r, &err);
    chaos_config_free(config);
    return rc;
}

static uint32_t must_create(const char *registry, const char *more)
{
    uint32_t domid = 0;

    if (create(registry, more, &domid) < 0)
        fail_msg("%s", err.message);
    return domid;
}

static void must_destroy(uint32_t domid)
{
    if (chaos_guest_destroy(world->chaos, domid, &err) < 0)
        fail_msg("%s", err.message);
    assert_false(fake_hv_domain(domid).exists);
    assert_int_equal(support_count_slots(world), 0);
}

static bool has_run(const char *text)
{
    return strstr(fake_dom0_runs(), text) != NULL;
}

static void assert_node(uint32_t domid, const char *format, const char *value)
{
    char path[128], found[128] = "";

    snprintf(path, sizeof(path), format, domid);
    fake_store_look(path, found, sizeof(found));
    assert_string_equal(found, value);
}

static void lives_with(const char *registry)
{
    uint32_t domid = must_create(registry, both);
    char text[1024];

    snprintf(text, sizeof(text),
             "/etc/xen/scripts/vif-mine online type_if=vif | "
             "script=/etc/xen/scripts/vif-mine XENBUS_TYPE=vif "
             "XENBUS_PATH=backend/vif/%u/0 XENBUS_BASE_PATH=backend "
             "vif=vif%u.0 netdev=eth9\n"
             "/my/block-x add | script=/my/block-x XENBUS_TYPE=vbd "
             "XENBUS_PATH=backend/vbd/%u/51712 XENBUS_BASE_PATH=backend\n",
             domid, domid, domid);
    assert_string_equal(fake_dom0_runs(), text);
    assert_node(domid, "/local/domain/0/backend/vif/%u/0/script",
                "/etc/xen/scripts/vif-mine");
    assert_node(domid, "/local/domain/0/backend/vif/%u/0/hotplug-status",
                "connected");
    assert_node(domid, "/local/domain/0/backend/vbd/%u/51712/params",
                "iqn.2001:x");
    assert_non_null(strstr(world->log, "web: vif 0: script=/etc/xen/scripts/"
                                       "vif-mine is run"));
    assert_non_null(strstr(world->log, "web: xvda: script=/my/block-x is run"));
    must_destroy(domid);
    assert_true(has_run("/vif-mine offline type_if=vif | "));
    assert_true(has_run("/my/block-x remove | "));
}

static void noxs_guest(void **state)
{
    (void)state;
    lives_with("noxs");
}

static void xenstore_guest(void **state)
{
    (void)state;
    lives_with("xenstore");
}

/* Both ends of it are what they are without scripts. */
static void is_connected(void **state)
{
    uint32_t domid = must_create("noxs", both);
    struct chaos_device_info *list;
    size_t count;

    (void)state;
    assert_int_equal(fake_backend_count(domid), 2);
    assert_int_equal(chaos_guest_devices(world->chaos, domid,
                                         CHAOS_DEVICES_STATE, &list, &count,
                                         &err),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].state, 4);
    assert_int_equal(list[1].state, 4);
    assert_string_equal(list[1].target, "iqn.2001:x");
    free(list);
    must_destroy(domid);
}

/* Scripts are waited for, and back ends after them: with watches each time, of
 * which none is left. */
static void is_watched_behind_its_scripts(void **state)
{
    static const char *const modes[] = { "noxs", "xenstore" };
    uint32_t domid;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        fake_hv_reset_counts();
        domid = must_create(modes[i], both);
        assert_true(fake_store_count(FAKE_STORE_WATCH) > 0);
        assert_int_equal(fake_store_count(FAKE_STORE_WATCH),
                         fake_store_count(FAKE_STORE_UNWATCH));
        must_destroy(domid);
    }
}

/* Also with all that tools look at, where libxl would find them. */
static void live(const char *registry, const char *more)
{
    uint32_t domid = must_create(registry, more);

    if (strcmp(registry, "xenstore") == 0)
        assert_int_equal(chaos_guest_publish(world->chaos, domid, &err), 0);
    must_destroy(domid);
}

/* One that is usual is not run, whatever the other device has. */
static void usual_ones(void **state)
{
    static const char *const modes[] = { "noxs", "xenstore" };
    char *disk = support_disk(world, "disk", 1 << 20);
    char usual[256], mine[256];
    size_t i;

    (void)state;
    snprintf(usual, sizeof(usual),
             "vif=['script=vif-bridge']\ndisk=['%s,raw,xvda,w,script=block']\n",
             disk);
    snprintf(mine, sizeof(mine),
             "vif=['script=mine','']\ndisk=['%s,raw,xvda,w']\n", disk);
    for (i = 0; i < 2; i++) {
        fake_dom0_forget_runs();
        world->log[0] = '\0';
        live(modes[i], usual);
        assert_string_equal(fake_dom0_runs(), "");
        assert_null(strstr(world->log, "is run"));
        live(modes[i], mine);
        assert_true(has_run("/mine online"));
        assert_true(has_run("/mine offline"));
        assert_false(has_run("vif-bridge"));
        assert_false(has_run("scripts/block"));
    }
    free(disk);
}

/* A guest that is kept loses its devices, and what their scripts have made. */
static void is_put_aside(void **state)
{
    static const char *const modes[] = { "noxs", "xenstore" };
    enum chaos_guest_end end;
    uint32_t domid, next;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        fake_dom0_forget_runs();
        domid = must_create(modes[i], "on_reboot='rename-restart'\n"
                                      "vif=['script=mine']");
        fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
        assert_int_equal(chaos_guest_wait(world->chaos, domid, 0, &end, &err),
                         0);
        assert_true(has_run("offline"));
        assert_int_equal(chaos_guest_find(world->chaos, "web", &next, &err), 0);
        fake_dom0_forget_runs();
        assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
        assert_string_equal(fake_dom0_runs(), "");
        must_destroy(next);
        assert_true(has_run("offline"));
    }
}

static void fails(enum fake_hv_call call, int code, const char *registry)
{
    fake_hv_fail_next(call, code);
    assert_int_equal(create(registry, both, NULL), code);
    assert_int_equal(support_count_slots(world), 0);
}

static void a_script_fails(void **state)
{
    (void)state;
    fails(FAKE_HV_SCRIPT, CHAOS_EFAILED, "noxs");
    assert_non_null(strstr(err.message, "vif 0: "));
    /* What it has left half done is cleaned up by itself. */
    assert_true(has_run("/vif-mine offline"));
    assert_true(has_run("/my/block-x remove"));
    assert_false(has_run("/my/block-x add"));
    fails(FAKE_HV_SCRIPT, CHAOS_ETIMEDOUT, "xenstore");
}

/* The first script leaves what the second is to fail with. */
static void say_why(char *const *words)
{
    const uint32_t domid = support_slot(world, "web").domid;
    char path[128];

    if (strcmp(words[1], "online") != 0)
        return;
    snprintf(path, sizeof(path),
             "/local/domain/0/backend/vif/%u/1/hotplug-error", domid);
    fake_store_set(path, "no such cable");
    fake_hv_fail_next(FAKE_HV_SCRIPT, CHAOS_EFAILED);
}

static void a_script_says_why(void **state)
{
    (void)state;
    fake_dom0_on_script(say_why);
    assert_int_equal(create("noxs", "vif=['script=mine','script=other']", NULL),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "vif 1: "));
    assert_non_null(strstr(err.message, ": no such cable"));
}

/* One fails when the guest goes: that is told, and no more. */
static void fails_at_the_end(void **state)
{
    uint32_t domid = must_create("noxs", both);

    (void)state;
    fake_hv_fail_next(FAKE_HV_SCRIPT, CHAOS_EFAILED);
    must_destroy(domid);
    assert_non_null(strstr(world->log, "vif 0: "));
    assert_true(has_run("/my/block-x remove"));
}

/* The script has found nothing that blkback could use. */
static void no_disk(void **state)
{
    (void)state;
    fake_dom0_on_script(NULL);
    assert_int_equal(create("noxs", both, NULL), CHAOS_ETIMEDOUT);
    assert_non_null(strstr(err.message, "vbd 51712"));
}

static void a_back_end_does_not_start(void **state)
{
    (void)state;
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_SILENT);
    assert_int_equal(create("noxs", both, NULL), CHAOS_ETIMEDOUT);
    assert_non_null(strstr(err.message, "does not see the device"));
    assert_false(has_run("online"));
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_REFUSES);
    assert_int_equal(create("noxs", both, NULL), CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "the test's refusal"));
}

/* Another toolstack ends it: the next command has the scripts run. */
static void vanishes(void **state)
{
    uint32_t domid = must_create("noxs", both);
    struct chaos_guest_info info;

    (void)state;
    fake_hv_vanish(domid);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_ENOGUEST);
    assert_true(has_run("/vif-mine offline"));
    assert_true(has_run("/my/block-x remove"));
    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, &err),
                     CHAOS_ENOGUEST);
}

static void restarts(void **state)
{
    uint32_t domid = must_create("noxs", "on_reboot='restart'\n"
                                         "vif=['script=mine']");
    enum chaos_guest_end end;

    (void)state;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(chaos_guest_wait(world->chaos, domid, 0, &end, &err), 0);
    assert_int_equal(chaos_guest_find(world->chaos, "web", &domid, &err), 0);
    assert_int_equal(fake_backend_count(domid), 1);
    must_destroy(domid);
}

/* The registry is lost, and with it who had the scripts run. */
static void is_recovered(void **state)
{
    uint32_t domid = must_create("noxs", both);
    struct chaos_recovered *list;
    char *path = support_path(world->run_dir, "registry");
    size_t count;

    (void)state;
    chaos_close(world->chaos);
    assert_int_equal(unlink(path), 0);
    free(path);
    world->chaos = support_open(world);
    assert_int_equal(chaos_recover(world->chaos, &list, &count, &err), 0);
    free(list);
    must_destroy(domid);
    assert_true(has_run("/vif-mine offline"));
    assert_true(has_run("/my/block-x remove"));
}

static int create_in_child(void *user)
{
    unsigned *n = user;

    support_reopen(world);
    fake_hv_die_at(*n, FAKE_HV_AFTER);
    if (create("noxs", both, NULL) == 0)
        chaos_guest_destroy(world->chaos, support_slot(world, "web").domid,
                            NULL);
    chaos_close(world->chaos);
    return 0;
}

/* Whoever comes next has all that was done undone. */
static void dies_anywhere(void **state)
{
    struct chaos_guest_info *list;
    unsigned n = 1;
    size_t count;
    int result;

    (void)state;
    do {
        result = support_in_child(create_in_child, &n);
        support_reopen(world);
        assert_int_equal(chaos_guest_list(world->chaos, &list, &count, &err),
                         0);
        free(list);
        if (count > 1)
            must_destroy(support_slot(world, "web").domid);
    } while (result < 0 && n++ < CALLS_MAX);
    assert_int_equal(result, 0);
    assert_true(n > 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(noxs_guest),        TEST(xenstore_guest),
        TEST(is_connected),      TEST(is_watched_behind_its_scripts),
        TEST(usual_ones),        TEST(a_script_fails),
        TEST(a_script_says_why), TEST(fails_at_the_end),
        TEST(no_disk),           TEST(a_back_end_does_not_start),
        TEST(vanishes),          TEST(restarts),
        TEST(is_put_aside),      TEST(is_recovered),
        TEST(dies_anywhere),
    };

    return cmocka_run_group_tests_name("scripts", tests, NULL, NULL);
}
