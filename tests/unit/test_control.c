/* SPDX-License-Identifier: MIT */
/* The control page: what is read from it, what is asked on it, and waiting
 * until a guest is up; on the fake hypervisor. */
#include "fake_hv.h"
#include "noxs/abi/noxs.h"
#include "support.h"

#include "guest/control.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LONG_US (INT64_C(60) * 1000000) /* nobody waits that long */
#define LONG_MS 60000
#define CALLS_MAX 100 /* an operation with more never ends */

static struct support_world *world;

static int setup(void **state)
{
    (void)state;
    world = support_world_new();
    return 0;
}

static int teardown(void **state)
{
    struct chaos_guest_info *list;
    size_t count, i;
    bool clean;

    (void)state;
    fake_hv_on_notify(NULL);
    if (chaos_guest_list(world->chaos, &list, &count, NULL) < 0)
        return -1;
    for (i = 0; i < count; i++)
        if (list[i].domid > 0)
            chaos_guest_destroy(world->chaos, list[i].domid, NULL);
    free(list);
    clean = support_count_slots(world) == 0;
    chaos_close(world->chaos);
    world->chaos = NULL;
    clean = fake_hv_check_clean() && clean;
    support_world_free(world);
    return clean ? 0 : -1;
}

static int try_create(const char *name, const char *kernel, const char *more,
                      unsigned flags, uint32_t *domid_r,
                      struct chaos_error *err)
{
    struct chaos_config *config =
        support_config(world, name, "pvh", kernel, more);
    int rc = chaos_guest_create(world->chaos, config, flags, domid_r, err);

    chaos_config_free(config);
    return rc;
}

static uint32_t create(const char *more)
{
    struct chaos_error err;
    uint32_t domid = 0;

    if (try_create("web", world->noxs_kernel, more, 0, &domid, &err) < 0)
        fail_msg("%s", err.message);
    return domid;
}

/* ---------------------------------------------------- the page, outside */

static uint64_t page_address(void)
{
    return support_slot(world, "web").control_frame * CHAOS__PAGE_SIZE;
}

static struct noxs_control read_page(uint32_t domid)
{
    struct noxs_control page;

    assert_true(fake_hv_read(domid, page_address(), &page, sizeof(page)));
    return page;
}

/* As the guest writes it, or somebody who overwrites all. */
static void write_page(uint32_t domid, const struct noxs_control *page)
{
    assert_true(fake_hv_write(domid, page_address(), page, sizeof(*page)));
}

static void say(uint32_t domid, uint32_t status, uint32_t code, uint64_t up_ns)
{
    struct noxs_control page = read_page(domid);

    page.status = status;
    page.code = code;
    page.up_ns = up_ns;
    write_page(domid, &page);
}

static struct chaos_guest_control read_control(uint32_t domid)
{
    struct chaos_guest_control control;
    struct chaos_error err;

    if (chaos_guest_control(world->chaos, domid, &control, &err) < 0)
        fail_msg("%s", err.message);
    return control;
}

static int wait_up(uint32_t domid, int timeout_ms, struct chaos_error *err)
{
    memset(err, 0, sizeof(*err));
    return chaos_guest_wait_up(world->chaos, domid, timeout_ms, err);
}

static void open_control(struct chaos__control *control)
{
    const struct chaos__slot slot = support_slot(world, "web");
    struct chaos__hv *hv;
    struct chaos_error err;

    assert_int_equal(chaos__hv_open(NULL, NULL, &hv, &err), 0);
    assert_int_equal(chaos__control_open(hv, &slot, control, &err), 0);
}

static void close_control(struct chaos__control *control)
{
    struct chaos__hv *hv = control->hv;

    chaos__control_close(control);
    chaos__hv_close(hv);
}

static unsigned notified(uint32_t domid)
{
    return fake_hv_domain(domid)
        .ports[support_slot(world, "web").control_port]
        .notified;
}

/* ------------------------------------------------------------- reading */

static struct chaos__control_state parse(const struct noxs_control *page)
{
    struct chaos__control_state state;

    memset(&state, 0xee, sizeof(state));
    chaos__control_parse(page, &state);
    return state;
}

static void reads_an_empty_page(void **test)
{
    const struct noxs_control page = { 0 };
    struct chaos__control_state state = parse(&page);

    (void)test;
    assert_int_equal(state.status, CHAOS_STATUS_BOOTING);
    assert_int_equal(state.code, 0);
    assert_true(state.up_ns == 0);
    assert_false(state.pending);
    assert_int_equal(state.acknowledged, 0);
    assert_int_equal(state.result, NOXS_RESULT_DONE);
    assert_int_equal(state.guest_request, NOXS_GUEST_REQUEST_NONE);
}

static void reads_status_numbers(void **test)
{
    static const struct {
        uint32_t number;
        enum chaos_guest_status status;
        uint32_t code;
        uint64_t up_ns;
    } cases[] = {
        { NOXS_STATUS_BOOTING, CHAOS_STATUS_BOOTING, 0, 0 },
        { NOXS_STATUS_UP, CHAOS_STATUS_UP, 0, 77 },
        { NOXS_STATUS_GOING_DOWN, CHAOS_STATUS_GOING_DOWN, 0, 77 },
        { NOXS_STATUS_CRASHED, CHAOS_STATUS_CRASHED, 5, 77 },
        { 4, CHAOS_STATUS_UNKNOWN, 0, 0 },
        { 255, CHAOS_STATUS_UNKNOWN, 0, 0 },
        { 256 + NOXS_STATUS_UP, CHAOS_STATUS_UNKNOWN, 0, 0 },
        { UINT32_MAX, CHAOS_STATUS_UNKNOWN, 0, 0 },
    };
    struct noxs_control page = { .code = 5, .up_ns = 77 };
    struct chaos__control_state state;
    size_t i;

    (void)test;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        page.status = cases[i].number;
        state = parse(&page);
        assert_int_equal(state.status, cases[i].status);
        assert_int_equal(state.code, cases[i].code);
        assert_true(state.up_ns == cases[i].up_ns);
    }
}

static void reads_acknowledgements(void **test)
{
    struct noxs_control page = { .serial = 0, .acknowledged = UINT32_MAX };

    (void)test;
    assert_true(parse(&page).pending); /* it has wrapped around */
    page.acknowledged = 0;
    assert_false(parse(&page).pending);
    page.serial = 9;
    page.acknowledged = 8;
    page.result = NOXS_RESULT_REFUSED;
    assert_true(parse(&page).pending);
    assert_int_equal(parse(&page).acknowledged, 8);
    assert_int_equal(parse(&page).result, NOXS_RESULT_REFUSED);
    page.acknowledged = 10; /* not even asked for */
    assert_true(parse(&page).pending);
    page.result = 3;
    assert_int_equal(parse(&page).result, NOXS_RESULT_UNKNOWN);
}

static void reads_requests_of_the_guest(void **test)
{
    struct noxs_control page = { .guest_request = NOXS_GUEST_REQUEST_FORK,
                                 .guest_serial = 0,
                                 .guest_argument = 12,
                                 .answered = 0 };
    struct chaos__control_state state = parse(&page);

    (void)test;
    assert_int_equal(state.guest_request, NOXS_GUEST_REQUEST_NONE);
    page.guest_serial = 1;
    state = parse(&page);
    assert_int_equal(state.guest_request, NOXS_GUEST_REQUEST_FORK);
    assert_int_equal(state.guest_serial, 1);
    assert_true(state.guest_argument == 12);
    page.answered = 1;
    assert_int_equal(parse(&page).guest_request, NOXS_GUEST_REQUEST_NONE);
}

static void tells_what_the_guest_says(void **test)
{
    uint32_t domid = create("on_crash=\"preserve\"");
    struct chaos_guest_control control = read_control(domid);

    (void)test;
    assert_int_equal(control.status, CHAOS_STATUS_BOOTING);
    assert_int_equal(control.pending, 0);
    say(domid, NOXS_STATUS_UP, 0, 1000);
    control = read_control(domid);
    assert_int_equal(control.status, CHAOS_STATUS_UP);
    assert_true(control.up_ns == 1000);
    say(domid, 1234, 0, 1000);
    assert_int_equal(read_control(domid).status, CHAOS_STATUS_UNKNOWN);
    say(domid, NOXS_STATUS_CRASHED, 6, 1000);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    control = read_control(domid);
    assert_int_equal(control.status, CHAOS_STATUS_CRASHED);
    assert_int_equal(control.code, 6);
}

static void cannot_be_told(void **test)
{
    static const uint8_t uuid[16] = { 0xf0, 1 };
    uint32_t domid = create(""), other, foreign;
    struct chaos_guest_control control;
    struct chaos_error err;

    (void)test;
    foreign = fake_hv_add_foreign("xl", uuid);
    assert_int_equal(
        try_create("old", world->plain_kernel, "", 0, &other, &err), 0);
    assert_int_equal(chaos_guest_control(world->chaos, other, &control, &err),
                     CHAOS_ENOTSUP);
    assert_non_null(strstr(err.message, "old"));
    assert_int_equal(wait_up(other, LONG_MS, &err), CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_control(world->chaos, foreign, &control, &err),
                     CHAOS_ENOTSUP);
    assert_int_equal(chaos_guest_control(world->chaos, 99, &control, &err),
                     CHAOS_ENOGUEST);
    fake_hv_vanish(foreign);
    /* It has given the page away: said so, and the rest goes on. */
    fake_hv_fail_next(FAKE_HV_MAP, CHAOS_EFAILED);
    assert_int_equal(chaos_guest_control(world->chaos, domid, &control, &err),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "control page of web"));
    fake_hv_fail_next(FAKE_HV_MAP, CHAOS_EFAILED);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err),
        CHAOS_EFAILED);
    fake_hv_fail_next(FAKE_HV_MAP, CHAOS_EFAILED);
    assert_int_equal(wait_up(domid, LONG_MS, &err), CHAOS_EFAILED);
    assert_true(fake_hv_domain(domid).exists);
    assert_int_equal(chaos_guest_destroy(world->chaos, domid, &err), 0);
}

/* -------------------------------------------------------------- asking */

static struct {
    uint32_t domid;
    struct noxs_control page; /* as it was then */
    bool ask_too;             /* another process asks at that moment */
    bool count_serial;        /* the guest writes where it must not */
} when_notified;

static void on_notify(uint32_t domid, uint32_t port)
{
    struct chaos *other;

    (void)port;
    when_notified.domid = domid;
    when_notified.page = read_page(domid);
    if (when_notified.ask_too) {
        when_notified.ask_too = false;
        other = support_open(world);
        assert_int_equal(
            chaos_guest_shutdown(other, domid, CHAOS_END_REBOOT, NULL), 0);
        chaos_close(other);
    }
    if (when_notified.count_serial) {
        when_notified.page.serial++;
        write_page(domid, &when_notified.page);
    }
}

static void watch_notifications(void)
{
    memset(&when_notified, 0, sizeof(when_notified));
    fake_hv_on_notify(on_notify);
}

static void writes_all_before_it_notifies(void **test)
{
    struct chaos__control control;
    struct chaos_error err;
    uint32_t serial = 99, domid = create("");

    (void)test;
    watch_notifications();
    open_control(&control);
    assert_int_equal(chaos__control_request(&control, NOXS_REQUEST_FORK, 0x1234,
                                            &serial, &err),
                     0);
    close_control(&control);
    assert_int_equal(serial, 1);
    assert_int_equal(when_notified.domid, domid);
    assert_int_equal(when_notified.page.request, NOXS_REQUEST_FORK);
    assert_true(when_notified.page.argument == 0x1234);
    assert_int_equal(when_notified.page.serial, 1);
}

/* From what stands on the page: a guest that writes there fools itself. */
static void counts_the_serial_up(void **test)
{
    uint32_t domid = create("");
    struct noxs_control page;
    struct chaos_error err;

    (void)test;
    memset(&page, 0xff, sizeof(page));
    write_page(domid, &page);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    page = read_page(domid);
    assert_int_equal(page.serial, 0);
    assert_int_equal(page.request, NOXS_REQUEST_POWEROFF);
    assert_true(page.argument == 0);
    /* The guest's half is the guest's. */
    assert_int_equal(page.acknowledged, UINT32_MAX);
    assert_int_equal(page.status, UINT32_MAX);
    assert_int_equal(page.guest_serial, UINT32_MAX);
}

static void asks_for_every_end(void **test)
{
    static const struct {
        enum chaos_guest_end how;
        uint32_t request;
    } cases[] = {
        { CHAOS_END_POWEROFF, NOXS_REQUEST_POWEROFF },
        { CHAOS_END_REBOOT, NOXS_REQUEST_REBOOT },
        { CHAOS_END_SUSPEND, NOXS_REQUEST_SUSPEND },
        { CHAOS_END_HALT, NOXS_REQUEST_HALT },
    };
    uint32_t domid = create("");
    struct chaos_error err;
    uint32_t i;

    (void)test;
    for (i = 0; i < 4; i++) {
        assert_int_equal(
            chaos_guest_shutdown(world->chaos, domid, cases[i].how, &err), 0);
        assert_int_equal(read_page(domid).request, cases[i].request);
        assert_int_equal(read_page(domid).serial, i + 1);
        assert_int_equal(notified(domid), i + 1);
        assert_int_equal(read_control(domid).pending, 1);
    }
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_CRASH, &err),
        CHAOS_EINVAL);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_DESTROYED, &err),
        CHAOS_EINVAL);
    assert_int_equal(read_page(domid).serial, 4);
}

static void tells_whether_it_was_acknowledged(void **test)
{
    uint32_t domid = create("");
    struct noxs_control page;
    struct chaos_error err;

    (void)test;
    assert_int_equal(read_control(domid).pending, 0);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    assert_int_equal(read_control(domid).pending, 1);
    page = read_page(domid);
    page.acknowledged = page.serial;
    write_page(domid, &page);
    assert_int_equal(read_control(domid).pending, 0);
    /* Its word is not its end. */
    assert_int_equal(chaos_guest_wait(world->chaos, domid, 2, NULL, &err),
                     CHAOS_ETIMEDOUT);
}

/* Who has the port when another asks tells the guest of that as well. */
static void two_ask_at_once(void **test)
{
    uint32_t domid = create("");
    struct chaos_error err;

    (void)test;
    watch_notifications();
    when_notified.ask_too = true;
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    assert_int_equal(read_page(domid).serial, 2);
    assert_int_equal(notified(domid), 2);
    assert_int_equal(when_notified.page.serial, 2);
}

static void is_asked_while_another_listens(void **test)
{
    struct chaos__control control;
    struct chaos_error err;
    uint32_t domid = create("");

    (void)test;
    open_control(&control);
    assert_int_equal(chaos__control_listen(&control, &err), 0);
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    assert_int_equal(read_page(domid).serial, 1);
    assert_int_equal(notified(domid), 0);
    close_control(&control);
    assert_int_equal(notified(domid), 1);
}

static void counting_the_serial_does_not_hold_us(void **test)
{
    uint32_t domid = create("");
    struct chaos_error err;

    (void)test;
    watch_notifications();
    when_notified.count_serial = true;
    assert_int_equal(
        chaos_guest_shutdown(world->chaos, domid, CHAOS_END_POWEROFF, &err), 0);
    assert_in_range(notified(domid), 2, 50);
}

/* ----------------------------------------------------------- listening */

static void hears_the_guest(void **test)
{
    struct chaos__control control;
    struct chaos_error err;
    uint32_t domid = create("");

    (void)test;
    open_control(&control);
    assert_int_equal(chaos__control_listen(&control, &err), 0);
    fake_hv_guest_notify(domid, support_slot(world, "web").control_port);
    chaos__control_wait(&control, LONG_US);
    assert_int_equal(control.vain, 1);
    chaos__control_wait(&control, 0); /* was taken: nothing is pending */
    assert_int_equal(control.vain, 1);
    close_control(&control);
}

static void does_not_listen_to_a_flood(void **test)
{
    struct chaos__control control;
    struct chaos_error err;
    uint32_t domid = create("");
    unsigned i;

    (void)test;
    open_control(&control);
    assert_int_equal(chaos__control_listen(&control, &err), 0);
    for (i = 0; i < 1000 && control.bound; i++) {
        fake_hv_guest_notify(domid, support_slot(world, "web").control_port);
        chaos__control_wait(&control, LONG_US);
    }
    assert_in_range(i, 10, 100);
    chaos__control_wait(&control, 1000); /* time alone ends it now */
    assert_int_equal(control.vain, i);
    close_control(&control);
}

/* ------------------------------------------------------- waiting for up */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void is_up_already(void **test)
{
    uint32_t domid = create("");
    struct chaos_error err;

    (void)test;
    say(domid, NOXS_STATUS_UP, 0, 0); /* it has no clock */
    fake_hv_reset_counts();
    assert_int_equal(wait_up(domid, 0, &err), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_MAP), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_UNMAP), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_PORT_BIND), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_PORT_CLOSE), 1);
    assert_int_equal(notified(domid), 0);
}

static void is_not_up_in_time(void **test)
{
    static const uint32_t says[] = { NOXS_STATUS_BOOTING, 4, UINT32_MAX };
    uint32_t domid = create("");
    struct chaos_error err;
    int64_t start;
    size_t i;

    (void)test;
    for (i = 0; i < 3; i++) {
        say(domid, says[i], 0, says[i] ? 5 : 0);
        start = now_ms();
        assert_int_equal(wait_up(domid, 20, &err), CHAOS_ETIMEDOUT);
        assert_true(now_ms() - start >= 19);
        assert_non_null(strstr(err.message, "web is not up"));
        assert_true(fake_hv_domain(domid).exists);
        assert_false(fake_hv_domain(domid).paused);
    }
    assert_int_equal(wait_up(domid, 0, &err), CHAOS_ETIMEDOUT);
}

/* Comes up when somebody listens, and says so once. */
static void *come_up(void *user)
{
    uint32_t domid = *(uint32_t *)user;

    while (fake_hv_count(FAKE_HV_PORT_BIND) == 0)
        sched_yield();
    say(domid, NOXS_STATUS_UP, 0, 5);
    fake_hv_guest_notify(domid, support_slot(world, "web").control_port);
    return NULL;
}

static void comes_up(void **test)
{
    uint32_t domid = create("");
    struct chaos_error err;
    pthread_t thread;
    int timeout_ms;

    (void)test;
    for (timeout_ms = -1; timeout_ms < LONG_MS; timeout_ms += LONG_MS + 1) {
        say(domid, NOXS_STATUS_BOOTING, 0, 0);
        fake_hv_reset_counts();
        assert_int_equal(pthread_create(&thread, NULL, come_up, &domid), 0);
        assert_int_equal(wait_up(domid, timeout_ms, &err), 0);
        pthread_join(thread, NULL);
    }
}

/* Somebody else has its port: it is looked at now and then. */
static void comes_up_unheard(void **test)
{
    struct chaos__control control;
    struct chaos_error err;
    uint32_t domid = create("");
    pthread_t thread;

    (void)test;
    open_control(&control);
    assert_int_equal(chaos__control_listen(&control, &err), 0);
    fake_hv_reset_counts();
    assert_int_equal(pthread_create(&thread, NULL, come_up, &domid), 0);
    assert_int_equal(wait_up(domid, LONG_MS, &err), 0);
    pthread_join(thread, NULL);
    close_control(&control);
}

static void was_up_and_has_ended(void **test)
{
    uint32_t domid = create("");
    struct chaos_error err;

    (void)test;
    say(domid, NOXS_STATUS_GOING_DOWN, 0, 5);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_POWEROFF);
    assert_int_equal(wait_up(domid, LONG_MS, &err), 0);
    assert_true(fake_hv_domain(domid).exists); /* who looks next sees to it */
}

static void ends_before_it_is_up(void **test)
{
    static const struct {
        const char *text;
        unsigned reason;
        uint32_t status;
    } cases[] = {
        { "powered off before it was up", CHAOS__SHUTDOWN_POWEROFF,
          NOXS_STATUS_GOING_DOWN },
        { "asked for a reboot before it was up", CHAOS__SHUTDOWN_REBOOT,
          NOXS_STATUS_BOOTING },
        { "crashed before it was up", CHAOS__SHUTDOWN_CRASH,
          NOXS_STATUS_BOOTING },
        { "crashed before it was up, with code 42", CHAOS__SHUTDOWN_CRASH,
          NOXS_STATUS_CRASHED },
        { "ended before it was up", 77, 4 },
    };
    struct chaos_error err;
    uint32_t domid;
    size_t i;

    (void)test;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        domid = create("on_reboot=\"destroy\"");
        say(domid, cases[i].status, 42, 0);
        fake_hv_shut_down(domid, cases[i].reason);
        assert_int_equal(wait_up(domid, LONG_MS, &err), CHAOS_EFAILED);
        assert_non_null(strstr(err.message, "guest web"));
        assert_non_null(strstr(err.message, cases[i].text));
        /* Its configuration says what of that; of a reason that none speaks
         * of, it is kept. */
        assert_int_equal(fake_hv_domain(domid).exists, cases[i].reason == 77);
    }
}

static void is_kept_when_it_ends_before_it_is_up(void **test)
{
    uint32_t domid = create("on_crash=\"preserve\"");
    struct chaos_error err;

    (void)test;
    say(domid, NOXS_STATUS_CRASHED, 42, 0);
    fake_hv_shut_down(domid, CHAOS__SHUTDOWN_CRASH);
    assert_int_equal(wait_up(domid, LONG_MS, &err), CHAOS_EFAILED);
    assert_int_equal(read_control(domid).code, 42);
}

/* Another toolstack, or another chaos, while we wait. */
static void *destroy_it(void *user)
{
    uint32_t domid = *(uint32_t *)user;

    while (fake_hv_count(FAKE_HV_PORT_BIND) == 0)
        sched_yield();
    fake_hv_vanish(domid);
    return NULL;
}

static void is_destroyed_before_it_is_up(void **test)
{
    uint32_t domid = create("");
    struct chaos_error err;
    pthread_t thread;

    (void)test;
    fake_hv_reset_counts();
    assert_int_equal(pthread_create(&thread, NULL, destroy_it, &domid), 0);
    assert_int_equal(wait_up(domid, LONG_MS, &err), CHAOS_EFAILED);
    pthread_join(thread, NULL);
    assert_non_null(strstr(err.message, "web was destroyed before it was up"));
}

static void waiting_fails_anywhere(void **test)
{
    uint32_t domid = create("");
    struct chaos_error err;
    unsigned n, calls;
    int rc;

    (void)test;
    say(domid, NOXS_STATUS_UP, 0, 5);
    for (n = 1; n < CALLS_MAX; n++) {
        support_reopen(world);
        fake_hv_reset_counts();
        fake_hv_fail_at(n, CHAOS_EFAILED);
        rc = wait_up(domid, LONG_MS, &err);
        calls = fake_hv_count_fallible();
        fake_hv_fail_at(0, 0);
        if (calls < n)
            break;
        assert_int_equal(rc, CHAOS_EFAILED);
        assert_int_equal(err.code, rc);
        assert_int_equal(fake_hv_count(FAKE_HV_MAP) -
                             fake_hv_count(FAKE_HV_UNMAP),
                         calls == n && strstr(err.message, "map") ? 1 : 0);
        assert_true(fake_hv_domain(domid).exists);
    }
    assert_int_equal(rc, 0);
    assert_in_range(n, 4, CALLS_MAX - 1);
}

static void refuses_kernels_that_could_not_say(void **test)
{
    struct chaos_error err;

    (void)test;
    assert_int_equal(try_create("old", world->plain_kernel, "",
                                CHAOS_CREATE_NOXS, NULL, &err),
                     CHAOS_ENOTSUP);
    assert_non_null(strstr(err.message, world->plain_kernel));
    assert_int_equal(fake_hv_count(FAKE_HV_OPEN), 0);
    assert_int_equal(try_create("new", world->noxs_kernel, "",
                                CHAOS_CREATE_NOXS, NULL, &err),
                     0);
    assert_int_equal(try_create("packed", world->packed_kernel, "",
                                CHAOS_CREATE_NOXS | CHAOS_CREATE_PAUSED, NULL,
                                &err),
                     0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_empty_page),
        cmocka_unit_test(reads_status_numbers),
        cmocka_unit_test(reads_acknowledgements),
        cmocka_unit_test(reads_requests_of_the_guest),
        TEST(tells_what_the_guest_says),
        TEST(cannot_be_told),
        TEST(writes_all_before_it_notifies),
        TEST(counts_the_serial_up),
        TEST(asks_for_every_end),
        TEST(tells_whether_it_was_acknowledged),
        TEST(two_ask_at_once),
        TEST(is_asked_while_another_listens),
        TEST(counting_the_serial_does_not_hold_us),
        TEST(hears_the_guest),
        TEST(does_not_listen_to_a_flood),
        TEST(is_up_already),
        TEST(is_not_up_in_time),
        TEST(comes_up),
        TEST(comes_up_unheard),
        TEST(was_up_and_has_ended),
        TEST(ends_before_it_is_up),
        TEST(is_kept_when_it_ends_before_it_is_up),
        TEST(is_destroyed_before_it_is_up),
        TEST(waiting_fails_anywhere),
        TEST(refuses_kernels_that_could_not_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
