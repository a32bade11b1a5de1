/* SPDX-License-Identifier: MIT */
/*
 * The configuration of a guest: xl.cfg's syntax and keys, see chaos.cfg(5).
 *
 * A configuration is made from a file or a string, may then be overridden key
 * by key, and is checked as a whole when a guest is created from it.  It does
 * not refer to the context after it was made.
 */
#ifndef CHAOS_CONFIG_H
#define CHAOS_CONFIG_H

#include <chaos/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct chaos_config;

/*
 * Reads the configuration in file `path`; "-" is standard input.  Warnings
 * (keys that are known and ignored) go to the context's log.  On success the
 * caller owns *config_r.  Errors: CHAOS_EINVAL with file, line and column;
 * CHAOS_ENOTSUP for a key or value that chaos knows and does not support;
 * CHAOS_EFAILED when the file cannot be read.  Blocks on the file alone.
 */
int chaos_config_load(struct chaos *chaos, const char *path,
                      struct chaos_config **config_r, struct chaos_error *err);

/* The same from `text`; `name` stands in messages for the file's name. */
int chaos_config_parse(struct chaos *chaos, const char *text, const char *name,
                       struct chaos_config **config_r, struct chaos_error *err);

/*
 * Overrides one key.  `assignment` is a line of a configuration
 * ("memory=64", "name=\"web\""); a bare word is taken as a string
 * ("name=web").  On failure the configuration is as it was.
 */
int chaos_config_set(struct chaos *chaos, struct chaos_config *config,
                     const char *assignment, struct chaos_error *err);

/*
 * Checks what concerns the configuration as a whole (a kernel is named,
 * maxmem is not below memory, ...), without Xen and without opening the
 * kernel.  chaos_guest_create() does the same first.
 */
int chaos_config_check(const struct chaos_config *config,
                       struct chaos_error *err);

/*
 * Writes the configuration, defaults included, as text that
 * chaos_config_parse() reads back to the same configuration.  The caller
 * frees *text_r.
 */
int chaos_config_format(const struct chaos_config *config, char **text_r,
                        struct chaos_error *err);

/* Frees it.  NULL is fine. */
void chaos_config_free(struct chaos_config *config);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
