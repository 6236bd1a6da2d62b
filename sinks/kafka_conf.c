/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/kafka_conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"

/* What the user may exchange. Messages are in order and none is twice in the log; none is ever
 * given up by the library, as the queue and the spool in front of it keep the accounts. A broker
 * that says nothing is given up as other peers are, and asked again. */
static const char *const conf_ours[][2] = {
	{"client.id", "penstock"},
	{"enable.idempotence", "true"},
	{"acks", "all"},
	{"message.timeout.ms", "0"},
	{"message.max.bytes", "9437184"}, /* a jumbo chunk, and what the protocol adds */
	{"queue.buffering.max.kbytes", "131072"},
	{"linger.ms", "5"},
	{"socket.timeout.ms", "30000"},
	{"socket.connection.setup.timeout.ms", "10000"},
	{"socket.keepalive.enable", "true"},
	{"reconnect.backoff.max.ms", "30000"},
};

static const char *const conf_not_theirs[][2] = {
	{"bootstrap.servers", "the brokers stand in the address"},
	{"metadata.broker.list", "the brokers stand in the address"},
	{"delivery.report.only.error", "what is not reported is never done"},
	{"transactional.id", "there are no transactions"},
};

/* What the user has said of security. */
struct conf_said {
	bool protocol, sasl;
};

static int conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, const char *where,
		    struct err *err)
{
	char why[KAFKA_CONF_REASON];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		return errf(err, -EINVAL, "%s%s", where, why);
	return 0;
}

/* A property of the user's. */
static int conf_set_property(rd_kafka_conf_t *conf, const char *name, const char *value,
			     const char *where, struct conf_said *said, struct err *err)
{
	for (size_t i = 0; i < sizeof(conf_not_theirs) / sizeof(*conf_not_theirs); i++)
		if (!strcmp(name, conf_not_theirs[i][0]))
			return errf(err, -EINVAL, "%s'%s' is not yours to set: %s", where, name,
				    conf_not_theirs[i][1]);
	if (!strcmp(name, "security.protocol"))
		said->protocol = true;
	if (!strcmp(name, "sasl.mechanism") || !strcmp(name, "sasl.mechanisms"))
		said->sasl = true;
	return conf_set(conf, name, value, where, err);
}

static char *text_trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static int conf_read_line(rd_kafka_conf_t *conf, char *line, const char *where,
			  struct conf_said *said, struct err *err)
{
	char *text = text_trim(line), *equals = strchr(text, '=');

	if (!*text || *text == '#')
		return 0;
	if (!equals)
		return errf(err, -EINVAL, "%sno NAME=VALUE", where);
	*equals = '\0';
	return conf_set_property(conf, text_trim(text), text_trim(equals + 1), where, said, err);
}

/* Lines as kcat and librdkafka's other programs read them. */
static int conf_read_file(rd_kafka_conf_t *conf, const char *path, struct conf_said *said,
			  struct err *err)
{
	CLEANUP_FREE char *line = NULL;
	FILE *f = fopen(path, "re");
	char where[512];
	size_t size = 0;
	int r = 0;

	if (!f)
		return errf(err, -errno, "config: '%s': %s", path, strerror(errno));
	for (unsigned n = 1; r == 0 && getline(&line, &size, f) >= 0; n++) {
		snprintf(where, sizeof(where), "config: '%.400s' line %u: ", path, n);
		r = conf_read_line(conf, line, where, said, err);
	}
	if (r == 0 && ferror(f))
		r = errf(err, -EIO, "config: '%s' cannot be read", path);
	fclose(f);
	return r;
}

static int conf_read_properties(rd_kafka_conf_t *conf, const struct opt_list *list,
				struct conf_said *said, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < list->n && r == 0; i++) {
		CLEANUP_FREE char *name = strdup(list->v[i]);
		char *colon = name ? strchr(name, ':') : NULL;

		if (!colon)
			return errf(err, name ? -EINVAL : -ENOMEM, "property: no NAME:VALUE");
		*colon = '\0';
		r = conf_set_property(conf, name, colon + 1, "property: ", said, err);
	}
	return r;
}

/* Whether the connection is encrypted is said by the scheme alone, as that is what the refusal of
 * plaintext to strangers goes by. */
static int conf_set_protocol(rd_kafka_conf_t *conf, bool tls, const struct conf_said *said,
			     struct err *err)
{
	char has[64] = "";
	size_t n = sizeof(has);
	const char *wants = tls ? (said->sasl ? "sasl_ssl" : "ssl")
				: (said->sasl ? "sasl_plaintext" : "plaintext");

	if (!said->protocol)
		return conf_set(conf, "security.protocol", wants, "", err);
	rd_kafka_conf_get(conf, "security.protocol", has, &n);
	if ((strstr(has, "ssl") || strstr(has, "SSL")) != tls)
		return errf(err, -EINVAL, "security.protocol %s belongs to %s://", has,
			    tls ? "kafka" : "kafkas");
	return 0;
}

/* A file of the user's: librdkafka would say what is wrong with it, and not which one it is. */
static int conf_set_file(rd_kafka_conf_t *conf, const char *name, const char *path,
			 const char *where, struct err *err)
{
	if (access(path, R_OK) < 0)
		return errf(err, -errno, "%s'%s': %s", where, path, strerror(errno));
	return conf_set(conf, name, path, where, err);
}

static int conf_set_files(rd_kafka_conf_t *conf, const struct kafka_options *o, struct err *err)
{
	const char *key = o->key ? o->key : o->cert;
	int r = 0;

	if (o->ca)
		r = conf_set_file(conf, "ssl.ca.location", o->ca, "ca: ", err);
	if (r == 0 && o->cert)
		r = conf_set_file(conf, "ssl.certificate.location", o->cert, "cert: ", err);
	if (r == 0 && key)
		r = conf_set_file(conf, "ssl.key.location", key, "key: ", err);
	return r;
}

static int conf_set_compression(rd_kafka_conf_t *conf, int compress, struct err *err)
{
	char has[512] = "";
	size_t n = sizeof(has);

	if (compress != KAFKA_COMPRESS_AUTO)
		return conf_set(conf, "compression.codec", kafka_options_compress[compress],
				"compress: ", err);
	rd_kafka_conf_get(conf, "builtin.features", has, &n);
	return conf_set(conf, "compression.codec", strstr(has, "zstd") ? "zstd" : "lz4", "", err);
}

static int conf_set_brokers(rd_kafka_conf_t *conf, const struct address_list *list, struct err *err)
{
	char all[ADDRESS_MAX * (ADDRESS_TEXT + 1)], one[ADDRESS_TEXT];
	size_t n = 0;

	for (unsigned i = 0; i < list->n; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? "," : "",
				      address_text(&list->v[i], one));
	return conf_set(conf, "bootstrap.servers", all, "", err);
}

/* It would write to stderr. What matters comes as an error, too. */
static void conf_swallow_log(const rd_kafka_t *rk, int level, const char *facility,
			     const char *text)
{
}

static int conf_fill(rd_kafka_conf_t *conf, const struct kafka_options *o,
		     const struct kafka_options_target *target, struct err *err)
{
	struct conf_said said = {.sasl = false};
	int r = conf_set_compression(conf, o->compress, err);

	rd_kafka_conf_set_log_cb(conf, conf_swallow_log);
	for (size_t i = 0; i < sizeof(conf_ours) / sizeof(*conf_ours) && r == 0; i++)
		r = conf_set(conf, conf_ours[i][0], conf_ours[i][1], "", err);
	if (r == 0 && o->config)
		r = conf_read_file(conf, o->config, &said, err);
	if (r == 0)
		r = conf_read_properties(conf, &o->properties, &said, err);
	if (r == 0)
		r = conf_set_protocol(conf, target->tls, &said, err);
	if (r == 0)
		r = conf_set_files(conf, o, err);
	if (r == 0)
		r = conf_set_brokers(conf, &target->brokers, err);
	return r;
}

int kafka_conf_make(const struct kafka_options *o, const struct kafka_options_target *target,
		    rd_kafka_conf_t **ret, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r = conf_fill(conf, o, target, err);

	if (r == 0)
		*ret = conf;
	else
		rd_kafka_conf_destroy(conf);
	return r;
}

int kafka_conf_try(const rd_kafka_conf_t *conf, struct err *err)
{
	static const char *const not_these[] = {"metadata.broker.list", "bootstrap.servers",
						"test.mock.num.brokers"};
	rd_kafka_conf_t *alone = rd_kafka_conf_dup_filter(conf, 3, (const char **)not_these);
	char why[KAFKA_CONF_REASON];
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, alone, why, sizeof(why));

	if (rk) {
		rd_kafka_destroy(rk);
		return 0;
	}
	rd_kafka_conf_destroy(alone);
	return errf(err, -EINVAL, "%s", why);
}
