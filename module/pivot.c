// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the kernel itself leaves the rootfs for the real root.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/init.h>
#include <linux/init_syscalls.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/printk.h>
#include <linux/rootfs_provider.h>

#include "pivot.h"

static int kernel_path_at(int dfd, const char __user *name, unsigned int flags,
			  struct path *path)
{
	return kern_path((__force const char *)name, flags, path);
}

/**
 * init_pivot_root - pivot_root(2) for the kernel's own boot code
 * @new_root: path of the mount that becomes the root
 * @put_old: path below @new_root where the old root goes
 *
 * The same as the system call, with paths in kernel memory. Named after, and
 * used as, init_pivot_root() of the series "fs: add immutable rootfs and
 * support pivot_root() in the initramfs".
 *
 * Context: Process context while booting; takes namespace_sem and mount_lock.
 * Return: 0, or the errno of pivot_root(2).
 */
int __init init_pivot_root(const char *new_root, const char *put_old)
{
	return do_pivot_root((__force const char __user *)new_root,
			     (__force const char __user *)put_old,
			     kernel_path_at);
}

/**
 * pivot_into_real_root - make the current directory the root, drop the rootfs
 *
 * To be called in the real root when prepare_namespace() has mounted it. A
 * pivot that fails changes nothing.
 *
 * Context: Process context while booting; takes namespace_sem and mount_lock.
 * Return: true, or false when the real root is yet to be moved onto "/".
 */
bool __init pivot_into_real_root(void)
{
	int err;

	err = init_pivot_root(".", ".");
	if (err) {
		pr_warn("pivot_root into the real root failed: error %d; trying MS_MOVE, as without immutable_rootfs\n",
			err);
		return false;
	}

	err = init_umount(".", MNT_DETACH);
	if (err)
		pr_warn("the rootfs stays mounted on /: error %d; its memory is not given back\n",
			err);
	return true;
}
