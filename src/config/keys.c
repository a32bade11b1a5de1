/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include "context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum neutral {
    NOTHING,
    EMPTY, /* an empty list */
    ZERO,
};

struct supported_key {
    const char *name;
    size_t offset; /* of the field in struct chaos_config */
    int (*set)(const struct chaos__assignment *assignment);
};

struct other_key {
    const char *name;
    bool is_ignored;
    enum neutral neutral;
    const char *why;
};

static const struct supported_key supported_keys[] = {
#define SUPPORTED(id, name, field, setter, synopsis, text)                     \
    [CHAOS__KEY_##id] = { name, offsetof(struct chaos_config, field),          \
                          chaos__set_##setter },
#define IGNORED(name, why)
#define UNSUPPORTED(name, neutral, why)
#include "config/keys.def"
};

static const struct other_key other_keys[] = {
#define SUPPORTED(id, name, field, setter, synopsis, text)
#define IGNORED(name, why) { name, true, NOTHING, why },
#define UNSUPPORTED(name, neutral, why) { name, false, neutral, why },
#include "config/keys.def"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* How much of a name or a value is shown in a message. */
#define SHOWN_MAX 64

/* A value as it can be written in a file, shortened if need be. */
static void show_value(const struct chaos__value *value,
                       char text[SHOWN_MAX + 8])
{
    const unsigned char *p;
    bool is_number = true;
    size_t n = 0;

    if (value->kind == CHAOS__VALUE_LIST) {
        snprintf(text, SHOWN_MAX + 8, value->u.list.count ? "[...]" : "[]");
        return;
    }
    for (p = (const unsigned char *)value->u.atom.text; *p; p++)
        is_number = is_number && *p >= '0' && *p <= '9';
    p = (const unsigned char *)value->u.atom.text;
    if (!*p || !is_number) {
        is_number = false;
        text[n++] = '"';
    }
    for (; *p && n < SHOWN_MAX; p++)
        text[n++] = (char)(*p < ' ' || *p == 0x7f ? '?' : *p);
    snprintf(text + n, 8, "%s%s", *p ? "..." : "", is_number ? "" : "\"");
}

int chaos__assignment_fail(const struct chaos__assignment *assignment,
                           const struct chaos__position *at, int code,
                           const char *format, ...)
{
    char value[SHOWN_MAX + 8];
    char what[CHAOS_ERROR_MESSAGE_MAX / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    show_value(&assignment->setting->value, value);
    return chaos__fail(assignment->err, code, "%s:%u:%u: %.*s=%s: %s",
                       assignment->source, (unsigned)at->line,
                       (unsigned)at->column, SHOWN_MAX,
                       assignment->setting->name, value, what);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* How many letters must be inserted, deleted, replaced or swapped with their
 * neighbour to get from one name to the other; `b` is shorter than 64. */
static unsigned edit_distance(const char *a, const char *b)
{
    const size_t length = strlen(b);
    unsigned rows[3][SHOWN_MAX];
    unsigned *older = rows[0], *old = rows[1], *now = rows[2];

    for (size_t j = 0; j <= length; j++)
        old[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned *oldest = older;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= length; j++) {
            now[j] = min3(old[j] + 1, now[j - 1] + 1,
                          old[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min3(now[j], older[j - 2] + 1, now[j]);
        }
        older = old;
        old = now;
        now = oldest;
    }
    return old[length];
}

/* The name that `name` was probably meant to be, or NULL. */
static const char *nearest_name(const char *name)
{
    const char *nearest = NULL;
    unsigned least;

    /* A third of the letters may be wrong; two letters say nothing. */
    if (strlen(name) < 3 || strlen(name) >= SHOWN_MAX)
        return NULL;
    least = (unsigned)strlen(name) / 3 + 1;
    for (size_t i = 0; i < COUNT(supported_keys) + COUNT(other_keys); i++) {
        const char *candidate =
            i < COUNT(supported_keys)
                ? supported_keys[i].name
                : other_keys[i - COUNT(supported_keys)].name;
        unsigned distance = edit_distance(candidate, name);

        /* Of two that are as near, the shorter: vifs is vif, not vif2. */
        if (distance < least || (nearest && distance == least &&
                                 strlen(candidate) < strlen(nearest))) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

static int fail_unknown(const struct chaos__assignment *assignment)
{
    const struct chaos__setting *setting = assignment->setting;
    const char *nearest = nearest_name(setting->name);

    if (nearest)
        return chaos__assignment_fail(
            assignment, &setting->at, CHAOS_EINVAL,
            "unknown key: did you mean %s? If not, remove it", nearest);
    return chaos__assignment_fail(
        assignment, &setting->at, CHAOS_EINVAL,
        "unknown key: remove it; chaos.cfg(5) lists those that exist");
}

static bool is_neutral(const struct other_key *key,
                       const struct chaos__value *value)
{
    int64_t number;

    if (value->kind == CHAOS__VALUE_LIST)
        return key->neutral == EMPTY && value->u.list.count == 0;
    return key->neutral == ZERO &&
           chaos__number_parse(value->u.atom.text, &number) && number == 0;
}

static int apply_other(struct chaos *chaos, const struct other_key *key,
                       const struct chaos__assignment *assignment)
{
    const struct chaos__setting *setting = assignment->setting;
    char value[SHOWN_MAX + 8];

    if (!key->is_ignored) {
        if (is_neutral(key, &setting->value))
            return 0;
        return chaos__assignment_fail(assignment, &setting->at, CHAOS_ENOTSUP,
                                      "not supported: remove the key. %s",
                                      key->why);
    }
    show_value(&setting->value, value);
    chaos__log(chaos, CHAOS_LOG_WARNING,
               "%s:%u:%u: %.*s=%s: ignored: remove the key. %s",
               assignment->source, (unsigned)setting->at.line,
               (unsigned)setting->at.column, SHOWN_MAX, setting->name, value,
               key->why);
    return 0;
}

static int apply_supported(const struct supported_key *key,
                           const struct chaos__assignment *assignment)
{
    const struct chaos__setting *setting = assignment->setting;
    struct chaos__config_place *place;
    int rc;

    if (assignment->is_override && setting->is_added &&
        key->set != chaos__set_string)
        return chaos__assignment_fail(assignment, &setting->at, CHAOS_EINVAL,
                                      "+= cannot override this key: write the "
                                      "whole value with =");
    rc = key->set(assignment);
    if (rc < 0)
        return rc;
    place = &assignment->config->places[assignment->key];
    place->line = setting->value.at.line;
    place->column = setting->value.at.column;
    place->is_override = assignment->is_override;
    return 0;
}

static int apply(struct chaos *chaos, struct chaos__assignment *assignment)
{
    const char *name = assignment->setting->name;

    for (size_t i = 0; i < COUNT(supported_keys); i++) {
        if (strcmp(name, supported_keys[i].name) == 0) {
            assignment->key = (enum chaos__key)i;
            assignment->offset = supported_keys[i].offset;
            return apply_supported(&supported_keys[i], assignment);
        }
    }
    for (size_t i = 0; i < COUNT(other_keys); i++) {
        if (strcmp(name, other_keys[i].name) == 0)
            return apply_other(chaos, &other_keys[i], assignment);
    }
    return fail_unknown(assignment);
}

int chaos__keys_apply(struct chaos *chaos, struct chaos_config *config,
                      const struct chaos__syntax *syntax, bool is_override,
                      struct chaos_error *err)
{
    struct chaos__assignment assignment = {
        .config = config,
        .source = syntax->source,
        .is_override = is_override,
        .err = err,
    };
    const struct chaos__setting *setting;
    int rc;

    for (setting = syntax->first; setting; setting = setting->next) {
        assignment.setting = setting;
        rc = apply(chaos, &assignment);
        if (rc < 0)
            return rc;
    }
    return 0;
}
