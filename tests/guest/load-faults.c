// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's first allocation fails, then its second, and so on, until a load succeeds
 * (Documentation/fault-injection of the kernel).
 */
#include "guest.h"
#include "kselftest_harness.h"

#define FAILSLAB "/sys/kernel/debug/failslab/"
#define FAIL_NTH "/proc/thread-self/fail-nth"

static int write_number(const char *path, unsigned long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", number);
	return write_file(path, text);
}

/* Writes the begin and the end of a kernel function to two files of failslab. */
static int write_range(const char *begin_file, const char *end_file, const char *function)
{
	unsigned long address, begin = 0, end = -1UL;
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], name[256];
	int pass;

	for (pass = 0; file && pass < 2; pass++) {
		rewind(file);
		while (fgets(line, sizeof(line), file)) {
			if (sscanf(line, "%lx %*s %255s", &address, name) != 2)
				continue;
			if (!pass && !strcmp(name, function))
				begin = address;
			if (pass && address > begin && address < end)
				end = address;
		}
	}
	if (!file || !begin)
		return -ENOENT;
	fclose(file);
	return write_number(begin_file, begin) ?: write_number(end_file, end);
}

/*
 * Only allocations of a module's initialisation are to fail, not those of loading it or of
 * kmemleak.
 */
static int fail_in_initcalls(void)
{
	int error;

	error = write_range(FAILSLAB "require-start", FAILSLAB "require-end", "do_one_initcall");
	if (!error)
		error = write_range(FAILSLAB "reject-start", FAILSLAB "reject-end",
				    "__create_object");
	if (!error)
		error = write_number(FAILSLAB "stacktrace-depth", 32);
	if (!error)
		error = write_number(FAILSLAB "ignore-gfp-wait", 0);
	return error ?: write_number(FAILSLAB "verbose", 0);
}

/* Whether the requested fault has happened. */
static bool failed(void)
{
	char text[16] = "";
	int fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	close(fd);
	write_number(FAIL_NTH, 0);
	return atoi(text) == 0;
}

TEST(every_allocation)
{
	char before[8192], after[8192];
	int number = 0, error;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	ASSERT_EQ(0, fail_in_initcalls());
	do {
		read_mounts(before, sizeof(before));
		ASSERT_EQ(0, write_number(FAIL_NTH, ++number));
		error = load_module(MODULE, "");
		if (!failed())
			break;
		read_mounts(after, sizeof(after));
		EXPECT_EQ(-ENOMEM, error);
		EXPECT_STREQ(before, after);
		EXPECT_EQ(-EINVAL, go_below_in_a_child());
	} while (error);
	printf("# measured: %d allocations failed one after the other\n", number - 1);
	EXPECT_EQ(0, error);
	EXPECT_LT(5, number);
	EXPECT_EQ(0, go_below_in_a_child());
}

TEST_HARNESS_MAIN
