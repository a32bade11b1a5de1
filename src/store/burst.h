/* SPDX-License-Identifier: MIT */
/*
 * Requests that are sent together, and what comes of them: where answers go,
 * and what an error among them means to who asked.  It must not know what can
 * be asked for.
 */
#ifndef CHAOS_SRC_STORE_BURST_H
#define CHAOS_SRC_STORE_BURST_H

#include "wire.h"

/* An answer's payload goes to `value`, cut to `size` - 1 bytes and closed by a
 * NUL; of a list, whole names alone.  NULL: nobody wants it. */
struct chaos__request {
    enum chaos__wire_type type;
    size_t at; /* where it is in `out` */
    char *value;
    size_t size;
};

/* All zeroes: one with nothing in it. */
struct chaos__burst {
    uint32_t first;       /* the number of the first request */
    uint32_t transaction; /* that requests are part of if they can; 0: none */
    bool has_conflict;    /* an answer was to try again; set, never cleared */
    struct chaos__request *requests;
    size_t count, requests_size;
    size_t sent; /* of them; their answers are still to be taken */
    char *out;   /* the bytes to send */
    size_t out_length, out_size;
    int rc;            /* what could not be added */
    char refused[128]; /* the start of what was too long */
};

void chaos__burst_free(struct chaos__burst *burst);

/* Adds a request for `path`, which is sent with its NUL, and `more` behind it.
 * NULL: it cannot be added, and running will fail. */
struct chaos__request *chaos__burst_add(struct chaos__burst *burst,
                                        enum chaos__wire_type type,
                                        const char *path, const void *more,
                                        size_t more_length);

/* Sends all, if answers can wait in xenstored for so many, and else nothing. */
int chaos__burst_send(struct chaos__burst *burst, struct chaos__wire *wire,
                      struct chaos_error *err);

/* Empties it, when no answers are to be taken; the numbers of what is in it are
 * not used again. */
void chaos__burst_drop(struct chaos__burst *burst);

/* Sends all, takes all answers, and empties it.  The first error is told of;
 * nothing more is sent when something could not be added. */
int chaos__burst_run(struct chaos__burst *burst, struct chaos__wire *wire,
                     struct chaos_error *err);

#endif
