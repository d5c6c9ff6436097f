// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tries all operations on nullfs and on the mounts around it, as root, as a user, and as root of a
 * user namespace. The runner compares the rows between kernels.
 */
#include "conform.h"

#include <linux/fs.h>
#include <linux/mount.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SECONDS 60 /* limit for one row */
#define ENOUGH 150

static const char * const place_names[] = {
	"nullfs", "clone", "rootfs", "cover", "bind", "proc", "pivoted",
};

static const char * const who_names[] = { "root", "user", "nsroot" };

enum place place;
enum who who;
int here = -1, proc = -1, file = -1, pipes[2];
char space[4096];

static mode_t gathered; /* mode of the place that rows share, or 0 */

/* Shared between processes: the row's result, and the number of rows. */
static char *result;
static int *rows;

void say(const char *format, ...)
{
	size_t length = strlen(result);
	va_list list;

	va_start(list, format);
	vsnprintf(result + length, sizeof(space) - length, format, list);
	va_end(list);
}

void say_error(int error)
{
	const char *name = strerrorname_np(error);

	if (name)
		say("%s", name);
	else
		say("errno %d", error);
}

/* Enters a new mount namespace with nullfs as the root. Fails on a kernel without nullfs. */
static int below(void)
{
	int error = go_below_privately();

	if (!error && magic_of("/") != NULL_FS_MAGIC)
		error = -ENODEV;
	return error;
}

static int enter_cover(void)
{
	int error = immutable() ? below() : sys(enter_own_namespace());

	if (!error)
		error = sys(mount("cover", "/", "tmpfs", 0, NULL));
	if (!error)
		error = sys(chroot("/.."));
	return error ? error : sys(chdir("/"));
}

static int enter_pivoted(void)
{
	int error = sys(enter_own_namespace());

	if (!error)
		error = sys(mount("new", "/space/t", "tmpfs", 0, NULL));
	if (!error)
		error = sys(chdir("/space/t"));
	if (!error)
		error = sys(pivot_root(".", "."));
	if (!error)
		error = sys(umount2(".", MNT_DETACH));
	return error ? error : sys(chdir("/"));
}

static int enter_place(void)
{
	int error;

	switch (place) {
	case NULLFS:
		error = below();
		break;
	case CLONE:
		error = below();
		if (!error)
			error = sys(fchdir(syscall(SYS_open_tree, AT_FDCWD, "/",
						   OPEN_TREE_CLONE | O_CLOEXEC)));
		break;
	case COVER:
		error = enter_cover();
		break;
	case PIVOTED:
		error = enter_pivoted();
		break;
	default:
		error = sys(enter_own_namespace());
	}
	if (!error && place == BIND)
		error = sys(mount("/space/source", "/space/bind", NULL, MS_BIND, NULL));
	if (!error && place == BIND)
		error = sys(chdir("/space/bind"));
	if (!error && place == PROC)
		error = sys(chdir("/proc"));
	if (!error && (place == COVER || place == PIVOTED)) {
		mkdir("t", 0777);
		mkdir("u", 0777);
		chmod("t", 0777);
		chmod("u", 0777);
	}
	return error;
}

static int become_somebody(void)
{
	int error = 0;

	if (who == ROOT)
		return 0;
	error = sys(syscall(SYS_setgroups, 0, NULL));
	if (!error)
		error = sys(syscall(SYS_setgid, 1000));
	if (!error)
		error = sys(syscall(SYS_setuid, 1000));
	if (!error)
		error = prctl(PR_SET_DUMPABLE, 1); /* /proc/self is root's otherwise */
	if (error || who == USER)
		return error;
	error = sys(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	if (!error)
		error = write_at(proc, "self/setgroups", "deny");
	if (!error)
		error = write_at(proc, "self/uid_map", "0 1000 1");
	if (!error)
		error = write_at(proc, "self/gid_map", "0 1000 1");
	return error;
}

/* Sets up what each row's process has of its own. */
static int prepare(void)
{
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = memfd_create("file", MFD_CLOEXEC);
	if (here < 0 || file < 0 || pipe(pipes) || write(file, space, 100) != 100 ||
	    write(pipes[1], space, 10) != 10)
		return -errno;
	lseek(file, 0, SEEK_SET);
	return 0;
}

static int enter(void)
{
	int error = enter_place();

	if (!error)
		error = become_somebody();
	return error;
}

/* Reverts what a row changed in a directory that stays. */
static void clean(const char *dir, mode_t mode)
{
	static const char * const names[] = { "a", "b" };
	static const char * const attributes[] = { "user.a",
						   "trusted.a",
						   "security.a",
						   "security.evm",
						   "security.capability",
						   "system.posix_acl_access",
						   "system.posix_acl_default" };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), none = 0;
	size_t i;

	ioctl(fd, FS_IOC_SETFLAGS, &none);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (unlinkat(fd, names[i], 0) && errno == EISDIR)
			unlinkat(fd, names[i], AT_REMOVEDIR);
	for (i = 0; i < ARRAY_SIZE(attributes); i++)
		syscall(SYS_fremovexattr, fd, attributes[i]);
	if (fchown(fd, 0, 0) || fchmod(fd, mode))
		none = errno; /* somebody else's, so not changed here */
	close(fd);
}

static void clean_flags(const char *path)
{
	struct statfs fs;

	if (!statfs(path, &fs) && fs.f_flags & (MS_RDONLY | MS_SYNCHRONOUS))
		mount("", path, NULL, MS_REMOUNT, NULL);
}

static void reset(void)
{
	if (gathered) {
		if (place != NULLFS && place != CLONE)
			clean(".", gathered);
		return;
	}
	if (place == NULLFS || place == CLONE || place == COVER)
		return;
	clean_flags("/");
	clean_flags("/proc");
	clean("/", 0755);
	clean("/space/source", 0755);
	clean("/space/t", 0777);
	clean("/space/u", 0777);
}

static void print_row(const char *operation)
{
	char *end = result + strlen(result);

	while (end > result && end[-1] == ' ')
		*--end = '\0';
	printf("# row %s %s|%s|%s\n", who_names[who], place_names[place], operation, result);
	++*rows;
}

bool row_begin(const char *operation)
{
	int status, error;
	pid_t child;

	*result = '\0';
	fflush(stdout);
	child = fork();
	if (!child) {
		alarm(SECONDS);
		error = gathered ? 0 : enter();
		if (!error)
			error = prepare();
		if (!error)
			return true;
		say("no place: ");
		say_error(-error);
		_exit(1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		say("no process");
	else if (WIFSIGNALED(status))
		say("signal %d", WTERMSIG(status));
	reset();
	print_row(operation);
	return false;
}

void row_end(void)
{
	_exit(0);
}

/* Rows that change only files can share a place, which is much faster. */
static void gather(void (*rows_of_something)(void))
{
	struct stat st;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		if (enter() || stat(".", &st))
			_exit(1);
		gathered = st.st_mode & 07777;
		rows_of_something();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* The initramfs has the module on every kernel, so that its contents are the same. */
static int load(void)
{
	int error = loaded_late() ? load_module(MODULE, "") : 0;

	if (error)
		printf("# %s: %s\n", MODULE, strerror(-error));
	unlink(MODULE);
	return error;
}

static bool can_be_entered(void)
{
	if (row_begin("(reached)")) {
		say("ok");
		row_end();
	}
	return !strcmp(result, "ok");
}

/* All rows of one subject in one place. */
static void rows_of_place(void)
{
	const char *only = getenv("only");

	if ((only && strcmp(only, place_names[place])) || !can_be_entered())
		return;
	gather(place <= COVER ? rows_of_files : rows_of_attributes);
	if (who == USER) /* a user may not mount anything */
		gather(rows_of_mounts);
	else
		rows_of_mounts();
}

int main(void)
{
	int results = 0, before;

	if (load())
		return 1;
	mkdir("/space", 0755);
	mkdir("/space/source", 0755);
	mkdir("/space/bind", 0755);
	mkdir("/space/t", 0777);
	mkdir("/space/u", 0777);
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	result = mmap(NULL, sizeof(space) + sizeof(*rows), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED || proc < 0)
		return 1;
	rows = (int *)(result + sizeof(space));
	reset();
	printf("TAP version 13\n1..%d\n", WHOS);
	for (who = ROOT; who < WHOS; who++) {
		before = *rows;
		for (place = NULLFS; place < PLACES; place++)
			rows_of_place();
		printf("# measured %d rows\n", *rows - before);
		printf("%sok %d enough_rows_of_%s\n", *rows - before < ENOUGH ? "not " : "",
		       ++results, who_names[who]);
	}
	return 0;
}
