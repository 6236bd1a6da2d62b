/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/budget.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* What a piece counts for: the size that malloc made of it, which it still knows when the piece is
 * given back. */
static size_t size_of(void *p)
{
	return p ? malloc_usable_size(p) : 0;
}

void *budget_alloc(struct budget *budget, size_t n)
{
	size_t left = budget->max - budget->used;
	void *p = n <= left ? calloc(1, n) : NULL;

	if (size_of(p) > left) {
		free(p);
		return NULL;
	}
	budget->used += size_of(p);
	return p;
}

void *budget_resize(struct budget *budget, void *p, size_t n)
{
	size_t had = size_of(p);
	void *q = budget_alloc(budget, n);

	if (q && p) {
		memcpy(q, p, had < n ? had : n);
		budget_free(budget, p);
	}
	return q;
}

void budget_free(struct budget *budget, void *p)
{
	budget->used -= size_of(p);
	free(p);
}
