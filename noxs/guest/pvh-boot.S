/* SPDX-License-Identifier: MIT */
/*
 * PVH entry (docs/misc/pvh.pandoc): 32-bit protected mode without paging, flat
 * segments, ebx points to struct hvm_start_info.  Goes to long mode with the
 * first 2 MiB mapped to themselves; pvh.c maps more when it is asked to.
 *
 * Each write to CR4, EFER or CR0 and each cpuid leaves the guest, so there is
 * one of each.
 */
#include "layout.h"

#define CR0_PE (1 << 0)
#define CR0_ET (1 << 4)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)

#define PTE_TABLE 0x63 /* present, writable, accessed, dirty */
#define PTE_LARGE 0xe3 /* the same, 2 MiB */
#define CODE64 8

    .section .text.entry, "ax"
    .code32
    .global guest_entry
guest_entry:
    cld
    mov $PAGE_TABLES, %edi
    mov %edi, %ebp
    xor %eax, %eax
    mov $(3 * PAGE_SIZE / 4), %ecx
    rep stosl
    movl $(PAGE_TABLES + PAGE_SIZE + PTE_TABLE), (%ebp)
    movl $(PAGE_TABLES + 2 * PAGE_SIZE + PTE_TABLE), PAGE_SIZE(%ebp)
    movl $PTE_LARGE, (2 * PAGE_SIZE)(%ebp)

    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov %ebp, %cr3
    mov $MSR_EFER, %ecx
    mov $EFER_LME, %eax
    xor %edx, %edx
    wrmsr
    mov $(CR0_PG | CR0_ET | CR0_PE), %eax
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmp $CODE64, $1f

    /* The data segments stay what they were: long mode ignores them. */
    .code64
1:  mov $STACK_TOP, %esp
    mov %ebx, %esi
    /* The vendor decides how to call Xen.  Writes ebx, ecx and edx. */
    xor %eax, %eax
    cpuid
    cmp $0x444d4163, %ecx /* AuthenticAMD */
    je 2f
    cmp $0x656e6975, %ecx /* HygonGenuine */
    je 2f
    movb $1, hypercall_vmcall
2:  mov %rsi, %rdi
    call guest_start

    .text
    .global hypercall_trap
hypercall_trap:
    cmpb $0, hypercall_vmcall
    jne 1f
    vmmcall
    ret
1:  vmcall
    ret

    .section .rodata.gdt, "a"
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* CODE64: accessed, so never written back */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

    .bss
hypercall_vmcall:
    .byte 0

    .section .note.GNU-stack, "", @progbits
