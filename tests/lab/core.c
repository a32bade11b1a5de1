/* SPDX-License-Identifier: MIT */
/*
 * Writes the core of a domain that is left as it is, for the suite `actions`:
 *
 *   core DOMID FRAMES FILE   FRAMES: of a PVH domain, from the first
 */
#include "hv/hv.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct chaos_error err;
    struct chaos__hv *hv;
    int rc;

    if (argc != 4)
        return 2;
    rc = chaos__hv_open(NULL, NULL, &hv, &err);
    if (rc == 0) {
        rc = chaos__hv_domain_dump(hv, (uint32_t)strtoul(argv[1], NULL, 10),
                                   strtoull(argv[2], NULL, 10), argv[3], &err);
        chaos__hv_close(hv);
    }
    if (rc < 0)
        fprintf(stderr, "core: %s\n", err.message);
    return rc < 0;
}
