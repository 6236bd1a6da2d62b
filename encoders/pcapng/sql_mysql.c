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
	/* Database in the login, 4.1, secure connection, plugin; session tracking, with which the
	 * note of an OK packet has its length in front. */
	CAPABILITIES = 0x888208,
	STATUS_AUTOCOMMIT = 2,
};

static void put_le(struct sql_wire *w, uint64_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		sql_wire_u8(w, v & 0xff);
}

static void put_lenenc(struct sql_wire *w, uint64_t v)
{
	if (v < 251) {
		put_le(w, v, 1);
	} else if (v < 1 << 16) {
		sql_wire_u8(w, 0xfc);
		put_le(w, v, 2);
	} else if (v < 1 << 24) {
		sql_wire_u8(w, 0xfd);
		put_le(w, v, 3);
	} else {
		sql_wire_u8(w, 0xfe);
		put_le(w, v, 8);
	}
}

static size_t packet_begin(struct sql_wire *w, unsigned number)
{
	put_le(w, 0, 3);
	sql_wire_u8(w, number);
	return w->n;
}

static void packet_end(struct sql_wire *w, size_t begin)
{
	size_t n = w->n - begin;

	if (w->full)
		return;
	w->p[begin - 4] = n & 0xff;
	w->p[begin - 3] = n >> 8 & 0xff;
	w->p[begin - 2] = n >> 16 & 0xff;
}

static void mysql_greeting(struct sql_wire *w, const struct event_query *q)
{
	static const char nothing[10];
	size_t begin = packet_begin(w, 0);

	sql_wire_u8(w, 10); /* protocol */
	sql_wire_string(w, BYTES("penstock"));
	put_le(w, q->session, 4);
	sql_wire_string(w, BYTES("penstock")); /* beginning of the challenge */
	put_le(w, CAPABILITIES & 0xffff, 2);
	sql_wire_u8(w, 45); /* utf8mb4 */
	put_le(w, STATUS_AUTOCOMMIT, 2);
	put_le(w, CAPABILITIES >> 16, 2);
	sql_wire_u8(w, 21);
	sql_wire_put(w, nothing, sizeof(nothing));
	sql_wire_string(w, BYTES("made up here")); /* its end */
	sql_wire_string(w, BYTES("mysql_native_password"));
	packet_end(w, begin);
}

static void mysql_login(struct sql_wire *w, const struct event_query *q)
{
	static const char nothing[23];
	size_t begin = packet_begin(w, 1);

	put_le(w, CAPABILITIES, 4);
	put_le(w, 1 << 24, 4);
	sql_wire_u8(w, 45);
	sql_wire_put(w, nothing, sizeof(nothing));
	sql_wire_string(w, q->user);
	sql_wire_u8(w, 0); /* no password */
	sql_wire_string(w, q->database);
	sql_wire_string(w, BYTES("mysql_native_password"));
	packet_end(w, begin);
}

static void mysql_welcome(struct sql_wire *w, const struct event_query *q)
{
	size_t begin = packet_begin(w, 2);

	put_le(w, 0, 3); /* it is well, no rows, no inserted id */
	put_le(w, STATUS_AUTOCOMMIT, 2);
	put_le(w, 0, 2);
	packet_end(w, begin);
}

static unsigned mysql_command(const struct event_query *q)
{
	if (!strcmp(q->command, "database"))
		return COM_INIT_DB;
	if (!strcmp(q->command, "change_user"))
		return COM_CHANGE_USER;
	/* An execution is told by its text: Wireshark shows no text for a number. */
	return strcmp(q->command, "prepare") ? COM_QUERY : COM_STMT_PREPARE;
}

static void mysql_request(struct sql_wire *w, const struct event_query *q)
{
	unsigned command = mysql_command(q), number = 0;
	struct bytes left = q->text;
	size_t begin = packet_begin(w, number++);

	sql_wire_u8(w, command);
	if (command == COM_CHANGE_USER) {
		sql_wire_string(w, q->user);
		sql_wire_u8(w, 0);
		sql_wire_string(w, q->database);
		packet_end(w, begin);
		return;
	}
	for (;;) {
		size_t room = PACKET_MOST - (w->n - begin);
		size_t n = left.n < room ? left.n : room;

		sql_wire_put(w, left.p, n);
		packet_end(w, begin);
		if (n < room || w->full)
			return;
		left = (struct bytes){left.p + n, left.n - n};
		begin = packet_begin(w, number++);
	}
}

static void mysql_error(struct sql_wire *w, const struct event_query *q)
{
	struct bytes state = q->sqlstate.n == 5 ? q->sqlstate : BYTES("HY000");

	sql_wire_u8(w, 0xff);
	put_le(w, q->error, 2);
	sql_wire_u8(w, '#');
	sql_wire_bytes(w, state);
	/* Without one, Wireshark 4.0 takes the packet for malformed. */
	sql_wire_bytes(w, q->message.n ? q->message : BYTES("(not recorded)"));
}

/* As the note at the end of an OK packet: the rows themselves, which a result has, are not known.
 */
static void put_rows_sent(struct sql_wire *w, const struct event_query *q)
{
	char note[32];

	if (!q->has_rows_sent)
		return;
	snprintf(note, sizeof(note), "Rows sent: %llu", (unsigned long long)q->rows_sent);
	put_lenenc(w, strlen(note));
	sql_wire_bytes(w, bytes_of(note));
}

static void mysql_answer(struct sql_wire *w, const struct event_query *q)
{
	size_t begin = packet_begin(w, 1);

	if (q->failed) {
		mysql_error(w, q);
	} else if (mysql_command(q) == COM_STMT_PREPARE) {
		sql_wire_u8(w, 0);
		put_le(w, q->statement_id, 4);
		put_le(w, 0, 2 + 2 + 1); /* columns, places, filler */
		put_le(w, q->warnings, 2);
	} else {
		sql_wire_u8(w, 0);
		put_lenenc(w, q->has_rows ? q->rows : 0);
		put_lenenc(w, 0); /* last inserted id */
		put_le(w, STATUS_AUTOCOMMIT, 2);
		put_le(w, q->warnings, 2);
		put_rows_sent(w, q);
	}
	packet_end(w, begin);
}

const struct sql_wire_protocol sql_wire_mysql = {
	.server_first = true,
	.first = mysql_greeting,
	.second = mysql_login,
	.third = mysql_welcome,
	.request = mysql_request,
	.answer = mysql_answer,
};
