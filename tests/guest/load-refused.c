// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels on which the module cannot be loaded: one without the hook, one that takes signed modules only, one that has nullfs
 * itself, for which none can be built, and one with nullfs beneath the rootfs already. There a module of the same name, built
 * in or loaded before, is found by the kernel, and anything else by ours (/renamed.ko).
 */
#include "guest.h"
#include "kselftest_harness.h"

static void refused(struct __test_metadata *_metadata, const char *path, int error_on_nullfs)
{
	const char *flavour = getenv("flavour");
	int error = immutable()			 ? error_on_nullfs :
		    !strcmp(flavour, "packaged") ? -EKEYREJECTED :
						   -ENOENT;
	char before[8192], after[8192];

	if (!strcmp(flavour, "native"))
		error = -ENOEXEC;
	read_mounts(before, sizeof(before));
	EXPECT_EQ(error, load_module(path, ""));
	read_mounts(after, sizeof(after));
	EXPECT_STREQ(before, after);
	EXPECT_EQ(immutable() ? 0 : -EINVAL, go_below_privately());
}

TEST(same_name)
{
	refused(_metadata, MODULE, loaded_late() ? -EEXIST : -EINVAL);
}

TEST(another_name)
{
	refused(_metadata, "/renamed.ko", -EBUSY);
}

TEST_HARNESS_MAIN
