/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/delivery.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "capture/base/thread.h"
#include "capture/medium.h"

struct delivery {
	struct delivery_config cfg;
	struct medium medium; /* the thread's, but for `want` */
	struct tally tally;
	struct store *store; /* the thread's; NULL = the queue leads to the medium */
	pthread_t thread;
	bool opened, started;
	int wake_fd; /* eventfd: written when the thread sleeps and should not */

	pthread_mutex_t lock; /* of what follows */
	struct chunk_list queue;
	bool begun, hastened, closed;
	bool asleep; /* the next chunk must wake it */
	char detail[128];
};

/* ---- the thread ---------------------------------------------------------------------------- */

/* Leaves the medium alone until the run has begun, or ends without having begun: false. */
static bool delivery_await_begin(struct delivery *d)
{
	bool ready = false, begun = false;
	uint64_t count;

	while (!ready) {
		ssize_t n = read(d->wake_fd, &count, sizeof(count)); /* waits */

		(void)n;
		pthread_mutex_lock(&d->lock);
		begun = d->begun;
		ready = begun || d->hastened;
		pthread_mutex_unlock(&d->lock);
	}
	return begun;
}

/* The next chunk of the queue, NULL = there is none. */
static struct chunk *delivery_take(struct delivery *d)
{
	struct chunk *c;

	pthread_mutex_lock(&d->lock);
	c = chunk_list_take(&d->queue);
	pthread_mutex_unlock(&d->lock);
	return c;
}

/* What is in the spool is done, as far as others are concerned. */
static void delivery_store(struct delivery *d, struct chunk *c)
{
	uint64_t mark = c->mark;

	store_put(d->store, c);
	if (mark)
		d->cfg.marked(d->cfg.marked_arg, mark, !tally_read(&d->tally).lost);
}

/* Gives the medium its next chunk. */
static void delivery_feed(struct delivery *d)
{
	struct chunk *c;

	while (d->store && (c = delivery_take(d)))
		delivery_store(d, c);
	/* What is left in the spool when the sink has been given up stays there. */
	if (!medium_is_hungry(&d->medium) || (d->store && d->medium.given_up))
		return;
	c = d->store ? store_next(d->store) : delivery_take(d);
	if (c)
		medium_put(&d->medium, c);
}

/* Takes in what others have said; false = everything is over. */
static bool delivery_look(struct delivery *d)
{
	bool hastened, abandon, over;

	pthread_mutex_lock(&d->lock);
	hastened = d->hastened;
	abandon = !d->begun;
	over = d->closed && !d->queue.first;
	pthread_mutex_unlock(&d->lock);
	if (hastened)
		medium_hasten(&d->medium, abandon);
	delivery_feed(d);
	return !over || !medium_is_hungry(&d->medium) ||
	       (d->medium.unsafe.n && !d->medium.given_up);
}

/* From now on who brings something must wake us. False if something has come already: a chunk,
 * unless the one before it is still to be written, or what ends an idle wait. */
static bool delivery_fall_asleep(struct delivery *d, bool blocked)
{
	bool asleep;

	pthread_mutex_lock(&d->lock);
	asleep = d->medium.ending == d->hastened && (blocked || !d->closed) &&
		 (!d->queue.first || (!medium_is_hungry(&d->medium) && !d->store));
	d->asleep = asleep;
	pthread_mutex_unlock(&d->lock);
	return asleep;
}

/* What the sink says of itself, for others to read. */
static void delivery_describe(struct delivery *d)
{
	const struct sink_ops *ops = d->medium.ops;
	const char *state = ops->state ? ops->state(d->medium.sink) : NULL;

	if (!ops->state)
		return;
	pthread_mutex_lock(&d->lock);
	snprintf(d->detail, sizeof(d->detail), "%s", state ? state : "");
	pthread_mutex_unlock(&d->lock);
}

/* Until the queue, the sink or time has something for us. */
static void delivery_sleep(struct delivery *d, bool blocked)
{
	struct sink_wait wait = medium_waits_for(&d->medium, blocked);
	struct pollfd fds[] = {{.fd = d->wake_fd, .events = POLLIN},
			       {.fd = wait.fd, .events = wait.events}};
	int tick_ms = d->store ? store_tick(d->store) : -1;
	uint64_t count;
	ssize_t n;

	if (tick_ms >= 0 && (wait.timeout_ms < 0 || wait.timeout_ms > tick_ms))
		wait.timeout_ms = tick_ms;
	delivery_describe(d);
	if (!delivery_fall_asleep(d, blocked))
		return;
	poll(fds, 2, wait.timeout_ms);
	pthread_mutex_lock(&d->lock);
	d->asleep = false;
	pthread_mutex_unlock(&d->lock);
	if (fds[0].revents) {
		n = read(d->wake_fd, &count, sizeof(count));
		(void)n;
	}
	if (!blocked && fds[1].revents)
		medium_service(&d->medium);
}

static void *delivery_main(void *arg)
{
	struct delivery *d = arg;
	enum medium_step step;

	pthread_setname_np(pthread_self(), "delivery");
	if (!d->cfg.awaited)
		thread_hurry();
	/* A run to which nothing happens has a medium, too: what lies there of an earlier one goes.
	 */
	if (delivery_await_begin(d)) {
		d->medium.moved_ms = elapsed_ms(); /* its patience begins with the run */
		medium_step(&d->medium);
	}
	while (delivery_look(d)) {
		step = medium_step(&d->medium);
		if (step != MEDIUM_AGAIN)
			delivery_sleep(d, step == MEDIUM_BLOCKED);
	}
	while ((step = medium_end(&d->medium)) != MEDIUM_IDLE)
		if (step == MEDIUM_BLOCKED)
			delivery_sleep(d, true);
	return NULL;
}

/* ---- from outside -------------------------------------------------------------------------- */

static int delivery_open_store(struct delivery *d, struct err *err)
{
	const struct store_config cfg = {.label = d->cfg.label,
					 .ops = d->cfg.spool,
					 .env = d->cfg.spool_env,
					 .queue = d->cfg.pool,
					 .tally = &d->tally};
	char note[256] = "";
	int r = store_new(&cfg, &d->store, note, sizeof(note), err);

	if (r)
		return r;
	d->medium.pool = store_pool(d->store);
	d->medium.tally = store_tally(d->store);
	d->medium.released = store_released;
	d->medium.released_arg = d->store;
	if (note[0])
		tally_error(d->medium.tally, d->cfg.label, 0, note);
	return 0;
}

static int delivery_open(struct delivery *d, struct err *err)
{
	struct medium *m = &d->medium;
	const char *label = d->cfg.label;
	const struct filter_env filter_env = {.frames = d->cfg.frames};
	int r;

	m->sink = calloc(1, m->ops->ctx_size ? m->ops->ctx_size : 1);
	m->opening.p = d->cfg.context ? NULL : malloc(MEDIUM_OPENING);
	m->base.p = d->cfg.context ? NULL : malloc(MEDIUM_OPENING);
	m->filter = m->filter_ops ? calloc(1, m->filter_ops->ctx_size) : NULL;
	if (!m->sink || (!(m->opening.p && m->base.p) && !d->cfg.context) ||
	    (!m->filter && m->filter_ops))
		return errf(err, -ENOMEM, "%s: out of memory", label);
	r = m->filter_ops ? m->filter_ops->open(m->filter, d->cfg.filter_cfg, &filter_env, err) : 0;
	if (r)
		return r;
	/* Its reads block: until the run begins the thread waits for nothing else. */
	d->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (d->wake_fd < 0)
		return errf(err, -errno, "%s: eventfd: %s", label, strerror(errno));
	d->opened = true;
	r = m->ops->open(m->sink, d->cfg.sink_cfg, &d->cfg.sink_env, err);
	if (r == 0 && d->cfg.spool)
		r = delivery_open_store(d, err);
	if (r)
		return r;
	r = -pthread_create(&d->thread, NULL, delivery_main, d);
	if (r)
		return errf(err, r, "%s: no thread: %s", label, strerror(-r));
	d->started = true;
	return 0;
}

int delivery_new(const struct delivery_config *cfg, struct delivery **ret, struct err *err)
{
	struct delivery *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	d->cfg = *cfg;
	d->cfg.sink_env.context = cfg->context;
	d->cfg.sink_env.done = medium_done;
	d->cfg.sink_env.refused = medium_refused;
	d->cfg.sink_env.refresh = medium_refresh;
	d->cfg.sink_env.done_arg = &d->medium;
	d->medium.ops = cfg->sink;
	d->medium.filter_ops = cfg->filter;
	d->medium.label = cfg->label;
	d->medium.pool = cfg->pool;
	d->medium.tally = &d->tally;
	d->medium.context = cfg->context;
	d->medium.awaited = cfg->awaited;
	d->medium.patient = cfg->patient;
	d->medium.brief = cfg->sink_env.kept;
	d->medium.drain_ms = cfg->drain_ms;
	d->medium.marked = cfg->marked;
	d->medium.marked_arg = cfg->marked_arg;
	d->medium.dice = (uint32_t)elapsed_ms() | 1;
	d->wake_fd = -1;
	tally_init(&d->tally);
	pthread_mutex_init(&d->lock, NULL);
	r = delivery_open(d, err);
	if (r)
		delivery_free(d);
	else
		*ret = d;
	return r;
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	delivery_finish(d);
	if (d->opened)
		d->medium.ops->close(d->medium.sink);
	if (d->medium.filter)
		d->medium.filter_ops->close(d->medium.filter);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	pthread_mutex_destroy(&d->lock);
	tally_free(&d->tally);
	store_free(d->store);
	free(d->medium.opening.p);
	free(d->medium.base.p);
	free(d->medium.filter);
	free(d->medium.sink);
	free(d);
}

static void delivery_wake(struct delivery *d)
{
	uint64_t one = 1;
	ssize_t n = write(d->wake_fd, &one, sizeof(one));

	(void)n; /* fails only when 2^64 wake-ups are pending */
}

void delivery_push(struct delivery *d, struct chunk *c)
{
	bool asleep;

	pthread_mutex_lock(&d->lock);
	assert(!d->closed);
	chunk_list_add(&d->queue, c);
	asleep = d->asleep;
	d->asleep = false;
	pthread_mutex_unlock(&d->lock);
	if (asleep)
		delivery_wake(d);
}

/* Says something that the thread must hear of. */
static void delivery_tell(struct delivery *d, bool *what)
{
	pthread_mutex_lock(&d->lock);
	*what = true;
	pthread_mutex_unlock(&d->lock);
	delivery_wake(d);
}

void delivery_begin(struct delivery *d)
{
	delivery_tell(d, &d->begun);
}

void delivery_hasten(struct delivery *d)
{
	delivery_tell(d, &d->hastened);
}

void delivery_finish(struct delivery *d)
{
	if (!d->started)
		return;
	delivery_hasten(d);
	delivery_tell(d, &d->closed);
	pthread_join(d->thread, NULL);
	d->started = false;
	if (d->store)
		store_end(d->store);
}

uint32_t delivery_wants(const struct delivery *d)
{
	return atomic_load_explicit(&d->medium.want, memory_order_relaxed);
}

bool delivery_drop_oldest(struct delivery *d)
{
	struct chunk *c = NULL, *first;

	if (!d->cfg.oldest)
		return false;
	pthread_mutex_lock(&d->lock);
	first = d->queue.first;
	if (first && first->opens_run) /* all others need it */
		c = chunk_list_take_second(&d->queue);
	else
		c = chunk_list_take(&d->queue);
	pthread_mutex_unlock(&d->lock);
	if (!c)
		return false;
	tally_lost(&d->tally, c, TALLY_QUEUE);
	pool_give(d->cfg.pool, c);
	return true;
}

struct tally *delivery_tally(struct delivery *d)
{
	return &d->tally;
}

void delivery_state(struct delivery *d, struct delivery_state *ret)
{
	struct tally *t = d->store ? store_tally(d->store) : &d->tally;
	int64_t since_ms = tally_since_ms(t);

	*ret = (struct delivery_state){.spooled = d->store,
				       .since_ms = since_ms ? elapsed_ms() - since_ms : -1};
	if (d->store)
		store_stats(d->store, &ret->store);
	ret->error = tally_text(t, ret->text, sizeof(ret->text));
	pthread_mutex_lock(&d->lock);
	snprintf(ret->detail, sizeof(ret->detail), "%s", d->detail);
	pthread_mutex_unlock(&d->lock);
}
