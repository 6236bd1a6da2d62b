/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/base/opt.h"

struct cfg {
	bool flag, on;
	uint32_t number;
	uint64_t size, time;
	const char *text;
	int choice;
	struct opt_list list;
};

static const char *const choices[] = {"red", "green", NULL};

#define FIELD(field) .offset = offsetof(struct cfg, field)
static const struct opt rows[] = {
	{.name = "flag", .letter = 'f', .type = OPT_FLAG, FIELD(flag), .help = "a flag"},
	{.name = "on", .type = OPT_FLAG, FIELD(on), .def = "yes", .help = "on by itself"},
	{.name = "number",
	 .type = OPT_U32,
	 FIELD(number),
	 .arg = "N",
	 .def = "5",
	 .min = 2,
	 .max = 9,
	 .help = "a number"},
	{.name = "size",
	 .type = OPT_SIZE,
	 FIELD(size),
	 .arg = "BYTES",
	 .max = 1 << 20,
	 .help = "a size"},
	{.name = "time",
	 .type = OPT_DURATION,
	 FIELD(time),
	 .arg = "TIME",
	 .def = "10s",
	 .help = "a time"},
	{.name = "text",
	 .letter = 't',
	 .type = OPT_STRING,
	 FIELD(text),
	 .arg = "TEXT",
	 .help = "a text"},
	{.name = "choice",
	 .type = OPT_CHOICE,
	 FIELD(choice),
	 .arg = "COLOUR",
	 .def = "green",
	 .choices = choices,
	 .help = "a choice"},
	{.name = "list", .type = OPT_LIST, FIELD(list), .arg = "ITEM", .help = "a list"},
	OPT_END,
};

static struct cfg defaults(void)
{
	struct cfg cfg = {0};

	assert_int_equal(opt_defaults(rows, &cfg, NULL), 0);
	return cfg;
}

static void default_values(void **state)
{
	struct cfg cfg = defaults();

	assert_false(cfg.flag);
	assert_true(cfg.on);
	assert_int_equal(cfg.number, 5);
	assert_int_equal(cfg.size, 0);
	assert_true(cfg.time == 10000000000ull);
	assert_null(cfg.text);
	assert_int_equal(cfg.choice, 1);
	assert_int_equal(cfg.list.n, 0);
}

static void sets(void **state)
{
	struct cfg cfg = defaults();

	assert_int_equal(opt_set(opt_find(rows, "flag"), &cfg, NULL, "-f", NULL), 0);
	assert_int_equal(opt_set(opt_find(rows, "on"), &cfg, "off", "--on", NULL), 0);
	assert_int_equal(opt_set(opt_find(rows, "size"), &cfg, "64K", "--size", NULL), 0);
	assert_int_equal(opt_set(opt_find_letter(rows, 't'), &cfg, "", "-t", NULL), 0);
	assert_int_equal(opt_set(opt_find(rows, "list"), &cfg, "a", "--list", NULL), 0);
	assert_int_equal(opt_set(opt_find(rows, "list"), &cfg, "b", "--list", NULL), 0);
	assert_true(cfg.flag);
	assert_false(cfg.on);
	assert_int_equal(cfg.size, 65536);
	assert_string_equal(cfg.text, "");
	assert_int_equal(cfg.list.n, 2);
	assert_string_equal(cfg.list.v[1], "b");
	opt_done(rows, &cfg);
	assert_int_equal(cfg.list.n, 0);
	assert_null(opt_find(rows, "nosuch"));
	assert_null(opt_find_letter(rows, 'x'));
	assert_null(opt_find_letter(rows, 0));
}

/* Nothing is changed by a value that makes no sense, and the line says what is wrong. */
static void refuses(void **state)
{
	static const struct {
		const char *name, *value, *text;
	} wrong[] = {
		{"flag", "maybe", "--x: 'maybe' is neither yes nor no"},
		{"number", "abc", "--x: 'abc' is not a number"},
		{"number", "1", "--x: '1' is too small (at least 2)"},
		{"number", "10", "--x: '10' is too large (at most 9)"},
		{"number", "99999999999", "--x: '99999999999' is too large (at most 9)"},
		{"size", "2M", "--x: '2M' is too large (at most 1M)"},
		{"size", "x", "--x: 'x' is not a size like 64K, 16M or 1G"},
		{"time", "", "--x: '' is not a time like 500ms, 10s or 1h"},
		{"choice", "blue", "--x: 'blue' is none of red, green"},
		{"text", NULL, "--x needs a value (TEXT)"},
		{"list", NULL, "--x needs a value (ITEM)"},
	};
	struct cfg before = defaults();

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cfg cfg = before;
		struct err err = {""};

		assert_int_equal(
			opt_set(opt_find(rows, wrong[i].name), &cfg, wrong[i].value, "--x", &err),
			-EINVAL);
		assert_string_equal(err.text, wrong[i].text);
		assert_memory_equal(&cfg, &before, sizeof(cfg));
	}
}

static void pairs(void **state)
{
	struct cfg cfg = defaults();
	char text[] = "text=a\\,b=c,flag,number=7,list=x,list=,on=no";

	assert_int_equal(opt_set_pairs(rows, &cfg, text, "-p bash", NULL), 0);
	assert_string_equal(cfg.text, "a,b=c");
	assert_true(cfg.flag);
	assert_false(cfg.on);
	assert_int_equal(cfg.number, 7);
	assert_int_equal(cfg.list.n, 2);
	assert_string_equal(cfg.list.v[0], "x");
	assert_string_equal(cfg.list.v[1], "");
	opt_done(rows, &cfg);
}

static void wrong_pairs(void **state)
{
	struct cfg cfg = defaults();
	struct err err;
	char unknown[] = "flag,nmuber=7", nothing[] = "zzz", bad[] = "number=x", none[] = "";

	assert_int_equal(opt_set_pairs(rows, &cfg, unknown, "-p bash", &err), -EINVAL);
	assert_string_equal(err.text, "-p bash: unknown option 'nmuber'; did you mean 'number'?");
	assert_int_equal(opt_set_pairs(rows, &cfg, nothing, "-p bash", &err), -EINVAL);
	assert_string_equal(err.text, "-p bash: unknown option 'zzz'");
	assert_int_equal(opt_set_pairs(rows, &cfg, bad, "-p bash", &err), -EINVAL);
	assert_string_equal(err.text, "-p bash: number: 'x' is not a number");
	assert_int_equal(opt_set_pairs(rows, &cfg, none, "-p bash", &err), 0);
	assert_int_equal(opt_set_pairs(rows, &cfg, NULL, "-p bash", &err), 0);
	assert_int_equal(opt_set_pairs(NULL, NULL, nothing, "-p exec", &err), -EINVAL);
}

static void groups(void **state)
{
	static const struct opt more[] = {
		{.name = "number", .type = OPT_FLAG, .offset = 0, .help = "shadowed"},
		{.name = "extra", .type = OPT_FLAG, .offset = 0, .help = "another module's"},
		OPT_END,
	};
	struct cfg cfg = defaults();
	bool extra = false;
	struct opt_group both[] = {{rows, &cfg}, {more, &extra}, {0}};
	void *which = NULL;

	assert_int_equal(opt_group_set(both, "number", "8", "-w", NULL), 0);
	assert_int_equal(cfg.number, 8);
	assert_false(extra);
	assert_int_equal(opt_group_set(both, "extra", NULL, "-w", NULL), 0);
	assert_true(extra);
	assert_non_null(opt_group_find(both, "extra", &which));
	assert_ptr_equal(which, &extra);
}

/* Every line fits a terminal, and says name, placeholder, sentence and default. */
static void help(void **state)
{
	char *text = NULL, note[OPT_NOTE];
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	opt_help(rows, out);
	opt_help_keys(rows, out);
	opt_help_line("left",
		      "a word and another one, and so many more of them that they do not fit "
		      "on one line of a hundred columns by any means",
		      out);
	fclose(out);
	assert_non_null(strstr(text, "  -f, --flag"));
	assert_non_null(strstr(text, "--no-on "));
	assert_non_null(strstr(text, "      --number N"));
	assert_non_null(strstr(text, "a number (default: 5)"));
	assert_non_null(strstr(text, "\n  choice=COLOUR"));
	assert_non_null(strstr(text, "a list (repeatable)"));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 100);
	free(text);
	assert_string_equal(opt_note(opt_find(rows, "choice"), note),
			    " (red, green; default: green)");
	assert_string_equal(opt_note(opt_find(rows, "flag"), note), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_values), cmocka_unit_test(sets),
		cmocka_unit_test(refuses),        cmocka_unit_test(pairs),
		cmocka_unit_test(wrong_pairs),    cmocka_unit_test(groups),
		cmocka_unit_test(help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
