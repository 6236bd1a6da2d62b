/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conditions: what fits one, what an index leaves of them, what bytes tell. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "capture/archive/query.h"
#include "tests/support/events.h"

#define NOW 1732453700000000000ull /* 20 s after the sample events */

static struct query_texts texts;
static const char *words[8];
static unsigned words_n;

static void begin(void)
{
	texts = (struct query_texts){0};
	words_n = 0;
}

/* Another condition; those of one list are given one after the other. */
static void add(struct opt_list *list, const char *word)
{
	words[words_n] = word;
	if (!list->n)
		list->v = &words[words_n];
	list->n++;
	words_n++;
}

static struct query *compile(void)
{
	struct query *q = NULL;
	struct err err = {""};

	if (query_new(&texts, NOW, &q, &err))
		fail_msg("%s", err.text);
	return q;
}

static bool fits(const struct event *ev)
{
	struct query *q = compile();
	bool r = query_matches(q, ev);

	query_free(q);
	return r;
}

/* Does an event of that kind fit one condition? */
static bool one(struct opt_list *list, const char *word, enum event_kind kind)
{
	struct event ev = events_of(kind);

	begin();
	add(list, word);
	return fits(&ev);
}

static void processes(void **state)
{
	assert_true(one(&texts.pid, "1234", EVENT_EXEC));
	assert_false(one(&texts.pid, "123", EVENT_EXEC));
	assert_false(one(&texts.pid, "1234", EVENT_ATTACH)); /* it is that of no process */
	assert_false(one(&texts.pid, "!1234", EVENT_EXEC));
	assert_true(one(&texts.pid, "!1", EVENT_EXEC));
	assert_true(one(&texts.pid, "!1234", EVENT_ATTACH));
	assert_true(one(&texts.uid, "1000", EVENT_LINE));
	assert_false(one(&texts.uid, "root", EVENT_LINE));
	assert_true(one(&texts.uid, "!root", EVENT_LINE));
	assert_true(one(&texts.comm, "bash", EVENT_EXIT));
	assert_false(one(&texts.comm, "bas", EVENT_EXIT));
	assert_true(one(&texts.comm, "b?s[a-h]", EVENT_EXIT));
	assert_true(one(&texts.comm, "*", EVENT_EXIT));
	assert_true(one(&texts.exe, "/usr/bin/bash", EVENT_EXIT));
	assert_true(one(&texts.exe, "bash", EVENT_EXIT));
	assert_true(one(&texts.exe, "/usr/*", EVENT_EXIT));
	assert_false(one(&texts.exe, "usr", EVENT_EXIT));
	assert_true(one(&texts.container, "0123456", EVENT_DATA));
	assert_false(one(&texts.container, "123456", EVENT_DATA));
	assert_true(one(&texts.status, "1", EVENT_LINE));
	assert_false(one(&texts.status, "!1", EVENT_LINE));
	assert_false(one(&texts.status, "7", EVENT_LINE));
	assert_false(one(&texts.status, "1", EVENT_EXEC));
}

static void a_long_comm_is_cut_as_the_kernel_does(void **state)
{
	struct event ev = events_of(EVENT_EXIT);
	struct proc proc = *ev.proc;

	proc.comm = BYTES("systemd-timesyn");
	ev.proc = &proc;
	begin();
	add(&texts.comm, "systemd-timesyncd");
	assert_true(fits(&ev));
}

static void connections(void **state)
{
	assert_true(one(&texts.port, "8443", EVENT_DATA));
	assert_true(one(&texts.port, "40000", EVENT_DATA));
	assert_false(one(&texts.port, "443", EVENT_DATA));
	assert_false(one(&texts.port, "8443", EVENT_EXEC));
	assert_true(one(&texts.conn, "1234567890abcdef", EVENT_DATA));
	assert_true(one(&texts.conn, "0x1234567890ABCDEF", EVENT_DATA));
	assert_false(one(&texts.conn, "234567890abcdef", EVENT_DATA));
	assert_true(one(&texts.addr, "192.0.2.20", EVENT_DATA));
	assert_true(one(&texts.addr, "192.0.2.1", EVENT_DATA));
	assert_false(one(&texts.addr, "192.0.2.2", EVENT_DATA));
	assert_true(one(&texts.addr, "192.0.2.16/28", EVENT_DATA));
	assert_false(one(&texts.addr, "192.0.2.32/27", EVENT_DATA));
	assert_true(one(&texts.addr, "0.0.0.0/0", EVENT_DATA));
	assert_true(one(&texts.addr, "::ffff:192.0.2.20", EVENT_DATA));
	assert_true(one(&texts.addr, "::ffff:192.0.2.0/120", EVENT_DATA));
	assert_false(one(&texts.addr, "::/0", EVENT_DATA));
	assert_false(one(&texts.addr, "!192.0.2.0/24", EVENT_DATA));
}

static void addresses_of_six(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = *ev.flow;

	flow.family = AF_INET6;
	memcpy(flow.local, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	memcpy(flow.remote, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\x14", 16);
	ev.flow = &flow;
	begin();
	add(&texts.addr, "2001:db8::/33");
	assert_true(fits(&ev));
	begin();
	add(&texts.addr, "2001:db8:8000::/33");
	assert_false(fits(&ev));
	begin();
	add(&texts.addr, "192.0.2.20"); /* IPv4 on a socket of IPv6 */
	assert_true(fits(&ev));
	flow.family = 0; /* the addresses are not known */
	assert_false(fits(&ev));
}

static void kinds(void **state)
{
	assert_true(one(&texts.kind, "exec+exit", EVENT_EXIT));
	assert_true(one(&texts.kind, "exec:exit", EVENT_EXEC));
	assert_false(one(&texts.kind, "exec+exit", EVENT_LINE));
	assert_false(one(&texts.kind, "exec", EVENT_LOSS));
	assert_false(one(&texts.kind, "!stats+loss", EVENT_LOSS));
	assert_true(one(&texts.kind, "!stats", EVENT_LOSS));
}

static void texts_of_events(void **state)
{
	assert_true(one(&texts.text, "n.txt?x", EVENT_DATA));
	assert_false(one(&texts.text, "N.TXT", EVENT_DATA));
	assert_true(one(&texts.text, "ls -l it's", EVENT_EXEC)); /* over several arguments */
	assert_false(one(&texts.text, "here ", EVENT_EXEC));
	assert_true(one(&texts.text, "nonce \"x\" |", EVENT_LINE));
	assert_true(one(&texts.text, "/usr/bin/bash", EVENT_EXIT));
	assert_false(one(&texts.text, "!nonce", EVENT_LINE));
	assert_true(one(&texts.text, "readline", EVENT_ATTACH));
	assert_true(one(&texts.regex, "^Host: \"local", EVENT_DATA));
	assert_true(one(&texts.regex, "GET /[a-z]+\\.txt", EVENT_DATA));
	assert_false(one(&texts.regex, "GET.*Host", EVENT_DATA)); /* within a line */
	assert_false(one(&texts.regex, "get", EVENT_DATA));
	texts.ignore_case = true;
	begin();
	texts.ignore_case = true;
	add(&texts.regex, "^host: ");
	assert_true(fits(&(struct event){
		.kind = EVENT_DATA, .time_unix_ns = 5, .data = events_of(EVENT_DATA).data}));
	begin();
	texts.ignore_case = true;
	add(&texts.text, "hTTp/1.1\r\nh");
	assert_true(fits(&(struct event){.kind = EVENT_DATA, .data = events_of(EVENT_DATA).data}));
}

/* A payload has any bytes, NUL too, and what is sought may be its end. */
static void bytes_of_any_value(void **state)
{
	struct event ev = events_of(EVENT_DATA);

	ev.data.payload = (struct bytes){"\0\xff\n\0needle", 10};
	begin();
	add(&texts.text, "needle");
	assert_true(fits(&ev));
	begin();
	add(&texts.regex, "eedle$");
	assert_true(fits(&ev));
	ev.data.payload.n--;
	assert_false(fits(&ev));
	begin();
	add(&texts.text, "needle");
	assert_false(fits(&ev));
}

/* Whatever a statement has, and nothing that it has not. */
static void statements(void **state)
{
	static const char *const there[] = {"values(?, ?, ?, 'x''y')",
					    "values(?+)",
					    "alice",
					    "shop",
					    "Duplicate entry",
					    "17",
					    "192.0.2.1",
					    "till",
					    "23000"};
	static const char *const not_there[] = {"execute", "mysql", "INSERT", "server"};

	for (unsigned i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		assert_true(one(&texts.text, there[i], EVENT_QUERY));
	for (unsigned i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
		assert_false(one(&texts.text, not_there[i], EVENT_QUERY));
	assert_true(one(&texts.regex, "^insert into t values", EVENT_QUERY));
	assert_true(one(&texts.port, "3306", EVENT_QUERY));
	assert_true(one(&texts.kind, "sql", EVENT_QUERY));
}

/* Values of one name by "or", names by "and"; an exclusion wins. */
static void together(void **state)
{
	struct event ev = events_of(EVENT_DATA);

	begin();
	add(&texts.port, "1");
	add(&texts.port, "8443");
	add(&texts.comm, "bash");
	assert_true(fits(&ev));
	begin();
	add(&texts.port, "8443");
	add(&texts.comm, "zsh");
	assert_false(fits(&ev));
	begin();
	add(&texts.comm, "ba*");
	add(&texts.comm, "!bash");
	assert_false(fits(&ev));
}

static void spans(void **state)
{
	struct event ev = events_of(EVENT_EXIT);

	begin();
	texts.from = "-30s";
	assert_true(fits(&ev));
	texts.from = "-10s";
	assert_false(fits(&ev));
	begin();
	texts.to = "-10s";
	assert_true(fits(&ev));
	texts.from = "2024-11-24";
	texts.to = "2024-11-24"; /* the whole day */
	assert_true(fits(&ev));
}

/* A child of a child, one that was adopted, and a pid that is used again. */
static void trees(void **state)
{
	struct proc proc = {.pid = 100, .ppid = 1, .start_boot_ns = 10};
	struct event ev = {.kind = EVENT_EXIT, .time_unix_ns = 1, .proc = &proc};
	struct query *q;

	begin();
	add(&texts.tree, "100");
	add(&texts.pid, "7");
	q = compile();
	assert_true(query_needs_all(q));
	assert_true(query_matches(q, &ev));
	proc = (struct proc){.pid = 200, .ppid = 100, .start_boot_ns = 20};
	assert_true(query_matches(q, &ev));
	proc = (struct proc){.pid = 300, .ppid = 200, .start_boot_ns = 30};
	assert_true(query_matches(q, &ev));
	proc.ppid = 1; /* its parent has ended */
	assert_true(query_matches(q, &ev));
	proc = (struct proc){.pid = 300, .ppid = 1, .start_boot_ns = 40};
	assert_false(query_matches(q, &ev));
	proc = (struct proc){.pid = 7, .ppid = 1, .start_boot_ns = 50};
	assert_true(query_matches(q, &ev)); /* --pid is the same question */
	proc = (struct proc){.pid = 400, .ppid = 200, .start_boot_ns = 60};
	query_forget(q);
	assert_false(query_matches(q, &ev));
	query_free(q);
	begin();
	add(&texts.tree, "1"); /* by the ancestors that an event names */
	ev = events_of(EVENT_EXEC);
	assert_true(fits(&ev));
}

static void refusals(void **state)
{
	static const struct {
		size_t offset;
		const char *word;
	} rows[] = {
#define ROW(name, word) {offsetof(struct query_texts, name), word}
		ROW(pid, "x"),
		ROW(pid, "4294967296"),
		ROW(pid, ""),
		ROW(tree, "-1"),
		ROW(port, "65536"),
		ROW(uid, "nobody at all"),
		ROW(addr, "1.2.3"),
		ROW(addr, "1.2.3.4/33"),
		ROW(addr, "::/129"),
		ROW(addr, "::1/"),
		ROW(conn, "xyz"),
		ROW(conn, "0x"),
		ROW(conn, "11223344556677889"),
		ROW(kind, "exek"),
		ROW(kind, ""),
		ROW(kind, "exec+"),
		ROW(text, ""),
		ROW(regex, "("),
		ROW(regex, "(a)\\1"),
		ROW(comm, ""),
		ROW(exe, "!"),
#undef ROW
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {""};
		struct query *q;

		begin();
		add((struct opt_list *)((char *)&texts + rows[i].offset), rows[i].word);
		if (query_new(&texts, NOW, &q, &err) != -EINVAL)
			fail_msg("'%s' was taken", rows[i].word);
		assert_true(err.text[0]);
	}
	begin();
	texts.from = "now";
	texts.to = "-1h";
	assert_int_equal(query_new(&texts, NOW, &(struct query *){NULL}, NULL), -EINVAL);
}

/* ---- bytes of records ----------------------------------------------------------------------- */

static bool may_match(const char *text, struct bytes record)
{
	struct query *q;
	bool r;

	begin();
	add(&texts.text, text);
	q = compile();
	r = !query_looks_at_bytes(q) || query_may_match(q, record);
	query_free(q);
	return r;
}

static void what_formats_write_otherwise_is_found(void **state)
{
	assert_true(may_match("a\"b nonce\n", BYTES("{\"command\":\"a\\\"b nonce\\n\"}")));
	assert_true(may_match("ls -l", BYTES("{\"argv\":[\"ls\",\"-l\"]}")));
	assert_true(may_match("nonce", BYTES("{\"payload_base64\":\"/25vbmNl\"}")));
	assert_true(may_match("\"", BYTES("{}"))); /* nothing is known by that */
	assert_true(may_match("h\xc3\xa9", BYTES("{\"command\":\"h\\u00e9\"}")));
	assert_false(may_match("nonce", BYTES("{\"payload\":\"something else\"}")));
}

/* ---- with an index -------------------------------------------------------------------------- */

enum {
	FRAMES = 30,
	EACH = 4
};

static struct proc procs[FRAMES * EACH];
static struct flow flows[FRAMES * EACH];
static char comms[FRAMES * EACH][16];

/* Few different values, so that frames share them. */
static struct event sample(unsigned i, uint64_t *seed)
{
	struct event ev = {.time_unix_ns = NOW + i * 3600000000000ull, .proc = &procs[i]};

	snprintf(comms[i], sizeof(comms[i]), "c%u", events_random(seed) % 9);
	procs[i] = (struct proc){.pid = events_random(seed) % 9,
				 .uid = events_random(seed) % 9,
				 .comm = bytes_of(comms[i]),
				 .exe = bytes_of(comms[i])};
	flows[i] = (struct flow){.id = events_random(seed) % 9,
				 .family = AF_INET,
				 .local_port = (uint16_t)(events_random(seed) % 9),
				 .remote_port = 443,
				 .local = {10, 0, 0, (uint8_t)(events_random(seed) % 9)}};
	ev.kind = events_random(seed) % 2 ? EVENT_DATA : EVENT_EXIT;
	if (ev.kind == EVENT_DATA)
		ev.flow = &flows[i];
	return ev;
}

static struct index *index_of(const struct event *events)
{
	static uint8_t keys[CHUNK_KEYS];
	struct index_writer *w;
	struct index *x;
	struct bytes blob;
	struct err err;

	assert_int_equal(index_writer_new(&w, &err), 0);
	for (unsigned f = 0; f < FRAMES; f++) {
		struct chunk c = {.generation = f + 1, .opens = true, .keys = keys};

		for (unsigned i = f * EACH; i < (f + 1) * EACH; i++) {
			chunk_count(&c, i + 1, events[i].time_unix_ns);
			c.by_kind[events[i].kind]++;
			keys_of_event(&c, &events[i], true, true);
		}
		index_writer_chunk(w, &c);
		index_writer_frame(w, &(struct index_frame){.offset = f * 100, .size = 100});
	}
	assert_int_equal(index_writer_blob(w, FRAMES * 100, &blob), 0);
	assert_int_equal(index_read(blob, &x, &err), 0);
	index_writer_free(w);
	return x;
}

static void ask_something(uint64_t *seed, char room[3][32])
{
	struct opt_list *const lists[] = {&texts.pid,  &texts.uid,  &texts.comm, &texts.exe,
					  &texts.port, &texts.conn, &texts.addr};
	unsigned n = 1 + events_random(seed) % 3, first = events_random(seed) % 7;

	begin();
	for (unsigned i = 0; i < n; i++) {
		unsigned which = (first + i) % 7, v = events_random(seed) % 9;
		static const char *const before[] = {"", "", "c", "c", "", "", "10.0.0."};

		snprintf(room[i], 32, "%s%s%u", events_random(seed) % 4 ? "" : "!", before[which],
			 v);
		add(lists[which], room[i]);
	}
	if (events_random(seed) % 3 == 0)
		texts.from = "2024-11-25T12:00:00Z";
	if (events_random(seed) % 3 == 0)
		add(&texts.kind, events_random(seed) % 2 ? "exit" : "!exit");
}

/* No frame is left out that has an answer, and frames are left out. */
static void an_index_hides_nothing(void **state)
{
	struct event events[FRAMES * EACH];
	uint64_t seed = 99;
	unsigned kept = 0;
	struct index *x;

	for (unsigned i = 0; i < FRAMES * EACH; i++)
		events[i] = sample(i, &seed);
	x = index_of(events);
	for (unsigned round = 0; round < 500; round++) {
		uint8_t frames[FRAMES];
		char room[3][32];
		struct query *q;

		ask_something(&seed, room);
		q = compile();
		memset(frames, 1, sizeof(frames));
		assert_int_equal(query_prune(q, x, frames), 0);
		for (unsigned i = 0; i < FRAMES * EACH; i++)
			if (query_matches(q, &events[i]))
				assert_true(frames[i / EACH]);
		for (unsigned f = 0; f < FRAMES; f++)
			kept += frames[f];
		query_free(q);
	}
	assert_in_range(kept, 1, 500 * FRAMES / 2);
	index_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes),
		cmocka_unit_test(a_long_comm_is_cut_as_the_kernel_does),
		cmocka_unit_test(connections),
		cmocka_unit_test(addresses_of_six),
		cmocka_unit_test(kinds),
		cmocka_unit_test(texts_of_events),
		cmocka_unit_test(bytes_of_any_value),
		cmocka_unit_test(statements),
		cmocka_unit_test(together),
		cmocka_unit_test(spans),
		cmocka_unit_test(trees),
		cmocka_unit_test(refusals),
		cmocka_unit_test(what_formats_write_otherwise_is_found),
		cmocka_unit_test(an_index_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
