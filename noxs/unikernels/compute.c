/* SPDX-License-Identifier: MIT */
/* Counts the primes below `below=N`, says how many there are and powers off: a
 * function that is called by making a guest. */
#include "../guest/boot.h"
#include "../guest/control.h"
#include "../guest/mem.h"
#include "../guest/print.h"

static int is_prime(unsigned long number)
{
    for (unsigned long by = 2; by * by <= number; by++)
        if (number % by == 0)
            return 0;
    return 1;
}

void guest_main(const struct guest_info *info)
{
    unsigned long below = option_number(info->cmdline, "below", 10000);
    unsigned long count = 0;

    control_up();
    for (unsigned long number = 2; number < below; number++)
        count += (unsigned long)is_prime(number);
    print("primes below %lu: %lu\n", below, count);
}
