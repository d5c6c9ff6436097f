// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes beneath the rootfs, and when: at boot, if the boot parameter says
 * so, or as soon as the module is loaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs_struct.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/nsproxy.h>
#include <linux/rootfs_provider.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "nullfs.h"
#include "pivot.h"

static bool immutable_rootfs = __is_defined(MODULE) ||
			       IS_ENABLED(CONFIG_IMMUTABLE_ROOTFS_DEFAULT);
MODULE_PARM_DESC(immutable_rootfs, "Put nullfs beneath the rootfs");

static bool empty_namespaces;
module_param(empty_namespaces, bool, 0444);
MODULE_PARM_DESC(empty_namespaces, "Let users unmount the root of their mount namespaces");

static void (*rootfs_kill_sb)(struct super_block *sb);

static void ramfs_rootfs_kill_sb(struct super_block *sb)
{
	kfree(sb->s_fs_info);
	rootfs_kill_sb(sb);
}

/*
 * A rootfs of type ramfs could not go away so far, so nothing frees what
 * ramfs_init_fs_context() allocates for it; ramfs_kill_sb() is for ramfs
 * alone. Once the boot has left the rootfs by MS_MOVE, it stays.
 */
static void __init free_with_rootfs(struct super_block *sb)
{
	struct file_system_type *rootfs = sb->s_type;

	if (sb->s_magic == RAMFS_MAGIC) {
		rootfs_kill_sb = rootfs->kill_sb;
		/* A CPU that sees this ->kill_sb() also sees what that calls. */
		smp_store_release(&rootfs->kill_sb, ramfs_rootfs_kill_sb);
	}
}

/* @root: where the boot is; false if it has left the rootfs. */
static bool __init is_rootfs(const struct path *root)
{
	return !strcmp(root->mnt->mnt_sb->s_type->name, "rootfs");
}

/* Before anybody can copy a mount of @nullfs. */
static void __init allow_empty_namespaces(struct vfsmount *nullfs)
{
	if (!empty_namespaces)
		return;
#ifdef FS_MAY_UNCOVER
	nullfs->mnt_sb->s_type->fs_flags |= FS_MAY_UNCOVER;
#else
	empty_namespaces = false;
	pr_err("empty_namespaces changes nothing: this kernel lacks patches/empty-namespaces.patch; apply it and rebuild the kernel and this module\n");
#endif
}

static int __init put_beneath_rootfs(struct vfsmount *nullfs)
{
	struct path root;
	int err;

	allow_empty_namespaces(nullfs);

	/* This reference keeps the rootfs from being freed by its old ->kill_sb(). */
	get_fs_root(init_task.fs, &root);
	err = rootfs_mount_beneath(init_task.nsproxy->mnt_ns, nullfs);
	if (!err) {
		if (is_rootfs(&root)) {
			free_with_rootfs(root.mnt->mnt_sb);
			pr_info("nullfs lies beneath the rootfs\n");
		} else {
			pr_notice("nullfs lies beneath the rootfs, but the boot has left that already; load it in the initramfs\n");
		}
		if (empty_namespaces)
			pr_info("users may unmount the root of their mount namespaces\n");
	}
	path_put(&root);
	return err;
}

#ifndef MODULE

static struct vfsmount *nullfs_mount __initdata;

void __init rootfs_prepare(void)
{
	if (immutable_rootfs)
		nullfs_mount = nullfs_kern_mount();
}

void __init rootfs_attach(void)
{
	int err;

	if (immutable_rootfs) {
		err = PTR_ERR_OR_ZERO(nullfs_mount);
		if (!err)
			err = put_beneath_rootfs(nullfs_mount);
		if (!err)
			return;
		immutable_rootfs = false;
		pr_err("no nullfs beneath the rootfs: error %d; booting without it\n",
		       err);
	}

	if (empty_namespaces) {
		empty_namespaces = false;
		pr_err("empty_namespaces changes nothing without nullfs beneath the rootfs; boot with immutable_rootfs, too\n");
	}
}

/* Freeing a mount takes fsnotify, which an early_initcall() sets up. */
static int __init immutable_rootfs_free(void)
{
	if (!immutable_rootfs && !IS_ERR(nullfs_mount))
		mntput(nullfs_mount);
	return 0;
}
core_initcall(immutable_rootfs_free);

bool __init rootfs_enter_root(void)
{
	return immutable_rootfs && pivot_into_real_root();
}

/* Only kernels with mount-ids.patch look at it: shmem's mount takes the first. */
unsigned int mnt_id_min __ro_after_init =
	!IS_ENABLED(CONFIG_IMMUTABLE_ROOTFS_DEFAULT);

/* All spellings of the boot parameter end here. @val: NULL if it has no value. */
static void choose_nullfs(const char *name, const char *val)
{
	immutable_rootfs = !val;
	if (val && kstrtobool(val, &immutable_rootfs))
		pr_err("%s=%s: unknown value, booting without it; use 1, on, y or nothing, or 0, off, n\n",
		       name, val);
	mnt_id_min = !immutable_rootfs;
}

/* The name below /sys/module; it is parsed before mnt_init(), too. */
static int choose_by_param(const char *val, const struct kernel_param *kp)
{
	choose_nullfs(kp->name, val);
	return 0;
}

static const struct kernel_param_ops immutable_rootfs_ops = {
	.flags	= KERNEL_PARAM_OPS_FL_NOARG,
	.set	= choose_by_param,
	.get	= param_get_bool,
};
module_param_cb(immutable_rootfs, &immutable_rootfs_ops, &immutable_rootfs, 0444);

static int __init choose_by_setup(const char *name, const char *str)
{
	/* A longer name that starts like this one is somebody else's. */
	if (*str && *str != '=')
		return 0;

	choose_nullfs(name, *str ? str + 1 : NULL);
	return 1;
}

static int __init immutable_rootfs_setup(char *str)
{
	return choose_by_setup("immutable_rootfs", str);
}
__setup("immutable_rootfs", immutable_rootfs_setup);

/* The name that upstream used before it made nullfs unconditional. */
static int __init nullfs_rootfs_setup(char *str)
{
	return choose_by_setup("nullfs_rootfs", str);
}
__setup("nullfs_rootfs", nullfs_rootfs_setup);

#else /* MODULE */

module_param(immutable_rootfs, bool, 0444);

static int __init immutable_rootfs_init(void)
{
	struct vfsmount *nullfs;
	int err;

	if (!immutable_rootfs) {
		pr_notice("switched off by its parameter, nothing changed; load it without immutable_rootfs=0\n");
		return -ECANCELED;
	}

	nullfs = nullfs_kern_mount();
	err = PTR_ERR_OR_ZERO(nullfs);
	if (!err) {
		err = put_beneath_rootfs(nullfs);
		if (err) {
			/* The last mntput() may not leave work to code that goes. */
			nullfs->mnt_flags |= MNT_INTERNAL;
			mntput(nullfs);
		}
	}
	if (err == -EBUSY)
		pr_err("nullfs lies beneath the rootfs already, nothing changed; no need to load this\n");
	else if (err)
		pr_err("no nullfs beneath the rootfs: error %d, nothing changed; free memory and load it again\n",
		       err);
	return err;
}

/* No module_exit(): what lies beneath everything can't be taken away. */
module_init(immutable_rootfs_init);

#endif /* MODULE */

MODULE_DESCRIPTION("Empty immutable filesystem beneath the rootfs, for pivot_root(2) in the initramfs");
MODULE_AUTHOR("immutable-rootfs maintainers <maintainers@immutable-rootfs.example>");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
