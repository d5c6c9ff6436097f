/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stddef.h>

/* What goes along to the new root. */
static const char * const taken_along[] = { "dev", "proc", "sys", "run" };

/* What the mount table says about leaving the old root; sentences without a full stop, or NULL. */
struct survey {
	const char *not_initramfs; /* why the old root may not be this boot's initramfs */
	const char *not_pivot;	   /* why it cannot be left by pivot_root(2) */
	const char *needed;	   /* why its files have to stay */
};

struct survey look_at_mounts(int old_root, int new_root);

#endif
