/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MySQL's client/server protocol, as its documentation has it: packets with a length of three bytes
 * and a number in front; one that is full is followed by another. */
#include <stdio.h>
#include <string.h>

#include "encoders/pcapng/sql_wire.h"

enum {
	PACKET_MOST = 0xffffff,
	COM_INIT_DB = 2,
	COM_QUERY = 3,
	COM_CHANGE_USER = 17,
	COM_STMT_PREPARE = 22,
	COM_STMT_EXECUTE = 23,
	TYPE_VAR_STRING = 253,
	/* Database in the login, 4.1, secure connection, plugin; session tracking, with which the
	 * note of an OK packet has its length in front. */
	CAPABILITIES = 0x888208,
	STATUS_AUTOCOMMIT = 2,
};

static size_t packet_begin(struct sql_wire *w)
{
	sql_wire_le(w, 0, 4);
	return w->n;
}

/* Its length and number go in front. One that is full is followed by another, maybe an empty one:
 * what is too long is moved to make room for their heads. Returns the next number. */
static unsigned packet_end(struct sql_wire *w, size_t begin, unsigned number)
{
	while (!w->full) {
		size_t left = w->n - begin, n = left < PACKET_MOST ? left : PACKET_MOST;

		w->p[begin - 4] = n & 0xff;
		w->p[begin - 3] = n >> 8 & 0xff;
		w->p[begin - 2] = n >> 16 & 0xff;
		w->p[begin - 1] = number++ & 0xff;
		if (n < PACKET_MOST)
			break;
		begin += n;
		sql_wire_le(w, 0, 4);
		if (!w->full)
			memmove(w->p + begin + 4, w->p + begin, left - n);
		begin += 4;
	}
	return number;
}

static void mysql_greeting(struct sql_wire *w, const struct event_query *q)
{
	static const char nothing[10];
	size_t begin = packet_begin(w);

	sql_wire_u8(w, 10); /* protocol */
	sql_wire_string(w, BYTES("penstock"));
	sql_wire_le(w, q->session, 4);
	sql_wire_string(w, BYTES("penstock")); /* beginning of the challenge */
	sql_wire_le(w, CAPABILITIES & 0xffff, 2);
	sql_wire_u8(w, 45); /* utf8mb4 */
	sql_wire_le(w, STATUS_AUTOCOMMIT, 2);
	sql_wire_le(w, CAPABILITIES >> 16, 2);
	sql_wire_u8(w, 21);
	sql_wire_put(w, nothing, sizeof(nothing));
	sql_wire_string(w, BYTES("made up here")); /* its end */
	sql_wire_string(w, BYTES("mysql_native_password"));
	packet_end(w, begin, 0);
}

static void mysql_login(struct sql_wire *w, const struct event_query *q)
{
	static const char nothing[23];
	size_t begin = packet_begin(w);

	sql_wire_le(w, CAPABILITIES, 4);
	sql_wire_le(w, 1 << 24, 4);
	sql_wire_u8(w, 45);
	sql_wire_put(w, nothing, sizeof(nothing));
	sql_wire_string(w, q->user);
	sql_wire_u8(w, 0); /* no password */
	sql_wire_string(w, q->database);
	sql_wire_string(w, BYTES("mysql_native_password"));
	packet_end(w, begin, 1);
}

static void mysql_welcome(struct sql_wire *w, const struct event_query *q)
{
	size_t begin = packet_begin(w);

	sql_wire_le(w, 0, 3); /* it is well, no rows, no inserted id */
	sql_wire_le(w, STATUS_AUTOCOMMIT, 2);
	sql_wire_le(w, 0, 2);
	packet_end(w, begin, 2);
}

static unsigned mysql_command(const struct event_query *q, const struct sql_wire_statement *st)
{
	if (!strcmp(q->command, "database"))
		return COM_INIT_DB;
	if (!strcmp(q->command, "change_user"))
		return COM_CHANGE_USER;
	if (!strcmp(q->command, "prepare"))
		return COM_STMT_PREPARE;
	return st->number ? COM_STMT_EXECUTE : COM_QUERY;
}

/* The text of a statement, up to the end of the packet. Wireshark puts no packets together: of a
 * text of 16 MiB it shows what the first one has, and takes the rest for an unknown command; one of
 * less than two bytes is malformed to it, hence the blanks. */
static void put_text(struct sql_wire *w, struct bytes text)
{
	size_t begin = w->n - 1, n; /* the command */

	sql_wire_text(w, text);
	n = w->n - begin;
	for (size_t last = n % PACKET_MOST; n >= PACKET_MOST && last < 2; last++)
		sql_wire_u8(w, ' ');
}

static void put_execution(struct sql_wire *w, const struct event_query *q,
			  const struct sql_wire_statement *st)
{
	sql_wire_le(w, st->number, 4);
	sql_wire_u8(w, 0);    /* no cursor */
	sql_wire_le(w, 1, 4); /* once */
	if (st->places)
		sql_mysql_values(w, q, st->places);
}

static void mysql_request(struct sql_wire *w, const struct event_query *q,
			  const struct sql_wire_statement *st)
{
	unsigned command = mysql_command(q, st);
	size_t begin = packet_begin(w);

	sql_wire_u8(w, command);
	if (command == COM_CHANGE_USER) {
		sql_wire_string(w, q->user);
		sql_wire_u8(w, 0);
		sql_wire_string(w, q->database);
	} else if (command == COM_STMT_EXECUTE) {
		put_execution(w, q, st);
	} else {
		put_text(w, q->text);
	}
	packet_end(w, begin, 0);
}

static void mysql_prepare(struct sql_wire *w, const struct event_query *q,
			  const struct sql_wire_statement *st)
{
	size_t begin = packet_begin(w);

	sql_wire_u8(w, COM_STMT_PREPARE);
	put_text(w, q->text);
	packet_end(w, begin, 0);
}

/* A place, as servers describe it: by nothing but its name. */
static unsigned put_place(struct sql_wire *w, unsigned number)
{
	/* Length of the rest, binary, type. */
	static const char rest[13] = {0x0c, 0x3f, [7] = (char)TYPE_VAR_STRING};
	size_t begin = packet_begin(w);

	sql_wire_bytes(w, BYTES("\3def\0\0\0\1?\0"));
	sql_wire_put(w, rest, sizeof(rest));
	return packet_end(w, begin, number);
}

static void mysql_prepared(struct sql_wire *w, const struct event_query *q,
			   const struct sql_wire_statement *st)
{
	unsigned places = st->places <= UINT16_MAX ? st->places : 0, number;
	size_t begin = packet_begin(w);

	sql_wire_u8(w, 0);
	sql_wire_le(w, st->number, 4);
	sql_wire_le(w, 0, 2); /* columns: not known */
	sql_wire_le(w, places, 2);
	sql_wire_u8(w, 0);
	sql_wire_le(w, q->warnings, 2);
	number = packet_end(w, begin, 1);
	for (unsigned i = 0; i < places; i++)
		number = put_place(w, number);
	if (!places)
		return;
	begin = packet_begin(w);
	sql_wire_u8(w, 0xfe); /* that was all */
	sql_wire_le(w, 0, 2);
	sql_wire_le(w, STATUS_AUTOCOMMIT, 2);
	packet_end(w, begin, number);
}

static void mysql_error(struct sql_wire *w, const struct event_query *q)
{
	struct bytes state = q->sqlstate.n == 5 ? q->sqlstate : BYTES("HY000");

	sql_wire_u8(w, 0xff);
	sql_wire_le(w, q->error, 2);
	sql_wire_u8(w, '#');
	sql_wire_bytes(w, state);
	/* Without one, Wireshark 4.0 takes the packet for malformed. */
	sql_wire_text(w, q->message.n ? q->message : BYTES("(not recorded)"));
}

/* As the note at the end of an OK packet: the rows themselves, which a result has, are not known.
 */
static void put_rows_sent(struct sql_wire *w, const struct event_query *q)
{
	char note[32];

	if (!q->has_rows_sent)
		return;
	snprintf(note, sizeof(note), "Rows sent: %llu", (unsigned long long)q->rows_sent);
	sql_mysql_length(w, strlen(note));
	sql_wire_bytes(w, bytes_of(note));
}

static void mysql_answer(struct sql_wire *w, const struct event_query *q,
			 const struct sql_wire_statement *st)
{
	size_t begin;

	if (!q->failed && mysql_command(q, st) == COM_STMT_PREPARE) {
		mysql_prepared(w, q, st);
		return;
	}
	begin = packet_begin(w);
	if (q->failed) {
		mysql_error(w, q);
	} else {
		sql_wire_u8(w, 0);
		sql_mysql_length(w, q->has_rows ? q->rows : 0);
		sql_mysql_length(w, 0); /* last inserted id */
		sql_wire_le(w, STATUS_AUTOCOMMIT, 2);
		sql_wire_le(w, q->warnings, 2);
		put_rows_sent(w, q);
	}
	packet_end(w, begin, 1);
}

const struct sql_wire_protocol sql_wire_mysql = {
	.server_first = true,
	.first = mysql_greeting,
	.second = mysql_login,
	.third = mysql_welcome,
	.prepare = mysql_prepare,
	.prepared = mysql_prepared,
	.request = mysql_request,
	.answer = mysql_answer,
};
