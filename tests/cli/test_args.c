/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/cli/args.h"
#include "tests/support/temp.h"

struct cfg {
	bool quiet, verbose;
	uint32_t number;
	struct opt_list write;
};

#define FIELD(field) .offset = offsetof(struct cfg, field)
static const struct opt rows[] = {
	{.name = "quiet", .letter = 'q', .type = OPT_FLAG, FIELD(quiet), .help = "q"},
	{.name = "verbose", .letter = 'v', .type = OPT_FLAG, FIELD(verbose), .help = "v"},
	{.name = "number", .letter = 'n', .type = OPT_U32, FIELD(number), .arg = "N", .help = "n"},
	{.name = "write",
	 .letter = 'w',
	 .type = OPT_LIST,
	 FIELD(write),
	 .arg = "FILE",
	 .help = "w"},
	OPT_END,
};

/* One command line, and what came of it. */
struct rig {
	struct cfg cfg;
	struct opt_group groups[2];
	struct args args;
	struct err err;
	char *text;
};

static int parse(struct rig *rig, char *words[])
{
	*rig = (struct rig){.groups = {{rows, &rig->cfg}}};
	rig->args.groups = rig->groups;
	return args_parse(&rig->args, words, &rig->err);
}

#define PARSE(rig, ...) parse(rig, (char *[]){__VA_ARGS__, NULL})

static void done(struct rig *rig)
{
	opt_done(rows, &rig->cfg);
	args_done(&rig->args);
	free(rig->text);
}

static void forms(void **state)
{
	struct rig r;

	assert_int_equal(PARSE(&r, "--number", "1", "-w", "a", "x", "-wb", "--write=c", "-qv", "-",
			       "--", "-z"),
			 0);
	assert_int_equal(r.cfg.number, 1);
	assert_int_equal(r.cfg.write.n, 3);
	assert_string_equal(r.cfg.write.v[0], "a");
	assert_string_equal(r.cfg.write.v[1], "b");
	assert_string_equal(r.cfg.write.v[2], "c");
	assert_true(r.cfg.quiet && r.cfg.verbose);
	assert_int_equal(r.args.operands_n, 3);
	assert_string_equal(r.args.operands[0], "x");
	assert_string_equal(r.args.operands[1], "-");
	assert_string_equal(r.args.operands[2], "-z");
	done(&r);
	assert_int_equal(PARSE(&r, "-qw", "-", "--no-quiet", "-n7", "--verbose=yes"), 0);
	assert_false(r.cfg.quiet);
	assert_true(r.cfg.verbose);
	assert_int_equal(r.cfg.number, 7);
	assert_string_equal(r.cfg.write.v[0], "-");
	done(&r);
}

static void help_stops(void **state)
{
	struct rig r;

	assert_int_equal(PARSE(&r, "-q", "--help", "--nosuch"), 0);
	assert_true(r.args.help);
	done(&r);
	assert_int_equal(PARSE(&r, "-qh"), 0);
	assert_true(r.args.help);
	done(&r);
	assert_int_equal(PARSE(&r, "--", "--help"), 0);
	assert_false(r.args.help);
	done(&r);
}

static void wrong_use(void **state)
{
	static const struct {
		char *words[4];
		const char *text;
	} wrong[] = {
		{{"--nosuch"}, "unknown option '--nosuch'"},
		{{"--nmuber=3"}, "unknown option '--nmuber'; did you mean '--number'?"},
		{{"-x"}, "unknown option '-x'"},
		{{"-qx"}, "unknown option '-x'"},
		{{"--number"}, "--number needs a value (N)"},
		{{"-n"}, "-n needs a value (N)"},
		{{"-n", "abc"}, "-n: 'abc' is not a number"},
		{{"--no-number"}, "unknown option '--no-number'"},
		{{"--no-quiet=1"}, "--no-quiet takes no value"},
		{{"--quiet=maybe"}, "--quiet: 'maybe' is neither yes nor no"},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct rig r;

		assert_int_equal(parse(&r, (char **)wrong[i].words), -EINVAL);
		assert_string_equal(r.err.text, wrong[i].text);
		done(&r);
	}
}

/* Parses a file with these contents after words. */
static int config(struct rig *r, const char *contents, char *words[])
{
	assert_int_equal(parse(r, words), 0);
	return args_config(&r->args, temp_file("config", contents, strlen(contents)), &r->text,
			   &r->err);
}

static void file(void **state)
{
	char *none[] = {NULL}, *some[] = {"-n3", "-w", "mine", NULL};
	const char *text =
		"# comment\n\n  number = 5 \r\nwrite=a\nwrite = b,x=#1\nquiet\nverbose = no";
	struct rig r;

	assert_int_equal(config(&r, text, none), 0);
	assert_int_equal(r.cfg.number, 5);
	assert_int_equal(r.cfg.write.n, 2);
	assert_string_equal(r.cfg.write.v[1], "b,x=#1");
	assert_true(r.cfg.quiet);
	assert_false(r.cfg.verbose);
	done(&r);
	assert_int_equal(config(&r, text, some), 0);
	assert_int_equal(r.cfg.number, 3);
	assert_int_equal(r.cfg.write.n, 1);
	assert_string_equal(r.cfg.write.v[0], "mine");
	assert_true(r.cfg.quiet);
	done(&r);
}

static void wrong_file(void **state)
{
	char *none[] = {NULL};
	struct rig r;

	assert_int_equal(config(&r, "quiet\n\nnosuch = 1\n", none), -EINVAL);
	assert_non_null(strstr(r.err.text, ":3: unknown option 'nosuch'"));
	done(&r);
	assert_int_equal(config(&r, "number = x\n", none), -EINVAL);
	assert_non_null(strstr(r.err.text, ":1: number: 'x' is not a number"));
	done(&r);
	assert_int_equal(config(&r, "[section]\n", none), -EINVAL);
	done(&r);
	assert_int_equal(config(&r, "= 1\n", none), -EINVAL);
	done(&r);
	assert_int_equal(PARSE(&r, "-q"), 0);
	assert_int_equal(args_config(&r.args, "/nonexistent/file", &r.text, &r.err), -ENOENT);
	assert_non_null(strstr(r.err.text, "/nonexistent/file"));
	done(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms), cmocka_unit_test(help_stops), cmocka_unit_test(wrong_use),
		cmocka_unit_test(file),  cmocka_unit_test(wrong_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
