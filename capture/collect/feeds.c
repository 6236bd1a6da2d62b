/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/feeds.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/elapsed.h"

enum {
	TURN_MS = 100,
	IDLE_MS = 10 * 60 * 1000, /* of a host or a stream, after which its memory is given back */
};

/* ---- stores -------------------------------------------------------------------------------- */

static struct depot *feeds_find_depot(const struct feeds *fs, unsigned index, const char *host)
{
	struct depot *s = fs->depots;

	while (s && (s->index != index || strcmp(s->host, host) != 0))
		s = s->next;
	return s;
}

static unsigned feeds_count_depots(const struct feeds *fs, unsigned index)
{
	unsigned n = 0;

	for (const struct depot *s = fs->depots; s; s = s->next)
		n += s->index == index;
	return n;
}

/* host: "" where the text does not depend on it. */
static int feeds_depot(struct feeds *fs, unsigned index, const char *host, struct depot **ret,
		       struct err *err)
{
	struct depot_config cfg = {.text = fs->cfg.write->v[index],
				   .host = *host ? host : NULL,
				   .user = fs->cfg.user,
				   .insecure = fs->cfg.insecure,
				   .drain_ns = fs->cfg.drain_ns,
				   .wake_fd = fs->cfg.wake_fd};
	int r;

	*ret = feeds_find_depot(fs, index, host);
	if (*ret)
		return 0;
	if (*host && feeds_count_depots(fs, index) >= fs->cfg.hosts)
		return errf(err, -EMFILE, "there are %u hosts already (--hosts)", fs->cfg.hosts);
	r = depot_open(&cfg, ret, err);
	if (r < 0)
		return r;
	(*ret)->index = index;
	(*ret)->next = fs->depots;
	fs->depots = *ret;
	return 0;
}

int feeds_open(struct feeds *fs, const struct feeds_config *cfg, struct err *err)
{
	struct depot *depot;
	int r = 0;

	*fs = (struct feeds){.cfg = *cfg};
	for (unsigned i = 0; i < fs->cfg.write->n && r == 0; i++)
		if (!depot_has_host(fs->cfg.write->v[i]))
			r = feeds_depot(fs, i, "", &depot, err);
	return r;
}

/* ---- streams ------------------------------------------------------------------------------- */

static void feed_unlink(struct feed *f)
{
	for (unsigned i = 0; i < f->links_n; i++)
		if (f->links[i])
			depot_link_free(f->links[i]);
}

static void feeds_forget(struct feeds *fs, struct feed *f)
{
	struct feed **at = &fs->first;

	assert(!f->clients);
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	fs->n--;
	fs->past.feeds++;
	fs->past.events += f->events;
	fs->past.duplicates += f->duplicates;
	fs->past.losses += f->losses;
	fs->past.missing += feed_missing(f);
	feed_unlink(f);
	free(f);
}

/* Makes room: of those that nobody sends, the one that has been quiet for longest. */
static bool feeds_forget_oldest(struct feeds *fs)
{
	struct feed *oldest = NULL;

	for (struct feed *f = fs->first; f; f = f->next)
		if (!f->clients && feed_durable(f) == feed_received(f) &&
		    (!oldest || f->used_ms < oldest->used_ms))
			oldest = f;
	if (oldest)
		feeds_forget(fs, oldest);
	return oldest;
}

static void text_print(struct bytes text, char *ret, size_t size)
{
	size_t n = 0;

	for (; n < text.n && n + 1 < size; n++)
		ret[n] = text.p[n] > ' ' && text.p[n] < 0x7f ? text.p[n] : '?';
	ret[n] = '\0';
}

static int feed_link(struct feeds *fs, struct feed *f, const struct run *run, struct err *err)
{
	char host[DEPOT_HOST];
	int r = 0;

	depot_host(run->host, host);
	for (unsigned i = 0; i < fs->cfg.write->n && r == 0; i++) {
		const char *part = depot_has_host(fs->cfg.write->v[i]) ? host : "";
		struct depot *depot;

		r = feeds_depot(fs, i, part, &depot, err);
		if (r < 0)
			break;
		f->links[i] = depot_link(depot, run);
		f->links_n = i + 1;
		if (!f->links[i])
			r = errf(err, -ENOMEM, "out of memory");
	}
	return r;
}

static int feeds_make(struct feeds *fs, const struct run *run, struct feed **ret, struct err *err)
{
	struct feed *f;
	int r;

	if (fs->n >= FEED_MAX && !feeds_forget_oldest(fs))
		return errf(err, -EMFILE, "there are %d streams already", FEED_MAX);
	f = calloc(1, sizeof(*f));
	if (!f)
		return errf(err, -ENOMEM, "out of memory");
	f->run = (struct run){.run_id = run->run_id};
	memcpy(f->run.stream_id, run->stream_id, sizeof(run->stream_id));
	memcpy(f->run.boot_id, run->boot_id, sizeof(run->boot_id));
	text_print(run->host, f->host, sizeof(f->host));
	r = feed_link(fs, f, run, err);
	if (r < 0) {
		feed_unlink(f);
		free(f);
		return r;
	}
	f->first = f->received = feed_received(f);
	f->next = fs->first;
	fs->first = f;
	fs->n++;
	*ret = f;
	return 0;
}

int feeds_take(struct feeds *fs, const struct run *run, const char *owner, struct feed **ret,
	       struct err *err)
{
	struct feed *f = fs->first;
	int r;

	while (f && memcmp(f->run.stream_id, run->stream_id, sizeof(run->stream_id)) != 0)
		f = f->next;
	if (!f) {
		r = feeds_make(fs, run, &f, err);
		if (r < 0)
			return r;
	}
	if (!*f->owner)
		snprintf(f->owner, sizeof(f->owner), "%s", owner);
	if (*f->owner && strcmp(f->owner, owner) != 0)
		return errf(err, -EACCES, "a stream that another client has begun");
	*ret = f;
	return 0;
}

/* ---- now and then -------------------------------------------------------------------------- */

static void feeds_forget_idle(struct feeds *fs, int64_t now_ms)
{
	struct depot **at = &fs->depots, *s;
	struct feed *f, *next;

	for (f = fs->first; f; f = next) {
		next = f->next;
		if (!f->clients && now_ms - f->used_ms >= IDLE_MS &&
		    feed_durable(f) == feed_received(f))
			feeds_forget(fs, f);
	}
	while ((s = *at)) {
		if (!*s->host || !depot_is_safe(s) || s->links) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		depot_finish(s);
		depot_free(s);
	}
}

bool feeds_turn(struct feeds *fs, int64_t now_ms, bool now)
{
	bool any = false;

	for (struct depot *s = fs->depots; s; s = s->next) {
		depot_mark(s, now_ms, now);
		any |= depot_settle(s);
		depot_save(s, now_ms, false);
		fs->broken |= atomic_load(&s->broken);
	}
	feeds_forget_idle(fs, now_ms);
	return any;
}

int feeds_wait_ms(const struct feeds *fs)
{
	int ms = -1;

	for (const struct depot *s = fs->depots; s; s = s->next)
		if (s->dirty || s->changed)
			ms = TURN_MS;
	return ms;
}

bool feeds_are_safe(const struct feeds *fs)
{
	bool safe = true;

	for (const struct depot *s = fs->depots; s; s = s->next)
		safe = safe && depot_is_safe(s);
	return safe;
}

void feeds_want_medium(struct feeds *fs)
{
	for (struct depot *s = fs->depots; s; s = s->next) {
		if (!outputs_want_medium(&s->outputs))
			continue;
		output_tick(s->outputs.v[0], 0); /* which takes no time, but notice */
		s->dirty = true;
	}
}

bool feeds_finish(struct feeds *fs)
{
	for (struct depot *s = fs->depots; s; s = s->next)
		output_hasten(s->outputs.v[0]);
	for (struct depot *s = fs->depots; s; s = s->next) {
		depot_finish(s);
		fs->broken |= !depot_is_safe(s) || atomic_load(&s->broken);
	}
	return !fs->broken;
}

void feeds_close(struct feeds *fs)
{
	struct depot *s;

	while (fs->first) {
		fs->first->clients = 0;
		feeds_forget(fs, fs->first);
	}
	while ((s = fs->depots)) {
		fs->depots = s->next;
		depot_free(s);
	}
}
