/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/query.h"

#include <ctype.h>
#include <strings.h>

#include "capture/query_params.h"
#include "capture/sql_text.h"
#include "encoders/redact/sql.h"

static enum sql_dialect query_dialect(const struct event_query *q)
{
	return strcmp(q->system, "mysql") ? SQL_POSTGRES : SQL_MYSQL;
}

/* True when there is a copy, which takes the place of the text. */
static bool copy_done(const struct redact_copy *c, struct bytes *text)
{
	*text = redact_copy_result(c);
	return c->out;
}

/* ---- messages ------------------------------------------------------------------------------ */

static bool is_quote(char c)
{
	return c == '\'' || c == '"';
}

static bool is_alnum_at(struct bytes text, size_t i)
{
	return i < text.n && isalnum((unsigned char)text.p[i]);
}

/* From behind the first quote to the last one: what lies between may have quotes itself. An
 * apostrophe in a word is none. */
static void quoted_mask(struct redact_copy *c)
{
	struct bytes text = c->in;
	size_t from = 0, to = text.n;

	while (from < text.n && !(is_quote(text.p[from]) && !(from && is_alnum_at(text, from - 1))))
		from++;
	if (from == text.n)
		return;
	from++;
	while (to > from && !(is_quote(text.p[to - 1]) && !is_alnum_at(text, to)))
		to--;
	redact_copy_mask(c, from, to > from ? to - 1 : text.n, '*');
}

static void digits_mask(struct redact_copy *c)
{
	for (size_t i = 0; i < c->in.n; i++)
		if (isdigit((unsigned char)c->in.p[i]))
			redact_copy_mask(c, i, i + 1, '*');
}

static bool message_mask(struct redact_arena *arena, struct event_query *q, bool digits)
{
	struct redact_copy c = redact_copy_of(arena, q->message);

	quoted_mask(&c);
	if (digits)
		digits_mask(&c);
	return copy_done(&c, &q->message);
}

/* ---- passwords ----------------------------------------------------------------------------- */

static void password_found(size_t from, size_t to, void *copy)
{
	redact_copy_mask(copy, from, to, '*');
}

/* What is a constant one way is none another way: then its bytes are in the fingerprint. */
static bool text_done(struct redact_arena *arena, struct event_query *q,
		      const struct redact_copy *c)
{
	bool anew = c->out && q->fingerprint.n && sql_text_is_ambiguous(c->in);
	char *print = anew ? redact_arena_take(arena, SQL_FINGERPRINT_MAX) : NULL;

	if (anew)
		q->fingerprint = (struct bytes){0};
	if (print)
		q->fingerprint =
			(struct bytes){print, sql_text_fingerprint(redact_copy_result(c),
								   query_dialect(q), print)};
	return copy_done(c, &q->text);
}

static bool text_passwords(struct redact_arena *arena, struct event_query *q)
{
	struct redact_copy c = redact_copy_of(arena, q->text);

	sql_text_passwords(c.in, query_dialect(q), password_found, &c);
	return text_done(arena, q, &c);
}

/* A part of what is copied. */
struct part {
	struct redact_copy *copy;
	size_t at;
};

static void part_password_found(size_t from, size_t to, void *part)
{
	const struct part *p = part;

	redact_copy_mask(p->copy, p->at + from, p->at + to, '*');
}

/* Does it begin like one that may set a password? */
static bool is_statement(struct bytes text)
{
	static const char *const verbs[] = {"create ",  "alter ",   "set ",    "grant ",
					    "change ",  "select ",  "insert ", "update ",
					    "replace ", "execute ", "do ",     "with "};

	while (text.n && isspace((unsigned char)*text.p))
		text = (struct bytes){text.p + 1, text.n - 1};
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (text.n > strlen(verbs[i]) && !strncasecmp(text.p, verbs[i], strlen(verbs[i])))
			return true;
	return false;
}

void redact_query_words(struct redact_copy *c, size_t from, size_t to)
{
	struct bytes text = {c->in.p + from, to - from};
	struct part part = {c, from};

	if (!is_statement(text))
		return;
	sql_text_passwords(text, SQL_MYSQL, part_password_found, &part);
	sql_text_passwords(text, SQL_POSTGRES, part_password_found, &part);
}

static bool is_inside(struct bytes whole, struct bytes part)
{
	return part.n && (uintptr_t)part.p >= (uintptr_t)whole.p &&
	       (uintptr_t)part.p < (uintptr_t)whole.p + whole.n;
}

/* Settings and statements in values. Those that are written out are no texts. */
static bool values_passwords(struct redact_arena *arena, struct event_query *q)
{
	struct redact_copy c = redact_copy_of(arena, q->params.raw);
	struct query_params_reader reader;
	struct query_value value;

	if (!q->params.format || !sql_text_hints_at_password(c.in) ||
	    query_params_begin(&reader, &q->params, sql_text_places(q->text)) < 0)
		return false;
	while (query_params_next(&reader, &value) > 0) {
		struct part part = {&c, (uintptr_t)value.text.p - (uintptr_t)c.in.p};

		if (is_inside(c.in, value.text))
			sql_text_value_passwords(value.text, query_dialect(q), part_password_found,
						 &part);
	}
	return copy_done(&c, &q->params.raw);
}

/* ---- values as a list ---------------------------------------------------------------------- */

/* Which values are masked, by their place. */
struct places {
	uint64_t bits[QUERY_PARAMS_VALUES / 64];
	uint8_t any;
};

static void place_found(unsigned place, void *places)
{
	struct places *p = places;

	if (place >= QUERY_PARAMS_VALUES)
		return;
	p->bits[place / 64] |= 1ull << place % 64;
	p->any = 1;
}

/* The values as a list, masked ones as asterisks, which goes to `to` if that is there. Returns its
 * size. */
static size_t list_put(const struct event_query *q, const struct places *places, char *to)
{
	struct query_params_reader reader;
	struct query_value value;
	size_t n = 0;

	if (query_params_begin(&reader, &q->params, sql_text_places(q->text)) < 0)
		return 0;
	for (unsigned i = 0; query_params_next(&reader, &value) > 0; i++) {
		uint32_t length = value.null ? UINT32_MAX : (uint32_t)value.text.n;

		if (to) {
			memcpy(to + n, &length, sizeof(length));
			if (places->bits[i / 64] >> i % 64 & 1)
				memset(to + n + sizeof(length), '*', value.text.n);
			else if (value.text.n)
				memcpy(to + n + sizeof(length), value.text.p, value.text.n);
		}
		n += sizeof(length) + value.text.n;
	}
	return n;
}

/* What cannot be read is not told. */
static bool places_mask(struct redact_arena *arena, struct event_query *q,
			const struct places *places)
{
	size_t n;
	char *list;

	if (!q->params.format || !q->params.raw.n)
		return false;
	n = list_put(q, places, NULL);
	list = n ? redact_arena_take(arena, n) : NULL;
	if (list)
		list_put(q, places, list);
	q->params = query_params_list((struct bytes){list, list ? n : 0}, q->params.cut || !list);
	return true;
}

/* Values that are passwords as a whole. Of a text that was cut it is not known which are. */
static bool places_passwords(struct redact_arena *arena, struct event_query *q)
{
	struct places places;

	if (!q->params.format || !sql_text_hints_at_password(q->text))
		return false;
	memset(&places, 0, sizeof(places));
	sql_text_password_places(q->text, query_dialect(q), place_found, &places);
	if (q->text_total > q->text.n)
		memset(&places, UINT8_MAX, sizeof(places));
	return places.any && places_mask(arena, q, &places);
}

bool redact_query_passwords(struct redact_arena *arena, struct event_query *q)
{
	/* Of a statement that was cut, the message may have more. */
	bool more = q->text_total > q->text.n && sql_text_hints_at_password(q->message);
	bool masked = values_passwords(arena, q);

	masked |= places_passwords(arena, q);
	masked |= text_passwords(arena, q);
	if (masked || more)
		masked |= message_mask(arena, q, false);
	return masked;
}

/* ---- constants ----------------------------------------------------------------------------- */

/* Not what is the name of something: of a database, of a function. */
static bool text_is_statement(const struct event_query *q)
{
	return strcmp(q->command, "database") != 0 && strcmp(q->command, "call") != 0;
}

/* Where it is not known whether \ escapes, what is a constant either way is masked. */
static bool text_constants(struct redact_arena *arena, struct event_query *q)
{
	struct redact_copy c = redact_copy_of(arena, q->text);
	unsigned ways = sql_text_is_ambiguous(c.in) ? SQL_LEX_WAYS : 1;

	for (unsigned way = 0; way < ways; way++) {
		struct sql_lex lex;

		sql_lex_begin(&lex, query_dialect(q));
		lex.backslash = (uint8_t)way;
		redact_sql_feed(&lex, &c, 0, c.in.n);
	}
	return text_done(arena, q, &c);
}

bool redact_query_constants(struct redact_arena *arena, struct event_query *q)
{
	struct places all;
	bool masked;

	memset(&all, UINT8_MAX, sizeof(all));
	masked = places_mask(arena, q, &all);

	if (text_is_statement(q))
		masked |= text_constants(arena, q);
	return masked | message_mask(arena, q, true);
}
