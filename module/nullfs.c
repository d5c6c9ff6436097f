// SPDX-License-Identifier: GPL-2.0-only
/*
 * nullfs: a permanently empty directory whose only use is as a mount point.
 * To user space it is the nullfs of Linux 7.0 and later.
 */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/mount.h>

#include "compat.h"
#include "nullfs.h"

#define NULL_FS_MAGIC 0x4E554C4C	/* "NULL" */

/* An error, as a negative dentry would be a name that file creation can use. */
static struct dentry *nullfs_lookup(struct inode *dir, struct dentry *dentry,
				    unsigned int flags)
{
	return ERR_PTR(-ENOENT);
}

static int nullfs_getattr(struct mnt_idmap *idmap, const struct path *path,
			  struct kstat *stat, u32 request_mask,
			  unsigned int query_flags)
{
	/* 5.10 has no generic_fill_statx_attr(). */
	stat->attributes |= STATX_ATTR_IMMUTABLE;
	stat->attributes_mask |= STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;
	return simple_getattr(idmap, path, stat, request_mask, query_flags);
}

/* Even chown(-1, -1), for which S_IMMUTABLE is not asked: it sets the ctime. */
static int nullfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			  struct iattr *attr)
{
	return -EPERM;
}

static ssize_t nullfs_listxattr(struct dentry *dentry, char *list, size_t size)
{
	return -EOPNOTSUPP;
}

static const struct inode_operations nullfs_dir_inode_operations = {
	.lookup		= nullfs_lookup,
	.getattr	= nullfs_getattr,
	.setattr	= nullfs_setattr,
	.listxattr	= nullfs_listxattr,
};

static loff_t nullfs_llseek(struct file *file, loff_t offset, int whence)
{
	/* "." and ".." are all there is, at offsets 0 and 1. */
	return generic_file_llseek_size(file, offset, whence, 2, 2);
}

static int nullfs_readdir(struct file *file, struct dir_context *ctx)
{
	dir_emit_dots(file, ctx);
	return 0;
}

/* Everybody shares the inode: a lock or lease on it would be a channel to strangers. */
static int nullfs_lock(struct file *file, int cmd, struct file_lock *fl)
{
	return -ENOLCK;
}

static const struct file_operations nullfs_dir_operations = {
	.llseek		= nullfs_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= nullfs_readdir,
	.fsync		= noop_fsync,
	.lock		= nullfs_lock,
	.flock		= nullfs_lock,
	.setlease	= simple_nosetlease,
};

static const struct super_operations nullfs_super_operations = {
	.statfs		= simple_statfs,
};

/* make_empty_dir_inode() is not exported, and its directory takes locks and leases. */
static struct inode *nullfs_new_root(struct super_block *sb)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;

	inode->i_ino = 1;
	inode->i_mode = S_IFDIR | 0555;
	inode->i_flags |= S_IMMUTABLE | S_NOATIME;
	/*
	 * Before commit a5488f29835c ("fs: simplify ->listxattr() implementation"),
	 * 6.4, ->listxattr() is called with this only. As there are no handlers,
	 * it changes nothing else.
	 */
	inode->i_opflags |= IOP_XATTR;
	inode->i_op = &nullfs_dir_inode_operations;
	inode->i_fop = &nullfs_dir_operations;
	set_nlink(inode, 2);
	nullfs_init_times(inode);
	return inode;
}

static int nullfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_magic = NULL_FS_MAGIC;
	sb->s_op = &nullfs_super_operations;
	sb->s_time_gran = 1;

	sb->s_root = d_make_root(nullfs_new_root(sb));
	return sb->s_root ? 0 : -ENOMEM;
}

static int nullfs_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, nullfs_fill_super);
}

static const struct fs_context_operations nullfs_context_operations = {
	.get_tree	= nullfs_get_tree,
};

static int nullfs_init_fs_context(struct fs_context *fc)
{
	/* Linux 7.x refuses it for all SB_NOUSER filesystems, for any caller. */
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE)
		return -EINVAL;

	fc->ops = &nullfs_context_operations;
	fc->sb_flags |= SB_NOUSER;
	fc->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;
	return 0;
}

/* It is never registered: user space can't ask for a type without a name. */
static struct file_system_type nullfs_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "nullfs",
	.init_fs_context	= nullfs_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/**
 * nullfs_kern_mount - create a nullfs, and a mount of it
 *
 * Each call makes a superblock of its own. The mount has no parent and
 * belongs to no mount namespace.
 *
 * Behaves as fs/nullfs.c of Linux 7.0 and later, where inotify is refused
 * besides: kernels before have no switch for that.
 *
 * Context: May sleep.
 * Return: the mount, which the caller releases with mntput(), or an ERR_PTR():
 * -ENOMEM.
 */
struct vfsmount *nullfs_kern_mount(void)
{
	return vfs_kern_mount(&nullfs_fs_type, 0, "nullfs", NULL);
}
