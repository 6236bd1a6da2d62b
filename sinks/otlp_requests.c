/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/otlp_requests.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "capture/base/elapsed.h"

enum {
	PAUSE_MS = 100,        /* after a first failure, at most; then twice as long each time */
	PAUSE_MOST_MS = 30000, /* and so on until that */
	PAUSE_LEAST_MS = 20,   /* jitter leaves that much */
	PAUSE_DOUBLINGS = 9,
};

static struct otlp_request *request_at(struct otlp_requests *q, unsigned i)
{
	return &q->v[(q->first + i) % q->size];
}

/* ---- opening and closing ------------------------------------------------------------------- */

static int requests_open_each(struct otlp_requests *q, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < q->size && r == 0; i++) {
		q->v[i].resource = malloc(OTLP_REQUESTS_RESOURCE);
		if (!q->v[i].resource)
			return errf(err, -ENOMEM, "out of memory");
		r = otlp_transfer_open(&q->v[i].transfer, q->http, q->packs, err);
	}
	return r;
}

int otlp_requests_open(struct otlp_requests *q, struct otlp_http *http, unsigned size, bool packs,
		       const struct sink_env *env, struct err *err)
{
	q->http = http;
	q->env = env;
	q->size = size;
	q->v = calloc(size, sizeof(*q->v));
	q->resource = malloc(OTLP_REQUESTS_RESOURCE);
	if (!q->v || !q->resource)
		return errf(err, -ENOMEM, "out of memory");
	if (getrandom(&q->seed, sizeof(q->seed), GRND_NONBLOCK) < 0)
		q->seed = (uint64_t)elapsed_ms();
	q->seed |= 1;
	/* 15 + 16: all of a window, and gzip's frame around it */
	q->packs = packs && deflateInit2(&q->z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8,
					 Z_DEFAULT_STRATEGY) == Z_OK;
	if (packs && !q->packs)
		return errf(err, -ENOMEM, "out of memory");
	return requests_open_each(q, err);
}

void otlp_requests_close(struct otlp_requests *q)
{
	for (unsigned i = 0; q->v && i < q->size; i++) {
		otlp_transfer_close(&q->v[i].transfer, q->http);
		free(q->v[i].resource);
	}
	if (q->packs)
		deflateEnd(&q->z);
	free(q->v);
	free(q->resource);
	otlp_http_free(q->http);
	*q = (struct otlp_requests){.n = 0};
}

void otlp_requests_reset(struct otlp_requests *q)
{
	for (unsigned i = 0; i < q->n; i++)
		otlp_transfer_stop(&request_at(q, i)->transfer, q->http);
	q->first = q->n = 0;
}

/* ---- parcels ------------------------------------------------------------------------------- */

static struct otlp_request *requests_last(struct otlp_requests *q)
{
	return q->n ? request_at(q, q->n - 1) : NULL;
}

void otlp_requests_seal(struct otlp_requests *q)
{
	struct otlp_request *last = requests_last(q);

	if (last && last->state == OTLP_REQUEST_OPEN)
		last->state = OTLP_REQUEST_READY;
}

void otlp_requests_resource(struct otlp_requests *q, struct bytes resource)
{
	assert(resource.n <= OTLP_REQUESTS_RESOURCE);
	if (bytes_eq(resource, (struct bytes){(char *)q->resource, q->resource_n}))
		return;
	otlp_requests_seal(q);
	memcpy(q->resource, resource.p, resource.n);
	q->resource_n = resource.n;
}

static struct otlp_request *requests_begin(struct otlp_requests *q)
{
	struct otlp_request *r = request_at(q, q->n);

	if (q->n == q->size)
		return NULL;
	q->n++;
	r->state = OTLP_REQUEST_OPEN;
	r->parts_n = r->from = r->to = 0;
	r->bytes = 0;
	r->made = false;
	memcpy(r->resource, q->resource, q->resource_n);
	r->resource_n = q->resource_n;
	return r;
}

bool otlp_requests_add(struct otlp_requests *q, const struct parcel *parcel)
{
	struct otlp_request *r = requests_last(q);
	size_t most = OTLP_BODY_MOST - OTLP_BODY_EDGE - q->resource_n;

	if (r && r->state == OTLP_REQUEST_OPEN &&
	    (r->parts_n == OTLP_BODY_PARTS || r->bytes + parcel->n > most))
		otlp_requests_seal(q);
	if (!r || r->state != OTLP_REQUEST_OPEN)
		r = requests_begin(q);
	if (!r)
		return false;
	r->parts[r->parts_n++] = (struct otlp_part){
		{(const char *)parcel->p, parcel->n}, parcel->number, parcel->records};
	r->to = r->parts_n;
	r->bytes += parcel->n;
	return true;
}

/* ---- failures ------------------------------------------------------------------------------ */

static uint32_t requests_random(struct otlp_requests *q)
{
	q->seed ^= q->seed << 13;
	q->seed ^= q->seed >> 7;
	q->seed ^= q->seed << 17;
	return (uint32_t)(q->seed >> 16);
}

/* Anything up to a limit that doubles, so that many senders do not come back at the same time. */
static int64_t requests_pause_ms(struct otlp_requests *q)
{
	unsigned doublings = q->failures < PAUSE_DOUBLINGS ? q->failures : PAUSE_DOUBLINGS;
	int64_t most = (int64_t)PAUSE_MS << doublings;

	if (most > PAUSE_MOST_MS)
		most = PAUSE_MOST_MS;
	return PAUSE_LEAST_MS + requests_random(q) % (most - PAUSE_LEAST_MS);
}

static void requests_trouble(struct otlp_requests *q, int trouble, const char *text)
{
	q->trouble = trouble;
	snprintf(q->why, sizeof(q->why), "%s: %s", otlp_http_peer(q->http), text);
}

/* Requests that were under way together fail together, which counts once. */
static void requests_fail(struct otlp_requests *q, int trouble, const char *text, int64_t wait_s)
{
	int64_t now_ms = elapsed_ms(), resume_ms = now_ms + wait_s * 1000;

	requests_trouble(q, trouble, text);
	if (now_ms >= q->resume_ms) {
		if (!q->failures)
			q->failed_ms = now_ms;
		if (!wait_s)
			resume_ms = now_ms + requests_pause_ms(q);
		q->failures++;
	}
	if (resume_ms > q->resume_ms)
		q->resume_ms = resume_ms;
}

/* So many of the records of its present body. */
static void request_refuse(struct otlp_requests *q, const struct otlp_request *r, uint64_t n)
{
	for (unsigned i = r->from; i < r->to && n; i++) {
		const struct otlp_part *part = &r->parts[i];
		uint32_t some = n < part->records ? (uint32_t)n : part->records;

		if (some && q->env->refused)
			q->env->refused(q->env->done_arg, part->number, some);
		q->refused += some;
		n -= some;
	}
}

/* ---- answers ------------------------------------------------------------------------------- */

/* What it still has of parts is the next body; there may be none. */
static void request_go_on(struct otlp_request *r)
{
	r->from = r->to;
	r->to = r->parts_n;
	r->made = false;
	r->state = r->from == r->to ? OTLP_REQUEST_OVER : OTLP_REQUEST_READY;
}

/* False: there is nothing smaller. */
static bool request_halve(struct otlp_request *r)
{
	if (r->to - r->from < 2)
		return false;
	r->to = r->from + (r->to - r->from) / 2;
	r->made = false;
	r->state = OTLP_REQUEST_READY;
	return true;
}

static void request_answered(struct otlp_requests *q, struct otlp_request *r,
			     const struct otlp_judgement *judgement)
{
	bool refused = judgement->verdict != OTLP_ACCEPTED;

	q->failures = 0;
	if (judgement->verdict == OTLP_TOO_LARGE && request_halve(r))
		return;
	q->trouble = 0;
	if (refused || judgement->rejected)
		requests_trouble(q, -EBADMSG, judgement->text);
	if (judgement->odd)
		snprintf(q->notice, sizeof(q->notice), "%s", judgement->text);
	request_refuse(q, r, refused ? UINT64_MAX : judgement->rejected);
	request_go_on(r);
}

static void request_end(struct otlp_requests *q, struct otlp_request *r)
{
	struct otlp_judgement judgement;
	int64_t wait_s;
	bool answer = otlp_transfer_judge(&r->transfer, q->http, &judgement, &wait_s);

	r->transfer.over = false;
	if (judgement.verdict != OTLP_RETRY) {
		request_answered(q, r, &judgement);
		return;
	}
	r->state = OTLP_REQUEST_READY;
	requests_fail(q, answer ? -EAGAIN : -ECONNABORTED, judgement.text, wait_s);
	if (!answer)
		otlp_http_advance(q->http);
}

/* ---- turns --------------------------------------------------------------------------------- */

static void request_make(struct otlp_requests *q, struct otlp_request *r)
{
	struct bytes parts[OTLP_BODY_PARTS];

	for (unsigned i = r->from; i < r->to; i++)
		parts[i - r->from] = r->parts[i].bytes;
	r->packed = otlp_body_make(&r->transfer.body,
				   (struct bytes){(char *)r->resource, r->resource_n}, parts,
				   r->to - r->from, q->packs ? &q->z : NULL);
	r->made = true;
}

static void request_send(struct otlp_requests *q, struct otlp_request *r)
{
	if (!r->made)
		request_make(q, r);
	if (otlp_transfer_start(&r->transfer, q->http, r->packed) == 0)
		r->state = OTLP_REQUEST_SENT;
	else
		requests_fail(q, -ENOMEM, "out of memory", 0);
}

/* As long as the last one failed, the next is alone: it finds out how things are. */
static bool requests_may_send(struct otlp_requests *q)
{
	if (elapsed_ms() < q->resume_ms)
		return false;
	for (unsigned i = 0; q->failures && i < q->n; i++)
		if (request_at(q, i)->state == OTLP_REQUEST_SENT)
			return false;
	return true;
}

static bool requests_send(struct otlp_requests *q)
{
	bool any = false;

	for (unsigned i = 0; i < q->n; i++) {
		struct otlp_request *r = request_at(q, i);

		if (r->state != OTLP_REQUEST_READY || !requests_may_send(q))
			continue;
		request_send(q, r);
		any |= r->state == OTLP_REQUEST_SENT;
	}
	return any;
}

static void requests_receive(struct otlp_requests *q)
{
	otlp_http_turn(q->http);
	for (unsigned i = 0; i < q->n; i++)
		if (request_at(q, i)->transfer.over)
			request_end(q, request_at(q, i));
}

/* In the order of the parcels. */
static void requests_settle(struct otlp_requests *q)
{
	while (q->n && request_at(q, 0)->state == OTLP_REQUEST_OVER) {
		const struct otlp_request *r = request_at(q, 0);

		q->env->done(q->env->done_arg, r->parts[r->parts_n - 1].number);
		q->first = (q->first + 1) % q->size;
		q->n--;
	}
}

void otlp_requests_turn(struct otlp_requests *q)
{
	do
		requests_receive(q);
	while (requests_send(q));
	requests_settle(q);
}

void otlp_requests_wait(const struct otlp_requests *q, int *ret_fd, int *ret_timeout_ms)
{
	int64_t left = q->resume_ms - elapsed_ms();

	otlp_http_wait(q->http, ret_fd, ret_timeout_ms);
	if (q->n && left > 0 && (*ret_timeout_ms < 0 || left < *ret_timeout_ms))
		*ret_timeout_ms = (int)left;
}
