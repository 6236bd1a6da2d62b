/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/sql.h"

#include <ctype.h>

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '@' || (c & 0x80);
}

/* What counts as the byte before the next one where a comment has begun, or ended: so that the star
 * and the slash of one are not those of the other. */
enum {
	COMMENT_BEGUN = 1,
	COMMENT_ENDED = ' '
};

/* ---- code ---------------------------------------------------------------------------------- */

/* E'…' has escapes in PostgreSQL; the E is no end of a longer name. */
static void string_begin(struct redact_sql *s, char quote)
{
	s->state = REDACT_SQL_STRING;
	s->quote = quote;
	s->escapes =
		s->mysql || (tolower((unsigned char)s->before[0]) == 'e' && !is_name(s->before[1]));
}

static void quote_begin(struct redact_sql *s, char quote)
{
	if (quote == '\'' || (quote == '"' && s->mysql)) {
		string_begin(s, quote);
		return;
	}
	s->state = REDACT_SQL_NAME;
	s->quote = quote;
}

static void block_comment_begin(struct redact_sql *s)
{
	s->state = REDACT_SQL_BLOCK_COMMENT;
	s->depth = 1;
}

/* What MySQL takes for a comment needs a blank behind the dashes. */
static bool is_line_comment(const struct redact_sql *s, char c)
{
	if (s->mysql)
		return c == '#' ||
		       (s->before[0] == '-' && s->before[1] == '-' && isspace((unsigned char)c));
	return c == '-' && s->before[0] == '-';
}

static void code_byte(struct redact_sql *s, char c)
{
	if (c == '\'' || c == '"' || (c == '`' && s->mysql)) {
		quote_begin(s, c);
	} else if (is_line_comment(s, c)) {
		s->state = c == '\n' ? REDACT_SQL_CODE : REDACT_SQL_LINE_COMMENT;
	} else if (c == '*' && s->before[0] == '/') {
		block_comment_begin(s);
	} else if (c == '$' && !s->mysql && !is_name(s->before[0])) {
		s->state = REDACT_SQL_DOLLAR_TAG;
		s->tag_n = 0;
	} else if (isdigit((unsigned char)c) && !is_name(s->before[0])) {
		s->state = REDACT_SQL_NUMBER;
	}
}

static void comment_byte(struct redact_sql *s, char c)
{
	if (s->mysql && c == '!' && s->before[0] == COMMENT_BEGUN) {
		s->state = REDACT_SQL_CODE; /* what MySQL executes, and others do not */
		s->depth = 0;
	} else if (c == '/' && s->before[0] == '*') {
		if (!--s->depth)
			s->state = REDACT_SQL_CODE;
	} else if (c == '*' && s->before[0] == '/' && !s->mysql && s->depth < UINT8_MAX) {
		s->depth++;
	}
}

/* ---- constants ----------------------------------------------------------------------------- */

/* Is this byte to be masked? */
static bool string_byte(struct redact_sql *s, char c)
{
	if (c == s->quote) {
		s->state = REDACT_SQL_CODE; /* a doubled one begins the string anew */
		return false;
	}
	if (c == '\\' && s->escapes)
		s->state = REDACT_SQL_ESCAPED;
	return true;
}

static bool number_byte(struct redact_sql *s, char c)
{
	if (isalnum((unsigned char)c) || c == '.' || c == '_')
		return true;
	s->state = REDACT_SQL_CODE;
	code_byte(s, c);
	return false;
}

static void tag_byte(struct redact_sql *s, char c)
{
	bool begins = !s->tag_n;

	if (c == '$') {
		s->state = REDACT_SQL_DOLLAR_BODY;
		s->tag_at = 0;
	} else if (is_name(c) && !(begins && isdigit((unsigned char)c)) &&
		   s->tag_n < sizeof(s->tag)) {
		s->tag[s->tag_n++] = c;
	} else { /* $1 */
		s->state = REDACT_SQL_CODE;
		if (!is_name(c))
			code_byte(s, c);
	}
}

/* tag_at counts the dollar in front of the tag, too. */
static bool body_byte(struct redact_sql *s, char c)
{
	if (s->tag_at && s->tag_at == s->tag_n + 1 && c == '$') {
		s->state = REDACT_SQL_CODE;
		return false;
	}
	if (s->tag_at && s->tag_at <= s->tag_n && c == s->tag[s->tag_at - 1]) {
		s->tag_at++;
		return false;
	}
	s->tag_at = c == '$';
	return !s->tag_at;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static bool sql_byte(struct redact_sql *s, char c)
{
	switch ((enum redact_sql_state)s->state) {
	case REDACT_SQL_CODE:
		code_byte(s, c);
		return s->state == REDACT_SQL_NUMBER;
	case REDACT_SQL_NUMBER:
		return number_byte(s, c);
	case REDACT_SQL_STRING:
		return string_byte(s, c);
	case REDACT_SQL_ESCAPED:
		s->state = REDACT_SQL_STRING;
		return true;
	case REDACT_SQL_NAME:
		if (c == s->quote)
			s->state = REDACT_SQL_CODE;
		return false;
	case REDACT_SQL_LINE_COMMENT:
		if (c == '\n')
			s->state = REDACT_SQL_CODE;
		return false;
	case REDACT_SQL_BLOCK_COMMENT:
		comment_byte(s, c);
		return false;
	case REDACT_SQL_DOLLAR_TAG:
		tag_byte(s, c);
		return false;
	case REDACT_SQL_DOLLAR_BODY:
		return body_byte(s, c);
	}
	return true;
}

void redact_sql_begin(struct redact_sql *s, bool mysql)
{
	*s = (struct redact_sql){.mysql = mysql};
}

void redact_sql_feed(struct redact_sql *s, struct redact_copy *c, size_t from, size_t to)
{
	for (; from < to; from++) {
		char b = c->in.p[from];
		uint8_t depth = s->depth;

		/* What ends a text in a message stays, though a string in it is not closed. */
		if (sql_byte(s, b) && b)
			redact_copy_mask(c, from, from + 1, '*');
		if (s->depth != depth)
			b = s->depth > depth ? COMMENT_BEGUN : COMMENT_ENDED;
		s->before[1] = s->before[0];
		s->before[0] = b;
	}
}
