/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The sink kafka:// driven by hand, against librdkafka's own cluster of brokers, which keep
 * everything in memory, and are read by librdkafka's consumer. Each asserts that it works. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/sink.h"

extern const struct sink_ops sink_kafka;

enum {
	KAFKA_STAGE_PRODUCE = 0, /* the request of the protocol */
	KAFKA_STAGE_MESSAGES = 4096,
};

struct kafka_stage {
	rd_kafka_t *rk; /* of the cluster */
	rd_kafka_mock_cluster_t *cluster;
	char target[256];
	void *ctx, *cfg;
	char *options;
	struct sink_env env;
	uint64_t sent, done; /* numbers of the last ones */
	uint64_t refused_number, refused;
	rd_kafka_t *consumer;
	struct err err;
};

/* Brokers that have the topic "events". */
void kafka_stage_cluster(struct kafka_stage *s, int brokers, int partitions);
/* "compress=lz4,…", or "" for none; then open(), and what it says. */
int kafka_stage_open(struct kafka_stage *s, const char *options);
/* begin() until it says anything but -EAGAIN. */
int kafka_stage_begin(struct kafka_stage *s);
/* All three. */
void kafka_stage_up(struct kafka_stage *s, int brokers, int partitions, const char *options);
/* The sink alone, which need not be open; the cluster alone; both. */
void kafka_stage_close(struct kafka_stage *s);
void kafka_stage_cluster_down(struct kafka_stage *s);
void kafka_stage_down(struct kafka_stage *s);

/* At most a millisecond. */
void kafka_stage_wait(struct kafka_stage *s, bool blocked);
/* One message "message <number>" of three events. */
int kafka_stage_write(struct kafka_stage *s, uint64_t number);
/* Messages up to that number; the first failure. */
int kafka_stage_send(struct kafka_stage *s, uint64_t last);
/* sync() until it says anything but -EAGAIN. */
int kafka_stage_sync(struct kafka_stage *s);
/* As delivery does: after a failure what is not done comes again. */
void kafka_stage_deliver(struct kafka_stage *s, uint64_t last);

struct kafka_log {
	rd_kafka_message_t *v[2 * KAFKA_STAGE_MESSAGES];
	size_t n;
};

/* All that is in the partitions now; done before the next. */
void kafka_stage_read(struct kafka_stage *s, int partitions, struct kafka_log *log);
void kafka_stage_read_done(struct kafka_stage *s, struct kafka_log *log);
/* It has a header of that value; NULL: none of that name. */
void kafka_stage_has(const rd_kafka_message_t *m, const char *name, const char *value);
/* Each message up to that one is there, in order; with `twice` some may be there again, as the
 * brokers of the test do not know what they have when an answer was lost. */
void kafka_stage_expect(struct kafka_stage *s, uint64_t last, bool twice);
