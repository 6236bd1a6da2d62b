/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/mysql.h"

enum {
	PACKET_HEAD = 4, /* length, number */
	PACKET_MOST = 0xffffff,
	LOGIN_FIXED = 32,
	LOGIN_COMPRESS = 0x20, /* in the first byte of its capabilities */
	LOGIN_LONG = 250,      /* an answer that is longer has a length of several bytes */
	COMMANDS = 0x21,
};

enum command {
	COMMAND_QUERY = 0x03,
	COMMAND_CHANGE_USER = 0x11,
	COMMAND_PREPARE = 0x16,
	COMMAND_EXECUTE = 0x17,
	COMMAND_LONG_DATA = 0x18
};

/* What the rest of a packet is. */
enum packet_mode {
	MODE_COMMAND, /* it begins with one */
	MODE_SQL,
	MODE_SECRET,
	MODE_PLAIN,
	MODE_PARAMETERS, /* secret behind numbers */
	MODE_LOGIN,
	MODE_LOGIN_USER,
	MODE_LOGIN_LENGTH,
	MODE_LOGIN_ANSWER
};

enum {
	PARAMETERS_AT = 10, /* behind command, statement, flags, iterations */
	LONG_DATA_AT = 7    /* behind command, statement, parameter */
};

static uint32_t packet_length(const uint8_t *head)
{
	return head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16;
}

static void packet_end(struct redact_mysql *m)
{
	m->continues = packet_length(m->head) == PACKET_MOST;
	m->head_n = 0;
}

/* Commands have the number 0. Others belong to a login, or are what the server asked for: a
 * password in plain text, a file. */
static void packet_begin(struct redact_mysql *m)
{
	m->left = packet_length(m->head);
	if (!m->continues) {
		m->at = 0;
		if (m->head[3] == 0)
			m->mode = MODE_COMMAND;
		else if (!m->begun && m->left > LOGIN_FIXED)
			m->mode = MODE_LOGIN;
		else
			m->mode = m->begun ? MODE_SECRET : MODE_PLAIN;
		m->begun |= m->left > LOGIN_FIXED; /* else it asks for TLS */
	}
	if (m->compressed)
		m->mode = MODE_SECRET;
	if (!m->left)
		packet_end(m);
}

static void command_begin(struct redact_mysql *m, uint8_t command)
{
	switch (command) {
	case COMMAND_QUERY:
	case COMMAND_PREPARE:
		sql_lex_begin(&m->sql, SQL_MYSQL);
		m->mode = MODE_SQL;
		break;
	case COMMAND_CHANGE_USER:
		m->mode = MODE_SECRET;
		break;
	case COMMAND_EXECUTE:
	case COMMAND_LONG_DATA:
		m->mode = MODE_PARAMETERS;
		break;
	default:
		m->mode = MODE_PLAIN;
	}
	m->auth = command == COMMAND_EXECUTE ? PARAMETERS_AT : LONG_DATA_AT;
}

/* One byte of a part whose end is found by looking at it. True when it is to be masked. */
static bool packet_byte(struct redact_mysql *m, uint8_t byte)
{
	switch ((enum packet_mode)m->mode) {
	case MODE_COMMAND:
		command_begin(m, byte);
		break;
	case MODE_PARAMETERS:
		return m->at >= m->auth;
	case MODE_LOGIN:
		if (m->at == 0)
			m->compressed = byte & LOGIN_COMPRESS;
		if (m->at == LOGIN_FIXED - 1)
			m->mode = MODE_LOGIN_USER;
		break;
	case MODE_LOGIN_USER:
		if (!byte)
			m->mode = MODE_LOGIN_LENGTH;
		break;
	case MODE_LOGIN_LENGTH:
		m->auth = byte;
		m->mode = !byte ? MODE_PLAIN : byte > LOGIN_LONG ? MODE_SECRET : MODE_LOGIN_ANSWER;
		break;
	case MODE_LOGIN_ANSWER:
		if (!--m->auth)
			m->mode = MODE_PLAIN;
		return true;
	case MODE_SQL:
	case MODE_SECRET:
	case MODE_PLAIN:
		break;
	}
	return false;
}

static size_t payload_feed(struct redact_mysql *m, struct redact_copy *c, size_t from, size_t to)
{
	size_t n = to - from < m->left ? to - from : m->left;

	if (m->mode == MODE_SQL) {
		redact_sql_feed(&m->sql, c, from, from + n);
	} else if (m->mode == MODE_SECRET) {
		redact_copy_mask(c, from, from + n, '*');
	} else if (m->mode != MODE_PLAIN) {
		n = 1;
		if (packet_byte(m, (uint8_t)c->in.p[from]))
			redact_copy_mask(c, from, from + 1, '*');
	}
	m->at += (uint32_t)n;
	m->left -= (uint32_t)n;
	if (!m->left)
		packet_end(m);
	return from + n;
}

/* A command that a call wrote whole. */
static bool packet_found(struct bytes text)
{
	const uint8_t *p = (const uint8_t *)text.p;

	return text.n > PACKET_HEAD && packet_length(p) == text.n - PACKET_HEAD && !p[3] &&
	       p[4] < COMMANDS;
}

void redact_mysql_feed(struct redact_mysql *m, struct redact_copy *c, size_t from, size_t to,
		       bool call_begins)
{
	if (m->searching && call_begins && packet_found((struct bytes){c->in.p + from, to - from}))
		m->searching = false;
	if (m->searching)
		redact_copy_mask(c, from, to, '*');
	while (from < to && !m->searching) {
		if (m->head_n < PACKET_HEAD) {
			m->head[m->head_n++] = (uint8_t)c->in.p[from++];
			if (m->head_n == PACKET_HEAD)
				packet_begin(m);
		} else {
			from = payload_feed(m, c, from, to);
		}
	}
}

void redact_mysql_late(struct redact_mysql *m)
{
	*m = (struct redact_mysql){.begun = true, .searching = true};
}

void redact_mysql_gap(struct redact_mysql *m, uint64_t missing)
{
	if (m->searching)
		return;
	if (m->head_n < PACKET_HEAD || missing > m->left || m->mode == MODE_LOGIN) {
		redact_mysql_late(m);
		return;
	}
	if (m->mode != MODE_PLAIN)
		m->mode = MODE_SECRET;
	m->left -= (uint32_t)missing;
	if (!m->left)
		packet_end(m);
}
