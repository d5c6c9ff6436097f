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

#include <dirent.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define PROCESSES 8
#define MOST_OPERATIONS 64
#define ERRNOS 134
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define DOT_BYTES 24		/* of "." and of "..", as getdents64() returns them */
#define STORM "/storm"		/* shared by all namespaces */
#define SPACE "/a"		/* of each its own */
#define COVER "/covered"	/* a mount covers a file there that users must not see */
#define SECRET "secret"

/*
 * Some stay in the initial mount namespace and touch nothing but what is below /storm, some are root in a mount
 * namespace of their own, some are a user in a user and mount namespace of its own.
 */
enum who { CONFINED, ROOT, USER, WHOS };

static const char * const who_names[] = { "confined", "root", "user" };
static const enum who processes[PROCESSES] = { CONFINED, ROOT, ROOT, ROOT, ROOT, USER, USER, USER };

/* What lies at the bottom of the mount namespace that a process is in, if it knows. */
enum bottom { ANYTHING, ON_ROOTFS, ON_NULLFS };

static struct {
	bool stop, rest, loaded;	/* for ever; until the next round; the module */
	int faults, elsewhere;
	char wrong[512];
	long results[WHOS][MOST_OPERATIONS][ERRNOS], lives;
	struct process {
		pid_t pid, visited;	/* of its present life; root has been in its namespace */
		long done;
		const char *operation;
	} process[PROCESSES];
} *shared;

static uint64_t seed, stream;
static int number, proc;
static enum who who;
static enum bottom bottom;
static bool locked;		/* in a copy that some user has: what covers the bottom may have to stay */
static dev_t rootfs;
static ino_t initial_namespace;
static unsigned long long storm_mount;

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void seed_stream(long index)
{
	stream = mix(seed ^ mix((uint64_t)(number + 1) << 48 | index));
}

static unsigned int pick(unsigned int choices)
{
	stream += 0x9e3779b97f4a7c15;
	return mix(stream) % choices;
}

/* Ends the storm. What went wrong first is what counts. */
static void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *format, ...)
{
	struct process *mine = &shared->process[number];
	va_list list;
	int length;

	if (!__atomic_exchange_n(&shared->faults, 1, __ATOMIC_SEQ_CST)) {
		length = snprintf(shared->wrong, sizeof(shared->wrong), "process %d (%s), operation %ld (%s): ",
				  number, who_names[who], mine->done, mine->operation);
		va_start(list, format);
		vsnprintf(shared->wrong + length, sizeof(shared->wrong) - length, format, list);
		va_end(list);
		dprintf(1, "# seed %llu: %s\n", (unsigned long long)seed, shared->wrong);
	}
	shared->stop = true;
	_exit(1);
}

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char names[512];
	ssize_t length, more;

	if (copy < 0)
		wrong("nullfs cannot be opened: %s", strerrorname_np(errno));
	length = getdents64(copy, names, sizeof(names));
	more = getdents64(copy, names, sizeof(names));
	close(copy);
	return length == 2 * DOT_BYTES && !more;
}

static void refused(const char *what, int result)
{
	if (result >= 0)
		wrong("%s was not refused on nullfs", what);
}

/* Whatever is nullfs is empty, and stays it. */
static void inspect(int fd, const char *path)
{
	struct statx stx = { 0 };

	if (!immutable())
		wrong("%s is nullfs on a kernel without", path);
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx))
		wrong("statx() of nullfs: %s", strerrorname_np(errno));
	if (stx.stx_ino != 1 || stx.stx_mode != (S_IFDIR | 0555) || stx.stx_nlink != 2)
		wrong("%s is a nullfs of inode %llu, mode %o, %u links", path,
		      (unsigned long long)stx.stx_ino, stx.stx_mode, stx.stx_nlink);
	if (!(stx.stx_attributes & STATX_ATTR_IMMUTABLE))
		wrong("%s is a nullfs that is not immutable", path);
	refused("mkdir()", mkdirat(fd, "x", 0755));
	refused("symlink()", symlinkat("x", fd, "x"));
	refused("O_CREAT", openat(fd, "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	refused("O_TMPFILE", openat(fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644));
	refused("chmod()", fchmodat(fd, ".", 0755, 0));
	if (!is_empty(fd))
		wrong("%s is a nullfs that is not empty", path);
}

/* Whether path is nullfs. By a descriptor, as others may pivot meanwhile. */
static bool look(const char *path)
{
	bool found = magic_of(path) == NULLFS_MAGIC;
	int fd = found ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct statfs fs;

	if (fd < 0)
		return false;
	found = !fstatfs(fd, &fs) && fs.f_type == NULLFS_MAGIC;
	if (found)
		inspect(fd, path);
	close(fd);
	return found;
}

/* After each operation. There is one nullfs only. Where root has been in its namespace a user may see anything. */
static void look_around(void)
{
	static const char * const paths[] = { "/", "/..", ".", ".." };
	static const char * const secrets[] = { COVER "/" SECRET, "covered/" SECRET, "../covered/" SECRET };
	size_t i;

	for (i = 0; i < COUNT(paths) && !look(paths[i]); i++)
		;
	for (i = 0; who == USER && i < COUNT(secrets); i++)
		if (exists(secrets[i]) && shared->process[number].visited != getpid())
			wrong("a user sees %s", secrets[i]);
}

#endif
