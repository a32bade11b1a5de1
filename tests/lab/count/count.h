/* SPDX-License-Identifier: MIT */
/* What the parts of the program share; count.c tells what it is for. */
#ifndef CHAOS_TESTS_LAB_COUNT_H
#define CHAOS_TESTS_LAB_COUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_SIZE 64

/* counts.c */

void add(const char *kind, const char *name, unsigned long long n);
/* All of them, sorted. */
void print(FILE *file);
/* A call's name, or its number where it has none. */
const char *name_of(const char *group, unsigned long long number,
                    char text[NAME_SIZE]);

/* memory.c: what the command sees. */

extern pid_t command; /* its process */
/* Makes the file that read_buffer() needs; the command has to inherit it. */
void share_file(void);
bool read_memory(uint64_t address, void *into, size_t size);
/*
 * Reads what libxencall has from /dev/xen/hypercall, which only the process
 * itself can read: such mappings are closed to ptrace.  The thread is about to
 * do a system call.  It writes the bytes to the shared file first, and then
 * comes to its own call once more.
 */
bool read_buffer(pid_t tid, uint64_t address, void *into, size_t size);
/* What stands behind a descriptor, "" if nothing does. */
void read_link(uint64_t fd, char text[NAME_SIZE]);
bool ends_in(const char *text, const char *end);

/* privcmd.c: what goes to Xen. */

void count_privcmd(pid_t tid, uint64_t request, uint64_t address);

/* store.c: what goes to xenstored. */

/* After a system call that has succeeded or is on its way. */
void count_store(uint64_t number, const uint64_t arguments[6], int64_t result);

#endif
