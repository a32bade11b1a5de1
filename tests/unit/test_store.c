/* SPDX-License-Identifier: MIT */
/* XenStore's protocol as our side speaks it: with the fake xenstored, and with
 * one that says whatever a test wants. */
#include "fake_hv.h"
#include "fake_store.h"

#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* public/io/xs_wire.h */
enum type {
    READ = 2,
    WATCH = 4,
    UNWATCH = 5,
    INTRODUCE = 8,
    RELEASE = 9,
    WRITE = 11,
    MKDIR = 12,
    RM = 13,
    SET_PERMS = 14,
    EVENT = 15,
    ERROR = 16,
};

struct header {
    uint32_t type, request, transaction, length;
};

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
    fake_hv_reset_counts();
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

static void run(void)
{
    if (chaos__store_run(store, &err) < 0)
        fail_msg("%s", err.message);
}

static void run_fails(int code, const char *message)
{
    int rc = chaos__store_run(store, &err);

    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
    if (!strstr(err.message, message))
        fail_msg("\"%s\", not \"%s\"", err.message, message);
}

static void assert_value(const char *path, const char *value)
{
    char found[256];

    if (!fake_store_look(path, found, sizeof(found)))
        fail_msg("%s is not there", path);
    assert_string_equal(found, value);
}

/* An event with this token comes next. */
static void assert_event(const char *token)
{
    char found[64];

    assert_int_equal(chaos__store_wait(store, 1, found, sizeof(found), &err),
                     1);
    assert_string_equal(found, token);
}

static void assert_no_event(void)
{
    char found[64];

    assert_int_equal(chaos__store_wait(store, 1, found, sizeof(found), &err),
                     0);
}

/* ------------------------------------------------------- sent beforehand */

static void answers_are_taken_later(void **state)
{
    char value[16] = "?";

    (void)state;
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_read(store, "/local/test/a", value, sizeof(value));
    assert_int_equal(chaos__store_send(store, &err), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_RECEIVE), 0);
    assert_string_equal(value, "");
    assert_int_equal(chaos__store_send(store, &err), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1);
    chaos__store_write(store, "/local/test/b", "2");
    run();
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 2);
    assert_string_equal(value, "1");
    assert_value("/local/test/b", "2");
}

/* And its errors are told of then, once. */
static void errors_are_told_later(void **state)
{
    (void)state;
    chaos__store_introduce(store, 999, 1, 1); /* there is none */
    chaos__store_write(store, "/local/test/a", "1");
    assert_int_equal(chaos__store_send(store, &err), 0);
    run_fails(CHAOS_EFAILED, "introducing domain 999");
    assert_value("/local/test/a", "1");
    run();
}

/* What can't be queued behind it keeps nobody from its answers. */
static void answers_are_taken_in_any_case(void **state)
{
    static char path[CHAOS__STORE_PATH_MAX + 2];

    (void)state;
    memset(path, '/', sizeof(path) - 1);
    chaos__store_write(store, "/local/test/a", "1");
    assert_int_equal(chaos__store_send(store, &err), 0);
    chaos__store_write(store, path, "2");
    run_fails(CHAOS_EINVAL, "too long");
    chaos__store_write(store, "/local/test/b", "3");
    run();
    assert_value("/local/test/b", "3");
}

/* More than xenstored would keep answers for wait for chaos__store_run(). */
static void not_too_many_are_sent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 513; i++)
        chaos__store_write(store, "/local/test/a", "1");
    assert_int_equal(chaos__store_send(store, &err), 0);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
    run();
}

/* --------------------------------------------------- what xenstored says */

static uint8_t speech[40000];
static size_t said;

static void say(enum type type, uint32_t request, const void *payload,
                size_t length)
{
    const struct header header = { type, request, 0, (uint32_t)length };

    memcpy(speech + said, &header, sizeof(header));
    if (length)
        memcpy(speech + said + sizeof(header), payload, length);
    said += sizeof(header) + length;
}

static void say_ok(enum type type, uint32_t request)
{
    say(type, request, "OK", 3);
}

static void say_event(const char *path, const char *token)
{
    char payload[256];
    int length = snprintf(payload, sizeof(payload), "%s%c%s", path, 0, token);

    say(EVENT, 0, payload, (size_t)length + 1);
}

static void begin_speech(void)
{
    said = 0;
}

static void end_speech(bool closes)
{
    fake_store_speak(speech, said, closes);
}

/* ------------------------------------------------------------- requests */

static void one_send_for_many(void **state)
{
    char value[16];

    (void)state;
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_write_number(store, "/local/test/b", UINT64_MAX);
    chaos__store_read(store, "/local/test/a", value, sizeof(value));
    chaos__store_watch(store, "/local/test", "t");
    chaos__store_unwatch(store, "/local/test", "t");
    chaos__store_remove(store, "/local/test/a");
    run();
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1);
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_RECEIVE), 1);
    assert_int_equal(fake_store_count(FAKE_STORE_WRITE), 2);
    assert_int_equal(fake_store_count(FAKE_STORE_READ), 1);
    assert_int_equal(fake_store_count(FAKE_STORE_WATCH), 1);
    assert_int_equal(fake_store_count(FAKE_STORE_UNWATCH), 1);
    assert_int_equal(fake_store_count(FAKE_STORE_RM), 1);
    assert_string_equal(value, "1");
    assert_value("/local/test/b", "18446744073709551615");
    assert_false(fake_store_look("/local/test/a", value, sizeof(value)));
    run(); /* nothing is queued: nothing is sent */
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1);
}

/* The n-th message that was sent last. */
static const uint8_t *message(unsigned n, struct header *header)
{
    const uint8_t *bytes;
    size_t size;

    bytes = fake_store_sent(&size);
    for (;;) {
        assert_true(size >= sizeof(*header));
        memcpy(header, bytes, sizeof(*header));
        assert_true(size >= sizeof(*header) + header->length);
        bytes += sizeof(*header);
        if (n-- == 0)
            return bytes;
        bytes += header->length;
        size -= sizeof(*header) + header->length;
    }
}

static void assert_message(unsigned n, enum type type, uint32_t request,
                           const char *payload, size_t length)
{
    struct header header;
    const uint8_t *found = message(n, &header);

    assert_int_equal(header.type, type);
    assert_int_equal(header.request, request);
    assert_int_equal(header.transaction, 0);
    assert_int_equal(header.length, length);
    assert_memory_equal(found, payload, length);
}

/* xs_wire.h: paths and tokens with their NUL, values without; and each
 * request has a number of its own. */
static void bytes_on_the_wire(void **state)
{
    char value[8];

    (void)state;
    chaos__store_write(store, "/local/test/a", "xyz");
    chaos__store_read(store, "/local/test/a", value, sizeof(value));
    run();
    assert_message(0, WRITE, 0, "/local/test/a\0xyz", 17);
    assert_message(1, READ, 1, "/local/test/a", 14);
    chaos__store_watch(store, "/local/test", "t");
    chaos__store_unwatch(store, "/local/test", "t");
    chaos__store_remove(store, "/local/test/a");
    run();
    assert_message(0, WATCH, 2, "/local/test\0t", 14);
    assert_message(1, UNWATCH, 3, "/local/test\0t", 14);
    assert_message(2, RM, 4, "/local/test/a", 14);
    begin_speech();
    say_ok(MKDIR, 5);
    say_ok(SET_PERMS, 6);
    say_ok(SET_PERMS, 7);
    say_ok(INTRODUCE, 8);
    say_ok(RELEASE, 9);
    end_speech(false);
    chaos__store_make(store, "/local/test/m");
    chaos__store_allow(store, "/local/test/m", 0, 5);
    chaos__store_allow(store, "/local/test/m", 32751, CHAOS__STORE_NOBODY);
    chaos__store_introduce(store, 7, 0xfeffc, 12);
    chaos__store_release(store, 7);
    run();
    assert_message(0, MKDIR, 5, "/local/test/m", 14);
    assert_message(1, SET_PERMS, 6, "/local/test/m\0n0\0r5", 20);
    assert_message(2, SET_PERMS, 7, "/local/test/m\0n32751", 21);
    assert_message(3, INTRODUCE, 8,
                   "7\0"
                   "1044476\0"
                   "12",
                   13);
    assert_message(4, RELEASE, 9, "7", 2);
}

static void cuts_what_it_reads(void **state)
{
    char value[4], empty[8];

    (void)state;
    chaos__store_write(store, "/local/test/a", "abcdef");
    chaos__store_write(store, "/local/test/e", "");
    chaos__store_read(store, "/local/test/a", value, sizeof(value));
    chaos__store_read(store, "/local/test/e", empty, sizeof(empty));
    run();
    assert_string_equal(value, "abc");
    assert_string_equal(empty, "");
}

static void what_is_absent_is_no_error(void **state)
{
    char value[8] = "before";

    (void)state;
    chaos__store_read(store, "/local/test/none", value, sizeof(value));
    chaos__store_remove(store, "/local/test/none/below");
    run();
    assert_string_equal(value, "");
}

/* Each is answered, and the first that fails is told of. */
static void errors_name_the_path(void **state)
{
    (void)state;
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_write(store, "/local/test/a b", "2");
    chaos__store_write(store, "/local/test/c/", "3");
    chaos__store_write(store, "/local/test/d", "4");
    run_fails(CHAOS_EFAILED, "XenStore: writing /local/test/a b: EINVAL");
    assert_false(chaos__store_is_broken(store));
    assert_value("/local/test/d", "4");
    chaos__store_remove(store, "//");
    run_fails(CHAOS_EFAILED, "XenStore: removing //: EINVAL");
    /* Nothing to be done is no error. */
    chaos__store_watch(store, "/local/test", "t");
    chaos__store_watch(store, "/local/test", "t");
    chaos__store_unwatch(store, "/local/test", "u");
    chaos__store_remove(store, "/local/test/nothing");
    run();
    chaos__store_write(store, "/local/test/a", "5");
    run();
    assert_value("/local/test/a", "5");
}

static void answers_in_pieces(void **state)
{
    static const size_t sizes[] = { 1, 7, 15, 16, 17, 100 };
    char a[8], b[64];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fake_store_set_chunk(sizes[i]);
        chaos__store_write(store, "/local/test/a", "1");
        chaos__store_write(store, "/local/test/b", "what is a little longer");
        chaos__store_watch(store, "/local/test/b", "t");
        chaos__store_read(store, "/local/test/a", a, sizeof(a));
        chaos__store_read(store, "/local/test/b", b, sizeof(b));
        run();
        assert_string_equal(a, "1");
        assert_string_equal(b, "what is a little longer");
        assert_event("t");
        chaos__store_unwatch(store, "/local/test/b", "t");
        run();
        assert_no_event();
    }
}

/* -------------------------------------------------------------- too much */

/* A path of so many bytes. */
static char *long_path(size_t length)
{
    char *path = malloc(length + 1);
    size_t i;

    for (i = 0; i < length; i++)
        path[i] = i % 50 ? 'x' : '/';
    if (length % 50 == 1)
        path[length - 1] = 'x';
    path[length] = '\0';
    return path;
}

static void refuses_what_is_too_long(void **state)
{
    char *path = long_path(CHAOS__STORE_PATH_MAX), *value, found[8];

    (void)state;
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_read(store, path, found, sizeof(found));
    chaos__store_write(store, "/local/test/b", "1");
    run_fails(CHAOS_EINVAL, "too long");
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
    path[CHAOS__STORE_PATH_MAX - 1] = '\0';
    chaos__store_read(store, path, found, sizeof(found));
    run();
    free(path);

    value = long_path(CHAOS__STORE_PAYLOAD_MAX - sizeof("/local/test/a") + 1);
    chaos__store_write(store, "/local/test/a", value);
    run_fails(CHAOS_EINVAL, "writing /local/test/a: the request is too long");
    assert_false(chaos__store_is_broken(store));
    value[strlen(value) - 1] = '\0';
    begin_speech();
    say_ok(WRITE, 2); /* what was not sent had a number too */
    end_speech(false);
    chaos__store_write(store, "/local/test/a", value);
    run();
    free(value);
}

/* Each send is as much as xenstored takes without being listened to. */
static void sends_many_in_turns(void **state)
{
    char value[8];
    unsigned i;

    (void)state;
    for (i = 0; i < 512; i++)
        chaos__store_write_number(store, "/local/test/a", i);
    run();
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1);
    for (i = 0; i < 3000; i++)
        chaos__store_write_number(store, "/local/test/b", i);
    chaos__store_read(store, "/local/test/b", value, sizeof(value));
    run();
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1 + 6);
    assert_int_equal(fake_store_count(FAKE_STORE_WRITE), 3512);
    assert_string_equal(value, "2999");
}

/* What comes after an error is sent all the same, but not into a stream that
 * is broken. */
static void fails_in_the_first_of_many(void **state)
{
    unsigned i;

    (void)state;
    fake_store_refuse_at(2, EINVAL);
    for (i = 0; i < 1000; i++)
        chaos__store_write_number(store, "/local/test/a", i);
    run_fails(CHAOS_EFAILED, "XenStore: writing /local/test/a: EINVAL");
    assert_value("/local/test/a", "999");
    fake_hv_reset_counts();
    fake_hv_fail_next(FAKE_HV_STORE_RECEIVE, CHAOS_EBUSY);
    for (i = 0; i < 1000; i++)
        chaos__store_write_number(store, "/local/test/a", i);
    run_fails(CHAOS_EBUSY, "store_receive");
    assert_true(chaos__store_is_broken(store));
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 1);
}

/* ------------------------------------------------------------- for guests */

static void assert_access(const char *path, const char *access)
{
    char found[32];

    if (!fake_store_access(path, found, sizeof(found)))
        fail_msg("%s is not there", path);
    assert_string_equal(found, access);
}

static void what_is_made_is_accessed_as_its_directory(void **state)
{
    (void)state;
    chaos__store_make(store, "/local/test");
    chaos__store_allow(store, "/local/test", 7, CHAOS__STORE_NOBODY);
    chaos__store_write(store, "/local/test/a/b", "1");
    chaos__store_allow(store, "/local/test/a", 0, 7);
    chaos__store_make(store, "/local/test/a/c");
    chaos__store_make(store, "/local/test/a/b"); /* it is there */
    run();
    assert_access("/local", "n0");
    assert_access("/local/test", "n7");
    assert_access("/local/test/a", "n0,r7");
    assert_access("/local/test/a/b", "n7");
    assert_access("/local/test/a/c", "n0,r7");
    assert_value("/local/test/a/b", "1");
    assert_value("/local/test/a/c", "");
    chaos__store_allow(store, "/local/test/none", 0, 7);
    run_fails(CHAOS_EFAILED, "setting permissions of /local/test/none: ENOENT");
}

/* A domain with a page for xenstored. */
static uint32_t make_domain(uint64_t frame, uint32_t *port_r)
{
    const struct chaos__hv_create create = {
        .pvh = true,
        .vcpus = 1,
        .max_event_channels = 32,
    };
    const struct chaos__hv_grant grant = { FAKE_HV_GRANT_STORE, frame };
    uint32_t domid;

    if (chaos__hv_domain_create(hv, &create, &domid, &err) < 0 ||
        chaos__hv_set_max_memory(hv, domid, 1024, &err) < 0 ||
        chaos__hv_populate(hv, domid, 0, 16, NULL, &err) < 0 ||
        chaos__hv_grant(hv, domid, &grant, 1, &err) < 0 ||
        chaos__hv_port_alloc(hv, domid, port_r, &err) < 0)
        fail_msg("%s", err.message);
    return domid;
}

static void introduces_and_releases(void **state)
{
    struct chaos__hv_port *bound;
    uint32_t domid, port;

    (void)state;
    domid = make_domain(3, &port);
    chaos__store_introduce(store, domid, 3, port);
    run();
    assert_true(fake_store_is_introduced(domid));
    assert_int_equal(fake_hv_domain(domid).grants[FAKE_HV_GRANT_STORE].mapped,
                     1);
    assert_int_equal(chaos__hv_port_bind(hv, domid, port, &bound, &err),
                     CHAOS_EBUSY);
    chaos__store_release(store, domid);
    run();
    assert_false(fake_store_is_introduced(domid));
    assert_int_equal(fake_hv_domain(domid).grants[FAKE_HV_GRANT_STORE].mapped,
                     0);
    chaos__store_introduce(store, domid, 3, port);
    chaos__store_release(store, domid);
    chaos__store_release(store, domid); /* it is not known any more */
    chaos__store_release(store, 4711);
    run();
    chaos__store_introduce(store, domid, 3, port);
    run();
    assert_int_equal(chaos__hv_domain_destroy(hv, domid, &err), 0);
    assert_false(fake_store_is_introduced(domid));
    chaos__store_introduce(store, domid, 3, port);
    run_fails(CHAOS_EFAILED, "XenStore: introducing domain 1: EINVAL");
}

/* The xenstored in OCaml has another error for it. */
static void releases_what_is_not_known(void **state)
{
    (void)state;
    begin_speech();
    say(ERROR, 0, "EINVAL", 7);
    say(ERROR, 1, "ENOENT", 7);
    say(ERROR, 2, "EACCES", 7);
    end_speech(false);
    chaos__store_release(store, 5);
    chaos__store_release(store, 6);
    run();
    chaos__store_release(store, 7);
    run_fails(CHAOS_EFAILED, "releasing domain 7: EACCES");
}

/* ------------------------------------------------------------- what to do */

static void refuse(int errnum, int code, const char *message)
{
    fake_store_refuse_at(1, errnum);
    chaos__store_write(store, "/local/test/a", "1");
    run_fails(code, message);
}

static void errors_tell_what_to_do(void **state)
{
    (void)state;
    refuse(EDQUOT, CHAOS_EFAILED,
           "writing /local/test/a: EQUOTA: xenstored "
           "lets the node's owner have no more (quota-");
    refuse(ENOSPC, CHAOS_EFAILED, "a: ENOSPC: xenstored lets the node's owner");
    refuse(EACCES, CHAOS_EFAILED, "a: EACCES: only dom0 may");
    refuse(EAGAIN, CHAOS_EBUSY, "a: EAGAIN: XenStore is too busy; try again");
    refuse(ENOMEM, CHAOS_ENOMEM, "a: ENOMEM: xenstored is out of memory");
    fake_store_refuse_at(1, EDQUOT);
    chaos__store_make(store, "/local/test/m");
    run_fails(CHAOS_EFAILED, "making /local/test/m: EQUOTA: ");
}

/* ---------------------------------------------------------------- events */

static void watches(void **state)
{
    (void)state;
    chaos__store_watch(store, "/local/test/a", "t");
    run();
    assert_event("t"); /* one at once, though there is no such node */
    assert_no_event();
    fake_store_set("/local/test/b", "1");
    assert_no_event();
    fake_store_set("/local/test/a", "1");
    assert_event("t");
    fake_store_set("/local/test/a/below", "1");
    assert_event("t");
    fake_store_remove("/local/test");
    assert_event("t");
    assert_no_event();
    chaos__store_unwatch(store, "/local/test/a", "t");
    run();
    fake_store_set("/local/test/a", "2");
    assert_no_event();
    assert_false(chaos__store_is_broken(store));
}

static void one_event_for_each_token(void **state)
{
    (void)state;
    begin_speech();
    say_event("/x", "one");
    say_event("/x/y", "one");
    say_ok(WRITE, 0);
    say_event("/z", "two");
    say_event("/x", "one");
    say_ok(WRITE, 1);
    end_speech(false);
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_write(store, "/local/test/b", "1");
    run();
    assert_event("one");
    assert_event("two");
    assert_no_event();
}

static void events_to_no_end(void **state)
{
    char token[16];
    unsigned i;

    (void)state;
    begin_speech();
    for (i = 0; i < 100; i++) {
        snprintf(token, sizeof(token), "t%u", i);
        say_event("/x", token);
    }
    say_ok(WRITE, 0);
    end_speech(false);
    chaos__store_write(store, "/local/test/a", "1");
    run();
    for (i = 0; i < 32; i++) {
        snprintf(token, sizeof(token), "t%u", i);
        assert_event(token);
    }
    assert_no_event();
}

/* Of no watch of ours. */
static void events_without_sense(void **state)
{
    static const char *const payloads[] = { "", "/x", "/x\0t" };
    static const size_t lengths[] = { 0, 2, 4 };
    char token[64];
    size_t i;

    (void)state;
    begin_speech();
    for (i = 0; i < 3; i++)
        say(EVENT, 0, payloads[i], lengths[i]);
    memset(token, 't', 32);
    token[32] = '\0';
    say_event("/x", token);
    token[31] = '\0';
    say_event("/x", token);
    say_ok(WRITE, 0);
    end_speech(false);
    chaos__store_write(store, "/local/test/a", "1");
    run();
    assert_event(token);
    assert_no_event();
}

static void forgets_events(void **state)
{
    (void)state;
    begin_speech();
    say_event("/x", "one");
    say_ok(WRITE, 0);
    say_event("/x", "two");
    say_event("/x", "three");
    end_speech(false);
    chaos__store_write(store, "/local/test/a", "1");
    run();
    chaos__store_forget_events(store);
    assert_no_event();
}

/* What is there is taken, also half of a message. */
static void forgets_whole_events_alone(void **state)
{
    uint8_t all[256];
    size_t size, cut;

    (void)state;
    begin_speech();
    say_event("/x", "last");
    size = said;
    memcpy(all, speech, size);
    for (cut = 0; cut < size; cut++) {
        begin_speech();
        say_ok(WRITE, (uint32_t)cut);
        memcpy(speech + said, all, cut);
        said += cut;
        end_speech(false);
        chaos__store_write(store, "/local/test/a", "1");
        run();
        chaos__store_forget_events(store);
        fake_store_speak(all + cut, size - cut, false);
        assert_event("last");
    }
}

/* ---------------------------------------------------------------- nonsense */

/* A run that ends with a broken connection. */
static void breaks(int code, const char *message)
{
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_write(store, "/local/test/b", "1");
    run_fails(code, message);
    assert_true(chaos__store_is_broken(store));
}

static void answer_to_another_request(void **state)
{
    (void)state;
    begin_speech();
    say_ok(WRITE, 0);
    say_ok(WRITE, 2);
    end_speech(false);
    breaks(CHAOS_EFAILED, "makes no sense");
}

static void answer_of_another_type(void **state)
{
    (void)state;
    begin_speech();
    say_ok(RM, 0);
    say_ok(WRITE, 1);
    end_speech(false);
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_write(store, "/local/test/b", "1");
    run_fails(CHAOS_EFAILED, "makes no sense");
}

static void answer_that_is_too_long(void **state)
{
    const struct header header = { WRITE, 0, 0, CHAOS__STORE_PAYLOAD_MAX + 1 };

    (void)state;
    fake_store_speak((const uint8_t *)&header, sizeof(header), false);
    breaks(CHAOS_EFAILED, "makes no sense");
}

static void longest_answer(void **state)
{
    static char payload[CHAOS__STORE_PAYLOAD_MAX], value[5000];

    (void)state;
    memset(payload, 'v', sizeof(payload));
    begin_speech();
    say(READ, 0, payload, sizeof(payload));
    say(READ, 1, payload, sizeof(payload));
    end_speech(false);
    chaos__store_read(store, "/local/test/a", value, sizeof(value));
    chaos__store_read(store, "/local/test/a", value, sizeof(value));
    run();
    assert_int_equal(strlen(value), sizeof(payload));
}

/* Cut off anywhere, and then silent or closed. */
static void answers_that_end(void **state)
{
    size_t size, cut;
    bool closes;

    (void)state;
    begin_speech();
    say_ok(WRITE, 0);
    say_event("/x", "t");
    say_ok(WRITE, 1);
    size = said;
    for (cut = 0; cut < size; cut++) {
        closes = cut % 2;
        fake_store_speak(speech, cut, closes);
        breaks(closes ? CHAOS_EFAILED : CHAOS_ETIMEDOUT,
               closes ? "closed" : "does not answer");
        chaos__store_close(store);
        assert_int_equal(chaos__store_open(hv, &store, &err), 0);
    }
    fake_store_speak(speech, size, true);
    chaos__store_write(store, "/local/test/a", "1");
    chaos__store_write(store, "/local/test/b", "1");
    run();
}

static void errors_of_any_text(void **state)
{
    static const char *const texts[] = { "", "E", "ENOENT", "EACCES" };
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        begin_speech();
        say(ERROR, (uint32_t)i, texts[i], strlen(texts[i])); /* no NUL */
        end_speech(false);
        chaos__store_write(store, "/local/test/a", "1");
        run_fails(CHAOS_EFAILED, "XenStore: writing /local/test/a: ");
        assert_false(chaos__store_is_broken(store));
    }
    assert_non_null(strstr(err.message, ": EACCES"));
}

/* The first error is what is told, though worse came after. */
static void first_error_is_kept(void **state)
{
    (void)state;
    begin_speech();
    say(ERROR, 0, "EPERM", 6);
    end_speech(true);
    breaks(CHAOS_EFAILED, "/local/test/a: EPERM");
}

static void answer_instead_of_an_event(void **state)
{
    char token[8];

    (void)state;
    begin_speech();
    say_ok(WRITE, 0);
    end_speech(false);
    assert_int_equal(chaos__store_wait(store, 1, token, sizeof(token), &err),
                     CHAOS_EFAILED);
    assert_true(chaos__store_is_broken(store));
}

static void closed_while_waiting(void **state)
{
    char token[8];

    (void)state;
    begin_speech();
    end_speech(true);
    assert_int_equal(chaos__store_wait(store, 1, token, sizeof(token), &err),
                     CHAOS_EFAILED);
    assert_true(chaos__store_is_broken(store));
}

static void cuts_a_token(void **state)
{
    char token[4];

    (void)state;
    chaos__store_watch(store, "/local/test", "a-token");
    run();
    assert_int_equal(chaos__store_wait(store, 1, token, sizeof(token), &err),
                     1);
    assert_string_equal(token, "a-t");
}

/* ---------------------------------------------------------------- failures */

static void stream_fails(void **state)
{
    struct chaos__store *second;

    (void)state;
    fake_hv_fail_next(FAKE_HV_STORE_OPEN, CHAOS_ENOXEN);
    assert_int_equal(chaos__store_open(hv, &second, &err), CHAOS_ENOXEN);
    fake_hv_fail_next(FAKE_HV_STORE_SEND, CHAOS_ETIMEDOUT);
    breaks(CHAOS_ETIMEDOUT, "store_send");
    chaos__store_close(store);
    assert_int_equal(chaos__store_open(hv, &store, &err), 0);
    fake_hv_fail_next(FAKE_HV_STORE_RECEIVE, CHAOS_EBUSY);
    breaks(CHAOS_EBUSY, "store_receive");
    chaos__store_close(NULL);
}

/* The linker puts these in the place of the C library's. */
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool no_memory;

void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return no_memory ? NULL : __real_realloc(old, size);
}

static void out_of_memory(void **state)
{
    struct chaos__store *second;
    int rc;

    (void)state;
    no_memory = true;
    rc = chaos__store_open(hv, &second, &err);
    chaos__store_write(store, "/local/test/a", "1");
    no_memory = false;
    assert_int_equal(rc, CHAOS_ENOMEM);
    run_fails(CHAOS_ENOMEM, "memory");
    assert_int_equal(fake_hv_count(FAKE_HV_STORE_SEND), 0);
    chaos__store_write(store, "/local/test/a", "1");
    run();
    assert_value("/local/test/a", "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_send_for_many),
        TEST(answers_are_taken_later),
        TEST(errors_are_told_later),
        TEST(answers_are_taken_in_any_case),
        TEST(not_too_many_are_sent),
        TEST(bytes_on_the_wire),
        TEST(cuts_what_it_reads),
        TEST(what_is_absent_is_no_error),
        TEST(errors_name_the_path),
        TEST(answers_in_pieces),
        TEST(refuses_what_is_too_long),
        TEST(sends_many_in_turns),
        TEST(fails_in_the_first_of_many),
        TEST(what_is_made_is_accessed_as_its_directory),
        TEST(introduces_and_releases),
        TEST(releases_what_is_not_known),
        TEST(errors_tell_what_to_do),
        TEST(watches),
        TEST(one_event_for_each_token),
        TEST(events_to_no_end),
        TEST(events_without_sense),
        TEST(forgets_events),
        TEST(forgets_whole_events_alone),
        TEST(answer_to_another_request),
        TEST(answer_of_another_type),
        TEST(answer_that_is_too_long),
        TEST(longest_answer),
        TEST(answers_that_end),
        TEST(errors_of_any_text),
        TEST(first_error_is_kept),
        TEST(answer_instead_of_an_event),
        TEST(closed_while_waiting),
        TEST(cuts_a_token),
        TEST(stream_fails),
        TEST(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
