// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading the module takes CAP_SYS_MODULE in the initial user namespace. It changes the initial
 * mount namespace only: all others that exist stay as they are.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static void *image;
static size_t size;

static int load_image(void)
{
	return sys(syscall(SYS_init_module, image, size, ""));
}

static void refused(struct __test_metadata *_metadata)
{
	EXPECT_EQ(-EPERM, load_module(MODULE, ""));
	EXPECT_EQ(-EPERM, load_image());
}

static int become_user_in(int flags)
{
	int error = become_user(1000);

	if (!error && flags)
		error = sys(unshare(flags));
	if (!error && flags)
		error = write_file("/proc/self/setgroups", "deny");
	if (!error && flags)
		error = write_file("/proc/self/uid_map", "0 1000 1");
	if (!error && flags)
		error = write_file("/proc/self/gid_map", "0 1000 1");
	return error;
}

/* Who cannot load it: a user, */
TEST(user)
{
	ASSERT_EQ(0, become_user_in(0));
	refused(_metadata);
}

/* root of a user namespace, who has all capabilities there, */
TEST(root_of_a_user_namespace)
{
	ASSERT_EQ(0, become_user_in(CLONE_NEWUSER));
	refused(_metadata);
}

/* the same with other namespaces as well, */
TEST(root_of_all_namespaces)
{
	ASSERT_EQ(0, become_user_in(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
				    CLONE_NEWIPC));
	refused(_metadata);
}

/* the real root after entering a user namespace, */
TEST(root_who_went_into_a_user_namespace)
{
	ASSERT_EQ(0, sys(unshare(CLONE_NEWUSER)));
	refused(_metadata);
}

/* and root without this one capability. */
TEST(root_without_the_capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	ASSERT_EQ(0, sys(syscall(SYS_capget, &header, data)));
	data[0].effective &= ~(1u << CAP_SYS_MODULE);
	ASSERT_EQ(0, sys(syscall(SYS_capset, &header, data)));
	refused(_metadata);
}

/* No request of a user makes the kernel load the module: it has no aliases. */
TEST(nobody_calls_for_it)
{
	EXPECT_EQ(NULL, memmem(image, size, "alias=", 6));
	EXPECT_NE(NULL, memmem(image, size, "license=GPL", 11));
	ASSERT_EQ(0, become_user_in(CLONE_NEWUSER | CLONE_NEWNS));
	EXPECT_EQ(-ENODEV, sys(mount("nullfs", "/tmp", "nullfs", 0, NULL)));
	EXPECT_FALSE(exists("/sys/module/immutable_rootfs"));
}

/*
 * Processes in their own mount namespaces that exist before the load, and what they find after it.
 */

static const struct {
	const char *name;
	bool user;
	int flags;
} bystanders[] = {
	{ "root, mount namespace", false, CLONE_NEWNS },
	{ "root, mount and pid namespace", false, CLONE_NEWNS | CLONE_NEWPID },
	{ "user, user and mount namespace", true, CLONE_NEWUSER | CLONE_NEWNS },
	{ "user, user, mount and pid namespace", true, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID },
};

struct found {
	char before[8192], after[8192];
	int ready, pivot, below;
};

static struct found *found;

static void read_mountinfo(char *text, size_t room)
{
	int fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while ((n = read(fd, text, room - 1)) > 0) {
		text += n;
		room -= n;
	}
	*text = '\0';
	close(fd);
}

static int pivot_to_own(void)
{
	int error = sys(mount("own", "/own", "tmpfs", 0, NULL));

	if (!error)
		error = sys(chdir("/own"));
	return error ? error : sys(pivot_root(".", "."));
}

static void stand_by(int number, int loaded)
{
	int flags = bystanders[number].flags, ns, status;
	int error = bystanders[number].user ? become_user_in(flags) : sys(unshare(flags));
	char byte;

	if (!error && flags & CLONE_NEWPID && fork()) { /* the child is in the namespace */
		close(loaded);
		_exit(wait(&status) < 0 || status);
	}
	if (!error)
		error = sys(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	read_mountinfo(found[number].before, sizeof(found->before));
	__atomic_store_n(&found[number].ready, error ?: 1, __ATOMIC_RELEASE);
	if (read(loaded, &byte, 1)) /* until it is closed */
		_exit(1);
	read_mountinfo(found[number].after, sizeof(found->after));
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	found[number].pivot = pivot_to_own();
	found[number].below = chdir("/") ? -errno : go_below(ns);
	_exit(0);
}

/* pivot_root() by a user in namespaces created now. */
static int pivot_as_user(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(become_user_in(CLONE_NEWUSER | CLONE_NEWNS) ? 255 : -pivot_to_own());
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

TEST(others_keep_their_namespaces)
{
	pid_t people[ARRAY_SIZE(bystanders)];
	char before[8192], after[8192];
	struct mount_line old, root;
	int loaded[2], status;
	unsigned int i;

	found = mmap(NULL, sizeof(*found) * ARRAY_SIZE(bystanders), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, found);
	ASSERT_EQ(0, sys(pipe2(loaded, O_CLOEXEC)));
	for (i = 0; i < ARRAY_SIZE(bystanders); i++) {
		people[i] = fork();
		if (people[i] == 0) {
			close(loaded[1]);
			stand_by(i, loaded[0]);
		}
		while (!__atomic_load_n(&found[i].ready, __ATOMIC_ACQUIRE))
			usleep(1000);
		ASSERT_EQ(1, found[i].ready);
	}
	EXPECT_EQ(-EINVAL, pivot_as_user());
	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &old));
	EXPECT_EQ(old.id, old.parent);
	read_mounts(before, sizeof(before));

	ASSERT_EQ(0, load_image());

	read_mounts(after, sizeof(after));
	EXPECT_STREQ(before, after);
	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_NE(old.parent, root.parent);
	EXPECT_EQ(0, pivot_as_user());
	close(loaded[1]);
	for (i = 0; i < ARRAY_SIZE(bystanders); i++) {
		ASSERT_EQ(people[i], waitpid(people[i], &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_LT(0, strlen(found[i].before));
		EXPECT_STREQ(found[i].before, found[i].after);
		EXPECT_EQ(-EINVAL, found[i].pivot);
		EXPECT_NE(0, found[i].below);
		if (!found[i].below)
			TH_LOG("%s", bystanders[i].name);
	}
}

int main(int argc, char **argv)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	struct stat st;

	mkdir("/own", 0777);
	mkdir("/tmp", 0777);
	if (fd < 0 || fstat(fd, &st)) {
		printf("Bail out! %s: %s\n", MODULE, strerror(errno));
		return 1;
	}
	size = st.st_size;
	image = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	return test_harness_run(argc, argv);
}
