/* SPDX-License-Identifier: MIT */
#include "config/cpuset.h"
#include "config/keys.h"
#include "config/span.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MIB_MAX (INT64_C(16) * 1024 * 1024)

static const char *const action_names[] = {
    [CHAOS__ACTION_DESTROY] = "destroy",
    [CHAOS__ACTION_RESTART] = "restart",
    [CHAOS__ACTION_PRESERVE] = "preserve",
    [CHAOS__ACTION_RENAME_RESTART] = "rename-restart",
    [CHAOS__ACTION_COREDUMP_DESTROY] = "coredump-destroy",
    [CHAOS__ACTION_COREDUMP_RESTART] = "coredump-restart",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void *field(const struct chaos__assignment *assignment)
{
    return (char *)assignment->config + assignment->offset;
}

static const struct chaos__position *
value_at(const struct chaos__assignment *assignment)
{
    return &assignment->setting->value.at;
}

/* The value if it is a string or number, else NULL and a failure. */
static const char *atom_text(const struct chaos__assignment *assignment)
{
    const struct chaos__value *value = &assignment->setting->value;

    if (value->kind == CHAOS__VALUE_ATOM)
        return value->u.atom.text;
    chaos__assignment_fail(assignment, &value->at, CHAOS_EINVAL,
                           "this key takes one value: remove the brackets");
    return NULL;
}

bool chaos__number_parse(const char *text, int64_t *number_r)
{
    char *end;

    _Static_assert(sizeof(long) == sizeof(int64_t), "strtol() fills it");
    errno = 0;
    *number_r = strtol(text, &end, 0);
    return errno == 0 && end != text && *end == '\0';
}

static int parse_number(const struct chaos__assignment *assignment, int64_t min,
                        int64_t max, int64_t *number_r)
{
    const struct chaos__position *at = value_at(assignment);
    const char *text = atom_text(assignment);

    if (!text)
        return CHAOS_EINVAL;
    if (assignment->setting->is_added)
        return chaos__assignment_fail(assignment, at, CHAOS_EINVAL,
                                      "+= cannot add to a number: use =");
    if (!chaos__number_parse(text, number_r) || *number_r < min ||
        *number_r > max)
        return chaos__assignment_fail(
            assignment, at, CHAOS_EINVAL,
            "not a number from %lld to %lld: write one of these",
            (long long)min, (long long)max);
    return 0;
}

int chaos__set_string(const struct chaos__assignment *assignment)
{
    const struct chaos__value *value = &assignment->setting->value;
    const char *text = atom_text(assignment);
    char **string = field(assignment);
    size_t kept = 0;
    char *copy;

    if (!text)
        return CHAOS_EINVAL;
    /* Within a file, += has been carried out already. */
    if (assignment->is_override && assignment->setting->is_added && *string)
        kept = strlen(*string);
    copy = malloc(kept + value->u.atom.length + 1);
    if (!copy)
        return chaos__fail_memory(assignment->err);
    if (kept > 0)
        memcpy(copy, *string, kept);
    memcpy(copy + kept, text, value->u.atom.length + 1);
    free(*string);
    *string = copy;
    return 0;
}

int chaos__set_type(const struct chaos__assignment *assignment)
{
    const char *text = atom_text(assignment);
    enum chaos__type *type = field(assignment);

    if (!text)
        return CHAOS_EINVAL;
    if (strcmp(text, "hvm") == 0)
        return chaos__assignment_fail(assignment, value_at(assignment),
                                      CHAOS_ENOTSUP,
                                      "HVM guests are not supported: use "
                                      "\"pvh\" or \"pv\"");
    if (strcmp(text, "pv") == 0)
        *type = CHAOS__TYPE_PV;
    else if (strcmp(text, "pvh") == 0)
        *type = CHAOS__TYPE_PVH;
    else
        return chaos__assignment_fail(assignment, value_at(assignment),
                                      CHAOS_EINVAL,
                                      "no such type: use \"pvh\" or \"pv\"");
    return 0;
}

static const char *const mode_names[] = {
    [CHAOS__MODE_NOXS] = "noxs",
    [CHAOS__MODE_XENSTORE] = "xenstore",
};

const char *chaos__mode_name(enum chaos__registry_mode mode)
{
    return mode_names[mode];
}

int chaos__set_registry(const struct chaos__assignment *assignment)
{
    enum chaos__registry_mode *mode = field(assignment);
    const char *text = atom_text(assignment);

    if (!text)
        return CHAOS_EINVAL;
    for (size_t i = CHAOS__MODE_NOXS; i < COUNT(mode_names); i++) {
        if (strcmp(text, mode_names[i]) == 0) {
            *mode = (enum chaos__registry_mode)i;
            return 0;
        }
    }
    return chaos__assignment_fail(assignment, value_at(assignment),
                                  CHAOS_EINVAL,
                                  "no such registry: use \"noxs\" or "
                                  "\"xenstore\", or remove the key");
}

int chaos__set_visible(const struct chaos__assignment *assignment)
{
    bool *is_hidden = field(assignment);
    int64_t number = 0;
    int rc = parse_number(assignment, 0, 1, &number);

    if (rc == 0)
        *is_hidden = !number;
    return rc;
}

/* "generic" is PV, the default: that it agrees with type= is checked when
 * both are known, so there is nothing to set. */
int chaos__set_builder(const struct chaos__assignment *assignment)
{
    const char *text = atom_text(assignment);

    if (!text)
        return CHAOS_EINVAL;
    if (strcmp(text, "hvm") == 0)
        return chaos__assignment_fail(assignment, value_at(assignment),
                                      CHAOS_ENOTSUP,
                                      "HVM guests are not supported: use "
                                      "type=\"pvh\" or type=\"pv\" instead");
    if (strcmp(text, "generic") != 0)
        return chaos__assignment_fail(assignment, value_at(assignment),
                                      CHAOS_EINVAL,
                                      "no such builder: remove the key and "
                                      "set type=");
    return 0;
}

int chaos__set_memory(const struct chaos__assignment *assignment)
{
    uint64_t *memory_kb = field(assignment);
    int64_t mib = 0;
    int rc = parse_number(assignment, 1, MEMORY_MIB_MAX, &mib);

    if (rc == 0)
        *memory_kb = (uint64_t)mib * 1024;
    return rc;
}

static int set_unsigned(const struct chaos__assignment *assignment, int64_t min,
                        int64_t max)
{
    unsigned *wanted = field(assignment);
    int64_t number = 0;
    int rc = parse_number(assignment, min, max, &number);

    if (rc == 0)
        *wanted = (unsigned)number;
    return rc;
}

int chaos__set_vcpus(const struct chaos__assignment *assignment)
{
    return set_unsigned(assignment, 1, CHAOS__VCPUS_MAX);
}

int chaos__set_weight(const struct chaos__assignment *assignment)
{
    return set_unsigned(assignment, 1, CHAOS_WEIGHT_MAX);
}

int chaos__set_cap(const struct chaos__assignment *assignment)
{
    return set_unsigned(assignment, 0, CHAOS_CAP_PER_VCPU * CHAOS__VCPUS_MAX);
}

int chaos__set_grant_frames(const struct chaos__assignment *assignment)
{
    return set_unsigned(assignment, 1, INT_MAX);
}

int chaos__set_event_channels(const struct chaos__assignment *assignment)
{
    return set_unsigned(assignment, 0, INT_MAX);
}

static int parse_cpus(const struct chaos__assignment *assignment,
                      const struct chaos__value *value,
                      struct chaos_cpuset *set)
{
    const char *why;
    int rc;

    if (value->kind != CHAOS__VALUE_ATOM)
        return chaos__assignment_fail(assignment, &value->at, CHAOS_EINVAL,
                                      "a list within the list: write one "
                                      "string for each vCPU");
    rc = chaos__cpuset_parse(value->u.atom.text, set, &why);
    if (rc < 0)
        return chaos__assignment_fail(assignment, &value->at, rc, "%s", why);
    return 0;
}

int chaos__set_cpus(const struct chaos__assignment *assignment)
{
    const struct chaos__value *value = &assignment->setting->value;
    struct chaos__affinity *affinity = field(assignment);
    const struct chaos__value *item = value;
    struct chaos_cpuset *sets;
    size_t count = 1, i;
    int rc = 0;

    if (value->kind == CHAOS__VALUE_LIST) {
        item = value->u.list.first;
        count = value->u.list.count;
        if (count > CHAOS__VCPUS_MAX)
            return chaos__assignment_fail(
                assignment, &value->at, CHAOS_EINVAL,
                "longer than the %u vCPUs that a guest can have: shorten it",
                CHAOS__VCPUS_MAX);
    }
    /* Room for two: see below. */
    sets = malloc((count + 2) * sizeof(*sets));
    if (!sets)
        return chaos__fail_memory(assignment->err);
    for (i = 0; i < count && rc == 0; i++, item = item->next)
        rc = parse_cpus(assignment, item, &sets[i]);
    if (rc < 0) {
        free(sets);
        return rc;
    }
    /* A list of one is for vCPU 0 alone, a single set would be for all. */
    if (value->kind == CHAOS__VALUE_LIST && count == 1)
        memset(&sets[count++], 0xff, sizeof(*sets));
    else if (count == 1 && chaos__cpuset_is_all(&sets[0]))
        count = 0;
    if (count == 0) {
        free(sets);
        sets = NULL;
    }
    free(affinity->sets);
    affinity->sets = sets;
    affinity->count = (unsigned)count;
    return 0;
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    for (size_t i = 0; i < 16; i++) {
        int high, low;

        if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return false;
        high = chaos__hex_digit(text[0]);
        low = high < 0 ? -1 : chaos__hex_digit(text[1]);
        if (low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return *text == '\0';
}

void chaos__uuid_format(const uint8_t uuid[16], char text[CHAOS__UUID_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        *text++ = digits[uuid[i] >> 4];
        *text++ = digits[uuid[i] & 15];
    }
    *text = '\0';
}

int chaos__set_uuid(const struct chaos__assignment *assignment)
{
    const char *text = atom_text(assignment);
    uint8_t uuid[16];

    if (!text)
        return CHAOS_EINVAL;
    if (!parse_uuid(text, uuid))
        return chaos__assignment_fail(
            assignment, value_at(assignment), CHAOS_EINVAL,
            "not a UUID: write it like "
            "\"7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1\"");
    memcpy(field(assignment), uuid, sizeof(uuid));
    assignment->config->has_uuid = true;
    return 0;
}

const char *chaos__action_name(enum chaos__action action)
{
    return action_names[action];
}

int chaos__set_action(const struct chaos__assignment *assignment)
{
    static const char advice[] =
        "use \"destroy\", \"restart\", \"preserve\", \"rename-restart\", "
        "\"coredump-destroy\" or \"coredump-restart\"";
    enum chaos__action *action = field(assignment);
    const char *text = atom_text(assignment);

    if (!text)
        return CHAOS_EINVAL;
    for (size_t i = 0; i < COUNT(action_names); i++) {
        if (strcmp(text, action_names[i]) == 0) {
            *action = (enum chaos__action)i;
            return 0;
        }
    }
    if (strcmp(text, "soft-reset") == 0) /* which xl has for HVM guests */
        return chaos__assignment_fail(
            assignment, value_at(assignment), CHAOS_ENOTSUP,
            "this action is not supported: %s", advice);
    return chaos__assignment_fail(assignment, value_at(assignment),
                                  CHAOS_EINVAL, "no such action: %s", advice);
}
