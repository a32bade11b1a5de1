/* SPDX-License-Identifier: MIT */
#include "acpi.h"

#include "config/config.h"

#include <stddef.h>
#include <string.h>

/* Layouts and values: ACPI 6.4, chapter 5.2. */

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision;
    char creator[4];
    uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t checksum_of_all, reserved[3];
} __attribute__((packed));

struct xsdt {
    struct header header;
    uint64_t tables[2];
} __attribute__((packed));

/* Only the fields that say something; the rest are zero: there is none. */
struct fadt {
    struct header header;
    uint32_t firmware_control, dsdt;
    uint8_t no_hardware[65];
    uint16_t boot_architecture;
    uint8_t reserved;
    uint32_t flags;
    uint8_t no_reset[15];
    uint8_t minor_revision;
    uint64_t firmware_control_64, dsdt_64;
    uint8_t no_blocks[120];
} __attribute__((packed));
_Static_assert(offsetof(struct fadt, boot_architecture) == 109, "5.2.9");
_Static_assert(offsetof(struct fadt, flags) == 112, "5.2.9");
_Static_assert(offsetof(struct fadt, dsdt_64) == 140, "5.2.9");
_Static_assert(sizeof(struct fadt) == 268, "revision 5");

#define FADT_REVISION 5
#define BOOT_NO_VGA (1u << 2)
#define BOOT_NO_RTC (1u << 5)
#define FLAG_WBINVD (1u << 0)
#define FLAG_NO_POWER_BUTTON (1u << 4)
#define FLAG_NO_SLEEP_BUTTON (1u << 5)
#define FLAG_HARDWARE_REDUCED (1u << 20)

struct local_apic {
    uint8_t type, length, processor, apic;
    uint32_t flags; /* bit 0: enabled */
} __attribute__((packed));

#define LOCAL_APIC_ADDRESS 0xfee00000u

struct madt {
    struct header header;
    uint32_t local_apic_address, flags;
    struct local_apic apics[CHAOS__VCPUS_MAX];
} __attribute__((packed));

/* DSDT: no device, so a header alone. */
struct tables {
    struct rsdp rsdp;
    uint8_t align[4];
    struct xsdt xsdt;
    uint8_t align2[4];
    struct fadt fadt;
    struct header dsdt;
    struct madt madt; /* last: its length depends on the vCPUs */
} __attribute__((packed));
_Static_assert(sizeof(struct tables) <= CHAOS__ACPI_SIZE, "one page");

/* The byte that makes the sum of all zero. */
static uint8_t checksum(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint8_t sum = 0;

    while (size--)
        sum = (uint8_t)(sum + *at++);
    return (uint8_t)-sum;
}

static void finish(struct header *header, const char *signature,
                   uint8_t revision, size_t length)
{
    memcpy(header->signature, signature, sizeof(header->signature));
    header->length = (uint32_t)length;
    header->revision = revision;
    memcpy(header->oem, "chaos ", sizeof(header->oem));
    memcpy(header->oem_table, "guest   ", sizeof(header->oem_table));
    memcpy(header->creator, "chao", sizeof(header->creator));
    header->checksum = checksum(header, length);
}

static void fill_madt(struct madt *madt, unsigned vcpus)
{
    unsigned i;

    madt->local_apic_address = LOCAL_APIC_ADDRESS;
    for (i = 0; i < vcpus; i++)
        madt->apics[i] = (struct local_apic){
            .length = sizeof(struct local_apic),
            .processor = (uint8_t)i,
            .apic = (uint8_t)(i * 2), /* as Xen numbers them */
            .flags = 1,
        };
    finish(&madt->header, "APIC", 3,
           offsetof(struct madt, apics) + vcpus * sizeof(struct local_apic));
}

void chaos__acpi_write(uint8_t to[CHAOS__ACPI_SIZE], uint32_t address,
                       unsigned vcpus)
{
    struct tables *tables = (struct tables *)to;

    tables->xsdt.tables[0] = address + offsetof(struct tables, fadt);
    tables->xsdt.tables[1] = address + offsetof(struct tables, madt);
    finish(&tables->xsdt.header, "XSDT", 1, sizeof(tables->xsdt));
    finish(&tables->dsdt, "DSDT", 2, sizeof(tables->dsdt));
    tables->fadt.dsdt = address + offsetof(struct tables, dsdt);
    tables->fadt.dsdt_64 = tables->fadt.dsdt;
    tables->fadt.boot_architecture = BOOT_NO_VGA | BOOT_NO_RTC;
    tables->fadt.flags = FLAG_WBINVD | FLAG_NO_POWER_BUTTON |
                         FLAG_NO_SLEEP_BUTTON | FLAG_HARDWARE_REDUCED;
    finish(&tables->fadt.header, "FACP", FADT_REVISION, sizeof(tables->fadt));
    fill_madt(&tables->madt, vcpus);
    memcpy(tables->rsdp.signature, "RSD PTR ", 8);
    memcpy(tables->rsdp.oem, "chaos ", sizeof(tables->rsdp.oem));
    tables->rsdp.revision = 2;
    tables->rsdp.length = sizeof(tables->rsdp);
    tables->rsdp.xsdt = address + offsetof(struct tables, xsdt);
    /* The first checksum is of what ACPI 1.0 had: 20 bytes. */
    tables->rsdp.checksum = checksum(&tables->rsdp, 20);
    tables->rsdp.checksum_of_all =
        checksum(&tables->rsdp, sizeof(tables->rsdp));
}
