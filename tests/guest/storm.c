// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes mount, move, pivot, unshare and unmount against each other, in their own and in shared
 * namespaces, and load the module meanwhile if it is not built in. Nullfs is always empty, users
 * never see what is covered, and the mounts are the same before and after the storm.
 *
 * seed=N and operations=N on the kernel command line select the storm, see storm.h.
 */
#include "storm.h"
#include "kselftest_harness.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#define DOT_BYTES 24 /* of "." and of "..", as getdents64() returns them */

#define MOST_MOUNTS "64" /* in a namespace, as copies multiply */
#define HANGS 600	 /* seconds without progress; on a busy host RCU alone may take 200 */
#define ENOUGH 200	 /* tries that need one success; the rarest operation succeeds once in 20 */

/*
 * A round ends after so many operations, and all mounts are removed, as mounts that hold each other
 * keep growing in number. It ends earlier when the available memory falls to one part in SCARCE.
 */
#define ROUND 10000
#define SCARCE 3

static const char * const who_names[] = { "confined", "root", "user" };
const enum who processes[PROCESSES] = { CONFINED, ROOT, ROOT, ROOT, ROOT, USER, USER, USER };

struct shared *shared;
int number, proc;
enum who who;
enum bottom bottom;
bool locked;
dev_t rootfs;
ino_t initial_namespace;
unsigned long long storm_mount;

static __u64 seed, stream;
static long wanted, goal; /* operations of the storm, and up to the end of the round */
static struct look {
	long done;
	time_t since;
} last_look[PROCESSES];
static int mounts;
static long available; /* memory before the storm, in KB */
static char before[16384], after[16384];

static __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void seed_stream(long index)
{
	stream = mix(seed ^ mix((__u64)(number + 1) << 48 | index));
}

unsigned int pick(unsigned int choices)
{
	stream += 0x9e3779b97f4a7c15;
	return mix(stream) % choices;
}

void wrong(const char *format, ...)
{
	struct process *mine = &shared->process[number];
	va_list list;
	int length;

	if (!__atomic_exchange_n(&shared->faults, 1, __ATOMIC_SEQ_CST)) {
		length = snprintf(shared->wrong, sizeof(shared->wrong),
				  "process %d (%s), operation %ld (%s): ", number, who_names[who],
				  mine->done, mine->operation);
		va_start(list, format);
		vsnprintf(shared->wrong + length, sizeof(shared->wrong) - length, format, list);
		va_end(list);
		dprintf(1, "# seed %llu: %s\n", (unsigned long long)seed, shared->wrong);
	}
	shared->stop = true;
	_exit(1);
}

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char names[512];
	ssize_t length, more;

	if (copy < 0)
		wrong("nullfs cannot be opened: %s", strerrorname_np(errno));
	length = getdents64(copy, names, sizeof(names));
	more = getdents64(copy, names, sizeof(names));
	close(copy);
	return length == 2 * DOT_BYTES && !more;
}

static void has_to_fail(const char *what, int result)
{
	if (result >= 0)
		wrong("%s was not refused on nullfs", what);
}

/* Checks that nullfs is empty and that nothing can change that. */
static void inspect(int fd, const char *path)
{
	struct statx stx = { 0 };

	if (!immutable())
		wrong("%s is nullfs on a kernel without", path);
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx))
		wrong("statx() of nullfs: %s", strerrorname_np(errno));
	if (stx.stx_ino != 1 || stx.stx_mode != (S_IFDIR | 0555) || stx.stx_nlink != 2)
		wrong("%s is a nullfs of inode %llu, mode %o, %u links", path,
		      (unsigned long long)stx.stx_ino, stx.stx_mode, stx.stx_nlink);
	if (!(stx.stx_attributes & STATX_ATTR_IMMUTABLE))
		wrong("%s is a nullfs that is not immutable", path);
	has_to_fail("mkdir()", mkdirat(fd, "x", 0755));
	has_to_fail("symlink()", symlinkat("x", fd, "x"));
	has_to_fail("O_CREAT", openat(fd, "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	has_to_fail("O_TMPFILE", openat(fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644));
	has_to_fail("chmod()", fchmodat(fd, ".", 0755, 0));
	if (!is_empty(fd))
		wrong("%s is a nullfs that is not empty", path);
}

/* Checks by a descriptor, as others may pivot meanwhile. */
bool look(const char *path)
{
	bool found = magic_of(path) == NULL_FS_MAGIC;
	int fd = found ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct statfs fs;

	if (fd < 0)
		return false;
	found = !fstatfs(fd, &fs) && fs.f_type == NULL_FS_MAGIC;
	if (found)
		inspect(fd, path);
	close(fd);
	return found;
}

/*
 * Runs after each operation. There is only one nullfs. A user may see anything in a namespace that
 * root has visited.
 */
static void look_around(void)
{
	static const char * const paths[] = { "/", "/..", ".", ".." };
	static const char * const secrets[] = { COVER "/" SECRET, "covered/" SECRET,
						"../covered/" SECRET };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths) && !look(paths[i]); i++)
		;
	for (i = 0; who == USER && i < ARRAY_SIZE(secrets); i++)
		if (exists(secrets[i]) && shared->process[number].visited != getpid())
			wrong("a user sees %s", secrets[i]);
}

static void announce(const char *format, ...)
{
	char text[128];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	write_file("/dev/kmsg", text);
}

/*
 * Lives: a process often exits and starts again, as its own operations may leave it little to do.
 */

static int drop_privileges(void)
{
	int error = sys(syscall(SYS_setgroups, 0, NULL));

	if (!error)
		error = sys(syscall(SYS_setgid, 1000));
	if (!error)
		error = sys(syscall(SYS_setuid, 1000));
	return error ? error : prctl(PR_SET_DUMPABLE, 1); /* /proc/self is root's otherwise */
}

static int begin(void)
{
	int error = 0;

	shared->process[number].operation = "begin";
	bottom = ANYTHING;
	if (!immutable())
		bottom = ON_ROOTFS;
	else if (!loaded_late() || shared->loaded)
		bottom = ON_NULLFS;
	if (who == ROOT) {
		error = unshare_mounts();
	} else if (who == USER) {
		error = drop_privileges();
		if (!error)
			error = unshare_user();
	}
	if (who != CONFINED && !error) {
		error = put_tmpfs(SPACE, 0);
		if (error == -ENOSPC) /* a copy of the initial namespace, which is full */
			error = 0;
	}
	return error ? error : sys(chdir(who == CONFINED ? STORM : SPACE));
}

static void live(long end)
{
	struct process *mine = &shared->process[number];
	const struct operation *operation;
	int error = begin();

	if (error)
		wrong("cannot begin: %s", strerrorname_np(-error));
	mine->pid = getpid();
	for (; mine->done < end && !shared->stop && !shared->rest; mine->done++) {
		seed_stream(mine->done);
		operation = choose();
		mine->operation = operation->name;
		error = operation->carry_out();
		__atomic_fetch_add(&shared->results[who][operation - operations][-error % ERRNOS],
				   1, __ATOMIC_RELAXED);
		if (!error && operation->refused & BIT(who))
			wrong("has not been refused");
		look_around();
	}
	mine->pid = 0;
	_exit(0);
}

static void work(void)
{
	struct process *mine = &shared->process[number];
	long all = goal / PROCESSES + (number < goal % PROCESSES), end;
	int status;
	pid_t life;

	who = processes[number];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (mine->done < all && !shared->stop && !shared->rest) {
		seed_stream(-1 - mine->done);
		end = mine->done + 20 + pick(100);
		life = fork();
		if (life == 0)
			live(end < all ? end : all);
		__atomic_fetch_add(&shared->lives, 1, __ATOMIC_RELAXED);
		if (waitpid(life, &status, 0) != life || status)
			wrong("a life ended with status %x", status);
	}
	_exit(0);
}

/* The storm as a whole */

static long done(void)
{
	long sum = 0;
	int i;

	for (i = 0; i < PROCESSES; i++)
		sum += shared->process[i].done;
	return sum;
}

/* Reports the first process that made no progress for long. The kernel then logs where it is. */
static void look_for_hangs(void)
{
	struct timespec now;
	struct look *last;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (i = 0; i < PROCESSES; i++) {
		last = &last_look[i];
		if (last->done != shared->process[i].done || !last->since) {
			last->done = shared->process[i].done;
			last->since = now.tv_sec;
		} else if (now.tv_sec - last->since > HANGS && last->done < goal / PROCESSES) {
			snprintf(shared->wrong, sizeof(shared->wrong),
				 "process %d hangs in operation %ld (%s)", i, last->done,
				 shared->process[i].operation);
			shared->stop = true;
			write_file("/proc/sysrq-trigger", "w");
			write_file("/proc/sysrq-trigger", "l");
			return;
		}
	}
}

/* Loads the module after half of the operations. */
static void load_meanwhile(void)
{
	int error;

	if (!loaded_late() || shared->loaded || done() < wanted / 2)
		return;
	error = load_module(MODULE, may_empty() ? "empty_namespaces=1" : "");
	if (error) {
		snprintf(shared->wrong, sizeof(shared->wrong), "loading: %s",
			 strerrorname_np(-error));
		shared->stop = true;
	}
	shared->loaded = !error;
}

static void rage(void)
{
	/*
	 * umount("/") makes the file system of a root read-only for all, unless a file is open for
	 * writing.
	 */
	int writers[] = {
		open("/", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600),
		open(STORM, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600),
		open("/proc/self/comm", O_WRONLY | O_CLOEXEC),
	};
	pid_t workers[PROCESSES], dead;
	long scarce = available / SCARCE;
	int left = PROCESSES, i;

	shared->rest = false;
	memset(last_look, 0, sizeof(last_look));
	for (i = 0; i < PROCESSES; i++) {
		workers[i] = fork();
		if (workers[i] == 0) {
			number = i;
			work();
		}
	}
	while (left && !shared->stop) {
		load_meanwhile();
		dead = waitpid(-1, NULL, WNOHANG);
		left -= dead > 0;
		look_for_hangs();
		if (read_meminfo("MemAvailable") < scarce)
			shared->rest = true;
		if (!dead)
			usleep(200000);
	}
	/* A process that hangs does not react to signals either, so nothing waits for it. */
	for (i = 0; left && i < 1000; i++) {
		dead = waitpid(-1, NULL, WNOHANG);
		left -= dead > 0;
		if (!dead)
			usleep(20000);
	}
	for (i = 0; left && i < PROCESSES; i++)
		kill(workers[i], SIGKILL);
	for (i = 0; i < (int)ARRAY_SIZE(writers); i++)
		close(writers[i]);
}

/*
 * Counts the mounts that this namespace does not show. The kernel assigns the lowest free ids. With
 * more mounts here than ever before, the ids that are missing belong to mounts elsewhere.
 */
static void count_elsewhere(void)
{
	char point[] = SPACE "/0", line[2048];
	int id, highest = 0, count = 0;
	FILE *file;

	shared->elsewhere = -1;
	if (enter_own_namespace() < 0 || mount("space", SPACE, "tmpfs", 0, NULL))
		_exit(1);
	for (; point[sizeof(SPACE)] <= '9'; point[sizeof(SPACE)]++)
		if (mkdir(point, 0755))
			_exit(1);
	for (point[sizeof(SPACE)] = '0'; point[sizeof(SPACE)] <= '9'; point[sizeof(SPACE)]++)
		if (mount(SPACE, point, NULL, MS_BIND | MS_REC, NULL)) /* doubles them */
			_exit(1);
	file = fopen(MOUNTINFO, "r");
	while (file && fgets(line, sizeof(line), file)) {
		id = atoi(line);
		count++;
		if (id > highest)
			highest = id;
	}
	if (count > 1024)
		shared->elsewhere = highest - count;
	_exit(0);
}

static int elsewhere(void)
{
	pid_t child = fork();

	if (child == 0)
		count_elsewhere();
	waitpid(child, NULL, 0);
	return shared->elsewhere;
}

static bool prepare(void)
{
	const char *seed_word = getenv("seed"), *operations_word = getenv("operations");
	struct stat st;

	seed = strtoull(seed_word ? seed_word : "0", NULL, 0);
	wanted = atol(operations_word ? operations_word : "0");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (shared == MAP_FAILED || proc < 0 || stat("/", &st))
		return false;
	rootfs = st.st_dev;
	if (fstatat(proc, "self/ns/mnt", &st, 0))
		return false;
	initial_namespace = st.st_ino;
	mkdir(STORM, 0755);
	mkdir(SPACE, 0755);
	mkdir("/b", 0755);
	mkdir(COVER, 0755);
	write_file(COVER "/" SECRET, SECRET);
	read_mounts(before, sizeof(before));
	mounts = elsewhere();
	available = read_meminfo("MemAvailable");
	return true;
}

static bool set_up(void)
{
	struct statx stx;

	if (mount("cover", COVER, "tmpfs", 0, NULL) || put_tmpfs(STORM, 0) ||
	    mount("", STORM, NULL, MS_SHARED, NULL) ||
	    statx(AT_FDCWD, STORM, 0, STATX_MNT_ID, &stx))
		return false;
	storm_mount = stx.stx_mnt_id;
	return true;
}

static void clean_up(void)
{
	struct mount_line line;

	while (find_mount(MOUNTINFO, STORM, &line) > 0 && !umount2(STORM, MNT_DETACH))
		;
	umount(COVER);
}

/* Leaves room for caches and for what debug kernels keep allocating. */
static bool memory_is_back(void)
{
	return read_meminfo("MemAvailable") >= available / 4 * 3;
}

FIXTURE(storm) {};

FIXTURE_SETUP(storm)
{
}

FIXTURE_TEARDOWN(storm)
{
}

/* The rules hold in each process, and no process hangs or dies. */
TEST_F_TIMEOUT(storm, rages, 1000000)
{
	int now = mounts, hidden = 0, i;
	struct timespec begin, end;

	ASSERT_LT(0, wanted);
	ASSERT_LE(0, mounts);
	announce("<5>storm: seed %llu, %ld operations\n", (unsigned long long)seed, wanted);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (done() < wanted && !shared->stop && now == mounts + hidden) {
		goal = done() + ROUND < wanted ? done() + ROUND : wanted;
		ASSERT_TRUE(set_up());
		ASSERT_EQ(0, write_file("/proc/sys/fs/mount-max", MOST_MOUNTS));
		rage();
		ASSERT_EQ(0, write_file("/proc/sys/fs/mount-max", "100000"));

		/*
		 * RCU frees memory later: on 6.1 in ksoftirqd, which competed with eight processes
		 * until now.
		 */
		clean_up();
		for (i = 0; i < 1200 && !shared->stop && !memory_is_back(); i++)
			usleep(500000);
		if (!shared->stop && !memory_is_back())
			printf("# %ld KB were available before, and now %ld\n", available,
			       read_meminfo("MemAvailable"));
		ASSERT_TRUE(shared->stop || memory_is_back());
		/* The namespace that counts has a copy of nullfs. */
		hidden = shared->loaded ? 2 : 0;
		for (i = 0, now = -1; i < 60 && now != mounts + hidden; i++) {
			usleep(500000);
			now = elsewhere();
		}
		announce("<5>storm: %ld of %ld operations\n", done(), wanted);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("# measured seed %llu, %ld operations in %ld lives and %ld s\n",
	       (unsigned long long)seed, done(), shared->lives, end.tv_sec - begin.tv_sec);
	EXPECT_STREQ("", shared->wrong);
	EXPECT_EQ(wanted, done());
	EXPECT_EQ(loaded_late(), shared->loaded);
	EXPECT_EQ(mounts + hidden, now);
}

static void show_results(const char *by, const char *name, const long *results)
{
	int error;

	printf("# %s %s: %ld ok", by, name, results[0]);
	for (error = 1; error < ERRNOS; error++)
		if (results[error])
			printf(", %ld %s", results[error], strerrorname_np(error));
	printf("\n");
}

/* Each operation was exercised: it succeeded at times, or was refused as it has to be. */
TEST_F(storm, exercised_everything)
{
	const struct operation *operation;
	long tries, successes, by_who, *results;
	int error;

	for (operation = operations; operation < operations + operation_count; operation++) {
		tries = 0;
		successes = 0;
		for (who = CONFINED; who < WHOS; who++) {
			results = shared->results[who][operation - operations];
			if (operation->by & BIT(who))
				show_results(who_names[who], operation->name, results);
			if (operation->refused & BIT(who) || operation->since > kernel_version())
				continue;
			successes += results[0];
			for (error = 0, by_who = 0; error < ERRNOS; error++)
				by_who += results[error];
			tries += by_who;
			/*
			 * A user's namespaces are nested. Confined processes see only shared
			 * mounts, which never move.
			 */
			if (who == USER && by_who >= ENOUGH) {
				EXPECT_LT(0, results[0]);
				if (!results[0])
					printf("# no user has ever done %s\n", operation->name);
			}
		}
		if (tries < ENOUGH)
			continue;
		EXPECT_LT(0, successes);
		if (!successes)
			printf("# %s has never succeeded\n", operation->name);
	}
}

/* The initial mount namespace is as before. */
TEST_F(storm, left_the_mount_table)
{
	read_mounts(after, sizeof(after));
	EXPECT_STREQ(before, after);
	EXPECT_TRUE(exists(COVER "/" SECRET));
}

/* So is its bottom. */
TEST_F(storm, left_the_bottom)
{
	EXPECT_EQ(immutable() ? 0 : -EINVAL, go_below_privately());
	look("/");
	if (immutable())
		EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
}

int main(int argc, char **argv)
{
	if (!prepare()) {
		printf("# the storm cannot be prepared: %s\n", strerrorname_np(errno));
		return 1;
	}
	return test_harness_run(argc, argv);
}
