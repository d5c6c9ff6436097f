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
module_param(immutable_rootfs, bool, 0444);
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

/* The type of the rootfs, and its magic number; NULL if the boot has left it. */
static struct file_system_type * __init rootfs_type(unsigned long *magic)
{
	struct file_system_type *type;
	struct path root;

	get_fs_root(init_task.fs, &root);
	type = root.mnt->mnt_sb->s_type;
	*magic = root.mnt->mnt_sb->s_magic;
	if (strcmp(type->name, "rootfs"))
		type = NULL;
	path_put(&root);
	return type;
}

/*
 * A rootfs of type ramfs never went away so far, so nothing frees what
 * ramfs_init_fs_context() allocates for it; ramfs_kill_sb() is for ramfs
 * alone. Once the boot has left the rootfs by MS_MOVE, it stays.
 */
static int __init put_beneath_rootfs(struct vfsmount *nullfs)
{
	unsigned long magic;
	struct file_system_type *rootfs = rootfs_type(&magic);
	int err;

	err = rootfs_mount_beneath(init_task.nsproxy->mnt_ns, nullfs);
	if (err)
		return err;

	if (rootfs && magic == RAMFS_MAGIC) {
		rootfs_kill_sb = rootfs->kill_sb;
		rootfs->kill_sb = ramfs_rootfs_kill_sb;
	}

	if (empty_namespaces) {
		WRITE_ONCE(rootfs_empty_base, nullfs->mnt_sb->s_type);
		pr_info("users may unmount the root of their mount namespaces\n");
	}
	return 0;
}

#ifndef MODULE

static struct vfsmount *nullfs_mount __initdata;

static void __init immutable_rootfs_prepare(void)
{
	if (immutable_rootfs)
		nullfs_mount = nullfs_kern_mount();
}

static void __init immutable_rootfs_attach(void)
{
	int err;

	if (immutable_rootfs) {
		err = PTR_ERR_OR_ZERO(nullfs_mount);
		if (!err)
			err = put_beneath_rootfs(nullfs_mount);
		if (!err) {
			pr_info("nullfs lies beneath the rootfs\n");
			return;
		}
		immutable_rootfs = false;
		pr_err("no nullfs beneath the rootfs: error %d; booting without it\n",
		       err);
	}

	if (empty_namespaces) {
		empty_namespaces = false;
		pr_err("empty_namespaces changes nothing without nullfs beneath the rootfs; boot with immutable_rootfs, too\n");
	}
}

/* Freeing a mount takes fsnotify, which is set up by a core_initcall(). */
static int __init immutable_rootfs_free(void)
{
	if (!immutable_rootfs && !IS_ERR(nullfs_mount))
		mntput(nullfs_mount);
	return 0;
}
postcore_initcall(immutable_rootfs_free);

static bool __init immutable_rootfs_enter_root(void)
{
	return immutable_rootfs && pivot_into_real_root();
}

static struct rootfs_provider immutable_rootfs_provider __initdata = {
	.prepare	= immutable_rootfs_prepare,
	.attach		= immutable_rootfs_attach,
	.enter_root	= immutable_rootfs_enter_root,
};

struct rootfs_provider *rootfs_provider __initdata = &immutable_rootfs_provider;

/* Only kernels with mount-ids.patch look at it: shmem's mount takes the first. */
unsigned int mnt_id_min __ro_after_init =
	!IS_ENABLED(CONFIG_IMMUTABLE_ROOTFS_DEFAULT);

static int __init choose(const char *name, const char *str)
{
	/* A longer name that starts like this one is somebody else's. */
	if (*str && *str != '=')
		return 0;

	immutable_rootfs = !*str || !strcmp(str, "=1") || !strcmp(str, "=on") ||
			   !strcmp(str, "=y");
	mnt_id_min = !immutable_rootfs;
	if (!immutable_rootfs && strcmp(str, "=0") && strcmp(str, "=off") &&
	    strcmp(str, "=n"))
		pr_err("%s%s: unknown value, booting without it; use 1, on, y or nothing, or 0, off, n\n",
		       name, str);
	return 1;
}

static int __init immutable_rootfs_setup(char *str)
{
	return choose("immutable_rootfs", str);
}
__setup("immutable_rootfs", immutable_rootfs_setup);

/* The name that upstream used before it made nullfs unconditional. */
static int __init nullfs_rootfs_setup(char *str)
{
	return choose("nullfs_rootfs", str);
}
__setup("nullfs_rootfs", nullfs_rootfs_setup);

#else /* MODULE */

static int __init immutable_rootfs_init(void)
{
	struct vfsmount *nullfs;
	unsigned long magic;
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
	else if (!rootfs_type(&magic))
		pr_notice("nullfs lies beneath the rootfs, but the boot has left that already; load it in the initramfs\n");
	else
		pr_info("nullfs lies beneath the rootfs\n");
	return err;
}

/* No module_exit(): what lies beneath everything can't be taken away. */
module_init(immutable_rootfs_init);

#endif /* MODULE */

MODULE_DESCRIPTION("Empty immutable filesystem beneath the rootfs, for pivot_root(2) in the initramfs");
MODULE_AUTHOR("immutable-rootfs maintainers <maintainers@immutable-rootfs.example>");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
