/* SPDX-License-Identifier: MIT */
/* What lwIP has to know of the compiler and of where it runs. */
#ifndef NOXS_LWIP_CC_H
#define NOXS_LWIP_CC_H

#include <limits.h>

#include "../../guest/mem.h"
#include "../../guest/scratch.h"

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
/* What unistd.h would define, and lwIP does if this limit is not known. */
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif
typedef long ssize_t;

/* Ends the guest as crashed, with the line as its code: a stack whose state is
 * broken must not answer anybody. */
_Noreturn void network_broken(unsigned int line);

/* The texts would be a tenth of the image. */
#define LWIP_PLATFORM_ASSERT(text) network_broken(__LINE__)
#define LWIP_PLATFORM_DIAG(arguments)                                          \
    do {                                                                       \
    } while (0)

/* No LWIP_RAND: lwIP would ask for two numbers at its start, for local ports
 * that nobody may ever use, and a PVH guest make trips to Xen for them. */

#define LWIP_DECLARE_MEMORY_ALIGNED(name, size)                                \
    u8_t name[size] __attribute__((aligned(8))) SCRATCH(name)

#endif
