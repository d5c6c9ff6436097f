/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the supported kernels. Kbuild asks the tree for it, and
 * no other file knows. The version only tells which kernels are refused.
 */
#ifndef _IMMUTABLE_ROOTFS_COMPAT_H
#define _IMMUTABLE_ROOTFS_COMPAT_H

#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/version.h>

/* Series "fs: add immutable rootfs and support pivot_root() in the initramfs", 7.0 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0) || defined(NULL_FS_MAGIC)
#error "This kernel has nullfs beneath the rootfs, as since 7.0: immutable_rootfs is not needed."
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0) && !defined(IMMUTABLE_ROOTFS_UNTESTED)
#error "Untested before Linux 5.10. To try it: make KCFLAGS=-DIMMUTABLE_ROOTFS_UNTESTED"
#endif

#ifndef CONFIG_ROOTFS_PROVIDER
#error "This kernel lacks the rootfs-provider hook: apply kernel-hooks.patch and rebuild it."
#endif

static inline void nullfs_init_times(struct inode *inode)
{
#ifdef HAVE_SIMPLE_INODE_INIT_TS
	simple_inode_init_ts(inode);
#else
#ifdef HAVE_INODE_SET_CTIME_CURRENT
	inode->i_mtime = inode_set_ctime_current(inode);
#else
	inode->i_mtime = current_time(inode);
	inode->i_ctime = inode->i_mtime;
#endif
	inode->i_atime = inode->i_mtime;
#endif
}

/* Methods get the first parameter that the kernel expects, or lose it. */
#ifdef HAVE_GETATTR_USER_NS
#define nullfs_getattr(param, ...) \
	nullfs_getattr(struct user_namespace *idmap, __VA_ARGS__)
#elif !defined(HAVE_GETATTR_MNT_IDMAP)
#define nullfs_getattr(param, ...)	nullfs_getattr(__VA_ARGS__)
#define simple_getattr(idmap, ...)	simple_getattr(__VA_ARGS__)
#endif
#ifdef HAVE_SETATTR_USER_NS
#define nullfs_setattr(param, ...) \
	nullfs_setattr(struct user_namespace *idmap, __VA_ARGS__)
#elif !defined(HAVE_SETATTR_MNT_IDMAP)
#define nullfs_setattr(param, ...)	nullfs_setattr(__VA_ARGS__)
#endif

/*
 * Commit a2062463e894 ("fs: ensure that internal tmpfs mount gets mount id zero"),
 * 7.0 and stable releases of 6.19: patches/mount-ids.patch for those that lack it.
 */
extern unsigned int mnt_id_min;

#endif /* _IMMUTABLE_ROOTFS_COMPAT_H */
