// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's parameter empty_namespaces. With it (empty=1 on the command line) users may unmount
 * the root of their own mount namespace if it lies on nullfs, and the namespace is empty then.
 * Without it, and on stock, the root is locked. In both cases whatever a mount covers stays hidden.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <dirent.h>
#include <linux/mount.h>
#include <sys/socket.h>

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* The root and the working directory are empty, and ".." leads nowhere else. */
static bool root_is_empty(void)
{
	return magic_of("/") == NULL_FS_MAGIC && entries("/") == 2 && entries(".") == 2 &&
	       entries("/../..") == 2 && !exists("/init") && !exists(COVERED);
}

/* Clones the mount that fd or path names. The clone is attached nowhere. */
static int clone_mount(int fd, const char *path, unsigned int recursive)
{
	int clone = open_tree(fd, path, OPEN_TREE_CLONE | AT_EMPTY_PATH | recursive);

	return clone < 0 ? -errno : clone;
}

static int attach(int tree, const char *path, unsigned int flags)
{
	return sys(move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH | flags));
}

static int own_ns(void)
{
	return open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
}

/*
 * Runs each test in a user and mount namespace of its own: made by an ordinary user, made by root,
 * and nested in another user namespace.
 */
FIXTURE(own)
{
	int ns, root;
};

FIXTURE_VARIANT(own)
{
	int id;
	bool nested;
};

FIXTURE_VARIANT_ADD(own, user) { .id = 1000 };
FIXTURE_VARIANT_ADD(own, root) { .id = 0 };
FIXTURE_VARIANT_ADD(own, nested) { .id = 1000, .nested = true };

FIXTURE_SETUP(own)
{
	ASSERT_EQ(0, become_user(variant->id));
	ASSERT_EQ(0, enter_user_namespace(variant->id));
	if (variant->nested)
		ASSERT_EQ(0, enter_user_namespace(0));
	ASSERT_EQ(0, mount_space());
	self->ns = own_ns();
	ASSERT_LE(0, self->ns);
	self->root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->root);
}

FIXTURE_TEARDOWN(own)
{
	close(self->root);
	close(self->ns);
}

/* Where unmounting is refused the root stays, and the rest of the test runs on it. */
#define LEAVE_THE_ROOT() \
	do { \
		ASSERT_EQ(may_empty() ? 0 : -EINVAL, go_below(self->ns)); \
		EXPECT_FALSE(exists(COVERED)); \
		EXPECT_EQ(may_empty(), root_is_empty()); \
		EXPECT_EQ(!may_empty(), exists("/init")); \
	} while (0)

/*
 * Detaching works where it is allowed. umount() without flags makes the rootfs read-only and
 * MNT_FORCE forces it, which take rights over the rootfs.
 */
TEST_F(own, root_is_unmounted)
{
	EXPECT_EQ(!may_empty() && (immutable() || bottom_is_locked()) ? -EINVAL : -EPERM,
		  sys(umount("/")));
	EXPECT_EQ(!may_empty() && (immutable() || bottom_is_locked()) ? -EINVAL : -EPERM,
		  sys(umount2("/", MNT_FORCE)));
	EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_EXPIRE)));
	LEAVE_THE_ROOT();
}

/* The bottom stays: it cannot be unmounted, moved, changed, or left by pivot_root(). */
TEST_F(own, bottom_stays)
{
	int turn;

	LEAVE_THE_ROOT();
	for (turn = 0; turn < 3; turn++) {
		EXPECT_NE(0, sys(umount("/")));
		EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_DETACH)));
		EXPECT_EQ(-EINVAL, sys(umount2("/..", MNT_DETACH)));
		EXPECT_NE(0, sys(umount2("/", MNT_FORCE)));
		EXPECT_NE(0, sys(mount("/", "/", NULL, MS_MOVE, NULL)));
		EXPECT_NE(0, sys(pivot_root("/", "/")));
		EXPECT_NE(0, sys(mount("", "/", NULL, MS_REMOUNT, NULL)));
		ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
		EXPECT_EQ(may_empty(), root_is_empty());
	}
}

/* Mounts in an empty namespace can be used, copied and unmounted like any others. */
TEST_F(own, empty_namespace_can_be_used)
{
	int turn;

	LEAVE_THE_ROOT();
	if (!may_empty())
		return;
	for (turn = 0; turn < 2; turn++) {
		ASSERT_EQ(0, sys(mount("new", "/", "tmpfs", 0, NULL)));
		ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
		EXPECT_EQ(2, entries("/"));
		EXPECT_EQ(0, write_file("/file", "text"));
		EXPECT_EQ(0, go_below(self->ns));
		EXPECT_TRUE(root_is_empty());
	}
	ASSERT_EQ(0, sys(unshare(CLONE_NEWUSER | CLONE_NEWNS)));
	EXPECT_TRUE(root_is_empty());
	EXPECT_EQ(-EINVAL, sys(umount2("/", MNT_DETACH)));
	ASSERT_EQ(0, sys(mount("new", "/", "tmpfs", 0, NULL)));
	EXPECT_EQ(-EPERM, sys(setns(self->ns, CLONE_NEWNS)));
}

/* Descriptors of the old root lead where they led before, and not beneath its mounts. */
TEST_F(own, covers_stay_on_the_old_root)
{
	int covered = open("/covered", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT_LE(0, covered);
	LEAVE_THE_ROOT();
	ASSERT_EQ(0, sys(fchdir(self->root)));
	EXPECT_TRUE(exists("init"));
	EXPECT_FALSE(exists("covered/secret"));
	EXPECT_NE(0, sys(umount2("covered", MNT_DETACH)));
	EXPECT_NE(0, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(may_empty(), clone_mount(self->root, "", AT_RECURSIVE) < 0);
	EXPECT_GT(0, clone_mount(self->root, "", 0));
	EXPECT_EQ(may_empty(), clone_mount(AT_FDCWD, "covered", 0) < 0);
	EXPECT_NE(0, attach(self->root, "/", 0));
	EXPECT_NE(0, attach(covered, "/", 0));
	EXPECT_EQ(may_empty(), mount(".", "/", NULL, MS_BIND | MS_REC, NULL) < 0);
	EXPECT_NE(0, sys(mount("covered", "/", NULL, MS_MOVE, NULL)));
	EXPECT_EQ(may_empty(), mount("new", "covered", "tmpfs", 0, NULL) < 0);
	EXPECT_FALSE(exists("covered/secret"));
	EXPECT_FALSE(exists("covered/../covered/secret"));
	ASSERT_EQ(0, sys(chroot(".")));
	EXPECT_FALSE(exists(COVERED));
	ASSERT_EQ(0, sys(fchdir(covered)));
	EXPECT_FALSE(exists("secret"));
	EXPECT_FALSE(exists("../covered/secret"));
	ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
	EXPECT_EQ(may_empty(), root_is_empty());
}

/*
 * A clone of the whole tree keeps its covers when it is attached in the empty namespace. So does a
 * clone of that clone.
 */
TEST_F(own, covers_stay_on_copies)
{
	int tree = clone_mount(AT_FDCWD, "/", AT_RECURSIVE), turn;

	ASSERT_LE(0, tree);
	EXPECT_EQ(-EINVAL, clone_mount(AT_FDCWD, "/", 0));
	EXPECT_EQ(-EINVAL, sys(mount("/", "/space/a", NULL, MS_BIND, NULL)));
	LEAVE_THE_ROOT();
	for (turn = 0; turn < 3; turn++) {
		ASSERT_EQ(0, attach(tree, "/", 0));
		close(tree);
		ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
		EXPECT_TRUE(exists("/init"));
		EXPECT_EQ(-EINVAL, sys(umount2("/covered", MNT_DETACH)));
		EXPECT_EQ(-EINVAL, clone_mount(AT_FDCWD, "/", 0));
		EXPECT_FALSE(exists(COVERED));
		tree = clone_mount(AT_FDCWD, "/", AT_RECURSIVE);
		ASSERT_LE(0, tree);
		EXPECT_EQ(0, go_below(self->ns));
		EXPECT_EQ(may_empty(), root_is_empty());
		EXPECT_NE(0, sys(faccessat(tree, "covered/secret", F_OK, 0)));
	}
}

/*
 * Nothing can be mounted between the root and the bottom, and the root cannot be moved, not even
 * from outside of it. (Linux 7.x lets a user mount there, and locks these mounts instead of the
 * root.)
 */
TEST_F(own, nothing_comes_beneath_the_root)
{
	int tree = clone_mount(AT_FDCWD, "/space/b", 0), turn;

	ASSERT_LE(0, tree);
	for (turn = 0; turn < 2; turn++) {
		EXPECT_EQ(may_empty() ? -ELOOP : -EINVAL,
			  sys(move_mount(self->root, "", AT_FDCWD, turn ? "/a" : "/space/a",
					 MOVE_MOUNT_F_EMPTY_PATH)));
		if (kernel_version() < 700) {
			EXPECT_EQ(-EINVAL,
				  sys(move_mount(tree, "", self->root, "",
						 MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH |
							 MOUNT_BENEATH)));
			EXPECT_EQ(-EINVAL, attach(tree, turn ? "/.." : "/", MOUNT_BENEATH));
		}
		if (!turn)
			ASSERT_EQ(0, sys(chroot("/space")));
	}
	ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
	LEAVE_THE_ROOT();
}

/* pivot_root() hands the lock, or its absence, from the old root to the new one. */
TEST_F(own, root_after_pivot)
{
	ASSERT_EQ(0, sys(mount("root", "/space/a", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(mkdir("/space/a/covered", 0755)));
	ASSERT_EQ(0, sys(chdir("/space/a")));
	ASSERT_EQ(immutable() ? 0 : -EINVAL, sys(pivot_root(".", ".")));
	EXPECT_FALSE(exists(COVERED));
	if (!immutable())
		return;
	ASSERT_EQ(0, sys(umount2(".", MNT_DETACH)));
	ASSERT_EQ(0, sys(chdir("/")));
	EXPECT_EQ(3, entries("/"));
	EXPECT_EQ(may_empty() ? 0 : -EINVAL, go_below(self->ns));
	EXPECT_EQ(may_empty(), root_is_empty());
	EXPECT_EQ(!may_empty(), exists("/covered"));
}

/*
 * An overlay shows what lies beneath mounts. So an overlay of the root is refused, unmounted or
 * not; one of the bottom is empty.
 */
TEST_F(own, overlays_show_nothing)
{
	int covered = open("/covered", O_RDONLY | O_DIRECTORY | O_CLOEXEC), bottom;

	if (!users_mount_overlays()) {
		EXPECT_EQ(-EPERM, overlay_of("/space/a", "/space/b:/space/c"));
		return;
	}
	ASSERT_LE(0, covered);
	if (kernel_version() < 700) { /* on which Debian has overlayfs as a module */
		EXPECT_EQ(0, overlay_of("/space/a", "/space/b:/space/c"));
		EXPECT_EQ(-EINVAL, overlay_of("/space/a", "/:/space/b"));
	}
	LEAVE_THE_ROOT();
	if (!may_empty())
		return;
	bottom = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, bottom);
	ASSERT_EQ(0, sys(mount("new", "/", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
	ASSERT_EQ(0, sys(mkdir("/empty", 0755)));
	ASSERT_EQ(0, sys(mkdir("/overlay", 0755)));
	ASSERT_EQ(0, sys(fchdir(self->root)));
	EXPECT_EQ(-EINVAL, overlay_of("/overlay", ".:/empty"));
	ASSERT_EQ(0, sys(fchdir(covered)));
	EXPECT_EQ(-EINVAL, overlay_of("/overlay", ".:/empty"));
	ASSERT_EQ(0, sys(fchdir(bottom)));
	ASSERT_EQ(0, overlay_of("/overlay", ".:/empty"));
	EXPECT_EQ(2, entries("/overlay"));
}

/*
 * proc and sysfs can be mounted only where the namespace already shows one, with nothing mounted on
 * it. An empty namespace has none.
 */
TEST_F(own, no_proc_and_no_sysfs)
{
	int status;
	pid_t child;

	ASSERT_EQ(0, sys(unshare(CLONE_NEWNET | CLONE_NEWPID)));
	child = fork();
	if (child == 0) { /* its EXPECTs would be lost */
		if (mount("sysfs", "/space/a", "sysfs", 0, NULL) ||
		    mount("proc", "/space/b", "proc", 0, NULL))
			_exit(1);
		if (umount("/space/a") || umount("/space/b"))
			_exit(2);
		if (go_below(self->ns))
			_exit(3);
		if (!mount("sysfs", "/", "sysfs", 0, NULL) || errno != EPERM)
			_exit(4);
		if (!mount("proc", "/", "proc", 0, NULL) || errno != EPERM)
			_exit(5);
		_exit(root_is_empty() ? 0 : 6);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(may_empty() ? 0 : 3, WEXITSTATUS(status));
}

/*
 * A process whose root is the unmounted one counts as chrooted and cannot create a user namespace.
 */
TEST_F(own, old_root_is_a_chroot)
{
	EXPECT_EQ(may_empty() ? 0 : -EINVAL, sys(umount2("/", MNT_DETACH)));
	if (!may_empty())
		return;
	EXPECT_TRUE(exists("/init"));
	EXPECT_EQ(-EPERM, sys(unshare(CLONE_NEWUSER)));
	EXPECT_EQ(-EPERM, sys(unshare(CLONE_NEWUSER | CLONE_NEWNS)));
	ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
	EXPECT_EQ(0, sys(unshare(CLONE_NEWUSER)));
}

/* Two processes work on one namespace: one attaches clones of the tree, the other unmounts them. */
TEST_F(own, race)
{
	int tree = clone_mount(AT_FDCWD, "/", AT_RECURSIVE), turn, status;
	pid_t child;

	ASSERT_LE(0, tree);
	LEAVE_THE_ROOT();
	child = fork();
	for (turn = 0; turn < 100; turn++) {
		if (child == 0) {
			attach(tree, "/", 0);
			setns(self->ns, CLONE_NEWNS);
			close(tree);
			tree = clone_mount(AT_FDCWD, "/", AT_RECURSIVE);
		} else {
			go_below(self->ns);
		}
		if (exists(COVERED))
			break;
	}
	if (child == 0)
		_exit(turn < 100);
	EXPECT_EQ(100, turn);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	do {
		ASSERT_EQ(0, sys(setns(self->ns, CLONE_NEWNS)));
	} while (!umount2("/", MNT_DETACH));
	EXPECT_EQ(may_empty(), root_is_empty());
}

/*
 * The owner of the outer namespace acts while the user has a copy of it. The test is the user. The
 * owner is another process, which performs one step each time it is asked.
 */
static int start_owner(int (*act)(void))
{
	int pair[2], result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (!fork()) {
		close(pair[0]);
		while (read(pair[1], &result, sizeof(result)) > 0) {
			result = act();
			if (write(pair[1], &result, sizeof(result)) < 0)
				break;
		}
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

static int ask(int owner)
{
	int result = 0;

	if (write(owner, &result, sizeof(result)) < 0 || read(owner, &result, sizeof(result)) <= 0)
		return -EIO;
	return result;
}

static int mount_secret(const char *path, const char *file)
{
	int error = sys(mount("secret", path, "tmpfs", 0, NULL));

	return error ? error : write_file(file, "secret");
}

/*
 * Copies the owner's namespace for the user. Returns a descriptor of the copy or a negative error
 * code.
 */
static int become_user_in_namespace(void)
{
	int error = become_user(1000);

	if (!error)
		error = enter_user_namespace(1000);
	return error ? error : own_ns();
}

static int peer; /* a clone of a mount, of its peer group if it has one */

/*
 * Detaches the root and attaches it again on a bottom with another propagation. Returns a
 * descriptor of the bottom, which is covered then. The bottom cannot be reached on stock, where the
 * descriptor is that of a covered tmpfs.
 */
static int change_bottom(int ns, unsigned long propagation)
{
	int root = clone_mount(AT_FDCWD, "/", AT_RECURSIVE), bottom, error;
	const char *place = immutable() ? "/" : "/bottom";

	if (immutable())
		error = go_below(ns);
	else
		error = sys(mount("bottom", place, "tmpfs", 0, NULL));
	if (!error)
		error = sys(mount("", place, NULL, propagation, NULL));
	if (error)
		return error;
	bottom = open(place, O_PATH | O_CLOEXEC);
	error = attach(root, place, 0);
	if (!error)
		error = sys(setns(ns, CLONE_NEWNS));
	close(root);
	return error ? error : bottom;
}

/* Attaches at /clone a clone of the bottom that is shared and covered. */
static int share_and_cover(int bottom)
{
	int clone = clone_mount(bottom, "", 0), error;

	if (clone < 0)
		return clone;
	error = attach(clone, "/clone", 0);
	if (!error)
		error = sys(mount("", "/clone", NULL, MS_SHARED, NULL));
	if (!error)
		error = sys(mount("cover", "/clone", "tmpfs", 0, NULL));
	if (!error)
		error = write_file("/clone/cover", "");
	return error ? error : clone;
}

static int attach_peer_and_secret(void)
{
	int error = attach(peer, "/peer", 0);

	return error ? error : mount_secret("/peer", "/peer/secret");
}

/*
 * Where the bottom receives propagation, the owner's mounts on a peer of it come between the user's
 * bottom and root. There the root stays locked. It is not locked where the bottom is private.
 */
FIXTURE(bottom) {};

FIXTURE_VARIANT(bottom)
{
	unsigned long propagation;
};

FIXTURE_VARIANT_ADD(bottom, shared) { MS_SHARED };
FIXTURE_VARIANT_ADD(bottom, private) { MS_PRIVATE };

FIXTURE_SETUP(bottom)
{
}

FIXTURE_TEARDOWN(bottom)
{
}

TEST_F(bottom, owner_mounts_on_its_peer)
{
	bool allowed = may_empty() && variant->propagation == MS_PRIVATE;
	int ns = enter_own_namespace(), bottom, owner;

	ASSERT_LE(0, ns);
	bottom = change_bottom(ns, variant->propagation);
	ASSERT_LE(0, bottom);
	peer = clone_mount(bottom, "", 0);
	ASSERT_LE(0, peer);
	owner = start_owner(attach_peer_and_secret);
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	EXPECT_EQ(0, ask(owner));
	EXPECT_EQ(allowed ? 0 : -EINVAL, go_below(ns));
	EXPECT_FALSE(exists("/secret"));
	EXPECT_EQ(allowed, root_is_empty());
}

/* The same if the owner mounts before the user copies the namespace. */
TEST_F(bottom, owner_has_mounted_on_its_peer)
{
	bool allowed = may_empty() && variant->propagation == MS_PRIVATE;
	int ns = enter_own_namespace(), bottom;

	ASSERT_LE(0, ns);
	bottom = change_bottom(ns, variant->propagation);
	ASSERT_LE(0, bottom);
	peer = clone_mount(bottom, "", 0);
	ASSERT_LE(0, peer);
	EXPECT_EQ(0, attach_peer_and_secret());
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	EXPECT_EQ(-EINVAL, sys(umount2("/peer", MNT_DETACH)));
	EXPECT_EQ(allowed ? 0 : -EINVAL, go_below(ns));
	EXPECT_FALSE(exists("/secret"));
	EXPECT_EQ(allowed, root_is_empty());
}

static int mount_secret_on_own_root(void)
{
	return mount_secret("/", "/../secret"); /* ".." goes up what is mounted on it */
}

/* The same if the user's bottom is a copy of one that is a slave of another namespace's. */
TEST(owner_mounts_on_a_master)
{
	int ns = enter_own_namespace(), root, owner;

	ASSERT_LE(0, ns);
	root = clone_mount(AT_FDCWD, "/", AT_RECURSIVE);
	ASSERT_LE(0, root);
	ASSERT_EQ(immutable() ? 0 : -EINVAL, go_below(ns));
	if (!immutable()) /* nothing can be mounted on the bottom */
		return;
	ASSERT_EQ(0, sys(mount("", "/", NULL, MS_SHARED, NULL)));
	owner = start_owner(mount_secret_on_own_root);
	ASSERT_EQ(0, sys(unshare(CLONE_NEWNS)));
	ASSERT_EQ(0, sys(mount("", "/", NULL, MS_SLAVE, NULL)));
	ASSERT_EQ(0, attach(root, "/", 0));
	ASSERT_EQ(0, sys(chdir("/..")));
	ASSERT_EQ(0, sys(chroot(".")));
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	EXPECT_EQ(0, ask(owner));
	EXPECT_EQ(-EINVAL, go_below(ns));
	EXPECT_FALSE(exists("/secret"));
	EXPECT_TRUE(exists("/init"));
}

static int move_secret_beneath(void)
{
	int error = mount_secret("/peer", "/peer/secret");

	return error ? error :
		       sys(move_mount(AT_FDCWD, "/peer", AT_FDCWD, "/clone", MOUNT_BENEATH));
}

/* The covers of other mounts of nullfs stay locked, as the owner can put mounts beneath them. */
FIXTURE(clone) {};

FIXTURE_VARIANT(clone)
{
	int (*act)(void);
	int since;
};

FIXTURE_VARIANT_ADD(clone, peer) { attach_peer_and_secret, 0 };
FIXTURE_VARIANT_ADD(clone, beneath) { move_secret_beneath, 605 };

FIXTURE_SETUP(clone)
{
}

FIXTURE_TEARDOWN(clone)
{
}

TEST_F(clone, owner_mounts_beneath_its_cover)
{
	int ns = enter_own_namespace(), bottom, clone, owner;

	ASSERT_LE(0, ns);
	bottom = change_bottom(ns, MS_PRIVATE);
	ASSERT_LE(0, bottom);
	clone = share_and_cover(bottom);
	ASSERT_LE(0, clone);
	peer = clone_mount(clone, "", 0);
	ASSERT_LE(0, peer);
	owner = start_owner(variant->act);
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	EXPECT_EQ(kernel_version() < variant->since ? -EINVAL : 0, ask(owner));
	EXPECT_EQ(-EINVAL, sys(umount2("/clone", MNT_DETACH)));
	EXPECT_FALSE(exists("/clone/secret"));
	EXPECT_EQ(may_empty() ? 0 : -EINVAL, go_below(ns));
	EXPECT_EQ(may_empty(), root_is_empty());
}

static int tree; /* a clone of nullfs and of what covers it */

static int mount_tree_then_secret(void)
{
	static int asked;
	int error;

	if (!asked++)
		return attach(tree, "/peer/x", 0);
	error = attach(peer, "/space", 0);
	return error ? error : mount_secret("/space", "/space/secret");
}

/*
 * A cover that reaches the user by propagation, together with what it covers, stays locked as well.
 */
TEST(owner_mounts_where_the_user_has_a_peer)
{
	int ns = enter_own_namespace(), bottom, clone, gift, owner, turn;

	ASSERT_LE(0, ns);
	bottom = change_bottom(ns, MS_PRIVATE);
	ASSERT_LE(0, bottom);
	clone = share_and_cover(bottom);
	ASSERT_LE(0, clone);
	tree = clone_mount(clone, "", AT_RECURSIVE);
	peer = clone_mount(clone, "", 0);
	ASSERT_EQ(0, sys(mount("place", "/peer", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, sys(mount("", "/peer", NULL, MS_SHARED, NULL)));
	ASSERT_EQ(0, sys(mkdir("/peer/x", 0755)));
	gift = clone_mount(AT_FDCWD, "/peer", 0);
	owner = start_owner(mount_tree_then_secret);
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	ASSERT_EQ(0, mount_space());
	ASSERT_EQ(0, attach(gift, "/space/a", 0));
	for (turn = 0; turn < 2; turn++) {
		EXPECT_EQ(0, ask(owner));
		EXPECT_TRUE(exists("/space/a/x/cover"));
		EXPECT_EQ(-EINVAL, sys(umount2("/space/a/x", MNT_DETACH)));
		EXPECT_FALSE(exists("/space/a/x/secret"));
	}
}

/* A user whose working directory is the covered bottom can do nothing with it but read it. */
TEST(bottom_in_hand)
{
	int ns = enter_own_namespace(), bottom, clone;

	ASSERT_LE(0, ns);
	bottom = change_bottom(ns, MS_PRIVATE);
	ASSERT_LE(0, bottom);
	clone = share_and_cover(bottom);
	ASSERT_LE(0, clone);
	ASSERT_EQ(0, sys(fchdir(bottom)));
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	EXPECT_EQ(2, entries("."));
	EXPECT_NE(0, sys(mount("/", ".", NULL, MS_MOVE, NULL)));
	EXPECT_NE(0, sys(move_mount(AT_FDCWD, "/covered", AT_FDCWD, ".", MOUNT_BENEATH)));
	EXPECT_NE(0, sys(move_mount(clone, "", AT_FDCWD, ".",
				    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_SET_GROUP)));
	/* umount() takes the topmost mount there */
	EXPECT_EQ(may_empty() ? 0 : -EINVAL, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(-EINVAL, sys(umount2(".", MNT_DETACH)));
	EXPECT_EQ(2, entries("."));
	ASSERT_EQ(0, sys(setns(ns, CLONE_NEWNS)));
	EXPECT_EQ(may_empty(), root_is_empty());
	EXPECT_FALSE(exists(COVERED));
}

/*
 * The user's root was moved over another one, the classic way. With stay the working directory is
 * still the covered one.
 */
static int become_user_in_moved_root(bool stay)
{
	int error = enter_own_namespace(), root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (error >= 0)
		error = sys(mount("root", "/clone", "tmpfs", 0, NULL));
	if (!error)
		error = sys(chdir("/clone"));
	if (!error)
		error = sys(mkdir("proc", 0755));
	if (!error)
		error = sys(mount("proc", "proc", "proc", 0, NULL));
	if (!error)
		error = sys(mount(".", "/", NULL, MS_MOVE, NULL));
	if (!error)
		error = sys(chroot("."));
	if (!error && stay)
		error = sys(fchdir(root));
	return error ? error : become_user_in_namespace();
}

/*
 * A root that was moved over another one does not lie on nullfs: it stays locked, and the other one
 * stays hidden.
 */
TEST(moved_root_stays)
{
	int ns = become_user_in_moved_root(false), turn;

	ASSERT_LE(0, ns);
	for (turn = 0; turn < 2; turn++) {
		EXPECT_EQ(-EINVAL, go_below(ns));
		EXPECT_FALSE(exists("/init"));
		EXPECT_FALSE(exists("/../init"));
		ASSERT_EQ(0, sys(setns(ns, CLONE_NEWNS)));
	}
}

/*
 * The covered root as working directory does not help to unmount it, as umount() takes the topmost
 * mount there.
 */
TEST(moved_root_stays_on_the_other)
{
	int ns = become_user_in_moved_root(true);

	ASSERT_LE(0, ns);
	EXPECT_TRUE(exists("init")); /* it was visible before, too */
	EXPECT_EQ(-EINVAL, sys(umount2(".", MNT_DETACH)));
	EXPECT_NE(0, sys(mount(".", "/proc", NULL, MS_MOVE, NULL)));
	EXPECT_FALSE(exists("covered/secret"));
	EXPECT_FALSE(exists("/init"));
	ASSERT_EQ(0, sys(setns(ns, CLONE_NEWNS)));
	EXPECT_FALSE(root_is_empty());
	EXPECT_FALSE(exists("/init"));
}

/* Neither the propagation of the root itself makes a difference, nor later mounts of the owner. */
FIXTURE(root) {};

FIXTURE_VARIANT(root)
{
	unsigned long propagation;
};

FIXTURE_VARIANT_ADD(root, shared) { MS_SHARED };
FIXTURE_VARIANT_ADD(root, slave) { MS_SLAVE };
FIXTURE_VARIANT_ADD(root, unbindable) { MS_UNBINDABLE };

FIXTURE_SETUP(root)
{
}

FIXTURE_TEARDOWN(root)
{
}

static int mount_on_root(void)
{
	int error = mount_secret("/", "/../secret");

	return error ? error : mount_secret("/clone", "/clone/secret");
}

TEST_F(root, propagation_of_the_root)
{
	int ns = enter_own_namespace(), owner;

	ASSERT_LE(0, ns);
	ASSERT_EQ(0, sys(mount("", "/", NULL, MS_SHARED, NULL)));
	ASSERT_EQ(0, sys(unshare(CLONE_NEWNS)));
	ASSERT_EQ(0, sys(mount("", "/", NULL, variant->propagation, NULL)));
	owner = start_owner(mount_on_root);
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	EXPECT_EQ(may_empty() ? 0 : -EINVAL, go_below(ns));
	EXPECT_EQ(0, ask(owner));
	EXPECT_EQ(may_empty(), root_is_empty());
	EXPECT_FALSE(exists(COVERED));
}

/*
 * Locked flags stay: a root that the owner has made nosuid and nodev keeps both in the user's
 * copies.
 */
TEST(flags_stay)
{
	int ns = enter_own_namespace(), tree;

	ASSERT_LE(0, ns);
	ASSERT_EQ(0, sys(mount("", "/", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL)));
	ns = become_user_in_namespace();
	ASSERT_LE(0, ns);
	EXPECT_EQ(-EPERM, sys(mount("", "/", NULL, MS_REMOUNT | MS_BIND, NULL)));
	tree = clone_mount(AT_FDCWD, "/", AT_RECURSIVE);
	ASSERT_LE(0, tree);
	EXPECT_EQ(may_empty() ? 0 : -EINVAL, go_below(ns));
	ASSERT_EQ(0, attach(tree, "/", 0));
	ASSERT_EQ(0, sys(setns(ns, CLONE_NEWNS)));
	EXPECT_EQ(-EPERM, sys(mount("", "/", NULL, MS_REMOUNT | MS_BIND, NULL)));
}

/* A process in a chroot cannot create a user namespace, and so cannot get to the bottom. */
TEST(chroot_stays)
{
	ASSERT_EQ(0, sys(chroot("/space")));
	ASSERT_EQ(0, become_user(1000));
	EXPECT_EQ(-EPERM, sys(unshare(CLONE_NEWUSER)));
	EXPECT_EQ(-EPERM, sys(unshare(CLONE_NEWUSER | CLONE_NEWNS)));
	EXPECT_EQ(-EPERM, sys(unshare(CLONE_NEWNS)));
	EXPECT_EQ(-EPERM, sys(umount2("/", MNT_DETACH)));
}

/* empty-namespace runs a program in an empty namespace, or fails where that is not allowed. */
TEST(example)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (become_user(1000))
			_exit(100);
		execl("/empty-namespace", "empty-namespace", "/tests/empty", "look", (char *)NULL);
		_exit(101);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(may_empty() ? 42 : 1, WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "look"))
		return root_is_empty() && getuid() == 1000 ? 42 : 2;
	cover_secret();
	mkdir("/bottom", 0755);
	mkdir("/clone", 0755);
	mkdir("/peer", 0755);
	return test_harness_run(argc, argv);
}
