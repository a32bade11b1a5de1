/* SPDX-License-Identifier: MIT */
/* Marks in a program for plugin.c: instructions that do nothing, with a number
 * in them that nothing else has. */
#ifndef CHAOS_BENCH_MARK_H
#define CHAOS_BENCH_MARK_H

/* nopl NUMBER(%rax) */
#define MARK_FIRST 0x0f, 0x1f, 0x80, 0x63, 0x68, 0x61, 0x6f
#define MARK_LAST 0x0f, 0x1f, 0x80, 0x6f, 0x61, 0x68, 0x63

#define MARK_TEXT_(...) #__VA_ARGS__
#define MARK_TEXT(...) MARK_TEXT_(__VA_ARGS__)
#define MARK(bytes) __asm__ volatile(".byte " MARK_TEXT(bytes)::: "memory")

#endif
