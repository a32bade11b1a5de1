/* SPDX-License-Identifier: MIT */
/* A configuration as text that the parser reads back, and xl too. */
#include "config/config.h"

#include "config/cpuset.h"
#include "config/keys.h"
#include "config/rate.h"

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

/* Only what xl's syntax cannot hold as it is gets escaped. */
static void add_escaped(struct builder *builder, const char *text)
{
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
}

static void add_quoted(struct builder *builder, const char *text)
{
    add(builder, "\"");
    add_escaped(builder, text);
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

static void add_cpuset(struct builder *builder, const struct chaos_cpuset *set)
{
    char text[CHAOS__CPUSET_TEXT_MAX];

    if (chaos__cpuset_is_all(set)) {
        add_quoted(builder, "all");
        return;
    }
    chaos__cpuset_format(set, text);
    add_quoted(builder, text);
}

static void add_cpus(struct builder *builder, const char *key,
                     const struct chaos__affinity *affinity)
{
    if (affinity->count == 0)
        return;
    add(builder, key);
    add(builder, "=");
    if (affinity->count == 1) {
        add_cpuset(builder, &affinity->sets[0]);
    } else {
        for (unsigned i = 0; i < affinity->count; i++) {
            add(builder, i ? ", " : "[");
            add_cpuset(builder, &affinity->sets[i]);
        }
        add(builder, "]");
    }
    add(builder, "\n");
}

/* A list of strings: what stands in front of the i-th one, and behind all. */
static void add_item(struct builder *builder, const char *key, unsigned i)
{
    if (i == 0) {
        add(builder, key);
        add(builder, "=[");
    } else {
        add(builder, ", ");
    }
}

static void add_items_end(struct builder *builder, unsigned count)
{
    if (count > 0)
        add(builder, "]\n");
}

/* A parameter within a string, with the comma that goes before it. */
static void add_parameter(char *text, size_t size, const char *format, ...)
    CHAOS__PRINTF(3, 4);
static void add_parameter(char *text, size_t size, const char *format, ...)
{
    size_t length = strlen(text);
    va_list args;

    if (length > 0) {
        text[length++] = ',';
        text[length] = '\0';
    }
    va_start(args, format);
    vsnprintf(text + length, size - length, format, args);
    va_end(args);
}

static bool is_address(const uint8_t address[4])
{
    return address[0] | address[1] | address[2] | address[3];
}

/* Whether their numbers are others than those that they get by themselves. */
static bool have_numbers(const struct chaos__vif *vifs, unsigned count)
{
    unsigned i = 0;

    while (i < count && vifs[i].id == i)
        i++;
    return i < count;
}

static void add_vif(struct builder *builder, const struct chaos__vif *vif,
                    bool has_number)
{
    const uint8_t *mac = vif->mac, *gw = vif->gateway;
    char rate[CHAOS__RATE_TEXT_MAX];
    char text[256 + CHAOS__SCRIPT_MAX] = "";

    if (has_number)
        add_parameter(text, sizeof(text), "devid=%" PRIu32, vif->id);
    if (vif->has_mac)
        add_parameter(text, sizeof(text), "mac=%02x:%02x:%02x:%02x:%02x:%02x",
                      mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    add_parameter(text, sizeof(text), "bridge=%s", vif->bridge);
    if (*vif->name)
        add_parameter(text, sizeof(text), "vifname=%s", vif->name);
    if (*vif->gatewaydev)
        add_parameter(text, sizeof(text), "gatewaydev=%s", vif->gatewaydev);
    if (*vif->ip)
        add_parameter(text, sizeof(text), "ip=%s", vif->ip);
    if (is_address(gw))
        add_parameter(text, sizeof(text), "gw=%u.%u.%u.%u", gw[0], gw[1], gw[2],
                      gw[3]);
    if (vif->mtu > 0)
        add_parameter(text, sizeof(text), "mtu=%" PRIu32, vif->mtu);
    if (vif->rate_bytes > 0) {
        chaos__rate_format(vif->rate_bytes, vif->rate_interval_us, rate);
        add_parameter(text, sizeof(text), "rate=%s", rate);
    }
    if (*vif->script)
        add_parameter(text, sizeof(text), "script=%s", vif->script);
    add_quoted(builder, text);
}

static void add_vifs(struct builder *builder, const struct chaos_config *config)
{
    const bool have_them = have_numbers(config->vifs, config->vif_count);

    for (unsigned i = 0; i < config->vif_count; i++) {
        add_item(builder, "vif", i);
        add_vif(builder, &config->vifs[i], have_them);
    }
    add_items_end(builder, config->vif_count);
}

/* target= takes the rest of the string, so that any path can stand there; but
 * a comma at the end is taken off. */
static void add_disk(struct builder *builder, const struct chaos__disk *disk)
{
    static const char *const access[] = {
        [CHAOS__DISK_READ_ONLY] = "r",
        [CHAOS__DISK_WRITE] = "w",
        [CHAOS__DISK_SHARED_WRITE] = "w!",
    };
    const size_t length = disk->target ? strlen(disk->target) : 0;

    add(builder, "\"format=raw,vdev=");
    add(builder, disk->vdev);
    add(builder, ",access=");
    add(builder, access[disk->access]);
    if (disk->is_cdrom)
        add(builder, ",devtype=cdrom");
    if (*disk->script) {
        add(builder, ",script=");
        add_escaped(builder, disk->script);
    }
    if (disk->target) {
        add(builder, ",target=");
        add_escaped(builder, disk->target);
    }
    if (length > 0 && disk->target[length - 1] == ',')
        add(builder, ",");
    add(builder, "\"");
}

static void add_disks(struct builder *builder,
                      const struct chaos_config *config)
{
    for (unsigned i = 0; i < config->disk_count; i++) {
        add_item(builder, "disk", i);
        add_disk(builder, &config->disks[i]);
    }
    add_items_end(builder, config->disk_count);
}

static void add_p9s(struct builder *builder, const struct chaos_config *config)
{
    for (unsigned i = 0; i < config->p9_count; i++) {
        const struct chaos__p9 *p9 = &config->p9s[i];

        add_item(builder, "p9", i);
        add(builder, "\"tag=");
        add_escaped(builder, p9->tag);
        add(builder, ",security_model=");
        add(builder, p9->security_model);
        add(builder, ",path=");
        add_escaped(builder, p9->path);
        add(builder, "\"");
    }
    add_items_end(builder, config->p9_count);
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
    add_string(&builder, "registry", chaos__mode_name(config->mode));
    if (config->is_hidden)
        add_number(&builder, "xl_visible", 0);
    add_string(&builder, "kernel", config->kernel);
    add_string(&builder, "ramdisk", config->ramdisk);
    add_string(&builder, "cmdline", config->cmdline);
    add_string(&builder, "root", config->root);
    add_string(&builder, "extra", config->extra);
    add_number(&builder, "memory", config->memory_kb / 1024);
    if (config->maxmem_kb > 0)
        add_number(&builder, "maxmem", config->maxmem_kb / 1024);
    add_number(&builder, "vcpus", config->vcpus);
    if (config->maxvcpus > 0)
        add_number(&builder, "maxvcpus", config->maxvcpus);
    add_cpus(&builder, "cpus", &config->cpus);
    add_cpus(&builder, "cpus_soft", &config->cpus_soft);
    if (config->cpu_weight > 0)
        add_number(&builder, "cpu_weight", config->cpu_weight);
    if (config->cap > 0)
        add_number(&builder, "cap", config->cap);
    add_uuid(&builder, config);
    add_string(&builder, "on_poweroff",
               chaos__action_name(config->on_poweroff));
    add_string(&builder, "on_reboot", chaos__action_name(config->on_reboot));
    add_string(&builder, "on_crash", chaos__action_name(config->on_crash));
    add_string(&builder, "on_watchdog",
               chaos__action_name(config->on_watchdog));
    if (config->max_grant_frames > 0)
        add_number(&builder, "max_grant_frames", config->max_grant_frames);
    if (config->max_event_channels > 0)
        add_number(&builder, "max_event_channels", config->max_event_channels);
    add_vifs(&builder, config);
    add_disks(&builder, config);
    add_p9s(&builder, config);
    add_string(&builder, "device_model_override", config->device_model);
    if (builder.has_failed) {
        free(builder.text);
        return chaos__fail_memory(err);
    }
    *text_r = builder.text;
    return 0;
}
