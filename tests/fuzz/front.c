/* SPDX-License-Identifier: MIT */
#include "front.h"

#include "guest_world.h"

#include <stdlib.h>
#include <string.h>

struct input front_input;

static struct {
    void *in_flight[FRONT_REQUESTS]; /* the memory */
    unsigned int count;
    bool kept; /* the back end did not give a grant back */
} front;

void front_next(void)
{
    uint8_t bits = input_u8(&front_input);
    uint16_t value = input_u16(&front_input);

    if (front_input.left)
        front_step(bits, value);
}

void **front_begin(void *memory)
{
    if (front.count == FRONT_REQUESTS) {
        free(memory);
        return NULL;
    }
    front.in_flight[front.count] = memory;
    return &front.in_flight[front.count++];
}

void front_refused(void **cookie)
{
    free(*cookie);
    *cookie = NULL;
}

void front_ended(void **cookie)
{
    if (!*cookie)
        abort();
    front_refused(cookie);
    if ((cookie - front.in_flight) % 3 == 0)
        front_again();
    if ((cookie - front.in_flight) % 3 == 1)
        front_next();
}

void front_use(uint32_t reference, bool keep)
{
    const char *page = world_use(reference, WORLD_BACKEND, false);

    if (page && !keep)
        world_end_use(reference);
    front.kept |= keep;
}

void front_notify(uint32_t port)
{
    world_notify(port);
    if (world_run() > 600)
        abort();
}

static void start(uint8_t features)
{
    memset(&front, 0, sizeof(front));
    world_reset();
    if (features & 0x80) { /* few references */
        world_limit_grants(1);
        world_page()->grants_used = 512 - front_idle_grants - 50;
    }
    front_start(features);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };
    bool in_flight = false;

    start(input_u8(&input));
    front_input = input;
    while (front_input.left)
        front_next();
    for (unsigned int i = 0; i < front.count; i++) {
        in_flight |= front.in_flight[i] != NULL;
        free(front.in_flight[i]);
    }
    /* Nobody can use what was said to be the caller's again. */
    if (!in_flight && !front.kept && world_granted() != front_idle_grants)
        abort();
    return 0;
}
