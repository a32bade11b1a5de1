/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include "config/nearest.h"
#include "context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct supported_key {
    const char *name;
    size_t offset; /* of the field in struct chaos_config */
    int (*set)(const struct chaos__assignment *assignment);
};

struct other_key {
    const char *name;
    bool is_ignored;
    const char *neutral; /* values that are fine, with blanks between */
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
#define IGNORED(name, why) { name, true, "", why },
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

/* What a message is about and what it says: "guest.cfg:7:8: key=value: text",
 * or, of what stands in no file, "key=value: text". */
struct message {
    char text[CHAOS_ERROR_MESSAGE_MAX];
};

static void compose(struct message *message,
                    const struct chaos__assignment *assignment,
                    const struct chaos__position *at, const char *format,
                    va_list args)
{
    char value[SHOWN_MAX + 8], where[CHAOS_ERROR_MESSAGE_MAX / 2] = "";
    char what[CHAOS_ERROR_MESSAGE_MAX / 2];

    vsnprintf(what, sizeof(what), format, args);
    show_value(&assignment->setting->value, value);
    if (at->line > 0)
        snprintf(where, sizeof(where), "%s:%u:%u: ", assignment->source,
                 (unsigned)at->line, (unsigned)at->column);
    snprintf(message->text, sizeof(message->text), "%s%.*s=%s: %s", where,
             SHOWN_MAX, assignment->setting->name, value, what);
}

int chaos__assignment_fail(const struct chaos__assignment *assignment,
                           const struct chaos__position *at, int code,
                           const char *format, ...)
{
    struct message message;
    va_list args;

    va_start(args, format);
    compose(&message, assignment, at, format, args);
    va_end(args);
    return chaos__fail(assignment->err, code, "%s", message.text);
}

void chaos__assignment_warn(const struct chaos__assignment *assignment,
                            const struct chaos__position *at,
                            const char *format, ...)
{
    struct message message;
    va_list args;

    va_start(args, format);
    compose(&message, assignment, at, format, args);
    va_end(args);
    chaos__log(assignment->chaos, CHAOS_LOG_WARNING, "%s", message.text);
}

/* The name that `name` was probably meant to be, or NULL. */
static const char *nearest_name(const char *name)
{
    struct chaos__nearest search;

    chaos__nearest_begin(&search, name, strlen(name));
    for (size_t i = 0; i < COUNT(supported_keys); i++)
        chaos__nearest_try(&search, supported_keys[i].name);
    for (size_t i = 0; i < COUNT(other_keys); i++)
        chaos__nearest_try(&search, other_keys[i].name);
    return search.nearest;
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

static bool has_word(const char *words, const char *word)
{
    const size_t length = strlen(word);
    size_t next;

    for (; *words; words += next + strspn(words + next, " ")) {
        next = strcspn(words, " ");
        if (next == length && memcmp(words, word, length) == 0)
            return true;
    }
    return false;
}

static bool is_neutral(const struct other_key *key,
                       const struct chaos__value *value)
{
    const char *text = value->u.atom.text;
    int64_t number;

    if (value->kind == CHAOS__VALUE_LIST)
        return value->u.list.count == 0 && has_word(key->neutral, "[]");
    if (chaos__number_parse(text, &number) && number == 0)
        return has_word(key->neutral, "0");
    return strcmp(text, "[]") != 0 && has_word(key->neutral, text);
}

static int apply_other(const struct other_key *key,
                       const struct chaos__assignment *assignment)
{
    const struct chaos__setting *setting = assignment->setting;

    if (key->is_ignored) {
        chaos__assignment_warn(assignment, &setting->at,
                               "ignored: remove the key. %s", key->why);
        return 0;
    }
    if (is_neutral(key, &setting->value))
        return 0;
    return chaos__assignment_fail(assignment, &setting->at, CHAOS_ENOTSUP,
                                  "not supported: remove the key. %s",
                                  key->why);
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

static int apply(struct chaos__assignment *assignment)
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
            return apply_other(&other_keys[i], assignment);
    }
    return fail_unknown(assignment);
}

int chaos__keys_apply(struct chaos *chaos, struct chaos_config *config,
                      const struct chaos__syntax *syntax, bool is_override,
                      struct chaos_error *err)
{
    struct chaos__assignment assignment = {
        .chaos = chaos,
        .config = config,
        .source = syntax->source,
        .is_override = is_override,
        .err = err,
    };
    const struct chaos__setting *setting;
    int rc;

    for (setting = syntax->first; setting; setting = setting->next) {
        assignment.setting = setting;
        rc = apply(&assignment);
        if (rc < 0)
            return rc;
    }
    return 0;
}
