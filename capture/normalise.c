/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/normalise.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/flows.h"
#include "capture/kinds.h"
#include "capture/layout.h"
#include "capture/opening.h"
#include "capture/procs.h"

struct normalise {
	struct procs *procs;
	struct flows *flows;
	struct output **outputs;
	unsigned outputs_n;
	int64_t offset_ns; /* Unix time - boot time */
	bool clock_known;
	event_keep_fn keep; /* NULL = everything */
	void *keep_arg;
	uint64_t counts[EVENT_KINDS];
};

struct normalise *normalise_new(struct output **outputs, unsigned n)
{
	struct normalise *no = calloc(1, sizeof(*no));

	if (!no)
		return NULL;
	no->procs = procs_new();
	no->flows = flows_new();
	if (!no->procs || !no->flows) {
		normalise_free(no);
		return NULL;
	}
	no->outputs = outputs;
	no->outputs_n = n;
	return no;
}

void normalise_free(struct normalise *n)
{
	if (!n)
		return;
	procs_free(n->procs);
	flows_free(n->flows);
	free(n);
}

void normalise_keep(struct normalise *n, event_keep_fn keep, void *arg)
{
	n->keep = keep;
	n->keep_arg = arg;
}

void normalise_renew(struct normalise *n)
{
	procs_renew(n->procs);
}

int normalise_opening(struct normalise *n, const struct rec *run, uint64_t now_ns,
		      output_record_fn fn, void *arg)
{
	struct opening opening = {
		.run = run, .now_ns = now_ns, .offset_ns = n->offset_ns, .procs = n->procs};

	return opening_records(&opening, fn, arg);
}

void normalise_clock(struct normalise *n, uint64_t boot_ns, uint64_t unix_ns)
{
	n->offset_ns = (int64_t)(unix_ns - boot_ns);
	n->clock_known = true;
}

uint64_t normalise_unix(const struct normalise *n, uint64_t boot_ns)
{
	return boot_ns + (uint64_t)n->offset_ns;
}

int normalise_context(struct normalise *n, const struct rec *rec)
{
	const struct rec_cgroup *cgroup = (const void *)rec;
	struct layout_proc proc;
	int r;

	if (rec->kind == REC_CGROUP) {
		if (rec->len < sizeof(*cgroup))
			return -EMSGSIZE;
		if (cgroup->path_len > rec->len - sizeof(*cgroup))
			return -EBADMSG;
		procs_cgroup(n->procs, cgroup->id, (struct bytes){cgroup->data, cgroup->path_len});
		return 0;
	}
	r = layout_proc(rec, &proc);
	if (!r)
		procs_update(n->procs, rec, &proc);
	return r;
}

static void set_times(const struct normalise *n, struct event *ev, uint64_t time_ns)
{
	ev->time_boot_ns = time_ns;
	ev->time_unix_ns = normalise_unix(n, time_ns);
}

void normalise_emit(struct event *ev, const struct rec_task *task, uint64_t time_ns, void *arg)
{
	struct normalise *n = arg;
	bool known = true;

	assert(n->clock_known);
	assert(!ev->flow || kinds[ev->kind].may_have_flow);
	normalise_complete(n, ev, time_ns);
	if (task)
		ev->proc = procs_find(n->procs, task, n->offset_ns, &known);
	if (!known)
		ev->flags |= EVENT_F_NO_PROCESS;
	if (ev->flow && ev->kind == EVENT_QUERY)
		flows_session(n->flows, ev);
	else if (ev->flow)
		flows_complete(n->flows, ev);
	if (n->keep && !n->keep(ev, n->keep_arg))
		return;
	for (unsigned i = 0; i < n->outputs_n; i++)
		if (!output_is_tap(n->outputs[i]))
			output_event(n->outputs[i], ev);
}

void normalise_complete(struct normalise *n, struct event *ev, uint64_t time_ns)
{
	set_times(n, ev, time_ns);
	n->counts[ev->kind]++;
}

void normalise_emit_to(struct normalise *n, struct output *o, struct event *ev, uint64_t time_ns)
{
	normalise_complete(n, ev, time_ns);
	if (!output_is_tap(o) && (!n->keep || n->keep(ev, n->keep_arg)))
		output_event(o, ev);
}

const uint64_t *normalise_counts(const struct normalise *n)
{
	return n->counts;
}
