/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/chunkq.h"

#include <pthread.h>
#include <stdlib.h>

struct chunkq {
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	struct chunk *free[2];      /* [jumbo]: stacks, so that a warm chunk is used next */
	struct chunk *head, **tail; /* the queue */
	struct chunk *pool, *jumbos;
	unsigned n;
	bool closed;
};

struct chunkq *chunkq_new(unsigned chunks)
{
	struct chunkq *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->n = chunks;
	q->pool = chunk_pool_new(chunks, CHUNK_SIZE);
	q->jumbos = chunk_pool_new(CHUNKQ_JUMBO, CHUNK_JUMBO);
	if (!q->pool || !q->jumbos) {
		chunk_pool_free(q->pool, chunks);
		chunk_pool_free(q->jumbos, CHUNKQ_JUMBO);
		free(q);
		return NULL;
	}
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->filled, NULL);
	pthread_cond_init(&q->freed, NULL);
	q->free[false] = q->pool;
	q->free[true] = q->jumbos;
	q->tail = &q->head;
	return q;
}

void chunkq_free(struct chunkq *q)
{
	if (!q)
		return;
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->filled);
	pthread_cond_destroy(&q->freed);
	chunk_pool_free(q->pool, q->n);
	chunk_pool_free(q->jumbos, CHUNKQ_JUMBO);
	free(q);
}

struct chunk *chunkq_take(struct chunkq *q, bool jumbo, bool wait)
{
	struct chunk *c;

	pthread_mutex_lock(&q->lock);
	while (wait && !q->free[jumbo])
		pthread_cond_wait(&q->freed, &q->lock);
	c = q->free[jumbo];
	if (c)
		q->free[jumbo] = c->next;
	pthread_mutex_unlock(&q->lock);
	if (c)
		chunk_reset(c);
	return c;
}

void chunkq_push(struct chunkq *q, struct chunk *c)
{
	c->next = NULL;
	pthread_mutex_lock(&q->lock);
	*q->tail = c;
	q->tail = &c->next;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

void chunkq_close(struct chunkq *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

struct chunk *chunkq_pop(struct chunkq *q, bool *ret_empty)
{
	struct chunk *c;

	pthread_mutex_lock(&q->lock);
	while (!q->head && !q->closed)
		pthread_cond_wait(&q->filled, &q->lock);
	c = q->head;
	if (c) {
		q->head = c->next;
		if (!q->head)
			q->tail = &q->head;
	}
	*ret_empty = !q->head;
	pthread_mutex_unlock(&q->lock);
	return c;
}

void chunkq_give(struct chunkq *q, struct chunk *c)
{
	bool jumbo = c->cap == CHUNK_JUMBO;

	pthread_mutex_lock(&q->lock);
	c->next = q->free[jumbo];
	q->free[jumbo] = c;
	pthread_cond_signal(&q->freed);
	pthread_mutex_unlock(&q->lock);
}
