/* SPDX-License-Identifier: MIT */
/* Unpacked kernels that are kept. */
#include "support.h"

#include "build/unpacked.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *directory, *cache;

static int setup(void **state)
{
    (void)state;
    directory = support_directory();
    cache = support_path(directory, "cache");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(cache);
    support_remove_directory(directory);
    return 0;
}

static struct chaos__image open_file(const char *name, const char *content)
{
    char *path = support_path(directory, name);
    struct chaos__image image;

    if (content)
        support_write_file(path, (const uint8_t *)content, strlen(content));
    assert_int_equal(chaos__image_open(path, "kernel", &image, NULL), 0);
    image.path = "the kernel";
    free(path);
    return image;
}

static struct chaos__unpacked_key key_of(const char *name, const char *content)
{
    struct chaos__image image = open_file(name, content);
    struct chaos__unpacked_key key;

    assert_true(chaos__unpacked_key(&image, &key));
    chaos__image_close(&image);
    return key;
}

static bool is_kept(const struct chaos__unpacked_key *key, const char *content)
{
    struct chaos__image image;
    char bytes[64];
    bool is;

    if (!chaos__unpacked_open(cache, "the kernel", key, &image))
        return false;
    assert_string_equal(image.path, "the kernel");
    is = image.size == strlen(content) &&
         chaos__image_read(&image, 0, bytes, image.size, NULL) == 0 &&
         memcmp(bytes, content, image.size) == 0;
    chaos__image_close(&image);
    return is;
}

static bool keep(const struct chaos__unpacked_key *key, const char *content)
{
    return chaos__unpacked_keep(cache, key, content, strlen(content));
}

static unsigned count_kept(void)
{
    DIR *list = opendir(cache);
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(list);
    while ((entry = readdir(list)))
        count += *entry->d_name != '.';
    closedir(list);
    return count;
}

static void keeps(void **state)
{
    struct chaos__unpacked_key a = key_of("a", "packed a"),
                               b = key_of("b", "packed b");

    (void)state;
    assert_false(is_kept(&a, "ELF a"));
    assert_true(keep(&a, "ELF a"));
    assert_true(keep(&b, "ELF b"));
    assert_true(is_kept(&a, "ELF a"));
    assert_true(is_kept(&b, "ELF b"));
}

/* Another content is another file, whatever its name and size are. */
static void forgets_what_changed(void **state)
{
    struct chaos__unpacked_key before = key_of("a", "packed a"), after;

    (void)state;
    assert_true(keep(&before, "ELF a"));
    usleep(20000); /* the clock of file systems ticks every 10 ms at most */
    after = key_of("a", "packed b");
    assert_false(is_kept(&after, "ELF a"));
}

static void has_no_more_than_eight(void **state)
{
    struct chaos__unpacked_key keys[12];
    char name[8];

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "%u", i);
        keys[i] = key_of(name, name);
        assert_true(keep(&keys[i], name));
        usleep(20000);
    }
    assert_int_equal(count_kept(), 8);
    assert_false(is_kept(&keys[3], "3"));
    assert_true(is_kept(&keys[4], "4"));
    assert_true(is_kept(&keys[11], "11"));
}

static void forgets_other_boots(void **state)
{
    struct chaos__unpacked_key key = key_of("a", "packed a");
    char *old;

    (void)state;
    assert_true(keep(&key, "ELF a"));
    old = support_path(cache, "00000000-1-2-3-4");
    support_write_file(old, (const uint8_t *)"x", 1);
    free(old);
    assert_true(keep(&key, "ELF a"));
    assert_int_equal(count_kept(), 1);
}

/* Whoever can write there could give us another kernel. */
static void trusts_nobody(void **state)
{
    struct chaos__unpacked_key key = key_of("a", "packed a");
    char *real = support_path(directory, "real");

    (void)state;
    assert_true(keep(&key, "ELF a"));
    assert_int_equal(chmod(cache, 0770), 0);
    assert_false(is_kept(&key, "ELF a"));
    assert_false(keep(&key, "ELF a"));
    assert_int_equal(chmod(cache, 0700), 0);
    assert_int_equal(rename(cache, real), 0);
    assert_int_equal(symlink(real, cache), 0);
    assert_false(is_kept(&key, "ELF a"));
    free(real);
}

static void limit_files(rlim_t size)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void leaves_nothing_half_written(void **state)
{
    struct chaos__unpacked_key key = key_of("a", "packed a");

    (void)state;
    assert_true(keep(&key, "ELF a"));
    /* Larger than any file may be: the write fails. */
    limit_files(16);
    assert_false(keep(&key, "much more than sixteen bytes"));
    limit_files(RLIM_INFINITY);
    assert_int_equal(count_kept(), 1);
    assert_true(is_kept(&key, "ELF a"));
}

static void is_no_place(void **state)
{
    struct chaos__unpacked_key key = key_of("a", "packed a");

    (void)state;
    free(cache);
    cache = support_path(directory, "none/cache");
    assert_false(is_kept(&key, "ELF a"));
    assert_false(keep(&key, "ELF a"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps),
        TEST(forgets_what_changed),
        TEST(has_no_more_than_eight),
        TEST(forgets_other_boots),
        TEST(trusts_nobody),
        TEST(leaves_nothing_half_written),
        TEST(is_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
