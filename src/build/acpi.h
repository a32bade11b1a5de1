/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a PVH guest that is no unikernel of ours: without a list
 * of its local APICs Linux runs with neither SMP nor a working timer.  They
 * say what there is (vCPUs) and what is not (all legacy hardware).
 */
#ifndef CHAOS_SRC_ACPI_H
#define CHAOS_SRC_ACPI_H

#include <stdint.h>

#define CHAOS__ACPI_SIZE 4096u

/* Writes the tables, RSDP first, to zeroed memory that the guest sees at
 * `address`, below 4 GiB.  vCPUs: at most CHAOS__VCPUS_MAX. */
void chaos__acpi_write(uint8_t to[CHAOS__ACPI_SIZE], uint32_t address,
                       unsigned vcpus);

#endif
