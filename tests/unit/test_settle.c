/* SPDX-License-Identifier: MIT */
/* What follows the end of a guest: each action, failing and dying anywhere. */
#include "fake_dom0.h"
#include "fake_hv.h"
#include "fake_store.h"
#include "support_calls.h"

#include "registry/pools.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A_UUID "11111111-2222-3333-4444-555555555555"

static const uint8_t a_uuid[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22,
                                    0x33, 0x33, 0x44, 0x44, 0x55, 0x55,
                                    0x55, 0x55, 0x55, 0x55 };

static struct support_world *world;
static char *disk;
static char vif_and_vbd[512];
static bool is_plain; /* guests that are created: they speak no noxs */

static int setup(void **state)
{
    (void)state;
    is_plain = false;
    world = support_world_new();
    disk = support_disk(world, "disk", 1 << 20);
    snprintf(vif_and_vbd, sizeof(vif_and_vbd),
             "vif=['mac=00:16:3e:01:02:03,vifname=web']\n"
             "disk=['%s,raw,xvda,rw']\n",
             disk);
    return 0;
}

static int teardown(void **state)
{
    bool clean = support_end_all(world);

    (void)state;
    /* And what back ends had kept. */
    clean = support_run(world, support_list, NULL) == 0 && clean;
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_is_empty(world) && clean;
    support_world_free(world);
    free(disk);
    return clean ? 0 : -1;
}

static uint32_t create(const char *name, const char *action, const char *more)
{
    const char *kernel = is_plain ? world->plain_kernel : world->noxs_kernel;
    struct chaos_config *config;
    struct chaos_error err;
    char lines[1024];
    uint32_t domid;

    snprintf(lines, sizeof(lines), "on_crash=\"%s\"\n%s", action, more);
    config = support_config(world, name, "pvh", kernel, lines);
    if (chaos_guest_create(world->chaos, config, 0, &domid, &err) < 0)
        fail_msg("%s", err.message);
    chaos_config_free(config);
    return domid;
}

static uint32_t crash(const char *name, const char *action, const char *more)
{
    uint32_t domid = create(name, action, more);

    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    return domid;
}

static int settle(uint32_t domid, struct chaos_settled *settled,
                  struct chaos_error *err)
{
    return chaos_guest_settle(world->chaos, domid, settled, err);
}

static void assert_settles(uint32_t domid, struct chaos_settled *settled)
{
    struct chaos_error err;

    if (settle(domid, settled, &err) < 0)
        fail_msg("%s", err.message);
}

/* "": there is none. */
static void read_core(const char *name, char text[64])
{
    char *path = support_path(world->dump_dir, name);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, 63, file) : 0;

    text[size] = '\0';
    if (file)
        fclose(file);
    free(path);
}

static void assert_core(const char *name, uint32_t domid)
{
    char text[64], wanted[64];

    snprintf(wanted, sizeof(wanted), FAKE_HV_CORE "%u", domid);
    read_core(name, text);
    assert_string_equal(text, wanted);
    assert_int_equal(support_count_files(world->dump_dir, ".g"), 0);
}

/* The guest that is kept beside its successor. */
static uint32_t find_aside(void)
{
    struct chaos_guest_info *list;
    struct chaos_error err;
    uint32_t domid = 0;
    size_t count, i;

    assert_int_equal(chaos_guest_list(world->chaos, &list, &count, &err), 0);
    for (i = 0; i < count; i++)
        if (strncmp(list[i].name, "g-20", 4) == 0)
            domid = list[i].domid;
    free(list);
    return domid;
}

/* -------------------------------------------------------------- each action */

static void tells_what_it_did(void **state)
{
    struct chaos_settled settled;
    uint32_t domid = create("g", "destroy", "");

    (void)state;
    assert_settles(domid, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_NONE);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    assert_settles(domid, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_DESTROYED);
    assert_int_equal(settled.end, CHAOS_END_CRASH);
    assert_string_equal(settled.core, "");

    domid = crash("g", "preserve", "");
    assert_settles(domid, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_KEPT);
    assert_int_equal(settle(domid, NULL, NULL), 0);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, NULL), 0);

    domid = crash("g", "restart", "");
    assert_settles(domid, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
    assert_int_equal(settled.domid, support_find(world, "g"));
    assert_int_not_equal(settled.domid, domid);
    assert_string_equal(settled.kept_name, "");
    assert_int_equal(settle(domid, NULL, NULL), CHAOS_ENOGUEST);
}

static void dumps_and_destroys(void **state)
{
    uint32_t domid = crash("g", "coredump-destroy", vif_and_vbd);
    char *path = support_path(world->dump_dir, "g");
    struct chaos_settled settled;

    (void)state;
    assert_settles(domid, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_DESTROYED);
    assert_string_equal(settled.core, path);
    assert_core("g", domid);
    assert_int_equal(support_find(world, "g"), 0);
    free(path);
}

static void dumps_and_restarts(void **state)
{
    uint32_t domid = crash("g", "coredump-restart", vif_and_vbd);
    struct chaos_settled settled;

    (void)state;
    assert_settles(domid, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
    assert_core("g", domid);
    assert_false(fake_hv_domain(domid).exists);
    /* A guest has one core, the last. */
    domid = settled.domid;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    assert_settles(domid, &settled);
    assert_core("g", domid);
}

static void goes_on_without_a_core(void **state)
{
    uint32_t domid = crash("g", "coredump-restart", ""), second;
    struct chaos_settled settled;

    (void)state;
    assert_settles(domid, &settled);
    second = settled.domid;
    fake_hv_shut_down(second, CHAOS__SHUTDOWN_CRASH);
    fake_hv_fail_next(FAKE_HV_DOMAIN_DUMP, CHAOS_EFAILED);
    assert_settles(second, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
    assert_string_equal(settled.core, "");
    assert_non_null(strstr(world->log, "g: no core"));
    assert_core("g", domid); /* the one before is not lost */
}

static void renames_and_restarts(void **state)
{
    uint32_t domid = crash("g", "rename-restart", "uuid=\"" A_UUID "\"\n");
    struct chaos_settled settled, again;
    struct fake_hv_domain old;

    (void)state;
    assert_settles(domid, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
    assert_int_equal(settled.domid, support_find(world, "g"));
    assert_int_equal(domid, support_find(world, settled.kept_name));
    old = fake_hv_domain(domid);
    assert_true(old.exists && old.shutdown);
    assert_memory_not_equal(old.handle, a_uuid, 16);
    assert_memory_equal(fake_hv_domain(settled.domid).handle, a_uuid, 16);
    /* Nothing is done for it any more. */
    assert_settles(domid, &again);
    assert_int_equal(again.outcome, CHAOS_OUTCOME_KEPT);
    assert_true(fake_hv_domain(domid).exists);
}

static void gives_its_devices_to_the_next(void **state)
{
    uint32_t domid = crash("g", "rename-restart", vif_and_vbd);
    struct chaos_settled settled;
    struct fake_interface interface;

    (void)state;
    fake_backend_set_lag(5);
    assert_settles(domid, &settled);
    fake_backend_set_lag(0);
    assert_int_equal(fake_backend_count(domid), 0);
    assert_int_equal(fake_backend_count(settled.domid), 2);
    assert_true(fake_dom0_interface("web", &interface));
    assert_int_equal(interface.domid, settled.domid);
    assert_true(fake_hv_domain(domid).exists);
}

static void assert_node(uint32_t domid, const char *node, const char *value)
{
    char path[64], text[128] = "";

    snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, node);
    assert_true(fake_store_look(path, text, sizeof(text)));
    if (value)
        assert_string_equal(text, value);
}

/* What XenStore tells of both of them. */
static void is_known_by_both_names(void **state)
{
    struct chaos_settled settled;
    char text[64];
    uint32_t domid;

    (void)state;
    is_plain = true;
    domid = crash("g", "rename-restart", vif_and_vbd);
    assert_settles(domid, &settled);
    assert_node(domid, "name", settled.kept_name);
    assert_node(settled.domid, "name", "g");
    assert_node(domid, "vm", NULL);
    snprintf(text, sizeof(text), "/local/domain/%u/device", domid);
    assert_false(fake_store_look(text, text, sizeof(text)));
    assert_int_equal(fake_backend_count(domid), 0);
}

/* As when two end within a minute. */
static void finds_a_free_name(void **state)
{
    struct chaos_settled first, second;
    size_t length;

    (void)state;
    assert_settles(crash("g", "rename-restart", ""), &first);
    fake_hv_shut_down(first.domid, CHAOS__SHUTDOWN_CRASH);
    assert_settles(first.domid, &second);
    length = strlen(first.kept_name);
    /* Unless the minute is over. */
    if (strncmp(first.kept_name, second.kept_name, length) == 0)
        assert_string_equal(second.kept_name + length, "-2");
    assert_int_equal(first.domid, support_find(world, second.kept_name));
}

static void shortens_a_long_name(void **state)
{
    char name[CHAOS_NAME_MAX + 1];
    struct chaos_settled settled;
    uint32_t domid;

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    domid = crash(name, "rename-restart", "");
    assert_settles(domid, &settled);
    assert_int_equal(strlen(settled.kept_name), CHAOS_NAME_MAX);
    assert_int_equal(support_find(world, name), settled.domid);
}

/* --------------------------------------------------------------- failures */

static const struct restart {
    const char *action;
    bool is_plain, has_core, is_kept;
} restarts[] = {
    { .action = "restart" },
    { .action = "coredump-restart", .has_core = true },
    { .action = "rename-restart", .is_kept = true },
    { .action = "rename-restart", .is_kept = true, .is_plain = true },
};

#define RESTARTS (sizeof(restarts) / sizeof(restarts[0]))

/* The fake has no front ends for guests that don't speak noxs. */
static unsigned connected(void)
{
    return is_plain ? 0 : 2;
}

static uint32_t crash_restarting(size_t i)
{
    is_plain = restarts[i].is_plain;
    return crash("g", restarts[i].action, vif_and_vbd);
}

/* A failure that can be foreseen costs nothing, and it is tried again. */
static void keeps_what_cannot_start(void **state)
{
    char *away = support_path(world->directory, "away");
    struct chaos_settled settled;
    struct chaos_error err;
    const char *kernel;
    uint32_t domid;
    size_t i;

    (void)state;
    for (i = 0; i < RESTARTS; i++) {
        domid = crash_restarting(i);
        kernel = is_plain ? world->plain_kernel : world->noxs_kernel;
        assert_int_equal(rename(kernel, away), 0);
        assert_int_equal(settle(domid, &settled, &err), CHAOS_EIMAGE);
        assert_int_equal(settled.outcome, CHAOS_OUTCOME_NONE);
        assert_int_equal(rename(away, kernel), 0);
        assert_int_equal(support_find(world, "g"), domid);
        assert_int_equal(fake_backend_count(domid), connected());
        assert_int_equal(support_count_slots(world), 1);
        assert_settles(domid, &settled);
        assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
        assert_true(support_end_all(world));
    }
    free(away);
}

static uint32_t dying_domid;

static int settle_it(struct chaos *chaos, struct chaos_error *err)
{
    return chaos_guest_settle(chaos, dying_domid, NULL, err);
}

/* What could not be foreseen: it has gone, and its successor has not come. */
static void tells_what_is_lost(void **state)
{
    uint32_t domid = crash("g", "restart", "");
    struct chaos_settled settled;
    struct chaos_error err;

    (void)state;
    fake_hv_fail_next(FAKE_HV_DOMAIN_CREATE, CHAOS_EBUSY);
    assert_int_equal(settle(domid, &settled, &err), CHAOS_EBUSY);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_DESTROYED);
    assert_int_equal(support_count_slots(world), 0);

    domid = crash("g", "rename-restart", "");
    fake_hv_fail_next(FAKE_HV_DOMAIN_CREATE, CHAOS_EBUSY);
    assert_int_equal(settle(domid, &settled, &err), CHAOS_EBUSY);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_KEPT);
    assert_int_equal(find_aside(), domid);
}

/* Every call of a restart fails once: nothing is left that nobody knows. */
static void fails_anywhere(void **state)
{
    struct chaos_error err;
    unsigned n, calls;
    size_t i;

    (void)state;
    for (i = 0; i < RESTARTS; i++) {
        for (n = 1; n < SUPPORT_CALLS_MAX; n++) {
            dying_domid = crash_restarting(i);
            fake_hv_reset_counts();
            fake_hv_fail_at(n, CHAOS_EFAILED);
            support_run(world, settle_it, &err);
            calls = fake_hv_count_fallible();
            fake_hv_fail_at(0, 0);
            support_reopen(world);
            if (!support_end_all(world) ||
                support_run(world, support_list, NULL) < 0 ||
                !support_is_empty(world))
                fail_msg("%s: call %u left something", restarts[i].action, n);
            if (calls < n)
                break;
        }
    }
}

/* Nothing is lost wherever its process is killed: the guest is there again,
 * its core is, and one that is to be kept is. */
static void dies_anywhere(void **state)
{
    unsigned n;
    bool died;
    size_t i;

    (void)state;
    for (i = 0; i < RESTARTS; i++)
        SUPPORT_FOR_DEATHS(when)
    for (n = 1, died = true; died; n++) {
        char text[64];
        uint32_t again;

        dying_domid = crash_restarting(i);
        died = support_dies(world, settle_it, n, when);
        support_must(world, support_list);
        again = support_find(world, "g");
        if (!again || again == dying_domid || fake_hv_domain(again).shutdown ||
            fake_backend_count(again) != connected())
            fail_msg("%s: call %u (%d): domain %u then %u", restarts[i].action,
                     n, (int)when, dying_domid, again);
        read_core("g", text);
        if (restarts[i].has_core && !strstr(text, FAKE_HV_CORE))
            fail_msg("call %u (%d): no core", n, (int)when);
        if (restarts[i].is_kept && find_aside() != dying_domid)
            fail_msg("call %u (%d): not kept", n, (int)when);
        assert_int_equal(support_count_slots(world),
                         restarts[i].is_kept ? 2 : 1);
        assert_true(support_end_all(world));
        support_must(world, support_list);
        support_reopen(world);
        assert_true(support_is_empty(world));
    }
}

static bool is_due(void)
{
    struct chaos__registry *registry;
    struct chaos__slot *slot = NULL;
    bool found = false, alone = true;

    assert_int_equal(chaos__registry_open(world->run_dir, &registry, NULL), 0);
    while ((slot = chaos__registry_next(registry, slot))) {
        found = found || slot->state == CHAOS__SLOT_DUE;
        alone = alone && slot->state == CHAOS__SLOT_DUE;
    }
    chaos__registry_close(registry);
    return found && alone;
}

/* A guest whose restart kills whoever tries is given up. */
static void gives_up(void **state)
{
    unsigned n = 0;

    (void)state;
    do {
        assert_true(support_end_all(world));
        dying_domid = crash("g", "restart", "");
        assert_true(support_dies(world, settle_it, ++n, FAKE_HV_AFTER));
    } while (!is_due());
    for (n = 0; n < 3; n++)
        assert_true(support_dies(world, support_list, 2, FAKE_HV_AFTER));
    assert_true(is_due());
    support_must(world, support_list);
    assert_non_null(strstr(world->log, "it kills who does that"));
    assert_int_equal(support_count_slots(world), 0);
}

/* ------------------------------------------------ while another restarts it */

static uint32_t ended, restarted;

static void restart_meanwhile(void)
{
    struct chaos_settled settled;

    assert_settles(ended, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
    restarted = settled.domid;
}

/* Does `what` in a context that is restarted under its hands before `call`:
 * what comes after that has the same name, UUID and slot. */
static int do_late(int (*what)(struct chaos *chaos), enum fake_hv_call call,
                   void (*meanwhile)(void))
{
    struct chaos *late = support_open(world);
    int rc;

    ended = crash("guest", "restart", vif_and_vbd);
    fake_hv_before(call, meanwhile);
    rc = what(late);
    chaos_close(late);
    assert_int_not_equal(restarted, ended);
    return rc;
}

static void assert_untouched(void)
{
    uint32_t domid;

    assert_int_equal(chaos_guest_find(world->chaos, "guest", &domid, NULL), 0);
    assert_int_equal(domid, restarted);
    assert_node(restarted, "device/vbd/51712/backend-id", "0");
    assert_node(restarted, "name", "guest");
}

static int publish(struct chaos *chaos)
{
    return chaos_guest_publish(chaos, ended, NULL);
}

static void be_killed(void)
{
    raise(SIGKILL);
}

static int connect_and_die(void *unused)
{
    (void)unused;
    fake_hv_before(FAKE_HV_JOIN, be_killed);
    return chaos_guest_settle(support_open(world), ended, NULL, NULL);
}

/* Its devices are there, and it is not. */
static void half_restart_meanwhile(void)
{
    restarted = ended + 1;
    assert_int_equal(support_in_child(connect_and_die, NULL), -1);
}

static void publishes_late(void **state)
{
    char path[64];

    (void)state;
    assert_int_equal(
        do_late(publish, FAKE_HV_STORE_OPEN, half_restart_meanwhile), 0);
    assert_node(restarted, "device/vbd/51712/backend-id", "0");
    snprintf(path, sizeof(path), "/local/domain/%u", ended);
    assert_false(fake_store_look(path, path, sizeof(path)));
}

static int restart(struct chaos *chaos)
{
    return chaos_guest_settle(chaos, ended, NULL, NULL);
}

static void restarts_late(void **state)
{
    (void)state;
    assert_int_equal(do_late(restart, FAKE_HV_BRIDGE, restart_meanwhile),
                     CHAOS_ENOGUEST);
    assert_untouched();
}

static int unpause(struct chaos *chaos)
{
    return chaos_guest_unpause(chaos, ended, NULL);
}

/* Its domain has gone, which must not be taken for the guest's end. */
static void looks_late(void **state)
{
    (void)state;
    assert_int_equal(do_late(unpause, FAKE_HV_DOMAIN_INFO, restart_meanwhile),
                     CHAOS_ENOGUEST);
    assert_untouched();
}

/* ------------------------------------- what it shares with its successor */

static bool has_vm(uint32_t domid)
{
    char path[64], vm[64], name[64];

    snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
    if (!fake_store_look(path, vm, sizeof(vm) - 5))
        return false;
    strcat(vm, "/name");
    return fake_store_look(vm, name, sizeof(name));
}

static void let_go_when_asked_twice(void)
{
    static unsigned asked;

    if (fake_hv_domain(ended).dying && ++asked == 2)
        fake_hv_keep_page(ended, false);
    else
        fake_hv_before(FAKE_HV_DOMAIN_INFO, let_go_when_asked_twice);
}

/* Its disk is let go of when the successor has been there for long. */
static void leaves_the_next_what_goes_by_uuid(void **state)
{
    struct chaos_settled settled;
    char lines[512];

    (void)state;
    is_plain = true;
    snprintf(lines, sizeof(lines), "disk=['%s,raw,xvda,r']\n", disk);
    ended = crash("g", "restart", lines);
    assert_int_equal(chaos_guest_publish(world->chaos, ended, NULL), 0);
    fake_hv_keep_page(ended, true);
    fake_dom0_hold_loop(0, true);
    fake_hv_before(FAKE_HV_DOMAIN_INFO, let_go_when_asked_twice);
    assert_settles(ended, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
    assert_int_equal(support_count_slots(world), 2);
    assert_true(has_vm(settled.domid));
    fake_dom0_hold_loop(0, false);
    assert_int_equal(support_run(world, support_list, NULL), 0);
    assert_int_equal(support_count_slots(world), 1);
    assert_true(has_vm(settled.domid));
}

/* xl has destroyed it, and created another of the same configuration. */
static void leaves_xl_what_goes_by_uuid(void **state)
{
    char name[64];
    uint32_t other;
    bool has_it;

    (void)state;
    is_plain = true;
    fake_hv_vanish(create("g", "destroy", "uuid='" A_UUID "'\n"));
    other = fake_hv_add_foreign("g", a_uuid);
    fake_store_set("/vm/" A_UUID "/name", "g");
    assert_int_equal(support_run(world, support_list, NULL), 0);
    assert_int_equal(support_count_slots(world), 0);
    has_it = fake_store_look("/vm/" A_UUID "/name", name, sizeof(name));
    fake_hv_vanish(other);
    fake_store_remove("/vm/" A_UUID);
    assert_true(has_it);
}

/* ------------------------------------------------------ without XenStore */

static int must_not_settle(void)
{
    struct chaos_settled settled;
    struct chaos_error err;

    support_reopen(world);
    return settle(ended, &settled, &err);
}

/* It is not given up before its successor can be made. */
static void waits_for_the_store(void **state)
{
    struct chaos_settled settled;

    (void)state;
    ended = crash("g", "restart", vif_and_vbd);
    fake_hv_fail_next(FAKE_HV_STORE_OPEN, CHAOS_EFAILED);
    assert_int_equal(must_not_settle(), CHAOS_EFAILED);
    assert_true(fake_hv_domain(ended).exists);
    fake_store_speak("", 0, true);
    assert_true(must_not_settle() < 0);
    fake_store_speak(NULL, 0, false);
    assert_true(fake_hv_domain(ended).exists);
    support_reopen(world);
    assert_settles(ended, &settled);
    assert_int_equal(settled.outcome, CHAOS_OUTCOME_RESTARTED);
    assert_int_equal(support_count_slots(world), 1);
}

static void silence(void)
{
    fake_store_speak("", 0, true);
}

/* XenStore goes while the old one is taken away: who gets that done makes the
 * new one, however many fail before. */
static void is_made_when_the_store_is_back(void **state)
{
    unsigned n;

    (void)state;
    is_plain = true;
    ended = crash("g", "restart", vif_and_vbd);
    fake_hv_before(FAKE_HV_DOMAIN_PAUSE, silence);
    assert_true(must_not_settle() < 0);
    for (n = 0; n < 5; n++) {
        support_reopen(world);
        support_run(world, support_list, NULL);
    }
    fake_store_speak(NULL, 0, false);
    support_reopen(world);
    assert_int_equal(support_run(world, support_list, NULL), 0);
    assert_int_not_equal(support_find(world, "g"), 0);
    assert_int_not_equal(support_find(world, "g"), ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_what_it_did),
        TEST(dumps_and_destroys),
        TEST(dumps_and_restarts),
        TEST(goes_on_without_a_core),
        TEST(renames_and_restarts),
        TEST(gives_its_devices_to_the_next),
        TEST(is_known_by_both_names),
        TEST(finds_a_free_name),
        TEST(shortens_a_long_name),
        TEST(keeps_what_cannot_start),
        TEST(tells_what_is_lost),
        TEST(fails_anywhere),
        TEST(dies_anywhere),
        TEST(gives_up),
        TEST(publishes_late),
        TEST(restarts_late),
        TEST(looks_late),
        TEST(leaves_the_next_what_goes_by_uuid),
        TEST(leaves_xl_what_goes_by_uuid),
        TEST(waits_for_the_store),
        TEST(is_made_when_the_store_is_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
