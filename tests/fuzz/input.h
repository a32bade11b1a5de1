/* SPDX-License-Identifier: MIT */
/* Taking numbers from a fuzzer's bytes; 0 where there are no more. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *data;
    size_t left;
};

static inline uint8_t input_u8(struct input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return *input->data++;
}

static inline uint16_t input_u16(struct input *input)
{
    uint16_t low = input_u8(input);

    return low | input_u8(input) << 8;
}

#endif
