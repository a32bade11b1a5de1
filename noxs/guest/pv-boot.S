/* SPDX-License-Identifier: MIT */
/*
 * PV entry: long mode, the builder's page tables and a one-page stack;
 * rsi points to struct start_info.
 */
    .section .text.entry, "ax"
    .global guest_entry
guest_entry:
    mov %rsi, %rdi
    call guest_start

    .section .note.GNU-stack, "", @progbits
