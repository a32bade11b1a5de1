/* SPDX-License-Identifier: MIT */
/* Queueing requests for the nodes of one directory. */
#ifndef CHAOS_SRC_STORE_DIRECTORY_H
#define CHAOS_SRC_STORE_DIRECTORY_H

#include "store.h"

/* Each node's path is that of the directory and its own, with a slash between
 * them; both together have 255 bytes at most. */
void chaos__store_set(struct chaos__store *store, const char *directory,
                      const char *node, const char *value);
void chaos__store_set_number(struct chaos__store *store, const char *directory,
                             const char *node, uint64_t value);
/* The value has 127 bytes at most. */
void chaos__store_set_text(struct chaos__store *store, const char *directory,
                           const char *node, const char *format, ...)
    CHAOS__PRINTF(4, 5);
/* Says who may do what with a node: see chaos__store_allow(). */
void chaos__store_allow_node(struct chaos__store *store, const char *directory,
                             const char *node, uint32_t owner, uint32_t reader);

#endif
