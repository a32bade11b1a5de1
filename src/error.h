/* SPDX-License-Identifier: MIT */
/*
 * Filling a struct chaos_error.  Each function returns the code, so that a
 * failing function ends with `return chaos__fail(err, ...)`.
 */
#ifndef CHAOS_SRC_ERROR_H
#define CHAOS_SRC_ERROR_H

#include <chaos/error.h>

#define CHAOS__PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Sets code and message. */
int chaos__fail(struct chaos_error *err, int code, const char *format, ...)
    CHAOS__PRINTF(3, 4);

/* Sets the message with strerror(errnum) behind it, and a code from errnum:
 * ENOMEM becomes CHAOS_ENOMEM, everything else CHAOS_EFAILED. */
int chaos__fail_errno(struct chaos_error *err, int errnum, const char *format,
                      ...) CHAOS__PRINTF(3, 4);

/* Puts "context: " before the message of an error that is passed on with
 * its code `rc`. */
int chaos__fail_within(struct chaos_error *err, int rc, const char *format, ...)
    CHAOS__PRINTF(3, 4);

/* Makes each control character a question mark: a message may have what a guest
 * has written, or a script, and goes to a terminal or a journal. */
void chaos__make_printable(char *text);

/* errno's text, in English whatever the locale. */
const char *chaos__errno_text(int errnum);

/* Out of this process's memory. */
int chaos__fail_memory(struct chaos_error *err);

#endif
