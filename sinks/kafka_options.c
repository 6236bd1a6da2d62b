/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/kafka_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const kafka_options_compress[] = {"auto", "none", "gzip", "snappy",
					      "lz4",  "zstd", NULL};

const struct opt kafka_options_rows[] = {
	{.name = "message-key",
	 .type = OPT_STRING,
	 .offset = offsetof(struct kafka_options, message_key),
	 .arg = "TEXT",
	 .help = "the key of each message, which chooses its partition; this machine's name when "
		 "not given"},
	{.name = "compress",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct kafka_options, compress),
	 .arg = "CODEC",
	 .def = "auto",
	 .choices = kafka_options_compress,
	 .help = "how messages are compressed; auto is zstd where librdkafka has it, else lz4"},
	{.name = "property",
	 .type = OPT_LIST,
	 .offset = offsetof(struct kafka_options, properties),
	 .arg = "NAME:VALUE",
	 .help = "set a property of librdkafka"},
	{.name = "config",
	 .type = OPT_STRING,
	 .offset = offsetof(struct kafka_options, config),
	 .arg = "FILE",
	 .help = "read properties of librdkafka from FILE (lines NAME=VALUE): the place for "
		 "passwords"},
	{.name = "ca",
	 .type = OPT_STRING,
	 .offset = offsetof(struct kafka_options, ca),
	 .arg = "FILE",
	 .help = "trust the certificates in FILE, not the system's"},
	{.name = "cert",
	 .type = OPT_STRING,
	 .offset = offsetof(struct kafka_options, cert),
	 .arg = "FILE",
	 .help = "our own certificate, and what leads to its authority"},
	{.name = "key",
	 .type = OPT_STRING,
	 .offset = offsetof(struct kafka_options, key),
	 .arg = "FILE",
	 .help = "the private key, where cert= does not hold it"},
	OPT_END,
};

static int topic_check(const char *topic, struct err *err)
{
	static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";
	size_t n = strlen(topic);

	if (!n)
		return errf(err, -EINVAL, "names no topic (broker:9092/topic)");
	if (n > KAFKA_TOPIC_MAX || topic[strspn(topic, known)] || !strcmp(topic, ".") ||
	    !strcmp(topic, ".."))
		return errf(err, -EINVAL,
			    "'%s' is no topic: at most %d letters, digits, '.', '_' and '-'", topic,
			    KAFKA_TOPIC_MAX);
	return 0;
}

int kafka_options_parse(const char *text, bool tls, struct kafka_options_target *ret,
			struct err *err)
{
	const char *slash = strchr(text, '/');
	struct kafka_options_target t = {.tls = tls};
	char brokers[ADDRESS_MAX * ADDRESS_TEXT];
	int n = slash ? (int)(slash - text) : (int)strlen(text), r;

	if (snprintf(brokers, sizeof(brokers), "%.*s", n, text) >= (int)sizeof(brokers))
		return errf(err, -EINVAL, "more brokers than there is room for");
	r = address_parse(brokers, "9092", &t.brokers, err);
	if (r < 0)
		return r;
	t.topic = slash ? slash + 1 : "";
	r = topic_check(t.topic, err);
	if (r == 0)
		*ret = t;
	return r;
}

int kafka_options_check(const struct kafka_options *o, const char *text, bool tls, bool *ret_bare,
			struct err *err)
{
	struct kafka_options_target t;
	bool bare = false;
	int r = kafka_options_parse(text, tls, &t, err);

	if (r < 0)
		return r;
	if (!tls && (o->ca || o->cert || o->key))
		return errf(err, -EINVAL, "ca, cert and key are for kafkas://");
	if (o->key && !o->cert)
		return errf(err, -EINVAL, "key without cert");
	for (unsigned i = 0; i < o->properties.n; i++)
		if (!strchr(o->properties.v[i], ':'))
			return errf(err, -EINVAL, "property: '%s' is not NAME:VALUE",
				    o->properties.v[i]);
	for (unsigned i = 0; i < t.brokers.n; i++)
		bare |= !tls && !address_is_local(&t.brokers.v[i]);
	*ret_bare = bare;
	return 0;
}
