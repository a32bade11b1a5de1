/* SPDX-License-Identifier: MIT */
/*
 * The context: what a program holds while it uses libchaos.
 *
 * Opening one is cheap and touches neither Xen nor the registry; both are
 * opened by the first call that needs them.  A context belongs to one thread
 * at a time; threads that work at once open one each.  A context must not be
 * used in a child after fork(): the child opens its own.
 *
 *     struct chaos *chaos;
 *     struct chaos_error err;
 *
 *     if (chaos_open(NULL, &chaos, &err) < 0)
 *         errx(1, "%s", err.message);
 *     ...
 *     chaos_close(chaos);
 */
#ifndef CHAOS_CONTEXT_H
#define CHAOS_CONTEXT_H

#include <chaos/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct chaos;

enum chaos_log_level {
    CHAOS_LOG_WARNING, /* something the user should know */
    CHAOS_LOG_INFO,    /* what is being done, one line a step */
    CHAOS_LOG_DEBUG,   /* details, Xen's own libraries included */
};

/* Called for each line of the log, without a newline at its end, in the
 * thread that called libchaos.  `message` is valid during the call only. */
typedef void (*chaos_log_fn)(void *user, enum chaos_log_level level,
                             const char *message);

struct chaos_options {
    chaos_log_fn log; /* NULL: no logging */
    void *log_user;
    enum chaos_log_level log_level; /* lines above it are not made at all */
    const char *run_dir; /* where the registry lives; NULL: /run/chaos */
    /* Where kernels are kept that were unpacked, 8 at most, until the next
     * boot; used only if nobody else can write there.  NULL: /var/cache/chaos
     */
    const char *cache_dir;
    const char *dump_dir; /* for cores; NULL: /var/lib/xen/dump */
};

/* Opens a context.  `options` may be NULL and is copied.  Does not block. */
int chaos_open(const struct chaos_options *options, struct chaos **chaos_r,
               struct chaos_error *err);

/* Closes it and frees all it holds.  NULL is fine.  Guests live on. */
void chaos_close(struct chaos *chaos);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
