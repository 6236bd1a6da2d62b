/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct chunk *free[POOL_SIZES]; /* stacks, so that a warm chunk is used next */
	unsigned free_n[POOL_SIZES];
	struct chunk *mapped[POOL_SIZES];
	unsigned total[POOL_SIZES];
};

static const size_t pool_bytes[POOL_SIZES] = {CHUNK_SIZE, CHUNK_JUMBO};

struct pool *pool_new(unsigned chunks)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->given, NULL);
	p->total[POOL_SMALL] = chunks;
	p->total[POOL_JUMBO] = POOL_JUMBOS;
	for (unsigned size = 0; size < POOL_SIZES; size++) {
		p->free[size] = p->mapped[size] = chunk_map_new(p->total[size], pool_bytes[size]);
		p->free_n[size] = p->total[size];
		if (!p->mapped[size]) {
			pool_free(p);
			return NULL;
		}
	}
	return p;
}

bool pool_keep_keys(struct pool *p)
{
	for (unsigned size = 0; size < POOL_SIZES; size++)
		if (!chunk_map_keys(p->mapped[size], p->total[size]))
			return false;
	return true;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	for (unsigned size = 0; size < POOL_SIZES; size++)
		chunk_map_free(p->mapped[size], p->total[size]);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->given);
	free(p);
}

unsigned pool_total(const struct pool *p, enum pool_size size)
{
	return p->total[size];
}

enum pool_size pool_size_of(const struct chunk *c)
{
	return c->cap == CHUNK_JUMBO ? POOL_JUMBO : POOL_SMALL;
}

struct chunk *pool_take(struct pool *p, enum pool_size size, bool wait)
{
	struct chunk *c;

	pthread_mutex_lock(&p->lock);
	while (wait && !p->free[size])
		pthread_cond_wait(&p->given, &p->lock);
	c = p->free[size];
	if (c) {
		p->free[size] = c->next;
		p->free_n[size]--;
	}
	pthread_mutex_unlock(&p->lock);
	if (c)
		chunk_reset(c);
	return c;
}

unsigned pool_free_now(struct pool *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = p->free_n[POOL_SMALL];
	pthread_mutex_unlock(&p->lock);
	return n;
}

bool pool_has_room(struct pool *p)
{
	bool room = true;

	pthread_mutex_lock(&p->lock);
	for (unsigned size = 0; size < POOL_SIZES; size++)
		room = room && p->free_n[size] >= p->total[size] - p->total[size] / 4;
	pthread_mutex_unlock(&p->lock);
	return room;
}

unsigned pool_pressure(struct pool *p)
{
	return 100 - 100 * pool_free_now(p) / p->total[POOL_SMALL];
}

void pool_await_all(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->free_n[POOL_SMALL] < p->total[POOL_SMALL] ||
	       p->free_n[POOL_JUMBO] < p->total[POOL_JUMBO])
		pthread_cond_wait(&p->given, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void pool_give(struct pool *p, struct chunk *c)
{
	enum pool_size size = pool_size_of(c);

	pthread_mutex_lock(&p->lock);
	c->next = p->free[size];
	p->free[size] = c;
	p->free_n[size]++;
	pthread_cond_signal(&p->given);
	pthread_mutex_unlock(&p->lock);
}
