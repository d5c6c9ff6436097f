/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows: an operation, in a place, by somebody, and what came of it. Each is tried by a process of its own, so that no
 * row can change the next. Reported as "# row WHO WHERE|OPERATION|RESULT".
 */
#ifndef CONFORM_H
#define CONFORM_H

#include "guest.h"

/* Newer than the headers of Debian 12 */
#define SYS_cachestat_ 451
#define SYS_fchmodat2_ 452
#define SYS_statmount_ 457
#define SYS_listmount_ 458
#define SYS_setxattrat_ 463
#define SYS_getxattrat_ 464
#define SYS_listxattrat_ 465
#define SYS_removexattrat_ 466
#define SYS_open_tree_attr_ 467
#define SYS_file_getattr_ 468
#define SYS_file_setattr_ 469
#define SYS_fchroot_ 472
#define MOUNT_BENEATH 0x200
#define OPEN_TREE_NAMESPACE_ 2
#define FSMOUNT_NAMESPACE_ 2
#define UNSHARE_EMPTY_MNTNS_ 0x00100000
#define HANDLE_FID 0x200
#define HANDLE_MNT_ID_UNIQUE 1
#define HANDLE_CONNECTABLE 2
#define EXECVE_CHECK 0x10000
#define F_DUPFD_QUERY_ 1027
#define F_CREATED_QUERY_ 1028
#define STATX_MNT_ID_UNIQUE_ 0x4000
#define STATX_SUBVOL_ 0x8000
#define STATX_WRITE_ATOMIC_ 0x10000
#define STATX_DIO_READ_ALIGN_ 0x20000

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
#define TRY(operation)								\
	do {									\
		if (row_begin(#operation)) {					\
			if ((long)(operation) == -1)				\
				say_error(errno);				\
			else							\
				say("ok");					\
			row_end();						\
		}								\
	} while (0)

#define NUMBER(operation)							\
	do {									\
		if (row_begin(#operation)) {					\
			long value = (operation);				\
										\
			if (value == -1)					\
				say_error(errno);				\
			else							\
				say("%ld", value);				\
			row_end();						\
		}								\
	} while (0)

#define SHOW(operation)								\
	do {									\
		if (row_begin(#operation)) {					\
			operation;						\
			row_end();						\
		}								\
	} while (0)

/* Operations that are several calls: the first that fails is what is reported. */
#define BOTH(first, second) ((long)(first) == -1 ? -1 : (long)(second))

#endif
