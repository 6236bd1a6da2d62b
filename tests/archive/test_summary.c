/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/archive/summary.h"
#include "tests/support/archives.h"
#include "tests/support/temp.h"

static struct summary *summary_of(const char *path)
{
	struct summary *s;
	struct err err;

	assert_int_equal(summary_new(&s, &err), 0);
	if (summary_add(s, path, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static const struct summary_entry *entry_named(struct summary *s, enum summary_table table,
					       const char *name)
{
	struct summary_entry rest;
	unsigned n;
	const struct summary_entry *v = summary_table(s, table, &n, &rest);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(v[i].name, name))
			return &v[i];
	fail_msg("no '%s'", name);
	return NULL;
}

/* Both formats that hold events say the same of one recording. */
static void test_events(void **state)
{
	struct bytes pb = archives_replay("samples/raw/openssl.raw", "pb");
	const char *const paths[] = {temp_file("o.pb", pb.p, pb.n), "samples/golden/openssl.jsonl"};

	for (unsigned i = 0; i < 2; i++) {
		struct summary *s = summary_of(paths[i]);
		const struct summary_totals *t = summary_totals(s);
		const struct summary_entry *e;

		assert_int_equal(t->files, 1);
		assert_int_equal(t->unfinished, 0);
		assert_int_equal(t->size, t->raw_size);
		assert_int_equal(t->by_kind[EVENT_META], 1);
		assert_int_equal(t->by_kind[EVENT_DATA], 30);
		assert_true(t->last_unix_ns > t->first_unix_ns);
		e = entry_named(s, SUMMARY_PEERS, "127.0.0.1");
		assert_int_equal(e->events, t->by_kind[EVENT_DATA]);
		assert_true(e->bytes > 1000);
		e = entry_named(s, SUMMARY_PROGRAMS, "/usr/bin/curl");
		assert_true(e->events > 1 && e->bytes > 100);
		summary_free(s);
	}
	free((char *)pb.p);
}

static void test_raw(void **state)
{
	struct summary *s = summary_of("samples/raw/openssl.raw");
	struct summary *pb = summary_of("samples/golden/openssl.pb");
	const struct summary_totals *a = summary_totals(s), *b = summary_totals(pb);

	assert_int_equal(a->by_kind[EVENT_DATA], b->by_kind[EVENT_DATA]);
	assert_int_equal(entry_named(s, SUMMARY_PEERS, "127.0.0.1")->bytes,
			 entry_named(pb, SUMMARY_PEERS, "127.0.0.1")->bytes);
	assert_true(a->first_unix_ns / 1000000000 == b->first_unix_ns / 1000000000);
	summary_free(s);
	summary_free(pb);
}

/* A folder with one below it: what is no recording by its name does not count. */
static void test_folder(void **state)
{
	struct bytes contents = archives_load("samples/golden/bash.jsonl");
	struct bytes file = archives_compress("jsonl", contents, 4);
	struct summary *s;
	char path[256];

	snprintf(path, sizeof(path), "%s", temp_name("folder"));
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s", temp_name("folder/below"));
	assert_int_equal(mkdir(path, 0700), 0);
	temp_file("folder/a.jsonl.zst", file.p, file.n);
	temp_file("folder/below/b.jsonl", contents.p, contents.n - 10);
	temp_file("folder/note", "nothing", 7);
	s = summary_of(temp_name("folder"));
	assert_int_equal(summary_totals(s)->files, 2);
	assert_int_equal(summary_totals(s)->unfinished, 1);
	assert_int_equal(summary_totals(s)->by_kind[EVENT_LINE], 14);
	summary_free(s);
	free((char *)file.p);
	free((char *)contents.p);
}

static void test_damaged(void **state)
{
	struct bytes contents = archives_load("samples/golden/bash.pb");
	struct bytes file = archives_compress("pb", contents, 4);
	struct summary *s;
	struct err err;

	((char *)file.p)[file.n / 2] ^= 1;
	assert_int_equal(summary_new(&s, &err), 0);
	assert_int_equal(summary_add(s, temp_file("bad.pb.zst", file.p, file.n), &err), -EBADMSG);
	assert_in_range(summary_totals(s)->events, 1, 11);
	assert_int_equal(summary_add(s, temp_name("none"), &err), -ENOENT);
	summary_free(s);
	free((char *)file.p);
	free((char *)contents.p);
}

#define EXIT(COMM)                                                                                 \
	"{\"time\":\"2026-11-24T14:19:27.967596334Z\",\"time_unix_nano\":1795529967596334272,"     \
	"\"time_boot_ns\":1000,\"seq\":1,\"type\":\"exit\",\"probe\":\"core\","                    \
	"\"process\":{\"pid\":5,\"comm\":\"" COMM "\"},\"exit\":{\"code\":0}}\n"

/* Names are shown on a terminal. */
static void test_hostile_names(void **state)
{
	static const char text[] = EXIT("a\\u001b[31m\\u009bb");
	struct summary *s = summary_of(temp_file("h.jsonl", text, sizeof(text) - 1));

	entry_named(s, SUMMARY_PROGRAMS, "a?[31m??b");
	summary_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),        cmocka_unit_test(test_raw),
		cmocka_unit_test(test_folder),        cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_hostile_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
