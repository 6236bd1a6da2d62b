/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/output_sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "capture/base/thread.h"

enum {
	AGAIN_PAUSE_MS = 10,
	AGAIN_PATIENCE_MS = 5000, /* at the end, for a sink that takes nothing */
};

struct output_sink {
	const struct output_config *cfg;
	struct chunkq *q;
	void *ctx;
	pthread_t thread;
	bool started, opened;
	atomic_bool finishing; /* nothing will follow what is queued */
	_Atomic uint32_t
		want_epoch;   /* discard until an epoch later than this is opened; 0 = take all */
	pthread_mutex_t lock; /* of what follows */
	struct output_sink_stats stats;
	struct output_loss loss;
	char text[256];
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Writes the whole chunk, however many turns the sink needs. A sink that takes nothing is waited
 * for: the queue behind it counts what that costs. Not for ever, though, once the run is over. */
static int write_all(struct output_sink *s, const struct chunk *c)
{
	uint64_t since = now_ms();
	size_t done = 0;

	while (done < c->len) {
		struct iovec iov = {c->p + done, c->len - done};
		size_t n = 0;
		int r = s->cfg->sink->write(s->ctx, &iov, 1, &n);

		if (r != -EAGAIN)
			return r;
		done += n;
		if (n || !atomic_load(&s->finishing))
			since = now_ms();
		if (now_ms() - since > AGAIN_PATIENCE_MS)
			return -ETIMEDOUT;
		if (!n)
			nanosleep(&(struct timespec){.tv_nsec = AGAIN_PAUSE_MS * 1000000L}, NULL);
	}
	return 0;
}

/* The lock is held. */
static void set_error(struct output_sink *s, int r)
{
	s->stats.error = r;
	if (r)
		snprintf(s->text, sizeof(s->text), "%s: %s", s->cfg->label, strerror(-r));
}

static void record_error(struct output_sink *s, int r)
{
	pthread_mutex_lock(&s->lock);
	set_error(s, r);
	pthread_mutex_unlock(&s->lock);
}

static void record_result(struct output_sink *s, const struct chunk *c, int r)
{
	pthread_mutex_lock(&s->lock);
	set_error(s, r);
	if (!r) {
		s->stats.written += c->records;
		s->stats.bytes += c->len;
	} else {
		s->stats.lost += c->records;
		if (c->records)
			output_loss_add(&s->loss, c->records, c->first_seq,
					c->first_seq + c->records - 1, c->last_ns);
	}
	pthread_mutex_unlock(&s->lock);
}

static void take_chunk(struct output_sink *s, const struct chunk *c)
{
	uint32_t want = atomic_load(&s->want_epoch);
	int r;

	if (want && (!c->opens_epoch || c->epoch <= want)) {
		record_result(s, c, s->stats.error);
		return;
	}
	r = write_all(s, c);
	record_result(s, c, r);
	atomic_store(&s->want_epoch, r ? c->epoch : 0);
}

static void *run(void *arg)
{
	struct output_sink *s = arg;
	struct chunk *c;
	bool empty;

	pthread_setname_np(pthread_self(), "penstock-sink");
	if (!s->cfg->block)
		thread_hurry();
	while ((c = chunkq_pop(s->q, &empty))) {
		take_chunk(s, c);
		chunkq_give(s->q, c);
		if (empty && s->cfg->sink->sync && !s->stats.error)
			record_error(s, s->cfg->sink->sync(s->ctx));
	}
	return NULL;
}

int output_sink_new(const struct output_config *cfg, struct chunkq *q, struct output_sink **ret,
		    struct err *err)
{
	struct output_sink *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	s->cfg = cfg;
	s->q = q;
	pthread_mutex_init(&s->lock, NULL);
	s->ctx = calloc(1, cfg->sink->ctx_size ? cfg->sink->ctx_size : 1);
	if (!s->ctx) {
		output_sink_free(s);
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	}
	s->opened = true;
	r = cfg->sink->open(s->ctx, cfg->sink_cfg, &cfg->sink_env, err);
	if (!r) {
		r = -pthread_create(&s->thread, NULL, run, s);
		if (r)
			errf(err, r, "%s: no thread: %s", cfg->label, strerror(-r));
	}
	if (r) {
		output_sink_free(s);
		return r;
	}
	s->started = true;
	*ret = s;
	return 0;
}

void output_sink_finish(struct output_sink *s)
{
	if (s->started) {
		atomic_store(&s->finishing, true);
		chunkq_close(s->q);
		pthread_join(s->thread, NULL);
		s->started = false;
	}
	if (s->opened) {
		s->cfg->sink->close(s->ctx);
		s->opened = false;
	}
}

void output_sink_free(struct output_sink *s)
{
	if (!s)
		return;
	output_sink_finish(s);
	pthread_mutex_destroy(&s->lock);
	free(s->ctx);
	free(s);
}

uint32_t output_sink_wants_epoch(const struct output_sink *s)
{
	return atomic_load(&s->want_epoch);
}

void output_sink_stats(struct output_sink *s, struct output_sink_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	pthread_mutex_unlock(&s->lock);
}

struct output_loss output_sink_take_loss(struct output_sink *s)
{
	struct output_loss loss;

	pthread_mutex_lock(&s->lock);
	loss = s->loss;
	s->loss = (struct output_loss){.total = loss.total};
	pthread_mutex_unlock(&s->lock);
	return loss;
}

int output_sink_error(struct output_sink *s, char *ret, size_t size)
{
	int r;

	pthread_mutex_lock(&s->lock);
	snprintf(ret, size, "%s", s->text);
	r = s->stats.error;
	pthread_mutex_unlock(&s->lock);
	return r;
}
