/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's harness. The 30 seconds that it gives to a test are too few for debug kernels on
 * a busy host. Each boot has a timeout of its own.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 3600

#endif
