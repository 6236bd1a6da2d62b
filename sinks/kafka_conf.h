/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* librdkafka's configuration of one output: ours, then what the user says, then what the address
 * says. */
#include <librdkafka/rdkafka.h>

#include "sinks/kafka_options.h"

enum {
	KAFKA_CONF_REASON = 512
};

/* Reads the file of properties. The configuration is the caller's, until rd_kafka_new() takes it.
 * -EINVAL, or what opening the file said, with one line. */
int kafka_conf_make(const struct kafka_options *o, const struct kafka_options_target *target,
		    rd_kafka_conf_t **ret, struct err *err);
/* Does librdkafka take it, certificates and all? Connects to nobody. */
int kafka_conf_try(const rd_kafka_conf_t *conf, struct err *err);
