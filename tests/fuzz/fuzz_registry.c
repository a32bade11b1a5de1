/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a registry's file that are changed: three that tell where, a count,
 * and what, as often as there are such.  Whatever they are, nothing crashes,
 * and all ends.
 */
#include "input.h"

#include "registry/layout.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUESTS 24u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chaos__registry *registry;
static const uint8_t flavor[CHAOS__FLAVOR_SIZE] = { 1 };

/* The parts of the file that are in use, one behind the other. */
static struct part {
    size_t at, size;
    uint8_t *clean;
} parts[] = {
    { 12, offsetof(struct chaos__layout, slots[GUESTS + 4]) - 12, NULL },
    { offsetof(struct chaos__layout, by_key),
      offsetof(struct chaos__layout, devices[3 * GUESTS]) -
          offsetof(struct chaos__layout, by_key),
      NULL },
};

static struct chaos__slot *add_guest(unsigned number)
{
    struct chaos__device wanted = { .kind = CHAOS__DEVICE_NET,
                                    .key = { 100 + number, 0 } };
    uint8_t uuid[16] = { (uint8_t)number };
    struct chaos__device *device;
    struct chaos__slot *slot;
    char name[16];

    snprintf(name, sizeof(name), "g%u", number);
    if (chaos__registry_reserve(registry, name, uuid, &slot, NULL, NULL) < 0)
        return NULL;
    chaos__registry_set_domid(registry, slot, 1 + number, NULL);
    chaos__registry_add_device(registry, slot, &wanted, &device, NULL);
    return slot;
}

static void make_registry(void)
{
    char directory[] = "/tmp/fuzz-registry-XXXXXX", path[64];
    struct chaos__pool *pool;
    struct chaos__slot *slot;
    unsigned i;

    if (!mkdtemp(directory) ||
        chaos__registry_open(directory, &registry, NULL) < 0 ||
        chaos__pool_add(registry, "pool", flavor, &pool, NULL) < 0)
        abort();
    snprintf(path, sizeof(path), "%s/registry", directory);
    for (i = 0; i < GUESTS; i++) {
        slot = add_guest(i);
        if (!slot)
            abort();
        if (i % 4 == 0)
            chaos__pool_offer(registry, slot, flavor, NULL);
        else if (i % 4 == 1)
            chaos__registry_set_state(registry, slot, CHAOS__SLOT_LINGERING,
                                      NULL);
        else if (i % 4 == 2)
            chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING,
                                      NULL);
        else
            chaos__registry_abandon(registry, slot);
    }
    unlink(path); /* it is mapped */
    rmdir(directory);
    for (i = 0; i < 2; i++) {
        parts[i].clean = malloc(parts[i].size);
        if (!parts[i].clean)
            abort();
        memcpy(parts[i].clean, (uint8_t *)registry->map + parts[i].at,
               parts[i].size);
    }
}

static void restore(void)
{
    unsigned i;

    for (i = 0; i < 2; i++)
        memcpy((uint8_t *)registry->map + parts[i].at, parts[i].clean,
               parts[i].size);
    registry->is_broken = false;
    /* What is behind the parts was never used. */
    memset(&registry->map->slots[GUESTS + 4], 0,
           16 * sizeof(registry->map->slots[0]));
}

static void change(struct input *input)
{
    size_t at, count;
    unsigned part;

    while (input->left > 4) {
        part = input_u8(input) % 2;
        at = (size_t)input_u16(input) << 8 | input_u8(input);
        at %= parts[part].size;
        for (count = input_u8(input) % 16 + 1; count > 0; count--, at++)
            if (at < parts[part].size)
                ((uint8_t *)registry->map)[parts[part].at + at] =
                    input_u8(input);
    }
}

static void use_slot(struct chaos__slot *slot, unsigned n)
{
    struct chaos__device *device = NULL;
    uint8_t uuid[16];
    char name[16];

    if (!chaos__slot_is_sound(slot))
        abort();
    while ((device = chaos__registry_next_device(registry, slot, device)))
        ;
    memcpy(uuid, slot->uuid, sizeof(uuid));
    snprintf(name, sizeof(name), "new%u", n);
    if (n % 3 == 0)
        chaos__registry_rename(registry, slot, slot->domid, uuid, name, NULL);
    else if (chaos__registry_take(registry, slot, slot->domid, uuid,
                                  CHAOS__SLOT_DYING, NULL) == 0)
        chaos__registry_free(registry, slot, NULL);
}

static void use_all(void)
{
    struct chaos__claim claim = { .flavor = { 1 }, .name = "claimed" };
    struct chaos__slot *slot = NULL;
    struct chaos__pool *pool;
    unsigned n;

    while ((slot = chaos__registry_next_orphan(registry))) {
        if (!chaos__slot_in_flight(slot->state))
            abort();
        chaos__registry_free(registry, slot, NULL);
    }
    for (n = 0; n < GUESTS + 2; n++)
        chaos__registry_by_domid(registry, n);
    if (chaos__pool_claim(registry, &claim, &slot, NULL, NULL) > 0)
        chaos__registry_free(registry, slot, NULL);
    slot = add_guest(GUESTS + 1);
    if (slot)
        chaos__registry_set_state(registry, slot, CHAOS__SLOT_RUNNING, NULL);
    for (n = 0, slot = NULL;
         n < 100 && (slot = chaos__registry_next(registry, slot)); n++)
        use_slot(slot, n);
    pool = chaos__pool_by_name(registry, "pool");
    if (pool)
        chaos__pool_remove(registry, pool, NULL);
    chaos__registry_rederive(registry, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };
    unsigned i;

    if (!registry)
        make_registry();
    restore();
    change(&input);
    /* As a file is that can be opened. */
    if (registry->map->used > GUESTS + 4)
        registry->map->used = GUESTS;
    if (registry->map->used_devices > 3 * GUESTS)
        registry->map->used_devices = GUESTS;
    use_all();
    for (i = 1; i <= GUESTS + 8; i++)
        chaos__slot_disown(registry, &registry->map->slots[i]);
    return 0;
}
