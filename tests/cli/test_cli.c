/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/cli/cli.h"
#include "capture/run/child.h"

/* What one run of the program printed. */
static char out_text[256 * 1024], err_text[16 * 1024];

static int temporary(void)
{
	char path[] = "/tmp/test_cli.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void take(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	assert_true(n >= 0 && (size_t)n < size - 1);
	text[n] = '\0';
	close(fd);
}

static int run(char **argv)
{
	int out = temporary(), err = temporary(), saved_out, saved_err, argc = 0, status;

	while (argv[argc])
		argc++;
	fflush(stdout);
	saved_out = dup(STDOUT_FILENO);
	saved_err = dup(STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	status = cli_main(argc, argv);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	take(out, out_text, sizeof(out_text));
	take(err, err_text, sizeof(err_text));
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
		assert_string_equal(out_text, "");
		assert_int_equal(lines(err_text), 1);
		assert_non_null(strstr(err_text, "penstock"));
	}
	assert_int_equal(run((char *[]){"penstock", NULL}), CLI_USAGE);
	assert_int_equal(lines(err_text), 1);
}

/* Where COMMAND's status is expected, ours is told apart. */
static void wrong_use_with_command(void **state)
{
	assert_int_equal(RUN("record", "-p", "nosuch", "--", "true"), CHILD_FAILED);
	assert_int_equal(RUN("bash", "--nosuch", "--", "true"), CHILD_FAILED);
	assert_int_equal(lines(err_text), 1);
}

static void suggests(void **state)
{
	RUN("recrod");
	assert_string_equal(err_text,
			    "penstock: unknown command 'recrod'; did you mean 'record'?\n");
	RUN("record", "-p", "bsah");
	assert_string_equal(err_text,
			    "penstock record: -p: unknown probe 'bsah'; did you mean 'bash'?\n");
}

static void help_everywhere(void **state)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		assert_int_equal(RUN((char *)(*c)->name, "--help"), CLI_OK);
		assert_string_equal(err_text, "");
		assert_non_null(strstr(out_text, (*c)->summary));
		for (const struct opt *row = (*c)->options; row && row->name; row++)
			assert_non_null(strstr(out_text, row->name));
	}
	for (unsigned i = 0; i < probe_registry_n; i++) {
		assert_int_equal(RUN((char *)probe_registry[i].ops->name, "--help"), CLI_OK);
		assert_non_null(strstr(out_text, probe_registry[i].ops->summary));
	}
	assert_int_equal(RUN("--help"), CLI_OK);
	assert_int_equal(RUN("help", "bash"), CLI_OK);
	assert_non_null(strstr(out_text, "penstock bash"));
	assert_int_equal(RUN("--version"), CLI_OK);
	assert_string_equal(out_text, "penstock " PENSTOCK_VERSION "\n");
	assert_int_equal(RUN("probes"), CLI_OK);
	assert_int_equal(lines(out_text), probe_registry_n + 1);
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
		assert_non_null(strstr(out_text, "ring-size"));
		assert_non_null(strstr(out_text, "replay"));
		assert_non_null(strstr(out_text, "exec"));
	}
	assert_int_equal(RUN("help", "--man"), CLI_OK);
	assert_int_equal(strncmp(out_text, ".TH PENSTOCK 1", 14), 0);
	assert_non_null(strstr(out_text, "\\-\\-ring\\-size"));
	assert_null(strstr(out_text, "\n\n")); /* roff: an empty line is a blemish */
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
