/* SPDX-License-Identifier: MIT */
/* disk=[...]: xl-disk-configuration(5), with its deprecated forms. */
#include "config/item.h"
#include "config/script.h"
#include "config/vdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct chaos__disk *disk;
    /* The parameters that may stand without their key.  An empty one counts as
     * given, but may be given again. */
    struct chaos__span target, format, vdev, access;
    struct chaos__span script;
    bool is_empty;   /* a drive without a disc in it */
    bool has_prefix; /* then there is no format between target and vdev */
};

static int set_once(const struct chaos__item *item, const char *name,
                    struct chaos__span *parameter, struct chaos__span value)
{
    if (parameter->start && parameter->length > 0)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "%s is there twice: remove one", name);
    *parameter = value;
    return 0;
}

static int set_target(const struct chaos__item *item, struct parser *parser,
                      struct chaos__span value)
{
    return set_once(item, "target", &parser->target, value);
}

static int set_format(const struct chaos__item *item, struct parser *parser,
                      struct chaos__span value)
{
    static const char *const others[] = { "qcow", "qcow2", "vhd", "qed" };

    if (chaos__span_is(value, "empty"))
        parser->is_empty = true;
    else if (value.length > 0 && !chaos__span_is(value, "raw")) {
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            if (chaos__span_is(value, others[i]))
                return chaos__item_fail(item, CHAOS_ENOTSUP,
                                        "format %s is not supported: convert "
                                        "the image with qemu-img convert -O "
                                        "raw",
                                        others[i]);
        }
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "no such format: use raw; the order is target, "
                                "format, vdev, access");
    }
    return set_once(item, "format", &parser->format, value);
}

static int set_vdev(const struct chaos__item *item, struct parser *parser,
                    struct chaos__span value)
{
    struct chaos__disk *disk = parser->disk;

    /* That it must be there is for the end to check. */
    if (value.length > 0 && (value.length >= CHAOS__VDEV_MAX ||
                             !chaos__vdev_parse(value, &disk->vdev_number)))
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "no such virtual disk: name it xvda, xvdb and "
                                "so on, with a number behind for a partition");
    if (value.length > 0)
        memcpy(disk->vdev, value.start, value.length);
    return set_once(item, "vdev", &parser->vdev, value);
}

static int set_access(const struct chaos__item *item, struct parser *parser,
                      struct chaos__span value)
{
    enum chaos__disk_access *access = &parser->disk->access;

    if (chaos__span_is(value, "r") || chaos__span_is(value, "ro"))
        *access = CHAOS__DISK_READ_ONLY;
    else if (chaos__span_is(value, "w") || chaos__span_is(value, "rw") ||
             value.length == 0)
        *access = CHAOS__DISK_WRITE;
    else if (chaos__span_is(value, "w!") || chaos__span_is(value, "rw!"))
        *access = CHAOS__DISK_SHARED_WRITE;
    else if (chaos__span_is(value, "r!") || chaos__span_is(value, "ro!"))
        return chaos__item_fail(item, CHAOS_ENOTSUP,
                                "not supported: use r, for a disk that nobody "
                                "writes to, or w!");
    else
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "no such access: use r, w or w!");
    return set_once(item, "access", &parser->access, value);
}

/* Behind the key. */

static int key_format(struct chaos__item *item, void *user)
{
    return set_format(item, user, item->value);
}

static int key_vdev(struct chaos__item *item, void *user)
{
    return set_vdev(item, user, item->value);
}

static int key_access(struct chaos__item *item, void *user)
{
    return set_access(item, user, item->value);
}

static int key_cdrom(struct chaos__item *item, void *user)
{
    struct parser *parser = user;

    (void)item;
    parser->disk->is_cdrom = true;
    return 0;
}

static int set_type(const struct chaos__item *item, struct parser *parser,
                    struct chaos__span type)
{
    parser->disk->is_cdrom = chaos__span_is(type, "cdrom");
    if (parser->disk->is_cdrom || chaos__span_is(type, "disk"))
        return 0;
    return chaos__item_fail(item, CHAOS_EINVAL,
                            "no such type: use cdrom or disk");
}

static int key_type(struct chaos__item *item, void *user)
{
    return set_type(item, user, item->value);
}

static int key_backendtype(struct chaos__item *item, void *user)
{
    (void)user;
    if (chaos__span_is(item->value, "phy"))
        return 0;
    return chaos__item_fail(item, CHAOS_ENOTSUP,
                            "dom0's kernel is the only back end: remove it");
}

static int key_specification(struct chaos__item *item, void *user)
{
    (void)user;
    if (chaos__span_is(item->value, "xen"))
        return 0;
    return chaos__item_fail(item, CHAOS_ENOTSUP,
                            "disks are Xen's own alone: remove it");
}

static int key_script(struct chaos__item *item, void *user)
{
    struct parser *parser = user;
    int rc = set_once(item, "script", &parser->script, item->value);

    return rc < 0 ? rc
                  : chaos__script_parse(item, item->value, "block",
                                        parser->disk->script);
}

/* Behind "nbd:" and the like stands what block-nbd finds the disk by. */
static int prefix_script(const struct chaos__item *item, struct parser *parser,
                         struct chaos__span prefix)
{
    char script[32];
    struct chaos__span name = { .start = script };
    int rc = set_once(item, "script", &parser->script, prefix);

    if (rc < 0)
        return rc;
    snprintf(script, sizeof(script), "block-%.*s", (int)prefix.length - 1,
             prefix.start);
    name.length = strlen(script);
    return chaos__script_parse(item, name, "block", parser->disk->script);
}

static int key_nothing(struct chaos__item *item, void *user)
{
    (void)item;
    (void)user;
    return 0;
}

#define WHY_COLO "chaos has no COLO. Remove it"

static const struct chaos__item_key keys[] = {
    { .name = "access", .set = key_access },
    { .name = "active-disk", .why = WHY_COLO },
    { .name = "backend", .set = chaos__item_set_backend },
    { .name = "backendtype", .set = key_backendtype },
    { .name = "cdrom", .is_flag = true, .set = key_cdrom },
    { .name = "colo", .is_flag = true, .why = WHY_COLO },
    { .name = "colo-export", .why = WHY_COLO },
    { .name = "colo-host", .why = WHY_COLO },
    { .name = "colo-port", .why = WHY_COLO },
    { .name = "devtype", .set = key_type },
    { .name = "direct-io-safe",
      .is_flag = true,
      .is_ignored = true,
      .why = "remove it. Only QEMU's back end needs to know" },
    { .name = "discard", .is_flag = true, .set = key_nothing },
    { .name = "format", .set = key_format },
    { .name = "hidden-disk", .why = WHY_COLO },
    { .name = "no-colo", .is_flag = true, .set = key_nothing },
    { .name = "no-discard",
      .is_flag = true,
      .why = "a guest may discard what its disk can. Remove it" },
    { .name = "script", .set = key_script },
    { .name = "specification", .set = key_specification },
    { .name = "trusted", .is_flag = true, .set = key_nothing },
    { .name = "untrusted",
      .is_flag = true,
      .why = "a guest of chaos cannot be told so. Remove it" },
    { .name = "vdev", .set = key_vdev },
};

#define KEYS_COUNT (sizeof(keys) / sizeof(keys[0]))
_Static_assert(KEYS_COUNT <= CHAOS__ITEM_KEYS_MAX, "a bit for each");

/* vdev or, deprecated, vdev:devtype. */
static int set_vdev_and_type(const struct chaos__item *item,
                             struct parser *parser, struct chaos__span value)
{
    struct chaos__span type = value;
    size_t length = value.length;
    int rc = 0;

    while (length > 0 && value.start[length - 1] != ':')
        length--;
    if (length > 0) {
        value.length = length - 1;
        chaos__span_skip(&type, length);
        rc = set_type(item, parser, type);
    }
    return rc < 0 ? rc : set_vdev(item, parser, value);
}

static int parse_positional(const struct chaos__item *item,
                            struct parser *parser)
{
    const struct chaos__span value = item->parameter;

    if (!parser->target.start)
        return set_target(item, parser, value);
    if (!parser->has_prefix && !parser->format.start) {
        /* ",hdc:cdrom,r" is xend's empty drive. */
        if (parser->target.length > 0 ||
            !memchr(value.start, ':', value.length))
            return set_format(item, parser, value);
        parser->is_empty = true;
        parser->format = parser->target;
        return set_vdev_and_type(item, parser, value);
    }
    if (!parser->vdev.start)
        return set_vdev_and_type(item, parser, value);
    if (!parser->access.start)
        return set_access(item, parser, value);
    return chaos__item_fail(item, CHAOS_EINVAL,
                            "target, format, vdev and access are there "
                            "already: remove it");
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* How long the word and the colon are that begin the text; 0: they don't. */
static size_t prefix_length(struct chaos__span text)
{
    size_t length = 0;

    while (length < text.length && is_alphanumeric(text.start[length]))
        length++;
    if (length == 0 || length == text.length || text.start[length] != ':' ||
        text.start[0] <= '9')
        return 0;
    return length + 1;
}

static bool is_one_of(struct chaos__span word, const char *const *words)
{
    while (*words && !chaos__span_is(word, *words))
        words++;
    return *words != NULL;
}

/* One deprecated prefix, if there is one; *length_r is 0 if there is none. */
static int parse_prefix(struct chaos__item *item, struct parser *parser,
                        size_t *length_r)
{
    static const char *const formats[] = { "raw:", "qcow:", "qcow2:", "vhd:",
                                           NULL };
    static const char *const scripts[] = { "iscsi:", "nbd:", "enbd:", "drbd:",
                                           NULL };
    static const char *const others[] = { "tapdisk:", "tap:",  "tap2:", "aio:",
                                          "ioemu:",   "file:", "phy:",  NULL };
    struct chaos__span rest = item->rest, prefix = item->rest;
    const size_t length = prefix_length(rest);

    *length_r = length;
    if (length == 0)
        return 0;
    prefix.length = length;
    chaos__span_skip(&rest, length);
    if (is_one_of(prefix, formats)) {
        chaos__item_take(item, length);
        parser->has_prefix = true;
        prefix.length--;
        return set_format(item, parser, prefix);
    }
    if (is_one_of(prefix, others)) {
        chaos__item_take(item, length);
        parser->has_prefix = true;
        return 0;
    }
    if (is_one_of(prefix, scripts)) {
        chaos__item_take(item, length);
        parser->has_prefix = true;
        return prefix_script(item, parser, prefix);
    }
    /* A path may go on like that, such as host:disk. */
    *length_r = 0;
    if (rest.length > 0 && is_alphanumeric(*rest.start))
        return 0;
    chaos__item_take(item, length);
    return chaos__item_fail(item, CHAOS_EINVAL,
                            "no such prefix: remove it, or write the path with "
                            "target= at the end");
}

/* target= takes the rest of the string, whatever is in it, but for one comma
 * at the end. */
static int parse_target(struct chaos__item *item, struct parser *parser)
{
    struct chaos__span value;

    chaos__item_take(item, item->rest.length);
    value = item->value;
    if (value.length > 0 && value.start[value.length - 1] == ',')
        value.length--;
    return set_target(item, parser, value);
}

static int parse_parameters(struct chaos__item *item, struct parser *parser)
{
    const struct chaos__item_key *key;
    size_t skipped;
    int rc = 0;

    while (rc == 0) {
        chaos__item_skip_blanks(item);
        rc = parse_prefix(item, parser, &skipped);
        if (rc < 0 || skipped > 0)
            continue;
        if (chaos__span_begins(item->rest, "target="))
            return parse_target(item, parser);
        if (!chaos__item_next(item))
            break;
        key = chaos__item_find(item, keys, KEYS_COUNT);
        if (key && (key->is_flag || item->value.start))
            rc = chaos__item_apply(item, keys, key, parser);
        else if (item->value.start)
            rc = chaos__item_fail_unknown(item, keys, KEYS_COUNT);
        else
            rc = parse_positional(item, parser);
    }
    return rc;
}

static int check(struct chaos__item *item, const struct parser *parser,
                 const struct chaos__disk *disks, unsigned index)
{
    const struct chaos__disk *disk = parser->disk;
    const bool has_target = parser->target.start && parser->target.length > 0;

    memset(&item->parameter, 0, sizeof(item->parameter));
    if (parser->is_empty || (disk->is_cdrom && !has_target))
        return chaos__item_fail(item, CHAOS_ENOTSUP,
                                "an empty drive is not supported: name an "
                                "image or remove the disk");
    if (!has_target && !item->assignment.config->is_flavor)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "no target: name a block device or an image");
    if (!*disk->vdev)
        return chaos__item_fail(item, CHAOS_EINVAL,
                                "no virtual disk is named: add vdev=xvda");
    for (unsigned i = 0; i < index; i++) {
        if (disks[i].vdev_number == disk->vdev_number)
            return chaos__item_fail(item, CHAOS_EINVAL,
                                    "disk %u is %s already: choose another "
                                    "vdev",
                                    i, disks[i].vdev);
    }
    return 0;
}

static int parse_disk(const struct chaos__assignment *assignment,
                      const struct chaos__value *value, void *elements,
                      unsigned index)
{
    struct chaos__disk *disks = elements, *disk = &disks[index];
    struct parser parser = { .disk = disk };
    struct chaos__item item;
    int rc;

    disk->access = CHAOS__DISK_WRITE;
    rc = chaos__item_begin(&item, assignment, value);
    if (rc == 0)
        rc = parse_parameters(&item, &parser);
    if (rc == 0)
        rc = check(&item, &parser, disks, index);
    if (rc < 0)
        return rc;
    if (disk->is_cdrom)
        disk->access = CHAOS__DISK_READ_ONLY;
    if (!parser.target.start || parser.target.length == 0)
        return 0;
    disk->target = chaos__span_copy(parser.target);
    return disk->target ? 0 : chaos__fail_memory(assignment->err);
}

void chaos__disks_free(struct chaos__disk *disks, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        free(disks[i].target);
    free(disks);
}

static void free_disks(void *elements, unsigned count)
{
    chaos__disks_free(elements, count);
}

int chaos__set_disks(const struct chaos__assignment *assignment)
{
    static const struct chaos__item_list list = {
        .device = "disk",
        .max = CHAOS__DISKS_MAX,
        .size = sizeof(struct chaos__disk),
        .parse = parse_disk,
        .free = free_disks,
    };
    struct chaos_config *config = assignment->config;
    unsigned count;
    void *disks;
    int rc;

    rc = chaos__item_list_parse(assignment, &list, &disks, &count);
    if (rc < 0)
        return rc;
    chaos__disks_free(config->disks, config->disk_count);
    config->disks = disks;
    config->disk_count = count;
    return 0;
}
