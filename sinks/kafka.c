/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kafka:// and kafkas://: one chunk is one message, of varint-delimited events or of lines, with
 * the name of this machine as its key, so that what one machine sends stays in one partition, in
 * order. librdkafka connects, repeats and compresses in threads of its own; the bytes of a message
 * stay where they are until its report says that all replicas have it, which is what done means.
 *
 * A medium is one producer of librdkafka's. It lives through any outage of the brokers. Only after
 * an error that cannot be repeated away is it exchanged for a new one, and gets what was not yet
 * reported once more.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/sink.h"
#include "sinks/kafka_conf.h"
#include "sinks/kafka_message.h"
#include "sinks/kafka_resolve.h"

enum {
	KAFKA_WINDOW = 1024,   /* messages with a number that are not reported yet */
	KAFKA_CONNECT_MS = 20, /* how often a first connection is looked for */
};

enum flight_state {
	FLIGHT_OPEN,
	FLIGHT_DONE,
	FLIGHT_REFUSED
};

/* A message on its way. */
struct flight {
	uint64_t number;
	uint32_t records;
	enum flight_state state;
};

struct kafka {
	const struct kafka_options *options;
	const struct sink_env *env;
	struct kafka_options_target target;
	rd_kafka_conf_t *conf; /* of every producer */
	rd_kafka_t *rk;        /* NULL = there is none */
	rd_kafka_topic_t *topic;
	atomic_bool over; /* it is about to go: its threads should not wait for names */
	int wake_fd;      /* eventfd: written when librdkafka has something to tell */
	bool protobuf;    /* is what messages are made of; else lines */
	struct kafka_stream stream;
	char key[256];

	struct flight flights[KAFKA_WINDOW]; /* a ring, in the order of their numbers */
	unsigned first, n;
	unsigned openings; /* messages without a number on their way */

	bool down, down_told; /* no broker can be reached, */
	int trouble;          /* and why */
	bool alone;  /* the broker takes no large batches: each message is sent by itself */
	int failure; /* what ends this producer; 0 = all is well */
	char why[KAFKA_CONF_REASON + 64], state[KAFKA_CONF_REASON + 160];
};

/* ---- what librdkafka tells, from inside rd_kafka_poll() ------------------------------------- */

static int error_number(rd_kafka_resp_err_t e)
{
	switch (e) {
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR__SSL:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return -EACCES;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		return -ENOENT;
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		return -ENOTCONN;
	default:
		return -EIO;
	}
}

/* The producer is over. The first reason counts. */
static void kafka_fail(struct kafka *s, int r, const char *what, const char *text)
{
	if (s->failure)
		return;
	s->failure = r;
	snprintf(s->why, sizeof(s->why), "%s%s%s", what, *what ? ": " : "", text);
}

/* Would the same bytes be refused again, whatever happens? */
static bool is_refusal(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       e == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
	       e == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

/* A refused batch says nothing of the messages in it: once more, each by itself. */
static void kafka_hear_refusal(struct kafka *s, const rd_kafka_message_t *m, struct flight *f)
{
	if (!s->alone) {
		s->alone = true;
		kafka_fail(s, -EMSGSIZE, s->target.topic, rd_kafka_err2str(m->err));
	} else {
		snprintf(s->why, sizeof(s->why), "%s: %s", s->target.topic,
			 rd_kafka_err2str(m->err));
		if (f)
			f->state = FLIGHT_REFUSED;
	}
}

static void kafka_hear_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka *s = opaque;
	struct flight *f = m->_private;

	if (!f)
		s->openings--;
	if (!m->err) {
		s->down = s->down_told = false;
		if (f)
			f->state = FLIGHT_DONE;
	} else if (is_refusal(m->err)) {
		kafka_hear_refusal(s, m, f);
	} else {
		kafka_fail(s, error_number(m->err), s->target.topic, rd_kafka_err2str(m->err));
	}
}

/* What went wrong with one broker; why is what the last of them said, when all are down. */
static void kafka_hear_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
	struct kafka *s = opaque;
	char why[KAFKA_CONF_REASON];

	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		code = rd_kafka_fatal_error(rk, why, sizeof(why));
		kafka_fail(s, -ECONNABORTED, rd_kafka_err2name(code), why);
	} else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		s->down = true;
	} else if (!s->failure) {
		const char *rest = strstr(text, " (after "); /* times of no interest */

		snprintf(s->why, sizeof(s->why), "%.*s",
			 (int)(rest ? (size_t)(rest - text) : strlen(text)), text);
		s->trouble = error_number(code);
	}
}

/* On a thread of librdkafka's. Without a name: frees what an earlier call found. */
static int kafka_hear_name(const char *node, const char *service, const struct addrinfo *hints,
			   struct addrinfo **res, void *opaque)
{
	struct kafka *s = opaque;

	if (node)
		return kafka_resolve(node, service, hints, &s->over, res);
	freeaddrinfo(*res);
	return 0;
}

/* ---- one producer -------------------------------------------------------------------------- */

/* What is not reported is forgotten, and none of its bytes are looked at any more. */
static void kafka_over(struct kafka *s)
{
	rd_kafka_queue_t *queue;

	if (!s->rk)
		return;
	queue = rd_kafka_queue_get_main(s->rk);
	rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
	rd_kafka_queue_destroy(queue);
	rd_kafka_topic_destroy(s->topic);
	atomic_store(&s->over, true);
	rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy(s->rk);
	s->rk = NULL;
	s->first = s->n = s->openings = 0;
	s->failure = 0;
	s->down = s->down_told = false;
}

static int kafka_start(struct kafka *s)
{
	static const uint64_t one = 1;
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(s->conf);
	rd_kafka_queue_t *queue;
	char why[KAFKA_CONF_REASON] = "";

	atomic_store(&s->over, false);
	if (s->alone)
		rd_kafka_conf_set(conf, "batch.num.messages", "1", why, sizeof(why));
	s->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!s->rk) {
		rd_kafka_conf_destroy(conf);
		snprintf(s->why, sizeof(s->why), "%s", why);
		return -EIO;
	}
	s->topic = rd_kafka_topic_new(s->rk, s->target.topic, NULL);
	assert(s->topic); /* its name was checked, and it has no configuration of its own */
	queue = rd_kafka_queue_get_main(s->rk);
	rd_kafka_queue_io_event_enable(queue, s->wake_fd, &one, sizeof(one));
	rd_kafka_queue_destroy(queue);
	return 0;
}

/* Reports in the order of the numbers: up to the first message that is still on its way. */
static void kafka_settle(struct kafka *s)
{
	uint64_t number = 0;

	while (s->n && s->flights[s->first].state != FLIGHT_OPEN) {
		const struct flight *f = &s->flights[s->first];

		if (f->state == FLIGHT_REFUSED && f->records)
			s->env->refused(s->env->done_arg, f->number, f->records);
		number = f->number;
		s->first = (s->first + 1) % KAFKA_WINDOW;
		s->n--;
	}
	if (number)
		s->env->done(s->env->done_arg, number);
}

/* Hears what there is to be heard. Negative: the producer is over. */
static int kafka_look(struct kafka *s)
{
	uint64_t count;
	ssize_t n = read(s->wake_fd, &count, sizeof(count)); /* before looking, not after */
	int r;

	(void)n;
	assert(s->rk);
	rd_kafka_poll(s->rk, 0);
	kafka_settle(s);
	r = s->failure;
	if (r < 0)
		kafka_over(s);
	return r;
}

/* ---- the sink ------------------------------------------------------------------------------ */

static int kafka_open_as(struct kafka *s, const void *cfg, bool tls, const struct sink_env *env,
			 struct err *err)
{
	int r;

	*s = (struct kafka){.options = cfg, .env = env, .wake_fd = -1};
	s->protobuf = !env->format || !strcmp(env->format, "pb");
	r = kafka_options_parse(env->target, tls, &s->target, err);
	if (r == 0)
		r = kafka_conf_make(s->options, &s->target, &s->conf, err);
	if (r == 0)
		r = kafka_conf_try(s->conf, err);
	if (r < 0)
		return r;
	rd_kafka_conf_set_opaque(s->conf, s);
	rd_kafka_conf_set_dr_msg_cb(s->conf, kafka_hear_report);
	rd_kafka_conf_set_error_cb(s->conf, kafka_hear_error);
	rd_kafka_conf_set_resolve_cb(s->conf, kafka_hear_name);
	if (s->options->message_key)
		snprintf(s->key, sizeof(s->key), "%s", s->options->message_key);
	else if (gethostname(s->key, sizeof(s->key) - 1) < 0)
		return errf(err, -errno, "this machine has no name: %s", strerror(errno));
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->wake_fd < 0 ? errf(err, -errno, "eventfd: %s", strerror(errno)) : 0;
}

static int kafka_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return kafka_open_as(ctx, cfg, false, env, err);
}

static int kafkas_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return kafka_open_as(ctx, cfg, true, env, err);
}

static int kafka_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	return kafka_options_check(cfg, target, false, ret_bare, err);
}

static int kafkas_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	return kafka_options_check(cfg, target, true, ret_bare, err);
}

/* Until a broker has said who the others are. That none can be reached is said once. */
static int kafka_begin(void *ctx, const struct sink_medium *medium)
{
	struct kafka *s = ctx;
	int r = s->rk ? 0 : kafka_start(s);

	if (r == 0)
		r = kafka_look(s);
	if (r < 0)
		return r;
	if (rd_kafka_controllerid(s->rk, 0) >= 0)
		return 0;
	if (!s->down || s->down_told)
		return -EAGAIN;
	s->down_told = true;
	return s->trouble ? s->trouble : -ENOTCONN;
}

/* Hands one message over. Opening bytes are copied, as they may change before they are sent. */
static int kafka_send(struct kafka *s, const struct parcel *parcel, struct flight *flight)
{
	rd_kafka_headers_t *headers = kafka_message_headers(&s->stream, s->protobuf, parcel);
	const char *key = *s->key ? s->key : NULL;
	int flags = flight ? 0 : RD_KAFKA_MSG_F_COPY;
	rd_kafka_resp_err_t e;

	if (!headers)
		return -ENOMEM;
	e = rd_kafka_producev(
		s->rk, RD_KAFKA_V_RKT(s->topic), RD_KAFKA_V_VALUE((void *)parcel->p, parcel->n),
		RD_KAFKA_V_KEY(key, strlen(s->key)), RD_KAFKA_V_HEADERS(headers),
		RD_KAFKA_V_OPAQUE(flight), RD_KAFKA_V_MSGFLAGS(flags), RD_KAFKA_V_END);
	if (!e)
		return 0;
	rd_kafka_headers_destroy(headers);
	/* A message that does not even fit in an empty queue never will. */
	if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL && (s->n || s->openings))
		return -EAGAIN;
	snprintf(s->why, sizeof(s->why), "%s: %s", s->target.topic, rd_kafka_err2str(e));
	if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL || e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		return -EMSGSIZE;
	return error_number(e);
}

static int kafka_write_opening(struct kafka *s, const struct parcel *parcel)
{
	int r;

	if (s->protobuf)
		kafka_stream_describe((struct bytes){(const char *)parcel->p, parcel->n},
				      &s->stream);
	r = kafka_send(s, parcel, NULL);
	if (r == 0)
		s->openings++;
	return r == -EMSGSIZE ? 0 : r;
}

static int kafka_write_numbered(struct kafka *s, const struct parcel *parcel)
{
	struct flight *f = &s->flights[(s->first + s->n) % KAFKA_WINDOW];
	int r;

	if (s->n == KAFKA_WINDOW)
		return -EAGAIN;
	*f = (struct flight){.number = parcel->number, .records = parcel->records};
	r = kafka_send(s, parcel, f);
	if (r == -EMSGSIZE) {
		f->state = FLIGHT_REFUSED; /* told when its turn comes */
		r = 0;
	}
	if (r == 0)
		s->n++;
	return r;
}

static int kafka_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	struct kafka *s = ctx;
	int r = kafka_look(s);

	if (r < 0)
		return r;
	r = parcel->number ? kafka_write_numbered(s, parcel) : kafka_write_opening(s, parcel);
	if (r == 0)
		*done = parcel->n;
	else if (r != -EAGAIN)
		kafka_over(s);
	return r;
}

static void kafka_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	const struct kafka *s = ctx;
	bool connecting = !s->rk || rd_kafka_controllerid(s->rk, 0) < 0;

	*ret = (struct sink_wait){.fd = s->wake_fd,
				  .events = POLLIN,
				  .timeout_ms = connecting ? KAFKA_CONNECT_MS : -1};
}

static int kafka_service(void *ctx)
{
	struct kafka *s = ctx;

	return s->rk ? kafka_look(s) : 0;
}

/* Everything is reported, or is waited for. */
static int kafka_sync(void *ctx)
{
	struct kafka *s = ctx;
	int r = kafka_service(s);

	if (r < 0)
		return r;
	return s->n || s->openings ? -EAGAIN : 0;
}

static const char *kafka_why(const void *ctx)
{
	const struct kafka *s = ctx;

	return *s->why ? s->why : NULL;
}

/* A broker that nothing is sent to says nothing of its return. */
static int kafka_trouble(const void *ctx)
{
	const struct kafka *s = ctx;
	bool waits = s->n || s->openings || !s->rk || rd_kafka_controllerid(s->rk, 0) < 0;

	if (!s->down || !waits)
		return 0;
	return s->trouble ? s->trouble : -ENOTCONN;
}

static const char *kafka_state(const void *ctx)
{
	struct kafka *s = (struct kafka *)ctx;
	bool down = kafka_trouble(s) < 0;

	snprintf(s->state, sizeof(s->state), "%u messages on their way%s%s", s->n + s->openings,
		 down ? ", no broker can be reached: " : "", down ? s->why : "");
	return s->state;
}

static void kafka_close(void *ctx)
{
	struct kafka *s = ctx;

	kafka_over(s);
	if (s->conf)
		rd_kafka_conf_destroy(s->conf);
	if (s->env)
		cleanup_closep(&s->wake_fd);
}

static const char *const kafka_formats[] = {"pb", "jsonl", NULL};

#define KAFKA_SINK(scheme, text)                                                                   \
	const struct sink_ops sink_##scheme = {                                                    \
		.flags = SINK_STREAM | SINK_APART | SINK_AS_IS,                                    \
		.name = #scheme,                                                                   \
		.summary = text,                                                                   \
		.options = kafka_options_rows,                                                     \
		.cfg_size = sizeof(struct kafka_options),                                          \
		.ctx_size = sizeof(struct kafka),                                                  \
		.format = "pb",                                                                    \
		.formats = kafka_formats,                                                          \
		.check = scheme##_check,                                                           \
		.open = scheme##_open,                                                             \
		.begin = kafka_begin,                                                              \
		.write = kafka_write,                                                              \
		.wait = kafka_wait,                                                                \
		.service = kafka_service,                                                          \
		.sync = kafka_sync,                                                                \
		.trouble = kafka_trouble,                                                          \
		.why = kafka_why,                                                                  \
		.state = kafka_state,                                                              \
		.close = kafka_close,                                                              \
	}

KAFKA_SINK(kafka, "a topic of Kafka: kafka://BROKER[:PORT][,BROKER…]/TOPIC");
KAFKA_SINK(kafkas, "the same over TLS");
