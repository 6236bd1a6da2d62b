/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Memory for decoders that live as long as a connection: what peers make them keep can never be
 * more than was set. Not thread-safe. */
#include <stddef.h>

struct heap { /* bytes that may be used, and are */
	size_t used, max;
};

/* Zeroed; NULL beyond the limit. */
void *heap_alloc(struct heap *heap, size_t n);
void *heap_resize(struct heap *heap, void *p, size_t n);
void heap_free(struct heap *heap, void *p); /* p may be NULL */
