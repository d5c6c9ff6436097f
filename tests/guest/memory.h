/* SPDX-License-Identifier: GPL-2.0-only */
/* Measures memory in a guest whose initramfs has one large file. */
#ifndef MEMORY_H
#define MEMORY_H

#define FILE_KB (64 * 1024)

/* Free pages on the lists of the processors, up to some megabytes, do not count in MemFree. */
static inline long waiting_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long count, sum = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %ld", &count) == 1)
			sum += count;
	if (file)
		fclose(file);
	return sum;
}

/* Free memory, after dropping caches and summing up the counters. */
static inline long free_memory(void)
{
	write_file("/proc/sys/vm/drop_caches", "3");
	write_file("/proc/sys/vm/stat_refresh", "1");
	return read_meminfo("MemFree") + waiting_pages() * (getpagesize() / 1024);
}

/* What the file system at path, a tmpfs, uses. */
static inline long used_kb(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) ? 0 : (fs.f_blocks - fs.f_bfree) * (fs.f_bsize / 1024);
}

#endif
