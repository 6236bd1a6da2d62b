/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/kafka_stage.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	ROUNDS = 30000, /* waits of at most a millisecond, after which a test fails */
};

static void note_done(void *arg, uint64_t number)
{
	struct kafka_stage *s = arg;

	assert_true(number > s->done && number <= s->sent + 1);
	s->done = number;
}

static void note_refused(void *arg, uint64_t number, uint32_t events)
{
	struct kafka_stage *s = arg;

	assert_true(number > s->done && number <= s->sent);
	s->refused_number = number;
	s->refused += events;
}

static void kafka_swallow_log(const rd_kafka_t *rk, int level, const char *facility,
			      const char *text)
{
}

void kafka_stage_cluster(struct kafka_stage *s, int brokers, int partitions)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];

	rd_kafka_conf_set_log_cb(conf, kafka_swallow_log);
	*s = (struct kafka_stage){.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why))};
	s->cluster = rd_kafka_mock_cluster_new(s->rk, brokers);
	assert_non_null(s->cluster);
	rd_kafka_mock_topic_create(s->cluster, "events", partitions, brokers);
	snprintf(s->target, sizeof(s->target), "%s/events",
		 rd_kafka_mock_cluster_bootstraps(s->cluster));
}

int kafka_stage_open(struct kafka_stage *s, const char *options)
{
	s->ctx = calloc(1, sink_kafka.ctx_size);
	s->cfg = calloc(1, sink_kafka.cfg_size);
	s->options = strdup(options);
	s->env = (struct sink_env){.target = s->target,
				   .uid = (uid_t)-1,
				   .gid = (gid_t)-1,
				   .format = "pb",
				   .done = note_done,
				   .refused = note_refused,
				   .done_arg = s};
	assert_int_equal(opt_defaults(sink_kafka.options, s->cfg, &s->err), 0);
	if (*options)
		assert_int_equal(
			opt_set_pairs(sink_kafka.options, s->cfg, s->options, "test", &s->err), 0);
	return sink_kafka.open(s->ctx, s->cfg, &s->env, &s->err);
}

void kafka_stage_wait(struct kafka_stage *s, bool blocked)
{
	struct sink_wait wait = {.fd = -1};
	struct pollfd p;

	sink_kafka.wait(s->ctx, blocked, &wait);
	p = (struct pollfd){.fd = wait.fd, .events = wait.events};
	poll(&p, 1, 1);
}

int kafka_stage_begin(struct kafka_stage *s)
{
	int r = -EAGAIN;

	for (int i = 0; i < ROUNDS && r == -EAGAIN; i++) {
		r = sink_kafka.begin(s->ctx, &(struct sink_medium){.unix_ns = 0});
		if (r == -EAGAIN)
			kafka_stage_wait(s, true);
	}
	return r;
}

/* A whole stage, begun. */
void kafka_stage_up(struct kafka_stage *s, int brokers, int partitions, const char *options)
{
	kafka_stage_cluster(s, brokers, partitions);
	assert_int_equal(kafka_stage_open(s, options), 0);
	assert_int_equal(kafka_stage_begin(s), 0);
}

void kafka_stage_close(struct kafka_stage *s)
{
	sink_kafka.close(s->ctx);
	opt_done(sink_kafka.options, s->cfg);
	free(s->ctx);
	free(s->cfg);
	free(s->options);
}

void kafka_stage_down(struct kafka_stage *s)
{
	kafka_stage_close(s);
	kafka_stage_cluster_down(s);
}

void kafka_stage_cluster_down(struct kafka_stage *s)
{
	rd_kafka_mock_cluster_destroy(s->cluster);
	rd_kafka_destroy(s->rk);
}

/* The bytes of a message tell its number, and stay where they are. */
static char bodies[KAFKA_STAGE_MESSAGES][24];

int kafka_stage_write(struct kafka_stage *s, uint64_t number)
{
	char *body = bodies[number % KAFKA_STAGE_MESSAGES];
	struct parcel parcel = {.number = number,
				.records = 3,
				.first_seq = 3 * number - 2,
				.last_seq = 3 * number};
	size_t done = 0;
	int r;

	snprintf(body, sizeof(*bodies), "message %llu", (unsigned long long)number);
	parcel.p = (const uint8_t *)body;
	parcel.n = strlen(body);
	r = sink_kafka.write(s->ctx, &parcel, &done);
	assert_int_equal(done, r ? 0 : parcel.n);
	if (r == 0)
		s->sent = number;
	return r;
}

/* Messages up to that number; what the first failure is. */
int kafka_stage_send(struct kafka_stage *s, uint64_t last)
{
	int r = 0;

	while (s->sent < last && (r == 0 || r == -EAGAIN)) {
		r = kafka_stage_write(s, s->sent + 1);
		if (r == -EAGAIN)
			kafka_stage_wait(s, true);
	}
	return r;
}

/* What sync() comes to. */
int kafka_stage_sync(struct kafka_stage *s)
{
	int r = -EAGAIN;

	for (int i = 0; i < ROUNDS && r == -EAGAIN; i++) {
		r = sink_kafka.sync(s->ctx);
		if (r == -EAGAIN)
			kafka_stage_wait(s, true);
	}
	return r;
}

/* As delivery does: after a failure what is not done comes again. */
void kafka_stage_deliver(struct kafka_stage *s, uint64_t last)
{
	for (int failures = 0; s->done < last && failures < 10; failures++) {
		int r = kafka_stage_send(s, last);

		if (r == 0)
			r = kafka_stage_sync(s);
		if (r == 0)
			break;
		s->sent = s->done;
		r = kafka_stage_begin(s);
		assert_true(r == 0 || r == -ENOTCONN);
	}
	assert_int_equal(s->done, last);
}

/* ---- the other end ------------------------------------------------------------------------- */

/* All that is in the partitions now. */
void kafka_stage_read(struct kafka_stage *s, int partitions, struct kafka_log *log)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	char why[256];
	rd_kafka_t *rk;
	int ends = 0;

	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(s->cluster),
			  why, sizeof(why));
	rd_kafka_conf_set(conf, "group.id", "test", why, sizeof(why));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why));
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", why, sizeof(why));
	rd_kafka_conf_set_log_cb(conf, kafka_swallow_log);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, "events", i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	assert_int_equal(rd_kafka_assign(rk, list), 0);
	rd_kafka_topic_partition_list_destroy(list);
	log->n = 0;
	for (int i = 0; i < ROUNDS && ends < partitions; i++) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);

		if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			ends++;
		if (m && !m->err && log->n < 2 * KAFKA_STAGE_MESSAGES)
			log->v[log->n++] = m;
		else if (m)
			rd_kafka_message_destroy(m);
	}
	assert_int_equal(ends, partitions);
	/* The consumer can go only after its messages. */
	s->consumer = rk;
}

void kafka_stage_read_done(struct kafka_stage *s, struct kafka_log *log)
{
	for (size_t i = 0; i < log->n; i++)
		rd_kafka_message_destroy(log->v[i]);
	rd_kafka_destroy(s->consumer);
}

static uint64_t message_number(const rd_kafka_message_t *m)
{
	unsigned long long number = 0;
	char text[32];

	snprintf(text, sizeof(text), "%.*s", (int)m->len, (const char *)m->payload);
	sscanf(text, "message %llu", &number);
	return number;
}

void kafka_stage_has(const rd_kafka_message_t *m, const char *name, const char *value)
{
	rd_kafka_headers_t *headers;
	const void *p = NULL;
	size_t n = 0;

	assert_int_equal(rd_kafka_message_headers(m, &headers), 0);
	if (!value) {
		assert_int_not_equal(rd_kafka_header_get_last(headers, name, &p, &n), 0);
		return;
	}
	assert_int_equal(rd_kafka_header_get_last(headers, name, &p, &n), 0);
	assert_int_equal(n, strlen(value));
	assert_memory_equal(p, value, n);
}

/* Each message is there, in order; with `twice` some may be there again, as the brokers of the test
 * do not know what they have when an answer was lost. */
void kafka_stage_expect(struct kafka_stage *s, uint64_t last, bool twice)
{
	struct kafka_log *log = calloc(1, sizeof(*log));
	uint64_t highest = 0;

	kafka_stage_read(s, 1, log);
	for (size_t i = 0; i < log->n; i++) {
		uint64_t number = message_number(log->v[i]);

		assert_true(number <= highest + 1 && (twice || number == highest + 1));
		if (number > highest)
			highest = number;
	}
	assert_int_equal(highest, last);
	kafka_stage_read_done(s, log);
	free(log);
}
