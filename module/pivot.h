/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _IMMUTABLE_ROOTFS_PIVOT_H
#define _IMMUTABLE_ROOTFS_PIVOT_H

#include <linux/types.h>

int init_pivot_root(const char *new_root, const char *put_old);
bool pivot_into_real_root(void);

#endif /* _IMMUTABLE_ROOTFS_PIVOT_H */
