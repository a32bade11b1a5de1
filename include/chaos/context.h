/* SPDX-License-Identifier: MIT */
/*
 * The context: what a program holds while it uses libchaos.
 *
 * Opening one is cheap and touches neither Xen nor the registry; both are
 * opened by the first call that needs them.  A context belongs to one thread
 * at a time; threads that work at once open one each.  A context must not be
 * used in a child after fork(): the child opens its own.  Creating a guest from
 * an image of 4 MiB or more forks a child, too, which copies the image and has
 * ended when the call returns; a program that takes note of children it does
 * not know (SIGCHLD, waitpid(-1)) may see it.
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

/*
 * What making a guest goes through.  A phase lasts until the next one begins;
 * each guest goes through some of them, in this order, but for one that loses
 * the shell that it took: that one goes on at CHAOS_PHASE_CLAIM.
 */
enum chaos_phase {
    CHAOS_PHASE_FILES = 0,    /* configuration, kernel and ramdisk are read */
    CHAOS_PHASE_HOST = 1,     /* Xen and the registry are opened, what dead
                               * processes left is undone */
    CHAOS_PHASE_CLAIM = 2,    /* a shell is looked for, and taken */
    CHAOS_PHASE_RESERVE = 3,  /* without one: name and UUID are taken */
    CHAOS_PHASE_DOMAIN = 4,   /* a domain is made */
    CHAOS_PHASE_MEMORY = 5,   /* it gets vCPUs, memory and event channels */
    CHAOS_PHASE_DEVICES = 6,  /* XenStore is told of devices, and of the guest
                               * if that speaks to it */
    CHAOS_PHASE_DRESS = 7,    /* a shell gets what is the guest's to choose */
    CHAOS_PHASE_IMAGE = 8,    /* the image is loaded */
    CHAOS_PHASE_BACKENDS = 9, /* back ends are waited for */
    CHAOS_PHASE_START = 10,   /* it is pinned, kept in the registry, and runs */
    CHAOS_PHASE_DONE = 11,    /* nothing more: also after a failure */
};

/* A word for it, of the constant's name: "files", ..., "done". */
const char *chaos_phase_name(enum chaos_phase phase);

/*
 * Called by chaos_guest_create() when a phase begins, and last of all with
 * CHAOS_PHASE_DONE; by chaos_pool_fill() likewise for each shell, from
 * CHAOS_PHASE_RESERVE on.  libchaos takes no time for it: who wants to know how
 * long a phase takes looks at a clock.  Runs in the thread that called
 * libchaos, while that has locks, and may not call it.
 */
typedef void (*chaos_phase_fn)(void *user, enum chaos_phase phase);

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
    chaos_phase_fn phase; /* NULL: nobody wants to know */
    void *phase_user;
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
