/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void chaos__make_printable(char *text)
{
    unsigned char *byte = (unsigned char *)text;

    for (; *byte; byte++)
        if (*byte < 0x20 || *byte == 0x7f) {
            *byte = '?';
        } else if (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0) {
            byte[0] = byte[1] = '?'; /* C1, in UTF-8 */
        }
}

static int fail_v(struct chaos_error *err, int code, const char *format,
                  va_list args)
{
    if (err) {
        err->code = code;
        vsnprintf(err->message, sizeof(err->message), format, args);
        chaos__make_printable(err->message);
    }
    return code;
}

int chaos__fail(struct chaos_error *err, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail_v(err, code, format, args);
    va_end(args);
    return code;
}

int chaos__fail_errno(struct chaos_error *err, int errnum, const char *format,
                      ...)
{
    int code = errnum == ENOMEM ? CHAOS_ENOMEM : CHAOS_EFAILED;
    va_list args;
    size_t used;

    va_start(args, format);
    fail_v(err, code, format, args);
    va_end(args);
    if (err) {
        used = strlen(err->message);
        snprintf(err->message + used, sizeof(err->message) - used, ": %s",
                 chaos__errno_text(errnum));
    }
    return code;
}

int chaos__fail_within(struct chaos_error *err, int rc, const char *format, ...)
{
    char inner[CHAOS_ERROR_MESSAGE_MAX];
    va_list args;
    size_t used;

    if (!err)
        return rc;
    memcpy(inner, err->message, sizeof(inner));
    va_start(args, format);
    fail_v(err, rc, format, args);
    va_end(args);
    used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, ": %s", inner);
    return rc;
}

const char *chaos__errno_text(int errnum)
{
    const char *text = strerrordesc_np(errnum);

    return text ? text : "unknown error";
}

int chaos__fail_memory(struct chaos_error *err)
{
    return chaos__fail(err, CHAOS_ENOMEM, "out of memory in this process");
}
