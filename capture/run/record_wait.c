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
	ANSWER,
	POLLED
};

/* How long a flush has, after SIGUSR1, to get to the sinks before the report is made. */
enum {
	REPORT_MS = 250,
	TICK_MS = 1000 /* of the progress */
};

/* What record_wait() waits for besides. */
struct record_times {
	int64_t end_ms;    /* COMMAND's patience is over; 0 = not asked for */
	int64_t report_ms; /* a report is to be made; 0 = none is wanted */
	bool asked;        /* and one is being made, */
	bool idly;         /* of which only the progress is wanted */
	int64_t tick_ms;   /* the progress is to be told; 0 = nobody wants it */
};

/*
 * A signal to end: true = now. While COMMAND runs it is COMMAND's as well. The terminal's SIGINT
 * reaches it without our help, and it decides what that means, as often as it comes; any other is
 * passed on.
 */
static bool signal_stops(struct record *r, const struct signalfd_siginfo *info,
			 struct record_times *t)
{
	int number = (int)info->ssi_signo;

	if (r->child.pid && number == SIGINT && info->ssi_code == SI_KERNEL)
		return false;
	r->stop_signal = number;
	signals_end_at_once();
	if (!r->child.pid)
		return true;
	kill(r->child.pid, number);
	t->end_ms = elapsed_ms() + CHILD_GRACE_MS;
	return false;
}

/* A signal that asks for something; false = it wants us to end. */
static bool signal_asks(struct record *r, const struct signalfd_siginfo *info,
			struct record_times *t)
{
	if (info->ssi_signo == SIGHUP)
		return !signals_hung_up(&r->signals) && outputs_want_medium(&r->outputs);
	if (info->ssi_signo != SIGUSR1)
		return false;
	outputs_want_flush(&r->outputs);
	if (!t->report_ms)
		t->report_ms = elapsed_ms() + REPORT_MS;
	return true;
}

/* Takes what is pending; true = the end. */
static bool take_signals(struct record *r, struct record_times *t)
{
	struct signalfd_siginfo info;

	while (signals_next(&r->signals, &info)) {
		if (info.ssi_signo == SIGCHLD) {
			if (child_ended(&r->child))
				return true;
		} else if (!signal_asks(r, &info, t) && signal_stops(r, &info, t)) {
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

	for (unsigned i = READER; i <= STDOUT; i++)
		if (fds[i].revents)
			fds[i].fd = -1;
	return end && !r->child.pid;
}

/* The reader counts between two turns; what it has counted is reported from here. */
static void take_report(struct record *r, struct record_times *t, bool answered)
{
	uint64_t count;

	if (answered && read(r->answered_fd, &count, sizeof(count)) > 0) {
		t->asked = false;
		(t->idly ? r->cfg->progress : r->cfg->reported)(r, &r->snapshot,
								r->cfg->reported_arg);
	}
	if (t->asked)
		return;
	if (t->report_ms && t->report_ms <= elapsed_ms()) {
		t->report_ms = 0;
		t->idly = false;
	} else if (t->tick_ms && t->tick_ms <= elapsed_ms()) {
		t->tick_ms = elapsed_ms() + TICK_MS;
		t->idly = true;
	} else {
		return;
	}
	t->asked = true;
	reader_ask(&r->reader);
}

static void time_nearer(int64_t *next_ms, int64_t ms)
{
	if (ms && (!*next_ms || ms < *next_ms))
		*next_ms = ms;
}

static int times_left(const struct record_times *t)
{
	int64_t next_ms = t->end_ms;

	if (!t->asked) {
		time_nearer(&next_ms, t->report_ms);
		time_nearer(&next_ms, t->tick_ms);
	}
	if (!next_ms)
		return -1;
	next_ms -= elapsed_ms();
	return next_ms > 0 ? (int)next_ms : 0;
}

void record_wait(struct record *r)
{
	struct record_times t = {.tick_ms = r->cfg->progress ? elapsed_ms() + TICK_MS : 0};
	struct pollfd fds[POLLED] = {
		[SIGNALS] = {.fd = r->signals.fd, .events = POLLIN},
		[READER] = {.fd = r->reader.done_fd, .events = POLLIN},
		[STDOUT] = {.fd = outputs_on_stdout(&r->outputs) ? STDOUT_FILENO : -1},
		[ANSWER] = {.fd = r->answered_fd, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, POLLED, times_left(&t)) < 0 && errno != EINTR)
			return;
		if (t.end_ms && t.end_ms <= elapsed_ms())
			return;
		if (fds[SIGNALS].revents && take_signals(r, &t))
			return;
		if (take_ends(r, fds))
			return;
		take_report(r, &t, fds[ANSWER].revents);
	}
}
