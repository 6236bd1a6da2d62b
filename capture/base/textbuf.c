/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/textbuf.h"

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

struct textbuf_pool *textbuf_pool_new(unsigned small, unsigned large)
{
	struct textbuf_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	if (!shelf_init(&pool->small, small, TEXTBUF_SMALL) ||
	    !shelf_init(&pool->large, large, TEXTBUF_LARGE)) {
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

static void give_back(struct textbuf_pool *pool, char *p, size_t cap)
{
	if (cap == TEXTBUF_LARGE) {
		madvise(p, cap, MADV_DONTNEED);
		pool->large.free[pool->large.free_n++] = p;
	} else if (cap) {
		pool->small.free[pool->small.free_n++] = p;
	}
}

static void grow(struct textbuf_pool *pool, struct textbuf *t, size_t want)
{
	struct shelf *s = t->cap == 0 && want <= TEXTBUF_SMALL ? &pool->small : &pool->large;
	char *p;

	if (t->cap == TEXTBUF_LARGE || !s->free_n)
		return;
	p = s->free[--s->free_n];
	if (t->n)
		memcpy(p, t->p, t->n);
	give_back(pool, t->p, t->cap);
	t->p = p;
	t->cap = s->size;
}

void textbuf_append(struct textbuf_pool *pool, struct textbuf *t, struct bytes b)
{
	if (b.n > t->cap - t->n)
		grow(pool, t, t->n + b.n);
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
	give_back(pool, t->p, t->cap);
	*t = (struct textbuf){0};
}
