// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves the initramfs by pivot_root() in the initial mount namespace, and pivots twice more, each
 * time from where the step before ended. On a stock kernel every attempt fails with EINVAL and
 * changes nothing.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <signal.h>
#include <sys/resource.h>

static int nullfs_id;

__attribute__((constructor)) static void find_nullfs(void)
{
	struct mount_line root;

	find_mount(MOUNTINFO, "/", &root);
	nullfs_id = root.parent;
}

/*
 * The state after a handover: the root's parent is nullfs, which is not listed. A process that
 * unmounts the root in its own namespace finds nullfs.
 */
static void check_root(struct __test_metadata *_metadata, const char *type, const char *marker)
{
	struct mount_line root;
	int mounts, status;
	pid_t child;

	mounts = find_mount(MOUNTINFO, "/", &root);
	EXPECT_EQ(1, mounts);
	if (mounts != 1)
		show_file(MOUNTINFO);
	EXPECT_EQ(nullfs_id, root.parent);
	EXPECT_STREQ(type, root.type);
	EXPECT_EQ(0, count_type(MOUNTINFO, "nullfs"));
	EXPECT_TRUE(marker_is("/marker", marker));
	child = fork();
	if (child == 0) /* its EXPECTs would be lost */
		_exit(go_below_privately() || magic_of("/") != NULL_FS_MAGIC);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* Kernel threads have the new root, too. The check looks at kthreadd, the parent of all others. */
static void check_kernel_threads(struct __test_metadata *_metadata, const char *marker)
{
	EXPECT_TRUE(marker_is("/proc/2/root/marker", marker));
	EXPECT_TRUE(marker_is("/proc/2/cwd/marker", marker));
	EXPECT_TRUE(marker_is("/proc/1/root/marker", marker));
	EXPECT_TRUE(marker_is("/proc/1/cwd/marker", marker));
}

/*
 * A program that the kernel starts (here for a core dump) is taken from the new root and runs in
 * it.
 */
static void check_usermode_helper(struct __test_metadata *_metadata)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int status, wait;
	pid_t child;

	unlink("/helped");
	EXPECT_EQ(0, write_file("/proc/sys/kernel/core_pattern", "|/helper"));
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &unlimited);
		raise(SIGQUIT);
		_exit(0);
	}
	waitpid(child, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status));
	for (wait = 0; wait < 100 && !exists("/helped"); wait++)
		usleep(50000);
	EXPECT_TRUE(exists("/helped"));
	EXPECT_EQ(0, write_file("/proc/sys/kernel/core_pattern", "core"));
}

/*
 * In the initramfs "/" is the rootfs. With nullfs beneath it has the ids of Linux 7.x: 2, and 1 as
 * parent.
 */
TEST(before)
{
	struct mount_line root;

	show_file(MOUNTINFO);
	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_STREQ("rootfs", root.type);
	EXPECT_EQ(rootfs_id(), root.id);
	EXPECT_EQ(!immutable() ? root.id : loaded_late() ? nullfs_id : 1, root.parent);
	EXPECT_EQ(loaded_late(), root.id < root.parent);
	EXPECT_EQ(0, count_type(MOUNTINFO, "nullfs"));
	EXPECT_EQ(TMPFS_MAGIC, magic_of("/"));
}

/*
 * initramfs_options= sets the size of the rootfs if the kernel has that parameter. The runner
 * compares the number with stock's.
 */
TEST(size_of_rootfs)
{
	struct statfs fs;

	ASSERT_EQ(0, sys(statfs("/", &fs)));
	printf("# same: blocks of the rootfs: %llu of %ld\n", (unsigned long long)fs.f_blocks,
	       (long)fs.f_bsize);
}

/*
 * umount("/") is the old way to make the process's root read-only. Stock refuses it where the
 * rootfs is locked. On nullfs the rootfs is a mount like any other.
 */
TEST(umount_root)
{
	struct mount_line root;

	if (!immutable())
		EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_DETACH)));
	if (!immutable() && bottom_is_locked()) {
		EXPECT_EQ(-EINVAL, sys(umount("/")));
		return;
	}
	EXPECT_EQ(0, sys(umount("/")));
	EXPECT_EQ(-EROFS, write_file("/file", ""));
	EXPECT_EQ(0, sys(mount("", "/", NULL, MS_REMOUNT, NULL)));
	EXPECT_EQ(0, write_file("/file", ""));
	EXPECT_EQ(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_EQ(rootfs_id(), root.id);
}

/* A process may unmount the rootfs in its own namespace, and is on nullfs then. */
TEST(detach_rootfs_in_own_namespace)
{
	if (!immutable()) {
		EXPECT_EQ(-EINVAL, go_below_privately());
		return;
	}
	ASSERT_EQ(0, go_below_privately());
	EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
	EXPECT_FALSE(exists("/init"));
}

/* pivot_root() refuses what it has always refused. */
TEST(refusals)
{
	mkdir("/dir", 0755);
	/* not a mount; where the rootfs is locked, that is found first */
	EXPECT_EQ(immutable() || !bottom_is_locked() ? -EBUSY : -EINVAL,
		  sys(pivot_root("/dir", "/dir")));
	EXPECT_NE(0, sys(pivot_root("/", "/")));
	EXPECT_EQ(-ENOENT, sys(pivot_root("/none", "/none")));
	EXPECT_NE(0, sys(pivot_root("/proc", "/dir")));
}

/*
 * First pivot, which keeps the old root at /initramfs. Its files are there until it is unmounted.
 */
TEST(keep_the_initramfs)
{
	struct mount_line root, old;

	ASSERT_EQ(0, sys(mount("first", "/new", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, make_root("/new", "first"));
	ASSERT_EQ(0, copy_file("/proc/self/exe", "/new/helper"));
	if (!immutable()) {
		EXPECT_EQ(-EINVAL, sys(pivot_root("/new", "/new/initramfs")));
		EXPECT_TRUE(exists("/init"));
		EXPECT_EQ(0, sys(umount2("/new", MNT_DETACH)));
		return;
	}
	ASSERT_EQ(0, sys(pivot_root("/new", "/new/initramfs")));
	EXPECT_FALSE(exists("/init"));
	EXPECT_TRUE(exists("/initramfs/init"));
	EXPECT_EQ(0, write_file("/initramfs/written", "still writable"));
	EXPECT_EQ(1, find_mount(MOUNTINFO, "/initramfs", &old));
	EXPECT_EQ(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_STREQ("rootfs", old.type);
	EXPECT_EQ(rootfs_id(), old.id);
	EXPECT_EQ(root.id, old.parent);
	EXPECT_EQ(-EBUSY, sys(umount("/initramfs")));
	EXPECT_EQ(0, sys(umount2("/initramfs", MNT_DETACH)));
	EXPECT_FALSE(exists("/initramfs/init"));
	EXPECT_EQ(0, sys(rmdir("/initramfs")));
	EXPECT_EQ(0, count_type(MOUNTINFO, "rootfs"));
	check_root(_metadata, "tmpfs", "first");
	check_kernel_threads(_metadata, "first");
	check_usermode_helper(_metadata);
}

/*
 * Second pivot, to a disk, as container programs do it: pivot_root(".", "."), then the old root,
 * which is stacked on the new one, is unmounted.
 */
TEST(pivot_and_detach)
{
	ASSERT_EQ(0, sys(mount("/dev/vda", "/new", "ext4", 0, NULL)));
	ASSERT_EQ(0, make_root("/new", "second"));
	ASSERT_EQ(0, copy_file("/proc/self/exe", "/new/helper"));
	ASSERT_EQ(0, sys(chdir("/new")));
	if (!immutable()) {
		EXPECT_EQ(-EINVAL, sys(pivot_root(".", ".")));
		EXPECT_EQ(0, sys(chdir("/")));
		EXPECT_EQ(0, sys(umount2("/new", MNT_DETACH)));
		return;
	}
	ASSERT_EQ(0, sys(pivot_root(".", ".")));
	EXPECT_EQ(0, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(0, sys(chdir("/")));
	check_root(_metadata, "ext4", "second");
	check_kernel_threads(_metadata, "second");
	check_usermode_helper(_metadata);
}

/*
 * The new root is not locked: umount("/") makes it read-only as on any system, and remounting makes
 * it writable again.
 */
TEST(root_is_a_mount_like_any_other)
{
	if (!immutable())
		return;
	EXPECT_EQ(0, sys(umount("/")));
	EXPECT_EQ(-EROFS, write_file("/file", ""));
	EXPECT_EQ(0, sys(mount("", "/", NULL, MS_REMOUNT, NULL)));
	EXPECT_EQ(0, write_file("/file", ""));
}

/* Third pivot, from the disk into memory. */
TEST(pivot_again)
{
	if (!immutable())
		return;
	ASSERT_EQ(0, sys(mount("third", "/new", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, make_root("/new", "third"));
	ASSERT_EQ(0, copy_file("/proc/self/exe", "/new/helper"));
	ASSERT_EQ(0, sys(chdir("/new")));
	ASSERT_EQ(0, sys(pivot_root(".", ".")));
	EXPECT_EQ(0, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(0, sys(chdir("/")));
	check_root(_metadata, "tmpfs", "third");
	check_kernel_threads(_metadata, "third");
	check_usermode_helper(_metadata);
}

/*
 * After the handover unprivileged users can pivot as on any system, and unmount the root if that is
 * allowed.
 */
TEST(unprivileged_after_the_handover)
{
	int status;
	pid_t child;

	if (!immutable())
		return;
	child = fork();
	if (child == 0) {
		if (become_user(1000) || enter_user_namespace(1000))
			_exit(2);
		if (may_empty())
			_exit(go_below(open("/proc/self/ns/mnt", O_RDONLY)) ||
			      magic_of("/") != NULL_FS_MAGIC);
		_exit(sys(umount2("/", MNT_DETACH)) != -EINVAL ||
		      mount("own", "/new", "tmpfs", 0, NULL) || chdir("/new") ||
		      pivot_root(".", ".") || umount2(".", MNT_DETACH));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

int main(int argc, char **argv)
{
	if (!strcmp(argv[0], "/helper"))
		return write_file("/helped", "") != 0;
	mkdir("/new", 0755);
	return test_harness_run(argc, argv);
}
