/* SPDX-License-Identifier: MIT */
#include "context.h"

#include "hv/hv.h"
#include "registry/registry.h"
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_DIR_DEFAULT "/run/chaos"
#define CACHE_DIR_DEFAULT "/var/cache/chaos"
#define DUMP_DIR_DEFAULT "/var/lib/xen/dump" /* as xl's */
#define LOG_LINE_MAX 1024

static char *copy(const char *path, const char *if_null)
{
    return strdup(path ? path : if_null);
}

int chaos_open(const struct chaos_options *options, struct chaos **chaos_r,
               struct chaos_error *err)
{
    struct chaos *chaos = calloc(1, sizeof(*chaos));

    if (!chaos)
        return chaos__fail_memory(err);
    if (options)
        chaos->options = *options;
    chaos->run_dir = copy(chaos->options.run_dir, RUN_DIR_DEFAULT);
    chaos->cache_dir = copy(chaos->options.cache_dir, CACHE_DIR_DEFAULT);
    chaos->dump_dir = copy(chaos->options.dump_dir, DUMP_DIR_DEFAULT);
    chaos->options.run_dir = chaos->options.cache_dir =
        chaos->options.dump_dir = NULL;
    if (!chaos->run_dir || !chaos->cache_dir || !chaos->dump_dir) {
        chaos_close(chaos);
        return chaos__fail_memory(err);
    }
    *chaos_r = chaos;
    return 0;
}

void chaos_close(struct chaos *chaos)
{
    if (!chaos)
        return;
    chaos__store_close(chaos->store);
    chaos__registry_close(chaos->registry);
    chaos__hv_close(chaos->hv);
    free(chaos->dump_dir);
    free(chaos->run_dir);
    free(chaos->cache_dir);
    free(chaos);
}

const char *chaos_phase_name(enum chaos_phase phase)
{
    static const char *const names[] = {
        [CHAOS_PHASE_FILES] = "files",     [CHAOS_PHASE_HOST] = "host",
        [CHAOS_PHASE_CLAIM] = "claim",     [CHAOS_PHASE_RESERVE] = "reserve",
        [CHAOS_PHASE_DOMAIN] = "domain",   [CHAOS_PHASE_MEMORY] = "memory",
        [CHAOS_PHASE_DEVICES] = "devices", [CHAOS_PHASE_DRESS] = "dress",
        [CHAOS_PHASE_IMAGE] = "image",     [CHAOS_PHASE_BACKENDS] = "backends",
        [CHAOS_PHASE_START] = "start",     [CHAOS_PHASE_DONE] = "done",
    };

    return (unsigned)phase < sizeof(names) / sizeof(names[0]) ? names[phase]
                                                              : "unknown";
}

void chaos__log(const struct chaos *chaos, enum chaos_log_level level,
                const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;

    if (!chaos || !chaos->options.log || level > chaos->options.log_level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    chaos__make_printable(line);
    chaos->options.log(chaos->options.log_user, level, line);
}
