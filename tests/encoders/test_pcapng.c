/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "encoders/pcapng/block.h"
#include "encoders/pcapng/journal.h"
#include "proto/event.pb-c.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"

extern const struct encoder_ops encoder_pcapng;

/* ---- a reader of our own: every block, every field ----------------------------------------- */

struct block {
	uint32_t type;
	const uint8_t *body;
	size_t n;
};

/* Takes the block at *at; false at the end. Fails the test when the framing is wrong. */
static bool next_block(const struct encoding *e, size_t *at, struct block *ret)
{
	uint32_t head[2], again;

	if (*at == e->n)
		return false;
	assert_true(e->n - *at >= 12);
	memcpy(head, e->p + *at, 8);
	assert_int_equal(head[1] % 4, 0);
	assert_true(head[1] >= 12 && head[1] <= e->n - *at);
	memcpy(&again, e->p + *at + head[1] - 4, 4);
	assert_int_equal(again, head[1]);
	*ret = (struct block){head[0], e->p + *at + 8, head[1] - 12};
	*at += head[1];
	return true;
}

/* The n-th block of a type; its number in the file is returned, -1 = none. */
static int find(const struct encoding *e, uint32_t type, unsigned n, struct block *ret)
{
	size_t at = 0;

	for (int i = 0; next_block(e, &at, ret); i++)
		if (ret->type == type && n-- == 0)
			return i;
	return -1;
}

/* Walks the fields of a row to its padding and returns the value of name ({NULL, 0} = none). */
static struct bytes field(const struct block *row, const char *name)
{
	const char *p = (const char *)row->body, *end = p + row->n;
	struct bytes found = {0};

	while (p < end && *p) {
		const char *eol = memchr(p, '\n', end - p), *equals, *next;
		struct bytes key, value;

		assert_non_null(eol);
		equals = memchr(p, '=', eol - p);
		if (equals) {
			key = (struct bytes){p, equals - p};
			value = (struct bytes){equals + 1, eol - equals - 1};
			next = eol + 1;
		} else {
			uint64_t n;

			assert_true(end - eol > 8);
			memcpy(&n, eol + 1, 8);
			assert_true(n < (size_t)(end - eol - 9));
			key = (struct bytes){p, eol - p};
			value = (struct bytes){eol + 9, n};
			assert_int_equal(eol[9 + n], '\n');
			next = eol + 9 + n + 1;
		}
		for (size_t i = 0; i < key.n; i++)
			assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", key.p[i]));
		if (bytes_eq(key, bytes_of(name)))
			found = value;
		p = next;
	}
	assert_true(end - p < 4);
	for (; p < end; p++)
		assert_int_equal(*p, 0);
	return found;
}

static void assert_field(const struct block *row, const char *name, struct bytes want)
{
	struct bytes got = field(row, name);

	assert_int_equal(got.n, want.n);
	if (want.n)
		assert_memory_equal(got.p, want.p, want.n);
}

/* The n-th message of a custom block's body. */
static Penstock__V1__Event *message(const struct block *custom, unsigned n)
{
	uint32_t pen, total;
	const uint8_t *p = custom->body + 8, *end;

	memcpy(&pen, custom->body, 4);
	memcpy(&total, custom->body + 4, 4);
	assert_int_equal(pen, PENSTOCK_PEN);
	assert_true(total <= custom->n - 8 && custom->n - 8 - total < 4);
	end = p + total;
	while (p < end) {
		size_t len = 0;
		unsigned shift = 0;

		do
			len |= (size_t)(*p & 0x7f) << shift;
		while (shift += 7, *p++ & 0x80);
		assert_true(len <= (size_t)(end - p));
		if (n-- == 0)
			return penstock__v1__event__unpack(NULL, len, p);
		p += len;
	}
	return NULL;
}

static void record(struct encoding *e, const char *options, const struct event *ev, unsigned n)
{
	encoding_open(e, &encoder_pcapng, options, NULL);
	encoding_begin(e);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(encoding_add(e, &ev[i]), 0);
	encoding_end(e);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void line_is_a_row(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	struct encoding e;
	struct block row;

	ev.flags = EVENT_F_TRUNCATED | EVENT_F_GAP;
	record(&e, NULL, &ev, 1);
	assert_int_equal(find(&e, PCAPNG_SECTION, 0, &row), 0);
	assert_int_equal(find(&e, PCAPNG_INTERFACE, 0, &row), 1);
	assert_int_equal(find(&e, PCAPNG_JOURNAL, 0, &row), 2);
	assert_memory_equal(row.body, "__REALTIME_TIMESTAMP=1732453680123456\n", 38);
	assert_field(&row, "PENSTOCK_TIME", BYTES("1732453680123456789"));
	assert_field(&row, "MESSAGE", ev.line.text);
	assert_field(&row, "PENSTOCK_TYPE", BYTES("shell"));
	assert_field(&row, "PENSTOCK_EXIT_STATUS", BYTES("1"));
	assert_field(&row, "PENSTOCK_DURATION", BYTES("0.020000000"));
	assert_field(&row, "PENSTOCK_FLAGS", BYTES("truncated,gap"));
	assert_field(&row, "PENSTOCK_PARENTS", BYTES("sshd(812) < systemd(1)"));
	assert_field(&row, "_CMDLINE", BYTES("bash --norc"));
	assert_field(&row, "_PID", BYTES("1234"));
	assert_field(&row, "_BOOT_ID", BYTES("b00102030405060708090a0b0c0d0e0f"));
	assert_field(&row, "PENSTOCK_ROW_CUT", (struct bytes){0});
	assert_int_equal(find(&e, PCAPNG_CUSTOM, 0, &row), -1);
	assert_int_equal(find(&e, PCAPNG_STATISTICS, 0, &row), 3);
	encoding_close(&e);
}

static void context_follows_in_one_block(void **state)
{
	struct event ev[] = {events_of(EVENT_LINE), events_of(EVENT_ATTACH), events_of(EVENT_LOSS),
			     events_of(EVENT_LINE)};
	static const Penstock__V1__EventType want[] = {PENSTOCK__V1__EVENT_TYPE__PROCESS_INFO,
						       PENSTOCK__V1__EVENT_TYPE__ATTACH,
						       PENSTOCK__V1__EVENT_TYPE__LOSS};
	struct encoding e;
	struct block b;

	ev[0].proc_first = true;
	record(&e, NULL, ev, 4);
	assert_int_equal(find(&e, PCAPNG_JOURNAL, 2, &b), 4); /* attach has no row */
	assert_int_equal(find(&e, PCAPNG_CUSTOM, 0, &b), 5);
	for (unsigned i = 0; i < 3; i++) {
		Penstock__V1__Event *m = message(&b, i);

		assert_non_null(m);
		assert_int_equal(m->type, want[i]);
		penstock__v1__event__free_unpacked(m, NULL);
	}
	assert_null(message(&b, 3));
	assert_int_equal(find(&e, PCAPNG_CUSTOM, 1, &b), -1);
	encoding_close(&e);
}

static void custom_is_never_first(void **state)
{
	struct event ev = events_of(EVENT_ATTACH);
	struct encoding e;
	struct block b;

	record(&e, NULL, &ev, 1);
	assert_int_equal(find(&e, PCAPNG_JOURNAL, 0, &b), 2);
	assert_int_equal(find(&e, PCAPNG_CUSTOM, 0, &b), 3);
	encoding_close(&e);
}

static void custom_holds_every_event(void **state)
{
	struct event ev[EVENT_KINDS];
	struct encoding e;
	struct block b;

	for (unsigned i = 0; i < EVENT_KINDS; i++)
		ev[i] = events_of(i);
	record(&e, "events=custom", ev, EVENT_KINDS);
	assert_true(find(&e, PCAPNG_CUSTOM, 0, &b) > 0);
	for (unsigned i = 0; i < EVENT_KINDS; i++) {
		Penstock__V1__Event *m = message(&b, i);

		assert_non_null(m);
		assert_int_equal(m->time_unix_nano, ev[i].time_unix_ns);
		penstock__v1__event__free_unpacked(m, NULL);
	}
	encoding_close(&e);
}

static void losses_are_in_the_statistics(void **state)
{
	struct event ev[] = {events_of(EVENT_LINE), events_of(EVENT_LOSS), events_of(EVENT_LOSS)};
	struct encoding e;
	struct block b;
	uint64_t dropped;

	record(&e, NULL, ev, 3);
	assert_true(find(&e, PCAPNG_STATISTICS, 0, &b) > 0);
	memcpy(&dropped, b.body + 12 + 3 * 12 + 4, 8); /* start, end, received, dropped */
	assert_int_equal(dropped, 24);
	encoding_close(&e);
}

/* What a row cannot show whole is flagged there and whole in the custom block. */
static void long_text_is_cut_and_kept(void **state)
{
	size_t n = PCAPNG_JOURNAL_TEXT + 1;
	char *text = malloc(n);
	struct event ev = events_of(EVENT_LINE);
	Penstock__V1__Event *m;
	struct encoding e;
	struct block b;

	memset(text, 'a', n);
	ev.line.text = (struct bytes){text, PCAPNG_JOURNAL_TEXT};
	record(&e, NULL, &ev, 1);
	assert_true(find(&e, PCAPNG_JOURNAL, 0, &b) > 0);
	assert_field(&b, "MESSAGE", ev.line.text);
	assert_field(&b, "PENSTOCK_ROW_CUT", (struct bytes){0});
	encoding_close(&e);
	ev.line.text.n = n;
	record(&e, NULL, &ev, 1);
	assert_true(find(&e, PCAPNG_JOURNAL, 0, &b) > 0);
	assert_field(&b, "MESSAGE", (struct bytes){text, PCAPNG_JOURNAL_TEXT});
	assert_field(&b, "PENSTOCK_ROW_CUT", BYTES("1"));
	assert_true(find(&e, PCAPNG_CUSTOM, 0, &b) > 0);
	m = message(&b, 0);
	assert_int_equal(m->shell->command.len, n);
	penstock__v1__event__free_unpacked(m, NULL);
	encoding_close(&e);
	free(text);
}

static void statements_are_rows(void **state)
{
	struct event ev = events_of(EVENT_QUERY);
	struct encoding e;
	struct block b;

	record(&e, NULL, &ev, 1);
	assert_true(find(&e, PCAPNG_JOURNAL, 0, &b) > 0);
	assert_field(&b, "MESSAGE",
		     BYTES("ERROR 1062 (23000): Duplicate entry '17' for key 'PRIMARY': "
			   "insert into t values(?, ?, ?, 'x''y')"));
	assert_field(&b, "PRIORITY", BYTES("5"));
	assert_field(&b, "PENSTOCK_TYPE", BYTES("sql"));
	assert_field(&b, "PENSTOCK_QUERY_SYSTEM", BYTES("mysql"));
	assert_field(&b, "PENSTOCK_QUERY_PARAM_1", BYTES("17"));
	assert_field(&b, "PENSTOCK_QUERY_PARAM_2_NULL", BYTES("1"));
	assert_field(&b, "PENSTOCK_QUERY_PARAM_4", (struct bytes){0});
	assert_field(&b, "PENSTOCK_QUERY_ERROR_CODE", BYTES("1062"));
	assert_field(&b, "PENSTOCK_QUERY_TOTAL", BYTES("80"));
	assert_field(&b, "PENSTOCK_DURATION", BYTES("0.003000000"));
	assert_field(&b, "PENSTOCK_CONN_ID", BYTES("00778899aabbcc01"));
	assert_field(&b, "PENSTOCK_LOCAL", BYTES("192.0.2.20:3306"));
	assert_field(&b, "PENSTOCK_REMOTE", BYTES("192.0.2.1:40001"));
	encoding_close(&e);
	ev.flow = NULL;
	ev.query.failed = false;
	ev.query.command = "database";
	ev.query.text = BYTES("shop");
	record(&e, NULL, &ev, 1);
	assert_true(find(&e, PCAPNG_JOURNAL, 0, &b) > 0);
	assert_field(&b, "MESSAGE", BYTES("use shop"));
	assert_field(&b, "PRIORITY", BYTES("6"));
	assert_field(&b, "PENSTOCK_QUERY_SQLSTATE", (struct bytes){0});
	assert_field(&b, "PENSTOCK_CONN_ID", (struct bytes){0});
	encoding_close(&e);
}

/* What the packet list shows of an event. */
static enum pcapng_type row_of(enum event_kind kind)
{
	return kind == EVENT_DATA ? PCAPNG_PACKET : PCAPNG_JOURNAL;
}

/* Wireshark dissects no row above 256 KiB, whatever is in it. */
static void rows_stay_below_the_limit(void **state)
{
	size_t n = 1024 * 1024;
	char *text = malloc(n);
	struct proc proc;
	struct encoding e;
	struct block b;

	memset(text, '\xff', n);
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
		struct event ev = events_hostile(kind, (struct bytes){text, n}, &proc);

		record(&e, NULL, &ev, 1);
		assert_true(find(&e, row_of(kind), 0, &b) > 0);
		assert_true(b.n < 262144);
		if (row_of(kind) == PCAPNG_JOURNAL)
			field(&b, "MESSAGE");
		encoding_close(&e);
	}
	free(text);
}

static void too_large_is_refused(void **state)
{
	size_t n = CHUNK_JUMBO + 1;
	char *text = calloc(1, n);
	struct event ev = events_of(EVENT_LINE), exec = events_of(EVENT_EXEC);
	struct encoding e;
	size_t len;

	ev.line.text = exec.exec.argv = (struct bytes){text, n};
	encoding_open(&e, &encoder_pcapng, NULL, NULL);
	encoding_begin(&e);
	len = e.out.tail->len;
	assert_int_equal(encoder_pcapng.encode(e.ctx, &ev, &e.out), -EMSGSIZE);
	assert_int_equal(encoder_pcapng.encode(e.ctx, &exec, &e.out), -EMSGSIZE);
	assert_int_equal(e.out.tail->len, len);
	ev.line.text.n = CHUNK_JUMBO - 100; /* fits alone, but not with its row */
	assert_int_equal(encoding_add(&e, &ev), -EMSGSIZE);
	ev.line.text.n = 7 * 1024 * 1024;
	assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_end(&e);
	encoding_close(&e);
	free(text);
}

/* With every room there can be: all or nothing, and what encode() took can be sealed and ended. */
static void keeps_room_for_the_end(void **state)
{
	struct event ev[3] = {events_of(EVENT_EXEC), events_of(EVENT_LOSS),
			      events_of(EVENT_ATTACH)};
	unsigned refused = 0, taken = 0;

	ev[0].proc_first = true;
	for (size_t cap = 1024; cap < 12000; cap += 3) {
		struct encoding e;
		uint8_t *guard;

		encoding_open(&e, &encoder_pcapng, cap % 2 ? "events=custom" : NULL, NULL);
		encoding_begin(&e);
		guard = e.out.tail->p + cap;
		memset(guard, 0xaa, 256);
		e.out.tail->cap = cap;
		for (unsigned i = 0; i < 3; i++) {
			size_t len = e.out.tail->len;
			int r = encoder_pcapng.encode(e.ctx, &ev[i], &e.out);

			if (r) {
				assert_int_equal(r, -ENOBUFS);
				assert_int_equal(e.out.tail->len, len);
			}
			refused += r != 0;
			taken += r == 0;
		}
		if (cap >= 1024 + PCAPNG_STATISTICS_ROOM)
			assert_int_equal(encoder_pcapng.epilogue(e.ctx, &e.out), 0);
		assert_true(e.out.tail->len <= cap);
		for (unsigned i = 0; i < 256; i++)
			assert_int_equal(guard[i], 0xaa);
		e.out.tail->cap = CHUNK_SIZE;
		encoding_close(&e);
	}
	assert_true(refused > 1000 && taken > 1000);
}

/* Random bytes in every text: each row can be read back, and a command comes back byte for byte. */
static void hostile_bytes_come_back(void **state)
{
	uint64_t seed = 3;
	char text[600];
	struct encoding e;
	struct proc proc;
	struct block b;

	for (unsigned round = 0; round < 3000; round++) {
		size_t n = 1 + events_random(&seed) % (sizeof(text) - 1);
		unsigned mask = round % 3 ? 0xff : 0x7f;
		struct event ev;

		for (size_t i = 0; i < n; i++)
			text[i] = events_random(&seed) & mask;
		ev = events_hostile(round % EVENT_KINDS, (struct bytes){text, n}, &proc);
		ev.proc_first = round % 2;
		record(&e, NULL, &ev, 1);
		assert_true(find(&e, row_of(ev.kind), 0, &b) > 0);
		if (ev.kind == EVENT_LINE) {
			assert_field(&b, "MESSAGE", ev.line.text);
			assert_field(&b, "_COMM", ev.line.text);
		}
		if (row_of(ev.kind) == PCAPNG_JOURNAL)
			field(&b, "");
		encoding_close(&e);
	}
}

static void same_events_same_bytes(void **state)
{
	struct event ev[EVENT_KINDS];
	struct encoding a, b;

	for (unsigned i = 0; i < EVENT_KINDS; i++)
		ev[i] = events_of(i);
	record(&a, "events=custom", ev, EVENT_KINDS);
	record(&b, "events=custom", ev, EVENT_KINDS);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
	encoding_close(&a);
	encoding_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_a_row),
		cmocka_unit_test(context_follows_in_one_block),
		cmocka_unit_test(custom_is_never_first),
		cmocka_unit_test(custom_holds_every_event),
		cmocka_unit_test(losses_are_in_the_statistics),
		cmocka_unit_test(long_text_is_cut_and_kept),
		cmocka_unit_test(statements_are_rows),
		cmocka_unit_test(rows_stay_below_the_limit),
		cmocka_unit_test(too_large_is_refused),
		cmocka_unit_test(keeps_room_for_the_end),
		cmocka_unit_test(hostile_bytes_come_back),
		cmocka_unit_test(same_events_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
