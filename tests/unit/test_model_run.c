/* SPDX-License-Identifier: MIT */
/* Starting, finding and ending a program that lives on, with a script in its
 * place. */
#include "dom0/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define A_UUID "11111111-2222-3333-4444-555555555555"
#define B_UUID "99999999-2222-3333-4444-555555555555"

static char directory[] = "/tmp/test_model.XXXXXX";
static char program[64];
static struct chaos_error err;

/* It leaves a process behind that has its words, as -daemonize does, and ends
 * when that is there. */
static const char head[] =
    "#!/bin/sh\n"
    "if [ \"$1\" != stay ]; then\n"
    "    setsid \"$0\" stay \"$@\" >/dev/null 2>&1 </dev/null &\n"
    "    while ! [ -e \"${0%/*}/there\" ]; do sleep 0.01; done\n"
    "    rm \"${0%/*}/there\"\n"
    "    exit 0\n"
    "fi\n";

static void write_program(const char *text, const char *rest)
{
    FILE *file = fopen(program, "w");

    assert_non_null(file);
    fprintf(file, "%s%s", text, rest);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(program, 0755), 0);
}

#define STAYS                                                                  \
    "touch \"${0%/*}/there\"\n"                                                \
    "while :; do sleep 0.05; done\n"

static uint32_t start(const char *uuid)
{
    const struct chaos__model model = {
        .path = program, .domid = 3, .uuid = uuid, .name = "web"
    };
    uint32_t pid = 0;

    if (chaos__model_start(&model, &pid, &err) < 0)
        fail_msg("%s", err.message);
    return pid;
}

static bool is_running(uint32_t pid)
{
    char path[32], state = 'Z';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return false;
    if (fscanf(file, "%*d %*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(file);
    return state != 'Z';
}

static void ends_what_was_started(void **state)
{
    uint32_t a, b;

    (void)state;
    write_program(head, STAYS);
    a = start(A_UUID);
    b = start(B_UUID);
    assert_true(a && b && a != b && is_running(a) && is_running(b));
    assert_int_equal(chaos__model_stop(A_UUID, false, &err), 0);
    assert_false(is_running(a));
    assert_true(is_running(b));
    assert_int_equal(chaos__model_stop(A_UUID, false, &err), 0);
    assert_int_equal(chaos__model_stop(B_UUID, false, &err), 0);
    assert_false(is_running(b));
}

static void kills_what_does_not_listen(void **state)
{
    uint32_t pid;

    (void)state;
    write_program(head, "trap '' TERM\n" STAYS);
    pid = start(A_UUID);
    assert_int_equal(chaos__model_stop(A_UUID, false, &err), 0);
    assert_false(is_running(pid));
}

/* Its starter has died, and it has not been seen yet. */
static void finds_what_comes_late(void **state)
{
    pid_t child;

    (void)state;
    write_program("#!/bin/sh\n", "while :; do sleep 0.05; done\n");
    child = fork();
    if (child == 0) {
        usleep(300000);
        execl(program, program, "-uuid", A_UUID, NULL);
        _exit(1);
    }
    assert_int_equal(chaos__model_stop(A_UUID, false, &err), 0);
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    assert_int_equal(chaos__model_stop(A_UUID, true, &err), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void tells_why_it_did_not_start(void **state)
{
    const struct chaos__model model = {
        .path = program, .domid = 3, .uuid = A_UUID, .name = "web"
    };
    uint32_t pid;

    (void)state;
    write_program("#!/bin/sh\n", "echo cannot >&2\nexit 1\n");
    assert_int_equal(chaos__model_start(&model, &pid, &err), CHAOS_EFAILED);
    assert_non_null(strstr(err.message, program));
    assert_non_null(strstr(err.message, "cannot"));
}

static void tells_when_it_ends_at_once(void **state)
{
    const struct chaos__model model = {
        .path = program, .domid = 3, .uuid = A_UUID, .name = "web"
    };
    uint32_t pid;

    (void)state;
    write_program("#!/bin/sh\n", "exit 0\n");
    assert_int_equal(chaos__model_start(&model, &pid, &err), CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "ended at once"));
    assert_non_null(strstr(err.message, "qemu-dm-web.log"));
}

static pid_t start_bystander(uid_t user, const char *word)
{
    pid_t child = fork();

    if (child == 0) {
        if (setuid(user) == 0)
            execl("/bin/sh", "sh", "-c", "while :; do sleep 0.05; done", word,
                  A_UUID, NULL);
        _exit(1);
    }
    usleep(200000);
    return child;
}

/* They have the UUID among their words, and are somebody else's. */
static void ends_no_other(void **state)
{
    pid_t children[2] = { start_bystander(geteuid(), "--uuid"), 0 };
    unsigned i;

    (void)state;
    if (geteuid() == 0)
        children[1] = start_bystander(65534, "-uuid");
    assert_int_equal(chaos__model_stop(A_UUID, false, &err), 0);
    for (i = 0; i < 2; i++) {
        if (!children[i])
            continue;
        assert_int_equal(waitpid(children[i], NULL, WNOHANG), 0);
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
}

static void says_where_it_looked(void **state)
{
    const char *path;

    (void)state;
    assert_int_equal(chaos__model_find(program, &path, &err), 0);
    assert_string_equal(path, program);
    assert_true(chaos__model_find("/nowhere/qemu", &path, &err) < 0);
    assert_non_null(strstr(err.message, "device_model_override=/nowhere/qemu"));
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(program, sizeof(program), "%s/qemu", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    chaos__model_stop(A_UUID, false, NULL);
    chaos__model_stop(B_UUID, false, NULL);
    unlink(program);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_what_was_started),
        cmocka_unit_test(kills_what_does_not_listen),
        cmocka_unit_test(finds_what_comes_late),
        cmocka_unit_test(tells_why_it_did_not_start),
        cmocka_unit_test(tells_when_it_ends_at_once),
        cmocka_unit_test(ends_no_other),
        cmocka_unit_test(says_where_it_looked),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
