/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _IMMUTABLE_ROOTFS_NULLFS_H
#define _IMMUTABLE_ROOTFS_NULLFS_H

struct vfsmount;

struct vfsmount *nullfs_kern_mount(void);

#endif /* _IMMUTABLE_ROOTFS_NULLFS_H */
