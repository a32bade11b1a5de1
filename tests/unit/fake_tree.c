/* SPDX-License-Identifier: MIT */
#include "fake_state.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE (CHAOS__STORE_PATH_MAX + 1)

static struct fake_tree *transaction; /* under the lock; NULL: outside of one */

static struct fake_tree *tree(void)
{
    return transaction ? transaction : &fake_state->tree;
}

static struct fake_node *at(uint16_t number)
{
    return &tree()->nodes[number];
}

static uint16_t number_of(const struct fake_node *node)
{
    return (uint16_t)(node - tree()->nodes);
}

void fake_tree_reset(void)
{
    fake_tree_use(NULL);
    *at(0) = (struct fake_node){ .is_used = true, .access = "n0" };
}

struct fake_node *fake_tree_next(struct fake_node *directory,
                                 struct fake_node *after)
{
    uint16_t number = after ? after->next : directory->child;

    return number ? at(number) : NULL;
}

static struct fake_node *find_child(struct fake_node *directory,
                                    const char *name, size_t length)
{
    struct fake_node *node = NULL;

    while ((node = fake_tree_next(directory, node)))
        if (strncmp(node->name, name, length) == 0 && !node->name[length])
            return node;
    return NULL;
}

static void note_change(struct fake_node *node)
{
    tree()->changes++;
    for (;; node = at(node->parent)) {
        node->changed = tree()->changes;
        if (number_of(node) == 0)
            return;
    }
}

static struct fake_node *add_child(struct fake_node *directory,
                                   const char *name, size_t length)
{
    struct fake_node *node;
    unsigned number;

    if (length >= FAKE_TREE_NAME)
        return NULL;
    number = tree()->first_free ? tree()->first_free : 1;
    while (number <= tree()->last && at((uint16_t)number)->is_used)
        number++;
    if (number == FAKE_TREE_NODES)
        return NULL;
    tree()->first_free = number + 1;
    if (tree()->last < number)
        tree()->last = number;
    node = at((uint16_t)number);
    *node = (struct fake_node){
        .is_used = true,
        .parent = number_of(directory),
        .next = directory->child,
    };
    memcpy(node->name, name, length);
    memcpy(node->access, directory->access, sizeof(node->access));
    directory->child = (uint16_t)number;
    return node;
}

/* The node, and those above it, made when `make` says so. */
static struct fake_node *walk(const char *path, bool make)
{
    struct fake_node *node = at(0), *child;
    size_t length;

    while (*path == '/' && path[1]) {
        length = strcspn(++path, "/");
        child = find_child(node, path, length);
        if (!child && make)
            child = add_child(node, path, length);
        if (!child)
            return NULL;
        node = child;
        path += length;
    }
    return node;
}

/* What xenstored takes for the path of a node, relative ones aside. */
static bool is_path(const char *path)
{
    size_t length = strlen(path), i;

    if (*path != '/' || length > CHAOS__STORE_PATH_MAX ||
        (length > 1 && path[length - 1] == '/') || strstr(path, "//"))
        return false;
    for (i = 0; i < length; i++)
        if (!isalnum((unsigned char)path[i]) && !strchr("-/_@", path[i]))
            return false;
    return true;
}

struct fake_node *fake_tree_find(const char *path)
{
    return is_path(path) ? walk(path, false) : NULL;
}

int fake_tree_write(const char *path, const void *value, size_t length)
{
    struct fake_node *node;

    if (!is_path(path))
        return EINVAL;
    if (length >= FAKE_TREE_VALUE)
        return ENOSPC;
    node = walk(path, true);
    if (!node)
        return ENOSPC;
    memcpy(node->value, value, length);
    node->value[length] = '\0';
    node->length = length;
    note_change(node);
    return 0;
}

int fake_tree_make(const char *path)
{
    return fake_tree_find(path) ? 0 : fake_tree_write(path, "", 0);
}

int fake_tree_allow(const char *path, const char *access)
{
    struct fake_node *node = fake_tree_find(path);

    if (!node)
        return is_path(path) ? ENOENT : EINVAL;
    snprintf(node->access, sizeof(node->access), "%s", access);
    note_change(node);
    return 0;
}

static void remove_below(struct fake_node *node)
{
    struct fake_node *child = NULL;

    node->is_used = false;
    if (number_of(node) < tree()->first_free)
        tree()->first_free = number_of(node);
    while ((child = fake_tree_next(node, child)))
        remove_below(child);
}

int fake_tree_remove(const char *path)
{
    struct fake_node *node, *parent;
    uint16_t *link;
    char above[PATH_SIZE];

    if (!is_path(path) || !path[1])
        return EINVAL;
    node = walk(path, false);
    if (!node) {
        /* What is not there is as good as removed, in a directory that is. */
        snprintf(above, sizeof(above), "%s", path);
        *strrchr(above, '/') = '\0';
        return walk(above, false) ? 0 : ENOENT;
    }
    parent = at(node->parent);
    for (link = &parent->child; *link != number_of(node);)
        link = &at(*link)->next;
    *link = node->next;
    remove_below(node);
    note_change(parent);
    return 0;
}

const char *fake_tree_text(const char *directory, const char *name)
{
    char path[PATH_SIZE];
    struct fake_node *node;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    node = fake_tree_find(path);
    return node ? node->value : NULL;
}

int fake_tree_write_text(const char *directory, const char *name,
                         const char *format, ...)
{
    char path[PATH_SIZE], value[FAKE_TREE_VALUE];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return fake_tree_write(path, value, strlen(value));
}

/* ---------------------------------------------------------- transactions */

static void copy(struct fake_tree *to, const struct fake_tree *from)
{
    memcpy(to, from,
           offsetof(struct fake_tree, nodes) +
               (from->last + 1) * sizeof(from->nodes[0]));
}

struct fake_tree *fake_tree_copy(void)
{
    struct fake_tree *copied = malloc(sizeof(*copied));

    if (!copied)
        abort();
    copy(copied, &fake_state->tree);
    copied->copied_at = copied->changes;
    return copied;
}

void fake_tree_use(struct fake_tree *copied)
{
    transaction = copied;
}

bool fake_tree_commit(const struct fake_tree *copied)
{
    if (fake_state->tree.changes != copied->copied_at)
        return false;
    copy(&fake_state->tree, copied);
    return true;
}

/* ------------------------------------------------------------ what is left */

static bool is_nobodys(const char *path)
{
    static const char *const directories[] = {
        "/",
        "/local",
        "/local/domain",
        "/local/domain/0",
        "/local/domain/0/backend",
        "/local/domain/0/backend/vif",
        "/local/domain/0/backend/vbd",
        "/local/domain/0/backend/console",
        "/local/domain/0/backend/9pfs",
        "/local/domain/0/device-model",
        "/libxl",
        "/vm",
        "/local/domain/0/error",
        "/local/domain/0/error/backend",
        "/local/domain/0/error/backend/vif",
        "/local/domain/0/error/backend/vbd",
    };
    size_t i;

    for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
        if (strcmp(path, directories[i]) == 0)
            return true;
    return false;
}

static bool check_below(struct fake_node *node, const char *path)
{
    struct fake_node *child = NULL;
    char below[PATH_SIZE];
    bool clean = is_nobodys(path);

    if (!clean) { /* it is enough to tell of the highest */
        fprintf(stderr, "fake_hv: XenStore node left: %s\n", path);
        return false;
    }
    while ((child = fake_tree_next(node, child))) {
        snprintf(below, sizeof(below), "%s/%s", path[1] ? path : "",
                 child->name);
        clean = check_below(child, below) && clean;
    }
    return clean;
}

bool fake_tree_check_clean(void)
{
    return check_below(at(0), "/");
}
