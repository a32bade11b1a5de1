/* SPDX-License-Identifier: MIT */
#include "config/item.h"

#include "config/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much of a parameter is shown in a message. */
#define SHOWN_MAX 64

/* The parameter in front of what is said about it, shortened if need be. */
#define SHOWN(item)                                                            \
    (int)((item)->parameter.length < SHOWN_MAX ? (item)->parameter.length      \
                                               : SHOWN_MAX),                   \
        (item)->parameter.start ? (item)->parameter.start : "",                \
        (item)->parameter.length > SHOWN_MAX ? "..." : "",                     \
        (item)->parameter.length ? ": " : ""

/* Fails if the value is not such a list. */
static int check_list(const struct chaos__assignment *assignment,
                      const struct chaos__item_list *list)
{
    const struct chaos__value *value = &assignment->setting->value;
    const struct chaos__value *item;

    if (value->kind != CHAOS__VALUE_LIST)
        return chaos__assignment_fail(
            assignment, &value->at, CHAOS_EINVAL,
            "this key takes a list: write %s=[\"...\"], with a string for each "
            "%s",
            assignment->setting->name, list->device);
    if (value->u.list.count > list->max)
        return chaos__assignment_fail(assignment, &value->at, CHAOS_EINVAL,
                                      "longer than the %u %ss that a guest can "
                                      "have: shorten it",
                                      list->max, list->device);
    for (item = value->u.list.first; item; item = item->next) {
        if (item->kind != CHAOS__VALUE_ATOM)
            return chaos__assignment_fail(assignment, &item->at, CHAOS_EINVAL,
                                          "a list within the list: write one "
                                          "string for each %s",
                                          list->device);
    }
    return 0;
}

int chaos__item_list_parse(const struct chaos__assignment *assignment,
                           const struct chaos__item_list *list,
                           void **elements_r, unsigned *count_r)
{
    const struct chaos__value *value;
    void *elements = NULL;
    unsigned count, i = 0;
    int rc;

    rc = check_list(assignment, list);
    if (rc < 0)
        return rc;
    count = (unsigned)assignment->setting->value.u.list.count;
    if (count > 0) {
        elements = calloc(count, list->size);
        if (!elements)
            return chaos__fail_memory(assignment->err);
    }
    value = assignment->setting->value.u.list.first;
    for (; value && rc == 0; value = value->next)
        rc = list->parse(assignment, value, elements, i++);
    if (rc < 0) {
        list->free(elements, count);
        return rc;
    }
    *elements_r = elements;
    *count_r = count;
    return 0;
}

int chaos__item_begin(struct chaos__item *item,
                      const struct chaos__assignment *assignment,
                      const struct chaos__value *value)
{
    memset(item, 0, sizeof(*item));
    item->assignment = *assignment;
    item->setting = *assignment->setting;
    item->setting.value = *value;
    item->assignment.setting = &item->setting;
    item->rest.start = value->u.atom.text;
    item->rest.length = value->u.atom.length;
    for (size_t i = 0; i < item->rest.length; i++) {
        const unsigned char c = (unsigned char)item->rest.start[i];

        /* Nothing has a use for one, and XenStore's tools choke on some. */
        if (c != '\t' && (c < ' ' || c == 0x7f))
            return chaos__item_fail(item, CHAOS_EINVAL,
                                    "control character 0x%02x: remove it", c);
    }
    return 0;
}

void chaos__item_skip_blanks(struct chaos__item *item)
{
    while (item->rest.length > 0 &&
           (*item->rest.start == ' ' || *item->rest.start == '\t'))
        chaos__span_skip(&item->rest, 1);
}

static void split(struct chaos__item *item)
{
    item->value = item->parameter;
    if (!chaos__span_cut(&item->value, '=', &item->key))
        item->value.start = NULL;
}

bool chaos__item_next(struct chaos__item *item)
{
    chaos__item_skip_blanks(item);
    if (item->rest.length == 0)
        return false;
    chaos__span_cut(&item->rest, ',', &item->parameter);
    split(item);
    return true;
}

void chaos__item_take(struct chaos__item *item, size_t length)
{
    item->parameter = item->rest;
    item->parameter.length = length;
    chaos__span_skip(&item->rest, length);
    split(item);
}

const struct chaos__item_key *
chaos__item_find(const struct chaos__item *item,
                 const struct chaos__item_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (chaos__span_is(item->key, keys[i].name))
            return &keys[i];
    }
    return NULL;
}

int chaos__item_apply(struct chaos__item *item,
                      const struct chaos__item_key *keys,
                      const struct chaos__item_key *key, void *user)
{
    const uint64_t bit = UINT64_C(1) << (key - keys);

    if (key->is_flag && item->value.start)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "takes no value: write %s alone", key->name);
    if (!key->is_flag && !item->value.start)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "needs a value: write %s=...", key->name);
    if (!key->is_flag && item->seen & bit)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "%s is there twice: remove one", key->name);
    item->seen |= bit;
    if (key->set)
        return key->set(item, user);
    if (!key->is_ignored)
        return chaos__item_fail(item, CHAOS_ENOTSUP, "not supported: %s",
                                key->why);
    chaos__assignment_warn(&item->assignment, &item->setting.value.at,
                           "%.*s%s%signored: %s", SHOWN(item), key->why);
    return 0;
}

int chaos__item_fail_unknown(const struct chaos__item *item,
                             const struct chaos__item_key *keys, size_t count)
{
    struct chaos__nearest search;

    chaos__nearest_begin(&search, item->key.start, item->key.length);
    for (size_t i = 0; i < count; i++)
        chaos__nearest_try(&search, keys[i].name);
    if (search.nearest)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "unknown: did you mean %s? If not, remove it",
                                search.nearest);
    return chaos__item_fail(item, CHAOS_EINVAL,
                            "unknown: remove it; chaos.cfg(5) lists those "
                            "that exist");
}

int chaos__item_fail(const struct chaos__item *item, int code,
                     const char *format, ...)
{
    char what[CHAOS_ERROR_MESSAGE_MAX / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return chaos__assignment_fail(&item->assignment, &item->setting.value.at,
                                  code, "%.*s%s%s%s", SHOWN(item), what);
}

int chaos__item_set_backend(struct chaos__item *item, void *user)
{
    (void)user;
    if (chaos__span_is(item->value, "0") ||
        chaos__span_is(item->value, "Domain-0"))
        return 0;
    return chaos__item_fail(item, CHAOS_ENOTSUP,
                            "devices come from dom0 alone: remove it");
}
