/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 30 seconds that the kernel's harness gives to a test are too few for debug kernels on a busy
 * host. Each boot has a timeout of its own.
 */
#include_next <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 3600
