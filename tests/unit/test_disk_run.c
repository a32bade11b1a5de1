/* SPDX-License-Identifier: MIT */
/* Who else has the file of a disk: the real src/dom0/disk.c, with files. */
#include "dom0/dom0.h"

#include <chaos/error.h>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 2000

static char path[] = "/tmp/chaos-disk.XXXXXX";
static struct chaos__dom0_disk disk;
static struct chaos_error err;

static bool has_leases;

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return -1;
    has_leases = fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
    if (!has_leases)
        printf("/tmp has no leases: nobody would be seen\n");
    close(fd);
    return 0;
}

static void need_leases(void)
{
    if (!has_leases)
        skip();
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static int examine(bool is_writable)
{
    memset(&err, 0, sizeof(err));
    if (chaos__dom0_disk_open(path, is_writable, &disk, &err) < 0)
        fail_msg("%s", err.message);
    return chaos__dom0_file_is_free(&disk, is_writable, path, &err);
}

static void assert_free(bool is_writable)
{
    if (examine(is_writable) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(fcntl(disk.fd, F_GETFL) & O_ACCMODE,
                     is_writable ? O_RDWR : O_RDONLY);
    assert_int_equal(fcntl(disk.fd, F_GETLEASE), F_UNLCK);
    chaos__dom0_disk_close(&disk);
}

static void assert_used(bool is_writable, const char *text)
{
    assert_int_equal(examine(is_writable), CHAOS_EBUSY);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, text));
    chaos__dom0_disk_close(&disk);
}

static void is_nobodys(void **state)
{
    (void)state;
    assert_free(false);
    assert_free(true);
}

/* A program that copies it, say. */
static void is_read(void **state)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    (void)state;
    need_leases();
    assert_free(false);
    assert_free(true);
    close(fd);
}

static void is_written(void **state)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    (void)state;
    need_leases();
    assert_used(false, "a program has it open for writing");
    assert_used(true, "a program has it open, perhaps");
    close(fd);
    assert_free(true);
}

static void *close_soon(void *user)
{
    usleep(10000);
    close(*(int *)user);
    return NULL;
}

/* As the kernel closes the file of a loop device. */
static void is_let_go_of(void **state)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    pthread_t thread;

    (void)state;
    need_leases();
    assert_int_equal(pthread_create(&thread, NULL, close_soon, &fd), 0);
    assert_free(true);
    pthread_join(thread, NULL);
}

static bool is_over;

static void *open_often(void *user)
{
    unsigned *opened = user;
    int fd;

    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0)
            ++*opened;
        close(fd);
    }
    return NULL;
}

/* Neither does who opens it meanwhile fail, nor does his signal end us. */
static void is_opened_meanwhile(void **state)
{
    unsigned opened = 0, i;
    pthread_t thread;
    int rc;

    (void)state;
    need_leases();
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, open_often, &opened), 0);
    for (i = 0; i < ROUNDS; i++) {
        rc = examine(i % 2);
        assert_true(rc == 0 || rc == CHAOS_EBUSY);
        chaos__dom0_disk_close(&disk);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_true(opened > 0);
}

static void *look_often(void *user)
{
    struct chaos__dom0_disk other;

    (void)user;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        if (chaos__dom0_disk_open(path, true, &other, NULL) < 0)
            abort();
        chaos__dom0_file_is_free(&other, true, path, NULL);
        chaos__dom0_disk_close(&other);
    }
    return NULL;
}

/* By another that looks, too: opening does not fail for that. */
static void is_looked_at_meanwhile(void **state)
{
    pthread_t thread;
    unsigned i;

    (void)state;
    need_leases();
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, look_often, NULL), 0);
    for (i = 0; i < ROUNDS; i++) {
        if (chaos__dom0_disk_open(path, i % 2, &disk, &err) < 0)
            fail_msg("%s", err.message);
        chaos__dom0_disk_close(&disk);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_nobodys),
        cmocka_unit_test(is_read),
        cmocka_unit_test(is_written),
        cmocka_unit_test(is_let_go_of),
        cmocka_unit_test(is_opened_meanwhile),
        cmocka_unit_test(is_looked_at_meanwhile),
    };

    return cmocka_run_group_tests_name("disk", tests, setup, teardown);
}
