// SPDX-License-Identifier: GPL-2.0-only
/*
 * What Secure Boot does to the kernel: secure=1 on the command line says that the firmware has it
 * on. shim passes the list of keys that the machine's owner has enrolled.
 */
#include "guest.h"
#include "kselftest_harness.h"

#define VARIABLES "/sys/firmware/efi/efivars/"
#define GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static bool secure(void)
{
	return getenv("secure");
}

static bool file_has(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	if (file)
		fclose(file);
	return found;
}

/* The byte of a variable of the firmware, after four bytes of attributes; or -1. */
static int variable(const char *path)
{
	char content[8];
	int fd = open(path, O_RDONLY | O_CLOEXEC), size;

	if (fd < 0)
		return -1;
	size = read(fd, content, sizeof(content));
	close(fd);
	return size == 5 ? content[4] : -1;
}

/* The firmware tells the kernel whether Secure Boot is on. */
TEST(firmware)
{
	ASSERT_EQ(0, sys(mount("efivarfs", VARIABLES, "efivarfs", 0, NULL)));
	EXPECT_EQ(secure(), variable(VARIABLES "SecureBoot" GLOBAL));
	EXPECT_EQ(!secure(), variable(VARIABLES "SetupMode" GLOBAL));
	EXPECT_EQ(0, sys(umount(VARIABLES)));
}

/* With Secure Boot the kernel locks itself down. */
TEST(lockdown)
{
	ASSERT_EQ(0, sys(mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL)));
	EXPECT_TRUE(file_has("/sys/kernel/security/lockdown", secure() ? "[integrity]" : "[none]"));
	EXPECT_EQ(0, sys(umount("/sys/kernel/security")));
}

/* The kernel knows the key that dkms has made, as it has been enrolled. */
TEST(key_of_dkms)
{
	EXPECT_EQ(secure(), file_has("/proc/keys", "DKMS module signing key"));
}

TEST_HARNESS_MAIN
