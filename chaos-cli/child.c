/* SPDX-License-Identifier: MIT */
/*
 * The child that a create or a destroy leaves behind.  After the user has been
 * answered, it clears away what back ends leave of guests, and after a create
 * writes the guest's name to XenStore and fills pools that have become low, so
 * that no daemon is needed and the next command is not the one to do it.
 *
 * fork() would cost the user more than the create: in a PV dom0 each page
 * table of the copy takes hypercalls.  So the child is one that shares this
 * process's memory, waits until it has ended, and has the memory for itself
 * then.  With that it is also the child that takes the memory down, which is
 * more work than all of a create from a shell: so there is one after each.
 */
#include "cli.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_SIZE (64 * 1024)
#define NICE_LEAST 19

/* Longer than any back end takes that lets go at all. */
#define SWEEP_MS 3000

/* With nothing of this process's: not its terminal, its output that somebody
 * reads to the end, nor its locks. */
static void detach(int parent)
{
    struct pollfd ended = { .fd = parent, .events = POLLIN };

    close_range(0, (unsigned)parent - 1, 0);
    close_range((unsigned)parent + 1, ~0u, 0);
    setsid();
    setpriority(PRIO_PROCESS, 0, NICE_LEAST);
    while (poll(&ended, 1, -1) < 1)
        ;
    close(parent);
    /* 0, 1 and 2 must not become something else's. */
    if (open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
        _exit(1);
}

/* What the child is told, in memory that outlives main(). */
static struct {
    int parent;
    bool publish, refill, sweep;
    uint32_t created;
} order;

static int work(void *unused)
{
    struct chaos_options options = {
        .run_dir = getenv("CHAOS_RUN_DIR"),
        .cache_dir = getenv("CHAOS_CACHE_DIR"),
    };
    struct chaos *chaos;

    (void)unused;
    detach(order.parent);
    if ((order.publish || order.refill || order.sweep) &&
        chaos_open(&options, &chaos, NULL) == 0) {
        if (order.publish)
            chaos_guest_publish(chaos, order.created, NULL);
        if (order.sweep)
            chaos_guest_sweep(chaos, SWEEP_MS);
        if (order.refill)
            chaos_pool_refill(chaos);
    }
    _exit(0); /* what the parent's exit() did is done */
}

void cli_leave_child(struct cli *cli)
{
    static char stack[STACK_SIZE] __attribute__((aligned(16)));

    order.refill = cli->refill && chaos_pool_is_low(cli->chaos);
    order.sweep = chaos_guest_lingers(cli->chaos);
    order.publish = cli->publish;
    order.created = cli->created;
    order.parent = pidfd_open(getpid(), 0);
    if (order.parent < 3)
        return;
    /* If there is no child, a later command has one. */
    clone(work, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
}
