/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user writes of an OTLP collector, and one run with most of that. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/otlp_rig.h"
#include "tests/support/temp.h"

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
static int open_with(const char *scheme, const char *options, struct err *err)
{
	const struct sink_ops *ops = sink_by_name(scheme);
	void *ctx = calloc(1, ops->ctx_size), *cfg = calloc(1, ops->cfg_size);
	struct sink_env env = {
		.target = "127.0.0.1:9",
		.format = "otlp",
	};
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
		assert_true(open_with("otlp", bad[i], &err) < 0);
		assert_true(*err.text);
		assert_null(strchr(err.text, '\n'));
	}
	assert_int_equal(open_with("otlp", "header=A: x,header=B: y,inflight=16", &err), 0);
	assert_int_equal(open_with("otlps", "ca=/nowhere.pem", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere.pem"));
	temp_write(temp_name("headers"), "# a comment\n\nAuthorization: Bearer x\r\nB: y\n");
	snprintf(options, sizeof(options), "headers-file=%s", temp_name("headers"));
	assert_int_equal(open_with("otlp", options, &err), 0);
	unlink(temp_name("headers"));
	temp_write(temp_name("headers"), "Authorization Bearer secret\n");
	assert_int_equal(open_with("otlp", options, &err), -EINVAL);
	assert_null(strstr(err.text, "secret"));
	unlink(temp_name("headers"));
}

static void options_have_their_effect(void **state)
{
	struct otlp_rig rig;
	struct otlp_rig_sum sum =
		otlp_rig_run(&rig, "ok", "inflight=2,timeout=5s,header=X-Test: so", 100);
	char *log;

	assert_int_equal(sum.bad + sum.twice + sum.rejected, 0);
	assert_int_equal(sum.accepted, OTLP_RIG_PARCELS * OTLP_RIG_EVENTS);
	log = encoding_run(NULL, "cat %s", rig.log);
	assert_non_null(strstr(log, "\"extra\": \"so\""));
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_checked),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(options_have_their_effect),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
