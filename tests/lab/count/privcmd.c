/* SPDX-License-Identifier: MIT */
#include "count.h"

#include <sys/ioctl.h>

#define __XEN_TOOLS__ /* for calls by their present numbers */
#include <xen/xen.h>

#include <xen/sys/privcmd.h>

/* The command of a hypercall that has several; false if it has none. */
static bool read_command(pid_t tid, uint64_t op, const uint64_t *arguments,
                         uint64_t *command_r)
{
    uint32_t first;

    switch (op) {
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_platform_op:
    case __HYPERVISOR_mmuext_op: /* of the first, if there are several */
        if (!read_buffer(tid, arguments[0], &first, sizeof(first)))
            return false;
        *command_r = first;
        return true;
    case __HYPERVISOR_memory_op:
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_grant_table_op:
    case __HYPERVISOR_hvm_op:
    case __HYPERVISOR_hypfs_op:
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_vcpu_op:
    case __HYPERVISOR_xen_version:
        *command_r = arguments[0];
        return true;
    default:
        return false;
    }
}

static void count_hypercall(pid_t tid, const char *prefix, uint64_t op,
                            const uint64_t *arguments)
{
    char number[NAME_SIZE], command_number[NAME_SIZE], text[NAME_SIZE];
    const char *group = name_of("hypercall", op, number);
    uint64_t sub;

    if (read_command(tid, op, arguments, &sub))
        snprintf(text, sizeof(text), "%s%s/%s", prefix, group,
                 name_of(group, sub, command_number));
    else
        snprintf(text, sizeof(text), "%s%s", prefix, group);
    add("hypercall", text, 1);
}

/* libxencall's way to a result of more than 32 bits is a list of one. */
static void count_multicall(pid_t tid, const uint64_t *arguments)
{
    struct multicall_entry entry;
    uint64_t i, inner[LENGTH(entry.args)];

    for (i = 0; i < arguments[1]; i++) {
        if (!read_buffer(tid, arguments[0] + i * sizeof(entry), &entry,
                         sizeof(entry)))
            return add("hypercall", "multicall/unreadable", 1);
        for (size_t j = 0; j < LENGTH(inner); j++)
            inner[j] = entry.args[j];
        count_hypercall(tid, "multicall/", entry.op, inner);
    }
}

void count_privcmd(pid_t tid, uint64_t request, uint64_t address)
{
    union {
        struct privcmd_hypercall call;
        struct privcmd_mmap mmap;
        struct privcmd_mmapbatch batch;
        struct privcmd_mmapbatch_v2 batch_v2;
        struct privcmd_mmap_resource resource;
    } argument = { 0 };
    uint64_t arguments[LENGTH(argument.call.arg)];
    char number[NAME_SIZE];

    /* Nothing is read that is not there: it may end at a page's. */
    read_memory(address, &argument,
                _IOC_SIZE(request) < sizeof(argument) ? _IOC_SIZE(request)
                                                      : sizeof(argument));
    switch (request) {
    case IOCTL_PRIVCMD_HYPERCALL:
        for (size_t i = 0; i < LENGTH(argument.call.arg); i++)
            arguments[i] = argument.call.arg[i];
        count_hypercall(tid, "", argument.call.op, arguments);
        if (argument.call.op == __HYPERVISOR_multicall)
            count_multicall(tid, arguments);
        return;
    case IOCTL_PRIVCMD_MMAP:
        return add("privcmd", "mmap", 1);
    case IOCTL_PRIVCMD_MMAPBATCH:
        add("privcmd", "mmapbatch", 1);
        return add("privcmd", "mmapbatch/pages", argument.batch.num);
    case IOCTL_PRIVCMD_MMAPBATCH_V2:
        add("privcmd", "mmapbatch_v2", 1);
        return add("privcmd", "mmapbatch_v2/pages", argument.batch_v2.num);
    case IOCTL_PRIVCMD_MMAP_RESOURCE:
        add("privcmd", "mmap_resource", 1);
        return add("privcmd", "mmap_resource/pages", argument.resource.num);
    case IOCTL_PRIVCMD_DM_OP:
        return add("privcmd", "dm_op", 1);
    case IOCTL_PRIVCMD_UNIMPLEMENTED: /* to see whether it is a privcmd */
        return add("privcmd", "unimplemented", 1);
    case IOCTL_PRIVCMD_RESTRICT:
        return add("privcmd", "restrict", 1);
    default:
        snprintf(number, sizeof(number), "%llu",
                 (unsigned long long)_IOC_NR(request));
        return add("privcmd", number, 1);
    }
}
