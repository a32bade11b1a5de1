/* SPDX-License-Identifier: MIT */
/* Transactions: all or nothing, whatever others or xenstored do meanwhile. */
#include "fake_hv.h"
#include "fake_store.h"

#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define A "/local/test/a"
#define B "/local/test/b"

static struct chaos__hv *hv;
static struct chaos__store *store;
static struct chaos_error err;

static int setup(void **state)
{
    (void)state;
    fake_hv_reset();
    memset(&err, 0, sizeof(err));
    if (chaos__hv_open(NULL, NULL, &hv, NULL) < 0)
        return -1;
    return chaos__store_open(hv, &store, NULL);
}

static int teardown(void **state)
{
    (void)state;
    fake_store_speak(NULL, 0, false);
    chaos__store_close(store);
    chaos__hv_close(hv);
    fake_store_remove("/local/test");
    return fake_hv_check_clean() ? 0 : -1;
}

static bool is_there(const char *path, const char *value)
{
    char found[32];

    return fake_store_look(path, found, sizeof(found)) &&
           strcmp(found, value) == 0;
}

static bool is_absent(const char *path)
{
    char found[32];

    return !fake_store_look(path, found, sizeof(found));
}

/* What a test wants to be done in a transaction. */
struct job {
    unsigned calls;
    int rc;              /* what it ends with */
    unsigned disturbers; /* calls in which somebody else writes A */
    bool runs, is_quiet; /* itself; it does not look at what comes of it */
};

static int write_both(struct chaos__store *in, void *user,
                      struct chaos_error *error)
{
    struct job *job = user;
    int rc = 0;

    job->calls++;
    chaos__store_write(in, A, "1");
    chaos__store_make(in, B);
    if (job->runs || job->is_quiet)
        rc = chaos__store_run(in, job->is_quiet ? NULL : error);
    if (job->calls <= job->disturbers)
        fake_store_set(A, "another's");
    if (job->is_quiet)
        rc = 0;
    if (rc == 0 && job->rc < 0)
        rc = chaos__fail(error, job->rc, "the job's error");
    return rc;
}

static int transact(struct job *job)
{
    return chaos__store_transact(store, write_both, job, &err);
}

static void assert_fails(int rc, int code, const char *message)
{
    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
    if (!strstr(err.message, message))
        fail_msg("\"%s\", not \"%s\"", err.message, message);
}

/* ----------------------------------------------------------- all or nothing */

static void takes_effect_as_a_whole(void **state)
{
    struct job job = { 0 };

    (void)state;
    assert_int_equal(transact(&job), 0);
    assert_int_equal(err.code, 0);
    assert_true(is_there(A, "1"));
    assert_true(is_there(B, ""));
    assert_int_equal(job.calls, 1);
    assert_int_equal(fake_store_count(FAKE_STORE_START), 1);
    assert_int_equal(fake_store_count(FAKE_STORE_END), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 3);
    /* What comes after it is no part of it. */
    chaos__store_write(store, A, "2");
    assert_int_equal(chaos__store_run(store, &err), 0);
    assert_true(is_there(A, "2"));
}

/* It sees itself, and nobody else sees it; only nodes are part of it. */
static int look_around(struct chaos__store *in, void *user,
                       struct chaos_error *error)
{
    char value[8], names[64], *token = user;
    int rc;

    chaos__store_write(in, A, "1");
    chaos__store_allow(in, A, 0, 7);
    chaos__store_read(in, A, value, sizeof(value));
    chaos__store_list(in, "/local/test", names, sizeof(names));
    chaos__store_watch(in, B, "t");
    chaos__store_release(in, 4711);
    rc = chaos__store_run(in, error);
    assert_string_equal(value, "1");
    assert_string_equal(names, "a");
    assert_true(is_absent(A));
    assert_int_equal(chaos__store_wait(in, 1, token, 8, error), 1);
    chaos__store_remove(in, A);
    chaos__store_write(in, B, "2");
    return rc;
}

static void is_seen_by_nobody_until_its_end(void **state)
{
    char token[8] = "", access[8];

    (void)state;
    assert_int_equal(chaos__store_transact(store, look_around, token, &err), 0);
    assert_string_equal(token, "t");
    assert_true(is_absent(A));
    assert_true(is_there(B, "2"));
    assert_true(fake_store_access(B, access, sizeof(access)));
    assert_string_equal(access, "n0");
    /* The watch tells when it takes effect. */
    assert_int_equal(chaos__store_wait(store, 1, token, sizeof(token), &err),
                     1);
    assert_int_equal(chaos__store_wait(store, 1, token, sizeof(token), &err),
                     0);
}

static void leaves_nothing_when_it_fails(void **state)
{
    struct job job = { .rc = CHAOS_EEXIST };

    (void)state;
    assert_fails(transact(&job), CHAOS_EEXIST, "the job's error");
    job.runs = true;
    assert_fails(transact(&job), CHAOS_EEXIST, "the job's error");
    assert_true(is_absent(A));
    assert_int_equal(job.calls, 2);
    /* What was queued is not sent later. */
    assert_int_equal(chaos__store_run(store, &err), 0);
    assert_true(is_absent(A));
    assert_int_equal(chaos__store_transact(store, write_both, &job, NULL),
                     CHAOS_EEXIST);
}

/* Any of its requests; those before and behind it have no effect either. */
static void leaves_nothing_when_refused(void **state)
{
    struct job job = { 0 };
    unsigned n;

    (void)state;
    for (n = 1; n <= 2; n++) {
        job.runs = n == 2;
        fake_store_refuse_at(n, EDQUOT);
        assert_fails(transact(&job), CHAOS_EFAILED,
                     n == 1 ? "writing /local/test/a: EQUOTA: "
                            : "making /local/test/b: EQUOTA: ");
        assert_true(is_absent("/local/test"));
        assert_int_equal(job.calls, n);
    }
    fake_store_refuse_at(3, EDQUOT);
    assert_int_equal(transact(&job), 0);
    fake_store_refuse_at(0, 0);
}

/* --------------------------------------------------------------- conflicts */

static void tries_again_when_others_change(void **state)
{
    struct job job = { .disturbers = 3 };

    (void)state;
    assert_int_equal(transact(&job), 0);
    assert_int_equal(job.calls, 4);
    assert_int_equal(err.code, 0); /* of the tries that failed */
    assert_true(is_there(A, "1"));
    assert_int_equal(fake_store_count(FAKE_STORE_START), 4);
    assert_int_equal(fake_store_count(FAKE_STORE_END), 4);
}

/* Told so amid it, and even when the job does not look. */
static void tries_again_when_told_so(void **state)
{
    struct job job = { 0 };
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        job = (struct job){ .runs = i == 1, .is_quiet = i == 2 };
        fake_store_refuse_at(2, EAGAIN);
        assert_int_equal(transact(&job), 0);
        assert_int_equal(job.calls, 2);
        assert_int_equal(err.code, 0);
        assert_true(is_there(B, ""));
        fake_store_remove(B);
    }
}

static void gives_up(void **state)
{
    struct job job = { 0 };

    (void)state;
    fake_store_conflict(99);
    assert_int_equal(transact(&job), 0);
    assert_int_equal(job.calls, 100);
    fake_store_remove("/local/test");
    fake_store_conflict(1000);
    assert_fails(transact(&job), CHAOS_EBUSY,
                 "XenStore is too busy: 100 times others changed");
    assert_int_equal(job.calls, 200);
    assert_true(is_absent(A));
    assert_false(chaos__store_is_broken(store));
    fake_store_conflict(0);
    assert_int_equal(transact(&job), 0);
}

/* A conflict of before is not this one's. */
static void fails_once_for_itself(void **state)
{
    struct job job = { .rc = CHAOS_EEXIST };

    (void)state;
    fake_store_refuse_at(1, EAGAIN);
    chaos__store_write(store, A, "1");
    assert_int_equal(chaos__store_run(store, &err), CHAOS_EBUSY);
    assert_fails(transact(&job), CHAOS_EEXIST, "the job's error");
    assert_int_equal(job.calls, 1);
}

/* ---------------------------------------------------------------- failures */

/* Each call of the stream in turn. */
static void stream_fails(void **state)
{
    struct job job;
    unsigned n;

    (void)state;
    for (n = 1; n <= 6; n++) {
        job = (struct job){ 0 };
        fake_hv_fail_at(n, CHAOS_ETIMEDOUT);
        assert_fails(transact(&job), CHAOS_ETIMEDOUT, "the test's failure");
        assert_int_equal(job.calls, n > 2);
        assert_true(chaos__store_is_broken(store));
        fake_hv_fail_at(0, 0);
        /* Done half, or done and not heard of. */
        assert_int_equal(is_absent(A), n < 6);
        chaos__store_close(store);
        assert_int_equal(chaos__store_open(hv, &store, &err), 0);
    }
}

/* What xenstored says when a transaction starts. */
static void hear(const char *id, size_t length)
{
    static uint8_t bytes[64];
    const uint32_t header[4] = { 6, 0, 0, (uint32_t)length };

    memcpy(bytes, header, sizeof(header));
    memcpy(bytes + sizeof(header), id, length);
    fake_store_speak(bytes, sizeof(header) + length, true);
}

static void numbers_without_sense(void **state)
{
    static const char *const ids[] = { "",   "0",  "x",          "-1", " 1",
                                       "1x", "+1", "4294967296", "OK" };
    struct job job = { 0 };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        hear(ids[i], strlen(ids[i]) + i % 2); /* with its NUL, or without */
        assert_fails(transact(&job), CHAOS_EFAILED, "makes no sense");
        assert_true(chaos__store_is_broken(store));
        chaos__store_close(store);
        assert_int_equal(chaos__store_open(hv, &store, &err), 0);
    }
    assert_int_equal(job.calls, 0);
}

static void the_last_number(void **state)
{
    struct job job = { 0 };
    const uint8_t *sent;
    uint32_t header[4];
    size_t size;

    (void)state;
    hear("4294967295", 11);
    assert_int_equal(transact(&job), CHAOS_EFAILED); /* closed */
    assert_int_equal(job.calls, 1);
    sent = fake_store_sent(&size);
    memcpy(header, sent, sizeof(header));
    assert_int_equal(header[2], UINT32_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_effect_as_a_whole),
        TEST(is_seen_by_nobody_until_its_end),
        TEST(leaves_nothing_when_it_fails),
        TEST(leaves_nothing_when_refused),
        TEST(tries_again_when_others_change),
        TEST(tries_again_when_told_so),
        TEST(gives_up),
        TEST(fails_once_for_itself),
        TEST(stream_fails),
        TEST(numbers_without_sense),
        TEST(the_last_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
