// SPDX-License-Identifier: GPL-2.0-only
/* The new init of a container: waits for what it inherits, as init does, and tells where it is. */
#include "guest.h"

int main(void)
{
	while (wait(NULL) > 0)
		;
	printf("arrived at %s\n", exists("/new-root") ? "the new root" : "another root");
	return 0;
}
