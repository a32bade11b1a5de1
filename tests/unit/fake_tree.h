/* SPDX-License-Identifier: MIT */
/*
 * XenStore's tree, in memory that processes share.  It knows no protocol and
 * no connection.  All under the fake's lock.
 */
#ifndef CHAOS_TESTS_FAKE_TREE_H
#define CHAOS_TESTS_FAKE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_TREE_NODES 16384
#define FAKE_TREE_NAME 64
#define FAKE_TREE_VALUE 1024
#define FAKE_TREE_ACCESS 32

struct fake_node {
    bool is_used;
    uint16_t parent, child, next; /* 0 is the root, and so nobody's child */
    uint64_t changed;             /* the last change at it or below it */
    size_t length;
    char name[FAKE_TREE_NAME];
    char value[FAKE_TREE_VALUE];   /* with a NUL behind it */
    char access[FAKE_TREE_ACCESS]; /* as "n0,r5" */
};

struct fake_tree {
    uint64_t changes, copied_at;
    unsigned first_free; /* all below are used */
    unsigned last;       /* all above are not, and in a copy they are rubbish */
    struct fake_node nodes[FAKE_TREE_NODES];
};

/* The root alone, which is dom0's. */
void fake_tree_reset(void);

/* 0 or an errno, as xenstored answers.  What is made may be accessed as what it
 * is made in. */
int fake_tree_write(const char *path, const void *value, size_t length);
int fake_tree_make(const char *path);
int fake_tree_allow(const char *path, const char *access);
int fake_tree_remove(const char *path);
/* NULL: there is none. */
struct fake_node *fake_tree_find(const char *path);
/* The value of a node in a directory as text; NULL: there is none. */
const char *fake_tree_text(const char *directory, const char *name);
int fake_tree_write_text(const char *directory, const char *name,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Children in any order: start with NULL, ends with NULL. */
struct fake_node *fake_tree_next(struct fake_node *directory,
                                 struct fake_node *after);

/*
 * A transaction's tree, which free() ends.  All functions are about it from
 * fake_tree_use() on, until that is called with NULL.  When nobody has changed
 * the real one meanwhile it takes that one's place; false: somebody has.
 */
struct fake_tree *fake_tree_copy(void);
void fake_tree_use(struct fake_tree *copied);
bool fake_tree_commit(const struct fake_tree *copied);

/* Whether all that is left are directories that belong to nobody; says what
 * else there is. */
bool fake_tree_check_clean(void);

#endif
