/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "capture/run/record.h"

/* How long COMMAND has, after a signal was passed on to it, until the recording ends without it. */
enum {
	CHILD_GRACE_MS = 2000
};

enum {
	SIGNALS,
	READER,
	STDOUT,
	POLLED
};

/*
 * A signal to end: true = now. While COMMAND runs it is COMMAND's as well. The terminal's SIGINT
 * reaches it without our help, and it decides what that means, as often as it comes; any other is
 * passed on.
 */
static bool signal_stops(struct record *r, const struct signalfd_siginfo *info,
			 int64_t *deadline_ms)
{
	int number = (int)info->ssi_signo;

	if (r->child.pid && number == SIGINT && info->ssi_code == SI_KERNEL)
		return false;
	r->stop_signal = number;
	signals_end_at_once();
	if (!r->child.pid)
		return true;
	kill(r->child.pid, number);
	*deadline_ms = elapsed_ms() + CHILD_GRACE_MS;
	return false;
}

/* Takes what is pending; true = the end. */
static bool take_signals(struct record *r, int64_t *deadline_ms)
{
	struct signalfd_siginfo info;

	while (signals_next(&r->signals, &info)) {
		if (info.ssi_signo == SIGCHLD) {
			if (child_ended(&r->child))
				return true;
		} else if (signal_stops(r, &info, deadline_ms)) {
			return true;
		}
	}
	return false;
}

/* The reader thread broke, or nobody reads our standard output and there is nothing else to write:
 * the end, unless COMMAND's is still to come. */
static bool take_ends(struct record *r, struct pollfd fds[POLLED])
{
	bool end = fds[READER].revents || (fds[STDOUT].revents && r->outputs.n == 1);

	for (unsigned i = READER; i < POLLED; i++)
		if (fds[i].revents)
			fds[i].fd = -1;
	return end && !r->child.pid;
}

void record_wait(struct record *r)
{
	int64_t deadline_ms = 0;
	struct pollfd fds[POLLED] = {
		[SIGNALS] = {.fd = r->signals.fd, .events = POLLIN},
		[READER] = {.fd = r->reader.done_fd, .events = POLLIN},
		[STDOUT] = {.fd = outputs_on_stdout(&r->outputs) ? STDOUT_FILENO : -1},
	};

	for (;;) {
		int64_t left = deadline_ms ? deadline_ms - elapsed_ms() : -1;

		if (deadline_ms && left <= 0)
			return;
		if (poll(fds, POLLED, (int)left) < 0 && errno != EINTR)
			return;
		if (fds[SIGNALS].revents && take_signals(r, &deadline_ms))
			return;
		if (take_ends(r, fds))
			return;
	}
}
