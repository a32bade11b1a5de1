/* SPDX-License-Identifier: MIT */
/*
 * The syntax of configurations against xl's own parser, libxlutil: what it
 * accepts, ours accepts with the same values; what it refuses, ours refuses.
 * Where we differ on purpose is listed in `differences`, with why.
 *
 * Runs from the top of the source tree, or with CHAOS_SOURCE_DIR set to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxlutil.h>

#include "config/keys.h"
#include "config/syntax.h"

#define CORPUS "tests/fuzz/corpus/config"
#define MUTATIONS 20000
#define INPUT_MAX 4096

struct input {
    char *text;
    size_t length;
};

/* libxlutil loses values when it refuses an input. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

const char *__lsan_default_suppressions(void)
{
    return "leak:libxlutil";
}

static FILE *null_file; /* where libxlutil's messages go */

static const char *const handwritten[] = {
    "",
    "\n",
    "   \t \n\n;\n;;;",
    "a=1",
    "a=1\n",
    "a = 1 ; b\t=\t'x' ;c=\"y\"\n",
    "a=1;b=2;c=3",
    "a=1 b=2",
    "a=1,b=2",
    "a='it''s'",
    "a='say \"hi\"'",
    "a=\"it's\"",
    "a='\\a\\b\\f\\n\\r\\t\\v\\'\\\"\\\\'",
    "a=\"\\a\\b\\f\\n\\r\\t\\v\\'\\\"\\\\\"",
    "a='\\q'",
    "a='\\8'",
    "a='\\",
    "a='\\'",
    "a='\\\\'",
    "a='\\\n'",
    "a='open\nb=1",
    "a=\"open",
    "a=''",
    "a=\"\"",
    "a='\t # ; [ ] , = += '",
    "a='\xc3\xa4\xff\x01\x7f'",
    "a=\xc3\xa4",
    "a=0",
    "a=00",
    "a=010",
    "a=08",
    "a=0x10",
    "a=0x",
    "a=0xdeadbeef",
    "a=0xffffffffffffffff",
    "a=0X10",
    "a='0X10'",
    "a='0xFF'",
    "a=12ab",
    "a=12xyz",
    "a=1x1x1",
    "a=9223372036854775807",
    "a=9223372036854775808",
    "a='-9223372036854775808'",
    "a='-9223372036854775809'",
    "a=-1",
    "a='-1'",
    "a='+1'",
    "a=' 1'",
    "a='\\t1'",
    "a='1 '",
    "a='1.5'",
    "a=1.5",
    "a='abc'",
    "a=abc",
    "a=True",
    "a=[]",
    "a=[ ]",
    "a=[\n]",
    "a=[\n\n#c\n\n]",
    "a=[1]",
    "a=[1,]",
    "a=[1,,2]",
    "a=[,]",
    "a=[,1]",
    "a=[1 2]",
    "a=[1;2]",
    "a=[1,2,3]",
    "a=[1,2,3,]",
    "a=[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]",
    "a=['x',\"y\",0x3]",
    "a=[\n'x' # one\n,\n'y' # two\n,\n]\n",
    "a=['x'\n'y']",
    "a=[[1,2],[3,[4,[5,[]]]],[]]",
    "a=[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
    "a=[[1,2]",
    "a=[1,2]]",
    "a=[",
    "a=]",
    "a=\n1",
    "a\n=1",
    "a=1\n\n\nb=2",
    "a=#c\n",
    "a=1#c\n",
    "a=1 # c\nb=2#\n#\n",
    "# a=1\n",
    "#",
    "# c",
    "a=1 # c",
    "a+=1",
    "a+='x'\na+='y'",
    "a='x'\na+='y'\na+=''\na+='z'",
    "a='x'\na+='y'\na='z'",
    "a='x'\na+='y'\na='z'\na+='w'",
    "a=1\na+=2",
    "a+=1\na=2",
    "a=['x']\na+=['y','z']\na+=[]\n",
    "a=[]\na+=['y']\na+=[['z']]\n",
    "a=[]\na+=[]\n",
    "a=['x']\na+='y'",
    "a='x'\na+=['y']",
    "a+=['x']\nb+=a",
    "a+ =1",
    "a =+ 1",
    "a==1",
    "a=1=2",
    "=1",
    "1=1",
    "a",
    "a b",
    "a=",
    "a+=",
    "'a'=1",
    "a.b_c9=1",
    "_a=1",
    ".a=1",
    "a-b=1",
    "A=1",
    "aB=1",
    "a=1\r\n",
    "a='x'\r\nb=1\r\n",
    "a=1\f",
    "a=1\v",
    "a=(1)",
    "a={1}",
    "a=1:2",
    "a=1+2",
    "a=1.",
    "a=!\nb=1\n",
    "import os\n",
    "def f():\n  return 1\n",
    "a=\"x\" \"y\"",
    "a='x'+'y'",
    "name='a';name='b'\nname='c'",
    "vif=['bridge=xenbr0']\ndisk=['phy:/dev/sda,xvda,w','file:/x,xvdb,r',]",
};

/* Where we differ from libxlutil, and why. */
static const struct difference {
    const char *text;
    bool xl_accepts;
    bool chaos_accepts;
    const char *why;
} differences[] = {
    { "a=1 # c", false, true,
      "A comment that ends the text without a newline is a comment." },
    { "# c", false, true, "The same." },
    { "a=1!", true, false,
      "A character that has no business there is refused at the end of the "
      "text as anywhere else." },
    { "a=1 +", true, false, "The same." },
    { "a='\\x41'\n", false, true,
      "xl knows \\x but asks for more digits than it reads." },
    { "a='\\101'\n", true, true,
      "xl reads a number behind the first digit and drops both; here it is "
      "the byte that it is in C." },
    { "a='\\0'\n", false, false, "Nobody can have a NUL in a string." },
};

static void *checked(void *memory)
{
    assert_non_null(memory);
    return memory;
}

static XLU_Config *xl_parse(const char *text, size_t length)
{
    XLU_Config *config = checked(xlu_cfg_init(null_file, "test"));

    if (xlu_cfg_readdata(config, text, (int)length) == 0)
        return config;
    xlu_cfg_destroy(config);
    return NULL;
}

/* libxlutil overlooks a bad character that ends the text and refuses a
 * comment there, so it is always given a newline behind the last line. */
static XLU_Config *xl_parse_with_newline(const char *text, size_t length)
{
    char *copy = checked(malloc(length + 1));
    XLU_Config *config;

    memcpy(copy, text, length);
    copy[length] = '\n';
    config = xl_parse(copy, length + 1);
    free(copy);
    return config;
}

/* Inputs that tell nothing: a NUL aborts libxlutil, and so can a numeric
 * escape, which it gets wrong besides; see `differences`. */
static bool is_beyond_xl(const char *text, size_t length)
{
    if (memchr(text, '\0', length))
        return true;
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] == '\\' &&
            (text[i + 1] == 'x' || (text[i + 1] >= '0' && text[i + 1] <= '7')))
            return true;
    }
    return false;
}

/* The bounds that xl does not have. */
static bool is_beyond_chaos(const char *text, size_t length)
{
    size_t brackets = 0;

    for (size_t i = 0; i < length; i++)
        brackets += text[i] == '[';
    return brackets > CHAOS__SYNTAX_DEPTH_MAX;
}

static bool is_same_value(const XLU_Config *xl, XLU_ConfigValue *theirs,
                          const struct chaos__value *ours);

static bool is_same_list(const XLU_Config *xl, XLU_ConfigList *theirs,
                         const struct chaos__value *ours)
{
    const struct chaos__value *item;
    int i = 0;

    for (item = ours->u.list.first; item; item = item->next) {
        XLU_ConfigValue *their_item = xlu_cfg_get_listitem2(theirs, i++);

        if (!their_item || !is_same_value(xl, their_item, item))
            return false;
    }
    return !xlu_cfg_get_listitem2(theirs, i) && (size_t)i == ours->u.list.count;
}

static bool is_same_atom(const char *theirs, const struct chaos__value *ours)
{
    return ours->kind == CHAOS__VALUE_ATOM &&
           strlen(ours->u.atom.text) == ours->u.atom.length &&
           strcmp(theirs, ours->u.atom.text) == 0;
}

static bool is_same_value(const XLU_Config *xl, XLU_ConfigValue *theirs,
                          const struct chaos__value *ours)
{
    XLU_ConfigList *list;
    char *text;

    if (xlu_cfg_value_type(theirs) == XLU_STRING)
        return xlu_cfg_value_get_string(xl, theirs, &text, 1) == 0 &&
               is_same_atom(text, ours);
    return xlu_cfg_value_get_list(xl, theirs, &list, 1) == 0 &&
           ours->kind == CHAOS__VALUE_LIST && is_same_list(xl, list, ours);
}

static bool is_same_setting(const XLU_Config *xl,
                            const struct chaos__setting *ours)
{
    const struct chaos__value *value = &ours->value;
    XLU_ConfigList *list;
    const char *text;
    int64_t number;
    long their_number;
    bool is_number, is_their_number;

    if (xlu_cfg_get_list(xl, ours->name, &list, NULL, 1) == 0)
        return value->kind == CHAOS__VALUE_LIST &&
               is_same_list(xl, list, value);
    if (xlu_cfg_get_string(xl, ours->name, &text, 1) != 0 ||
        !is_same_atom(text, value))
        return false;
    is_number =
        !ours->is_added && chaos__number_parse(value->u.atom.text, &number);
    is_their_number = xlu_cfg_get_long(xl, ours->name, &their_number, 1) == 0;
    return is_number == is_their_number &&
           (!is_number || number == their_number);
}

static bool has_setting(const struct chaos__syntax *syntax, const char *name)
{
    const struct chaos__setting *setting;

    for (setting = syntax->first; setting; setting = setting->next) {
        if (strcmp(setting->name, name) == 0)
            return true;
    }
    return false;
}

/* libxlutil cannot list its settings, but their names stand in the text. */
static bool has_all_settings(const struct chaos__syntax *syntax,
                             const XLU_Config *xl, const char *text,
                             size_t length)
{
    char name[INPUT_MAX + 1];
    const char *value;
    size_t n;

    for (size_t i = 0; i < length; i += n ? n : 1) {
        n = chaos__syntax_key_length(text + i, length - i);
        if (n == 0)
            continue;
        memcpy(name, text + i, n);
        name[n] = '\0';
        if (xlu_cfg_get_string(xl, name, &value, 1) != ESRCH &&
            !has_setting(syntax, name))
            return false;
    }
    return true;
}

/* Compares the parsers; returns whether the input was accepted. */
static bool compare(const char *text, size_t length)
{
    const struct chaos__setting *setting;
    struct chaos__syntax syntax;
    struct chaos_error err = { 0 };
    XLU_Config *xl;
    int rc;

    assert_true(length <= INPUT_MAX);
    xl = xl_parse_with_newline(text, length);
    rc = chaos__syntax_parse(&syntax, text, length, "test", &err);
    if ((rc == 0) != (xl != NULL))
        fail_msg("xl %s, chaos %s (%s):\n%.*s", xl ? "accepts" : "refuses",
                 rc == 0 ? "accepts" : "refuses", err.message, (int)length,
                 text);
    if (rc == 0) {
        for (setting = syntax.first; setting; setting = setting->next) {
            if (!is_same_setting(xl, setting))
                fail_msg("%s differs:\n%.*s", setting->name, (int)length, text);
        }
        if (!has_all_settings(&syntax, xl, text, length))
            fail_msg("a setting is missing:\n%.*s", (int)length, text);
        xlu_cfg_destroy(xl);
    } else {
        assert_int_equal(rc, CHAOS_EINVAL);
        assert_int_equal(err.code, CHAOS_EINVAL);
        assert_int_equal(strncmp(err.message, "test:", 5), 0);
    }
    chaos__syntax_free(&syntax);
    return rc == 0;
}

/* The handwritten inputs and the fuzzer's corpus. */
struct inputs {
    struct input *inputs;
    size_t count;
};

static void add_input(struct inputs *all, const char *text, size_t length)
{
    struct input *input;

    all->inputs =
        checked(realloc(all->inputs, (all->count + 1) * sizeof(*all->inputs)));
    input = &all->inputs[all->count++];
    input->text = checked(malloc(length + 1));
    memcpy(input->text, text, length);
    input->length = length;
}

static void add_file(struct inputs *all, const char *path)
{
    char text[INPUT_MAX];
    FILE *file = checked(fopen(path, "re"));
    size_t length = fread(text, 1, sizeof(text), file);

    assert_int_equal(ferror(file), 0);
    fclose(file);
    add_input(all, text, length);
}

static int setup(void **state)
{
    const char *top = getenv("CHAOS_SOURCE_DIR");
    struct inputs *all = checked(calloc(1, sizeof(*all)));
    char path[1024];
    struct dirent *entry;
    DIR *dir;

    null_file = checked(fopen("/dev/null", "we"));
    for (size_t i = 0; i < sizeof(handwritten) / sizeof(*handwritten); i++)
        add_input(all, handwritten[i], strlen(handwritten[i]));
    snprintf(path, sizeof(path), "%s/" CORPUS, top ? top : ".");
    dir = checked(opendir(path));
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/" CORPUS "/%s", top ? top : ".",
                 entry->d_name);
        add_file(all, path);
    }
    closedir(dir);
    *state = all;
    return 0;
}

static int teardown(void **state)
{
    struct inputs *all = *state;

    for (size_t i = 0; i < all->count; i++)
        free(all->inputs[i].text);
    free(all->inputs);
    free(all);
    fclose(null_file);
    return 0;
}

static void test_inputs(void **state)
{
    const struct inputs *all = *state;
    size_t accepted = 0, compared = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct input *input = &all->inputs[i];

        if (is_beyond_xl(input->text, input->length) ||
            is_beyond_chaos(input->text, input->length))
            continue;
        compared++;
        accepted += compare(input->text, input->length);
    }
    /* The comparison means something only if both happen. */
    assert_true(accepted > 50);
    assert_true(compared - accepted > 50);
}

/* Xorshift: the same inputs everywhere and always. */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static size_t below(uint32_t *seed, size_t limit)
{
    return limit ? next_random(seed) % limit : 0;
}

static const char *const pieces[] = {
    "\n", ";",   ",",  "[",    "]",     "=",  "+=", "'",
    "\"", "\\n", "\\", "#",    " ",     "\t", "0",  "0x1f",
    "12", "a",   "b",  "'x'",  "\"y\"", "-",  "+",  "\r",
    "A",  "a=1", "[]", "['x'", "\xff",  ".",  "_",  "a+='z'\n",
};

static void splice(char text[INPUT_MAX], size_t *length, size_t at,
                   size_t removed, const char *added, size_t added_length)
{
    if (at + removed > *length)
        removed = *length - at;
    if (*length - removed + added_length > INPUT_MAX)
        return;
    memmove(text + at + added_length, text + at + removed,
            *length - at - removed);
    memcpy(text + at, added, added_length);
    *length += added_length - removed;
}

static void mutate(uint32_t *seed, const struct inputs *all,
                   char text[INPUT_MAX], size_t *length)
{
    const struct input *other = &all->inputs[below(seed, all->count)];
    const size_t at = below(seed, *length + 1);
    const size_t from = below(seed, other->length);
    const char *piece = pieces[below(seed, sizeof(pieces) / sizeof(*pieces))];
    char slice[32];
    size_t n;

    switch (below(seed, 6)) {
    case 0:
        splice(text, length, at, 1 + below(seed, 3), "", 0);
        break;
    case 1:
        splice(text, length, at, 1, piece, strlen(piece));
        break;
    case 2:
        splice(text, length, at, 0, other->text + from,
               below(seed, other->length - from + 1));
        break;
    case 3:
        n = *length - at < sizeof(slice) ? *length - at : sizeof(slice);
        memcpy(slice, text + at, n);
        splice(text, length, at, 0, slice, n);
        break;
    default:
        splice(text, length, at, 0, piece, strlen(piece));
        break;
    }
}

static void test_mutations(void **state)
{
    const struct inputs *all = *state;
    uint32_t seed = 20170823;
    size_t accepted = 0, compared = 0;
    char text[INPUT_MAX];

    for (size_t i = 0; i < MUTATIONS; i++) {
        const struct input *input = &all->inputs[below(&seed, all->count)];
        size_t length = input->length;

        memcpy(text, input->text, length);
        for (size_t n = 1 + below(&seed, 4); n > 0; n--)
            mutate(&seed, all, text, &length);
        if (is_beyond_xl(text, length) || is_beyond_chaos(text, length))
            continue;
        compared++;
        accepted += compare(text, length);
    }
    assert_true(accepted > MUTATIONS / 20);
    assert_true(compared - accepted > MUTATIONS / 20);
}

static void test_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(differences) / sizeof(*differences); i++) {
        const struct difference *difference = &differences[i];
        const size_t length = strlen(difference->text);
        struct chaos__syntax syntax;
        struct chaos_error err = { 0 };
        XLU_Config *xl = xl_parse(difference->text, length);
        int rc = chaos__syntax_parse(&syntax, difference->text, length, "test",
                                     &err);

        if (difference->xl_accepts != (xl != NULL) ||
            difference->chaos_accepts != (rc == 0))
            fail_msg("xl %s, chaos %s: %s", xl ? "accepts" : "refuses",
                     rc == 0 ? "accepts" : "refuses", difference->text);
        chaos__syntax_free(&syntax);
        xlu_cfg_destroy(xl);
    }
}

/* The difference in value that `differences` speaks of. */
static void test_octal_escape(void **state)
{
    static const char text[] = "a='\\1012'\n";
    struct chaos__syntax syntax;
    XLU_Config *xl = xl_parse(text, sizeof(text) - 1);
    const char *theirs;

    (void)state;
    assert_non_null(xl);
    assert_int_equal(xlu_cfg_get_string(xl, "a", &theirs, 1), 0);
    assert_string_equal(theirs, "");
    assert_int_equal(
        chaos__syntax_parse(&syntax, text, sizeof(text) - 1, "test", NULL), 0);
    assert_string_equal(syntax.first->value.u.atom.text, "A2");
    chaos__syntax_free(&syntax);
    xlu_cfg_destroy(xl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_octal_escape),
    };

    return cmocka_run_group_tests_name("config_oracle", tests, setup, teardown);
}
