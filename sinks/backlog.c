/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/backlog.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int backlog_new(struct backlog *b, size_t size)
{
	*b = (struct backlog){.p = malloc(size), .size = size};
	return b->p ? 0 : -ENOMEM;
}

void backlog_free(struct backlog *b)
{
	free(b->p);
	b->p = NULL;
}

void backlog_forget(struct backlog *b)
{
	b->base = b->end;
}

void backlog_put(struct backlog *b, const void *p, size_t n)
{
	const uint8_t *from = p;

	while (n) {
		size_t at = (size_t)((b->end - b->base) % b->size);
		size_t piece = n < b->size - at ? n : b->size - at;

		memcpy(b->p + at, from, piece);
		b->end += piece;
		from += piece;
		n -= piece;
	}
}

bool backlog_has(const struct backlog *b, uint64_t at)
{
	return at >= b->base && b->end - at <= b->size;
}

unsigned backlog_get(const struct backlog *b, uint64_t at, struct iovec ret[2])
{
	size_t n = (size_t)(b->end - at), from = (size_t)((at - b->base) % b->size);
	size_t first = n < b->size - from ? n : b->size - from;

	assert(backlog_has(b, at));
	ret[0] = (struct iovec){b->p + from, first};
	ret[1] = (struct iovec){b->p, n - first};
	return (n > 0) + (n > first);
}
