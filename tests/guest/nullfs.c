// SPDX-License-Identifier: GPL-2.0-only
/* What user space sees on nullfs, and that it cannot mount another one. */
#include "guest.h"
#include "kselftest_harness.h"

#include <dirent.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <time.h>

/*
 * In each test the process has nullfs as its root and working directory, in a mount namespace of
 * its own.
 */
FIXTURE(nullfs)
{
	int fd;	  /* nullfs */
	int file; /* a file of the rootfs, opened before */
};

FIXTURE_SETUP(nullfs)
{
	self->file = open("/init", O_RDONLY);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, go_below_privately());
	ASSERT_EQ(NULL_FS_MAGIC, magic_of("/"));
	ASSERT_EQ(NULL_FS_MAGIC, magic_of("."));
	self->fd = open("/", O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(nullfs)
{
	close(self->fd);
	close(self->file);
}

/* statfs: upstream's magic, the page size, no files, and nothing free. */
TEST_F(nullfs, statfs)
{
	struct statfs fs;

	ASSERT_EQ(0, sys(fstatfs(self->fd, &fs)));
	EXPECT_EQ(NULL_FS_MAGIC, fs.f_type);
	EXPECT_EQ(4096, fs.f_bsize);
	EXPECT_EQ(255, fs.f_namelen);
	EXPECT_EQ(0, fs.f_blocks);
	EXPECT_EQ(0, fs.f_bfree);
}

/*
 * Its root is inode 1, a directory with two links that all may enter and read and none may write.
 */
TEST_F(nullfs, stat)
{
	struct stat st;

	ASSERT_EQ(0, sys(stat("/", &st)));
	EXPECT_EQ(S_IFDIR | 0555, st.st_mode);
	EXPECT_EQ(1, st.st_ino);
	EXPECT_EQ(2, st.st_nlink);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
	EXPECT_EQ(0, major(st.st_dev));
}

/* statx says that it is immutable. */
TEST_F(nullfs, immutable_attribute)
{
	struct statx stx;

	ASSERT_EQ(0, sys(syscall(SYS_statx, AT_FDCWD, "/", 0, STATX_BASIC_STATS, &stx)));
	EXPECT_EQ(STATX_ATTR_IMMUTABLE, stx.stx_attributes & STATX_ATTR_IMMUTABLE);
	EXPECT_EQ(STATX_ATTR_IMMUTABLE, stx.stx_attributes_mask & STATX_ATTR_IMMUTABLE);
}

/* It contains only "." and "..", which are both itself. Other names are not found. */
TEST_F(nullfs, empty)
{
	struct dirent *entry;
	int entries = 0;
	struct stat st;
	DIR *dir;

	dir = fdopendir(dup(self->fd));
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		EXPECT_TRUE(!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."));
		EXPECT_EQ(1, entry->d_ino);
		EXPECT_EQ(DT_DIR, entry->d_type);
		entries++;
	}
	closedir(dir);
	EXPECT_EQ(2, entries);
	EXPECT_EQ(0, sys(stat("..", &st)));
	EXPECT_EQ(1, st.st_ino);
	EXPECT_EQ(0, sys(stat("/../../.", &st)));
	EXPECT_EQ(1, st.st_ino);
	EXPECT_EQ(-ENOENT, sys(stat("anything", &st)));
	EXPECT_EQ(-ENOENT, sys(open("init", O_RDONLY)));
}

/* No call can create anything in it: ENOENT for names, EPERM for an unnamed file. */
TEST_F(nullfs, nothing_can_be_created)
{
	EXPECT_EQ(-ENOENT, sys(open("a", O_CREAT | O_WRONLY, 0600)));
	EXPECT_EQ(-ENOENT, sys(open("a", O_CREAT | O_EXCL | O_RDWR, 0600)));
	EXPECT_EQ(-ENOENT, sys(mkdir("a", 0700)));
	EXPECT_EQ(-ENOENT, sys(mknod("a", S_IFREG | 0600, 0)));
	EXPECT_EQ(-ENOENT, sys(mknod("a", S_IFCHR | 0600, makedev(1, 3))));
	EXPECT_EQ(-ENOENT, sys(mknod("a", S_IFIFO | 0600, 0)));
	EXPECT_EQ(-ENOENT, sys(symlink("/", "a")));
	EXPECT_EQ(-EPERM, sys(open(".", O_TMPFILE | O_RDWR, 0600)));
}

/* Nothing can be moved into it, linked into it or removed from it. */
TEST_F(nullfs, nothing_can_be_linked_or_removed)
{
	EXPECT_EQ(-ENOENT, sys(rename("a", "b")));
	EXPECT_EQ(-EBUSY, sys(rename(".", "b")));
	EXPECT_EQ(-ENOENT, sys(link("a", "b")));
	EXPECT_EQ(-ENOENT, sys(linkat(self->file, "", AT_FDCWD, "b", AT_EMPTY_PATH)));
	EXPECT_EQ(-ENOENT, sys(unlink("a")));
	EXPECT_EQ(-ENOENT, sys(rmdir("a")));
	EXPECT_EQ(-EBUSY, sys(rmdir("/")));
	EXPECT_EQ(-EINVAL, sys(rmdir(".")));
}

/* Its attributes cannot be changed: mode, owner, times, flags, size. */
TEST_F(nullfs, attributes_are_fixed)
{
	struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	int flags = 0;

	EXPECT_EQ(-EPERM, sys(chmod("/", 0777)));
	EXPECT_EQ(-EPERM, sys(fchmod(self->fd, 0777)));
	EXPECT_EQ(-EPERM, sys(chown("/", 1, 1)));
	EXPECT_EQ(-EPERM, sys(fchown(self->fd, 1, 1)));
	EXPECT_EQ(-EPERM, sys(chown("/", -1, -1)));
	EXPECT_EQ(-EPERM, sys(utimensat(AT_FDCWD, "/", times, 0)));
	EXPECT_EQ(-EPERM, sys(utimensat(AT_FDCWD, "/", NULL, 0)));
	EXPECT_EQ(-EISDIR, sys(truncate("/", 0)));
	EXPECT_NE(0, sys(ioctl(self->fd, FS_IOC_SETFLAGS, &flags)));
}

/*
 * It has no extended attributes and accepts none. All values have a valid form, so that is not why
 * they are refused.
 */
TEST_F(nullfs, no_xattrs)
{
	static const struct {
		const char *name, *value;
		size_t size;
	} attributes[] = {
		{ "user.a", "x", 1 },
		{ "trusted.a", "x", 1 },
		{ "security.a", "x", 1 },
		{ "security.selinux", "x", 1 },
		{ "security.capability", "\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20 },
		{ "system.posix_acl_access", "\2\0\0", 4 },
		{ "system.posix_acl_default", "\2\0\0", 4 },
	};
	char buffer[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(attributes); i++) {
		const char *name = attributes[i].name;

		TH_LOG("%s", name);
		EXPECT_EQ(-EPERM,
			  sys(setxattr("/", name, attributes[i].value, attributes[i].size, 0)));
		EXPECT_EQ(-EPERM, sys(fsetxattr(self->fd, name, attributes[i].value,
						attributes[i].size, 0)));
		EXPECT_EQ(-EPERM, sys(removexattr("/", name)));
		EXPECT_EQ(-EOPNOTSUPP, sys(getxattr("/", name, buffer, sizeof(buffer))));
		EXPECT_EQ(-EOPNOTSUPP, sys(fgetxattr(self->fd, name, buffer, sizeof(buffer))));
	}
	EXPECT_EQ(-EOPNOTSUPP, sys(listxattr("/", buffer, sizeof(buffer))));
	EXPECT_EQ(-EOPNOTSUPP, sys(flistxattr(self->fd, buffer, sizeof(buffer))));
}

/* It has no locks: no flock, POSIX or open file description locks, and no queries for them. */
TEST_F(nullfs, no_locks)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	EXPECT_EQ(-ENOLCK, sys(flock(self->fd, LOCK_SH)));
	EXPECT_EQ(-ENOLCK, sys(flock(self->fd, LOCK_EX | LOCK_NB)));
	EXPECT_EQ(-ENOLCK, sys(fcntl(self->fd, F_SETLK, &lock)));
	EXPECT_EQ(-ENOLCK, sys(fcntl(self->fd, F_SETLKW, &lock)));
	EXPECT_EQ(-ENOLCK, sys(fcntl(self->fd, F_OFD_SETLK, &lock)));
	EXPECT_EQ(-ENOLCK, sys(fcntl(self->fd, F_GETLK, &lock)));
	EXPECT_EQ(-ENOLCK, sys(fcntl(self->fd, F_OFD_GETLK, &lock)));
}

/* It has no leases, and no delegations, which directories have since Linux 6.19. */
TEST_F(nullfs, no_leases)
{
	EXPECT_EQ(-EINVAL, sys(fcntl(self->fd, F_SETLEASE, F_RDLCK)));
	EXPECT_EQ(-EINVAL, sys(fcntl(self->fd, F_SETLEASE, F_WRLCK)));
	EXPECT_EQ(-EINVAL, sys(delegation(self->fd, F_SETDELEG_, F_RDLCK)));
	EXPECT_EQ(-EINVAL, sys(delegation(self->fd, F_SETDELEG_, F_WRLCK)));
}

/* It cannot be remounted. */
TEST_F(nullfs, no_remount)
{
	EXPECT_EQ(-EINVAL, sys(mount("", "/", NULL, MS_REMOUNT, NULL)));
	EXPECT_EQ(-EINVAL, sys(mount("", "/", NULL, MS_REMOUNT | MS_RDONLY, NULL)));
	EXPECT_EQ(-EINVAL, sys(mount("", "/", NULL, MS_REMOUNT, "size=1")));
	EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
}

/* The new mount API cannot reconfigure it: fspick() fails, or the change does. */
TEST_F(nullfs, no_reconfigure)
{
	int fs = syscall(SYS_fspick, AT_FDCWD, "/", 0);

	if (fs < 0) {
		EXPECT_EQ(EINVAL, errno);
		return;
	}
	EXPECT_EQ(0, sys(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0)));
	EXPECT_EQ(-EINVAL, sys(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0)));
}

/* No kind of umount removes it. */
TEST_F(nullfs, no_umount)
{
	EXPECT_EQ(-EINVAL, sys(umount("/")));
	EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_DETACH)));
	EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_FORCE)));
	EXPECT_NE(0, sys(umount2("/", MNT_EXPIRE)));
	EXPECT_EQ(-EINVAL, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
}

/* It cannot be moved or pivoted away. */
TEST_F(nullfs, no_move)
{
	ASSERT_EQ(0, sys(mount("tmpfs", "/", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(chdir("/..")));
	ASSERT_EQ(TMPFS_MAGIC, magic_of("/.."));
	ASSERT_EQ(0, sys(mkdir("/../a", 0700)));
	EXPECT_EQ(-EINVAL, sys(syscall(SYS_move_mount, self->fd, "", AT_FDCWD, "/../a",
				       MOVE_MOUNT_F_EMPTY_PATH)));
	EXPECT_EQ(-EINVAL, sys(pivot_root("/../a", "/../a")));
}

/* It has no file handles. */
TEST_F(nullfs, no_file_handles)
{
	struct {
		struct file_handle handle;
		unsigned char space[128];
	} buffer = { .handle.handle_bytes = 128 };
	int mount_id;

	EXPECT_EQ(-EOPNOTSUPP, sys(name_to_handle_at(AT_FDCWD, "/", &buffer.handle, &mount_id, 0)));
}

/*
 * It may be read and entered. Write access is refused, to root as well, as on anything immutable.
 */
TEST_F(nullfs, access)
{
	EXPECT_EQ(0, sys(access("/", R_OK | X_OK)));
	EXPECT_EQ(-EPERM, sys(access("/", W_OK)));
	EXPECT_EQ(-EISDIR, sys(open("/", O_RDWR)));
	ASSERT_EQ(0, sys(setuid(1000)));
	EXPECT_EQ(0, sys(access("/", R_OK | X_OK)));
	EXPECT_EQ(-EPERM, sys(access("/", W_OK)));
	EXPECT_EQ(-EPERM, sys(chmod("/", 0777)));
}

/* Reading it leaves its access time alone. */
TEST_F(nullfs, atime_stays)
{
	char buffer[512];
	struct stat before, after;

	ASSERT_EQ(0, sys(fstat(self->fd, &before)));
	usleep(20000);
	EXPECT_LT(0, syscall(SYS_getdents64, self->fd, buffer, sizeof(buffer)));
	ASSERT_EQ(0, sys(fstat(self->fd, &after)));
	EXPECT_EQ(before.st_atim.tv_sec, after.st_atim.tv_sec);
	EXPECT_EQ(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
}

/* It has two entries to read, and seeking past them fails. */
TEST_F(nullfs, lseek)
{
	char buffer[512];

	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(2, lseek(self->fd, 2, SEEK_SET));
	EXPECT_EQ(0, syscall(SYS_getdents64, self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(-EINVAL, sys(lseek(self->fd, 3, SEEK_SET)));
	EXPECT_EQ(-EINVAL, sys(lseek(self->fd, -1, SEEK_SET)));
	EXPECT_EQ(2, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(-EINVAL, sys(lseek(self->fd, 1, SEEK_END)));
	EXPECT_EQ(2, lseek(self->fd, 0, SEEK_CUR));
}

/* Mounting over it works, repeatedly, and so does unmounting. */
TEST_F(nullfs, mounting_over_it)
{
	ASSERT_EQ(0, sys(mount("one", "/", "tmpfs", 0, NULL)));
	EXPECT_EQ(TMPFS_MAGIC, magic_of("/.."));
	EXPECT_EQ(0, sys(mkdir("/../dir", 0700)));
	EXPECT_EQ(0, sys(mount("two", "/../dir", "tmpfs", 0, NULL)));
	EXPECT_EQ(0, sys(umount("/../dir")));
	EXPECT_EQ(0, sys(mount("three", "/..", "tmpfs", 0, NULL)));
	EXPECT_EQ(0, sys(umount("/..")));
	EXPECT_EQ(0, sys(umount("/..")));
	EXPECT_EQ(NULL_FS_MAGIC, magic_of("/.."));
	EXPECT_EQ(-EINVAL, sys(umount("/..")));
}

/* pivot_root() works in a mount that covers it, and detaching the old root does. */
TEST_F(nullfs, pivot_root_above_it)
{
	ASSERT_EQ(0, sys(mount("one", "/", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(chroot("/..")));
	ASSERT_EQ(0, sys(chdir("/")));
	ASSERT_EQ(TMPFS_MAGIC, magic_of("/"));
	ASSERT_EQ(0, sys(mkdir("/new", 0755)));
	ASSERT_EQ(0, sys(mount("two", "/new", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(chdir("/new")));
	EXPECT_EQ(0, sys(pivot_root(".", ".")));
	EXPECT_EQ(0, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(TMPFS_MAGIC, magic_of("/"));
}

/* A clone of it is empty and immutable as well, and can be attached and unmounted. */
TEST_F(nullfs, clone)
{
	int tree = syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE);

	ASSERT_LE(0, tree);
	ASSERT_EQ(0, sys(mount("one", "/", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(mkdir("/../null", 0700)));
	ASSERT_EQ(0, sys(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/../null",
				 MOVE_MOUNT_F_EMPTY_PATH)));
	EXPECT_EQ(NULL_FS_MAGIC, magic_of("/../null"));
	EXPECT_EQ(-ENOENT, sys(mkdir("/../null/a", 0700)));
	EXPECT_EQ(-EINVAL, sys(mount("", "/../null", NULL, MS_REMOUNT | MS_RDONLY, NULL)));
	close(tree);
	EXPECT_EQ(0, sys(umount("/../null")));
	EXPECT_EQ(TMPFS_MAGIC, magic_of("/../null"));
}

/* mount() cannot bind it, as it has SB_NOUSER, like upstream's. */
TEST_F(nullfs, no_bind_mount)
{
	ASSERT_EQ(0, sys(mount("one", "/", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(mkdir("/../null", 0700)));
	EXPECT_EQ(-EINVAL, sys(mount("/", "/../null", NULL, MS_BIND, NULL)));
	EXPECT_EQ(TMPFS_MAGIC, magic_of("/../null"));
}

/*
 * Flags of the mount (not of the file system) can be changed as on any mount, which allows nothing
 * more.
 */
TEST_F(nullfs, mount_flags)
{
	EXPECT_EQ(0, sys(mount("", "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL)));
	EXPECT_EQ(-ENOENT, sys(mkdir("a", 0700)));
	EXPECT_EQ(0, sys(mount("", "/", NULL, MS_REMOUNT | MS_BIND, NULL)));
	EXPECT_EQ(-ENOENT, sys(mkdir("a", 0700)));
}

/*
 * inotify is refused (7.x), or watches it without seeing any change (older kernels cannot refuse).
 */
TEST_F(nullfs, inotify_is_harmless)
{
	int fd = inotify_init1(IN_NONBLOCK), error;
	char buffer[512];

	ASSERT_LE(0, fd);
	error = sys(inotify_add_watch(fd, "/",
				      IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MODIFY | IN_MOVE));
	EXPECT_TRUE(error == 0 || error == -EOPNOTSUPP);
	sys(mkdir("a", 0700));
	sys(chmod("/", 0777));
	EXPECT_EQ(-EAGAIN, sys(read(fd, buffer, sizeof(buffer))));
	close(fd);
}

/* User space cannot mount nullfs, by old calls or new, and it is not in /proc/filesystems. */
TEST(not_for_user_space)
{
	FILE *file = fopen("/proc/filesystems", "r");
	char line[128];

	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		EXPECT_EQ(NULL, strstr(line, "nullfs"));
	fclose(file);
	mkdir("/mountpoint", 0755);
	EXPECT_EQ(-ENODEV, sys(mount("nullfs", "/mountpoint", "nullfs", 0, NULL)));
	EXPECT_EQ(-ENODEV, sys(syscall(SYS_fsopen, "nullfs", 0)));
}

TEST_HARNESS_MAIN
