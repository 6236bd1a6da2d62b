/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Header blocks of one direction of an HTTP/2 connection, decoded by libnghttp2 with memory from a
 * budget of ours.
 */
#include <stdint.h>

#include "capture/base/textbuf.h"
#include "encoders/view/budget.h"

enum {
	HPACK_TABLE = 64 * 1024, /* the largest dynamic table that is followed: browsers' own */
	HPACK_LIST = 64 * 1024,  /* names and values of one block that are kept to be shown */
};

struct hpack; /* opaque */

/* NULL when there is no memory. */
struct hpack *hpack_new(struct budget *budget);
void hpack_delete(struct hpack *h); /* may be NULL */

/* Decodes a fragment of a header block, the last one of it or not, and appends the fields to list
 * (for hpack_field()), as far as they fit HPACK_LIST. -EBADMSG, -ENOMEM: the state is lost. */
int hpack_block(struct hpack *h, struct bytes fragment, bool last, struct textbuf_pool *pool,
		struct textbuf *list);
/* Takes the next field off a list; false at its end. */
bool hpack_field(struct bytes *list, struct bytes *ret_name, struct bytes *ret_value);
