/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/chunk.h"

#include <stdlib.h>
#include <sys/mman.h>

struct chunk *chunk_map_new(size_t n, size_t cap)
{
	struct chunk *heads = calloc(n, sizeof(*heads));
	uint8_t *memory;

	if (!heads)
		return NULL;
	memory = mmap(NULL, n * cap, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		free(heads);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		heads[i] = (struct chunk){.p = memory + i * cap,
					  .cap = cap,
					  .next = i + 1 < n ? &heads[i + 1] : NULL};
	return heads;
}

bool chunk_map_keys(struct chunk *first, size_t n)
{
	uint8_t *memory = mmap(NULL, n * CHUNK_KEYS, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	for (size_t i = 0; i < n; i++)
		first[i].keys = memory + i * CHUNK_KEYS;
	return true;
}

void chunk_map_free(struct chunk *first, size_t n)
{
	if (!first)
		return;
	if (first->keys)
		munmap(first->keys, n * CHUNK_KEYS);
	munmap(first->p, n * first->cap);
	free(first);
}

void chunk_reset(struct chunk *c)
{
	*c = (struct chunk){.p = c->p, .cap = c->cap, .keys = c->keys};
}
