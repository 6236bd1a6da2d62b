/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/verify_inside.h"

/* No clock that is set at all says a time behind that: the year 2200. */
#define TIME_MAX_NS 7258118400000000000ull

static struct verify_run *runs_find(struct verify_runs *runs, const struct run *run)
{
	struct verify_run *found;

	for (unsigned i = 0; i < runs->n; i++)
		if (runs->v[i].run_id == run->run_id)
			return &runs->v[i];
	if (!runs->v)
		runs->v = calloc(VERIFY_RUNS, sizeof(*runs->v));
	if (!runs->v || runs->n == VERIFY_RUNS)
		return NULL;
	found = &runs->v[runs->n++];
	found->run_id = run->run_id;
	memcpy(found->host, run->host.p ? run->host.p : "",
	       run->host.n < sizeof(found->host) ? run->host.n : sizeof(found->host) - 1);
	return found;
}

static void runs_note_hole(struct verify_run *run, uint64_t after, uint64_t n, const char *path)
{
	if (!run->path) {
		run->path = strdup(path);
		run->after = after;
	}
	run->holes += n;
}

static int event_check_times(const struct event *ev, struct err *err)
{
	uint64_t end = ev->time_unix_ns;

	if (ev->kind == EVENT_LOSS && event_unix(ev, ev->loss.last_boot_ns) > end)
		end = event_unix(ev, ev->loss.last_boot_ns);
	if (end > TIME_MAX_NS || ev->time_boot_ns > TIME_MAX_NS)
		return errf(err, -EBADMSG, "the time of event %" PRIu64 " cannot be right",
			    ev->seq);
	if (ev->kind == EVENT_LOSS && ev->loss.first_boot_ns > ev->loss.last_boot_ns)
		return errf(err, -EBADMSG, "the loss in event %" PRIu64 " ended before it began",
			    ev->seq);
	return 0;
}

static int seq_advance(struct verify_seq *seq, const struct event *ev, const char *path,
		       struct err *err)
{
	if (seq->last && ev->seq <= seq->last && !seq->restarts)
		return errf(err, -EBADMSG, "event %" PRIu64 " comes behind event %" PRIu64, ev->seq,
			    seq->last);
	if (seq->run && seq->last && ev->seq > seq->last + 1 && !seq->sparse)
		runs_note_hole(seq->run, seq->last, ev->seq - seq->last - 1, path);
	seq->last = ev->seq;
	seq->restarts = false;
	return 0;
}

int verify_runs_event(struct verify_runs *runs, struct verify_seq *seq, const struct event *ev,
		      const char *path, struct err *err)
{
	struct verify_run *run = seq->run;
	int r = event_check_times(ev, err);

	if (r < 0)
		return r;
	if (ev->kind == EVENT_META && ev->run) {
		run = runs_find(runs, ev->run);
		if (run != seq->run)
			seq->last = 0;
		seq->run = run;
		/* What opens a frame tells the run again, and is no event of its own; what opens a
		 * later file of a run says nothing of the events that follow. */
		if (ev->seq != seq->last + 1) {
			seq->restarts = ev->seq <= seq->last;
			return seq->restarts;
		}
		seq->last = seq->last ? ev->seq : 0;
		return 0;
	}
	if (run && ev->kind == EVENT_LOSS && ev->loss.first_seq)
		run->told += ev->loss.count;
	return ev->seq ? seq_advance(seq, ev, path, err) : 0;
}

void verify_runs_done(struct verify_runs *runs)
{
	for (unsigned i = 0; i < runs->n; i++)
		free(runs->v[i].path);
	free(runs->v);
	*runs = (struct verify_runs){0};
}
