/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/hpack.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>

struct hpack {
	nghttp2_mem mem; /* the inflater keeps a pointer to it */
	nghttp2_hd_inflater *inflater;
};

/* ---- memory -------------------------------------------------------------------------------- */

static void *hook_malloc(size_t n, void *budget)
{
	return budget_alloc(budget, n);
}

static void *hook_calloc(size_t n, size_t size, void *budget)
{
	size_t all;

	return __builtin_mul_overflow(n, size, &all) ? NULL : budget_alloc(budget, all);
}

static void *hook_realloc(void *p, size_t n, void *budget)
{
	return budget_resize(budget, p, n);
}

static void hook_free(void *p, void *budget)
{
	budget_free(budget, p);
}

/* ---- blocks -------------------------------------------------------------------------------- */

struct hpack *hpack_new(struct budget *budget)
{
	struct hpack *h = budget_alloc(budget, sizeof(*h));

	if (!h)
		return NULL;
	h->mem = (nghttp2_mem){budget, hook_malloc, hook_free, hook_calloc, hook_realloc};
	if (nghttp2_hd_inflate_new2(&h->inflater, &h->mem)) {
		budget_free(budget, h);
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
	budget_free(h->mem.mem_user_data, h);
}

static void field_keep(const nghttp2_nv *nv, struct textbuf_pool *pool, struct textbuf *list)
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
			field_keep(&nv, pool, list);
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
