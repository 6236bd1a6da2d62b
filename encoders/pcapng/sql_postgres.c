/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PostgreSQL's frontend/backend protocol 3.0: messages of a letter, a length that counts itself,
 * and a body; the first one of a client has no letter. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "capture/query_params.h"
#include "encoders/pcapng/sql_wire.h"

static void put_be(struct sql_wire *w, uint32_t v, unsigned bytes)
{
	while (bytes--)
		sql_wire_u8(w, v >> 8 * bytes & 0xff);
}

static size_t message_begin(struct sql_wire *w, char type)
{
	if (type)
		sql_wire_u8(w, (uint8_t)type);
	put_be(w, 0, 4);
	return w->n;
}

static void message_end(struct sql_wire *w, size_t begin)
{
	size_t n = w->n - begin + 4;

	for (unsigned i = 0; i < 4 && !w->full; i++)
		w->p[begin - 4 + i] = n >> (24 - 8 * i) & 0xff;
}

static void put_message(struct sql_wire *w, char type, struct bytes text)
{
	size_t begin = message_begin(w, type);

	sql_wire_bytes(w, text);
	message_end(w, begin);
}

static void postgres_startup(struct sql_wire *w, const struct event_query *q)
{
	size_t begin = message_begin(w, 0);

	put_be(w, 3 << 16, 4);
	sql_wire_string(w, BYTES("user"));
	sql_wire_string(w, q->user);
	sql_wire_string(w, BYTES("database"));
	sql_wire_string(w, q->database);
	sql_wire_string(w, BYTES("application_name"));
	sql_wire_string(w, q->application);
	sql_wire_u8(w, 0);
	message_end(w, begin);
}

static void postgres_welcome(struct sql_wire *w, const struct event_query *q)
{
	size_t begin;

	put_message(w, 'R', BYTES("\0\0\0\0")); /* nothing more is wanted */
	begin = message_begin(w, 'K');
	put_be(w, (uint32_t)q->session, 4);
	put_be(w, 0, 4);
	message_end(w, begin);
	put_message(w, 'Z', BYTES("I"));
}

static void put_bind(struct sql_wire *w, const struct event_query *q)
{
	struct query_params_reader r;
	struct query_value value;
	size_t begin = message_begin(w, 'B'), count;
	unsigned n = 0;

	sql_wire_u8(w, 0); /* no name of a portal, nor of a statement */
	sql_wire_u8(w, 0);
	put_be(w, 0, 2); /* formats: all are text */
	count = w->n;
	put_be(w, 0, 2);
	if (q->params.format && !query_params_begin(&r, &q->params, 0)) {
		for (; query_params_next(&r, &value) == 1 && n < UINT16_MAX; n++) {
			put_be(w, value.null ? UINT32_MAX : (uint32_t)value.text.n, 4);
			if (!value.null)
				sql_wire_bytes(w, value.text);
		}
	}
	put_be(w, 0, 2); /* formats of results */
	message_end(w, begin);
	if (w->full)
		return;
	w->p[count] = n >> 8 & 0xff;
	w->p[count + 1] = n & 0xff;
}

static bool is_extended(const struct event_query *q)
{
	return !strcmp(q->command, "execute") || !strcmp(q->command, "prepare") ||
	       !strcmp(q->command, "bind");
}

static void postgres_request(struct sql_wire *w, const struct event_query *q,
			     const struct sql_wire_statement *st)
{
	bool prepares = !strcmp(q->command, "prepare");
	size_t begin;

	if (!is_extended(q)) {
		begin = message_begin(w, 'Q');
		sql_wire_string(w, q->text);
		message_end(w, begin);
		return;
	}
	begin = message_begin(w, 'P');
	sql_wire_string(w, prepares ? q->statement_name : (struct bytes){0});
	sql_wire_string(w, q->text);
	put_be(w, 0, 2);
	message_end(w, begin);
	if (!prepares) {
		put_bind(w, q);
		put_message(w, 'E', BYTES("\0\0\0\0\0"));
	}
	put_message(w, 'S', (struct bytes){0});
}

/* The next word from *at on, in capitals as the server says it; longer ones are cut. */
static size_t tag_word(char *to, size_t room, struct bytes text, size_t *at)
{
	size_t n = 0;

	while (*at < text.n && !isalpha((uint8_t)text.p[*at]))
		++*at;
	for (; *at < text.n && isalpha((uint8_t)text.p[*at]); ++*at)
		if (n < room - 1)
			to[n++] = (char)toupper((uint8_t)text.p[*at]);
	to[n] = '\0';
	return n;
}

/* Is it one of these words, each with a blank behind it? */
static bool tag_is_one(const char *word, const char *words)
{
	const char *at = strstr(words, word);
	size_t n = strlen(word);

	return n && at && (at == words || at[-1] == ' ') && at[n] == ' ';
}

/* What is made, changed or removed: behind what may stand in between. */
static void tag_object(char *to, size_t room, struct bytes text, size_t at)
{
	do
		tag_word(to, room, text, &at);
	while (tag_is_one(to, "OR REPLACE GLOBAL LOCAL TEMP TEMPORARY UNLOGGED UNIQUE RECURSIVE "));
}

/* The answer to a statement that succeeded: "SELECT 5", "INSERT 0 1", "CREATE TABLE". The
 * fingerprint is the text without the comments that may stand in front of its first word. */
static void put_completion(struct sql_wire *w, const struct event_query *q)
{
	struct bytes text = q->fingerprint.n ? q->fingerprint : q->text;
	char verb[24], object[24] = "", tag[96];
	size_t at = 0, begin, n;
	bool counts;

	if (!tag_word(verb, sizeof(verb), text, &at)) { /* an empty statement */
		put_message(w, 'I', (struct bytes){0});
		return;
	}
	counts = tag_is_one(verb, "SELECT INSERT UPDATE DELETE MERGE COPY FETCH MOVE WITH VALUES "
				  "TABLE EXECUTE ");
	if (tag_is_one(verb, "CREATE ALTER DROP "))
		tag_object(object, sizeof(object), text, at);
	n = (size_t)snprintf(tag, sizeof(tag), "%s%s%s", verb, *object ? " " : "", object);
	if (q->has_rows && (counts || q->rows)) /* where there are several, another one's */
		snprintf(tag + n, sizeof(tag) - n, strcmp(verb, "INSERT") ? " %llu" : " 0 %llu",
			 (unsigned long long)q->rows);
	begin = message_begin(w, 'C');
	sql_wire_string(w, bytes_of(tag));
	message_end(w, begin);
}

static void put_error(struct sql_wire *w, const struct event_query *q)
{
	size_t begin = message_begin(w, 'E');

	sql_wire_string(w, BYTES("SERROR"));
	sql_wire_u8(w, 'C');
	sql_wire_string(w, q->sqlstate);
	sql_wire_u8(w, 'M');
	sql_wire_string(w, q->message);
	sql_wire_u8(w, 0);
	message_end(w, begin);
}

static void postgres_answer(struct sql_wire *w, const struct event_query *q,
			    const struct sql_wire_statement *st)
{
	bool prepares = !strcmp(q->command, "prepare");

	if (q->failed) {
		put_error(w, q);
	} else {
		if (is_extended(q))
			put_message(w, '1', (struct bytes){0});
		if (is_extended(q) && !prepares)
			put_message(w, '2', (struct bytes){0});
		if (!strcmp(q->command, "call"))
			put_message(w, 'V', BYTES("\xff\xff\xff\xff")); /* its value is not known */
		else if (!prepares)
			put_completion(w, q);
	}
	put_message(w, 'Z', BYTES("I"));
}

const struct sql_wire_protocol sql_wire_postgres = {
	.first = postgres_startup,
	.second = postgres_welcome,
	.request = postgres_request,
	.answer = postgres_answer,
};
