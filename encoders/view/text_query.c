/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/text_query.h"

#include "capture/base/utf8.h"
#include "encoders/write/statement.h"

enum {
	TAB = 4,
	INDENT_MOST = 64,
	VALUES_MOST = 20,
	VALUE_MOST = 64, /* bytes of a value */
};

static void query_paint(struct put *w, bool colour, const char *how)
{
	if (colour)
		show_mem(w, how, strlen(how));
}

/* ---- the statement -------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct bytes text_trimmed(struct bytes text)
{
	while (text.n && is_blank(text.p[0]))
		text = (struct bytes){text.p + 1, text.n - 1};
	while (text.n && is_blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

static void query_newline(struct put *w, unsigned column)
{
	SHOW(w, "\n");
	show_blanks(w, column);
	SHOW(w, "> ");
}

/* Takes the blanks off the beginning of a line; returns the columns that they are, most at most. */
static unsigned line_unindent(struct bytes *text, unsigned most)
{
	unsigned n = 0;

	for (; text->n && n < most && (*text->p == ' ' || *text->p == '\t'); text->p++, text->n--)
		n += *text->p == '\t' ? TAB : 1;
	return n;
}

static struct bytes text_after_newline(struct bytes text)
{
	const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;

	if (!end)
		return (struct bytes){0};
	return (struct bytes){end + 1, (size_t)(text.p + text.n - end) - 1};
}

/* How far all lines but the first are indented, as they are where they stand in a program. */
static unsigned text_indent(struct bytes text)
{
	unsigned least = INDENT_MOST;

	while ((text = text_after_newline(text)).n) {
		unsigned n = line_unindent(&text, INDENT_MOST);

		if (n < least && text.n && !is_blank(*text.p))
			least = n;
	}
	return least;
}

static void query_lines(struct put *w, struct bytes text, unsigned column)
{
	unsigned indent = text_indent(text);

	while (text.n && !w->full) {
		size_t n = 1;

		if (*text.p == '\n')
			query_newline(w, column);
		else if (*text.p == '\t')
			show_blanks(w, TAB);
		else if (text.n < 2 || memcmp(text.p, "\r\n", 2) != 0)
			n = show_char(w, text);
		if (*text.p == '\n') {
			text = (struct bytes){text.p + 1, text.n - 1};
			line_unindent(&text, indent);
		} else {
			text = (struct bytes){text.p + n, text.n - n};
		}
	}
}

static void query_statement(struct put *w, const struct event_query *q, unsigned column,
			    uint64_t limit)
{
	struct bytes text = text_trimmed(q->text), shown = utf8_cut(text, limit);
	uint64_t hidden = text.n - shown.n;

	if (q->text_total > q->text.n)
		hidden += q->text_total - q->text.n;
	show_bytes(w, statement_word(q));
	if (q->statement_name.n && !strcmp(q->command, "prepare")) {
		show_bytes(w, q->statement_name);
		SHOW(w, ": ");
	}
	query_lines(w, shown, column);
	if (!hidden)
		return;
	SHOW(w, " [... ");
	show_number(w, hidden);
	SHOW(w, " bytes more]");
}

/* ---- values --------------------------------------------------------------------------------- */

static bool is_number(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr("0123456789.", text.p[i]) && (i || text.p[i] != '-' || text.n == 1))
			return false;
	return text.n != 0;
}

static void query_value(struct put *w, const struct query_value *value)
{
	struct bytes text = utf8_cut(value->text, VALUE_MOST);

	if (value->null) {
		SHOW(w, "NULL");
		return;
	}
	if (is_number(value->text) && text.n == value->text.n) {
		show_bytes(w, text);
		return;
	}
	SHOW(w, "'");
	for (size_t i = 0; i < text.n && !w->full;) {
		if (text.p[i] == '\'')
			SHOW(w, "'");
		i += show_char(w, (struct bytes){text.p + i, text.n - i});
	}
	SHOW(w, "'");
	if (text.n < value->text.n || value->text_cut)
		SHOW(w, "...");
}

static void query_values(struct put *w, const struct event_query *q)
{
	struct query_params_reader reader;
	struct query_value value;
	unsigned n = 0;

	if (!statement_values(&reader, q))
		return;
	while (!w->full && query_params_next(&reader, &value) > 0) {
		if (!n++)
			SHOW(w, "  (");
		else
			SHOW(w, ", ");
		if (n > VALUES_MOST)
			break;
		SHOW(w, "$");
		show_number(w, n);
		SHOW(w, "=");
		query_value(w, &value);
	}
	if (n > VALUES_MOST)
		SHOW(w, "...");
	else if (n && q->params.cut)
		SHOW(w, ", ...");
	if (n)
		SHOW(w, ")");
}

/* ---- what came of it ------------------------------------------------------------------------ */

static void query_count(struct put *w, uint64_t n, struct bytes word)
{
	show_number(w, n);
	SHOW(w, " ");
	show_bytes(w, word);
	if (n != 1)
		SHOW(w, "s");
	SHOW(w, ", ");
}

/* ERROR 1146 (42S02): Table 'shop.nosuch' doesn't exist, ERROR 42P01: relation … */
static void query_error(struct put *w, const struct event_query *q)
{
	SHOW(w, "ERROR");
	if (q->error) {
		SHOW(w, " ");
		show_number(w, q->error);
	}
	if (q->sqlstate.n && q->error)
		SHOW(w, " (");
	else if (q->sqlstate.n)
		SHOW(w, " ");
	show_bytes(w, q->sqlstate);
	if (q->sqlstate.n && q->error)
		SHOW(w, ")");
	if (q->message.n)
		SHOW(w, ": ");
	show_bytes(w, q->message);
	SHOW(w, ", ");
}

static void query_rows(struct put *w, const struct event_query *q)
{
	bool affected = q->has_rows && (q->rows || !q->has_rows_sent);

	if (affected)
		query_count(w, q->rows, BYTES("row"));
	if (q->has_rows_sent && !affected)
		query_count(w, q->rows_sent, BYTES("row"));
	else if (q->rows_sent && q->rows_sent != q->rows) {
		show_number(w, q->rows_sent);
		SHOW(w, " sent, ");
	}
}

static void query_outcome(struct put *w, const struct event_query *q, bool colour)
{
	if (!q->duration_ns && !q->failed)
		return; /* it goes on */
	query_paint(w, colour, q->failed ? SHOW_RED : SHOW_DIM);
	SHOW(w, "  [");
	if (q->failed)
		query_error(w, q);
	else
		query_rows(w, q);
	if (q->results > 1)
		query_count(w, q->results, BYTES("result"));
	if (q->warnings)
		query_count(w, q->warnings, BYTES("warning"));
	show_duration(w, q->duration_ns);
	SHOW(w, "]");
	query_paint(w, colour, SHOW_PLAIN);
}

/* alice@shop: */
static void query_session(struct put *w, const struct event_query *q, bool colour)
{
	query_paint(w, colour, SHOW_DIM);
	if (q->outer)
		SHOW(w, "  ");
	show_bytes(w, q->user);
	if (q->database.n) {
		SHOW(w, "@");
		show_bytes(w, q->database);
	}
	if (q->user.n || q->database.n)
		SHOW(w, ": ");
	if (q->outer)
		SHOW(w, "+ ");
	query_paint(w, colour, SHOW_PLAIN);
}

void text_query_put(struct put *w, const struct event_query *q, unsigned column, uint64_t limit,
		    bool colour)
{
	query_session(w, q, colour);
	query_statement(w, q, column, limit);
	query_values(w, q);
	query_outcome(w, q, colour);
}
