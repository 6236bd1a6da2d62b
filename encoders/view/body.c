/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/body.h"

#include <strings.h>

#include "encoders/view/field.h"

static const char *const codings[] = {[BODY_GZIP] = "gzip",
				      [BODY_DEFLATE] = "deflate",
				      [BODY_BR] = "br",
				      [BODY_ZSTD] = "zstd",
				      [BODY_UNKNOWN] = "unknown coding"};

static bool text_has(struct bytes text, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= text.n; i++)
		if (strncasecmp(text.p + i, word, n) == 0)
			return true;
	return false;
}

static bool text_has_any(struct bytes text, const char *const *words)
{
	while (*words && !text_has(text, *words))
		words++;
	return *words;
}

static enum body_coding coding_of(struct bytes name)
{
	enum body_coding c = BODY_GZIP;

	if (field_is(name, "x-gzip"))
		return BODY_GZIP;
	while (c < BODY_UNKNOWN && !field_is(name, codings[c]))
		c++;
	return c;
}

static bool is_unknown(struct body_codings c)
{
	return c.n && c.v[0] == BODY_UNKNOWN;
}

static void add_coding(struct body_codings *c, struct bytes name)
{
	enum body_coding coding = coding_of(name);

	if (!name.n || field_is(name, "identity") || is_unknown(*c))
		return;
	if (coding == BODY_UNKNOWN || c->n == BODY_CODINGS)
		*c = (struct body_codings){1, {BODY_UNKNOWN}};
	else
		c->v[c->n++] = coding;
}

static struct bytes type_of(const struct body *b)
{
	return (struct bytes){b->type, b->type_n};
}

void body_header(struct body *b, struct bytes name, struct bytes value)
{
	static const char *const text[] = {"text/",      "json", "xml",     "javascript",
					   "urlencoded", "yaml", "graphql", NULL};
	static const char *const live[] = {"event-stream", "grpc",    "ndjson",
					   "json-seq",     "x-mixed", NULL};
	const char *end;

	if (field_is(name, "content-encoding")) {
		while (value.n)
			add_coding(&b->codings, field_take(&value, ','));
	} else if (field_is(name, "content-type")) {
		end = value.n ? memchr(value.p, ';', value.n) : NULL;
		value.n = end ? (size_t)(end - value.p) : value.n;
		b->text = text_has_any(value, text);
		b->live = text_has_any(value, live);
		b->type_n = value.n < BODY_TYPE ? value.n : BODY_TYPE;
		if (b->type_n)
			memcpy(b->type, value.p, b->type_n);
	}
}

/* After a gap the rest no longer follows what is kept: it is only counted. */
void body_add(struct body *b, struct view *v, struct bytes data)
{
	size_t max = body_kept(b->codings, v->limit), room = max > b->raw.n ? max - b->raw.n : 0;

	b->total += data.n;
	b->fresh = true;
	b->marked = false;
	if (b->missing || b->raw.cut)
		return;
	textbuf_append(v->pool, &b->raw, (struct bytes){data.p, data.n < room ? data.n : room});
}

/* "gzip, 1834 bytes of text/html" */
static void body_describe(const struct body *b, struct view *v)
{
	for (unsigned i = 0; i < b->codings.n; i++) {
		show_bytes(&v->w, bytes_of(codings[b->codings.v[i]]));
		SHOW(&v->w, ", ");
	}
	if (b->packed)
		SHOW(&v->w, "compressed, ");
	view_size(v, b->packed ? b->packed : b->total);
	if (b->type_n) {
		SHOW(&v->w, " of ");
		show_bytes(&v->w, type_of(b));
	}
}

static void body_title(const struct body *b, struct view *v, bool text, enum body_end end)
{
	if (v->open != b) {
		view_row(v, b);
		show_mem(&v->w, b->what, strlen(b->what));
		show_bytes(&v->w, bytes_of(b->label));
		if (end != BODY_GOES_ON) {
			SHOW(&v->w, ", ");
			body_describe(b, v);
		}
		view_end(v);
	} else if ((text && !b->codings.n) || end == BODY_GOES_ON) {
		view_end(v); /* an empty line, as between head and body of a message */
	} else {
		view_note(v);
		body_describe(b, v);
		view_note_end(v);
	}
}

/* What is to be shown now, and what is to be said of the rest. */
struct showing {
	struct bytes piece;
	uint64_t hidden, missing;
	bool text, more, damaged, unfinished;
};

static struct showing showing_decode(const struct body *b, struct view *v, enum body_end end)
{
	struct showing s = {.unfinished = end == BODY_UNFINISHED};
	struct bytes raw = {b->raw.p, b->raw.n};
	bool decoded = b->codings.n && !is_unknown(b->codings);
	size_t n;
	enum body_state state = body_decode(b->codings, raw, v->scratch, v->limit, &n);

	s.damaged = state == BODY_DAMAGED;
	if (s.damaged && !n)
		body_decode((struct body_codings){0}, raw, v->scratch, v->limit, &n);
	s.piece = (struct bytes){v->scratch + b->shown, n > b->shown ? n - b->shown : 0};
	s.text = view_is_text(s.piece) || (b->text && !s.damaged && !is_unknown(b->codings) &&
					   !memchr(s.piece.p, 0, s.piece.n));
	if (end == BODY_GOES_ON)
		return s;
	s.missing = b->missing;
	if (decoded)
		s.more = state == BODY_MORE;
	else
		s.hidden = b->total - n;
	return s;
}

static void remark_comma(struct view *v, bool *open)
{
	if (*open)
		SHOW(&v->w, ", ");
	else
		view_note(v);
	*open = true;
}

static void body_remark(struct view *v, const struct body *b, const struct showing *s)
{
	bool open = false;

	if (s->hidden && !s->more) {
		remark_comma(v, &open);
		SHOW(&v->w, "... ");
		view_size(v, s->hidden);
		SHOW(&v->w, " more");
	}
	if (s->more) {
		remark_comma(v, &open);
		SHOW(&v->w, "... and more");
	}
	if (s->damaged || b->trouble) {
		remark_comma(v, &open);
		SHOW(&v->w, "cannot be decoded");
	}
	if (b->trouble) {
		SHOW(&v->w, ": ");
		show_bytes(&v->w, bytes_of(b->trouble));
	}
	if (s->missing) {
		remark_comma(v, &open);
		view_size(v, s->missing);
		SHOW(&v->w, " missing");
	}
	if (s->unfinished) {
		remark_comma(v, &open);
		SHOW(&v->w, "unfinished");
	}
	if (open)
		view_note_end(v);
}

static bool is_due(const struct body *b, enum body_end end)
{
	if (end == BODY_GOES_ON)
		return b->live && b->fresh;
	return (b->total || b->packed || b->missing || b->trouble) &&
	       !(end == BODY_UNFINISHED && b->marked);
}

static bool says_something(const struct body *b, const struct showing *s)
{
	return s->piece.n || s->hidden || s->missing || s->more || s->damaged || s->unfinished ||
	       b->trouble;
}

void body_show(struct body *b, struct view *v, enum body_end end)
{
	struct showing s;

	if (!is_due(b, end))
		return;
	b->fresh = false;
	b->marked = end == BODY_UNFINISHED;
	s = showing_decode(b, v, end);
	if (end == BODY_GOES_ON ? !s.piece.n : !says_something(b, &s))
		return;
	body_title(b, v, s.text, end);
	s.hidden += s.piece.n - view_content(v, s.piece, s.text);
	b->shown += s.piece.n;
	body_remark(v, b, &s);
	if (end != BODY_GOES_ON)
		v->open = NULL;
}

void body_done(struct body *b, struct textbuf_pool *pool)
{
	textbuf_done(pool, &b->raw);
	*b = (struct body){0};
}
