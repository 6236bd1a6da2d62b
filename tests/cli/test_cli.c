/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/cli/cli.h"
#include "capture/run/child.h"
#include "tests/support/printed.h"

static int run(char **argv)
{
	int argc = 0, status;

	while (argv[argc])
		argc++;
	printed_begin();
	status = cli_main(argc, argv);
	printed_end();
	return status;
}

#define RUN(...) run((char *[]){"penstock", __VA_ARGS__, NULL})

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void wrong_use(void **state)
{
	static char *const wrong[][5] = {
		{"nosuch"},
		{"--nosuch"},
		{"record"},
		{"record", "-p", "nosuch"},
		{"record", "-p", "bash", "-p", "bash"},
		{"bash", "--nosuch"},
		{"bash", "--pid=abc"},
		{"bash", "--tree=!"},
		{"bash", "operand"},
		{"bash", "--all"},
		{"record", "-p", "bash", "--fail-on-loss"},
		{"bash", "-w", "x.unknown"},
		{"bash", "-w", "x.raw", "-wx.raw"},
		{"replay"},
		{"replay", "a", "b"},
		{"help", "nosuch"},
		{"completion"},
		{"completion", "tcsh"},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *argv[7] = {"penstock"};

		memcpy(argv + 1, wrong[i], sizeof(wrong[i]));
		assert_int_equal(run(argv), CLI_USAGE);
		assert_string_equal(printed_out(), "");
		assert_int_equal(lines(printed_err()), 1);
		assert_non_null(strstr(printed_err(), "penstock"));
	}
	assert_int_equal(run((char *[]){"penstock", NULL}), CLI_USAGE);
	assert_int_equal(lines(printed_err()), 1);
}

/* Where COMMAND's status is expected, ours is told apart. */
static void wrong_use_with_command(void **state)
{
	assert_int_equal(RUN("record", "-p", "nosuch", "--", "true"), CHILD_FAILED);
	assert_int_equal(RUN("bash", "--nosuch", "--", "true"), CHILD_FAILED);
	assert_int_equal(lines(printed_err()), 1);
}

static void suggests(void **state)
{
	RUN("recrod");
	assert_string_equal(printed_err(),
			    "penstock: unknown command 'recrod'; did you mean 'record'?\n");
	RUN("record", "-p", "bsah");
	assert_string_equal(printed_err(),
			    "penstock record: -p: unknown probe 'bsah'; did you mean 'bash'?\n");
}

static void help_everywhere(void **state)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		assert_int_equal(RUN((char *)(*c)->name, "--help"), CLI_OK);
		assert_string_equal(printed_err(), "");
		assert_non_null(strstr(printed_out(), (*c)->summary));
		for (const struct opt *row = (*c)->options; row && row->name; row++)
			assert_non_null(strstr(printed_out(), row->name));
	}
	for (unsigned i = 0; i < probe_registry_n; i++) {
		assert_int_equal(RUN((char *)probe_registry[i].ops->name, "--help"), CLI_OK);
		assert_non_null(strstr(printed_out(), probe_registry[i].ops->summary));
	}
	assert_int_equal(RUN("--help"), CLI_OK);
	assert_int_equal(RUN("help", "bash"), CLI_OK);
	assert_non_null(strstr(printed_out(), "penstock bash"));
	assert_int_equal(RUN("--version"), CLI_OK);
	assert_string_equal(printed_out(), "penstock " PENSTOCK_VERSION "\n");
	assert_int_equal(RUN("probes"), CLI_OK);
	assert_int_equal(lines(printed_out()), probe_registry_n + 1);
}

/* The first row of a name would hide the other one. */
static void no_clashes(void **state)
{
	const struct cli_command *record = cli_command_by_name("record");

	for (unsigned i = 0; i < probe_registry_n; i++) {
		const struct opt *row = probe_registry[i].ops->options;

		assert_null(cli_command_by_name(probe_registry[i].ops->name));
		for (; row && row->name; row++) {
			assert_null(opt_find(record->options, row->name));
			assert_null(opt_find(cli_output_options, row->name));
			assert_null(opt_find_letter(record->options, row->letter));
			assert_null(opt_find_letter(cli_output_options, row->letter));
		}
	}
}

static void generated(void **state)
{
	static char *const shells[] = {"bash", "zsh", "fish"};

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(RUN("completion", shells[i]), CLI_OK);
		assert_non_null(strstr(printed_out(), "ring-size"));
		assert_non_null(strstr(printed_out(), "replay"));
		assert_non_null(strstr(printed_out(), "exec"));
	}
	assert_int_equal(RUN("help", "--man"), CLI_OK);
	assert_int_equal(strncmp(printed_out(), ".TH PENSTOCK 1", 14), 0);
	assert_non_null(strstr(printed_out(), "\\-\\-ring\\-size"));
	assert_null(strstr(printed_out(), "\n\n")); /* roff: an empty line is a blemish */
}

static void full_stdout(void **state)
{
	int full = open("/dev/full", O_WRONLY), saved = dup(STDOUT_FILENO), status;

	if (full < 0)
		skip();
	fflush(stdout);
	dup2(full, STDOUT_FILENO);
	status = cli_main(2, (char *[]){"penstock", "help", NULL});
	dup2(saved, STDOUT_FILENO);
	clearerr(stdout);
	close(full);
	close(saved);
	assert_int_equal(status, CLI_FAILED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_use),   cmocka_unit_test(wrong_use_with_command),
		cmocka_unit_test(suggests),    cmocka_unit_test(help_everywhere),
		cmocka_unit_test(no_clashes),  cmocka_unit_test(generated),
		cmocka_unit_test(full_stdout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
