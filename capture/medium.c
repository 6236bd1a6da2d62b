/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/medium.h"

#include <assert.h>
#include <errno.h>

#include "capture/base/elapsed.h"

enum {
	PAUSE_MS = 10,   /* for a sink that does not say what it waits for */
	UNSAFE_MAX = 64, /* chunks taken and not done, after which they are synced */
};

/* ---- good and bad answers of the sink ------------------------------------------------------ */

/* The next medium needs a generation of its own, unless one is about to open. */
static void medium_over(struct medium *m)
{
	const struct chunk *next;

	if (medium_streams(m))
		medium_requeue(m);
	else
		medium_lose_unsafe(m);
	m->state = MEDIUM_NONE;
	m->made = false;
	m->taken = 0;
	next = m->head ? m->head : m->again.first;
	if (m->context && !(next && next->opens))
		atomic_store(&m->want, m->generation);
}

static bool is_no_room(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}

static const char *medium_why(const struct medium *m)
{
	return m->ops->why ? m->ops->why(m->sink) : NULL;
}

/* The medium is over, unless there merely was no room on it. */
static enum medium_step medium_fail(struct medium *m, int r)
{
	tally_error(m->tally, m->label, r, medium_why(m));
	m->taken = 0;
	m->retry_ms = elapsed_ms() + medium_pause_ms(m);
	m->failures++;
	m->failed_number = m->done_number;
	m->ending_failures += m->ending;
	if (!is_no_room(r))
		medium_over(m);
	if (r == -ESTALE)
		tally_medium_gone(m->tally);
	return MEDIUM_BLOCKED;
}

/* Bytes were taken, or are done. A stream is well again only with the latter: who connects, takes
 * what comes and hangs up is to be left alone for longer and longer, as any other that fails. */
static void medium_moved(struct medium *m)
{
	m->retry_ms = 0;
	m->moved_ms = elapsed_ms();
	if (medium_streams(m) && m->done_number == m->failed_number)
		return;
	if (m->failures)
		tally_error(m->tally, m->label, 0, NULL);
	m->failures = m->ending_failures = 0;
}

/* A sink that tries again by itself has its troubles, too. */
static void medium_ask(struct medium *m)
{
	int r = m->ops->trouble ? m->ops->trouble(m->sink) : 0;

	if (r != m->trouble)
		tally_error(m->tally, m->label, r, r ? medium_why(m) : NULL);
	m->trouble = r;
}

static bool medium_pauses(const struct medium *m)
{
	return m->retry_ms && elapsed_ms() < m->retry_ms;
}

/* ---- steps --------------------------------------------------------------------------------- */

static enum medium_step medium_begin(struct medium *m)
{
	struct sink_medium medium = {.unix_ns = m->head ? m->head->unix_ns : 0};
	int r = m->ops->begin ? m->ops->begin(m->sink, &medium) : 0;

	if (!m->moved_ms) /* patience begins with the first try */
		m->moved_ms = elapsed_ms();
	if (r == -EAGAIN)
		return MEDIUM_BLOCKED;
	if (r < 0)
		return medium_fail(m, r);
	if (m->filter_ops)
		m->filter_ops->begin(m->filter);
	m->state = MEDIUM_FRESH;
	m->opening_written = m->tail_written = false;
	m->opening_due = true;
	m->moved_ms = elapsed_ms();
	if (m->failures && medium_streams(m) && !m->head)
		tally_error(m->tally, m->label, 0, NULL); /* nothing waits to be acknowledged */
	tally_medium(m->tally);
	return MEDIUM_AGAIN;
}

/* How full the queue is; nothing hurries where the reader waits for us. */
static unsigned medium_pressure(const struct medium *m)
{
	return m->awaited ? 0 : pool_pressure(m->pool);
}

/* Makes the parcel that is to be written, unless it is there already: of n bytes at p, which are
 * the chunk's, or opening bytes. */
static int medium_make(struct medium *m, const struct chunk *c, const uint8_t *p, size_t n)
{
	struct bytes made = {(const char *)p, n};
	int r = 0;

	if (m->made)
		return 0;
	if (m->filter_ops)
		r = m->filter_ops->put(m->filter, c, p, n, medium_pressure(m), &made);
	if (r < 0)
		return r;
	m->parcel = (struct parcel){.p = (const uint8_t *)made.p, .n = made.n};
	if (c) {
		m->parcel.number = c->number;
		m->parcel.records = c->records;
		m->parcel.first_seq = c->first_seq;
		m->parcel.last_seq = c->last_seq;
		m->parcel.again = c->again;
		m->parcel.opening_n = p == c->p && !m->filter_ops ? c->opening_n : 0;
	} else {
		m->parcel.opening_n = made.n;
	}
	m->made = true;
	return 0;
}

/* Writes the parcel. */
static enum medium_step medium_write(struct medium *m)
{
	size_t before = m->taken;
	int r = m->parcel.n ? m->ops->write(m->sink, &m->parcel, &m->taken) : 0;

	assert(m->taken <= m->parcel.n && (r || m->taken == m->parcel.n));
	if (r == 0 || (r == -EAGAIN && m->taken > before))
		medium_moved(m);
	if (r == -EAGAIN)
		return MEDIUM_BLOCKED;
	if (r < 0)
		return medium_fail(m, r);
	m->made = false;
	m->taken = 0;
	return MEDIUM_AGAIN;
}

static enum medium_step medium_write_opening(struct medium *m)
{
	int r = medium_make(m, NULL, m->opening.p, m->opening.n);
	enum medium_step step = r < 0 ? medium_fail(m, r) : medium_write(m);

	if (step == MEDIUM_AGAIN) {
		m->opening_written = true;
		m->opening_due = false;
	}
	return step;
}

/* The head is on the medium. */
static void medium_took_head(struct medium *m)
{
	struct chunk *c = m->head;

	if (c->opens)
		atomic_store(&m->want, 0);
	if (c->opens_run)
		m->opening_due = false;
	c->made = m->parcel.n;
	c->bare = !m->parcel.n;
	if (!c->bare || c->opens)
		m->state = MEDIUM_USED;
	chunk_list_add(&m->unsafe, c);
	m->head = NULL;
	if (!m->ops->sync)
		medium_done(m, c->number);
	medium_settle(m);
}

static bool medium_apart(const struct medium *m)
{
	return m->ops->flags & SINK_APART;
}

/* How many of the head's opening bytes are on the medium already. */
static size_t head_opening_written(const struct medium *m)
{
	const struct chunk *c = m->head;

	if (!c->opens)
		return 0;
	if (medium_apart(m))
		return c->opening_n;
	return m->state == MEDIUM_FRESH && m->opening_written && !c->opens_run ? c->opening_n : 0;
}

static enum medium_step medium_write_head(struct medium *m)
{
	const struct chunk *c = m->head;
	size_t skip = head_opening_written(m);
	enum medium_step step;
	int r;

	assert(m->state != MEDIUM_NONE);
	r = medium_make(m, c, c->p + skip, c->len - skip);
	step = r < 0 ? medium_fail(m, r) : medium_write(m);
	if (step == MEDIUM_AGAIN)
		medium_took_head(m);
	return step;
}

static enum medium_step medium_sync(struct medium *m)
{
	unsigned before = m->unsafe.n;
	int r = m->ops->sync ? m->ops->sync(m->sink) : 0;

	if (r == -EAGAIN) {
		medium_settle(m); /* some of it may be */
		if (m->unsafe.n < before)
			medium_moved(m);
		return m->unsafe.n < before ? MEDIUM_AGAIN : MEDIUM_BLOCKED;
	}
	if (r < 0) {
		if (!medium_streams(m))
			medium_lose_unsafe(m); /* nobody knows what of it is there */
		return medium_fail(m, r);
	}
	medium_moved(m);
	medium_settle(m);
	return MEDIUM_AGAIN;
}

/* Does the head refer to what only a medium that is over has? */
static bool head_is_stale(const struct medium *m)
{
	return m->context && m->state != MEDIUM_USED && !m->head->opens;
}

/* The first generation of a run begins with the opening bytes themselves, which a sink may want
 * apart. Later ones may begin with less. */
static bool head_needs_opening(const struct medium *m)
{
	return m->opening_due && m->opening.n && (medium_apart(m) || !m->head->opens_run);
}

/* Out of a spool: it only says to which run belongs what follows. */
static bool head_is_mere_opening(const struct medium *m)
{
	const struct chunk *c = m->head;

	return m->released && c->opens_run && !c->records && c->len == c->opening_n;
}

/* Its bytes are written as opening bytes, before the next one. */
static void medium_took_mere_opening(struct medium *m)
{
	m->opening_due = true;
	m->head->bare = true;
	chunk_list_add(&m->unsafe, m->head);
	m->head = NULL;
	medium_settle(m);
}

/* What belongs beside the medium; it can be made again, so that no failure is worth a word. */
static void medium_write_beside(struct medium *m)
{
	const char *extension;
	struct bytes b;

	if (!m->filter_ops || !m->filter_ops->beside || !m->ops->beside)
		return;
	m->filter_ops->beside(m->filter, &extension, &b);
	if (b.n)
		m->ops->beside(m->sink, extension, b.p, b.n);
}

/* The filter's last bytes. */
static enum medium_step medium_write_tail(struct medium *m)
{
	enum medium_step step;
	struct bytes b;
	int r = m->made ? 0 : m->filter_ops->end(m->filter, &b);

	if (r < 0)
		return medium_fail(m, r);
	if (!m->made)
		m->parcel = (struct parcel){.p = (const uint8_t *)b.p, .n = b.n};
	m->made = true;
	step = medium_write(m);
	m->tail_written = step == MEDIUM_AGAIN;
	return step;
}

/* Nothing was written on it, and a sink that keeps what was there before leaves no empty one. */
static bool medium_is_unused(const struct medium *m)
{
	return m->brief && m->state == MEDIUM_FRESH && !m->opening_written;
}

/* One step towards the end of the medium; its state is MEDIUM_NONE when it has ended. */
static enum medium_step medium_step_end(struct medium *m)
{
	int r;

	if (m->filter_ops && !m->tail_written && !medium_is_unused(m))
		return medium_write_tail(m);
	if (m->unsafe.n)
		return medium_sync(m);
	medium_write_beside(m);
	r = m->ops->end ? m->ops->end(m->sink) : 0;
	if (r == -EAGAIN)
		return MEDIUM_BLOCKED;
	m->state = MEDIUM_NONE;
	if (r < 0) {
		tally_error(m->tally, m->label, r, medium_why(m));
		m->failures++;
	}
	if (r == -ESTALE || r == -EIO || is_no_room(r))
		tally_medium_gone(m->tally);
	return MEDIUM_AGAIN;
}

static enum medium_step medium_step_head(struct medium *m)
{
	if (head_is_stale(m)) {
		medium_lose_head(m);
		return MEDIUM_AGAIN;
	}
	if (head_is_mere_opening(m)) {
		medium_took_mere_opening(m);
		return MEDIUM_AGAIN;
	}
	if (medium_pauses(m))
		return MEDIUM_BLOCKED;
	if (m->state == MEDIUM_NONE)
		return medium_begin(m);
	if (m->head->rotates && m->state == MEDIUM_USED)
		return medium_step_end(m);
	if (head_needs_opening(m))
		return medium_write_opening(m);
	if (m->unsafe.n >= UNSAFE_MAX)
		return medium_sync(m);
	return medium_write_head(m);
}

/* What is in the spool waits for it, though no chunk is here. */
static bool medium_awaits_peer(const struct medium *m)
{
	return m->released && m->state == MEDIUM_NONE;
}

static enum medium_step medium_step_idle(struct medium *m)
{
	if (medium_pauses(m))
		return medium_awaits_peer(m) ? MEDIUM_BLOCKED : MEDIUM_IDLE;
	if (m->unsafe.n)
		return medium_sync(m);
	return m->state == MEDIUM_NONE ? medium_begin(m) : MEDIUM_IDLE;
}

static void medium_set_head(struct medium *m, struct chunk *c)
{
	m->head = c;
	m->taken = 0;
	if (!c->opens_run)
		return;
	medium_learn_opening(m, c);
	m->opening_due |= medium_apart(m);
}

enum medium_step medium_step(struct medium *m)
{
	enum medium_step step;

	if (!m->head && m->again.n)
		medium_set_head(m, chunk_list_take(&m->again));
	if (m->given_up) {
		if (!m->head)
			return MEDIUM_IDLE;
		medium_lose_head(m);
		return MEDIUM_AGAIN;
	}
	step = m->head ? medium_step_head(m) : medium_step_idle(m);
	medium_ask(m);
	if (step == MEDIUM_BLOCKED && medium_is_hopeless(m)) {
		if (!m->failures && !m->trouble)
			tally_error(m->tally, m->label, -ETIMEDOUT,
				    "it has not taken everything in time");
		m->given_up = true;
		medium_lose_unsafe(m);
		return MEDIUM_AGAIN;
	}
	return step;
}

void medium_put(struct medium *m, struct chunk *c)
{
	assert(medium_is_hungry(m));
	c->number = ++m->number;
	m->generation = c->generation;
	medium_set_head(m, c);
}

/* ---- waiting and ending -------------------------------------------------------------------- */

static int timeout_nearer(int timeout_ms, int64_t other_ms)
{
	if (other_ms < 0)
		other_ms = 0;
	return timeout_ms < 0 || other_ms < timeout_ms ? (int)other_ms : timeout_ms;
}

struct sink_wait medium_waits_for(const struct medium *m, bool blocked)
{
	struct sink_wait wait = {.fd = -1, .timeout_ms = -1};
	int64_t now_ms = elapsed_ms();

	if (m->given_up)
		return wait;
	if (m->retry_ms > now_ms) {
		wait.timeout_ms = (int)(m->retry_ms - now_ms);
	} else if (blocked || m->state != MEDIUM_NONE) {
		wait.timeout_ms = blocked ? PAUSE_MS : -1;
		if (m->ops->wait)
			m->ops->wait(m->sink, blocked, &wait);
	}
	if (blocked && m->ending)
		wait.timeout_ms = timeout_nearer(wait.timeout_ms, medium_deadline_ms(m) - now_ms);
	return wait;
}

void medium_service(struct medium *m)
{
	int r = m->ops->service ? m->ops->service(m->sink) : 0;

	if (r == -EPIPE) /* another one will come, and gets a medium of its own */
		medium_over(m);
	else if (r < 0)
		medium_fail(m, r);
	medium_settle(m);
}

void medium_hasten(struct medium *m, bool abandon)
{
	if (m->ending)
		return;
	m->ending = true;
	m->given_up |= abandon;
	m->retry_ms = 0;
	m->ending_ms = m->moved_ms = elapsed_ms();
}

enum medium_step medium_end(struct medium *m)
{
	enum medium_step step = MEDIUM_BLOCKED;

	assert(medium_is_hungry(m) && !m->unsafe.n);
	if (m->state == MEDIUM_NONE)
		return MEDIUM_IDLE;
	/* What a sink did not take the end of stays as it is: under the name that says so, where it
	 * has one, for the next start to mend. */
	if (m->given_up && m->filter_ops && !m->tail_written) {
		m->state = MEDIUM_NONE;
		return MEDIUM_IDLE;
	}
	if (!medium_pauses(m))
		step = medium_step_end(m);
	if (step == MEDIUM_BLOCKED && medium_is_hopeless(m))
		m->given_up = true;
	return m->given_up || step == MEDIUM_AGAIN ? MEDIUM_AGAIN : step;
}
