/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sink alone, driven as delivery does, against a collector that answers by a script. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/base/elapsed.h"
#include "capture/encoder.h"
#include "capture/sink.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"
#include "tests/support/temp.h"

enum {
	PARCELS = 40,
	EVENTS = 5, /* of each */
	PATIENCE_MS = 20000
};

struct rig {
	const struct sink_ops *ops;
	void *ctx, *cfg;
	char options[512], target[64], log[256];
	struct sink_env env;
	struct encoding encoding;
	struct parcel parcels[PARCELS];
	uint8_t *bytes[PARCELS];
	uint64_t done, refused;
	FILE *server;
	pid_t pid;
};

/* What the collector says of itself in the end. */
struct sum {
	unsigned accepted, twice, rejected, bad, requests;
};

static void on_done(void *arg, uint64_t number)
{
	struct rig *rig = arg;

	assert_true(number >= rig->done && number <= PARCELS);
	rig->done = number;
}

static void on_refused(void *arg, uint64_t number, uint32_t events)
{
	struct rig *rig = arg;

	assert_true(number > rig->done);
	assert_in_range(events, 1, EVENTS);
	rig->refused += events;
}

/* Its port goes into the target. */
static void server_start(struct rig *rig, const char *script)
{
	char port[16], command[600];
	int out[2];

	snprintf(rig->log, sizeof(rig->log), "%s", encoding_file("", 0));
	snprintf(command, sizeof(command), "exec python3 tests/support/otlp_server.py %s '%s'",
		 rig->log, script);
	assert_int_equal(pipe(out), 0);
	rig->pid = fork();
	if (rig->pid == 0) {
		dup2(out[1], 1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(out[1]);
	rig->server = fdopen(out[0], "r");
	assert_non_null(rig->server);
	assert_non_null(fgets(port, sizeof(port), rig->server));
	snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", (int)strtol(port, NULL, 10));
}

static struct sum server_stop(struct rig *rig)
{
	struct sum sum = {0};
	int status;
	char *text;

	kill(rig->pid, SIGTERM);
	waitpid(rig->pid, NULL, 0);
	fclose(rig->server);
	text = encoding_run(&status, "python3 tests/support/otlp_server.py --sum %s", rig->log);
	assert_int_equal(status, 0);
	assert_int_equal(sscanf(text, "%u %u %u %u %u", &sum.accepted, &sum.twice, &sum.rejected,
				&sum.bad, &sum.requests),
			 5);
	free(text);
	return sum;
}

/* Parcels as the encoder makes them, of events that are numbered from 1 on. */
static void rig_make_parcels(struct rig *rig, size_t text)
{
	struct encoding *e = &rig->encoding;
	struct event ev = events_of(EVENT_LINE);
	char *p = calloc(1, text + 1);

	assert_non_null(p);
	for (size_t i = 0; i < text; i++) /* what nothing can compress */
		p[i] = (char)(events_random(&(uint64_t){i + 1}) % 95 + ' ');
	ev.seq = 0;
	ev.line.text = (struct bytes){p, text};
	encoding_open(e, encoder_by_name("otlp"), NULL, NULL);
	for (unsigned i = 0; i < PARCELS; i++) {
		size_t before = e->n;

		for (unsigned k = 0; k < EVENTS; k++) {
			ev.seq++;
			assert_int_equal(encoding_add(e, &ev), 0);
		}
		encoding_ship(e);
		rig->bytes[i] = malloc(e->n - before);
		assert_non_null(rig->bytes[i]);
		memcpy(rig->bytes[i], e->p + before, e->n - before);
		rig->parcels[i] = (struct parcel){.p = rig->bytes[i],
						  .n = e->n - before,
						  .number = i + 1,
						  .records = EVENTS,
						  .first_seq = ev.seq - EVENTS + 1,
						  .last_seq = ev.seq};
	}
	free(p);
}

static void rig_open_sink(struct rig *rig, const char *options)
{
	struct err err = {""};

	rig->ops = sink_by_name("otlp");
	rig->ctx = calloc(1, rig->ops->ctx_size);
	rig->cfg = calloc(1, rig->ops->cfg_size);
	assert_true(rig->ctx && rig->cfg);
	snprintf(rig->options, sizeof(rig->options), "%s", options);
	assert_int_equal(opt_defaults(rig->ops->options, rig->cfg, &err), 0);
	if (*options)
		assert_int_equal(
			opt_set_pairs(rig->ops->options, rig->cfg, rig->options, "otlp", &err), 0);
	rig->env = (struct sink_env){.target = rig->target,
				     .format = "otlp",
				     .done = on_done,
				     .refused = on_refused,
				     .done_arg = rig};
	if (rig->ops->open(rig->ctx, rig->cfg, &rig->env, &err))
		fail_msg("%s", err.text);
	assert_int_equal(rig->ops->begin(rig->ctx, &(struct sink_medium){0}), 0);
}

static void rig_open(struct rig *rig, const char *script, const char *options, size_t text)
{
	*rig = (struct rig){.pid = 0};
	server_start(rig, script);
	rig_make_parcels(rig, text);
	rig_open_sink(rig, options);
}

static void rig_await(struct rig *rig, bool blocked)
{
	struct sink_wait wait = {.fd = -1, .timeout_ms = 10};
	struct pollfd fd;

	rig->ops->wait(rig->ctx, blocked, &wait);
	fd = (struct pollfd){wait.fd, wait.events, 0};
	if (wait.timeout_ms < 0 || wait.timeout_ms > PATIENCE_MS)
		wait.timeout_ms = PATIENCE_MS;
	poll(&fd, 1, wait.timeout_ms);
}

static void rig_put(struct rig *rig, const struct parcel *parcel)
{
	int64_t end_ms = elapsed_ms() + PATIENCE_MS;
	size_t done = 0;
	int r;

	while ((r = rig->ops->write(rig->ctx, parcel, &done)) == -EAGAIN) {
		assert_int_equal(done, 0);
		assert_true(elapsed_ms() < end_ms);
		rig_await(rig, true);
	}
	assert_int_equal(r, 0);
	assert_int_equal(done, parcel->n);
}

static void rig_put_opening(struct rig *rig)
{
	struct encoding *e = &rig->encoding;
	struct parcel opening = {0};
	size_t before = e->n;

	encoding_begin(e);
	encoding_ship(e);
	opening.p = e->p + before;
	opening.n = opening.opening_n = e->n - before;
	rig_put(rig, &opening);
	memset(e->p + before, 0xff, opening.n); /* it was copied */
}

static void rig_sync(struct rig *rig)
{
	int64_t end_ms = elapsed_ms() + PATIENCE_MS;
	int r;

	while ((r = rig->ops->sync(rig->ctx)) == -EAGAIN) {
		assert_true(elapsed_ms() < end_ms);
		rig_await(rig, true);
	}
	assert_int_equal(r, 0);
	assert_int_equal(rig->done, PARCELS);
}

static struct sum rig_close(struct rig *rig)
{
	struct sum sum;

	rig->ops->close(rig->ctx);
	sum = server_stop(rig);
	encoding_close(&rig->encoding);
	for (unsigned i = 0; i < PARCELS; i++)
		free(rig->bytes[i]);
	opt_done(rig->ops->options, rig->cfg);
	free(rig->ctx);
	free(rig->cfg);
	return sum;
}

/* All parcels, by a collector that answers so. */
static struct sum rig_run(struct rig *rig, const char *script, const char *options, size_t text)
{
	rig_open(rig, script, options, text);
	rig_put_opening(rig);
	for (unsigned i = 0; i < PARCELS; i++)
		rig_put(rig, &rig->parcels[i]);
	rig_sync(rig);
	return (struct sum){0};
}

static void assert_exact(struct rig *rig, struct sum sum)
{
	assert_int_equal(sum.bad, 0);
	assert_int_equal(sum.twice, 0);
	assert_int_equal(sum.rejected, rig->refused);
	assert_in_range(sum.accepted + sum.rejected, PARCELS * EVENTS, 2 * PARCELS * EVENTS);
}

static void everything_arrives_once(void **state)
{
	static const char *const scripts[] = {
		"ok",
		"none*3",
		"garbage*2,huge",
		"note",
		"later=1,ok,later",
		"502*2,504,later",
		"reset,ok,reset",
		"drop*2",
		"cut,drop",
		"html,moved",
		"wait=0.4,ok*3,wait=0.2,ok",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct rig rig;
		struct sum sum;

		rig_run(&rig, scripts[i], "", 20000);
		sum = rig_close(&rig);
		assert_exact(&rig, sum);
		assert_int_equal(sum.accepted, PARCELS * EVENTS);
		assert_int_equal(rig.refused, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_once),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
