/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/zsh.h"
#include "probes/shell.h"
#include "tests/support/temp.h"
#include "tests/support/typist.h"

extern const struct probe_ops probe_zsh;

#define ZSH "/bin/zsh"

enum {
	LONG_LINE = 3000 /* its line editor draws all of it with each key */
};

static const struct shell_cfg scripts = {.commands = SHELL_SCRIPTS};
static char *const argv[] = {ZSH, "-f", "-i", NULL};

static struct typist begin(const struct shell_cfg *cfg)
{
	if (access(ZSH, X_OK)) {
		print_message("SKIP: no %s on this machine\n", ZSH);
		skip();
	}
	return (struct typist){.probe = &probe_zsh, .cfg = cfg, .number = 4, .path = ZSH};
}

static void knows_zsh(void **state)
{
	struct typist r = begin(NULL);
	struct probe_plan plan, more, none;
	struct zsh_params params;

	assert_int_equal(typist_inspect(r.probe, NULL, ZSH, &plan), 0);
	assert_int_equal(plan.n, 4);
	assert_int_equal(plan.params_len, sizeof(params));
	memcpy(&params, plan.params, sizeof(params));
	assert_true(params.preprompt && params.zleentry && params.hend && params.lastval &&
		    params.chline && params.hptr && params.histdone);
	for (unsigned i = 0; i < plan.n; i++)
		assert_true(plan.v[i].offset > 0);

	assert_int_equal(typist_inspect(r.probe, &scripts, ZSH, &more), 0);
	assert_int_equal(more.n, 8);
	assert_int_equal(typist_inspect(r.probe, NULL, "/bin/true", &none), 0);
	assert_int_equal(none.n, 0);
}

static void decodes_what_nobody_typed(void **state)
{
	union {
		struct rec_line line;
		char room[256];
	} r = {.line = {.rec = {.len = sizeof(r.line) + 5, .kind = REC_LINE, .probe = 4},
			.id = 6,
			.shell = LINE_ZSH,
			.line_flags = LINE_F_SCRIPT,
			.text_len = 5}};
	struct part part;

	memcpy(r.line.data, ": arg", 5);
	assert_int_equal(probe_zsh.decode(&r.line.rec, &part), 0);
	assert_true(part.role == PART_BEGIN && !part.awaits_end && part.ev.line.script);
	assert_string_equal(part.ev.line.shell, "zsh");
	r.line.line_flags = LINE_F_SCRIPT | LINE_F_ENDS;
	assert_int_equal(probe_zsh.decode(&r.line.rec, &part), 0);
	assert_true(part.role == PART_BEGIN && part.awaits_end);
	r.line.line_flags |= LINE_F_CONTINUED;
	assert_int_equal(probe_zsh.decode(&r.line.rec, &part), 0);
	assert_true(part.role == PART_TEXT && part.continues);
	r.line.line_flags = LINE_F_WHOLE;
	assert_int_equal(probe_zsh.decode(&r.line.rec, &part), 0);
	assert_true(part.role == PART_TEXT && part.whole && !part.continues);
	r.line.text_len = 6;
	assert_int_equal(probe_zsh.decode(&r.line.rec, &part), -EBADMSG);
}

static void what_people_type(void **state)
{
	struct typist r = begin(NULL);
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
	typist_type(fd, "vared -p ask: HISTCHARS\n", "ask:!^#");
	typist_type(fd, "\n", "P1> ");
	typist_type(fd, "precmd() { false; eval true }\n", "P1> ");
	typist_type(fd, "(exit 4)\n", "P1> ");
	typist_type(fd, "unsetopt zle; setopt hist_ignore_space\n", "P1> ");
	typist_type(fd, " (exit 5)\n", "P1> ");
	typist_leave(pid, fd);
	typist_stop(&r);
	assert_string_equal(r.text, "~(exit 3)\n=3;true; false\n=1;for i in 1\n+do true\n+done\n=0;"
				    "cat <<E >/dev/null\n+text\n+\n+E\n=0;!tr\n>true; false\n=1;"
				    "vared -p ask: HISTCHARS\n=0;precmd() { false; eval true }\n=0;"
				    "(exit 4)\n=4;unsetopt zle; setopt hist_ignore_space\n=0;"
				    " (exit 5)\n=5;exit\n");
}

static void long_lines(void **state)
{
	struct typist r = begin(NULL);
	char line[LONG_LINE + 8] = ": ";
	int fd;
	pid_t pid = typist_shell(argv, &fd);

	typist_start(&r, pid);
	memset(line + 2, 'y', LONG_LINE);
	line[LONG_LINE + 2] = '\n';
	typist_type(fd, line, "P1> ");
	typist_leave(pid, fd);
	typist_stop(&r);
	assert_int_equal(strspn(r.text, "~: y"), LONG_LINE + 3);
	assert_string_equal(r.text + LONG_LINE + 3, "\n=0;exit\n");
}

static void files_that_are_read(void **state)
{
	struct typist r = begin(&scripts);
	const char *path = temp_name("outer");
	char command[200], want[400];
	int fd;
	pid_t pid = typist_shell(argv, &fd);

	snprintf(command, sizeof(command), ". %s\n", path);
	snprintf(want, sizeof(want), "%s#: in $(true)\n+(exit 6)\n=6;=6;exit\n", command);
	typist_start(&r, pid);
	temp_write(path, ": in $(true)\n(exit 6)\n");
	typist_type(fd, ":\n", "P1> ");
	typist_type(fd, command, "P1> ");
	typist_leave(pid, fd);
	typist_stop(&r);
	assert_string_equal(strstr(r.text, ". "), want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_zsh),           cmocka_unit_test(decodes_what_nobody_typed),
		cmocka_unit_test(what_people_type),    cmocka_unit_test(long_lines),
		cmocka_unit_test(files_that_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
