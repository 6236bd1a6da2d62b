/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Sizes are what malloc made of them: known again when the memory is given back. */
static size_t size_of(void *p)
{
	return p ? malloc_usable_size(p) : 0;
}

void *heap_alloc(struct heap *heap, size_t n)
{
	size_t left = heap->max - heap->used;
	void *p = n <= left ? calloc(1, n) : NULL;

	if (size_of(p) > left) {
		free(p);
		return NULL;
	}
	heap->used += size_of(p);
	return p;
}

void *heap_resize(struct heap *heap, void *p, size_t n)
{
	size_t had = size_of(p);
	void *q = heap_alloc(heap, n);

	if (q && p) {
		memcpy(q, p, had < n ? had : n);
		heap_free(heap, p);
	}
	return q;
}

void heap_free(struct heap *heap, void *p)
{
	heap->used -= size_of(p);
	free(p);
}
