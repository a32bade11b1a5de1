/* SPDX-License-Identifier: MIT */
/* Domains of another toolstack's: finding and asking them, and ending them
 * with all that libxl has made for them; on the fakes. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "support.h"

#include <chaos/console.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define UUID "f0010203-0000-0000-0000-000000000000"
#define CALLS_MAX 300 /* an operation with more never ends */

static const uint8_t uuid[16] = { 0xf0, 1, 2, 3 };

static struct support_world *world;
static struct chaos_error err;

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    fake_dom0_add_device("/dev/sdb1", 8, 17, 2048);
    fake_backend_set_eager(true);
    memset(&err, 0, sizeof(err));
    return 0;
}

static int teardown(void **state)
{
    bool clean;

    (void)state;
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_count_slots(world) == 0 && fake_hv_check_clean();
    support_world_free(world);
    return clean ? 0 : -1;
}

/* ------------------------------------------------------ as libxl makes one */

static void set(uint32_t domid, const char *format, const char *value)
{
    char path[256];

    snprintf(path, sizeof(path), format, domid);
    fake_store_set(path, value);
}

static bool has(uint32_t domid, const char *format)
{
    char path[256], value[8];

    snprintf(path, sizeof(path), format, domid);
    return fake_store_look(path, value, sizeof(value));
}

static void text_of(uint32_t domid, const char *format, char *value,
                    size_t size)
{
    char path[256];

    value[0] = '\0';
    snprintf(path, sizeof(path), format, domid);
    fake_store_look(path, value, size);
}

static void add_ends(uint32_t domid, const char *kind, const char *id)
{
    char front[128], back[128], number[16], path[512];

    snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%s", domid, kind,
             id);
    snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%s", kind,
             domid, id);
    snprintf(number, sizeof(number), "%u", domid);
    snprintf(path, sizeof(path), "/libxl/%u/device/%s/%s/backend", domid, kind,
             id);
    fake_store_set(path, back);
    snprintf(path, sizeof(path), "%s/state", front);
    fake_store_set(path, "1");
    snprintf(path, sizeof(path), "%s/backend", front);
    fake_store_set(path, back);
    snprintf(path, sizeof(path), "%s/frontend", back);
    fake_store_set(path, front);
    snprintf(path, sizeof(path), "%s/frontend-id", back);
    fake_store_set(path, number);
    snprintf(path, sizeof(path), "%s/online", back);
    fake_store_set(path, "1");
}

static void add_vif(uint32_t domid)
{
    add_ends(domid, "vif", "0");
    set(domid, "/local/domain/0/backend/vif/%u/0/handle", "0");
    set(domid, "/local/domain/0/backend/vif/%u/0/bridge", "xenbr0");
    set(domid, "/local/domain/0/backend/vif/%u/0/mac", "00:16:3e:01:02:03");
    set(domid, "/local/domain/0/backend/vif/%u/0/script",
        "/etc/xen/scripts/vif-bridge");
    set(domid, "/local/domain/0/backend/vif/%u/0/state", "1");
}

static void add_vbd(uint32_t domid)
{
    add_ends(domid, "vbd", "51712");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/dev", "xvda");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/mode", "r");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/params", "/dev/sdb1");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/script",
        "/etc/xen/scripts/block");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/physical-device", "8:11");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/state", "1");
}

static uint32_t add_plain(const char *name)
{
    uint32_t domid = fake_hv_add_foreign(name, uuid);

    set(domid, "/local/domain/%u/vm", "/vm/" UUID);
    set(domid, "/local/domain/%u/control/feature-poweroff", "");
    set(domid, "/libxl/%u/type", "pv");
    fake_store_set("/vm/" UUID "/name", name);
    return domid;
}

/* With an interface and a disk, whose back ends wait for the guest. */
static uint32_t add(const char *name)
{
    uint32_t domid = add_plain(name);

    add_ends(domid, "console", "0");
    set(domid, "/local/domain/0/backend/console/%u/0/state", "1");
    add_vif(domid);
    add_vbd(domid);
    return domid;
}

/* All that somebody has to do before back ends look. */
static uint32_t find(const char *name)
{
    uint32_t domid = 0;

    return chaos_guest_find(world->chaos, name, &domid, &err) < 0 ? 0 : domid;
}

static uint32_t add_running(const char *name)
{
    uint32_t domid = add(name);
    struct fake_interface interface;
    char state[8], vif[16];

    assert_int_equal(find(name), domid);
    text_of(domid, "/local/domain/0/backend/vbd/%u/51712/state", state,
            sizeof(state));
    assert_string_equal(state, "2");
    snprintf(vif, sizeof(vif), "vif%u.0", domid);
    assert_true(fake_dom0_interface(vif, &interface));
    return domid;
}

static bool is_all_gone(uint32_t domid)
{
    char value[8];

    return !fake_hv_domain(domid).exists && !has(domid, "/local/domain/%u") &&
           !has(domid, "/libxl/%u") &&
           !has(domid, "/local/domain/0/backend/vif/%u") &&
           !has(domid, "/local/domain/0/backend/vbd/%u") &&
           !has(domid, "/local/domain/0/backend/console/%u") &&
           !has(domid, "/local/domain/0/error/backend/vif/%u") &&
           !fake_store_look("/vm/" UUID, value, sizeof(value));
}

static void must_destroy(uint32_t domid)
{
    if (chaos_guest_destroy(world->chaos, domid, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(is_all_gone(domid));
}

static bool has_run(const char *text)
{
    return strstr(fake_dom0_runs(), text) != NULL;
}

/* ----------------------------------------------------------- destroying */

static void destroys_all_of_it(void **state)
{
    uint32_t domid = add_running("xl");
    char text[1024];

    (void)state;
    set(domid, "/local/domain/0/error/backend/vif/%u/0/error", "an old one");
    must_destroy(domid);
    snprintf(
        text, sizeof(text),
        "/etc/xen/scripts/vif-bridge offline type_if=vif | "
        "script=/etc/xen/scripts/vif-bridge XENBUS_TYPE=vif "
        "XENBUS_PATH=backend/vif/%u/0 XENBUS_BASE_PATH=backend vif=vif%u.0 "
        "netdev=\n"
        "/etc/xen/scripts/block remove | script=/etc/xen/scripts/block "
        "XENBUS_TYPE=vbd XENBUS_PATH=backend/vbd/%u/51712 "
        "XENBUS_BASE_PATH=backend\n"
        "userdata %u " UUID "\n",
        domid, domid, domid, domid);
    assert_string_equal(fake_dom0_runs(), text);
    assert_string_equal(world->log, "");
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_ENOGUEST);
}

static void destroys_one_without_devices(void **state)
{
    uint32_t domid = add_plain("xl"), nameless;

    (void)state;
    must_destroy(domid);
    assert_false(has_run("/etc"));
    /* Nothing at all is known of it. */
    nameless = fake_hv_add_foreign(NULL, uuid);
    must_destroy(nameless);
}

/* Its guest has closed its devices, or its kernel has let go of them. */
static void does_not_wait_for_what_is_closed(void **state)
{
    uint32_t domid = add("xl");

    (void)state;
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_SILENT);
    fake_backend_set_mood(FAKE_VBD, FAKE_BACKEND_SILENT);
    set(domid, "/local/domain/0/backend/vif/%u/0/state", "6");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/state", "");
    must_destroy(domid);
    assert_true(has_run("block remove"));
    assert_string_equal(world->log, "");
}

static void does_not_wait_for_ever(void **state)
{
    uint32_t domid = add("xl");

    (void)state;
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_SILENT);
    must_destroy(domid);
    assert_non_null(
        strstr(world->log, "vif 0: the back end did not close in time"));
    assert_true(has_run("block remove"));
}

/* What a script fails in is told; the others are run, and the guest ends. */
static void a_script_fails(void **state)
{
    uint32_t domid = add_running("xl");

    (void)state;
    set(domid, "/local/domain/0/backend/vif/%u/0/hotplug-error",
        "the bridge is on fire");
    fake_hv_fail_next(FAKE_HV_SCRIPT, CHAOS_EFAILED);
    must_destroy(domid);
    assert_non_null(strstr(world->log, "vif 0: "));
    assert_non_null(strstr(world->log, ": the bridge is on fire\n"));
    assert_true(has_run("block remove"));
}

static void routed_and_without_a_script(void **state)
{
    uint32_t domid = add_running("xl");

    (void)state;
    set(domid, "/local/domain/0/backend/vif/%u/0/gatewaydev", "eth1");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/script", "");
    must_destroy(domid);
    assert_true(has_run(" netdev=eth1\n"));
    assert_false(has_run("block"));
}

static void many_devices(void **state)
{
    uint32_t domid = add_plain("xl");
    char id[16], path[128];
    int i;

    (void)state;
    fake_backend_set_mood(FAKE_VIF, FAKE_BACKEND_SILENT);
    for (i = 0; i < 30; i++) {
        snprintf(id, sizeof(id), "%d", i);
        add_ends(domid, "vif", id);
        snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u/%d/script",
                 domid, i);
        fake_store_set(path, "/etc/xen/scripts/vif-bridge");
    }
    must_destroy(domid);
    assert_true(has_run("vif29.") || has_run("vif=vif1.29"));
    domid = add_plain("xl");
    for (i = 0; i < 129; i++) {
        snprintf(id, sizeof(id), "%d", i);
        add_ends(domid, "vif", id);
    }
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_ENOTSUP);
    assert_true(fake_hv_domain(domid).exists);
    assert_false(fake_hv_domain(domid).paused);
    for (i = 0; i < 129; i++) {
        snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u/%d", domid,
                 i);
        if (i > 0)
            fake_store_remove(path);
    }
    must_destroy(domid);
}

static void refused(uint32_t domid, const char *node, const char *value,
                    const char *was, const char *text)
{
    unsigned writes = fake_store_count(FAKE_STORE_WRITE);

    set(domid, node, value);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_ENOTSUP);
    if (!strstr(err.message, text))
        fail_msg("%s", err.message);
    assert_non_null(strstr(err.message, "xl destroy"));
    assert_true(fake_hv_domain(domid).exists);
    assert_false(fake_hv_domain(domid).paused);
    assert_int_equal(fake_store_count(FAKE_STORE_WRITE), writes);
    assert_string_equal(fake_dom0_runs(), "");
    if (was) {
        set(domid, node, was);
    } else {
        char path[256];

        snprintf(path, sizeof(path), node, domid);
        fake_store_remove(path);
    }
}

static void what_chaos_cannot_take_away(void **state)
{
    uint32_t domid = add_running("xl");

    (void)state;
    refused(domid, "/libxl/%u/type", "hvm", "pv", "a device model (QEMU)");
    refused(domid, "/local/domain/%u/image/device-model-pid", "1234", NULL,
            "a device model (QEMU)");
    refused(domid, "/libxl/%u/device/vbd/51712/backend",
            "/local/domain/0/backend/qdisk/1/51712",
            "/local/domain/0/backend/vbd/1/51712",
            "served by /local/domain/0/"
            "backend/qdisk/1/51712");
    refused(domid, "/libxl/%u/device/vif/0/backend",
            "/local/domain/7/backend/vif/1/0",
            "/local/domain/0/backend/vif/1/0",
            "served by /local/domain/7/backend/vif/1/0");
    refused(domid, "/libxl/%u/device/pci/0/state", "4", NULL,
            "a device of type pci");
    fake_store_remove("/libxl/1/device/pci");
    refused(domid, "/local/domain/0/backend/9pfs/%u/0/state", "4", NULL,
            "a device of type 9pfs");
    fake_store_remove("/local/domain/0/backend/9pfs");
    must_destroy(domid);
}

static void without_xenstore(void **state)
{
    uint32_t domid = add_running("xl");

    (void)state;
    support_reopen(world);
    fake_hv_fail_next(FAKE_HV_STORE_OPEN, CHAOS_EFAILED);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_EFAILED);
    assert_true(fake_hv_domain(domid).exists);
    assert_false(fake_hv_domain(domid).paused);
    must_destroy(domid);
}

/* Whatever fails: who tries again succeeds, and nothing is left. */
static void fails_anywhere(void **state)
{
    unsigned n, calls;
    uint32_t domid = add_running("xl");
    int rc;

    (void)state;
    support_reopen(world);
    fake_hv_reset_counts();
    must_destroy(domid);
    calls = fake_hv_count_fallible();
    assert_in_range(calls, 10, CALLS_MAX);
    for (n = 1; n <= calls; n++) {
        domid = add_running("xl");
        support_reopen(world);
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = chaos_guest_destroy(world->chaos, domid, &err);
        fake_hv_fail_at(0, 0);
        if (rc == 0) { /* a script, or libxl's files: it is told */
            assert_true(is_all_gone(domid));
            assert_non_null(strstr(world->log, "destroying domain"));
            continue;
        }
        assert_int_equal(rc, CHAOS_EFAILED);
        assert_string_not_equal(err.message, "");
        if (fake_hv_domain(domid).exists)
            must_destroy(domid);
        assert_true(is_all_gone(domid));
    }
}

static int destroy_in_child(void *user)
{
    struct chaos *chaos = support_open(world);
    uint32_t *args = user;

    fake_hv_die_at(args[1], (enum fake_hv_death)args[2]);
    chaos_guest_destroy(chaos, args[0], NULL);
    chaos_close(chaos);
    return 0;
}

/* Whoever destroys it anew after that finds all that is still there. */
static void dies_anywhere(void **state)
{
    uint32_t args[3];
    int result;

    (void)state;
    for (args[2] = FAKE_HV_BEFORE; args[2] <= FAKE_HV_AFTER; args[2]++) {
        args[1] = 1;
        do {
            args[0] = add_running("xl");
            result = support_in_child(destroy_in_child, args);
            /* Xen itself ends what it has begun to. */
            if (fake_hv_domain(args[0]).dying)
                fake_hv_vanish(args[0]);
            if (fake_hv_domain(args[0]).exists)
                must_destroy(args[0]);
            assert_true(is_all_gone(args[0]));
        } while (result < 0 && args[1]++ < CALLS_MAX);
        assert_int_equal(result, 0);
        assert_true(args[1] > 10);
    }
}

/* -------------------------------------------------------------- finding */

static void finds_by_name(void **state)
{
    static const uint8_t other[16] = { 0xf0, 9 };
    uint32_t domid, first, second;
    struct chaos_config *config;
    unsigned reads;

    (void)state;
    assert_int_equal(find("xl"), 0);
    /* No other toolstack has a domain: XenStore is not asked. */
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_OPEN), 0);
    first = add_plain("xl");
    second = fake_hv_add_foreign("other", other);
    assert_int_equal(find("xl"), first);
    assert_int_equal(find("other"), second);
    assert_int_equal(find("xl2"), 0);
    assert_string_equal(err.message,
                        "no guest xl2; chaos list shows those that exist");
    assert_int_equal(find(""), 0);
    /* The registry's name comes first, and costs nothing then. */
    config = support_config(world, "xl", "pvh", world->noxs_kernel, "");
    assert_int_equal(chaos_guest_create(world->chaos, config, 0, &domid, &err),
                     0);
    chaos_config_free(config);
    reads = fake_store_count(FAKE_STORE_READ);
    assert_int_equal(find("xl"), domid);
    assert_int_equal(fake_store_count(FAKE_STORE_READ), reads);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
    assert_int_equal(find("xl"), first);
    must_destroy(first);
    assert_int_equal(chaos_guest_destroy(world->chaos, second, &err), 0);
}

static void finds_among_many(void **state)
{
    uint8_t other[16] = { 0xf0, 9 };
    uint32_t domids[150];
    char name[16];
    int i;

    (void)state;
    for (i = 0; i < 150; i++) {
        other[2] = (uint8_t)i;
        snprintf(name, sizeof(name), "xl%d", i);
        domids[i] = fake_hv_add_foreign(name, other);
    }
    assert_int_equal(find("xl0"), domids[0]);
    assert_int_equal(find("xl64"), domids[64]);
    assert_int_equal(find("xl149"), domids[149]);
    assert_int_equal(find("xl150"), 0);
    for (i = 0; i < 150; i++)
        fake_hv_vanish(domids[i]);
}

static void names_without_xenstore(void **state)
{
    uint32_t domid = add_plain("xl");

    (void)state;
    fake_hv_fail_next(FAKE_HV_STORE_OPEN, CHAOS_EFAILED);
    assert_int_equal(find("xl"), 0);
    assert_int_equal(err.code, CHAOS_ENOGUEST);
    assert_non_null(strstr(err.message, "can't be looked for"));
    fake_hv_fail_next(FAKE_HV_DOMAIN_LIST, CHAOS_EFAILED);
    assert_int_equal(find("xl"), 0);
    must_destroy(domid);
}

/* ---------------------------------------------------- short operations */

static void pauses_and_waits(void **state)
{
    uint32_t domid = add_plain("xl");
    enum chaos_guest_end end = CHAOS_END_WATCHDOG;

    (void)state;
    assert_int_equal(chaos_guest_pause(world->chaos, domid, &err), 0);
    assert_true(fake_hv_domain(domid).paused);
    assert_int_equal(chaos_guest_unpause(world->chaos, domid, &err), 0);
    assert_false(fake_hv_domain(domid).paused);
    assert_int_equal(chaos_guest_wait(world->chaos, domid, 0, NULL, &err),
                     CHAOS_ETIMEDOUT);
    assert_string_equal(err.message, "domain 1 still runs after 0 ms");
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(chaos_guest_wait(world->chaos, domid, 0, &end, &err), 0);
    assert_int_equal(end, CHAOS_END_REBOOT);
    /* What follows is its own toolstack's. */
    assert_true(fake_hv_domain(domid).exists);
    must_destroy(domid);
}

static void is_asked(void **state)
{
    static const struct {
        enum chaos_guest_end how;
        const char *word;
    } requests[] = {
        { CHAOS_END_POWEROFF, "poweroff" },
        { CHAOS_END_REBOOT, "reboot" },
        { CHAOS_END_SUSPEND, "suspend" },
        { CHAOS_END_HALT, "halt" },
    };
    uint32_t domid = add_plain("xl");
    char word[16];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_int_equal(
            chaos_guest_shutdown(world->chaos, domid, requests[i].how, &err),
            0);
        text_of(domid, "/local/domain/%u/control/shutdown", word, sizeof(word));
        assert_string_equal(word, requests[i].word);
    }
    set(domid, "/local/domain/%u/control/feature-reboot", "0");
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_REBOOT, &err),
        CHAOS_ENOTSUP);
    assert_string_equal(err.message, "domain 1 does not know the request "
                                     "reboot; chaos destroy ends it");
    set(domid, "/local/domain/%u/control/feature-reboot", "1");
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_REBOOT, &err), 0);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_CRASH, &err),
        CHAOS_EINVAL);
    must_destroy(domid);
}

static void shows_its_devices(void **state)
{
    uint32_t domid = add_running("xl");
    struct chaos_device_info *list;
    size_t count;

    (void)state;
    assert_int_equal(chaos_guest_devices(world->chaos, domid,
                                         CHAOS_DEVICES_STATE, &list, &count,
                                         &err),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].kind, CHAOS_DEVICE_NETWORK);
    assert_string_equal(list[0].name, "vif1.0");
    assert_string_equal(list[0].bridge, "xenbr0");
    assert_int_equal(list[0].mac[5], 3);
    assert_int_equal(list[0].state, 2);
    assert_int_equal(list[0].port, 0);
    assert_int_equal(list[1].kind, CHAOS_DEVICE_DISK);
    assert_int_equal(list[1].id, 51712);
    assert_string_equal(list[1].name, "xvda");
    assert_string_equal(list[1].target, "/dev/sdb1");
    assert_int_equal(list[1].access, CHAOS_DISK_READ_ONLY);
    assert_int_equal(list[1].loop, -1);
    assert_int_equal(list[1].major, 8);
    assert_int_equal(list[1].minor, 17);
    free(list);
    set(domid, "/local/domain/0/backend/vif/%u/0/vifname", "web0");
    set(domid, "/local/domain/0/backend/vbd/%u/51712/physical-device", "7:3");
    assert_int_equal(
        chaos_guest_devices(world->chaos, domid, 0, &list, &count, &err), 0);
    assert_string_equal(list[0].name, "web0");
    assert_int_equal(list[1].loop, 3);
    free(list);
    fake_hv_fail_next(FAKE_HV_STORE_SEND, CHAOS_EFAILED);
    assert_int_equal(
        chaos_guest_devices(world->chaos, domid, 0, &list, &count, &err),
        CHAOS_EFAILED);
    must_destroy(domid);
}

/* Nothing but a terminal of xenconsoled's is opened. */
static void shows_its_console(void **state)
{
    const uint32_t domid = add_plain("xl");
    struct chaos_console *console;
    char text[16] = "";
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);

    (void)state;
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    set(domid, "/local/domain/%u/console/tty", "/dev/pts/../../etc/passwd");
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "not a terminal"));
    set(domid, "/local/domain/%u/console/tty", ptsname(master));
    assert_int_equal(chaos_console_open(world->chaos, domid, &console, &err),
                     0);
    assert_int_equal(write(master, "guest", 5), 5);
    assert_int_equal(chaos_console_read(console, text, sizeof(text)), 5);
    assert_string_equal(text, "guest");
    assert_int_equal(chaos_console_write(console, "user\n", 5), 5);
    assert_int_equal(read(master, text, sizeof(text)), 5);
    chaos_console_close(console);
    close(master);
    must_destroy(domid);
}

/* A guest of chaos's that another registry has is not one of xl's. */
static void is_another_registrys(void **state)
{
    struct chaos_options options = { .run_dir = NULL };
    char *run_dir = support_path(world->directory, "other");
    struct chaos_config *config;
    struct chaos *other;
    uint32_t domid;

    (void)state;
    options.run_dir = run_dir;
    assert_int_equal(chaos_open(&options, &other, &err), 0);
    config = support_config(world, "web", "pvh", world->noxs_kernel, "");
    assert_int_equal(chaos_guest_create(other, config, 0, &domid, &err), 0);
    chaos_config_free(config);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err),
                     CHAOS_ENOTSUP);
    assert_non_null(strstr(err.message, "chaos recover"));
    assert_int_equal(chaos_guest_destroy(other, domid, &err), 0);
    chaos_close(other);
    free(run_dir);
}

/* ----------------------------------------------- a guest of ours beside it */

static int create(const char *name, const char *kernel, const char *more,
                  uint32_t *domid_r)
{
    struct chaos_config *config =
        support_config(world, name, "pvh", kernel, more);
    int rc = chaos_guest_create(world->chaos, config, 0, domid_r, &err);

    chaos_config_free(config);
    return rc;
}

static void must_create(const char *name, const char *kernel, const char *more,
                        uint32_t *domid_r)
{
    if (create(name, kernel, more, domid_r) < 0)
        fail_msg("%s", err.message);
}

/* As xl refuses it: two of a name could not be told apart. */
static void has_the_name(void **state)
{
    uint32_t domid = add_plain("web"), other;

    (void)state;
    fake_hv_reset_counts();
    assert_int_equal(create("web", world->plain_kernel, "", &other),
                     CHAOS_EEXIST);
    assert_non_null(strstr(err.message, "another toolstack's, is called web"));
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
    must_create("db", world->plain_kernel, "", &other);
    assert_int_equal(chaos_guest_rename(world->chaos, other, "web", &err),
                     CHAOS_EEXIST);
    assert_string_equal(support_slot(world, "db").name, "db");
    assert_int_equal(chaos_guest_rename(world->chaos, other, "mail", &err), 0);
    must_destroy(domid);
    assert_int_equal(chaos_guest_rename(world->chaos, other, "web", &err), 0);
    assert_int_equal(chaos_guest_destroy(world->chaos, other, &err), 0);
}

/* A noxs guest without such a disk looks at nobody: the 12,000th is made as
 * the first. */
static void looks_no_further_than_it_must(void **state)
{
    uint32_t domid = add("xl"), other;

    (void)state;
    fake_hv_reset_counts();
    must_create("xl", world->noxs_kernel, "", &other);
    assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_LIST), 0);
    assert_int_equal(chaos_guest_destroy(world->chaos, other, &err), 0);
    must_destroy(domid);
}

static void has_the_disk(void **state)
{
    static const struct {
        const char *mode, *access;
        bool goes;
    } cases[] = {
        { "r", "r", true },  { "r", "w", false }, { "w", "r", false },
        { "w", "w", false }, { "w", "w!", true },
    };
    const char *const kernels[] = { world->plain_kernel, world->noxs_kernel };
    uint32_t domid = add("xl"), other;
    char disk[64];
    size_t i, k;
    int rc;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set(domid, "/local/domain/0/backend/vbd/%u/51712/mode", cases[i].mode);
        snprintf(disk, sizeof(disk), "disk=['/dev/sdb1,raw,xvdb,%s']",
                 cases[i].access);
        for (k = 0; k < 2; k++) {
            fake_hv_reset_counts();
            rc = create("g", kernels[k], disk, &other);
            if (cases[i].goes) {
                assert_int_equal(rc, 0);
                chaos_guest_destroy(world->chaos, other, NULL);
                continue;
            }
            assert_int_equal(rc, CHAOS_EBUSY);
            assert_non_null(strstr(err.message, "disk xvdb: /dev/sdb1 is disk "
                                                "xvda of domain"));
            assert_int_equal(fake_hv_count(FAKE_HV_DOMAIN_CREATE), 0);
        }
    }
    must_create("g", world->plain_kernel, "", &other);
    assert_int_equal(chaos_block_attach(world->chaos, other,
                                        "/dev/sdb1,raw,xvdb,w", NULL, &err),
                     CHAOS_EBUSY);
    set(domid, "/local/domain/0/backend/vbd/%u/51712/physical-device", "8:12");
    assert_int_equal(chaos_block_attach(world->chaos, other,
                                        "/dev/sdb1,raw,xvdb,w", NULL, &err),
                     0);
    assert_int_equal(chaos_guest_destroy(world->chaos, other, &err), 0);
    must_destroy(domid);
}

static void add_disk(uint32_t domid, unsigned id, const char *device)
{
    static const char *const nodes[] = { "mode", "dev", "physical-device" };
    const char *const values[] = { "w", "xvdq", device };
    char text[16], path[128];
    size_t i;

    snprintf(text, sizeof(text), "%u", id);
    add_ends(domid, "vbd", text);
    for (i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u/%s",
                 domid, id, nodes[i]);
        fake_store_set(path, values[i]);
    }
}

/* More than a guest of chaos's can have. */
static void has_the_disk_among_many(void **state)
{
    uint32_t domid = add_plain("xl"), other;
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++)
        add_disk(domid, (1u << 28) | (i << 8), "9:1");
    assert_int_equal(create("g", world->plain_kernel,
                            "disk=['/dev/sdb1,raw,xvdb,w']", &other),
                     0);
    chaos_guest_destroy(world->chaos, other, NULL);
    add_disk(domid, (1u << 28) | (100u << 8), "8:11");
    assert_int_equal(create("g", world->plain_kernel,
                            "disk=['/dev/sdb1,raw,xvdb,w']", &other),
                     CHAOS_EBUSY);
    assert_non_null(strstr(err.message, "is disk xvdq of domain"));
    must_destroy(domid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(destroys_all_of_it),
        TEST(has_the_disk_among_many),
        TEST(destroys_one_without_devices),
        TEST(does_not_wait_for_what_is_closed),
        TEST(does_not_wait_for_ever),
        TEST(a_script_fails),
        TEST(routed_and_without_a_script),
        TEST(many_devices),
        TEST(what_chaos_cannot_take_away),
        TEST(without_xenstore),
        TEST(fails_anywhere),
        TEST(dies_anywhere),
        TEST(finds_by_name),
        TEST(finds_among_many),
        TEST(names_without_xenstore),
        TEST(pauses_and_waits),
        TEST(is_asked),
        TEST(shows_its_devices),
        TEST(shows_its_console),
        TEST(is_another_registrys),
        TEST(has_the_name),
        TEST(looks_no_further_than_it_must),
        TEST(has_the_disk),
    };

    return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
