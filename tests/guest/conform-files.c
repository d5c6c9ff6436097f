// SPDX-License-Identifier: GPL-2.0-only
/* Operations on a directory: files, attributes, locks, notification, handles, execution, ioctls. */
#include "conform.h"

#include <dirent.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/quota.h>
#include <linux/stat.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/quota.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <utime.h>

static int number; /* the argument of an ioctl */

static int openat2_(const char *path, int flags, unsigned long long resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };

	return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static int open_(const char *path, int flags)
{
	return open(path, flags, 0600);
}

static int create_and_close(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int path_here(void)
{
	return open(".", O_PATH | O_CLOEXEC);
}

static void show_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		say_error(errno);
		return;
	}
	/* without numbers that are assigned in sequence or depend on the amount of memory */
	say("mode=%o nlink=%ld ", st.st_mode, place == PROC ? 0 : (long)st.st_nlink);
	say("uid=%d gid=%d ", st.st_uid, st.st_gid);
	say("blksize=%ld blocks=%ld dev=%d rdev=%ld", st.st_blksize, st.st_blocks, major(st.st_dev),
	    st.st_rdev);
	if (place <= ROOTFS)
		say(" ino=%ld size=%ld", st.st_ino, st.st_size);
}

static bool same_time(struct statx_timestamp one, struct statx_timestamp other)
{
	return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

static void show_times(void)
{
	struct statx stx;

	if (syscall(SYS_statx, here, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &stx)) {
		say_error(errno);
		return;
	}
	say("atime%smtime mtime%sctime%s", same_time(stx.stx_atime, stx.stx_mtime) ? "=" : "!=",
	    same_time(stx.stx_mtime, stx.stx_ctime) ? "=" : "!=",
	    stx.stx_mask & STATX_BTIME ? " btime" : "");
}

static void show_statx(int flags, unsigned int mask)
{
	struct statx stx;

	memset(&stx, 0, sizeof(stx));
	if (syscall(SYS_statx, here, "", AT_EMPTY_PATH | flags, mask, &stx))
		say_error(errno);
	else
		say("mask=%#x attributes=%#llx of %#llx mnt_id%s0 dio=%u,%u", stx.stx_mask,
		    stx.stx_attributes, stx.stx_attributes_mask, stx.stx_mnt_id ? "!=" : "=",
		    stx.stx_dio_mem_align, stx.stx_dio_offset_align);
}

/* Numbers that depend on the amount of memory are shown by name if they are not 0. */
static void show_statfs(int by_fd)
{
	struct statfs fs;

	if (by_fd ? fstatfs(here, &fs) : statfs(".", &fs))
		say_error(errno);
	else
		say("type=%#lx bsize=%ld frsize=%ld namelen=%ld flags=%#lx%s%s%s%s%s%s", fs.f_type,
		    fs.f_bsize, fs.f_frsize, fs.f_namelen, fs.f_flags, fs.f_blocks ? " blocks" : "",
		    fs.f_bfree ? " bfree" : "", fs.f_bavail ? " bavail" : "",
		    fs.f_files ? " files" : "", fs.f_ffree ? " ffree" : "",
		    fs.f_fsid.__val[0] || fs.f_fsid.__val[1] ? " fsid" : "");
}

static void show_entries(void)
{
	char buffer[1024];
	long length, at;
	struct dirent64 *entry;

	while ((length = syscall(SYS_getdents64, here, buffer, sizeof(buffer))) > 0)
		for (at = 0; at < length; at += entry->d_reclen) {
			entry = (void *)(buffer + at);
			if (place == CLONE || place == NULLFS)
				say("%s:%d:%ld:%ld ", entry->d_name, entry->d_type, entry->d_ino,
				    entry->d_off);
			else if (*entry->d_name == '.')
				say("%s:%d ", entry->d_name, entry->d_type);
		}
	if (length)
		say_error(errno);
}

static void show_getdents_after(long offset)
{
	char buffer[1024];
	long length;

	if (lseek(here, offset, SEEK_SET) < 0) {
		say_error(errno);
		return;
	}
	length = syscall(SYS_getdents64, here, buffer, sizeof(buffer));
	if (length < 0)
		say_error(errno);
	else
		say("%s", length ? "entries" : "end");
}

static int atime_after_reading(void)
{
	char buffer[1024];
	struct stat before, after;

	usleep(20000); /* more than a tick of the clock that it is taken from */
	if (fstat(here, &before) || syscall(SYS_getdents64, here, buffer, sizeof(buffer)) < 0 ||
	    fstat(here, &after))
		return -1;
	return after.st_atim.tv_nsec != before.st_atim.tv_nsec ||
	       after.st_atim.tv_sec != before.st_atim.tv_sec;
}

static int utimens(const char *path, long atime, long mtime, int flags)
{
	struct timespec times[2] = { { 1, atime }, { 1, mtime } };

	return utimensat(AT_FDCWD, path, times, flags);
}

static int lock(int command, int type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(here, command, &lock);
}

static int hint(int command)
{
	unsigned long long value = 0;

	return fcntl(here, command, &value);
}

static int own_ex(int command)
{
	struct f_owner_ex owner = { .type = F_OWNER_PID };

	return fcntl(here, command, &owner);
}

static int fsxattr(unsigned long command, unsigned int flags)
{
	struct fsxattr attributes = { .fsx_xflags = flags };

	return ioctl(here, command, &attributes);
}

static int file_attr(long call, int xflags)
{
	unsigned long long attributes[3] = { xflags };

	return syscall(call, AT_FDCWD, ".", attributes, sizeof(attributes), 0);
}

static int fiemap(void)
{
	struct fiemap map = { .fm_length = ~0ULL };

	return ioctl(here, FS_IOC_FIEMAP, &map);
}

static int clone_range(void)
{
	struct file_clone_range range = { .src_fd = file, .src_length = 10 };

	return ioctl(here, FICLONERANGE, &range);
}

static int dedupe(void)
{
	memset(space, 0, sizeof(space));
	return ioctl(here, FIDEDUPERANGE, space);
}

static int trim(void)
{
	struct fstrim_range range = { .len = ~0ULL };

	return ioctl(here, FITRIM, &range);
}

static int enable_verity(void)
{
	struct fsverity_enable_arg argument = {
		.version = 1,
		.hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
		.block_size = 4096,
	};

	return ioctl(here, FS_IOC_ENABLE_VERITY, &argument);
}

static int measure_verity(void)
{
	struct fsverity_digest *digest = (void *)space;

	digest->digest_size = 64;
	return ioctl(here, FS_IOC_MEASURE_VERITY, digest);
}

static int set_encryption_policy(void)
{
	struct fscrypt_policy_v2 policy = {
		.version = FSCRYPT_POLICY_V2,
		.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS,
		.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS,
	};

	return ioctl(here, FS_IOC_SET_ENCRYPTION_POLICY, &policy);
}

static int get_encryption_policy_ex(void)
{
	struct fscrypt_get_policy_ex_arg argument = { .policy_size = sizeof(argument.policy) };

	return ioctl(here, FS_IOC_GET_ENCRYPTION_POLICY_EX, &argument);
}

/* A minimal access control list: user, group and other. */
static const char acl[] =
	"\2\0\0\0\1\0\7\0\377\377\377\377\4\0\5\0\377\377\377\377\40\0\5\0\377\377\377\377";
static const char capability[] = "\1\0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
#define ACL "system.posix_acl_access"
#define DEFAULT_ACL "system.posix_acl_default"

static int set(const char *name)
{
	return setxattr(".", name, "v", 1, 0);
}

static int set_acl(const char *name)
{
	return setxattr(".", name, acl, sizeof(acl) - 1, 0);
}

static int get(const char *name)
{
	return getxattr(".", name, space, sizeof(space));
}

struct xattr_args_ {
	unsigned long long value;
	unsigned int size, flags;
};

static int setxattrat_(const char *name)
{
	struct xattr_args_ argument = { .value = (unsigned long)"v", .size = 1 };

	return syscall(SYS_setxattrat_, AT_FDCWD, ".", 0, name, &argument, sizeof(argument));
}

static int getxattrat_(const char *name)
{
	struct xattr_args_ argument = { .value = (unsigned long)space, .size = sizeof(space) };

	return syscall(SYS_getxattrat_, AT_FDCWD, ".", 0, name, &argument, sizeof(argument));
}

static int inotify(unsigned int mask)
{
	int fd = inotify_init1(IN_CLOEXEC);

	return fd < 0 ? -1 : inotify_add_watch(fd, ".", mask);
}

static int fanotify(unsigned int class, unsigned int flags, unsigned long long mask)
{
	int fd = fanotify_init(class, O_RDONLY);

	return fd < 0 ? -1 : fanotify_mark(fd, FAN_MARK_ADD | flags, mask, AT_FDCWD, ".");
}

static int fanotify_namespace(void)
{
	int fd = fanotify_init(FAN_REPORT_MNT_, O_RDONLY);
	int ns = openat(proc, "self/ns/mnt", O_RDONLY);

	if (fd < 0)
		return -1;
	return fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_MNTNS_, FAN_MNT_ATTACH_, ns, NULL);
}

/* The events that a watch reports for attempts to change the directory. */
static void show_events(void)
{
	int fd = inotify_init1(IN_NONBLOCK), dir;
	ssize_t length;
	struct inotify_event *event = (void *)space;

	if (inotify_add_watch(fd, ".", IN_ALL_EVENTS) < 0) {
		say_error(errno);
		return;
	}
	sys(mkdir("a", 0700));
	sys(rmdir("a"));
	dir = open(".", O_RDONLY);
	sys(chmod(".", 0755));
	close(dir);
	length = read(fd, space, sizeof(space));
	while (length > 0) {
		say("%#x ", event->mask);
		length -= sizeof(*event) + event->len;
		event = (void *)event + sizeof(*event) + event->len;
	}
}

static struct {
	struct file_handle handle;
	unsigned char space[128];
} handle;

static int name_to_handle(const char *path, int flags)
{
	unsigned long long mount_id;

	handle.handle.handle_bytes = sizeof(handle.space);
	return name_to_handle_at(AT_FDCWD, path, &handle.handle, (int *)&mount_id, flags);
}

static int open_by_handle(int flags)
{
	return name_to_handle(".", 0) ? -1 : open_by_handle_at(here, &handle.handle, flags);
}

/* A handle that the kernel never returned. */
static int open_by_false_handle(void)
{
	memset(&handle, 1, sizeof(handle));
	handle.handle.handle_bytes = 8;
	handle.handle.handle_type = 1;
	return open_by_handle_at(here, &handle.handle, O_RDONLY);
}

static int exec(const char *path)
{
	char * const none[] = { NULL };

	return execve(path, none, none);
}

static int execat(int fd, const char *path, int flags)
{
	char * const none[] = { NULL };

	return syscall(SYS_execveat, fd, path, none, none, flags);
}

static long map(int protection, int flags)
{
	return (long)mmap(NULL, 4096, protection, flags, here, 0);
}

static int bind_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
}

static int connect_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address,
		       sizeof(address));
}

static int epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, here, &event);
}

static int landlock(unsigned long long handled, unsigned long long allowed)
{
	struct landlock_ruleset_attr attribute = { .handled_access_fs = handled };
	struct landlock_path_beneath_attr rule = { .allowed_access = allowed, .parent_fd = here };
	int set = syscall(SYS_landlock_create_ruleset, &attribute, sizeof(attribute), 0);

	if (set < 0 || syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, set, 0))
		return -1;
	return open("/", O_RDONLY | O_DIRECTORY);
}

static void show_cwd(void)
{
	if (syscall(SYS_getcwd, space, sizeof(space)) < 0)
		say_error(errno);
	else
		say("%s", space);
}

static void show_link(int dir, const char *path)
{
	ssize_t length = readlinkat(dir, path, space, sizeof(space) - 1);

	if (length < 0)
		say_error(errno);
	else
		say("%.*s", (int)length, space);
}

static int statx_fails(const char *path, int flags, unsigned int mask)
{
	return syscall(SYS_statx, AT_FDCWD, path, flags, mask, space);
}

static void rows_of_opening(void)
{
	TRY(open_(".", O_RDONLY));
	TRY(open_(".", O_WRONLY));
	TRY(open_(".", O_RDWR));
	TRY(open_(".", O_ACCMODE));
	TRY(open_(".", O_RDONLY | O_DIRECTORY));
	TRY(open_(".", O_RDONLY | O_TRUNC));
	TRY(open_(".", O_RDONLY | O_APPEND));
	TRY(open_(".", O_RDONLY | O_NONBLOCK));
	TRY(open_(".", O_RDONLY | O_SYNC));
	TRY(open_(".", O_RDONLY | O_DSYNC));
	TRY(open_(".", O_RDONLY | O_DIRECT));
	TRY(open_(".", O_RDONLY | O_NOATIME));
	TRY(open_(".", O_RDONLY | O_NOFOLLOW));
	TRY(open_(".", O_RDONLY | O_ASYNC));
	TRY(open_(".", O_RDONLY | O_CLOEXEC));
	TRY(open_(".", O_PATH));
	TRY(open_(".", O_PATH | O_DIRECTORY | O_NOFOLLOW));
	TRY(open_(".", O_CREAT | O_RDONLY));
	TRY(open_(".", O_CREAT | O_DIRECTORY | O_RDONLY));
	TRY(open_(".", O_CREAT | O_EXCL | O_RDONLY));
	TRY(open_(".", O_TMPFILE | O_WRONLY));
	TRY(open_(".", O_TMPFILE | O_RDWR));
	TRY(open_(".", O_TMPFILE | O_RDWR | O_EXCL));
	TRY(open_(".", O_TMPFILE | O_RDONLY));
	TRY(open_("a", O_RDONLY));
	TRY(open_("a", O_PATH));
	TRY(open_("a", O_WRONLY));
	TRY(open_("a", O_CREAT | O_WRONLY));
	TRY(open_("a", O_CREAT | O_RDONLY));
	TRY(open_("a", O_CREAT | O_EXCL | O_RDWR));
	TRY(open_("a", O_CREAT | O_DIRECTORY | O_RDWR));
	TRY(open_("a", O_CREAT | O_NOFOLLOW | O_RDWR));
	TRY(open_("a/b", O_CREAT | O_RDWR));
	TRY(open_("a/", O_CREAT | O_RDWR));
	TRY(open_("..", O_RDONLY));
	TRY(open_("../..", O_PATH));
	TRY(open_("", O_RDONLY));
	TRY(creat("a", 0600));
	TRY(openat2_(".", O_RDONLY, 0));
	TRY(openat2_("..", O_RDONLY, 0));
	TRY(openat2_(".", O_RDONLY, RESOLVE_BENEATH));
	TRY(openat2_("..", O_RDONLY, RESOLVE_BENEATH));
	TRY(openat2_("/", O_RDONLY, RESOLVE_BENEATH));
	TRY(openat2_("..", O_RDONLY, RESOLVE_IN_ROOT));
	TRY(openat2_("/", O_RDONLY, RESOLVE_IN_ROOT));
	TRY(openat2_(".", O_RDONLY, RESOLVE_NO_XDEV));
	TRY(openat2_("..", O_RDONLY, RESOLVE_NO_XDEV));
	TRY(openat2_("/", O_RDONLY, RESOLVE_NO_XDEV));
	TRY(openat2_("/..", O_RDONLY, RESOLVE_NO_XDEV));
	TRY(openat2_(".", O_RDONLY, RESOLVE_NO_MAGICLINKS));
	TRY(openat2_(".", O_RDONLY, RESOLVE_NO_SYMLINKS));
	TRY(openat2_(".", O_RDONLY, RESOLVE_CACHED));
	TRY(openat2_("a", O_RDONLY, RESOLVE_CACHED));
	TRY(openat2_("a", O_CREAT | O_RDWR, RESOLVE_BENEATH));
	TRY(openat2_(".", O_RDONLY, 0x80));
}

static void rows_of_names(void)
{
	TRY(mkdir("a", 0700));
	TRY(mkdir(".", 0700));
	TRY(mkdir("/", 0700));
	TRY(mkdir("", 0700));
	TRY(mkdir("a/b", 0700));
	TRY(mkdirat(here, "a", 0700));
	TRY(mknod("a", S_IFREG | 0600, 0));
	TRY(mknod("a", S_IFCHR | 0600, makedev(1, 3)));
	TRY(mknod("a", S_IFCHR | 0600, makedev(0, 0)));
	TRY(mknod("a", S_IFBLK | 0600, makedev(1, 3)));
	TRY(mknod("a", S_IFIFO | 0600, 0));
	TRY(mknod("a", S_IFSOCK | 0600, 0));
	TRY(mknod("a", S_IFDIR | 0600, 0));
	TRY(mknod("a", S_IFLNK | 0600, 0));
	TRY(mknod(".", S_IFREG | 0600, 0));
	TRY(symlink("target", "a"));
	TRY(symlink("target", "."));
	TRY(link(".", "a"));
	TRY(link("a", "b"));
	TRY(linkat(here, "", AT_FDCWD, "a", AT_EMPTY_PATH));
	TRY(linkat(file, "", AT_FDCWD, "a", AT_EMPTY_PATH));
	TRY(unlink("a"));
	TRY(unlink("."));
	TRY(unlink(".."));
	TRY(unlinkat(AT_FDCWD, ".", AT_REMOVEDIR));
	TRY(rmdir("a"));
	TRY(rmdir("."));
	TRY(rmdir(".."));
	TRY(rmdir("/"));
	TRY(rename("a", "b"));
	TRY(rename(".", "a"));
	TRY(rename("a", "."));
	TRY(rename("/", "a"));
	TRY(BOTH(create_and_close("a"), rename("a", "b")));
	TRY(BOTH(create_and_close("a"), unlink("a")));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_WHITEOUT));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b",
		    RENAME_NOREPLACE | RENAME_EXCHANGE));
	TRY(syscall(SYS_renameat2, AT_FDCWD, ".", AT_FDCWD, "..", RENAME_EXCHANGE));
	SHOW(show_link(AT_FDCWD, "."));
	SHOW(show_link(AT_FDCWD, "a"));
	SHOW(show_link(here, ""));
	TRY(bind_socket("a"));
	TRY(bind_socket("."));
	TRY(connect_socket("a"));
	TRY(connect_socket("."));
}

void rows_of_attributes(void)
{
	SHOW(show_stat("."));
	SHOW(show_stat(".."));
	if (place <= CLONE) /* they vary elsewhere */
		SHOW(show_times());
	SHOW(show_statx(0, 0));
	SHOW(show_statx(0, STATX_BASIC_STATS));
	SHOW(show_statx(0, STATX_BTIME));
	SHOW(show_statx(0, STATX_MNT_ID));
	SHOW(show_statx(0, STATX_MNT_ID_UNIQUE_));
	SHOW(show_statx(0, STATX_DIOALIGN));
	SHOW(show_statx(0, STATX_SUBVOL_));
	SHOW(show_statx(0, STATX_WRITE_ATOMIC_));
	SHOW(show_statx(0, STATX_DIO_READ_ALIGN_));
	SHOW(show_statx(AT_STATX_FORCE_SYNC, STATX_BASIC_STATS));
	SHOW(show_statx(AT_STATX_DONT_SYNC, STATX_BASIC_STATS));
	SHOW(show_statx(AT_STATX_SYNC_TYPE, STATX_BASIC_STATS));
	SHOW(show_statx(0, STATX__RESERVED));
	SHOW(show_statx(AT_NO_AUTOMOUNT, STATX_BASIC_STATS));
	TRY(statx_fails("a", 0, STATX_BASIC_STATS));
	TRY(statx_fails(".", 0x80000, STATX_BASIC_STATS));
	SHOW(show_statfs(0));
	SHOW(show_statfs(1));
	TRY(access(".", F_OK));
	TRY(access(".", R_OK));
	TRY(access(".", W_OK));
	TRY(access(".", X_OK));
	TRY(access(".", R_OK | W_OK | X_OK));
	TRY(access(".", 8));
	TRY(syscall(SYS_faccessat2, AT_FDCWD, ".", W_OK, AT_EACCESS));
	TRY(syscall(SYS_faccessat2, here, "", R_OK, AT_EMPTY_PATH));
	TRY(syscall(SYS_faccessat2, here, "", W_OK, AT_EMPTY_PATH));
	TRY(syscall(SYS_faccessat2, AT_FDCWD, "a", F_OK, AT_SYMLINK_NOFOLLOW));
	TRY(chmod(".", 0755));
	TRY(chmod(".", 0777));
	TRY(chmod("a", 0777));
	TRY(fchmod(here, 0777));
	TRY(fchmod(path_here(), 0777));
	TRY(fchmodat(AT_FDCWD, ".", 0777, 0));
	TRY(syscall(SYS_fchmodat2_, AT_FDCWD, ".", 0777, 0));
	TRY(syscall(SYS_fchmodat2_, AT_FDCWD, ".", 0777, AT_SYMLINK_NOFOLLOW));
	TRY(syscall(SYS_fchmodat2_, here, "", 0777, AT_EMPTY_PATH));
	TRY(chown(".", 0, 0));
	TRY(chown(".", 1, 1));
	TRY(chown(".", -1, -1));
	TRY(chown(".", -1, 1));
	TRY(lchown(".", 1, 1));
	TRY(fchown(here, 1, 1));
	TRY(fchown(here, -1, -1));
	TRY(fchownat(here, "", 1, 1, AT_EMPTY_PATH));
	TRY(fchownat(AT_FDCWD, ".", 1, 1, AT_SYMLINK_NOFOLLOW));
	TRY(utime(".", NULL));
	TRY(utimensat(AT_FDCWD, ".", NULL, 0));
	TRY(utimens(".", 1, 1, 0));
	TRY(utimens(".", UTIME_NOW, UTIME_NOW, 0));
	TRY(utimens(".", UTIME_NOW, UTIME_OMIT, 0));
	TRY(utimens(".", UTIME_OMIT, UTIME_OMIT, 0));
	TRY(utimens(".", UTIME_OMIT, 1, 0));
	TRY(utimens(".", 1, 1, AT_SYMLINK_NOFOLLOW));
	TRY(utimens("a", 1, 1, 0));
	TRY(futimens(here, NULL));
	TRY(truncate(".", 0));
	TRY(truncate("a", 0));
	TRY(ftruncate(here, 0));
}

static void rows_of_reading(void)
{
	SHOW(show_entries());
	SHOW(show_getdents_after(1));
	SHOW(show_getdents_after(2));
	SHOW(show_getdents_after(3));
	SHOW(show_getdents_after(LONG_MAX));
	TRY(syscall(SYS_getdents64, here, space, 1));
	NUMBER(atime_after_reading());
	NUMBER(lseek(here, 0, SEEK_SET));
	NUMBER(lseek(here, 1, SEEK_SET));
	NUMBER(lseek(here, 2, SEEK_SET));
	TRY(lseek(here, 3, SEEK_SET));
	TRY(lseek(here, -1, SEEK_SET));
	NUMBER(lseek(here, 0, SEEK_CUR));
	TRY(lseek(here, 3, SEEK_CUR));
	TRY(lseek(here, 0, SEEK_END));
	TRY(lseek(here, 1, SEEK_END));
	TRY(lseek(here, 0, SEEK_DATA));
	TRY(lseek(here, 0, SEEK_HOLE));
	TRY(lseek(here, 2, SEEK_DATA));
	TRY(lseek(here, 0, 5));
	TRY(read(here, space, 10));
	TRY(read(here, space, 0));
	TRY(pread(here, space, 10, 0));
	TRY(pread(here, space, 10, -1));
	TRY(write(here, space, 10));
	TRY(pwrite(here, space, 10, 0));
	TRY(fsync(here));
	TRY(fdatasync(here));
	TRY(syncfs(here));
	TRY(sync_file_range(here, 0, 10, SYNC_FILE_RANGE_WRITE));
	TRY(fallocate(here, 0, 0, 10));
	TRY(fallocate(here, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10));
	NUMBER(posix_fadvise(here, 0, 0, POSIX_FADV_WILLNEED));
	NUMBER(posix_fadvise(here, 0, 0, POSIX_FADV_DONTNEED));
	NUMBER(posix_fadvise(here, 0, 0, POSIX_FADV_SEQUENTIAL));
	TRY(readahead(here, 0, 10));
	TRY(syscall(SYS_cachestat_, here, space, space + 16, 0));
	TRY(sendfile(file, here, NULL, 10));
	TRY(sendfile(here, file, NULL, 10));
	TRY(splice(here, NULL, pipes[1], NULL, 10, 0));
	TRY(splice(pipes[0], NULL, here, NULL, 10, 0));
	TRY(tee(here, pipes[1], 10, 0));
	TRY(syscall(SYS_copy_file_range, here, NULL, file, NULL, 10, 0));
	TRY(syscall(SYS_copy_file_range, file, NULL, here, NULL, 10, 0));
	TRY(epoll());
	TRY(map(PROT_READ, MAP_PRIVATE));
	TRY(map(PROT_READ, MAP_SHARED));
	TRY(map(PROT_READ | PROT_WRITE, MAP_SHARED));
	TRY(map(PROT_READ | PROT_EXEC, MAP_PRIVATE));
}

static void rows_of_ioctls(void)
{
	TRY(ioctl(here, FS_IOC_GETFLAGS, &number));
	TRY(ioctl(here, FS_IOC_SETFLAGS, &number));
	TRY(ioctl(here, FS_IOC_GETVERSION, &number));
	TRY(ioctl(here, FS_IOC_SETVERSION, &number));
	TRY(fsxattr(FS_IOC_FSGETXATTR, 0));
	TRY(fsxattr(FS_IOC_FSSETXATTR, 0));
	TRY(fsxattr(FS_IOC_FSSETXATTR, FS_XFLAG_IMMUTABLE));
	TRY(file_attr(SYS_file_getattr_, 0));
	TRY(file_attr(SYS_file_setattr_, 0));
	TRY(fiemap());
	TRY(ioctl(here, FIGETBSZ, &number));
	TRY(ioctl(here, FIONREAD, &number));
	TRY(ioctl(here, FIOQSIZE, space));
	TRY(ioctl(here, FIBMAP, &number));
	TRY(ioctl(here, FIFREEZE, 0));
	TRY(ioctl(here, FITHAW, 0));
	TRY(ioctl(here, FICLONE, file));
	TRY(clone_range());
	TRY(dedupe());
	TRY(trim());
	TRY(ioctl(here, _IOR(0x15, 0, char[17]), space));  /* FS_IOC_GETFSUUID */
	TRY(ioctl(here, _IOR(0x15, 1, char[129]), space)); /* FS_IOC_GETFSSYSFSPATH */
	TRY(ioctl(here, _IOWR(0x15, 2, char[16]), space)); /* FS_IOC_GETLBMD_CAP */
	TRY(ioctl(here, _IOR('X', 125, int), &number));	   /* FS_IOC_SHUTDOWN */
	TRY(ioctl(here, FS_IOC_GETFSLABEL, space));
	TRY(ioctl(here, FS_IOC_SETFSLABEL, space));
	TRY(enable_verity());
	TRY(measure_verity());
	TRY(set_encryption_policy());
	TRY(ioctl(here, FS_IOC_GET_ENCRYPTION_POLICY, space));
	TRY(get_encryption_policy_ex());
	TRY(ioctl(here, FS_IOC_GET_ENCRYPTION_NONCE, space));
	TRY(ioctl(here, FIOCLEX));
	TRY(ioctl(here, FIONBIO, &number));
	TRY(ioctl(here, FIOASYNC, &number));
	TRY(ioctl(here, TCGETS, space));
	TRY(ioctl(path_here(), FIGETBSZ, &number));
}

static void rows_of_locks(void)
{
	TRY(flock(here, LOCK_SH));
	TRY(flock(here, LOCK_EX));
	TRY(flock(here, LOCK_SH | LOCK_NB));
	TRY(flock(here, LOCK_UN));
	TRY(flock(path_here(), LOCK_SH));
	TRY(lock(F_GETLK, F_RDLCK));
	TRY(lock(F_GETLK, F_WRLCK));
	TRY(lock(F_SETLK, F_RDLCK));
	TRY(lock(F_SETLK, F_WRLCK));
	TRY(lock(F_SETLK, F_UNLCK));
	TRY(lock(F_SETLKW, F_RDLCK));
	TRY(lock(F_OFD_GETLK, F_RDLCK));
	TRY(lock(F_OFD_SETLK, F_RDLCK));
	TRY(lock(F_OFD_SETLK, F_WRLCK));
	TRY(lock(F_OFD_SETLK, F_UNLCK));
	TRY(lock(F_OFD_SETLKW, F_RDLCK));
	TRY(fcntl(here, F_SETLEASE, F_RDLCK));
	TRY(fcntl(here, F_SETLEASE, F_WRLCK));
	TRY(fcntl(here, F_SETLEASE, F_UNLCK));
	NUMBER(fcntl(here, F_GETLEASE));
	TRY(delegation(here, F_GETDELEG_, F_UNLCK));
	TRY(delegation(here, F_SETDELEG_, F_RDLCK));
	TRY(delegation(here, F_SETDELEG_, F_WRLCK));
	TRY(fcntl(here, F_NOTIFY, DN_CREATE | DN_ATTRIB));
	TRY(fcntl(here, F_NOTIFY, 0));
	NUMBER(fcntl(here, F_GETFL) & ~O_LARGEFILE);
	TRY(fcntl(here, F_SETFL, O_APPEND));
	TRY(fcntl(here, F_SETFL, O_NOATIME));
	TRY(fcntl(here, F_SETFL, O_DIRECT));
	TRY(fcntl(here, F_SETFL, O_ASYNC));
	TRY(fcntl(here, F_SETFL, O_NONBLOCK));
	NUMBER(fcntl(here, F_GETFD));
	TRY(fcntl(here, F_DUPFD, 100));
	TRY(fcntl(here, F_SETOWN, getpid()));
	TRY(own_ex(F_GETOWN_EX));
	TRY(fcntl(here, F_SETSIG, SIGCHLD));
	TRY(fcntl(here, F_GETPIPE_SZ));
	TRY(fcntl(here, F_SETPIPE_SZ, 4096));
	TRY(fcntl(here, F_GET_SEALS));
	TRY(fcntl(here, F_ADD_SEALS, F_SEAL_WRITE));
	TRY(hint(F_GET_RW_HINT));
	TRY(hint(F_SET_RW_HINT));
	TRY(hint(F_GET_FILE_RW_HINT));
	TRY(hint(F_SET_FILE_RW_HINT));
	TRY(fcntl(here, F_DUPFD_QUERY_, here));
	TRY(fcntl(here, F_CREATED_QUERY_));
}

static void rows_of_xattrs(void)
{
	TRY(set("user.a"));
	TRY(set("trusted.a"));
	TRY(set("security.a"));
	TRY(set("security.evm"));
	TRY(set("system.a"));
	TRY(set("btrfs.a"));
	TRY(set("a"));
	TRY(set(""));
	TRY(setxattr(".", "security.capability", capability, sizeof(capability) - 1, 0));
	TRY(setxattr(".", "user.a", "v", 1, XATTR_CREATE));
	TRY(setxattr(".", "user.a", "v", 1, XATTR_REPLACE));
	TRY(setxattr(".", "user.a", "v", 1, 4));
	TRY(setxattr(".", "user.a", "", 0, 0));
	TRY(set_acl(ACL));
	TRY(set_acl(DEFAULT_ACL));
	TRY(setxattr(".", ACL, "bad", 3, 0));
	TRY(setxattr(".", ACL, NULL, 0, 0));
	TRY(lsetxattr(".", "user.a", "v", 1, 0));
	TRY(fsetxattr(here, "user.a", "v", 1, 0));
	TRY(fsetxattr(here, ACL, acl, sizeof(acl) - 1, 0));
	TRY(setxattrat_("user.a"));
	TRY(setxattrat_("trusted.a"));
	TRY(get("user.a"));
	TRY(get("trusted.a"));
	TRY(get("security.a"));
	TRY(get("security.capability"));
	TRY(get("security.selinux"));
	TRY(get("system.a"));
	TRY(get("a"));
	TRY(get(ACL));
	TRY(get(DEFAULT_ACL));
	TRY(lgetxattr(".", "user.a", space, 10));
	TRY(fgetxattr(here, "user.a", space, 10));
	TRY(getxattr(".", "user.a", NULL, 0));
	TRY(getxattrat_("user.a"));
	TRY(getxattrat_(ACL));
	NUMBER(listxattr(".", space, sizeof(space)));
	NUMBER(listxattr(".", NULL, 0));
	NUMBER(llistxattr(".", space, sizeof(space)));
	NUMBER(flistxattr(here, space, sizeof(space)));
	NUMBER(syscall(SYS_listxattrat_, AT_FDCWD, ".", 0, space, sizeof(space)));
	TRY(removexattr(".", "user.a"));
	TRY(removexattr(".", "trusted.a"));
	TRY(removexattr(".", "security.a"));
	TRY(removexattr(".", "system.a"));
	TRY(removexattr(".", ACL));
	TRY(removexattr(".", DEFAULT_ACL));
	TRY(lremovexattr(".", "user.a"));
	TRY(fremovexattr(here, "user.a"));
	TRY(syscall(SYS_removexattrat_, AT_FDCWD, ".", 0, "user.a"));
}

static void rows_of_notification(void)
{
	TRY(inotify(IN_ALL_EVENTS));
	TRY(inotify(IN_CREATE | IN_ONLYDIR));
	TRY(inotify(IN_ATTRIB | IN_DONT_FOLLOW));
	TRY(inotify(IN_UNMOUNT));
	TRY(inotify(0));
	SHOW(show_events());
	TRY(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
	TRY(fanotify(FAN_CLASS_NOTIF, 0, FAN_OPEN));
	TRY(fanotify(FAN_CLASS_NOTIF, 0, FAN_OPEN | FAN_ONDIR | FAN_EVENT_ON_CHILD));
	TRY(fanotify(FAN_CLASS_NOTIF, FAN_MARK_ONLYDIR, FAN_OPEN));
	TRY(fanotify(FAN_CLASS_NOTIF, 0, FAN_CREATE));
	TRY(fanotify(FAN_CLASS_NOTIF, FAN_MARK_IGNORED_MASK, FAN_OPEN));
	TRY(fanotify(FAN_CLASS_NOTIF, FAN_MARK_EVICTABLE, FAN_OPEN));
	TRY(fanotify(FAN_CLASS_NOTIF, FAN_MARK_MOUNT, FAN_OPEN));
	TRY(fanotify(FAN_CLASS_NOTIF, FAN_MARK_FILESYSTEM, FAN_OPEN));
	TRY(fanotify(FAN_CLASS_CONTENT, 0, FAN_OPEN_PERM));
	TRY(fanotify(FAN_CLASS_CONTENT, FAN_MARK_MOUNT, FAN_OPEN_PERM));
	TRY(fanotify(FAN_CLASS_PRE_CONTENT, 0, FAN_ACCESS_PERM));
	TRY(fanotify(FAN_CLASS_PRE_CONTENT, 0, 0x00100000)); /* FAN_PRE_ACCESS */
	TRY(fanotify(FAN_REPORT_FID, 0, FAN_OPEN));
	TRY(fanotify(FAN_REPORT_FID, 0, FAN_CREATE | FAN_DELETE_SELF));
	TRY(fanotify(FAN_REPORT_FID, FAN_MARK_MOUNT, FAN_OPEN));
	TRY(fanotify(FAN_REPORT_FID, FAN_MARK_FILESYSTEM, FAN_OPEN));
	TRY(fanotify(FAN_REPORT_FID, FAN_MARK_FILESYSTEM, FAN_FS_ERROR));
	TRY(fanotify(FAN_REPORT_DFID_NAME, 0, FAN_CREATE));
	TRY(fanotify(FAN_REPORT_DFID_NAME, FAN_MARK_FILESYSTEM, FAN_CREATE));
	TRY(fanotify(FAN_REPORT_DFID_NAME_TARGET, 0, FAN_RENAME));
	TRY(fanotify_namespace());
	TRY(name_to_handle(".", 0));
	TRY(name_to_handle("/", 0));
	TRY(name_to_handle("a", 0));
	TRY(name_to_handle("", AT_EMPTY_PATH));
	TRY(name_to_handle(".", AT_SYMLINK_FOLLOW));
	TRY(name_to_handle(".", HANDLE_FID));
	TRY(name_to_handle(".", HANDLE_MNT_ID_UNIQUE));
	TRY(name_to_handle(".", HANDLE_CONNECTABLE));
	TRY(name_to_handle(".", HANDLE_CONNECTABLE | HANDLE_FID));
	TRY(name_to_handle(".", 0x80000));
	TRY(open_by_handle(O_RDONLY));
	TRY(open_by_handle(O_PATH));
	TRY(open_by_false_handle());
}

static void rows_of_processes(void)
{
	TRY(exec("."));
	TRY(exec("a"));
	TRY(exec(""));
	TRY(execat(here, "", AT_EMPTY_PATH));
	TRY(execat(here, ".", 0));
	TRY(execat(here, "a", AT_SYMLINK_NOFOLLOW));
	TRY(execat(here, ".", EXECVE_CHECK));
#ifdef SYS_uselib /* newer architectures lack it */
	TRY(syscall(SYS_uselib, "."));
#endif
	TRY(chdir("."));
	TRY(chdir(".."));
	TRY(chdir("a"));
	TRY(fchdir(here));
	TRY(fchdir(path_here()));
	TRY(fchdir(file));
	TRY(chroot("."));
	TRY(chroot("a"));
	TRY(BOTH(chroot("."), chdir("/../..")));
	TRY(syscall(SYS_fchroot_, here, 0));
	TRY(syscall(SYS_fchroot_, here, 1));
	TRY(syscall(SYS_fchroot_, -10004, 0)); /* FD_FAILFS_ROOT */
	SHOW(show_cwd());
	SHOW(show_link(proc, "self/cwd"));
	SHOW(show_link(proc, "self/root"));
	TRY(landlock(LANDLOCK_ACCESS_FS_READ_DIR, LANDLOCK_ACCESS_FS_READ_DIR));
	TRY(landlock(LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR,
		     LANDLOCK_ACCESS_FS_MAKE_DIR));
	TRY(swapon(".", 0));
	TRY(swapoff("."));
	TRY(syscall(SYS_acct, "."));
	TRY(syscall(SYS_acct, "a"));
	TRY(quotactl(QCMD(Q_GETINFO, USRQUOTA), ".", 0, space));
	TRY(quotactl(QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL));
	TRY(syscall(SYS_quotactl_fd, here, QCMD(Q_GETFMT, USRQUOTA), 0, space));
	TRY(syscall(SYS_quotactl_fd, here, QCMD(Q_GETINFO, USRQUOTA), 0, space));
	TRY(syscall(SYS_quotactl_fd, here, QCMD(Q_GETQUOTA, USRQUOTA), 0, space));
	TRY(syscall(SYS_quotactl_fd, here, QCMD(Q_QUOTAON, USRQUOTA), 2, "a"));
	TRY(syscall(SYS_quotactl_fd, here, QCMD(Q_SYNC, USRQUOTA), 0, NULL));
}

void rows_of_files(void)
{
	rows_of_opening();
	rows_of_names();
	rows_of_attributes();
	rows_of_reading();
	rows_of_ioctls();
	rows_of_locks();
	rows_of_xattrs();
	rows_of_notification();
	rows_of_processes();
}
