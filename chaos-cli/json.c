/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

void cli_json_string(const char *text)
{
    const unsigned char *c;

    putchar('"');
    for (c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

/* A noxs guest that lost the place of its page in a recovery is one still. */
const char *cli_registry_name(const struct chaos_guest_info *info)
{
    return info->is_chaos && !info->uses_xenstore ? "noxs" : "xenstore";
}

static uint64_t uptime_s(const struct chaos_guest_info *info)
{
    uint64_t now = (uint64_t)time(NULL);

    return info->created_s && now > info->created_s ? now - info->created_s : 0;
}

static void print_control(const struct chaos_guest_control *control,
                          const char *indent)
{
    printf("%s  \"status\": \"%s\",\n", indent,
           cli_status_name(control->status));
    if (control->status == CHAOS_STATUS_CRASHED)
        printf("%s  \"code\": %" PRIu32 ",\n", indent, control->code);
    if (control->up_ns)
        printf("%s  \"up_ns\": %" PRIu64 ",\n", indent, control->up_ns);
}

void cli_json_guest(struct cli *cli, const struct chaos_guest_info *info,
                    const struct chaos_guest_control *control,
                    const char *indent)
{
    char uuid[CLI_UUID_SIZE];

    cli_uuid(info->uuid, uuid);
    printf("%s{\n%s  \"domid\": %" PRIu32 ",\n%s  \"name\": ", indent, indent,
           info->domid, indent);
    cli_json_string(info->name);
    printf(",\n%s  \"uuid\": \"%s\",\n", indent, uuid);
    printf("%s  \"chaos\": %s,\n", indent, info->is_chaos ? "true" : "false");
    if (info->is_shell)
        printf("%s  \"shell\": true,\n", indent);
    printf("%s  \"type\": \"%s\",\n", indent, cli_type_name(info->type));
    printf("%s  \"registry\": \"%s\",\n", indent, cli_registry_name(info));
    printf("%s  \"state\": \"%s\",\n", indent, cli_state_name(info));
    if (info->ended)
        printf("%s  \"end\": \"%s\",\n", indent, cli_end_name(info->end));
    if (control)
        print_control(control, indent);
    printf("%s  \"vcpus\": %" PRIu32 ",\n", indent, info->vcpus);
    printf("%s  \"memory_kb\": %" PRIu64 ",\n", indent, info->memory_kb);
    printf("%s  \"maxmem_kb\": %" PRIu64 ",\n", indent, info->maxmem_kb);
    printf("%s  \"cpu_time_ns\": %" PRIu64, indent, info->cpu_time_ns);
    if (info->created_s) /* Xen does not keep it for other toolstacks */
        printf(",\n%s  \"created\": %" PRIu64 ",\n%s  \"uptime_s\": %" PRIu64,
               indent, info->created_s, indent, uptime_s(info));
    cli_json_devices(cli, info->domid, indent);
    printf("\n%s}", indent);
}
