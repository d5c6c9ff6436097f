/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A row is an operation, the place where it is tried, who tries it, and its result. Each row has a
 * process of its own, so that it cannot affect the next. It is reported as "# row WHO
 * WHERE|OPERATION|RESULT".
 */
#ifndef CONFORM_H
#define CONFORM_H

#include "guest.h"

enum place { NULLFS, CLONE, ROOTFS, COVER, BIND, PROC, PIVOTED, PLACES };
enum who { ROOT, USER, NSROOT, WHOS };

extern enum place place;
extern enum who who;

/*
 * What rows work with: descriptors of the place, of /proc, of a file elsewhere and of a pipe, and a
 * buffer to read to.
 */
extern int here, proc, file, pipes[2];
extern char space[4096];

/* Appends to the row's result. */
void say(const char *format, ...);
void say_error(int error);

/* Returns true in the process that tries the row and ends with row_end(). */
bool row_begin(const char *operation);
void row_end(void);

void rows_of_files(void);
void rows_of_attributes(void);
void rows_of_mounts(void);

/*
 * The result is the errno of an operation, or "ok" (TRY), the number that it returns (NUMBER), or
 * what it passes to say() (SHOW).
 */
#define TRY(operation) \
	do { \
		if (row_begin(#operation)) { \
			if ((long)(operation) == -1) \
				say_error(errno); \
			else \
				say("ok"); \
			row_end(); \
		} \
	} while (0)

#define NUMBER(operation) \
	do { \
		if (row_begin(#operation)) { \
			long value = (operation); \
\
			if (value == -1) \
				say_error(errno); \
			else \
				say("%ld", value); \
			row_end(); \
		} \
	} while (0)

#define SHOW(operation) \
	do { \
		if (row_begin(#operation)) { \
			operation; \
			row_end(); \
		} \
	} while (0)

/* An operation of several calls. The first one that fails is reported. */
#define BOTH(first, second) ((long)(first) == -1 ? -1 : (long)(second))

#endif
