/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In the place of sinks/kafka.c where librdkafka was not there when penstock was built: the same
 * words are understood, and refused with the reason. */
#include <errno.h>

#include "capture/sink.h"
#include "sinks/kafka_options.h"

static const char *const kafka_formats[] = {"pb", "jsonl", NULL};

static int kafka_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	return errf(err, -EINVAL, "this penstock was built without librdkafka");
}

static int kafka_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return errf(err, -EOPNOTSUPP, "this penstock was built without librdkafka");
}

static int kafka_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	return -EOPNOTSUPP;
}

static void kafka_close(void *ctx)
{
}

#define KAFKA_MISSING(scheme)                                                                      \
	const struct sink_ops sink_##scheme = {                                                    \
		.flags = SINK_STREAM | SINK_APART,                                                 \
		.name = #scheme,                                                                   \
		.summary = "Kafka: not in this build, as librdkafka was missing",                  \
		.options = kafka_options_rows,                                                     \
		.cfg_size = sizeof(struct kafka_options),                                          \
		.format = "pb",                                                                    \
		.formats = kafka_formats,                                                          \
		.check = kafka_check,                                                              \
		.open = kafka_open,                                                                \
		.write = kafka_write,                                                              \
		.close = kafka_close,                                                              \
	}

KAFKA_MISSING(kafka);
KAFKA_MISSING(kafkas);
