/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DELETE_H
#define DELETE_H

#include <stdbool.h>

/* Has the old root released, and all its files deleted before if so asked, once init runs. */
void release_old_root(int old_root, bool deleting);

#endif
