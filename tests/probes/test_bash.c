/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "capture/layout.h"
#include "capture/probe.h"
#include "kern/bash.h"
#include "probes/attach.h"
#include "probes/core/core.h"
#include "probes/elf/file.h"

extern const struct probe_ops probe_bash;

#define BASH "/bin/bash"

enum {
	TEXT_MAX = 40000,
	LONG_LINE = 20000,
	PATIENCE_MS = 10000
};

static int inspect(const char *path, struct probe_plan *plan)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct err err = {""};
	struct elf_file *elf;

	assert_true(fd >= 0);
	*plan = (struct probe_plan){0};
	assert_int_equal(elf_file_open(fd, path, &elf, &err), 0);
	ret = probe_bash.inspect(NULL, elf, plan, &err);
	elf_file_close(elf);
	close(fd);
	return ret;
}

static void knows_bash(void **state)
{
	struct probe_plan plan, none;
	struct bash_params params;

	assert_int_equal(inspect(BASH, &plan), 0);
	assert_int_equal(plan.n, 4);
	assert_int_equal(plan.params_len, sizeof(params));
	memcpy(&params, plan.params, sizeof(params));
	assert_true(params.readline && params.pre_process_line && params.current_readline_prompt &&
		    params.current_command_line_count && params.last_command_exit_value);
	for (unsigned i = 0; i < plan.n; i++)
		assert_true(plan.v[i].offset > 0);

	assert_int_equal(inspect("/bin/true", &none), 0);
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

/* ---- a real shell in a pseudo-terminal ---------------------------------------------------- */

struct recorder {
	struct core *core;
	void *ctx;
	struct attacher *attacher;
	struct ring_buffer *ring;
	/* what was recorded: "line<first><+continued>><expanded>=status;" one after the other */
	char text[TEXT_MAX];
	size_t n;
};

static void note(struct recorder *r, const char *before, struct bytes b, const char *after)
{
	r->n += (size_t)snprintf(r->text + r->n, sizeof(r->text) - r->n, "%s%.*s%s", before,
				 (int)b.n, b.p, after);
	assert_true(r->n < sizeof(r->text));
}

static int take(void *arg, void *data, size_t size)
{
	struct recorder *r = arg;
	const struct rec *rec = data;
	struct part part;
	char status[16];

	if (rec->kind != REC_LINE && rec->kind != REC_LINE_END)
		return 0;
	assert_true(layout_valid(data, size));
	assert_int_equal(rec->probe, 2);
	assert_int_equal(probe_bash.decode(rec, &part), 0);
	if (part.role == PART_END) {
		snprintf(status, sizeof(status), "=%d;", part.ev.line.status);
		note(r, status, (struct bytes){0}, "");
	} else if (part.role == PART_BEGIN) {
		note(r, part.ev.flags & EVENT_F_IN_PROGRESS ? "~" : "", part.text, "");
	} else {
		note(r, part.continues ? "+" : part.expanded ? ">" : "", part.text, "");
	}
	return 0;
}

static void recorder_attach(struct recorder *r)
{
	struct attach_probe probe = {2, probe_bash.hooks, probe_bash.object(r->ctx)};
	int map = bpf_object__find_map_fd_by_name(probe.object, "targets");
	int fd = open(BASH, O_RDONLY | O_CLOEXEC);
	struct err err = {""};
	struct probe_plan plan;
	uint32_t slot = 3;

	assert_int_equal(inspect(BASH, &plan), 0);
	assert_int_equal(bpf_map_update_elem(map, &slot, plan.params, BPF_ANY), 0);
	assert_int_equal(attach_new(&probe, 1, &r->attacher, &err), 0);
	for (unsigned i = 0; i < plan.n; i++) {
		uint16_t hook = plan.v[i].hook;
		struct attach_request req = {.probe = 2,
					     .program = hook,
					     .fd = fd,
					     .offset = plan.v[i].offset,
					     .cookie = slot,
					     .ret = probe_bash.hooks[hook].ret};
		struct attach_reply reply;

		attacher_call(r->attacher, &req, &reply);
		assert_int_equal(reply.status, 0);
	}
	close(fd);
}

static void recorder_start(struct recorder *r, pid_t tree)
{
	struct core_filters filters = {.command = tree};
	struct core_config cfg = {4 * 1024 * 1024, 0, &filters};
	struct probe_env env = {.number = 2, .max_payload = 1024 * 1024};
	struct err err = {""};
	int ret = core_new(&cfg, &r->core, &err);

	if (ret == -EPERM || ret == -EOPNOTSUPP) {
		print_message("SKIP: %s\n", err.text);
		skip();
	}
	assert_int_equal(ret, 0);
	assert_int_equal(core_start(r->core, &err), 0);
	env.core = core_object(r->core);
	r->ctx = calloc(1, probe_bash.ctx_size);
	ret = probe_bash.initialize(r->ctx, NULL, &env, &err);
	if (ret)
		fail_msg("%s", err.text);
	recorder_attach(r);
	r->ring = ring_buffer__new(core_ring_fd(r->core), take, r, NULL);
	assert_non_null(r->ring);
}

static void recorder_stop(struct recorder *r)
{
	attach_free(r->attacher);
	assert_true(ring_buffer__consume(r->ring) >= 0);
	ring_buffer__free(r->ring);
	probe_bash.close(r->ctx);
	free(r->ctx);
	core_free(r->core);
}

/* Reads what the shell prints until it ends in `want`. */
static void await(int fd, const char *want)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char seen[4096];
	size_t n = 0, len = strlen(want);

	while (poll(&p, 1, PATIENCE_MS) == 1) {
		ssize_t got = read(fd, seen + n, sizeof(seen) - n);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (n >= len && !memcmp(seen + n - len, want, len))
			return;
		if (n > sizeof(seen) / 2) {
			memmove(seen, seen + n - len, len);
			n = len;
		}
	}
	fail_msg("the shell did not say '%s' but '%.*s'", want, (int)n, seen);
}

/* The terminal holds less than a long line, and so does what the shell echoes: both ways at once.
 */
static void type(int fd, const char *text, const char *want)
{
	struct pollfd p = {.fd = fd};
	size_t left = strlen(text);
	char echo[4096];

	while (left) {
		ssize_t n;

		p.events = POLLIN | POLLOUT;
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		if (p.revents & POLLIN && left > 1)
			assert_true(read(fd, echo, sizeof(echo)) > 0);
		if (!(p.revents & POLLOUT))
			continue;
		n = write(fd, text, left < 256 ? left : 256);
		assert_true(n > 0);
		text += n;
		left -= (size_t)n;
	}
	await(fd, want);
}

/* Ctrl-C. Readline looks at signals before it reads: one that comes just between waits for a key.
 */
static void interrupt(pid_t pid, int fd)
{
	char path[32], line[256], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (state != 'S') {
		FILE *f = fopen(path, "re");

		assert_non_null(f);
		assert_non_null(fgets(line, sizeof(line), f));
		assert_int_equal(sscanf(line, "%*d (%*[^)]) %c", &state), 1);
		fclose(f);
	}
	type(fd, "\x03", "P1> ");
}

static pid_t shell(int *fd)
{
	pid_t pid = forkpty(fd, NULL, NULL, NULL);
	struct termios t;

	assert_true(pid >= 0);
	if (!pid) {
		/* else Ctrl-C drops what was printed, which can be the next prompt already */
		tcgetattr(0, &t);
		t.c_lflag |= NOFLSH;
		tcsetattr(0, TCSANOW, &t);
		setenv("PS1", "P1> ", 1);
		setenv("PS2", "P2> ", 1);
		setenv("TERM", "dumb", 1);
		setenv("HISTFILE", "/dev/null", 1);
		execl(BASH, "bash", "--norc", "--noprofile", "-i", NULL);
		_exit(99);
	}
	await(*fd, "P1> ");
	return pid;
}

static void leave(pid_t pid, int fd)
{
	char rest[256];

	assert_int_equal(write(fd, "exit\n", 5), 5);
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void what_people_type(void **state)
{
	struct recorder r = {0};
	int fd;
	pid_t pid = shell(&fd);

	recorder_start(&r, pid);
	type(fd, "(exit 3)\n", "P1> "); /* it sat at its prompt when we came */
	type(fd, "true; false\n", "P1> ");
	type(fd, "\n", "P1> ");
	type(fd, "   \n", "P1> ");
	type(fd, "for i in 1\n", "P2> ");
	type(fd, "do true\n", "P2> ");
	type(fd, "done\n", "P1> ");
	type(fd, "cat <<E >/dev/null\n", "P2> ");
	type(fd, "text\n", "P2> ");
	type(fd, "\n", "P2> ");
	type(fd, "E\n", "P1> ");
	type(fd, "!tr\n", "P1> ");
	type(fd, "if true\n", "P2> ");
	interrupt(pid, fd);
	type(fd, "never", "never");
	interrupt(pid, fd);
	type(fd, "read -e -p ask: v\n", "ask:");
	type(fd, "secret\n", "P1> ");
	type(fd, "PS2=\n", "P1> ");
	leave(pid, fd);
	recorder_stop(&r);
	assert_string_equal(r.text, "~(exit 3)=3;true; false=1;for i in 1+do true+done=0;"
				    "cat <<E >/dev/null+text++E=0;!tr>true; false=1;if true=130;"
				    "read -e -p ask: v=0;PS2==0;exit");
}

static void long_lines(void **state)
{
	struct recorder r = {0};
	char line[LONG_LINE + 8] = ": ";
	int fd;
	pid_t pid = shell(&fd);

	recorder_start(&r, pid);
	memset(line + 2, 'y', LONG_LINE);
	line[LONG_LINE + 2] = '\n';
	type(fd, line, "P1> ");
	leave(pid, fd);
	recorder_stop(&r);
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
