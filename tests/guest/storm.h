/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the processes of the storm have in common: their random numbers, what each of them is, and the rules that all of
 * them see to after every operation.
 *
 * An operation and its arguments follow from the seed, the number of the process and the number of the operation, and
 * from nothing else: the same seed has each process try the same again, whatever came of it before.
 */
#ifndef STORM_H
#define STORM_H

#include "guest.h"

#include <linux/types.h>

#define PROCESSES 8
#define MOST_OPERATIONS 64
#define ERRNOS 134

#define STORM "/storm"	 /* shared by all namespaces */
#define SPACE "/a"	 /* of each its own */
#define COVER "/covered" /* a mount covers a file there that users must not see */
#define SECRET "secret"

/*
 * Some stay in the initial mount namespace and touch nothing but what is below /storm, some are root in a mount
 * namespace of their own, some are a user in a user and mount namespace of its own.
 */
enum who { CONFINED, ROOT, USER, WHOS };

extern const enum who processes[PROCESSES];

/* What lies at the bottom of the mount namespace that a process is in, if it knows. */
enum bottom { ANYTHING, ON_ROOTFS, ON_NULLFS };

struct shared {
	bool stop, rest, loaded; /* for ever; until the next round; the module */
	int faults, elsewhere;
	char wrong[512];
	long results[WHOS][MOST_OPERATIONS][ERRNOS], lives;
	struct process {
		pid_t pid, visited; /* of its present life; root has been in its namespace */
		long done;
		const char *operation;
	} process[PROCESSES];
};

extern struct shared *shared;

/* Of this process */
extern int number, proc;
extern enum who who;
extern enum bottom bottom;
extern bool locked; /* in a copy that some user has: what covers the bottom may have to stay */

extern dev_t rootfs;
extern ino_t initial_namespace;
extern unsigned long long storm_mount;

/* The next random number, less than choices. */
unsigned int pick(unsigned int choices);

/* Ends the storm. What went wrong first is what counts. */
void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *format, ...);

/* Whether path is nullfs, which then has to be empty and immutable. */
bool look(const char *path);

#define BIT(who) (1 << (who))

struct operation {
	const char *name;
	int (*carry_out)(void);
	int weight;
	int by;	     /* who does it */
	int refused; /* to whom; then success is the failure */
	int since;   /* the kernel's version, see kernel_version() */
};

extern const struct operation operations[];
extern const int operation_count;

/* A random one among those that this process may do. */
const struct operation *choose(void);

int put_tmpfs(const char *where, unsigned int flags);
int unshare_mounts(void);
int unshare_user(void);

#endif
