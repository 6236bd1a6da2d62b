/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/typist.h"

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
#include "probes/attach.h"
#include "probes/core/core.h"
#include "probes/elf/file.h"

enum {
	PATIENCE_MS = 10000
};

int typist_inspect(const struct probe_ops *probe, const void *cfg, const char *path,
		   struct probe_plan *plan)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct err err = {""};
	struct elf_file *elf;

	assert_true(fd >= 0);
	*plan = (struct probe_plan){0};
	assert_int_equal(elf_file_open(fd, path, &elf, &err), 0);
	ret = probe->inspect(cfg, elf, plan, &err);
	elf_file_close(elf);
	close(fd);
	return ret;
}

static void note(struct typist *r, const char *before, struct bytes b, const char *after)
{
	r->n += (size_t)snprintf(r->text + r->n, sizeof(r->text) - r->n, "%s%.*s%s", before,
				 (int)b.n, b.p, after);
	assert_true(r->n < sizeof(r->text));
}

static int take(void *arg, void *data, size_t size)
{
	struct typist *r = arg;
	const struct rec *rec = data;
	struct part part;
	char status[16];

	if (rec->kind != REC_LINE && rec->kind != REC_LINE_END)
		return 0;
	assert_true(layout_valid(data, size));
	assert_int_equal(rec->probe, r->number);
	assert_int_equal(r->probe->decode(rec, &part), 0);
	if (part.role == PART_END) {
		snprintf(status, sizeof(status), "=%d;", part.ev.line.status);
		note(r, status, (struct bytes){0}, "");
	} else if (part.role == PART_BEGIN) {
		note(r,
		     part.ev.flags & EVENT_F_IN_PROGRESS ? "~"
		     : part.ev.line.script               ? "#"
							 : "",
		     part.text, "");
	} else {
		note(r,
		     part.continues                ? "+"
		     : part.expanded || part.whole ? ">"
						   : "",
		     part.text, "");
	}
	return 0;
}

static void typist_attach(struct typist *r)
{
	struct attach_probe probe = {r->number, r->probe->hooks, r->probe->object(r->ctx)};
	int map = bpf_object__find_map_fd_by_name(probe.object, "targets");
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);
	struct err err = {""};
	struct probe_plan plan;
	uint32_t slot = 3;

	assert_int_equal(typist_inspect(r->probe, r->cfg, r->path, &plan), 0);
	assert_int_equal(bpf_map_update_elem(map, &slot, plan.params, BPF_ANY), 0);
	assert_int_equal(attach_new(&probe, 1, &r->attacher, &err), 0);
	for (unsigned i = 0; i < plan.n; i++) {
		uint16_t hook = plan.v[i].hook;
		struct attach_request req = {.probe = r->number,
					     .program = hook,
					     .fd = fd,
					     .offset = plan.v[i].offset,
					     .cookie = slot,
					     .ret = r->probe->hooks[hook].ret};
		struct attach_reply reply;

		attacher_call(r->attacher, &req, &reply);
		assert_int_equal(reply.status, 0);
	}
	close(fd);
}

void typist_start(struct typist *r, pid_t tree)
{
	struct core_filters filters = {.command = tree};
	struct core_config cfg = {4 * 1024 * 1024, 0, &filters};
	struct probe_env env = {.number = r->number, .max_payload = 1024 * 1024};
	struct err err = {""};
	int ret = core_new(&cfg, &r->core, &err);

	if (ret == -EPERM || ret == -EOPNOTSUPP) {
		print_message("SKIP: %s\n", err.text);
		skip();
	}
	assert_int_equal(ret, 0);
	assert_int_equal(core_start(r->core, &err), 0);
	env.core = core_object(r->core);
	r->ctx = calloc(1, r->probe->ctx_size);
	ret = r->probe->initialize(r->ctx, r->cfg, &env, &err);
	if (ret)
		fail_msg("%s", err.text);
	typist_attach(r);
	r->ring = ring_buffer__new(core_ring_fd(r->core), take, r, NULL);
	assert_non_null(r->ring);
}

void typist_stop(struct typist *r)
{
	attach_free(r->attacher);
	assert_true(ring_buffer__consume(r->ring) >= 0);
	ring_buffer__free(r->ring);
	r->probe->close(r->ctx);
	free(r->ctx);
	core_free(r->core);
}

/* Does what it prints end in `want`? zsh asks for bracketed paste behind its prompt. */
static bool shell_is_done(struct bytes seen, struct bytes want)
{
	struct bytes paste = BYTES("\x1b[?2004h");

	if (seen.n >= paste.n && !memcmp(seen.p + seen.n - paste.n, paste.p, paste.n))
		seen.n -= paste.n;
	return seen.n >= want.n && !memcmp(seen.p + seen.n - want.n, want.p, want.n);
}

/* Reads what the shell prints until it ends in `want`. */
static void await(int fd, const char *want)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char seen[4096];
	size_t n = 0, len = strlen(want) + 16; /* with room for what comes behind it */

	while (poll(&p, 1, PATIENCE_MS) == 1) {
		ssize_t got = read(fd, seen + n, sizeof(seen) - n);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (shell_is_done((struct bytes){seen, n}, bytes_of(want)))
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
void typist_type(int fd, const char *text, const char *want)
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
void typist_interrupt(pid_t pid, int fd)
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
	typist_type(fd, "\x03", "P1> ");
}

pid_t typist_shell(char *const *argv, int *fd)
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
		execv(argv[0], argv);
		_exit(99);
	}
	await(*fd, "P1> ");
	return pid;
}

void typist_leave(pid_t pid, int fd)
{
	char rest[256];

	assert_int_equal(write(fd, "exit\n", 5), 5);
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}
