/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/source/clock.h"

#include <time.h>

enum {
	CLOCK_TRIES = 5,
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

void clock_read(struct rec_clock *ret)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = clock_boot_ns();
		uint64_t real = clock_ns(CLOCK_REALTIME);
		uint64_t took = clock_boot_ns() - before;

		if (took >= best)
			continue;
		best = took;
		*ret = (struct rec_clock){
			.rec = {.len = sizeof(*ret), .kind = REC_CLOCK, .time = before + took / 2},
			.unix_ns = real,
		};
	}
}
