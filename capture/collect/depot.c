/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/depot_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "capture/collect/folder.h"

enum {
	MARK_MS = 100,  /* after which what was received is to become safe */
	SAVE_MS = 1000, /* after which the positions are written */
};

/* ---- links --------------------------------------------------------------------------------- */

struct depot_link *depot_link(struct depot *s, const struct run *run)
{
	struct depot_link *l;

	for (l = s->links; l; l = l->next)
		if (!memcmp(l->run.stream_id, run->stream_id, sizeof(run->stream_id)))
			return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->depot = s;
	l->run.run_id = run->run_id;
	memcpy(l->run.stream_id, run->stream_id, sizeof(run->stream_id));
	memcpy(l->run.boot_id, run->boot_id, sizeof(run->boot_id));
	l->received = l->durable = positions_find(&s->positions, run);
	l->next = s->links;
	s->links = l;
	return l;
}

static void link_rest(struct depot_link *l)
{
	if (l->depot->current == l)
		l->depot->current = NULL;
	playback_free(l->playback);
	l->playback = NULL;
}

static void link_note(struct depot_link *l, int64_t seconds)
{
	if (l->noted == l->durable)
		return;
	positions_note(&l->depot->positions, &l->run, l->durable, seconds);
	l->noted = l->durable;
}

void depot_link_free(struct depot_link *l)
{
	struct depot_link **at = &l->depot->links;

	link_note(l, (int64_t)time(NULL));
	link_rest(l);
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	free(l);
}

/* ---- events -------------------------------------------------------------------------------- */

bool depot_has_room(const struct depot *s)
{
	return output_has_room(s->outputs.v[0]);
}

/* The output is to go on with this stream's run. */
static int link_enter(struct depot_link *l)
{
	int r = 0;

	if (l->depot->current != l)
		r = playback_resume(l->playback);
	if (r == 0)
		l->depot->current = l;
	return r;
}

/* The description of the run, also when it comes again. */
static int link_begin(struct depot_link *l, struct event *ev)
{
	bool fresh = !l->playback;
	int r;

	if (fresh)
		l->playback = playback_new(l->depot->outputs.v, l->depot->outputs.n);
	if (!l->playback)
		return -ENOMEM;
	r = playback_event(ev, l->playback);
	if (r == 0 && fresh)
		l->depot->current = l;
	if (r < 0 && fresh)
		link_rest(l);
	return r;
}

static void link_took(struct depot_link *l, uint64_t seq, size_t bytes)
{
	l->depot->bytes += bytes;
	l->depot->dirty = l->dirty = true;
	if (seq > l->received)
		l->received = seq;
}

int depot_event(struct depot_link *l, const struct event *ev, size_t bytes, bool *ret_taken)
{
	struct event own = *ev; /* it is changed for each store */
	int r;

	*ret_taken = false;
	if (ev->kind == EVENT_META) {
		*ret_taken = ev->seq > l->received;
		r = link_begin(l, &own);
		if (r == 0)
			link_took(l, ev->seq, bytes);
		return r;
	}
	if (!l->playback)
		return -EPROTO;
	if (ev->kind == EVENT_KINDS)
		return playback_event(&own, l->playback);
	if (ev->seq && ev->seq <= l->received)
		return 0;
	r = link_enter(l);
	if (r == 0)
		r = playback_event(&own, l->playback);
	if (r < 0)
		return r;
	*ret_taken = true;
	link_took(l, ev->seq, bytes);
	return 0;
}

/* ---- marks --------------------------------------------------------------------------------- */

/* From the delivery thread. */
static void depot_marked(void *arg, uint64_t mark, bool whole)
{
	struct depot *s = arg;
	uint64_t one = 1;
	ssize_t n;

	if (!whole)
		atomic_store(&s->broken, true);
	if (!atomic_load(&s->broken))
		atomic_store(&s->answered, mark);
	n = write(s->wake_fd, &one, sizeof(one));
	(void)n;
}

static void depot_ask(struct depot *s, int64_t now_ms)
{
	s->mark++;
	for (struct depot_link *l = s->links; l; l = l->next) {
		if (!l->dirty)
			continue;
		assert(l->marks_n <= DEPOT_MARKS);
		l->marks[l->marks_n++] = (struct depot_mark){s->mark, l->received};
		l->dirty = false;
	}
	s->dirty = false;
	s->bytes = 0;
	s->marked_ms = now_ms;
	output_mark(s->outputs.v[0], s->mark);
}

void depot_mark(struct depot *s, int64_t now_ms, bool now)
{
	bool due = now || s->bytes >= DEPOT_MARK_BYTES || now_ms - s->marked_ms >= MARK_MS;

	if (s->dirty && due && s->mark - s->settled < DEPOT_MARKS)
		depot_ask(s, now_ms);
}

static void link_settle(struct depot_link *l, uint64_t mark)
{
	unsigned n = 0;

	while (n < l->marks_n && l->marks[n].number <= mark)
		l->durable = l->marks[n++].seq;
	l->marks_n -= n;
	memmove(l->marks, l->marks + n, l->marks_n * sizeof(l->marks[0]));
}

bool depot_settle(struct depot *s)
{
	uint64_t answered = atomic_load(&s->answered);

	if (answered == s->settled)
		return false;
	for (struct depot_link *l = s->links; l; l = l->next)
		link_settle(l, answered);
	s->settled = answered;
	s->changed = s->folder >= 0;
	return true;
}

bool depot_is_safe(const struct depot *s)
{
	return !s->dirty && s->mark == s->settled;
}

void depot_save(struct depot *s, int64_t now_ms, bool now)
{
	int64_t seconds = (int64_t)time(NULL);

	if (s->folder < 0 || !s->changed || (!now && now_ms - s->saved_ms < SAVE_MS))
		return;
	for (struct depot_link *l = s->links; l; l = l->next)
		link_note(l, seconds);
	s->saved_ms = now_ms;
	s->changed = positions_save(&s->positions, s->folder, s->state,
				    s->user->set ? s->user->uid : (uid_t)-1, s->user->gid) < 0;
}

/* ---- begin and end ------------------------------------------------------------------------- */

/* A file that lay there already. */
static void depot_kept(void *arg, int folder, const char *name)
{
	struct depot *s = arg;

	positions_scan(&s->positions, folder, name);
}

static const struct outputs_relay relay_ops = {.marked = depot_marked, .kept = depot_kept};

/* Where the output's files lie, and what is known of them. */
static int depot_find_state(struct depot *s, struct err *err)
{
	const char *target = s->outputs.specs[0].target;
	int r;

	if (positions_open(&s->positions) < 0)
		return errf(err, -ENOMEM, "out of memory");
	if (!output_spec_has_files(&s->outputs.specs[0]))
		return 0;
	r = folder_open(target, &s->folder, s->state, err);
	if (r == 0)
		positions_load(&s->positions, s->folder, s->state);
	return r;
}

int depot_open(const struct depot_config *cfg, struct depot **ret, struct err *err)
{
	struct depot *s = calloc(1, sizeof(*s));
	struct opt_list list = {.n = 1};
	int r;

	if (!s)
		return errf(err, -ENOMEM, "out of memory");
	s->folder = -1;
	s->user = cfg->user;
	s->outputs.insecure = cfg->insecure;
	s->outputs.drain_ns = cfg->drain_ns;
	s->wake_fd = cfg->wake_fd;
	snprintf(s->host, sizeof(s->host), "%s", cfg->host ? cfg->host : "");
	r = depot_text(cfg->text, cfg->host, &s->text, err);
	list.v = (const char **)&s->text;
	if (r == 0)
		r = outputs_parse(&list, &s->outputs, err);
	if (r == 0 && cfg->host)
		r = folder_make(s->outputs.specs[0].label, depot_static(cfg->text), cfg->user, err);
	if (r == 0)
		r = depot_find_state(s, err);
	s->relay = relay_ops;
	s->relay.arg = s;
	s->outputs.relay = &s->relay;
	if (r == 0)
		r = outputs_open(&s->outputs, cfg->user, true, err);
	if (r < 0) {
		depot_free(s);
		return r;
	}
	outputs_begin(&s->outputs);
	*ret = s;
	return 0;
}

void depot_finish(struct depot *s)
{
	if (s->dirty)
		depot_ask(s, elapsed_ms());
	output_hasten(s->outputs.v[0]);
	output_finish(s->outputs.v[0]);
	depot_settle(s);
	depot_save(s, elapsed_ms(), true);
}

void depot_free(struct depot *s)
{
	if (!s)
		return;
	while (s->links)
		depot_link_free(s->links);
	outputs_done(&s->outputs);
	positions_close(&s->positions);
	if (s->folder >= 0)
		close(s->folder);
	free(s->text);
	free(s);
}
