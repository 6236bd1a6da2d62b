/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords in strings, whatever else is in them: settings (host=h password=x), URLs, statements.
 */
#include <assert.h>
#include <string.h>

#include "capture/sql_text_inside.h"

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static size_t blanks_end(struct bytes text, size_t i, size_t to)
{
	while (i < to && is_one_of(text.p[i], " \t\r\n"))
		i++;
	return i;
}

/* The value that begins at `from`: returns its end. A quote in a string may be escaped. */
static size_t setting_end(struct bytes text, size_t from, size_t to, size_t *ret_begin)
{
	const char *ends = " \t\r\n&;'\"";

	*ret_begin = from;
	if (from < to && text.p[from] == '\\')
		from++;
	if (from < to && is_one_of(text.p[from], "'\"")) {
		ends = text.p[from] == '"' ? "\"" : "'";
		*ret_begin = ++from;
	}
	while (from < to && !is_one_of(text.p[from], ends))
		from++;
	return from;
}

/* "password=…", wherever it stands among others. Returns where to go on. */
static size_t setting_mask(struct sql_search *s, struct bytes name, size_t sign, size_t to)
{
	size_t begin, end, from = blanks_end(s->t.text, sign + 1, to);

	if (!sql_text_is_secret(name))
		return sign + 1;
	s->value = from == to;
	end = setting_end(s->t.text, from, to, &begin);
	s->format |= begin < to && s->t.text.p[begin] == '%';
	if (begin < end)
		s->fn(begin, end, s->arg);
	return end > sign ? end : sign + 1;
}

/* What lies between the colon and the last @ of "user:…@", behind "://". */
static size_t url_mask(struct sql_search *s, size_t from, size_t to)
{
	const char *p = s->t.text.p;
	size_t colon = to, at = to, i = from;

	for (; i < to && !is_one_of(p[i], "/?# \t\r\n"); i++) {
		if (p[i] == ':' && colon == to)
			colon = i;
		else if (p[i] == '@')
			at = i;
	}
	if (at == to || colon > at)
		return from;
	if (colon + 1 < at)
		s->fn(colon + 1, at, s->arg);
	return at;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* ---- statements in strings ----------------------------------------------------------------- */

/* The quotes that begin at `at`, each with what escapes it: ', '', \', $$, $tag$. 0 = none do. */
static size_t quotes_length(struct bytes text, size_t at, size_t to)
{
	const char *p = text.p;
	size_t i = at;

	if (i < to && p[i] == '$') {
		for (i++; i < to && is_name(p[i]);)
			i++;
		return i < to && p[i] == '$' ? i + 1 - at : 0;
	}
	while (i < to && (p[i] == '\\' || (is_one_of(p[i], "'\"") &&
					   (i == at || p[i] == p[i - 1] || p[i - 1] == '\\'))))
		i++;
	while (i > at && p[i - 1] == '\\')
		i--;
	return i - at;
}

/* Where the same quotes stand again that began what begins at `from`. Twice of them stand for one
 * in it. */
static size_t quotes_end(struct bytes text, size_t from, size_t to, size_t quotes)
{
	const char *begin = text.p + from - quotes;
	size_t i = from;

	while (to - i >= quotes) {
		size_t n = quotes;

		if (memcmp(text.p + i, begin, quotes) != 0) {
			i++;
			continue;
		}
		if (*begin != '$')
			n = quotes_length(text, i, to);
		assert(n >= quotes);
		if (*begin == '$' || n % (2 * quotes))
			return i;
		i += n;
	}
	return to;
}

/* The E of E'…' and others like it. */
static size_t prefix_end(struct bytes text, size_t i, size_t to)
{
	return to - i > 1 && is_one_of(text.p[i], "EeNnXxBb") && is_one_of(text.p[i + 1], "'\\")
		       ? i + 1
		       : i;
}

/* A constant in quotes behind the word that ends at `end`. Returns where to go on. */
static size_t quoted_mask(struct sql_search *s, size_t end, size_t to)
{
	struct bytes text = s->t.text;
	size_t from = end, prefix, quotes;

	while (from < to && is_one_of(text.p[from], " \t\r\n=:("))
		from++;
	if (from == end)
		return end;
	prefix = from;
	from = prefix_end(text, from, to);
	if (from > prefix && text.p[prefix - 1] == '=') /* or is it password=x, in quotes? */
		s->fn(prefix, from, s->arg);
	quotes = quotes_length(text, from, to);
	s->value = from + quotes == to;
	s->format |= from < to && text.p[from] == '%';
	if (!quotes)
		return end;
	from += quotes;
	end = quotes_end(text, from, to, quotes);
	if (from < end)
		s->fn(from, end, s->arg);
	return end;
}

/* The word that begins at `name`. Returns where to go on. */
static size_t name_look(struct sql_search *s, size_t name, size_t end, size_t to, bool *identified)
{
	struct bytes word = {s->t.text.p + name, end - name};

	if (sql_token_is(word, BYTES("identified")))
		*identified = true;
	else if (sql_text_is_secret(word) || (*identified && sql_text_is_identified_word(word)))
		return quoted_mask(s, end, to);
	return end;
}

/* ---- all of it ----------------------------------------------------------------------------- */

void sql_text_settings(struct sql_search *s, size_t from, size_t to)
{
	const char *p = s->t.text.p;
	size_t name = from, end = from; /* the last name */
	bool identified = false;
	size_t i = from;

	while (i < to) {
		if (is_name(p[i])) {
			name = i;
			while (i < to && is_name(p[i]))
				i++;
			end = i;
			i = name_look(s, name, end, to, &identified);
			if (i > end)
				name = end = i;
		} else if (p[i] == '=') {
			i = setting_mask(s, (struct bytes){p + name, end - name}, i, to);
			name = end = i;
		} else if (p[i] == ':' && to - i > 2 && p[i + 1] == '/' && p[i + 2] == '/') {
			i = url_mask(s, i + 3, to);
			name = end = i;
		} else {
			if (!is_one_of(p[i], " \t\r\n"))
				name = end = i;
			i++;
		}
	}
}
