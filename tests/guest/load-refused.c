// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels that refuse the module: one without the hook, one that accepts only signed modules, one
 * that is locked down, one that has nullfs of its own, for which no module can be built, and one
 * that already has nullfs beneath the rootfs. In the last case the kernel finds a module of the
 * same name, built in or loaded; a module of another name (/renamed.ko) finds nullfs itself.
 */
#include "guest.h"
#include "kselftest_harness.h"

static void refused(struct __test_metadata *_metadata, const char *path, int error_on_nullfs)
{
	const char *flavour = getenv("flavour");
	int error = immutable()			    ? error_on_nullfs :
		    !strcmp(flavour, "packaged")    ? -EKEYREJECTED :
		    !strcmp(flavour, "secure-boot") ? -EPERM :
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
