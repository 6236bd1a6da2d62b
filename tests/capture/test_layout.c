/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that are short, contradict themselves or are of no known kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "capture/layout.h"

enum {
	TAIL = 12 /* bytes behind the fixed part of a sample */
};

/* A record of any kind, with room for what follows it. */
union sample {
	struct rec rec;
	struct rec_run run;
	struct rec_proc proc;
	struct rec_attach attach;
	struct rec_loss loss;
	struct rec_part part;
	struct rec_fork fork;
	struct rec_exec exec;
	struct rec_exit exit;
	struct rec_line line;
	struct rec_line_end line_end;
	struct rec_data data;
	char room[512];
};

/* Valid, with `tail` bytes of text that is "aaaa…". */
static union sample sample(enum rec_kind kind, size_t fixed, size_t tail)
{
	union sample s;

	memset(&s, 0, sizeof(s));
	memset(s.room + fixed, 'a', tail);
	s.rec.kind = kind;
	s.rec.len = (uint32_t)(fixed + tail);
	return s;
}

static union sample sample_exec(void)
{
	union sample s = sample(REC_EXEC, sizeof(s.exec), TAIL);

	s.exec.exe_len = 3;
	s.exec.cwd_len = 4;
	s.exec.args_len = s.exec.args_total = 5;
	return s;
}

static union sample sample_line(void)
{
	union sample s = sample(REC_LINE, sizeof(s.line), TAIL);

	s.line.shell = LINE_BASH;
	s.line.cwd_len = 5;
	s.line.text_len = 7;
	return s;
}

static union sample sample_data(void)
{
	union sample s = sample(REC_DATA, sizeof(s.data), TAIL);

	s.data.n = TAIL;
	s.data.direction = DATA_RECEIVE;
	s.data.library = DATA_OPENSSL;
	return s;
}

static union sample sample_part(enum rec_kind kind)
{
	union sample s = sample(kind, sizeof(s.part), TAIL);

	s.rec.flags = REC_F_PART;
	s.part.n = TAIL;
	return s;
}

static int decode(const union sample *s)
{
	struct part part;

	return layout_decode(&s->rec, "bash", &part);
}

/* ---- the head ----------------------------------------------------------------------------- */

static void the_head_says_how_long_it_is(void **state)
{
	static char large[REC_MAX + 8];
	struct rec *rec = (struct rec *)large;

	rec->len = sizeof(*rec);
	assert_true(layout_valid(rec, sizeof(*rec)));
	assert_false(layout_valid(rec, sizeof(*rec) - 1));
	rec->len = sizeof(*rec) - 1;
	assert_false(layout_valid(rec, sizeof(large)));
	rec->len = REC_MAX;
	assert_true(layout_valid(rec, REC_MAX));
	assert_false(layout_valid(rec, REC_MAX - 1));
	rec->len = REC_MAX + 1;
	assert_false(layout_valid(rec, sizeof(large)));
}

static void no_kind_may_be_short(void **state)
{
	const union sample samples[] = {
		sample_exec(),         sample(REC_EXIT, sizeof(struct rec_exit), 0),
		sample_line(),         sample(REC_LINE_END, sizeof(struct rec_line_end), 0),
		sample_data(),         sample_part(REC_EXEC),
		sample_part(REC_LINE),
	};
	static const size_t fixed[] = {
		sizeof(struct rec_exec),     sizeof(struct rec_exit), sizeof(struct rec_line),
		sizeof(struct rec_line_end), sizeof(struct rec_data), sizeof(struct rec_part),
		sizeof(struct rec_part),
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		union sample s = samples[i];

		assert_int_equal(decode(&s), 0);
		for (s.rec.len = sizeof(s.rec); s.rec.len < fixed[i]; s.rec.len++)
			assert_int_equal(decode(&s), -EMSGSIZE);
	}
}

static void unknown_kinds_are_said_to_be(void **state)
{
	union sample s = sample(REC_NONE, 200, 0);

	for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
		bool known = kind == REC_EXEC || kind == REC_EXIT || kind == REC_LINE ||
			     kind == REC_LINE_END || kind == REC_DATA || kind == REC_QUERY ||
			     kind == REC_QUERY_END || kind == REC_QUERY_BIND;

		s.rec.kind = (uint8_t)kind;
		s.rec.flags = 0;
		if (!known)
			assert_int_equal(decode(&s), -ENOTSUP);
		s.rec.flags = REC_F_PART; /* of what comes in no parts */
		if (kind != REC_EXEC && kind != REC_LINE && kind != REC_QUERY)
			assert_int_equal(decode(&s), -ENOTSUP);
	}
}

/* ---- what follows it ---------------------------------------------------------------------- */

static void texts_end_with_the_record(void **state)
{
	union sample s = sample_exec();

	s.exec.exe_len++;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_exec();
	s.exec.cwd_len = UINT16_MAX;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_exec();
	s.exec.args_len = s.exec.args_total = UINT32_MAX;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_line();
	s.line.cwd_len++;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_line();
	s.line.text_len = UINT32_MAX;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_data();
	s.data.n++;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_part(REC_LINE);
	s.part.n = UINT32_MAX;
	assert_int_equal(decode(&s), -EBADMSG);
}

static void numbers_must_mean_something(void **state)
{
	union sample s = sample_exec();

	s.exec.args_total = s.exec.args_len - 1;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_line();
	s.line.shell = 99;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_data();
	s.data.library = 0;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_data();
	s.data.direction = 0;
	assert_int_equal(decode(&s), -EBADMSG);
	s = sample_data();
	s.data.flow.role = REC_ROLE_SERVER + 1;
	assert_int_equal(decode(&s), -EBADMSG);
}

/* Older recordings have something there. */
static void reserved_bytes_are_not_read(void **state)
{
	union sample s = sample_data(), line = sample_line(), exec = sample_exec();
	struct part plain, other;

	assert_int_equal(layout_decode(&s.rec, "openssl", &plain), 0);
	s.data.reserved = s.data.reserved2 = UINT64_MAX;
	assert_int_equal(layout_decode(&s.rec, "openssl", &other), 0);
	assert_memory_equal(&plain.ev.data, &other.ev.data, sizeof(plain.ev.data));
	assert_memory_equal(&plain.flow, &other.flow, sizeof(plain.flow));
	memset(line.line.reserved2, 0xff, sizeof(line.line.reserved2));
	assert_int_equal(layout_decode(&line.rec, "bash", &plain), 0);
	assert_true(bytes_eq(plain.text, BYTES("aaaaaaa")));
	exec.exec.reserved = UINT32_MAX;
	assert_int_equal(layout_decode(&exec.rec, "exec", &plain), 0);
	assert_int_equal(plain.ev.exec.argv_total, 5);
}

static void parts_belong_to_a_kind(void **state)
{
	union sample s = sample_part(REC_EXEC);
	struct part part;

	s.rec.flags |= REC_F_MORE;
	s.part.id = 99;
	s.part.pid = 7;
	s.part.offset = 5;
	assert_int_equal(layout_decode(&s.rec, "exec", &part), 0);
	assert_int_equal(part.role, PART_TEXT);
	assert_int_equal(part.ev.kind, EVENT_EXEC);
	assert_int_equal(part.id, 99);
	assert_int_equal(part.pid, 7);
	assert_int_equal(part.offset, 5);
	assert_false(part.last);
	assert_null(part.task);
	s = sample_part(REC_LINE);
	assert_int_equal(layout_decode(&s.rec, "bash", &part), 0);
	assert_int_equal(part.ev.kind, EVENT_LINE);
	assert_true(part.last);
}

/* ---- records of the sources --------------------------------------------------------------- */

static void a_run_has_six_texts(void **state)
{
	static const char texts[] = "host\0os\0kernel\0arch\0version\0command";
	union sample s = sample(REC_RUN, sizeof(s.run), sizeof(texts));
	struct run run = {.pid = 1};
	uint64_t probes[4];

	s.run.version = REC_VERSION;
	s.run.pid = 77;
	memcpy(s.run.data, texts, sizeof(texts));
	assert_int_equal(layout_run(&s.rec, &run, probes), 0);
	assert_true(bytes_eq(run.host, BYTES("host")));
	assert_true(bytes_eq(run.cmdline, BYTES("command")));
	run.pid = 1;
	s.rec.len--; /* the last one does not end */
	assert_int_equal(layout_run(&s.rec, &run, probes), -EBADMSG);
	s.rec.len = sizeof(s.run) - 1;
	assert_int_equal(layout_run(&s.rec, &run, probes), -EMSGSIZE);
	s.rec.len = sizeof(s.run) + sizeof(texts);
	s.run.version = REC_VERSION + 1;
	assert_int_equal(layout_run(&s.rec, &run, probes), -EPROTO);
	assert_int_equal(run.pid, 1); /* untouched on failure */
}

static void an_attachment_and_a_loss(void **state)
{
	union sample s = sample(REC_ATTACH, sizeof(s.attach), TAIL);
	struct event_attach attach;
	struct event_loss loss;

	s.attach.hook_len = 2;
	s.attach.target_len = 4;
	s.attach.note_len = 6;
	assert_int_equal(layout_attach(&s.rec, &attach), 0);
	assert_int_equal(attach.note.n, 6);
	s.attach.target_len++;
	assert_int_equal(layout_attach(&s.rec, &attach), -EBADMSG);
	s.rec.len = sizeof(s.attach) - 1;
	assert_int_equal(layout_attach(&s.rec, &attach), -EMSGSIZE);

	s = sample(REC_LOSS, sizeof(s.loss), TAIL);
	s.loss.reason_len = TAIL;
	assert_int_equal(layout_loss(&s.rec, &loss), 0);
	assert_string_equal(loss.reason, "unknown");
	s.loss.reason_len = (uint32_t)strlen(memcpy(s.loss.data, "queue_full", 11));
	assert_int_equal(layout_loss(&s.rec, &loss), 0);
	assert_string_equal(loss.reason, "queue_full");
	s.loss.reason_len = TAIL + 1;
	assert_int_equal(layout_loss(&s.rec, &loss), -EBADMSG);
	s.rec.len = sizeof(s.loss) - 1;
	assert_int_equal(layout_loss(&s.rec, &loss), -EMSGSIZE);
}

static void what_is_said_of_a_process(void **state)
{
	union sample s = sample(REC_PROC, sizeof(s.proc), TAIL);
	struct layout_proc proc;

	s.proc.task.pid = 5;
	s.proc.exe_len = s.proc.cwd_len = s.proc.cgroup_len = 3;
	s.proc.cmdline_len = 3;
	assert_int_equal(layout_proc(&s.rec, &proc), 0);
	assert_int_equal(proc.task->pid, 5);
	assert_int_equal(proc.cmdline.n, 3);
	s.proc.cmdline_len++;
	assert_int_equal(layout_proc(&s.rec, &proc), -EBADMSG);
	s.rec.len = sizeof(s.proc) - 1;
	assert_int_equal(layout_proc(&s.rec, &proc), -EMSGSIZE);
	s = sample(REC_FORK, sizeof(s.fork), 0);
	s.fork.task.pid = 6;
	assert_int_equal(layout_proc(&s.rec, &proc), 0);
	assert_int_equal(proc.task->pid, 6);
	assert_int_equal(proc.exe.n + proc.cwd.n + proc.cmdline.n, 0);
	s = sample_part(REC_EXEC);
	assert_null(layout_task(&s.rec));
	s = sample(REC_CGROUP, 200, 0);
	assert_null(layout_task(&s.rec));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_says_how_long_it_is),
		cmocka_unit_test(no_kind_may_be_short),
		cmocka_unit_test(unknown_kinds_are_said_to_be),
		cmocka_unit_test(texts_end_with_the_record),
		cmocka_unit_test(numbers_must_mean_something),
		cmocka_unit_test(reserved_bytes_are_not_read),
		cmocka_unit_test(parts_belong_to_a_kind),
		cmocka_unit_test(a_run_has_six_texts),
		cmocka_unit_test(an_attachment_and_a_loss),
		cmocka_unit_test(what_is_said_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
