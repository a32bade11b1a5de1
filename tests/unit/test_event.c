/* SPDX-License-Identifier: MIT */
/* Guests that have ended, as events. */
#include "fake_hv.h"
#include "fake_store.h"
#include "support_calls.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOON_MS 5000 /* a look comes after 200 ms at most */

static struct support_world *world;
static struct chaos_events *events;

static int setup(void **state)
{
    struct chaos_error err;

    (void)state;
    world = support_world_new();
    return chaos_events_open(world->chaos, &events, &err);
}

static int teardown(void **state)
{
    bool clean;

    (void)state;
    chaos_events_close(events);
    clean = support_end_all(world);
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = support_is_empty(world) && clean;
    support_world_free(world);
    return clean ? 0 : -1;
}

static uint32_t create(const char *name, const char *more)
{
    struct chaos_config *config =
        support_config(world, name, "pvh", world->noxs_kernel, more);
    struct chaos_error err;
    uint32_t domid;

    if (chaos_guest_create(world->chaos, config, 0, &domid, &err) < 0)
        fail_msg("%s", err.message);
    chaos_config_free(config);
    return domid;
}

/* As a program's loop would; false: nothing comes in that time. */
static bool next_event(struct chaos_event *event, int timeout_ms)
{
    struct pollfd entry = { .fd = chaos_events_fd(events), .events = POLLIN };
    struct chaos_error err;
    int rc;

    while ((rc = chaos_events_read(events, event, &err)) == 0) {
        /* The fake store's descriptor is always readable. */
        if (timeout_ms <= 0 || poll(&entry, 1, timeout_ms) == 0)
            return false;
        poll(NULL, 0, 10);
        timeout_ms -= 10;
    }
    if (rc < 0)
        fail_msg("%s", err.message);
    return true;
}

static void tells_once(void **state)
{
    uint32_t domid = create("web", "on_crash=\"preserve\"");
    struct chaos_guest_info info;
    struct chaos_event event;

    (void)state;
    assert_false(next_event(&event, 300));
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(event.domid, domid);
    assert_int_equal(event.end, CHAOS_END_CRASH);
    assert_string_equal(event.name, "web");
    assert_int_equal(chaos_guest_info(world->chaos, domid, &info, NULL), 0);
    assert_memory_equal(event.uuid, info.uuid, sizeof(event.uuid));
    assert_false(next_event(&event, 300));
}

/* Nobody could see to its end while a device of it comes or goes: it is told of
 * when that is over. */
static void tells_when_a_change_is_over(void **state)
{
    uint32_t domid =
        create("web", "on_poweroff=\"preserve\"\nregistry=\"xenstore\"");
    struct chaos__registry *registry;
    struct chaos_event event;
    struct chaos__slot *slot;

    (void)state;
    assert_false(next_event(&event, 300));
    assert_int_equal(chaos__registry_open(world->run_dir, &registry, NULL), 0);
    slot = chaos__registry_by_name(registry, "web");
    assert_int_equal(chaos__registry_take(registry, slot, slot->domid,
                                          slot->uuid, CHAOS__SLOT_CHANGING,
                                          NULL),
                     0);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    fake_store_release_domain();
    assert_false(next_event(&event, 600));
    assert_int_equal(
        chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING, NULL),
        0);
    chaos__registry_close(registry);
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(event.domid, domid);
}

static void tells_of_what_was_before(void **state)
{
    uint32_t domid = create("web", "on_poweroff=\"preserve\"");
    struct chaos_events *late;
    struct chaos_event event;

    (void)state;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(chaos_events_open(world->chaos, &late, NULL), 0);
    chaos_events_close(events);
    events = late;
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(event.domid, domid);
}

static void tells_of_many(void **state)
{
    struct chaos_event event;
    uint32_t domids[40];
    char name[16];
    size_t i;

    (void)state;
    for (i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "g%zu", i);
        domids[i] = create(name, "");
    }
    for (i = 0; i < 40; i++)
        fake_hv_shut_down(domids[i], CHAOS__SHUTDOWN_POWEROFF);
    for (i = 0; i < 40; i++) {
        assert_true(next_event(&event, SOON_MS));
        assert_int_equal(event.domid, domids[i]);
        assert_int_equal(
            chaos_guest_settle(world->chaos, event.domid, NULL, NULL), 0);
    }
    assert_false(next_event(&event, 300));
}

/* A domid that is given again is another guest's. */
static void tells_of_a_successor(void **state)
{
    uint32_t domid = create("web", "");
    struct chaos_event event;

    (void)state;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, NULL), 0);
    fake_hv_set_next_domid(domid);
    assert_int_equal(create("next", ""), domid);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    assert_true(next_event(&event, SOON_MS));
    assert_string_equal(event.name, "next");
}

static void tells_of_those_that_have_gone(void **state)
{
    uint32_t domid = create("web", "");
    struct chaos_event event;

    (void)state;
    create("stays", "");
    fake_hv_vanish(domid);
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(event.domid, domid);
    assert_int_equal(event.end, CHAOS_END_DESTROYED);
    assert_string_equal(event.name, "web");
    assert_int_equal(support_count_slots(world), 1);
    assert_false(next_event(&event, 300));
}

/* xenstored tells while something still has its memory. */
static void tells_of_those_that_go_slowly(void **state)
{
    uint32_t domid = create("web", "registry=\"xenstore\"");
    struct chaos_event event;

    (void)state;
    assert_false(next_event(&event, 500));
    fake_hv_keep_page(domid, true);
    fake_hv_vanish(domid);
    fake_store_release_domain();
    assert_false(next_event(&event, 500));
    fake_hv_keep_page(domid, false);
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(event.end, CHAOS_END_DESTROYED);
    assert_int_equal(support_count_slots(world), 0);
}

static unsigned count_lines(const char *text)
{
    unsigned n = 0;

    while ((text = strchr(text, '\n'))) {
        text++;
        n++;
    }
    return n;
}

/* What can't be finished after others is not tried, and told, at each look. */
static void repairs_now_and_then(void **state)
{
    const uint32_t domid = create("web", "");
    struct chaos_event event;

    (void)state;
    create("other", "");
    assert_int_equal(chaos_guest_publish(world->chaos, domid, NULL), 0);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, NULL), 0);
    world->log[0] = '\0';
    fake_store_speak("", 0, true);
    assert_false(next_event(&event, 1000));
    fake_store_speak(NULL, 0, false);
    assert_true(count_lines(world->log) <= 2);
    assert_int_equal(support_run(world, support_list, NULL), 0);
}

/* What another has put aside has ended long ago. */
static void says_nothing_of_guests_put_aside(void **state)
{
    uint32_t domid = create("web", "on_reboot=\"rename-restart\"");
    struct chaos_event event;

    (void)state;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_REBOOT);
    assert_int_equal(chaos_guest_settle(world->chaos, domid, NULL, NULL), 0);
    assert_false(next_event(&event, 300));
}

static unsigned looks_in(int ms)
{
    struct chaos_event event;

    fake_hv_reset_counts();
    assert_false(next_event(&event, ms));
    return fake_hv_count(FAKE_HV_DOMAIN_LIST);
}

/* Without guests nothing is asked of Xen, unless XenStore says so. */
static void looks_when_it_must(void **state)
{
    (void)state;
    looks_in(500); /* what there may have been before */
    assert_int_equal(looks_in(500), 0);
    fake_store_release_domain();
    assert_int_equal(looks_in(500), 1);
    create("web", "");
    assert_true(looks_in(1000) > 3);
}

/* A guest that xenstored knows is not looked at, but told of. */
static void is_told_by_the_store(void **state)
{
    struct chaos__registry *registry;
    struct chaos_event event;
    uint32_t domid = create("web", "");

    (void)state;
    assert_int_equal(chaos__registry_open(world->run_dir, &registry, NULL), 0);
    chaos__registry_by_name(registry, "web")->store_frame = 77;
    looks_in(500);
    assert_int_equal(looks_in(500), 0);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    assert_false(next_event(&event, 300));
    fake_store_release_domain();
    assert_true(next_event(&event, SOON_MS));
    assert_int_equal(event.domid, domid);
    chaos__registry_by_name(registry, "web")->store_frame = 0;
    chaos__registry_close(registry);
}

/* Without XenStore all are looked at; it is there again later. */
static void goes_on_without_the_store(void **state)
{
    struct chaos_event event;
    uint32_t domid;

    (void)state;
    looks_in(300);
    domid = create("web", "on_crash=\"preserve\"");
    fake_hv_fail_next(FAKE_HV_STORE_RECEIVE, CHAOS_EFAILED);
    fake_hv_fail_next(FAKE_HV_STORE_OPEN, CHAOS_EFAILED);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    assert_true(next_event(&event, SOON_MS));
    fake_hv_reset_counts();
    assert_false(next_event(&event, 2500));
    assert_true(fake_hv_count(FAKE_HV_STORE_OPEN) >= 1);
}

static void fails_anywhere(void **state)
{
    uint32_t domid = create("web", "on_crash=\"preserve\"");
    struct chaos_event event;
    struct chaos_error err;
    unsigned n, failed = 0;
    int rc;

    (void)state;
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    for (n = 1; n <= 20; n++) {
        chaos_events_close(events);
        events = NULL;
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = chaos_events_open(world->chaos, &events, &err);
        fake_hv_fail_at(rc < 0 ? 0 : n, CHAOS_EFAILED);
        if (rc < 0) {
            assert_int_equal(chaos_events_open(world->chaos, &events, &err), 0);
            failed++;
        }
        poll(NULL, 0, 5);
        rc = chaos_events_read(events, &event, &err);
        fake_hv_fail_at(0, 0);
        /* It is told all the same, if not at the first look. */
        failed += rc < 0;
        if (rc <= 0)
            assert_true(next_event(&event, SOON_MS));
        assert_int_equal(event.domid, domid);
    }
    assert_true(failed > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_once),
        TEST(tells_when_a_change_is_over),
        TEST(tells_of_what_was_before),
        TEST(tells_of_many),
        TEST(tells_of_a_successor),
        TEST(tells_of_those_that_have_gone),
        TEST(tells_of_those_that_go_slowly),
        TEST(repairs_now_and_then),
        TEST(says_nothing_of_guests_put_aside),
        TEST(looks_when_it_must),
        TEST(is_told_by_the_store),
        TEST(goes_on_without_the_store),
        TEST(fails_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
