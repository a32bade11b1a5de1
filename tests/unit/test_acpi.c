/* SPDX-License-Identifier: MIT */
/* The tables that a PVH Linux finds: complete, inside their page, summed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "build/acpi.h"
#include "config/config.h"

#include <string.h>

static uint8_t sum(const uint8_t *bytes, size_t size)
{
    uint8_t total = 0;

    while (size--)
        total = (uint8_t)(total + *bytes++);
    return total;
}

static const uint8_t *table_at(const uint8_t *page, uint32_t base,
                               uint64_t address, const char *signature)
{
    const uint8_t *table = page + (address - base);
    uint32_t length;

    assert_in_range(address, base, base + CHAOS__ACPI_SIZE - 36);
    assert_memory_equal(table, signature, 4);
    memcpy(&length, table + 4, sizeof(length));
    assert_in_range(length, 36, base + CHAOS__ACPI_SIZE - address);
    assert_int_equal(sum(table, length), 0);
    return table;
}

static void test_acpi(void **state)
{
    const uint32_t base = 0x1fd000;
    static uint8_t page[CHAOS__ACPI_SIZE];
    const uint8_t *xsdt, *fadt, *madt;
    uint64_t address;
    uint32_t length;
    unsigned vcpus;

    (void)state;
    for (vcpus = 1; vcpus <= CHAOS__VCPUS_MAX; vcpus *= 2) {
        memset(page, 0, sizeof(page));
        chaos__acpi_write(page, base, vcpus);
        assert_memory_equal(page, "RSD PTR ", 8);
        assert_int_equal(sum(page, 20), 0);
        assert_int_equal(sum(page, 36), 0);
        memcpy(&address, page + 24, sizeof(address));
        xsdt = table_at(page, base, address, "XSDT");
        memcpy(&address, xsdt + 36, sizeof(address));
        fadt = table_at(page, base, address, "FACP");
        memcpy(&address, fadt + 140, sizeof(address));
        table_at(page, base, address, "DSDT");
        memcpy(&address, xsdt + 44, sizeof(address));
        madt = table_at(page, base, address, "APIC");
        memcpy(&length, madt + 4, sizeof(length));
        assert_int_equal(length, 44 + vcpus * 8);
        /* APIC ids are even in Xen. */
        assert_int_equal(madt[44 + (vcpus - 1) * 8 + 3], (vcpus - 1) * 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acpi),
    };

    return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
