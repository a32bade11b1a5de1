/* SPDX-License-Identifier: MIT */
#include "script.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* A killed process ends at once, unless the kernel can't let go of it. */
#define KILL_TIMEOUT_MS 1000

#define SAID_SIZE 256

struct run {
    pid_t pid;
    int pidfd;  /* readable when it has ended */
    int output; /* a file in memory; what it prints */
};

/* ------------------------------------------------------------- starting */

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t signals;
    int r;

    sigfillset(&signals);
    r = posix_spawnattr_setsigdefault(attributes, &signals);
    sigemptyset(&signals);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attributes, &signals);
    if (r == 0)
        r = posix_spawnattr_setpgroup(attributes, 0);
    if (r == 0)
        r = posix_spawnattr_setflags(
            attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                POSIX_SPAWN_SETPGROUP));
    return r;
}

/* Input comes last: `output` may have its number, in a process that has closed
 * it. */
static int set_descriptors(posix_spawn_file_actions_t *actions, int output)
{
    int r = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);

    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
                                             O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(actions,
                                                     STDERR_FILENO + 1);
    return r;
}

/* 0 or an errno. */
static int spawn(const struct chaos__script *script, int output, pid_t *pid_r)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int r = posix_spawnattr_init(&attributes);

    if (r != 0)
        return r;
    r = posix_spawn_file_actions_init(&actions);
    if (r == 0) {
        r = set_attributes(&attributes);
        if (r == 0)
            r = set_descriptors(&actions, output);
        if (r == 0)
            r = posix_spawn(pid_r, script->arguments[0], &actions, &attributes,
                            script->arguments, script->environment);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    return r;
}

static int start(const struct chaos__script *script, struct run *run,
                 struct chaos_error *err)
{
    const char *what = "running it";
    int output, r;

    /* Not a pipe: what it leaves running may print when we are gone. */
    output = memfd_create("chaos-script", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (output < 0)
        return chaos__fail_errno(err, errno, "making a file in memory");
    r = spawn(script, output, &run->pid);
    if (r == 0)
        run->pidfd = pidfd_open(run->pid, 0);
    if (r == 0 && run->pidfd < 0) { /* as when others have reaped it */
        r = errno;
        what = "learning how it ended";
        kill(-run->pid, SIGKILL);
        waitpid(run->pid, NULL, 0);
    }
    if (r != 0) {
        close(output);
        return chaos__fail_errno(err, r, "%s: %s", script->arguments[0], what);
    }
    run->output = output;
    return 0;
}

/* ------------------------------------------------------------- watching */

/* 1 when it has ended, 0 when the time is up, or -1 with errno. */
static int await_end(const struct run *run, int timeout_ms)
{
    int64_t until_us = chaos__now_us() + (int64_t)timeout_ms * 1000, left_us;
    struct pollfd fd = { .fd = run->pidfd, .events = POLLIN };
    int r;

    while ((left_us = until_us - chaos__now_us()) > 0) {
        r = poll(&fd, 1, (int)((left_us + 999) / 1000));
        if (r > 0 || (r < 0 && errno != EINTR))
            return r;
    }
    return 0;
}

/* The last line that is not empty, of what it has printed last; "": none. */
static const char *last_line(const struct run *run, char said[SAID_SIZE + 1])
{
    const off_t size = lseek(run->output, 0, SEEK_END);
    const off_t from = size > SAID_SIZE ? size - SAID_SIZE : 0;
    ssize_t got = pread(run->output, said, SAID_SIZE, from);
    size_t end = got > 0 ? (size_t)got : 0, start;

    while (end > 0 && strchr("\r\n\t ", said[end - 1]))
        end--;
    said[end] = '\0';
    for (start = end; start > 0 && said[start - 1] != '\n';)
        start--;
    return said + start;
}

static int judge(const char *path, const struct run *run,
                 struct chaos_error *err)
{
    char bytes[SAID_SIZE + 1];
    siginfo_t info = { 0 };
    const char *said, *colon;
    int r;

    do
        r = waitid(P_PID, (id_t)run->pid, &info, WEXITED);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return chaos__fail_errno(err, errno, "%s: learning how it ended", path);
    if (info.si_code == CLD_EXITED && info.si_status == 0)
        return 0;
    said = last_line(run, bytes);
    colon = *said ? ": " : "";
    if (info.si_code == CLD_EXITED)
        return chaos__fail(err, CHAOS_EFAILED, "%s: exit status %d%s%s", path,
                           info.si_status, colon, said);
    return chaos__fail(err, CHAOS_EFAILED, "%s: killed by signal %d%s%s", path,
                       info.si_status, colon, said);
}

static int end(const char *path, const struct run *run, int timeout_ms,
               struct chaos_error *err)
{
    char bytes[SAID_SIZE + 1];
    const char *said;

    kill(-run->pid, SIGKILL);
    if (await_end(run, KILL_TIMEOUT_MS) > 0)
        waitpid(run->pid, NULL, 0);
    said = last_line(run, bytes);
    return chaos__fail(err, CHAOS_ETIMEDOUT,
                       "%s: still running after %d s, and killed%s%s", path,
                       timeout_ms / 1000, *said ? ": " : "", said);
}

int chaos__script_run(const struct chaos__script *script, int timeout_ms,
                      struct chaos_error *err)
{
    const char *path = script->arguments[0];
    struct run run = { .pidfd = -1, .output = -1 };
    int rc = start(script, &run, err), r;

    if (rc < 0)
        return rc;
    r = await_end(&run, timeout_ms);
    rc = r > 0 ? judge(path, &run, err) : end(path, &run, timeout_ms, err);
    close(run.pidfd);
    /* What it has left running must not fill our memory. */
    fcntl(run.output, F_ADD_SEALS, F_SEAL_GROW);
    close(run.output);
    return rc;
}
