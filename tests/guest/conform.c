// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every operation gives on nullfs and on the mounts around it, for root, for a user, and for root of a user
 * namespace. tests/conformance.py compares these rows between kernels.
 */
#include "conform.h"
#include "conform-files.c"
#include "conform-mounts.c"

#define ENOUGH 150

/* The module comes with every kernel, so that what is in the initramfs is the same. */
static int load(void)
{
	int error = loaded_late() ? load_module(MODULE, "") : 0;

	if (error)
		printf("# %s: %s\n", MODULE, strerror(-error));
	unlink(MODULE);
	return error;
}

static bool reached(void)
{
	if (row_begin("(reached)")) {
		say("ok");
		row_end();
	}
	return !strcmp(result, "ok");
}

/* All rows of who in this place. */
static void rows_of_place(void)
{
	const char *only = getenv("only");

	if ((only && strcmp(only, place_names[place])) || !reached())
		return;
	gather(place <= COVER ? rows_of_files : rows_of_attributes);
	if (who == USER)	/* who may not mount anything */
		gather(rows_of_mounts);
	else
		rows_of_mounts();
}

int main(void)
{
	int results = 0, before;

	if (load())
		return 1;
	mkdir("/space", 0755);
	mkdir("/space/source", 0755);
	mkdir("/space/bind", 0755);
	mkdir("/space/t", 0777);
	mkdir("/space/u", 0777);
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	result = mmap(NULL, sizeof(space) + sizeof(*rows), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED || proc < 0)
		return 1;
	rows = (int *)(result + sizeof(space));
	reset();
	printf("TAP version 13\n1..%d\n", WHOS);
	for (who = ROOT; who < WHOS; who++) {
		before = *rows;
		for (place = NULLFS; place < PLACES; place++)
			rows_of_place();
		printf("# measured %d rows\n", *rows - before);
		printf("%sok %d enough_rows_of_%s\n", *rows - before < ENOUGH ? "not " : "", ++results, who_names[who]);
	}
	return 0;
}
