/* SPDX-License-Identifier: MIT */
#include "directory.h"

#include <stdarg.h>
#include <stdio.h>

struct path {
    char text[256];
};

static struct path join(const char *directory, const char *node)
{
    struct path path;

    snprintf(path.text, sizeof(path.text), "%s/%s", directory, node);
    return path;
}

void chaos__store_set(struct chaos__store *store, const char *directory,
                      const char *node, const char *value)
{
    const struct path path = join(directory, node);

    chaos__store_write(store, path.text, value);
}

void chaos__store_set_number(struct chaos__store *store, const char *directory,
                             const char *node, uint64_t value)
{
    const struct path path = join(directory, node);

    chaos__store_write_number(store, path.text, value);
}

void chaos__store_set_text(struct chaos__store *store, const char *directory,
                           const char *node, const char *format, ...)
{
    char value[128];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    chaos__store_set(store, directory, node, value);
}

void chaos__store_allow_node(struct chaos__store *store, const char *directory,
                             const char *node, uint32_t owner, uint32_t reader)
{
    const struct path path = join(directory, node);

    chaos__store_allow(store, path.text, owner, reader);
}
