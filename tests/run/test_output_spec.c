/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/run/output_spec.h"
#include "tests/support/temp.h"

enum {
	ALL = (1u << EVENT_KINDS) - 1
};

static void names(void **state)
{
	static const struct {
		const char *text, *sink, *encoder, *target;
	} rows[] = {
		{NULL, "stdout", "text", "-"},
		{"-,format=jsonl", "stdout", "jsonl", "-"},
		{"out.pcapng", "file", "pcapng", "out.pcapng"},
		{"a/b.d/c.jsonl", "file", "jsonl", "a/b.d/c.jsonl"},
		{"x.unknown,format=raw", "file", "raw", "x.unknown"},
		{"x.pcapng,format=jsonl", "file", "jsonl", "x.pcapng"},
		{"a\\,b=c.raw", "file", "raw", "a,b=c.raw"},
		{"dir/a://b.jsonl", "file", "jsonl", "dir/a://b.jsonl"},
		{"file://x.jsonl", "file", "jsonl", "x.jsonl"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output_spec spec;

		assert_int_equal(output_spec_parse(rows[i].text, &spec, NULL), 0);
		assert_string_equal(spec.sink->name, rows[i].sink);
		assert_string_equal(spec.encoder->name, rows[i].encoder);
		assert_string_equal(spec.target, rows[i].target);
		assert_int_equal(spec.kinds, ALL);
		output_spec_done(&spec);
	}
}

static void keys(void **state)
{
	struct output_spec spec;

	assert_int_equal(
		output_spec_parse("x.jsonl,kinds=exec:exit,flush=2s,hold=500ms", &spec, NULL), 0);
	assert_int_equal(spec.kinds, 1u << EVENT_EXEC | 1u << EVENT_EXIT | 1u << EVENT_LOSS);
	assert_true(spec.keys.flush_ns == 2000000000ull);
	assert_true(spec.keys.hold_ns == 500000000ull);
	output_spec_done(&spec);
	assert_int_equal(output_spec_parse("x.jsonl,kinds=shell+meta", &spec, NULL), 0);
	assert_int_equal(spec.kinds, 1u << EVENT_LINE | 1u << EVENT_META | 1u << EVENT_LOSS);
	assert_true(spec.keys.flush_ns == 1);
	output_spec_done(&spec);
}

/* Endpoints stand behind commas, as keys do. */
static void endpoints_are_no_keys(void **state)
{
	static const struct {
		const char *text, *target;
		bool redact;
	} rows[] = {
		{"tcp://a:1,redact", "a:1", true},
		{"tcp://a:1,b:2,redact", "a:1,b:2", true},
		{"tcp://a:1,[::1]:2,format=jsonl", "a:1,[::1]:2", false},
		{"fstrm://a:1,10.0.0.1:2", "a:1,10.0.0.1:2", false},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output_spec spec;

		assert_int_equal(output_spec_parse(rows[i].text, &spec, NULL), 0);
		assert_string_equal(spec.target, rows[i].target);
		assert_int_equal(spec.keys.redact, rows[i].redact);
		output_spec_done(&spec);
	}
}

/* Streams of one run that differ are different streams; the same text gives the same. */
static void streams_are_told_apart(void **state)
{
	static const char *const texts[] = {
		"x.pb",      "x.pb,kinds=exec", "x.pb,redact",          "x.pb,payload=5",
		"tcp://h:1", "tcp://h:2",       "tcp://h:1,kinds=exec", "x.pb,passwords"};
	uint64_t ids[sizeof(texts) / sizeof(texts[0])];

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct output_spec spec;

		assert_int_equal(output_spec_parse(texts[i], &spec, NULL), 0);
		ids[i] = output_spec_stream(&spec);
		assert_true(ids[i] == output_spec_stream(&spec));
		for (unsigned k = 0; k < i; k++)
			assert_true(ids[k] != ids[i]);
		output_spec_done(&spec);
	}
	assert_int_equal(ids[0], 0); /* files as they always were */
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"x.unknown", "-w x.unknown: the name tells no format"},
		{"x", "-w x: the name tells no format"},
		{"", "-w needs the name of an output"},
		{",format=raw", "-w needs the name of an output"},
		{"nosuch://x", "-w nosuch://x: unknown scheme 'nosuch://'; there are file://"},
		{"x.raw,format=pcapgn",
		 "-w x.raw: unknown format 'pcapgn'; did you mean 'pcapng'?"},
		{"x.raw,format=zzzz", "-w x.raw: unknown format 'zzzz'; there are pcapng, jsonl"},
		{"x.jsonl,nosuch=1", "-w x.jsonl: unknown option 'nosuch'"},
		{"x.jsonl,flush=1us", "-w x.jsonl: flush: '1us' is too small (at least 1ms)"},
		{"x.jsonl,kinds=exc",
		 "-w x.jsonl: kinds: there is no kind 'exc'; did you mean 'exec'?"},
		{"x.jsonl,kinds=", "-w x.jsonl: kinds: there is no kind ''; there are meta, exec"},
		{"x.raw,kinds=exec", "-w x.raw: kinds: raw takes everything"},
		{"tcp://h", "-w tcp://h: 'h' names no port (host:port)"},
		{"tcp://h:1,k:2,nosuch=1", "-w tcp://h:1,k:2: unknown option 'nosuch'"},
		{"fstrm://h:1,format=jsonl", "-w fstrm://h:1: fstrm:// does not carry jsonl"},
		{"fstrm://h:1,format=pb.zst",
		 "-w fstrm://h:1: fstrm:// carries events as they are: no .zst"},
		{"x,format=otlp", "-w x: otlp is a format of streams, not of files"},
		{"x.pb,spool=/x", "-w x.pb: spool: only streams to a receiver have one"},
		{"tcp://h:1,format=pcapng,spool=/x", "-w tcp://h:1: spool: in pcapng what comes"},
		{"x.pcapng,on-full=drop-oldest", "-w x.pcapng: on-full: in pcapng what comes"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output_spec spec;
		struct err err;

		assert_int_equal(output_spec_parse(rows[i].text, &spec, &err), -EINVAL);
		if (strncmp(err.text, rows[i].why, strlen(rows[i].why)))
			assert_string_equal(err.text, rows[i].why);
	}
}

static bool same(const char *a, const char *b)
{
	struct output_spec spec_a, spec_b;
	bool ret;

	assert_int_equal(output_spec_parse(a, &spec_a, NULL), 0);
	assert_int_equal(output_spec_parse(b, &spec_b, NULL), 0);
	ret = output_spec_same(&spec_a, &spec_b);
	output_spec_done(&spec_a);
	output_spec_done(&spec_b);
	return ret;
}

static void twice(void **state)
{
	assert_true(same("x.jsonl", "./x.jsonl"));
	assert_true(same("tests/../x.jsonl", "x.jsonl"));
	assert_true(same("x.raw", "x.raw,format=jsonl"));
	assert_true(same("-,format=text", "-,format=jsonl"));
	assert_false(same("x.jsonl", "y.jsonl"));
	assert_false(same("tests/x.jsonl", "x.jsonl"));
	assert_false(same("-,format=text", "x.txt"));
	assert_false(same("/nonexistent/a/x.jsonl", "/nonexistent/b/x.jsonl"));
}

static void overwrites(void **state)
{
	struct output_spec spec;

	assert_int_equal(output_spec_parse("tests/../CMakeLists.txt", &spec, NULL), 0);
	assert_true(output_spec_overwrites(&spec, "CMakeLists.txt"));
	assert_false(output_spec_overwrites(&spec, "tests/CMakeLists.txt"));
	assert_false(output_spec_overwrites(&spec, "nosuch"));
	output_spec_done(&spec);
}

static bool has_files(const char *text)
{
	struct output_spec spec;
	bool ret;

	assert_int_equal(output_spec_parse(text, &spec, NULL), 0);
	ret = output_spec_has_files(&spec);
	output_spec_done(&spec);
	return ret;
}

/* What SIGHUP is for. */
static void files_can_follow_each_other(void **state)
{
	char text[PATH_MAX + 16];

	assert_true(has_files("x.jsonl"));
	assert_true(has_files("x-%Y.raw,size=1M,files=3"));
	assert_false(has_files("-,format=text"));
	assert_int_equal(mkfifo(temp_name("fifo"), 0600), 0);
	snprintf(text, sizeof(text), "%s,format=raw", temp_name("fifo"));
	assert_false(has_files(text));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(keys),
		cmocka_unit_test(refuses),
		cmocka_unit_test(endpoints_are_no_keys),
		cmocka_unit_test(streams_are_told_apart),
		cmocka_unit_test(twice),
		cmocka_unit_test(overwrites),
		cmocka_unit_test(files_can_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
