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

static void rig_put_all(struct rig *rig)
{
	rig_put_opening(rig);
	for (unsigned i = 0; i < PARCELS; i++)
		rig_put(rig, &rig->parcels[i]);
}

/* All parcels, to a collector that answers so. */
static struct sum rig_run(struct rig *rig, const char *script, const char *options, size_t text)
{
	rig_open(rig, script, options, text);
	rig_put_all(rig);
	rig_sync(rig);
	return rig_close(rig);
}

/* What it says in the end of such a run, in a copy. */
static struct sum rig_run_and_say(struct rig *rig, const char *script, char *ret_state, size_t size)
{
	rig_open(rig, script, "", 20000);
	rig_put_all(rig);
	rig_sync(rig);
	snprintf(ret_state, size, "%s", rig->ops->state(rig->ctx));
	return rig_close(rig);
}

/* Every request was right, nothing came twice unless an answer was lost, and both sides have the
 * same account of what was refused. */
static void assert_exact(struct rig *rig, struct sum sum)
{
	assert_int_equal(sum.bad, 0);
	assert_int_equal(sum.twice, 0);
	assert_int_equal(sum.rejected, rig->refused);
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

		sum = rig_run(&rig, scripts[i], i % 2 ? "compress=none" : "", 20000);
		assert_exact(&rig, sum);
		assert_int_equal(sum.accepted, PARCELS * EVENTS);
		assert_int_equal(rig.refused, 0);
	}
}

/* Of three requests that are final errors, and one of which a part is rejected. */
static void what_is_refused_is_counted(void **state)
{
	static const char *const errors[] = {"400=bad field", "404", "500", "501",
					     "403=who are you"};
	struct rig rig;
	struct sum sum;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		char text[512];

		sum = rig_run_and_say(&rig, errors[i], text, sizeof(text));
		assert_exact(&rig, sum);
		assert_true(rig.refused >= EVENTS);
		assert_int_equal(sum.accepted + rig.refused, PARCELS * EVENTS);
		assert_non_null(strstr(text, "HTTP "));
		if (strchr(errors[i], '='))
			assert_non_null(strstr(text, strchr(errors[i], '=') + 1));
	}
}

static void what_is_rejected_in_part_is_counted_and_not_sent_again(void **state)
{
	char text[512];
	struct rig rig;
	struct sum sum = rig_run_and_say(&rig, "ok,partial=7", text, sizeof(text));

	assert_exact(&rig, sum);
	assert_int_equal(rig.refused, 7);
	assert_int_equal(sum.accepted, PARCELS * EVENTS);
	assert_non_null(strstr(text, "7 log records rejected: too old"));
	sum = rig_run_and_say(&rig, "note", text, sizeof(text));
	assert_exact(&rig, sum);
	assert_int_equal(rig.refused, 0);
	assert_non_null(strstr(text, "mind the gap"));
}

/* It is sent in smaller pieces, as long as there are any; a parcel alone is refused. */
static void what_is_too_large_is_sent_in_pieces(void **state)
{
	struct rig rig;
	struct sum sum = rig_run(&rig, "413", "inflight=1", 20000);

	assert_exact(&rig, sum);
	assert_int_equal(rig.refused, 0);
	assert_int_equal(sum.accepted, PARCELS * EVENTS);
	sum = rig_run(&rig, "413*1000", "inflight=1", 20000);
	assert_int_equal(sum.bad, 0);
	assert_int_equal(rig.refused, PARCELS * EVENTS);
	assert_int_equal(sum.accepted, 0);
}

/* As long as it asks for, by both ways to say that. */
static void a_collector_is_left_alone_as_long_as_it_asks(void **state)
{
	static const char *const scripts[] = {"later=2", "date=3"}; /* dates have no fractions */

	for (unsigned i = 0; i < 2; i++) {
		int64_t start_ms = elapsed_ms();
		struct rig rig;
		struct sum sum = rig_run(&rig, scripts[i], "inflight=1", 100);

		assert_exact(&rig, sum);
		assert_int_equal(sum.accepted, PARCELS * EVENTS);
		assert_int_equal(sum.requests, 2);
		assert_in_range(elapsed_ms() - start_ms, 2000, 10000);
	}
}

/* A request without an answer, or with one that does not end, is sent again. */
static void answers_that_do_not_come_are_not_awaited_for_ever(void **state)
{
	static const char *const scripts[] = {"stall", "slow"};

	for (unsigned i = 0; i < 2; i++) {
		struct rig rig;
		struct sum sum = rig_run(&rig, scripts[i], "timeout=1s", 100);

		assert_exact(&rig, sum);
		assert_int_equal(sum.accepted, PARCELS * EVENTS);
	}
}

/* 40 parcels of 100 KB are two requests; one at a time, and not one for each parcel. */
static void parcels_that_wait_share_a_request(void **state)
{
	struct rig rig;
	struct sum sum = rig_run(&rig, "ok", "inflight=1", 20000);

	assert_exact(&rig, sum);
	assert_in_range(sum.requests, 2, 3);
}

/* What is larger than a request should be goes all the same, alone. */
static void one_large_event_goes_alone(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	size_t n = 5 << 20;
	struct encoding e;
	struct rig rig;
	struct sum sum;
	char *text = malloc(n);

	assert_non_null(text);
	for (unsigned i = 0; i < 2; i++) {
		memset(text, 'x', n);
		ev.line.text = (struct bytes){text, n};
		encoding_open(&e, encoder_by_name("otlp"), NULL, NULL);
		assert_int_equal(encoding_add(&e, &ev), 0);
		rig_open(&rig, "ok", i ? "compress=none" : "", 100);
		rig_put_opening(&rig);
		rig.parcels[3].p = e.p;
		rig.parcels[3].n = e.n;
		rig.parcels[3].records = 1;
		for (unsigned k = 0; k < PARCELS; k++)
			rig_put(&rig, &rig.parcels[k]);
		rig_sync(&rig);
		sum = rig_close(&rig);
		assert_int_equal(sum.bad, 0);
		assert_int_equal(sum.accepted,
				 (PARCELS - 1) * EVENTS); /* its number is a taken one */
		encoding_close(&e);
	}
	free(text);
}

/* Nobody listens at first: it says so, and goes on when somebody does. */
static void a_collector_that_comes_later_gets_everything(void **state)
{
	char port[64], script[128];
	struct sink_wait wait = {0};
	struct rig rig;
	struct sum sum;

	rig_open(&rig, "ok", "", 100);
	kill(rig.pid, SIGKILL);
	waitpid(rig.pid, NULL, 0);
	fclose(rig.server);
	rig_put_all(&rig);
	for (int i = 0; i < 10 && !rig.ops->why(rig.ctx); i++)
		rig_await(&rig, true);
	assert_non_null(strstr(rig.ops->why(rig.ctx), "Connection refused"));
	assert_non_null(strstr(rig.ops->why(rig.ctx), rig.target));
	assert_non_null(strstr(rig.ops->state(rig.ctx), "tried again for"));
	rig.ops->wait(rig.ctx, true, &wait);
	assert_true(wait.timeout_ms >= 0 && wait.timeout_ms <= 30000);
	snprintf(port, sizeof(port), "%s", strchr(rig.target, ':') + 1);
	snprintf(script, sizeof(script), "ok' '%s", port);
	server_start(&rig, script);
	rig_sync(&rig);
	assert_non_null(strstr(rig.ops->state(rig.ctx), "0 requests"));
	sum = rig_close(&rig);
	assert_exact(&rig, sum);
	assert_int_equal(sum.accepted, PARCELS * EVENTS);
}

/* A medium that begins anew forgets what was under way: all of it comes again. */
static void what_was_under_way_can_be_taken_back(void **state)
{
	struct rig rig;
	struct sum sum;

	rig_open(&rig, "drop", "", 100);
	rig_put_all(&rig);
	assert_int_equal(rig.ops->sync(rig.ctx), -EAGAIN);
	assert_int_equal(rig.ops->begin(rig.ctx, &(struct sink_medium){0}), 0);
	assert_int_equal(rig.done, 0);
	rig_put_all(&rig);
	rig_sync(&rig);
	sum = rig_close(&rig);
	assert_int_equal(sum.bad, 0);
	assert_int_equal(sum.accepted, PARCELS * EVENTS);
}

/* Records of different runs are never in one request. */
static void each_request_has_one_resource(void **state)
{
	static const uint8_t other[] = {0x0a, 0x00};
	struct parcel opening = {.p = other, .n = 2, .opening_n = 2};
	struct rig rig;
	struct sum sum;

	rig_open(&rig, "ok", "", 100);
	rig_put_opening(&rig);
	for (unsigned i = 0; i < 20; i++)
		rig_put(&rig, &rig.parcels[i]);
	rig_put(&rig, &opening);
	for (unsigned i = 20; i < PARCELS; i++)
		rig_put(&rig, &rig.parcels[i]);
	rig_sync(&rig);
	sum = rig_close(&rig);
	assert_int_equal(sum.bad, 1); /* a resource that says nothing */
	assert_int_equal(sum.accepted, 20 * EVENTS);
	assert_int_equal(rig.refused, 20 * EVENTS);
}

/* ---- what the user writes ------------------------------------------------------------------ */

static void targets_are_checked(void **state)
{
	static const struct {
		const char *scheme, *target;
		int r;
		bool bare;
	} rows[] = {
		{"otlp", "localhost", 0, false},
		{"otlp", "127.0.0.1:4318", 0, false},
		{"otlp", "[::1]/custom/v1/logs", 0, false},
		{"otlp", "collector", 0, true},
		{"otlp", "localhost,collector:80/x", 0, true},
		{"otlps", "collector:4318", 0, false},
		{"otlp", "", -EINVAL, false},
		{"otlp", "/v1/logs", -EINVAL, false},
		{"otlp", "a:b", -EINVAL, false},
		{"otlp", "user@host", -EINVAL, false},
		{"otlp", "ho st", -EINVAL, false},
		{"otlp", "host/a b", -EINVAL, false},
		{"otlp", "host/a#b", -EINVAL, false},
		{"otlp", "host?x", -EINVAL, false},
		{"otlp", "host/\r\nX: y", -EINVAL, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct sink_ops *ops = sink_by_name(rows[i].scheme);
		struct err err = {""};
		bool bare = false;

		assert_int_equal(ops->check(NULL, rows[i].target, &bare, &err), rows[i].r);
		assert_int_equal(bare, rows[i].r ? bare : rows[i].bare);
		assert_int_equal(*err.text != 0, rows[i].r != 0);
	}
}

/* open() with these options; the text of the error. */
static int opened(const char *scheme, const char *options, struct err *err)
{
	const struct sink_ops *ops = sink_by_name(scheme);
	void *ctx = calloc(1, ops->ctx_size), *cfg = calloc(1, ops->cfg_size);
	struct sink_env env = {.target = "127.0.0.1:9", .format = "otlp", .done = on_done};
	char text[512];
	int r;

	assert_true(ctx && cfg);
	snprintf(text, sizeof(text), "%s", options);
	assert_int_equal(opt_defaults(ops->options, cfg, err), 0);
	r = opt_set_pairs(ops->options, cfg, text, "otlp", err);
	if (r == 0)
		r = ops->open(ctx, cfg, &env, err);
	ops->close(ctx);
	opt_done(ops->options, cfg);
	free(ctx);
	free(cfg);
	return r;
}

static void options_are_checked(void **state)
{
	static const char *const bad[] = {
		"header=no colon",       "header=: x",       "header=A B: x",
		"header=A: x\ny",        "header=Expect: y", "header=content-Length: 3",
		"headers-file=/nowhere", "inflight=0",       "inflight=17",
		"compress=zstd",
	};
	char options[600];
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = 0;
		assert_true(opened("otlp", bad[i], &err) < 0);
		assert_true(*err.text);
		assert_null(strchr(err.text, '\n'));
	}
	assert_int_equal(opened("otlp", "header=A: x,header=B: y,inflight=16", &err), 0);
	assert_int_equal(opened("otlps", "ca=/nowhere.pem", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere.pem"));
	temp_write(temp_name("headers"), "# a comment\n\nAuthorization: Bearer x\r\nB: y\n");
	snprintf(options, sizeof(options), "headers-file=%s", temp_name("headers"));
	assert_int_equal(opened("otlp", options, &err), 0);
	unlink(temp_name("headers"));
	temp_write(temp_name("headers"), "Authorization Bearer secret\n");
	assert_int_equal(opened("otlp", options, &err), -EINVAL);
	assert_null(strstr(err.text, "secret"));
	unlink(temp_name("headers"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_once),
		cmocka_unit_test(what_is_refused_is_counted),
		cmocka_unit_test(what_is_rejected_in_part_is_counted_and_not_sent_again),
		cmocka_unit_test(what_is_too_large_is_sent_in_pieces),
		cmocka_unit_test(a_collector_is_left_alone_as_long_as_it_asks),
		cmocka_unit_test(answers_that_do_not_come_are_not_awaited_for_ever),
		cmocka_unit_test(parcels_that_wait_share_a_request),
		cmocka_unit_test(one_large_event_goes_alone),
		cmocka_unit_test(a_collector_that_comes_later_gets_everything),
		cmocka_unit_test(what_was_under_way_can_be_taken_back),
		cmocka_unit_test(each_request_has_one_resource),
		cmocka_unit_test(targets_are_checked),
		cmocka_unit_test(options_are_checked),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
