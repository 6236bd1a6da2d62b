/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/playback.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "capture/flows.h"
#include "capture/kinds.h"
#include "capture/procs.h"
#include "capture/run_copy.h"
#include "kern/events.h"

#define TICK_NS  100000000ull /* as the sources have it */
#define TICK_MAX 36000        /* a longer pause is one step */

enum {
	RUN_TEXT = 256,
	RUN_CMDLINE = 8192, /* an encoder's opening bytes have room for that */
	TEXT_MAX = UINT16_MAX,
	COUNTERS_MAX = 4096,
	NAMES = 64, /* of probes, shells, libraries, databases: there are fewer */
	NAME_SIZE = 64,
};

struct playback {
	struct output **outputs;
	unsigned n;
	struct procs *procs;
	struct flows *flows;
	bool started;
	uint32_t generation; /* of the recording: grows with each repeated META */
	uint64_t tick_ns;    /* the last tick */
	int64_t offset_ns;   /* Unix time - boot time, as the last event has it */
	struct run *run;     /* a copy */
	uint64_t counts[EVENT_KINDS];
	char names[NAMES][NAME_SIZE];
	unsigned names_n;
};

struct playback *playback_new(struct output **outputs, unsigned n)
{
	struct playback *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->outputs = outputs;
	p->n = n;
	p->generation = 1;
	p->procs = procs_new();
	p->flows = flows_new();
	if (!p->procs || !p->flows) {
		playback_free(p);
		return NULL;
	}
	return p;
}

void playback_free(struct playback *p)
{
	if (!p)
		return;
	procs_free(p->procs);
	flows_free(p->flows);
	free(p->run);
	free(p);
}

const uint64_t *playback_counts(const struct playback *p)
{
	return p->counts;
}

/* ---- the run ------------------------------------------------------------------------------- */

static void cut_text(struct bytes *text, size_t max)
{
	if (text->n > max)
		text->n = max;
}

static int playback_begin(struct playback *p, const struct event *ev)
{
	struct run run = *ev->run;
	char probes[RUN_TEXT + 1];

	cut_text(&run.host, RUN_TEXT);
	cut_text(&run.os, RUN_TEXT);
	cut_text(&run.kernel, RUN_TEXT);
	cut_text(&run.arch, RUN_TEXT);
	cut_text(&run.version, RUN_TEXT);
	cut_text(&run.cmdline, RUN_CMDLINE);
	snprintf(probes, sizeof(probes), "%s", run.probes);
	run.probes = probes;
	p->run = run_copy(&run);
	if (!p->run)
		return -ENOMEM;
	p->tick_ns = run.start_boot_ns;
	p->offset_ns = (int64_t)(run.start_unix_ns - run.start_boot_ns);
	p->counts[EVENT_META]++;
	for (unsigned i = 0; i < p->n; i++) {
		output_clock(p->outputs[i], p->offset_ns);
		if (output_run(p->outputs[i], &run) < 0)
			return -ENOMEM;
	}
	p->started = true;
	return 0;
}

int playback_resume(struct playback *p)
{
	for (unsigned i = 0; i < p->n && p->started; i++) {
		output_clock(p->outputs[i], p->offset_ns);
		if (output_run(p->outputs[i], p->run) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int take_meta(struct playback *p, const struct event *ev)
{
	if (!p->started) {
		return playback_begin(p, ev);
	}
	if (ev->run->run_id != p->run->run_id ||
	    memcmp(ev->run->boot_id, p->run->boot_id, sizeof(p->run->boot_id)) != 0)
		return -EXDEV;
	p->generation++;
	return 0;
}

/* ---- names --------------------------------------------------------------------------------- */

/* Names in events that are recorded live are constants, and encoders may keep them. */
static const char *keep_name(struct playback *p, const char *name)
{
	size_t n = strnlen(name, NAME_SIZE - 1);
	char *at;

	for (unsigned i = 0; i < p->names_n; i++)
		if (!strncmp(p->names[i], name, n) && !p->names[i][n])
			return p->names[i];
	if (p->names_n == NAMES)
		return "other";
	at = p->names[p->names_n++];
	memcpy(at, name, n);
	at[n] = '\0';
	return at;
}

static void keep_names(struct playback *p, struct event *ev)
{
	const struct kind *kind = &kinds[ev->kind];

	ev->probe = keep_name(p, ev->probe);
	for (unsigned i = 0; i < KIND_NAMES && kind->names[i]; i++)
		*kind_name(ev, kind->names[i]) = keep_name(p, *kind_name(ev, kind->names[i]));
}

/* ---- time ---------------------------------------------------------------------------------- */

/* What the outputs lost themselves they say, as in any other run. */
static void report_losses(struct playback *p, struct output *o, uint64_t now_ns)
{
	for (unsigned reason = 0; reason < OSTAT_MAX; reason++) {
		struct event ev = {.kind = EVENT_LOSS,
				   .probe = "core",
				   .time_boot_ns = now_ns,
				   .time_unix_ns = now_ns + (uint64_t)p->offset_ns};

		if (!stats_output_rows[reason].loss || !output_loss_due(o, reason, &ev.loss))
			continue;
		output_report(o, (enum output_stat)reason, &ev);
	}
}

static void playback_tick(struct playback *p, uint64_t now_ns)
{
	p->tick_ns = now_ns;
	for (unsigned i = 0; i < p->n; i++) {
		report_losses(p, p->outputs[i], now_ns);
		output_tick(p->outputs[i], now_ns);
	}
}

/* Times in a recording may go back a little: record time does not. */
static void playback_advance(struct playback *p, const struct event *ev)
{
	int64_t offset_ns = (int64_t)(ev->time_unix_ns - ev->time_boot_ns);
	uint64_t now = ev->time_boot_ns;

	for (unsigned i = 0; i < p->n && offset_ns != p->offset_ns; i++)
		output_clock(p->outputs[i], offset_ns);
	p->offset_ns = offset_ns;
	if (now <= p->tick_ns)
		return;
	if ((now - p->tick_ns) / TICK_NS > TICK_MAX)
		playback_tick(p, now - (now - p->tick_ns) % TICK_NS);
	while (now - p->tick_ns >= TICK_NS)
		playback_tick(p, p->tick_ns + TICK_NS);
}

/* ---- processes ----------------------------------------------------------------------------- */

static struct rec_task task_of(const struct proc *proc)
{
	struct rec_task task = {.pid = proc->pid,
				.ppid = proc->ppid,
				.uid = proc->uid,
				.gid = proc->gid,
				.loginuid = proc->loginuid,
				.ns_pid = proc->ns_pid,
				.start = proc->start_boot_ns,
				.cgroup = proc->cgroup_id};

	if (proc->comm.n)
		memcpy(task.comm, proc->comm.p, proc->comm.n < REC_COMM ? proc->comm.n : REC_COMM);
	return task;
}

/* A new image of a process. Its texts are not those of the table, which gives them up. */
static void playback_image(struct playback *p, const struct rec_task *task,
			   const struct layout_proc *image)
{
	const struct rec exec = {.kind = REC_EXEC};
	struct layout_proc proc = *image;

	proc.task = task;
	procs_update(p->procs, &exec, &proc);
}

/* What is said of an ancestor: its name, its file and its parent. */
static void learn_ancestor(struct playback *p, const struct proc *proc)
{
	const struct proc *known = procs_peek(p->procs, proc->pid, proc->start_boot_ns);
	struct layout_proc image = {.exe = proc->exe};
	struct rec_task task = task_of(known ? known : proc);
	struct rec_task said = task_of(proc);
	bool ignored;

	memcpy(task.comm, said.comm, sizeof(task.comm));
	if (proc->parent)
		task.ppid = proc->parent->pid;
	if (known && (!proc->exe.n || bytes_eq(known->exe, proc->exe)))
		procs_find(p->procs, &task, 0, &ignored);
	else
		playback_image(p, &task, &image);
}

static void learn_ancestors(struct playback *p, const struct proc *proc)
{
	const struct proc *up = proc->parent;

	for (unsigned i = 0; up && i < PROC_ANCESTORS; up = up->parent, i++)
		learn_ancestor(p, up);
}

/* Does it say what is known already? Arguments may be left out. */
static bool same_image(const struct proc *known, const struct proc *proc)
{
	return bytes_eq(known->exe, proc->exe) && bytes_eq(known->cwd, proc->cwd) &&
	       bytes_eq(known->cgroup, proc->cgroup) &&
	       (!proc->cmdline.n || bytes_eq(known->cmdline, proc->cmdline));
}

/*
 * A recording describes each image of a process once in each generation. So what comes for the
 * second time in one is a new image, even if it looks the same; and for the first time in a later
 * one, it is a repetition if it does.
 */
static void take_description(struct playback *p, const struct proc *proc)
{
	const struct proc *known;
	const struct layout_proc image = {.exe = proc->exe,
					  .cwd = proc->cwd,
					  .cgroup = proc->cgroup,
					  .cmdline = proc->cmdline};
	struct rec_task task = task_of(proc);

	learn_ancestors(p, proc);
	if (proc->cgroup_id && proc->cgroup.n)
		procs_cgroup(p->procs, proc->cgroup_id, proc->cgroup);
	known = procs_peek(p->procs, proc->pid, proc->start_boot_ns);
	if (!known || known->seen[PROCS_MARK] == p->generation || !same_image(known, proc)) {
		playback_image(p, &task, &image);
		known = procs_peek(p->procs, proc->pid, proc->start_boot_ns);
	}
	assert(known);
	known->seen[PROCS_MARK] = p->generation;
}

/* Makes ev->proc that of the table. */
static void find_process(struct playback *p, struct event *ev)
{
	const struct proc *said = ev->proc, *known;
	struct layout_proc image = {.exe = said->exe, .cgroup = said->cgroup};
	struct rec_task task = task_of(said);
	int64_t offset = (int64_t)(said->start_unix_ns - said->start_boot_ns);
	uint32_t mark = 0;
	bool ignored;

	learn_ancestors(p, said);
	known = procs_peek(p->procs, task.pid, task.start);
	if (ev->kind == EVENT_EXEC) {
		mark = known ? known->seen[PROCS_MARK] : 0;
		image.cwd = ev->exec.cwd;
		image.cmdline = ev->exec.argv;
	}
	if (ev->kind == EVENT_EXEC || !known || !bytes_eq(known->exe, said->exe))
		playback_image(p, &task, &image);
	ev->proc = procs_find(p->procs, &task, offset, &ignored);
	if (mark)
		ev->proc->seen[PROCS_MARK] = mark;
}

/* ---- events -------------------------------------------------------------------------------- */

static bool has_process(enum event_kind kind)
{
	return kind == EVENT_KINDS || kinds[kind].has_process;
}

static bool valid_flow(const struct flow *flow)
{
	return flow->role <= FLOW_ROLE_SERVER && (unsigned)flow->protocol < PROTOCOLS &&
	       (flow->family == 0 || flow->family == AF_INET || flow->family == AF_INET6);
}

/* The texts that are bounded by nature, and the names. */
static bool valid_texts(struct event *ev)
{
	const struct kind *kind = &kinds[ev->kind];

	for (unsigned i = 0; i < KIND_TEXTS && kind->texts[i]; i++)
		if (kind_text(ev, kind->texts[i])->n > TEXT_MAX)
			return false;
	for (unsigned i = 0; i < KIND_NAMES && kind->names[i]; i++)
		if (!*kind_name(ev, kind->names[i]))
			return false;
	return true;
}

static bool valid_data(const struct event *ev)
{
	const struct event_data *d = &ev->data;

	return ev->flow && valid_flow(ev->flow) &&
	       (d->direction == DIRECTION_TRANSMIT || d->direction == DIRECTION_RECEIVE) &&
	       d->payload.n <= REC_MAX && d->stream_offset <= INT64_MAX / 2 &&
	       d->call_total <= UINT32_MAX && d->call_offset <= UINT32_MAX;
}

/* What encoders rely on, for no decoder of records has made this event. */
static bool valid_event(struct event *ev)
{
	if ((unsigned)ev->kind > EVENT_KINDS || (has_process(ev->kind) && !ev->proc) || !ev->probe)
		return false;
	if (ev->kind < EVENT_KINDS && !valid_texts(ev))
		return false;
	switch (ev->kind) {
	case EVENT_META:
		return ev->run && ev->run->probes;
	case EVENT_DATA:
		return valid_data(ev);
	case EVENT_QUERY:
		return !ev->flow || valid_flow(ev->flow);
	case EVENT_LOSS:
		return ev->loss.probe && ev->loss.reason;
	case EVENT_STATS:
		return ev->stats.n <= COUNTERS_MAX;
	case EVENT_EXEC:
	case EVENT_EXIT:
	case EVENT_LINE:
	case EVENT_ATTACH:
	case EVENT_KINDS:
		return true;
	}
	return false;
}

int playback_event(struct event *ev, void *playback)
{
	struct playback *p = playback;

	if (!valid_event(ev))
		return -EBADMSG;
	if (ev->kind == EVENT_META)
		return take_meta(p, ev);
	if (!p->started)
		return -EPROTO;
	if (ev->kind == EVENT_KINDS) {
		take_description(p, ev->proc);
		return 0;
	}
	playback_advance(p, ev);
	keep_names(p, ev);
	if (ev->kind == EVENT_EXEC && ev->exec.argv_total < ev->exec.argv.n)
		ev->exec.argv_total = ev->exec.argv.n;
	if (ev->proc)
		find_process(p, ev);
	if (ev->kind == EVENT_DATA)
		flows_recorded(p->flows, ev);
	else if (ev->kind == EVENT_QUERY && ev->flow)
		flows_session(p->flows, ev);
	else
		ev->flow = NULL;
	p->counts[ev->kind]++;
	for (unsigned i = 0; i < p->n; i++)
		output_event(p->outputs[i], ev);
	return 0;
}

void playback_end(struct playback *p)
{
	for (unsigned i = 0; i < p->n && p->started; i++) {
		output_settle(p->outputs[i]);
		report_losses(p, p->outputs[i], p->tick_ns);
	}
}

void playback_finish(struct playback *p)
{
	for (unsigned i = 0; i < p->n; i++)
		output_hasten(p->outputs[i]);
	playback_end(p);
	for (unsigned i = 0; i < p->n; i++)
		output_finish(p->outputs[i]);
}
