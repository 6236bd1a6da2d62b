/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of our JSON back into an event. yajl reads the line and tells of each value as it comes;
 * nothing is kept of what is none of ours, and texts without escapes stay where they are.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "capture/archive/decoder.h"
#include "capture/archive/jsonl.h"
#include "capture/archive/jsonl_text.h"
#include "capture/archive/jsonl_value.h"
#include "capture/base/chunk.h"
#include "capture/kinds.h"
#include "kern/events.h"

enum {
	DEPTH_MAX = 32 /* ours is 4; what a newer one adds is skipped */
};

struct jsonl {
	uint8_t places[DEPTH_MAX]; /* enum jsonl_place, from the outermost on */
	unsigned depth;
	const struct jsonl_row *row; /* of the last key; NULL = none of ours */
	bool base64;
	unsigned at[JSONL_PLACES];
	struct jsonl_text text;
	const char *wrong;
	struct jsonl_line line;
};

static enum jsonl_place line_place(const struct jsonl *x)
{
	return x->depth ? x->places[x->depth - 1] : JSONL_OUTSIDE;
}

static int line_refuse(struct jsonl *x, const char *wrong)
{
	x->wrong = wrong;
	return 0; /* yajl stops */
}

/* ---- values -------------------------------------------------------------------------------- */

/* What the offset of a row counts from. */
static char *row_base(struct jsonl *x)
{
	enum jsonl_place place = line_place(x);

	if (place == JSONL_PARENT)
		return (char *)&x->line.parents[x->line.parents_n - 1];
	if (place == JSONL_COUNTER)
		return (char *)&x->line.counters[x->line.stats.n - 1];
	return (char *)&x->line;
}

static bool row_take_number(struct jsonl *x, struct bytes digits)
{
	char *to = row_base(x) + x->row->offset;
	int32_t status;

	if (x->row->value == JSONL_NUMBER)
		return jsonl_value_number(digits, to, x->row->size);
	if (x->row->value != JSONL_STATUS || !jsonl_value_status(digits, &status))
		return false;
	memcpy(to, &status, sizeof(status));
	return true;
}

static bool row_take_text(struct jsonl *x, struct bytes text)
{
	struct bytes kept;
	const char *name;
	char *to = row_base(x) + x->row->offset;

	if (x->row->value == JSONL_NAME) {
		name = jsonl_text_name(&x->text, text);
		memcpy(to, &name, sizeof(name));
		return true;
	}
	if (x->base64 && !jsonl_text_decode(&x->text, text, &kept))
		return false;
	if (!x->base64)
		kept = jsonl_text_keep(&x->text, text);
	memcpy(to, &kept, sizeof(kept));
	return true;
}

static bool row_take_string(struct jsonl *x, struct bytes text)
{
	struct jsonl_line *l = &x->line;
	char *to = row_base(x) + x->row->offset;

	switch ((enum jsonl_value)x->row->value) {
	case JSONL_NUMBER:
	case JSONL_STATUS:
		return row_take_number(x, text);
	case JSONL_BYTES:
	case JSONL_NAME:
		return row_take_text(x, text);
	case JSONL_HEX:
		return jsonl_value_hex(text, &l->flow.id);
	case JSONL_ID:
		return jsonl_value_id(text, (uint8_t *)to);
	case JSONL_ADDRESS:
		return jsonl_value_address(text, (uint8_t *)to, &l->flow.family);
	case JSONL_KIND:
		l->has_kind = jsonl_value_kind(text, &l->ev.kind);
		return l->has_kind;
	case JSONL_DIRECTION:
		l->data.direction = jsonl_value_direction(text);
		return true;
	case JSONL_ROLE:
		l->flow.role = jsonl_value_role(text);
		return true;
	case JSONL_PROTOCOL:
		l->flow.protocol = jsonl_value_protocol(text);
		return true;
	case JSONL_BOOL:
	case JSONL_INSIDE:
		break;
	}
	return false;
}

/* ---- what yajl calls ----------------------------------------------------------------------- */

/* For rows that say whether they were there. */
static void row_taken(struct jsonl *x)
{
	if (x->row->has)
		*(bool *)(row_base(x) + x->row->has) = true;
}

static int on_null(void *ctx)
{
	struct jsonl *x = ctx;

	if (line_place(x) == JSONL_PARAMS)
		jsonl_text_add_value(&x->text, NULL, false, &x->line.query.params.raw);
	return 1;
}

static int on_bool(void *ctx, int v)
{
	struct jsonl *x = ctx;

	if (!x->row)
		return 1;
	if (x->row->value != JSONL_BOOL)
		return line_refuse(x, "a value is of another type than ours");
	*(bool *)(row_base(x) + x->row->offset) = v;
	return 1;
}

static int on_number(void *ctx, const char *p, size_t n)
{
	struct jsonl *x = ctx;

	if (!x->row)
		return 1;
	if (!row_take_number(x, (struct bytes){p, n}))
		return line_refuse(x, "a number is none of ours");
	row_taken(x);
	return 1;
}

static int on_string(void *ctx, const unsigned char *p, size_t n)
{
	struct jsonl *x = ctx;
	struct bytes text = {(const char *)p, n};
	bool good = true;

	if (line_place(x) == JSONL_FLAGS)
		x->line.ev.flags |= jsonl_value_flag(text);
	else if (line_place(x) == JSONL_ARGV)
		good = jsonl_text_add_arg(&x->text, text, x->base64, &x->line.exec.argv);
	else if (line_place(x) == JSONL_PARAMS)
		good = jsonl_text_add_value(&x->text, &text, x->base64, &x->line.query.params.raw);
	else if (x->row)
		good = row_take_string(x, text);
	if (x->row && good)
		row_taken(x);
	return good ? 1 : line_refuse(x, "a value is none of ours");
}

static int on_key(void *ctx, const unsigned char *p, size_t n)
{
	struct jsonl *x = ctx;
	enum jsonl_place place = line_place(x);

	x->row = jsonl_row_find(place, (struct bytes){(const char *)p, n}, &x->at[place],
				&x->base64);
	return 1;
}

static bool place_is_list(enum jsonl_place place)
{
	return place == JSONL_PARENTS || place == JSONL_COUNTER_LIST || place == JSONL_ARGV ||
	       place == JSONL_PARAMS || place == JSONL_FLAGS;
}

/* An object in a list is an element of it. */
static enum jsonl_place place_of_element(struct jsonl *x)
{
	struct jsonl_line *l = &x->line;

	if (line_place(x) == JSONL_PARENTS && l->parents_n < PROC_ANCESTORS) {
		l->parents[l->parents_n++] = (struct proc){.loginuid = UINT32_MAX};
		return JSONL_PARENT;
	}
	if (line_place(x) == JSONL_COUNTER_LIST && l->stats.n < JSONL_COUNTERS) {
		l->counters[l->stats.n++] = (struct event_counter){"", "", 0};
		return JSONL_COUNTER;
	}
	return JSONL_UNKNOWN;
}

static enum jsonl_place place_below(struct jsonl *x, bool list)
{
	enum jsonl_place place = line_place(x);

	if (place == JSONL_OUTSIDE)
		return list ? JSONL_UNKNOWN : JSONL_EVENT;
	if (place_is_list(place))
		return list ? JSONL_UNKNOWN : place_of_element(x);
	if (!x->row)
		return JSONL_UNKNOWN;
	place = x->row->value == JSONL_INSIDE ? x->row->place : JSONL_UNKNOWN;
	return place_is_list(place) == list ? place : JSONL_UNKNOWN;
}

static int place_enter(struct jsonl *x, bool list)
{
	enum jsonl_place place = place_below(x, list);

	if (x->depth == DEPTH_MAX)
		return line_refuse(x, "it is nested too deep");
	x->places[x->depth++] = place;
	x->line.present |= 1u << place;
	if (place == JSONL_ARGV || place == JSONL_PARAMS)
		jsonl_text_list(&x->text);
	x->row = NULL;
	return 1;
}

static int place_leave(void *ctx)
{
	struct jsonl *x = ctx;

	assert(x->depth);
	x->depth--;
	x->row = NULL;
	return 1;
}

static int on_start_map(void *ctx)
{
	return place_enter(ctx, false);
}

static int on_start_array(void *ctx)
{
	return place_enter(ctx, true);
}

/* ---- events -------------------------------------------------------------------------------- */

static void line_begin(struct jsonl *x)
{
	struct jsonl_line *l = &x->line;

	memset(l, 0, offsetof(struct jsonl_line, counters));
	l->ev.probe = l->line.shell = l->data.library = "";
	l->query.system = l->query.side = l->query.command = "";
	l->loss.probe = l->loss.reason = l->run.probes = "";
	l->proc.loginuid = UINT32_MAX;
	x->depth = 0;
	x->row = NULL;
	x->wrong = NULL;
}

static bool line_has(const struct jsonl *x, enum jsonl_place place)
{
	return x->line.present & 1u << place;
}

static void line_give_query(struct jsonl *x)
{
	struct event_query *q = &x->line.ev.query;

	*q = x->line.query;
	q->duration_ns = x->line.line.duration_ns;
	if (line_has(x, JSONL_PARAMS))
		q->params.format = QUERY_PARAMS_LIST;
	if (q->text_total < q->text.n)
		q->text_total = q->text.n;
}

/* The body goes to where its kind wants it. What an encoder relies on must be there. */
static bool line_complete(struct jsonl *x)
{
	struct jsonl_line *l = &x->line;
	struct event *ev = &l->ev;

	switch (ev->kind) {
	case EVENT_META:
		ev->run = &l->run;
		return line_has(x, JSONL_STREAM);
	case EVENT_EXEC:
		ev->exec = l->exec;
		return line_has(x, JSONL_EXEC);
	case EVENT_EXIT:
		ev->exit = l->exit;
		return line_has(x, JSONL_EXIT);
	case EVENT_LINE:
		ev->line = l->line;
		return line_has(x, JSONL_SHELL);
	case EVENT_DATA:
		ev->data = l->data;
		ev->data.late = ev->flags & EVENT_F_IN_PROGRESS;
		return line_has(x, JSONL_DATA) && line_has(x, JSONL_CONN);
	case EVENT_ATTACH:
		ev->attach = l->attach;
		return line_has(x, JSONL_ATTACH);
	case EVENT_LOSS:
		ev->loss = l->loss;
		return line_has(x, JSONL_LOSS);
	case EVENT_STATS:
		ev->stats = l->stats;
		ev->stats.v = l->counters;
		return line_has(x, JSONL_STATS);
	case EVENT_QUERY:
		line_give_query(x);
		return line_has(x, JSONL_SQL);
	case EVENT_KINDS:
		break;
	}
	return false;
}

static int line_give(struct jsonl *x, decoder_fn fn, void *arg, struct err *err)
{
	struct jsonl_line *l = &x->line;

	if (!l->has_kind || !line_complete(x))
		return errf(err, -EBADMSG, "a line is no event of ours");
	kinds_times_read(&l->ev);
	for (unsigned i = 0; i + 1 < l->parents_n; i++)
		l->parents[i].parent = &l->parents[i + 1];
	if (l->parents_n)
		l->proc.parent = l->parents;
	if (line_has(x, JSONL_PROCESS))
		l->ev.proc = &l->proc;
	if (line_has(x, JSONL_CONN))
		l->ev.flow = &l->flow;
	return fn(&l->ev, arg);
}

static int line_parse(struct jsonl *x, struct err *err)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_bool,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_start_map,
		.yajl_map_key = on_key,
		.yajl_end_map = place_leave,
		.yajl_start_array = on_start_array,
		.yajl_end_array = place_leave,
	};
	yajl_handle handle = yajl_alloc(&callbacks, NULL, x);
	yajl_status status;

	if (!handle)
		return errf(err, -ENOMEM, "no memory to read JSON");
	status = yajl_parse(handle, (const unsigned char *)x->text.line.p, x->text.line.n);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(handle);
	yajl_free(handle);
	if (status == yajl_status_ok)
		return 0;
	return errf(err, -EBADMSG, "a line is no event of ours: %s",
		    x->wrong ? x->wrong : "it is no JSON");
}

static int jsonl_decode(void *ctx, struct bytes rec, decoder_fn fn, void *arg, struct err *err)
{
	struct jsonl *x = ctx;
	int r = jsonl_text_begin(&x->text, rec);

	if (r)
		return errf(err, r, "no memory for a line of %zu bytes", rec.n);
	line_begin(x);
	r = line_parse(x, err);
	return r ? r : line_give(x, fn, arg, err);
}

static ssize_t jsonl_extent(void *ctx, struct bytes in, size_t *ret_want)
{
	const char *end;

	*ret_want = 0;
	if (!in.n)
		return 0;
	if (in.p[0] != '{')
		return -EBADMSG;
	end = memchr(in.p, '\n', in.n < CHUNK_JUMBO ? in.n : CHUNK_JUMBO);
	if (end)
		return end - in.p + 1;
	return in.n < CHUNK_JUMBO ? 0 : -EBADMSG;
}

static void jsonl_close(void *ctx)
{
	struct jsonl *x = ctx;

	jsonl_text_free(&x->text);
}

/* Behind times and seq. */
static bool jsonl_describes(struct bytes rec)
{
	enum {
		HEAD = 256
	};

	return memmem(rec.p, rec.n < HEAD ? rec.n : HEAD, "\"type\":\"meta\"", 13) != NULL;
}

const struct decoder_ops decoder_jsonl = {
	.format = "jsonl",
	.ctx_size = sizeof(struct jsonl),
	.extent = jsonl_extent,
	.decode = jsonl_decode,
	.describes = jsonl_describes,
	.close = jsonl_close,
};
