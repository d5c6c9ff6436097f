/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the processes of the storm have in common: their random numbers, their kinds, and the rules
 * that each of them checks after every operation.
 *
 * An operation and its arguments depend only on the seed, the number of the process and the number
 * of the operation. With the same seed each process tries the same again, whatever the results are.
 */
#ifndef STORM_H
#define STORM_H

#include "guest.h"

#include <linux/types.h>

#define PROCESSES 8
#define MOST_OPERATIONS 64
#define ERRNOS 134

#define STORM "/storm"	 /* common to all namespaces */
#define SPACE "/a"	 /* private to each namespace */
#define COVER "/covered" /* a mount covers a file there that users must not see */
#define SECRET "secret"

/*
 * Some processes stay in the initial mount namespace and use only what is below /storm, some are
 * root in their own mount namespace, some are a user in their own user and mount namespace.
 */
enum who { CONFINED, ROOT, USER, WHOS };

extern const enum who processes[PROCESSES];

/* What lies at the bottom of a process's mount namespace, if the process knows it. */
enum bottom { ANYTHING, ON_ROOTFS, ON_NULLFS };

struct shared {
	bool stop, rest, loaded; /* the storm; until the next round; the module */
	int faults, elsewhere;
	char wrong[512];
	long results[WHOS][MOST_OPERATIONS][ERRNOS], lives;
	struct process {
		pid_t pid, visited; /* the present life; the one that root has visited */
		long done;
		const char *operation;
	} process[PROCESSES];
};

extern struct shared *shared;

/* Variables of this process */
extern int number, proc;
extern enum who who;
extern enum bottom bottom;
extern bool locked; /* in a user's copy, where the cover of the bottom may be locked */

extern dev_t rootfs;
extern ino_t initial_namespace;
extern unsigned long long storm_mount;

/* The next random number, less than choices. */
unsigned int pick(unsigned int choices);

/* Ends the storm. Only the first error is kept. */
void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *format, ...);

/* Returns whether path is nullfs, and checks that it is empty and immutable then. */
bool look(const char *path);

#define BIT(who) (1 << (who))

struct operation {
	const char *name;
	int (*carry_out)(void);
	int weight;
	int by;	     /* kinds of processes that do it */
	int refused; /* kinds for which success is a failure */
	int since;   /* see kernel_version() */
};

extern const struct operation operations[];
extern const int operation_count;

/* Picks an operation at random among those of this kind of process. */
const struct operation *choose(void);

int put_tmpfs(const char *where, unsigned int flags);
int unshare_mounts(void);
int unshare_user(void);

#endif
