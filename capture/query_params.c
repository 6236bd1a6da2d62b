/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/query_params.h"

#include <errno.h>
#include <string.h>

#include "capture/query_params_inside.h"
#include "kern/events.h"

#define LENGTH_NULL UINT32_MAX

static bool rest_take(struct bytes *rest, size_t n, struct bytes *ret)
{
	if (rest->n < n)
		return false;
	*ret = (struct bytes){rest->p, n};
	*rest = (struct bytes){rest->p + n, rest->n - n};
	return true;
}

static uint32_t big_at(const char *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

/* The value that its length announces; where it is cut, what there is of it. */
static bool length_take(struct query_params_reader *r, uint32_t length, struct bytes *ret,
			bool *ret_cut)
{
	*ret_cut = length > r->rest.n;
	if (*ret_cut && !r->rest.n)
		return false;
	return rest_take(&r->rest, *ret_cut ? r->rest.n : length, ret);
}

static struct query_text scratch_text(struct query_params_reader *r)
{
	return (struct query_text){.p = r->scratch, .room = sizeof(r->scratch)};
}

/* ---- MySQL --------------------------------------------------------------------------------- */

static bool is_mysql(const struct query_params *params)
{
	return params->format == QUERY_PARAMS_MYSQL || params->format == QUERY_PARAMS_MYSQL_NAMED;
}

/* Takes a type, and the name behind it where there are names. */
static bool mysql_type_take(struct bytes *types, bool named, struct bytes *ret)
{
	struct bytes name;
	uint64_t n;

	if (!rest_take(types, 2, ret))
		return false;
	return !named || (query_params_mysql_length(types, &n) && n <= types->n &&
			  rest_take(types, (size_t)n, &name));
}

/* Takes what is in front of the values: with names their number, which is at least the statement's;
 * NULL bitmap, a byte that says whether types follow, those. */
static int mysql_head(struct bytes *body, bool named, unsigned expected, struct bytes *ret_nulls,
		      struct bytes *ret_types)
{
	uint64_t count = expected;
	struct bytes flag, type;
	const char *types;

	*ret_types = (struct bytes){0};
	if (named &&
	    (!query_params_mysql_length(body, &count) || count < expected || count > UINT16_MAX))
		return -EBADMSG;
	if (!rest_take(body, ((size_t)count + 7) / 8, ret_nulls) || !rest_take(body, 1, &flag))
		return -EBADMSG;
	if (*flag.p != 1)
		return 0;
	types = body->p;
	for (uint64_t i = 0; i < count; i++)
		if (!mysql_type_take(body, named, &type))
			return -EBADMSG;
	*ret_types = (struct bytes){types, (size_t)(body->p - types)};
	return 0;
}

static int mysql_begin(struct query_params_reader *r, unsigned expected)
{
	int err;

	r->n = expected;
	if (!expected)
		return 0;
	err = mysql_head(&r->rest, r->params->format == QUERY_PARAMS_MYSQL_NAMED, expected,
			 &r->nulls, &r->types);
	if (!err && !r->types.n)
		r->types = r->params->types;
	if (!err && !r->types.n)
		err = -EBADMSG;
	return err;
}

static bool mysql_next(struct query_params_reader *r, struct query_value *ret)
{
	struct query_text t = scratch_text(r);
	const uint8_t *p;
	struct bytes type;

	if (!mysql_type_take(&r->types, r->params->format == QUERY_PARAMS_MYSQL_NAMED, &type))
		return false;
	p = (const uint8_t *)type.p;
	if (r->nulls.p[r->at / 8] >> r->at % 8 & 1) {
		ret->null = true;
	} else {
		if (!query_params_mysql_value(&t, (uint16_t)(p[0] | p[1] << 8), &r->rest, ret))
			return false;
		if (t.n)
			ret->text = (struct bytes){t.p, t.n};
		ret->text_cut |= t.cut;
	}
	r->at++;
	return true;
}

struct bytes query_params_mysql_types(const struct query_params *params, unsigned expected)
{
	bool named = params->format == QUERY_PARAMS_MYSQL_NAMED;
	struct bytes body = params->raw, nulls, types;

	if (!expected || !is_mysql(params) || mysql_head(&body, named, expected, &nulls, &types))
		return (struct bytes){0};
	return types;
}

/* ---- PostgreSQL ---------------------------------------------------------------------------- */

static bool text_skip(struct bytes *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\0', rest->n) : NULL;
	struct bytes text;

	return end && rest_take(rest, (size_t)(end - rest->p) + 1, &text);
}

/* A number and, of `size` bytes each, as many things. */
static bool array_take(struct bytes *rest, size_t size, struct bytes *ret)
{
	struct bytes n;

	return rest_take(rest, 2, &n) && rest_take(rest, size * big_at(n.p, 2), ret);
}

/* Portal, statement, formats, how many values there are. */
static int postgres_begin(struct query_params_reader *r)
{
	bool names = text_skip(&r->rest);
	struct bytes n;

	names = names && text_skip(&r->rest);
	if (!names || !array_take(&r->rest, 2, &r->formats) || !rest_take(&r->rest, 2, &n))
		return -EBADMSG;
	r->n = big_at(n.p, 2);
	if (!r->n) /* what follows is no value */
		r->rest = (struct bytes){0};
	r->types = r->params->types;
	return 0;
}

struct bytes query_params_postgres_statement(struct bytes bind)
{
	struct bytes rest = bind, name;

	if (!text_skip(&rest))
		return (struct bytes){0};
	name = rest;
	if (!text_skip(&rest))
		return (struct bytes){0};
	return (struct bytes){name.p, name.n - rest.n - 1};
}

/* No format: all are text; one: all are like that. */
static bool postgres_is_binary(const struct query_params_reader *r)
{
	size_t n = r->formats.n / 2, at = n == 1 ? 0 : r->at;

	return at < n && big_at(r->formats.p + 2 * at, 2) == 1;
}

/* Types are those of the binary values. */
static uint32_t postgres_oid(struct query_params_reader *r)
{
	size_t at = sizeof(uint32_t) * r->binary_at++;
	uint32_t oid = 0;

	if (r->types.n >= at + sizeof(oid))
		memcpy(&oid, r->types.p + at, sizeof(oid));
	return oid;
}

static void postgres_binary(struct query_params_reader *r, uint32_t oid, struct query_value *ret)
{
	struct query_text t = scratch_text(r);

	if (!query_params_postgres_value(&t, oid, ret->text, &ret->text))
		return;
	ret->text = (struct bytes){t.p, t.n};
	ret->text_cut |= t.cut;
}

static bool postgres_next(struct query_params_reader *r, struct query_value *ret)
{
	bool binary = postgres_is_binary(r);
	uint32_t length, oid = binary ? postgres_oid(r) : 0;
	struct bytes head;

	if (!rest_take(&r->rest, 4, &head))
		return false;
	length = big_at(head.p, 4);
	r->at++;
	if (length == LENGTH_NULL) {
		ret->null = true;
		return true;
	}
	if (!length_take(r, length, &ret->text, &ret->text_cut))
		return false;
	if (binary)
		postgres_binary(r, oid, ret);
	return true;
}

/* ---- all of them --------------------------------------------------------------------------- */

static bool list_next(struct query_params_reader *r, struct query_value *ret)
{
	struct bytes head;
	uint32_t length;

	if (!rest_take(&r->rest, sizeof(length), &head))
		return false;
	memcpy(&length, head.p, sizeof(length));
	r->at++;
	ret->null = length == LENGTH_NULL;
	return ret->null || length_take(r, length, &ret->text, &ret->text_cut);
}

struct query_params query_params_list(struct bytes raw, bool cut)
{
	return (struct query_params){.raw = raw, .format = QUERY_PARAMS_LIST, .cut = cut};
}

int query_params_begin(struct query_params_reader *r, const struct query_params *params,
		       unsigned expected)
{
	memset(r, 0, offsetof(struct query_params_reader, scratch));
	r->params = params;
	r->rest = params->raw;
	switch ((enum query_params_format)params->format) {
	case QUERY_PARAMS_NONE:
	case QUERY_PARAMS_LIST:
		return 0;
	case QUERY_PARAMS_MYSQL:
	case QUERY_PARAMS_MYSQL_NAMED:
		return mysql_begin(r, expected);
	case QUERY_PARAMS_POSTGRES:
		return postgres_begin(r);
	}
	return -EBADMSG;
}

int query_params_next(struct query_params_reader *r, struct query_value *ret)
{
	bool list = r->params->format == QUERY_PARAMS_LIST, more;

	*ret = (struct query_value){0};
	if (r->at >= QUERY_PARAMS_VALUES || (!list && r->at >= r->n))
		return 0;
	if (list)
		more = list_next(r, ret);
	else if (is_mysql(r->params))
		more = mysql_next(r, ret);
	else
		more = postgres_next(r, ret);
	if (!more)
		r->at = QUERY_PARAMS_VALUES; /* what follows could be anything */
	return more;
}
