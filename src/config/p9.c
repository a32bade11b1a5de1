/* SPDX-License-Identifier: MIT */
/* p9=[...]: xl.cfg(5). */
#include "config/item.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct chaos__p9 *p9;
    struct chaos_error *err;
};

static int set_tag(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    if (item->value.length == 0 || item->value.length >= CHAOS__P9_TAG_MAX)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "not a tag: write 1 to %d bytes",
                                CHAOS__P9_TAG_MAX - 1);
    memcpy(parser->p9->tag, item->value.start, item->value.length);
    parser->p9->tag[item->value.length] = '\0';
    return 0;
}

static int set_path(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    if (item->value.length == 0)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "empty: name a directory of dom0's");
    parser->p9->path = chaos__span_copy(item->value);
    return parser->p9->path ? 0 : chaos__fail_memory(parser->err);
}

/* Those that QEMU knows. */
static const char *const models[] = { "none", "passthrough", "mapped-xattr",
                                      "mapped-file", "mapped" };

static int set_security_model(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (!chaos__span_is(item->value, models[i]))
            continue;
        parser->p9->security_model = models[i];
        return 0;
    }
    return chaos__item_fail(item, CHAOS_EINVAL,
                            "no such security model: use none, passthrough, "
                            "mapped-xattr or mapped-file");
}

static int set_type(struct chaos__item *item, void *user)
{
    (void)user;
    if (chaos__span_is(item->value, "qemu"))
        return 0;
    return chaos__item_fail(item, CHAOS_ENOTSUP,
                            "QEMU is the only back end: write type=qemu or "
                            "remove it");
}

#define WHY_9PFSD "Only xen-9pfsd knows it, and QEMU is the back end. Remove it"

static const struct chaos__item_key keys[] = {
    { .name = "auto-delete", .why = WHY_9PFSD },
    { .name = "backend", .set = chaos__item_set_backend },
    { .name = "max-files", .why = WHY_9PFSD },
    { .name = "max-open-files", .why = WHY_9PFSD },
    { .name = "max-space", .why = WHY_9PFSD },
    { .name = "path", .set = set_path },
    { .name = "security_model", .set = set_security_model },
    { .name = "tag", .set = set_tag },
    { .name = "type", .set = set_type },
};

#define KEYS_COUNT (sizeof(keys) / sizeof(keys[0]))
_Static_assert(KEYS_COUNT <= CHAOS__ITEM_KEYS_MAX, "a bit for each");

static int parse_parameter(struct chaos__item *item, struct parser *parser)
{
    const struct chaos__item_key *key =
        chaos__item_find(item, keys, KEYS_COUNT);

    return key ? chaos__item_apply(item, keys, key, parser)
               : chaos__item_fail_unknown(item, keys, KEYS_COUNT);
}

/* All three are needed, and a tag is what the guest mounts it by. */
static int check(struct chaos__item *item, const struct chaos__p9 *p9s,
                 unsigned index)
{
    const struct chaos__p9 *p9 = &p9s[index];
    const char *missing = !*p9->tag             ? "tag"
                          : !p9->path           ? "path"
                          : !p9->security_model ? "security_model"
                                                : NULL;

    memset(&item->parameter, 0, sizeof(item->parameter));
    if (missing)
        return chaos__item_fail(item, CHAOS_EINVAL, "no %s: add %s=...",
                                missing, missing);
    for (unsigned i = 0; i < index; i++)
        if (strcmp(p9s[i].tag, p9->tag) == 0)
            return chaos__item_fail(item, CHAOS_EINVAL,
                                    "directory %u has the same tag: change or "
                                    "remove one",
                                    i);
    return 0;
}

static int parse_p9(const struct chaos__assignment *assignment,
                    const struct chaos__value *value, void *elements,
                    unsigned index)
{
    struct chaos__p9 *p9s = elements;
    struct parser parser = { &p9s[index], assignment->err };
    struct chaos__item item;
    int rc = chaos__item_begin(&item, assignment, value);

    while (rc == 0 && chaos__item_next(&item))
        if (item.parameter.length > 0)
            rc = parse_parameter(&item, &parser);
    return rc < 0 ? rc : check(&item, p9s, index);
}

void chaos__p9s_free(struct chaos__p9 *p9s, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        free(p9s[i].path);
    free(p9s);
}

static void free_p9s(void *elements, unsigned count)
{
    chaos__p9s_free(elements, count);
}

int chaos__set_p9s(const struct chaos__assignment *assignment)
{
    static const struct chaos__item_list list = {
        .device = "directory",
        .max = CHAOS__P9S_MAX,
        .size = sizeof(struct chaos__p9),
        .parse = parse_p9,
        .free = free_p9s,
    };
    struct chaos_config *config = assignment->config;
    unsigned count;
    void *p9s;
    int rc = chaos__item_list_parse(assignment, &list, &p9s, &count);

    if (rc < 0)
        return rc;
    chaos__p9s_free(config->p9s, config->p9_count);
    config->p9s = p9s;
    config->p9_count = count;
    return 0;
}
