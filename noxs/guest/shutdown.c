/* SPDX-License-Identifier: MIT */
#include "shutdown.h"

#include "hypercall.h"

_Noreturn void shutdown(unsigned int reason)
{
    struct sched_shutdown request = { .reason = reason };

    for (;;)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &request);
}
