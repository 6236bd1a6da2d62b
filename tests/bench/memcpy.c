/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floor of the benchmarks: CPU seconds for copying BYTES through a buffer of one chunk. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "capture/base/chunk.h"

int main(int argc, char **argv)
{
	uint64_t bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	char *from = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	static char to[CHUNK_SIZE];
	struct timespec a, b;

	if (!bytes || from == MAP_FAILED)
		return 1;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (uint64_t at = 0; at < bytes; at += sizeof(to)) {
		memcpy(to, from + at, bytes - at < sizeof(to) ? bytes - at : sizeof(to));
		__asm__ volatile("" : : "r"(to) : "memory");
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	printf("%.6f\n", (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	return 0;
}
