/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the user says of kafka:// and kafkas://: pure, and there also in a build without librdkafka,
 * which refuses an output after it has understood it. */
#include <stdbool.h>

#include "capture/base/opt.h"
#include "capture/net/address.h"

enum {
	KAFKA_TOPIC_MAX = 249 /* characters: Kafka's own limit */
};

/* As in the names of librdkafka, but for the first. */
enum kafka_compress {
	KAFKA_COMPRESS_AUTO, /* zstd where the library has it, else lz4 */
	KAFKA_COMPRESS_NONE,
	KAFKA_COMPRESS_GZIP,
	KAFKA_COMPRESS_SNAPPY,
	KAFKA_COMPRESS_LZ4,
	KAFKA_COMPRESS_ZSTD,
};
extern const char *const kafka_options_compress[];

struct kafka_options {
	const char *message_key; /* NULL = the name of this machine, "" = none */
	const char *config;      /* file of librdkafka's properties */
	struct opt_list properties;
	int compress; /* enum kafka_compress */
	const char *ca, *cert, *key;
};
extern const struct opt kafka_options_rows[];

struct kafka_options_target {
	struct address_list brokers;
	const char *topic; /* lies in the text */
	bool tls;
};

/* "broker[:9092][,broker]/topic". -EINVAL with one line. */
int kafka_options_parse(const char *text, bool tls, struct kafka_options_target *ret,
			struct err *err);
/* What sink_ops.check() of both is, as far as it does not take librdkafka. */
int kafka_options_check(const struct kafka_options *o, const char *text, bool tls, bool *ret_bare,
			struct err *err);
