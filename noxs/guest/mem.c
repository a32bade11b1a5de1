/* SPDX-License-Identifier: MIT */
#include "mem.h"

void *memcpy(void *to, const void *from, size_t n)
{
    void *start = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;

    if ((size_t)(t - f) >= n)
        return memcpy(to, from, n);
    while (n--) {
        t[n] = f[n];
        __asm__ volatile("" : : : "memory"); /* or it becomes memmove() */
    }
    return to;
}

void *memset(void *to, int c, size_t n)
{
    void *start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n]) {
        n++;
        __asm__ volatile(""); /* or it becomes strlen() */
    }
    return n;
}

bool strings_equal(const char *a, const char *b)
{
    for (; *a == *b; a++, b++)
        if (!*a)
            return true;
    return false;
}

static bool parse_number(const char *s, unsigned long *number_r)
{
    unsigned long n = 0;

    do {
        if (*s < '0' || *s > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (unsigned long)(*s - '0'), &n))
            return false;
        s++;
    } while (*s && *s != ' ');
    *number_r = n;
    return true;
}

unsigned long option_number(const char *cmdline, const char *name,
                            unsigned long otherwise)
{
    size_t length = strlen(name);
    const char *s = cmdline;

    while (*s) {
        unsigned long number;
        size_t i = 0;

        while (i < length && s[i] == name[i])
            i++;
        if (i == length && s[i] == '=')
            return parse_number(s + i + 1, &number) ? number : otherwise;
        while (*s && *s != ' ')
            s++;
        while (*s == ' ')
            s++;
    }
    return otherwise;
}
