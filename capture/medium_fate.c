/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of chunks that were given to a sink: see capture/medium.h. */
#include <assert.h>
#include <string.h>

#include "capture/medium.h"

static void opening_set(struct medium_opening *o, const void *p, size_t n)
{
	assert(n <= MEDIUM_OPENING);
	if (!o->p)
		return;
	memcpy(o->p, p, n);
	o->n = n;
}

void medium_learn_opening(struct medium *m, const struct chunk *c)
{
	opening_set(&m->opening, c->p, c->opening_n);
}

void medium_done(void *arg, uint64_t number)
{
	struct medium *m = arg;

	if (number > m->done_number)
		m->done_number = number;
}

void medium_refused(void *arg, uint64_t number, uint32_t events)
{
	struct medium *m = arg;
	struct chunk *c = m->head && m->head->number == number ? m->head : m->unsafe.first;

	while (c && c->number != number)
		c = c->next;
	assert(c);
	c->refused += events < c->records - c->refused ? events : c->records - c->refused;
}

void medium_refresh(void *arg)
{
	struct medium *m = arg;

	if (m->context)
		atomic_store(&m->want, m->generation);
}

/* The medium is done with it: it was written as well as can be, or is given up. */
static void medium_release(struct medium *m, struct chunk *c, bool done)
{
	if (done) {
		if (c->opens_run)
			opening_set(&m->base, c->p, c->opening_n);
		tally_done(m->tally, c);
	} else if (!m->released) {
		tally_lost(m->tally, c, TALLY_SINK);
	}
	m->torn |= !done || c->refused;
	if (c->mark)
		m->marked(m->marked_arg, c->mark, !m->torn);
	if (m->released)
		m->released(m->released_arg, c, done);
	pool_give(m->pool, c);
}

void medium_settle(struct medium *m)
{
	while (m->unsafe.first &&
	       (m->unsafe.first->bare || m->unsafe.first->number <= m->done_number))
		medium_release(m, chunk_list_take(&m->unsafe), true);
}

void medium_lose_head(struct medium *m)
{
	medium_release(m, m->head, false);
	m->head = NULL;
	m->made = false;
	m->taken = 0;
}

void medium_lose_unsafe(struct medium *m)
{
	medium_settle(m);
	while (m->unsafe.first)
		medium_release(m, chunk_list_take(&m->unsafe), false);
}

/* Nobody has it any more: what is not done comes out of the spool again. */
static void medium_give_back(struct medium *m)
{
	struct chunk *c;

	if (m->head)
		chunk_list_add(&m->unsafe, m->head);
	m->head = NULL;
	while ((c = chunk_list_take(&m->unsafe))) {
		m->released(m->released_arg, c, false);
		pool_give(m->pool, c);
	}
}

void medium_requeue(struct medium *m)
{
	struct chunk *c;

	medium_settle(m);
	if (m->released) {
		medium_give_back(m);
		return;
	}
	if (m->head)
		chunk_list_add(&m->unsafe, m->head);
	m->head = NULL;
	while ((c = chunk_list_take(&m->again)))
		chunk_list_add(&m->unsafe, c);
	m->again = m->unsafe;
	m->unsafe = (struct chunk_list){.n = 0};
	for (c = m->again.first; c; c = c->next)
		c->again = true;
	opening_set(&m->opening, m->base.p, m->base.n);
}
