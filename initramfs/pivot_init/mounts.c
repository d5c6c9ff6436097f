// SPDX-License-Identifier: GPL-2.0-only
/* What the mount table says about the old root, before anything is changed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "kernel.h"
#include "mounts.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
/* Far more than an initramfs has. Memory that is not used here costs nothing. */
#define MOST_MOUNTS 4096
#define MOST_TEXT 1048576
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU /* PROC_PID_INIT_INO, the same on all kernels */

struct mount {
	int id, parent;
	dev_t device;
	char *root, *point, *type, *options; /* as mountinfo escapes them */
	bool needed;			     /* it stays in use after the handover */
	bool followed;			     /* its layers have been looked at */
};

static struct mount mounts[MOST_MOUNTS];
static size_t count;

static const char *sentence(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = strdup(format);
	va_end(arguments);
	return text;
}

/* The whole file as a string; false if that does not fit. */
static bool read_all(int file, char *text, size_t size)
{
	ssize_t got;

	while (size > 1 && (got = read(file, text, size - 1)) != 0) {
		if (got < 0)
			return false;
		text += got;
		size -= got;
	}
	*text = '\0';
	return size > 1;
}

/*
 * "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE OPTIONS"
 * The source may be empty.
 */
static bool parse_line(char *line, struct mount *mount)
{
	unsigned int device_major, device_minor;
	char *field;

	*mount = (struct mount) { .id = strtol(line, &line, 10) };
	mount->parent = strtol(line, &line, 10);
	device_major = strtoul(line, &line, 10);
	if (*line++ != ':')
		return false;
	device_minor = strtoul(line, &line, 10);
	if (*line++ != ' ')
		return false;
	mount->device = makedev(device_major, device_minor);
	mount->root = strsep(&line, " ");
	mount->point = strsep(&line, " ");
	do
		field = strsep(&line, " ");
	while (field && strcmp(field, "-"));
	mount->type = strsep(&line, " ");
	strsep(&line, " ");
	mount->options = line;
	return line;
}

static bool parse(char *text)
{
	char *line;

	for (count = 0; (line = strsep(&text, "\n")) && *line; count++)
		if (count == MOST_MOUNTS || !parse_line(line, &mounts[count]))
			return false;
	return true;
}

static bool read_mounts(int proc)
{
	static char text[MOST_TEXT];
	int file = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	bool whole = file >= 0 && read_all(file, text, sizeof(text));

	close(file);
	return whole && parse(text);
}

/* initramfs-tools moves /proc to the new root before it hands over. */
static int open_proc(void)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc >= 0 && read_mounts(proc))
		return proc;
	close(proc);
	proc = sys_mount_detached("proc");
	if (proc >= 0 && read_mounts(proc))
		return proc;
	close(proc);
	return -1;
}

/* A kernel without CONFIG_PID_NS does not have the file. */
static bool in_initial_pid_namespace(int proc)
{
	struct stat status;

	if (fstatat(proc, "self/ns/pid", &status, 0))
		return errno == ENOENT;
	return status.st_ino == INITIAL_PID_NAMESPACE;
}

static struct mount *find(int directory, const char *path)
{
	struct mount_status status;
	size_t i;

	if (sys_statx(directory, path, AT_EMPTY_PATH, &status))
		return NULL;
	for (i = 0; i < count; i++)
		if (mounts[i].id == (int)status.mount_id)
			return &mounts[i];
	return NULL;
}

static const char *not_initramfs(const struct mount *old_root, int proc)
{
	static const char * const types[] = { "rootfs", "ramfs", "tmpfs" };
	size_t i;

	if (!in_initial_pid_namespace(proc))
		return "this is process 1 of a container, not of the machine";
	if (!old_root)
		return "the mount table does not list /";
	if (strcmp(old_root->root, "/"))
		return sentence("/ is only the directory %s of a file system", old_root->root);
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(old_root->type, types[i]))
			return NULL;
	return sentence("/ is of type %s", old_root->type);
}

static bool is_fuse(const char *type)
{
	return !strcmp(type, "fuse") || !strcmp(type, "fuseblk") ||
	       !strncmp(type, "fuse.", strlen("fuse."));
}

/*
 * pivot_root(2) moves every process whose root or working directory is the old root, the daemon of
 * a FUSE file system as well. If it serves the new root, its paths then lead into its own file
 * system, and it waits for itself.
 */
static const char *not_pivot(const struct mount *old_root)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (is_fuse(mounts[i].type))
			return sentence("%s is of type %s, and pivot_root would move its daemon",
					mounts[i].point, mounts[i].type);
	if (old_root && old_root->id == old_root->parent)
		return "nothing lies beneath the rootfs on this kernel";
	return NULL;
}

/* The kernel writes blanks, backslashes and commas as \040 and the like. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* The next name of "a:b:c"; a backslash before a colon makes that part of the name. */
static char *next_layer(char **rest)
{
	char *name = *rest, *to = name, *from = name;

	if (!name)
		return NULL;
	for (; *from && *from != ':'; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return name;
}

static bool is_empty(int directory)
{
	int readable = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = readable < 0 ? NULL : fdopendir(readable);
	struct dirent *entry;
	bool empty = entries;

	while (empty && (entry = readdir(entries)))
		empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	if (entries)
		closedir(entries);
	return empty;
}

/*
 * Whether this layer is in the old root, or cannot be found. Live systems move what they have
 * mounted in the initramfs to the new root, mostly to a path of the same name, and an empty
 * directory stays. An overlay does not miss an empty lower layer.
 */
static bool is_in_old_root(const char *layer, bool upper, const struct mount *old_root,
			   int new_root)
{
	int directory = *layer == '/' ? open(layer, O_PATH | O_CLOEXEC) : -1;
	struct mount *mount = NULL;
	bool unknown = true;

	if (directory < 0 && *layer == '/')
		directory = sys_openat2(new_root, layer, O_PATH, RESOLVE_IN_ROOT);
	if (directory >= 0)
		mount = find(directory, "");
	if (mount && mount->device != old_root->device) {
		mount->needed = true;
		unknown = false;
	} else if (mount && !upper && is_empty(directory)) {
		unknown = false;
	}
	close(directory);
	return unknown;
}

/* The layer in the old root of an overlay, NULL if there is none. */
static const char *layer_in_old_root(char *options, const struct mount *old_root, int new_root)
{
	char *option, *value, *layer;
	bool upper;

	while ((option = strsep(&options, ","))) {
		value = strchr(option, '=');
		if (!value)
			continue;
		*value++ = '\0';
		upper = !strcmp(option, "upperdir");
		if (!upper && strcmp(option, "lowerdir") && strcmp(option, "lowerdir+") &&
		    strcmp(option, "datadir+"))
			continue;
		unescape(value);
		if (strcmp(option, "lowerdir")) {
			if (is_in_old_root(value, upper, old_root, new_root))
				return value;
			continue;
		}
		while ((layer = next_layer(&value))) /* "::" is before data-only layers */
			if (*layer && is_in_old_root(layer, false, old_root, new_root))
				return layer;
	}
	return NULL;
}

static bool parent_is_needed(const struct mount *mount)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (mounts[i].id == mount->parent && &mounts[i] != mount)
			return mounts[i].needed;
	return false;
}

/*
 * Why the new root needs files of the old one. In use after the handover are the new root, the
 * mounts that are taken along, what is mounted on these, and the layers of the overlays among them.
 */
static const char *needed(const struct mount *old_root, int old_root_directory, int new_root)
{
	struct mount *mount = find(new_root, ""), *end = mounts + count;
	const char *layer;
	bool again = true;
	size_t i;

	if (mount)
		mount->needed = true;
	for (i = 0; i < ARRAY_SIZE(taken_along); i++) {
		mount = find(old_root_directory, taken_along[i]);
		if (mount && mount != old_root)
			mount->needed = true;
	}
	while (again) {
		again = false;
		for (mount = mounts; mount < end; mount++) {
			if (mount == old_root || mount->followed)
				continue;
			if (!mount->needed && !parent_is_needed(mount))
				continue;
			again = true;
			mount->needed = true;
			mount->followed = true;
			if (mount->device == old_root->device)
				return sentence("%s shows files of it", mount->point);
			if (strcmp(mount->type, "overlay"))
				continue;
			layer = layer_in_old_root(mount->options, old_root, new_root);
			if (layer)
				return sentence("the overlay on %s needs its layer %s",
						mount->point, layer);
		}
	}
	return NULL;
}

struct survey look_at_mounts(int old_root_directory, int new_root)
{
	int proc = open_proc();
	struct mount *old_root;
	struct survey survey = { 0 };

	if (proc < 0) {
		survey.not_initramfs = "the mount table cannot be read; mount /proc";
		survey.needed = survey.not_initramfs;
		return survey;
	}
	old_root = find(old_root_directory, "");
	survey.not_initramfs = not_initramfs(old_root, proc);
	survey.not_pivot = not_pivot(old_root);
	if (!survey.not_initramfs)
		survey.needed = needed(old_root, old_root_directory, new_root);
	close(proc);
	return survey;
}
