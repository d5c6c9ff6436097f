/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of the measurements: under QEMU's -icount shift=0 the time stamp counter counts executed instructions, and
 * nanoseconds while the machine idles.
 */
#ifndef CLOCK_H
#define CLOCK_H

static inline unsigned long clock_now(void)
{
	unsigned int low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return (unsigned long)high << 32 | low;
}

/* When the program's first instructions were executed: it is linked with -e first_instruction. */
unsigned long clock_at_start;

asm(".globl first_instruction\n"
    "first_instruction:\n"
    "	mov	%rdx, %r8\n"
    "	rdtsc\n"
    "	shl	$32, %rdx\n"
    "	or	%rdx, %rax\n"
    "	mov	%rax, clock_at_start(%rip)\n"
    "	mov	%r8, %rdx\n"
    "	jmp	_start\n");

#endif
