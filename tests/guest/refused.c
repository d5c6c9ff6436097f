// SPDX-License-Identifier: GPL-2.0-only
/* pivot_init refuses wrong use before it changes anything, and prints the reason in one line. */
#include "guest.h"
#include "kselftest_harness.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define PROGRAM "/pivot_init"
#define MOST_ARGUMENTS 6

/* Describes what could change: the mounts with all their flags, and the names in the root. */
static void describe(char *text, size_t size)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "r");
	DIR *root = opendir("/");
	struct dirent *entry;
	size_t used = 0;

	if (mounts) {
		used = fread(text, 1, size - 1, mounts);
		fclose(mounts);
	}
	while (root && (entry = readdir(root)) && used + sizeof(entry->d_name) < size)
		used += sprintf(text + used, "%s\n", entry->d_name);
	if (root)
		closedir(root);
	text[used] = '\0';
}

/*
 * Runs it as process 1 of a PID namespace, or as any other process. Returns the exit status; said
 * gets the output.
 */
static int run(bool first, const char * const *arguments, char *said, size_t size)
{
	struct clone_args clone = { .flags = first ? CLONE_NEWPID : 0, .exit_signal = SIGCHLD };
	int output[2], status;
	ssize_t length, total = 0;
	pid_t child;

	if (pipe2(output, O_CLOEXEC))
		return -errno;
	child = syscall(SYS_clone3, &clone, sizeof(clone));
	if (child == 0) {
		dup2(output[1], 1);
		dup2(output[1], 2);
		execv(PROGRAM, (char **)arguments);
		_exit(127);
	}
	close(output[1]);
	while ((length = read(output[0], said + total, size - 1 - total)) > 0)
		total += length;
	said[total] = '\0';
	close(output[0]);
	if (waitpid(child, &status, 0) != child)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

FIXTURE(use)
{
	char before[8192], after[8192], said[512];
};

FIXTURE_SETUP(use)
{
	mkdir("/bound", 0755);
	mkdir("/directory", 0755);
	mkdir("/new", 0755);
	write_file("/init-of-the-old-root", "");
	chmod("/init-of-the-old-root", 0755);
	ASSERT_EQ(0, sys(mount("/directory", "/bound", NULL, MS_BIND, NULL)));
	ASSERT_EQ(0, sys(mount("new", "/new", "tmpfs", 0, NULL)));
	mkdir("/new/below", 0755);
	mkdir("/new/noexec", 0755);
	ASSERT_EQ(0, sys(mount("noexec", "/new/noexec", "tmpfs", MS_NOEXEC, NULL)));
	ASSERT_EQ(0, copy_file(PROGRAM, "/new/init"));
	ASSERT_EQ(0, copy_file(PROGRAM, "/new/noexec/init"));
	ASSERT_EQ(0, write_file("/new/text", "text"));
	ASSERT_EQ(0, sys(symlink("/init-of-the-old-root", "/new/wrong-link")));
	ASSERT_EQ(0, sys(symlink("/init", "/new/below/link")));
	describe(self->before, sizeof(self->before));
}

FIXTURE_TEARDOWN(use)
{
	umount2("/new", MNT_DETACH);
	umount2("/bound", MNT_DETACH);
}

FIXTURE_VARIANT(use)
{
	const char *arguments[MOST_ARGUMENTS];
	const char *says; /* NULL if it has to succeed */
	bool not_first;
};

FIXTURE_VARIANT_ADD(use, no_argument) {
	.arguments = { "pivot_init" },
	.says = "usage: ",
};

FIXTURE_VARIANT_ADD(use, no_init) {
	.arguments = { "pivot_init", "/new" },
	.says = "usage: ",
};

FIXTURE_VARIANT_ADD(use, unknown_option) {
	.arguments = { "pivot_init", "-x", "/new", "/init" },
	.says = "usage: ",
};

FIXTURE_VARIANT_ADD(use, new_root_missing) {
	.arguments = { "pivot_init", "/nonexistent", "/init" },
	.says = "/nonexistent: cannot be used: No such file",
};

FIXTURE_VARIANT_ADD(use, new_root_a_file) {
	.arguments = { "pivot_init", PROGRAM, "/init" },
	.says = PROGRAM ": cannot be used: Not a directory",
};

FIXTURE_VARIANT_ADD(use, new_root_on_the_old) {
	.arguments = { "pivot_init", "/directory", "/init" },
	.says = "/directory: on the file system of the old root",
};

FIXTURE_VARIANT_ADD(use, new_root_bound) {
	.arguments = { "pivot_init", "/bound", "/init" },
	.says = "/bound: on the file system of the old root",
};

FIXTURE_VARIANT_ADD(use, new_root_the_old) {
	.arguments = { "pivot_init", "/", "/init" },
	.says = "/: on the file system of the old root",
};

FIXTURE_VARIANT_ADD(use, new_root_no_mount) {
	.arguments = { "pivot_init", "/new/below", "/init" },
	.says = "/new/below: not a mount point",
};

FIXTURE_VARIANT_ADD(use, init_missing) {
	.arguments = { "pivot_init", "/new", "/nonexistent" },
	.says = "/nonexistent in /new: cannot be the new init: No such file",
};

FIXTURE_VARIANT_ADD(use, init_outside) {
	.arguments = { "pivot_init", "/new", "/wrong-link" },
	.says = "/wrong-link in /new: cannot be the new init: No such file",
};

FIXTURE_VARIANT_ADD(use, init_a_directory) {
	.arguments = { "pivot_init", "/new", "/below" },
	.says = "/below in /new: not a regular file",
};

FIXTURE_VARIANT_ADD(use, init_not_executable) {
	.arguments = { "pivot_init", "/new", "/text" },
	.says = "/text in /new: not executable",
};

FIXTURE_VARIANT_ADD(use, init_on_noexec) {
	.arguments = { "pivot_init", "/new", "/noexec/init" },
	.says = "/noexec/init in /new: not executable",
};

FIXTURE_VARIANT_ADD(use, not_process_1) {
	.arguments = { "pivot_init", "/new", "/init" },
	.says = "not process 1",
	.not_first = true,
};

FIXTURE_VARIANT_ADD(use, dry_run) {
	.arguments = { "pivot_init", "-n", "/new", "/init" },
	.not_first = true,
};

FIXTURE_VARIANT_ADD(use, dry_run_console) {
	.arguments = { "pivot_init", "-n", "-c", "/dev/console", "/new", "below/link" },
	.not_first = true,
};

FIXTURE_VARIANT_ADD(use, dry_run_refused) {
	.arguments = { "pivot_init", "-n", "/new", "/text" },
	.says = "/text in /new: not executable",
	.not_first = true,
};

TEST_F(use, changes_nothing)
{
	int status = run(!variant->not_first, variant->arguments, self->said, sizeof(self->said));
	const char *end = strchr(self->said, '\n');

	printf("# %s", self->said);
	if (variant->says) {
		EXPECT_EQ(1, status);
		EXPECT_NE(NULL, strstr(self->said, variant->says));
		ASSERT_NE(NULL, end);
		EXPECT_EQ('\0', end[1]);
	} else {
		EXPECT_EQ(0, status);
		EXPECT_STREQ("", self->said);
	}
	describe(self->after, sizeof(self->after));
	EXPECT_STREQ(self->before, self->after);
}

/* A directory of a disk that chroot() has made the root can neither be left nor deleted. */
TEST(old_root_on_a_disk)
{
	static const char * const arguments[] = { "pivot_init", "/new", "/init", NULL };
	char said[512];

	mkdir("/disk", 0755);
	ASSERT_LE(0, enter_own_namespace());
	ASSERT_EQ(0, sys(mount("/dev/vda", "/disk", "ext4", 0, NULL)));
	mkdir("/disk/root", 0755);
	mkdir("/disk/root/new", 0755);
	ASSERT_EQ(0, copy_file(PROGRAM, "/disk/root" PROGRAM));
	ASSERT_EQ(0, sys(mount("new", "/disk/root/new", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, copy_file(PROGRAM, "/disk/root/new/init"));
	/* pivot_root() is refused here since / is not a mount point */
	ASSERT_EQ(0, sys(chroot("/disk/root")));
	ASSERT_EQ(0, sys(chdir("/")));
	EXPECT_EQ(1, run(true, arguments, said, sizeof(said)));
	printf("# %s", said);
	EXPECT_NE(NULL, strstr(said, "/: not a mount point and cannot be left"));
	EXPECT_TRUE(exists("/new/init"));
	EXPECT_TRUE(exists(PROGRAM));
}

/* fsopen() is refused, by which pivot_init gets at a mount table where /proc is not mounted. */
static int forbid_fsopen(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsopen, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENODEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	return sys(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* Where no mount table can be read it says that it deletes nothing. */
TEST(no_mount_table)
{
	static const char * const arguments[] = { "pivot_init", "-nv", "/new", "/init", NULL };
	char said[512];

	mkdir("/new", 0755);
	ASSERT_LE(0, enter_own_namespace());
	ASSERT_EQ(0, sys(mount("new", "/new", "tmpfs", 0, NULL)));
	ASSERT_EQ(0, copy_file(PROGRAM, "/new/init"));
	ASSERT_EQ(0, sys(umount2("/proc", MNT_DETACH)));
	EXPECT_EQ(0, run(false, arguments, said, sizeof(said)));
	printf("# %s", said);
	EXPECT_NE(NULL, strstr(said, immutable() ? "by pivot_root" :
						   "by MS_MOVE: nothing lies beneath the rootfs"));
	EXPECT_NE(NULL, strstr(said, "deleting its files"));
	ASSERT_EQ(0, forbid_fsopen());
	EXPECT_EQ(0, run(false, arguments, said, sizeof(said)));
	printf("# %s", said);
	EXPECT_NE(NULL, strstr(said, "by pivot_root"));
	EXPECT_NE(NULL,
		  strstr(said, "stay in memory: the mount table cannot be read; mount /proc"));
}

TEST_HARNESS_MAIN
