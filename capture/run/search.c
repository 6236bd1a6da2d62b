/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/search.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/raw.h"
#include "capture/archive/recording.h"
#include "capture/archive/records.h"
#include "capture/archive/selection.h"
#include "capture/playback.h"
#include "capture/run/reader.h"
#include "capture/run/search_files.h"

enum {
	BUDGET = 4096 /* records between two looks at how far it has come */
};

struct span {
	uint64_t from_ns, to_ns; /* inclusive */
};

struct search {
	const struct search_config *cfg;
	struct search_result result;
	struct playback *playback; /* of the run that is being read; NULL = none */
	uint64_t run_id;
	bool enough;
	unsigned unindexed;   /* archives without an index */
	unsigned passed_over; /* files in folders that hold no events */
	/* --around: the first pass notes when something fits, the second takes what is near. */
	enum {
		SEARCH_DIRECT,
		SEARCH_NOTING,
		SEARCH_NEAR
	} pass;
	struct span *spans; /* in order; those that touch are one */
	size_t spans_n, spans_cap;
	uint64_t done_bytes, total_bytes;
};

static void search_say_scan(struct search *s, const char *path, const char *what)
{
	char line[PATH_MAX + 600];

	snprintf(line, sizeof(line), "%s: %s: all of it is read", path, what);
	s->cfg->say(line, s->cfg->arg);
}

/* ---- what fits ------------------------------------------------------------------------------ */

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

/* Sorts, and makes one of those that touch. */
static void spans_settle(struct search *s)
{
	size_t n = 0;

	if (s->spans_n)
		qsort(s->spans, s->spans_n, sizeof(*s->spans), compare_spans);
	for (size_t i = 0; i < s->spans_n; i++) {
		if (n && s->spans[i].from_ns <= s->spans[n - 1].to_ns) {
			if (s->spans[i].to_ns > s->spans[n - 1].to_ns)
				s->spans[n - 1].to_ns = s->spans[i].to_ns;
		} else {
			s->spans[n++] = s->spans[i];
		}
	}
	s->spans_n = n;
}

static int spans_add(struct search *s, uint64_t ns)
{
	uint64_t around = s->cfg->around_ns;
	struct span span = {ns > around ? ns - around : 0,
			    ns < UINT64_MAX - around ? ns + around : UINT64_MAX};
	struct span *last = s->spans_n ? &s->spans[s->spans_n - 1] : NULL, *grown;

	if (last && span.from_ns >= last->from_ns && span.from_ns <= last->to_ns) {
		last->to_ns = span.to_ns > last->to_ns ? span.to_ns : last->to_ns;
		return 0;
	}
	if (s->spans_n == s->spans_cap) {
		spans_settle(s);
		if (s->spans_n * 2 >= s->spans_cap) {
			grown = realloc(s->spans, (s->spans_cap * 2 + 64) * sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			s->spans = grown;
			s->spans_cap = s->spans_cap * 2 + 64;
		}
	}
	s->spans[s->spans_n++] = span;
	return 0;
}

static bool spans_touch(const struct search *s, uint64_t from_ns, uint64_t to_ns)
{
	size_t low = 0, high = s->spans_n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->spans[mid].to_ns < from_ns)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->spans_n && s->spans[low].from_ns <= to_ns;
}

/* An event_keep_fn. */
static bool search_keeps(const struct event *ev, void *search)
{
	struct search *s = search;

	if (s->enough)
		return false;
	if (s->pass == SEARCH_NEAR)
		return spans_touch(s, ev->time_unix_ns, ev->time_unix_ns);
	if (!query_matches(s->cfg->query, ev))
		return false;
	s->result.found++;
	s->enough = s->cfg->limit && s->result.found == s->cfg->limit;
	if (s->pass == SEARCH_NOTING && spans_add(s, ev->time_unix_ns) < 0) {
		s->cfg->say("out of memory: what was found later is not shown", s->cfg->arg);
		s->result.failed++;
		s->enough = true;
	}
	return s->pass == SEARCH_DIRECT;
}

/* An event_keep_fn. A raw recording has no statistics: these would be those of this search. */
static bool search_keeps_of_raw(const struct event *ev, void *search)
{
	return ev->kind != EVENT_STATS && search_keeps(ev, search);
}

static bool record_is_liked(struct bytes rec, void *search)
{
	const struct search *s = search;

	return query_may_match(s->cfg->query, rec);
}

/* ---- recordings of events ------------------------------------------------------------------- */

static struct outputs *search_outputs(const struct search *s)
{
	return s->pass == SEARCH_NOTING ? NULL : s->cfg->outputs;
}

static void search_end_run(struct search *s)
{
	if (s->playback)
		playback_end(s->playback);
	playback_free(s->playback);
	s->playback = NULL;
}

/* Processes and connections of another run are others. */
static int search_begin_run(struct search *s, const struct run *run)
{
	struct outputs *outputs = search_outputs(s);

	if (s->run_id == run->run_id && (s->playback || !outputs))
		return 0;
	if (s->run_id != run->run_id)
		query_forget(s->cfg->query);
	s->run_id = run->run_id;
	if (!outputs)
		return 0;
	search_end_run(s);
	s->playback = playback_new(outputs->v, outputs->n);
	return s->playback ? 0 : -ENOMEM;
}

/* A decoder_fn. */
static int search_take(struct event *ev, void *search)
{
	struct search *s = search;
	bool context = ev->kind == EVENT_META || ev->kind == EVENT_KINDS;
	int r = ev->kind == EVENT_META ? search_begin_run(s, ev->run) : 0;

	if (r)
		return r;
	if (s->enough)
		return -ECANCELED;
	if (!context && !search_keeps(ev, s))
		return 0;
	if (!search_outputs(s))
		return 0;
	return s->playback ? playback_event(ev, s->playback) : -EBADMSG; /* of which run? */
}

static bool search_goes_on(struct search *s, uint64_t done)
{
	if (!s->enough &&
	    !s->cfg->going(s->done_bytes + done, s->total_bytes, s->result.found, s->cfg->arg))
		s->enough = true;
	return !s->enough;
}

/* To the end of what the stream gives. */
static int search_read(struct search *s, struct recording *r, struct err *err)
{
	int ret;

	do {
		err->text[0] = '\0';
		ret = recording_read(r, BUDGET, search_take, s, err);
	} while (ret == SOURCE_MORE && search_goes_on(s, stream_frame_offset(r->stream)));
	if (ret < 0 && !err->text[0] && ret != -ECANCELED)
		errf(err, ret, "an event contradicts itself, or none describes the run");
	return ret < 0 ? ret : 0;
}

static int prune_by_query(struct index *x, uint8_t *frames, void *search)
{
	const struct search *s = search;

	return query_prune(s->cfg->query, x, frames);
}

static int prune_by_time(struct index *x, uint8_t *frames, void *search)
{
	const struct search *s = search;
	const struct index_frame *f;
	size_t n = index_frames(x, &f);

	for (size_t i = 0; i < n; i++)
		frames[i] = spans_touch(s, query_slack_before(f[i].first_ns),
					query_slack_after(f[i].last_ns));
	return 0;
}

static int search_parts(struct search *s, struct recording *r, const struct selection *sel,
			struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < sel->n && ret == 0 && !s->enough; i++) {
		ret = stream_seek(r->stream, sel->parts[i].offset, sel->parts[i].size, err);
		if (ret == 0)
			ret = search_read(s, r, err);
	}
	return ret;
}

static int search_events(struct search *s, struct recording *r, const char *path, struct err *err)
{
	bool near = s->pass == SEARCH_NEAR;
	struct selection sel;
	struct err why;
	int ret;

	if (!near && query_looks_at_bytes(s->cfg->query)) {
		r->likes = record_is_liked;
		r->likes_arg = s;
	}
	if (stream_is_zstd(r->stream) && r->decoder->describes && strcmp(path, "-") != 0 &&
	    (near || !query_needs_all(s->cfg->query))) {
		ret = selection_make(path, near ? prune_by_time : prune_by_query, s, &sel, &why);
		if (ret == 0) {
			ret = search_parts(s, r, &sel, err);
			selection_done(&sel);
			return ret;
		}
		/* One line is enough for all that have none; a bad one is worth a line each. */
		if (!near && (ret != -ENOENT || !s->unindexed++))
			search_say_scan(s, path, why.text);
	}
	return search_read(s, r, err);
}

/* ---- recordings of records ------------------------------------------------------------------ */

static int search_records(struct search *s, struct recording *rec, struct err *err)
{
	struct outputs *outputs = search_outputs(s);
	struct pipeline_config cfg = {.probe_by_number = probe_by_number,
				      .outputs = outputs ? outputs->v : NULL,
				      .outputs_n = outputs ? outputs->n : 0,
				      .keep = search_keeps_of_raw,
				      .keep_arg = s};
	struct source source = {0};
	struct pipeline *pipeline = NULL;
	int r = raw_source_open(rec->stream, &source, err);

	if (r)
		return r;
	rec->stream = NULL; /* the source has it now */
	search_end_run(s);
	query_forget(s->cfg->query);
	s->run_id = 0;
	r = pipeline_new(&cfg, &pipeline, err);
	if (r == 0) {
		do
			r = reader_turn(&source, pipeline, err);
		while (r == SOURCE_MORE && search_goes_on(s, 0));
		pipeline_end(pipeline);
	}
	pipeline_free(pipeline);
	source.ops->close(source.ctx);
	return r < 0 ? r : 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* What has its name only when it is whole may end anywhere until then. */
static bool is_being_written(const char *path)
{
	size_t n = strlen(path);

	return n > 5 && !strcmp(path + n - 5, ".part");
}

/* Of what lies in a folder, readable text and pcapng for Wireshark alone hold nothing to be sought.
 */
static bool search_passes_over(struct search *s, const struct search_file *file, int code)
{
	const char *format = file->found ? records_format(file->path) : NULL;

	if (!format || (strcmp(format, "text") != 0 && code != -ENODATA))
		return false;
	if (!s->passed_over++ && s->pass != SEARCH_NEAR)
		s->cfg->say("what holds no events in full is passed over: readable text, pcapng "
			    "without events=custom",
			    s->cfg->arg);
	return true;
}

static void search_file(struct search *s, const struct search_file *file)
{
	struct recording r;
	struct err err = {""};
	bool torn = false;
	int ret = recording_open(&r, file->path, &err);

	if (ret == 0) {
		ret = r.decoder == &decoder_raw ? search_records(s, &r, &err)
						: search_events(s, &r, file->path, &err);
		torn = r.stream && (r.torn || stream_torn(r.stream)) &&
		       !is_being_written(file->path);
		recording_close(&r);
	}
	if (ret == 0 && torn)
		ret = errf(&err, -EBADMSG, "%s: its end is missing: see penstock verify",
			   file->path);
	if (ret == 0 || ret == -ECANCELED || search_passes_over(s, file, ret) ||
	    s->pass == SEARCH_NEAR)
		return;
	s->cfg->say(err.text, s->cfg->arg);
	s->result.failed++;
}

static void search_pass(struct search *s, const struct search_files *files)
{
	s->done_bytes = 0;
	s->total_bytes = files->size;
	s->enough = false;
	s->run_id = 0;
	query_forget(s->cfg->query);
	for (unsigned i = 0; i < files->n && !s->enough; i++) {
		search_file(s, &files->v[i]);
		s->done_bytes += files->v[i].size;
		search_goes_on(s, 0);
	}
	search_end_run(s);
}

int search_run(const struct search_config *cfg, char **paths, unsigned n, struct search_result *ret,
	       struct err *err)
{
	bool around = cfg->around_ns && cfg->outputs;
	struct search s = {.cfg = cfg, .pass = around ? SEARCH_NOTING : SEARCH_DIRECT};
	struct search_files files;
	int r = search_files_find(paths, n, &files, err);

	if (r == 0) {
		search_pass(&s, &files);
		if (around) {
			spans_settle(&s);
			s.pass = SEARCH_NEAR;
			search_pass(&s, &files);
		}
		*ret = s.result;
	}
	free(s.spans);
	search_files_done(&files);
	return r;
}
