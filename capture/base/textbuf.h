/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Growing texts in bounded memory: a pool of small pieces and a few large ones, mapped at creation.
 * A text begins small and moves once into a large piece; when none is left, or it outgrows that, it
 * is cut and says so. No call allocates. Not thread-safe.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	TEXTBUF_SMALL = 16 * 1024
};

struct textbuf_pool;

struct textbuf { /* zeroed = empty */
	char *p;
	size_t n, cap;
	bool cut;
};

/* `small` pieces of TEXTBUF_SMALL bytes and `large` ones of large_size, which is what a text may
 * have at most. NULL when there is no memory. */
struct textbuf_pool *textbuf_pool_new(unsigned small, unsigned large, size_t large_size);
void textbuf_pool_free(struct textbuf_pool *pool);
void textbuf_append(struct textbuf_pool *pool, struct textbuf *t, struct bytes b);
/* Gives the memory back; the text is empty again. */
void textbuf_done(struct textbuf_pool *pool, struct textbuf *t);
