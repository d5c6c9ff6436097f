/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the supported kernels; no other file knows versions.
 */
#ifndef _IMMUTABLE_ROOTFS_COMPAT_H
#define _IMMUTABLE_ROOTFS_COMPAT_H

#include <linux/fs.h>
#include <linux/version.h>

/* Series "fs: add immutable rootfs and support pivot_root() in the initramfs", 7.0 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#error "Linux 7.0 and later have nullfs beneath the rootfs: immutable_rootfs is not needed."
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) && !defined(IMMUTABLE_ROOTFS_UNTESTED)
#error "Untested before Linux 6.1. To try it: make KCFLAGS=-DIMMUTABLE_ROOTFS_UNTESTED"
#endif

#ifndef CONFIG_ROOTFS_PROVIDER
#error "This kernel lacks the rootfs-provider hook: apply kernel-hooks.patch and build it anew."
#endif

/* Commit 077c212f0344 ("fs: new accessor methods for atime and mtime"), 6.7 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline void simple_inode_init_ts(struct inode *inode)
{
	/* Commit 13bc24457850 ("fs: rename i_ctime field to __i_ctime"), 6.6 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	inode->i_ctime = current_time(inode);
	inode->i_mtime = inode->i_ctime;
#else
	inode->i_mtime = inode_set_ctime_current(inode);
#endif
	inode->i_atime = inode->i_mtime;
}
#endif

/* Commit b74d24f7a74f ("fs: port ->getattr() to pass mnt_idmap"), 6.3 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap user_namespace
#endif

/*
 * Commit a5488f29835c ("fs: simplify ->listxattr() implementation"), 6.4: until
 * then vfs_listxattr() asked the filesystem only if this was set.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define NULLFS_XATTR_OPFLAGS IOP_XATTR
#else
#define NULLFS_XATTR_OPFLAGS 0
#endif

/*
 * Commit a2062463e894 ("fs: ensure that internal tmpfs mount gets mount id zero"),
 * 7.0 and stable releases of 6.19: patches/mount-ids.patch for those that lack it.
 */
extern unsigned int mnt_id_min;

#endif /* _IMMUTABLE_ROOTFS_COMPAT_H */
