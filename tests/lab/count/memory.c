/* SPDX-License-Identifier: MIT */
#include "count.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t command;

/* A file that the command's process has open too, under this number. */
static int shared_fd = -1;

/* With a number that is not in the command's way. */
void share_file(void)
{
    int fd = memfd_create("count", MFD_CLOEXEC);
    struct rlimit limit;

    if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        (shared_fd = dup2(fd, (int)limit.rlim_cur - 1)) < 0)
        err(1, "a file for two");
    close(fd);
}

bool read_memory(uint64_t address, void *into, size_t size)
{
    struct iovec here = { into, size }, there = { (void *)address, size };

    return process_vm_readv(command, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* Goes on to the next system call's begin or end.  A signal that comes first
 * has to wait for the end of it all. */
static void go_on(pid_t tid)
{
    int status, held = 0;

    do {
        if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) < 0 ||
            waitpid(tid, &status, __WALL) < 0 || !WIFSTOPPED(status))
            errx(1, "the command was killed");
        if (!(status >> 16) && WSTOPSIG(status) != (SIGTRAP | 0x80))
            held = WSTOPSIG(status);
    } while (WSTOPSIG(status) != (SIGTRAP | 0x80));
    if (held)
        syscall(SYS_tgkill, command, tid, held);
}

bool read_buffer(pid_t tid, uint64_t address, void *into, size_t size)
{
    struct user_regs_struct own, registers;
    bool ok;

    if (read_memory(address, into, size))
        return true;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &own) < 0)
        return false;
    registers = own;
    registers.orig_rax = SYS_pwrite64;
    registers.rdi = (unsigned)shared_fd;
    registers.rsi = address;
    registers.rdx = size;
    registers.r10 = 0;
    ptrace(PTRACE_SETREGS, tid, NULL, &registers);
    go_on(tid);
    ptrace(PTRACE_GETREGS, tid, NULL, &registers);
    ok = registers.rax == size &&
         pread(shared_fd, into, size, 0) == (ssize_t)size;
    registers = own;
    registers.rax = own.orig_rax;
    registers.rip -= 2; /* a syscall instruction */
    ptrace(PTRACE_SETREGS, tid, NULL, &registers);
    go_on(tid);
    return ok;
}

void read_link(uint64_t fd, char text[NAME_SIZE])
{
    char path[NAME_SIZE];
    ssize_t r;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", command, (int)fd);
    r = readlink(path, text, NAME_SIZE - 1);
    text[r > 0 ? r : 0] = '\0';
}

bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && !strcmp(text + length - end_length, end);
}
