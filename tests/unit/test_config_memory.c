/* SPDX-License-Identifier: MIT */
/*
 * Configurations when memory is out: each allocation fails once.  Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc; what leaks is found by the
 * address sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/syntax.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

/* How many allocations succeed before one fails; negative: all do. */
static int left = -1;

static bool fails(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

static const char config_text[] =
    "name='web'; kernel='/k'; ramdisk='/r'; root='a'; extra='b'; extra+='c'\n"
    "cpus=['1','2']; uuid='7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1'\n"
    "vif=['mac=00:16:3e:00:00:01','ip=10.0.0.2,rate=1MB/s']\n"
    "disk=['/a,,xvda,w','/b,,xvdb,r']\n"
    "p9=['tag=a,path=/a,security_model=none']\n";

/* Fails the n-th allocation of `step`, for all n, until none is left; returns
 * how many there were. */
static unsigned fail_each(int (*step)(struct chaos_error *err))
{
    struct chaos_error err;
    unsigned n = 0;
    int rc;

    do {
        memset(&err, 0, sizeof(err));
        left = (int)n++;
        rc = step(&err);
        if (rc < 0) {
            assert_int_equal(left, -1);
            assert_int_equal(rc, CHAOS_ENOMEM);
            assert_int_equal(err.code, CHAOS_ENOMEM);
        }
    } while (rc < 0);
    left = -1;
    return n - 1;
}

static int step_parse(struct chaos_error *err)
{
    struct chaos_config *config = NULL;
    int rc = chaos_config_parse(NULL, config_text, "guest.cfg", &config, err);

    chaos_config_free(config);
    return rc;
}

static void test_parse(void **state)
{
    (void)state;
    assert_true(fail_each(step_parse) >= 12);
}

static int step_load(struct chaos_error *err)
{
    struct chaos_config *config = NULL;
    int rc = chaos_config_load(NULL, "/proc/self/status", &config, err);

    chaos_config_free(config);
    return rc == CHAOS_EINVAL ? 0 : rc;
}

static void test_load(void **state)
{
    (void)state;
    assert_true(fail_each(step_load) >= 1);
}

/* Values that need more memory than the parser begins with. */
static int step_long(struct chaos_error *err)
{
    static char text[20000];
    struct chaos__syntax syntax;
    int rc;

    memset(text, 'x', sizeof(text));
    memcpy(text, "a='", 3);
    memcpy(text + 8000, "';a+='", 6);
    memcpy(text + 12000, "';b=[1,2,3];c=['", 16);
    memcpy(text + sizeof(text) - 2, "']", 2);
    rc = chaos__syntax_parse(&syntax, text, sizeof(text), "guest.cfg", err);
    if (rc == 0)
        assert_int_equal(syntax.first->value.u.atom.length, 7997 + 3994);
    chaos__syntax_free(&syntax);
    return rc;
}

static void test_long(void **state)
{
    (void)state;
    assert_true(fail_each(step_long) >= 3);
}

static struct chaos_config *subject; /* of the steps below */

static char *formatted(void)
{
    char *text = NULL;
    int saved = left;

    left = -1;
    assert_int_equal(chaos_config_format(subject, &text, NULL), 0);
    left = saved;
    return text;
}

static const char *override;

static int step_set(struct chaos_error *err)
{
    char *before = formatted();
    int rc = chaos_config_set(NULL, subject, override, err);
    char *after = formatted();

    /* A failure changes nothing, a success something. */
    assert_int_equal(strcmp(before, after) == 0, rc < 0);
    free(before);
    free(after);
    return rc;
}

static void test_set(void **state)
{
    static const char *const overrides[] = {
        "name=foo",
        "name=\"bar\"",
        "extra+=x",
        "cpus=3",
        "cpus=['4']",
        "vif=['bridge=br1']",
        "disk=['/c,,xvdc','/d,,xvdd,w!']",
    };

    (void)state;
    assert_int_equal(
        chaos_config_parse(NULL, config_text, "guest.cfg", &subject, NULL), 0);
    for (size_t i = 0; i < sizeof(overrides) / sizeof(*overrides); i++) {
        override = overrides[i];
        assert_true(fail_each(step_set) >= 2);
    }
    chaos_config_free(subject);
}

static int step_check(struct chaos_error *err)
{
    return chaos_config_check(subject, err);
}

static int step_format(struct chaos_error *err)
{
    char *text = NULL;
    int rc = chaos_config_format(subject, &text, err);

    free(text);
    return rc;
}

static int step_command_line(struct chaos_error *err)
{
    char *line = chaos__config_command_line(subject);

    free(line);
    err->code = CHAOS_ENOMEM;
    return line ? 0 : CHAOS_ENOMEM;
}

static void test_read_only(void **state)
{
    (void)state;
    assert_int_equal(
        chaos_config_parse(NULL, config_text, "guest.cfg", &subject, NULL), 0);
    assert_true(fail_each(step_check) >= 1);
    assert_true(fail_each(step_format) >= 1);
    assert_true(fail_each(step_command_line) >= 1);
    chaos_config_free(subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),     cmocka_unit_test(test_load),
        cmocka_unit_test(test_long),      cmocka_unit_test(test_set),
        cmocka_unit_test(test_read_only),
    };

    return cmocka_run_group_tests_name("config_memory", tests, NULL, NULL);
}
