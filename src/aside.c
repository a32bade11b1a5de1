/* SPDX-License-Identifier: MIT */
#include "aside.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child has to tell. */
struct result {
    bool is_done;
    int rc;
    struct chaos_error err;
};

static void be_the_child(chaos__aside_fn work, void *user, pid_t parent,
                         struct result *result)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it had ended before that */
        _exit(1);
    result->rc = work(user, true, &result->err);
    result->is_done = true;
    _exit(0);
}

/* Whoever else takes its status, as a handler of the program's might: it has
 * ended when there is nothing to wait for. */
static void await(pid_t child)
{
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

int chaos__aside(chaos__aside_fn work, void *user, struct chaos_error *err)
{
    struct result *result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t parent = getpid();
    pid_t child;
    int rc;

    if (result == MAP_FAILED)
        return work(user, false, err);
    child = fork();
    if (child == 0)
        be_the_child(work, user, parent, result);
    if (child < 0) {
        munmap(result, sizeof(*result));
        return work(user, false, err);
    }
    await(child);
    rc = result->rc;
    if (!result->is_done)
        rc = chaos__fail(err, CHAOS_EFAILED,
                         "process %d, a child of this one, was ended", child);
    else if (rc < 0 && err)
        *err = result->err;
    munmap(result, sizeof(*result));
    return rc;
}
