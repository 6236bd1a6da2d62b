/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <sys/resource.h>
#include <sys/time.h>

/*
 * The calling thread gets the processor before what it records does, where that is allowed: a busy
 * machine otherwise fills the ring while the reader waits for its turn. It sleeps when there is
 * nothing to do, so it takes no more than it needs.
 */
static inline void thread_hurry(void)
{
	(void)setpriority(PRIO_PROCESS, 0, -10); /* of this thread alone, on Linux */
}
