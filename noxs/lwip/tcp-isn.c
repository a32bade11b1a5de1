/* SPDX-License-Identifier: MIT */
#include "tcp-isn.h"

#include "../guest/random.h"
#include "../guest/time.h"

/* RFC 6528 wants a tick each 4 us: then the clock needs 4 hours for a round,
 * and no connection is that fast. */
#define TICK_NS 4000

static uint64_t rotate(uint64_t n, unsigned int bits)
{
    return n << bits | n >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned int rounds)
{
    while (rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

/* SipHash-2-4 of two words: 16 bytes, the length of which is the last word's
 * upper byte. */
static uint64_t sip_hash(const uint64_t key[2], uint64_t first, uint64_t second)
{
    uint64_t v[4] = {
        key[0] ^ 0x736f6d6570736575,
        key[1] ^ 0x646f72616e646f6d,
        key[0] ^ 0x6c7967656e657261,
        key[1] ^ 0x7465646279746573,
    };

    sip_word(v, first);
    sip_word(v, second);
    sip_word(v, UINT64_C(16) << 56);
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

u32_t network_tcp_isn(const ip_addr_t *local, u16_t local_port,
                      const ip_addr_t *remote, u16_t remote_port)
{
    static uint64_t key[2];

    while (!key[0]) {
        key[0] = random_number();
        key[1] = random_number();
    }
    return time_ns() / TICK_NS +
           sip_hash(key, (uint64_t)ip4_addr_get_u32(local) << 32 | local_port,
                    (uint64_t)ip4_addr_get_u32(remote) << 32 | remote_port);
}
