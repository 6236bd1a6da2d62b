/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/otlp_rig.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/base/elapsed.h"
#include "capture/encoder.h"
#include "tests/support/events.h"

enum {
	PATIENCE_MS = 20000
};

static void on_done(void *arg, uint64_t number)
{
	struct otlp_rig *rig = arg;

	assert_true(number >= rig->done && number <= OTLP_RIG_PARCELS);
	rig->done = number;
}

static void on_refused(void *arg, uint64_t number, uint32_t events)
{
	struct otlp_rig *rig = arg;

	assert_true(number > rig->done);
	assert_in_range(events, 1, OTLP_RIG_EVENTS);
	rig->refused += events;
}

/* Its port goes into the target. */
void otlp_rig_start(struct otlp_rig *rig, const char *script)
{
	char port[16], command[600];
	int out[2];

	snprintf(rig->log, sizeof(rig->log), "%s", encoding_file("", 0));
	snprintf(command, sizeof(command), "exec python3 tests/support/otlp_server.py %s '%s'",
		 rig->log, script);
	assert_int_equal(pipe(out), 0);
	rig->pid = fork();
	if (rig->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also after an assertion that failed */
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

static struct otlp_rig_sum otlp_rig_stop(struct otlp_rig *rig)
{
	struct otlp_rig_sum sum = {0};
	char text[256];

	kill(rig->pid, SIGTERM);
	assert_non_null(fgets(text, sizeof(text), rig->server));
	assert_int_equal(sscanf(text, "%u %u %u %u %u", &sum.accepted, &sum.twice, &sum.rejected,
				&sum.bad, &sum.requests),
			 5);
	waitpid(rig->pid, NULL, 0);
	fclose(rig->server);
	return sum;
}

/* Parcels as the encoder makes them, of events that are numbered from 1 on. */
static void otlp_rig_make_parcels(struct otlp_rig *rig, size_t text)
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
	for (unsigned i = 0; i < OTLP_RIG_PARCELS; i++) {
		size_t before = e->n;

		for (unsigned k = 0; k < OTLP_RIG_EVENTS; k++) {
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
						  .records = OTLP_RIG_EVENTS,
						  .first_seq = ev.seq - OTLP_RIG_EVENTS + 1,
						  .last_seq = ev.seq};
	}
	free(p);
}

static void otlp_rig_open_sink(struct otlp_rig *rig, const char *options)
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

void otlp_rig_open(struct otlp_rig *rig, const char *script, const char *options, size_t text)
{
	*rig = (struct otlp_rig){.pid = 0};
	otlp_rig_start(rig, script);
	otlp_rig_make_parcels(rig, text);
	otlp_rig_open_sink(rig, options);
}

void otlp_rig_await(struct otlp_rig *rig, bool blocked)
{
	struct sink_wait wait = {.fd = -1, .timeout_ms = 10};
	struct pollfd fd;

	rig->ops->wait(rig->ctx, blocked, &wait);
	fd = (struct pollfd){wait.fd, wait.events, 0};
	if (wait.timeout_ms < 0 || wait.timeout_ms > PATIENCE_MS)
		wait.timeout_ms = PATIENCE_MS;
	poll(&fd, 1, wait.timeout_ms);
}

void otlp_rig_put(struct otlp_rig *rig, const struct parcel *parcel)
{
	int64_t end_ms = elapsed_ms() + PATIENCE_MS;
	size_t done = 0;
	int r;

	while ((r = rig->ops->write(rig->ctx, parcel, &done)) == -EAGAIN) {
		assert_int_equal(done, 0);
		assert_true(elapsed_ms() < end_ms);
		otlp_rig_await(rig, true);
	}
	assert_int_equal(r, 0);
	assert_int_equal(done, parcel->n);
}

void otlp_rig_put_opening(struct otlp_rig *rig)
{
	struct encoding *e = &rig->encoding;
	struct parcel opening = {0};
	size_t before = e->n;

	encoding_begin(e);
	encoding_ship(e);
	opening.p = e->p + before;
	opening.n = opening.opening_n = e->n - before;
	otlp_rig_put(rig, &opening);
	memset(e->p + before, 0xff, opening.n); /* it was copied */
}

void otlp_rig_sync(struct otlp_rig *rig)
{
	int64_t end_ms = elapsed_ms() + PATIENCE_MS;
	int r;

	while ((r = rig->ops->sync(rig->ctx)) == -EAGAIN) {
		assert_true(elapsed_ms() < end_ms);
		otlp_rig_await(rig, true);
	}
	assert_int_equal(r, 0);
	assert_int_equal(rig->done, OTLP_RIG_PARCELS);
}

struct otlp_rig_sum otlp_rig_close(struct otlp_rig *rig)
{
	struct otlp_rig_sum sum;

	rig->ops->close(rig->ctx);
	sum = otlp_rig_stop(rig);
	encoding_close(&rig->encoding);
	for (unsigned i = 0; i < OTLP_RIG_PARCELS; i++)
		free(rig->bytes[i]);
	opt_done(rig->ops->options, rig->cfg);
	free(rig->ctx);
	free(rig->cfg);
	return sum;
}

void otlp_rig_put_all(struct otlp_rig *rig)
{
	otlp_rig_put_opening(rig);
	for (unsigned i = 0; i < OTLP_RIG_PARCELS; i++)
		otlp_rig_put(rig, &rig->parcels[i]);
}

/* All parcels, to a collector that answers so. */
struct otlp_rig_sum otlp_rig_run(struct otlp_rig *rig, const char *script, const char *options,
				 size_t text)
{
	otlp_rig_open(rig, script, options, text);
	otlp_rig_put_all(rig);
	otlp_rig_sync(rig);
	return otlp_rig_close(rig);
}

/* What it says in the end of such a run, in a copy. */
struct otlp_rig_sum otlp_rig_run_and_say(struct otlp_rig *rig, const char *script, char *ret_state,
					 size_t size)
{
	otlp_rig_open(rig, script, "", 20000);
	otlp_rig_put_all(rig);
	otlp_rig_sync(rig);
	snprintf(ret_state, size, "%s; %s", rig->ops->state(rig->ctx),
		 rig->ops->why(rig->ctx) ? rig->ops->why(rig->ctx) : "");
	return otlp_rig_close(rig);
}
