/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <stdarg.h>
#include <stddef.h>

#include "console.h"

struct buffer {
    char *text;
    size_t length, size;
};

static void put(struct buffer *b, char c)
{
    if (b->length < b->size)
        b->text[b->length++] = c;
}

static void put_string(struct buffer *b, const char *s)
{
    while (*s)
        put(b, *s++);
}

static void put_number(struct buffer *b, unsigned long n, int least)
{
    char digits[21]; /* 2^64 has 20 */
    char *d = digits + sizeof(digits) - 1;

    *d = '\0';
    do
        *--d = '0' + n % 10;
    while (n /= 10);
    for (int have = digits + sizeof(digits) - 1 - d; have < least; have++)
        put(b, '0');
    put_string(b, d);
}

static void put_all(struct buffer *b, const char *format, va_list args)
{
    for (; *format; format++) {
        int least = 0;

        if (*format != '%') {
            put(b, *format);
            continue;
        }
        format++;
        if (*format == 's') {
            put_string(b, va_arg(args, const char *));
            continue;
        }
        if (*format == '0') { /* %02lu */
            least = format[1] - '0';
            format += 2;
        }
        format++; /* %lu */
        put_number(b, va_arg(args, unsigned long), least);
    }
}

void print(const char *format, ...)
{
    char text[PRINT_MAX];
    struct buffer b = { .text = text, .size = sizeof(text) };
    va_list args;

    va_start(args, format);
    put_all(&b, format, args);
    va_end(args);
    console_write(b.text, b.length);
}

size_t print_to(char *text, size_t size, const char *format, ...)
{
    struct buffer b = { .text = text, .size = size - 1 };
    va_list args;

    va_start(args, format);
    put_all(&b, format, args);
    va_end(args);
    text[b.length] = '\0';
    return b.length;
}
