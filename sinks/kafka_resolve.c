/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/kafka_resolve.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	RESOLVE_LOOK_MS = 20, /* how often who waits looks whether he still wants to */
	RESOLVE_LOOKS = 500,  /* and how often at most */
	RESOLVE_STACK = 256 * 1024,
};

/* One question. Who waits and who asks have it together; the last of them frees it. */
struct question {
	char node[NI_MAXHOST], service[NI_MAXSERV];
	struct addrinfo hints, *answer;
	int result;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	bool answered, left; /* and nobody waits any more */
};

static void question_free(struct question *q)
{
	if (q->answer)
		freeaddrinfo(q->answer);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->changed);
	free(q);
}

static void *question_ask(void *arg)
{
	struct question *q = arg;
	bool left;

	q->result = getaddrinfo(q->node, q->service, &q->hints, &q->answer);
	pthread_mutex_lock(&q->lock);
	q->answered = true;
	left = q->left;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	if (left)
		question_free(q);
	return NULL;
}

static struct timespec time_after_ms(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms * 1000000l;
	t.tv_sec += t.tv_nsec / 1000000000l;
	t.tv_nsec %= 1000000000l;
	return t;
}

/* Is there an answer? Else the question is left to who asks. */
static bool question_await(struct question *q, const atomic_bool *over)
{
	bool answered;

	pthread_mutex_lock(&q->lock);
	for (unsigned i = 0; i < RESOLVE_LOOKS && !q->answered && !atomic_load(over); i++) {
		struct timespec until = time_after_ms(RESOLVE_LOOK_MS);

		pthread_cond_timedwait(&q->changed, &q->lock, &until);
	}
	answered = q->answered;
	q->left = !answered;
	pthread_mutex_unlock(&q->lock);
	return answered;
}

static struct question *question_new(const char *node, const char *service,
				     const struct addrinfo *hints)
{
	struct question *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;

	if (!q)
		return NULL;
	strncpy(q->node, node, sizeof(q->node) - 1);
	strncpy(q->service, service, sizeof(q->service) - 1);
	q->hints = *hints;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &attr);
	pthread_condattr_destroy(&attr);
	return q;
}

static int question_begin(struct question *q)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, RESOLVE_STACK);
	r = pthread_create(&thread, &attr, question_ask, q);
	pthread_attr_destroy(&attr);
	return -r;
}

int kafka_resolve(const char *node, const char *service, const struct addrinfo *hints,
		  const atomic_bool *over, struct addrinfo **ret)
{
	struct question *q = question_new(node, service, hints);
	int r;

	if (!q)
		return EAI_MEMORY;
	if (question_begin(q) < 0) {
		question_free(q);
		return EAI_AGAIN;
	}
	if (!question_await(q, over))
		return EAI_AGAIN;
	r = q->result;
	*ret = q->answer;
	q->answer = NULL;
	question_free(q);
	return r;
}
