/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/copy.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

enum {
	ARENA_SIZE =
		40 * 1024 * 1024, /* a statement of 17 MiB and its message, two texts of a line */
	ARENA_KEPT = 256 * 1024,  /* what more an event has touched goes back to the system */
};

int redact_arena_init(struct redact_arena *a)
{
	void *p = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	*a = (struct redact_arena){.p = p};
	return 0;
}

void redact_arena_done(struct redact_arena *a)
{
	if (a->p)
		munmap(a->p, ARENA_SIZE);
	*a = (struct redact_arena){0};
}

void redact_arena_reset(struct redact_arena *a)
{
	if (a->used > ARENA_KEPT)
		madvise(a->p + ARENA_KEPT, ARENA_SIZE - ARENA_KEPT, MADV_DONTNEED);
	a->used = 0;
}

char *redact_arena_take(struct redact_arena *a, size_t n)
{
	if (n > ARENA_SIZE - a->used)
		return NULL;
	a->used += n;
	return a->p + a->used - n;
}

struct redact_copy redact_copy_of(struct redact_arena *a, struct bytes text)
{
	if (text.n > ARENA_SIZE - a->used)
		text.n = ARENA_SIZE - a->used;
	return (struct redact_copy){.in = text, .arena = a};
}

void redact_copy_mask(struct redact_copy *c, size_t from, size_t to, char with)
{
	assert(from <= to && to <= c->in.n);
	if (from == to)
		return;
	if (!c->out) {
		c->out = redact_arena_take(c->arena, c->in.n);
		assert(c->out);
		memcpy(c->out, c->in.p, c->in.n);
	}
	memset(c->out + from, with, to - from);
}

struct bytes redact_copy_result(const struct redact_copy *c)
{
	return (struct bytes){c->out ? c->out : c->in.p, c->in.n};
}
