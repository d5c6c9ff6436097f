// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads the kernel's sample module that leaks memory (samples/kmemleak), which kmemleak has to
 * find.
 */
#include "guest.h"
#include "kselftest_harness.h"

TEST(leaking)
{
	EXPECT_EQ(0, load_module("/kmemleak-test.ko", ""));
}

TEST_HARNESS_MAIN
