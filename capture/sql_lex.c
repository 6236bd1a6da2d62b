/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/sql_lex_inside.h"

#include <string.h>

#include "capture/base/utf8.h"

/* What counts as the byte before the next one where a comment has begun, or ended: so that the star
 * and the slash of one are not those of the other. */
enum {
	COMMENT_BEGUN = 1,
	COMMENT_ENDED = ' '
};

/* clang-format off */
const uint8_t sql_lex_classes[256] = {
	[' '] = SQL_LEX_BLANK, ['\t' ... '\r'] = SQL_LEX_BLANK,
	['0' ... '9'] = SQL_LEX_DIGIT,
	['a' ... 'z'] = SQL_LEX_LETTER, ['A' ... 'Z'] = SQL_LEX_LETTER,
	['_'] = SQL_LEX_LETTER, ['$'] = SQL_LEX_LETTER,
	['@'] = SQL_LEX_LETTER, [0x80 ... 0xff] = SQL_LEX_LETTER,
	['\''] = SQL_LEX_QUOTE, ['"'] = SQL_LEX_QUOTE, ['`'] = SQL_LEX_QUOTE,
};
/* clang-format on */

static bool is_alnum(char c)
{
	return sql_lex_is_name(c) && c != '_' && c != '$' && c != '@' && !(c & 0x80);
}

/* ---- code ---------------------------------------------------------------------------------- */

/* E'…' has escapes in PostgreSQL; the E is no end of a longer name. */
static void string_begin(struct sql_lex *s, char quote)
{
	s->state = SQL_LEX_STRING;
	s->quote = quote;
	if (s->backslash)
		s->escapes = s->backslash == SQL_LEX_ALWAYS;
	else
		s->escapes = s->mysql ||
			     ((s->before[0] | 0x20) == 'e' && !sql_lex_is_name(s->before[1]));
}

static enum sql_run quote_begin(struct sql_lex *s, char quote)
{
	if (quote == '\'' || (quote == '"' && s->mysql)) {
		string_begin(s, quote);
		return SQL_RUN_QUOTE;
	}
	if (quote == '`' && (!s->mysql || (s->backslash && s->before[0] & 0x80)))
		return SQL_RUN_SYMBOL;
	s->state = SQL_LEX_NAME;
	s->quote = quote;
	return SQL_RUN_NAME;
}

/* What MySQL takes for a comment needs a blank behind the dashes. */
static bool is_line_comment(const struct sql_lex *s, char c)
{
	if (s->mysql)
		return c == '#' || (s->before[0] == '-' && s->before[1] == '-' &&
				    sql_lex_class(c) == SQL_LEX_BLANK);
	return c == '-' && s->before[0] == '-';
}

static enum sql_run symbol_begin(struct sql_lex *s, char c)
{
	if (is_line_comment(s, c)) {
		s->state = SQL_LEX_LINE_COMMENT;
		return SQL_RUN_COMMENT;
	}
	if (c == '*' && s->before[0] == '/') {
		s->state = SQL_LEX_BLOCK_COMMENT;
		s->depth = 1;
		return SQL_RUN_COMMENT;
	}
	return SQL_RUN_SYMBOL;
}

static size_t blank_end(const char *text, size_t from, size_t to)
{
	while (from < to && sql_lex_class(text[from]) == SQL_LEX_BLANK)
		from++;
	return from;
}

static size_t word_end(const char *text, size_t from, size_t to)
{
	while (from < to && sql_lex_is_name(text[from]))
		from++;
	return from;
}

static size_t blank_run(struct sql_lex *s, const char *text, size_t from, size_t to,
			enum sql_run *ret)
{
	*ret = SQL_RUN_BLANK;
	if (!s->mysql || !is_line_comment(s, text[from]))
		return blank_end(text, from, to);
	*ret = SQL_RUN_COMMENT;
	if (text[from] != '\n')
		s->state = SQL_LEX_LINE_COMMENT;
	return from + 1;
}

static size_t number_end(struct sql_lex *s, const char *text, size_t from, size_t to)
{
	for (; from < to; from++) {
		char c = text[from];

		if (!is_alnum(c) && c != '.' && c != '_' &&
		    !((c == '-' || c == '+') && s->exponent)) {
			s->state = SQL_LEX_CODE;
			break;
		}
		s->exponent = s->decimal && (c | 0x20) == 'e';
		s->decimal &= sql_lex_class(c) == SQL_LEX_DIGIT || c == '.';
	}
	return from;
}

static size_t digit_run(struct sql_lex *s, const char *text, size_t from, size_t to,
			enum sql_run *ret)
{
	if (sql_lex_is_name(s->before[0])) { /* the text was cut in a word */
		*ret = SQL_RUN_WORD;
		return word_end(text, from, to);
	}
	*ret = SQL_RUN_NUMBER;
	s->state = SQL_LEX_NUMBER;
	s->decimal = true;
	s->exponent = false;
	return number_end(s, text, from, to);
}

/* Up to where a string begins, or to what shows that none does: $1, or the end of a name. */
static size_t tag_run(struct sql_lex *s, const char *text, size_t from, size_t to,
		      enum sql_run *ret)
{
	*ret = SQL_RUN_WORD;
	for (; from < to; from++) {
		char c = text[from];

		if (c == '$') {
			s->state = SQL_LEX_DOLLAR_BODY;
			s->tag_at = 0;
			*ret = SQL_RUN_QUOTE;
			return from + 1;
		}
		if (!sql_lex_is_name(c) || (!s->tag_n && sql_lex_class(c) == SQL_LEX_DIGIT) ||
		    s->tag_n == sizeof(s->tag)) {
			s->state = SQL_LEX_CODE;
			return from;
		}
		s->tag[s->tag_n++] = c;
	}
	return from;
}

static size_t name_run(struct sql_lex *s, const char *text, size_t from, size_t to,
		       enum sql_run *ret)
{
	if (text[from] == '$' && !s->mysql && !sql_lex_is_name(s->before[0])) {
		s->state = SQL_LEX_DOLLAR_TAG;
		s->tag_n = 0;
		return tag_run(s, text, from + 1, to, ret);
	}
	*ret = SQL_RUN_WORD;
	return word_end(text, from, to);
}

static size_t code_run(struct sql_lex *s, const char *text, size_t from, size_t to,
		       enum sql_run *ret)
{
	switch (sql_lex_class(text[from])) {
	case SQL_LEX_BLANK:
		return blank_run(s, text, from, to, ret);
	case SQL_LEX_LETTER:
		return name_run(s, text, from, to, ret);
	case SQL_LEX_DIGIT:
		return digit_run(s, text, from, to, ret);
	case SQL_LEX_QUOTE:
		*ret = quote_begin(s, text[from]);
		break;
	case SQL_LEX_SYMBOL:
		*ret = symbol_begin(s, text[from]);
		break;
	}
	return from + 1;
}

/* ---- what is in quotes --------------------------------------------------------------------- */

static size_t find_byte(const char *text, size_t from, size_t to, char c)
{
	const char *at = from < to ? memchr(text + from, c, to - from) : NULL;

	return at ? (size_t)(at - text) : to;
}

/* The quote or, where it counts, a backslash. */
static size_t find_in_string(const struct sql_lex *s, const char *text, size_t from, size_t to)
{
	uint8_t quote = (uint8_t)s->quote, escape = s->escapes ? '\\' : quote;

	for (; to - from >= sizeof(uint64_t); from += sizeof(uint64_t)) {
		uint64_t w = utf8_word(text + from);

		if (utf8_word_has(w, quote) | utf8_word_has(w, escape))
			break;
	}
	while (from < to && (uint8_t)text[from] != quote && (uint8_t)text[from] != escape)
		from++;
	return from;
}

/* Where the quote stands that is not escaped, or `to`. */
static size_t string_end(struct sql_lex *s, const char *text, size_t from, size_t to)
{
	if (s->state == SQL_LEX_ESCAPED) {
		s->state = SQL_LEX_STRING;
		from++;
	}
	for (;;) {
		from = find_in_string(s, text, from, to);
		if (from == to || text[from] == s->quote)
			return from;
		from += 2;
		if (from > to) {
			s->state = SQL_LEX_ESCAPED;
			return to;
		}
	}
}

static size_t string_run(struct sql_lex *s, const char *text, size_t from, size_t to,
			 enum sql_run *ret)
{
	if (s->state == SQL_LEX_STRING && text[from] == s->quote) {
		s->state = SQL_LEX_CODE; /* a doubled one begins the string anew */
		*ret = SQL_RUN_QUOTE;
		return from + 1;
	}
	*ret = SQL_RUN_STRING;
	return string_end(s, text, from, to);
}

static size_t quoted_name_run(struct sql_lex *s, const char *text, size_t from, size_t to)
{
	size_t end = find_byte(text, from, to, s->quote);

	if (end == to)
		return to;
	s->state = SQL_LEX_CODE;
	return end + 1;
}

/* The bytes that may be the tag of the end are no part of the string. */
static size_t closing_end(struct sql_lex *s, const char *text, size_t from, size_t to)
{
	for (; from < to; from++) {
		if (s->tag_at == s->tag_n + 1 && text[from] == '$') {
			s->state = SQL_LEX_CODE;
			return from + 1;
		}
		if (s->tag_at <= s->tag_n && text[from] == s->tag[s->tag_at - 1]) {
			s->tag_at++;
		} else {
			s->tag_at = text[from] == '$';
			return from + s->tag_at;
		}
	}
	return from;
}

/* tag_at counts the dollar in front of the tag, too. */
static size_t body_run(struct sql_lex *s, const char *text, size_t from, size_t to,
		       enum sql_run *ret)
{
	*ret = SQL_RUN_QUOTE;
	if (!s->tag_at && text[from] == '$') {
		s->tag_at = 1;
		return closing_end(s, text, from + 1, to);
	}
	if (s->tag_at) {
		size_t end = closing_end(s, text, from, to);

		if (end > from)
			return end;
	}
	*ret = SQL_RUN_STRING;
	return find_byte(text, from, to, '$');
}

/* ---- comments ------------------------------------------------------------------------------ */

static size_t line_comment_run(struct sql_lex *s, const char *text, size_t from, size_t to)
{
	size_t end = find_byte(text, from, to, '\n');

	if (end == to)
		return to;
	s->state = SQL_LEX_CODE;
	return end + 1;
}

/* Returns what counts as the byte before the next one. */
static char comment_byte(struct sql_lex *s, char c)
{
	if (s->mysql && c == '!' && s->before[0] == COMMENT_BEGUN) {
		s->state = SQL_LEX_CODE; /* what MySQL executes, and others do not */
		s->depth = 0;
		return COMMENT_ENDED;
	}
	if (s->mysql && c == 'M' && s->before[0] == COMMENT_BEGUN)
		return COMMENT_BEGUN; /* what MariaDB alone executes */
	if (c == '/' && s->before[0] == '*') {
		if (!--s->depth)
			s->state = SQL_LEX_CODE;
		return COMMENT_ENDED;
	}
	if (c == '*' && s->before[0] == '/' && !s->mysql && s->depth < UINT8_MAX) {
		s->depth++;
		return COMMENT_BEGUN;
	}
	return c;
}

static size_t block_comment_run(struct sql_lex *s, const char *text, size_t from, size_t to)
{
	while (from < to && s->state == SQL_LEX_BLOCK_COMMENT)
		s->before[0] = comment_byte(s, text[from++]);
	return from;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static size_t state_run(struct sql_lex *s, const char *text, size_t from, size_t to,
			enum sql_run *ret)
{
	switch ((enum sql_lex_state)s->state) {
	case SQL_LEX_CODE:
		break;
	case SQL_LEX_NUMBER:
		*ret = SQL_RUN_NUMBER;
		return number_end(s, text, from, to);
	case SQL_LEX_STRING:
	case SQL_LEX_ESCAPED:
		return string_run(s, text, from, to, ret);
	case SQL_LEX_NAME:
		*ret = SQL_RUN_NAME;
		return quoted_name_run(s, text, from, to);
	case SQL_LEX_LINE_COMMENT:
		*ret = SQL_RUN_COMMENT;
		return line_comment_run(s, text, from, to);
	case SQL_LEX_BLOCK_COMMENT:
		*ret = SQL_RUN_COMMENT;
		return block_comment_run(s, text, from, to);
	case SQL_LEX_DOLLAR_TAG:
		return tag_run(s, text, from, to, ret);
	case SQL_LEX_DOLLAR_BODY:
		return body_run(s, text, from, to, ret);
	}
	return code_run(s, text, from, to, ret);
}

void sql_lex_begin(struct sql_lex *s, enum sql_dialect dialect)
{
	*s = (struct sql_lex){.mysql = dialect == SQL_MYSQL};
}

static void run_remember(struct sql_lex *s, const char *text, size_t from, size_t end)
{
	s->before[1] = end - from > 1 ? text[end - 2] : s->before[0];
	s->before[0] = text[end - 1];
}

size_t sql_lex_run(struct sql_lex *s, const char *text, size_t from, size_t to, enum sql_run *ret)
{
	size_t end;

	do { /* a state may end where none of its bytes has come */
		bool comment = s->state == SQL_LEX_BLOCK_COMMENT;

		end = state_run(s, text, from, to, ret);
		if (comment)
			return end;
	} while (end == from);
	run_remember(s, text, from, end);
	if (s->state == SQL_LEX_BLOCK_COMMENT)
		s->before[0] = COMMENT_BEGUN;
	return end;
}
