/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The last bytes of a stream, for several who read it at their own speed: each place in it is told
 * by how many bytes came before. Memory is touched only as far as the slowest reader needs it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct backlog {
	uint8_t *p;
	size_t size;
	uint64_t end;  /* where the stream ends, for now */
	uint64_t base; /* which place lies at p */
};

int backlog_new(struct backlog *b, size_t size);
/* Accepts a zeroed one. */
void backlog_free(struct backlog *b);
/* Nobody needs anything of what is in it. */
void backlog_forget(struct backlog *b);
void backlog_put(struct backlog *b, const void *p, size_t n);
/* Is what follows that place still there? */
bool backlog_has(const struct backlog *b, uint64_t at);
/* What follows that place, which it has: how many pieces, 0 = nothing yet. */
unsigned backlog_get(const struct backlog *b, uint64_t at, struct iovec ret[2]);
