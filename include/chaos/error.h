/* SPDX-License-Identifier: MIT */
/*
 * Errors of libchaos.
 *
 * A function that can fail returns 0 (or a count) on success and a negative
 * CHAOS_E* on failure.  Its last parameter is the caller's struct chaos_error:
 * it may be NULL, is left untouched on success, and on failure holds the code
 * and a text that says what was being done, on what, and what to do about it.
 * It needs no heap and no release, so it works when memory is out.
 */
#ifndef CHAOS_ERROR_H
#define CHAOS_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define CHAOS_EFAILED (-1)   /* none of the below; the text says what */
#define CHAOS_EINVAL (-2)    /* an argument or a configuration is wrong */
#define CHAOS_ENOGUEST (-3)  /* no such guest */
#define CHAOS_EEXIST (-4)    /* the name, UUID or address is taken */
#define CHAOS_ETIMEDOUT (-5) /* it did not happen in the time given */
#define CHAOS_ENOXEN (-6)    /* no Xen under this kernel, or no permission */
#define CHAOS_ENOMEM (-7)    /* out of memory (host's or Xen's) or of domids */
#define CHAOS_EIMAGE (-8)    /* a kernel image cannot be used */
#define CHAOS_EBUSY (-9)     /* somebody else is using it */
#define CHAOS_ENOTSUP (-10)  /* known, but not supported */

#define CHAOS_ERROR_MESSAGE_MAX 508

struct chaos_error {
    int code; /* CHAOS_E* */
    char message[CHAOS_ERROR_MESSAGE_MAX];
};

#ifdef __cplusplus
}
#endif

#endif
