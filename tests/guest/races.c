// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four processes at a time repeat the same operation on nullfs, or on a mount namespace with nullfs
 * at its bottom. A kernel with KCSAN then finds data races that a storm of random operations rarely
 * hits.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <sys/file.h>
#include <sys/xattr.h>

#define PROCESSES 4

static int own_namespace;

static bool is_looked_at(void)
{
	struct stat st;

	return !stat("/", &st) && st.st_ino == 1 && magic_of("/") == NULL_FS_MAGIC;
}

static bool is_read(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char names[512];
	bool ok = fd >= 0 && syscall(SYS_getdents64, fd, names, sizeof(names)) == 48 &&
		  lseek(fd, 0, SEEK_SET) == 0;

	close(fd);
	return ok;
}

static bool has_no_file(void)
{
	return !exists("/x") && mkdir("/x", 0755) && errno == ENOENT;
}

static bool takes_nothing(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && flock(fd, LOCK_EX) && errno == ENOLCK && chmod("/", 0755) &&
		  errno == EPERM && listxattr("/", NULL, 0) < 0 && errno == EOPNOTSUPP;

	close(fd);
	return ok;
}

static bool is_entered(void)
{
	return !setns(own_namespace, CLONE_NEWNS);
}

static bool is_copied(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(unshare(CLONE_NEWNS) || magic_of("/") != NULL_FS_MAGIC);
	return waitpid(child, &status, 0) == child && status == 0;
}

static bool is_covered_and_left(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(unshare(CLONE_NEWNS) || mount("cover", "/", "tmpfs", 0, NULL) ||
		      chdir("/..") || chroot(".") || mkdir("/new", 0755) ||
		      mount("new", "/new", "tmpfs", 0, NULL) || chdir("/new") ||
		      pivot_root(".", ".") || umount2(".", MNT_DETACH));
	return waitpid(child, &status, 0) == child && status == 0;
}

FIXTURE(all_at_once) {};

FIXTURE_VARIANT(all_at_once)
{
	bool (*act)(void);
	int rounds;
};

FIXTURE_VARIANT_ADD(all_at_once, look) { is_looked_at, 2000 };
FIXTURE_VARIANT_ADD(all_at_once, read) { is_read, 2000 };
FIXTURE_VARIANT_ADD(all_at_once, find) { has_no_file, 2000 };
FIXTURE_VARIANT_ADD(all_at_once, change) { takes_nothing, 1000 };
FIXTURE_VARIANT_ADD(all_at_once, enter) { is_entered, 2000 };
FIXTURE_VARIANT_ADD(all_at_once, copy) { is_copied, 100 };
FIXTURE_VARIANT_ADD(all_at_once, leave) { is_covered_and_left, 50 };

FIXTURE_SETUP(all_at_once)
{
	own_namespace = enter_own_namespace();
	ASSERT_LE(0, own_namespace);
	ASSERT_EQ(0, go_below(own_namespace));
}

FIXTURE_TEARDOWN(all_at_once)
{
}

TEST_F_TIMEOUT(all_at_once, it, 600)
{
	pid_t children[PROCESSES];
	int i, round, status;

	for (i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			for (round = 0; round < variant->rounds && variant->act(); round++)
				;
			_exit(round < variant->rounds);
		}
	}
	for (i = 0; i < PROCESSES; i++) {
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		EXPECT_EQ(0, status);
	}
}

int main(int argc, char **argv)
{
	if (loaded_late() && load_module(MODULE, ""))
		return 1;
	return test_harness_run(argc, argv);
}
