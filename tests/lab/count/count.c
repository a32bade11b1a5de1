/* SPDX-License-Identifier: MIT */
/*
 * What a command asks of the kernel, of Xen and of xenstored, by ptrace.
 *
 *     count [-o FILE] COMMAND [ARGUMENT]...
 *
 * writes lines `kind name count`, sorted, to the file or to standard error, and
 * exits as the command does:
 *
 *     fault minor             page faults
 *     hypercall NAME/COMMAND  through privcmd, such as domctl/createdomain
 *     privcmd NAME            its other ioctls, and NAME/pages what they map
 *     process exec            execve, but for the command's own
 *     process fork            new processes
 *     process thread          new threads
 *     syscall NAME            system calls
 *     xenstore KIND           connections, messages and bytes to xenstored
 *
 * The kinds process and xenstore are there even if they are 0.  All of it is
 * the command's own process up to its exit; forks and execs are those of its
 * descendants too.  What still runs at its exit is let go.
 */
#include "count.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define TASKS_MAX 256

/* A process or thread that is traced. */
static struct task {
    pid_t tid;
    bool is_command; /* in the command's own process */
    uint64_t number, arguments[6];
} tasks[TASKS_MAX];
static size_t task_count;

static void count_entry(const struct task *task)
{
    char text[NAME_SIZE];

    add("syscall", name_of("syscall", task->number, text), 1);
    if (task->number != SYS_ioctl)
        return;
    read_link(task->arguments[0], text);
    if (ends_in(text, "/privcmd") || ends_in(text, "/hypercall"))
        count_privcmd(task->tid, task->arguments[1], task->arguments[2]);
}

static void on_system_call(struct task *task)
{
    struct __ptrace_syscall_info info;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) < 0)
        return; /* it was killed */
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        task->number = info.entry.nr;
        memcpy(task->arguments, info.entry.args, sizeof(task->arguments));
        count_entry(task);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        count_store(task->number, task->arguments, info.exit.rval);
}

/* The process that a thread is in. */
static pid_t process_of(pid_t tid)
{
    char path[NAME_SIZE], line[256];
    pid_t process = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Tgid: %d", &process) == 1)
            break;
    if (file)
        fclose(file);
    return process;
}

static struct task *find_task(pid_t tid)
{
    struct task *task = tasks;

    while (task < tasks + task_count && task->tid != tid)
        task++;
    if (task == tasks + task_count) {
        if (task_count++ == TASKS_MAX)
            errx(1, "more than %d processes", TASKS_MAX);
        *task = (struct task){ .tid = tid,
                               .is_command = process_of(tid) == command };
    }
    return task;
}

static void forget_task(pid_t tid)
{
    struct task *task = find_task(tid);

    *task = tasks[--task_count];
}

static void on_event(const struct task *task, int event)
{
    unsigned long child = 0;

    if (event == PTRACE_EVENT_EXEC)
        return add("process", "exec", 1);
    if (event == PTRACE_EVENT_CLONE &&
        ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &child) == 0 &&
        process_of((pid_t)child) == process_of(task->tid))
        return add("process", "thread", 1);
    add("process", "fork", 1);
}

/* A task has stopped: counts why, and lets it go on. */
static void on_stop(struct task *task, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    /* Of others only events matter. */
    int request = task->is_command ? PTRACE_SYSCALL : PTRACE_CONT;

    if (signal == (SIGTRAP | 0x80))
        on_system_call(task);
    else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
        request = PTRACE_LISTEN; /* it is to stay stopped */
    else if (event && event != PTRACE_EVENT_STOP)
        on_event(task, event);
    if (event || signal == (SIGTRAP | 0x80))
        signal = 0;
    /* It fails if somebody killed it, whose end comes next. */
    ptrace(request, task->tid, NULL, (long)signal);
}

/* The page faults of the command's process so far. */
static unsigned long long faults_of_command(void)
{
    char path[NAME_SIZE], line[512] = "";
    unsigned long long faults;
    const char *rest;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", command);
    file = fopen(path, "re");
    if (!file || !fgets(line, sizeof(line), file))
        err(1, "%s", path);
    fclose(file);
    /* proc(5): minflt is the 8th behind the name, which is in parentheses. */
    rest = strrchr(line, ')');
    if (!rest ||
        sscanf(rest, ") %*s %*s %*s %*s %*s %*s %*s %llu", &faults) != 1)
        errx(1, "%s: %s", path, line);
    return faults;
}

/* Starts the command, and stops it before its first instruction. */
static void start(char **arguments)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                         PTRACE_O_TRACEEXEC;
    int ready[2], status;
    char byte;

    share_file();
    if (pipe2(ready, O_CLOEXEC) < 0 || (command = fork()) < 0)
        err(1, "starting %s", arguments[0]);
    if (command == 0) {
        close(ready[1]);
        if (read(ready[0], &byte, 1) == 0)
            execvp(arguments[0], arguments);
        warn("%s", arguments[0]);
        _exit(127);
    }
    if (ptrace(PTRACE_SEIZE, command, NULL, options) < 0)
        err(1, "tracing %s", arguments[0]);
    close(ready[1]);
    close(ready[0]);
    if (waitpid(command, &status, __WALL) < 0)
        err(1, "waiting for %s", arguments[0]);
    if (!WIFSTOPPED(status))
        exit(127);
    find_task(command);
    add("fault", "minor", -faults_of_command()); /* ours, until then */
    ptrace(PTRACE_SYSCALL, command, NULL, NULL);
}

/* Until its end, which is returned. */
static int trace(void)
{
    struct rusage usage;
    int status;
    pid_t tid;

    while ((tid = wait4(-1, &status, __WALL, &usage)) != command ||
           WIFSTOPPED(status)) {
        if (tid < 0)
            err(1, "waiting for the command");
        if (WIFSTOPPED(status))
            on_stop(find_task(tid), status);
        else
            forget_task(tid);
    }
    add("fault", "minor", (unsigned long long)usage.ru_minflt);
    return status;
}

int main(int argc, char **argv)
{
    FILE *file = stderr;
    int option, status;

    while ((option = getopt(argc, argv, "+o:")) == 'o') {
        file = fopen(optarg, "we");
        if (!file)
            err(1, "%s", optarg);
    }
    if (option != -1 || optind == argc)
        errx(2, "usage: count [-o FILE] COMMAND [ARGUMENT]...");
    for (size_t i = 0; i < 3; i++)
        add("process", (const char *[]){ "exec", "fork", "thread" }[i], 0);
    for (size_t i = 0; i < 3; i++)
        add("xenstore",
            (const char *[]){ "connections", "messages", "bytes" }[i], 0);
    start(argv + optind);
    status = trace();
    print(file);
    if (fclose(file) != 0)
        err(1, "writing the counts");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
