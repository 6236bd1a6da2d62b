/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/body.h"

#include <strings.h>

enum {
	ZSTD_KEPT = 132 * 1024, /* a whole block: nothing of it can be decoded before its end */
};

static const char *const codings[] = {
	[BODY_GZIP] = "gzip", [BODY_DEFLATE] = "deflate",       [BODY_BR] = "br",
	[BODY_ZSTD] = "zstd", [BODY_COMPRESSED] = "compressed", [BODY_UNKNOWN] = "unknown coding"};

static bool is(struct bytes text, const char *word)
{
	return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

static bool has(struct bytes text, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= text.n; i++)
		if (strncasecmp(text.p + i, word, n) == 0)
			return true;
	return false;
}

static bool has_any(struct bytes text, const char *const *words)
{
	while (*words && !has(text, *words))
		words++;
	return *words;
}

static enum body_coding coding_of(struct bytes name)
{
	if (!name.n || is(name, "identity"))
		return BODY_IDENTITY;
	if (is(name, "x-gzip"))
		return BODY_GZIP;
	for (enum body_coding c = BODY_GZIP; c <= BODY_ZSTD; c++)
		if (is(name, codings[c]))
			return c;
	return BODY_UNKNOWN;
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

	if (is(name, "content-encoding")) {
		b->coding = coding_of(value);
	} else if (is(name, "content-type")) {
		end = value.n ? memchr(value.p, ';', value.n) : NULL;
		value.n = end ? (size_t)(end - value.p) : value.n;
		b->text = has_any(value, text);
		b->live = has_any(value, live);
		b->type_n = value.n < BODY_TYPE ? value.n : BODY_TYPE;
		if (b->type_n)
			memcpy(b->type, value.p, b->type_n);
	}
}

static size_t kept_at_most(const struct body *b, const struct view *v)
{
	return b->coding == BODY_ZSTD && v->limit < ZSTD_KEPT ? ZSTD_KEPT : v->limit;
}

/* After a gap the rest no longer follows what is kept: it is only counted. */
void body_add(struct body *b, struct view *v, struct bytes data)
{
	size_t max = kept_at_most(b, v), room = max > b->raw.n ? max - b->raw.n : 0;

	b->total += data.n;
	b->fresh = true;
	if (b->missing || b->raw.cut)
		return;
	textbuf_append(v->pool, &b->raw, (struct bytes){data.p, data.n < room ? data.n : room});
}

/* "gzip, 1834 bytes of text/html" */
static void describe(const struct body *b, struct view *v)
{
	if (b->coding) {
		show_mem(&v->w, codings[b->coding], strlen(codings[b->coding]));
		SHOW(&v->w, ", ");
	}
	view_size(v, b->total);
	if (b->type_n) {
		SHOW(&v->w, " of ");
		show_bytes(&v->w, type_of(b));
	}
}

static void title(const struct body *b, struct view *v, bool text, enum body_end end)
{
	if (v->open != b) {
		view_row(v, b);
		show_mem(&v->w, b->what, strlen(b->what));
		show_bytes(&v->w, bytes_of(b->label));
		if (end != BODY_GOES_ON) {
			SHOW(&v->w, ", ");
			describe(b, v);
		}
		view_end(v);
	} else if ((text && !b->coding) || end == BODY_GOES_ON) {
		view_end(v); /* an empty line, as between head and body of a message */
	} else {
		view_note(v);
		describe(b, v);
		view_note_end(v);
	}
}

/* What is to be shown now, and what is to be said of the rest. */
struct showing {
	struct bytes piece;
	uint64_t hidden, missing;
	bool text, more, damaged, unfinished;
};

static bool is_decoded(const struct body *b)
{
	return b->coding >= BODY_GZIP && b->coding <= BODY_ZSTD;
}

static struct showing decode(const struct body *b, struct view *v, enum body_end end)
{
	struct showing s = {.unfinished = end == BODY_UNFINISHED};
	struct bytes raw = {b->raw.p, b->raw.n};
	size_t n;
	enum body_state state = body_decode(b->coding, raw, v->scratch, v->limit, &n);

	s.damaged = state == BODY_DAMAGED;
	if (s.damaged && !n)
		body_decode(BODY_IDENTITY, raw, v->scratch, v->limit, &n);
	s.piece = (struct bytes){v->scratch + b->shown, n > b->shown ? n - b->shown : 0};
	s.text = view_is_text(s.piece) || (b->text && !s.damaged && b->coding <= BODY_ZSTD &&
					   !memchr(s.piece.p, 0, s.piece.n));
	if (end == BODY_GOES_ON)
		return s;
	s.missing = b->missing;
	if (is_decoded(b))
		s.more = state == BODY_MORE;
	else
		s.hidden = b->total - n;
	return s;
}

static void comma(struct view *v, bool *open)
{
	if (*open)
		SHOW(&v->w, ", ");
	else
		view_note(v);
	*open = true;
}

static void remark(struct view *v, const struct showing *s)
{
	bool open = false;

	if (s->hidden && !s->more) {
		comma(v, &open);
		SHOW(&v->w, "... ");
		view_size(v, s->hidden);
		SHOW(&v->w, " more");
	}
	if (s->more) {
		comma(v, &open);
		SHOW(&v->w, "... and more");
	}
	if (s->damaged) {
		comma(v, &open);
		SHOW(&v->w, "cannot be decoded");
	}
	if (s->missing) {
		comma(v, &open);
		view_size(v, s->missing);
		SHOW(&v->w, " missing");
	}
	if (s->unfinished) {
		comma(v, &open);
		SHOW(&v->w, "unfinished");
	}
	if (open)
		view_note_end(v);
}

void body_show(struct body *b, struct view *v, enum body_end end)
{
	struct showing s;

	if ((!b->total && !b->missing) || (end == BODY_GOES_ON && !(b->live && b->fresh)))
		return;
	b->fresh = false;
	s = decode(b, v, end);
	if (!s.piece.n && (end == BODY_GOES_ON || !(s.hidden || s.missing || s.more || s.damaged)))
		return;
	title(b, v, s.text, end);
	s.hidden += s.piece.n - view_content(v, s.piece, s.text);
	b->shown += s.piece.n;
	remark(v, &s);
	if (end != BODY_GOES_ON)
		v->open = NULL;
}

void body_done(struct body *b, struct textbuf_pool *pool)
{
	textbuf_done(pool, &b->raw);
	*b = (struct body){0};
}
