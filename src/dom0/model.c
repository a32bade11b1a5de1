/* SPDX-License-Identifier: MIT */
#include "model.h"

#include "clock.h"
#include "script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define START_TIMEOUT_MS 10000 /* LIBXL_DEVICE_MODEL_START_TIMEOUT is 60 s */
#define END_TIMEOUT_MS 2000
#define KILL_TIMEOUT_MS 1000

#define LOG "/var/log/xen/qemu-dm-%s.log" /* as libxl's */
#define EXEC_TIMEOUT_US 2000000
#define EXEC_LOOK_US 20000
#define COMMAND_SIZE 4096

/* ---------------------------------------------------------------- finding */

int chaos__model_find(const char *wanted, const char **path_r,
                      struct chaos_error *err)
{
    /* Debian's, and where Xen's own build puts it. */
    static const char *const usual[] = {
        "/usr/libexec/xen-qemu-system-i386",
        "/usr/lib/xen/bin/qemu-system-i386",
        "/usr/local/lib/xen/bin/qemu-system-i386",
    };

    if (wanted) {
        if (access(wanted, X_OK) < 0)
            return chaos__fail_errno(err, errno, "device_model_override=%s",
                                     wanted);
        *path_r = wanted;
        return 0;
    }
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (access(usual[i], X_OK) < 0)
            continue;
        *path_r = usual[i];
        return 0;
    }
    return chaos__fail(err, CHAOS_ENOTSUP,
                       "p9= needs QEMU in dom0, and there is none at %s: "
                       "install Xen's (Debian: qemu-system-xen), or name it "
                       "with device_model_override=",
                       usual[0]);
}

/* Anybody may read the UUID, and start something that has it. */
static bool is_our_users(const char *process)
{
    char path[64], line[256];
    unsigned user = ~0u;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%.20s/status", process);
    status = fopen(path, "re");
    if (!status)
        return false;
    while (fgets(line, sizeof(line), status) &&
           sscanf(line, "Uid: %*u %u", &user) != 1)
        ;
    fclose(status);
    return user == geteuid();
}

/* Whether among the words of a process "-uuid" and the UUID are, one behind the
 * other; the program is before them. */
static bool has_words(const char *process, const char *uuid)
{
    char path[64], wanted[64], command[COMMAND_SIZE];
    ssize_t got;
    int fd, length;

    snprintf(path, sizeof(path), "/proc/%.20s/cmdline", process);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, command, sizeof(command));
    close(fd);
    length =
        snprintf(wanted, sizeof(wanted), "%c-uuid%c%s", '\0', '\0', uuid) + 1;
    return got > 0 && memmem(command, (size_t)got, wanted, (size_t)length);
}

/* Whether a process was started for the guest. */
static bool is_for(const char *process, const char *uuid)
{
    return has_words(process, uuid) && is_our_users(process);
}

/* The next process that was started for the guest, or 0. */
static pid_t next(DIR *processes, const char *uuid)
{
    struct dirent *entry;
    char *end;
    long pid;

    while ((entry = readdir(processes))) {
        pid = strtol(entry->d_name, &end, 10);
        if (pid > 0 && !*end && is_for(entry->d_name, uuid))
            return (pid_t)pid;
    }
    return 0;
}

/* --------------------------------------------------------------- starting */

static uint32_t find(const char *uuid)
{
    DIR *processes = opendir("/proc");
    pid_t pid = 0;

    if (processes) {
        pid = next(processes, uuid);
        closedir(processes);
    }
    return (uint32_t)pid;
}

/* QEMU takes a % in the name of its log for the number of a process. */
static void name_log(const struct chaos__model *model, char *path, size_t size)
{
    snprintf(path, size, LOG,
             strchr(model->name, '%') ? model->uuid : model->name);
}

int chaos__model_start(const struct chaos__model *model, uint32_t *pid_r,
                       struct chaos_error *err)
{
    char log[256], domid[16];
    const char *const words[] = {
        model->path,       "-xen-domid",  domid,      "-xen-attach",
        "-machine",        "xenpv",       "-uuid",    model->uuid,
        "-no-user-config", "-nodefaults", "-display", "none",
        "-daemonize",      "-D",          log,        "-d",
        "guest_errors",    NULL,
    };
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const environment[] = { path, NULL };
    const struct chaos__script script = { (char *const *)(uintptr_t)words,
                                          environment };
    int rc;

    snprintf(domid, sizeof(domid), "%u", model->domid);
    name_log(model, log, sizeof(log));
    rc = chaos__script_run(&script, START_TIMEOUT_MS, err);
    if (rc < 0)
        return rc;
    *pid_r = find(model->uuid);
    return *pid_r
               ? 0
               : chaos__fail(err, CHAOS_EFAILED, "%s has ended at once; see %s",
                             model->path, log);
}

/* ----------------------------------------------------------------- ending */

static bool has_ended(int pidfd, int timeout_ms)
{
    int64_t until_us = chaos__now_us() + (int64_t)timeout_ms * 1000, left_us;
    struct pollfd fd = { .fd = pidfd, .events = POLLIN };

    while ((left_us = until_us - chaos__now_us()) > 0)
        if (poll(&fd, 1, (int)((left_us + 999) / 1000)) > 0)
            return true;
    return false;
}

/* It may have ended, and its number be another's: the descriptor keeps to the
 * process, which is looked at again. */
static bool end(pid_t pid, const char *uuid)
{
    int pidfd = pidfd_open(pid, 0);
    char process[24];
    bool is_over = pidfd < 0;

    snprintf(process, sizeof(process), "%d", (int)pid);
    if (pidfd >= 0) {
        is_over = !is_for(process, uuid);
        if (!is_over && pidfd_send_signal(pidfd, SIGTERM, NULL, 0) == 0)
            is_over = has_ended(pidfd, END_TIMEOUT_MS);
        if (!is_over && pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
            is_over = has_ended(pidfd, KILL_TIMEOUT_MS);
        close(pidfd);
    }
    return is_over;
}

static int end_all(const char *uuid, struct chaos_error *err)
{
    DIR *processes = opendir("/proc");
    pid_t pid;
    int rc = 0;

    if (!processes)
        return chaos__fail_errno(err, errno, "reading /proc");
    while ((pid = next(processes, uuid)))
        if (!end(pid, uuid))
            rc = chaos__fail(err, CHAOS_EBUSY, "QEMU (process %d) does not end",
                             (int)pid);
    closedir(processes);
    return rc;
}

int chaos__model_stop(const char *uuid, bool is_starting,
                      struct chaos_error *err)
{
    int64_t until_us = chaos__now_us() + EXEC_TIMEOUT_US;
    int rc = end_all(uuid, err);

    while (is_starting && rc == 0 && chaos__now_us() < until_us) {
        chaos__sleep_us(EXEC_LOOK_US);
        rc = end_all(uuid, err);
    }
    return rc;
}
