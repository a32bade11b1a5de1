/* SPDX-License-Identifier: MIT */
/* libchaos: fast guests on Xen.  This header includes all others. */
#ifndef CHAOS_CHAOS_H
#define CHAOS_CHAOS_H

#include <chaos/config.h>
#include <chaos/console.h>
#include <chaos/context.h>
#include <chaos/device.h>
#include <chaos/error.h>
#include <chaos/event.h>
#include <chaos/guest.h>
#include <chaos/host.h>
#include <chaos/pool.h>
#include <chaos/recover.h>
#include <chaos/resource.h>

#endif
