/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/pb_schema.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"
#include "tests/support/protobuf.h"
#include "tests/support/replayed.h"
#include "tests/support/temp.h"

static const struct encoder_ops *pb;

static Penstock__V1__Event *next(struct bytes *rest)
{
	return protobuf_unpack(protobuf_take(rest));
}

/* The opening bytes of a generation alone. */
static struct bytes opened(struct encoding *e)
{
	size_t before = e->n;

	encoding_begin(e);
	encoding_ship(e);
	return (struct bytes){(const char *)e->p + before, e->n - before};
}

static struct bytes encoded(struct encoding *e, const struct event *ev)
{
	size_t before = e->n;

	assert_int_equal(encoding_add(e, ev), 0);
	encoding_ship(e);
	return (struct bytes){(const char *)e->p + before, e->n - before};
}

static Penstock__V1__Event *encoded_meta(struct encoding *e)
{
	struct event meta = events_of(EVENT_META);
	Penstock__V1__Event *got;
	struct bytes rest;

	encoding_begin(e);
	rest = encoded(e, &meta);
	got = next(&rest);
	assert_int_equal(rest.n, 0);
	assert_int_equal(got->seq, meta.seq);
	assert_int_equal(got->body_case, PENSTOCK__V1__EVENT__BODY_STREAM_INFO);
	return got;
}

/* The schema stands in the first StreamInfo only. */
static void schema_comes_once(void **state)
{
	struct encoding e;
	Penstock__V1__Event *got;

	encoding_open(&e, pb, NULL, NULL);
	got = encoded_meta(&e);
	assert_int_equal(got->stream_info->descriptor_set.len, pb_schema_set.n);
	assert_memory_equal(got->stream_info->descriptor_set.data, pb_schema_set.p,
			    pb_schema_set.n);
	assert_int_equal(got->stream_info->schema_sha256.len, 32);
	assert_int_equal(got->stream_info->schema_minor, PB_SCHEMA_MINOR);
	PROTOBUF_FREE(got);
	got = encoded_meta(&e);
	assert_int_equal(got->stream_info->descriptor_set.len, 0);
	assert_int_equal(got->stream_info->schema_sha256.len, 32);
	PROTOBUF_FREE(got);
	encoding_close(&e);
}

/* Whoever left out the META (kinds=) has what it says all the same. */
static void stream_is_described_without_meta(void **state)
{
	struct event line = events_of(EVENT_LINE);
	Penstock__V1__Event *got;
	struct encoding e;
	struct bytes rest;

	encoding_open(&e, pb, NULL, NULL);
	rest = opened(&e);
	got = next(&rest);
	assert_int_equal(rest.n, 0);
	assert_int_equal(got->seq, 0);
	assert_int_equal(got->type, PENSTOCK__V1__EVENT_TYPE__META);
	assert_int_equal(got->time_boot_ns, events_run.start_boot_ns);
	assert_string_equal(got->stream_info->host_name, "testhost");
	assert_int_equal(got->stream_info->descriptor_set.len, pb_schema_set.n);
	PROTOBUF_FREE(got);
	encoding_begin(&e);
	rest = encoded(&e, &line);
	got = next(&rest);
	assert_int_equal(got->stream_info->descriptor_set.len, 0);
	PROTOBUF_FREE(got);
	got = next(&rest);
	assert_int_equal(got->type, PENSTOCK__V1__EVENT_TYPE__SHELL);
	PROTOBUF_FREE(got);
	assert_int_equal(rest.n, 0);
	encoding_close(&e);
}

/* A META takes no other place than that of what opened the generation. */
static void meta_overwrites_no_event(void **state)
{
	struct event line = events_of(EVENT_LINE), meta = events_of(EVENT_META);
	struct encoding e;
	struct bytes rest;
	size_t opening;

	encoding_open(&e, pb, NULL, NULL);
	encoding_begin(&e);
	opening = e.out.tail->len;
	assert_int_equal(pb->encode(e.ctx, &line, &e.out), 0);
	encoding_ship(&e);
	e.out.tail->len = opening;
	assert_int_equal(pb->encode(e.ctx, &meta, &e.out), 0);
	assert_true(e.out.tail->len > opening);
	rest = (struct bytes){(const char *)e.out.tail->p + opening, e.out.tail->len - opening};
	protobuf_take(&rest);
	assert_int_equal(rest.n, 0);
	encoding_close(&e);
}

static void run_of_any_size_is_told(void **state)
{
	struct event meta = events_of(EVENT_META);
	struct run run = events_run;
	char *text = calloc(1, CHUNK_SIZE);
	struct encoding e;

	assert_non_null(text);
	run.cmdline = (struct bytes){text, CHUNK_SIZE};
	meta.run = &run;
	encoding_open(&e, pb, NULL, NULL);
	assert_int_equal(pb->preamble(e.ctx, &run, &e.out), -ENOBUFS);
	assert_int_equal(e.out.tail->len, 0);
	assert_true(encoded(&e, &meta).n > CHUNK_SIZE);
	encoding_close(&e);
	free(text);
}

static void stream_id_is_of_the_run(void **state)
{
	struct run other = events_run;
	struct bytes ids[3], rest;
	struct encoding e;
	char kept[3][16];

	for (unsigned i = 0; i < 3; i++) {
		Penstock__V1__Event *got;

		encoding_open(&e, pb, NULL, NULL);
		other.run_id += i == 2;
		assert_int_equal(pb->preamble(e.ctx, &other, &e.out), 0);
		encoding_ship(&e);
		rest = (struct bytes){(const char *)e.p, e.n};
		got = next(&rest);
		assert_int_equal(got->stream_info->stream_id.len, 16);
		memcpy(kept[i], got->stream_info->stream_id.data, 16);
		ids[i] = (struct bytes){kept[i], 16};
		PROTOBUF_FREE(got);
		encoding_close(&e);
	}
	assert_true(bytes_eq(ids[0], ids[1]));
	assert_false(bytes_eq(ids[0], ids[2]));
	assert_memory_not_equal(kept[0], kept[0] + 8, 8);
}

/* What is to be known of a process comes before its first event, and only there. */
static void process_comes_first(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	struct encoding e;
	struct bytes rest;
	Penstock__V1__Event *got;

	encoding_open(&e, pb, NULL, NULL);
	ev.proc_first = true;
	rest = encoded(&e, &ev);
	got = next(&rest);
	assert_int_equal(got->type, PENSTOCK__V1__EVENT_TYPE__PROCESS_INFO);
	assert_int_equal(got->seq, 0);
	assert_int_equal(got->process_info->n_argv, 2);
	PROTOBUF_FREE(got);
	got = next(&rest);
	assert_int_equal(got->type, PENSTOCK__V1__EVENT_TYPE__SHELL);
	assert_int_equal(got->seq, ev.seq);
	PROTOBUF_FREE(got);
	assert_int_equal(rest.n, 0);
	ev.proc_first = false;
	rest = encoded(&e, &ev);
	protobuf_take(&rest);
	assert_int_equal(rest.n, 0);
	encoding_close(&e);
}

/* A process and its event stand in one chunk, or neither does. */
static void nothing_is_left_without_room(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	struct encoding e;
	size_t whole;

	encoding_open(&e, pb, NULL, NULL);
	ev.proc_first = true;
	whole = encoded(&e, &ev).n;
	for (size_t room = 0; room < whole; room++) {
		e.out.tail->len = CHUNK_SIZE - room;
		assert_int_equal(pb->encode(e.ctx, &ev, &e.out), -ENOBUFS);
		assert_int_equal(e.out.tail->len, CHUNK_SIZE - room);
	}
	e.out.tail->len = CHUNK_SIZE - whole;
	assert_int_equal(pb->encode(e.ctx, &ev, &e.out), 0);
	assert_int_equal(e.out.tail->len, CHUNK_SIZE);
	encoding_close(&e);
}

static void too_large_is_refused(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	char *text = calloc(1, CHUNK_JUMBO + 1);
	struct encoding e;

	assert_non_null(text);
	encoding_open(&e, pb, NULL, NULL);
	ev.line.text = (struct bytes){text, CHUNK_JUMBO - 100};
	assert_int_equal(encoding_add(&e, &ev), -EMSGSIZE);
	ev.line.text.n = CHUNK_JUMBO + 1;
	assert_int_equal(encoding_add(&e, &ev), -EMSGSIZE);
	ev.line.text.n = CHUNK_JUMBO - 1000;
	assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_close(&e);
	free(text);
}

/* Every event of a recording is there, in order, written as protobuf-c would have. */
static void recordings_are_whole(void **state)
{
	for (const char *const *path = replayed_files; *path; path++) {
		struct fake_sink sink;
		struct bytes rest;
		uint64_t seq = 0;

		replayed_into(*path, pb, &sink);
		rest = (struct bytes){sink.p, sink.n};
		while (rest.n) {
			Penstock__V1__Event *got = next(&rest);

			if (got->type == PENSTOCK__V1__EVENT_TYPE__PROCESS_INFO)
				assert_int_equal(got->seq, 0);
			else
				assert_int_equal(got->seq, ++seq);
			PROTOBUF_FREE(got);
		}
		assert_true(seq > 10);
		fake_sink_done(&sink);
	}
}

/* With nothing but the file itself, a parser that we did not write knows every field. */
static void schema_decodes_the_file(void **state)
{
	struct event line = events_of(EVENT_LINE);
	Penstock__V1__Event *got;
	struct encoding e;
	char set[4096], *text;
	struct bytes rest;
	int status;

	if (!encoding_has("protoc"))
		skip();
	encoding_open(&e, pb, NULL, NULL);
	rest = opened(&e);
	got = next(&rest);
	snprintf(set, sizeof(set), "%s",
		 temp_file("set", got->stream_info->descriptor_set.data,
			   got->stream_info->descriptor_set.len));
	PROTOBUF_FREE(got);
	rest = encoded(&e, &line);
	rest = protobuf_take(&rest);
	text = encoding_run(&status,
			    "protoc --descriptor_set_in='%s' --decode=penstock.v1.Event "
			    "proto/event.proto <'%s' 2>&1",
			    set, encoding_file(rest.p, rest.n));
	assert_int_equal(status, 0);
	assert_non_null(strstr(text, "command: \"echo nonce \\\"x\\\" | wc -l\""));
	assert_non_null(strstr(text, "exit_code: 1"));
	free(text);
	encoding_close(&e);
}

static int setup(void **state)
{
	pb = encoder_by_name("pb");
	return pb && encoder_by_file("events.pb") == pb ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_comes_once),
		cmocka_unit_test(stream_is_described_without_meta),
		cmocka_unit_test(meta_overwrites_no_event),
		cmocka_unit_test(run_of_any_size_is_told),
		cmocka_unit_test(stream_id_is_of_the_run),
		cmocka_unit_test(process_comes_first),
		cmocka_unit_test(nothing_is_left_without_room),
		cmocka_unit_test(too_large_is_refused),
		cmocka_unit_test(recordings_are_whole),
		cmocka_unit_test(schema_decodes_the_file),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
