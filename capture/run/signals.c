/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"

static bool has_terminal(void)
{
	CLEANUP_CLOSE int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0;
}

static bool is_ignored(int number)
{
	struct sigaction sa;

	return sigaction(number, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

int signals_catch(struct signals *ret, struct err *err)
{
	static const int numbers[] = {SIGTERM, SIGHUP, SIGUSR1};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, normal = {.sa_handler = SIG_DFL};
	sigset_t set;

	ret->terminal = has_terminal();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!is_ignored(numbers[i]))
			sigaddset(&set, numbers[i]);
	sigaddset(&set, SIGINT);
	sigaction(SIGINT, &normal, &ret->inherited_int);
	sigaction(SIGPIPE, &ignore, &ret->inherited_pipe);
	sigaction(SIGXFSZ, &ignore, &ret->inherited_size);
	/* an ignored SIGCHLD would take COMMAND's status away */
	sigaction(SIGCHLD, &normal, &ret->inherited_child);
	sigprocmask(SIG_BLOCK, &set, &ret->inherited_mask);
	ret->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return ret->fd < 0 ? errf(err, -errno, "signalfd: %s", strerror(errno)) : 0;
}

void signals_restore(const struct signals *s)
{
	sigaction(SIGINT, &s->inherited_int, NULL);
	sigaction(SIGPIPE, &s->inherited_pipe, NULL);
	sigaction(SIGXFSZ, &s->inherited_size, NULL);
	sigaction(SIGCHLD, &s->inherited_child, NULL);
	sigprocmask(SIG_SETMASK, &s->inherited_mask, NULL);
}

bool signals_next(const struct signals *s, struct signalfd_siginfo *ret)
{
	return read(s->fd, ret, sizeof(*ret)) == sizeof(*ret);
}

bool signals_hung_up(const struct signals *s)
{
	return s->terminal && !has_terminal();
}

static void end_at_once(int number)
{
	_exit(128 + number);
}

void signals_end_at_once(void)
{
	struct sigaction sa = {.sa_handler = end_at_once};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
