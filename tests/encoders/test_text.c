/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "capture/base/utf8.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"

extern const struct encoder_ops encoder_text;

static void assert_text(const struct event *ev, const char *options, bool colour, const char *want)
{
	const struct encoder_env env = {.colour = colour};
	struct encoding e;

	encoding_open(&e, &encoder_text, options, &env);
	assert_int_equal(encoding_add(&e, ev), 0);
	encoding_end(&e);
	assert_string_equal((char *)e.p, want);
	encoding_close(&e);
}

#define HEAD  "13:08:00.123    1234 bash            "
#define BELOW "                                     "

static void shows_commands(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	struct proc root = *ev.proc;

	assert_text(&ev, NULL, false, HEAD "$ echo nonce \"x\" | wc -l  [1, 20.0 ms]\n");
	root.uid = 0;
	ev.proc = &root;
	ev.line.text = BYTES("for i in 1 2\ndo !echo; done");
	ev.line.expanded = BYTES("for i in 1 2\ndo echo x; done");
	ev.line.has_status = false;
	ev.flags = EVENT_F_UNFINISHED;
	assert_text(&ev, NULL, false,
		    HEAD "# for i in 1 2\n" BELOW "> do !echo; done\n" BELOW
			 "= for i in 1 2\n" BELOW "> do echo x; done  [unfinished]\n");
}

static void shows_programs(void **state)
{
	struct event ev = events_of(EVENT_EXEC);

	assert_text(&ev, NULL, false, HEAD "exec ls -l 'it'\\''s here'  [/usr/bin/ls]\n");
	ev.exec.argv = BYTES("/usr/bin/ls\0\0a\nb\\'\xff\0gr\xc3\xbcn\0");
	ev.flags = EVENT_F_TRUNCATED;
	assert_text(&ev, NULL, false,
		    HEAD "exec /usr/bin/ls '' $'a\\nb\\\\\\'\\xff' gr\xc3\xbcn  [truncated]\n");
}

static void shows_ends(void **state)
{
	struct event ev = events_of(EVENT_EXIT);
	static const struct {
		uint64_t ns;
		const char *line;
	} rows[] = {
		{842999, HEAD "exit 3 after 842 us\n"},
		{999999999, HEAD "exit 3 after 999.9 ms\n"},
		{59940000000, HEAD "exit 3 after 59.9 s\n"},
		{3723000000000, HEAD "exit 3 after 1:02:03\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ev.exit.lifetime_ns = rows[i].ns;
		assert_text(&ev, NULL, false, rows[i].line);
	}
	ev.exit = (struct event_exit){.signal = 11, .core = true, .lifetime_ns = 5000000000};
	assert_text(&ev, NULL, false, HEAD "killed by SIGSEGV, core dumped, after 5.0 s\n");
	ev.exit = (struct event_exit){.signal = 40, .lifetime_ns = 0};
	assert_text(&ev, NULL, false, HEAD "killed by signal 40 after 0 us\n");
}

static void says_losses_in_words(void **state)
{
	struct event ev = events_of(EVENT_LOSS);

	assert_text(&ev, NULL, false,
		    "13:08:00.123                         lost 12 (bash no_space): records lost "
		    "because the ring was full\n");
	ev.loss.reason = "a reason without a row";
	assert_text(&ev, NULL, false,
		    "13:08:00.123                         lost 12 (bash a reason without a row)\n");
}

static void colours_on_demand(void **state)
{
	struct event ev = events_of(EVENT_EXIT);

	assert_text(&ev, NULL, true,
		    "\033[2m13:08:00.123\033[0m    1234 \033[1mbash\033[0m            "
		    "\033[31mexit 3\033[0m after 12.3 ms\n");
}

static void local_time_on_demand(void **state)
{
	struct event ev = events_of(EVENT_EXIT);

	setenv("TZ", "XXX-02:30", 1);
	assert_text(&ev, NULL, false, HEAD "exit 3 after 12.3 ms\n");
	assert_text(&ev, "tz=local", false,
		    "15:38:00.123    1234 bash            exit 3 after 12.3 ms\n");
	unsetenv("TZ");
}

static void skips_context(void **state)
{
	static const enum event_kind kinds[] = {EVENT_META, EVENT_ATTACH, EVENT_STATS};
	struct encoding e;

	encoding_open(&e, &encoder_text, NULL, NULL);
	for (unsigned i = 0; i < 3; i++) {
		struct event ev = events_of(kinds[i]);

		assert_int_equal(encoding_add(&e, &ev), -EOPNOTSUPP);
	}
	assert_int_equal(e.out.tail->len, 0);
	encoding_close(&e);
}

/* Nothing a target does may reach the terminal as more than visible characters. */
static void nothing_moves_the_cursor(void **state)
{
	uint64_t seed = 5;
	static const char *const turning[] = {"\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\x8f",
					      "\xe2\x80\xa8", "\xc2\x9b"};
	static const enum event_kind kinds[] = {EVENT_LINE, EVENT_EXEC, EVENT_EXIT};
	char text[200];
	struct encoding e;
	struct proc proc;

	encoding_open(&e, &encoder_text, NULL, NULL);
	for (unsigned round = 0; round < 3000; round++) {
		size_t n = events_random(&seed) % sizeof(text);
		struct event ev;

		for (size_t i = 0; i < n; i++)
			text[i] = round < 256 ? round + i : events_random(&seed);
		if (n > 20)
			memcpy(text + 10, turning[round % 5], strlen(turning[round % 5]));
		ev = events_hostile(kinds[round % 3], (struct bytes){text, n}, &proc);
		assert_int_equal(encoding_add(&e, &ev), 0);
	}
	encoding_end(&e);
	for (size_t i = 0; i < e.n; i++)
		if (e.p[i] == '\n')
			e.p[i] = ' ';
	assert_true(utf8_printable((struct bytes){(char *)e.p, e.n}));
	assert_null(memchr(e.p, '\t', e.n));
	for (unsigned i = 0; i < 5; i++)
		assert_null(memmem(e.p, e.n, turning[i], strlen(turning[i])));
	encoding_close(&e);
}

static void leaves_the_chunk_alone(void **state)
{
	char big[CHUNK_SIZE];
	struct event ev = events_of(EVENT_LINE);
	struct encoding e;

	memset(big, 1, sizeof(big));
	encoding_open(&e, &encoder_text, NULL, NULL);
	for (size_t cap = 0; cap < 200; cap++) {
		int r;

		e.out.tail->cap = cap;
		e.out.tail->p[cap] = 0xaa;
		r = encoder_text.encode(e.ctx, &ev, &e.out);
		assert_int_equal(e.out.tail->p[cap], 0xaa);
		assert_true(r ? r == -ENOBUFS && e.out.tail->len == 0 : e.out.tail->len <= cap);
		chunk_reset(e.out.tail);
	}
	e.out.tail->cap = CHUNK_SIZE;
	ev.line.text = (struct bytes){big, sizeof(big)};
	assert_int_equal(encoder_text.encode(e.ctx, &ev, &e.out), -ENOBUFS);
	assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_commands),
		cmocka_unit_test(shows_programs),
		cmocka_unit_test(shows_ends),
		cmocka_unit_test(says_losses_in_words),
		cmocka_unit_test(colours_on_demand),
		cmocka_unit_test(local_time_on_demand),
		cmocka_unit_test(skips_context),
		cmocka_unit_test(nothing_moves_the_cursor),
		cmocka_unit_test(leaves_the_chunk_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
