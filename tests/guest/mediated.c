// SPDX-License-Identifier: GPL-2.0-only
/*
 * Security modules decide about mounts and pivot_root() as on stock, and see the same file names,
 * with and without nullfs beneath. policy.sh has loaded the policy of the last module in lsm=.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <linux/landlock.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/xattr.h>

#define FAILED 200 /* exit status, or higher, if the attempt could not start */

/* The operations. /new is a tmpfs, /bound and /other are directories. */
enum { MOUNT, BIND, MOVE, REMOUNT, UMOUNT, PIVOT, OPERATIONS };

static const char * const operations[] = {
	"mount", "bind", "move", "remount", "umount", "pivot_root",
};

static int operate(int operation)
{
	switch (operation) {
	case MOUNT:
		return mount("t", "/new", "tmpfs", 0, NULL);
	case BIND:
		return mount("/bound", "/new", NULL, MS_BIND, NULL);
	case MOVE:
		return mount("/new", "/other", NULL, MS_MOVE, NULL);
	case REMOUNT:
		return mount("", "/new", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	case UMOUNT:
		return umount("/new");
	default:
		return chdir("/new") ? -1 : pivot_root(".", ".");
	}
}

/*
 * The subjects, and the error code that each gets. /confined may neither mount nor pivot, /allowed
 * may do exactly what is tried here. SELinux has no hook for pivot_root(): only the capability
 * counts, which /powerless lacks.
 */
static const struct subject {
	const char *module, *name;
	int mounting, pivoting;
} subjects[] = {
	{ NULL, "free", 0, 0 },
	{ NULL, "landlocked", EPERM, EPERM },
	{ "apparmor", "confined", EACCES, EACCES },
	{ "apparmor", "allowed", 0, 0 },
	{ "selinux", "confined", EACCES, 0 },
	{ "selinux", "powerless", EPERM, EPERM },
	{ "selinux", "allowed", 0, 0 },
	{ "tomoyo", "confined", EPERM, EPERM },
	{ "tomoyo", "allowed", 0, 0 },
};

static const char *module(void)
{
	const char *list = getenv("lsm") ?: "", *comma = strrchr(list, ',');

	return comma ? comma + 1 : list;
}

static int lock_in(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SOCK };
	int ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return ruleset < 0 ? -errno : sys(syscall(SYS_landlock_restrict_self, ruleset, 0));
}

/*
 * The program runs from a file with the subject's name, by which AppArmor and TOMOYO identify it.
 */
static int become(const struct subject *subject)
{
	char context[64];

	if (!subject->module && !strcmp(subject->name, "landlocked"))
		return lock_in();
	if (!subject->module || strcmp(subject->module, "selinux"))
		return 0;
	snprintf(context, sizeof(context), "u:r:%s_t", subject->name);
	return write_file("/proc/self/attr/exec", context);
}

static int make_programs(const char *root)
{
	char first[64], name[64];
	unsigned int i;
	int error;

	snprintf(first, sizeof(first), "%s/%s", root, subjects[0].name);
	error = copy_file("/proc/self/exe", first);
	for (i = 1; i < ARRAY_SIZE(subjects) && !error; i++) {
		snprintf(name, sizeof(name), "%s/%s", root, subjects[i].name);
		error = sys(link(first, name));
		if (error == -EEXIST)
			error = 0;
	}
	return error;
}

static int make_directories(void)
{
	mkdir("/new", 0755);
	mkdir("/bound", 0755);
	mkdir("/other", 0755);
	mkdir("/proc", 0755);
	return sys(mount("new", "/new", "tmpfs", 0, NULL));
}

/* The process is in its own mount namespace. Its root is */
FIXTURE(root) {};

FIXTURE_VARIANT(root)
{
	const char *name;
	bool moved, pivoted;
};

/*
 * the rootfs (on stock pivot_root() fails there, and with the module's error if the module forbids
 * it),
 */
FIXTURE_VARIANT_ADD(root, initramfs) { .name = "initramfs" };
/* a tmpfs that was moved over the rootfs (where everything is as on stock), */
FIXTURE_VARIANT_ADD(root, moved) { .name = "moved", .moved = true };
/* or a tmpfs after a pivot. */
FIXTURE_VARIANT_ADD(root, pivoted) { .name = "pivoted", .pivoted = true };

FIXTURE_SETUP(root)
{
	if (variant->pivoted && !immutable())
		return;
	ASSERT_LE(0, enter_own_namespace());
	if (variant->moved || variant->pivoted) {
		ASSERT_EQ(0, sys(mount("root", "/space", "tmpfs", 0, NULL)));
		ASSERT_EQ(0, make_programs("/space"));
		ASSERT_EQ(0, sys(mkdir("/space/proc", 0755)));
		ASSERT_EQ(0, sys(mount("/proc", "/space/proc", NULL, MS_BIND, NULL)));
		ASSERT_EQ(0, sys(chdir("/space")));
	}
	if (variant->moved) {
		ASSERT_EQ(0, sys(mount(".", "/", NULL, MS_MOVE, NULL)));
		ASSERT_EQ(0, sys(chroot(".")));
	} else if (variant->pivoted) {
		ASSERT_EQ(0, sys(pivot_root(".", ".")));
		ASSERT_EQ(0, sys(umount2(".", MNT_DETACH)));
		ASSERT_EQ(0, sys(chdir("/")));
	}
	ASSERT_EQ(0, make_directories());
}

FIXTURE_TEARDOWN(root)
{
}

static int attempt(const struct subject *subject, int operation)
{
	pid_t child = fork();
	char path[64];
	int status;

	if (child == 0) {
		snprintf(path, sizeof(path), "/%s", subject->name);
		if (unshare(CLONE_NEWNS))
			_exit(FAILED);
		if (become(subject))
			_exit(FAILED + 1);
		execl(path, path, operations[operation], NULL);
		_exit(FAILED + 2);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED + WTERMSIG(status);
}

TEST_F(root, decisions)
{
	unsigned int i, operation;

	if (variant->pivoted && !immutable())
		return;
	for (i = 0; i < ARRAY_SIZE(subjects); i++) {
		const struct subject *subject = &subjects[i];

		if (subject->module && strcmp(subject->module, module()))
			continue;
		for (operation = 0; operation < OPERATIONS; operation++) {
			int expected = operation == PIVOT ? subject->pivoting : subject->mounting,
			    result;
			bool bottom = operation == PIVOT && !expected && !variant->moved &&
				      !variant->pivoted;

			if (bottom && !immutable())
				expected = EINVAL;
			result = attempt(subject, operation);
			EXPECT_EQ(expected, result);
			if (expected != result)
				TH_LOG("%s in %s: %s", subject->name, variant->name,
				       operations[operation]);
			if (!bottom && !variant->pivoted)
				printf("# same: %s %s in %s: %s: %d\n", module(), subject->name,
				       variant->name, operations[operation], result);
		}
	}
}

/* The modules that lsm= names are active. */
TEST(modules)
{
	char active[256] = "";
	int fd = open("/sys/kernel/security/lsm", O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, active, sizeof(active) - 1));
	EXPECT_NE(NULL, strstr(active, getenv("lsm")));
	if (!strstr(active, getenv("lsm")))
		TH_LOG("%s", active);
	close(fd);
}

/*
 * SELinux labels the files of the rootfs as on stock. Nullfs is unlabeled, and cannot be labeled.
 */
TEST(labels)
{
	char label[64] = "";

	if (strcmp(module(), "selinux"))
		return;
	ASSERT_LT(0, getxattr("/init", "security.selinux", label, sizeof(label) - 1));
	printf("# same: label of a file of the rootfs: %s\n", label);
	EXPECT_STREQ("u:r:rootfs_t", label);
	if (!immutable())
		return;
	ASSERT_EQ(0, go_below_privately());
	memset(label, 0, sizeof(label));
	EXPECT_LT(0, getxattr("/", "security.selinux", label, sizeof(label) - 1));
	EXPECT_STREQ("u:r:unlabeled_t", label);
	EXPECT_EQ(-EPERM, sys(setxattr("/", "security.selinux", "u:r:file_t", 11, 0)));
	EXPECT_EQ(-EPERM, sys(removexattr("/", "security.selinux")));
	EXPECT_EQ(-EOPNOTSUPP, sys(listxattr("/", label, sizeof(label))));
	EXPECT_EQ(-ENOENT, sys(open("a", O_CREAT | O_WRONLY, 0600)));
}

static int trace_a_stranger(void)
{
	pid_t stranger, tracer;
	int ready[2], status;
	char byte;

	if (pipe(ready))
		return -errno;
	stranger = fork();
	if (stranger == 0) {
		if (!become_user(1000) && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return -ESRCH;
	tracer = fork();
	if (tracer == 0)
		_exit(become_user(1000) || ptrace(PTRACE_SEIZE, stranger, NULL, NULL) ? errno : 0);
	waitpid(tracer, &status, 0);
	kill(stranger, SIGKILL);
	waitpid(stranger, NULL, 0);
	close(ready[0]);
	return -WEXITSTATUS(status);
}

/*
 * Yama prevents a user from tracing processes that are not descendants, unless it is configured not
 * to.
 */
TEST(yama)
{
	static const char scope[] = "/proc/sys/kernel/yama/ptrace_scope";

	EXPECT_EQ(0, write_file(scope, "0"));
	EXPECT_EQ(0, trace_a_stranger());
	EXPECT_EQ(0, write_file(scope, "1"));
	EXPECT_EQ(-EPERM, trace_a_stranger());
}

int main(int argc, char **argv)
{
	int operation;

	for (operation = 0; argc > 1 && operation < OPERATIONS; operation++)
		if (!strcmp(argv[1], operations[operation]))
			return -sys(operate(operation));
	mkdir("/space", 0777);
	if (make_programs(""))
		return 1;
	return test_harness_run(argc, argv);
}
