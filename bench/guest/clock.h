/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of the measurements. With QEMU's -icount shift=0 the time stamp counter counts executed
 * instructions, and nanoseconds while the machine idles.
 */
#ifndef CLOCK_H
#define CLOCK_H

static inline unsigned long clock_now(void)
{
	unsigned int low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (unsigned long)high << 32 | low;
}

/*
 * The time of the program's first instruction, which is in this function: the program is linked
 * with -e first_instruction.
 */
unsigned long clock_at_start;

void __attribute__((naked)) first_instruction(void)
{
	asm("mov	%rdx, %r8\n\t"
	    "rdtsc\n\t"
	    "shl	$32, %rdx\n\t"
	    "or	%rdx, %rax\n\t"
	    "mov	%rax, clock_at_start(%rip)\n\t"
	    "mov	%r8, %rdx\n\t"
	    "jmp	_start");
}

#endif
