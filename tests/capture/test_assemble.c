/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/assemble.h"
#include "kern/events.h"

enum {
	ITEMS = 1024, /* that assembly keeps open at the same time */
	LARGE = 32,   /* of them, with a text above SMALL bytes */
	SMALL = 16 * 1024,
	PID = 10,
	ID = 100
};

/* Assembly, and a line for each event that came out: "kind@time pid 'text' (expanded) =status
 * flags".
 */
struct bench {
	struct assemble *a;
	char said[4096];
	size_t n;
	size_t longest; /* text of an event, which is not printed when it is long */
	unsigned events;
};

static void say(struct bench *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	b->n += (size_t)vsnprintf(b->said + b->n, sizeof(b->said) - b->n, fmt, args);
	va_end(args);
	assert_true(b->n < sizeof(b->said));
}

static void say_text(struct bench *b, const char *fmt, struct bytes text)
{
	if (text.n > b->longest)
		b->longest = text.n;
	if (text.n && text.n < 100)
		say(b, fmt, (int)text.n, text.p);
}

static void take(struct event *ev, const struct rec_task *task, uint64_t time_ns, void *arg)
{
	struct bench *b = arg;

	b->events++;
	if (b->events > 20)
		return;
	say(b, "%s@%llu %u", event_kind_name(ev->kind), (unsigned long long)time_ns, task->pid);
	if (ev->kind == EVENT_EXEC)
		say_text(b, " '%.*s'", ev->exec.argv);
	if (ev->kind == EVENT_LINE) {
		say_text(b, " '%.*s'", ev->line.text);
		say_text(b, " (%.*s)", ev->line.expanded);
		if (ev->line.has_status)
			say(b, " =%d", ev->line.status);
		if (ev->line.duration_ns)
			say(b, " %lluns", (unsigned long long)ev->line.duration_ns);
	}
	say(b, "%s%s%s\n", ev->flags & EVENT_F_UNFINISHED ? " unfinished" : "",
	    ev->flags & EVENT_F_GAP ? " gap" : "",
	    ev->flags & EVENT_F_TRUNCATED ? " truncated" : "");
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->a = assemble_new(take, b);
	assert_non_null(b->a);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	assemble_free(b->a);
	free(b);
	return 0;
}

/* What was said since the last time. */
static void expect(struct bench *b, const char *want)
{
	assert_string_equal(b->said, want);
	b->said[b->n = 0] = 0;
}

static int begin(struct bench *b, enum event_kind kind, uint32_t pid, uint64_t id, const char *text,
		 bool last, uint64_t time_ns)
{
	struct rec_task task = {.pid = pid};
	struct part part = {.role = PART_BEGIN,
			    .pid = pid,
			    .id = id,
			    .task = &task,
			    .text = bytes_of(text),
			    .last = last,
			    .awaits_end = kind == EVENT_LINE,
			    .ev = {.kind = kind}};

	if (kind == EVENT_EXEC) /* as decoders have it */
		part.ev.exec.argv = part.text;
	if (kind == EVENT_LINE)
		part.ev.line.shell = "bash";
	return assemble_part(b->a, &part, time_ns);
}

static int text(struct bench *b, enum event_kind kind, uint32_t offset, struct bytes bytes,
		bool last, uint64_t time_ns)
{
	struct part part = {.role = PART_TEXT,
			    .pid = PID,
			    .id = ID,
			    .offset = offset,
			    .text = bytes,
			    .last = last,
			    .ev = {.kind = kind}};

	if (kind == EVENT_LINE)
		part.ev.line.shell = "bash";

	return assemble_part(b->a, &part, time_ns);
}

static int further_line(struct bench *b, const char *line, bool expanded, uint64_t time_ns)
{
	struct part part = {.role = PART_TEXT,
			    .pid = PID,
			    .id = ID,
			    .text = bytes_of(line),
			    .continues = !expanded,
			    .expanded = expanded,
			    .last = true,
			    .ev = {.kind = EVENT_LINE}};

	return assemble_part(b->a, &part, time_ns);
}

static int end(struct bench *b, uint32_t pid, int status, uint64_t time_ns)
{
	struct part part = {
		.role = PART_END,
		.pid = pid,
		.id = ID,
		.ev = {.kind = EVENT_LINE, .line = {.status = status, .has_status = true}}};

	return assemble_part(b->a, &part, time_ns);
}

/* ---- parts -------------------------------------------------------------------------------- */

/* A line of zsh, and what of it comes later; line: LINE_F_… as layout decodes them. */
static void zsh_line(struct bench *b, struct part part, const char *line, bool last)
{
	static const struct rec_task task = {.pid = PID};

	part.task = &task;
	part.pid = PID;
	part.id = ID;
	part.text = bytes_of(line);
	part.last = last;
	part.awaits_end = true;
	part.ev.kind = EVENT_LINE;
	part.ev.line.shell = "zsh";
	assert_true(assemble_part(b->a, &part, 1) >= 0);
}

static void zsh_escapes_bytes(void **state)
{
	struct bench *b = *state;

	/* the escape and its byte come in two parts */
	zsh_line(b, (struct part){.role = PART_BEGIN}, ": \x83", false);
	zsh_line(b, (struct part){.role = PART_TEXT, .offset = 3}, "\xa3\x83", false);
	zsh_line(b, (struct part){.role = PART_TEXT, .offset = 5}, "\xa4 !!\n", true);
	/* one without its byte ends with its line */
	zsh_line(b, (struct part){.role = PART_TEXT, .continues = true}, "x\x83", true);
	zsh_line(b, (struct part){.role = PART_TEXT, .continues = true}, "y\n", true);
	zsh_line(b, (struct part){.role = PART_TEXT, .whole = true}, ": \x83\xa3 old\n", true);
	assert_int_equal(end(b, PID, 0, 5), 1);
	expect(b, "shell@5 10 ': \x83\x84 !!\nxy' (: \x83 old) =0 4ns\n");
}

static void parts_become_one_event(void **state)
{
	struct bench *b = *state;

	assert_int_equal(begin(b, EVENT_EXEC, PID, ID, "ab", false, 1), 0);
	assert_int_equal(text(b, EVENT_EXEC, 2, BYTES("cd"), false, 2), 1);
	expect(b, "");
	assert_int_equal(text(b, EVENT_EXEC, 4, BYTES("e"), true, 3), 1);
	expect(b, "exec@3 10 'abcde'\n");
	/* it is over: what still comes belongs to nothing */
	assert_int_equal(text(b, EVENT_EXEC, 5, BYTES("f"), true, 4), -ENOENT);
	assert_int_equal(begin(b, EVENT_EXEC, PID, ID, "whole", true, 5), 0);
	expect(b, "exec@5 10 'whole'\n");
}

static void a_missing_part_is_a_gap(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_EXEC, PID, ID, "ab", false, 1);
	text(b, EVENT_EXEC, 4, BYTES("ef"), true, 2);
	expect(b, "exec@2 10 'abef' gap\n");
}

static void the_same_id_of_another_kind_is_not_meant(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_EXEC, PID, ID, "ab", false, 1);
	assert_int_equal(end(b, PID, 1, 2), -ENOENT);
	assert_int_equal(text(b, EVENT_LINE, 2, BYTES("x"), true, 3), -ENOENT);
	text(b, EVENT_EXEC, 2, BYTES("c"), true, 4);
	expect(b, "exec@4 10 'abc'\n");
}

static void lines_are_joined_and_end(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_LINE, PID, ID, "echo !!", true, 1);
	further_line(b, "echo last", true, 2);
	further_line(b, "then", false, 3);
	assert_int_equal(end(b, PID, 7, 10), 1);
	expect(b, "shell@10 10 'echo !!\nthen' (echo last\nthen) =7 7ns\n");
}

static void one_that_begins_again_takes_the_place(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_LINE, PID, ID, "first", true, 1);
	begin(b, EVENT_LINE, PID, ID, "second", true, 2);
	assemble_exit(b->a, PID, 0, 3);
	expect(b, "shell@3 10 'second' =0 1ns\n");
}

/* ---- patience, exit, end ------------------------------------------------------------------ */

static void patience_ends_after_a_second(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_LINE, PID, ID, "sleep", true, 1);
	assemble_tick(b->a, ASSEMBLE_PATIENCE_NS);
	expect(b, "");
	assemble_tick(b->a, ASSEMBLE_PATIENCE_NS + 1);
	expect(b, "shell@1000000001 10 'sleep' unfinished\n");
	assemble_tick(b->a, 3 * ASSEMBLE_PATIENCE_NS);
	expect(b, "");
	end(b, PID, 0, 4 * ASSEMBLE_PATIENCE_NS);
	expect(b, "shell@4000000000 10 'sleep' =0 3999999999ns\n");
}

/* What awaits no end waits for parts only: it is told once. */
static void parts_that_do_not_come_are_a_gap(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_EXEC, PID, ID, "ab", false, 1);
	assemble_tick(b->a, ASSEMBLE_PATIENCE_NS + 1);
	expect(b, "exec@1000000001 10 'ab' unfinished gap\n");
	assert_int_equal(text(b, EVENT_EXEC, 2, BYTES("cd"), true, 2), -ENOENT);
	assemble_finish(b->a, 3);
	expect(b, "");
}

/* Numbers that lead to the same list are not the same process. */
static void exit_ends_what_is_open_in_the_process(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_LINE, PID, ID, "one", true, 1);
	begin(b, EVENT_LINE, PID + ITEMS, ID, "other", true, 2);
	begin(b, EVENT_LINE, PID, ID + 1, "two", true, 3);
	begin(b, EVENT_EXEC, PID, ID, "args", false, 4);
	further_line(b, "more", false, 5); /* of one, which is the newest now */
	assemble_exit(b->a, PID, 3, 10);
	expect(b, "shell@10 10 'two' =3 7ns\n"
		  "exec@10 10 'args' unfinished gap\n"
		  "shell@10 10 'one\nmore' =3 5ns\n");
	assemble_exit(b->a, PID, 3, 11);
	expect(b, "");
	assemble_exit(b->a, PID + ITEMS, -1, 12);
	expect(b, "shell@12 1034 'other' unfinished\n");
}

static void killed_after_the_announcement_is_not_told_again(void **state)
{
	struct bench *b = *state;

	begin(b, EVENT_LINE, PID, ID, "sleep", true, 1);
	assemble_tick(b->a, 2 * ASSEMBLE_PATIENCE_NS);
	expect(b, "shell@2000000000 10 'sleep' unfinished\n");
	assemble_exit(b->a, PID, -1, 3 * ASSEMBLE_PATIENCE_NS);
	expect(b, "");
	assert_int_equal(end(b, PID, 0, 4 * ASSEMBLE_PATIENCE_NS), -ENOENT);
}

static void a_full_table_tells_the_oldest(void **state)
{
	struct bench *b = *state;

	for (uint32_t i = 0; i < ITEMS; i++)
		begin(b, EVENT_LINE, PID + i, ID, "x", true, 1 + i);
	expect(b, "");
	begin(b, EVENT_LINE, PID + ITEMS, ID, "one more", true, 5000);
	expect(b, "shell@5000 10 'x' unfinished\n");
	assert_int_equal(assemble_evicted(b->a), 1);
	assert_int_equal(end(b, PID, 0, 6000), -ENOENT);
	assemble_exit(b->a, PID, 0, 6001);
	expect(b, "");
	assemble_exit(b->a, PID + ITEMS, 1, 7000);
	expect(b, "shell@7000 1034 'one more' =1 2000ns\n");
	assemble_finish(b->a, 8000);
	assert_int_equal(b->events, ITEMS + 1);
}

/* ---- limits ------------------------------------------------------------------------------- */

static void begin_large(struct bench *b, uint32_t pid, struct bytes bytes)
{
	struct rec_task task = {.pid = pid};
	struct part part = {.role = PART_BEGIN,
			    .pid = pid,
			    .id = ID,
			    .task = &task,
			    .last = true,
			    .awaits_end = true,
			    .ev = {.kind = EVENT_LINE, .line = {.shell = "bash"}}};

	for (size_t at = 0; at < bytes.n; at += SMALL) {
		size_t left = bytes.n - at;

		part.offset = (uint32_t)at;
		part.text = (struct bytes){bytes.p + at, left < SMALL ? left : SMALL};
		assemble_part(b->a, &part, 1);
		part.role = PART_TEXT;
	}
}

static void the_limit_of_a_text_holds(void **state)
{
	struct bytes bytes = {calloc(1, REC_QUERY_MAX + 1), REC_QUERY_MAX};
	struct bench *b = *state;

	assert_non_null(bytes.p);
	begin_large(b, PID, bytes);
	end(b, PID, 0, 2);
	expect(b, "shell@2 10 =0 1ns\n");
	assert_int_equal(b->longest, REC_QUERY_MAX);
	bytes.n++;
	begin_large(b, PID, bytes);
	end(b, PID, 0, 2);
	expect(b, "shell@2 10 =0 1ns truncated\n");
	assert_int_equal(b->longest, REC_QUERY_MAX);
	free((char *)bytes.p);
}

/* README: of those that are open at the same time, 32 may be long. */
static void some_texts_may_be_long(void **state)
{
	struct bytes bytes = {calloc(1, 2 * SMALL), 2 * SMALL};
	struct bench *b = *state;

	assert_non_null(bytes.p);
	for (uint32_t i = 0; i <= LARGE; i++)
		begin_large(b, PID + i, bytes);
	assemble_exit(b->a, PID + LARGE, 0, 2);
	assert_int_equal(b->longest, SMALL);
	expect(b, "shell@2 42 =0 1ns truncated\n");
	begin_large(b, PID + LARGE, BYTES("short"));
	assemble_exit(b->a, PID + LARGE, 0, 3);
	expect(b, "shell@3 42 'short' =0 2ns\n");
	assemble_exit(b->a, PID, 0, 4);
	expect(b, "shell@4 10 =0 3ns\n");
	assert_int_equal(b->longest, 2 * SMALL);
	free((char *)bytes.p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(zsh_escapes_bytes),
		TEST(parts_become_one_event),
		TEST(a_missing_part_is_a_gap),
		TEST(the_same_id_of_another_kind_is_not_meant),
		TEST(lines_are_joined_and_end),
		TEST(one_that_begins_again_takes_the_place),
		TEST(patience_ends_after_a_second),
		TEST(parts_that_do_not_come_are_a_gap),
		TEST(exit_ends_what_is_open_in_the_process),
		TEST(killed_after_the_announcement_is_not_told_again),
		TEST(a_full_table_tells_the_oldest),
		TEST(the_limit_of_a_text_holds),
		TEST(some_texts_may_be_long),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
