/* SPDX-License-Identifier: MIT */
/*
 * What Xen's ring.h leaves to those who include it, and how to read from a
 * ring whose other side may be hostile.  It must not know what is on a ring.
 */
#ifndef GUEST_RING_H
#define GUEST_RING_H

#include <stddef.h>
#include <stdint.h>
#include <xen/io/ring.h>

#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

/* Where a ring that nobody has used yet begins: 0, unless somebody wants to
 * see the indices wrap around. */
#define RING_START(sring) __atomic_load_n(&(sring)->req_prod, __ATOMIC_RELAXED)

/*
 * How many responses there are to take, the index read once.  Negative if it
 * claims more than the requests that were pushed, whose index is `pushed` (the
 * ring's own copy may be anything).
 */
#define RING_RESPONSES(front, pushed)                                          \
    ring_responses(                                                            \
        __atomic_load_n(&(front)->sring->rsp_prod, __ATOMIC_ACQUIRE),          \
        (front)->rsp_cons, (pushed))

static inline int ring_responses(RING_IDX produced, RING_IDX consumed,
                                 RING_IDX pushed)
{
    RING_IDX count = produced - consumed;

    return count <= pushed - consumed ? (int)count : -1;
}

#endif
