// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of an initramfs that leaves for a disk by pivot_root() and stays mounted at /run/initramfs
 * there. At shutdown the init of the disk, which disk_init= on the command line names, starts
 * `return back`, which pivots back into the rootfs, and then executes this program again. It
 * unmounts and checks the disk, and leaves again. On a stock kernel the first pivot fails.
 */
#include "guest.h"
#include "report.h"
#include "kselftest_harness.h"

#include <signal.h>

#define ROUNDS 10
#define SEEN "/seen" /* in the rootfs, which is the same one in all rounds */
#define KEPT "/run/initramfs"
#define LOG "/e2fsck.log"

struct place {
	char type[16];	/* of the root */
	int id, parent; /* of the rootfs, and of the root */
	int kthreadd;	/* whether kernel threads have the same root */
};

/* Error codes are 0 if all is well. */
static struct {
	int rounds;
	struct place begin;
	struct round {
		int leave, back, unmount, fsck;
		bool clean;
		char init[64]; /* the program that PID 1 runs on the disk */
		int stamp;     /* the round in which the disk was written before */
		struct place disk, initramfs;
	} round[ROUNDS];
} seen;

static const char * const api[] = { "dev", "proc", "sys" };

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &seen, sizeof(seen)) != sizeof(seen))
		perror(path);
	close(fd);
}

static void save(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, &seen, sizeof(seen)) != sizeof(seen))
		perror(path);
	close(fd);
}

static void look(struct place *place, const char *initramfs)
{
	struct mount_line root, rootfs;
	struct stat own, other;

	if (find_mount(MOUNTINFO, "/", &root) < 1 || find_mount(MOUNTINFO, initramfs, &rootfs) < 1)
		return;
	if (!strcmp(rootfs.type, "rootfs"))
		place->id = rootfs.id;
	place->parent = root.parent;
	snprintf(place->type, sizeof(place->type), "%.15s", root.type);
	place->kthreadd = !stat("/", &own) && !stat("/proc/2/root", &other) &&
			  own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static int move_mounts(const char *from, const char *to)
{
	char source[64], target[64];
	int error = 0;

	for (size_t i = 0; !error && i < ARRAY_SIZE(api); i++) {
		snprintf(source, sizeof(source), "%s/%s", from, api[i]);
		snprintf(target, sizeof(target), "%s/%s", to, api[i]);
		error = sys(mount(source, target, NULL, MS_MOVE, NULL));
	}
	return error;
}

static bool is_sysvinit(void)
{
	const char *name = getenv("disk_init");

	return name && !strcmp(name, "sysvinit");
}

/* The disk has written its round, and something that keeps files open runs. */
static void write_inittab(void)
{
	write_file("etc/inittab", is_sysvinit() ? "id:2:initdefault:\n"
						  "w:2:wait:/tests/return work\n"
						  "d:2:respawn:/usr/bin/busybox tail -f /stamp\n"
						  "t:2:once:/usr/sbin/telinit 6\n"
						  "b:6:wait:/tests/return back\n" :
						  "::sysinit:/tests/return work\n"
						  "::once:/usr/bin/busybox tail -f /stamp\n"
						  "::once:/usr/bin/busybox kill -QUIT 1\n"
						  "::shutdown:/tests/return back\n"
						  "::restart:/init\n");
}

/* As all files, also those that an init has left open, or closed */
static void open_console(void)
{
	close_range(0, ~0U, 0);
	for (int fd = 0; fd < 3; fd++)
		open("/dev/console", O_RDWR);
}

/* Only the init of the disk returns from this, if at all: by executing /init. */
static int leave(void)
{
	struct round *round = &seen.round[seen.rounds];
	int error;

	error = sys(mount("/dev/vda", "/mnt", "ext4", 0, NULL))	   ?:
			sys(chdir("/mnt"))			   ?:
			sys(mount("run", "run", "tmpfs", 0, NULL)) ?:
			sys(mkdir("run/initramfs", 0755));
	if (error)
		return error;
	write_inittab();
	round->leave = sys(pivot_root(".", "run/initramfs"));
	if (round->leave)
		return round->leave;
	save(KEPT SEEN);
	error = sys(chdir("/")) ?: move_mounts(KEPT, "");
	if (error)
		return error;
	open_console();
	if (is_sysvinit())
		execl("/sbin/init", "/sbin/init", NULL);
	else
		execl("/usr/bin/busybox", "init", NULL);
	return -errno;
}

/* On the disk */
static int work(void)
{
	struct round *round;
	char text[64] = "";
	ssize_t size;
	int fd;

	load(KEPT SEEN);
	round = &seen.round[seen.rounds];
	look(&round->disk, KEPT);
	size = readlink("/proc/1/exe", round->init, sizeof(round->init) - 1);
	if (size < 0)
		perror("/proc/1/exe");
	fd = open("/stamp", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		round->stamp = atoi(text);
	close(fd);
	unlink("/stamp");
	snprintf(text, sizeof(text), "%d\n", seen.rounds + 1);
	write_file("/stamp", text);
	save(KEPT SEEN);
	return 0;
}

/* On the disk, at shutdown */
static int go_back(void)
{
	int error;

	load(KEPT SEEN);
	error = move_mounts("", KEPT);
	if (!error)
		error = sys(chdir(KEPT)) ?: sys(pivot_root(".", "oldroot"));
	if (!error)
		error = sys(mount("/oldroot/run", "/run", NULL, MS_MOVE, NULL));
	seen.round[seen.rounds].back = error;
	save(error ? KEPT SEEN : SEEN);
	if (!error && is_sysvinit())
		execl("/usr/sbin/sysvinit", "telinit", "u", NULL);
	return error;
}

/* What e2fsck says is appended to LOG. */
static int fsck(const char *options)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		dup2(open(LOG, O_WRONLY | O_CREAT | O_APPEND, 0644), 1);
		dup2(1, 2);
		execl("/usr/sbin/e2fsck", "e2fsck", options, "/dev/vda", NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* It says that the file system was unmounted, and that there is no journal to be replayed. */
static bool says_clean(void)
{
	char text[4096] = "";
	int fd = open(LOG, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		perror(LOG);
	close(fd);
	return strstr(text, "/dev/vda: clean, ") && !strstr(text, "recovery");
}

static void arrive(void)
{
	struct round *round = &seen.round[seen.rounds];
	int tenths = 50;

	look(&round->initramfs, "/");
	umount("/run");
	do { /* what the old init has started last may still end */
		usleep(100000);
		round->unmount = sys(umount("/oldroot"));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	} while (round->unmount && --tenths > 0);
	unlink(LOG);
	round->fsck = fsck("-n") ?: fsck("-fn");
	round->clean = says_clean();
	if (!round->unmount)
		seen.rounds++;
	save(SEEN);
}

/* The pivot works, and on stock it changes nothing. */
TEST(leaves)
{
	int i;

	show_file(MOUNTINFO);
	EXPECT_STREQ("rootfs", seen.begin.type);
	if (!immutable()) {
		EXPECT_EQ(-EINVAL, seen.round[0].leave);
		EXPECT_EQ(0, seen.rounds);
		EXPECT_TRUE(exists("/init"));
		return;
	}
	ASSERT_EQ(ROUNDS, seen.rounds);
	for (i = 0; i < ROUNDS; i++)
		EXPECT_EQ(0, seen.round[i].leave);
}

/* The disk is the root then, on nullfs, and the initramfs is mounted below it. */
TEST(runs_init_of_the_disk)
{
	int i;

	for (i = 0; i < seen.rounds; i++) {
		struct round *round = &seen.round[i];

		EXPECT_STREQ("ext4", round->disk.type);
		EXPECT_EQ(seen.begin.id, round->disk.id);
		EXPECT_EQ(seen.begin.parent, round->disk.parent);
		EXPECT_EQ(1, round->disk.kthreadd);
		EXPECT_STREQ(is_sysvinit() ? "/usr/sbin/init" : "/usr/bin/busybox", round->init);
		EXPECT_EQ(i, round->stamp);
	}
}

/* After the way back all is as it was at the beginning. */
TEST(comes_back)
{
	int i;

	for (i = 0; i < seen.rounds; i++) {
		struct round *round = &seen.round[i];

		EXPECT_EQ(0, round->back);
		EXPECT_STREQ("rootfs", round->initramfs.type);
		EXPECT_EQ(seen.begin.id, round->initramfs.id);
		EXPECT_EQ(seen.begin.parent, round->initramfs.parent);
		EXPECT_EQ(1, round->initramfs.kthreadd);
	}
}

/* Nothing uses the disk any more, and nothing is left to be done on it. */
TEST(disk_is_clean)
{
	int i;

	for (i = 0; i < seen.rounds; i++) {
		EXPECT_EQ(0, seen.round[i].unmount);
		EXPECT_EQ(0, seen.round[i].fsck);
		EXPECT_TRUE(seen.round[i].clean);
	}
	if (immutable())
		show_file(LOG);
}

static void begin(void)
{
	mkdir("/mnt", 0755);
	mkdir("/run", 0755);
	mkdir("/oldroot", 0755);
	setup_mounts();
	read_environment();
	if (loaded_late())
		load_module(MODULE, "");
	look(&seen.begin, "/");
	/* sysvinit executes the program of this name. */
	rename("/usr/sbin/init", "/usr/sbin/sysvinit");
	symlink("/init", "/usr/sbin/init");
}

int main(int argc, char **argv)
{
	read_environment();
	if (getpid() != 1)
		return argc == 2 && !strcmp(argv[1], "work") ? work() : go_back();
	/* sysvinit blocks all signals before it executes this. */
	sigprocmask(SIG_SETMASK, &(sigset_t) { 0 }, NULL);
	if (exists(SEEN)) {
		open_console();
		load(SEEN);
		arrive();
	} else {
		begin();
	}
	if (seen.rounds < ROUNDS && !seen.round[seen.rounds].unmount)
		printf("round %d: %s\n", seen.rounds + 1, strerror(-leave()));
	report_open(report_device());
	report_tests("return", test_harness_run);
	report_end();
	return 1;
}
