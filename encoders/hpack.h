/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Header blocks of one direction of an HTTP/2 connection, decoded by libnghttp2 with memory from a
 * budget: what peers make their decoders keep can never be more than that.
 */
#include <stdint.h>

#include "capture/base/textbuf.h"

enum {
	HPACK_TABLE = 64 * 1024, /* the largest dynamic table that is followed: browsers' own */
	HPACK_LIST = 64 * 1024,  /* names and values of one block that are kept to be shown */
};

/* Bytes of the heap that may be used, and are. */
struct hpack_budget {
	size_t used, max;
};

void *hpack_alloc(struct hpack_budget *budget, size_t n); /* zeroed; NULL beyond the budget */
void hpack_free(struct hpack_budget *budget, void *p);

struct hpack; /* opaque */

/* NULL beyond the budget. */
struct hpack *hpack_new(struct hpack_budget *budget);
void hpack_delete(struct hpack *h); /* may be NULL */

/* Decodes a fragment of a header block, the last one of it or not, and appends the fields to list
 * (for hpack_field()), as far as they fit HPACK_LIST. -EBADMSG, -ENOMEM: the state is lost. */
int hpack_block(struct hpack *h, struct bytes fragment, bool last, struct textbuf_pool *pool,
		struct textbuf *list);
/* Takes the next field off a list; false at its end. */
bool hpack_field(struct bytes *list, struct bytes *ret_name, struct bytes *ret_value);
