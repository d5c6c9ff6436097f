/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel defines for user space and the headers of Debian 12 lack. A name that later
 * headers define has an underscore at its end here, or is ours.
 */
#ifndef UAPI_H
#define UAPI_H

#include <linux/magic.h>
#include <linux/types.h>

#ifndef NULL_FS_MAGIC
#define NULL_FS_MAGIC 0x4E554C4C
#endif

#define SYS_cachestat_ 451
#define SYS_fchmodat2_ 452
#define SYS_statmount_ 457
#define SYS_listmount_ 458
#define SYS_setxattrat_ 463
#define SYS_getxattrat_ 464
#define SYS_listxattrat_ 465
#define SYS_removexattrat_ 466
#define SYS_open_tree_attr_ 467
#define SYS_file_getattr_ 468
#define SYS_file_setattr_ 469
#define SYS_fchroot_ 472

#define F_DUPFD_QUERY_ 1027
#define F_CREATED_QUERY_ 1028
#define F_GETDELEG_ 1039
#define F_SETDELEG_ 1040

#define MOUNT_BENEATH 0x200 /* MOVE_MOUNT_BENEATH */
#define OPEN_TREE_NAMESPACE_ 2
#define UNSHARE_EMPTY_MNTNS_ 0x00100000

#define HANDLE_FID 0x200 /* AT_HANDLE_FID ... */
#define HANDLE_MNT_ID_UNIQUE 1
#define HANDLE_CONNECTABLE 2
#define EXECVE_CHECK 0x10000 /* AT_EXECVE_CHECK */

#define STATX_MNT_ID_UNIQUE_ 0x4000
#define STATX_SUBVOL_ 0x8000
#define STATX_WRITE_ATOMIC_ 0x10000
#define STATX_DIO_READ_ALIGN_ 0x20000

#define FAN_REPORT_MNT_ 0x4000
#define FAN_MARK_MNTNS_ 0x110
#define FAN_MNT_ATTACH_ 0x01000000

#define LISTMOUNT_ROOT (~0ULL) /* LSMT_ROOT */

#define STATMOUNT_SB_BASIC_ 0x1
#define STATMOUNT_MNT_BASIC_ 0x2
#define STATMOUNT_MNT_ROOT_ 0x8
#define STATMOUNT_MNT_POINT_ 0x10
#define STATMOUNT_FS_TYPE_ 0x20
#define STATMOUNT_ALL_OF_6_8 0x3f

/* struct mnt_id_req */
struct mount_request {
	__u32 size, spare;
	__u64 id, param, ns;
};

/*
 * struct statmount; strings follow at STATMOUNT_STRINGS, where fs_type, root and point are offsets.
 */
struct mount_status {
	__u32 size, options;
	__u64 mask;
	__u32 dev_major, dev_minor;
	__u64 magic;
	__u32 sb_flags, fs_type;
	__u64 id, parent;
	__u32 old_id, old_parent;
	__u64 attributes, propagation, peer_group, master, propagate_from;
	__u32 root, point;
};

#define STATMOUNT_STRINGS 512

#endif
