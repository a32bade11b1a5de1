/* SPDX-License-Identifier: MIT */
/*
 * The strings in vif=[...], disk=[...] and p9=[...]: parameters between commas,
 * most of which are a key and a value.  It knows the form and how to complain,
 * and none of the keys.
 */
#ifndef CHAOS_SRC_CONFIG_ITEM_H
#define CHAOS_SRC_CONFIG_ITEM_H

#include "config/keys.h"
#include "config/span.h"

struct chaos__item {
    struct chaos__assignment assignment; /* as if it were of this string */
    struct chaos__setting setting;
    struct chaos__span rest;      /* what has not been looked at */
    struct chaos__span parameter; /* "mac=00:16:3e:00:00:01" */
    struct chaos__span key;       /* "mac"; a word without = is all key */
    struct chaos__span value; /* what stands behind the =, if there is one */
    uint64_t seen;            /* bit i: the i-th known key was there */
};

/* What can stand in such a string. */
struct chaos__item_key {
    const char *name;
    bool is_flag; /* it takes no value; all others do */
    bool is_ignored;
    /* NULL: `why` says why it is ignored or not supported, and what to do. */
    int (*set)(struct chaos__item *item, void *user);
    const char *why;
};

#define CHAOS__ITEM_KEYS_MAX 64

/* What a list of strings becomes: an array with an element for each. */
struct chaos__item_list {
    const char *device; /* stands in messages */
    unsigned max;
    size_t size; /* of an element */
    /* Fills in the element at `index`, which is all zero; those before it are
     * done. */
    int (*parse)(const struct chaos__assignment *assignment,
                 const struct chaos__value *value, void *elements,
                 unsigned index);
    /* Those that were not filled in are all zero. */
    void (*free)(void *elements, unsigned count);
};

/*
 * Makes the array, the caller's to free; of an empty list NULL and 0.  Fails if
 * the value is no list, if one of its elements is no string, or if there are
 * more than `max`.
 */
int chaos__item_list_parse(const struct chaos__assignment *assignment,
                           const struct chaos__item_list *list,
                           void **elements_r, unsigned *count_r);

/* Begins with one of the strings; the item must not be moved then. */
int chaos__item_begin(struct chaos__item *item,
                      const struct chaos__assignment *assignment,
                      const struct chaos__value *value);

void chaos__item_skip_blanks(struct chaos__item *item);

/* Goes on to the parameter before the next comma, which may be empty.  False
 * at the end of the string. */
bool chaos__item_next(struct chaos__item *item);

/* Makes the parameter of the string's next `length` bytes. */
void chaos__item_take(struct chaos__item *item, size_t length);

/* The key that the parameter has, of `keys`; NULL if it is none of them. */
const struct chaos__item_key *
chaos__item_find(const struct chaos__item *item,
                 const struct chaos__item_key *keys, size_t count);

/* Does what the key wants; it is of `keys`. */
int chaos__item_apply(struct chaos__item *item,
                      const struct chaos__item_key *keys,
                      const struct chaos__item_key *key, void *user);

/* backend=, which is the same for all devices; `user` is not used. */
int chaos__item_set_backend(struct chaos__item *item, void *user);

/* Fails because the parameter's key is none of `keys`. */
int chaos__item_fail_unknown(const struct chaos__item *item,
                             const struct chaos__item_key *keys, size_t count);

/* Fails with 'source:line:column: vif="mac=zz": mac=zz: ' before the message,
 * and without the second part if there is no parameter. */
int chaos__item_fail(const struct chaos__item *item, int code,
                     const char *format, ...) CHAOS__PRINTF(3, 4);

#endif
