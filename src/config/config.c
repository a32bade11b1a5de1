/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "config/keys.h"
#include "config/syntax.h"
#include "context.h"

#include <chaos/pool.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libxl: libxl__domain_build_info_setdefault() */
#define MEMORY_KB_DEFAULT (UINT64_C(32) * 1024)

#define OVERRIDE_SOURCE "override"

static char *copy_string(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    return copy ? memcpy(copy, text, size) : NULL;
}

static bool is_set(const struct chaos_config *config, enum chaos__key key)
{
    return config->places[key].line > 0;
}

/* What depends on several keys; after each change. */
static void settle(struct chaos_config *config)
{
    if (is_set(config, CHAOS__KEY_MEMORY))
        return;
    config->memory_kb = is_set(config, CHAOS__KEY_MAXMEM) ? config->maxmem_kb
                                                          : MEMORY_KB_DEFAULT;
}

static void warn_overridden(struct chaos *chaos,
                            const struct chaos_config *config)
{
    if (config->cmdline && (config->root || config->extra))
        chaos__log(chaos, CHAOS_LOG_WARNING,
                   "%s: root= and extra= are ignored because cmdline= is set: "
                   "remove them or it",
                   config->source);
}

static struct chaos_config *new_config(const char *source,
                                       struct chaos_error *err)
{
    struct chaos_config *config = calloc(1, sizeof(*config));

    if (config)
        config->source = copy_string(source);
    if (!config || !config->source) {
        free(config);
        chaos__fail_memory(err);
        return NULL;
    }
    config->type = CHAOS__TYPE_PV;
    config->vcpus = 1;
    config->on_poweroff = CHAOS__ACTION_DESTROY;
    config->on_reboot = CHAOS__ACTION_RESTART;
    config->on_crash = CHAOS__ACTION_DESTROY;
    config->on_watchdog = CHAOS__ACTION_DESTROY;
    return config;
}

static int parse(struct chaos *chaos, const char *text, size_t length,
                 const char *source, bool is_flavor,
                 struct chaos_config **config_r, struct chaos_error *err)
{
    struct chaos__syntax syntax;
    struct chaos_config *config = NULL;
    int rc;

    rc = chaos__syntax_parse(&syntax, text, length, source, err);
    if (rc < 0)
        goto out;
    config = new_config(source, err);
    if (!config) {
        rc = CHAOS_ENOMEM;
        goto out;
    }
    config->is_flavor = is_flavor;
    rc = chaos__keys_apply(chaos, config, &syntax, false, err);
    if (rc < 0)
        goto out;
    settle(config);
    warn_overridden(chaos, config);
    *config_r = config;
    config = NULL;
out:
    chaos__syntax_free(&syntax);
    chaos_config_free(config);
    return rc;
}

int chaos_config_parse(struct chaos *chaos, const char *text, const char *name,
                       struct chaos_config **config_r, struct chaos_error *err)
{
    return parse(chaos, text, strlen(text), name, false, config_r, err);
}

int chaos__config_of_device(struct chaos *chaos, const char *key,
                            const char *spec, struct chaos_config **config_r,
                            struct chaos_error *err)
{
    struct chaos__value item = { .kind = CHAOS__VALUE_ATOM };
    struct chaos__setting setting = { .name = key };
    struct chaos__syntax syntax = {
        .source = key, .first = &setting, .last = &setting, .count = 1
    };
    char *text = copy_string(spec);
    struct chaos_config *config = text ? new_config(key, err) : NULL;
    int rc = CHAOS_ENOMEM;

    item.u.atom.text = text;
    item.u.atom.length = strlen(spec);
    setting.value.kind = CHAOS__VALUE_LIST;
    setting.value.u.list.first = setting.value.u.list.last = &item;
    setting.value.u.list.count = 1;
    if (config)
        rc = chaos__keys_apply(chaos, config, &syntax, false, err);
    else
        chaos__fail_memory(err);
    free(text);
    if (rc < 0)
        chaos_config_free(config);
    else
        *config_r = config;
    return rc;
}

/* Stops behind the parser's limit, so that the parser sees the excess. */
static int read_all(int fd, const char *source, char **text_r, size_t *length_r,
                    struct chaos_error *err)
{
    size_t size = 1024, length = 0;
    char *text = malloc(size);

    while (text && length <= CHAOS__SYNTAX_BYTES_MAX) {
        ssize_t r;

        if (length == size) {
            char *larger = realloc(text, 4 * size);

            if (!larger)
                free(text);
            text = larger;
            size *= 4;
            continue;
        }
        r = read(fd, text + length, size - length);
        if (r == 0)
            break;
        if (r > 0) {
            length += (size_t)r;
        } else if (errno != EINTR) {
            int errnum = errno;

            free(text);
            return chaos__fail_errno(err, errnum, "cannot read %s", source);
        }
    }
    if (!text)
        return chaos__fail_memory(err);
    *text_r = text;
    *length_r = length;
    return 0;
}

static int load(struct chaos *chaos, const char *path, bool is_flavor,
                struct chaos_config **config_r, struct chaos_error *err)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const char *source = is_stdin ? "stdin" : path;
    char *text = NULL;
    size_t length = 0;
    int fd = STDIN_FILENO;
    int rc;

    if (!is_stdin) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return chaos__fail_errno(err, errno, "cannot open %s", path);
    }
    rc = read_all(fd, source, &text, &length, err);
    if (!is_stdin)
        close(fd);
    if (rc == 0)
        rc = parse(chaos, text, length, source, is_flavor, config_r, err);
    free(text);
    return rc;
}

int chaos_config_load(struct chaos *chaos, const char *path,
                      struct chaos_config **config_r, struct chaos_error *err)
{
    return load(chaos, path, false, config_r, err);
}

int chaos_flavor_load(struct chaos *chaos, const char *path,
                      struct chaos_config **config_r, struct chaos_error *err)
{
    return load(chaos, path, true, config_r, err);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * If the assignment is a key and a value that is neither in quotes nor a
 * list, makes a string of all that stands behind the sign.
 */
static int parse_bare(struct chaos__syntax *syntax, const char *text,
                      bool *is_bare_r, struct chaos_error *err)
{
    const char *end = text + strlen(text);
    const char *key = text, *p;
    struct chaos__position at = { 1, 1 };
    size_t key_length;
    bool is_added;

    *is_bare_r = false;
    while (is_blank(*key))
        key++;
    key_length = chaos__syntax_key_length(key, (size_t)(end - key));
    for (p = key + key_length; is_blank(*p);)
        p++;
    is_added = *p == '+';
    p += is_added;
    if (key_length == 0 || *p != '=')
        return 0;
    for (p++; is_blank(*p);)
        p++;
    if (*p == '"' || *p == '\'' || *p == '[' || strpbrk(p, "\r\n"))
        return 0;
    while (end > p && is_blank(end[-1]))
        end--;
    *is_bare_r = true;
    at.column = (uint32_t)(p - text) + 1;
    return chaos__syntax_bare(syntax, key, key_length, p, (size_t)(end - p),
                              &at, is_added, OVERRIDE_SOURCE, err);
}

static int parse_override(struct chaos__syntax *syntax, const char *text,
                          struct chaos_error *err)
{
    struct chaos_error syntax_err;
    bool is_bare;
    int rc, bare_rc;

    rc = chaos__syntax_parse(syntax, text, strlen(text), OVERRIDE_SOURCE,
                             &syntax_err);
    if (rc == CHAOS_EINVAL) {
        chaos__syntax_free(syntax);
        bare_rc = parse_bare(syntax, text, &is_bare, err);
        if (bare_rc < 0 || is_bare)
            return bare_rc;
    }
    if (rc < 0)
        return chaos__fail(err, rc, "%s", syntax_err.message);
    if (syntax->count != 1)
        return chaos__fail(err, CHAOS_EINVAL, OVERRIDE_SOURCE ":1:1: %s",
                           syntax->count
                               ? "more than one key: set one at a time"
                               : "nothing is set: write key=value");
    return 0;
}

static bool is_command_line(const char *key)
{
    return strcmp(key, "cmdline") == 0 || strcmp(key, "root") == 0 ||
           strcmp(key, "extra") == 0;
}

int chaos_config_set(struct chaos *chaos, struct chaos_config *config,
                     const char *assignment, struct chaos_error *err)
{
    struct chaos__syntax syntax = { 0 };
    int rc;

    rc = parse_override(&syntax, assignment, err);
    if (rc < 0)
        goto out;
    rc = chaos__keys_apply(chaos, config, &syntax, true, err);
    if (rc < 0)
        goto out;
    settle(config);
    if (is_command_line(syntax.first->name))
        warn_overridden(chaos, config);
out:
    chaos__syntax_free(&syntax);
    return rc;
}

char *chaos__config_command_line(const struct chaos_config *config)
{
    static const char root_key[] = "root=";
    size_t root_length, extra_length;
    char *line, *p;

    if (config->cmdline)
        return copy_string(config->cmdline);
    if (!config->root)
        return copy_string(config->extra ? config->extra : "");
    root_length = strlen(config->root);
    extra_length = config->extra ? strlen(config->extra) : 0;
    line = malloc(sizeof(root_key) + root_length + 1 + extra_length);
    if (!line)
        return NULL;
    memcpy(line, root_key, sizeof(root_key) - 1);
    p = line + sizeof(root_key) - 1;
    memcpy(p, config->root, root_length + 1);
    if (config->extra) {
        p += root_length;
        *p++ = ' ';
        memcpy(p, config->extra, extra_length + 1);
    }
    return line;
}

const struct chaos_cpuset *
chaos__affinity_of(const struct chaos__affinity *affinity, unsigned vcpu)
{
    if (affinity->count == 1)
        return affinity->sets;
    return vcpu < affinity->count ? &affinity->sets[vcpu] : NULL;
}

void chaos_config_free(struct chaos_config *config)
{
    if (!config)
        return;
    free(config->name);
    free(config->kernel);
    free(config->ramdisk);
    free(config->cmdline);
    free(config->root);
    free(config->extra);
    free(config->cpus.sets);
    free(config->cpus_soft.sets);
    free(config->vifs);
    chaos__disks_free(config->disks, config->disk_count);
    chaos__p9s_free(config->p9s, config->p9_count);
    free(config->device_model);
    free(config->source);
    free(config);
}
