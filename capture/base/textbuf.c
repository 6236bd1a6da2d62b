/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/textbuf.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Free pieces of one size, as a stack, so that the piece used last (and cached) is used next. */
struct shelf {
	char *memory;
	char **free;
	unsigned n, free_n;
	size_t size;
};

struct textbuf_pool {
	struct shelf small, large;
};

static bool shelf_init(struct shelf *s, unsigned n, size_t size)
{
	*s = (struct shelf){.n = n, .size = size};
	s->free = calloc(n, sizeof(*s->free));
	if (!s->free)
		return false;
	s->memory = mmap(NULL, n * size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->memory == MAP_FAILED) {
		s->memory = NULL;
		return false;
	}
	while (s->free_n < n) {
		s->free[s->free_n] = s->memory + (n - 1 - s->free_n) * size;
		s->free_n++;
	}
	return true;
}

static void shelf_done(struct shelf *s)
{
	if (s->memory)
		munmap(s->memory, s->n * s->size);
	free(s->free);
}

struct textbuf_pool *textbuf_pool_new(unsigned small, unsigned large, size_t large_size)
{
	struct textbuf_pool *pool = calloc(1, sizeof(*pool));

	assert(large_size > TEXTBUF_SMALL);
	if (!pool)
		return NULL;
	if (!shelf_init(&pool->small, small, TEXTBUF_SMALL) ||
	    !shelf_init(&pool->large, large, large_size)) {
		textbuf_pool_free(pool);
		return NULL;
	}
	return pool;
}

void textbuf_pool_free(struct textbuf_pool *pool)
{
	if (!pool)
		return;
	shelf_done(&pool->small);
	shelf_done(&pool->large);
	free(pool);
}

static void shelf_put(struct shelf *s, char *piece)
{
	assert(s->free_n < s->n);
	s->free[s->free_n++] = piece;
}

static void textbuf_return_piece(struct textbuf_pool *pool, char *p, size_t cap)
{
	if (cap == pool->large.size) {
		madvise(p, cap, MADV_DONTNEED);
		shelf_put(&pool->large, p);
	} else if (cap) {
		shelf_put(&pool->small, p);
	}
}

/* Moves the text into a piece with room for `want` bytes, or into the largest there is; leaves it
 * where it is when none is free. */
static void textbuf_grow(struct textbuf_pool *pool, struct textbuf *t, size_t want)
{
	struct shelf *s = &pool->large;
	char *p;

	if (!t->cap && (want <= TEXTBUF_SMALL || !pool->large.free_n))
		s = &pool->small;
	if (t->cap == pool->large.size || !s->free_n)
		return;
	p = s->free[--s->free_n];
	if (t->n)
		memcpy(p, t->p, t->n);
	textbuf_return_piece(pool, t->p, t->cap);
	t->p = p;
	t->cap = s->size;
}

void textbuf_append(struct textbuf_pool *pool, struct textbuf *t, struct bytes b)
{
	if (b.n > t->cap - t->n)
		textbuf_grow(pool, t, t->n + b.n);
	if (b.n > t->cap - t->n) {
		b.n = t->cap - t->n;
		t->cut = true;
	}
	if (b.n)
		memcpy(t->p + t->n, b.p, b.n);
	t->n += b.n;
}

void textbuf_done(struct textbuf_pool *pool, struct textbuf *t)
{
	textbuf_return_piece(pool, t->p, t->cap);
	*t = (struct textbuf){0};
}
