// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ordinary user in user, mount and pid namespaces, unshared together or one after the other,
 * each within the one before, never sees what a mount covers, and cannot create a file, a lock or
 * an attribute on nullfs.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <dirent.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#define STEPS 3	 /* namespaces within namespaces */
#define TRIES 40 /* at most */
#define FOUND -2 /* found, no search needed */

enum { USER = 1, MOUNTS = 2, PIDS = 4, KINDS = 8 };

struct shared {
	long ways, permitted, wrong, done;
	long successes[TRIES];
	int way[TRIES][STEPS];	   /* the last successful one */
	const char *change[TRIES]; /* what is tried on nullfs */
};

static struct shared *shared;

static int proc = -1; /* opened before, as nullfs has none */

/* The covers. Each hides a file named "secret" or a file that contains that word. */
static const char * const covers[] = { "covered", "stacked", "masked" };
static struct {
	struct file_handle handle;
	unsigned char space[128];
} covered_handle = { .handle.handle_bytes = 128 };
static int outside = -1; /* the initial mount namespace of the test */

static int write_proc(const char *name, const char *text)
{
	int fd = openat(proc, name, O_WRONLY | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = sys(write(fd, text, strlen(text)));
	close(fd);
	return error;
}

/*
 * Enters new namespaces, as root of the user namespace. A child is the first in a new pid
 * namespace.
 */
static int enter(int kinds)
{
	int flags = (kinds & USER ? CLONE_NEWUSER : 0) | (kinds & MOUNTS ? CLONE_NEWNS : 0) |
		    (kinds & PIDS ? CLONE_NEWPID : 0);
	int error, status = 0;
	char user[32], group[32];
	pid_t child;

	snprintf(user, sizeof(user), "0 %d 1", getuid());
	snprintf(group, sizeof(group), "0 %d 1", getgid());
	error = sys(unshare(flags));
	if (!error && kinds & USER) {
		error = write_proc("self/setgroups", "deny");
		if (!error)
			error = write_proc("self/uid_map", user);
		if (!error)
			error = write_proc("self/gid_map", group);
	}
	if (!error && kinds & PIDS) {
		child = fork();
		if (child) {
			if (waitpid(child, &status, 0) != child || status)
				__sync_fetch_and_add(&shared->wrong, 1);
			_exit(0);
		}
	}
	return error;
}

static void become_the_user(void)
{
	if (become_user(1000))
		_exit(1);
}

/*
 * Enters nested namespaces as a user, as way lists them, and calls then() there if all are
 * permitted.
 */
static void go(const int *way, int number, void (*then)(const int *way, int number))
{
	bool owner = false;
	int i;

	become_the_user();
	for (i = 0; i < STEPS && way[i]; i++) {
		owner |= way[i] & USER;
		if (enter(way[i]) != (owner ? 0 : -EPERM))
			__sync_fetch_and_add(&shared->wrong, 1);
		if (!owner)
			_exit(0);
	}
	__sync_fetch_and_add(&shared->permitted, 1);
	then(way, number);
	__sync_fetch_and_add(&shared->done, 1);
	_exit(0);
}

/* Goes all ways of up to so many steps, each once for each number that then() is called with. */
static void go_all_ways(int steps, int calls, void (*then)(const int *way, int number))
{
	int all, number, status, way[STEPS], i;
	long permitted;
	pid_t child;

	for (all = 1; all < 1 << 3 * steps; all++) {
		for (i = 0; i < STEPS; i++)
			way[i] = all >> 3 * i & (KINDS - 1);
		if (!way[0] || (!way[1] && way[2]))
			continue;
		shared->ways++;
		permitted = shared->permitted;
		for (number = 0; number < calls && (!number || shared->permitted > permitted);
		     number++) {
			child = fork();
			if (child == 0)
				go(way, number, then);
			if (waitpid(child, &status, 0) != child || status)
				shared->wrong++;
		}
	}
}

static void had_success(int number, const int *way)
{
	__sync_fetch_and_add(&shared->successes[number], 1);
	memcpy(shared->way[number], way, sizeof(shared->way[number]));
}

/* Looking for secrets */

static bool says_secret(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char text[7] = "";
	bool found = fd >= 0 && read(fd, text, 6) == 6 && !strcmp(text, "secret");

	close(fd);
	return found;
}

static bool search(int at, const char *path, int depth)
{
	static const char * const not_there[] = { ".", "..", "tests", "proc", "sys", "dev" };
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool found = false;
	unsigned int i;

	if (!directory)
		return false;
	while (!found && (entry = readdir(directory))) {
		for (i = 0; i < ARRAY_SIZE(not_there); i++)
			if (!strcmp(entry->d_name, not_there[i]))
				break;
		if (i < ARRAY_SIZE(not_there))
			continue;
		if (!strcmp(entry->d_name, "secret") || !strcmp(entry->d_name, "masked"))
			found = says_secret(fd, entry->d_name);
		else if (entry->d_type == DT_DIR && depth > 0)
			found = search(fd, entry->d_name, depth - 1);
	}
	closedir(directory);
	return found;
}

/* Searches from where the process is. Places that are the same are searched once. */
static bool secret_in_sight(int fd)
{
	static const char * const places[] = { "/", "/..", ".", ".." };
	struct statx seen[ARRAY_SIZE(places)];
	unsigned int i, j;

	if (fd == FOUND || (fd >= 0 && (search(fd, ".", 4) || search(fd, "..", 4))))
		return true;
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		memset(&seen[i], 0, sizeof(seen[i]));
		statx(AT_FDCWD, places[i], 0, STATX_INO | STATX_MNT_ID, &seen[i]);
		for (j = 0; j < i; j++)
			if (seen[i].stx_mnt_id == seen[j].stx_mnt_id &&
			    seen[i].stx_ino == seen[j].stx_ino)
				break;
		if (j == i && search(AT_FDCWD, places[i], 4))
			return true;
	}
	return false;
}

/* Attempts to find them. Each may return a descriptor to search from, or FOUND. */

static void uncover(const char *root)
{
	static const int flags[] = { 0,		 MNT_FORCE,	  MNT_EXPIRE,
				     MNT_EXPIRE, UMOUNT_NOFOLLOW, MNT_DETACH };
	unsigned int c, f;
	char path[64];

	for (c = 0; c < ARRAY_SIZE(covers); c++) {
		for (f = 0; f < ARRAY_SIZE(flags); f++) {
			snprintf(path, sizeof(path), "%s/%s", root, covers[c]);
			umount2(path, flags[f]);
		}
	}
}

static int unmount(void)
{
	uncover("");
	umount("/");
	umount2("/..", MNT_DETACH);
	umount2(".", MNT_DETACH);
	return -1;
}

static int mount_over(void)
{
	unsigned int c;
	char path[64];

	for (c = 0; c < ARRAY_SIZE(covers); c++) {
		snprintf(path, sizeof(path), "/%s", covers[c]);
		mount("over", path, "tmpfs", 0, NULL);
		mount("/dev/null", path, NULL, MS_BIND, NULL);
	}
	uncover("");
	uncover("");
	return -1;
}

static int move(void)
{
	mount("/covered", "/space/a", NULL, MS_MOVE, NULL);
	mount("/masked", "/space/file", NULL, MS_MOVE, NULL);
	syscall(SYS_move_mount, AT_FDCWD, "/stacked", AT_FDCWD, "/space/b", 0);
	mount("/", "/space/c", NULL, MS_MOVE, NULL);
	return -1;
}

static int bind_mount(void)
{
	return mount("/", "/space/a", NULL, MS_BIND, NULL) ? -1 : open("/space/a", O_PATH);
}

static int bind_tree(void)
{
	int fd = mount("/", "/space/a", NULL, MS_BIND | MS_REC, NULL) ? -1 :
									open("/space/a", O_PATH);

	uncover("/space/a");
	if (!search(fd, ".", 4))
		umount2("/space/a", MNT_DETACH);
	return fd;
}

static int clone_mount(void)
{
	int tree = syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE);

	syscall(SYS_move_mount, tree, "", AT_FDCWD, "/space/a", MOVE_MOUNT_F_EMPTY_PATH);
	return tree;
}

static int clone_tree(void)
{
	int tree = syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE);

	if (tree < 0 || search(tree, ".", 4))
		return tree;
	syscall(SYS_move_mount, tree, "", AT_FDCWD, "/space/a", MOVE_MOUNT_F_EMPTY_PATH);
	uncover("/space/a");
	umount2("/space/a", MNT_DETACH);
	if (!fchdir(tree))
		uncover(".");
	return tree;
}

static int make_beneath(void)
{
	unsigned int c;
	char path[64];
	int tree;

	mount("own", "/space/a", "tmpfs", 0, NULL);
	for (c = 0; c <= ARRAY_SIZE(covers); c++) {
		snprintf(path, sizeof(path), "/%s", c < ARRAY_SIZE(covers) ? covers[c] : "");
		tree = syscall(SYS_open_tree, AT_FDCWD, "/space/a", OPEN_TREE_CLONE);
		syscall(SYS_move_mount, tree, "", AT_FDCWD, path,
			MOVE_MOUNT_F_EMPTY_PATH | MOUNT_BENEATH);
	}
	uncover("");
	uncover("");
	return -1;
}

static int pivot_to_own(const char *put_old)
{
	char path[64];

	snprintf(path, sizeof(path), "/space/a/%s", put_old);
	if (mount("own", "/space/a", "tmpfs", 0, NULL))
		return -1;
	mkdir(path, 0755);
	return chdir("/space/a") ? -1 : pivot_root(".", put_old);
}

static int pivot_and_keep(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY);

	if (pivot_to_own("old"))
		return -1;
	uncover("/old");
	if (secret_in_sight(root))
		return root;
	umount2("/old", MNT_DETACH);
	if (!fchdir(root))
		uncover(".");
	return root;
}

static int pivot_and_detach(void)
{
	int own, turn;

	if (pivot_to_own("."))
		return -1;
	own = openat(proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	for (turn = 0; turn < 3 && !secret_in_sight(-1); turn++) {
		umount2(".", MNT_DETACH);
		umount2("/", MNT_DETACH);
		umount2("/..", MNT_DETACH);
		setns(own, CLONE_NEWNS);
	}
	return -1;
}

static int pivot_into_cover(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY);

	if (!chdir("/covered"))
		pivot_root(".", ".");
	return root;
}

static int enter_others(void)
{
	static const char * const names[] = { "1/ns/mnt", "2/ns/mnt", "1/ns/user", "2/ns/user" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		setns(openat(proc, names[i], O_RDONLY), 0);
	return setns(outside, CLONE_NEWNS) ? -1 : FOUND;
}

static int look_through_proc(void)
{
	char path[64];
	int pid;

	if (openat(proc, "1/root", O_PATH | O_CLOEXEC) >= 0 ||
	    openat(proc, "1/cwd", O_PATH | O_CLOEXEC) >= 0)
		return FOUND;
	mount("proc", "/space/a", "proc", 0, NULL);
	for (pid = 1; pid < 60; pid++) {
		snprintf(path, sizeof(path), "/space/a/%d/root", pid);
		if (search(AT_FDCWD, path, 2))
			return open(path, O_PATH);
		snprintf(path, sizeof(path), "%d/root", pid);
		if (search(proc, path, 2))
			return openat(proc, path, O_PATH);
	}
	return -1;
}

static int overlay(void)
{
	mount("own", "/space/b", "tmpfs", 0, NULL);
	mkdir("/space/b/upper", 0755);
	mkdir("/space/b/work", 0755);
	if (mount("overlay", "/space/a", "overlay", 0,
		  "lowerdir=/,upperdir=/space/b/upper,workdir=/space/b/work,userxattr"))
		mount("overlay", "/space/a", "overlay", 0, "lowerdir=/:/space/c");
	return open("/space/a", O_PATH);
}

/* Changes the propagation in a copy that receives mounts, and in copies of that. */
static int propagate(void)
{
	static const int kinds[] = { MS_SHARED, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, MS_PRIVATE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		mount("", "/", NULL, MS_REC | kinds[i], NULL);
		unshare(CLONE_NEWNS);
		uncover("");
	}
	return -1;
}

static int open_by_handle(void)
{
	int fd = open_by_handle_at(open("/", O_RDONLY | O_DIRECTORY), &covered_handle.handle,
				   O_RDONLY | O_DIRECTORY);

	if (fd >= 0)
		return fd;
	mount("/space", "/space/a", NULL, MS_BIND | MS_REC, NULL);
	fd = open_by_handle_at(open("/space/a", O_RDONLY | O_DIRECTORY), &covered_handle.handle,
			       O_RDONLY | O_DIRECTORY);
	if (fd >= 0)
		return fd;
	return open_by_handle_at(syscall(SYS_open_tree, AT_FDCWD, "/",
					 OPEN_TREE_CLONE | AT_RECURSIVE),
				 &covered_handle.handle, O_RDONLY | O_DIRECTORY);
}

static int leave_a_chroot(void)
{
	int root = open("/", O_RDONLY | O_DIRECTORY);

	if (chroot("/space/a") || fchdir(root) || chdir("../../../.."))
		return -1;
	chroot(".");
	return root;
}

/*
 * Which attempts find the secrets when the owner of the mounts makes them. This proves them
 * effective.
 */
enum owner { NEVER, ALWAYS, ON_NULLFS };

static const struct {
	const char *name;
	int (*try)(void);
	enum owner owner;
} tries[] = {
	{ "unmount", unmount, ALWAYS },
	{ "mount_over", mount_over, ALWAYS },
	{ "move", move, ALWAYS },
	{ "bind_mount", bind_mount, ALWAYS },
	{ "bind_tree", bind_tree, ALWAYS },
	{ "clone_mount", clone_mount, ALWAYS },
	{ "clone_tree", clone_tree, ALWAYS },
	{ "make_beneath", make_beneath, ALWAYS },
	{ "pivot_and_keep", pivot_and_keep, ON_NULLFS },
	{ "pivot_and_detach", pivot_and_detach, NEVER },
	{ "pivot_into_cover", pivot_into_cover, ON_NULLFS },
	{ "enter_others", enter_others, ALWAYS },
	{ "look_through_proc", look_through_proc, ALWAYS },
	{ "overlay", overlay, ALWAYS },
	{ "propagate", propagate, ALWAYS },
	{ "open_by_handle", open_by_handle, ALWAYS },
	{ "leave_a_chroot", leave_a_chroot, NEVER },
};

static void try(const int *way, int number)
{
	if (secret_in_sight(tries[number].try()))
		had_success(number, way);
}

FIXTURE(namespaces) {};

FIXTURE_VARIANT(namespaces)
{
	unsigned long propagation;
	int steps;
};

FIXTURE_VARIANT_ADD(namespaces, of_private_mounts) { .propagation = MS_PRIVATE, .steps = STEPS };
FIXTURE_VARIANT_ADD(namespaces, of_shared_mounts) { .propagation = MS_SHARED, .steps = 2 };

FIXTURE_SETUP(namespaces)
{
	memset(shared, 0, sizeof(*shared));
	ASSERT_EQ(0, sys(mount("", "/", NULL, MS_REC | variant->propagation, NULL)));
}

FIXTURE_TEARDOWN(namespaces)
{
	mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* Root in its own mount namespace finds what is covered. */
TEST_F(namespaces, root_finds_it)
{
	static const int nowhere[STEPS];
	unsigned int i;
	bool found;

	ASSERT_FALSE(secret_in_sight(-1));
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		pid_t child = fork();

		if (child == 0) {
			if (enter_own_namespace() >= 0 && secret_in_sight(tries[i].try()))
				had_success(i, nowhere);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		found = tries[i].owner == ALWAYS || (tries[i].owner == ON_NULLFS && immutable());
		EXPECT_EQ(found, shared->successes[i]);
		if (found != shared->successes[i])
			TH_LOG("%s", tries[i].name);
	}
}

/* A user does not, in any combination of namespaces. */
TEST_F_TIMEOUT(namespaces, a_user_does_not, 500)
{
	unsigned int i;

	go_all_ways(variant->steps, ARRAY_SIZE(tries), try);
	printf("# same: %ld ways, %ld tries\n", shared->ways, shared->permitted);
	EXPECT_EQ(0, shared->wrong);
	EXPECT_LT(0, shared->permitted);
	EXPECT_EQ(shared->permitted, shared->done);
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		EXPECT_EQ(0, shared->successes[i]);
		if (shared->successes[i])
			TH_LOG("%s after %d, %d, %d", tries[i].name, shared->way[i][0],
			       shared->way[i][1], shared->way[i][2]);
	}
	EXPECT_TRUE(exists("/init"));
}

/* A user whose root is nullfs */

static int here = -1, file = -1; /* nullfs, and a file from elsewhere */

static int lock_range(int command)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(here, command, &lock);
}

static int set_flags(void)
{
	int flags = FS_IMMUTABLE_FL;

	return ioctl(here, FS_IOC_SETFLAGS, &flags);
}

static int set_time(void)
{
	return futimens(here, NULL) && utimensat(AT_FDCWD, "/", NULL, 0) ? -1 : 0;
}

static int remount_tmpfs(void)
{
	return mount("", "/", "tmpfs", MS_REMOUNT, "mode=777");
}

#define CHANGE(call) \
	do { \
		shared->change[number] = #call; \
		if ((call) >= 0) \
			had_success(number, way); \
		number++; \
	} while (0)

static void change_all(const int *way, int number)
{
	CHANGE(openat(here, "a", O_CREAT | O_WRONLY, 0600));
	CHANGE(openat(here, ".", O_TMPFILE | O_RDWR, 0600));
	CHANGE(mkdirat(here, "a", 0700));
	CHANGE(mknodat(here, "a", S_IFREG | 0600, 0));
	CHANGE(mknodat(here, "a", S_IFIFO | 0600, 0));
	CHANGE(symlinkat("/", here, "a"));
	CHANGE(linkat(file, "", here, "a", AT_EMPTY_PATH));
	CHANGE(renameat(here, ".", here, "a"));
	CHANGE(fchmod(here, 0777));
	CHANGE(chmod("/", 0777));
	CHANGE(fchown(here, 0, 0));
	CHANGE(fchown(here, -1, -1));
	CHANGE(set_time());
	CHANGE(set_flags());
	CHANGE(fsetxattr(here, "user.a", "a", 1, 0));
	CHANGE(fsetxattr(here, "trusted.a", "a", 1, 0));
	CHANGE(fsetxattr(here, "security.a", "a", 1, 0));
	CHANGE(fsetxattr(here, "security.capability", "\1\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20,
			 0));
	CHANGE(fremovexattr(here, "user.a"));
	CHANGE(flock(here, LOCK_SH | LOCK_NB));
	CHANGE(flock(here, LOCK_EX | LOCK_NB));
	CHANGE(lock_range(F_SETLK));
	CHANGE(lock_range(F_GETLK));
	CHANGE(lock_range(F_OFD_SETLK));
	CHANGE(fcntl(here, F_SETLEASE, F_RDLCK));
	CHANGE(delegation(here, F_SETDELEG_, F_RDLCK));
	CHANGE(remount_tmpfs());
	CHANGE(umount2("/", MNT_DETACH));
	CHANGE(umount("/"));
}

static void look(struct stat *st, int *entries, struct statfs *fs)
{
	DIR *directory = fdopendir(openat(here, ".", O_RDONLY | O_DIRECTORY));

	fstat(here, st);
	fstatfs(here, fs);
	for (*entries = 0; readdir(directory);)
		++*entries;
	closedir(directory);
}

FIXTURE(on_nullfs) {};

FIXTURE_SETUP(on_nullfs)
{
	memset(shared, 0, sizeof(*shared));
}

FIXTURE_TEARDOWN(on_nullfs)
{
}

TEST_F_TIMEOUT(on_nullfs, a_user_changes_nothing, 300)
{
	struct stat before, after;
	struct statfs fs[2] = { 0 };
	int entries[2];
	unsigned int i;

	if (!immutable())
		return;
	file = open("/space/file", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, go_below_privately());
	here = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_EQ(NULL_FS_MAGIC, magic_of("/"));
	look(&before, &entries[0], &fs[0]);
	go_all_ways(2, 1, change_all);
	EXPECT_EQ(0, shared->wrong);
	EXPECT_LT(0, shared->permitted);
	EXPECT_EQ(shared->permitted, shared->done);
	EXPECT_TRUE(shared->change[0]);
	for (i = 0; i < TRIES && shared->change[i]; i++) {
		EXPECT_EQ(0, shared->successes[i]);
		if (shared->successes[i])
			TH_LOG("%s after %d, %d, %d", shared->change[i], shared->way[i][0],
			       shared->way[i][1], shared->way[i][2]);
	}
	look(&after, &entries[1], &fs[1]);
	EXPECT_EQ(2, entries[0]);
	EXPECT_EQ(2, entries[1]);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(0, memcmp(&fs[0], &fs[1], sizeof(fs[0])));
}

/* Watches on nullfs, which kernels before 7.0 have no means to refuse */

/* What another process does on nullfs, in its own mount namespace. */
static void be_busy(bool open_it)
{
	pid_t child = fork();

	if (child == 0) {
		if (go_below_privately())
			_exit(1);
		if (open_it)
			_exit(!readdir(opendir("/")));
		mkdir("a", 0700);
		open("a", O_CREAT | O_WRONLY, 0600);
		chmod("/", 0777);
		access("/", R_OK);
		access("/a", R_OK);
		rename("/a", "/b");
		if (mount("own", "/", "tmpfs", 0, NULL) || mkdir("/../new", 0700) ||
		    mount("new", "/../new", "tmpfs", 0, NULL) ||
		    write_file("/../new/file", "text") || umount("/../new") || umount("/.."))
			_exit(2);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* A user who watches nullfs until killed, and writes the events to a pipe. */
static pid_t watcher(int ready, int events)
{
	pid_t child = fork();
	char buffer[4096];
	ssize_t size;
	int fd;

	if (child)
		return child;
	if (go_below_privately())
		_exit(1);
	become_the_user();
	if (enter(USER | MOUNTS))
		_exit(2);
	fd = inotify_init1(IN_CLOEXEC);
	if (inotify_add_watch(fd, "/", IN_ALL_EVENTS) < 0)
		_exit(3);
	if (write(ready, "", 1) != 1)
		_exit(4);
	while ((size = read(fd, buffer, sizeof(buffer))) > 0)
		if (write(events, buffer, size) != size)
			break;
	_exit(0);
}

static int watch_as_user(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (go_below_privately())
			_exit(255);
		become_the_user();
		_exit(inotify_add_watch(inotify_init1(0), "/", IN_ALL_EVENTS) < 0 ? errno : 0);
	}
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

TEST_F(on_nullfs, watches_tell_nothing_and_go)
{
	int ready[2], events[2], tenths = 50;
	struct pollfd told;
	struct inotify_event *event;
	char byte, buffer[4096], *at;
	ssize_t size;
	pid_t child;

	if (!immutable())
		return;
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(events));
	told = (struct pollfd) { .fd = events[0], .events = POLLIN };
	ASSERT_EQ(0, write_file("/proc/sys/fs/inotify/max_user_watches", "1"));
	child = watcher(ready[1], events[1]);
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));

	/* No event for attempts of others to change it, nor for mounts on it and work in these. */
	be_busy(false);
	EXPECT_EQ(0, poll(&told, 1, 500));
	/* Opening and listing it are reported, but without a process, a namespace or a name. */
	be_busy(true);
	ASSERT_EQ(1, poll(&told, 1, 5000));
	usleep(200000);
	size = read(events[0], buffer, sizeof(buffer));
	for (at = buffer; at < buffer + size; at += sizeof(*event) + event->len) {
		event = (struct inotify_event *)at;
		EXPECT_EQ(IN_ISDIR, event->mask & ~(IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE));
		EXPECT_EQ(0, event->len);
		EXPECT_EQ(0, event->cookie);
	}

	/*
	 * The watch counts against the user's limit, and ends with the last process that holds it.
	 */
	EXPECT_EQ(-ENOSPC, watch_as_user());
	EXPECT_EQ(0, sys(kill(child, SIGKILL)));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	while (watch_as_user() == -ENOSPC && --tenths > 0)
		usleep(100000);
	EXPECT_LT(0, tenths);
	EXPECT_EQ(0, watch_as_user());
	EXPECT_EQ(0, write_file("/proc/sys/fs/inotify/max_user_watches", "1000"));
}

/* fanotify, if it accepts nullfs at all, reports no process to a user either. */
TEST_F(on_nullfs, fanotify_names_nobody)
{
	struct fanotify_event_metadata *event;
	char buffer[4096];
	int fd, count = 0, status;
	ssize_t size;
	pid_t child;

	if (!immutable())
		return;
	child = fork();
	if (child == 0) {
		if (go_below_privately())
			_exit(255);
		become_the_user();
		fd = fanotify_init(FAN_REPORT_FID | FAN_NONBLOCK | FAN_CLOEXEC, 0);
		if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD,
					    FAN_OPEN | FAN_ACCESS | FAN_CLOSE_NOWRITE | FAN_ONDIR,
					    AT_FDCWD, "/"))
			_exit(254);
		raise(SIGSTOP);
		size = read(fd, buffer, sizeof(buffer));
		for (event = (void *)buffer; size > 0 && FAN_EVENT_OK(event, size);
		     event = FAN_EVENT_NEXT(event, size)) {
			if (event->pid || event->fd != FAN_NOFD)
				_exit(253);
			count++;
		}
		_exit(count);
	}
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	if (WIFEXITED(status)) {
		EXPECT_EQ(254, WEXITSTATUS(status));
		return;
	}
	be_busy(true);
	ASSERT_EQ(0, sys(kill(child, SIGCONT)));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_LT(0, WEXITSTATUS(status));
	EXPECT_GT(253, WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int mount_id;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	proc = open("/proc", O_PATH | O_CLOEXEC);
	outside = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	umask(0);
	mkdir("/space", 0777);
	mkdir("/space/a", 0777);
	mkdir("/space/b", 0777);
	mkdir("/space/c", 0777);
	write_file("/space/file", "");
	umask(022);
	mkdir("/covered", 0755);
	mkdir("/stacked", 0755);
	write_file("/covered/secret", "secret");
	write_file("/masked", "secret");
	if (shared == MAP_FAILED || proc < 0 || outside < 0 ||
	    name_to_handle_at(AT_FDCWD, "/covered", &covered_handle.handle, &mount_id, 0) ||
	    mount("lower", "/stacked", "tmpfs", 0, NULL) ||
	    write_file("/stacked/secret", "secret") ||
	    mount("upper", "/stacked", "tmpfs", 0, NULL) ||
	    mount("cover", "/covered", "tmpfs", 0, NULL) ||
	    mount("/dev/null", "/masked", NULL, MS_BIND, NULL)) {
		printf("Bail out! %s\n", strerror(errno));
		return 1;
	}
	return test_harness_run(argc, argv);
}
