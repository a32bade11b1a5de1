/* SPDX-License-Identifier: MIT */
#include "uuid.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static const uint8_t mark[] = { 'c', 'h', 'a', 'o', 's' };

int chaos__uuid_make(uint8_t uuid[16], struct chaos_error *err)
{
    if (getrandom(uuid, 16, 0) != 16)
        return chaos__fail_errno(err, errno, "making a UUID");
    memcpy(uuid, mark, sizeof(mark));
    uuid[6] = (uint8_t)(0x80 | (uuid[6] & 0x0f)); /* version 8 */
    uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f)); /* variant 10 */
    return 0;
}

bool chaos__uuid_is_ours(const uint8_t uuid[16])
{
    return memcmp(uuid, mark, sizeof(mark)) == 0 && uuid[6] >> 4 == 8;
}
