/* SPDX-License-Identifier: MIT */
/* Errors: code and message, whole or cut, with the caller's memory or none. */
#include "error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* An error with something behind it that must not be written. */
static struct {
    struct chaos_error err;
    char behind[64];
} guarded;

static char long_text[2 * CHAOS_ERROR_MESSAGE_MAX];

static int setup(void **state)
{
    (void)state;
    memset(&guarded, 'g', sizeof(guarded));
    memset(long_text, 'x', sizeof(long_text) - 1);
    return 0;
}

static int teardown(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(guarded.behind); i++)
        if (guarded.behind[i] != 'g')
            return -1;
    return 0;
}

static void sets_code_and_message(void **state)
{
    (void)state;
    assert_int_equal(
        chaos__fail(&guarded.err, CHAOS_EINVAL, "%s: %d", "line", 7),
        CHAOS_EINVAL);
    assert_int_equal(guarded.err.code, CHAOS_EINVAL);
    assert_string_equal(guarded.err.message, "line: 7");
}

/* What a guest or a script has written must not speak to a terminal. */
static void has_no_control_characters(void **state)
{
    char inner[] = "a\033]0;b\007c\nd\177e\xc2\x9b"
                   "f\xc3\x84g";

    (void)state;
    chaos__fail(&guarded.err, CHAOS_EINVAL, "%s", inner);
    assert_string_equal(guarded.err.message, "a?]0;b?c?d?e??f\xc3\x84g");
}

static void does_without_an_object(void **state)
{
    (void)state;
    assert_int_equal(chaos__fail(NULL, CHAOS_EBUSY, "x"), CHAOS_EBUSY);
    assert_int_equal(chaos__fail_errno(NULL, ENOENT, "x"), CHAOS_EFAILED);
    assert_int_equal(chaos__fail_within(NULL, CHAOS_EIMAGE, "x"), CHAOS_EIMAGE);
    assert_int_equal(chaos__fail_memory(NULL), CHAOS_ENOMEM);
}

static void tells_errno(void **state)
{
    (void)state;
    assert_int_equal(
        chaos__fail_errno(&guarded.err, ENOENT, "opening %s", "/a"),
        CHAOS_EFAILED);
    assert_int_equal(guarded.err.code, CHAOS_EFAILED);
    assert_string_equal(guarded.err.message,
                        "opening /a: No such file or directory");
    assert_int_equal(chaos__fail_errno(&guarded.err, ENOMEM, "mapping"),
                     CHAOS_ENOMEM);
    assert_int_equal(guarded.err.code, CHAOS_ENOMEM);
    chaos__fail_errno(&guarded.err, 99999, "odd");
    assert_string_equal(guarded.err.message, "odd: unknown error");
}

static void wraps(void **state)
{
    (void)state;
    chaos__fail(&guarded.err, CHAOS_EIMAGE, "truncated");
    assert_int_equal(
        chaos__fail_within(&guarded.err, CHAOS_EIMAGE, "creating %s", "web"),
        CHAOS_EIMAGE);
    chaos__fail_within(&guarded.err, CHAOS_EIMAGE, "run");
    assert_int_equal(guarded.err.code, CHAOS_EIMAGE);
    assert_string_equal(guarded.err.message, "run: creating web: truncated");
}

static void assert_full(void)
{
    assert_int_equal(strlen(guarded.err.message), CHAOS_ERROR_MESSAGE_MAX - 1);
}

static void cuts_what_is_too_long(void **state)
{
    (void)state;
    chaos__fail(&guarded.err, CHAOS_EFAILED, "%s", long_text);
    assert_full();
    chaos__fail_within(&guarded.err, CHAOS_EFAILED, "front");
    assert_full();
    assert_memory_equal(guarded.err.message, "front: xxx", 10);
    chaos__fail_within(&guarded.err, CHAOS_EFAILED, "%s", long_text);
    assert_full();
    chaos__fail_errno(&guarded.err, ENOENT, "%s", long_text);
    assert_full();
    /* One byte of room, and none, for what comes behind. */
    chaos__fail_errno(&guarded.err, ENOENT, "%.*s", CHAOS_ERROR_MESSAGE_MAX - 2,
                      long_text);
    assert_full();
    assert_int_equal(guarded.err.message[CHAOS_ERROR_MESSAGE_MAX - 2], ':');
}

static void is_small(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct chaos_error), 512);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sets_code_and_message),
        TEST(does_without_an_object),
        TEST(tells_errno),
        TEST(wraps),
        TEST(cuts_what_is_too_long),
        TEST(has_no_control_characters),
        TEST(is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
