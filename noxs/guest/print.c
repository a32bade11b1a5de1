/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <stdarg.h>
#include <stddef.h>

#include "console.h"

struct buffer {
    char text[PRINT_MAX];
    size_t length;
};

static void put(struct buffer *b, char c)
{
    if (b->length < PRINT_MAX)
        b->text[b->length++] = c;
}

static void put_string(struct buffer *b, const char *s)
{
    while (*s)
        put(b, *s++);
}

static void put_number(struct buffer *b, unsigned long n)
{
    char digits[21]; /* 2^64 has 20 */
    char *d = digits + sizeof(digits) - 1;

    *d = '\0';
    do
        *--d = '0' + n % 10;
    while (n /= 10);
    put_string(b, d);
}

void print(const char *format, ...)
{
    struct buffer b;
    va_list args;

    b.length = 0;
    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(&b, *format);
        } else if (*++format == 's') {
            put_string(&b, va_arg(args, const char *));
        } else {
            format++; /* %lu */
            put_number(&b, va_arg(args, unsigned long));
        }
    }
    va_end(args);
    console_write(b.text, b.length);
}
