/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/base/opt.h"
#include "capture/run/outputs.h"
#include "tests/support/temp.h"

static struct outputs outputs;

static int parse(unsigned n, const char **texts, struct err *err)
{
	struct opt_list list = {.v = texts, .n = n};

	return outputs_parse(&list, &outputs, err);
}

/* An output to a file in the folder; or that output and a second one. */
static int open_files(const char *first, const char *second, struct err *err)
{
	const struct user nobody = {.set = false};
	const char *texts[] = {temp_name(first), second ? temp_name(second) : NULL};
	int r = parse(second ? 2 : 1, texts, err);

	return r < 0 ? r : outputs_open(&outputs, &nobody, false, err);
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void refuse(unsigned n, const char **texts, const char *why)
{
	struct err err = {""};

	assert_int_equal(parse(n, texts, &err), -EINVAL);
	assert_string_equal(err.text, why);
	outputs_done(&outputs);
}

static void several_outputs(void **state)
{
	const char *texts[] = {"a.jsonl", "b.raw,flush=2s", "-"};
	struct err err = {""};

	assert_int_equal(parse(3, texts, &err), 0);
	assert_int_equal(outputs.n, 3);
	assert_string_equal(outputs.specs[0].encoder->name, "jsonl");
	assert_string_equal(outputs.specs[1].label, "b.raw");
	assert_true(outputs.specs[1].keys.flush_ns == 2000000000);
	assert_string_equal(outputs.specs[2].encoder->name, "pcapng");
	assert_true(outputs_on_stdout(&outputs));
}

static void without_w_it_is_text_on_stdout(void **state)
{
	struct err err = {""};

	assert_int_equal(parse(0, NULL, &err), 0);
	assert_int_equal(outputs.n, 1);
	assert_string_equal(outputs.specs[0].encoder->name, "text");
	assert_true(outputs_on_stdout(&outputs));
}

static void a_file_is_not_on_stdout(void **state)
{
	const char *texts[] = {"a.jsonl"};
	struct err err = {""};

	assert_int_equal(parse(1, texts, &err), 0);
	assert_false(outputs_on_stdout(&outputs));
	assert_false(outputs_abandoned(&outputs));
}

static void one_place_takes_one_output(void **state)
{
	refuse(3, (const char *[]){"a.jsonl", "b.jsonl", "./a.jsonl"}, "-w ./a.jsonl: given twice");
	refuse(2, (const char *[]){"-", "-,format=text"}, "-w -: given twice");
}

static void sixteen_are_the_most(void **state)
{
	const char *texts[OUTPUT_MAX + 1];
	char names[OUTPUT_MAX + 1][16];
	struct err err = {""};

	for (unsigned i = 0; i <= OUTPUT_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "%u.jsonl", i);
		texts[i] = names[i];
	}
	refuse(OUTPUT_MAX + 1, texts, "-w: more than 16 outputs");
	assert_int_equal(parse(OUTPUT_MAX, texts, &err), 0);
	assert_int_equal(outputs.n, 16);
}

/* What is wrong with the second -w is found before anything is opened. */
static void nothing_is_opened_while_parsing(void **state)
{
	const char *texts[] = {temp_name("unmade.jsonl"), "x.unknown"};
	struct err err = {""};
	unsigned before = entries(temp_name(""));

	assert_int_equal(parse(2, texts, &err), -EINVAL);
	assert_int_equal(entries(temp_name("")), before);
}

static void a_failure_closes_what_was_open(void **state)
{
	struct err err = {""};
	unsigned fds = entries("/proc/self/fd");

	assert_int_equal(open_files("first.jsonl", "no/such/folder.jsonl", &err), -ENOENT);
	assert_non_null(strstr(err.text, "no folder"));
	outputs_done(&outputs);
	assert_int_equal(entries("/proc/self/fd"), fds);
	assert_int_equal(open_files("first.jsonl", NULL, &err), 0); /* its lock is gone, too */
}

static void a_run_that_never_begins_leaves_the_old_file(void **state)
{
	struct err err = {""};

	temp_write(temp_name("kept.jsonl"), "old");
	assert_int_equal(open_files("kept.jsonl", NULL, &err), 0);
	outputs_done(&outputs);
	temp_expect(temp_name("kept.jsonl"), "old");
}

/* However soon the run ends after it began: its delivery thread may not even have woken up. */
static void a_run_without_events_empties_the_old_file(void **state)
{
	struct err err = {""};

	for (unsigned i = 0; i < 50; i++) {
		temp_write(temp_name("emptied.jsonl"), "old");
		assert_int_equal(open_files("emptied.jsonl", NULL, &err), 0);
		outputs_begin(&outputs);
		outputs_done(&outputs);
		temp_expect(temp_name("emptied.jsonl"), "");
	}
}

static int close_outputs(void **state)
{
	outputs_done(&outputs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(several_outputs, close_outputs),
		cmocka_unit_test_teardown(without_w_it_is_text_on_stdout, close_outputs),
		cmocka_unit_test_teardown(a_file_is_not_on_stdout, close_outputs),
		cmocka_unit_test_teardown(one_place_takes_one_output, close_outputs),
		cmocka_unit_test_teardown(sixteen_are_the_most, close_outputs),
		cmocka_unit_test_teardown(nothing_is_opened_while_parsing, close_outputs),
		cmocka_unit_test_teardown(a_failure_closes_what_was_open, close_outputs),
		cmocka_unit_test_teardown(a_run_that_never_begins_leaves_the_old_file,
					  close_outputs),
		cmocka_unit_test_teardown(a_run_without_events_empties_the_old_file, close_outputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
