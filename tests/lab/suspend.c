/* SPDX-License-Identifier: MIT */
/*
 * Asks a guest to suspend, for the suite `resources`: a library's call without
 * a command, as a suspended guest is of use only to who saves it.
 *
 *   suspend DOMID
 */
#include <chaos/chaos.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const struct chaos_options options = { .run_dir = getenv("CHAOS_RUN_DIR") };
    struct chaos_error err;
    struct chaos *chaos;
    int rc;

    if (argc != 2)
        return 2;
    rc = chaos_open(&options, &chaos, &err);
    if (rc == 0) {
        rc = chaos_guest_shutdown(chaos, (uint32_t)strtoul(argv[1], NULL, 10),
                                  CHAOS_END_SUSPEND, &err);
        chaos_close(chaos);
    }
    if (rc < 0)
        fprintf(stderr, "suspend: %s\n", err.message);
    return rc < 0;
}
