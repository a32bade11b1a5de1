/* SPDX-License-Identifier: MIT */
/*
 * Which code a command runs: steps it through every instruction and writes the
 * addresses of those in the program itself, in pieces of 16 bytes, to a file.
 *
 *     trace FILE COMMAND [ARGUMENT]...
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a static program lies that is not position-independent. */
#define FIRST 0x400000ul
#define END 0x1000000ul
#define PIECE 16

static bool ran[(END - FIRST) / PIECE];

static pid_t start(char **argv)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        errx(1, "%s can't be traced", argv[0]);
    return pid;
}

/* Returns the status that the command ends with. */
static int step_through(pid_t pid)
{
    struct user_regs_struct registers;
    int status = 0;

    do {
        if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) < 0)
            err(1, "reading registers");
        if (registers.rip >= FIRST && registers.rip < END)
            ran[(registers.rip - FIRST) / PIECE] = true;
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
            waitpid(pid, &status, 0) < 0)
            err(1, "stepping");
    } while (WIFSTOPPED(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    int status;
    FILE *to;
    size_t i;

    if (argc < 3)
        errx(2, "usage: trace FILE COMMAND [ARGUMENT]...");
    status = step_through(start(argv + 2));
    to = fopen(argv[1], "w");
    if (!to)
        err(1, "%s", argv[1]);
    for (i = 0; i < sizeof(ran) / sizeof(ran[0]); i++)
        if (ran[i])
            fprintf(to, "%lx\n", FIRST + i * PIECE);
    if (fclose(to) != 0)
        err(1, "%s", argv[1]);
    return status;
}
