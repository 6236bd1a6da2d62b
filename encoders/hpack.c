/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/hpack.h"

#include <errno.h>
#include <malloc.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

struct hpack {
	nghttp2_mem mem; /* the inflater keeps a pointer to it */
	nghttp2_hd_inflater *inflater;
};

/* ---- the budget ---------------------------------------------------------------------------- */

/* Sizes are what malloc made of them: known again when the memory is given back. */
static void *charge(struct hpack_budget *budget, void *p)
{
	size_t n = p ? malloc_usable_size(p) : 0;

	if (n > budget->max - budget->used) {
		free(p);
		return NULL;
	}
	budget->used += n;
	return p;
}

static bool fits(const struct hpack_budget *budget, size_t n)
{
	return n <= budget->max - budget->used;
}

static void *budget_malloc(size_t n, void *budget)
{
	return fits(budget, n) ? charge(budget, malloc(n)) : NULL;
}

static void *budget_calloc(size_t n, size_t size, void *budget)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all) || !fits(budget, all))
		return NULL;
	return charge(budget, calloc(n, size));
}

static void budget_free(void *p, void *arg)
{
	struct hpack_budget *budget = arg;

	budget->used -= p ? malloc_usable_size(p) : 0;
	free(p);
}

static void *budget_realloc(void *p, size_t n, void *budget)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *q = budget_malloc(n, budget);

	if (q && p) {
		memcpy(q, p, had < n ? had : n);
		budget_free(p, budget);
	}
	return q;
}

void *hpack_alloc(struct hpack_budget *budget, size_t n)
{
	return budget_calloc(1, n, budget);
}

void hpack_free(struct hpack_budget *budget, void *p)
{
	budget_free(p, budget);
}

/* ---- blocks -------------------------------------------------------------------------------- */

struct hpack *hpack_new(struct hpack_budget *budget)
{
	struct hpack *h = hpack_alloc(budget, sizeof(*h));

	if (!h)
		return NULL;
	h->mem = (nghttp2_mem){budget, budget_malloc, budget_free, budget_calloc, budget_realloc};
	if (nghttp2_hd_inflate_new2(&h->inflater, &h->mem)) {
		hpack_free(budget, h);
		return NULL;
	}
	/* What the peers agreed on can only be smaller: whoever encodes says so in the block itself
	 * (RFC 7541, 4.2), and so SETTINGS need not be followed. */
	nghttp2_hd_inflate_change_table_size(h->inflater, HPACK_TABLE);
	return h;
}

void hpack_delete(struct hpack *h)
{
	if (!h)
		return;
	nghttp2_hd_inflate_del(h->inflater);
	hpack_free(h->mem.mem_user_data, h);
}

static void keep(const nghttp2_nv *nv, struct textbuf_pool *pool, struct textbuf *list)
{
	uint32_t sizes[2] = {(uint32_t)nv->namelen, (uint32_t)nv->valuelen};

	if (list->cut || nv->namelen + nv->valuelen + sizeof(sizes) > HPACK_LIST - list->n) {
		list->cut = true;
		return;
	}
	textbuf_append(pool, list, (struct bytes){(char *)sizes, sizeof(sizes)});
	textbuf_append(pool, list, (struct bytes){(char *)nv->name, nv->namelen});
	textbuf_append(pool, list, (struct bytes){(char *)nv->value, nv->valuelen});
}

int hpack_block(struct hpack *h, struct bytes fragment, bool last, struct textbuf_pool *pool,
		struct textbuf *list)
{
	const uint8_t *p = (const uint8_t *)fragment.p;
	size_t left = fragment.n;
	int flags;

	do {
		nghttp2_nv nv;
		ssize_t n;

		flags = 0;
		n = nghttp2_hd_inflate_hd2(h->inflater, &nv, &flags, p, left, last);
		if (n < 0)
			return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EBADMSG;
		p += n;
		left -= n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			keep(&nv, pool, list);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			return nghttp2_hd_inflate_end_headers(h->inflater) ? -EBADMSG : 0;
	} while (left || flags & NGHTTP2_HD_INFLATE_EMIT);
	return 0;
}

bool hpack_field(struct bytes *list, struct bytes *ret_name, struct bytes *ret_value)
{
	uint32_t sizes[2];
	const char *p;

	if (list->n < sizeof(sizes))
		return false;
	p = list->p + sizeof(sizes);
	memcpy(sizes, list->p, sizeof(sizes));
	if ((uint64_t)sizes[0] + sizes[1] > list->n - sizeof(sizes))
		return false;
	*ret_name = (struct bytes){p, sizes[0]};
	*ret_value = (struct bytes){p + sizes[0], sizes[1]};
	p += sizes[0] + sizes[1];
	*list = (struct bytes){p, list->p + list->n - p};
	return true;
}
