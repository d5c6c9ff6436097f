// SPDX-License-Identifier: GPL-2.0-only
/* Operations with mounts and namespaces on a directory. */
#include "conform.h"

#include <linux/mount.h>
#include <linux/sched.h>

/* A directory to mount on, other than the place itself. Above nullfs a tmpfs has to provide it. */
static const char *target(void)
{
	if (place == COVER || place == PIVOTED)
		return "t";
	if (place != NULLFS && place != CLONE)
		return "/space/t";
	if (magic_of("/..") == NULL_FS_MAGIC &&
	    (mount("above", "/", "tmpfs", 0, NULL) || mkdir("/../t", 0777)))
		return ".";
	return "/../t";
}

static int remount(unsigned long flags, const char *data)
{
	return mount("", ".", NULL, MS_REMOUNT | flags, data);
}

static void show_flags_after_remount(unsigned long flags)
{
	struct statfs fs;

	if (remount(MS_BIND | flags, NULL) || statfs(".", &fs))
		say_error(errno);
	else
		say("flags=%#lx", fs.f_flags);
}

static int propagation(unsigned long flags)
{
	return mount("", ".", NULL, flags, NULL);
}

static int bind_to_target(unsigned long flags)
{
	return mount(".", target(), NULL, MS_BIND | flags, NULL);
}

static int mount_twice(void)
{
	return BOTH(mount("one", ".", "tmpfs", 0, NULL), mount("two", ".", "tmpfs", 0, NULL));
}

static int mount_at_target(void)
{
	return mount("target", target(), "tmpfs", 0, NULL);
}

static int tree_of(const char *path, unsigned int flags)
{
	return syscall(SYS_open_tree, AT_FDCWD, path, flags);
}

static int put(int fd, const char *path, unsigned int flags)
{
	return syscall(SYS_move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH | flags);
}

static int new_tmpfs(void)
{
	int fs = syscall(SYS_fsopen, "tmpfs", 0);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	return syscall(SYS_fsmount, fs, 0, 0);
}

/* Attaches a clone of the place to the target. */
static int put_clone(unsigned int flags)
{
	int tree = tree_of(".", OPEN_TREE_CLONE | flags);

	return tree < 0 ? -1 : put(tree, target(), 0);
}

static void show_clone(void)
{
	struct statfs fs;

	if (put_clone(0) || statfs(target(), &fs))
		say_error(errno);
	else
		say("type=%#lx %s %s", fs.f_type,
		    strerrorname_np(mkdirat(here, "a", 0700) ? errno : 0),
		    strerrorname_np(umount(target()) ? errno : 0));
}

static int setattr_at(int fd, const char *path, unsigned int flags, struct mount_attr attributes)
{
	return syscall(SYS_mount_setattr, fd, path, flags, &attributes, sizeof(attributes));
}

static int setattr(unsigned long long set, unsigned long long clear, unsigned long long propagation)
{
	struct mount_attr attributes = {
		.attr_set = set,
		.attr_clr = clear,
		.propagation = propagation,
	};

	return setattr_at(AT_FDCWD, ".", 0, attributes);
}

/* Returns a user namespace whose ids can be mapped to a mount. */
static int other_userns(void)
{
	int ready[2], fd = -1;
	char path[64], c;
	pid_t child;

	if (pipe(ready))
		return -1;
	child = fork();
	if (!child) {
		if (!unshare(CLONE_NEWUSER) && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (child > 0 && read(ready[0], &c, 1) == 1) {
		snprintf(path, sizeof(path), "%d/setgroups", child);
		write_at(proc, path, "deny");
		snprintf(path, sizeof(path), "%d/uid_map", child);
		write_at(proc, path, "0 0 1");
		snprintf(path, sizeof(path), "%d/gid_map", child);
		write_at(proc, path, "0 0 1");
		snprintf(path, sizeof(path), "%d/ns/user", child);
		fd = openat(proc, path, O_RDONLY);
		kill(child, SIGKILL);
	}
	return fd;
}

static int idmap(int fd, const char *path, unsigned int flags)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP };
	int userns = other_userns();

	attributes.userns_fd = userns;
	return userns < 0 ? -1 : setattr_at(fd, path, flags, attributes);
}

static int idmap_clone(void)
{
	int tree = tree_of(".", OPEN_TREE_CLONE);

	return tree < 0 ? -1 : idmap(tree, "", AT_EMPTY_PATH);
}

static int set_group(void)
{
	int tree = BOTH(propagation(MS_SHARED), tree_of(target(), 0));

	return tree < 0 ? -1 :
			  syscall(SYS_move_mount, AT_FDCWD, ".", tree, "",
				  MOVE_MOUNT_SET_GROUP | MOVE_MOUNT_T_EMPTY_PATH);
}

static int reconfigure(const char *flag)
{
	int fs = syscall(SYS_fspick, AT_FDCWD, ".", 0);

	if (fs < 0 || (flag && syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, flag, NULL, 0)))
		return -1;
	return syscall(SYS_fsconfig, fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

static unsigned long long unique_id(const char *path)
{
	struct statx stx = { .stx_mnt_id = 0 };

	syscall(SYS_statx, AT_FDCWD, path, 0, STATX_MNT_ID_UNIQUE_, &stx);
	return stx.stx_mnt_id;
}

static void show_statmount(unsigned long long id, unsigned long long mask)
{
	struct mount_request request = { .size = sizeof(request), .id = id, .param = mask };
	struct mount_status *status = (struct mount_status *)space;
	const char *strings = space + STATMOUNT_STRINGS;

	memset(space, 0, sizeof(space));
	if (syscall(SYS_statmount_, &request, space, sizeof(space), 0)) {
		say_error(errno);
		return;
	}
	say("mask=%#llx", status->mask);
	if (mask & STATMOUNT_SB_BASIC_)
		say(" dev=%u magic=%#llx flags=%#x", status->dev_major, status->magic,
		    status->sb_flags);
	if (mask & STATMOUNT_MNT_BASIC_)
		say(" attributes=%#llx propagation=%#llx%s", status->attributes,
		    status->propagation, status->parent == status->id ? " no parent" : "");
	if (mask & STATMOUNT_MNT_ROOT_)
		say(" root=%s", strings + status->root);
	if (mask & STATMOUNT_MNT_POINT_)
		say(" point=%s", strings + status->point);
	if (mask & STATMOUNT_FS_TYPE_)
		say(" type=%s", strings + status->fs_type);
}

static long listmount(unsigned long long id, unsigned int flags)
{
	struct mount_request request = { .size = sizeof(request), .id = id };

	return syscall(SYS_listmount_, &request, space, 100, flags);
}

/* Removes an option and its value from a line of the mount table. */
static void without_option(char *line, const char *option)
{
	char *found = strstr(line, option), *end;

	if (!found)
		return;
	end = found + strlen(option);
	end += strcspn(end, ", ");
	memmove(found, end, strlen(end) + 1);
}

/*
 * Shows the mount table of this process, without numbers that are assigned in sequence, and without
 * options that depend on the amount of memory or on CONFIG_TMPFS_INODE64.
 */
static void show_table(const char *name)
{
	int fd = openat(proc, name, O_RDONLY);
	FILE *table = fd < 0 ? NULL : fdopen(fd, "r");
	char line[1024];
	int id, parent, minor, rest;

	if (!table) {
		say_error(errno);
		return;
	}
	while (fgets(line, sizeof(line), table)) {
		line[strcspn(line, "\n")] = '\0';
		without_option(line, ",size=");
		without_option(line, ",nr_inodes=");
		without_option(line, ",inode64");
		rest = 0;
		if (sscanf(line, "%d %d 0:%d %n", &id, &parent, &minor, &rest) < 3)
			rest = 0;
		say("%s; ", line + rest);
	}
	fclose(table);
}

/* Shows the id of the very first mount, and how that of its parent compares. */
static void show_first_mount(void)
{
	struct mount_line line;

	if (find_mount("/proc/1/mountinfo", "/", &line) < 1)
		say("none");
	else
		say("id=%d parent=%s", line.id,
		    line.parent == line.id ? "itself" :
		    line.parent < line.id  ? "older" :
					     "younger");
}

/* Returns whether the type is listed. */
static int in_filesystems(const char *type)
{
	int fd = openat(proc, "filesystems", O_RDONLY);
	FILE *list = fdopen(fd, "r");
	char line[64], name[64];

	while (list && fgets(line, sizeof(line), list))
		if ((sscanf(line, "nodev %63s", name) == 1 || sscanf(line, "%63s", name) == 1) &&
		    !strcmp(name, type))
			return 1;
	return 0;
}

static int enter_namespace(const char *name, int type)
{
	return setns(openat(proc, name, O_RDONLY), type);
}

/* Shows what "/" and "." are after a change of namespaces. */
static void show_where(long error)
{
	struct statfs root, cwd;

	if (error < 0) {
		say_error(errno);
		return;
	}
	memset(&root, 0, sizeof(root));
	memset(&cwd, 0, sizeof(cwd));
	statfs("/", &root);
	statfs(".", &cwd);
	say("/=%#lx .=%#lx %s", root.f_type, cwd.f_type, exists("/init") ? "initramfs" : "");
}

static int new_namespace(unsigned long long flags)
{
	struct clone_args arguments = { .flags = flags, .exit_signal = SIGCHLD };
	pid_t child = syscall(SYS_clone3, &arguments, sizeof(arguments));
	int status;

	if (!child)
		_exit(0);
	return child < 0 || waitpid(child, &status, 0) != child ? -1 : 0;
}

static int clone_as_namespace(unsigned int flags)
{
	int ns = tree_of(".", OPEN_TREE_NAMESPACE_ | flags);

	return ns < 0 ? -1 : setns(ns, CLONE_NEWNS);
}

static int unmount_and_come_back(void)
{
	return BOTH(umount2("/", MNT_DETACH), enter_namespace("self/ns/mnt", CLONE_NEWNS));
}

/* Mounts on the place and enters that mount, to pivot there. */
static int enter_mount_above(void)
{
	const char *above = place == BIND ? "/space/bind" : place == PROC ? "/proc" : "/..";

	if (mount("above", ".", "tmpfs", 0, NULL) || chdir(above))
		return -1;
	return mkdir("new", 0755);
}

static int pivot_above(const char *new_root, const char *put_old)
{
	if (enter_mount_above() || mount("new", "new", "tmpfs", 0, NULL) ||
	    mkdir("new/old", 0755) || chdir("new"))
		return -1;
	return pivot_root(new_root, put_old);
}

static int detach_after_pivot(void)
{
	return BOTH(BOTH(pivot_above(".", "."), umount2(".", MNT_DETACH)), chdir("/"));
}

static int go_back_after_pivot(void)
{
	return BOTH(detach_after_pivot(), unmount_and_come_back());
}

static void rows_of_mounting(void)
{
	TRY(mount("t", ".", "tmpfs", 0, NULL));
	TRY(mount("t", ".", "ramfs", 0, NULL));
	TRY(mount("t", ".", "proc", 0, NULL));
	TRY(mount("t", ".", "sysfs", 0, NULL));
	TRY(mount("t", ".", "devpts", 0, NULL));
	TRY(mount("t", ".", "mqueue", 0, NULL));
	TRY(mount("t", ".", "cgroup2", 0, NULL));
	TRY(mount("t", ".", "nullfs", 0, NULL));
	TRY(mount("t", ".", "rootfs", 0, NULL));
	TRY(mount("t", ".", "nonsuch", 0, NULL));
	TRY(mount("t", ".", NULL, 0, NULL));
	TRY(mount("t", "a", "tmpfs", 0, NULL));
	TRY(mount("t", "/", "tmpfs", 0, NULL));
	TRY(mount("t", "..", "tmpfs", 0, NULL));
	TRY(mount("t", ".", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	TRY(mount("t", ".", "tmpfs", 0, "bogus=1"));
	TRY(mount("t", ".", "overlay", 0, "lowerdir=.:/"));
	TRY(mount_twice());
	TRY(mount_at_target());
	TRY(BOTH(mount("t", ".", "tmpfs", 0, NULL), umount(".")));
	TRY(BOTH(mount("t", ".", "tmpfs", 0, NULL), umount("/..")));
	TRY(BOTH(mount_twice(), umount2("/..", MNT_DETACH)));
	TRY(bind_to_target(0));
	TRY(bind_to_target(MS_REC));
	TRY(mount(".", ".", NULL, MS_BIND, NULL));
	TRY(mount(".", ".", NULL, MS_BIND | MS_REC, NULL));
	TRY(mount("/", ".", NULL, MS_BIND, NULL));
	TRY(mount("a", ".", NULL, MS_BIND, NULL));
	TRY(mount("", ".", NULL, MS_BIND, NULL));
	TRY(mount(target(), ".", NULL, MS_BIND, NULL));
	TRY(mount(target(), ".", NULL, MS_BIND | MS_REC, NULL));
	TRY(BOTH(propagation(MS_UNBINDABLE), bind_to_target(0)));
	TRY(BOTH(bind_to_target(0), umount(target())));
	TRY(BOTH(bind_to_target(MS_REC), umount2(target(), MNT_DETACH)));
	TRY(mount(".", target(), NULL, MS_MOVE, NULL));
	TRY(mount("/", target(), NULL, MS_MOVE, NULL));
	TRY(mount(target(), ".", NULL, MS_MOVE, NULL));
	TRY(BOTH(mount_at_target(), mount(target(), ".", NULL, MS_MOVE, NULL)));
	TRY(mount("a", ".", NULL, MS_MOVE, NULL));
}

static void rows_of_remounting(void)
{
	TRY(remount(0, NULL));
	TRY(remount(MS_RDONLY, NULL));
	TRY(remount(MS_NOSUID | MS_NODEV, NULL));
	TRY(remount(MS_SYNCHRONOUS, NULL));
	TRY(remount(0, "mode=700"));
	TRY(remount(0, "bogus=1"));
	TRY(BOTH(remount(MS_RDONLY, NULL), mkdir("a", 0700)));
	TRY(mount("", "a", NULL, MS_REMOUNT, NULL));
	SHOW(show_flags_after_remount(0));
	SHOW(show_flags_after_remount(MS_RDONLY));
	SHOW(show_flags_after_remount(MS_NOSUID));
	SHOW(show_flags_after_remount(MS_NODEV));
	SHOW(show_flags_after_remount(MS_NOEXEC));
	SHOW(show_flags_after_remount(MS_NOATIME));
	SHOW(show_flags_after_remount(MS_NODIRATIME));
	SHOW(show_flags_after_remount(MS_RELATIME));
	SHOW(show_flags_after_remount(MS_STRICTATIME));
	SHOW(show_flags_after_remount(256)); /* MS_NOSYMFOLLOW */
	TRY(BOTH(remount(MS_BIND | MS_RDONLY, NULL), mkdir("a", 0700)));
	TRY(BOTH(remount(MS_BIND | MS_RDONLY, NULL), open(".", O_TMPFILE | O_RDWR, 0600)));
	TRY(BOTH(remount(MS_BIND | MS_RDONLY, NULL), utimensat(AT_FDCWD, ".", NULL, 0)));
	TRY(BOTH(remount(MS_BIND | MS_RDONLY, NULL), chmod(".", 0700)));
	TRY(BOTH(remount(MS_BIND | MS_RDONLY, NULL), access(".", W_OK)));
	TRY(BOTH(remount(MS_BIND | MS_RDONLY, NULL), remount(MS_BIND, NULL)));
	TRY(propagation(MS_SHARED));
	TRY(propagation(MS_PRIVATE));
	TRY(propagation(MS_SLAVE));
	TRY(propagation(MS_UNBINDABLE));
	TRY(propagation(MS_SHARED | MS_REC));
	TRY(propagation(MS_SLAVE | MS_REC));
	TRY(propagation(MS_SHARED | MS_PRIVATE));
	TRY(propagation(MS_SHARED | MS_RDONLY));
	TRY(BOTH(propagation(MS_SHARED), propagation(MS_SLAVE)));
	TRY(setattr(MOUNT_ATTR_RDONLY, 0, 0));
	TRY(setattr(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, 0));
	TRY(setattr(MOUNT_ATTR_NOATIME, 0, 0));
	TRY(setattr(MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0));
	TRY(setattr(MOUNT_ATTR_NODIRATIME, 0, 0));
	TRY(setattr(MOUNT_ATTR_NOSYMFOLLOW, 0, 0));
	TRY(setattr(0, MOUNT_ATTR_RDONLY, 0));
	TRY(setattr(0, 0, MS_SHARED));
	TRY(setattr(0, 0, MS_PRIVATE));
	TRY(setattr(0, 0, MS_SLAVE));
	TRY(setattr(0, 0, MS_UNBINDABLE));
	TRY(setattr(0, 0, MS_SHARED | MS_PRIVATE));
	TRY(setattr(0x8000000, 0, 0));
	/* A space before the braces would add one to the names of the rows. */
	/* clang-format off */
	TRY(setattr_at(AT_FDCWD, ".", AT_RECURSIVE,
		       (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY }));
	TRY(setattr_at(here, "", AT_EMPTY_PATH,
		       (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY }));
	TRY(setattr_at(AT_FDCWD, "a", 0, (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY }));
	/* clang-format on */
	TRY(idmap(AT_FDCWD, ".", 0));
	TRY(idmap_clone());
	TRY(syscall(SYS_open_tree_attr_, AT_FDCWD, ".", OPEN_TREE_CLONE, space,
		    sizeof(struct mount_attr)));
	TRY(syscall(SYS_fspick, AT_FDCWD, ".", 0));
	TRY(syscall(SYS_fspick, here, "", FSPICK_EMPTY_PATH));
	TRY(reconfigure(NULL));
	TRY(reconfigure("ro"));
	TRY(reconfigure("bogus"));
}

static void rows_of_unmounting(void)
{
	TRY(umount("."));
	TRY(umount("/"));
	TRY(umount(".."));
	TRY(umount("a"));
	TRY(umount2(".", MNT_FORCE));
	TRY(umount2(".", MNT_DETACH));
	TRY(umount2("/", MNT_DETACH));
	TRY(umount2("/", MNT_FORCE));
	TRY(umount2(".", MNT_EXPIRE));
	TRY(umount2("/", MNT_EXPIRE));
	TRY((umount2(".", MNT_EXPIRE), umount2(".", MNT_EXPIRE)));
	TRY(umount2(".", MNT_EXPIRE | MNT_DETACH));
	TRY(umount2(".", UMOUNT_NOFOLLOW));
	TRY(umount2(".", UMOUNT_NOFOLLOW | MNT_DETACH));
	TRY(umount2(".", 0x100));
	TRY(BOTH(umount2("/", MNT_DETACH), umount2("/", MNT_DETACH)));
	SHOW(show_where(unmount_and_come_back()));
	SHOW(show_where(BOTH(unmount_and_come_back(), unmount_and_come_back())));
	TRY(pivot_root(".", "."));
	TRY(pivot_root("/", "/"));
	TRY(pivot_root(".", "/"));
	TRY(pivot_root("/", "."));
	TRY(pivot_root("..", ".."));
	TRY(pivot_root("a", "a"));
	TRY(pivot_root(target(), target()));
	TRY(BOTH(mount_at_target(), pivot_root(target(), target())));
	TRY(BOTH(BOTH(mount_at_target(), propagation(MS_SHARED)), pivot_root(target(), target())));
	TRY(BOTH(mount("t", ".", "tmpfs", 0, NULL), pivot_root("/..", "/..")));
	TRY(pivot_above(".", "."));
	TRY(pivot_above(".", "old"));
	TRY(pivot_above(".", "/"));
	TRY(pivot_above("/", "."));
	TRY(pivot_above("old", "old"));
	TRY(pivot_above("..", ".."));
	TRY(pivot_above(".", ".."));
	SHOW(show_where(detach_after_pivot()));
	SHOW(show_where(go_back_after_pivot()));
	TRY(BOTH(detach_after_pivot(), umount("/")));
	TRY(BOTH(detach_after_pivot(), umount2("/", MNT_DETACH)));
	TRY(BOTH(detach_after_pivot(), pivot_root(".", ".")));
}

static void rows_of_trees(void)
{
	TRY(tree_of(".", 0));
	TRY(tree_of(".", OPEN_TREE_CLONE));
	TRY(tree_of(".", OPEN_TREE_CLONE | AT_RECURSIVE));
	TRY(tree_of(".", AT_RECURSIVE));
	TRY(tree_of("..", OPEN_TREE_CLONE));
	TRY(tree_of("/", OPEN_TREE_CLONE));
	TRY(tree_of("/", OPEN_TREE_CLONE | AT_RECURSIVE));
	TRY(tree_of("a", OPEN_TREE_CLONE));
	TRY(tree_of(".", 0x20));
	SHOW(show_clone());
	TRY(put_clone(AT_RECURSIVE));
	TRY(BOTH(put_clone(0), mount("t", target(), "tmpfs", 0, NULL)));
	TRY(BOTH(put_clone(0), mkdir(target(), 0700)));
	TRY(BOTH(put_clone(0), mount("", target(), NULL, MS_REMOUNT | MS_RDONLY, NULL)));
	TRY(BOTH(put_clone(0), pivot_root(target(), target())));
	TRY(put(here, target(), 0));
	TRY(put(tree_of("/", 0), target(), 0));
	TRY(put(new_tmpfs(), ".", 0));
	TRY(put(new_tmpfs(), "/", 0));
	TRY(put(new_tmpfs(), "a", 0));
	TRY(put(new_tmpfs(), target(), 0));
	TRY(put(new_tmpfs(), ".", MOUNT_BENEATH));
	TRY(put(new_tmpfs(), "/", MOUNT_BENEATH));
	TRY(put(new_tmpfs(), "/..", MOUNT_BENEATH));
	TRY(BOTH(mount("t", ".", "tmpfs", 0, NULL), put(new_tmpfs(), "/..", MOUNT_BENEATH)));
	TRY(BOTH(mount_at_target(), put(new_tmpfs(), target(), MOUNT_BENEATH)));
	TRY(put(tree_of(".", OPEN_TREE_CLONE), "/", MOUNT_BENEATH));
	TRY(put(tree_of(".", OPEN_TREE_CLONE), ".", 0));
	TRY(set_group());
	TRY(syscall(SYS_fsopen, "nullfs", 0));
	TRY(syscall(SYS_fsopen, "rootfs", 0));
	TRY(syscall(SYS_fsopen, "tmpfs", 0));
	SHOW(show_statmount(unique_id("."), 1));
	SHOW(show_statmount(unique_id("."), 2));
	SHOW(show_statmount(unique_id("."), 0x38));
	SHOW(show_statmount(unique_id("."), 0x40));
	SHOW(show_statmount(unique_id("."), 0x80));
	SHOW(show_statmount(unique_id("."), 0x7000));
	SHOW(show_statmount(unique_id("/"), 0x3f));
	SHOW(show_statmount(1, 1));
	NUMBER(listmount(unique_id("."), 0));
	NUMBER(listmount(unique_id("/"), 0));
	NUMBER(listmount(-1, 0));
	NUMBER(listmount(-1, 1));
	NUMBER(listmount(1, 0));
}

static void rows_of_namespaces(void)
{
	SHOW(show_where(0));
	SHOW(show_where(unshare(CLONE_NEWNS)));
	SHOW(show_where(unshare(CLONE_NEWUSER)));
	SHOW(show_where(unshare(CLONE_NEWUSER | CLONE_NEWNS)));
	SHOW(show_where(unshare(UNSHARE_EMPTY_MNTNS_)));
	SHOW(show_where(unshare(CLONE_NEWUSER | UNSHARE_EMPTY_MNTNS_)));
	SHOW(show_where(unshare(CLONE_FS)));
	SHOW(show_where(enter_namespace("self/ns/mnt", CLONE_NEWNS)));
	SHOW(show_where(enter_namespace("self/ns/user", CLONE_NEWUSER)));
	SHOW(show_where(enter_namespace("1/ns/mnt", CLONE_NEWNS)));
	SHOW(show_where(BOTH(unshare(CLONE_NEWNS), unmount_and_come_back())));
	SHOW(show_where(BOTH(unshare(CLONE_NEWUSER | CLONE_NEWNS), unmount_and_come_back())));
	SHOW(show_where(BOTH(unshare(CLONE_NEWUSER | CLONE_NEWNS), umount("/"))));
	SHOW(show_where(BOTH(unshare(CLONE_NEWUSER | CLONE_NEWNS), umount2(".", MNT_DETACH))));
	SHOW(show_where(BOTH(unshare(CLONE_NEWUSER | CLONE_NEWNS), detach_after_pivot())));
	/* So would a break after an opening parenthesis. */
	/* clang-format off */
	SHOW(show_where(BOTH(unshare(CLONE_NEWUSER | CLONE_NEWNS),
			     mount("t", ".", "tmpfs", 0, NULL))));
	/* clang-format on */
	SHOW(show_where(clone_as_namespace(0)));
	SHOW(show_where(clone_as_namespace(AT_RECURSIVE)));
	TRY(new_namespace(CLONE_NEWNS));
	TRY(new_namespace(CLONE_NEWUSER | CLONE_NEWNS));
	TRY(new_namespace(CLONE_NEWNS | CLONE_FS));
	TRY(new_namespace(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC));
	if (place == ROOTFS && who == ROOT)
		SHOW(show_first_mount());
	SHOW(show_table("self/mountinfo"));
	SHOW(show_table("self/mounts"));
	SHOW(show_table("self/mountstats"));
	NUMBER(in_filesystems("nullfs"));
	NUMBER(in_filesystems("tmpfs"));
	NUMBER(in_filesystems("rootfs"));
}

void rows_of_mounts(void)
{
	rows_of_mounting();
	rows_of_remounting();
	rows_of_unmounting();
	rows_of_trees();
	rows_of_namespaces();
}
