/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "capture/layout.h"
#include "kern/bash.h"
#include "tests/support/typist.h"

extern const struct probe_ops probe_bash;

#define BASH "/bin/bash"

enum {
	LONG_LINE = 20000
};

static void knows_bash(void **state)
{
	struct probe_plan plan, none;
	struct bash_params params;

	assert_int_equal(typist_inspect(&probe_bash, NULL, BASH, &plan), 0);
	assert_int_equal(plan.n, 4);
	assert_int_equal(plan.params_len, sizeof(params));
	memcpy(&params, plan.params, sizeof(params));
	assert_true(params.readline && params.readline_internal_teardown && params.history_expand &&
		    params.current_readline_prompt && params.current_command_line_count &&
		    params.last_command_exit_value);
	for (unsigned i = 0; i < plan.n; i++)
		assert_true(plan.v[i].offset > 0);

	assert_int_equal(typist_inspect(&probe_bash, NULL, "/bin/true", &none), 0);
	assert_int_equal(none.n, 0);
}

static void decodes_lines(void **state)
{
	union {
		struct rec_line line;
		struct rec_line_end end;
		char room[256];
	} r = {.line = {.rec = {.len = sizeof(r.line) + 9, .kind = REC_LINE, .probe = 2},
			.task = {.pid = 5},
			.id = 6,
			.shell = LINE_BASH,
			.tty = "pts/1",
			.cwd_len = 4,
			.text_len = 5}};
	struct part part;

	memcpy(r.line.data, "/tmpecho1", 9);
	assert_int_equal(probe_bash.decode(&r.line.rec, &part), 0);
	assert_int_equal(part.role, PART_BEGIN);
	assert_true(part.last && part.awaits_end);
	assert_true(bytes_eq(part.ev.line.cwd, BYTES("/tmp")));
	assert_true(bytes_eq(part.text, BYTES("echo1")));
	assert_true(bytes_eq(part.ev.line.tty, BYTES("pts/1")));
	r.line.line_flags = LINE_F_CONTINUED;
	assert_int_equal(probe_bash.decode(&r.line.rec, &part), 0);
	assert_true(part.role == PART_TEXT && part.continues && !part.expanded);
	r.line.text_len = 6;
	assert_int_equal(probe_bash.decode(&r.line.rec, &part), -EBADMSG);
	r.line.text_len = 5;
	r.line.shell = 99;
	assert_int_equal(probe_bash.decode(&r.line.rec, &part), -EBADMSG);
	r.line.rec.len = sizeof(r.line) - 1;
	assert_int_equal(probe_bash.decode(&r.line.rec, &part), -EMSGSIZE);

	memset(&r, 0, sizeof(r));
	r.end.rec = (struct rec){.len = sizeof(r.end), .kind = REC_LINE_END};
	r.end.id = 6;
	r.end.status = 130;
	assert_int_equal(probe_bash.decode(&r.end.rec, &part), 0);
	assert_int_equal(part.role, PART_END);
	assert_int_equal(part.ev.line.status, 130);
}

static char *const argv[] = {BASH, "--norc", "--noprofile", "-i", NULL};

static void what_people_type(void **state)
{
	struct typist r = {.probe = &probe_bash, .number = 2, .path = BASH};
	int fd;
	pid_t pid = typist_shell(argv, &fd);

	typist_start(&r, pid);
	typist_type(fd, "(exit 3)\n", "P1> "); /* it sat at its prompt when we came */
	typist_type(fd, "true; false\n", "P1> ");
	typist_type(fd, "\n", "P1> ");
	typist_type(fd, "   \n", "P1> ");
	typist_type(fd, "for i in 1\n", "P2> ");
	typist_type(fd, "do true\n", "P2> ");
	typist_type(fd, "done\n", "P1> ");
	typist_type(fd, "cat <<E >/dev/null\n", "P2> ");
	typist_type(fd, "text\n", "P2> ");
	typist_type(fd, "\n", "P2> ");
	typist_type(fd, "E\n", "P1> ");
	typist_type(fd, "!tr\n", "P1> ");
	typist_type(fd, "if true\n", "P2> ");
	typist_interrupt(pid, fd);
	typist_type(fd, "never", "never");
	typist_interrupt(pid, fd);
	typist_type(fd, "read -e -p ask: v\n", "ask:");
	typist_type(fd, "secret\n", "P1> ");
	typist_type(fd, "PS2=\n", "P1> ");
	typist_leave(pid, fd);
	typist_stop(&r);
	assert_string_equal(r.text, "~(exit 3)=3;true; false=1;for i in 1+do true+done=0;"
				    "cat <<E >/dev/null+text++E=0;!tr>true; false=1;if true=130;"
				    "read -e -p ask: v=0;PS2==0;exit");
}

static void long_lines(void **state)
{
	struct typist r = {.probe = &probe_bash, .number = 2, .path = BASH};
	char line[LONG_LINE + 8] = ": ";
	int fd;
	pid_t pid = typist_shell(argv, &fd);

	typist_start(&r, pid);
	memset(line + 2, 'y', LONG_LINE);
	line[LONG_LINE + 2] = '\n';
	typist_type(fd, line, "P1> ");
	typist_leave(pid, fd);
	typist_stop(&r);
	assert_string_equal(strchr(r.text, '=') ? strchr(r.text, '=') : "", "=0;exit");
	assert_int_equal(strspn(r.text, "~: y"), LONG_LINE + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_bash),
		cmocka_unit_test(decodes_lines),
		cmocka_unit_test(what_people_type),
		cmocka_unit_test(long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
