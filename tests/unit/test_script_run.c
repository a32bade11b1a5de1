/* SPDX-License-Identifier: MIT */
/* Running programs: the real src/dom0/script.c, with scripts of its own. */
#include "dom0/script.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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

#define LONG_MS 60000

static char directory[] = "/tmp/chaos-script.XXXXXX";
static char path[64], output[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/script", directory);
    snprintf(output, sizeof(output), "%s/output", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(output);
    return rmdir(directory);
}

static void write_script(const char *text, mode_t mode)
{
    FILE *file;

    unlink(path);
    file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\nout=%s\n%s\n", output, text);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int run(const char *text, int timeout_ms, struct chaos_error *err)
{
    char word[] = "two words", variable[] = "path=a b";
    char *arguments[] = { path, word, NULL };
    char *environment[] = { variable, NULL };
    const struct chaos__script script = { arguments, environment };

    write_script(text, 0700);
    memset(err, 0, sizeof(*err));
    return chaos__script_run(&script, timeout_ms, err);
}

/* What the script has written. */
static const char *written(void)
{
    static char text[512];
    FILE *file = fopen(output, "re");
    size_t length = 0;

    if (file) {
        length = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
    }
    text[length] = '\0';
    unlink(output);
    return text;
}

static void gets_what_it_is_given(void **state)
{
    struct chaos_error err;

    (void)state;
    assert_int_equal(setenv("CHAOS_TEST", "ours", 1), 0);
    assert_int_equal(run("echo \"$#,$1,$path,$CHAOS_TEST,$(wc -c)\" >$out; "
                         "echo nobody reads this",
                         LONG_MS, &err),
                     0);
    assert_string_equal(written(), "1,two words,a b,,0\n");
}

static void has_no_descriptor_of_ours(void **state)
{
    struct chaos_error err;
    int fd = dup2(STDERR_FILENO, 9); /* without O_CLOEXEC */

    (void)state;
    assert_int_equal(fd, 9);
    assert_int_equal(run("test ! -e /proc/$$/fd/9", LONG_MS, &err), 0);
    close(fd);
}

static void tells_how_it_failed(void **state)
{
    struct chaos_error err;
    char text[256];

    (void)state;
    assert_int_equal(run("exit 7", LONG_MS, &err), CHAOS_EFAILED);
    snprintf(text, sizeof(text), "%s: exit status 7", path);
    assert_string_equal(err.message, text);
    assert_int_equal(
        run("echo one; echo the bridge is on fire >&2; echo; exit 1", LONG_MS,
            &err),
        CHAOS_EFAILED);
    snprintf(text, sizeof(text), "%s: exit status 1: the bridge is on fire",
             path);
    assert_string_equal(err.message, text);
    assert_int_equal(run("kill -TERM $$", LONG_MS, &err), CHAOS_EFAILED);
    snprintf(text, sizeof(text), "%s: killed by signal %d", path, SIGTERM);
    assert_string_equal(err.message, text);
}

/* More than a pipe holds, and a last line that is longer than what is kept. */
static void may_say_much(void **state)
{
    struct chaos_error err;

    (void)state;
    assert_int_equal(run("i=0; while [ $i -lt 20000 ]; do echo line $i; "
                         "i=$((i + 1)); done; exit 1",
                         LONG_MS, &err),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "exit status 1: line 19999"));
    assert_int_equal(run("printf '%0500d' 7; exit 1", LONG_MS, &err),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "exit status 1: 0000"));
    assert_string_equal(err.message + strlen(err.message) - 2, "07");
}

static void is_killed_with_its_children(void **state)
{
    struct chaos_error err;
    pid_t child;

    (void)state;
    assert_int_equal(
        run("sleep 1000 & echo $! >$out; echo waiting; wait", 300, &err),
        CHAOS_ETIMEDOUT);
    assert_non_null(strstr(err.message, "and killed: waiting"));
    child = (pid_t)strtol(written(), NULL, 10);
    assert_true(child > 0);
    /* init has to reap it. */
    while (kill(child, 0) == 0) {
        char status[64], line[256] = "";
        FILE *file;

        snprintf(status, sizeof(status), "/proc/%d/stat", (int)child);
        file = fopen(status, "re");
        if (!file)
            break;
        if (fgets(line, sizeof(line), file) && strstr(line, ") Z "))
            line[0] = '\0';
        fclose(file);
        if (!*line)
            break;
    }
}

/* What it leaves running has its output, and is not waited for. */
static void may_leave_a_daemon(void **state)
{
    struct chaos_error err;
    pid_t child;

    (void)state;
    assert_int_equal(run("sleep 1000 & echo $! >$out", LONG_MS, &err), 0);
    child = (pid_t)strtol(written(), NULL, 10);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(
        run("sleep 1000 & echo $! >$out; echo hm; exit 1", LONG_MS, &err),
        CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "exit status 1: hm"));
    child = (pid_t)strtol(written(), NULL, 10);
    assert_int_equal(kill(child, SIGKILL), 0);
}

/* Nor is it killed when it prints something later. */
static void a_daemon_may_print(void **state)
{
    struct chaos_error err;
    const char *text = "";
    unsigned tries;

    (void)state;
    assert_int_equal(run("(while [ ! -e $out ]; do sleep 0.05; done; "
                         "echo late; echo lives >>$out) &",
                         LONG_MS, &err),
                     0);
    assert_int_equal(close(open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
                     0);
    for (tries = 0; tries < 100 && !*text; tries++) {
        FILE *file = fopen(output, "re");
        char line[16];

        assert_non_null(file);
        if (fgets(line, sizeof(line), file))
            text = "lives";
        fclose(file);
        usleep(50000);
    }
    assert_string_equal(text, "lives");
    written();
}

static void has_to_be_a_program(void **state)
{
    char none[] = "/nonexistent/script";
    char *arguments[] = { none, NULL }, *nothing[] = { NULL };
    struct chaos__script script = { arguments, nothing };
    struct chaos_error err;

    (void)state;
    assert_int_equal(chaos__script_run(&script, LONG_MS, &err), CHAOS_EFAILED);
    assert_string_equal(err.message, "/nonexistent/script: running it: No such "
                                     "file or directory");
    write_script("exit 0", 0600);
    arguments[0] = path;
    assert_int_equal(chaos__script_run(&script, LONG_MS, &err), CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "Permission denied"));
}

/* Our own signals are not its, and our children stay ours. */
static void is_started_afresh(void **state)
{
    struct chaos_error err;
    sigset_t blocked, was;

    (void)state;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &was);
    signal(SIGTERM, SIG_IGN);
    assert_int_equal(run("kill -TERM $$; exit 0", LONG_MS, &err),
                     CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "killed by signal"));
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &was, NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void is_not_learnt_of_when_others_reap(void **state)
{
    struct chaos_error err;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(run("exit 0", LONG_MS, &err), CHAOS_EFAILED);
    assert_non_null(strstr(err.message, "learning how it ended"));
    signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_what_it_is_given),
        cmocka_unit_test(has_no_descriptor_of_ours),
        cmocka_unit_test(tells_how_it_failed),
        cmocka_unit_test(may_say_much),
        cmocka_unit_test(is_killed_with_its_children),
        cmocka_unit_test(may_leave_a_daemon),
        cmocka_unit_test(a_daemon_may_print),
        cmocka_unit_test(has_to_be_a_program),
        cmocka_unit_test(is_started_afresh),
        cmocka_unit_test(is_not_learnt_of_when_others_reap),
    };

    return cmocka_run_group_tests_name("script_run", tests, setup, teardown);
}
