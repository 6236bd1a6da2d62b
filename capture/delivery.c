/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/delivery.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/base/thread.h"
#include "capture/medium.h"

struct delivery {
	struct delivery_config cfg;
	struct medium medium; /* the thread's, but for `want` */
	struct tally tally;
	pthread_t thread;
	bool opened, started;
	int wake_fd; /* eventfd: written when the thread sleeps and should not */

	pthread_mutex_t lock; /* of what follows */
	struct chunk_list queue;
	bool begun, hastened, closed;
	bool asleep; /* the next chunk must wake it */
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

/* Takes in what others have said; false = everything is over. */
static bool delivery_look(struct delivery *d)
{
	struct chunk *c = NULL;
	bool hastened, abandon, over;

	pthread_mutex_lock(&d->lock);
	hastened = d->hastened;
	abandon = !d->begun;
	if (!d->medium.head)
		c = chunk_list_take(&d->queue);
	over = d->closed && !c && !d->medium.head;
	pthread_mutex_unlock(&d->lock);
	if (hastened)
		medium_hasten(&d->medium, abandon);
	if (c)
		medium_put(&d->medium, c);
	return !over || (d->medium.unsafe.n && !d->medium.given_up);
}

/* From now on who brings something must wake us. False if something has come already: a chunk,
 * unless the one before it is still to be written, or what ends an idle wait. */
static bool delivery_fall_asleep(struct delivery *d, bool blocked)
{
	bool asleep;

	pthread_mutex_lock(&d->lock);
	asleep = d->medium.ending == d->hastened && (d->medium.head || !d->queue.first) &&
		 (blocked || !d->closed);
	d->asleep = asleep;
	pthread_mutex_unlock(&d->lock);
	return asleep;
}

/* Until the queue, the sink or time has something for us. */
static void delivery_sleep(struct delivery *d, bool blocked)
{
	struct sink_wait wait = medium_waits_for(&d->medium, blocked);
	struct pollfd fds[] = {{.fd = d->wake_fd, .events = POLLIN},
			       {.fd = wait.fd, .events = wait.events}};
	uint64_t count;
	ssize_t n;

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
	if (delivery_await_begin(d))
		medium_step(&d->medium);
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

static int delivery_open(struct delivery *d, struct err *err)
{
	struct medium *m = &d->medium;
	const char *label = d->cfg.label;
	const struct filter_env filter_env = {.frames = d->cfg.frames};
	int r;

	m->sink = calloc(1, m->ops->ctx_size ? m->ops->ctx_size : 1);
	m->opening = d->cfg.context ? NULL : malloc(MEDIUM_OPENING);
	m->filter = m->filter_ops ? calloc(1, m->filter_ops->ctx_size) : NULL;
	if (!m->sink || (!m->opening && !d->cfg.context) || (!m->filter && m->filter_ops))
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
	d->cfg.sink_env.done_arg = &d->medium;
	d->medium.ops = cfg->sink;
	d->medium.filter_ops = cfg->filter;
	d->medium.label = cfg->label;
	d->medium.pool = cfg->pool;
	d->medium.tally = &d->tally;
	d->medium.context = cfg->context;
	d->medium.awaited = cfg->awaited;
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
	free(d->medium.opening);
	free(d->medium.filter);
	free(d->medium.sink);
	free(d);
}

void delivery_opening(struct delivery *d, const void *p, size_t n)
{
	assert(!d->cfg.context && n <= MEDIUM_OPENING);
	memcpy(d->medium.opening, p, n);
	d->medium.opening_n = n;
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
}

uint32_t delivery_wants(const struct delivery *d)
{
	return atomic_load_explicit(&d->medium.want, memory_order_relaxed);
}

struct tally *delivery_tally(struct delivery *d)
{
	return &d->tally;
}
