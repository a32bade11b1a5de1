/* SPDX-License-Identifier: MIT */
/* The yardstick: an empty process. */
int main(void)
{
    return 0;
}
