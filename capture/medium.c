/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/medium.h"

#include <assert.h>
#include <errno.h>

#include "capture/base/elapsed.h"

enum {
	PAUSE_MS = 10,       /* for a sink that does not say what it waits for */
	RETRY_MS = 100,      /* after a first failure; then twice as long each time */
	RETRY_DOUBLINGS = 5, /* and so at most 3.2 s */
	PATIENCE_MS = 5000,  /* at the end, for a sink that takes nothing */
	UNSAFE_MAX = 64,     /* chunks taken and not done, after which they are synced */
};

/* ---- what becomes of chunks ---------------------------------------------------------------- */

void medium_done(void *arg, uint64_t number)
{
	struct medium *m = arg;

	if (number > m->done_number)
		m->done_number = number;
}

/* Gives back what the sink has reported as done. */
static void medium_settle(struct medium *m)
{
	while (m->unsafe.first && m->unsafe.first->number <= m->done_number) {
		struct chunk *c = chunk_list_take(&m->unsafe);

		tally_done(m->tally, c);
		pool_give(m->pool, c);
	}
}

static void medium_lose(struct medium *m, struct chunk *c)
{
	tally_lost(m->tally, c);
	pool_give(m->pool, c);
}

static void medium_lose_head(struct medium *m)
{
	medium_lose(m, m->head);
	m->head = NULL;
	m->made = false;
	m->taken = 0;
}

static void medium_lose_unsafe(struct medium *m)
{
	medium_settle(m);
	while (m->unsafe.first)
		medium_lose(m, chunk_list_take(&m->unsafe));
}

/* ---- good and bad answers of the sink ------------------------------------------------------ */

/* The next medium needs a generation of its own, unless one is about to open. */
static void medium_over(struct medium *m)
{
	medium_lose_unsafe(m);
	m->state = MEDIUM_NONE;
	m->made = false;
	m->taken = 0;
	if (m->context && !(m->head && m->head->opens))
		atomic_store(&m->want, m->generation);
}

static bool is_no_room(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}

/* The medium is over, unless there merely was no room on it. */
static enum medium_step medium_fail(struct medium *m, int r)
{
	unsigned doublings = m->failures < RETRY_DOUBLINGS ? m->failures : RETRY_DOUBLINGS;

	tally_error(m->tally, m->label, r);
	m->taken = 0;
	m->failures++;
	m->retry_ms = elapsed_ms() + (RETRY_MS << doublings);
	if (!is_no_room(r))
		medium_over(m);
	if (r == -ESTALE)
		tally_medium_gone(m->tally);
	return MEDIUM_BLOCKED;
}

static void medium_moved(struct medium *m)
{
	if (m->failures)
		tally_error(m->tally, m->label, 0);
	m->failures = 0;
	m->retry_ms = 0;
	m->moved_ms = elapsed_ms();
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

	if (r == -EAGAIN)
		return MEDIUM_BLOCKED;
	if (r < 0)
		return medium_fail(m, r);
	if (m->filter_ops)
		m->filter_ops->begin(m->filter);
	m->state = MEDIUM_FRESH;
	m->opening_written = m->tail_written = false;
	m->moved_ms = elapsed_ms();
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
	m->parcel = (struct parcel){
		.p = (const uint8_t *)made.p, .n = made.n, .number = c ? c->number : 0};
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
	int r = medium_make(m, NULL, m->opening, m->opening_n);
	enum medium_step step = r < 0 ? medium_fail(m, r) : medium_write(m);

	if (step == MEDIUM_AGAIN)
		m->opening_written = true;
	return step;
}

/* The head is on the medium. */
static void medium_took_head(struct medium *m)
{
	struct chunk *c = m->head;

	if (c->opens)
		atomic_store(&m->want, 0);
	m->state = MEDIUM_USED;
	c->made = m->parcel.n;
	chunk_list_add(&m->unsafe, c);
	m->head = NULL;
	/* An empty parcel, of a chunk that only opens, is the first of its medium: nothing that is
	 * not done lies before it. */
	if (!m->ops->sync || !m->parcel.n)
		medium_done(m, c->number);
	medium_settle(m);
}

static enum medium_step medium_write_head(struct medium *m)
{
	const struct chunk *c = m->head;
	bool twice = c->opens && m->state == MEDIUM_FRESH && m->opening_written;
	size_t skip = twice ? c->opening_n : 0;
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
	int r = m->ops->sync ? m->ops->sync(m->sink) : 0;

	if (r == -EAGAIN)
		return MEDIUM_BLOCKED;
	if (r < 0) {
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

/* The first generation begins with the opening bytes themselves. Later ones may begin with less. */
static bool head_needs_opening(const struct medium *m)
{
	return m->opening_n && m->state == MEDIUM_FRESH && !m->opening_written &&
	       !(m->head->opens && m->head->generation == 1);
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

/* One step towards the end of the medium; its state is MEDIUM_NONE when it has ended. */
static enum medium_step medium_step_end(struct medium *m)
{
	int r;

	if (m->filter_ops && !m->tail_written)
		return medium_write_tail(m);
	if (m->unsafe.n)
		return medium_sync(m);
	medium_write_beside(m);
	r = m->ops->end ? m->ops->end(m->sink) : 0;
	if (r == -EAGAIN)
		return MEDIUM_BLOCKED;
	m->state = MEDIUM_NONE;
	if (r < 0) {
		tally_error(m->tally, m->label, r);
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

static enum medium_step medium_step_idle(struct medium *m)
{
	if (medium_pauses(m))
		return MEDIUM_IDLE;
	if (m->unsafe.n)
		return medium_sync(m);
	return m->state == MEDIUM_NONE ? medium_begin(m) : MEDIUM_IDLE;
}

/* Nothing was taken, and nobody can wait any longer. */
static bool medium_is_hopeless(const struct medium *m)
{
	if (m->failures > 1)
		return m->ending || m->awaited;
	return m->ending && elapsed_ms() - m->moved_ms >= PATIENCE_MS;
}

enum medium_step medium_step(struct medium *m)
{
	enum medium_step step;

	if (m->given_up) {
		if (!m->head)
			return MEDIUM_IDLE;
		medium_lose_head(m);
		return MEDIUM_AGAIN;
	}
	step = m->head ? medium_step_head(m) : medium_step_idle(m);
	if (step == MEDIUM_BLOCKED && medium_is_hopeless(m)) {
		if (!m->failures)
			tally_error(m->tally, m->label, -ETIMEDOUT);
		m->given_up = true;
		medium_lose_unsafe(m);
		return MEDIUM_AGAIN;
	}
	return step;
}

void medium_put(struct medium *m, struct chunk *c)
{
	assert(!m->head);
	c->number = ++m->number;
	m->generation = c->generation;
	m->head = c;
	m->taken = 0;
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
		wait.timeout_ms =
			timeout_nearer(wait.timeout_ms, m->moved_ms + PATIENCE_MS - now_ms);
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
	m->given_up = abandon;
	m->retry_ms = 0;
	m->moved_ms = elapsed_ms();
}

enum medium_step medium_end(struct medium *m)
{
	enum medium_step step = MEDIUM_BLOCKED;

	assert(!m->head && !m->unsafe.n);
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
