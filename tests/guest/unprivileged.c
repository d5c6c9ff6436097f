// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ordinary user in its own user and mount namespace, in the initramfs, may leave by pivot_root()
 * if nullfs lies beneath, and never sees what a mount covers.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <linux/mount.h>

/* In each test the process is root of its user namespace and unprivileged outside of it. */
FIXTURE(user)
{
	int ns;
};

FIXTURE_SETUP(user)
{
	ASSERT_EQ(0, become_user(1000));
	ASSERT_EQ(0, enter_user_namespace(1000));
	self->ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->ns);
	ASSERT_EQ(0, mount_space());
}

FIXTURE_TEARDOWN(user)
{
	close(self->ns);
}

/* Leaves the initramfs for its own tmpfs, as containers do. */
static int pivot_away(const char *root, const char *marker)
{
	int error = sys(mount("root", root, "tmpfs", 0, NULL));
	char name[64];

	if (error)
		return error;
	snprintf(name, sizeof(name), "%s/marker", root);
	error = write_file(name, marker);
	if (error)
		return error;
	snprintf(name, sizeof(name), "%s/old", root);
	mkdir(name, 0755);
	error = sys(chdir(root));
	if (!error)
		error = sys(pivot_root(".", "."));
	return error;
}

/*
 * pivot_root(".", ".") and detaching the old root works; on a stock kernel pivot_root fails with
 * EINVAL.
 */
TEST_F(user, pivot_and_detach)
{
	if (!immutable()) {
		EXPECT_EQ(-EINVAL, pivot_away("/space/a", "own"));
		EXPECT_TRUE(exists("/init"));
		return;
	}
	ASSERT_EQ(0, pivot_away("/space/a", "own"));
	EXPECT_EQ(0, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(0, sys(chdir("/")));
	EXPECT_TRUE(marker_is("/marker", "own"));
	EXPECT_FALSE(exists("/init"));
	EXPECT_FALSE(exists("/../init"));
}

/* After that nothing older becomes visible, whatever is unmounted, entered or pivoted again. */
TEST_F(user, nothing_comes_back_after_the_pivot)
{
	int turn;

	if (!immutable())
		return;
	ASSERT_EQ(0, pivot_away("/space/a", "own"));
	ASSERT_EQ(0, sys(umount2(".", MNT_DETACH)));
	for (turn = 0; turn < 3; turn++) {
		sys(umount("/"));
		sys(umount2("/", MNT_DETACH));
		sys(umount2("/..", MNT_DETACH));
		ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
		EXPECT_TRUE(marker_is("/marker", "own") || magic_of("/") == NULL_FS_MAGIC);
		EXPECT_FALSE(exists("/init"));
		EXPECT_FALSE(exists("/covered"));
	}
	if (may_empty()) /* it was unmounted, too */
		return;
	ASSERT_TRUE(exists("/old"));
	ASSERT_EQ(0, pivot_away("/old", "second"));
	EXPECT_EQ(0, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(0, sys(chdir("/")));
	EXPECT_TRUE(marker_is("/marker", "second"));
	ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
	EXPECT_TRUE(marker_is("/marker", "second"));
}

/*
 * The root of the namespace cannot be unmounted, as it was not mounted here. (empty.c tests where
 * it can.)
 */
TEST_F(user, root_stays)
{
	if (may_empty())
		return;
	EXPECT_EQ(immutable() || bottom_is_locked() ? -EINVAL : -EPERM, sys(umount("/")));
	EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_DETACH)));
	EXPECT_NE(0, sys(umount2("/", MNT_FORCE)));
	EXPECT_NE(0, sys(umount2("/", MNT_EXPIRE)));
	ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
	EXPECT_TRUE(exists("/init"));
	EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_DETACH)));
}

/* mount() and move_mount() cannot move it away. */
TEST_F(user, root_does_not_move)
{
	int root = open("/", O_PATH), refused = may_empty() ? -ELOOP : -EINVAL;

	EXPECT_EQ(refused, sys(mount("/", "/space/a", NULL, MS_MOVE, NULL)));
	EXPECT_EQ(refused, sys(syscall(SYS_move_mount, root, "", AT_FDCWD, "/space/a",
				       MOVE_MOUNT_F_EMPTY_PATH)));
	EXPECT_EQ(-EINVAL, sys(mount("/covered", "/space/a", NULL, MS_MOVE, NULL)));
	EXPECT_EQ(-EINVAL,
		  sys(syscall(SYS_move_mount, AT_FDCWD, "/covered", AT_FDCWD, "/space/a", 0)));
	/* ".." does not lead out */
	EXPECT_EQ(0, sys(chdir("/../../..")));
	EXPECT_TRUE(exists("init"));
	EXPECT_FALSE(exists(COVERED));
}

/* What a mount of the owner covers stays covered: umount() does not uncover it, */
TEST_F(user, cover_stays)
{
	EXPECT_EQ(-EINVAL, sys(umount("/covered")));
	EXPECT_EQ(-EINVAL, sys(umount2("/covered", MNT_DETACH)));
	EXPECT_FALSE(exists(COVERED));
}

/* nor do binds, recursive or not, clones of the tree, and unmounting in these, */
TEST_F(user, cover_stays_in_copies)
{
	int tree;

	EXPECT_EQ(-EINVAL, sys(mount("/", "/space/a", NULL, MS_BIND, NULL)));
	EXPECT_EQ(-EINVAL, sys(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE)));
	ASSERT_EQ(0, sys(mount("/", "/space/a", NULL, MS_BIND | MS_REC, NULL)));
	EXPECT_EQ(-EINVAL, sys(umount2("/space/a/covered", MNT_DETACH)));
	EXPECT_FALSE(exists("/space/a" COVERED));
	tree = syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE);
	ASSERT_LE(0, tree);
	EXPECT_NE(0, sys(faccessat(tree, "covered/secret", F_OK, 0)));
	ASSERT_EQ(0, sys(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/space/b",
				 MOVE_MOUNT_F_EMPTY_PATH)));
	EXPECT_EQ(-EINVAL, sys(umount2("/space/b/covered", MNT_DETACH)));
	EXPECT_EQ(0, sys(umount2("/space/b", MNT_DETACH)));
	EXPECT_NE(0, sys(faccessat(tree, "covered/secret", F_OK, 0)));
	EXPECT_FALSE(exists("/space/b" COVERED));
}

/* nor pivoting, unmounting the old root piece by piece, and open descriptors of it, */
TEST_F(user, cover_stays_after_the_pivot)
{
	int root = open("/", O_RDONLY | O_DIRECTORY);

	ASSERT_LE(0, root);
	if (!immutable())
		return;
	ASSERT_EQ(0, sys(mount("root", "/space/a", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(mkdir("/space/a/old", 0755)));
	ASSERT_EQ(0, sys(pivot_root("/space/a", "/space/a/old")));
	ASSERT_EQ(0, sys(chdir("/")));
	EXPECT_TRUE(exists("/old/init"));
	EXPECT_EQ(-EINVAL, sys(umount2("/old/covered", MNT_DETACH)));
	EXPECT_FALSE(exists("/old" COVERED));
	EXPECT_EQ(0, sys(umount2("/old", MNT_DETACH)));
	EXPECT_FALSE(exists("/old/init"));
	EXPECT_NE(0, sys(faccessat(root, "covered/secret", F_OK, 0)));
	EXPECT_NE(0, sys(faccessat(root, "../covered/secret", F_OK, 0)));
	EXPECT_EQ(0, sys(fchdir(root)));
	sys(umount2("covered", MNT_DETACH));
	EXPECT_FALSE(exists("covered/secret"));
	EXPECT_FALSE(exists("../covered/secret"));
}

/* nor overlays of anything that has a name, and mounts beneath a mount instead of over it, */
TEST_F(user, cover_stays_in_overlays)
{
	int tree = syscall(SYS_open_tree, AT_FDCWD, "/space/b", OPEN_TREE_CLONE);

	EXPECT_EQ(users_mount_overlays() ? 0 : -EPERM, overlay_of("/space/a", "/space/b:/space/c"));
	EXPECT_EQ(users_mount_overlays() ? -EINVAL : -EPERM, overlay_of("/space/a", "/:/space/b"));
	ASSERT_LE(0, tree);
	EXPECT_NE(0, sys(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/",
				 MOVE_MOUNT_F_EMPTY_PATH | MOUNT_BENEATH)));
	EXPECT_NE(0, sys(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/covered",
				 MOVE_MOUNT_F_EMPTY_PATH | MOUNT_BENEATH)));
	EXPECT_TRUE(exists("/init"));
}

/* nor other processes' roots in proc, as none outside the namespace can be entered, */
TEST_F(user, cover_stays_behind_proc)
{
	EXPECT_NE(0, sys(chdir("/proc/1/root")));
	EXPECT_NE(0, sys(chdir("/proc/1/cwd")));
	EXPECT_NE(0, sys(open("/proc/1/ns/mnt", O_RDONLY)));
	EXPECT_NE(0, sys(chdir("/proc/2/root")));
	EXPECT_FALSE(exists("/proc/self/root" COVERED));
}

/* nor namespaces within the namespace. */
TEST_F(user, cover_stays_in_nested_namespaces)
{
	ASSERT_EQ(0, sys(unshare(CLONE_NEWUSER | CLONE_NEWNS)));
	EXPECT_EQ(-EINVAL, sys(umount2("/covered", MNT_DETACH)));
	EXPECT_EQ(-EINVAL, sys(umount2("/space", MNT_DETACH)));
	EXPECT_EQ(may_empty() ? 0 : -EINVAL, sys(umount2("/", MNT_DETACH)));
	EXPECT_FALSE(exists(COVERED));
	EXPECT_EQ(-EPERM, sys(setns(self->ns, CLONE_NEWNS)));
}

int main(int argc, char **argv)
{
	cover_secret();
	return test_harness_run(argc, argv);
}
