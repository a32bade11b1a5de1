/* SPDX-License-Identifier: MIT */
/*
 * The syntax of xl.cfg: text in, a list of settings with positions out.
 * It knows no key and no meaning, so it must not look at a setting's name.
 *
 * Names are unique in the list: a later setting of a key replaces the
 * earlier one, and `+=` has been carried out.
 */
#ifndef CHAOS_SRC_CONFIG_SYNTAX_H
#define CHAOS_SRC_CONFIG_SYNTAX_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds on what is accepted.  A guest's configuration is far below them;
 * they keep a hostile file from costing much time, memory or stack. */
#define CHAOS__SYNTAX_BYTES_MAX (1024 * 1024)
#define CHAOS__SYNTAX_SETTINGS_MAX 4096
#define CHAOS__SYNTAX_DEPTH_MAX 32

struct chaos__position {
    uint32_t line;   /* from 1; 0: no position */
    uint32_t column; /* in bytes, from 1 */
};

enum chaos__value_kind {
    CHAOS__VALUE_ATOM, /* a string or a number: xl makes no difference */
    CHAOS__VALUE_LIST,
};

struct chaos__value {
    enum chaos__value_kind kind;
    struct chaos__position at;
    struct chaos__value *next; /* in the list that this is an item of */
    union {
        struct {
            char *text; /* no NUL inside, one behind */
            size_t length;
            size_t capacity;
        } atom;
        struct {
            struct chaos__value *first;
            struct chaos__value *last;
            size_t count;
        } list;
    } u;
};

struct chaos__setting {
    struct chaos__setting *next;
    const char *name;
    struct chaos__position at;
    bool is_added; /* the last assignment was `+=` */
    struct chaos__value value;
};

struct chaos__arena_chunk;

struct chaos__syntax {
    const char *source; /* the caller's; stands in messages for the file */
    struct chaos__setting *first; /* in the order of their first assignment */
    struct chaos__setting *last;
    size_t count;
    struct chaos__arena_chunk *chunks; /* own everything above */
};

/*
 * Parses `length` bytes of text.  `source` must live as long as *syntax.
 * CHAOS_EINVAL with file, line and column, or CHAOS_ENOMEM.  On success and
 * on failure *syntax may be passed to chaos__syntax_free().
 */
int chaos__syntax_parse(struct chaos__syntax *syntax, const char *text,
                        size_t length, const char *source,
                        struct chaos_error *err);

/*
 * Makes a single setting of a string that is not written as one: the bare
 * words of the command line.  As above otherwise; `name` is copied.
 */
int chaos__syntax_bare(struct chaos__syntax *syntax, const char *name,
                       size_t name_length, const char *text, size_t length,
                       const struct chaos__position *at, bool is_added,
                       const char *source, struct chaos_error *err);

void chaos__syntax_free(struct chaos__syntax *syntax);

/* The length of the key that `text` begins with, 0 if it begins with none. */
size_t chaos__syntax_key_length(const char *text, size_t length);

#endif
