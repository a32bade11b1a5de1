/* SPDX-License-Identifier: MIT */
/* A configuration as text that the parser reads back, and xl too. */
#include "config/config.h"

#include "config/cpuset.h"
#include "config/keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    char *text;
    size_t length;
    size_t size;
    bool has_failed; /* memory is out; nothing is added any more */
};

/* Makes room for `length` bytes and a NUL. */
static bool reserve(struct builder *builder, size_t length)
{
    size_t size = builder->size ? builder->size : 512;
    char *text;

    if (builder->has_failed)
        return false;
    while (size < builder->length + length + 1)
        size *= 2;
    if (size == builder->size)
        return true;
    text = realloc(builder->text, size);
    if (!text) {
        builder->has_failed = true;
        return false;
    }
    builder->text = text;
    builder->size = size;
    return true;
}

static void add_bytes(struct builder *builder, const char *bytes, size_t length)
{
    if (!reserve(builder, length))
        return;
    memcpy(builder->text + builder->length, bytes, length);
    builder->length += length;
    builder->text[builder->length] = '\0';
}

static void add(struct builder *builder, const char *text)
{
    add_bytes(builder, text, strlen(text));
}

/* In quotes.  Only what xl's syntax cannot hold as it is gets escaped. */
static void add_quoted(struct builder *builder, const char *text)
{
    add(builder, "\"");
    while (*text) {
        const size_t plain = strcspn(text, "\"\\\n");

        add_bytes(builder, text, plain);
        text += plain;
        if (*text == '\n') {
            add(builder, "\\n");
            text++;
        } else if (*text) {
            add(builder, "\\");
            add_bytes(builder, text++, 1);
        }
    }
    add(builder, "\"");
}

static void add_string(struct builder *builder, const char *key,
                       const char *text)
{
    if (!text)
        return;
    add(builder, key);
    add(builder, "=");
    add_quoted(builder, text);
    add(builder, "\n");
}

static void add_number(struct builder *builder, const char *key,
                       uint64_t number)
{
    char text[32];

    add(builder, key);
    snprintf(text, sizeof(text), "=%" PRIu64 "\n", number);
    add(builder, text);
}

static void add_cpuset(struct builder *builder, const struct chaos__cpuset *set)
{
    char text[CHAOS__CPUSET_TEXT_MAX];

    if (chaos__cpuset_is_all(set)) {
        add_quoted(builder, "all");
        return;
    }
    chaos__cpuset_format(set, text);
    add_quoted(builder, text);
}

static void add_cpus(struct builder *builder, const struct chaos_config *config)
{
    if (config->cpuset_count == 0)
        return;
    add(builder, "cpus=");
    if (config->cpuset_count == 1) {
        add_cpuset(builder, &config->cpusets[0]);
    } else {
        for (unsigned i = 0; i < config->cpuset_count; i++) {
            add(builder, i ? ", " : "[");
            add_cpuset(builder, &config->cpusets[i]);
        }
        add(builder, "]");
    }
    add(builder, "\n");
}

static void add_uuid(struct builder *builder, const struct chaos_config *config)
{
    char text[CHAOS__UUID_TEXT_MAX];

    if (!config->has_uuid)
        return;
    chaos__uuid_format(config->uuid, text);
    add_string(builder, "uuid", text);
}

int chaos_config_format(const struct chaos_config *config, char **text_r,
                        struct chaos_error *err)
{
    struct builder builder = { 0 };

    add_string(&builder, "name", config->name);
    add_string(&builder, "type",
               config->type == CHAOS__TYPE_PVH ? "pvh" : "pv");
    add_string(&builder, "kernel", config->kernel);
    add_string(&builder, "ramdisk", config->ramdisk);
    add_string(&builder, "cmdline", config->cmdline);
    add_string(&builder, "root", config->root);
    add_string(&builder, "extra", config->extra);
    add_number(&builder, "memory", config->memory_kb / 1024);
    if (config->maxmem_kb > 0)
        add_number(&builder, "maxmem", config->maxmem_kb / 1024);
    add_number(&builder, "vcpus", config->vcpus);
    add_cpus(&builder, config);
    add_uuid(&builder, config);
    add_string(&builder, "on_poweroff",
               chaos__action_name(config->on_poweroff));
    add_string(&builder, "on_reboot", chaos__action_name(config->on_reboot));
    add_string(&builder, "on_crash", chaos__action_name(config->on_crash));
    if (config->max_grant_frames > 0)
        add_number(&builder, "max_grant_frames", config->max_grant_frames);
    if (config->max_event_channels > 0)
        add_number(&builder, "max_event_channels", config->max_event_channels);
    if (builder.has_failed) {
        free(builder.text);
        return chaos__fail_memory(err);
    }
    *text_r = builder.text;
    return 0;
}
