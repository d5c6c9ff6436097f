// SPDX-License-Identifier: GPL-2.0-only
/*
 * scripts/load, which is /load here, loads the module, or prints the reason in one line and changes
 * nothing.
 */
#include "guest.h"
#include "kselftest_harness.h"

FIXTURE(script)
{
	char before[8192], after[8192], said[1024];
};

FIXTURE_SETUP(script)
{
	read_mounts(self->before, sizeof(self->before));
}

FIXTURE_TEARDOWN(script)
{
	read_mounts(self->after, sizeof(self->after));
	EXPECT_STREQ(self->before, self->after);
}

/* Returns the exit status; said gets the output. */
static int run(const char *command, char *said, size_t size)
{
	FILE *output = popen(command, "r");
	size_t length;

	if (!output)
		return -errno;
	length = fread(said, 1, size - 1, output);
	said[length] = '\0';
	return WEXITSTATUS(pclose(output));
}

static const char no_hook[] =
	" lacks the rootfs-provider hook: apply kernel-hooks.patch to it, build it and boot that";

/* Why the module cannot be loaded here, in the words of the script. */
static const char *obstacle(void)
{
	const char *flavour = getenv("flavour");

	if (!strcmp(flavour, "native"))
		return " has nullfs already: Linux 7.0 and later need no module";
	if (!strcmp(flavour, "stock"))
		return no_hook;
	return loaded_late() ? NULL :
			       "; the kernel says: immutable_rootfs: module is already loaded";
}

static bool is_one_line_about(const char *why, const char *said)
{
	bool is = !strncmp(said, "load: ", 6) && strstr(said, why) &&
		  strchr(said, '\n') == said + strlen(said) - 1;

	if (!is)
		printf("# it said: %s\n", said);
	return is;
}

/* The script reports first what root could not solve either. */
TEST_F(script, run_by_a_user)
{
	const char *why = obstacle();

	if (!why || *why != ' ')
		why = "only root may load modules: run this as root";
	EXPECT_EQ(1, run("setpriv --reuid=1000 --clear-groups /load " MODULE " 2>&1", self->said,
			 sizeof(self->said)));
	EXPECT_TRUE(is_one_line_about(why, self->said));
}

TEST_F(script, run_by_root)
{
	int status = run("/load " MODULE " 2>&1", self->said, sizeof(self->said));

	if (obstacle()) {
		EXPECT_EQ(1, status);
		EXPECT_TRUE(is_one_line_about(obstacle(), self->said));
		return;
	}
	EXPECT_EQ(0, status);
	EXPECT_STREQ("load: the kernel says: immutable_rootfs: nullfs lies beneath the rootfs\n",
		     self->said);
	EXPECT_EQ(0, go_below_in_a_child());
}

/* A line that others have logged meanwhile is not mistaken for the reason. */
TEST_F(script, run_again)
{
	const char *why = obstacle() ?: "File exists; the kernel says: immutable_rootfs: ";

	ASSERT_EQ(0, write_file("/dev/kmsg", "<5>something else\n"));
	EXPECT_EQ(1, run("/load " MODULE " 2>&1", self->said, sizeof(self->said)));
	EXPECT_TRUE(is_one_line_about(why, self->said));
}

TEST_HARNESS_MAIN
