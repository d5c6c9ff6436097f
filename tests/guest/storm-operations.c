// SPDX-License-Identifier: GPL-2.0-only
/* The operations of the storm, as a table. Each returns 0 or a negative error code. */
#include "storm.h"

#include <assert.h>
#include <linux/mount.h>
#include <sys/sysmacros.h>

#define STEPS 16

static int trees[4] = { -1, -1, -1, -1 };

static struct {
	int fd;
	enum bottom bottom;
	bool locked;
} namespaces[2] = { { .fd = -1 }, { .fd = -1 } };

/* Places where mounting and unmounting affects others only by propagation. */
static const char * const confined_places[] = {
	"/storm/a", "/storm/b", "/storm/a/b", "/storm/b/a", "/storm/a/storm/b",
};

static const char * const root_places[] = {
	"/",   "/..", ".",  "..",   "a",    "b",   "a/b",      "../b",	   "/proc",
	COVER, "/a",  "/b", "/a/a", "/a/b", STORM, "/storm/a", "/storm/b", "/storm/a/b",
};

/* Not /storm, where root mounts anything. */
static const char * const user_places[] = {
	"/", "/..", ".", "..", "a", "b", "a/b", "../b", "/proc", COVER, "/a", "/b", "/a/a", "/a/b",
};

static int or_errno(int fd)
{
	return fd < 0 ? -errno : fd;
}

static const char *place(void)
{
	if (who == CONFINED)
		return confined_places[pick(ARRAY_SIZE(confined_places))];
	if (who == ROOT)
		return root_places[pick(ARRAY_SIZE(root_places))];
	return user_places[pick(ARRAY_SIZE(user_places))];
}

/* Sources may lie anywhere. */
static const char *source(void)
{
	return who == USER ? place() : root_places[pick(ARRAY_SIZE(root_places))];
}

/* Creates places for later operations, so that they find some everywhere. */
static void furnish(int dir)
{
	static const char * const names[] = { "a", "b", "a/b" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		mkdirat(dir, names[i], 0755);
	mknodat(dir, "f", S_IFREG | 0644, 0);
}

static int new_tmpfs(void)
{
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC), fd;

	if (context < 0)
		return -errno;
	fd = sys(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	if (!fd)
		fd = or_errno(fsmount(context, FSMOUNT_CLOEXEC, 0));
	if (fd >= 0)
		furnish(fd);
	close(context);
	return fd;
}

int put_tmpfs(const char *where, unsigned int flags)
{
	int fd = new_tmpfs(), error;

	if (fd < 0)
		return fd;
	error = sys(move_mount(fd, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH | flags));
	close(fd);
	return error;
}

static int keep(int fd)
{
	int *slot = &trees[pick(ARRAY_SIZE(trees))];

	if (fd < 0)
		return -errno;
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	return 0;
}

static int kept(void)
{
	size_t first = pick(ARRAY_SIZE(trees)), i;

	for (i = 0; i < ARRAY_SIZE(trees); i++)
		if (trees[(first + i) % ARRAY_SIZE(trees)] >= 0)
			return trees[(first + i) % ARRAY_SIZE(trees)];
	return -1;
}

/* Mounting */

static int mount_tmpfs(void)
{
	return sys(mount("storm", place(), "tmpfs", 0, "size=64k"));
}

static int mount_furnished(void)
{
	return put_tmpfs(place(), 0);
}

static bool is_in_namespace(const char *path)
{
	FILE *file = fdopen(openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC), "r");
	bool found = false;
	struct statx stx;
	char line[2048];

	if (file && !statx(AT_FDCWD, path, 0, STATX_MNT_ID, &stx))
		while (!found && fgets(line, sizeof(line), file))
			found = strtoull(line, NULL, 10) == stx.stx_mnt_id;
	if (file)
		fclose(file);
	return found;
}

/*
 * A copy made by open_tree(2) that is mounted nowhere has a pointer to where the original lay,
 * without a reference. Linux 6.12 (not 6.17) follows it before it checks whether there is something
 * to mount beneath: into freed memory, on a stock kernel too.
 */
static int mount_beneath(void)
{
	const char *where = place();

	if (kernel_version() < 617 && !is_in_namespace(where))
		return -EINVAL;
	return put_tmpfs(where, MOUNT_BENEATH);
}

static int mount_proc(void)
{
	return sys(mount("proc", place(), "proc", 0, NULL));
}

static int mount_nullfs(void)
{
	return sys(mount("nullfs", place(), "nullfs", 0, NULL));
}

static int mount_overlay(void)
{
	char options[64];

	snprintf(options, sizeof(options), "lowerdir=%s:%s", source(), source());
	return sys(mount("overlay", place(), "overlay", 0, options));
}

static int bind(void)
{
	const char *from = source();

	return sys(mount(from, place(), NULL, MS_BIND, NULL));
}

static int bind_recursively(void)
{
	const char *from = source();

	return sys(mount(from, place(), NULL, MS_BIND | MS_REC, NULL));
}

static int move(void)
{
	const char *from = place();

	return sys(mount(from, place(), NULL, MS_MOVE, NULL));
}

static int move_by_path(void)
{
	const char *from = place();

	return sys(move_mount(AT_FDCWD, from, AT_FDCWD, place(), 0));
}

static int open_clone(void)
{
	return keep(open_tree(AT_FDCWD, source(),
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (pick(2) ? AT_RECURSIVE : 0)));
}

static int open_place(void)
{
	return keep(open_tree(AT_FDCWD, place(), OPEN_TREE_CLOEXEC));
}

static int open_new(void)
{
	int fd = new_tmpfs();

	return fd < 0 ? fd : keep(fd);
}

static int move_opened(void)
{
	int fd = kept();

	return sys(move_mount(fd, "", AT_FDCWD, place(), MOVE_MOUNT_F_EMPTY_PATH));
}

static int close_opened(void)
{
	size_t i = pick(ARRAY_SIZE(trees));
	int fd = trees[i];

	trees[i] = -1;
	return sys(close(fd));
}

/* Changing */

static int remount_bind(void)
{
	static const unsigned long flags[] = { 0, MS_RDONLY, MS_NOEXEC | MS_NODEV, MS_NOSUID,
					       MS_NOATIME };

	return sys(mount("", place(), NULL, MS_REMOUNT | MS_BIND | flags[pick(ARRAY_SIZE(flags))],
			 NULL));
}

/* Without flags, so that file systems that others use stay writable. */
static int remount(void)
{
	return sys(mount("", place(), NULL, MS_REMOUNT, NULL));
}

static int set_propagation(void)
{
	static const unsigned long flags[] = { MS_PRIVATE, MS_SHARED, MS_SHARED, MS_SLAVE,
					       MS_UNBINDABLE };
	unsigned long flag = flags[pick(ARRAY_SIZE(flags))];

	return sys(mount("", place(), NULL, flag | (pick(2) ? MS_REC : 0), NULL));
}

static int set_attributes(void)
{
	static const __u64 flags[] = { MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV,
				       MOUNT_ATTR_NOEXEC };
	struct mount_attr attr = {
		.attr_set = flags[pick(ARRAY_SIZE(flags))],
		.attr_clr = flags[pick(ARRAY_SIZE(flags))],
	};
	unsigned int recursive = pick(2) ? AT_RECURSIVE : 0;

	return sys(mount_setattr(AT_FDCWD, place(), recursive, &attr, sizeof(attr)));
}

/* Unmounting */

static int unmount(void)
{
	return sys(umount(place()));
}

static int detach(void)
{
	return sys(umount2(place(), MNT_DETACH));
}

static int detach_root(void)
{
	return sys(umount2("/", MNT_DETACH));
}

static int expire(void)
{
	const char *where = place();
	int error = sys(umount2(where, MNT_EXPIRE));

	return error == -EAGAIN ? sys(umount2(where, MNT_EXPIRE)) : error;
}

/* As umount -R does it, from the last to the first. */
static int unmount_all(void)
{
	static char text[1 << 16];
	char *points[256], *line, *rest = text;
	int fd = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC), count = 0, error = -EINVAL;
	ssize_t length, used = 0;

	while ((length = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += length;
	close(fd);
	text[used] = '\0';
	while ((line = strsep(&rest, "\n")) && count < (int)ARRAY_SIZE(points))
		if (sscanf(line, "%*d %*d %*s %*s %ms", &points[count]) == 1)
			count++;
	while (count--) {
		if (who != CONFINED || !strncmp(points[count], "/storm/", 7))
			if (!umount2(points[count], 0) || !umount2(points[count], MNT_DETACH))
				error = 0;
		free(points[count]);
	}
	return error;
}

/* Mounts of others over /storm itself propagate here, where no other operation unmounts them. */
static int uncover_storm(void)
{
	int fd = open(STORM, O_PATH | O_DIRECTORY | O_CLOEXEC), error = -EINVAL;
	char path[32];
	struct statx stx;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) && stx.stx_mnt_id != storm_mount)
		error = sys(umount2(path, MNT_DETACH));
	close(fd);
	return error;
}

/* Going */

static int go(void)
{
	return sys(chdir(place()));
}

static int go_up(void)
{
	int error = 0, steps = 1 + pick(STEPS);

	while (!error && steps--) {
		error = sys(chdir(".."));
		look(".");
	}
	return error;
}

static int go_to_opened(void)
{
	return sys(fchdir(kept()));
}

static int change_root(void)
{
	return sys(chroot(place()));
}

/* The way out of a chroot. */
static int escape(void)
{
	int outside = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), error = sys(chroot(place())), i;

	if (!error)
		error = sys(fchdir(outside));
	for (i = 0; !error && i < STEPS; i++)
		error = sys(chdir(".."));
	if (!error)
		error = sys(chroot("."));
	close(outside);
	return error;
}

/* What is mounted there, or a new mount. */
static const char *new_root(void)
{
	const char *where = place();

	if (pick(2))
		put_tmpfs(where, 0);
	return where;
}

static int pivot(void)
{
	const char *new = new_root();
	char old[64];

	snprintf(old, sizeof(old), "%s/%c", new, 'a' + pick(2));
	return sys(pivot_root(new, old));
}

/* As container programs do it. */
static int pivot_and_detach(void)
{
	int error = sys(chdir(new_root()));

	if (!error)
		error = sys(pivot_root(".", "."));
	if (!error)
		error = sys(umount2(".", MNT_DETACH));
	return error ? error : sys(chdir("/"));
}

/* Mounts a new root over the present one. */
static int settle(void)
{
	int fd = new_tmpfs(), error;

	if (fd < 0)
		return fd;
	error = sys(move_mount(fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
	if (!error)
		error = sys(fchdir(fd));
	if (!error)
		error = sys(chroot("."));
	close(fd);
	return error;
}

/* Namespaces */

static int own_namespace(void)
{
	return openat(proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
}

/* Goes to the present root of the namespace. */
static int go_home(void)
{
	int fd = own_namespace(), error = sys(setns(fd, CLONE_NEWNS));

	close(fd);
	return error;
}

/* Returns whether the mount at "/" lies on another one. If not, it is the root of the namespace. */
static bool root_has_parent(void)
{
	int fd = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC), id, parent;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct statx stx = { 0 };
	char line[2048];
	bool has = true;

	if (!statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &stx))
		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "%d %d", &id, &parent) == 2 && id == (int)stx.stx_mnt_id)
				has = id != parent;
	if (file)
		fclose(file);
	return has;
}

static bool bottom_is_right(void)
{
	struct stat st;

	return bottom == ANYTHING || (locked && root_has_parent()) ||
	       (bottom == ON_NULLFS && magic_of("/") == NULL_FS_MAGIC) ||
	       (bottom == ON_ROOTFS && !stat("/", &st) && st.st_dev == rootfs);
}

/* Unmounts the root until that is refused. What the bottom has to be is known. */
static int go_to_the_bottom(void)
{
	int fd = own_namespace(), error = 0, tries, depth = 0;

	for (tries = 0; !error && tries < 16; tries++) { /* others may mount and pivot here */
		do
			error = sys(setns(fd, CLONE_NEWNS));
		while (!error && !umount2("/", MNT_DETACH) && ++depth < 1000);
		if (bottom_is_right())
			break;
	}
	close(fd);
	if (error)
		return error;
	if (tries == 16)
		wrong("what is at the bottom has magic %lx", magic_of("/"));
	if (magic_of("/") == NULL_FS_MAGIC && !mount("", "/", NULL, MS_REMOUNT, NULL) &&
	    magic_of("/") == NULL_FS_MAGIC)
		wrong("nullfs can be remounted");
	return depth ? 0 : -EINVAL;
}

int unshare_mounts(void)
{
	return sys(unshare(CLONE_NEWNS));
}

/* Becomes root in a new user namespace. */
int unshare_user(void)
{
	char map[32];
	int error, id = geteuid();

	error = sys(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	if (error)
		return error;
	locked = true;
	snprintf(map, sizeof(map), "0 %d 1", id);
	error = write_at(proc, "self/setgroups", "deny");
	if (!error)
		error = write_at(proc, "self/uid_map", map);
	if (!error)
		error = write_at(proc, "self/gid_map", map);
	return error;
}

static int keep_namespace(void)
{
	size_t i = pick(ARRAY_SIZE(namespaces));
	int fd = own_namespace();

	if (fd < 0)
		return -errno;
	if (namespaces[i].fd >= 0)
		close(namespaces[i].fd);
	namespaces[i].fd = fd;
	namespaces[i].bottom = bottom;
	namespaces[i].locked = locked;
	return 0;
}

static int enter_kept(void)
{
	size_t i = pick(ARRAY_SIZE(namespaces));
	int error = sys(setns(namespaces[i].fd, CLONE_NEWNS));

	if (!error) {
		bottom = namespaces[i].bottom;
		locked = namespaces[i].locked;
	}
	return error;
}

/*
 * Opens the mount namespace of another process, but never the initial one, in which the test runs.
 */
static int open_other(int flags, bool tree)
{
	/* Rarely that of a user, who is no longer expected to see nothing then. */
	struct process *other = &shared->process[pick(8) ? 1 + pick(4) : pick(PROCESSES)];
	pid_t pid = other->pid;
	char path[32];
	struct stat st;
	int fd;

	if (!pid || other == &shared->process[number] ||
	    processes[other - shared->process] == CONFINED)
		return -ESRCH;
	if (who == ROOT)
		other->visited = pid;
	snprintf(path, sizeof(path), "%d/ns/mnt", pid);
	fd = or_errno(tree ? open_tree(proc, path, flags) : openat(proc, path, flags));
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || st.st_ino == initial_namespace || other->pid != pid) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

static int enter_other(void)
{
	int fd = open_other(O_RDONLY | O_CLOEXEC, false), error;

	if (fd < 0)
		return fd;
	error = sys(setns(fd, CLONE_NEWNS));
	if (!error)
		bottom = ANYTHING;
	close(fd);
	return error;
}

static int enter_init(void)
{
	int fd = openat(proc, "1/root", O_PATH | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = sys(fchdir(fd));
	close(fd);
	return error;
}

/* Mounts a namespace, which keeps it alive. */
static int bind_namespace(void)
{
	static const char * const files[] = { "/a/f", "f", "/f" };
	int fd, error;

	if (who == ROOT && pick(2))
		fd = open_other(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, true);
	else
		fd = or_errno(open_tree(proc, "self/ns/user", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
	if (fd < 0)
		return fd;
	error = sys(move_mount(fd, "", AT_FDCWD, files[pick(ARRAY_SIZE(files))],
			       MOVE_MOUNT_F_EMPTY_PATH));
	close(fd);
	return error;
}

/* Reading */

static int read_mountinfo(void)
{
	int fd = openat(proc, pick(2) ? "self/mountinfo" : "self/mounts", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t length;

	if (fd < 0)
		return -errno;
	do
		length = read(fd, text, sizeof(text));
	while (length > 0);
	close(fd);
	return length < 0 ? -errno : 0;
}

static int list_mounts(void)
{
	struct mount_request request = { .size = sizeof(request), .id = LISTMOUNT_ROOT };
	__u64 ids[64];
	char text[4096];
	long count, i;

	count = syscall(SYS_listmount_, &request, ids, ARRAY_SIZE(ids), 0);
	if (count < 0)
		return -errno;
	request.param = STATMOUNT_ALL_OF_6_8;
	for (i = 0; i < count; i++) {
		request.id = ids[i];
		syscall(SYS_statmount_, &request, text, sizeof(text), 0);
	}
	return 0;
}

static int create(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/x", place());
	if (mkdir(path, 0755))
		return -errno;
	rmdir(path);
	return 0;
}

#define EVERYBODY (BIT(CONFINED) | BIT(ROOT) | BIT(USER))
#define OWNERS (BIT(ROOT) | BIT(USER))

#define OPERATION(function, ...) \
	{ \
		.name = #function, .carry_out = function, __VA_ARGS__ \
	}

const struct operation operations[] = {
	OPERATION(mount_tmpfs, .weight = 3, .by = EVERYBODY),
	OPERATION(mount_furnished, .weight = 14, .by = EVERYBODY),
	OPERATION(mount_beneath, .weight = 3, .by = EVERYBODY, .since = 605),
	OPERATION(mount_proc, .weight = 2, .by = BIT(CONFINED) | BIT(ROOT)),
	OPERATION(mount_nullfs, .weight = 1, .by = EVERYBODY, .refused = EVERYBODY),
	OPERATION(mount_overlay, .weight = 2, .by = EVERYBODY),
	OPERATION(bind, .weight = 6, .by = EVERYBODY),
	OPERATION(bind_recursively, .weight = 3, .by = EVERYBODY),
	OPERATION(move, .weight = 5, .by = EVERYBODY),
	OPERATION(move_by_path, .weight = 3, .by = EVERYBODY),
	OPERATION(open_clone, .weight = 4, .by = EVERYBODY),
	OPERATION(open_place, .weight = 3, .by = EVERYBODY),
	OPERATION(open_new, .weight = 4, .by = EVERYBODY),
	OPERATION(move_opened, .weight = 8, .by = EVERYBODY),
	OPERATION(close_opened, .weight = 3, .by = EVERYBODY),
	OPERATION(remount_bind, .weight = 3, .by = EVERYBODY),
	OPERATION(remount, .weight = 3, .by = EVERYBODY),
	OPERATION(set_propagation, .weight = 5, .by = EVERYBODY),
	OPERATION(set_attributes, .weight = 3, .by = EVERYBODY),
	OPERATION(unmount, .weight = 7, .by = EVERYBODY),
	OPERATION(detach, .weight = 6, .by = EVERYBODY),
	OPERATION(detach_root, .weight = 2, .by = OWNERS),
	OPERATION(expire, .weight = 3, .by = EVERYBODY),
	OPERATION(unmount_all, .weight = 1, .by = EVERYBODY),
	OPERATION(uncover_storm, .weight = 5, .by = BIT(CONFINED)),
	OPERATION(go, .weight = 8, .by = OWNERS),
	OPERATION(go_up, .weight = 4, .by = OWNERS),
	OPERATION(go_to_opened, .weight = 4, .by = OWNERS),
	OPERATION(change_root, .weight = 2, .by = OWNERS),
	OPERATION(escape, .weight = 2, .by = OWNERS),
	OPERATION(pivot, .weight = 4, .by = OWNERS),
	OPERATION(pivot_and_detach, .weight = 5, .by = OWNERS),
	OPERATION(settle, .weight = 5, .by = OWNERS),
	OPERATION(go_home, .weight = 5, .by = OWNERS),
	OPERATION(go_to_the_bottom, .weight = 2, .by = OWNERS),
	OPERATION(unshare_mounts, .weight = 3, .by = OWNERS),
	OPERATION(unshare_user, .weight = 1, .by = OWNERS),
	OPERATION(keep_namespace, .weight = 2, .by = OWNERS),
	OPERATION(enter_kept, .weight = 3, .by = OWNERS),
	OPERATION(enter_other, .weight = 3, .by = OWNERS, .refused = BIT(USER)),
	OPERATION(enter_init, .weight = 1, .by = BIT(USER), .refused = BIT(USER)),
	OPERATION(bind_namespace, .weight = 2, .by = OWNERS),
	OPERATION(read_mountinfo, .weight = 3, .by = EVERYBODY),
	OPERATION(list_mounts, .weight = 1, .by = EVERYBODY, .since = 608),
	OPERATION(create, .weight = 3, .by = EVERYBODY),
};

const int operation_count = ARRAY_SIZE(operations);

static_assert(ARRAY_SIZE(operations) <= MOST_OPERATIONS, "there is a counter for each of them");

const struct operation *choose(void)
{
	const struct operation *operation;
	int total = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (operations[i].by & BIT(who))
			total += operations[i].weight;
	total = pick(total);
	for (operation = operations;; operation++) {
		if (!(operation->by & BIT(who)))
			continue;
		total -= operation->weight;
		if (total < 0)
			return operation;
	}
}
