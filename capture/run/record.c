/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/record.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/parse.h"
#include "capture/source/context.h"
#include "capture/source/processes.h"

/* ---- configuration ------------------------------------------------------------------------- */

static int check_pids(const struct opt_list *list, const char *label, struct err *err)
{
	for (unsigned i = 0; i < list->n; i++) {
		const char *text = list->v[i] + (list->v[i][0] == '!');
		uint32_t pid = 0;

		if (parse_u32(text, &pid) < 0 || pid == 0)
			return errf(err, -EINVAL, "%s: '%s' is not a process id", label, text);
	}
	return 0;
}

static int record_parse_outputs(struct record *r, struct err *err)
{
	r->outputs.insecure = r->cfg->insecure;
	r->outputs.drain_ns = r->cfg->drain_ns;
	return outputs_parse(&r->cfg->write, &r->outputs, err);
}

int record_parse(struct record *r, struct err *err)
{
	const struct record_config *cfg = r->cfg;
	int ret = record_probes_select(cfg, &r->probes, err);

	r->wanted_texts.status = cfg->status;
	if (ret == 0 && cfg->status.n)
		ret = query_new(&r->wanted_texts, 0, &r->wanted, err);
	if (ret == 0)
		ret = check_pids(&cfg->filters.pid, "--pid", err);
	if (ret == 0)
		ret = check_pids(&cfg->filters.tree, "--tree", err);
	if (ret == 0)
		ret = record_parse_outputs(r, err);
	return ret == 0 ? user_find(cfg->user, &r->user, err) : ret;
}

/* ---- kernel half --------------------------------------------------------------------------- */

static int fork_child(struct record *r, struct err *err)
{
	struct child_config cfg = {.argv = r->cfg->child,
				   .user = &r->user,
				   .signals = &r->signals,
				   .stdout_taken =
					   !!r->cfg->write.n && outputs_on_stdout(&r->outputs)};

	return r->cfg->child ? child_fork(&cfg, &r->child, err) : 0;
}

/* The kernel wants a power of two. */
static uint32_t ring_size(uint64_t wanted)
{
	uint32_t size = 4096;

	while (size < wanted)
		size *= 2;
	return size;
}

static int open_kernel(struct record *r, struct err *err)
{
	const struct record_probe *exec = record_probes_find(&r->probes, "exec");
	struct core_filters filters = r->cfg->filters;
	struct core_config cfg = {.ring_size = ring_size(r->cfg->ring_size),
				  .exec_probe = exec ? exec->number : 0,
				  .filters = &filters};
	int ret;

	filters.command = r->cfg->all ? 0 : r->child.pid;
	ret = core_new(&cfg, &r->core, err);
	if (ret < 0)
		return ret;
	return record_probes_initialize(&r->probes, r->core, (uint32_t)r->cfg->max_payload, err);
}

/* ---- user half ----------------------------------------------------------------------------- */

/* Of the reader thread, for the main thread. */
static void record_answer(void *arg)
{
	struct record *r = arg;
	struct pipeline_report run;
	uint64_t one = 1;
	ssize_t n;

	pipeline_report(r->pipeline, &run);
	snapshot_take(&r->snapshot, &run, &r->outputs);
	n = write(r->answered_fd, &one, sizeof(one));
	(void)n;
}

static int live_insert(const struct rec *rec, void *live)
{
	return source_live_insert(live, rec);
}

/* An event_keep_fn: commands that ended otherwise are not told. */
static bool record_keeps(const struct event *ev, void *wanted)
{
	return ev->kind != EVENT_LINE || query_matches(wanted, ev);
}

static int open_pipeline(struct record *r, struct err *err)
{
	struct source_live_config live = {.ring_fd = core_ring_fd(r->core),
					  .ring_size = core_ring_size(r->core),
					  .ctl_fd = core_ctl_fd(r->core),
					  .counters_fd = core_counters_fd(r->core)};
	struct pipeline_config pipeline = {.probe_by_number = probe_by_number,
					   .outputs = r->outputs.v,
					   .outputs_n = r->outputs.n,
					   .stats_ns = r->cfg->stats_ns};
	uint64_t bits[4] = {0};
	int ret = source_live_new(&live, &r->live, err);

	if (r->wanted) {
		pipeline.keep = record_keeps;
		pipeline.keep_arg = r->wanted;
	}

	if (ret < 0)
		return ret;
	r->reader.source = source_live_source(r->live);
	ret = pipeline_new(&pipeline, &r->pipeline, err);
	if (ret < 0)
		return ret;
	r->reader.pipeline = r->pipeline;
	r->reader.answer = record_answer;
	r->reader.answer_arg = r;
	r->answered_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->answered_fd < 0)
		return errf(err, -errno, "eventfd: %s", strerror(errno));
	record_probes_bits(&r->probes, bits);
	ret = context_run(bits, r->cfg->argv, live_insert, r->live);
	if (ret < 0)
		return errf(err, ret, "cannot describe this run: %s", strerror(-ret));
	return reader_start(&r->reader, err);
}

/* On the discovery thread. */
static void report_attach(const struct discovery_probe *probe, const struct event_attach *report,
			  void *arg)
{
	struct record *r = arg;

	r->cfg->attached(probe->ops, report, r->cfg->attached_arg);
	context_attach(probe->number, report, live_insert, r->live);
}

/* Processes are read from /proc when new ones are already seen by the kernel half: none falls in
 * between. */
static int record_attach(struct record *r, struct err *err)
{
	struct discovery_config cfg = {
		.probes = r->probes.hooked,
		.n = r->probes.hooked_n,
		.report = report_attach,
		.arg = r,
		.by_process = discovery_by_process(r->probes.hooked, r->probes.hooked_n)};
	int ret = core_start(r->core, err);

	if (ret < 0)
		return ret;
	ret = processes_all(live_insert, r->live);
	if (ret < 0)
		return errf(err, ret, "cannot read the processes in /proc: %s", strerror(-ret));
	ret = record_probes_start(&r->probes, err);
	if (ret < 0 || !cfg.n)
		return ret;
	return discovery_start(&cfg, &r->discovery, err);
}

int record_open(struct record *r, struct err *err)
{
	int ret = signals_catch(&r->signals, err);

	if (ret == 0)
		ret = fork_child(r, err);
	if (ret == 0)
		ret = open_kernel(r, err);
	if (ret < 0)
		return ret;
	ret = outputs_open(&r->outputs, &r->user, false, err);
	if (ret < 0) /* else some would look like wrong use, or like a missing privilege */
		return -EIO;
	ret = open_pipeline(r, err);
	if (ret == 0)
		ret = record_attach(r, err);
	if (ret == 0)
		outputs_begin(&r->outputs);
	return ret;
}

/* ---- end ----------------------------------------------------------------------------------- */

int record_stop(struct record *r, struct err *err)
{
	int ret = 0;

	if (r->live)
		__atomic_store_n(&source_live_ctl(r->live)->stopped, 1, __ATOMIC_SEQ_CST);
	discovery_stop(r->discovery);
	r->discovery = NULL;
	record_probes_stop(&r->probes);
	if (r->core)
		core_stop(r->core);
	if (r->reader.started) {
		r->reader.source.ops->stop(r->reader.source.ctx);
		reader_join(&r->reader);
		if (r->reader.status < 0)
			ret = errf(err, r->reader.status, "%s", r->reader.err.text);
	}
	if (r->pipeline)
		pipeline_finish(r->pipeline);
	return ret;
}

void record_done(struct record *r)
{
	child_cancel(&r->child);
	pipeline_free(r->pipeline);
	query_free(r->wanted);
	outputs_done(&r->outputs);
	if (r->live)
		r->reader.source.ops->close(r->reader.source.ctx);
	record_probes_done(&r->probes);
	core_free(r->core);
	cleanup_closep(&r->signals.fd);
	cleanup_closep(&r->answered_fd);
}
