/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/jsonl_text.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/jsonl_value.h"

enum {
	VALUE_MOST = UINT16_MAX /* QUERY_PARAMS_MAX is less: a longer value is none of ours */
};

/* Nothing becomes longer but a value of a list, which gets a length of four bytes and has at least
 * three in the line (`"",`). */
static size_t text_most(struct bytes line)
{
	return line.n + line.n / 3 + sizeof(uint32_t);
}

int jsonl_text_begin(struct jsonl_text *t, struct bytes line)
{
	size_t most = text_most(line);
	char *p;

	t->line = line;
	t->n = 0;
	if (most <= t->cap)
		return 0;
	p = realloc(t->p, most);
	if (!p)
		return -ENOMEM;
	t->p = p;
	t->cap = most;
	return 0;
}

void jsonl_text_free(struct jsonl_text *t)
{
	free(t->p);
}

static char *text_room(struct jsonl_text *t, size_t n)
{
	assert(n <= t->cap - t->n);
	return t->p + t->n;
}

static struct bytes text_copy(struct jsonl_text *t, struct bytes text, bool end)
{
	char *p = text_room(t, text.n + end);

	if (text.n)
		memcpy(p, text.p, text.n);
	if (end)
		p[text.n] = 0;
	t->n += text.n + end;
	return (struct bytes){p, text.n};
}

/* What yajl had to decode lies in a buffer of its own, which the next string overwrites. */
struct bytes jsonl_text_keep(struct jsonl_text *t, struct bytes text)
{
	uintptr_t p = (uintptr_t)text.p, line = (uintptr_t)t->line.p;

	return p >= line && p + text.n <= line + t->line.n ? text : text_copy(t, text, false);
}

bool jsonl_text_decode(struct jsonl_text *t, struct bytes text, struct bytes *ret)
{
	char *p = text_room(t, text.n);
	size_t n;

	if (!jsonl_value_base64(text, p, &n))
		return false;
	t->n += n;
	*ret = (struct bytes){p, n};
	return true;
}

const char *jsonl_text_name(struct jsonl_text *t, struct bytes text)
{
	return text_copy(t, text, true).p;
}

/* ---- lists --------------------------------------------------------------------------------- */

void jsonl_text_list(struct jsonl_text *t)
{
	t->list = t->n;
}

static bool list_add(struct jsonl_text *t, struct bytes text, bool base64, struct bytes *ret)
{
	if (base64)
		return jsonl_text_decode(t, text, ret);
	*ret = text_copy(t, text, false);
	return true;
}

bool jsonl_text_add_arg(struct jsonl_text *t, struct bytes arg, bool base64, struct bytes *ret)
{
	struct bytes added;

	if (!list_add(t, arg, base64, &added))
		return false;
	text_copy(t, BYTES(""), true);
	*ret = (struct bytes){t->p + t->list, t->n - t->list};
	return true;
}

bool jsonl_text_add_value(struct jsonl_text *t, const struct bytes *value, bool base64,
			  struct bytes *ret)
{
	uint32_t n = UINT32_MAX;
	char *length = text_room(t, sizeof(n));
	struct bytes added;

	t->n += sizeof(n);
	if (value && (value->n > VALUE_MOST || !list_add(t, *value, base64, &added)))
		return false;
	if (value)
		n = added.n;
	memcpy(length, &n, sizeof(n));
	*ret = (struct bytes){t->p + t->list, t->n - t->list};
	return true;
}
