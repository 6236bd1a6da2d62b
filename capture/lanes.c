/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/lanes.h"

#include <assert.h>
#include <errno.h>

void lanes_init(struct lanes *l, struct pool *pool, struct delivery *delivery, uint64_t hold_ns)
{
	*l = (struct lanes){.pool = pool,
			    .delivery = delivery,
			    .hold_ns = hold_ns,
			    .out = {.holds = hold_ns != 0}};
}

static bool chunk_is_fresh(const struct chunk *c)
{
	return !c->len && !c->records;
}

/* Nobody would miss it: one that begins a medium is needed though nothing may be in it, as readable
 * text opens with nothing, and one with a mark is asked for. */
static bool chunk_is_idle(const struct chunk *c)
{
	return chunk_is_fresh(c) && !c->rotates && !c->mark;
}

/* Keeps a closed chunk back in one of the two lists. */
static void list_keep(struct lanes *l, struct chunk_list *list, struct chunk *c)
{
	l->closed[pool_size_of(c)]++;
	l->bytes += c->len;
	chunk_list_add(list, c);
}

static bool list_send_oldest(struct lanes *l, struct chunk_list *list)
{
	struct chunk *c = chunk_list_take(list);

	if (!c)
		return false;
	l->closed[pool_size_of(c)]--;
	delivery_push(l->delivery, c);
	return true;
}

static void early_send(struct lanes *l)
{
	while (list_send_oldest(l, &l->early))
		;
	if (l->out.early && !chunk_is_fresh(l->out.early)) {
		l->bytes += l->out.early->len;
		delivery_push(l->delivery, l->out.early);
		l->out.early = NULL;
	}
}

/* Sends the oldest chunk that is held, and before it all that must precede it. False if there was
 * nothing to send. */
static bool lanes_send_oldest(struct lanes *l)
{
	bool any = l->early.n || l->held.n;

	early_send(l);
	return list_send_oldest(l, &l->held) || any;
}

static struct chunk *lanes_take(struct lanes *l, enum pool_size size, uint64_t now_ns)
{
	struct chunk *c;

	while (l->closed[size] >= pool_total(l->pool, size) / 2 && lanes_send_oldest(l))
		;
	c = pool_take(l->pool, size, l->wait);
	while (!c && size == POOL_SMALL && delivery_drop_oldest(l->delivery))
		c = pool_take(l->pool, size, false);
	if (c)
		c->opened_ns = c->touched_ns = now_ns;
	return c;
}

int lanes_grow(struct lanes *l, enum lane lane, uint64_t now_ns)
{
	struct chunk **open = lane == LANE_EARLY ? &l->out.early : &l->out.tail;
	struct chunk *fresh = *open && chunk_is_fresh(*open) ? *open : NULL, *c;

	assert(lane == LANE_TAIL || l->out.holds);
	assert(fresh || !*open || lane == LANE_EARLY);
	if (fresh && pool_size_of(fresh) == POOL_JUMBO)
		return -EMSGSIZE;
	if (*open && !fresh) {
		list_keep(l, &l->early, *open);
		*open = NULL;
	}
	c = lanes_take(l, fresh ? POOL_JUMBO : POOL_SMALL, now_ns);
	if (!c)
		return -EAGAIN;
	if (fresh) { /* it takes its place */
		c->opens = fresh->opens;
		c->opens_run = fresh->opens_run;
		c->rotates = fresh->rotates;
		pool_give(l->pool, fresh);
	}
	*open = c;
	return 0;
}

void lanes_ship(struct lanes *l)
{
	struct chunk *c = l->out.tail;

	if (!c)
		return;
	l->out.tail = NULL;
	if (chunk_is_idle(c)) {
		pool_give(l->pool, c);
		return;
	}
	/* Nothing comes before the opening bytes of a generation. */
	if (!l->hold_ns || c->opens) {
		assert(!l->held.n && !l->early.n);
		l->bytes += c->len;
		delivery_push(l->delivery, c);
		return;
	}
	list_keep(l, &l->held, c);
}

void lanes_release(struct lanes *l, uint64_t touched_ns)
{
	while (l->held.first && l->held.first->touched_ns <= touched_ns)
		lanes_send_oldest(l);
	/* With nothing to precede, there is nothing to wait for. */
	if (!l->held.n && (!l->out.tail || chunk_is_fresh(l->out.tail)))
		early_send(l);
}

void lanes_release_all(struct lanes *l)
{
	while (lanes_send_oldest(l))
		;
}

void lanes_free(struct lanes *l)
{
	struct chunk *c;

	while ((c = chunk_list_take(&l->early)) || (c = chunk_list_take(&l->held)))
		pool_give(l->pool, c);
	if (l->out.tail)
		pool_give(l->pool, l->out.tail);
	if (l->out.early)
		pool_give(l->pool, l->out.early);
	l->out.tail = l->out.early = NULL;
}
