/* SPDX-License-Identifier: MIT */
/* What concerns the configuration as a whole. */
#include "config/config.h"

#include "config/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Xen: MAX_GUEST_CMDLINE, public/xen.h, with the NUL. */
#define PV_COMMAND_LINE_MAX 1024

struct chaos__place_text chaos__config_place(const struct chaos_config *config,
                                             enum chaos__key key)
{
    const struct chaos__config_place *at = &config->places[key];
    struct chaos__place_text text;

    if (at->line == 0)
        snprintf(text.text, sizeof(text.text), "%s", config->source);
    else
        snprintf(text.text, sizeof(text.text), "%.200s:%u:%u",
                 at->is_override ? "override" : config->source,
                 (unsigned)at->line, (unsigned)at->column);
    return text;
}

int chaos__config_fail_at(const struct chaos_config *config,
                          enum chaos__key key, int rc, struct chaos_error *err)
{
    if (config->places[key].line == 0)
        return rc;
    return chaos__fail_within(err, rc, "%s",
                              chaos__config_place(config, key).text);
}

int chaos__config_check_name(const char *name, struct chaos_error *err)
{
    bool is_number = true;

    if (!*name)
        return chaos__fail(err, CHAOS_EINVAL,
                           "name=\"\": empty: give the guest a name");
    if (strlen(name) > CHAOS__NAME_MAX)
        return chaos__fail(err, CHAOS_EINVAL,
                           "name=\"%.32s...\": longer than %u bytes: "
                           "shorten it",
                           name, CHAOS__NAME_MAX);
    for (const char *p = name; *p; p++) {
        const unsigned char c = (unsigned char)*p;

        /* The text before it is what can be shown. */
        if (c < ' ' || c == 0x7f)
            return chaos__fail(err, CHAOS_EINVAL,
                               "name=\"%.*s...\": control character 0x%02x "
                               "in a name: remove it",
                               (int)(p - name), name, c);
        if (c == '/')
            return chaos__fail(err, CHAOS_EINVAL,
                               "name=\"%s\": a / in a name: remove it", name);
        is_number = is_number && c >= '0' && c <= '9';
    }
    if (is_number)
        return chaos__fail(err, CHAOS_EINVAL,
                           "name=\"%s\": would be taken for a domid: add a "
                           "letter",
                           name);
    return 0;
}

static int check_name(const struct chaos_config *config,
                      struct chaos_error *err)
{
    const struct chaos__place_text at =
        chaos__config_place(config, CHAOS__KEY_NAME);
    int rc;

    if (!config->name)
        return chaos__fail(err, CHAOS_EINVAL,
                           "%s: name is not set: add name=\"...\"", at.text);
    rc = chaos__config_check_name(config->name, err);
    return rc < 0 ? chaos__fail_within(err, rc, "%s", at.text) : 0;
}

static int check_files(const struct chaos_config *config,
                       struct chaos_error *err)
{
    const struct chaos__place_text at =
        chaos__config_place(config, CHAOS__KEY_KERNEL);

    if (!config->kernel)
        return chaos__fail(err, CHAOS_EINVAL,
                           "%s: kernel is not set: add kernel=\"/path/to/"
                           "unikernel\"",
                           at.text);
    if (!*config->kernel)
        return chaos__fail(err, CHAOS_EINVAL,
                           "%s: kernel=\"\": empty: name the unikernel's image",
                           at.text);
    if (config->ramdisk && !*config->ramdisk)
        return chaos__fail(
            err, CHAOS_EINVAL,
            "%s: ramdisk=\"\": empty: name a file or remove the "
            "key",
            chaos__config_place(config, CHAOS__KEY_RAMDISK).text);
    return 0;
}

static int check_type(const struct chaos_config *config,
                      struct chaos_error *err)
{
    if (config->places[CHAOS__KEY_BUILDER].line > 0 &&
        config->type != CHAOS__TYPE_PV)
        return chaos__fail(
            err, CHAOS_EINVAL,
            "%s: builder=\"generic\": contradicts "
            "type=\"pvh\": remove it",
            chaos__config_place(config, CHAOS__KEY_BUILDER).text);
    return 0;
}

static int check_memory(const struct chaos_config *config,
                        struct chaos_error *err)
{
    const uint64_t memory_mib = config->memory_kb / 1024;
    const uint64_t maxmem_mib = config->maxmem_kb / 1024;

    if (config->maxmem_kb == 0 || config->maxmem_kb >= config->memory_kb)
        return 0;
    return chaos__fail(err, CHAOS_EINVAL,
                       "%s: maxmem=%" PRIu64 ": below memory=%" PRIu64
                       ": raise it or remove it",
                       chaos__config_place(config, CHAOS__KEY_MAXMEM).text,
                       maxmem_mib, memory_mib);
}

static int check_vcpus(const struct chaos_config *config,
                       struct chaos_error *err)
{
    const unsigned vcpus = chaos__config_maxvcpus(config);

    if (vcpus < config->vcpus)
        return chaos__fail(
            err, CHAOS_EINVAL,
            "%s: maxvcpus=%u: below vcpus=%u: raise it or "
            "remove it",
            chaos__config_place(config, CHAOS__KEY_MAXVCPUS).text, vcpus,
            config->vcpus);
    if (config->cap > CHAOS_CAP_PER_VCPU * vcpus)
        return chaos__fail(err, CHAOS_EINVAL,
                           "%s: cap=%u: above %u for each of %u vCPUs: lower "
                           "it or remove it",
                           chaos__config_place(config, CHAOS__KEY_CAP).text,
                           config->cap, CHAOS_CAP_PER_VCPU, vcpus);
    return 0;
}

static int check_command_line(const struct chaos_config *config,
                              struct chaos_error *err)
{
    const enum chaos__key key = config->cmdline ? CHAOS__KEY_CMDLINE
                                : config->extra ? CHAOS__KEY_EXTRA
                                                : CHAOS__KEY_ROOT;
    char *line = chaos__config_command_line(config);
    size_t length;

    if (!line)
        return chaos__fail_memory(err);
    length = strlen(line);
    free(line);
    if (config->type != CHAOS__TYPE_PV || length < PV_COMMAND_LINE_MAX)
        return 0;
    return chaos__fail(err, CHAOS_EINVAL,
                       "%s: %s=...: the command line has %zu bytes, a PV "
                       "guest's can have %u: shorten it or use type=\"pvh\"",
                       chaos__config_place(config, key).text,
                       key == CHAOS__KEY_CMDLINE ? "cmdline"
                       : key == CHAOS__KEY_EXTRA ? "extra"
                                                 : "root",
                       length, PV_COMMAND_LINE_MAX - 1);
}

/* Only a flavor can be without. */
static int check_disks(const struct chaos_config *config,
                       struct chaos_error *err)
{
    for (unsigned i = 0; i < config->disk_count; i++)
        if (!config->disks[i].target)
            return chaos__fail(
                err, CHAOS_EINVAL,
                "%s: disk %s has no target: name a block "
                "device or an image",
                chaos__config_place(config, CHAOS__KEY_DISK).text,
                config->disks[i].vdev);
    return 0;
}

int chaos_config_check(const struct chaos_config *config,
                       struct chaos_error *err)
{
    int rc;

    rc = check_name(config, err);
    if (rc == 0)
        rc = check_files(config, err);
    if (rc == 0)
        rc = check_type(config, err);
    if (rc == 0)
        rc = check_memory(config, err);
    if (rc == 0)
        rc = check_vcpus(config, err);
    if (rc == 0)
        rc = check_command_line(config, err);
    if (rc == 0)
        rc = check_disks(config, err);
    return rc;
}
