/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows: an operation, in a place, by somebody, and what came of it. Each is tried by a process of its own, so that no
 * row can change the next. Reported as "# row WHO WHERE|OPERATION|RESULT".
 */
#ifndef CONFORM_H
#define CONFORM_H

#include "guest.h"

enum place { NULLFS, CLONE, ROOTFS, COVER, BIND, PROC, PIVOTED, PLACES };
enum who { ROOT, USER, NSROOT, WHOS };

extern enum place place;
extern enum who who;

/* What rows work with: the place, /proc, a file elsewhere, a pipe, and space to read to. */
extern int here, proc, file, pipes[2];
extern char space[4096];

/* Adds to what came of the row. */
void say(const char *format, ...);
void say_error(int error);

/* True in the process that is to try the row, which ends it by row_end(). */
bool row_begin(const char *operation);
void row_end(void);

void rows_of_files(void);
void rows_of_attributes(void);
void rows_of_mounts(void);

/* Of these three: the errno of an operation, or "ok"; the number that it returns; what it says. */
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

/* Operations that are several calls: the first that fails is what is reported. */
#define BOTH(first, second) ((long)(first) == -1 ? -1 : (long)(second))

#endif
