/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void child_execute(const struct child_config *cfg)
{
	int r = 0;

	if (cfg->stdout_taken && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		r = -errno;
	if (r == 0 && cfg->user->set)
		r = user_become(cfg->user);
	if (r < 0) {
		dprintf(STDERR_FILENO, "penstock: cannot become user '%s': %s\n", cfg->user->name,
			strerror(-r));
		_exit(CHILD_FAILED);
	}
	signals_restore(cfg->signals);
	execvp(cfg->argv[0], cfg->argv);
	r = errno;
	dprintf(STDERR_FILENO, "penstock: %s: %s\n", cfg->argv[0], strerror(r));
	_exit(r == ENOENT ? CHILD_NOT_FOUND : CHILD_NO_EXEC);
}

/* Waits for child_release(). If the parent has gone the pipe ends without a byte, and so do we. */
static _Noreturn void child_await_release(const struct child_config *cfg, int hold_fd)
{
	char go;
	ssize_t n;

	do
		n = read(hold_fd, &go, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(CHILD_FAILED);
	child_execute(cfg);
}

int child_fork(const struct child_config *cfg, struct child *ret, struct err *err)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return errf(err, -errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return errf(err, -EAGAIN, "cannot start '%s': %s", cfg->argv[0], strerror(errno));
	}
	if (pid == 0) {
		close(fds[1]);
		child_await_release(cfg, fds[0]);
	}
	close(fds[0]);
	*ret = (struct child){.pid = pid, .hold_fd = fds[1]};
	return 0;
}

void child_release(struct child *c)
{
	ssize_t n = write(c->hold_fd, "", 1);

	(void)n; /* it was killed meanwhile: SIGCHLD tells */
	close(c->hold_fd);
	c->hold_fd = -1;
}

static void take_status(struct child *c, int status)
{
	c->ended = true;
	c->status = WIFSIGNALED(status) ? CHILD_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

bool child_ended(struct child *c)
{
	int status;

	if (c->pid && !c->ended && waitpid(c->pid, &status, WNOHANG) == c->pid)
		take_status(c, status);
	return c->ended;
}

void child_cancel(struct child *c)
{
	int status;

	if (!c->pid || c->ended || c->hold_fd < 0)
		return;
	close(c->hold_fd);
	c->hold_fd = -1;
	if (waitpid(c->pid, &status, 0) == c->pid)
		take_status(c, status);
}
