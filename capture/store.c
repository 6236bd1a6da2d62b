/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/store.h"

#include <errno.h>
#include <stdlib.h>

enum {
	STORE_CHUNKS = 128, /* given to the medium, and not done */
	STORE_TICK_MS = 250,
	STORE_LAST_TICKS = 8,
};

struct store {
	struct store_config cfg;
	void *spool; /* its ctx, open */
	struct pool *pool;
	struct tally sent;
	bool failed; /* the last chunk was not taken */
	bool ended;
	unsigned ticks; /* since it became empty */

	pthread_mutex_t lock; /* of what follows */
	struct spool_stats stats;
	uint64_t earlier_lost;
};

static void store_lost(void *arg, const struct loss *loss, bool earlier)
{
	struct store *s = arg;

	if (!earlier) {
		tally_undone(s->cfg.tally, loss, TALLY_SPOOL);
		return;
	}
	pthread_mutex_lock(&s->lock);
	s->earlier_lost += loss->count;
	pthread_mutex_unlock(&s->lock);
}

static void store_look(struct store *s)
{
	struct spool_stats stats;

	s->cfg.ops->stats(s->spool, &stats);
	pthread_mutex_lock(&s->lock);
	s->stats = stats;
	pthread_mutex_unlock(&s->lock);
}

int store_new(const struct store_config *cfg, struct store **ret, char *ret_note, size_t note_size,
	      struct err *err)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	s->cfg = *cfg;
	s->cfg.env.lost = store_lost;
	s->cfg.env.arg = s;
	tally_init(&s->sent);
	pthread_mutex_init(&s->lock, NULL);
	s->pool = pool_new(STORE_CHUNKS);
	s->spool = calloc(1, cfg->ops->ctx_size);
	if (!s->pool || !s->spool) {
		store_free(s);
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	}
	r = cfg->ops->open(s->spool, &s->cfg.env, ret_note, note_size, err);
	if (r) {
		store_free(s);
		return r;
	}
	store_look(s);
	*ret = s;
	return 0;
}

void store_end(struct store *s)
{
	if (s->ended)
		return;
	s->ended = true;
	s->cfg.ops->close(s->spool);
	store_look(s); /* what could not be left there is lost */
}

void store_free(struct store *s)
{
	if (!s)
		return;
	if (s->spool)
		store_end(s);
	pool_free(s->pool);
	pthread_mutex_destroy(&s->lock);
	tally_free(&s->sent);
	free(s->spool);
	free(s);
}

void store_put(struct store *s, struct chunk *c)
{
	int r = c->len ? s->cfg.ops->put(s->spool, c) : 0;

	if (r || s->failed)
		tally_error(s->cfg.tally, s->cfg.label, r,
			    r == -ENOSPC ? "the spool is full" : NULL);
	s->failed = r;
	c->made = c->len;
	if (r) {
		tally_lost(s->cfg.tally, c, TALLY_SPOOL);
	} else {
		c->reports = 0; /* they are written when they have left the spool */
		tally_done(s->cfg.tally, c);
	}
	pool_give(s->cfg.queue, c);
	store_look(s);
}

struct chunk *store_next(struct store *s)
{
	size_t n;

	while ((n = s->cfg.ops->next_size(s->spool))) {
		enum pool_size size = n > CHUNK_SIZE ? POOL_JUMBO : POOL_SMALL;
		struct chunk *c = pool_take(s->pool, size, false);

		if (!c)
			return NULL;
		if (s->cfg.ops->next(s->spool, c) == 0)
			return c;
		pool_give(s->pool, c);
		store_look(s);
	}
	return NULL;
}

bool store_has_more(struct store *s)
{
	return s->cfg.ops->next_size(s->spool);
}

struct pool *store_pool(struct store *s)
{
	return s->pool;
}

/* In the order in which they were given out: what the receiver refused is no more to be had either.
 */
void store_released(void *arg, const struct chunk *c, bool done)
{
	struct store *s = arg;
	struct loss refused = {c->refused, c->first_seq, c->last_seq, c->first_ns, c->last_ns};

	if (!done) {
		s->cfg.ops->rewind(s->spool);
		store_look(s);
		return;
	}
	tally_reports(s->cfg.tally, c->reports, true);
	if (c->refused)
		tally_undone(s->cfg.tally, &refused, TALLY_REFUSED);
	s->cfg.ops->done(s->spool);
	store_look(s);
}

int store_tick(struct store *s)
{
	s->cfg.ops->tick(s->spool);
	/* What was done last gets into the cursor as well. */
	s->ticks = s->stats.bytes ? 0 : s->ticks + 1;
	return s->ticks <= STORE_LAST_TICKS ? STORE_TICK_MS : -1;
}

void store_stats(struct store *s, struct store_stats *ret)
{
	*ret = (struct store_stats){.sink = tally_read(&s->sent)};
	pthread_mutex_lock(&s->lock);
	ret->events = s->stats.events;
	ret->bytes = s->stats.bytes;
	ret->earlier_lost = s->earlier_lost;
	pthread_mutex_unlock(&s->lock);
}

struct tally *store_tally(struct store *s)
{
	return &s->sent;
}
