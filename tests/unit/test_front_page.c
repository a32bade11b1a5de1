/* SPDX-License-Identifier: MIT */
/* The guest kit: device page and grant table. */
#include "guest_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "noxs/guest/devices.h"
#include "noxs/guest/grants.h"

static char pages[4][4096] __attribute__((aligned(4096)));

static int reset(void **state)
{
    (void)state;
    world_reset();
    return 0;
}

/* ----------------------------------------------------------- device page */

static void finds_the_page(void **state)
{
    (void)state;
    world_page()->control_port = 3;
    assert_int_equal(devices_page()->control_port, 3);
    /* read once */
    world_page()->control_port = 4;
    assert_int_equal(devices_page()->control_port, 3);
}

static void needs_no_page(void **state)
{
    struct noxs_entry entry;

    (void)state;
    world_without_page();
    assert_null(devices_page());
    assert_false(devices_find(NOXS_TYPE_NET, 0, &entry, sizeof(entry)));
}

static void leaves_other_pages_alone(void **state)
{
    (void)state;
    world_page()->magic ^= 1;
    assert_null(devices_page());
    world_reset();
    world_page()->version++;
    assert_null(devices_page());
}

static void add(unsigned int type, unsigned int id, unsigned int size)
{
    struct noxs_entry entries[3] = { { .type = type, .id = id, .size = size } };

    memset(entries[0].rest, 0x55, sizeof(entries[0].rest));
    memset(&entries[1], 0xaa, 2 * sizeof(entries[1]));
    world_add(entries);
}

static void walks_by_type_and_size(void **state)
{
    struct noxs_block block;
    struct noxs_net net;

    (void)state;
    add(NOXS_TYPE_NET, 10, 128);
    add(99, 11, 192);
    add(NOXS_TYPE_SPARE, 0, 128);
    add(NOXS_TYPE_BLOCK, 12, 64);
    add(NOXS_TYPE_NET, 13, 64);
    add(NOXS_TYPE_BLOCK, 14, 192);
    assert_true(devices_find(NOXS_TYPE_NET, 0, &net, sizeof(net)));
    assert_int_equal(net.id, 10);
    assert_int_equal(net.reserved3[6], UINT64_C(0xaaaaaaaaaaaaaaaa));
    assert_true(devices_find(NOXS_TYPE_BLOCK, 0, &block, sizeof(block)));
    assert_int_equal(block.id, 12);
    /* of a shorter one, the rest is 0; of a longer one, it is left out */
    assert_true(devices_find(NOXS_TYPE_NET, 1, &net, sizeof(net)));
    assert_int_equal(net.id, 13);
    assert_int_equal(net.mtu, 0x5555);
    assert_int_equal(net.prefix, 0);
    assert_int_equal(net.reserved3[6], 0);
    assert_true(devices_find(NOXS_TYPE_BLOCK, 1, &block, sizeof(block)));
    assert_int_equal(block.id, 14);
    assert_false(devices_find(NOXS_TYPE_NET, 2, &net, sizeof(net)));
    assert_false(devices_find(NOXS_TYPE_CONSOLE, 0, &net, sizeof(net)));
}

static void believes_no_impossible_size(void **state)
{
    static const uint16_t sizes[] = { 0, 1, 63, 65, 100, 4096, 4032, 65472 };
    struct noxs_net net;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct noxs_entry *entry;

        world_reset();
        /* Wherever it would go on, there is the type that it looks for. */
        for (size_t j = 0; j < NOXS_PAGE_SIZE / 2 - 32; j++)
            ((uint16_t *)(world_page() + 1))[j] = NOXS_TYPE_NET;
        add(NOXS_TYPE_NET, 0, 128);
        add(99, 1, 64);
        world_page()->entry_count = 10;
        entry = (struct noxs_entry *)((char *)world_page() + 64 + 128);
        entry->size = sizes[i];
        assert_true(devices_find(NOXS_TYPE_NET, 0, &net, sizeof(net)));
        assert_false(devices_find(NOXS_TYPE_NET, 1, &net, sizeof(net)));
    }
}

static void stays_within_the_page(void **state)
{
    struct noxs_entry entry;
    unsigned int i;

    (void)state;
    for (i = 0; i < 63; i++)
        add(NOXS_TYPE_BLOCK, i, 64);
    world_page()->entry_count = UINT32_MAX;
    assert_true(devices_find(NOXS_TYPE_BLOCK, 62, &entry, sizeof(entry)));
    assert_int_equal(entry.id, 62);
    assert_false(devices_find(NOXS_TYPE_BLOCK, 63, &entry, sizeof(entry)));
    ((struct noxs_entry *)world_page())[63].size = 128;
    assert_false(devices_find(NOXS_TYPE_BLOCK, 62, &entry, sizeof(entry)));
    ((struct noxs_entry *)world_page())[63].size = 64;
    world_page()->entry_count = 62;
    assert_false(devices_find(NOXS_TYPE_BLOCK, 62, &entry, sizeof(entry)));
}

static void waits_no_longer_than_it_must(void **state)
{
    struct noxs_entry entry;

    (void)state;
    add(NOXS_TYPE_BLOCK, 0, 64);
    assert_non_null(devices_page());
    world_page()->generation = 1; /* for ever */
    assert_false(devices_find(NOXS_TYPE_BLOCK, 0, &entry, sizeof(entry)));
    world_page()->generation = 2;
    assert_true(devices_find(NOXS_TYPE_BLOCK, 0, &entry, sizeof(entry)));
}

/* ---------------------------------------------------------------- grants */

static void leaves_the_toolstacks_references(void **state)
{
    (void)state;
    assert_true(grant_reserve() >= WORLD_GRANTS);
    world_reset();
    world_page()->grants_used = 0;
    /* GNTTAB_NR_RESERVED_ENTRIES */
    assert_true(grant_reserve() >= 8);
}

static void grants_a_page(void **state)
{
    uint32_t a = grant_reserve(), b = grant_reserve();

    (void)state;
    assert_int_not_equal(a, b);
    grant_set(a, 5, pages[1] + 100, true);
    grant_set(b, 6, pages[2], false);
    assert_ptr_equal(world_use(a, 5, false), pages[1]);
    assert_null(world_use(a, 5, true));
    assert_null(world_use(a, 6, false));
    assert_ptr_equal(world_use(b, 6, true), pages[2]);
}

static void takes_back_what_is_not_in_use(void **state)
{
    uint32_t reference = grant_reserve();

    (void)state;
    for (int write = 0; write < 2; write++) {
        grant_set(reference, 5, pages[0], !write);
        assert_non_null(world_use(reference, 5, write));
        assert_false(grant_clear(reference));
        world_end_use(reference);
        assert_non_null(world_use(reference, 5, write));
        world_end_use(reference);
        assert_true(grant_clear(reference));
        assert_null(world_use(reference, 5, write));
    }
}

static unsigned int reserve_all(void)
{
    unsigned int count = 0;

    while (grant_reserve() != GRANT_NONE)
        count++;
    return count;
}

static void gives_each_reference_once(void **state)
{
    static bool seen[2048];
    uint32_t reference, first = grant_reserve(), second = grant_reserve();

    (void)state;
    memset(seen, 0, sizeof(seen));
    grant_release(first);
    grant_release(second);
    while ((reference = grant_reserve()) != GRANT_NONE) {
        assert_in_range(reference, WORLD_GRANTS, 2047);
        assert_false(seen[reference]);
        seen[reference] = true;
    }
    for (reference = WORLD_GRANTS; reference < 2048; reference++)
        assert_true(seen[reference]);
    grant_release(100);
    assert_int_equal(grant_reserve(), 100);
    assert_int_equal(grant_reserve(), GRANT_NONE);
}

static void makes_do_with_fewer_frames(void **state)
{
    (void)state;
    world_limit_grants(3);
    assert_int_equal(reserve_all(), 3 * 512 - WORLD_GRANTS);
    world_reset();
    world_limit_grants(1);
    assert_int_equal(reserve_all(), 512 - WORLD_GRANTS);
    world_reset();
    world_limit_grants(0);
    assert_int_equal(reserve_all(), 0);
    world_reset();
    world_page()->grants_used = UINT32_MAX;
    assert_int_equal(reserve_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finds_the_page, reset),
        cmocka_unit_test_setup(needs_no_page, reset),
        cmocka_unit_test_setup(leaves_other_pages_alone, reset),
        cmocka_unit_test_setup(walks_by_type_and_size, reset),
        cmocka_unit_test_setup(believes_no_impossible_size, reset),
        cmocka_unit_test_setup(stays_within_the_page, reset),
        cmocka_unit_test_setup(waits_no_longer_than_it_must, reset),
        cmocka_unit_test_setup(leaves_the_toolstacks_references, reset),
        cmocka_unit_test_setup(grants_a_page, reset),
        cmocka_unit_test_setup(takes_back_what_is_not_in_use, reset),
        cmocka_unit_test_setup(gives_each_reference_once, reset),
        cmocka_unit_test_setup(makes_do_with_fewer_frames, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
